/* SPDX-License-Identifier: Apache-2.0 */
#include "top/text.h"

#include "base/money.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *unknown(char text[TEXT_SIZE]) {
    snprintf(text, TEXT_SIZE, "-");
    return text;
}

static const char *write_number(double number, char text[TEXT_SIZE]) {
    int decimals = number < 10 ? 2 : number < 100 ? 1 : 0;
    snprintf(text, TEXT_SIZE, "%.*f", decimals, number);
    return text;
}

/* Up to 99 999 999 as it is: the column is as wide as that. */
const char *text_rate(double per_s, char text[TEXT_SIZE]) {
    if (isnan(per_s))
        return unknown(text);
    snprintf(text, TEXT_SIZE, per_s < 1000 ? "%.1f" : "%.0f", per_s);
    return text;
}

const char *text_count(double count, char text[TEXT_SIZE]) {
    if (isnan(count))
        return unknown(text);
    snprintf(text, TEXT_SIZE, "%.0f", count);
    return text;
}

const char *text_ms(double ms, char text[TEXT_SIZE]) {
    return isnan(ms) ? unknown(text) : write_number(ms, text);
}

const char *text_percent(double fraction, char text[TEXT_SIZE]) {
    if (isnan(fraction))
        return unknown(text);
    snprintf(text, TEXT_SIZE, "%.0f %%", fraction * 100);
    return text;
}

const char *text_span(double seconds, char text[TEXT_SIZE]) {
    static const struct {
        double seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    size_t at = 0;
    if (isnan(seconds))
        return unknown(text);
    /* Two of a unit at least, so that no more than a third is lost. */
    while (at < 3 && seconds < 2 * units[at].seconds)
        at++;
    snprintf(text, TEXT_SIZE, "%.0f %s", seconds > 0 ? seconds / units[at].seconds : 0, units[at].unit);
    return text;
}

const char *text_amount(int64_t minor, char text[TEXT_SIZE]) {
    if (minor == FEED_NO_AMOUNT)
        return unknown(text);
    money_format(minor, text);
    return text;
}

static bool read_time(const char *time, time_t *seconds, double *fraction) {
    struct tm fields = {0};
    const char *rest = strptime(time, "%Y-%m-%dT%H:%M:%S", &fields);
    if (rest == NULL)
        return false;
    *fraction = *rest == '.' ? strtod(rest, NULL) : 0;
    *seconds = timegm(&fields);
    return true;
}

double text_age_s(const char *time, struct instant now) {
    time_t seconds;
    double fraction;
    if (!read_time(time, &seconds, &fraction))
        return NAN;
    double age = (double)now.us / 1e6 - (double)seconds - fraction;
    return age > 0 ? age : 0;
}

const char *text_clock(const char *time, char text[TEXT_SIZE]) {
    time_t seconds;
    double fraction;
    struct tm fields;
    if (!read_time(time, &seconds, &fraction) || localtime_r(&seconds, &fields) == NULL)
        return unknown(text);
    strftime(text, TEXT_SIZE, "%H:%M:%S", &fields);
    return text;
}
