/* SPDX-License-Identifier: Apache-2.0 */
/* A department is moved while purchases of it are under way: what is counted goes by the tree of now, and by counters
 * that were built since. */
#include "shell.h"

#include <criterion/criterion.h>

static struct shell shell;

static const struct month month = {202611};

static void finish(void) {
    shell_finish(&shell);
}

static void init(void) {
    shell_init(&shell);
}

TestSuite(move, .init = init, .fini = finish);

/* Department 5 lies below `parent` from now on. */
static void move_below(int32_t parent) {
    shell.account.limits[4] = shell.account.limits[3];
    shell.account.limits[3] = (struct limit){LIMIT_DEPARTMENT, parent, 10000};
    shell.account.limit_count = 5;
    shell.account.moves++;
}

static void tell(void) {
    switch_moved(shell.core, shell.now, 1);
    switch_moves_told(shell.core, shell.now, shell.account.moves);
}

static void read_sums(int32_t epoch) {
    const struct sums sums = {.organisation = 1, .month = month, .epoch = epoch};
    switch_sums_read(shell.core, shell.now, 1, month, &sums);
}

static void rebuilt(int32_t epoch) {
    read_sums(epoch);
    switch_sums_written(shell.core, shell.now, 1, month, epoch, true);
}

static const struct question *last_question(void) {
    cr_assert_gt(shell.question_count, 0);
    return &shell.questions[shell.question_count - 1];
}

static void expect_asked_below(int32_t parent) {
    cr_assert_eq(last_question()->limit_count, 5);
    cr_expect_eq(last_question()->limits[2].id, 5);
    cr_expect_eq(last_question()->limits[3].id, parent);
    cr_expect_eq(last_question()->limits[4].kind, LIMIT_ORGANISATION);
}

Test(move, a_stale_row_is_counted_again_where_its_department_lies_now) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    move_below(9);
    shell.account.moves = 0;
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 6});
    expect_asked_below(9);
    cr_expect_eq(last_question()->floor_epoch, 6);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_COUNTED, .epoch = 7, .approved_minor = 13000});
    cr_expect_eq(shell.entries[1].department, 5);
    cr_expect_eq(shell.entries[1].credit, 30);
}

Test(move, a_stale_refusal_is_decided_again_where_its_department_lies_now) {
    shell_authorize(&shell, 1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_REFUSED, .epoch = 3, .refusing = 1});
    move_below(9);
    shell.account.moves = 0;
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 6});
    expect_asked_below(9);
}

/* The budget that refused it is not its own any more. */
Test(move, a_stale_refusal_by_a_limit_that_is_gone_leaves_nothing_in_the_approval) {
    move_below(9);
    tell();
    rebuilt(3);
    shell_authorize(&shell, 1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_REFUSED, .epoch = 3, .refusing = 1u << 4});
    shell.account.limits[3] = shell.account.limits[4];
    shell.account.limit_count = 4;
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 6});
    cr_assert_eq(last_question()->limit_count, 4);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_COUNTED, .epoch = 7, .approved_minor = 13000});
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    const struct answer *answer = shell_last_answer(&shell);
    cr_expect_eq(answer->reason, REASON_APPROVED);
    cr_expect_eq(answer->limit_count, 4);
    cr_expect_eq(answer->deciding, -1);
    for (int i = 0; i < 4; i++)
        cr_expect_not(answer->limits[i].is_refusing);
}

Test(move, who_waited_for_cold_counters_is_counted_where_the_department_lies_now) {
    shell_authorize(&shell, 1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_COLD});
    move_below(9);
    shell.account.moves = 0;
    rebuilt(7);
    expect_asked_below(9);
    cr_expect_eq(last_question()->floor_epoch, 7);
}

Test(move, who_waited_and_may_no_longer_buy_is_refused_like_who_comes_now) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell.account.standing = REASON_BLOCKED;
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 6});
    cr_expect_eq(last_question()->refusal, REASON_BLOCKED);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_REFUSED, .epoch = 7});
    shell_check_outcome(&shell, (struct outcome){.kind = OUTCOME_ABSENT});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_BLOCKED);
    cr_expect_eq(switch_busy(shell.core), 0);
}

/* Nobody can say which budgets it would pass. */
Test(move, who_waited_and_is_unknown_now_is_not_approved) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell.account.organisation = 2;
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 6});
    cr_expect_eq(shell.question_count, 1);
    shell_pass_time(&shell, 400000);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_DEADLINE);
}

Test(move, has_the_counters_built_anew_and_nothing_counted_before) {
    move_below(9);
    tell();
    cr_expect_eq(shell.sums_read_count, 1);
    cr_expect_not(shell.sums_from_rows);
    shell_authorize(&shell, 1);
    cr_expect_eq(shell.question_count, 0);
    cr_expect_eq(shell.sums_read_count, 1);
    rebuilt(7);
    expect_asked_below(9);
    cr_expect_eq(last_question()->floor_epoch, 7);
    shell_authorize(&shell, 2);
    cr_expect_eq(shell.question_count, 2, "the counters are of the new tree by now");
}

Test(move, what_is_in_flight_is_stale_by_it_and_counted_anew) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    move_below(9);
    tell();
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 7});
    cr_expect_eq(shell.question_count, 1, "counted before the counters were built anew");
    rebuilt(7);
    expect_asked_below(9);
}

/* The book is read by all workers, and each is told for itself. */
Test(move, of_which_the_core_has_not_heard_yet_lets_purchases_wait) {
    move_below(9);
    shell_authorize(&shell, 1);
    cr_expect_eq(shell.question_count, 0);
    tell();
    cr_expect_eq(shell.question_count, 0);
    rebuilt(7);
    expect_asked_below(9);
}

Test(move, of_another_organisation_holds_nobody_up_for_longer_than_it_is_told) {
    shell.account.moves = 4;
    shell_authorize(&shell, 1);
    cr_expect_eq(shell.question_count, 0);
    switch_moves_told(shell.core, shell.now, 4);
    cr_expect_eq(shell.question_count, 1);
    cr_expect_eq(shell.sums_read_count, 0);
}

Test(move, of_a_thousand_departments_are_one_rebuild_and_one_more_for_those_that_came_meanwhile) {
    for (int i = 0; i < 1000; i++)
        tell();
    cr_expect_eq(shell.sums_read_count, 1);
    shell_authorize(&shell, 1);
    rebuilt(7);
    cr_expect_eq(shell.sums_read_count, 2);
    cr_expect_eq(shell.question_count, 0);
    rebuilt(8);
    cr_expect_eq(shell.sums_read_count, 2);
    cr_expect_eq(last_question()->floor_epoch, 8);
}

Test(move, whose_rebuild_fails_is_rebuilt_for_the_next_purchase) {
    tell();
    switch_sums_read(shell.core, shell.now, 1, month, NULL);
    shell_authorize(&shell, 1);
    cr_expect_eq(shell.question_count, 0);
    cr_expect_eq(shell.sums_read_count, 2);
    rebuilt(7);
    cr_expect_eq(shell.question_count, 1);
}

Test(move, that_holds_a_purchase_up_past_its_deadline_leaves_nothing_of_it) {
    tell();
    shell_authorize(&shell, 1);
    shell_pass_time(&shell, 400000);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_DEADLINE);
    cr_expect_eq(switch_busy(shell.core), 0);
    rebuilt(7);
    cr_expect_eq(shell.question_count + shell.undo_count, 0);
}

/* Some requests of the last minutes count in the month before. */
Test(move, at_the_turn_of_the_month_is_of_both_months) {
    shell.now.instant.us = calendar_month_begins((struct month){202612}).us + 3600 * INT64_C(1000000);
    tell();
    cr_expect_eq(shell.sums_read_count, 2);
}

static void answer_deadline_while_recording(void) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, 400000);
    cr_assert_eq(shell_last_answer(&shell)->reason, REASON_DEADLINE);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    cr_assert_eq(shell.undo_count, 1);
}

Test(move, what_is_undone_under_the_epoch_it_was_counted_in_is_taken_off_where_it_was_counted) {
    answer_deadline_while_recording();
    move_below(9);
    shell_undo_outcome(&shell,
                       (struct outcome){.kind = OUTCOME_UNDONE, .epoch = 3, .had_row = true, .amount_minor = 13000});
    cr_expect_eq(last_question()->kind, QUESTION_UNDO);
    cr_expect_eq(last_question()->limit_count, 4);
}

Test(move, what_is_undone_under_a_later_epoch_is_taken_off_where_its_row_was_summed) {
    answer_deadline_while_recording();
    move_below(9);
    shell_undo_outcome(&shell,
                       (struct outcome){.kind = OUTCOME_UNDONE, .epoch = 7, .had_row = true, .amount_minor = 13000});
    cr_expect_eq(last_question()->kind, QUESTION_UNDO);
    expect_asked_below(9);
}

static void init_with_journal(void) {
    shell_init_with_journal(&shell);
}

TestSuite(move_in_stand_in, .init = init_with_journal, .fini = finish);

/* The counters can't be built without the record, and the journal vouches for what it takes. */
Test(move_in_stand_in, does_not_stop_purchases) {
    tell();
    switch_record_up(shell.core, shell.now, false);
    shell_authorize(&shell, 1);
    cr_expect_eq(shell.question_count, 1);
    shell_counted(&shell);
    shell_claimed(&shell);
    shell_journaled(&shell, true);
    cr_expect_eq(shell_last_answer(&shell)->safety, SAFETY_JOURNALED);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(move_in_stand_in, leaves_what_the_journal_took_as_it_was_counted) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, 100000);
    shell_claimed(&shell);
    move_below(9);
    tell();
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 7});
    cr_expect_eq(shell.question_count, 2);
    shell_journaled(&shell, true);
    cr_expect_eq(shell_last_answer(&shell)->safety, SAFETY_JOURNALED);
    cr_expect_eq(shell_last_answer(&shell)->limit_count, 4);
    cr_expect_eq(shell.journaled[0].epoch, 3);
    cr_expect_eq(switch_busy(shell.core), 0);
}
