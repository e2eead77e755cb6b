/* SPDX-License-Identifier: Apache-2.0 */
/* What follows a purchase: refunds (DOMAIN S16) and reversals (F3), and what all settlements have in common. */
#include "record/desk.h"

static struct entry purchase;

static void buy(void) {
    purchase = entry_of(ENTRY_PURCHASE, 1);
    cr_assert_eq(desk_append(&desk, &purchase).kind, OUTCOME_RECORDED);
}

static int64_t usage(void) {
    return sql_number(database.conninfo, "SELECT coalesce(sum(amount_minor), 0) FROM entry");
}

static int64_t charged(void) {
    return sql_number(database.conninfo, "SELECT coalesce(sum(charged_minor), 0) FROM effect");
}

static struct outcome refund(int64_t amount_minor) {
    struct settlement settlement = settlement_of(ENTRY_REFUND, &purchase, amount_minor);
    return desk_settle(&desk, &settlement);
}

static struct outcome reverse(void) {
    struct settlement settlement = settlement_of(ENTRY_REVERSAL, &purchase, 0);
    return desk_settle(&desk, &settlement);
}

static void expect_declined(struct outcome outcome, enum reason reason) {
    cr_assert_eq(outcome.kind, OUTCOME_DECLINED, "kind %d", (int)outcome.kind);
    cr_assert_eq(outcome.reason, reason, "%s", reason_name(outcome.reason));
}

static void expect_reused(struct outcome outcome, enum content_field field) {
    expect_declined(outcome, REASON_ID_REUSED);
    cr_assert_eq(outcome.differs, field, "%s", content_field_name(outcome.differs));
}

static void expect_settled(struct outcome outcome, int64_t amount_minor) {
    cr_assert_eq(outcome.kind, OUTCOME_SETTLED, "kind %d, %s", (int)outcome.kind, reason_name(outcome.reason));
    cr_assert_eq(outcome.amount_minor, amount_minor);
}

/* ---- refunds ---- */

Test(record, a_purchase_is_refunded_in_parts_and_never_over) {
    buy();
    struct outcome outcome = refund(3000);
    expect_settled(outcome, 3000);
    cr_assert_eq(outcome.remaining_minor, 10000);
    cr_assert_eq(outcome.effect.amount_minor, -3000);
    outcome = refund(10001);
    expect_declined(outcome, REASON_AMOUNT_EXCEEDED);
    cr_assert_eq(outcome.remaining_minor, 10000);
    outcome = refund(0);
    expect_settled(outcome, 10000);
    cr_assert_eq(outcome.remaining_minor, 0);
    expect_declined(refund(0), REASON_AMOUNT_EXCEEDED);
    expect_declined(refund(1), REASON_AMOUNT_EXCEEDED);
    cr_assert_eq(usage(), 0);
    cr_assert_eq(charged(), -PURCHASE_MINOR);
    cr_assert_eq(desk_look_up(&desk, &purchase.id, 1)->refunded_minor, PURCHASE_MINOR);
}

Test(record, an_advice_is_refunded_too) {
    purchase = entry_of(ENTRY_ADVICE, 0);
    desk_append(&desk, &purchase);
    expect_settled(refund(0), PURCHASE_MINOR);
    cr_assert_eq(usage(), 0);
}

Test(record, a_refund_is_no_original_of_another) {
    buy();
    struct settlement first = settlement_of(ENTRY_REFUND, &purchase, 100), second = first;
    desk_settle(&desk, &first);
    second.original = first.id;
    second.id = new_id();
    expect_declined(desk_settle(&desk, &second), REASON_WRONG_KIND);
    second.kind = ENTRY_REVERSAL;
    expect_declined(desk_settle(&desk, &second), REASON_WRONG_KIND);
}

/* The month of the purchase is closed. */
static struct settlement late_refund(int64_t amount_minor) {
    struct settlement settlement = settlement_of(ENTRY_REFUND, &purchase, amount_minor);
    settlement.open_month = settlement.charged_month = month_after(purchase.month);
    return settlement;
}

Test(record, a_refund_of_a_closed_month_is_charged_in_another_and_frees_nothing) {
    buy();
    struct settlement settlement = late_refund(3000);
    struct outcome outcome = desk_settle(&desk, &settlement);
    expect_settled(outcome, 3000);
    cr_assert_eq(outcome.effect.amount_minor, 0);
    cr_assert_eq(usage(), PURCHASE_MINOR);
    cr_assert_eq(charged(), -3000);
    cr_assert_eq(atoi(test_sql(database.conninfo, "SELECT month FROM entry WHERE kind = 8")),
                 settlement.charged_month.yyyymm);
    cr_assert(desk_settle(&desk, &settlement).is_repeat);
    expect_declined(refund(10001), REASON_AMOUNT_EXCEEDED);
    expect_settled(refund(10000), 10000);
}

/* One more than have tables. */
static struct month month_without_partition(void) {
    struct month month = month_now();
    for (int ahead = 0; ahead < 3; ahead++)
        month = month_after(month);
    return month;
}

Test(record, a_refund_charged_in_a_month_without_partition_makes_it) {
    buy();
    struct settlement settlement = late_refund(3000);
    settlement.charged_month = month_without_partition();
    expect_settled(desk_settle(&desk, &settlement), 3000);
}

/* By a device whose clock is ahead into the next month: recorded in this one. */
static void buy_early(void) {
    purchase = entry_of(ENTRY_ADVICE, 0);
    purchase.id = new_id_at(calendar_month_begins(month_after(purchase.month)));
    purchase.flags = ENTRY_LATE;
    cr_assert_eq(desk_append(&desk, &purchase).kind, OUTCOME_RECORDED);
}

Test(record, a_refund_of_what_came_early_is_charged_in_another_month_once_that_of_its_row_is_closed) {
    buy_early();
    struct settlement settlement = late_refund(3000);
    settlement.month = month_after(purchase.month);
    struct outcome outcome = desk_settle(&desk, &settlement);
    expect_settled(outcome, 3000);
    cr_assert_eq(outcome.effect.amount_minor, 0);
    cr_assert_eq(usage(), PURCHASE_MINOR);
    cr_assert_eq(sql_number(database.conninfo, "SELECT month FROM entry WHERE kind = 8"),
                 settlement.charged_month.yyyymm);
}

Test(record, a_refund_frees_while_the_month_of_the_row_is_open_though_another_has_begun) {
    buy();
    struct settlement settlement = late_refund(3000);
    settlement.open_month = purchase.month;
    struct outcome outcome = desk_settle(&desk, &settlement);
    expect_settled(outcome, 3000);
    cr_assert_eq(outcome.effect.amount_minor, -3000);
    cr_assert_eq(month_of(outcome.effect.day).yyyymm, purchase.month.yyyymm);
    cr_assert_eq(usage(), PURCHASE_MINOR - 3000);
}

/* ---- repeats ---- */

Test(record, the_same_settlement_again_is_told_as_before_and_changes_nothing) {
    buy();
    struct settlement settlement = settlement_of(ENTRY_REFUND, &purchase, 3000);
    struct outcome first = desk_settle(&desk, &settlement);
    refund(2000);
    desk_rebuild(&desk, 1);
    settlement.appended_at.us++;
    struct outcome again = desk_settle(&desk, &settlement);
    cr_assert(!first.is_repeat && again.is_repeat);
    expect_settled(again, 3000);
    cr_assert_eq(again.remaining_minor, first.remaining_minor);
    cr_assert(desk_is_same_effect(&again.effect, &first.effect));
    cr_assert_eq(first.effect.epoch, 1);
    cr_assert_eq(usage(), PURCHASE_MINOR - 5000);
}

Test(record, a_settlement_told_again_when_the_counters_have_forgotten_it_is_not_followed) {
    buy();
    struct settlement settlement = settlement_of(ENTRY_REFUND, &purchase, 3000);
    desk_settle(&desk, &settlement);
    test_sql(database.conninfo, "UPDATE effect SET recorded_at = recorded_at - interval '25 h'");
    struct outcome again = desk_settle(&desk, &settlement);
    expect_settled(again, 3000);
    cr_assert(again.is_repeat);
    cr_assert_eq(again.effect.amount_minor, 0);
}

Test(record, the_same_id_for_something_else_is_refused_and_names_the_field) {
    struct entry hold = entry_of(ENTRY_HOLD, 1);
    desk_append(&desk, &hold);
    buy();
    struct settlement first = settlement_of(ENTRY_CAPTURE, &hold, 3000);
    expect_settled(desk_settle(&desk, &first), 3000);
    struct settlement other = first;
    other.amount_minor = 0;
    expect_reused(desk_settle(&desk, &other), FIELD_AMOUNT);
    other = first;
    other.is_final = true;
    expect_reused(desk_settle(&desk, &other), FIELD_FINAL);
    other = first;
    other.kind = ENTRY_REFUND;
    expect_reused(desk_settle(&desk, &other), FIELD_KIND);
    other = first;
    other.client = 8;
    other.is_any_clients = true;
    expect_reused(desk_settle(&desk, &other), FIELD_CLIENT);
    other = first;
    other.original = purchase.id;
    other.kind = ENTRY_REFUND;
    expect_reused(desk_settle(&desk, &other), FIELD_KIND);
    struct settlement refunded = settlement_of(ENTRY_REFUND, &purchase, 10);
    desk_settle(&desk, &refunded);
    refunded.original = hold.id;
    expect_reused(desk_settle(&desk, &refunded), FIELD_ORIGINAL);
    refunded.id = purchase.id;
    expect_reused(desk_settle(&desk, &refunded), FIELD_KIND);
    cr_assert_eq(usage(), 2 * PURCHASE_MINOR - 10);
}

/* The clock of whoever made it is wrong, or nobody looked at it. */
static struct request_id id_of_years_ahead(void) {
    return new_id_at((struct instant){instant_now().us + INT64_C(2 * 366 * 86400) * 1000000});
}

Test(record, an_id_of_years_ahead_settles_one_thing_and_holds_nobody_up) {
    struct entry other;
    buy();
    other = purchase;
    buy();
    struct settlement first = settlement_of(ENTRY_REFUND, &purchase, 3000);
    first.id = id_of_years_ahead();
    expect_settled(desk_settle(&desk, &first), 3000);
    cr_assert(desk_settle(&desk, &first).is_repeat);
    struct settlement second = first;
    second.original = other.id;
    expect_reused(desk_settle(&desk, &second), FIELD_ORIGINAL);
    second.kind = ENTRY_REVERSAL;
    second.id = other.id;
    expect_settled(desk_settle(&desk, &second), PURCHASE_MINOR);
}

Test(record, an_id_that_is_taken_in_a_month_beyond_all_that_were_looked_at_is_refused) {
    struct entry other;
    buy();
    other = purchase;
    buy();
    struct settlement first = late_refund(3000);
    first.charged_month = month_without_partition();
    expect_settled(desk_settle(&desk, &first), 3000);
    struct settlement second = first;
    second.original = other.id;
    expect_reused(desk_settle(&desk, &second), FIELD_ORIGINAL);
}

Test(record, a_node_of_before_settles_as_it_did) {
    buy();
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&purchase.id, id);
    for (int charged = 0; charged < 2; charged++)
        cr_assert_str_eq(test_sql(database.conninfo,
                                  "SELECT (settle(8::smallint, gen_random_uuid(), %d, '%s', %d, 1, 7, false, 3000, "
                                  "false, %d, now())).usage_minor",
                                  purchase.month.yyyymm, id, purchase.month.yyyymm,
                                  charged * month_after(purchase.month).yyyymm),
                         charged == 0 ? "-3000" : "0");
}

Test(record, anothers_purchase_is_settled_only_by_whom_it_may) {
    buy();
    struct settlement settlement = settlement_of(ENTRY_REFUND, &purchase, 3000);
    settlement.client = 8;
    expect_reused(desk_settle(&desk, &settlement), FIELD_CLIENT);
    struct settlement reversal = settlement_of(ENTRY_REVERSAL, &purchase, 0);
    reversal.client = 8;
    expect_reused(desk_settle(&desk, &reversal), FIELD_CLIENT);
    cr_assert_eq(usage(), PURCHASE_MINOR);
    settlement.is_any_clients = true;
    expect_settled(desk_settle(&desk, &settlement), 3000);
}

Test(record, what_is_not_there_is_not_found) {
    purchase = entry_of(ENTRY_PURCHASE, 1);
    expect_declined(refund(1), REASON_NOT_FOUND);
    struct settlement settlement = settlement_of(ENTRY_CAPTURE, &purchase, 1);
    settlement.organisation = 0;
    expect_declined(desk_settle(&desk, &settlement), REASON_NOT_FOUND);
}

Test(record, an_original_is_found_without_its_organisation) {
    test_sql(database.conninfo,
             "INSERT INTO organisation (id, state, limit_minor) VALUES (1, 'active', 0), (2, 'active', 0)");
    struct entry hold = entry_of(ENTRY_HOLD, 1);
    desk_append(&desk, &hold);
    buy();
    struct settlement settlement = settlement_of(ENTRY_CAPTURE, &hold, 3000);
    settlement.organisation = 0;
    expect_settled(desk_settle(&desk, &settlement), 3000);
    settlement = settlement_of(ENTRY_REFUND, &purchase, 3000);
    settlement.organisation = 0;
    struct outcome outcome = desk_settle(&desk, &settlement);
    expect_settled(outcome, 3000);
    cr_assert_eq(outcome.effect.payer.organisation, 1);
    cr_assert(desk_settle(&desk, &settlement).is_repeat);
    const struct found *found = desk_look_up(&desk, &hold.id, 0);
    cr_assert_eq(found->captured_minor, 3000);
}

Test(record, an_original_without_its_organisation_waits_for_a_rebuild_under_way) {
    test_sql(database.conninfo, "INSERT INTO organisation (id, state, limit_minor) VALUES (1, 'active', 0)");
    buy();
    struct settlement settlement = settlement_of(ENTRY_REFUND, &purchase, 3000);
    settlement.organisation = 0;
    cr_assert(record_settle(desk.record, &settlement, 1));
    cr_assert(record_read_sums(desk.record, 1, purchase.month, false));
    DESK_UNTIL(&desk, desk.times_told[1] == 1 && desk.sums_told == 2);
    expect_settled(desk.outcomes[1], 3000);
}

/* ---- reversals ---- */

Test(record, a_purchase_is_reversed_once_and_declines_what_comes_after) {
    buy();
    struct outcome first = reverse(), again = reverse();
    expect_settled(first, PURCHASE_MINOR);
    cr_assert(!first.is_repeat && !first.is_tombstone);
    cr_assert_eq(first.effect.amount_minor, -PURCHASE_MINOR);
    cr_assert_eq(first.effect.epoch, 1);
    cr_assert_eq(first.effect.payer.traveller, 21);
    expect_settled(again, PURCHASE_MINOR);
    cr_assert(again.is_repeat);
    cr_assert(desk_is_same_effect(&again.effect, &first.effect));
    expect_declined(refund(1), REASON_REVERSED);
    cr_assert_eq(usage(), 0);
    cr_assert_eq(charged(), -PURCHASE_MINOR);
    struct outcome told = desk_append(&desk, &purchase);
    cr_assert_eq(told.kind, OUTCOME_REVERSED);
    cr_assert_eq(told.recorded_epoch, 1, "there was a row, and what it counted is the reversal's");
    struct check check = check_of(&purchase);
    cr_assert_eq(desk_check(&desk, &check).kind, OUTCOME_REVERSED);
    cr_assert(desk_look_up(&desk, &purchase.id, 1)->is_reversed);
    cr_assert_eq(memory_of(desk_rebuild(&desk, 1), &purchase.id)->memory.kind, MEMORY_REVERSED);
}

Test(record, a_reversal_before_its_purchase_wins) {
    purchase = entry_of(ENTRY_PURCHASE, 1);
    struct outcome first = reverse(), again = reverse();
    expect_settled(first, 0);
    cr_assert(first.is_tombstone && !first.is_repeat);
    cr_assert_eq(first.effect.amount_minor, 0);
    cr_assert_eq(first.effect.epoch, 1);
    cr_assert(again.is_tombstone && again.is_repeat);
    struct outcome told = desk_append(&desk, &purchase);
    cr_assert_eq(told.kind, OUTCOME_REVERSED);
    cr_assert_eq(told.recorded_epoch, 0, "there never was a row");
    purchase.kind = ENTRY_ADVICE;
    purchase.epoch = 0;
    cr_assert_eq(desk_append(&desk, &purchase).kind, OUTCOME_REVERSED);
    expect_declined(refund(1), REASON_REVERSED);
    cr_assert(desk_look_up(&desk, &purchase.id, 1)->is_reversed);
    cr_assert_eq(usage(), 0);
}

Test(record, a_client_reverses_what_was_confirmed_and_nobody_undoes_it_again) {
    buy();
    struct entry repeat = purchase;
    repeat.appended_at.us++;
    cr_assert_eq(desk_append(&desk, &repeat).kind, OUTCOME_EXISTS);
    expect_settled(reverse(), PURCHASE_MINOR);
    cr_assert(reverse().is_repeat);
    cr_assert_eq(usage(), 0);
    struct undo undo = undo_of(&purchase);
    struct outcome undone = desk_undo(&desk, &undo);
    cr_assert(undone.had_row && !undone.is_kept);
    cr_assert_eq(undone.amount_minor, PURCHASE_MINOR);
    cr_assert_eq(undone.epoch, 1);
    cr_assert_eq(usage(), 0);
    cr_assert_eq(desk_append(&desk, &repeat).kind, OUTCOME_REVERSED);
    struct check check = check_of(&purchase);
    cr_assert_eq(desk_check(&desk, &check).kind, OUTCOME_REVERSED);
    cr_assert(desk_look_up(&desk, &purchase.id, 1)->is_reversed);
    const struct remembered *memory = memory_of(desk_rebuild(&desk, 1), &purchase.id);
    cr_assert_eq(memory->memory.kind, MEMORY_REVERSED);
}

Test(record, what_was_undone_already_is_reversed_as_a_repeat) {
    buy();
    struct undo undo = undo_of(&purchase);
    cr_assert(desk_undo(&desk, &undo).had_row);
    struct outcome outcome = reverse();
    expect_settled(outcome, PURCHASE_MINOR);
    cr_assert(outcome.is_repeat);
    cr_assert_eq(usage(), 0);
    expect_declined(refund(1), REASON_REVERSED);
}

Test(record, a_reversal_takes_off_and_charges_back_what_refunds_have_left) {
    buy();
    refund(3000);
    struct settlement late = late_refund(2000);
    desk_settle(&desk, &late);
    struct outcome outcome = reverse();
    expect_settled(outcome, PURCHASE_MINOR - 3000);
    cr_assert_eq(usage(), 0);
    cr_assert_eq(charged(), -PURCHASE_MINOR);
}

Test(record, a_hold_is_reversed_whatever_was_captured) {
    purchase = entry_of(ENTRY_HOLD, 1);
    desk_append(&desk, &purchase);
    struct settlement capture = settlement_of(ENTRY_CAPTURE, &purchase, 5000);
    desk_settle(&desk, &capture);
    expect_settled(reverse(), PURCHASE_MINOR);
    cr_assert_eq(usage(), 0);
    cr_assert_eq(charged(), 0);
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM hold"), 0);
    capture.id = new_id();
    expect_declined(desk_settle(&desk, &capture), REASON_REVERSED);
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM expire_holds(10)"), 0);
}

Test(record, a_reversal_of_what_is_free_already_changes_no_usage) {
    purchase = entry_of(ENTRY_HOLD, 1);
    desk_append(&desk, &purchase);
    struct settlement voided = settlement_of(ENTRY_VOID, &purchase, 0);
    desk_settle(&desk, &voided);
    expect_settled(reverse(), 0);
    cr_assert_eq(usage(), 0);
}

Test(record, a_settlement_that_makes_no_sense_is_refused_alone) {
    buy();
    struct settlement senseless = settlement_of(ENTRY_REFUND, &purchase, -1);
    struct settlement sensible = settlement_of(ENTRY_REFUND, &purchase, 10);
    cr_assert(record_settle(desk.record, &senseless, 1));
    cr_assert(record_settle(desk.record, &sensible, 2));
    DESK_UNTIL(&desk, desk.times_told[1] == 1 && desk.times_told[2] == 1);
    cr_assert_eq(desk.outcomes[1].kind, OUTCOME_REFUSED);
    cr_assert_eq(desk.outcomes[2].kind, OUTCOME_SETTLED);
    cr_assert_eq(usage(), PURCHASE_MINOR - 10);
    DESK_UNTIL(&desk, sql_number(database.conninfo, "SELECT count(*) FROM quarantine WHERE what LIKE 'settle %'") == 1);
}
