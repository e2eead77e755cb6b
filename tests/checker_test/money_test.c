/* SPDX-License-Identifier: Apache-2.0 */
/* Ceilings, counters, and what follows a hold or a purchase. */
#include "past.h"

static struct past past;

#define BEGIN() past_begin(&past)

/* ---- I2 ---- */

Test(checker, purchases_up_to_the_ceiling_are_good) {
    BEGIN();
    bought(&past, 1, 300, 0);
    bought(&past, 2, 200, 10);
    expect_kept(&past);
}

Test(checker, purchases_past_the_ceiling_are_found) {
    BEGIN();
    bought(&past, 1, 300, 0);
    bought(&past, 2, 201, 10);
    expect_broken(&past, 2);
}

Test(checker, purchases_side_by_side_past_the_ceiling_are_found) {
    BEGIN();
    bought(&past, 1, 300, 0);
    bought(&past, 2, 300, 0);
    expect_broken(&past, 2);
}

Test(checker, a_purchase_that_nobody_was_told_of_counts_in_the_end) {
    BEGIN();
    bought(&past, 1, 300, 0);
    asked(&past, CALL_AUTHORIZE, 2, 300, 10);
    row(&past, ENTRY_PURCHASE, 2, 300);
    expect_broken(&past, 2);
}

Test(checker, a_ceiling_passed_for_a_while_is_found_though_it_was_refunded_later) {
    BEGIN();
    bought(&past, 1, 300, 0);
    bought(&past, 2, 300, 10);
    approved(asked_of(&past, CALL_REFUND, 3, 1, 300, 100), 105);
    effect(&past, ENTRY_REFUND, 3, 1, -300, 300);
    expect_broken(&past, 2);
}

Test(checker, a_refund_asked_for_before_the_next_was_told_may_have_made_room) {
    BEGIN();
    bought(&past, 1, 300, 0);
    approved(asked_of(&past, CALL_REFUND, 3, 1, 300, 12), 30);
    effect(&past, ENTRY_REFUND, 3, 1, -300, 300);
    bought(&past, 2, 300, 10); /* told at 15 */
    expect_kept(&past);
}

Test(checker, a_reversal_asked_for_before_the_next_was_told_may_have_made_room) {
    BEGIN();
    bought(&past, 1, 300, 0);
    struct operation *reverse = approved(asked(&past, CALL_REVERSE, 1, 0, 12), 30);
    reversal(&past, 1, -300);
    bought(&past, 2, 300, 10);
    expect_kept(&past);
    reverse->sent_us = 20000;
    expect_broken(&past, 2);
}

Test(checker, an_expired_hold_may_have_made_room_at_any_time) {
    BEGIN();
    approved(asked(&past, CALL_AUTHORIZE, 1, 300, 0), 5)->is_hold = true;
    row(&past, ENTRY_HOLD, 1, 300);
    effect(&past, ENTRY_EXPIRY, 3, 1, -300, 0);
    bought(&past, 2, 300, 10);
    expect_kept(&past);
}

Test(checker, the_organisation_has_a_ceiling_too) {
    BEGIN();
    for (int i = 0; i < 3; i++) {
        bought(&past, i, 400, i);
        past.rows[i].payer.credit = i + 2;
    }
    expect_verdict(&past, 2);
}

Test(checker, what_advices_cost_over_a_ceiling_is_told) {
    BEGIN();
    bought(&past, 1, 500, 0);
    approved(asked(&past, CALL_ADVISE, 2, 120, 10), 15);
    row(&past, ENTRY_ADVICE, 2, 120)->flags = ENTRY_FORCED;
    struct verdict_of_checker verdict = expect_kept(&past);
    cr_expect_eq(verdict.advice_excess_minor, 120);
    cr_expect_eq(verdict.stand_in_excess_minor, 0);
}

Test(checker, what_stand_in_costs_over_a_ceiling_is_told) {
    BEGIN();
    bought(&past, 1, 450, 0);
    bought(&past, 2, 130, 10)->safety = SAFETY_JOURNALED;
    past.rows[1].flags = ENTRY_STAND_IN;
    struct verdict_of_checker verdict = expect_kept(&past);
    cr_expect_eq(verdict.stand_in_excess_minor, 80);
    cr_expect_eq(verdict.journaled, 1);
    past.rows[1].flags = 0;
    expect_broken(&past, 2);
}

/* ---- I5 ---- */

static void counter_is_wrong(size_t counter) {
    BEGIN();
    bought(&past, 1, 100, 0);
    count_rows(&past);
    past.counted[counter].spent_minor++;
    expect_verdict(&past, 5);
}

Test(checker, each_counter_must_equal_its_rows) {
    for (size_t counter = 0; counter < 5; counter++)
        counter_is_wrong(counter);
}

Test(checker, a_counter_that_is_missing_while_others_stand_is_found) {
    BEGIN();
    bought(&past, 1, 100, 0);
    count_rows(&past);
    past.history.counted_count = 4;
    expect_verdict(&past, 5);
}

Test(checker, a_counter_without_rows_is_found) {
    BEGIN();
    bought(&past, 1, 100, 0);
    count_rows(&past);
    past.counted[past.history.counted_count++] = (struct counted){1, 202611, LIMIT_CREDIT, 7, 5};
    expect_verdict(&past, 5);
}

Test(checker, a_month_without_counters_has_nothing_to_compare) {
    BEGIN();
    bought(&past, 1, 100, 0);
    expect_verdict(&past, 0);
}

/* ---- holds ---- */

static void held(int id, int64_t amount_minor) {
    approved(asked(&past, CALL_AUTHORIZE, id, amount_minor, 0), 5)->is_hold = true;
    row(&past, ENTRY_HOLD, id, amount_minor);
}

static void captured(int id, int original, int64_t amount_minor, int64_t freed_minor) {
    approved(asked_of(&past, CALL_CAPTURE, id, original, amount_minor, 10), 15);
    effect(&past, ENTRY_CAPTURE, id, original, -freed_minor, amount_minor);
}

Test(checker, a_hold_captured_in_parts_is_good) {
    BEGIN();
    held(1, 300);
    captured(2, 1, 100, 0);
    captured(3, 1, 150, 50);
    expect_kept(&past);
}

Test(checker, captures_past_the_hold_are_found) {
    BEGIN();
    held(1, 300);
    captured(2, 1, 200, 0);
    captured(3, 1, 101, 0);
    expect_broken(&past, INVARIANT_OF_LIVES);
}

Test(checker, captured_and_freed_that_is_not_what_was_held_is_found) {
    BEGIN();
    held(1, 300);
    captured(2, 1, 200, 50);
    expect_broken(&past, INVARIANT_OF_LIVES);
}

Test(checker, a_voided_hold_frees_the_rest) {
    BEGIN();
    held(1, 300);
    captured(2, 1, 200, 0);
    approved(asked_of(&past, CALL_VOID, 3, 1, 0, 20), 25);
    struct recorded *freed = effect(&past, ENTRY_VOID, 3, 1, -100, 0);
    expect_kept(&past);
    freed->amount_minor = -99;
    expect_broken(&past, INVARIANT_OF_LIVES);
}

Test(checker, a_hold_let_go_twice_is_found) {
    BEGIN();
    held(1, 300);
    approved(asked_of(&past, CALL_VOID, 3, 1, 0, 20), 25);
    effect(&past, ENTRY_VOID, 3, 1, -300, 0);
    effect(&past, ENTRY_EXPIRY, 4, 1, 0, 0);
    expect_broken(&past, INVARIANT_OF_LIVES);
}

Test(checker, an_expired_hold_that_still_counts_is_found) {
    BEGIN();
    held(1, 300);
    past.rows[0].expires_us = 1000;
    past.history.ended_us = 5000;
    past.history.expiry_lateness_us = 4000;
    expect_kept(&past);
    past.history.ended_us = 5001;
    expect_broken(&past, INVARIANT_OF_LIVES);
    effect(&past, ENTRY_EXPIRY, 4, 1, -300, 0);
    expect_kept(&past);
}

Test(checker, a_reversed_hold_with_captures_nets_to_zero) {
    BEGIN();
    held(1, 300);
    captured(2, 1, 100, 200);
    approved(asked(&past, CALL_REVERSE, 1, 0, 20), 25);
    struct recorded *reversed = reversal(&past, 1, -100);
    expect_kept(&past);
    reversed->amount_minor = -300;
    expect_broken(&past, 6);
}

/* ---- refunds ---- */

static void refunded(int id, int original, int64_t amount_minor) {
    approved(asked_of(&past, CALL_REFUND, id, original, amount_minor, 20), 25);
    effect(&past, ENTRY_REFUND, id, original, -amount_minor, amount_minor);
}

Test(checker, refunds_up_to_what_was_paid_are_good) {
    BEGIN();
    bought(&past, 1, 300, 0);
    refunded(2, 1, 100);
    refunded(3, 1, 200);
    expect_kept(&past);
}

Test(checker, refunds_past_what_was_paid_are_found) {
    BEGIN();
    bought(&past, 1, 300, 0);
    refunded(2, 1, 200);
    refunded(3, 1, 101);
    expect_broken(&past, INVARIANT_OF_LIVES);
}

Test(checker, of_a_hold_only_what_was_captured_may_be_refunded) {
    BEGIN();
    held(1, 300);
    captured(2, 1, 100, 0);
    refunded(3, 1, 100);
    expect_kept(&past);
    past.operations[2].amount_minor = past.operations[2].approved_minor = past.rows[2].settled_minor = 101;
    expect_broken(&past, INVARIANT_OF_LIVES);
}

Test(checker, a_refund_that_names_the_capture_is_one_of_its_hold) {
    BEGIN();
    held(1, 300);
    captured(2, 1, 100, 200);
    refunded(3, 2, 100);
    expect_kept(&past);
    refunded(4, 2, 1);
    expect_broken(&past, INVARIANT_OF_LIVES);
}

Test(checker, a_late_refund_frees_nothing) {
    BEGIN();
    bought(&past, 1, 300, 0);
    refunded(2, 1, 300);
    past.rows[1].amount_minor = 0;
    expect_kept(&past);
}

Test(checker, an_approved_settlement_without_a_row_is_found) {
    BEGIN();
    bought(&past, 1, 300, 0);
    approved(asked_of(&past, CALL_REFUND, 2, 1, 100, 20), 25);
    expect_broken(&past, 1);
}

Test(checker, a_settlement_of_another_amount_than_its_row_is_found) {
    BEGIN();
    held(1, 300);
    captured(2, 1, 100, 0);
    past.rows[1].settled_minor = 90;
    expect_broken(&past, 1);
}

Test(checker, a_settlement_of_another_original_than_was_asked_for_is_found) {
    BEGIN();
    bought(&past, 1, 200, 0);
    bought(&past, 2, 200, 0);
    refunded(3, 1, 100);
    past.rows[2].original = id_of(2);
    expect_broken(&past, 1);
}

Test(checker, a_declined_settlement_with_a_row_is_found) {
    BEGIN();
    bought(&past, 1, 300, 0);
    declined(asked_of(&past, CALL_REFUND, 2, 1, 100, 20), REASON_NOT_FOUND, 25);
    expect_kept(&past);
    effect(&past, ENTRY_REFUND, 2, 1, -100, 100);
    expect_broken(&past, 4);
}

Test(checker, a_settlement_declined_before_its_original_came_may_be_approved_later) {
    BEGIN();
    declined(asked_of(&past, CALL_REFUND, 2, 1, 100, 0), REASON_NOT_FOUND, 2);
    bought(&past, 1, 300, 5);
    refunded(2, 1, 100);
    expect_kept(&past);
    declined(asked_of(&past, CALL_REFUND, 2, 1, 100, 30), REASON_NOT_FOUND, 35);
    expect_broken(&past, 3);
}

Test(checker, a_repeated_settlement_is_settled_once) {
    BEGIN();
    bought(&past, 1, 300, 0);
    refunded(2, 1, 100);
    struct operation *repeat = approved(asked_of(&past, CALL_REFUND, 2, 1, 100, 40), 45);
    expect_kept(&past);
    repeat->approved_minor = 90;
    expect_broken(&past, 3);
}

Test(checker, a_settlement_that_nobody_asked_for_is_found) {
    BEGIN();
    bought(&past, 1, 300, 0);
    effect(&past, ENTRY_REFUND, 2, 1, -100, 100);
    expect_broken(&past, 3);
}

Test(checker, an_effect_of_what_was_called_off_is_found) {
    BEGIN();
    approved(asked(&past, CALL_REVERSE, 1, 0, 0), 5);
    row(&past, ENTRY_REVERSAL, 1, 0);
    refunded(2, 1, 100);
    past.rows[1].amount_minor = 100;
    past.rows[1].settled_minor = 100;
    expect_verdict(&past, 6);
}
