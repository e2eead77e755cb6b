/* SPDX-License-Identifier: Apache-2.0 */
#include "base/card.h"

#include "base/check.h"

#include <stdio.h>

#define CARD_DIGITS 16

/* Luhn's sum of a number; every second digit from the right is doubled, beginning with the second. */
static unsigned luhn_sum(uint64_t number) {
    unsigned sum = 0;
    for (bool is_doubled = false; number > 0; number /= 10, is_doubled = !is_doubled) {
        unsigned digit = (unsigned)(number % 10);
        if (is_doubled)
            digit = digit < 5 ? digit * 2 : digit * 2 - 9;
        sum += digit;
    }
    return sum;
}

bool card_parse(const char *text, uint64_t *number) {
    uint64_t value = 0;
    int digits = 0;
    for (; *text != '\0'; text++) {
        if (*text == ' ' && digits > 0 && digits < CARD_DIGITS)
            continue;
        if (*text < '0' || *text > '9' || digits == CARD_DIGITS)
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
        digits++;
    }
    if (digits != CARD_DIGITS)
        return false;
    *number = value;
    return true;
}

bool card_is_luhn_valid(uint64_t number) {
    return luhn_sum(number) % 10 == 0;
}

uint64_t card_complete(uint64_t fifteen_digits) {
    CHECK(fifteen_digits <= UINT64_C(999999999999999));
    uint64_t number = fifteen_digits * 10;
    return number + (10 - luhn_sum(number) % 10) % 10;
}

void card_mask(uint64_t number, char text[CARD_TEXT_SIZE]) {
    snprintf(text, CARD_TEXT_SIZE, "************%04u", (unsigned)(number % 10000));
}
