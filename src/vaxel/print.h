/* SPDX-License-Identifier: Apache-2.0 */
/* print: text for people, at 80 columns and in colour only on a terminal that wants it; JSON for scripts. */
#ifndef VAXEL_VAXEL_PRINT_H
#define VAXEL_VAXEL_PRINT_H

#include "switch/ports.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- for people ---- */

/* "APPROVED" in green, say, where there is colour; a decision of no kind is "?". */
void print_decision(enum decision decision);
/* "  Card           ************8003" */
__attribute__((format(printf, 2, 3))) void print_fact(const char *name, const char *format, ...);
/* Text from a column on, which the caller has filled up to, broken at spaces, with a newline at its end. */
void print_wrapped(int column, const char *text);
/* The table of an answer's limits; nothing when it has none. */
void print_limits(const struct answer *answer);
/* "2026-12-01 00:00", as the operator's clock shows it. */
#define PRINT_TIME_SIZE 20
void print_time(struct instant instant, char text[PRINT_TIME_SIZE]);

const char *print_decision_name(enum decision decision);
const char *print_safety_name(enum safety safety);
int64_t print_remaining(const struct standing_of_limit *limit);

/* ---- for scripts: one object on standard output ---- */

struct json {
    bool has_member; /* in the innermost open object or array */
};

struct json json_start(void);
void json_end(struct json *json);
/* `key` NULL: an element of an array. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
void json_text(struct json *json, const char *key, const char *text); /* NULL: null */
void json_number(struct json *json, const char *key, int64_t number);
void json_decimal(struct json *json, const char *key, double number);
void json_truth(struct json *json, const char *key, bool is_true);
void json_time(struct json *json, const char *key, struct instant instant); /* RFC 3339, UTC; 0: null */
void json_limit(struct json *json, const char *key, const struct standing_of_limit *limit);
void json_limits(struct json *json, const struct answer *answer); /* "limits": […] */

#endif
