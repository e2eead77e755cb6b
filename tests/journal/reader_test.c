/* SPDX-License-Identifier: Apache-2.0 */
/* What a journal holds, read beside whoever has it open. */
#include "diary.h"
#include "journal/reader.h"

#include <string.h>
#include <unistd.h>

static struct diary diary;

struct seen {
    uint32_t count;
    uint32_t drained;
    struct entry first;
};

static void on_entry(void *owner, const struct entry *entry, bool is_drained) {
    struct seen *seen = owner;
    if (seen->count++ == 0)
        seen->first = *entry;
    seen->drained += is_drained;
}

static struct seen look(void) {
    struct seen seen = {0};
    struct failure failure = {""};
    cr_assert(journal_read(diary.directory, &seen, on_entry, &failure), "%s", failure.text);
    return seen;
}

static void start(void) {
    diary_start(&diary);
    diary_open(&diary);
}

static void end(void) {
    diary_close(&diary);
}

TestSuite(journal_reader, .init = start, .fini = end, .timeout = 60);

Test(journal_reader, entries_are_seen_while_the_journal_is_open_and_written) {
    cr_expect_eq(look().count, 0u);
    diary_fill(&diary, 1, 4);
    struct seen seen = look();
    cr_expect_eq(seen.count, 3u);
    cr_expect_eq(seen.drained, 0u);
    expect_entry(&seen.first, 1);
    diary_fill(&diary, 4, 6);
    cr_expect_eq(look().count, 5u);
    expect_drain(&diary, 1, 6);
}

Test(journal_reader, what_waits_for_its_write_is_not_seen) {
    diary_fill(&diary, 1, 2);
    cr_assert(diary_append(&diary, 2));
    cr_expect_eq(look().count, 1u);
    diary_write(&diary);
    cr_expect_eq(look().count, 2u);
}

Test(journal_reader, what_the_mark_says_is_drained_is_told_so) {
    diary_fill(&diary, 1, 4);
    expect_drain(&diary, 1, 4);
    diary_write(&diary);
    diary_fill(&diary, 4, 5);
    struct seen seen = look();
    cr_expect_leq(seen.drained, 3u);
    cr_expect_geq(seen.count, 1u);
    /* Opened anew it hands out what is not marked, and no more. */
    uint32_t left = seen.count - seen.drained;
    diary_reopen(&diary);
    cr_expect_eq(diary_facts(&diary).waiting, left);
}

Test(journal_reader, a_torn_end_is_passed_over_and_nothing_is_changed) {
    diary_fill(&diary, 1, 4);
    diary_close(&diary);
    char path[PATH_SIZE];
    size_t size;
    diary_path(&diary, "0000.segment", path);
    if (access(path, F_OK) != 0)
        diary_path(&diary, "0001.segment", path);
    uint8_t *data = file_load(path, &size);
    uint32_t whole = look().count;
    for (size_t at = size; at-- > JOURNAL_BLOCK_BYTES;)
        if (data[at] != 0) {
            data[at] ^= 0xff; /* in the last record */
            break;
        }
    file_store(path, data, size);
    cr_expect_eq(look().count, whole - 1);
    size_t size_after;
    uint8_t *after = file_load(path, &size_after);
    cr_expect_eq(size_after, size);
    cr_expect_arr_eq(after, data, size);
    free(after);
    free(data);
    diary_open(&diary);
}

Test(journal_reader, what_is_no_journal_is_said) {
    struct seen seen = {0};
    struct failure failure;
    cr_expect_not(journal_read("/nowhere", &seen, on_entry, &failure));
    cr_expect_str_eq(failure.text, "cannot read /nowhere: No such file or directory");
    char directory[TEST_TEXT];
    test_directory(directory);
    cr_expect_not(journal_read(directory, &seen, on_entry, &failure));
    cr_expect_not_null(strstr(failure.text, "mark"), "%s", failure.text);
}
