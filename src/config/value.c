/* SPDX-License-Identifier: Apache-2.0 */
#include "config/value.h"

#include "base/check.h"
#include "base/money.h"

#include <inttypes.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t size;
};

/* From the smallest on. */
static const struct unit time_units[] = {
    {"us", 1}, {"ms", 1000}, {"s", 1000000}, {"min", 60000000}, {"h", INT64_C(3600000000)}, {0},
};
static const struct unit byte_units[] = {
    {"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}, {0},
};

/* Reads digits; `end` is what follows them. */
static bool parse_digits(const char *text, const char **end, int64_t *number) {
    int64_t value = 0;
    const char *digit = text;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *digit - '0', &value))
            return false;
    }
    *end = digit;
    *number = value;
    return digit > text;
}

static bool parse_number(const char *text, int64_t *number) {
    const char *end;
    return parse_digits(text, &end, number) && *end == '\0';
}

static bool parse_with_unit(const char *text, const struct unit *units, int64_t *number) {
    const char *end;
    int64_t count;
    if (!parse_digits(text, &end, &count))
        return false;
    end += strspn(end, " ");
    for (; units->name != NULL; units++) {
        if (strcmp(end, units->name) == 0)
            return !__builtin_mul_overflow(count, units->size, number);
    }
    return false;
}

static bool parse_choice(const char *choices, const char *text, int64_t *number) {
    size_t size = strlen(text);
    for (int64_t index = 0;; index++) {
        size_t choice_size = strcspn(choices, "|");
        if (choice_size == size && memcmp(choices, text, size) == 0) {
            *number = index;
            return true;
        }
        if (choices[choice_size] == '\0')
            return false;
        choices += choice_size + 1;
    }
}

static bool parse_text(const char *text, struct value *value) {
    size_t size = strlen(text);
    if (size >= sizeof(value->text))
        return false;
    memcpy(value->text, text, size + 1);
    return true;
}

static bool is_in_range(const struct config_setting *setting, int64_t number) {
    return number >= setting->least && number <= setting->most;
}

bool value_parse(const struct config_setting *setting, const char *text, struct value *value) {
    int64_t number = 0;
    bool is_read = false;
    switch (setting->type) {
    case CONFIG_TEXT:
        return parse_text(text, value);
    case CONFIG_CHOICE:
        return parse_choice(setting->choices, text, &value->number);
    case CONFIG_NUMBER:
        is_read = parse_number(text, &number);
        break;
    case CONFIG_TIME_US:
        is_read = parse_with_unit(text, time_units, &number);
        break;
    case CONFIG_BYTES:
        is_read = parse_with_unit(text, byte_units, &number);
        break;
    case CONFIG_MONEY_MINOR:
        is_read = money_parse(text, &number);
        break;
    }
    if (!is_read || !is_in_range(setting, number))
        return false;
    value->number = number;
    return true;
}

bool value_is_accepted(const struct config_setting *setting, const struct value *value) {
    return setting->type != CONFIG_TEXT || setting->accepts == NULL || setting->accepts(value->text);
}

void value_store(const struct config_setting *setting, const struct value *value, void *settings) {
    char *place = (char *)settings + setting->offset;
    if (setting->type == CONFIG_TEXT)
        memcpy(place, value->text, strlen(value->text) + 1);
    else
        memcpy(place, &value->number, sizeof(value->number));
}

#define AMOUNT_SIZE 32

/* In the largest unit that it is a whole number of. */
static void format_with_unit(int64_t number, const struct unit *units, char text[AMOUNT_SIZE]) {
    const struct unit *unit = units;
    for (const struct unit *next = units + 1; next->name != NULL && number != 0 && number % next->size == 0; next++)
        unit = next;
    snprintf(text, AMOUNT_SIZE, "%" PRId64 " %s", number / unit->size, unit->name);
}

static void format_amount(enum config_type type, int64_t number, char text[AMOUNT_SIZE]) {
    switch (type) {
    case CONFIG_TIME_US:
        format_with_unit(number, time_units, text);
        return;
    case CONFIG_BYTES:
        format_with_unit(number, byte_units, text);
        return;
    case CONFIG_MONEY_MINOR:
        money_format(number, text);
        return;
    case CONFIG_NUMBER:
    case CONFIG_CHOICE:
    case CONFIG_TEXT:
        break;
    }
    snprintf(text, AMOUNT_SIZE, "%" PRId64, number);
}

static void describe_choice(const char *choices, char text[VALUE_ALLOWED_SIZE]) {
    int size = snprintf(text, VALUE_ALLOWED_SIZE, "one of ");
    for (; *choices != '\0' && size < VALUE_ALLOWED_SIZE; choices++)
        size += snprintf(text + size, (size_t)(VALUE_ALLOWED_SIZE - size), *choices == '|' ? ", " : "%c", *choices);
}

void value_describe(const struct config_setting *setting, char text[VALUE_ALLOWED_SIZE]) {
    char least[AMOUNT_SIZE];
    char most[AMOUNT_SIZE];
    format_amount(setting->type, setting->least, least);
    format_amount(setting->type, setting->most, most);
    switch (setting->type) {
    case CONFIG_TEXT:
        snprintf(text, VALUE_ALLOWED_SIZE, "%s", setting->wanted);
        return;
    case CONFIG_CHOICE:
        describe_choice(setting->choices, text);
        return;
    case CONFIG_NUMBER:
        snprintf(text, VALUE_ALLOWED_SIZE, "a whole number from %s to %s", least, most);
        return;
    case CONFIG_TIME_US:
        snprintf(text, VALUE_ALLOWED_SIZE, "a time from %s to %s, with its unit (us, ms, s, min or h)", least, most);
        return;
    case CONFIG_BYTES:
        snprintf(text, VALUE_ALLOWED_SIZE, "a size from %s to %s, with its unit (B, KiB, MiB or GiB)", least, most);
        return;
    case CONFIG_MONEY_MINOR:
        snprintf(text, VALUE_ALLOWED_SIZE, "an amount from %s to %s", least, most);
        return;
    }
    CHECK(false);
}
