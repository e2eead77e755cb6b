/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked: words into options, options over settings. */
#include "base/check.h"
#include "vaxel/command.h"
#include "vaxel/print.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- words into options ---- */

/* getopt's table of the global options and, where there is one, a command's. */
struct words_table {
    size_t count;
    struct option options[VALUES_CAPACITY + 1];
};

static int arguments_of(const struct option_rule *rule) {
    if (rule->argument == NULL)
        return no_argument;
    return rule->argument[0] == '[' ? optional_argument : required_argument;
}

static void table_add(struct words_table *table, const struct option_rule *rules) {
    for (; rules->name != NULL; rules++) {
        CHECK(table->count < VALUES_CAPACITY);
        table->options[table->count++] = (struct option){.name = rules->name, .has_arg = arguments_of(rules)};
    }
}

static bool keep(struct invocation *invocation, const char *name, const char *text) {
    if (strcmp(name, "set") == 0)
        return settings_assign(&invocation->source, text);
    for (size_t i = 0; i < invocation->value_count; i++) {
        if (strcmp(invocation->values[i].name, name) == 0) {
            invocation->values[i].text = text;
            return true;
        }
    }
    CHECK(invocation->value_count < VALUES_CAPACITY);
    invocation->values[invocation->value_count].name = name;
    invocation->values[invocation->value_count++].text = text;
    return true;
}

/* Reads options up to the end, or with `is_strict` up to the first word that is none; optind tells where that is. */
static bool parse_options(struct invocation *invocation, const struct command *command, bool is_strict, int count,
                          char **words) {
    struct words_table table = {0};
    table_add(&table, global_options);
    if (command != NULL)
        table_add(&table, command->options);
    optind = 0; /* glibc: start anew */
    opterr = 0;
    for (;;) {
        int at = -1;
        int code = getopt_long(count, words, is_strict ? "+:h" : ":h", table.options, &at);
        if (code == -1)
            return true;
        if (code == ':') {
            usage_wrong(invocation, "%s wants a value", words[optind - 1]);
            return false;
        }
        if (code == '?') {
            usage_wrong(invocation, "there is no option %s", words[optind - 1]);
            return false;
        }
        const char *name = code == 'h' ? "help" : table.options[at].name;
        CHECK(name != NULL);
        if (!keep(invocation, name, optarg != NULL ? optarg : "")) {
            usage_wrong(invocation, "--set may be given %d times", SETTINGS_ASSIGNMENTS_MAX);
            return false;
        }
    }
}

static bool take_operand(struct invocation *invocation, int count, char **words) {
    const char *wanted = invocation->command->operand;
    if (optind == count)
        return true;
    if (wanted == NULL || (optind + 1 < count && strstr(wanted, "...") == NULL)) {
        usage_wrong(invocation, "\"%s\" is one word too many", words[count - 1]);
        return false;
    }
    invocation->operand = words[optind];
    invocation->operands = words + optind;
    invocation->operand_count = (size_t)(count - optind);
    return true;
}

bool invocation_parse(struct invocation *invocation, int count, char **words, int *status) {
    *status = EXIT_USAGE;
    if (count > 1 && strcmp(words[1], "--version") == 0) {
        puts("vaxel " VAXEL_VERSION);
        *status = EXIT_YES;
        return false;
    }
    if (!parse_options(invocation, NULL, true, count, words))
        return false;
    if (optind == count) {
        bool is_help = invocation_has(invocation, "help");
        if (is_help)
            help_print(NULL);
        else
            usage_wrong(invocation, "a command is missing");
        *status = is_help ? EXIT_YES : EXIT_USAGE;
        return false;
    }
    count -= optind;
    words += optind;
    invocation->command = command_find(words[0]);
    if (invocation->command == NULL) {
        usage_wrong(invocation, "there is no command \"%s\"", words[0]);
        return false;
    }
    if (!parse_options(invocation, invocation->command, false, count, words))
        return false;
    if (invocation_has(invocation, "help")) {
        help_print(invocation->command);
        *status = EXIT_YES;
        return false;
    }
    return take_operand(invocation, count, words);
}

const char *invocation_value(const struct invocation *invocation, const char *name) {
    for (size_t i = 0; i < invocation->value_count; i++)
        if (strcmp(invocation->values[i].name, name) == 0)
            return invocation->values[i].text;
    return NULL;
}

bool invocation_has(const struct invocation *invocation, const char *name) {
    return invocation_value(invocation, name) != NULL;
}

/* ---- options into values ---- */

bool invocation_number(const struct invocation *invocation, const char *name, int64_t least, int64_t most,
                       int64_t *value) {
    const char *text = invocation_value(invocation, name);
    if (text == NULL)
        return true;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number >= least && number <= most) {
        *value = number;
        return true;
    }
    usage_wrong(invocation, "--%s is %s: a number from %lld to %lld is wanted", name, text, (long long)least,
                (long long)most);
    return false;
}

/* Reads a decimal number of a unit of so many microseconds; the end of what was read is in `end`. */
static bool read_time(const char *text, double unit_us, char **end, int64_t *value_us) {
    double number = strtod(text, end);
    double us = number * unit_us;
    if (text[0] < '0' || text[0] > '9' || *end == text || !(us >= 0 && us <= 86400e6))
        return false;
    *value_us = (int64_t)(us + 0.5);
    return true;
}

bool invocation_duration(const struct invocation *invocation, const char *name, int64_t *value_us) {
    static const struct {
        const char *unit;
        double us;
    } units[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"min", 60e6}};
    const char *text = invocation_value(invocation, name);
    if (text == NULL)
        return true;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        char *end;
        int64_t us;
        if (!read_time(text, units[i].us, &end, &us))
            break;
        end += *end == ' ';
        if (strcmp(end, units[i].unit) == 0 && us > 0) {
            *value_us = us;
            return true;
        }
    }
    usage_wrong(invocation, "--%s is %s: a time with its unit is wanted, as in 400ms, 2s or 1min", name, text);
    return false;
}

bool invocation_seconds(const struct invocation *invocation, const char *name, int64_t *value_us) {
    const char *text = invocation_value(invocation, name);
    char *end;
    int64_t us;
    if (text == NULL)
        return true;
    if (read_time(text, 1e6, &end, &us) && *end == '\0') {
        *value_us = us;
        return true;
    }
    usage_wrong(invocation, "--%s is %s: a number of seconds is wanted", name, text);
    return false;
}

bool invocation_amount(const struct invocation *invocation, const char *name, int64_t *value_minor) {
    const char *text = invocation_value(invocation, name);
    int64_t minor;
    if (text == NULL)
        return true;
    if (money_parse(text, &minor) && minor > 0) {
        *value_minor = minor;
        return true;
    }
    usage_wrong(invocation, "--%s is %s: an amount above 0 is wanted, as in 130.00", name, text);
    return false;
}

/* ---- settings ---- */

/* The file to read; NULL: none is there, and none was asked for. */
static const char *settings_path(const struct invocation *invocation) {
    static const char *const places[] = {"var/vaxel.ini", "/etc/vaxel/vaxel.ini"};
    const char *named = invocation_value(invocation, "config");
    if (named == NULL)
        named = getenv("VAXEL_CONFIG");
    if (named != NULL && named[0] != '\0')
        return named;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (access(places[i], F_OK) == 0)
            return places[i];
    return NULL;
}

static bool lay_over(struct invocation *invocation, const char *option, char *setting, struct failure *failure) {
    const char *text = invocation_value(invocation, option);
    if (text == NULL)
        return true;
    if (strlen(text) >= CONFIG_TEXT_SIZE)
        return failure_set(failure, "--%s is longer than %d characters", option, CONFIG_TEXT_SIZE - 1);
    memcpy(setting, text, strlen(text) + 1);
    return true;
}

bool invocation_read_settings(struct invocation *invocation, struct failure *failure) {
    struct settings *settings = &invocation->settings;
    invocation->source.path = settings_path(invocation);
    return settings_read(&invocation->source, settings, failure) &&
           lay_over(invocation, "connect", settings->connect, failure) &&
           lay_over(invocation, "certificate", settings->client_certificate, failure) &&
           lay_over(invocation, "key", settings->client_key, failure) &&
           lay_over(invocation, "authority", settings->client_authority, failure);
}

/* ---- saying no ---- */

int usage_wrong(const struct invocation *invocation, const char *words, ...) {
    va_list arguments;
    fputs("vaxel: ", stderr);
    va_start(arguments, words);
    vfprintf(stderr, words, arguments);
    va_end(arguments);
    if (invocation->command != NULL)
        fprintf(stderr, "\nSee vaxel %s --help.\n", invocation->command->name);
    else
        fputs("\nSee vaxel --help.\n", stderr);
    return EXIT_USAGE;
}

int command_broken(const struct invocation *invocation, const char *words, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, words);
    vsnprintf(text, sizeof text, words, arguments);
    va_end(arguments);
    fprintf(stderr, "vaxel: %s\n", text);
    if (invocation_has(invocation, "json")) {
        struct json json = json_start();
        json_text(&json, "error", text);
        json_end(&json);
    }
    return EXIT_BROKEN;
}
