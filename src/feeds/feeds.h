/* SPDX-License-Identifier: Apache-2.0 */
/* feeds: follows the feeds of nodes (docs/feed.md) over HTTP, by libcurl: connects, reads their samples, connects anew
 * when that breaks, and knows of each node what was heard last and when. It shows nothing and sums nothing up.
 *
 * What a node sends is not trusted: an event has a largest size, a list a largest length, a text is cut and holds no
 * control character. All calls are from one thread. */
#ifndef VAXEL_FEEDS_FEEDS_H
#define VAXEL_FEEDS_FEEDS_H

#include "base/clock.h"
#include "base/failure.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- a sample: docs/feed.md has what each field is ---- */

/* What a node can't know: a number is NAN, an amount this, a text "". */
#define FEED_NO_AMOUNT INT64_MIN

#define FEED_NAME_SIZE 64
#define FEED_TEXT_SIZE 256
#define FEED_AMOUNT_SIZE 24
#define FEED_REASONS 40
#define FEED_TEXTS 8
#define FEED_ORGANISATIONS 10
#define FEED_DECLINES 20

struct feed_rate {
    double total;
    double per_s;
};

struct feed_outcome {
    struct feed_rate all;
    size_t reason_count;
    struct feed_reason {
        char name[FEED_NAME_SIZE];
        struct feed_rate rate;
    } reasons[FEED_REASONS];
};

enum feed_stage {
    FEED_WHOLE,
    FEED_ASK,
    FEED_COUNT,
    FEED_RECORD,
    FEED_JOURNAL,
    FEED_ANSWER,
#define FEED_STAGES (FEED_ANSWER + 1)
};
extern const char *const feed_stage_names[FEED_STAGES];

struct feed_latency {
    double count;
    double p50, p99, p999; /* ms */
};

/* Redis or PostgreSQL. */
struct feed_service {
    bool is_up;
    double p50_ms, p99_ms;
    double losses;
    double rebuilds;    /* of Redis */
    double quarantined; /* of PostgreSQL */
};

struct feed_organisation {
    char id[FEED_NAME_SIZE];
    double per_s;
    int64_t spent_minor, limit_minor;
    double used;
};

struct feed_decline {
    char at[INSTANT_TEXT_SIZE];
    char reason[FEED_NAME_SIZE];
    char explanation[FEED_TEXT_SIZE];
    char organisation[FEED_NAME_SIZE];
    char credential[FEED_NAME_SIZE];
    char amount[FEED_AMOUNT_SIZE];
    char product[FEED_NAME_SIZE];
    char channel[FEED_NAME_SIZE];
    char client[FEED_NAME_SIZE];
    char request[FEED_NAME_SIZE];
};

struct feed_sample {
    char at[INSTANT_TEXT_SIZE];
    double sequence;
    struct feed_rate approved;
    struct feed_outcome declined, failed, faults;
    struct feed_latency latencies[FEED_STAGES];
    double requests, requests_capacity;
    double connections, connections_capacity;
    double postgres_waiting, postgres_waiting_capacity;
    double busy;
    struct feed_service redis, postgres;
    struct {
        bool is_on;
        char journal[FEED_NAME_SIZE];
        double entries, bytes, oldest_s;
        int64_t amount_minor;
    } stand_in;
    struct {
        int64_t drift_minor;
        double suspects;
        char last_sweep[INSTANT_TEXT_SIZE];
    } audit;
    struct {
        double organisations, travellers, lag_s;
    } directory;
    bool is_ready, is_draining;
    size_t missing_count, warning_count;
    char missing[FEED_TEXTS][FEED_TEXT_SIZE];
    char warnings[FEED_TEXTS][FEED_TEXT_SIZE];
    size_t busiest_count, near_limit_count, decline_count;
    struct feed_organisation busiest[FEED_ORGANISATIONS];
    struct feed_organisation near_limit[FEED_ORGANISATIONS];
    struct feed_decline declines[FEED_DECLINES];
};

/* What is kept of a sample that has been followed by others. */
struct feed_point {
    double approved_per_s, declined_per_s, failed_per_s, faults_per_s;
};

/* ---- a node ---- */

#define FEED_HISTORY 300
/* A node that has been silent for so long is not well, whatever it said last. */
#define FEED_STALLED_US INT64_C(3000000)

struct feed_node {
    char url[FEED_TEXT_SIZE];     /* "http://127.0.0.1:7512" */
    char trouble[FEED_TEXT_SIZE]; /* why there is no connection now; "" when there is one */
    /* What it says of itself; `name` is "" before that. */
    char name[FEED_NAME_SIZE];
    char version[FEED_NAME_SIZE];
    char started[INSTANT_TEXT_SIZE];
    char currency[FEED_NAME_SIZE];
    bool has_sample;
    struct tick heard; /* the sample */
    struct feed_sample sample;
    struct json_object *json; /* the sample as it was sent; it stands until the next one */
    /* The points before now, of one second each; the newest stands at point_count - 1. */
    size_t point_count;
    struct feed_point points[FEED_HISTORY];
};

enum feed_state { FEED_WAITING, FEED_LIVE, FEED_STALLED }; /* waiting: for the first sample */
enum feed_state feed_state_at(const struct feed_node *node, struct tick now);

/* ---- all of them ---- */

#define FEEDS_NODES 32

struct feeds;

/* With `follows_others`, the nodes that a node names are followed too. */
struct feeds *feeds_open(bool follows_others);
void feeds_close(struct feeds *feeds);

/* "http://host:port", or "host:port". One that is followed already is followed once. */
bool feeds_follow(struct feeds *feeds, const char *url, struct failure *failure);

/* Waits until a node says something, one of the descriptors can be read, or the time is up. Many waits may be cut short
 * by nothing at all. */
void feeds_wait(struct feeds *feeds, const int *descriptors, size_t count, int timeout_ms);

/* In the order in which they were followed. A node that has two addresses is told of once. */
size_t feeds_count(const struct feeds *feeds);
const struct feed_node *feeds_node(const struct feeds *feeds, size_t at);

#endif
