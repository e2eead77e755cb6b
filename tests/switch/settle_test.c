/* SPDX-License-Identifier: Apache-2.0 */
/* Holds and what follows an entry: PostgreSQL decides, then the counters follow, once. */
#include "shell.h"

#include <criterion/criterion.h>

static struct shell shell;

static void init(void) {
    shell_init(&shell);
}

static void finish(void) {
    shell_finish(&shell);
}

TestSuite(settle, .init = init, .fini = finish);

#define PAST_DEADLINE_US 400000

static struct settle settle_request(enum entry_kind kind) {
    const struct authorize original = shell_request(&shell, 1);
    const struct authorize own = shell_request(&shell, 2);
    return (struct settle){
        .reply_to = 9,
        .kind = kind,
        .id = kind == ENTRY_REVERSAL ? original.id : own.id,
        .original = original.id,
        .has_credential = true,
        .credential = original.credential,
        .client = 7,
    };
}

static void settle(enum entry_kind kind) {
    const struct settle request = settle_request(kind);
    switch_settle(shell.core, shell.now, &request);
}

static struct outcome settled(int64_t amount_minor, int64_t effect_minor) {
    return (struct outcome){
        .kind = OUTCOME_SETTLED,
        .amount_minor = amount_minor,
        .remaining_minor = 500,
        .effect = {.id = settle_request(ENTRY_CAPTURE).id,
                   .day = {20261121},
                   .payer = {1, 5, 20, 30},
                   .amount_minor = effect_minor,
                   .epoch = 3},
    };
}

Test(settle, a_hold_is_a_purchase_that_expires_at_a_time_every_retry_names) {
    struct authorize request = shell_request(&shell, 1);
    request.is_hold = true;
    switch_authorize(shell.core, shell.now, &request);
    shell_counted(&shell);
    cr_expect_eq(shell.entries[0].kind, ENTRY_HOLD);
    struct instant expected = {request_id_time(&request.id).us + 900 * INT64_C(1000000)};
    cr_expect_eq(shell.entries[0].expires_at.us, expected.us);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    cr_expect_eq(shell_last_answer(&shell)->expires_at.us, expected.us);
    shell_pass_time(&shell, 1000000);
    switch_authorize(shell.core, shell.now, &request);
    shell_counted(&shell);
    cr_expect_eq(shell.entries[1].expires_at.us, expected.us);
}

Test(settle, a_hold_may_not_ask_for_longer_than_the_setting) {
    struct authorize request = shell_request(&shell, 1);
    request.is_hold = true;
    request.hold_us = INT64_C(86400000000);
    switch_authorize(shell.core, shell.now, &request);
    shell_counted(&shell);
    cr_expect_eq(shell.entries[0].expires_at.us, request_id_time(&request.id).us + 3600 * INT64_C(1000000));
}

Test(settle, a_purchase_under_the_id_of_a_hold_is_another_request) {
    struct authorize request = shell_request(&shell, 1);
    request.is_hold = true;
    switch_authorize(shell.core, shell.now, &request);
    struct memory memory = {.kind = MEMORY_COUNTED, .content = shell.questions[0].content};
    request.is_hold = false;
    switch_authorize(shell.core, shell.now, &request);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_ABSENT});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_ID_REUSED);
    cr_expect_eq(shell_last_answer(&shell)->differs, FIELD_KIND);
}

Test(settle, is_told_when_it_is_committed_and_then_the_counters_follow) {
    settle(ENTRY_CAPTURE);
    cr_assert_eq(shell.settlement_count, 1);
    cr_expect_eq(shell.settlements[0].organisation, 1);
    cr_expect_eq(shell.settlements[0].month.yyyymm, 202611);
    cr_expect_eq(shell.answer_count, 0);
    shell_settlement_outcome(&shell, settled(8000, -5000));
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_APPROVED);
    cr_expect_eq(shell_last_answer(&shell)->amount_minor, 8000);
    cr_expect_eq(shell_last_answer(&shell)->remaining_minor, 500);
    cr_assert_eq(shell.question_count, 1);
    const struct question *question = &shell.questions[0];
    cr_expect_eq(question->kind, QUESTION_APPLY);
    cr_expect_eq(question->amount_minor, -5000);
    cr_expect_eq(question->floor_epoch, 3);
    cr_expect_eq(question->limit_count, 4);
    const struct settle own = settle_request(ENTRY_CAPTURE);
    cr_expect(request_id_equal(&question->id, &own.id));
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(settle, that_changes_no_usage_asks_redis_nothing) {
    settle(ENTRY_CAPTURE);
    shell_settlement_outcome(&shell, settled(13000, 0));
    cr_expect_eq(shell.question_count, 0);
    cr_expect_eq(switch_busy(shell.core), 0);
}

/* Who did it first may never have heard of its commit; by its id the counters follow it once. */
Test(settle, a_repeat_is_told_the_same_and_followed_under_the_same_id) {
    settle(ENTRY_VOID);
    struct outcome outcome = settled(13000, -13000);
    outcome.is_repeat = true;
    shell_settlement_outcome(&shell, outcome);
    cr_expect(shell_last_answer(&shell)->is_repeat);
    cr_assert_eq(shell.question_count, 1);
    const struct settle own = settle_request(ENTRY_VOID);
    cr_expect(request_id_equal(&shell.questions[0].id, &own.id));
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(switch_busy(shell.core), 0);
}

/* The record gives it no amount any more. */
Test(settle, a_repeat_that_the_counters_may_have_forgotten_is_not_followed) {
    settle(ENTRY_VOID);
    struct outcome outcome = settled(13000, 0);
    outcome.is_repeat = true;
    shell_settlement_outcome(&shell, outcome);
    cr_expect_eq(shell.question_count, 0);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(settle, what_can_not_be_is_declined_with_what_is_left) {
    settle(ENTRY_CAPTURE);
    shell_settlement_outcome(
        &shell, (struct outcome){.kind = OUTCOME_DECLINED, .reason = REASON_AMOUNT_EXCEEDED, .remaining_minor = 700});
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_DECLINED);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_AMOUNT_EXCEEDED);
    cr_expect_eq(shell_last_answer(&shell)->remaining_minor, 700);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(settle, counters_that_were_lost_on_the_way_are_asked_again_under_the_same_epoch) {
    settle(ENTRY_VOID);
    shell_settlement_outcome(&shell, settled(13000, -13000));
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_LOST});
    shell_pass_time(&shell, 20000);
    cr_assert_eq(shell.question_count, 2);
    cr_expect_eq(shell.questions[1].kind, QUESTION_APPLY);
    cr_expect_eq(shell.questions[1].floor_epoch, 3);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(switch_busy(shell.core), 0);
}

/* The counters that are about to come may be of the row's own epoch, and lack it. */
Test(settle, cold_counters_are_built_anew_before_an_effect_is_left_to_them) {
    settle(ENTRY_VOID);
    shell_settlement_outcome(&shell, settled(13000, -13000));
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_COLD});
    cr_assert_eq(shell.sums_read_count, 1);
    const struct sums sums = {.organisation = 1, .month = {202611}, .epoch = 4};
    switch_sums_read(shell.core, shell.now, 1, (struct month){202611}, &sums);
    switch_sums_written(shell.core, shell.now, 1, (struct month){202611}, 4, true);
    cr_assert_eq(shell.question_count, 2);
    cr_expect_eq(shell.questions[1].kind, QUESTION_APPLY);
    cr_expect_eq(shell.questions[1].floor_epoch, 3, "they hold it by their own epoch");
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(switch_busy(shell.core), 0);
}

/* I7: nothing to undo, and what was freed is still followed. */
Test(settle, past_its_deadline_the_counters_still_follow) {
    settle(ENTRY_VOID);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_DEADLINE);
    shell_settlement_outcome(&shell, settled(13000, -13000));
    cr_expect_eq(shell.answer_count, 1);
    cr_expect_eq(shell.question_count, 1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(settle, waits_for_a_record_that_is_away_until_its_deadline) {
    switch_record_up(shell.core, shell.now, false);
    settle(ENTRY_VOID);
    cr_expect_eq(shell.settlement_count, 0);
    switch_record_up(shell.core, shell.now, true);
    cr_expect_eq(shell.settlement_count, 1);
    shell_settlement_outcome(&shell, settled(13000, 0));
    switch_record_up(shell.core, shell.now, false);
    settle(ENTRY_VOID);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_UNAVAILABLE);
    cr_expect_eq(switch_busy(shell.core), 0);
}

/* I6. */
Test(settle, a_reversal_takes_its_purchase_off_and_its_id_is_remembered_so) {
    settle(ENTRY_REVERSAL);
    shell_settlement_outcome(&shell, settled(13000, -13000));
    cr_assert_eq(shell.question_count, 1);
    cr_expect_eq(shell.questions[0].kind, QUESTION_UNDO);
    cr_expect_eq(shell.questions[0].amount_minor, 13000);
    cr_expect(shell.questions[0].was_recorded);
    const struct authorize original = shell_request(&shell, 1);
    cr_expect(request_id_equal(&shell.questions[0].id, &original.id));
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(settle, a_reversal_of_a_late_advice_is_followed_in_the_month_that_counted_it) {
    settle(ENTRY_REVERSAL);
    struct outcome outcome = settled(13000, -13000);
    outcome.effect.day.yyyymmdd = 20261203;
    shell_settlement_outcome(&shell, outcome);
    cr_assert_eq(shell.question_count, 1);
    cr_expect_eq(shell.questions[0].day.yyyymmdd, 20261203);
}

Test(settle, a_reversal_that_came_first_is_remembered_and_takes_off_what_was_counted_meanwhile) {
    settle(ENTRY_REVERSAL);
    struct outcome outcome = settled(0, 0);
    outcome.is_tombstone = true;
    shell_settlement_outcome(&shell, outcome);
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_APPROVED);
    cr_assert_eq(shell.question_count, 1);
    cr_expect_eq(shell.questions[0].kind, QUESTION_UNDO);
    cr_expect_not(shell.questions[0].was_recorded);
    cr_expect_eq(shell.questions[0].limit_count, 4);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(settle, a_purchase_whose_reversal_came_first_is_declined_whatever_it_says) {
    shell_authorize(&shell, 1);
    struct memory memory = {.kind = MEMORY_REVERSED};
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_REVERSED);
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_DECLINED);
}

Test(settle, a_refund_names_the_oldest_open_month_and_the_current_one) {
    static const struct {
        int64_t hours;
        int32_t open, current;
    } cases[] = {{-1, 202610, 202610}, {1, 202610, 202611}, {11, 202610, 202611}, {12, 202611, 202611}};
    int64_t november_us = calendar_month_begins((struct month){202611}).us;
    const struct settle request = settle_request(ENTRY_REFUND);
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        shell.now.instant.us = november_us + cases[at].hours * INT64_C(3600000000);
        switch_settle(shell.core, shell.now, &request);
        cr_expect_eq(shell.settlements[at].open_month.yyyymm, cases[at].open);
        cr_expect_eq(shell.settlements[at].charged_month.yyyymm, cases[at].current);
    }
}

Test(settle, what_is_no_refund_belongs_to_the_month_of_its_original) {
    settle(ENTRY_CAPTURE);
    cr_expect_eq(shell.settlements[0].open_month.yyyymm, 0);
    cr_expect_eq(shell.settlements[0].charged_month.yyyymm, 0);
}

static struct request_id id_in(int64_t days) {
    const uint8_t random[10] = {1};
    return request_id_make((struct instant){shell.now.instant.us + days * INT64_C(86400000000)}, random);
}

/* An advice of the next month may be on record in this one; of a later month nothing is. */
Test(settle, of_a_month_after_the_next_is_bad_time_and_asks_the_record_nothing) {
    static const enum entry_kind kinds[] = {ENTRY_CAPTURE, ENTRY_VOID, ENTRY_REFUND, ENTRY_REVERSAL};
    for (int at = 0; at < 4; at++) {
        struct settle request = settle_request(kinds[at]);
        request.original = id_in(41); /* 1 January */
        switch_settle(shell.core, shell.now, &request);
        cr_assert_eq(shell.answer_count, at + 1);
        cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_DECLINED);
        cr_expect_eq(shell_last_answer(&shell)->reason, REASON_BAD_TIME);
    }
    cr_expect_eq(shell.settlement_count, 0);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(settle, of_the_next_month_and_of_any_that_is_over_is_asked_of_the_record) {
    static const int64_t days[] = {40, -40, -20000};
    static const int32_t months[] = {202612, 202610, 197202};
    for (int at = 0; at < 3; at++) {
        struct settle request = settle_request(ENTRY_REVERSAL);
        request.id = request.original = id_in(days[at]);
        switch_settle(shell.core, shell.now, &request);
        cr_assert_eq(shell.settlement_count, at + 1);
        cr_expect_eq(shell.settlements[at].month.yyyymm, months[at]);
    }
}

Test(settle, of_an_unknown_credential_is_declined_at_once) {
    struct settle request = settle_request(ENTRY_VOID);
    request.credential.card = 0;
    switch_settle(shell.core, shell.now, &request);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_UNKNOWN_CREDENTIAL);
    request.has_credential = false;
    switch_settle(shell.core, shell.now, &request);
    cr_expect_eq(shell.settlements[0].organisation, 0, "the record finds it");
}

Test(settle, an_expired_hold_is_followed_by_the_counters) {
    const struct effect effect = settled(0, -13000).effect;
    switch_effect(shell.core, shell.now, &effect);
    cr_assert_eq(shell.question_count, 1);
    cr_expect_eq(shell.questions[0].kind, QUESTION_APPLY);
    cr_expect_eq(shell.questions[0].amount_minor, -13000);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(switch_busy(shell.core), 0);
    cr_expect_eq(shell.answer_count, 0);
}

Test(settle, a_rebuild_that_is_asked_for_is_done_once_at_a_time) {
    switch_rebuild(shell.core, shell.now, 1, (struct month){202611});
    switch_rebuild(shell.core, shell.now, 1, (struct month){202611});
    cr_expect_eq(shell.sums_read_count, 1);
    const struct sums sums = {.organisation = 1, .month = {202611}, .epoch = 4};
    switch_sums_read(shell.core, shell.now, 1, (struct month){202611}, &sums);
    switch_sums_written(shell.core, shell.now, 1, (struct month){202611}, 4, true);
    switch_rebuild(shell.core, shell.now, 1, (struct month){202611});
    cr_expect_eq(shell.sums_read_count, 2);
}

Test(settle, counters_that_are_wrong_are_built_from_the_rows_and_those_ahead_of_need_from_sums) {
    switch_rebuild(shell.core, shell.now, 1, (struct month){202611});
    cr_expect(shell.sums_from_rows);
    switch_prepare(shell.core, shell.now, 1, (struct month){202612});
    cr_expect_not(shell.sums_from_rows);
    cr_expect_eq(shell.sums_read_count, 2);
}

/* ---- partial approval and double tap ---- */

Test(settle, a_partial_approval_is_recorded_and_told_as_what_was_left) {
    struct authorize request = shell_request(&shell, 1);
    request.allows_partial = true;
    switch_authorize(shell.core, shell.now, &request);
    cr_expect(shell.questions[0].allows_partial);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_COUNTED, .epoch = 3, .approved_minor = 4000});
    cr_expect_eq(shell.entries[0].amount_minor, 4000);
    cr_expect_eq(shell.entries[0].flags, ENTRY_PARTIAL);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    cr_expect_eq(shell_last_answer(&shell)->amount_minor, 4000);
}

Test(settle, a_repeat_of_a_partial_approval_is_told_the_same_whoever_remembers_it) {
    struct authorize request = shell_request(&shell, 1);
    request.allows_partial = true;
    switch_authorize(shell.core, shell.now, &request);
    struct memory memory = {.kind = MEMORY_COUNTED, .approved_minor = 4000, .content = shell.questions[0].content};
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    cr_expect_eq(shell.entries[0].amount_minor, 4000);
    memory.content.amount_minor = 4000; /* as the records have it */
    switch_authorize(shell.core, shell.now, &request);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    cr_expect_eq(shell.entries[1].amount_minor, 4000);
    shell_append_outcome(
        &shell, (struct outcome){
                    .kind = OUTCOME_EXISTS, .amount_minor = 4000, .flags = ENTRY_PARTIAL, .content = memory.content});
    cr_expect_eq(shell_last_answer(&shell)->amount_minor, 4000);
    cr_expect(shell_last_answer(&shell)->is_repeat);
    request.allows_partial = false;
    switch_authorize(shell.core, shell.now, &request);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_ABSENT});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_ID_REUSED);
}

/* The records know of it what was approved, Redis what was asked for. */
Test(settle, a_partial_approval_asked_for_again_with_another_amount_is_refused_by_who_remembers_the_first) {
    struct authorize request = shell_request(&shell, 1);
    request.allows_partial = true;
    switch_authorize(shell.core, shell.now, &request);
    struct memory memory = {.kind = MEMORY_COUNTED, .approved_minor = 4000, .content = shell.questions[0].content};
    memory.content.amount_minor += 100;
    struct content recorded = memory.content;
    recorded.amount_minor = 4000;
    const struct outcome in_records = {
        .kind = OUTCOME_EXISTS, .amount_minor = 4000, .flags = ENTRY_PARTIAL, .content = recorded};
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    shell_check_outcome(&shell, in_records);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_ID_REUSED);
    cr_expect_eq(shell_last_answer(&shell)->differs, FIELD_AMOUNT);
    memory.approved_minor = 5000; /* of a divided Redis */
    switch_authorize(shell.core, shell.now, &request);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    shell_check_outcome(&shell, in_records);
    shell_append_outcome(&shell, in_records);
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_APPROVED);
}

/* DOMAIN F4. */
Test(settle, a_double_tap_is_checked_in_the_records_and_told) {
    struct authorize request = shell_request(&shell, 1);
    request.tap_window_us = 15000000;
    switch_authorize(shell.core, shell.now, &request);
    cr_expect_eq(shell.questions[0].tap_window_us, 15000000);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_REFUSED, .epoch = 3, .reason = REASON_DOUBLE_TAP});
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_ABSENT});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_DOUBLE_TAP);
    cr_expect_eq(shell_last_answer(&shell)->limit_count, 0);
}
