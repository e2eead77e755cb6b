/* SPDX-License-Identifier: Apache-2.0 */
/* DOMAIN S5: credits renew at 00:00 on the 1st in the operator's time zone. Instants are written here in UTC. */
#include "base/calendar.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* "2026-11-30 22:59:59.900", the fraction optional. */
static struct instant at(const char *text) {
    struct tm utc = {0};
    const char *rest = strptime(text, "%Y-%m-%d %H:%M:%S", &utc);
    cr_assert_not_null(rest, "\"%s\" is no time", text);
    int64_t ms = *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;
    return (struct instant){timegm(&utc) * INT64_C(1000000) + ms * 1000};
}

static void stockholm(void) {
    cr_assert(calendar_set_zone("Europe/Stockholm"));
}

static int32_t month_at(const char *text) {
    struct calendar calendar = {0};
    return month_of(calendar_day(&calendar, at(text))).yyyymm;
}

static void expect_instant(struct instant instant, const char *expected) {
    char text[INSTANT_TEXT_SIZE];
    char expected_text[INSTANT_TEXT_SIZE];
    instant_format(instant, text);
    instant_format(at(expected), expected_text);
    cr_expect_str_eq(text, expected_text);
}

Test(calendar, a_purchase_at_the_last_moment_of_the_month_and_one_after_are_in_different_months, .init = stockholm) {
    static const struct {
        const char *before, *after; /* 23:59:59.900, and 0.2 s later */
        int32_t month, next;
    } cases[] = {
        {"2026-11-30 22:59:59.900", "2026-11-30 23:00:00.100", 202611, 202612}, /* winter: UTC+1 */
        {"2026-05-31 21:59:59.900", "2026-05-31 22:00:00.100", 202605, 202606}, /* summer: UTC+2 */
        {"2026-12-31 22:59:59.900", "2026-12-31 23:00:00.100", 202612, 202701}, /* the year's end */
        {"2026-03-31 21:59:59.900", "2026-03-31 22:00:00.100", 202603, 202604}, /* two days into summer time */
        {"2026-10-31 22:59:59.900", "2026-10-31 23:00:00.100", 202610, 202611}, /* six days out of it */
        {"2024-02-29 22:59:59.900", "2024-02-29 23:00:00.100", 202402, 202403}, /* a leap day */
        {"2100-02-28 22:59:59.900", "2100-02-28 23:00:00.100", 210002, 210003}, /* no leap year */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect_eq(month_at(cases[i].before), cases[i].month, "%s", cases[i].before);
        cr_expect_eq(month_at(cases[i].after), cases[i].next, "%s", cases[i].after);
        struct calendar calendar = {0};
        struct instant renewal = calendar_renewal(&calendar, at(cases[i].before));
        cr_expect_eq(renewal.us, at(cases[i].after).us - 100000, "%s", cases[i].before);
        cr_expect_eq(renewal.us, calendar_month_begins((struct month){cases[i].next}).us, "%s", cases[i].before);
    }
}

/* The same questions, asked of one calendar back and forth: what it remembers never answers for another day. */
Test(calendar, a_retry_after_midnight_is_still_in_its_own_month, .init = stockholm) {
    struct calendar calendar = {0};
    struct instant before = at("2026-11-30 22:59:59.999");
    struct instant after = at("2026-11-30 23:00:00.000");
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(calendar_day(&calendar, before).yyyymmdd, 20261130);
        cr_expect_eq(calendar_day(&calendar, after).yyyymmdd, 20261201);
        expect_instant(calendar_renewal(&calendar, before), "2026-11-30 23:00:00");
        expect_instant(calendar_renewal(&calendar, after), "2026-12-31 23:00:00");
    }
}

static int64_t hours_of(struct calendar *calendar, const char *noon) {
    calendar_day(calendar, at(noon));
    return (calendar->day_ends.us - calendar->day_begins.us) / INT64_C(3600000000);
}

Test(calendar, days_have_23_to_25_hours, .init = stockholm) {
    struct calendar calendar = {0};
    cr_expect_eq(hours_of(&calendar, "2026-03-28 12:00:00"), 24);
    cr_expect_eq(hours_of(&calendar, "2026-03-29 12:00:00"), 23);
    expect_instant(calendar.day_begins, "2026-03-28 23:00:00");
    expect_instant(calendar.day_ends, "2026-03-29 22:00:00");
    cr_expect_eq(hours_of(&calendar, "2026-03-30 12:00:00"), 24);
    cr_expect_eq(hours_of(&calendar, "2026-10-25 12:00:00"), 25);
    expect_instant(calendar.day_begins, "2026-10-24 22:00:00");
    expect_instant(calendar.day_ends, "2026-10-25 23:00:00");
}

Test(calendar, both_hours_between_two_and_three_of_the_longest_day_are_in_it, .init = stockholm) {
    struct calendar calendar = {0};
    cr_expect_eq(calendar_day(&calendar, at("2026-10-25 00:30:00")).yyyymmdd, 20261025);
    cr_expect_eq(calendar_day(&calendar, at("2026-10-25 01:30:00")).yyyymmdd, 20261025);
}

static void expect_day(const char *text, int32_t yyyymmdd) {
    struct calendar calendar = {0};
    cr_expect_eq(calendar_day(&calendar, at(text)).yyyymmdd, yyyymmdd, "%s", text);
}

/* In Cairo summer time begins at 00:00, and ends at 24:00 on the last of a month: the hour before midnight comes twice.
 */
Test(calendar, a_day_may_begin_at_one) {
    cr_assert(calendar_set_zone("Africa/Cairo"));
    struct calendar calendar = {0};
    expect_day("2024-04-25 21:59:59.999", 20240425);
    expect_day("2024-04-25 22:00:00", 20240426);
    cr_expect_eq(hours_of(&calendar, "2024-04-26 12:00:00"), 23);
    expect_day("2024-10-31 20:59:59.999", 20241031);
    expect_day("2024-10-31 21:00:00", 20241031);
    expect_day("2024-10-31 22:00:00", 20241101);
    cr_expect_eq(hours_of(&calendar, "2024-10-31 12:00:00"), 25);
    expect_instant(calendar_month_begins((struct month){202411}), "2024-10-31 22:00:00");
}

Test(calendar, a_day_may_be_missing) {
    cr_assert(calendar_set_zone("Pacific/Apia"));
    struct calendar calendar = {0};
    cr_expect_eq(calendar_day(&calendar, at("2011-12-30 09:59:59.999")).yyyymmdd, 20111229);
    cr_expect_eq(calendar_day(&calendar, at("2011-12-30 10:00:00")).yyyymmdd, 20111231);
    expect_instant(calendar.day_begins, "2011-12-30 10:00:00");
    expect_instant(calendar_renewal(&calendar, at("2011-12-30 10:00:00")), "2011-12-31 10:00:00");
}

/* Where clocks went back at 00:01 the first minute of a day came twice, with an hour of the day before in between.
 * Which of the two begins the day does not matter; that every node says the same does. */
Test(calendar, a_date_that_comes_twice_is_one_day_whatever_was_asked_before) {
    cr_assert(calendar_set_zone("America/St_Johns"));
    struct calendar asked_before = {0};
    struct calendar asked_after = {0};
    for (int64_t us = at("2010-11-07 02:00:00").us; us < at("2010-11-07 05:00:00").us; us += 10000000) {
        struct calendar fresh = {0};
        struct day day = calendar_day(&fresh, (struct instant){us});
        calendar_day(&asked_before, at("2010-11-06 12:00:00"));
        calendar_day(&asked_after, at("2010-11-07 12:00:00"));
        cr_expect_eq(calendar_day(&asked_before, (struct instant){us}).yyyymmdd, day.yyyymmdd);
        cr_expect_eq(calendar_day(&asked_after, (struct instant){us}).yyyymmdd, day.yyyymmdd);
    }
}

/* Against glibc's own reading of the clock, every 20 minutes of four years. */
Test(calendar, every_instant_is_in_the_day_that_clocks_show, .init = stockholm) {
    struct calendar calendar = {0};
    for (int64_t second = at("2024-01-01 00:00:00").us / 1000000; second < 1830000000; second += 1200) {
        struct tm local;
        time_t time = second;
        localtime_r(&time, &local);
        int32_t shown = (local.tm_year + 1900) * 10000 + (local.tm_mon + 1) * 100 + local.tm_mday;
        struct instant instant = {second * 1000000};
        cr_assert_eq(calendar_day(&calendar, instant).yyyymmdd, shown);
        cr_assert_leq(calendar.day_begins.us, instant.us);
        cr_assert_gt(calendar.day_ends.us, instant.us);
        cr_assert_gt(calendar_renewal(&calendar, instant).us, instant.us);
    }
}

Test(calendar, the_last_day_of_a_month_ends_where_the_next_month_begins, .init = stockholm) {
    for (struct month month = {202401}; month.yyyymm < 204001; month = month_after(month)) {
        struct calendar calendar = {0};
        struct instant next = calendar_month_begins(month_after(month));
        struct instant last = {next.us - 1};
        cr_expect_eq(month_of(calendar_day(&calendar, last)).yyyymm, month.yyyymm);
        cr_expect_eq(calendar.day_ends.us, next.us);
        cr_expect_eq(calendar_day(&calendar, next).yyyymmdd, month_after(month).yyyymm * 100 + 1);
    }
}

Test(calendar, december_is_followed_by_january) {
    cr_expect_eq(month_after((struct month){202611}).yyyymm, 202612);
    cr_expect_eq(month_after((struct month){202612}).yyyymm, 202701);
    cr_expect_eq(month_after((struct month){209912}).yyyymm, 210001);
}

/* The core asks for the day of every id before it judges the id's time. */
Test(calendar, any_time_that_an_id_can_say_has_a_day, .init = stockholm) {
    struct calendar calendar = {0};
    cr_expect_eq(calendar_day(&calendar, (struct instant){0}).yyyymmdd, 19700101);
    struct instant last = {((INT64_C(1) << 48) - 1) * 1000};
    cr_expect_eq(calendar_day(&calendar, last).yyyymmdd, 108890802);
    cr_expect_gt(calendar_renewal(&calendar, last).us, last.us);
}

Test(calendar, a_time_past_the_year_99999_is_not_asked_for, .init = stockholm, .signal = SIGABRT) {
    struct calendar calendar = {0};
    calendar_day(&calendar, (struct instant){INT64_MAX});
}

Test(calendar, only_a_zone_of_the_database_is_taken) {
    static const char *const taken[] = {
        "Europe/Stockholm", "Europe/Oslo",           "UTC", "America/Argentina/Buenos_Aires",
        "Etc/GMT+1",        "America/Port-au-Prince"};
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        cr_expect(calendar_set_zone(taken[i]), "%s is refused", taken[i]);
    static const char *const refused[] = {
        "",
        "Europe", /* a directory */
        "Europe/",
        "Europe/Jamtland",
        "europe/stockholm",
        "CET-1CEST", /* rules that glibc would take */
        "zone.tab",
        "tzdata.zi",
        "right/Europe/Stockholm", /* counts leap seconds */
        "../zoneinfo/Europe/Stockholm",
        "Europe/../Europe/Stockholm",
        "/usr/share/zoneinfo/Europe/Stockholm",
        ":Europe/Stockholm",
        " Europe/Stockholm",
        "Europe/Stockholm ",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        cr_expect_not(calendar_set_zone(refused[i]), "\"%s\" is taken", refused[i]);
}

Test(calendar, a_name_longer_than_any_path_is_refused) {
    char *name = malloc(100000);
    cr_assert_not_null(name);
    memset(name, 'a', 99999);
    name[99999] = '\0';
    cr_expect_not(calendar_set_zone(name));
    free(name);
}

Test(calendar, a_refused_zone_leaves_the_one_before, .init = stockholm) {
    cr_expect_not(calendar_set_zone("Europe/Jamtland"));
    expect_day("2026-11-30 23:00:00", 20261201);
}

Test(calendar, the_zone_database_may_be_elsewhere, .init = stockholm) {
    setenv("TZDIR", "/nowhere", 1);
    cr_expect_not(calendar_set_zone("Europe/Stockholm"));
    setenv("TZDIR", "/usr/share/zoneinfo/Europe", 1);
    cr_expect(calendar_set_zone("Oslo"));
    expect_day("2026-11-30 23:00:00", 20261201);
}

Test(calendar, an_instant_is_written_as_the_operators_people_read_it, .init = stockholm) {
    static const struct {
        const char *instant, *text;
    } cases[] = {
        {"2026-11-30 23:00:00", "2026-12-01T00:00:00+01:00"},
        {"2026-06-30 22:00:00.999", "2026-07-01T00:00:00+02:00"},
        {"2026-10-25 00:30:00", "2026-10-25T02:30:00+02:00"},
        {"2026-10-25 01:30:00", "2026-10-25T02:30:00+01:00"},
    };
    char text[CALENDAR_TEXT_SIZE];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        calendar_format(at(cases[i].instant), text);
        cr_expect_str_eq(text, cases[i].text);
    }
    calendar_format((struct instant){INT64_MAX}, text);
    cr_expect_str_eq(text, "9999-12-31T00:59:59+01:00");
    calendar_format((struct instant){INT64_MIN}, text);
    cr_expect_eq(strlen(text), CALENDAR_TEXT_SIZE - 1);
}

Test(calendar, zones_west_of_greenwich_and_of_half_hours_are_written_too) {
    char text[CALENDAR_TEXT_SIZE];
    cr_assert(calendar_set_zone("America/St_Johns"));
    calendar_format(at("2026-12-01 00:00:00"), text);
    cr_expect_str_eq(text, "2026-11-30T20:30:00-03:30");
    cr_assert(calendar_set_zone("UTC"));
    calendar_format(at("2026-12-01 00:00:00"), text);
    cr_expect_str_eq(text, "2026-12-01T00:00:00+00:00");
}

static void *ask_through_years(void *step) {
    struct calendar calendar = {0};
    for (int64_t us = at("2026-01-01 00:00:00").us; us < at("2028-12-31 12:00:00").us; us += *(int64_t *)step)
        calendar_renewal(&calendar, (struct instant){us});
    return calendar.day.yyyymmdd == 20281231 ? step : NULL;
}

Test(calendar, threads_with_a_calendar_each_do_not_disturb_each_other, .init = stockholm) {
    int64_t steps[] = {INT64_C(3600000000), INT64_C(7200000000)};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, ask_through_years, &steps[i]), 0);
    for (int i = 0; i < 2; i++) {
        void *result;
        cr_assert_eq(pthread_join(threads[i], &result), 0);
        cr_expect_eq(result, &steps[i]);
    }
}
