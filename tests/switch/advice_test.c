/* SPDX-License-Identifier: Apache-2.0 */
/* DOMAIN F2: what a device approved by itself is recorded whatever the limits say. */
#include "shell.h"

#include <criterion/criterion.h>

static struct shell shell;

static void init(void) {
    shell_init(&shell);
}

static void finish(void) {
    shell_finish(&shell);
}

TestSuite(advice, .init = init, .fini = finish);

static struct advise advice_of(uint8_t number) {
    const struct authorize request = shell_request(&shell, number);
    return (struct advise){
        .reply_to = number,
        .id = request.id,
        .credential = request.credential,
        .amount = request.amount,
        .product = request.product,
        .place = request.place,
        .client = request.client,
        .client_channels = request.client_channels,
    };
}

static void advise(uint8_t number) {
    const struct advise request = advice_of(number);
    switch_advise(shell.core, shell.now, &request);
    shell_pass_time(&shell, 0); /* at which advices begin */
}

static void expect_followed(int32_t epoch) {
    const struct question *question = &shell.questions[shell.question_count - 1];
    cr_expect_eq(question->kind, QUESTION_APPLY);
    cr_expect_eq(question->amount_minor, 13000);
    cr_expect_eq(question->floor_epoch, epoch);
    cr_expect(request_id_equal(&question->id, &shell.entries[shell.entry_count - 1].id));
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(advice, is_recorded_first_and_the_counters_follow) {
    advise(1);
    cr_expect_eq(shell.questions[0].kind, QUESTION_SPENT);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE, .epoch = 3});
    cr_assert_eq(shell.entry_count, 1);
    cr_expect_eq(shell.entries[0].kind, ENTRY_ADVICE);
    cr_expect_eq(shell.entries[0].epoch, 0, "recorded under whatever epoch the fence has");
    cr_expect_eq(shell.entries[0].flags, 0);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED, .recorded_epoch = 3});
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_APPROVED);
    expect_followed(3);
}

Test(advice, that_does_not_fit_is_forced) {
    advise(1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE, .spent_minor = {95000, 0, 9000000, 0}});
    cr_expect_eq(shell.entries[0].flags, ENTRY_FORCED);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED, .recorded_epoch = 3});
    cr_expect_eq(shell_last_answer(&shell)->flags, ENTRY_FORCED);
    expect_followed(3);
}

Test(advice, of_a_credential_that_may_not_buy_is_forced) {
    shell.account.standing = REASON_BLOCKED;
    advise(1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(shell.entries[0].flags, ENTRY_FORCED);
}

Test(advice, of_a_channel_that_is_not_the_clients_is_declined) {
    struct advise request = advice_of(1);
    request.client_channels = 1u << CHANNEL_APP;
    switch_advise(shell.core, shell.now, &request);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_CHANNEL_NOT_ALLOWED);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(advice, is_recorded_while_redis_is_away) {
    switch_limits_up(shell.core, shell.now, false);
    advise(1);
    cr_assert_eq(shell.entry_count, 1);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED, .recorded_epoch = 3});
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_APPROVED);
    cr_expect_eq(shell.question_count, 0);
    switch_limits_up(shell.core, shell.now, true);
    expect_followed(3);
}

Test(advice, before_any_counters_were_built_is_left_to_their_building) {
    switch_limits_up(shell.core, shell.now, false);
    advise(1);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED, .recorded_epoch = 0});
    cr_expect_eq(switch_busy(shell.core), 0);
}

/* The month ended 21 days before; one that ended a few hours ago still takes it. */
Test(advice, of_a_month_that_is_closed_counts_late_in_this_one) {
    struct advise request = advice_of(1);
    const uint8_t random[10] = {1};
    request.id = request_id_make((struct instant){shell.now.instant.us - 30 * INT64_C(86400000000)}, random);
    switch_advise(shell.core, shell.now, &request);
    shell_pass_time(&shell, 0);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(shell.entries[0].month.yyyymm, 202611);
    cr_expect_eq(shell.entries[0].flags, ENTRY_LATE);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED, .recorded_epoch = 3});
    cr_expect_eq(shell.questions[1].day.yyyymmdd, 20261121);
}

Test(advice, of_a_month_that_ended_hours_ago_counts_in_it) {
    shell.now.instant.us = INT64_C(1796083200000000); /* 2026-12-01 01:00 in Stockholm */
    struct advise request = advice_of(1);
    const uint8_t random[10] = {1};
    request.id = request_id_make((struct instant){shell.now.instant.us - 2 * INT64_C(3600000000)}, random);
    switch_advise(shell.core, shell.now, &request);
    shell_pass_time(&shell, 0);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(shell.entries[0].month.yyyymm, 202611);
    cr_expect_eq(shell.entries[0].flags, 0);
}

Test(advice, of_a_clock_that_is_far_ahead_counts_now) {
    struct advise request = advice_of(1);
    const uint8_t random[10] = {1};
    request.id = request_id_make((struct instant){shell.now.instant.us + 400 * INT64_C(86400000000)}, random);
    switch_advise(shell.core, shell.now, &request);
    shell_pass_time(&shell, 0);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(shell.entries[0].month.yyyymm, 202611);
    cr_expect_eq(shell.entries[0].flags, ENTRY_LATE);
}

/* Where its authorization would count as well. */
Test(advice, of_a_clock_that_is_a_little_ahead_counts_in_the_month_of_its_id) {
    shell.now.instant.us = INT64_C(1796079300000000); /* 2026-11-30 23:55 in Stockholm */
    struct advise request = advice_of(1);
    const uint8_t random[10] = {1};
    request.id = request_id_make((struct instant){shell.now.instant.us + 9 * INT64_C(60000000)}, random);
    switch_advise(shell.core, shell.now, &request);
    shell_pass_time(&shell, 0);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(shell.entries[0].month.yyyymm, 202612);
    cr_expect_eq(shell.entries[0].flags, 0);
}

Test(advice, of_a_tap_that_is_on_record_is_a_repeat) {
    shell_authorize(&shell, 1);
    const struct content content = shell.questions[0].content;
    advise(1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_EXISTS, .amount_minor = 13000, .content = content});
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_APPROVED);
    cr_expect(shell_last_answer(&shell)->is_repeat);
}

Test(advice, under_the_id_of_another_purchase_names_the_field) {
    advise(1);
    struct content content = {.amount_minor = 1, .kind = ENTRY_PURCHASE};
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_EXISTS, .amount_minor = 1, .content = content});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_ID_REUSED);
    cr_expect_eq(shell_last_answer(&shell)->differs, FIELD_AMOUNT);
    cr_expect_eq(switch_busy(shell.core), 0);
}

/* I6. */
Test(advice, of_what_was_reversed_is_declined) {
    advise(1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_REVERSED});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_REVERSED);
    cr_expect_eq(switch_busy(shell.core), 0, "there was no row: nothing to count");
}

/* The reversal has taken off, or will, what only this request can count. */
Test(advice, whose_commit_was_not_heard_of_before_it_was_reversed_is_counted_still) {
    advise(1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    struct content content = shell.questions[0].content;
    shell_append_outcome(
        &shell, (struct outcome){
                    .kind = OUTCOME_REVERSED, .recorded_epoch = 3, .recorded_month = {202611}, .content = content});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_REVERSED);
    expect_followed(3);
}

/* Told of again when its month is over: it was counted there, and taken off there. */
Test(advice, that_was_reversed_in_another_month_counts_nothing) {
    advise(1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    const struct content content = shell.questions[0].content;
    shell_append_outcome(
        &shell, (struct outcome){
                    .kind = OUTCOME_REVERSED, .recorded_epoch = 3, .recorded_month = {202610}, .content = content});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_REVERSED);
    cr_expect_eq(shell.question_count, 1);
    cr_expect_eq(switch_busy(shell.core), 0);
}

/* Its amount would be taken for the other's. */
Test(advice, under_the_id_of_another_purchase_that_was_reversed_counts_nothing) {
    advise(1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    struct content content = shell.questions[0].content;
    content.amount_minor += 100;
    shell_append_outcome(
        &shell, (struct outcome){
                    .kind = OUTCOME_REVERSED, .recorded_epoch = 3, .recorded_month = {202611}, .content = content});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_REVERSED);
    cr_expect_eq(shell.question_count, 1);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(advice, past_its_deadline_is_recorded_and_counted_all_the_same) {
    advise(1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    shell_pass_time(&shell, 400000);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_DEADLINE);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED, .recorded_epoch = 3});
    expect_followed(3);
    cr_expect_eq(shell.answer_count, 1);
}

/* I8, and room is left for those who stand at a door. */
Test(advice, beyond_their_share_is_busy_and_purchases_are_not) {
    for (uint8_t number = 1; number <= 4; number++)
        advise(number);
    cr_assert_eq(shell.answer_count, 1);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_BUSY);
    shell_authorize(&shell, 5);
    cr_expect_eq(shell.answer_count, 1);
}
