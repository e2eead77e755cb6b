/* SPDX-License-Identifier: Apache-2.0 */
/* ports: where the core's asks go. */
#include "node/worker.h"

static bool find_account(void *shell, const struct credential *credential, struct account *account) {
    const struct worker *worker = shell;
    return directory_find_account(worker->shared->directory, credential, account);
}

static bool ask(void *shell, const struct question *question) {
    const struct worker *worker = shell;
    return limits_ask(worker->limits, question);
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

static bool read_sums(void *shell, int32_t organisation, struct month month) {
    const struct worker *worker = shell;
    return record_read_sums(worker->record, organisation, month);
}

static bool write_sums(void *shell, const struct sums *sums) {
    const struct worker *worker = shell;
    return limits_write_sums(worker->limits, sums);
}

static void note_refusal(void *shell, const struct refusal_note *note) {
    const struct worker *worker = shell;
    record_note_refusal(worker->record, note);
}

static void answer(void *shell, uint64_t reply_to, const struct answer *given) {
    session_answer(shell, reply_to, given);
}

struct switch_core *ports_create_core(struct worker *worker) {
    const struct settings *settings = worker->shared->settings;
    const struct switch_settings core_settings = {
        .capacity = (uint32_t)settings->requests,
        .currency = worker->shared->currency,
        .largest_amount_minor = settings->largest_amount_minor,
        .time_window_us = settings->time_window_us,
        .default_timeout_us = settings->default_timeout_us,
        .longest_timeout_us = settings->longest_timeout_us,
        .answer_margin_us = settings->answer_margin_us,
        .warm_capacity = (uint32_t)settings->warm_organisations,
    };
    const struct switch_ports ports = {
        .shell = worker,
        .find_account = find_account,
        .ask = ask,
        .append = append,
        .check = check,
        .undo = undo,
        .read_sums = read_sums,
        .write_sums = write_sums,
        .note_refusal = note_refusal,
        .answer = answer,
    };
    return switch_create(&core_settings, &ports);
}
