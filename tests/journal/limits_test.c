/* SPDX-License-Identifier: Apache-2.0 */
/* What a journal vouches for is bounded, and what breaks it ends it. */
#include "diary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct diary diary;

static bool append(enum entry_kind kind, int64_t amount_minor, struct instant now, uint32_t number) {
    struct entry entry = entry_number(number);
    entry.kind = kind;
    entry.amount_minor = amount_minor;
    entry.appended_at = now;
    return journal_append(diary.journal, now, &entry, number);
}

static bool append_amount(int64_t amount_minor, uint32_t number) {
    return append(ENTRY_PURCHASE, amount_minor, noon, number);
}

static uint64_t next_ticket(void) {
    struct entry entry;
    uint64_t ticket;
    cr_assert(journal_next(diary.journal, &entry, &ticket));
    return ticket;
}

/* ---- amount ---- */

Test(journal, amounts_add_up_to_the_limit_and_not_past_it) {
    diary_start(&diary);
    diary.options.capacity_minor = 1000;
    diary_open(&diary);
    cr_assert_not(append_amount(1001, 0));
    cr_assert(append_amount(600, 1));
    cr_assert_not(append_amount(401, 2), "also while the first is not written");
    cr_assert(append_amount(400, 3));
    cr_assert_not(journal_is_open(diary.journal, noon));
    cr_assert_not(append_amount(1, 4));
    diary_write(&diary);
    cr_assert_eq(diary_facts(&diary).waiting_minor, 1000);
    journal_drained(diary.journal, next_ticket());
    cr_assert(journal_is_open(diary.journal, noon));
    cr_assert_eq(diary_facts(&diary).waiting_minor, 400);
    cr_assert_not(append_amount(601, 5));
    cr_assert(append_amount(600, 6));
    diary_close(&diary);
}

Test(journal, the_amount_is_counted_anew_after_a_restart) {
    diary_start(&diary);
    diary.options.capacity_minor = 1000;
    diary_open(&diary);
    cr_assert(append_amount(600, 1));
    diary_write(&diary);
    diary_reopen(&diary);
    cr_assert_eq(diary_facts(&diary).waiting_minor, 600);
    cr_assert_not(append_amount(401, 2));
    diary.options.capacity_minor = 500;
    diary_reopen(&diary);
    cr_assert_not(journal_is_open(diary.journal, noon), "the limit was lowered below what waits");
    cr_assert_not(append_amount(1, 2));
    diary_close(&diary);
}

Test(journal, a_reversal_counts_nothing_and_needs_no_limit) {
    diary_start(&diary);
    diary.options.capacity_minor = 1000;
    diary.options.age_us = 1000000;
    diary_open(&diary);
    cr_assert(append_amount(1000, 1));
    cr_assert(append(ENTRY_REVERSAL, 1000, (struct instant){noon.us + 5000000}, 1000));
    diary_write(&diary);
    cr_assert_eq(diary_facts(&diary).waiting, 2u);
    cr_assert_eq(diary_facts(&diary).waiting_minor, 1000);
    diary_reopen(&diary);
    cr_assert_eq(diary_facts(&diary).waiting_minor, 1000);
    struct entry entry;
    uint64_t first, second;
    cr_assert(journal_next(diary.journal, &entry, &first));
    cr_assert_eq(entry.kind, ENTRY_PURCHASE);
    cr_assert(journal_next(diary.journal, &entry, &second));
    cr_assert_eq(entry.kind, ENTRY_REVERSAL);
    journal_drained(diary.journal, second);
    cr_assert_eq(diary_facts(&diary).waiting_minor, 1000);
    journal_drained(diary.journal, first);
    cr_assert_eq(diary_facts(&diary).waiting_minor, 0);
    diary_close(&diary);
}

Test(journal, other_limits_hold_from_then_on) {
    diary_start(&diary);
    diary.options.capacity_minor = 1000;
    diary_open(&diary);
    cr_assert(append_amount(1000, 1));
    cr_assert_not(append_amount(1, 2));
    journal_change(diary.journal, 1500, 1000000);
    cr_assert(append_amount(500, 2));
    cr_assert_not(append(ENTRY_PURCHASE, 0, (struct instant){noon.us + 1000001}, 3));
    journal_change(diary.journal, 1500, 2000000);
    cr_assert(append(ENTRY_PURCHASE, 0, (struct instant){noon.us + 1000001}, 3));
    diary_close(&diary);
}

/* ---- age ---- */

Test(journal, nothing_is_taken_when_the_oldest_is_too_old) {
    diary_start(&diary);
    diary.options.age_us = 1000000;
    diary_open(&diary);
    struct instant later = {noon.us + 1000000}, too_late = {noon.us + 1000001};
    cr_assert(append_amount(1, 1));
    cr_assert(append(ENTRY_PURCHASE, 1, later, 2));
    cr_assert_not(append(ENTRY_PURCHASE, 1, too_late, 3), "while it waits for its write");
    diary_write(&diary);
    cr_assert(journal_is_open(diary.journal, later));
    cr_assert_not(journal_is_open(diary.journal, too_late));
    cr_assert_not(append(ENTRY_PURCHASE, 1, too_late, 3));
    diary_reopen(&diary);
    cr_assert_not(journal_is_open(diary.journal, too_late));
    journal_drained(diary.journal, next_ticket());
    cr_assert(journal_is_open(diary.journal, too_late), "the second is younger");
    diary_close(&diary);
}

/* ---- size ---- */

/* Fills it up; how many went in. */
static uint32_t fill_up(uint32_t from) {
    uint32_t next = from;
    while (journal_is_open(diary.journal, noon)) {
        diary_fill(&diary, next, next + 1);
        next++;
    }
    cr_assert_not(diary_append(&diary, next));
    return next;
}

Test(journal, a_full_one_takes_no_more_until_a_segment_is_free) {
    diary_start(&diary);
    diary.options.capacity_bytes = 3 * SEGMENT_BYTES;
    diary_open(&diary);
    uint32_t next = fill_up(0);
    cr_assert(next > 60 && next < 140, "%u", next);
    uint32_t drained = 0;
    for (int round = 0; round < 20; round++) {
        while (!journal_is_open(diary.journal, noon))
            journal_drained(diary.journal, expect_next(&diary, drained++));
        cr_assert(drained < next, "a segment is free before all are");
        if (round % 4 == 3)
            diary_write(&diary); /* else the mark comes with the next segment */
        next = fill_up(next);
        if (round % 5 == 4) {
            diary_reopen(&diary);
            cr_assert_eq(diary_facts(&diary).waiting,
                         next - drained + (diary_facts(&diary).waiting - (next - drained)));
            while (diary_facts(&diary).waiting > next - drained) { /* of the segment that was half drained */
                struct entry entry;
                uint64_t ticket;
                cr_assert(journal_next(diary.journal, &entry, &ticket));
                expect_entry(&entry, (uint32_t)(entry.appended_at.us - noon.us));
                journal_drained(diary.journal, ticket);
            }
        }
    }
    expect_drain(&diary, drained, next);
    cr_assert_eq(diary_facts(&diary).waiting, 0u);
    diary_close(&diary);
}

Test(journal, purchases_leave_room_for_reversals) {
    diary_start(&diary);
    diary_open(&diary);
    uint32_t next = fill_up(0);
    cr_assert(append(ENTRY_REVERSAL, 5, noon, next));
    diary_write(&diary);
    cr_assert_eq(diary.told[next], TOLD_SAFE);
    while (append(ENTRY_REVERSAL, 5, noon, ++next))
        diary_write(&diary);
    diary_write(&diary);
    cr_assert_not(diary_facts(&diary).is_broken);
    diary_close(&diary);
}

Test(journal, no_more_wait_for_a_write_than_were_reckoned_with) {
    diary_start(&diary);
    diary.options.capacity = 3;
    diary_open(&diary);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert(diary_append(&diary, i));
    cr_assert_not(journal_is_open(diary.journal, noon));
    cr_assert_not(diary_append(&diary, 3));
    diary_write(&diary);
    cr_assert(diary_append(&diary, 3));
    diary_close(&diary);
}

/* Many wait, for more than a segment takes. */
Test(journal, one_write_stays_within_one_segment) {
    diary_start(&diary);
    diary.options.capacity_bytes = 6 * SEGMENT_BYTES;
    diary_open(&diary);
    for (uint32_t i = 0; i < 120; i++)
        cr_assert(diary_append(&diary, i));
    diary_write(&diary);
    cr_assert_eq(diary.told_count, 120u);
    diary_reopen(&diary);
    expect_drain(&diary, 0, 120);
    diary_close(&diary);
}

/* ---- breaking ---- */

/* What was told safe before comes back; what was told lost does not, whichever write it was that failed. */
static void break_at(uint32_t write, bool fails_written) {
    diary_start(&diary);
    diary_open(&diary);
    diary.fail_after = write;
    diary.fails_written = fails_written;
    uint32_t appended = 0;
    for (int round = 0; round < 12 && !diary_facts(&diary).is_broken; round++) {
        for (int i = 0; i < 4 && journal_is_open(diary.journal, noon); i++)
            cr_assert(diary_append(&diary, appended++));
        diary_write_once(&diary);
        for (int i = 0; i < 2 && journal_is_open(diary.journal, noon); i++)
            cr_assert(diary_append(&diary, appended++));
        while (!diary_facts(&diary).is_broken && diary_write_once(&diary)) {
        }
    }
    cr_assert(diary_facts(&diary).is_broken, "at write %u", write);
    cr_assert_not(journal_is_open(diary.journal, noon));
    cr_assert_not(diary_append(&diary, appended));
    cr_assert_not(append(ENTRY_REVERSAL, 1, noon, appended));
    uint32_t safe = 0;
    while (diary.told[safe] == TOLD_SAFE)
        safe++;
    for (uint32_t i = safe; i < appended; i++)
        cr_assert_eq(diary.told[i], TOLD_LOST, "entry %u, write %u", i, write);
    cr_assert_eq(diary_facts(&diary).waiting, safe);
    diary.fail_after = 0;
    diary_write(&diary); /* takes back what the failed write may have left */
    cr_assert_not(diary_write_once(&diary));
    uint64_t ticket = safe > 0 ? expect_next(&diary, 0) : 0;
    for (uint32_t i = 1; i < safe; i++)
        expect_next(&diary, i);
    expect_no_next(&diary);
    if (safe > 0)
        journal_drained(diary.journal, ticket);
    diary_reopen(&diary);
    expect_drain(&diary, 0, safe);
    diary_write(&diary);
    diary_fill(&diary, appended, appended + 3);
    diary_close(&diary);
}

Test(journal, any_write_that_fails_ends_it_and_loses_nothing_safe) {
    for (uint32_t write = 1; write <= 14; write++)
        break_at(write, false);
}

Test(journal, what_a_failed_sync_left_on_disk_is_taken_back) {
    for (uint32_t write = 1; write <= 14; write++)
        break_at(write, true);
}

Test(journal, it_may_be_appended_to_when_it_breaks) {
    diary_start(&diary);
    diary_open(&diary);
    diary.fail_after = 1;
    diary.follow_up = 2;
    cr_assert(diary_append(&diary, 1));
    cr_assert(diary_append(&diary, 2));
    diary_write(&diary);
    cr_assert_eq(diary.told[1], TOLD_LOST);
    cr_assert_eq(diary.told[2], TOLD_LOST);
    cr_assert_eq(diary.told_count, 2u, "nothing more was taken");
    cr_assert_eq(diary_facts(&diary).waiting, 0u);
    cr_assert_eq(diary_facts(&diary).waiting_minor, 0);
    diary_close(&diary);
}

/* The disk loses what it had while the journal is open. */
Test(journal, what_rots_is_not_handed_out_and_ends_it) {
    diary_start(&diary);
    diary_open(&diary);
    diary_fill(&diary, 0, 5);
    uint64_t ticket = expect_next(&diary, 0);
    char path[PATH_SIZE];
    diary_path(&diary, "0000.segment", path);
    size_t size;
    uint8_t *data = file_load(path, &size);
    for (size_t i = 4096 + 88; i < 4096 + 3 * 88; i++)
        data[i] ^= 0x10;
    FILE *file = fopen(path, "r+");
    cr_assert(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0);
    free(data);
    expect_no_next(&diary);
    cr_assert(diary_facts(&diary).is_broken);
    cr_assert_not(journal_is_open(diary.journal, noon));
    journal_drained(diary.journal, ticket);
    cr_assert_eq(diary_facts(&diary).waiting, 4u);
    diary_close(&diary);
    struct failure failure = {""};
    cr_assert_not(diary_try(&diary, &failure));
    cr_assert(strstr(failure.text, "0000.segment is damaged at byte 4") != NULL, "%s", failure.text);
}
