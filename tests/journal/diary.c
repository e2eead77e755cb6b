/* SPDX-License-Identifier: Apache-2.0 */
#include "diary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct instant noon = {INT64_C(1795262400000000)};

static void on_written(void *owner, uint32_t entry_owner, bool is_safe) {
    struct diary *diary = owner;
    cr_assert(entry_owner < OWNERS);
    cr_assert_eq(diary->told[entry_owner], TOLD_NOTHING, "entry %u was told of twice", entry_owner);
    diary->told[entry_owner] = is_safe ? TOLD_SAFE : TOLD_LOST;
    diary->told_count++;
    if (diary->follow_up > 0) {
        diary->follow_up--;
        diary_append(diary, entry_owner + 1000);
    }
}

void diary_start(struct diary *diary) {
    static char base[TEST_TEXT];
    static int count;
    if (base[0] == '\0')
        test_directory(base);
    memset(diary, 0, sizeof *diary);
    cr_assert(snprintf(diary->directory, TEST_TEXT, "%.200s/%d", base, count++) < TEST_TEXT);
    diary->options = (struct journal_options){
        .segment_bytes = SEGMENT_BYTES,
        .capacity_bytes = 2 * SEGMENT_BYTES,
        .capacity_minor = MONEY_MAX_MINOR,
        .age_us = INT64_MAX / 4,
        .capacity = 256,
        .owner = diary,
        .on_written = on_written,
    };
}

bool diary_try(struct diary *diary, struct failure *failure) {
    diary->options.directory = diary->directory;
    memset(diary->told, 0, sizeof diary->told);
    diary->told_count = 0;
    diary->writes = 0;
    diary->fail_after = 0;
    diary->journal = journal_open(&diary->options, failure);
    return diary->journal != NULL;
}

void diary_open(struct diary *diary) {
    struct failure failure = {""};
    if (!diary_try(diary, &failure))
        cr_assert_fail("%s", failure.text);
}

void diary_close(struct diary *diary) {
    journal_close(diary->journal);
    diary->journal = NULL;
}

void diary_reopen(struct diary *diary) {
    diary_close(diary);
    diary_open(diary);
}

/* ---- entries ---- */

int64_t entry_amount(uint32_t number) {
    return 100 + number;
}

/* Texts of every length, empty and full too. */
static void text_make(char *text, size_t capacity, uint32_t number) {
    size_t size = number % capacity;
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + (number + i) % 26);
    text[size] = '\0';
}

struct entry entry_number(uint32_t number) {
    static const enum entry_kind kinds[] = {ENTRY_PURCHASE, ENTRY_PURCHASE, ENTRY_HOLD};
    struct entry entry = {
        .month = {202611},
        .organisation = (int32_t)(1 + number % 7),
        .epoch = (int32_t)number * 3,
        .kind = kinds[number % 3],
        .flags = (uint8_t)(number % 2 == 0 ? ENTRY_STAND_IN : ENTRY_STAND_IN | ENTRY_PARTIAL),
        .amount_minor = entry_amount(number),
        .department = (int32_t)(number % 5),
        .traveller = INT32_MAX - (int32_t)number,
        .credit = (int32_t)number + 9,
        .client = (int32_t)number + 11,
        .appended_at = {noon.us + number},
        .expires_at = {number % 3 == 2 ? noon.us + 3600000000 + number : 0},
    };
    for (size_t i = 0; i < sizeof entry.id.bytes; i++)
        entry.id.bytes[i] = (uint8_t)(number >> 8 * (i % 4) ^ i);
    text_make(entry.product.code, sizeof entry.product.code, number);
    text_make(entry.place.text, sizeof entry.place.text, number * 5);
    return entry;
}

void expect_entry(const struct entry *entry, uint32_t number) {
    struct entry wanted = entry_number(number);
    cr_assert(request_id_equal(&entry->id, &wanted.id), "entry %u", number);
    cr_assert_eq(entry->month.yyyymm, wanted.month.yyyymm);
    cr_assert_eq(entry->organisation, wanted.organisation);
    cr_assert_eq(entry->epoch, wanted.epoch);
    cr_assert_eq(entry->kind, wanted.kind);
    cr_assert_eq(entry->flags, wanted.flags);
    cr_assert_eq(entry->amount_minor, wanted.amount_minor);
    cr_assert_eq(entry->department, wanted.department);
    cr_assert_eq(entry->traveller, wanted.traveller);
    cr_assert_eq(entry->credit, wanted.credit);
    cr_assert_eq(entry->client, wanted.client);
    cr_assert_eq(entry->appended_at.us, wanted.appended_at.us);
    cr_assert_eq(entry->expires_at.us, wanted.expires_at.us);
    cr_assert_str_eq(entry->product.code, wanted.product.code);
    cr_assert_str_eq(entry->place.text, wanted.place.text);
}

/* ---- writing and draining ---- */

bool diary_append(struct diary *diary, uint32_t number) {
    struct entry entry = entry_number(number);
    return journal_append(diary->journal, noon, &entry, number % OWNERS);
}

bool diary_write_once(struct diary *diary) {
    struct journal_write write;
    if (!journal_output(diary->journal, &write))
        return false;
    struct journal_write second;
    cr_assert_not(journal_output(diary->journal, &second), "two writes at once");
    bool fails = diary->fail_after > 0 && ++diary->writes >= diary->fail_after;
    if (!fails || diary->fails_written) {
        ssize_t size = pwrite(write.fd, write.bytes.data, write.bytes.size, (off_t)write.offset);
        cr_assert_eq(size, (ssize_t)write.bytes.size);
    }
    journal_written(diary->journal, !fails, fails ? "the test wants it so" : NULL);
    return true;
}

void diary_write(struct diary *diary) {
    while (diary_write_once(diary)) {
    }
}

void diary_fill(struct diary *diary, uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to; i++) {
        cr_assert(diary_append(diary, i), "entry %u", i);
        diary_write(diary);
        cr_assert_eq(diary->told[i % OWNERS], TOLD_SAFE, "entry %u", i);
        diary->told[i % OWNERS] = TOLD_NOTHING;
    }
}

uint64_t expect_next(struct diary *diary, uint32_t number) {
    struct entry entry;
    uint64_t ticket;
    cr_assert(journal_next(diary->journal, &entry, &ticket), "entry %u", number);
    expect_entry(&entry, number);
    return ticket;
}

void expect_no_next(struct diary *diary) {
    struct entry entry;
    uint64_t ticket;
    cr_assert_not(journal_next(diary->journal, &entry, &ticket));
}

void expect_drain(struct diary *diary, uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to; i++)
        journal_drained(diary->journal, expect_next(diary, i));
    expect_no_next(diary);
}

struct journal_facts diary_facts(const struct diary *diary) {
    struct journal_facts facts;
    journal_facts(diary->journal, &facts);
    return facts;
}

/* ---- files ---- */

void diary_path(const struct diary *diary, const char *name, char path[PATH_SIZE]) {
    cr_assert(snprintf(path, PATH_SIZE, "%s/%s", diary->directory, name) < PATH_SIZE);
}

uint8_t *file_load(const char *path, size_t *size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    cr_assert(fd >= 0 && fstat(fd, &status) == 0, "%s", path);
    uint8_t *data = malloc((size_t)status.st_size + 1);
    cr_assert(data != NULL && read(fd, data, (size_t)status.st_size) == status.st_size);
    close(fd);
    *size = (size_t)status.st_size;
    return data;
}

void file_store(const char *path, const uint8_t *data, size_t size) {
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    cr_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size, "%s", path);
    close(fd);
}

static bool is_file(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static void remove_all(const char *directory) {
    DIR *files = opendir(directory);
    cr_assert(files != NULL);
    const struct dirent *entry;
    while ((entry = readdir(files)) != NULL) {
        if (is_file(entry))
            cr_assert(unlinkat(dirfd(files), entry->d_name, 0) == 0);
    }
    closedir(files);
}

void files_copy(const char *from, const char *to) {
    if (mkdir(to, 0700) != 0)
        cr_assert_eq(errno, EEXIST);
    remove_all(to);
    DIR *files = opendir(from);
    cr_assert(files != NULL);
    const struct dirent *entry;
    while ((entry = readdir(files)) != NULL) {
        if (!is_file(entry))
            continue;
        char source[PATH_MAX], target[PATH_MAX];
        snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
        snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
        size_t size;
        uint8_t *data = file_load(source, &size);
        file_store(target, data, size);
        free(data);
    }
    closedir(files);
}
