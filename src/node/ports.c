/* SPDX-License-Identifier: Apache-2.0 */
/* ports: where the core's asks go. */
#include "node/worker.h"

static bool find_account(void *shell, const struct credential *credential, struct account *account) {
    const struct worker *worker = shell;
    return directory_find_account(worker->shared->directory, credential, account);
}

static bool find_payer(void *shell, const struct payer *payer, struct account *account) {
    const struct worker *worker = shell;
    return directory_find_payer(worker->shared->directory, payer, account);
}

static bool ask(void *shell, const struct question *question) {
    return counters_ask(shell, question);
}

static bool append(void *shell, const struct entry *entry, uint32_t owner) {
    const struct worker *worker = shell;
    return record_append(worker->record, entry, owner);
}

static bool check(void *shell, const struct check *asked, uint32_t owner) {
    const struct worker *worker = shell;
    return record_check(worker->record, asked, owner);
}

static bool undo(void *shell, const struct undo *asked, uint32_t owner) {
    const struct worker *worker = shell;
    return record_undo(worker->record, asked, owner);
}

static bool settle(void *shell, const struct settlement *settlement, uint32_t owner) {
    const struct worker *worker = shell;
    return record_settle(worker->record, settlement, owner);
}

static bool journal(void *shell, const struct entry *entry, uint32_t owner) {
    return journals_append(shell, entry, owner);
}

static void drained(void *shell, uint64_t ticket) {
    journals_drained(shell, ticket);
}

static bool read_sums(void *shell, int32_t organisation, struct month month, bool from_rows) {
    const struct worker *worker = shell;
    return record_read_sums(worker->record, organisation, month, from_rows);
}

static bool write_sums(void *shell, const struct sums *sums) {
    return counters_write_sums(shell, sums);
}

static void note_refusal(void *shell, const struct refusal_note *note) {
    const struct worker *worker = shell;
    record_note_refusal(worker->record, note);
}

static void answer(void *shell, uint64_t reply_to, const struct answer *given) {
    if (advices_is_one(reply_to))
        advices_answer(shell, reply_to, given);
    else
        replies_answer(shell, reply_to, given);
}

static struct switch_settings core_settings(const struct worker *worker) {
    const struct settings *settings = &worker->settings;
    int64_t advices = settings->advices < settings->requests ? settings->advices : settings->requests;
    return (struct switch_settings){
        .capacity = (uint32_t)settings->requests,
        .currency = worker->shared->currency,
        .largest_amount_minor = settings->largest_amount_minor,
        .time_window_us = settings->time_window_us,
        .default_timeout_us = settings->default_timeout_us,
        .longest_timeout_us = settings->longest_timeout_us,
        .answer_margin_us = settings->answer_margin_us,
        .default_hold_us = settings->default_hold_us,
        .longest_hold_us = settings->longest_hold_us,
        .month_open_us = settings->month_open_us,
        .stand_in_after_us = worker->journals == NULL ? 0 : settings->stand_in_after_us,
        .advice_capacity = (uint32_t)advices,
        .online_wait_us = settings->online_wait_us,
        .warm_capacity = (uint32_t)settings->warm_organisations,
    };
}

struct switch_core *ports_create_core(struct worker *worker) {
    const struct switch_settings settings = core_settings(worker);
    const struct switch_ports ports = {
        .shell = worker,
        .find_account = find_account,
        .find_payer = find_payer,
        .ask = ask,
        .append = append,
        .check = check,
        .undo = undo,
        .settle = settle,
        .journal = journal,
        .drained = drained,
        .read_sums = read_sums,
        .write_sums = write_sums,
        .note_refusal = note_refusal,
        .answer = answer,
    };
    return switch_create(&settings, &ports);
}

void ports_change(struct worker *worker) {
    const struct switch_settings settings = core_settings(worker);
    switch_change(worker->core, &settings);
}
