/* SPDX-License-Identifier: Apache-2.0 */
#include "record/desk.h"

static int64_t total(void) {
    return sum_of(desk_rebuild(&desk, 1), LIMIT_ORGANISATION, 1);
}

Test(record, an_undo_before_the_purchase_leaves_a_tombstone_that_the_append_meets) {
    struct entry entry = purchase_of(1, 1);
    struct undo undo = undo_of(&entry);
    undo.appended_at.us = 0;
    struct outcome undone = desk_undo(&desk, &undo);
    cr_assert_eq(undone.kind, OUTCOME_UNDONE);
    cr_assert(!undone.had_row && !undone.is_kept);
    cr_assert_eq(undone.epoch, 1);
    cr_assert_eq(desk_append(&desk, &entry).kind, OUTCOME_REVERSED);
    cr_assert_eq(total(), 0);
}

Test(record, an_undo_where_no_counters_were_ever_built_tells_epoch_0) {
    struct entry entry = purchase_of(99, 1);
    struct undo undo = undo_of(&entry);
    struct outcome undone = desk_undo(&desk, &undo);
    cr_assert_eq(undone.kind, OUTCOME_UNDONE);
    cr_assert_eq(undone.epoch, 0);
}

Test(record, an_undo_of_ones_own_row_is_a_reversal_once) {
    struct entry entry = purchase_of(1, 1);
    struct undo undo = undo_of(&entry);
    desk_append(&desk, &entry);
    for (int times = 0; times < 2; times++) {
        struct outcome undone = desk_undo(&desk, &undo);
        cr_assert_eq(undone.kind, OUTCOME_UNDONE);
        cr_assert(undone.had_row && !undone.is_kept);
        cr_assert_eq(undone.amount_minor, PURCHASE_MINOR);
        cr_assert_eq(undone.epoch, 1);
    }
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM entry"), 2);
    cr_assert_eq(sql_number(database.conninfo, "SELECT sum(amount_minor) FROM entry"), 0);
    cr_assert_eq(desk_append(&desk, &entry).kind, OUTCOME_REVERSED);
    cr_assert_eq(total(), 0);
}

Test(record, a_reversal_told_again_after_a_rebuild_names_the_epoch_it_was_recorded_under) {
    struct entry entry = purchase_of(1, 1);
    struct undo undo = undo_of(&entry);
    desk_append(&desk, &entry);
    desk_undo(&desk, &undo);
    desk_rebuild(&desk, 1);
    cr_assert_eq(desk_undo(&desk, &undo).epoch, 1);
}

/* As of a journal that is drained twice, days apart. */
Test(record, an_undo_told_again_when_the_counters_have_forgotten_it_says_so) {
    struct entry entry = purchase_of(1, 1);
    struct undo undo = undo_of(&entry);
    desk_append(&desk, &entry);
    cr_assert_not(desk_undo(&desk, &undo).is_long_ago);
    test_sql(database.conninfo, "UPDATE entry SET recorded_at = recorded_at - interval '23 h' WHERE kind = 6");
    cr_assert_not(desk_undo(&desk, &undo).is_long_ago);
    test_sql(database.conninfo, "UPDATE entry SET recorded_at = recorded_at - interval '2 h' WHERE kind = 6");
    struct outcome again = desk_undo(&desk, &undo);
    cr_assert_eq(again.kind, OUTCOME_UNDONE);
    cr_assert(again.had_row && again.is_long_ago);
    cr_assert_eq(again.amount_minor, PURCHASE_MINOR);
}

Test(record, an_undo_keeps_anothers_row) {
    struct entry entry = purchase_of(1, 1);
    struct undo undo = undo_of(&entry);
    undo.appended_at.us = 0;
    desk_append(&desk, &entry);
    struct outcome undone = desk_undo(&desk, &undo);
    cr_assert_eq(undone.kind, OUTCOME_UNDONE);
    cr_assert(undone.is_kept && !undone.had_row);
    cr_assert_eq(total(), PURCHASE_MINOR);
}

Test(record, an_undo_keeps_ones_own_row_once_another_was_told_of_it) {
    struct entry entry = purchase_of(1, 1), repeat = entry;
    struct undo undo = undo_of(&entry);
    repeat.appended_at.us++;
    desk_append(&desk, &entry);
    cr_assert_eq(desk_append(&desk, &repeat).kind, OUTCOME_EXISTS);
    cr_assert(desk_undo(&desk, &undo).is_kept);
    cr_assert_eq(desk_append(&desk, &entry).kind, OUTCOME_RECORDED);
    cr_assert_eq(total(), PURCHASE_MINOR);
}

/* Told of by a device whose clock is ahead, and bought again online when its id's time has come. */
Test(record, an_undo_keeps_an_advice_of_the_same_id_that_came_before_the_month_of_it) {
    struct entry advice = entry_of(ENTRY_ADVICE, 0);
    advice.id = new_id_at(calendar_month_begins(month_after(advice.month)));
    advice.flags = ENTRY_LATE;
    cr_assert_eq(desk_append(&desk, &advice).kind, OUTCOME_RECORDED);
    struct undo undo = undo_of(&advice);
    undo.month = month_after(advice.month);
    undo.appended_at.us = 0;
    struct outcome undone = desk_undo(&desk, &undo);
    cr_assert_eq(undone.kind, OUTCOME_UNDONE);
    cr_assert(undone.is_kept && !undone.had_row);
    cr_assert_eq(total(), PURCHASE_MINOR);
}

Test(record, a_request_with_other_content_confirms_nothing) {
    struct entry entry = purchase_of(1, 1), other = entry;
    struct undo undo = undo_of(&entry);
    other.appended_at.us++;
    other.amount_minor++;
    desk_append(&desk, &entry);
    cr_assert_eq(desk_append(&desk, &other).kind, OUTCOME_EXISTS);
    cr_assert(desk_undo(&desk, &undo).had_row);
}

static struct desk other_desk;

Test(record, of_an_undo_and_a_repeat_at_once_one_wins_and_both_hear_of_it) {
    static struct entry entries[500];
    desk_start(&other_desk, database.conninfo, &desk_options);
    for (uint32_t owner = 0; owner < 500; owner++) {
        entries[owner] = purchase_of(1, 1);
        cr_assert(record_append(desk.record, &entries[owner], owner));
    }
    DESK_UNTIL(&desk, desk.told == 500);
    for (uint32_t owner = 0; owner < 500; owner++) {
        struct undo undo = undo_of(&entries[owner]);
        cr_assert(record_undo(desk.record, &undo, owner));
        struct entry repeat = entries[owner];
        repeat.appended_at.us += 10000000;
        cr_assert(record_append(other_desk.record, &repeat, owner));
        for (int turn = 0; turn < 2; turn++) {
            desk_turn(&desk);
            desk_turn(&other_desk);
        }
    }
    while (desk.told < 1000 || other_desk.told < 500) {
        desk_turn(&desk);
        desk_turn(&other_desk);
    }
    int64_t kept = 0;
    for (uint32_t owner = 0; owner < 500; owner++) {
        cr_assert_eq(desk.outcomes[owner].kind, OUTCOME_UNDONE);
        cr_assert_neq(desk.outcomes[owner].had_row, desk.outcomes[owner].is_kept);
        cr_assert_eq(other_desk.outcomes[owner].kind, desk.outcomes[owner].is_kept ? OUTCOME_EXISTS : OUTCOME_REVERSED);
        kept += desk.outcomes[owner].is_kept;
    }
    cr_assert_eq(total(), kept * PURCHASE_MINOR);
    desk_stop(&other_desk);
}
