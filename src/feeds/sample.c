/* SPDX-License-Identifier: Apache-2.0 */
#include "feeds/sample.h"

#include "base/money.h"

#include <stdlib.h>
#include <string.h>

const char *const feed_stage_names[FEED_STAGES] = {
    [FEED_WHOLE] = "whole",   [FEED_ASK] = "ask",         [FEED_COUNT] = "count",
    [FEED_RECORD] = "record", [FEED_JOURNAL] = "journal", [FEED_ANSWER] = "answer",
};

/* ---- single values ---- */

/* It comes as valid UTF-8, and is shown on a terminal: one escape in it would be the terminal's to follow. */
void sample_copy_text(char *into, size_t size, const char *text) {
    size_t at = 0;
    if (text == NULL)
        text = "";
    while (*text != '\0') {
        const unsigned char *byte = (const unsigned char *)text;
        size_t length = *byte < 0x80 ? 1 : *byte < 0xe0 ? 2 : *byte < 0xf0 ? 3 : 4;
        bool is_control = *byte < 0x20 || *byte == 0x7f || (*byte == 0xc2 && byte[1] < 0xa0);
        if (at + length >= size)
            break;
        if (is_control)
            into[at++] = '?';
        else
            memcpy(into + at, text, length), at += length;
        text += length;
    }
    into[at] = '\0';
}

#define COPY(map, name, field) sample_copy_text(field, sizeof(field), json_as_text(json_member(map, name)))

static double number(struct json_object *map, const char *name) {
    const char *digits = json_as_digits(json_member(map, name));
    return digits != NULL ? strtod(digits, NULL) : NAN;
}

static bool truth(struct json_object *map, const char *name) {
    bool is_true = false;
    return json_as_truth(json_member(map, name), &is_true) && is_true;
}

static int64_t amount(struct json_object *map, const char *name) {
    const char *text = json_as_text(json_member(map, name));
    int64_t minor;
    bool is_negative = text != NULL && text[0] == '-';
    if (text == NULL || !money_parse(text + is_negative, &minor))
        return FEED_NO_AMOUNT;
    return is_negative ? -minor : minor;
}

static struct feed_rate rate(struct json_object *map) {
    return (struct feed_rate){.total = number(map, "total"), .per_s = number(map, "per_s")};
}

/* ---- parts ---- */

static void read_outcome(struct json_object *map, struct feed_outcome *outcome) {
    struct json_object *reasons = json_member(map, "reasons");
    outcome->all = rate(map);
    for (size_t i = 0; i < json_map_size(reasons) && i < FEED_REASONS; i++) {
        struct feed_reason *reason = &outcome->reasons[outcome->reason_count++];
        const char *name = json_map_name(reasons, i);
        sample_copy_text(reason->name, sizeof reason->name, name);
        reason->rate = rate(json_member(reasons, name));
    }
}

static void read_latencies(struct json_object *map, struct feed_sample *sample) {
    for (size_t i = 0; i < FEED_STAGES; i++) {
        struct json_object *stage = json_member(map, feed_stage_names[i]);
        sample->latencies[i] = (struct feed_latency){.count = number(stage, "count"),
                                                     .p50 = number(stage, "p50"),
                                                     .p99 = number(stage, "p99"),
                                                     .p999 = number(stage, "p999")};
    }
}

static void read_service(struct json_object *map, const char *times, struct feed_service *service) {
    struct json_object *spread = json_member(map, times);
    *service = (struct feed_service){.is_up = truth(map, "up"),
                                     .p50_ms = number(spread, "p50"),
                                     .p99_ms = number(spread, "p99"),
                                     .losses = number(map, "losses"),
                                     .rebuilds = number(map, "rebuilds"),
                                     .quarantined = number(map, "quarantined")};
}

static void read_in_flight(struct json_object *map, struct feed_sample *sample) {
    sample->requests = number(map, "requests");
    sample->requests_capacity = number(map, "requests_capacity");
    sample->connections = number(map, "connections");
    sample->connections_capacity = number(map, "connections_capacity");
    sample->postgres_waiting = number(map, "postgres_waiting");
    sample->postgres_waiting_capacity = number(map, "postgres_waiting_capacity");
}

static void read_stand_in(struct json_object *map, struct feed_sample *sample) {
    sample->stand_in.is_on = truth(map, "on");
    COPY(map, "journal", sample->stand_in.journal);
    sample->stand_in.entries = number(map, "entries");
    sample->stand_in.bytes = number(map, "bytes");
    sample->stand_in.oldest_s = number(map, "oldest_s");
    sample->stand_in.amount_minor = amount(map, "amount");
}

static size_t read_texts(struct json_object *list, char texts[FEED_TEXTS][FEED_TEXT_SIZE]) {
    size_t count = 0;
    for (; count < json_list_size(list) && count < FEED_TEXTS; count++)
        sample_copy_text(texts[count], FEED_TEXT_SIZE, json_as_text(json_item(list, count)));
    return count;
}

static size_t read_organisations(struct json_object *list, struct feed_organisation *organisations) {
    size_t count = 0;
    for (; count < json_list_size(list) && count < FEED_ORGANISATIONS; count++) {
        struct json_object *map = json_item(list, count);
        struct feed_organisation *organisation = &organisations[count];
        COPY(map, "id", organisation->id);
        organisation->per_s = number(map, "per_s");
        organisation->spent_minor = amount(map, "spent");
        organisation->limit_minor = amount(map, "limit");
        organisation->used = number(map, "used");
    }
    return count;
}

static void read_declines(struct json_object *list, struct feed_sample *sample) {
    for (size_t i = 0; i < json_list_size(list) && i < FEED_DECLINES; i++) {
        struct json_object *map = json_item(list, i);
        struct feed_decline *decline = &sample->declines[sample->decline_count++];
        COPY(map, "at", decline->at);
        COPY(map, "reason", decline->reason);
        COPY(map, "explanation", decline->explanation);
        COPY(map, "organisation", decline->organisation);
        COPY(map, "credential", decline->credential);
        COPY(map, "amount", decline->amount);
        COPY(map, "product", decline->product);
        COPY(map, "channel", decline->channel);
        COPY(map, "client", decline->client);
        COPY(map, "request", decline->request);
    }
}

/* ---- events ---- */

void sample_read(struct json_object *map, struct feed_sample *sample) {
    struct json_object *audit = json_member(map, "audit");
    struct json_object *directory = json_member(map, "directory");
    struct json_object *organisations = json_member(map, "organisations");
    memset(sample, 0, sizeof *sample);
    COPY(map, "at", sample->at);
    sample->sequence = number(map, "sequence");
    sample->approved = rate(json_member(map, "approved"));
    read_outcome(json_member(map, "declined"), &sample->declined);
    read_outcome(json_member(map, "failed"), &sample->failed);
    read_outcome(json_member(map, "faults"), &sample->faults);
    read_latencies(json_member(map, "latency_ms"), sample);
    read_in_flight(json_member(map, "in_flight"), sample);
    sample->busy = number(map, "busy");
    read_service(json_member(map, "redis"), "round_trip_ms", &sample->redis);
    read_service(json_member(map, "postgres"), "transaction_ms", &sample->postgres);
    read_stand_in(json_member(map, "stand_in"), sample);
    sample->audit.drift_minor = amount(audit, "drift");
    sample->audit.suspects = number(audit, "suspects");
    COPY(audit, "last_sweep", sample->audit.last_sweep);
    sample->directory.organisations = number(directory, "organisations");
    sample->directory.travellers = number(directory, "travellers");
    sample->directory.lag_s = number(directory, "lag_s");
    sample->is_ready = truth(map, "ready");
    sample->is_draining = truth(map, "draining");
    sample->missing_count = read_texts(json_member(map, "missing"), sample->missing);
    sample->warning_count = read_texts(json_member(map, "warnings"), sample->warnings);
    sample->busiest_count = read_organisations(json_member(organisations, "busiest"), sample->busiest);
    sample->near_limit_count = read_organisations(json_member(organisations, "near_limit"), sample->near_limit);
    read_declines(json_member(map, "declines"), sample);
}

static void push_point(struct feed_node *node, struct feed_point point) {
    if (node->point_count == FEED_HISTORY)
        memmove(node->points, node->points + 1, --node->point_count * sizeof *node->points);
    node->points[node->point_count++] = point;
}

void sample_keep_point(struct feed_node *node, double missed, const struct feed_sample *sample) {
    for (int i = 0; i < FEED_HISTORY && i < missed; i++)
        push_point(node, (struct feed_point){NAN, NAN, NAN, NAN});
    push_point(node, (struct feed_point){sample->approved.per_s, sample->declined.all.per_s, sample->failed.all.per_s,
                                         sample->faults.all.per_s});
}

void sample_read_hello(struct json_object *map, struct feed_node *node) {
    static struct feed_sample sample; /* too large for a stack */
    struct json_object *history = json_member(map, "history");
    COPY(map, "node", node->name);
    COPY(map, "version", node->version);
    COPY(map, "started", node->started);
    COPY(map, "currency", node->currency);
    node->point_count = 0;
    double before = NAN;
    for (size_t i = 0; i < json_list_size(history); i++) {
        sample_read(json_item(history, i), &sample);
        sample_keep_point(node, sample.sequence - before - 1, &sample);
        before = sample.sequence;
    }
}
