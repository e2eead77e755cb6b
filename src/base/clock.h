/* SPDX-License-Identifier: Apache-2.0 */
/* clock: two kinds of time that must not be mixed. An instant is civil (it can be set, and has a month); a tick is
 * monotonic (deadlines are ticks). Only programs and the shell read clocks; the core is handed both. */
#ifndef VAXEL_BASE_CLOCK_H
#define VAXEL_BASE_CLOCK_H

#include <stdint.h>

/* Microseconds since 1970-01-01T00:00:00Z. */
struct instant {
    int64_t us;
};

/* Microseconds of CLOCK_MONOTONIC. */
struct tick {
    int64_t us;
};

struct instant instant_now(void);
struct tick tick_now(void);

/* Whole seconds since 1970, rounded down, before 1970 too. */
int64_t instant_second(struct instant instant);

/* The nearest instant whose year has four digits in every time zone: one that can be written as text. */
struct instant instant_writable(struct instant instant);

/* Writes RFC 3339 in UTC with milliseconds, "2026-11-21T06:30:00.123Z", and a NUL. What cannot be written is
 * written as the nearest that can. */
#define INSTANT_TEXT_SIZE 25
void instant_format(struct instant instant, char text[INSTANT_TEXT_SIZE]);

#endif
