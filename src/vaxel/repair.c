/* SPDX-License-Identifier: Apache-2.0 */
/* The rooms that a worker has, without its core: the record raises the epoch and reads the sums, the limits write them.
 */
#include "vaxel/audit.h"

#include "base/check.h"
#include "limits/limits.h"
#include "net/net.h"
#include "record/record.h"

#include <stdio.h>

#define PATIENCE_US 30000000
#define GLANCE_US 50000
#define RECONNECT_US 200000

struct repair {
    struct net *net;
    struct limits *limits;
    struct record *record;
    struct net_stream *stream; /* to Redis */
    struct net_watch watches[RECORD_CONNECTIONS];
    struct buffer output;
    bool is_sending;
    bool has_counters, has_records;
    bool is_over, is_written;
    struct failure failure;
};

static void end(struct repair *repair, const char *why) {
    repair->is_over = true;
    if (why != NULL && repair->failure.text[0] == '\0')
        failure_set(&repair->failure, "%s", why);
}

/* ---- Redis ---- */

static bool on_open(void *owner, struct net_stream *stream) {
    struct repair *repair = owner;
    (void)stream;
    limits_connected(repair->limits);
    return true;
}

static bool on_bytes(void *owner, struct net_stream *stream, struct bytes received) {
    struct repair *repair = owner;
    (void)stream;
    return limits_input(repair->limits, received, &repair->failure);
}

static void on_sent(void *owner, struct net_stream *stream) {
    struct repair *repair = owner;
    (void)stream;
    repair->is_sending = false;
}

static void on_closed(void *owner, struct net_stream *stream, const char *why) {
    struct repair *repair = owner;
    (void)stream;
    repair->stream = NULL;
    end(repair, why);
}

static const struct net_handler redis_handler = {
    .on_open = on_open, .on_bytes = on_bytes, .on_sent = on_sent, .on_closed = on_closed};

static void on_ready(void *owner) {
    struct repair *repair = owner;
    repair->has_counters = true;
}

static void on_verdict(void *owner, const struct verdict *verdict) {
    (void)owner;
    (void)verdict;
    CHECK(!"nothing was asked");
}

static void on_sums_written(void *owner, int32_t organisation, struct month month, int32_t epoch, bool is_written) {
    struct repair *repair = owner;
    (void)organisation;
    (void)month;
    (void)epoch;
    repair->is_written = is_written;
    end(repair, is_written ? NULL : "Redis did not take the sums");
}

static void flush_counters(struct repair *repair) {
    if (repair->stream == NULL || repair->is_sending)
        return;
    limits_output(repair->limits, &repair->output);
    if (repair->output.size == 0)
        return;
    repair->is_sending = true;
    net_send(repair->stream, buffer_bytes(&repair->output));
    repair->output.size = 0;
}

/* ---- PostgreSQL ---- */

static void on_up(void *owner, bool is_up) {
    struct repair *repair = owner;
    repair->has_records = is_up;
}

static void on_sums(void *owner, int32_t organisation, struct month month, const struct sums *sums) {
    struct repair *repair = owner;
    (void)organisation;
    (void)month;
    if (sums == NULL)
        end(repair, "PostgreSQL could not tell the sums");
    else if (!limits_write_sums(repair->limits, sums))
        end(repair, "Redis went away");
}

static void on_watch(void *owner, int connection, short events) {
    struct repair *repair = owner;
    record_ready(repair->record, tick_now(), connection, events);
}

static void flush_records(struct repair *repair) {
    struct record_interest interests[RECORD_CONNECTIONS];
    record_flush(repair->record, tick_now());
    record_interests(repair->record, interests);
    for (int i = 0; i < RECORD_CONNECTIONS; i++)
        net_watch(repair->net, &repair->watches[i], interests[i].fd, interests[i].socket, interests[i].events);
}

/* ---- the whole ---- */

static void turn(struct repair *repair) {
    net_turn(repair->net, (struct tick){tick_now().us + GLANCE_US});
    record_tick(repair->record, tick_now());
    flush_counters(repair);
    flush_records(repair);
}

static bool open_rooms(struct repair *repair, const struct settings *settings) {
    const struct net_options net_options = {.streams_capacity = 1,
                                            .receive_buffers = 16,
                                            .unread_capacity_bytes = 1u << 20,
                                            .handshake_timeout_us = PATIENCE_US};
    const struct limits_options limits_options = {.capacity = 1,
                                                  .group_capacity = 1,
                                                  .owner = repair,
                                                  .on_verdict = on_verdict,
                                                  .on_sums_written = on_sums_written,
                                                  .on_ready = on_ready};
    const struct record_options record_options = {.conninfo = settings->postgres,
                                                  .capacity = 1,
                                                  .batch_capacity = 1,
                                                  .refusal_capacity = 1,
                                                  .time_window_us = settings->time_window_us,
                                                  .reconnect_us = RECONNECT_US,
                                                  .silence_us = PATIENCE_US,
                                                  .owner = repair,
                                                  .on_sums = on_sums,
                                                  .on_up = on_up};
    for (int i = 0; i < RECORD_CONNECTIONS; i++)
        repair->watches[i] = (struct net_watch){.on_ready = on_watch, .owner = repair, .tag = i, .fd = -1};
    buffer_init(&repair->output, (size_t)4 * LIMITS_OUTPUT_MIN);
    repair->limits = limits_create(&limits_options);
    CHECK(repair->limits != NULL);
    repair->record = record_create(&record_options, tick_now());
    repair->net = net_create(&net_options, &repair->failure);
    if (repair->net == NULL)
        return false;
    repair->stream = net_dial(repair->net, settings->redis, NULL, &redis_handler, repair, &repair->failure);
    return repair->stream != NULL;
}

static void close_rooms(struct repair *repair) {
    if (repair->net != NULL)
        net_destroy(repair->net);
    record_destroy(repair->record);
    limits_destroy(repair->limits);
    buffer_finish(&repair->output);
}

bool audit_repair(const struct settings *settings, int32_t organisation, struct month month, struct failure *failure) {
    struct repair repair = {0};
    bool is_asked = false;
    int64_t give_up_us = tick_now().us + PATIENCE_US;
    if (!open_rooms(&repair, settings))
        end(&repair, "Redis can't be dialled");
    while (!repair.is_over && tick_now().us < give_up_us) {
        turn(&repair);
        if (!is_asked && repair.has_counters && repair.has_records)
            is_asked = record_read_sums(repair.record, organisation, month, true);
    }
    end(&repair, repair.is_written ? NULL : "it took too long");
    close_rooms(&repair);
    return repair.is_written || failure_set(failure, "the counters of organisation %d are not mended: %s", organisation,
                                            repair.failure.text);
}
