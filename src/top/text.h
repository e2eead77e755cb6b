/* SPDX-License-Identifier: Apache-2.0 */
/* Figures as text. What is not known is "-". */
#ifndef VAXEL_TOP_TEXT_H
#define VAXEL_TOP_TEXT_H

#include "base/clock.h"
#include "feeds/feeds.h"

#define TEXT_SIZE 64

/* Each writes to `text`, and returns it. */
const char *text_rate(double per_s, char text[TEXT_SIZE]);       /* "0", "0.5", "12.3", "1234", "12.3k" */
const char *text_count(double count, char text[TEXT_SIZE]);      /* "1234567" */
const char *text_ms(double ms, char text[TEXT_SIZE]);            /* "0.04", "12.3", "1234" */
const char *text_percent(double fraction, char text[TEXT_SIZE]); /* "12 %" */
const char *text_span(double seconds, char text[TEXT_SIZE]);     /* "12 s", "3 min", "4 h", "12 d" */
const char *text_amount(int64_t minor, char text[TEXT_SIZE]);    /* "130.00" */

/* How long ago a time was, RFC 3339 in UTC; NAN when it is none. */
double text_age_s(const char *time, struct instant now);
/* "12:01:33" of it, by the operator's clock; "-" when it is none. */
const char *text_clock(const char *time, char text[TEXT_SIZE]);

#endif
