/* SPDX-License-Identifier: Apache-2.0 */
/* The buckets: 0 to 63 us have one each; then every octave, 64 to 127, 128 to 255 and so on, has 64 of equal width. */
#include "base/histogram.h"

#include "base/check.h"

#include <stddef.h>

#define BUCKETS (HISTOGRAM_STEPS * HISTOGRAM_OCTAVES)
#define STEP_BITS 6
_Static_assert(HISTOGRAM_STEPS == 1 << STEP_BITS, "a step is the bits below the highest one");

/* How many low bits of a value its bucket forgets. */
static unsigned bits_forgotten(uint64_t value_us) {
    if (value_us < HISTOGRAM_STEPS)
        return 0;
    return (unsigned)(63 - __builtin_clzll(value_us)) - STEP_BITS;
}

static size_t bucket_of(uint64_t value_us) {
    unsigned forgotten = bits_forgotten(value_us);
    size_t bucket = (size_t)forgotten * HISTOGRAM_STEPS + (size_t)(value_us >> forgotten);
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The largest value that falls into a bucket. */
static uint64_t bucket_last_us(size_t bucket) {
    if (bucket < HISTOGRAM_STEPS)
        return bucket;
    unsigned forgotten = (unsigned)(bucket / HISTOGRAM_STEPS) - 1;
    uint64_t step = HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS;
    return ((step + 1) << forgotten) - 1;
}

void histogram_record(struct histogram *histogram, int64_t value_us) {
    uint64_t value = value_us > 0 ? (uint64_t)value_us : 0;
    histogram->count++;
    histogram->sum_us += value;
    if (value > histogram->max_us)
        histogram->max_us = value;
    histogram->buckets[bucket_of(value)]++;
}

void histogram_add(struct histogram *into, const struct histogram *from) {
    into->count += from->count;
    into->sum_us += from->sum_us;
    if (from->max_us > into->max_us)
        into->max_us = from->max_us;
    for (size_t i = 0; i < BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

/* How many values must lie at or below the quantile: rounded up, but not for what a product of doubles is off. */
static uint64_t rank_of(uint64_t count, double fraction) {
    double wanted = fraction * (double)count;
    uint64_t rank = (uint64_t)wanted;
    if (wanted - (double)rank > 1e-9 * wanted)
        rank++;
    if (rank < 1)
        return 1;
    return rank < count ? rank : count;
}

uint64_t histogram_quantile_us(const struct histogram *histogram, double fraction) {
    CHECK(fraction >= 0 && fraction <= 1);
    if (histogram->count == 0)
        return 0;
    uint64_t rank = rank_of(histogram->count, fraction);
    uint64_t seen = 0;
    for (size_t i = 0; i < BUCKETS - 1; i++) {
        seen += histogram->buckets[i];
        if (seen >= rank) {
            uint64_t last = bucket_last_us(i);
            return last < histogram->max_us ? last : histogram->max_us;
        }
    }
    /* The last bucket holds everything beyond its octave too. */
    return histogram->max_us;
}
