/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as the files of a journal. The first one says whether checksums, magics and the journal's identity
 * are made right, so that what lies behind them is reached. Whatever the files hold: the journal opens or says why not,
 * hands out as many entries as it counts, and afterwards works as any other. */
#include "base/check.h"
#include "base/log.h"
#include "journal/format.h"
#include "journal/journal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENTS 2
#define SEGMENT_BYTES 8192
#define MARK_BYTES (2 * JOURNAL_BLOCK_BYTES)
#define FRONT_SIZE (1 + (2 + SEGMENTS) * HEADER_SIZE)
#define IDENTITY 7
#define LATER 99

static char directory[] = "/dev/shm/fuzz-journal-XXXXXX";
static uint32_t safe_count;

static void remove_all(void) {
    static const char *const names[] = {"mark", "made", "0000.segment", "0001.segment", "0002.segment", "0003.segment"};
    char path[sizeof directory + 32];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
}

static void remove_directory(void) {
    remove_all();
    rmdir(directory);
}

/* A header that names a segment of a gigabyte is to fail, not to fill the memory. */
static void start(void) {
    static bool has_started;
    if (has_started)
        return;
    has_started = true;
    log_set_level(LOG_LEVEL_CRITICAL);
    CHECK(mkdtemp(directory) != NULL);
    atexit(remove_directory);
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void file_store(const char *name, const uint8_t *data, size_t size) {
    char path[sizeof directory + 32];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
}

static void seal(uint8_t *bytes, size_t size) {
    uint32_t crc = crc32c(bytes_of(bytes + 4, size - 4));
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(crc >> 8 * i);
}

static void preamble_mend(uint8_t *bytes, const char *magic) {
    memset(bytes + 4, 0, 20);
    bytes[4] = 1;
    memcpy(bytes + 8, magic, 8);
    bytes[16] = IDENTITY;
    seal(bytes, HEADER_SIZE);
}

static void records_mend(uint8_t *segment) {
    for (size_t at = RECORDS_BEGIN; at + RECORD_SIZE_MIN <= SEGMENT_BYTES;) {
        size_t length = (size_t)(segment[at + 4] & ~7);
        if (length < RECORD_SIZE_MIN || length > RECORD_SIZE_MAX || at + length > SEGMENT_BYTES)
            return;
        memset(segment + at + 5, 0, 3);
        seal(segment + at, length);
        at += length;
    }
}

/* The flags, then the heads of the mark's blocks and of the segments, then the records, shared out among the segments.
 */
static void files_make(const uint8_t *data, size_t size) {
    bool is_mended = (data[0] & 1) != 0;
    const uint8_t *head = data + 1;
    uint8_t mark[MARK_BYTES] = {0};
    for (size_t i = 0; i < 2; i++, head += HEADER_SIZE) {
        memcpy(mark + i * JOURNAL_BLOCK_BYTES, head, HEADER_SIZE);
        if (is_mended)
            preamble_mend(mark + i * JOURNAL_BLOCK_BYTES, "vaxelmrk");
    }
    if ((data[0] & 2) == 0)
        file_store("mark", mark, sizeof mark);
    size_t share = (size - FRONT_SIZE) / SEGMENTS;
    share = share < SEGMENT_BYTES - RECORDS_BEGIN ? share : SEGMENT_BYTES - RECORDS_BEGIN;
    for (size_t i = 0; i < SEGMENTS; i++, head += HEADER_SIZE) {
        uint8_t segment[SEGMENT_BYTES] = {0};
        memcpy(segment, head, HEADER_SIZE);
        memcpy(segment + RECORDS_BEGIN, data + FRONT_SIZE + i * share, share);
        if (is_mended) {
            preamble_mend(segment, "vaxelseg");
            records_mend(segment);
        }
        file_store(i == 0 ? "0000.segment" : "0001.segment", segment, (data[0] & 4) != 0 ? share : sizeof segment);
    }
}

static void on_written(void *owner, uint32_t entry_owner, bool is_safe) {
    CHECK(owner == &safe_count && entry_owner == LATER && is_safe);
    safe_count++;
}

static struct journal *journal_try(struct failure *failure) {
    const struct journal_options options = {
        .directory = directory,
        .segment_bytes = SEGMENT_BYTES,
        .capacity_bytes = SEGMENTS * SEGMENT_BYTES,
        .capacity_minor = MONEY_MAX_MINOR,
        .age_us = INT64_MAX,
        .capacity = 4,
        .owner = &safe_count,
        .on_written = on_written,
    };
    return journal_open(&options, failure);
}

static void write_all(struct journal *journal) {
    struct journal_write write;
    while (journal_output(journal, &write)) {
        CHECK(pwrite(write.fd, write.bytes.data, write.bytes.size, (off_t)write.offset) == (ssize_t)write.bytes.size);
        journal_written(journal, true, NULL);
    }
}

static uint64_t drain_all(struct journal *journal, struct entry *last) {
    uint64_t ticket, count = 0;
    for (; journal_next(journal, last, &ticket); count++) {
        CHECK(memchr(last->product.code, '\0', PRODUCT_SIZE) != NULL && memchr(last->place.text, '\0', PLACE_SIZE));
        CHECK(last->amount_minor >= 0 && last->amount_minor <= MONEY_MAX_MINOR);
        journal_drained(journal, ticket);
    }
    return count;
}

/* Empties it, and takes an entry that must come back alone. */
static void use(struct journal *journal) {
    struct journal_facts facts;
    journal_facts(journal, &facts);
    struct entry entry;
    CHECK(drain_all(journal, &entry) == facts.waiting);
    journal_facts(journal, &facts);
    CHECK(facts.waiting == 0 && facts.waiting_minor == 0 && facts.oldest.us == 0 && !facts.is_broken);
    write_all(journal);
    const struct entry later = {
        .organisation = 1, .kind = ENTRY_PURCHASE, .amount_minor = LATER, .appended_at = {LATER}, .place = {"bus"}};
    safe_count = 0;
    CHECK(journal_append(journal, later.appended_at, &later, LATER));
    write_all(journal);
    CHECK(safe_count == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < FRONT_SIZE)
        return 0;
    start();
    remove_all();
    files_make(data, size);
    struct failure failure = {""};
    struct journal *journal = journal_try(&failure);
    if (journal == NULL) {
        CHECK(failure.text[0] != '\0' && memchr(failure.text, '\0', sizeof failure.text) != NULL);
        return 0;
    }
    use(journal);
    journal_close(journal);
    journal = journal_try(&failure);
    CHECK(journal != NULL);
    struct entry entry = {0};
    CHECK(drain_all(journal, &entry) == 1 && entry.amount_minor == LATER && entry.appended_at.us == LATER);
    journal_close(journal);
    return 0;
}
