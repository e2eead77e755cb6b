/* SPDX-License-Identifier: Apache-2.0 */
/* DESIGN 7: while PostgreSQL is away, or slow, the journal of this node keeps what was counted. */
#include "shell.h"

#include <criterion/criterion.h>

static struct shell shell;

static void init(void) {
    shell_init_with_journal(&shell);
}

static void finish(void) {
    shell_finish(&shell);
}

TestSuite(stand_in, .init = init, .fini = finish);

#define STAND_IN_AFTER_US 100000
#define PAST_DEADLINE_US 400000

static void let_record_go(void) {
    switch_record_up(shell.core, shell.now, false);
}

static const struct question *last_question(void) {
    return &shell.questions[shell.question_count - 1];
}

static void expect_journaled_answer(void) {
    cr_expect_eq(shell_last_answer(&shell)->decision, DECISION_APPROVED);
    cr_expect_eq(shell_last_answer(&shell)->safety, SAFETY_JOURNALED);
}

Test(stand_in, a_purchase_is_approved_when_the_journal_has_it) {
    let_record_go();
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_claimed(&shell);
    cr_expect_eq(shell.entry_count, 0);
    cr_assert_eq(shell.journal_count, 1);
    cr_expect_eq(shell.journaled[0].epoch, 3);
    cr_expect_eq(shell.answer_count, 0, "I1: not before it is safe");
    shell_journaled(&shell, true);
    expect_journaled_answer();
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(stand_in, without_a_journal_a_purchase_waits_for_its_deadline) {
    switch_journal_up(shell.core, shell.now, false);
    let_record_go();
    shell_authorize(&shell, 1);
    cr_expect_eq(shell.question_count, 0, "nothing is counted that could not be kept");
    shell_pass_time(&shell, PAST_DEADLINE_US);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_UNAVAILABLE);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(stand_in, a_purchase_the_journal_does_not_take_waits_and_is_undone) {
    let_record_go();
    shell.is_journal_full = true;
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_claimed(&shell);
    cr_expect_eq(shell.answer_count, 0);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_UNAVAILABLE);
    cr_expect_eq(shell.undo_count, 1);
}

Test(stand_in, a_refusal_that_nobody_can_check_is_not_told) {
    let_record_go();
    shell_authorize(&shell, 1);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_REFUSED, .epoch = 3, .refusing = 1});
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_UNAVAILABLE);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(stand_in, an_append_that_is_owed_for_too_long_is_journaled_as_well) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    cr_expect_leq(switch_next_tick(shell.core).us, shell.now.tick.us + STAND_IN_AFTER_US);
    shell_pass_time(&shell, STAND_IN_AFTER_US);
    shell_claimed(&shell);
    cr_assert_eq(shell.journal_count, 1);
    shell_journaled(&shell, true);
    expect_journaled_answer();
    cr_expect_eq(switch_busy(shell.core), 1, "the record still owes its word");
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    cr_expect_eq(shell.answer_count, 1);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(stand_in, while_one_is_owed_for_too_long_the_next_goes_to_the_journal_at_once) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, STAND_IN_AFTER_US);
    shell_claimed(&shell);
    shell_authorize(&shell, 2);
    shell_counted(&shell);
    shell_claimed(&shell);
    cr_expect_eq(shell.entry_count, 1);
    cr_expect_eq(shell.journal_count, 2);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    cr_expect_eq(shell_last_answer(&shell)->safety, SAFETY_COMMITTED, "the record was first after all");
    shell_authorize(&shell, 3);
    shell_counted(&shell);
    cr_expect_eq(shell.entry_count, 2, "it answers again");
}

Test(stand_in, what_the_record_answers_first_keeps_its_slot_until_the_journal_has_answered) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, STAND_IN_AFTER_US);
    shell_claimed(&shell);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    cr_expect_eq(switch_busy(shell.core), 1);
    shell_journaled(&shell, true);
    cr_expect_eq(switch_busy(shell.core), 0);
    cr_expect_eq(shell.answer_count, 1);
}

Test(stand_in, a_stale_row_is_left_to_the_journal_that_has_it) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, STAND_IN_AFTER_US);
    shell_claimed(&shell);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 4});
    cr_expect_eq(shell.question_count, 2);
    shell_journaled(&shell, true);
    expect_journaled_answer();
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(stand_in, a_stale_row_that_no_journal_has_is_authorized_again) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, STAND_IN_AFTER_US);
    shell_claimed(&shell);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 4});
    shell_journaled(&shell, false);
    shell_pass_time(&shell, 20000);
    cr_expect_eq(shell.question_count, 3);
    cr_expect_eq(shell.answer_count, 0);
}

/* I7. */
Test(stand_in, past_its_deadline_what_the_journal_took_is_called_off) {
    let_record_go();
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_claimed(&shell);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    cr_expect_eq(shell.answer_count, 1);
    shell_journaled(&shell, true);
    cr_assert_eq(shell.journal_count, 2);
    cr_expect_eq(shell.journaled[1].kind, ENTRY_REVERSAL);
    cr_expect_eq(shell.journaled[1].appended_at.us, shell.journaled[0].appended_at.us);
    shell_journaled(&shell, true);
    cr_expect_eq(shell.answer_count, 1);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(stand_in, past_its_deadline_what_the_journal_did_not_take_is_undone) {
    let_record_go();
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_claimed(&shell);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    shell_journaled(&shell, false);
    cr_expect_eq(shell.undo_count, 1);
}

Test(stand_in, a_journal_that_fails_leaves_a_purchase_to_the_record) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, STAND_IN_AFTER_US);
    shell_claimed(&shell);
    shell_journaled(&shell, false);
    cr_expect_eq(shell.answer_count, 0);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    cr_expect_eq(shell_last_answer(&shell)->safety, SAFETY_COMMITTED);
}

Test(stand_in, a_journaled_purchase_that_was_reversed_elsewhere_is_taken_off) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, STAND_IN_AFTER_US);
    shell_claimed(&shell);
    shell_journaled(&shell, true);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_REVERSED});
    cr_expect_eq(last_question()->kind, QUESTION_UNDO);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(switch_busy(shell.core), 0);
}

/* ---- two copies of one request, and who settles their fate ---- */

static struct verdict claimed_by(const struct question *claim) {
    return (struct verdict){
        .kind = VERDICT_KNOWN, .epoch = 3, .memory = {.kind = MEMORY_REFUSED, .content = claim->content}};
}

Test(stand_in, a_claim_bears_the_mark_of_its_own_row) {
    let_record_go();
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    struct question claim = *last_question();
    cr_expect_eq(claim.kind, QUESTION_AUTHORIZE);
    cr_expect_eq(claim.limit_count, 0, "it counts nothing");
    cr_expect_not(request_id_equal(&claim.id, &shell.questions[0].id));
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_LOST});
    shell_pass_time(&shell, 20000);
    shell_counted(&shell);
    shell_verdict(&shell, claimed_by(&claim)); /* its own, whose answer was lost */
    cr_assert_eq(shell.journal_count, 1);
    cr_expect_eq(shell.journaled[0].appended_at.us, claim.content.amount_minor);
}

Test(stand_in, what_another_has_claimed_is_neither_journaled_nor_undone) {
    let_record_go();
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    struct question claim = *last_question();
    claim.content.amount_minor++;
    shell_verdict(&shell, claimed_by(&claim));
    cr_expect_eq(shell_last_answer(&shell)->reason, REASON_UNAVAILABLE);
    cr_expect_eq(shell.journal_count, 0);
    cr_expect_eq(shell.undo_count, 0);
    cr_expect_eq(switch_busy(shell.core), 0);
}

Test(stand_in, past_its_deadline_a_purchase_is_undone_only_when_no_journal_vouches_for_it) {
    for (int is_vouched = 0; is_vouched <= 1; is_vouched++) {
        int undone = shell.undo_count;
        shell_authorize(&shell, (uint8_t)(1 + is_vouched));
        shell_pass_time(&shell, PAST_DEADLINE_US);
        shell_counted(&shell);
        struct question claim = *last_question();
        cr_expect_eq(shell.undo_count, undone, "it is asked for first");
        if (is_vouched) {
            claim.content.amount_minor++;
            claim.content.kind = 'J';
            shell_verdict(&shell, claimed_by(&claim));
            cr_expect_eq(shell.undo_count, undone);
        } else {
            shell_claimed(&shell);
            cr_expect_eq(shell.undo_count, undone + 1);
            shell_undo_outcome(&shell, (struct outcome){.kind = OUTCOME_UNDONE, .epoch = 3, .had_row = false});
            shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
        }
        cr_expect_eq(switch_busy(shell.core), 0);
    }
}

Test(stand_in, cold_counters_let_nobody_undo_before_they_are_built_anew) {
    shell_authorize(&shell, 1);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    shell_counted(&shell);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_COLD});
    cr_expect_eq(shell.undo_count, 0, "a journal may come to vouch for it");
    const struct sums sums = {.organisation = 1, .month = month_of(last_question()->day), .epoch = 4};
    switch_sums_read(shell.core, shell.now, 1, sums.month, &sums);
    switch_sums_written(shell.core, shell.now, 1, sums.month, 4, true);
    shell_claimed(&shell);
    cr_expect_eq(shell.undo_count, 1);
}

Test(stand_in, what_it_vouched_for_itself_it_may_undo_though_it_never_heard_that_it_did) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, STAND_IN_AFTER_US);
    struct question claim = *last_question();
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_LOST});
    shell_pass_time(&shell, PAST_DEADLINE_US);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    shell_verdict(&shell, claimed_by(&claim));
    cr_expect_eq(shell.undo_count, 1);
}

Test(stand_in, of_two_who_would_undo_both_may) {
    shell_authorize(&shell, 1);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    shell_counted(&shell);
    struct question claim = *last_question();
    claim.content.amount_minor++;
    shell_verdict(&shell, claimed_by(&claim));
    cr_expect_eq(shell.undo_count, 1);
}

Test(stand_in, an_undo_waits_for_redis_to_be_asked) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, PAST_DEADLINE_US);
    switch_limits_up(shell.core, shell.now, false);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    cr_expect_eq(shell.undo_count, 0);
    switch_limits_up(shell.core, shell.now, true);
    shell_claimed(&shell);
    cr_expect_eq(shell.undo_count, 1);
}

Test(stand_in, what_the_record_says_while_a_claim_is_owed_is_put_by) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, STAND_IN_AFTER_US);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_STALE, .epoch = 4});
    cr_expect_eq(shell.question_count, 2);
    shell_claimed(&shell);
    cr_expect_eq(shell.journal_count, 0, "it is asked again instead");
    cr_expect_eq(shell.question_count, 3);
    cr_expect_eq(last_question()->floor_epoch, 4);
}

Test(stand_in, what_the_record_has_is_told_though_a_claim_is_owed) {
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_pass_time(&shell, STAND_IN_AFTER_US);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    cr_expect_eq(shell_last_answer(&shell)->safety, SAFETY_COMMITTED);
    cr_expect_eq(switch_busy(shell.core), 1);
    shell_claimed(&shell);
    cr_expect_eq(switch_busy(shell.core), 0);
    cr_expect_eq(shell.journal_count, 0);
}

/* ---- the drain ---- */

static struct entry journaled_entry(void) {
    let_record_go();
    shell_authorize(&shell, 1);
    shell_counted(&shell);
    shell_claimed(&shell);
    shell_journaled(&shell, true);
    switch_record_up(shell.core, shell.now, true);
    return shell.journaled[0];
}

Test(stand_in, an_entry_recorded_under_its_own_epoch_is_counted_already) {
    const struct entry entry = journaled_entry();
    cr_assert(switch_drain(shell.core, shell.now, &entry, 77));
    cr_expect_eq(shell.entries[0].flags, ENTRY_STAND_IN);
    cr_expect_eq(shell.entries[0].epoch, 3);
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED, .recorded_epoch = 3});
    cr_expect_eq(shell.question_count, 2);
    cr_assert_eq(shell.drained_count, 1);
    cr_expect_eq(shell.drained[0], 77);
    cr_expect_eq(shell.answer_count, 1);
}

Test(stand_in, an_entry_recorded_past_the_fence_is_counted_under_the_new_epoch) {
    const struct entry entry = journaled_entry();
    cr_assert(switch_drain(shell.core, shell.now, &entry, 77));
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED, .recorded_epoch = 5});
    const struct question *question = last_question();
    cr_expect_eq(question->kind, QUESTION_APPLY);
    cr_expect_eq(question->floor_epoch, 5);
    cr_expect_eq(question->amount_minor, 13000);
    cr_expect_eq(shell.drained_count, 0);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(shell.drained_count, 1);
}

Test(stand_in, an_entry_that_a_retry_had_recorded_is_drained) {
    const struct entry entry = journaled_entry();
    cr_assert(switch_drain(shell.core, shell.now, &entry, 77));
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_EXISTS, .amount_minor = 13000});
    cr_expect_eq(shell.drained_count, 1);
}

Test(stand_in, an_entry_that_was_reversed_is_taken_off_the_counters) {
    const struct entry entry = journaled_entry();
    cr_assert(switch_drain(shell.core, shell.now, &entry, 77));
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_REVERSED});
    cr_expect_eq(last_question()->kind, QUESTION_UNDO);
    cr_expect_eq(last_question()->floor_epoch, 3);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(shell.drained_count, 1);
}

Test(stand_in, an_entry_recorded_anew_and_then_reversed_is_counted_for_the_reversal_to_take_off) {
    const struct entry entry = journaled_entry();
    const struct content content = shell.questions[0].content;
    cr_assert(switch_drain(shell.core, shell.now, &entry, 77));
    shell_append_outcome(
        &shell, (struct outcome){
                    .kind = OUTCOME_REVERSED, .recorded_epoch = 4, .recorded_month = {202611}, .content = content});
    cr_expect_eq(last_question()->kind, QUESTION_APPLY);
    cr_expect_eq(last_question()->amount_minor, 13000);
    cr_expect_eq(last_question()->floor_epoch, 4);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(shell.drained_count, 1);
}

Test(stand_in, an_entry_that_was_called_off_is_undone) {
    struct entry entry = journaled_entry();
    entry.kind = ENTRY_REVERSAL;
    cr_assert(switch_drain(shell.core, shell.now, &entry, 78));
    cr_assert_eq(shell.undo_count, 1);
    cr_expect_eq(shell.undos[0].appended_at.us, entry.appended_at.us);
    shell_undo_outcome(&shell,
                       (struct outcome){.kind = OUTCOME_UNDONE, .epoch = 3, .had_row = true, .amount_minor = 13000});
    cr_expect_eq(last_question()->kind, QUESTION_UNDO);
    cr_expect_eq(last_question()->amount_minor, 13000);
    shell_verdict(&shell, (struct verdict){.kind = VERDICT_DONE});
    cr_expect_eq(shell.drained_count, 1);
}

/* Drained again days later, when nobody knows any more whether the counters followed. */
Test(stand_in, an_entry_that_was_called_off_long_ago_takes_off_no_more_than_the_counters_remember) {
    struct entry entry = journaled_entry();
    entry.kind = ENTRY_REVERSAL;
    cr_assert(switch_drain(shell.core, shell.now, &entry, 78));
    shell_undo_outcome(
        &shell, (struct outcome){
                    .kind = OUTCOME_UNDONE, .epoch = 3, .had_row = true, .is_long_ago = true, .amount_minor = 9000});
    cr_expect_eq(last_question()->kind, QUESTION_UNDO);
    cr_expect_eq(last_question()->amount_minor, 9000);
    cr_expect_not(last_question()->was_recorded);
}

Test(stand_in, nothing_is_drained_while_the_record_is_away) {
    const struct entry entry = journaled_entry();
    let_record_go();
    cr_expect_not(switch_drain(shell.core, shell.now, &entry, 77));
}

Test(stand_in, nothing_is_drained_while_the_record_owes_an_answer_for_too_long) {
    const struct entry entry = journaled_entry();
    shell_authorize(&shell, 2);
    shell_counted(&shell);
    shell_pass_time(&shell, STAND_IN_AFTER_US);
    shell_claimed(&shell);
    cr_expect_not(switch_drain(shell.core, shell.now, &entry, 77));
    shell_append_outcome(&shell, (struct outcome){.kind = OUTCOME_RECORDED});
    cr_expect(switch_drain(shell.core, shell.now, &entry, 77));
}
