/* SPDX-License-Identifier: Apache-2.0 */
/* In time or undone (I7), whatever is under way when the deadline passes. */
#include "shell.h"

#include <criterion/criterion.h>

static struct shell shell;

static void init(void) {
    shell_init(&shell);
}

static void finish(void) {
    shell_finish(&shell);
}

TestSuite(deadline, .init = init, .fini = finish);

#define PAST_DEADLINE_US 400000

static void expect_undone_and_gone(int32_t fence_epoch, bool had_row) {
    cr_assert_eq(shell.undo_count, 1);
    int asked = shell.question_count;
    shell_undo_outcome(&shell, (struct outcome){.kind = OUTCOME_UNDONE,
                                                .epoch = fence_epoch,
                                                .had_row = had_row,
                                                .amount_minor = had_row ? 9000 : 0});
    cr_assert_eq(shell.question_count, asked + 1);
    const struct question *lowering = &shell.questions[asked];
    cr_expect_eq(lowering->kind, QUESTION_UNDO);
    cr_expect_eq(lowering->floor_epoch, fence_epoch);
    cr_expect_eq(lowering->was_recorded, had_row);
    /* Of a row, what its reversal took off, though a refund had lowered it before. */
    cr_expect_eq(lowering->amount_minor, had_row ? 9000 : 13000);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(switch_busy(shell.core), 0);
    cr_expect_eq(shell.answer_count, 1, "answered more than once");
}

Test(deadline, is_answered_before_it_passes) {
    shell_authorize(&shell, 1);
    cr_expect_leq(switch_next_tick(shell.core).us, shell.now.tick.us + 395000);
    shell_pass_time(&shell, 393000);
    cr_expect_eq(shell.answer_count, 0);
    shell_pass_time(&shell, 2000);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_DEADLINE);
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_FAILED);
}

Test(deadline, a_request_may_ask_for_a_shorter_one_but_not_for_longer_than_the_setting) {
    struct authorize request = shell_request(&shell, 1);
    request.timeout_us = 50000;
    switch_authorize(shell.core, shell.now, &request);
    request = shell_request(&shell, 2);
    request.timeout_us = INT64_C(3600000000);
    switch_authorize(shell.core, shell.now, &request);
    shell_pass_time(&shell, 46000);
    cr_expect_eq(shell.answer_count, 1);
    shell_pass_time(&shell, INT64_C(10000000));
    cr_expect_eq(shell.answer_count, 2);
}

Test(deadline, while_the_limits_count_the_count_is_undone) {
    shell_authorize(&shell, 1);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    shell_counted(&shell);
    cr_expect_eq(shell.entry_count, 0);
    expect_undone_and_gone(3, false);
}

Test(deadline, while_the_limits_refuse_nothing_is_left_to_undo) {
    shell_authorize(&shell, 1);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_REFUSED, .refusing = 1});
    cr_expect_eq(shell.undo_count, 0);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(deadline, while_the_record_writes_the_row_is_reversed) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    cr_expect_eq(shell.undo_count, 0, "what the record owes is awaited");
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    cr_expect_eq(shell.undos[0].appended_at.us, shell.entries[0].appended_at.us);
    expect_undone_and_gone(3, true);
}

Test(deadline, a_stale_row_leaves_a_tombstone_so_that_nothing_late_can_charge) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 6});
    expect_undone_and_gone(6, false);
}

Test(deadline, anothers_row_is_left_alone) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_EXISTS, .content = shell.questions[0].content});
    cr_expect_eq(shell.undo_count, 0);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(deadline, a_row_that_another_confirmed_is_kept_and_nothing_is_lowered) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    shell_undo_outcome(&shell, (struct outcome){.kind = OUTCOME_UNDONE, .epoch = 3, .is_kept = true});
    cr_expect_eq(shell.question_count, 1);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(deadline, while_the_counters_are_rebuilt_nothing_is_left_to_undo) {
    shell_authorize(&shell, 1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_COLD});
    shell_pass_time(&shell, PAST_DEADLINE_US);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_DEADLINE);
    cr_expect_eq(switch_busy(shell.core), 0);
    switch_sums_read(shell.core, shell.now, 1, (struct month){202611}, NULL);
    cr_expect_eq(shell.question_count, 1);
}

Test(deadline, with_the_record_away_nothing_is_counted_and_the_answer_is_unavailable) {
    switch_record_up(shell.core, shell.now, false);
    shell_authorize(&shell, 1);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    cr_expect_eq(shell.question_count, 0);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_UNAVAILABLE);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(deadline, a_request_that_waits_for_the_record_goes_on_when_it_is_back) {
    switch_record_up(shell.core, shell.now, false);
    shell_authorize(&shell, 1);
    shell_pass_time(&shell, 100000);
    switch_record_up(shell.core, shell.now, true);
    cr_expect_eq(shell.question_count, 1);
    shell_counted(&shell);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_APPROVED);
}

Test(deadline, a_question_that_was_lost_is_asked_again_under_the_same_id) {
    shell_authorize(&shell, 1);
    switch_limits_up(shell.core, shell.now, false);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_LOST});
    switch_limits_up(shell.core, shell.now, true);
    cr_expect_eq(shell.question_count, 2);
    cr_expect(request_id_equal(&shell.questions[1].id, &shell.questions[0].id));
}

static void lose_answer(void) {
    switch_limits_up(shell.core, shell.now, false);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_LOST});
    switch_limits_up(shell.core, shell.now, true);
}

static void answer_known(enum memory_kind kind) {
    const struct memory memory = {
        .kind = kind, .refusing = kind == MEMORY_REFUSED ? 1 : 0, .content = shell.questions[0].content};
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_KNOWN, .epoch = 3, .memory = memory});
}

Test(deadline, a_refusal_whose_answer_was_lost_is_told_and_noted_as_the_first) {
    shell_authorize(&shell, 1);
    lose_answer();
    answer_known(MEMORY_REFUSED);
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_ABSENT});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_CREDIT_LIMIT);
    cr_expect_not(shell_last_answer(&shell)->is_repeat);
    cr_expect_eq(shell.note_count, 1);
}

Test(deadline, a_count_whose_answer_was_lost_is_told_as_the_first_when_its_row_is_new) {
    shell_authorize(&shell, 1);
    lose_answer();
    answer_known(MEMORY_COUNTED);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_APPROVED);
    cr_expect_not(shell_last_answer(&shell)->is_repeat);
}

Test(deadline, a_repeat_whose_answer_was_lost_is_told_as_one_when_its_row_is_anothers) {
    shell_authorize(&shell, 1);
    lose_answer();
    answer_known(MEMORY_COUNTED);
    shell_append_outcome(
        &shell, (struct outcome){.kind = OUTCOME_EXISTS, .amount_minor = 13000, .content = shell.questions[0].content});
    cr_expect(shell_last_answer(&shell)->is_repeat);
}

Test(deadline, a_question_that_only_recalls_and_was_lost_makes_no_repeat_a_first) {
    const struct authorize request = shell_request(&shell, 1);
    shell_pass_time(&shell, 601 * INT64_C(1000000));
    switch_authorize(shell.core, shell.now, &request);
    cr_assert_eq(shell.questions[0].kind, QUESTION_RECALL);
    lose_answer();
    answer_known(MEMORY_REFUSED);
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_ABSENT});
    cr_expect(shell_last_answer(&shell)->is_repeat);
    cr_expect_eq(shell.note_count, 0);
}

Test(deadline, what_waited_for_the_record_after_it_was_counted_is_told_as_the_first) {
    shell_authorize(&shell, 1);
    switch_record_up(shell.core, shell.now, false);
    shell_counted(&shell);
    switch_record_up(shell.core, shell.now, true);
    cr_assert_eq(shell.question_count, 2);
    answer_known(MEMORY_COUNTED);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_APPROVED);
    cr_expect_not(shell_last_answer(&shell)->is_repeat);
}

Test(deadline, a_question_that_was_lost_for_good_may_have_counted_and_is_undone) {
    shell_authorize(&shell, 1);
    switch_limits_up(shell.core, shell.now, false);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_LOST});
    shell_pass_time(&shell, PAST_DEADLINE_US);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_UNAVAILABLE);
    cr_assert_eq(shell.undo_count, 1);
    shell_undo_outcome(&shell, (struct outcome){.kind = OUTCOME_UNDONE, .epoch = 3});
    cr_expect_eq(shell.question_count, 1, "Redis is away");
    switch_limits_up(shell.core, shell.now, true);
    cr_expect_eq(shell.questions[1].kind, QUESTION_UNDO);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_COLD});
    cr_expect_eq(shell.sums_read_count, 1, "a rebuild reads the tombstone");
}

Test(deadline, a_row_the_record_cannot_take_fails_and_is_undone) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_REFUSED});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_UNAVAILABLE);
    expect_undone_and_gone(3, false);
}

Test(deadline, an_undo_the_record_cannot_take_either_is_left_to_the_audit) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_REFUSED});
    shell_undo_outcome(&shell, (struct outcome){.kind = OUTCOME_REFUSED});
    cr_expect_eq(shell.undo_count, 1);
    cr_expect_eq(shell.question_count, 1, "what is not undone in the record is lowered nowhere");
    cr_expect_eq(shell.answer_count, 1, "answered more than once");
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(deadline, many_deadlines_pass_after_a_long_pause) {
    for (uint8_t i = 1; i <= 4; i++)
        shell_authorize(&shell, i);
    shell.now.tick.us += INT64_C(3600000000);
    shell.now.instant.us += INT64_C(3600000000);
    shell_authorize(&shell, 5);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_BUSY);
    switch_tick(shell.core, shell.now);
    cr_expect_eq(shell.answer_count, 5);
    cr_expect_eq(switch_next_tick(shell.core).us, INT64_MAX);
}

Test(deadline, full_limits_make_a_request_wait_for_its_turn) {
    shell.is_limits_full = true;
    shell_authorize(&shell, 1);
    shell.is_limits_full = false;
    cr_expect_leq(switch_next_tick(shell.core).us, shell.now.tick.us + 10000);
    shell_pass_time(&shell, 10000);
    cr_expect_eq(shell.question_count, 1);
}
