/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include "base/check.h"

#include <stdio.h>
#include <time.h>

static int64_t clock_read_us(clockid_t clock) {
    struct timespec now;
    CHECK(clock_gettime(clock, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct instant instant_now(void) {
    return (struct instant){clock_read_us(CLOCK_REALTIME)};
}

struct tick tick_now(void) {
    return (struct tick){clock_read_us(CLOCK_MONOTONIC)};
}

int64_t instant_second(struct instant instant) {
    int64_t second = instant.us / 1000000;
    return instant.us % 1000000 < 0 ? second - 1 : second;
}

struct instant instant_writable(struct instant instant) {
    const int64_t first_us = INT64_C(-30610137600000000); /* 1000-01-02T00:00:00Z */
    const int64_t last_us = INT64_C(253402214399999999);  /* 9999-12-30T23:59:59.999999Z */
    if (instant.us < first_us)
        instant.us = first_us;
    if (instant.us > last_us)
        instant.us = last_us;
    return instant;
}

void instant_format(struct instant instant, char text[INSTANT_TEXT_SIZE]) {
    instant = instant_writable(instant);
    time_t second = instant_second(instant);
    unsigned millisecond = (unsigned)((instant.us - (int64_t)second * 1000000) / 1000);
    struct tm utc;
    CHECK(gmtime_r(&second, &utc) != NULL);
    size_t size = strftime(text, INSTANT_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + size, INSTANT_TEXT_SIZE - size, ".%03uZ", millisecond % 1000);
}
