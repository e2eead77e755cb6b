/* SPDX-License-Identifier: Apache-2.0 */
/* histogram: latencies in microseconds, kept to within 1.6 % of their value from 1 us to over an hour, in fixed memory
 * (HDR-style: 64 steps an octave). One writer; histograms add up. */
#ifndef VAXEL_BASE_HISTOGRAM_H
#define VAXEL_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 64
#define HISTOGRAM_OCTAVES 28

struct histogram {
    uint64_t count;
    uint64_t sum_us;
    uint64_t max_us;
    uint64_t buckets[HISTOGRAM_STEPS * HISTOGRAM_OCTAVES];
};

void histogram_record(struct histogram *histogram, int64_t value_us);
void histogram_add(struct histogram *into, const struct histogram *from);

/* The value below or at which `fraction` (0 to 1) of all lie; 0 when empty. */
uint64_t histogram_quantile_us(const struct histogram *histogram, double fraction);

#endif
