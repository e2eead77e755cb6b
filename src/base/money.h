/* SPDX-License-Identifier: Apache-2.0 */
/* money: integers of the minor unit with a currency of two decimals, never floating point (DOMAIN M1). */
#ifndef VAXEL_BASE_MONEY_H
#define VAXEL_BASE_MONEY_H

#include <stdbool.h>
#include <stdint.h>

/* The largest amount, limit or sum that may be handled: Redis counts in doubles, exact below 2^53, and Lua writes
 * numbers below 10^14 without an exponent. */
#define MONEY_MAX_MINOR INT64_C(9999999999999)

/* ISO 4217, e.g. "SEK", NUL terminated. */
struct currency {
    char code[4];
};

struct money {
    int64_t minor;
    struct currency currency;
};

/* Three capital letters. False, and nothing changed, for anything else, and for a currency that ISO 4217 gives other
 * than two decimals (ISK, JPY). */
bool currency_parse(const char *text, struct currency *currency);
bool currency_equal(struct currency one, struct currency other);

/* Reads decimal text of at most two decimals ("130", "130.5", "130.50") into minor units. False, and nothing changed,
 * for anything else: a sign, a space, a comma, a third decimal, more than MONEY_MAX_MINOR. */
bool money_parse(const char *text, int64_t *minor);

/* Writes "130.00", "-0.05" and a NUL. */
#define MONEY_TEXT_SIZE 24
void money_format(int64_t minor, char text[MONEY_TEXT_SIZE]);

#endif
