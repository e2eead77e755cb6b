/* SPDX-License-Identifier: Apache-2.0 */
/* records: the way to PostgreSQL and back. libpq does its own sending and receiving; the ring says when it can. */
#include "node/worker.h"

#include "base/log.h"

/* How often the first worker of a node looks for holds that have expired. */
#define EXPIRY_US 200000

static void on_outcome(void *owner, const struct outcome *outcome) {
    struct worker *worker = owner;
    switch_outcome(worker->core, moment_now(), outcome);
}

static void on_sums(void *owner, int32_t organisation, struct month month, const struct sums *sums) {
    struct worker *worker = owner;
    metric_add(sums != NULL ? &worker->measures->rebuilds : &worker->measures->failed_rebuilds, 1);
    if (sums != NULL)
        log_info("node", "counters rebuilt organisation=%d month=%d epoch=%d sums=%zu remembered=%zu", organisation,
                 month.yyyymm, sums->epoch, sums->sum_count, sums->remembered_count);
    switch_sums_read(worker->core, moment_now(), organisation, month, sums);
}

static void on_found(void *owner, uint64_t reply_to, bool is_answered, const struct found *found) {
    replies_found(owner, reply_to, is_answered, found);
}

static void on_blocks(void *owner, uint64_t reply_to, bool is_answered, const struct block_page *page) {
    replies_blocks(owner, reply_to, is_answered, page);
}

static void on_month_found(void *owner, bool is_answered, int32_t organisation, struct month month) {
    audits_found(owner, is_answered, organisation, month);
}

static void on_month_read(void *owner, int32_t organisation, struct month month, const struct sums *sums) {
    (void)organisation;
    (void)month;
    audits_recorded(owner, sums);
}

static void on_ahead(void *owner, int32_t organisation, struct month month) {
    struct worker *worker = owner;
    switch_prepare(worker->core, moment_now(), organisation, month);
}

static void on_effect(void *owner, const struct effect *effect) {
    struct worker *worker = owner;
    switch_effect(worker->core, moment_now(), effect);
}

static void on_up(void *owner, bool is_up) {
    struct worker *worker = owner;
    if (is_up)
        log_info("node", "PostgreSQL is ready worker=%u", worker->index);
    else
        log_warning("node", "PostgreSQL is away worker=%u", worker->index);
    if (!is_up)
        metric_add(&worker->measures->postgres_losses, 1);
    worker->has_records = is_up;
    switch_record_up(worker->core, moment_now(), is_up);
}

static void on_commit(void *owner, uint32_t rows, int64_t took_us) {
    struct worker *worker = owner;
    metric_note(&worker->measures->postgres_transaction_rows, rows);
    metric_note(&worker->measures->postgres_transaction_us, took_us);
}

static void on_ready(void *owner, int connection, short events) {
    struct worker *worker = owner;
    record_ready(worker->record, tick_now(), connection, events);
}

void records_init(struct worker *worker) {
    const struct settings *settings = &worker->settings;
    const struct record_options options = {
        .conninfo = settings->postgres,
        .capacity = (uint32_t)settings->requests,
        .batch_capacity = (uint32_t)settings->batch_rows,
        .refusal_capacity = (uint32_t)settings->refusals_waiting,
        .time_window_us = settings->time_window_us,
        .reconnect_us = settings->postgres_reconnect_us,
        .expiry_us = worker->index == 0 ? EXPIRY_US : 0,
        .roll_up_rows = worker->index == 0 ? settings->roll_up_rows : 0,
        .ahead_us = worker->index == 0 ? settings->month_ahead_us : 0,
        .notes_used_up = settings->blocks_used_up == 1,
        .silence_us = settings->postgres_silence_us,
        .owner = worker,
        .on_outcome = on_outcome,
        .on_sums = on_sums,
        .on_found = on_found,
        .on_blocks = on_blocks,
        .on_month_found = on_month_found,
        .on_month_read = on_month_read,
        .on_ahead = on_ahead,
        .on_effect = on_effect,
        .on_up = on_up,
        .on_commit = on_commit,
    };
    for (int i = 0; i < RECORD_CONNECTIONS; i++)
        worker->watches[i] = (struct net_watch){.on_ready = on_ready, .owner = worker, .tag = i, .fd = -1};
    worker->record = record_create(&options, tick_now());
}

void records_finish(struct worker *worker) {
    record_destroy(worker->record);
}

void records_flush(struct worker *worker, struct tick now) {
    record_flush(worker->record, now);
    struct record_interest interests[RECORD_CONNECTIONS];
    record_interests(worker->record, interests);
    for (int i = 0; i < RECORD_CONNECTIONS; i++)
        net_watch(worker->net, &worker->watches[i], interests[i].fd, interests[i].socket, interests[i].events);
}
