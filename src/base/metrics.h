/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: numbers that a running server tells of itself, written as OpenMetrics or as Prometheus' own older text.
 *
 * Each thread has a set of numbers and is the only one to write it, by plain stores without a lock; a reader adds up
 * the sets of all threads, a moment late and never torn. What numbers a set has stands in a table, which drives the
 * text and the docs: nobody can make a series that is not foreseen there, so there are never more of them. */
#ifndef VAXEL_BASE_METRICS_H
#define VAXEL_BASE_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* ---- the numbers of a set ---- */

/* Only grows. */
struct metric_count {
    _Atomic uint64_t value;
};

/* Stands where it was set last. */
struct metric_level {
    _Atomic int64_t value;
};

/* How values are spread. A bucket holds what lies above the one before it, up to and with a bound of its own: 1 to 8
 * have one each, then every octave, 9 to 16, 17 to 32 and so on, has 8 of equal width; the last has all beyond. */
#define METRIC_STEP_BITS 3
#define METRIC_STEPS (1 << METRIC_STEP_BITS)
#define METRIC_OCTAVES 24
#define METRIC_BUCKETS (METRIC_STEPS * METRIC_OCTAVES)
struct metric_spread {
    _Atomic uint64_t sum;
    _Atomic uint64_t buckets[METRIC_BUCKETS];
};

static inline void metric_add(struct metric_count *count, uint64_t more) {
    uint64_t value = atomic_load_explicit(&count->value, memory_order_relaxed);
    atomic_store_explicit(&count->value, value + more, memory_order_relaxed);
}

/* Of what is counted elsewhere. */
static inline void metric_set_count(struct metric_count *count, uint64_t value) {
    atomic_store_explicit(&count->value, value, memory_order_relaxed);
}

static inline void metric_set(struct metric_level *level, int64_t value) {
    atomic_store_explicit(&level->value, value, memory_order_relaxed);
}

static inline int64_t metric_level(const struct metric_level *level) {
    return atomic_load_explicit(&level->value, memory_order_relaxed);
}

static inline size_t metric_bucket_of(uint64_t value) {
    uint64_t before = value > 0 ? value - 1 : 0;
    unsigned highest = 63u - (unsigned)__builtin_clzll(before | METRIC_STEPS);
    unsigned forgotten = highest - METRIC_STEP_BITS;
    size_t bucket = (size_t)forgotten * METRIC_STEPS + (size_t)(before >> forgotten);
    return bucket < METRIC_BUCKETS ? bucket : METRIC_BUCKETS - 1;
}

/* What is negative counts as 0: clocks of two threads may differ by a microsecond. */
static inline void metric_note(struct metric_spread *spread, int64_t value) {
    uint64_t noted = value > 0 ? (uint64_t)value : 0;
    _Atomic uint64_t *bucket = &spread->buckets[metric_bucket_of(noted)];
    atomic_store_explicit(bucket, atomic_load_explicit(bucket, memory_order_relaxed) + 1, memory_order_relaxed);
    uint64_t sum = atomic_load_explicit(&spread->sum, memory_order_relaxed);
    atomic_store_explicit(&spread->sum, sum + noted, memory_order_relaxed);
}

/* ---- the table ---- */

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* Seconds are kept as microseconds. */
enum metric_unit { METRIC_NUMBER, METRIC_SECONDS, METRIC_BYTES };

/* How the levels of several threads become one. */
enum metric_fold { METRIC_SUM, METRIC_MOST, METRIC_LEAST };

/* One dimension of an array of numbers. */
struct metric_label {
    const char *name; /* NULL: there is no such dimension */
    uint32_t count;
    const char *(*value)(uint32_t index); /* may be NULL for some: there is no such series */
};

#define METRIC_LABELS 5
struct metric {
    const char *name; /* with its unit; without the _total of a counter */
    enum metric_type type;
    enum metric_unit unit;
    enum metric_fold fold;
    bool is_sparse; /* series that are 0 are left out: few of many combinations ever are anything else */
    const char *help;
    size_t offset; /* in a set, of an array with a dimension for each label, the first outermost */
    struct metric_label labels[METRIC_LABELS];
};

struct metrics_table {
    const struct metric *metrics;
    size_t count;
    size_t size; /* of a set, in bytes: of numbers and nothing else */
};

/* Adds up sets into `numbers`, which has the layout of a set. */
void metrics_gather(const struct metrics_table *table, const void *const *sets, size_t set_count, uint64_t *numbers);

/* The text of what was gathered: OpenMetrics, or Prometheus' own from before it; and the end of a text of one table or
 * more. */
void metrics_write(const struct metrics_table *table, const uint64_t *numbers, bool is_openmetrics, FILE *file);
void metrics_write_end(bool is_openmetrics, FILE *file);

/* A page of docs: a table of name, type, labels and help. */
void metrics_write_page(const struct metrics_table *table, FILE *file);

/* ---- what was gathered, for other readers than Prometheus ---- */

/* Words of a gathered spread: its sum, then its buckets. */
#define METRIC_SPREAD_WORDS (1 + METRIC_BUCKETS)

/* The largest value that falls into a bucket. */
uint64_t metric_bucket_bound(size_t bucket);

#endif
