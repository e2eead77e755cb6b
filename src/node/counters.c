/* SPDX-License-Identifier: Apache-2.0 */
/* counters: the way to Redis and back. Reconnects by itself; what the core asked meanwhile is answered LOST, and the
 * core asks again. */
#include "node/worker.h"

#include "base/check.h"
#include "base/log.h"

static struct tick after(struct tick tick, int64_t us) {
    return (struct tick){tick.us + us};
}

static bool on_open(void *owner, struct net_stream *stream) {
    struct worker *worker = owner;
    (void)stream;
    worker->counters.heard_at = tick_now();
    worker->counters.is_sending = false;
    limits_connected(worker->limits);
    return true;
}

static bool on_bytes(void *owner, struct net_stream *stream, struct bytes received) {
    struct worker *worker = owner;
    (void)stream;
    worker->counters.heard_at = tick_now();
    struct failure failure;
    if (limits_input(worker->limits, received, &failure))
        return true;
    log_error("node", "Redis can't be used worker=%u why=%s", worker->index, failure.text);
    return false;
}

static void on_sent(void *owner, struct net_stream *stream) {
    struct worker *worker = owner;
    (void)stream;
    worker->counters.is_sending = false;
}

static void on_closed(void *owner, struct net_stream *stream, const char *why) {
    struct worker *worker = owner;
    (void)stream;
    if (!worker->counters.is_trouble_logged)
        log_warning("node", "Redis is away worker=%u address=%s why=%s", worker->index, worker->shared->settings->redis,
                    why);
    worker->counters.is_trouble_logged = true;
    worker->counters.stream = NULL;
    worker->counters.dial_at = after(tick_now(), worker->shared->settings->redis_reconnect_us);
    worker->has_counters = false;
    switch_limits_up(worker->core, moment_now(), false);
    limits_lost(worker->limits);
}

static const struct net_handler redis_handler = {
    .on_open = on_open, .on_bytes = on_bytes, .on_sent = on_sent, .on_closed = on_closed};

/* ---- what limits tells ---- */

static void on_verdict(void *owner, const struct verdict *verdict) {
    struct worker *worker = owner;
    switch_verdict(worker->core, moment_now(), verdict);
}

static void on_sums_written(void *owner, int32_t organisation, struct month month, int32_t epoch, bool is_written) {
    struct worker *worker = owner;
    switch_sums_written(worker->core, moment_now(), organisation, month, epoch, is_written);
}

static void on_month_read(void *owner, int32_t organisation, struct month month, const struct sums *sums) {
    (void)organisation;
    (void)month;
    audits_counted(owner, sums);
}

static void on_ready(void *owner) {
    struct worker *worker = owner;
    worker->counters.is_trouble_logged = false;
    log_info("node", "Redis is ready worker=%u", worker->index);
    worker->has_counters = true;
    switch_limits_up(worker->core, moment_now(), true);
}

bool counters_init(struct worker *worker) {
    const struct settings *settings = worker->shared->settings;
    const struct limits_options options = {
        .capacity = (uint32_t)settings->requests,
        .group_capacity = (uint32_t)settings->group_capacity,
        .owner = worker,
        .on_verdict = on_verdict,
        .on_sums_written = on_sums_written,
        .on_month_read = on_month_read,
        .on_ready = on_ready,
    };
    worker->limits = limits_create(&options);
    buffer_init(&worker->counters.output, (size_t)4 * LIMITS_OUTPUT_MIN);
    return worker->limits != NULL;
}

void counters_finish_link(struct worker *worker) {
    limits_destroy(worker->limits);
    buffer_finish(&worker->counters.output);
}

static void dial(struct worker *worker, struct tick now) {
    struct failure failure;
    worker->counters.stream =
        net_dial(worker->net, worker->shared->settings->redis, NULL, &redis_handler, worker, &failure);
    if (worker->counters.stream != NULL)
        return;
    log_error("node", "Redis can't be dialled worker=%u why=%s", worker->index, failure.text);
    worker->counters.dial_at = after(now, worker->shared->settings->redis_reconnect_us);
}

void counters_tick(struct worker *worker, struct tick now) {
    struct counters_link *link = &worker->counters;
    if (link->stream == NULL) {
        if (now.us >= link->dial_at.us)
            dial(worker, now);
        return;
    }
    if (!limits_is_owed(worker->limits))
        link->heard_at = now;
    else if (now.us - link->heard_at.us > worker->shared->settings->redis_silence_us)
        net_close(link->stream, "it owes an answer and is silent");
}

struct tick counters_next_tick(const struct worker *worker) {
    const struct counters_link *link = &worker->counters;
    if (link->stream == NULL)
        return link->dial_at;
    return after(link->heard_at, worker->shared->settings->redis_silence_us);
}

void counters_flush(struct worker *worker) {
    struct counters_link *link = &worker->counters;
    if (link->stream == NULL || link->is_sending)
        return;
    limits_output(worker->limits, &link->output);
    if (link->output.size == 0)
        return;
    link->is_sending = true;
    net_send(link->stream, buffer_bytes(&link->output));
    link->output.size = 0;
}
