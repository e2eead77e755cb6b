/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <criterion/criterion.h>

Test(clock, an_instant_is_written_in_utc_with_milliseconds_cut) {
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {INT64_C(1795242600123999), "2026-11-21T06:30:00.123Z"},
        {INT64_C(1709251199999999), "2024-02-29T23:59:59.999Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000000, "1969-12-31T23:59:59.000Z"},
        {INT64_C(253402214399999999), "9999-12-30T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[INSTANT_TEXT_SIZE];
        instant_format((struct instant){cases[i].us}, text);
        cr_expect_str_eq(text, cases[i].text);
    }
}

/* A request id may say any time up to the year 10889, and be logged. */
Test(clock, an_instant_without_a_year_of_four_digits_is_written_as_the_nearest) {
    char text[INSTANT_TEXT_SIZE];
    instant_format((struct instant){((INT64_C(1) << 48) - 1) * 1000}, text);
    cr_expect_str_eq(text, "9999-12-30T23:59:59.999Z");
    instant_format((struct instant){INT64_MAX}, text);
    cr_expect_str_eq(text, "9999-12-30T23:59:59.999Z");
    instant_format((struct instant){INT64_MIN}, text);
    cr_expect_str_eq(text, "1000-01-02T00:00:00.000Z");
}

Test(clock, seconds_are_rounded_down_on_both_sides_of_1970) {
    cr_expect_eq(instant_second((struct instant){1999999}), 1);
    cr_expect_eq(instant_second((struct instant){1000000}), 1);
    cr_expect_eq(instant_second((struct instant){0}), 0);
    cr_expect_eq(instant_second((struct instant){-1}), -1);
    cr_expect_eq(instant_second((struct instant){-1000000}), -1);
    cr_expect_eq(instant_second((struct instant){-1000001}), -2);
}

Test(clock, ticks_never_go_back) {
    struct tick before = tick_now();
    for (int i = 0; i < 1000; i++) {
        struct tick now = tick_now();
        cr_expect_geq(now.us, before.us);
        before = now;
    }
}

Test(clock, now_is_after_this_was_written) {
    cr_expect_gt(instant_now().us, INT64_C(1700000000000000));
}
