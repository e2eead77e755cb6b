/* SPDX-License-Identifier: Apache-2.0 */
#include "base/money.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Where a hundredth of the unit is not the minor unit, amounts would be wrong by powers of ten: refused. */
static const char other_decimals[][4] = {
    "BHD", "BIF", "CLF", "CLP", "DJF", "GNF", "IQD", "ISK", "JOD", "JPY", "KMF", "KRW", "KWD",
    "LYD", "OMR", "PYG", "RWF", "TND", "UGX", "UYI", "UYW", "VND", "VUV", "XAF", "XOF", "XPF",
};

static bool has_other_decimals(const char *code) {
    for (size_t i = 0; i < sizeof(other_decimals) / sizeof(other_decimals[0]); i++) {
        if (memcmp(other_decimals[i], code, 4) == 0)
            return true;
    }
    return false;
}

bool currency_parse(const char *text, struct currency *currency) {
    for (int i = 0; i < 3; i++) {
        if (text[i] < 'A' || text[i] > 'Z')
            return false;
    }
    if (text[3] != '\0' || has_other_decimals(text))
        return false;
    memcpy(currency->code, text, sizeof(currency->code));
    return true;
}

bool currency_equal(struct currency one, struct currency other) {
    return memcmp(one.code, other.code, sizeof(one.code)) == 0;
}

static bool is_digit(char letter) {
    return letter >= '0' && letter <= '9';
}

bool money_parse(const char *text, int64_t *minor) {
    if (!is_digit(*text))
        return false;
    int64_t value = 0;
    for (; is_digit(*text); text++) {
        value = value * 10 + (*text - '0');
        if (value > MONEY_MAX_MINOR / 100)
            return false;
    }
    value *= 100;
    if (*text == '.') {
        text++;
        if (!is_digit(*text))
            return false;
        value += 10 * (*text++ - '0');
        if (is_digit(*text))
            value += *text++ - '0';
    }
    if (*text != '\0' || value > MONEY_MAX_MINOR)
        return false;
    *minor = value;
    return true;
}

void money_format(int64_t minor, char text[MONEY_TEXT_SIZE]) {
    uint64_t magnitude = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
    snprintf(text, MONEY_TEXT_SIZE, "%s%llu.%02u", minor < 0 ? "-" : "", (unsigned long long)(magnitude / 100),
             (unsigned)(magnitude % 100));
}
