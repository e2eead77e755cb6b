/* SPDX-License-Identifier: Apache-2.0 */
#include "shell.h"

#include <criterion/criterion.h>
#include <string.h>

static bool find_account(void *owner, const struct credential *credential, struct account *account) {
    const struct shell *shell = owner;
    *account = shell->account;
    return credential->card != 0;
}

static bool ask(void *owner, const struct question *question) {
    struct shell *shell = owner;
    if (shell->is_limits_full)
        return false;
    cr_assert_lt(shell->question_count, SHELL_ASKS);
    shell->questions[shell->question_count++] = *question;
    return true;
}

static bool append(void *owner, const struct entry *entry, uint32_t slot) {
    struct shell *shell = owner;
    shell->entry_owners[shell->entry_count] = slot;
    shell->entries[shell->entry_count++] = *entry;
    return true;
}

static bool check(void *owner, const struct check *asked, uint32_t slot) {
    struct shell *shell = owner;
    shell->check_owners[shell->check_count] = slot;
    shell->checks[shell->check_count++] = *asked;
    return true;
}

static bool undo(void *owner, const struct undo *asked, uint32_t slot) {
    struct shell *shell = owner;
    shell->undo_owners[shell->undo_count] = slot;
    shell->undos[shell->undo_count++] = *asked;
    return true;
}

static bool settle(void *owner, const struct settlement *settlement, uint32_t slot) {
    struct shell *shell = owner;
    shell->settlement_owners[shell->settlement_count] = slot;
    shell->settlements[shell->settlement_count++] = *settlement;
    return true;
}

static bool journal(void *owner, const struct entry *entry, uint32_t slot) {
    struct shell *shell = owner;
    if (shell->is_journal_full)
        return false;
    shell->journal_owners[shell->journal_count] = slot;
    shell->journaled[shell->journal_count++] = *entry;
    return true;
}

static void drained(void *owner, uint64_t ticket) {
    struct shell *shell = owner;
    shell->drained[shell->drained_count++] = ticket;
}

static bool find_payer(void *owner, const struct payer *payer, struct account *account) {
    const struct shell *shell = owner;
    *account = shell->account;
    return payer->organisation == shell->account.organisation;
}

static bool read_sums(void *owner, int32_t organisation, struct month month, bool from_rows) {
    struct shell *shell = owner;
    cr_assert_eq(organisation, shell->account.organisation);
    cr_assert_gt(month.yyyymm, 0);
    shell->sums_read_count++;
    shell->sums_from_rows = from_rows;
    return true;
}

static bool write_sums(void *owner, const struct sums *sums) {
    struct shell *shell = owner;
    cr_assert_eq(sums->organisation, shell->account.organisation);
    shell->sums_written_count++;
    return true;
}

static void note_refusal(void *owner, const struct refusal_note *note) {
    struct shell *shell = owner;
    cr_assert_neq(note->reason, REASON_UNSPECIFIED);
    shell->note_count++;
}

static void answer(void *owner, uint64_t reply_to, const struct answer *given) {
    struct shell *shell = owner;
    shell->answers[shell->answer_count++] = (struct given_answer){reply_to, *given};
}

static void init(struct shell *shell, int64_t stand_in_after_us) {
    memset(shell, 0, sizeof *shell);
    cr_assert(calendar_set_zone("Europe/Stockholm"));
    shell->now = (struct moment){.instant = {INT64_C(1795258800000000)}, .tick = {INT64_C(5000000)}};
    shell->account = (struct account){
        .standing = REASON_APPROVED,
        .channel = CHANNEL_CARD,
        .organisation = 1,
        .department = 5,
        .traveller = 20,
        .credit = 30,
        .limit_count = 4,
        .limits = {{LIMIT_CREDIT, 30, 100000},
                   {LIMIT_TRAVELLER, 20, 600000},
                   {LIMIT_DEPARTMENT, 5, LIMIT_COUNTED_ONLY},
                   {LIMIT_ORGANISATION, 1, 2000000}},
    };
    const struct switch_settings settings = {
        .capacity = 4,
        .currency = {"SEK"},
        .largest_amount_minor = 10000000,
        .time_window_us = 600 * INT64_C(1000000),
        .default_timeout_us = 400000,
        .longest_timeout_us = 10000000,
        .answer_margin_us = 5000,
        .default_hold_us = 900 * INT64_C(1000000),
        .longest_hold_us = 3600 * INT64_C(1000000),
        .month_open_us = 12 * 3600 * INT64_C(1000000),
        .stand_in_after_us = stand_in_after_us,
        .advice_capacity = 3,
        .online_wait_us = 5000,
        .warm_capacity = 2,
    };
    const struct switch_ports ports = {
        .shell = shell,
        .find_account = find_account,
        .ask = ask,
        .append = append,
        .check = check,
        .undo = undo,
        .settle = settle,
        .journal = journal,
        .drained = drained,
        .find_payer = find_payer,
        .read_sums = read_sums,
        .write_sums = write_sums,
        .note_refusal = note_refusal,
        .answer = answer,
    };
    shell->core = switch_create(&settings, &ports);
    switch_limits_up(shell->core, shell->now, true);
    switch_record_up(shell->core, shell->now, true);
}

void shell_init(struct shell *shell) {
    init(shell, 0);
}

void shell_init_with_journal(struct shell *shell) {
    init(shell, 100000);
    switch_journal_up(shell->core, shell->now, true);
}

void shell_finish(struct shell *shell) {
    switch_destroy(shell->core);
}

struct authorize shell_request(const struct shell *shell, uint8_t number) {
    const uint8_t random[10] = {[9] = number};
    return (struct authorize){
        .reply_to = number,
        .id = request_id_make(shell->now.instant, random),
        .credential = {.kind = CREDENTIAL_CARD, .card = UINT64_C(9932543656338003)},
        .amount = {13000, {"SEK"}},
        .product = {"single"},
        .place = {"line 45"},
        .client = 7,
        .client_channels = 1u << CHANNEL_CARD,
    };
}

void shell_authorize(struct shell *shell, uint8_t number) {
    const struct authorize request = shell_request(shell, number);
    switch_authorize(shell->core, shell->now, &request);
}

void shell_pass_time(struct shell *shell, int64_t us) {
    shell->now.instant.us += us;
    shell->now.tick.us += us;
    switch_tick(shell->core, shell->now);
}

void shell_verdict(struct shell *shell, struct verdict verdict) {
    cr_assert_gt(shell->question_count, 0);
    verdict.owner = shell->questions[shell->question_count - 1].owner;
    switch_verdict(shell->core, shell->now, &verdict);
}

void shell_counted(struct shell *shell) {
    shell_verdict(shell, (struct verdict){.kind = VERDICT_COUNTED,
                                          .epoch = 3,
                                          .approved_minor = 13000,
                                          .spent_minor = {13000, 13000, 13000, 13000}});
}

void shell_claimed(struct shell *shell) {
    cr_assert_eq(shell->questions[shell->question_count - 1].refusal, REASON_UNAVAILABLE,
                 "a claim was to be asked for");
    shell_verdict(shell, (struct verdict){.kind = VERDICT_REFUSED, .epoch = 3});
}

void shell_append_outcome(struct shell *shell, struct outcome outcome) {
    cr_assert_gt(shell->entry_count, 0);
    outcome.owner = shell->entry_owners[shell->entry_count - 1];
    switch_outcome(shell->core, shell->now, &outcome);
}

void shell_check_outcome(struct shell *shell, struct outcome outcome) {
    cr_assert_gt(shell->check_count, 0);
    outcome.owner = shell->check_owners[shell->check_count - 1];
    switch_outcome(shell->core, shell->now, &outcome);
}

void shell_undo_outcome(struct shell *shell, struct outcome outcome) {
    cr_assert_gt(shell->undo_count, 0);
    outcome.owner = shell->undo_owners[shell->undo_count - 1];
    switch_outcome(shell->core, shell->now, &outcome);
}

void shell_settlement_outcome(struct shell *shell, struct outcome outcome) {
    cr_assert_gt(shell->settlement_count, 0);
    outcome.owner = shell->settlement_owners[shell->settlement_count - 1];
    switch_outcome(shell->core, shell->now, &outcome);
}

void shell_journaled(struct shell *shell, bool is_safe) {
    cr_assert_gt(shell->journal_count, 0);
    switch_journaled(shell->core, shell->now, shell->journal_owners[shell->journal_count - 1], is_safe);
}

const struct answer *shell_last_answer(const struct shell *shell) {
    cr_assert_gt(shell->answer_count, 0, "nothing was answered");
    return &shell->answers[shell->answer_count - 1].answer;
}
