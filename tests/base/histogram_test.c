/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

static struct histogram histogram;

Test(histogram, an_empty_one_says_0) {
    cr_expect_eq(histogram_quantile_us(&histogram, 0), 0);
    cr_expect_eq(histogram_quantile_us(&histogram, 0.5), 0);
    cr_expect_eq(histogram_quantile_us(&histogram, 1), 0);
}

Test(histogram, one_value_is_every_quantile) {
    histogram_record(&histogram, 1234567);
    cr_expect_eq(histogram_quantile_us(&histogram, 0), 1234567);
    cr_expect_eq(histogram_quantile_us(&histogram, 0.5), 1234567);
    cr_expect_eq(histogram_quantile_us(&histogram, 1), 1234567);
}

Test(histogram, small_values_are_exact) {
    for (int64_t value = 0; value < 100; value++)
        histogram_record(&histogram, value);
    cr_expect_eq(histogram.count, 100);
    cr_expect_eq(histogram.sum_us, 4950);
    cr_expect_eq(histogram_quantile_us(&histogram, 0.01), 0);
    cr_expect_eq(histogram_quantile_us(&histogram, 0.5), 49);
    cr_expect_eq(histogram_quantile_us(&histogram, 0.99), 98);
    cr_expect_eq(histogram_quantile_us(&histogram, 1), 99);
}

/* 0.07 * 100 is 7.000000000000001 in doubles: the 7th value is wanted all the same. */
Test(histogram, a_rank_is_not_moved_by_rounding) {
    for (int64_t value = 1; value <= 60; value++)
        histogram_record(&histogram, value);
    for (int64_t value = 1; value <= 40; value++)
        histogram_record(&histogram, 1000000);
    cr_expect_eq(histogram_quantile_us(&histogram, 0.07), 7);
    cr_expect_eq(histogram_quantile_us(&histogram, 0.57), 57);
    cr_expect_eq(histogram_quantile_us(&histogram, 0.571), 58);
}

Test(histogram, from_1_us_to_over_an_hour_a_value_is_kept_within_1_6_percent_and_never_below) {
    for (int64_t value = 1; value <= INT64_C(4000000000); value += 1 + value / 97) {
        struct histogram *alone = calloc(1, sizeof(*alone));
        cr_assert_not_null(alone);
        histogram_record(alone, value);
        histogram_record(alone, INT64_C(5000000000));
        uint64_t kept = histogram_quantile_us(alone, 0.5);
        cr_expect_geq(kept, (uint64_t)value);
        cr_expect_leq((double)kept, (double)value * 1.016);
        free(alone);
    }
}

Test(histogram, what_is_beyond_or_below_is_counted_at_the_edge) {
    histogram_record(&histogram, -5);
    histogram_record(&histogram, INT64_MIN);
    histogram_record(&histogram, INT64_MAX);
    cr_expect_eq(histogram.count, 3);
    cr_expect_eq(histogram_quantile_us(&histogram, 0.5), 0);
    cr_expect_eq(histogram_quantile_us(&histogram, 1), INT64_MAX);
    cr_expect_eq(histogram.max_us, INT64_MAX);
}

Test(histogram, two_add_up_to_one_that_saw_everything) {
    static struct histogram odd;
    static struct histogram even;
    for (int64_t value = 1; value <= 100000; value++) {
        histogram_record(value % 2 == 0 ? &even : &odd, value);
        histogram_record(&histogram, value);
    }
    histogram_add(&odd, &even);
    cr_expect_eq(odd.count, histogram.count);
    cr_expect_eq(odd.sum_us, histogram.sum_us);
    cr_expect_eq(odd.max_us, histogram.max_us);
    for (int permille = 0; permille <= 1000; permille++) {
        double fraction = permille / 1000.0;
        cr_expect_eq(histogram_quantile_us(&odd, fraction), histogram_quantile_us(&histogram, fraction));
    }
}

Test(histogram, a_fraction_is_between_0_and_1, .signal = SIGABRT) {
    histogram_quantile_us(&histogram, 99);
}
