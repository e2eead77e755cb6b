/* SPDX-License-Identifier: Apache-2.0 */
#include "top/overview.h"

#include "top/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- sums of what may not be known ---- */

static void add(double *sum, double value) {
    if (!isnan(value))
        *sum = isnan(*sum) ? value : *sum + value;
}

static void most(double *found, double value) {
    if (!isnan(value) && (isnan(*found) || value > *found))
        *found = value;
}

static void add_rate(struct feed_rate *sum, const struct feed_rate *rate) {
    add(&sum->total, rate->total);
    add(&sum->per_s, rate->per_s);
}

static void add_amount(int64_t *sum, int64_t minor) {
    if (minor != FEED_NO_AMOUNT)
        *sum = *sum == FEED_NO_AMOUNT ? minor : *sum + minor;
}

static void most_amount(int64_t *found, int64_t minor) {
    if (minor != FEED_NO_AMOUNT && (*found == FEED_NO_AMOUNT || llabs(minor) > llabs(*found)))
        *found = minor;
}

/* ---- what is not well ---- */

__attribute__((format(printf, 3, 4))) static void tell(struct overview *overview, const struct overview_node *node,
                                                       const char *format, ...) {
    if (overview->trouble_count == OVERVIEW_TROUBLES)
        return;
    char *text = overview->troubles[overview->trouble_count++];
    int size = snprintf(text, OVERVIEW_TROUBLE_SIZE, "%.64s: ", node->name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + size, OVERVIEW_TROUBLE_SIZE - (size_t)size, format, arguments);
    va_end(arguments);
}

static void tell_silence(struct overview *overview, const struct overview_node *shown, const struct feed_node *node) {
    const char *why = node->trouble;
    const char *colon = why[0] != '\0' ? ": " : "";
    if (shown->state == FEED_STALLED)
        tell(overview, shown, "STALLED, nothing heard for %.0f s%s%s", shown->silent_s, colon, why);
    else if (why[0] != '\0')
        tell(overview, shown, "not reached: %s", why);
    else
        tell(overview, shown, "not heard yet");
}

static void tell_troubles(struct overview *overview, const struct overview_node *shown,
                          const struct feed_sample *sample) {
    for (size_t i = 0; i < sample->missing_count; i++)
        tell(overview, shown, "missing: %s", sample->missing[i]);
    if (!sample->is_ready && sample->missing_count == 0)
        tell(overview, shown, "not ready");
    if (sample->is_draining)
        tell(overview, shown, "draining: it takes no more and will end");
    if (!sample->redis.is_up && sample->missing_count == 0)
        tell(overview, shown, "Redis is down");
    if (sample->stand_in.is_on)
        tell(overview, shown, "stands in: purchases go to its journal");
    else if (!sample->postgres.is_up && sample->missing_count == 0)
        tell(overview, shown, "PostgreSQL is down");
    for (size_t i = 0; i < sample->warning_count; i++)
        tell(overview, shown, "%s", sample->warnings[i]);
    if (sample->postgres.quarantined > 0)
        tell(overview, shown, "%.0f rows in quarantine: each needs a person", sample->postgres.quarantined);
}

/* ---- parts of a sample ---- */

static void add_reasons(struct overview *overview, enum outcome outcome, const struct feed_outcome *from) {
    for (size_t i = 0; i < from->reason_count; i++) {
        const struct feed_reason *reason = &from->reasons[i];
        size_t at = 0;
        while (at < overview->reason_count &&
               (overview->reasons[at].outcome != outcome || strcmp(overview->reasons[at].name, reason->name) != 0))
            at++;
        if (at == OVERVIEW_REASONS)
            continue;
        struct overview_reason *into = &overview->reasons[at];
        if (at == overview->reason_count) {
            overview->reason_count++;
            into->outcome = outcome;
            memcpy(into->name, reason->name, sizeof into->name);
            into->rate = (struct feed_rate){NAN, NAN};
        }
        add_rate(&into->rate, &reason->rate);
    }
}

static void add_service(struct overview_service *into, const struct feed_service *from) {
    into->known++;
    into->up += from->is_up;
    most(&into->p50_ms, from->p50_ms);
    most(&into->p99_ms, from->p99_ms);
}

static void add_latencies(struct overview *overview, const struct feed_sample *sample) {
    for (size_t i = 0; i < FEED_STAGES; i++) {
        struct feed_latency *into = &overview->latencies[i];
        const struct feed_latency *from = &sample->latencies[i];
        add(&into->count, from->count);
        most(&into->p50, from->p50);
        most(&into->p99, from->p99);
        most(&into->p999, from->p999);
    }
}

/* How much an operator should care. */
static int journal_rank(const char *journal) {
    static const char *const ranks[] = {"", "none", "open", "full", "broken"};
    for (int i = 0; i < (int)(sizeof ranks / sizeof *ranks); i++)
        if (strcmp(ranks[i], journal) == 0)
            return i;
    return 1;
}

static void add_stand_in(struct overview *overview, const struct feed_sample *sample) {
    overview->standing_in += sample->stand_in.is_on;
    if (journal_rank(sample->stand_in.journal) > journal_rank(overview->journal))
        memcpy(overview->journal, sample->stand_in.journal, sizeof overview->journal);
    add(&overview->journal_entries, sample->stand_in.entries);
    add_amount(&overview->journal_amount_minor, sample->stand_in.amount_minor);
    most(&overview->journal_oldest_s, sample->stand_in.oldest_s);
}

static void add_audit(struct overview *overview, const struct feed_sample *sample) {
    most_amount(&overview->drift_minor, sample->audit.drift_minor);
    most(&overview->suspects, sample->audit.suspects);
    most(&overview->swept_s, text_age_s(sample->audit.last_sweep, overview->at));
    most(&overview->organisations, sample->directory.organisations);
    most(&overview->travellers, sample->directory.travellers);
    most(&overview->lag_s, sample->directory.lag_s);
}

/* ---- lists: of several nodes' lists, the first of all ---- */

/* An organisation that several nodes serve: its purchases add up, its counters are one. Ids are masked, and two may
 * look the same: those have other limits. */
static bool is_same(const struct feed_organisation *one, const struct feed_organisation *other) {
    return strcmp(one->id, other->id) == 0 &&
           (one->limit_minor == other->limit_minor || one->limit_minor == FEED_NO_AMOUNT ||
            other->limit_minor == FEED_NO_AMOUNT);
}

static size_t add_organisations(struct feed_organisation *into, size_t count, const struct feed_organisation *from,
                                size_t from_count, size_t capacity) {
    for (size_t i = 0; i < from_count; i++) {
        size_t at = 0;
        while (at < count && !is_same(&into[at], &from[i]))
            at++;
        if (at == capacity)
            continue;
        if (at == count) {
            into[count++] = from[i];
            continue;
        }
        add(&into[at].per_s, from[i].per_s);
        most(&into[at].used, from[i].used);
        most_amount(&into[at].spent_minor, from[i].spent_minor);
        most_amount(&into[at].limit_minor, from[i].limit_minor);
    }
    return count;
}

/* The larger first, what is not known last. */
static int compare(double one, double other) {
    double left = isnan(one) ? -1 : one;
    double right = isnan(other) ? -1 : other;
    return (left < right) - (left > right);
}

static int by_rate(const void *one, const void *other) {
    return compare(((const struct feed_organisation *)one)->per_s, ((const struct feed_organisation *)other)->per_s);
}

static int by_use(const void *one, const void *other) {
    return compare(((const struct feed_organisation *)one)->used, ((const struct feed_organisation *)other)->used);
}

static int by_time(const void *one, const void *other) {
    return -strcmp(((const struct feed_decline *)one)->at, ((const struct feed_decline *)other)->at);
}

static int by_reason(const void *one, const void *other) {
    const struct overview_reason *left = one;
    const struct overview_reason *right = other;
    int order = compare(left->rate.per_s, right->rate.per_s);
    return order != 0 ? order : compare(left->rate.total, right->rate.total);
}

/* Of who is silent, what is going on is not known; what was declined stays so. */
static void merge_lists(const struct feeds *feeds, struct overview *overview) {
    static struct feed_organisation busiest[FEEDS_NODES * FEED_ORGANISATIONS];
    static struct feed_organisation near_limit[FEEDS_NODES * FEED_ORGANISATIONS];
    static struct feed_decline declines[FEEDS_NODES * FEED_DECLINES];
    const size_t capacity = FEEDS_NODES * FEED_ORGANISATIONS;
    size_t busiest_count = 0, near_limit_count = 0, decline_count = 0;
    for (size_t i = 0; i < feeds_count(feeds); i++) {
        const struct feed_sample *sample = &feeds_node(feeds, i)->sample;
        memcpy(declines + decline_count, sample->declines, sample->decline_count * sizeof *declines);
        decline_count += sample->decline_count;
        if (overview->nodes[i].state != FEED_LIVE)
            continue;
        busiest_count = add_organisations(busiest, busiest_count, sample->busiest, sample->busiest_count, capacity);
        near_limit_count =
            add_organisations(near_limit, near_limit_count, sample->near_limit, sample->near_limit_count, capacity);
    }
    qsort(busiest, busiest_count, sizeof *busiest, by_rate);
    qsort(near_limit, near_limit_count, sizeof *near_limit, by_use);
    qsort(declines, decline_count, sizeof *declines, by_time);
    overview->busiest_count = busiest_count < FEED_ORGANISATIONS ? busiest_count : FEED_ORGANISATIONS;
    overview->near_limit_count = near_limit_count < FEED_ORGANISATIONS ? near_limit_count : FEED_ORGANISATIONS;
    overview->decline_count = decline_count < FEED_DECLINES ? decline_count : FEED_DECLINES;
    memcpy(overview->busiest, busiest, overview->busiest_count * sizeof *busiest);
    memcpy(overview->near_limit, near_limit, overview->near_limit_count * sizeof *near_limit);
    memcpy(overview->declines, declines, overview->decline_count * sizeof *declines);
}

/* ---- history ---- */

/* How many seconds ago a node's newest point was: what it owes since then was not heard. */
static size_t seconds_owed(const struct feed_node *node, struct tick now) {
    int64_t silent_us = now.us - node->heard.us;
    return node->has_sample && silent_us >= 2000000 ? (size_t)(silent_us / 1000000) : 0;
}

static void add_history(const struct feed_node *node, struct tick now, struct overview *overview) {
    size_t owed = seconds_owed(node, now);
    for (size_t i = 0; i < node->point_count && i + owed < FEED_HISTORY; i++) {
        const struct feed_point *from = &node->points[node->point_count - 1 - i];
        struct feed_point *into = &overview->history[FEED_HISTORY - 1 - i - owed];
        add(&into->approved_per_s, from->approved_per_s);
        add(&into->declined_per_s, from->declined_per_s);
        add(&into->failed_per_s, from->failed_per_s);
        add(&into->faults_per_s, from->faults_per_s);
    }
    size_t known = node->point_count + owed < FEED_HISTORY ? node->point_count + owed : FEED_HISTORY;
    if (FEED_HISTORY - known < overview->unknown)
        overview->unknown = FEED_HISTORY - known;
}

/* ---- the whole ---- */

static void add_sample(struct overview *overview, const struct feed_sample *sample) {
    add_rate(&overview->approved, &sample->approved);
    add_rate(&overview->declined, &sample->declined.all);
    add_rate(&overview->failed, &sample->failed.all);
    add_rate(&overview->faults, &sample->faults.all);
    add_reasons(overview, OUTCOME_DECLINED, &sample->declined);
    add_reasons(overview, OUTCOME_FAILED, &sample->failed);
    add_reasons(overview, OUTCOME_FAULT, &sample->faults);
    add_latencies(overview, sample);
    add(&overview->requests, sample->requests);
    add(&overview->requests_capacity, sample->requests_capacity);
    add(&overview->connections, sample->connections);
    add(&overview->connections_capacity, sample->connections_capacity);
    add(&overview->postgres_waiting, sample->postgres_waiting);
    most(&overview->busy, sample->busy);
    add_service(&overview->redis, &sample->redis);
    add_service(&overview->postgres, &sample->postgres);
    add_stand_in(overview, sample);
    add_audit(overview, sample);
    overview->ready += sample->is_ready;
}

static void describe(const struct feed_node *node, struct tick now, struct overview_node *shown) {
    const struct feed_sample *sample = &node->sample;
    *shown = (struct overview_node){.state = feed_state_at(node, now),
                                    .silent_s = (double)(now.us - node->heard.us) / 1e6,
                                    .approved_per_s = sample->approved.per_s,
                                    .declined_per_s = sample->declined.all.per_s,
                                    .failed_per_s = sample->failed.all.per_s,
                                    .faults_per_s = sample->faults.all.per_s,
                                    .p99_ms = sample->latencies[FEED_WHOLE].p99,
                                    .busy = sample->busy,
                                    .requests = sample->requests,
                                    .is_ready = sample->is_ready,
                                    .is_redis_up = sample->redis.is_up,
                                    .is_postgres_up = sample->postgres.is_up,
                                    .is_standing_in = sample->stand_in.is_on};
    snprintf(shown->name, sizeof shown->name, "%s", node->name[0] != '\0' ? node->name : node->url);
    memcpy(shown->version, node->version, sizeof shown->version);
}

/* Nothing is known of anything. */
static void forget(struct overview *overview) {
    const struct feed_rate none = {NAN, NAN};
    memset(overview, 0, sizeof *overview);
    overview->approved = overview->declined = overview->failed = overview->faults = none;
    for (size_t i = 0; i < FEED_STAGES; i++)
        overview->latencies[i] = (struct feed_latency){NAN, NAN, NAN, NAN};
    for (size_t i = 0; i < FEED_HISTORY; i++)
        overview->history[i] = (struct feed_point){NAN, NAN, NAN, NAN};
    overview->unknown = FEED_HISTORY;
    overview->requests = overview->requests_capacity = overview->connections = overview->connections_capacity = NAN;
    overview->postgres_waiting = overview->busy = overview->journal_entries = overview->journal_oldest_s = NAN;
    overview->suspects = overview->swept_s = overview->organisations = overview->travellers = overview->lag_s = NAN;
    overview->redis = overview->postgres = (struct overview_service){.p50_ms = NAN, .p99_ms = NAN};
    overview->journal_amount_minor = overview->drift_minor = FEED_NO_AMOUNT;
}

void overview_take(const struct feeds *feeds, struct tick now, struct overview *overview) {
    forget(overview);
    overview->at = instant_now();
    for (size_t i = 0; i < feeds_count(feeds); i++) {
        const struct feed_node *node = feeds_node(feeds, i);
        struct overview_node *shown = &overview->nodes[overview->node_count++];
        describe(node, now, shown);
        overview->live += shown->state == FEED_LIVE;
        overview->waiting += shown->state == FEED_WAITING;
        overview->stalled += shown->state == FEED_STALLED;
        add_history(node, now, overview);
        memcpy(overview->version, node->version, sizeof overview->version);
        memcpy(overview->started, node->started, sizeof overview->started);
        if (node->currency[0] != '\0')
            memcpy(overview->currency, node->currency, sizeof overview->currency);
        if (shown->state == FEED_LIVE)
            add_sample(overview, &node->sample);
        else
            tell_silence(overview, shown, node);
    }
    for (size_t i = 0; i < overview->node_count; i++)
        if (overview->nodes[i].state == FEED_LIVE)
            tell_troubles(overview, &overview->nodes[i], &feeds_node(feeds, i)->sample);
    merge_lists(feeds, overview);
    qsort(overview->reasons, overview->reason_count, sizeof *overview->reasons, by_reason);
}

enum top_state overview_state(const struct overview *overview) {
    if (overview->live == 0)
        return TOP_NOT_REACHED;
    return overview->trouble_count == 0 ? TOP_WELL : TOP_WRONG;
}
