/* SPDX-License-Identifier: Apache-2.0 */
/* Entries go in, become safe, and come out, also of a journal that was opened anew. */
#include "diary.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct diary diary;

static void start(void) {
    diary_start(&diary);
    diary_open(&diary);
}

static void end(void) {
    diary_close(&diary);
}

TestSuite(journal, .timeout = 300);

Test(journal, a_new_one_is_empty_and_open) {
    start();
    struct journal_facts facts = diary_facts(&diary);
    cr_assert_eq(facts.waiting, 0u);
    cr_assert_eq(facts.oldest.us, 0);
    cr_assert_eq(facts.used_bytes, 0u);
    cr_assert_not(facts.is_broken);
    cr_assert(journal_is_open(diary.journal, noon));
    expect_no_next(&diary);
    end();
}

Test(journal, nobody_is_told_before_the_write_is_safe) {
    start();
    cr_assert(diary_append(&diary, 1));
    cr_assert_eq(diary.told_count, 0u);
    expect_no_next(&diary);
    diary_write(&diary);
    cr_assert_eq(diary.told[1], TOLD_SAFE);
    expect_drain(&diary, 1, 2);
    end();
}

Test(journal, what_waits_goes_out_as_one_write) {
    start();
    diary_write(&diary);
    for (uint32_t i = 0; i < 20; i++)
        cr_assert(diary_append(&diary, i));
    cr_assert(diary_write_once(&diary));
    cr_assert_eq(diary.told_count, 20u);
    cr_assert_not(diary_write_once(&diary));
    expect_drain(&diary, 0, 20);
    end();
}

Test(journal, what_comes_during_a_write_goes_with_the_next) {
    start();
    diary_write(&diary);
    cr_assert(diary_append(&diary, 0));
    struct journal_write write;
    cr_assert(journal_output(diary.journal, &write));
    cr_assert(diary_append(&diary, 1));
    cr_assert_eq(pwrite(write.fd, write.bytes.data, write.bytes.size, (off_t)write.offset), (ssize_t)write.bytes.size);
    journal_written(diary.journal, true, NULL);
    cr_assert_eq(diary.told[0], TOLD_SAFE);
    cr_assert_eq(diary.told[1], TOLD_NOTHING);
    diary_write(&diary);
    cr_assert_eq(diary.told[1], TOLD_SAFE);
    expect_drain(&diary, 0, 2);
    end();
}

Test(journal, an_owner_may_append_when_it_is_told) {
    start();
    diary.follow_up = 3;
    cr_assert(diary_append(&diary, 5));
    diary_write(&diary);
    cr_assert_eq(diary.told_count, 4u);
    cr_assert_eq(diary.told[3005], TOLD_SAFE);
    journal_drained(diary.journal, expect_next(&diary, 5));
    end();
}

Test(journal, entries_come_back_after_a_restart_with_all_their_fields) {
    start();
    diary_fill(&diary, 0, 25);
    int64_t sum = diary_facts(&diary).waiting_minor;
    diary_reopen(&diary);
    struct journal_facts facts = diary_facts(&diary);
    cr_assert_eq(facts.waiting, 25u);
    cr_assert_eq(facts.waiting_minor, sum);
    cr_assert_eq(facts.oldest.us, entry_number(0).appended_at.us);
    expect_drain(&diary, 0, 25);
    end();
}

Test(journal, what_was_not_written_is_not_there_after_a_restart) {
    start();
    diary_fill(&diary, 0, 3);
    cr_assert(diary_append(&diary, 3));
    diary_reopen(&diary);
    expect_drain(&diary, 0, 3);
    cr_assert(journal_is_open(diary.journal, noon));
    end();
}

Test(journal, it_goes_on_where_it_stopped) {
    start();
    uint32_t next = 0;
    for (uint32_t round = 0; round < 12; round++) {
        diary_fill(&diary, next, next + 3);
        next += 3;
        diary_reopen(&diary);
    }
    expect_drain(&diary, 0, next);
    end();
}

/* ---- draining ---- */

/* What is drained out of order is handed out again after a restart, save for what nothing undrained stands before. */
static void drain_some(const uint32_t *order, uint32_t count) {
    uint64_t tickets[8];
    for (uint32_t i = 0; i < 4; i++)
        tickets[i] = expect_next(&diary, i);
    for (uint32_t i = 0; i < count; i++)
        journal_drained(diary.journal, tickets[order[i]]);
}

Test(journal, entries_are_done_with_in_any_order) {
    static const uint32_t orders[24][4] = {
        {0, 1, 2, 3}, {0, 1, 3, 2}, {0, 2, 1, 3}, {0, 2, 3, 1}, {0, 3, 1, 2}, {0, 3, 2, 1}, {1, 0, 2, 3}, {1, 0, 3, 2},
        {1, 2, 0, 3}, {1, 2, 3, 0}, {1, 3, 0, 2}, {1, 3, 2, 0}, {2, 0, 1, 3}, {2, 0, 3, 1}, {2, 1, 0, 3}, {2, 1, 3, 0},
        {2, 3, 0, 1}, {2, 3, 1, 0}, {3, 0, 1, 2}, {3, 0, 2, 1}, {3, 1, 0, 2}, {3, 1, 2, 0}, {3, 2, 0, 1}, {3, 2, 1, 0},
    };
    for (int i = 0; i < 24; i++) {
        for (uint32_t count = 0; count <= 4; count++) {
            start();
            diary_fill(&diary, 0, 4);
            drain_some(orders[i], count);
            cr_assert_eq(diary_facts(&diary).waiting, 4 - count);
            diary_write(&diary);
            diary_reopen(&diary);
            if (count < 4)
                cr_assert_eq(diary_facts(&diary).waiting, 4u, "only all of them make a mark worth its write");
            expect_drain(&diary, count < 4 ? 0 : 4, 4);
            end();
        }
    }
}

Test(journal, an_empty_one_hands_out_nothing_after_a_restart) {
    start();
    diary_fill(&diary, 0, 10);
    expect_drain(&diary, 0, 10);
    cr_assert(diary_write_once(&diary), "the mark");
    cr_assert_not(diary_write_once(&diary));
    diary_reopen(&diary);
    expect_no_next(&diary);
    cr_assert_eq(diary_facts(&diary).waiting, 0u);
    cr_assert_eq(diary_facts(&diary).used_bytes, 0u);
    diary_fill(&diary, 10, 12);
    diary_reopen(&diary);
    expect_drain(&diary, 10, 12);
    end();
}

Test(journal, the_oldest_is_the_oldest_that_is_not_drained) {
    start();
    diary_fill(&diary, 0, 3);
    uint64_t tickets[3];
    for (uint32_t i = 0; i < 3; i++)
        tickets[i] = expect_next(&diary, i);
    journal_drained(diary.journal, tickets[1]);
    cr_assert_eq(diary_facts(&diary).oldest.us, noon.us);
    journal_drained(diary.journal, tickets[0]);
    cr_assert_eq(diary_facts(&diary).oldest.us, noon.us + 2);
    cr_assert(diary_append(&diary, 7));
    journal_drained(diary.journal, tickets[2]);
    cr_assert_eq(diary_facts(&diary).oldest.us, noon.us + 7, "it waits for its write");
    diary_write(&diary);
    journal_drained(diary.journal, expect_next(&diary, 7));
    cr_assert_eq(diary_facts(&diary).oldest.us, 0);
    end();
}

/* ---- recycling ---- */

Test(journal, segments_are_used_again_and_again) {
    diary_start(&diary);
    diary.options.capacity_bytes = 3 * SEGMENT_BYTES;
    diary_open(&diary);
    uint32_t next = 0, drained = 0;
    for (int round = 0; round < 400; round++) {
        diary_fill(&diary, next, next + 7);
        next += 7;
        uint64_t tickets[7];
        for (uint32_t i = 0; i < 7; i++)
            tickets[i] = expect_next(&diary, drained + i);
        for (uint32_t i = 7; i-- > 0;)
            journal_drained(diary.journal, tickets[i]);
        drained += 7;
        if (round % 5 == 4) {
            diary_write(&diary);
            diary_reopen(&diary);
            expect_no_next(&diary);
        }
    }
    cr_assert_eq(drained, next);
    cr_assert_eq(diary_facts(&diary).waiting, 0u);
    cr_assert_eq(diary_facts(&diary).waiting_minor, 0);
    end();
}

/* Killed at any write of a journal that goes round: what was told safe and is not drained comes back, in order. What
 * was drained may come back too, since the records take it once. */
static void expect_rest(uint32_t safe, uint32_t drained) {
    struct entry entry;
    uint64_t ticket;
    bool is_first = true;
    uint32_t number = 0;
    while (journal_next(diary.journal, &entry, &ticket)) {
        if (is_first)
            number = (uint32_t)(entry.appended_at.us - noon.us);
        cr_assert(!is_first || number <= drained, "lost: %u to %u", drained, number);
        expect_entry(&entry, number++);
        is_first = false;
        journal_drained(diary.journal, ticket);
    }
    cr_assert(is_first ? safe == drained : number >= safe, "lost behind %u, safe were %u", number, safe);
}

Test(journal, a_kill_between_any_two_writes_loses_nothing) {
    for (uint32_t kill_at = 1; kill_at < 150; kill_at++) {
        start();
        uint32_t writes = 0, appended = 0, safe = 0, drained = 0;
        while (writes < kill_at) {
            for (int i = 0; i < 5 && diary_append(&diary, appended % OWNERS); i++)
                appended++;
            while (writes < kill_at && diary_write_once(&diary))
                writes++;
            for (; safe < appended && diary.told[safe] == TOLD_SAFE; safe++) {
            }
            for (; drained < safe && (safe - drained > 20 || safe % 3 == 0); drained++)
                journal_drained(diary.journal, expect_next(&diary, drained));
        }
        diary_reopen(&diary);
        expect_rest(safe, drained);
        diary_write(&diary);
        diary_fill(&diary, 2000, 2010);
        diary_reopen(&diary);
        expect_drain(&diary, 2000, 2010);
        end();
    }
}

/* Full, and drained just so far that a segment is free: nothing goes over that one before a mark says so. */
Test(journal, a_kill_while_a_segment_is_used_anew_loses_nothing) {
    for (int writes = 0; writes <= 4; writes++) {
        start();
        uint32_t filled = 0, drained = 0;
        for (; journal_is_open(diary.journal, noon); filled++)
            diary_fill(&diary, filled, filled + 1);
        for (; !journal_is_open(diary.journal, noon); drained++)
            journal_drained(diary.journal, expect_next(&diary, drained));
        for (uint32_t next = filled; diary_append(&diary, next);)
            next++;
        diary.told_count = 0;
        for (int i = 0; i < writes; i++)
            cr_assert(diary_write_once(&diary));
        uint32_t safe = filled + diary.told_count;
        diary_reopen(&diary);
        expect_rest(safe, drained);
        end();
    }
}

/* ---- the directory ---- */

Test(journal, one_directory_is_one_processs) {
    start();
    struct diary second = diary;
    struct failure failure = {""};
    cr_assert_not(diary_try(&second, &failure));
    cr_assert(strstr(failure.text, "another process") != NULL, "%s", failure.text);
    diary_fill(&diary, 0, 2);
    end();
    diary_open(&diary);
    expect_drain(&diary, 0, 2);
    end();
}

Test(journal, a_directory_that_cannot_be_made_is_named) {
    diary_start(&diary);
    strcat(diary.directory, "/not/there");
    struct failure failure = {""};
    cr_assert_not(diary_try(&diary, &failure));
    cr_assert(strstr(failure.text, "/not/there: No such file") != NULL, "%s", failure.text);
}

Test(journal, segments_are_at_their_full_size_from_the_start) {
    start();
    char path[PATH_SIZE];
    struct stat status;
    for (int i = 0; i < 2; i++) {
        diary_path(&diary, i == 0 ? "0000.segment" : "0001.segment", path);
        cr_assert(stat(path, &status) == 0);
        cr_assert_eq(status.st_size, SEGMENT_BYTES);
        cr_assert_eq(status.st_blocks * 512, SEGMENT_BYTES);
    }
    end();
}

/* The limit on a file's size stands for a disk that is full. */
Test(journal, one_that_has_no_room_on_its_disk_is_not_opened) {
    diary_start(&diary);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit before;
    cr_assert(getrlimit(RLIMIT_FSIZE, &before) == 0);
    const struct rlimit limit = {.rlim_cur = SEGMENT_BYTES - 1, .rlim_max = before.rlim_max};
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    struct failure failure = {""};
    cr_assert_not(diary_try(&diary, &failure));
    cr_assert(strstr(failure.text, "0000.segment: File too large") != NULL, "%s", failure.text);
    cr_assert(setrlimit(RLIMIT_FSIZE, &before) == 0);
    diary_open(&diary);
    diary_fill(&diary, 0, 30);
    diary_reopen(&diary);
    expect_drain(&diary, 0, 30);
    end();
}

Test(journal, it_grows_and_shrinks_with_the_settings_and_keeps_what_it_holds) {
    start();
    diary_fill(&diary, 0, 40);
    static const struct {
        int64_t segment_bytes;
        int64_t count;
    } sizes[] = {{SEGMENT_BYTES, 5}, {2 * SEGMENT_BYTES, 4}, {SEGMENT_BYTES, 2}, {4 * SEGMENT_BYTES, 2}};
    for (int i = 0; i < 4; i++) {
        diary.options.segment_bytes = sizes[i].segment_bytes;
        diary.options.capacity_bytes = sizes[i].count * sizes[i].segment_bytes;
        diary_reopen(&diary);
        cr_assert_eq(diary_facts(&diary).waiting, 40u);
    }
    expect_drain(&diary, 0, 40);
    diary_write(&diary);
    diary_reopen(&diary);
    diary_fill(&diary, 40, 200);
    diary_reopen(&diary);
    expect_drain(&diary, 40, 200);
    end();
}

Test(journal, one_whose_making_was_cut_off_is_made_anew) {
    start();
    end();
    char path[PATH_SIZE];
    diary_path(&diary, "mark", path);
    cr_assert(unlink(path) == 0);
    diary_open(&diary);
    diary_fill(&diary, 0, 30);
    diary_reopen(&diary);
    expect_drain(&diary, 0, 30);
    end();
}
