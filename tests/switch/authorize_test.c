/* SPDX-License-Identifier: Apache-2.0 */
#include "shell.h"

#include <criterion/criterion.h>

static struct shell shell;

static void init(void) {
    shell_init(&shell);
}

static void finish(void) {
    shell_finish(&shell);
}

TestSuite(authorize, .init = init, .fini = finish);

static const struct outcome recorded = {.kind = OUTCOME_RECORDED};

static struct content content_of_first(void) {
    return shell.questions[0].content;
}

/* I1 */
Test(authorize, is_approved_only_when_the_record_has_committed) {
    shell_authorize(&shell, 1);
    cr_expect_eq(shell.answer_count, 0);
    shell_counted(&shell);
    cr_expect_eq(shell.answer_count, 0);
    shell_append_outcome(&shell, recorded);
    const struct answer *answer = shell_last_answer(&shell);
    cr_expect_eq(answer->decision, DECISION_APPROVED);
    cr_expect_eq(answer->safety, SAFETY_COMMITTED);
    cr_expect_eq(answer->amount_minor, 13000);
    cr_expect_eq(answer->limits[0].spent_minor, 13000);
    cr_expect_not(answer->is_repeat);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(authorize, records_under_the_epoch_it_was_counted_under) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    cr_expect_eq(shell.entries[0].epoch, 3);
    cr_expect_eq(shell.entries[0].month.yyyymm, 202611);
    cr_expect_eq(shell.entries[0].department, 5);
}

Test(authorize, a_refusal_names_the_first_limit_and_marks_the_others) {
    shell_authorize(&shell, 1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_REFUSED,
                                           .epoch = 3,
                                           .refusing = 1u << 1 | 1u << 3,
                                           .spent_minor = {0, 599900, 0, 1999000}});
    cr_expect_eq(shell.answer_count, 0, "told before it was checked");
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_ABSENT});
    const struct answer *answer = shell_last_answer(&shell);
    cr_expect_eq(answer->decision, DECISION_DECLINED);
    cr_expect_eq(answer->reason, REASON_TRAVELLER_LIMIT);
    cr_expect_eq(answer->deciding, 1);
    cr_expect(answer->limits[3].is_refusing);
    cr_expect_not(answer->limits[0].is_refusing);
    cr_expect_eq(answer->renews_at.us, calendar_month_begins((struct month){202612}).us);
    cr_expect_eq(shell.entry_count, 0);
    cr_expect_eq(shell.note_count, 1);
}

/* DESIGN 5: a divided Redis must not refuse what another node approved. */
Test(authorize, a_refusal_gives_way_to_a_row_that_another_node_recorded) {
    shell_authorize(&shell, 1);
    struct content content = content_of_first();
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_REFUSED, .epoch = 3, .refusing = 1});
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_EXISTS, .amount_minor = 13000, .content = content});
    cr_expect_eq(shell.answer_count, 0, "the row must be confirmed first");
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_EXISTS, .amount_minor = 13000, .content = content});
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_APPROVED);
    cr_expect(shell_last_answer(&shell)->is_repeat);
    cr_expect_eq(shell_last_answer(&shell)->deciding, -1);
    cr_expect_not(shell_last_answer(&shell)->limits[0].is_refusing);
}

Test(authorize, a_stale_refusal_is_decided_again_with_the_fence_as_floor) {
    shell_authorize(&shell, 1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_REFUSED, .epoch = 3, .refusing = 1});
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 9});
    cr_expect_eq(shell.answer_count, 0);
    cr_expect_eq(shell.questions[1].floor_epoch, 9);
}

/* The limits remember the first refusal, whatever their epoch. */
Test(authorize, a_stale_refusal_that_is_known_when_it_is_decided_again_is_no_repeat) {
    shell_authorize(&shell, 1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_REFUSED, .epoch = 3, .refusing = 1});
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 9});
    const struct memory memory = {.kind = MEMORY_REFUSED, .refusing = 1, .content = content_of_first()};
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 9, .memory = memory});
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_ABSENT});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_CREDIT_LIMIT);
    cr_expect_not(shell_last_answer(&shell)->is_repeat);
    cr_expect_eq(shell.note_count, 1);
}

Test(authorize, a_stale_row_is_authorized_again_and_later_requests_know_the_floor) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 8});
    cr_expect_eq(shell.questions[1].floor_epoch, 8);
    cr_expect(request_id_equal(&shell.questions[1].id, &shell.questions[0].id));
    shell_authorize(&shell, 2);
    cr_expect_eq(shell.questions[2].floor_epoch, 8);
}

Test(authorize, cold_counters_are_rebuilt_once_for_all_who_wait) {
    shell_authorize(&shell, 1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_COLD});
    shell_authorize(&shell, 2);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_COLD});
    cr_expect_eq(shell.sums_read_count, 1);
    const struct sums sums = {.organisation = 1, .month = {202611}, .epoch = 4};
    switch_sums_read(shell.core, shell.now, 1, sums.month, &sums);
    cr_expect_eq(shell.sums_written_count, 1);
    cr_expect_eq(shell.question_count, 2);
    switch_sums_written(shell.core, shell.now, 1, sums.month, 4, true);
    cr_expect_eq(shell.question_count, 4);
    cr_expect_eq(shell.questions[2].floor_epoch, 4);
}

Test(authorize, a_rebuild_that_failed_is_tried_again) {
    shell_authorize(&shell, 1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_COLD});
    switch_sums_read(shell.core, shell.now, 1, (struct month){202611}, NULL);
    cr_expect_eq(shell.question_count, 1);
    shell_pass_time(&shell, 20000);
    cr_expect_eq(shell.question_count, 2);
}

/* I3 */
Test(authorize, the_same_id_with_another_amount_is_refused_and_names_it) {
    shell_authorize(&shell, 1);
    struct memory memory = {.kind = MEMORY_COUNTED, .content = content_of_first()};
    memory.content.amount_minor = 30000;
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    cr_expect_eq(shell.answer_count, 0, "told by a Redis alone, which may be divided");
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_ABSENT});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_ID_REUSED);
    cr_expect_eq(shell_last_answer(&shell)->differs, FIELD_AMOUNT);
    cr_expect_eq(shell.entry_count, 0);
}

Test(authorize, a_repeat_is_approved_though_a_divided_redis_remembers_other_content_under_its_id) {
    shell_authorize(&shell, 1);
    struct memory memory = {.kind = MEMORY_COUNTED, .content = content_of_first()};
    memory.content.amount_minor = 30000;
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    const struct outcome in_records = {.kind = OUTCOME_EXISTS, .amount_minor = 13000, .content = content_of_first()};
    shell_check_outcome(&shell, in_records);
    shell_append_outcome(&shell, in_records);
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_APPROVED);
    cr_expect(shell_last_answer(&shell)->is_repeat);
}

Test(authorize, a_repeat_of_what_is_in_flight_elsewhere_records_the_same_row) {
    shell_authorize(&shell, 1);
    const struct memory memory = {.kind = MEMORY_COUNTED, .content = content_of_first()};
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    cr_expect_eq(shell.entry_count, 1);
    cr_expect_eq(shell.answer_count, 0);
    shell_append_outcome(&shell,
                         (struct outcome){.kind = OUTCOME_EXISTS, .amount_minor = 13000, .content = memory.content});
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_APPROVED);
    cr_expect(shell_last_answer(&shell)->is_repeat);
}

Test(authorize, a_remembered_refusal_stays_one) {
    shell_authorize(&shell, 1);
    const struct memory memory = {.kind = MEMORY_REFUSED, .refusing = 1, .content = content_of_first()};
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_ABSENT});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_CREDIT_LIMIT);
    cr_expect(shell_last_answer(&shell)->is_repeat);
    cr_expect_eq(shell.note_count, 0, "a repeat is no new refusal");
}

Test(authorize, a_repeat_is_one_though_the_counters_had_to_be_rebuilt_or_replaced_first) {
    shell_authorize(&shell, 1);
    const struct memory memory = {.kind = MEMORY_REFUSED, .refusing = 1, .content = content_of_first()};
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_COLD});
    switch_sums_read(shell.core, shell.now, 1, (struct month){202611}, NULL);
    shell_pass_time(&shell, 10000);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 4});
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 4, .memory = memory});
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_ABSENT});
    cr_expect(shell_last_answer(&shell)->is_repeat);
    cr_expect_eq(shell.note_count, 0);
}

Test(authorize, a_remembered_refusal_by_a_department_that_is_no_more_stays_one) {
    shell_authorize(&shell, 1);
    const struct memory memory = {.kind = MEMORY_REFUSED, .refusing = 1u << 9, .content = content_of_first()};
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_ABSENT});
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_DECLINED);
}

Test(authorize, two_copies_in_the_same_microsecond_append_rows_that_can_be_told_apart) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_authorize(&shell, 1);
    const struct memory memory = {.kind = MEMORY_COUNTED, .content = content_of_first()};
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    cr_assert_eq(shell.entry_count, 2);
    cr_expect_lt(shell.entries[0].appended_at.us, shell.entries[1].appended_at.us);
}

/* I6 */
Test(authorize, a_reversal_that_came_first_wins_and_the_count_is_taken_off) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_REVERSED});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_REVERSED);
    cr_expect_eq(shell.questions[1].kind, QUESTION_UNDO);
    cr_expect_eq(shell.questions[1].floor_epoch, 3);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(switch_busy(shell.core), 0);
}

/* What became of the row since, an expiry perhaps, only the reversal knows. */
Test(authorize, what_a_reversal_of_its_row_takes_off_is_not_taken_off_twice) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_REVERSED, .recorded_epoch = 3});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_REVERSED);
    cr_expect_eq(shell.question_count, 1);
    cr_expect_eq(switch_busy(shell.core), 0);
}

struct refusal_case {
    enum reason standing;
    uint32_t channels;
    enum reason told;
};

/* DOMAIN S1, S10, S12 */
Test(authorize, what_stands_against_the_credential_is_remembered_and_checked_like_any_refusal) {
    static const struct refusal_case cases[] = {
        {REASON_NOT_ACTIVATED, 1u << CHANNEL_CARD, REASON_NOT_ACTIVATED},
        {REASON_BLOCKED, 1u << CHANNEL_CARD, REASON_BLOCKED},
        {REASON_ENDED, 1u << CHANNEL_CARD, REASON_ENDED},
        {REASON_ORGANISATION_SUSPENDED, 1u << CHANNEL_CARD, REASON_ORGANISATION_SUSPENDED},
        {REASON_APPROVED, 1u << CHANNEL_APP, REASON_CHANNEL_NOT_ALLOWED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        shell.account.standing = cases[i].standing;
        struct authorize request = shell_request(&shell, (uint8_t)(i + 1));
        request.client_channels = cases[i].channels;
        switch_authorize(shell.core, shell.now, &request);
        cr_expect_eq(shell.questions[i].refusal, cases[i].told);
        shell_verdict(&shell, (struct verdict){.kind = VERDICT_REFUSED, .epoch = 1});
        shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_ABSENT});
        cr_expect_eq(shell_last_answer(&shell)->reason, cases[i].told);
        cr_expect_eq(shell_last_answer(&shell)->deciding, -1);
    }
}

Test(authorize, what_follows_from_the_request_alone_asks_nobody) {
    struct authorize request = shell_request(&shell, 1);
    request.amount.currency = (struct currency){"NOK"};
    switch_authorize(shell.core, shell.now, &request);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_CURRENCY_MISMATCH);
    request = shell_request(&shell, 2);
    request.amount.minor = 10000001;
    switch_authorize(shell.core, shell.now, &request);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_INVALID_AMOUNT);
    request = shell_request(&shell, 3);
    request.credential.card = 0;
    switch_authorize(shell.core, shell.now, &request);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_UNKNOWN_CREDENTIAL);
    cr_expect_eq(shell.question_count, 0);
    cr_expect_eq(switch_busy(shell.core), 0);
}

/* DESIGN 6 */
Test(authorize, an_id_out_of_its_window_is_bad_time_unless_it_is_a_repeat) {
    const struct authorize request = shell_request(&shell, 1);
    shell_pass_time(&shell, 601 * INT64_C(1000000));
    switch_authorize(shell.core, shell.now, &request);
    cr_expect_eq(shell.questions[0].kind, QUESTION_RECALL);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_UNKNOWN});
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_ABSENT});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_BAD_TIME);

    switch_authorize(shell.core, shell.now, &request);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_UNKNOWN});
    const struct outcome exists = {.kind = OUTCOME_EXISTS, .amount_minor = 13000, .content = content_of_first()};
    shell_check_outcome(&shell, exists);
    shell_append_outcome(&shell, exists);
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_APPROVED);
    cr_expect_eq(shell.sums_read_count, 0);
}

/* DOMAIN S5 */
Test(authorize, counts_in_the_month_of_its_id_also_when_repeated_after_midnight) {
    shell.now.instant.us = calendar_month_begins((struct month){202612}).us - 100000;
    const struct authorize last_of_month = shell_request(&shell, 1);
    switch_authorize(shell.core, shell.now, &last_of_month);
    cr_expect_eq(shell.questions[0].day.yyyymmdd, 20261130);
    shell_counted(&shell);
    shell_append_outcome(&shell, recorded);
    cr_expect_eq(shell.entries[0].month.yyyymm, 202611);

    shell_pass_time(&shell, 200000);
    shell_authorize(&shell, 2);
    cr_expect_eq(shell.questions[1].day.yyyymmdd, 20261201);
    shell_counted(&shell);
    shell_append_outcome(&shell, recorded);
    cr_expect_eq(shell.entries[1].month.yyyymm, 202612);

    switch_authorize(shell.core, shell.now, &last_of_month);
    cr_expect_eq(shell.questions[2].day.yyyymmdd, 20261130);
    const struct memory memory = {.kind = MEMORY_COUNTED, .content = content_of_first()};
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
    cr_expect_eq(shell.entries[2].month.yyyymm, 202611);
}

/* I8 */
Test(authorize, more_requests_than_there_is_room_for_are_busy_at_once) {
    for (uint8_t i = 1; i <= 4; i++)
        shell_authorize(&shell, i);
    cr_expect_eq(shell.answer_count, 0);
    shell_authorize(&shell, 5);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_BUSY);
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_FAILED);
    cr_expect_eq(switch_busy(shell.core), 4);
}

Test(authorize, the_balance_gives_what_every_limit_stands_at) {
    const struct balance balance = {.reply_to = 9,
                                    .credential = {.kind = CREDENTIAL_CARD, .card = 1},
                                    .client = 7,
                                    .client_channels = 1u << CHANNEL_CARD};
    switch_balance(shell.core, shell.now, &balance);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE, .spent_minor = {1, 2, 3, 4}});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_APPROVED);
    cr_expect_eq(shell_last_answer(&shell)->limits[3].spent_minor, 4);
    cr_expect_eq(shell.entry_count + shell.check_count, 0);
}
