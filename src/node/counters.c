/* SPDX-License-Identifier: Apache-2.0 */
/* counters: the ways to Redis and back; one, or in a cluster one to each primary and one to the guide. Each reconnects
 * by itself; what the core asked meanwhile is answered LOST, and the core asks again. */
#include "node/worker.h"

#include "base/check.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define ADDRESS_SIZE 160

/* A connection, by its number in the router. */
struct line {
    struct worker *worker;
    uint32_t number;
    struct net_stream *stream;  /* NULL: none */
    char address[ADDRESS_SIZE]; /* where `stream` was dialled to */
    bool is_open;
    bool is_sending;
    struct buffer output; /* taken when it is first dialled */
    struct tick dial_at;  /* when there is none */
    struct tick heard_at; /* last sign of life while something is owed */
    struct tick sent_at;  /* us 0: what was sent is answered */
    bool is_trouble_logged;
    struct failure told; /* what was logged last of why it can't be used */
};

struct counters_link {
    struct router *router;
    struct line lines[ROUTER_LINES];
};

static struct tick after(struct tick tick, int64_t us) {
    return (struct tick){tick.us + us};
}

static const char *wanted_address(const struct line *line) {
    return router_line_address(line->worker->counters->router, line->number);
}

static bool on_open(void *owner, struct net_stream *stream) {
    struct line *line = owner;
    (void)stream;
    if (strcmp(line->address, wanted_address(line)) != 0) {
        line->stream = NULL; /* nothing more is called */
        return false;
    }
    line->heard_at = tick_now();
    line->is_sending = false;
    line->is_open = true;
    router_connected(line->worker->counters->router, line->number);
    return true;
}

static void note_round_trip(struct line *line) {
    if (line->sent_at.us == 0 || router_is_owed(line->worker->counters->router, line->number))
        return;
    metric_note(&line->worker->measures->redis_round_trip_us, line->heard_at.us - line->sent_at.us);
    line->sent_at.us = 0;
}

static bool on_bytes(void *owner, struct net_stream *stream, struct bytes received) {
    struct line *line = owner;
    (void)stream;
    line->heard_at = tick_now();
    struct failure failure;
    if (router_input(line->worker->counters->router, line->number, received, &failure)) {
        note_round_trip(line);
        return true;
    }
    if (strcmp(line->told.text, failure.text) != 0)
        log_error("node", "Redis can't be used worker=%u address=%s why=%s", line->worker->index, line->address,
                  failure.text);
    line->told = failure;
    return false;
}

static void on_sent(void *owner, struct net_stream *stream) {
    struct line *line = owner;
    (void)stream;
    line->is_sending = false;
}

/* A line that is not wanted any more was closed for that. */
static void tell_loss(struct line *line, const char *why) {
    bool is_wanted = strcmp(line->address, wanted_address(line)) == 0;
    if (is_wanted && !line->is_trouble_logged)
        log_warning("node", "Redis is away worker=%u address=%s why=%s", line->worker->index, line->address, why);
    line->is_trouble_logged = line->is_trouble_logged || is_wanted;
}

static void on_closed(void *owner, struct net_stream *stream, const char *why) {
    struct line *line = owner;
    struct worker *worker = line->worker;
    struct router *router = worker->counters->router;
    (void)stream;
    tell_loss(line, why);
    metric_add(&worker->measures->redis_losses, 1);
    line->sent_at.us = 0;
    line->stream = NULL;
    line->is_open = false;
    line->dial_at = after(tick_now(), worker->shared->settings->redis_reconnect_us);
    /* The core must know before it hears of what is lost, else it would ask anew at once. */
    if (!router_has_other(router, line->number)) {
        worker->has_counters = false;
        switch_limits_up(worker->core, moment_now(), false);
    }
    router_lost(router, line->number);
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

static void on_call(void *owner, uint32_t questions) {
    struct worker *worker = owner;
    metric_note(&worker->measures->redis_call_questions, questions);
}

static void on_other_primary(void *owner) {
    struct worker *worker = owner;
    metric_add(&worker->measures->redis_other_primaries, 1);
}

static void on_ready(void *owner) {
    struct worker *worker = owner;
    log_info("node", "Redis is ready worker=%u", worker->index);
    worker->has_counters = true;
    switch_limits_up(worker->core, moment_now(), true);
}

/* ---- what the core asks ---- */

bool counters_ask(struct worker *worker, const struct question *question) {
    return router_ask(worker->counters->router, question);
}

bool counters_write_sums(struct worker *worker, const struct sums *sums) {
    return router_write_sums(worker->counters->router, sums);
}

bool counters_read_month(struct worker *worker, int32_t organisation, struct month month) {
    return router_read_month(worker->counters->router, organisation, month);
}

/* ---- lines ---- */

bool counters_init(struct worker *worker, struct failure *failure) {
    const struct settings *settings = worker->shared->settings;
    const struct limits_options options = {
        .capacity = (uint32_t)settings->requests,
        .group_capacity = (uint32_t)settings->group_capacity,
        .owner = worker,
        .on_verdict = on_verdict,
        .on_sums_written = on_sums_written,
        .on_month_read = on_month_read,
        .on_ready = on_ready,
        .on_call = on_call,
        .on_other_primary = on_other_primary,
    };
    worker->counters = calloc(1, sizeof *worker->counters);
    CHECK(worker->counters != NULL);
    worker->counters->router = router_create(&options, settings->redis, failure);
    for (uint32_t i = 0; i < ROUTER_LINES; i++) {
        worker->counters->lines[i].worker = worker;
        worker->counters->lines[i].number = i;
    }
    return worker->counters->router != NULL;
}

void counters_finish(struct worker *worker) {
    if (worker->counters == NULL)
        return;
    router_destroy(worker->counters->router);
    for (uint32_t i = 0; i < ROUTER_LINES; i++)
        buffer_finish(&worker->counters->lines[i].output);
    free(worker->counters);
}

static void dial(struct line *line, struct tick now) {
    struct worker *worker = line->worker;
    struct failure failure;
    const char *address = wanted_address(line);
    size_t size = strlen(address) + 1;
    CHECK(size <= sizeof line->address);
    if (line->output.data == NULL)
        buffer_init(&line->output, (size_t)4 * LIMITS_OUTPUT_MIN);
    line->output.size = 0;
    memcpy(line->address, address, size);
    line->stream = net_dial(worker->net, address, NULL, &redis_handler, line, &failure);
    if (line->stream != NULL)
        return;
    log_error("node", "Redis can't be dialled worker=%u address=%s why=%s", worker->index, address, failure.text);
    line->dial_at = after(now, worker->shared->settings->redis_reconnect_us);
    router_lost(worker->counters->router, line->number);
}

static bool is_owed(const struct line *line) {
    return line->is_open && router_is_owed(line->worker->counters->router, line->number);
}

static void forget_trouble(struct line *line) {
    if (!line->is_trouble_logged || !router_is_well(line->worker->counters->router, line->number))
        return;
    line->is_trouble_logged = false;
    line->told.text[0] = '\0';
}

static void line_tick(struct line *line, struct tick now) {
    forget_trouble(line);
    const char *address = wanted_address(line);
    if (line->stream == NULL) {
        /* Elsewhere it may be well. */
        bool is_elsewhere = strcmp(line->address, address) != 0;
        if (address[0] != '\0' && (is_elsewhere || now.us >= line->dial_at.us))
            dial(line, now);
    } else if (strcmp(line->address, address) != 0) {
        net_close(line->stream, "another is wanted");
    } else if (!is_owed(line)) {
        line->heard_at = now;
    } else if (now.us - line->heard_at.us > line->worker->shared->settings->redis_silence_us) {
        net_close(line->stream, "it owes an answer and is silent");
    }
}

void counters_tick(struct worker *worker, struct tick now) {
    router_tick(worker->counters->router, now);
    for (uint32_t i = 0; i < router_line_count(worker->counters->router); i++)
        line_tick(&worker->counters->lines[i], now);
}

static struct tick line_next_tick(const struct line *line) {
    if (line->stream != NULL)
        return is_owed(line) ? after(line->heard_at, line->worker->shared->settings->redis_silence_us)
                             : (struct tick){INT64_MAX};
    return wanted_address(line)[0] != '\0' ? line->dial_at : (struct tick){INT64_MAX};
}

struct tick counters_next_tick(const struct worker *worker) {
    struct tick next = router_next_tick(worker->counters->router);
    for (uint32_t i = 0; i < router_line_count(worker->counters->router); i++) {
        struct tick each = line_next_tick(&worker->counters->lines[i]);
        next = each.us < next.us ? each : next;
    }
    return next;
}

static void line_flush(struct line *line, struct tick now) {
    if (!line->is_open || line->stream == NULL || line->is_sending)
        return;
    router_output(line->worker->counters->router, line->number, &line->output);
    if (line->output.size == 0)
        return;
    line->is_sending = true;
    line->sent_at = now;
    net_send(line->stream, buffer_bytes(&line->output));
    line->output.size = 0;
}

void counters_flush(struct worker *worker, struct tick now) {
    for (uint32_t i = 0; i < router_line_count(worker->counters->router); i++)
        line_flush(&worker->counters->lines[i], now);
}
