/* SPDX-License-Identifier: Apache-2.0 */
/* All nodes as one: plain data, as of one moment. */
#ifndef VAXEL_TOP_OVERVIEW_H
#define VAXEL_TOP_OVERVIEW_H

#include "feeds/feeds.h"
#include "top/top.h"

#define OVERVIEW_REASONS (3 * FEED_REASONS)
#define OVERVIEW_TROUBLES 64
#define OVERVIEW_TROUBLE_SIZE 384

enum outcome { OUTCOME_DECLINED, OUTCOME_FAILED, OUTCOME_FAULT };

struct overview_reason {
    enum outcome outcome;
    char name[FEED_NAME_SIZE];
    struct feed_rate rate;
};

/* A node, for the list of them. */
struct overview_node {
    enum feed_state state;
    char name[FEED_TEXT_SIZE]; /* or its address, before it has told one */
    char version[FEED_NAME_SIZE];
    double silent_s;
    double approved_per_s, declined_per_s, failed_per_s, faults_per_s;
    double p99_ms, busy, requests;
    bool is_ready, is_redis_up, is_postgres_up, is_standing_in;
};

/* A service of several nodes. */
struct overview_service {
    size_t up, known;
    double p50_ms, p99_ms; /* of the node that has it worst */
};

/* Figures are of the nodes that are live. What adds up is added up; of times the worst is told, since quantiles don't.
 */
struct overview {
    struct instant at;
    size_t live, waiting, stalled, ready;
    size_t node_count;
    struct overview_node nodes[FEEDS_NODES];
    char version[FEED_NAME_SIZE]; /* and when it was started: of the only node */
    char started[INSTANT_TEXT_SIZE];
    char currency[FEED_NAME_SIZE];
    struct feed_rate approved, declined, failed, faults;
    size_t reason_count;
    struct overview_reason reasons[OVERVIEW_REASONS]; /* those that are given most now first */
    struct feed_latency latencies[FEED_STAGES];
    double requests, requests_capacity, connections, connections_capacity, postgres_waiting;
    double busy;
    struct overview_service redis, postgres;
    size_t standing_in;
    char journal[FEED_NAME_SIZE]; /* of the only node; else the worst of them */
    double journal_entries, journal_oldest_s;
    int64_t journal_amount_minor;
    int64_t drift_minor;
    double suspects;
    double swept_s; /* how long ago all had been looked at */
    double organisations, travellers, lag_s;
    size_t busiest_count, near_limit_count, decline_count;
    struct feed_organisation busiest[FEED_ORGANISATIONS];
    struct feed_organisation near_limit[FEED_ORGANISATIONS];
    struct feed_decline declines[FEED_DECLINES];
    /* The newest second last; NAN where nothing was heard; the first `unknown` of them are before all that is known. */
    size_t unknown;
    struct feed_point history[FEED_HISTORY];
    size_t trouble_count;
    char troubles[OVERVIEW_TROUBLES][OVERVIEW_TROUBLE_SIZE]; /* what is not well, the worst first */
};

void overview_take(const struct feeds *feeds, struct tick now, struct overview *overview);
enum top_state overview_state(const struct overview *overview);

#endif
