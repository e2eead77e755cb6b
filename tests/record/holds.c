/* SPDX-License-Identifier: Apache-2.0 */
/* DOMAIN F7: reserve, then commit, in parts or whole, or cancel. */
#include "record/desk.h"

#include <stdio.h>

static struct entry hold;

static void take_hold(void) {
    hold = entry_of(ENTRY_HOLD, 1);
    struct outcome outcome = desk_append(&desk, &hold);
    cr_assert_eq(outcome.kind, OUTCOME_RECORDED);
    cr_assert_eq(outcome.recorded_epoch, 1);
}

static int64_t usage(void) {
    return sql_number(database.conninfo, "SELECT sum(amount_minor) FROM entry");
}

static int64_t open_holds(void) {
    return sql_number(database.conninfo, "SELECT count(*) FROM hold");
}

static struct outcome capture(int64_t amount_minor, bool is_final) {
    struct settlement settlement = settlement_of(ENTRY_CAPTURE, &hold, amount_minor);
    settlement.is_final = is_final;
    return desk_settle(&desk, &settlement);
}

static struct outcome settle(enum entry_kind kind) {
    struct settlement settlement = settlement_of(kind, &hold, 0);
    return desk_settle(&desk, &settlement);
}

static void expect_declined(struct outcome outcome, enum reason reason, int64_t remaining_minor) {
    cr_assert_eq(outcome.kind, OUTCOME_DECLINED, "kind %d", (int)outcome.kind);
    cr_assert_eq(outcome.reason, reason, "%s", reason_name(outcome.reason));
    cr_assert_eq(outcome.remaining_minor, remaining_minor);
}

static void expect_settled(struct outcome outcome, int64_t amount_minor, int64_t usage_minor, int64_t remaining_minor) {
    cr_assert_eq(outcome.kind, OUTCOME_SETTLED, "kind %d, %s", (int)outcome.kind, reason_name(outcome.reason));
    cr_assert_eq(outcome.amount_minor, amount_minor);
    cr_assert_eq(outcome.effect.amount_minor, usage_minor);
    cr_assert_eq(outcome.remaining_minor, remaining_minor);
    cr_assert(!outcome.is_repeat && !outcome.is_tombstone);
}

Test(record, a_hold_counts_and_is_on_the_list_of_open_ones) {
    take_hold();
    cr_assert_eq(usage(), PURCHASE_MINOR);
    cr_assert_eq(open_holds(), 1);
    const struct found *found = desk_look_up(&desk, &hold.id, 1);
    cr_assert_eq(found->entry.kind, ENTRY_HOLD);
    cr_assert_eq(found->entry.expires_at.us, hold.expires_at.us);
}

static enum hold_state state(void) {
    return desk_look_up(&desk, &hold.id, 1)->hold;
}

Test(record, whether_a_hold_is_open_is_told_until_it_is_closed_in_any_way) {
    take_hold();
    cr_assert_eq(state(), HOLD_STATE_OPEN);
    capture(5000, false);
    cr_assert_eq(state(), HOLD_STATE_OPEN);
    capture(0, true);
    cr_assert_eq(state(), HOLD_STATE_CLOSED);
    take_hold();
    settle(ENTRY_VOID);
    cr_assert_eq(state(), HOLD_STATE_CLOSED);
    take_hold();
    settle(ENTRY_REVERSAL);
    cr_assert_eq(state(), HOLD_STATE_CLOSED);
    take_hold();
    sql_number(database.conninfo, "UPDATE hold SET expires_at = clock_timestamp() RETURNING 1");
    cr_assert_eq(state(), HOLD_STATE_CLOSED, "expired, and nobody has freed it yet");
    struct entry purchase = entry_of(ENTRY_PURCHASE, 1);
    desk_append(&desk, &purchase);
    cr_assert_eq(desk_look_up(&desk, &purchase.id, 1)->hold, HOLD_STATE_UNSPECIFIED);
}

Test(record, a_hold_sent_twice_is_one_hold_and_a_captured_one_does_not_open_again) {
    take_hold();
    cr_assert_eq(desk_append(&desk, &hold).kind, OUTCOME_RECORDED);
    cr_assert_eq(open_holds(), 1);
    capture(0, false);
    cr_assert_eq(open_holds(), 0);
    cr_assert_eq(desk_append(&desk, &hold).kind, OUTCOME_RECORDED);
    cr_assert_eq(open_holds(), 0);
    cr_assert_eq(usage(), PURCHASE_MINOR);
}

Test(record, a_stale_hold_is_not_on_the_list) {
    desk_rebuild(&desk, 1);
    struct entry stale = entry_of(ENTRY_HOLD, 1);
    cr_assert_eq(desk_append(&desk, &stale).kind, OUTCOME_STALE);
    cr_assert_eq(open_holds(), 0);
}

Test(record, a_hold_is_captured_in_parts_and_never_over) {
    take_hold();
    expect_settled(capture(5000, false), 5000, 0, 8000);
    expect_settled(capture(7000, false), 7000, 0, 1000);
    expect_declined(capture(1001, false), REASON_AMOUNT_EXCEEDED, 1000);
    cr_assert_eq(usage(), PURCHASE_MINOR);
    expect_settled(capture(1000, false), 1000, 0, 0);
    expect_declined(capture(1, false), REASON_HOLD_CLOSED, 0);
    expect_declined(settle(ENTRY_VOID), REASON_HOLD_CLOSED, 0);
    cr_assert_eq(usage(), PURCHASE_MINOR);
    cr_assert_eq(open_holds(), 0);
}

Test(record, a_final_capture_frees_what_is_left) {
    take_hold();
    capture(3000, false);
    expect_settled(capture(4000, true), 4000, -6000, 0);
    cr_assert_eq(usage(), 7000);
    expect_declined(capture(1, false), REASON_HOLD_CLOSED, 0);
    const struct found *found = desk_look_up(&desk, &hold.id, 1);
    cr_assert_eq(found->captured_minor, 7000);
    cr_assert_eq(found->refunded_minor, 0);
    cr_assert_not(found->is_reversed);
}

Test(record, a_capture_of_no_amount_takes_all_that_is_left) {
    take_hold();
    capture(3000, false);
    expect_settled(capture(0, false), 10000, 0, 0);
    expect_declined(capture(0, false), REASON_HOLD_CLOSED, 0);
    cr_assert_eq(usage(), PURCHASE_MINOR);
}

Test(record, a_void_frees_what_is_not_captured) {
    take_hold();
    capture(3000, false);
    expect_settled(settle(ENTRY_VOID), 10000, -10000, 0);
    cr_assert_eq(usage(), 3000);
    expect_declined(capture(1, false), REASON_HOLD_CLOSED, 0);
    cr_assert_eq(open_holds(), 0);
}

Test(record, a_hold_whose_time_has_passed_is_expired_before_anybody_swept_it) {
    hold = entry_of(ENTRY_HOLD, 1);
    hold.expires_at.us = instant_now().us - 1;
    desk_append(&desk, &hold);
    expect_declined(capture(1, false), REASON_HOLD_EXPIRED, 0);
    expect_declined(settle(ENTRY_VOID), REASON_HOLD_EXPIRED, 0);
    cr_assert_eq(usage(), PURCHASE_MINOR);
    cr_assert_eq(open_holds(), 1);
}

Test(record, only_a_hold_is_captured_or_voided) {
    hold = entry_of(ENTRY_PURCHASE, 1);
    desk_append(&desk, &hold);
    expect_declined(capture(1, false), REASON_WRONG_KIND, 0);
    expect_declined(settle(ENTRY_VOID), REASON_WRONG_KIND, 0);
    hold = entry_of(ENTRY_ADVICE, 0);
    desk_append(&desk, &hold);
    expect_declined(capture(1, false), REASON_WRONG_KIND, 0);
}

Test(record, what_was_captured_is_refunded_and_not_more) {
    take_hold();
    struct settlement refund = settlement_of(ENTRY_REFUND, &hold, 1);
    expect_declined(desk_settle(&desk, &refund), REASON_AMOUNT_EXCEEDED, 0);
    capture(5000, false);
    refund.amount_minor = 5001;
    expect_declined(desk_settle(&desk, &refund), REASON_AMOUNT_EXCEEDED, 5000);
    refund.amount_minor = 2000;
    expect_settled(desk_settle(&desk, &refund), 2000, -2000, 3000);
    expect_settled(capture(8000, true), 8000, 0, 0);
    cr_assert_eq(usage(), 11000);
    cr_assert_eq(desk_look_up(&desk, &hold.id, 1)->refunded_minor, 2000);
}

Test(record, a_hold_that_was_told_as_too_late_is_undone_with_its_place_on_the_list) {
    take_hold();
    struct undo undo = undo_of(&hold);
    struct outcome undone = desk_undo(&desk, &undo);
    cr_assert(undone.had_row && !undone.is_kept);
    cr_assert_eq(undone.amount_minor, PURCHASE_MINOR);
    cr_assert_eq(usage(), 0);
    cr_assert_eq(open_holds(), 0);
    expect_declined(capture(1, false), REASON_REVERSED, 0);
    cr_assert_eq(sql_number(database.conninfo, "SELECT sum(charged_minor) FROM effect"), 0);
}

Test(record, an_undo_after_a_capture_or_an_expiry_keeps_the_hold) {
    take_hold();
    struct undo undo = undo_of(&hold);
    capture(1000, false);
    cr_assert(desk_undo(&desk, &undo).is_kept);
    cr_assert_eq(usage(), PURCHASE_MINOR);
    hold = entry_of(ENTRY_HOLD, 1);
    hold.expires_at.us = instant_now().us - 1;
    desk_append(&desk, &hold);
    undo = undo_of(&hold);
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM expire_holds(10)"), 1);
    cr_assert(desk_undo(&desk, &undo).is_kept);
    cr_assert_eq(usage(), PURCHASE_MINOR);
}

/* ---- expiry ---- */

static struct desk sweeper;

static void start_sweeper(struct desk *at) {
    struct record_options options = desk_options;
    options.expiry_us = 20000;
    desk_start(at, database.conninfo, &options);
}

Test(record, a_hold_expires_by_another_node_and_the_counters_are_told) {
    take_hold();
    struct entry later = entry_of(ENTRY_HOLD, 1);
    desk_append(&desk, &later);
    cr_assert_eq(capture(3000, false).kind, OUTCOME_SETTLED);
    desk_stop(&desk);
    char id[REQUEST_ID_TEXT_SIZE], sql[256];
    request_id_format(&hold.id, id);
    snprintf(sql, sizeof sql,
             "UPDATE hold SET expires_at = clock_timestamp() + interval '300 ms' WHERE id = '%s' "
             "RETURNING (extract(epoch FROM expires_at) * 1000000)::bigint",
             id);
    hold.expires_at.us = sql_number(database.conninfo, sql);
    start_sweeper(&sweeper);
    DESK_UNTIL(&sweeper, sweeper.effects_told == 1);
    const struct effect *effect = &sweeper.effects[0];
    struct calendar calendar = {0};
    cr_assert_eq(effect->amount_minor, -10000);
    cr_assert_eq(effect->payer.organisation, 1);
    cr_assert_eq(effect->payer.traveller, 21);
    cr_assert_eq(effect->payer.credit, 31);
    cr_assert_eq(effect->epoch, 1);
    cr_assert_eq(effect->day.yyyymmdd, calendar_day(&calendar, request_id_time(&hold.id)).yyyymmdd);
    cr_assert_not(request_id_is_v7(&effect->id));
    cr_assert(instant_now().us >= hold.expires_at.us);
    cr_assert_eq(usage(), 3000 + PURCHASE_MINOR);
    cr_assert_eq(open_holds(), 1);
    struct settlement late = settlement_of(ENTRY_CAPTURE, &hold, 1);
    expect_declined(desk_settle(&sweeper, &late), REASON_HOLD_EXPIRED, 0);
    /* What was captured before can still be given back. */
    late = settlement_of(ENTRY_REFUND, &hold, 0);
    expect_settled(desk_settle(&sweeper, &late), 3000, -3000, 0);
    desk_stop(&sweeper);
    desk_start(&desk, database.conninfo, &desk_options);
}

static struct desk other_sweeper;

Test(record, many_holds_expire_once_each_by_two_nodes_that_look_at_once) {
    enum { HOLDS = 1000 };
    desk_rebuild(&desk, 2);
    for (uint32_t owner = 0; owner < HOLDS; owner++) {
        struct entry entry = entry_of(ENTRY_HOLD, 1);
        entry.organisation = 1 + (int32_t)owner % 2;
        entry.expires_at.us = instant_now().us - 1;
        cr_assert(record_append(desk.record, &entry, owner));
    }
    DESK_UNTIL(&desk, desk.told == HOLDS);
    start_sweeper(&sweeper);
    start_sweeper(&other_sweeper);
    while (sweeper.effects_told + other_sweeper.effects_told < HOLDS) {
        desk_turn(&sweeper);
        desk_turn(&other_sweeper);
    }
    cr_assert_eq(open_holds(), 0);
    cr_assert_eq(usage(), 0);
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM entry WHERE kind = 5"), HOLDS);
    desk_stop(&sweeper);
    desk_stop(&other_sweeper);
}
