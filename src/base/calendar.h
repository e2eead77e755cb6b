/* SPDX-License-Identifier: Apache-2.0 */
/* calendar: the operator's days and months. Credits renew at 00:00 on the 1st in the operator's time zone (DOMAIN S5),
 * summer time included. One zone a process: glibc's time zone is set once by calendar_init(), before threads start. */
#ifndef VAXEL_BASE_CALENDAR_H
#define VAXEL_BASE_CALENDAR_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

/* 202611 is November 2026. */
struct month {
    int32_t yyyymm;
};

/* 20261121 is 21 November 2026; its month is yyyymmdd / 100. */
struct day {
    int32_t yyyymmdd;
};

/* For so long after its end at least, by its own clock, every node counts what is told late in the month it belongs to.
 * So until then no row of that month's ids lies in a later one. */
#define MONTH_OPEN_LEAST_US INT64_C(60000000)

/* A day and where it begins and ends: what one thread remembers between two questions, since they are mostly about
 * today. All zero is a valid start. */
struct calendar {
    struct day day;
    struct instant day_begins;
    struct instant day_ends;
    struct instant month_ends;
};

/* Whether the system's zone database (TZDIR, else /usr/share/zoneinfo) has a zone, e.g. "Europe/Stockholm". Zones that
 * count leap seconds ("right/…") are none of ours. */
bool calendar_knows_zone(const char *zone);

/* Sets the process's time zone. False, and nothing changed, for one that calendar_knows_zone() does not. */
bool calendar_set_zone(const char *zone);

/* The operator's day at an instant, from 1970 on. Days follow each other without gap or overlap, and last 23 to 25
 * hours where summer time turns. */
struct day calendar_day(struct calendar *calendar, struct instant instant);

/* When the month after the one of `instant` begins: the moment its credits renew. */
struct instant calendar_renewal(struct calendar *calendar, struct instant instant);

/* When a month begins. */
struct instant calendar_month_begins(struct month month);

struct month month_of(struct day day);
struct month month_after(struct month month);

/* Writes "2026-12-01T00:00:00+01:00" and a NUL: an instant as the operator's people read it. What cannot be
 * written is written as the nearest that can. */
#define CALENDAR_TEXT_SIZE 26
void calendar_format(struct instant instant, char text[CALENDAR_TEXT_SIZE]);

#endif
