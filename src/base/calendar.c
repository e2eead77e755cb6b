/* SPDX-License-Identifier: Apache-2.0 */
/* A day begins at the first second whose local date is that day or later. It is found by halving, never by arithmetic
 * on hours: midnight may not exist (summer time begins at 00:00 in Cairo), or a whole day (Samoa, 30 December 2011). */
#include "base/calendar.h"

#include "base/check.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_A_DAY 86400

/* Years of up to five digits: request ids can say 10889. */
#define LAST_SECOND (INT64_C(3093527980800) - 1) /* 99999-12-31T23:59:59Z */

static bool zone_name_is_plain(const char *zone) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_+-";
    size_t size = strlen(zone);
    return size > 0 && zone[0] != '/' && strspn(zone, allowed) == size;
}

/* Whether a file is a zone: glibc would take a name it does not know for UTC without a word. */
static bool file_is_zone(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return false;
    char magic[4];
    bool is_zone = read(file, magic, sizeof(magic)) == sizeof(magic) && memcmp(magic, "TZif", sizeof(magic)) == 0;
    close(file);
    return is_zone;
}

bool calendar_knows_zone(const char *zone) {
    bool counts_leap_seconds = strncmp(zone, "right/", 6) == 0;
    if (!zone_name_is_plain(zone) || counts_leap_seconds)
        return false;
    const char *directory = getenv("TZDIR");
    char path[PATH_MAX];
    int size = snprintf(path, sizeof(path), "%s/%s", directory != NULL ? directory : "/usr/share/zoneinfo", zone);
    return size > 0 && (size_t)size < sizeof(path) && file_is_zone(path);
}

bool calendar_set_zone(const char *zone) {
    if (!calendar_knows_zone(zone))
        return false;
    if (setenv("TZ", zone, 1) != 0)
        return false;
    tzset();
    return true;
}

static struct day local_day(time_t second) {
    struct tm local;
    CHECK(localtime_r(&second, &local) != NULL);
    return (struct day){(local.tm_year + 1900) * 10000 + (local.tm_mon + 1) * 100 + local.tm_mday};
}

/* Noon of a day as if it were UTC; a day past the month's last is in the next month. */
static time_t noon_in_utc(struct day day) {
    struct tm noon = {
        .tm_year = day.yyyymmdd / 10000 - 1900,
        .tm_mon = day.yyyymmdd / 100 % 100 - 1,
        .tm_mday = day.yyyymmdd % 100,
        .tm_hour = 12,
    };
    return timegm(&noon);
}

static struct day day_after(struct day day) {
    time_t noon = noon_in_utc(day) + SECONDS_A_DAY;
    struct tm next;
    CHECK(gmtime_r(&noon, &next) != NULL);
    return (struct day){(next.tm_year + 1900) * 10000 + (next.tm_mon + 1) * 100 + next.tm_mday};
}

static struct day day_before(struct day day) {
    time_t noon = noon_in_utc(day) - SECONDS_A_DAY;
    struct tm previous;
    CHECK(gmtime_r(&noon, &previous) != NULL);
    return (struct day){(previous.tm_year + 1900) * 10000 + (previous.tm_mon + 1) * 100 + previous.tm_mday};
}

static struct instant day_begins(struct day day) {
    /* No zone is a day and a half away from UTC. */
    time_t before = noon_in_utc(day) - 2 * SECONDS_A_DAY;
    time_t begun = noon_in_utc(day) + 2 * SECONDS_A_DAY;
    while (begun - before > 1) {
        time_t middle = before + (begun - before) / 2;
        if (local_day(middle).yyyymmdd < day.yyyymmdd)
            before = middle;
        else
            begun = middle;
    }
    return (struct instant){(int64_t)begun * 1000000};
}

static bool is_within(const struct calendar *calendar, struct instant instant) {
    return instant.us >= calendar->day_begins.us && instant.us < calendar->day_ends.us;
}

static void turn_to(struct calendar *calendar, struct day day) {
    calendar->day = day;
    calendar->day_begins = day_begins(day);
    calendar->day_ends = day_begins(day_after(day));
    calendar->month_ends = calendar_month_begins(month_after(month_of(day)));
}

static void turn_to_instant(struct calendar *calendar, struct instant instant) {
    if (is_within(calendar, instant))
        return;
    int64_t second = instant_second(instant);
    CHECK(second >= 0 && second <= LAST_SECOND);
    turn_to(calendar, local_day(second));
    /* Where a clock that is put back crosses midnight, a date comes twice: the day is the one it lies within. */
    while (instant.us < calendar->day_begins.us)
        turn_to(calendar, day_before(calendar->day));
    while (instant.us >= calendar->day_ends.us)
        turn_to(calendar, day_after(calendar->day));
}

struct day calendar_day(struct calendar *calendar, struct instant instant) {
    turn_to_instant(calendar, instant);
    return calendar->day;
}

struct instant calendar_renewal(struct calendar *calendar, struct instant instant) {
    turn_to_instant(calendar, instant);
    return calendar->month_ends;
}

struct instant calendar_month_begins(struct month month) {
    return day_begins((struct day){month.yyyymm * 100 + 1});
}

struct month month_of(struct day day) {
    return (struct month){day.yyyymmdd / 100};
}

struct month month_after(struct month month) {
    bool is_december = month.yyyymm % 100 == 12;
    return (struct month){is_december ? month.yyyymm + 89 : month.yyyymm + 1};
}

void calendar_format(struct instant instant, char text[CALENDAR_TEXT_SIZE]) {
    time_t second = instant_second(instant_writable(instant));
    struct tm local;
    CHECK(localtime_r(&second, &local) != NULL);
    size_t size = strftime(text, CALENDAR_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S%z", &local);
    CHECK(size == CALENDAR_TEXT_SIZE - 2);
    /* strftime writes "+0100". */
    memmove(text + size - 1, text + size - 2, 3);
    text[size - 2] = ':';
}
