/* SPDX-License-Identifier: Apache-2.0 */
#include "vaxel/print.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- for people ---- */

const char *print_decision_name(enum decision decision) {
    switch (decision) {
    case DECISION_APPROVED:
        return "APPROVED";
    case DECISION_DECLINED:
        return "DECLINED";
    case DECISION_FAILED:
        return "FAILED";
    }
    return "?";
}

const char *print_safety_name(enum safety safety) {
    switch (safety) {
    case SAFETY_NONE:
        return "NONE";
    case SAFETY_COMMITTED:
        return "COMMITTED";
    case SAFETY_JOURNALED:
        return "JOURNALED";
    }
    return "?";
}

static bool has_colour(void) {
    const char *refused = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && (refused == NULL || refused[0] == '\0') && terminal != NULL &&
           strcmp(terminal, "dumb") != 0;
}

void print_decision(enum decision decision) {
    static const char *const colours[] = {
        [DECISION_APPROVED] = "32", [DECISION_DECLINED] = "31", [DECISION_FAILED] = "33"};
    if (has_colour())
        printf("\x1b[1;%sm%s\x1b[0m", colours[decision], print_decision_name(decision));
    else
        fputs(print_decision_name(decision), stdout);
}

void print_fact(const char *name, const char *format, ...) {
    va_list arguments;
    printf("  %-13s ", name);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

#define WIDTH 80

void print_wrapped(int column, const char *text) {
    size_t room = (size_t)(WIDTH - column);
    while (strlen(text) > room) {
        size_t cut = room;
        while (cut > 0 && text[cut] != ' ')
            cut--;
        if (cut == 0)
            cut = strcspn(text, " ");
        if (text[cut] == '\0')
            break;
        printf("%.*s\n%*s", (int)cut, text, column, "");
        text += cut + 1;
    }
    puts(text);
}

int64_t print_remaining(const struct standing_of_limit *limit) {
    int64_t ceiling = limit->limit.ceiling_minor;
    return limit->spent_minor < ceiling ? ceiling - limit->spent_minor : 0;
}

static const char *limit_word(enum limit_kind kind) {
    static const char *const words[] = {
        [LIMIT_CREDIT] = "credit",
        [LIMIT_TRAVELLER] = "traveller",
        [LIMIT_DEPARTMENT] = "department",
        [LIMIT_ORGANISATION] = "organisation",
    };
    return words[kind];
}

void print_limits(const struct answer *answer) {
    if (answer->limit_count == 0)
        return;
    printf("\n  %-24s %14s %14s %14s\n", "Limit of the month", "Ceiling", "Spent", "Left");
    for (uint8_t i = 0; i < answer->limit_count; i++) {
        const struct standing_of_limit *limit = &answer->limits[i];
        char name[32];
        char ceiling[MONEY_TEXT_SIZE];
        char spent[MONEY_TEXT_SIZE];
        char left[MONEY_TEXT_SIZE];
        snprintf(name, sizeof name, "%s %d", limit_word(limit->limit.kind), limit->limit.id);
        money_format(limit->limit.ceiling_minor, ceiling);
        money_format(limit->spent_minor, spent);
        money_format(print_remaining(limit), left);
        printf("  %-24s %14s %14s %14s%s\n", name, ceiling, spent, left, limit->is_refusing ? " no" : "");
    }
}

void print_time(struct instant instant, char text[PRINT_TIME_SIZE]) {
    char whole[CALENDAR_TEXT_SIZE];
    calendar_format(instant, whole);
    memcpy(text, whole, 16);
    text[10] = ' ';
    text[16] = '\0';
}

/* ---- for scripts ---- */

static void write_text(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            printf("\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            printf("\\u%04x", byte);
        else
            putchar(byte);
    }
    putchar('"');
}

static void begin_member(struct json *json, const char *key) {
    if (json->has_member)
        putchar(',');
    json->has_member = true;
    if (key == NULL)
        return;
    write_text(key);
    putchar(':');
}

struct json json_start(void) {
    putchar('{');
    return (struct json){0};
}

void json_end(struct json *json) {
    json_close(json, '}');
    putchar('\n');
}

void json_open(struct json *json, const char *key, char bracket) {
    begin_member(json, key);
    putchar(bracket);
    json->has_member = false;
}

void json_close(struct json *json, char bracket) {
    putchar(bracket);
    json->has_member = true;
}

void json_text(struct json *json, const char *key, const char *text) {
    begin_member(json, key);
    if (text == NULL)
        fputs("null", stdout);
    else
        write_text(text);
}

void json_number(struct json *json, const char *key, int64_t number) {
    begin_member(json, key);
    printf("%lld", (long long)number);
}

void json_decimal(struct json *json, const char *key, double number) {
    begin_member(json, key);
    printf("%.3f", number);
}

void json_truth(struct json *json, const char *key, bool is_true) {
    begin_member(json, key);
    fputs(is_true ? "true" : "false", stdout);
}

void json_time(struct json *json, const char *key, struct instant instant) {
    char text[INSTANT_TEXT_SIZE];
    if (instant.us == 0) {
        json_text(json, key, NULL);
        return;
    }
    instant_format(instant, text);
    json_text(json, key, text);
}

void json_limit(struct json *json, const char *key, const struct standing_of_limit *limit) {
    json_open(json, key, '{');
    json_text(json, "kind", limit_kind_name(limit->limit.kind));
    json_number(json, "id", limit->limit.id);
    json_number(json, "ceiling_minor", limit->limit.ceiling_minor);
    json_number(json, "spent_minor", limit->spent_minor);
    json_number(json, "remaining_minor", print_remaining(limit));
    json_truth(json, "refused", limit->is_refusing);
    json_close(json, '}');
}

void json_limits(struct json *json, const struct answer *answer) {
    json_open(json, "limits", '[');
    for (uint8_t i = 0; i < answer->limit_count; i++)
        json_limit(json, NULL, &answer->limits[i]);
    json_close(json, ']');
}
