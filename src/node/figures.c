/* SPDX-License-Identifier: Apache-2.0 */
#include "node/figures.h"

#include "base/money.h"
#include "json/json.h"

#include <stdio.h>

#define NUMBER_SIZE 32

/* ---- texts of numbers ---- */

static void put_fraction(struct json_object *map, const char *name, double number, int decimals) {
    char digits[NUMBER_SIZE];
    snprintf(digits, sizeof digits, "%.*f", decimals, number);
    json_put_digits(map, name, digits);
}

void figures_put_seconds(struct json_object *map, const char *name, int64_t us) {
    put_fraction(map, name, (double)us / 1e6, 3);
}

void figures_put_amount(struct json_object *map, const char *name, int64_t minor) {
    char text[MONEY_TEXT_SIZE];
    money_format(minor, text);
    json_put_text(map, name, text);
}

void figures_put_thousandths(struct json_object *map, const char *name, int64_t thousandths) {
    put_fraction(map, name, (double)thousandths / 1e3, 3);
}

void figures_put_rate(struct json_object *map, const char *name, double rate) {
    put_fraction(map, name, rate, 2);
}

void figures_put_instant(struct json_object *map, const char *name, struct instant instant) {
    char text[INSTANT_TEXT_SIZE];
    instant_format(instant, text);
    if (instant.us == 0)
        json_put(map, name, NULL);
    else
        json_put_text(map, name, text);
}

static uint64_t count_of(const struct metric_count *count) {
    return atomic_load_explicit(&count->value, memory_order_relaxed);
}

static void put_count(struct json_object *map, const char *name, const struct metric_count *count) {
    json_put_whole(map, name, (int64_t)count_of(count));
}

/* ---- answers ---- */

static void put_counted(struct json_object *map, uint64_t before, uint64_t now, double seconds) {
    json_put_whole(map, "total", (int64_t)now);
    figures_put_rate(map, "per_s", (double)(now - before) / seconds);
}

static struct json_object *map_of(struct json_object *map, const char *name) {
    struct json_object *member = json_new_map();
    json_put(map, name, member);
    return member;
}

static uint64_t count_answers(const struct measures *measures, enum decision decision, int reason) {
    uint64_t sum = 0;
    for (int client = 0; client < MEASURED_CLIENTS; client++)
        for (int channel = 0; channel < MEASURED_CHANNELS; channel++)
            sum += count_of(&measures->answers[CALL_AUTHORIZE][client][channel][decision][reason]);
    return sum;
}

/* How often each reason was given. */
typedef uint64_t counted_by_reason(const struct measures *measures, int reason);

static uint64_t approved(const struct measures *measures, int reason) {
    return count_answers(measures, DECISION_APPROVED, reason);
}

static uint64_t declined(const struct measures *measures, int reason) {
    return count_answers(measures, DECISION_DECLINED, reason);
}

static uint64_t failed(const struct measures *measures, int reason) {
    return count_answers(measures, DECISION_FAILED, reason);
}

static uint64_t faults(const struct measures *measures, int reason) {
    return count_of(&measures->faults[reason]);
}

static void put_reasons(struct json_object *sample, const char *name, const struct span *span,
                        counted_by_reason *count) {
    struct json_object *map = map_of(sample, name), *reasons = json_new_map();
    uint64_t total_before = 0, total = 0;
    for (int reason = 0; reason < MEASURED_REASONS; reason++) {
        uint64_t before = count(span->before, reason), now = count(span->now, reason);
        total_before += before;
        total += now;
        if (now > 0)
            put_counted(map_of(reasons, reason_name((enum reason)reason)), before, now, span->seconds);
    }
    put_counted(map, total_before, total, span->seconds);
    json_put(map, "reasons", reasons);
}

void figures_put_answers(struct json_object *sample, const struct span *span) {
    put_counted(map_of(sample, "approved"), approved(span->before, REASON_APPROVED),
                approved(span->now, REASON_APPROVED), span->seconds);
    put_reasons(sample, "declined", span, declined);
    put_reasons(sample, "failed", span, failed);
    put_reasons(sample, "faults", span, faults);
}

/* ---- latencies ---- */

static uint64_t noted(const struct metric_spread *before, const struct metric_spread *now, size_t bucket) {
    return atomic_load_explicit(&now->buckets[bucket], memory_order_relaxed) -
           atomic_load_explicit(&before->buckets[bucket], memory_order_relaxed);
}

static uint64_t count_noted(const struct metric_spread *before, const struct metric_spread *now) {
    uint64_t count = 0;
    for (size_t bucket = 0; bucket < METRIC_BUCKETS; bucket++)
        count += noted(before, now, bucket);
    return count;
}

/* What so many in a thousand are not above; of a bucket's values, the largest. */
static uint64_t quantile_us(const struct metric_spread *before, const struct metric_spread *now, uint64_t count,
                            uint64_t thousandths) {
    uint64_t wanted = (count * thousandths + 999) / 1000, seen = 0;
    for (size_t bucket = 0; bucket < METRIC_BUCKETS; bucket++) {
        seen += noted(before, now, bucket);
        if (seen >= wanted)
            return metric_bucket_bound(bucket);
    }
    return metric_bucket_bound(METRIC_BUCKETS - 1);
}

static void put_quantile_ms(struct json_object *map, const char *name, const struct metric_spread *before,
                            const struct metric_spread *now, uint64_t count, uint64_t thousandths) {
    if (count == 0)
        json_put(map, name, NULL);
    else
        put_fraction(map, name, (double)quantile_us(before, now, count, thousandths) / 1e3, 3);
}

static void put_latency(struct json_object *latency, const char *name, const struct metric_spread *before,
                        const struct metric_spread *now) {
    uint64_t count = count_noted(before, now);
    struct json_object *map = map_of(latency, name);
    json_put_whole(map, "count", (int64_t)count);
    put_quantile_ms(map, "p50", before, now, count, 500);
    put_quantile_ms(map, "p99", before, now, count, 990);
    put_quantile_ms(map, "p999", before, now, count, 999);
}

void figures_put_latency(struct json_object *sample, const struct span *span) {
    static const char *const stages[MEASURED_STAGES] = {"ask", "count", "record", "journal", "answer"};
    struct json_object *latency = map_of(sample, "latency_ms");
    put_latency(latency, "whole", &span->before->answer_us[CALL_AUTHORIZE], &span->now->answer_us[CALL_AUTHORIZE]);
    for (int stage = 0; stage < MEASURED_STAGES; stage++)
        put_latency(latency, stages[stage], &span->before->stage_us[stage], &span->now->stage_us[stage]);
}

static void put_trip(struct json_object *service, const char *name, const struct metric_spread *before,
                     const struct metric_spread *now) {
    uint64_t count = count_noted(before, now);
    struct json_object *map = map_of(service, name);
    put_quantile_ms(map, "p50", before, now, count, 500);
    put_quantile_ms(map, "p99", before, now, count, 990);
}

/* ---- what stands ---- */

void figures_put_load(struct json_object *sample, const struct span *span) {
    const struct measures *now = span->now;
    struct json_object *map = map_of(sample, "in_flight");
    json_put_whole(map, "requests", metric_level(&now->requests));
    json_put_whole(map, "requests_capacity", metric_level(&now->requests_capacity));
    json_put_whole(map, "connections",
                   metric_level(&now->connections[FACE_FRAMES]) + metric_level(&now->connections[FACE_GRPC]));
    json_put_whole(map, "connections_capacity", metric_level(&now->connections_capacity));
    json_put_whole(map, "postgres_waiting", metric_level(&now->postgres_waiting));
    json_put_whole(map, "postgres_waiting_capacity", metric_level(&now->postgres_capacity));
}

static const char *journal_state(const struct measures *now, bool has_journal) {
    if (!has_journal)
        return "none";
    if (metric_level(&now->journal_broken) != 0)
        return "broken";
    return metric_level(&now->journal_open) != 0 ? "open" : "full";
}

static void put_stand_in(struct json_object *sample, const struct measures *now, bool has_journal) {
    struct json_object *map = map_of(sample, "stand_in");
    json_put_truth(map, "on", metric_level(&now->stands_in) != 0);
    json_put_text(map, "journal", journal_state(now, has_journal));
    json_put_whole(map, "entries", metric_level(&now->journal_entries));
    json_put_whole(map, "bytes", metric_level(&now->journal_bytes));
    figures_put_amount(map, "amount", metric_level(&now->journal_minor));
    figures_put_seconds(map, "oldest_s", metric_level(&now->journal_age_us));
}

static void put_audit(struct json_object *sample, const struct measures *now) {
    struct json_object *map = map_of(sample, "audit");
    figures_put_amount(map, "drift", metric_level(&now->audit_drift_minor));
    json_put_whole(map, "suspects", metric_level(&now->audit_suspects));
    figures_put_instant(map, "last_sweep", (struct instant){metric_level(&now->audit_swept_us)});
}

void figures_put_services(struct json_object *sample, const struct span *span, bool has_journal) {
    const struct measures *before = span->before, *now = span->now;
    struct json_object *redis = map_of(sample, "redis"), *postgres = map_of(sample, "postgres");
    json_put_truth(redis, "up", metric_level(&now->redis_up) != 0);
    put_trip(redis, "round_trip_ms", &before->redis_round_trip_us, &now->redis_round_trip_us);
    put_count(redis, "losses", &now->redis_losses);
    put_count(redis, "rebuilds", &now->rebuilds);
    json_put_truth(postgres, "up", metric_level(&now->postgres_up) != 0);
    put_trip(postgres, "transaction_ms", &before->postgres_transaction_us, &now->postgres_transaction_us);
    put_count(postgres, "losses", &now->postgres_losses);
    put_count(postgres, "quarantined", &now->quarantined);
    put_stand_in(sample, now, has_journal);
    put_audit(sample, now);
}

void figures_put_directory(struct json_object *sample, struct directory *directory) {
    struct json_object *map = map_of(sample, "directory");
    struct directory_facts facts;
    if (directory == NULL) {
        json_put(map, "organisations", NULL);
        json_put(map, "travellers", NULL);
        json_put(map, "lag_s", NULL);
        return;
    }
    directory_facts(directory, &facts);
    json_put_whole(map, "organisations", (int64_t)facts.organisations);
    json_put_whole(map, "travellers", (int64_t)facts.travellers);
    figures_put_seconds(map, "lag_s", facts.age_us);
}
