/* SPDX-License-Identifier: Apache-2.0 */
/* Purchases, repeats and reversals: each rule with a history that keeps it, and one that breaks it. */
#include "past.h"

static struct past past;

#define BEGIN() past_begin(&past)

Test(checker, a_history_without_anything_is_good) {
    BEGIN();
    expect_kept(&past);
}

/* ---- I1 ---- */

Test(checker, an_approved_purchase_on_record_is_good) {
    BEGIN();
    bought(&past, 1, 100, 0);
    struct verdict_of_checker verdict = expect_kept(&past);
    cr_expect_eq(verdict.approvals, 1);
}

Test(checker, an_approved_purchase_without_a_row_is_found) {
    BEGIN();
    approved(asked(&past, CALL_AUTHORIZE, 1, 100, 0), 5);
    expect_broken(&past, 1);
}

Test(checker, a_journaled_purchase_without_a_row_is_found) {
    BEGIN();
    approved(asked(&past, CALL_AUTHORIZE, 1, 100, 0), 5)->safety = SAFETY_JOURNALED;
    expect_broken(&past, 1);
}

Test(checker, an_approval_that_nothing_vouches_for_is_found) {
    BEGIN();
    bought(&past, 1, 100, 0)->safety = SAFETY_NONE;
    expect_broken(&past, 1);
}

Test(checker, another_amount_on_record_than_was_approved_is_found) {
    BEGIN();
    bought(&past, 1, 100, 0);
    past.rows[0].amount_minor = 90;
    expect_broken(&past, 1);
}

Test(checker, a_partial_approval_is_good_only_when_it_was_allowed) {
    BEGIN();
    struct operation *operation = bought(&past, 1, 100, 0);
    operation->allows_partial = true;
    operation->approved_minor = 60;
    past.rows[0].amount_minor = 60;
    expect_kept(&past);
    operation->allows_partial = false;
    expect_broken(&past, 1);
}

Test(checker, an_approved_purchase_that_was_reversed_though_nobody_asked_is_found) {
    BEGIN();
    bought(&past, 1, 100, 0);
    reversal(&past, 1, -100);
    expect_broken(&past, 1);
}

Test(checker, a_journaled_purchase_called_off_before_it_was_drained_needs_no_row) {
    BEGIN();
    approved(asked(&past, CALL_AUTHORIZE, 1, 100, 0), 5)->safety = SAFETY_JOURNALED;
    approved(asked(&past, CALL_REVERSE, 1, 0, 10), 15);
    row(&past, ENTRY_REVERSAL, 1, 0);
    expect_kept(&past);
}

/* ---- I3 ---- */

Test(checker, a_repeat_with_the_same_answer_is_good) {
    BEGIN();
    bought(&past, 1, 100, 0);
    approved(asked(&past, CALL_AUTHORIZE, 1, 100, 10), 15)->is_repeat = true;
    expect_kept(&past);
}

Test(checker, one_id_with_two_rows_is_found) {
    BEGIN();
    bought(&past, 1, 100, 0);
    row(&past, ENTRY_PURCHASE, 1, 100)->month = 202612;
    expect_broken(&past, 3);
}

Test(checker, a_row_that_nobody_asked_for_is_found) {
    BEGIN();
    row(&past, ENTRY_PURCHASE, 1, 100);
    expect_broken(&past, 3);
}

Test(checker, a_repeat_approved_for_another_amount_is_found) {
    BEGIN();
    bought(&past, 1, 100, 0)->allows_partial = true;
    struct operation *repeat = approved(asked(&past, CALL_AUTHORIZE, 1, 100, 10), 15);
    repeat->allows_partial = true;
    repeat->approved_minor = 60;
    expect_broken(&past, 3);
}

Test(checker, an_approval_after_a_decline_of_the_same_id_is_found) {
    BEGIN();
    declined(asked(&past, CALL_AUTHORIZE, 1, 100, 0), REASON_CREDIT_LIMIT, 5);
    bought(&past, 1, 100, 10);
    expect_broken(&past, 3);
    past.history.redis_was_lost = true;
    struct verdict_of_checker verdict = expect_kept(&past);
    cr_expect_eq(verdict.turned_declines, 1);
}

Test(checker, a_decline_of_what_was_recorded_is_found_unless_a_journal_brought_it_after_a_rebuild) {
    BEGIN();
    asked(&past, CALL_AUTHORIZE, 1, 100, 0);
    declined(asked(&past, CALL_AUTHORIZE, 1, 100, 10), REASON_CREDIT_LIMIT, 15);
    struct recorded *main = row(&past, ENTRY_PURCHASE, 1, 100);
    expect_broken(&past, 4);
    main->flags = ENTRY_STAND_IN;
    expect_broken(&past, 4);
    past.history.nodes_were_lost = true;
    struct verdict_of_checker verdict = expect_kept(&past);
    cr_expect_eq(verdict.turned_declines, 1);
}

Test(checker, a_decline_after_an_approval_of_the_same_id_is_found) {
    BEGIN();
    bought(&past, 1, 100, 0);
    declined(asked(&past, CALL_AUTHORIZE, 1, 100, 10), REASON_CREDIT_LIMIT, 15);
    expect_broken(&past, 3);
}

Test(checker, a_failed_answer_is_no_answer) {
    static const enum reason reasons[] = {REASON_BUSY, REASON_DEADLINE, REASON_UNAVAILABLE};
    BEGIN();
    for (int i = 0; i < 3; i++) {
        failed(asked(&past, CALL_AUTHORIZE, 1, 100, 10 * i), reasons[i], 10 * i + 5);
    }
    bought(&past, 1, 100, 40);
    struct verdict_of_checker verdict = expect_kept(&past);
    cr_expect_eq(verdict.failures, 3);
}

Test(checker, an_advice_after_a_decline_is_recorded_all_the_same) {
    BEGIN();
    declined(asked(&past, CALL_AUTHORIZE, 1, 100, 0), REASON_CREDIT_LIMIT, 5);
    approved(asked(&past, CALL_ADVISE, 1, 100, 10), 15);
    row(&past, ENTRY_ADVICE, 1, 100)->flags = ENTRY_FORCED;
    expect_kept(&past);
}

Test(checker, other_content_under_an_id_hears_id_reused) {
    BEGIN();
    bought(&past, 1, 100, 0);
    declined(asked(&past, CALL_AUTHORIZE, 1, 90, 10), REASON_ID_REUSED, 15);
    expect_kept(&past);
}

Test(checker, other_content_that_hears_anything_else_is_found) {
    BEGIN();
    bought(&past, 1, 100, 0);
    struct operation *other = declined(asked(&past, CALL_AUTHORIZE, 1, 90, 10), REASON_CREDIT_LIMIT, 15);
    expect_broken(&past, 3);
    approved(other, 15);
    expect_broken(&past, 3);
}

Test(checker, id_reused_without_other_content_is_found) {
    BEGIN();
    declined(asked(&past, CALL_AUTHORIZE, 1, 100, 0), REASON_ID_REUSED, 5);
    expect_broken(&past, 3);
}

Test(checker, the_same_content_under_another_client_is_other_content) {
    BEGIN();
    bought(&past, 1, 100, 0);
    struct operation *other = declined(asked(&past, CALL_AUTHORIZE, 1, 100, 10), REASON_ID_REUSED, 15);
    expect_broken(&past, 3);
    other->client = 2;
    expect_kept(&past);
}

Test(checker, reversed_is_good_when_another_attempt_may_have_been_undone) {
    BEGIN();
    failed(asked(&past, CALL_AUTHORIZE, 1, 100, 0), REASON_DEADLINE, 5);
    declined(asked(&past, CALL_AUTHORIZE, 1, 100, 10), REASON_REVERSED, 15);
    row(&past, ENTRY_REVERSAL, 1, 0);
    expect_kept(&past);
}

Test(checker, reversed_though_nobody_asked_and_nothing_failed_is_found) {
    BEGIN();
    declined(asked(&past, CALL_AUTHORIZE, 1, 100, 0), REASON_REVERSED, 5);
    expect_broken(&past, 3);
}

Test(checker, an_attempt_approved_and_another_reversed_by_the_switch_itself_is_found) {
    BEGIN();
    failed(asked(&past, CALL_AUTHORIZE, 1, 100, 0), REASON_DEADLINE, 5);
    declined(asked(&past, CALL_AUTHORIZE, 1, 100, 20), REASON_REVERSED, 30);
    bought(&past, 1, 100, 10)->answered_us = 40000;
    expect_broken(&past, 3);
}

Test(checker, what_was_asked_of_a_partial_approval_may_be_forgotten_with_redis) {
    BEGIN();
    struct operation *first = bought(&past, 1, 100, 0);
    struct operation *other = approved(asked(&past, CALL_AUTHORIZE, 1, 110, 10), 15);
    first->allows_partial = other->allows_partial = true;
    first->approved_minor = other->approved_minor = past.rows[0].amount_minor = 60;
    expect_broken(&past, 3);
    past.history.redis_was_lost = true;
    struct verdict_of_checker verdict = expect_kept(&past);
    cr_expect_eq(verdict.forgotten_amounts, 1);
    other->client = 2;
    expect_broken(&past, 3);
}

Test(checker, what_a_journal_approved_may_be_decided_twice_when_redis_is_lost_and_is_on_record) {
    BEGIN();
    struct operation *first = bought(&past, 1, 100, 0);
    struct operation *other = approved(asked(&past, CALL_AUTHORIZE, 1, 110, 10), 15);
    other->safety = SAFETY_JOURNALED;
    expect_broken(&past, 3);
    past.history.redis_was_lost = true;
    struct verdict_of_checker verdict = expect_kept(&past);
    cr_expect_eq(verdict.decided_twice, 1);
    other->safety = first->safety;
    expect_broken(&past, 3);
    other->safety = SAFETY_JOURNALED;
    other->amount_minor = other->approved_minor = first->amount_minor;
    past.history.recorded_count = 0;
    expect_broken(&past, 1);
}

/* ---- I4 ---- */

Test(checker, a_decline_without_a_row_is_good) {
    BEGIN();
    declined(asked(&past, CALL_AUTHORIZE, 1, 100, 0), REASON_CREDIT_LIMIT, 5);
    struct verdict_of_checker verdict = expect_kept(&past);
    cr_expect_eq(verdict.declines, 1);
}

Test(checker, a_decline_with_a_row_is_found) {
    static const enum reason reasons[] = {REASON_CREDIT_LIMIT, REASON_BAD_TIME, REASON_UNKNOWN_CREDENTIAL};
    for (int i = 0; i < 3; i++) {
        BEGIN();
        declined(asked(&past, CALL_AUTHORIZE, 1, 100, 0), reasons[i], 5);
        row(&past, ENTRY_PURCHASE, 1, 100);
        expect_broken(&past, 4);
    }
}

Test(checker, a_busy_answer_with_a_row_is_found) {
    BEGIN();
    failed(asked(&past, CALL_AUTHORIZE, 1, 100, 0), REASON_BUSY, 5);
    row(&past, ENTRY_PURCHASE, 1, 100);
    expect_broken(&past, 4);
}

/* ---- I6 ---- */

Test(checker, a_reversal_after_its_purchase_nets_it_to_zero) {
    BEGIN();
    bought(&past, 1, 100, 0);
    approved(asked(&past, CALL_REVERSE, 1, 0, 10), 15);
    reversal(&past, 1, -100);
    declined(asked(&past, CALL_AUTHORIZE, 1, 100, 20), REASON_REVERSED, 25);
    struct verdict_of_checker verdict = expect_kept(&past);
    cr_expect_eq(verdict.reversals, 1);
}

Test(checker, a_reversal_before_its_purchase_leaves_a_tombstone) {
    BEGIN();
    approved(asked(&past, CALL_REVERSE, 1, 0, 0), 5);
    row(&past, ENTRY_REVERSAL, 1, 0);
    declined(asked(&past, CALL_AUTHORIZE, 1, 100, 10), REASON_REVERSED, 15);
    expect_kept(&past);
}

Test(checker, an_acknowledged_reversal_whose_purchase_stands_is_found) {
    BEGIN();
    bought(&past, 1, 100, 0);
    approved(asked(&past, CALL_REVERSE, 1, 0, 10), 15);
    expect_broken(&past, 6);
}

Test(checker, a_reversal_of_less_than_the_purchase_is_found) {
    BEGIN();
    bought(&past, 1, 100, 0);
    approved(asked(&past, CALL_REVERSE, 1, 0, 10), 15);
    reversal(&past, 1, -90);
    expect_broken(&past, 6);
}

Test(checker, an_approval_after_an_acknowledged_reversal_is_found) {
    BEGIN();
    approved(asked(&past, CALL_REVERSE, 1, 0, 0), 5);
    bought(&past, 1, 100, 10);
    reversal(&past, 1, -100);
    expect_broken(&past, 6);
}

Test(checker, an_approval_after_reversed_was_heard_is_found) {
    BEGIN();
    asked(&past, CALL_REVERSE, 1, 0, 0);
    declined(asked(&past, CALL_AUTHORIZE, 1, 100, 10), REASON_REVERSED, 15);
    bought(&past, 1, 100, 20);
    reversal(&past, 1, -100);
    expect_broken(&past, 6);
}

Test(checker, a_journal_that_did_not_know_of_a_reversal_charges_nobody) {
    BEGIN();
    approved(asked(&past, CALL_REVERSE, 1, 0, 0), 5);
    row(&past, ENTRY_REVERSAL, 1, 0);
    struct operation *operation = approved(asked(&past, CALL_AUTHORIZE, 1, 100, 10), 15);
    operation->safety = SAFETY_JOURNALED;
    struct verdict_of_checker verdict = expect_kept(&past);
    cr_expect_eq(verdict.journaled_after_reversal, 1);
    operation->safety = SAFETY_COMMITTED;
    expect_broken(&past, 6);
}

/* ---- I7, I8 ---- */

Test(checker, an_answer_after_its_deadline_is_found) {
    BEGIN();
    bought(&past, 1, 100, 0)->answered_us = 1050000;
    expect_kept(&past);
    past.operations[0].answered_us++;
    expect_broken(&past, 7);
}

Test(checker, a_busy_answer_after_its_deadline_is_found) {
    BEGIN();
    failed(asked(&past, CALL_AUTHORIZE, 1, 100, 0), REASON_BUSY, 1051);
    expect_broken(&past, 8);
}

Test(checker, a_deadline_whose_row_was_undone_is_good) {
    BEGIN();
    failed(asked(&past, CALL_AUTHORIZE, 1, 100, 0), REASON_DEADLINE, 5);
    row(&past, ENTRY_PURCHASE, 1, 100);
    reversal(&past, 1, -100);
    expect_kept(&past);
}

Test(checker, a_deadline_whose_row_stands_is_found) {
    BEGIN();
    failed(asked(&past, CALL_AUTHORIZE, 1, 100, 0), REASON_DEADLINE, 5);
    row(&past, ENTRY_PURCHASE, 1, 100);
    expect_broken(&past, 7);
    past.history.nodes_were_lost = true;
    struct verdict_of_checker verdict = expect_kept(&past);
    cr_expect_eq(verdict.standing_after_crash, 1);
}

Test(checker, two_attempts_that_both_missed_their_deadline_may_stand_and_are_counted) {
    BEGIN();
    failed(asked(&past, CALL_AUTHORIZE, 1, 100, 0), REASON_DEADLINE, 5);
    failed(asked(&past, CALL_AUTHORIZE, 1, 100, 1), REASON_DEADLINE, 6);
    row(&past, ENTRY_PURCHASE, 1, 100);
    struct verdict_of_checker verdict = expect_kept(&past);
    cr_expect_eq(verdict.standing_after_failure, 1);
}

Test(checker, a_purchase_that_nobody_heard_of_may_stand_and_is_counted) {
    BEGIN();
    asked(&past, CALL_AUTHORIZE, 1, 100, 0);
    row(&past, ENTRY_PURCHASE, 1, 100);
    struct verdict_of_checker verdict = expect_kept(&past);
    cr_expect_eq(verdict.standing_unanswered, 1);
}
