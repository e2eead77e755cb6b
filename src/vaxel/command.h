/* SPDX-License-Identifier: Apache-2.0 */
/* vaxel: the command line. One table of commands drives what runs, --help and completion; a command is a function of
 * what was asked (struct invocation) to an exit status. */
#ifndef VAXEL_VAXEL_COMMAND_H
#define VAXEL_VAXEL_COMMAND_H

#include "base/failure.h"
#include "base/money.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0: approved, found, equal, done. */
enum exit_status {
    EXIT_YES = 0,
    EXIT_NO = 1,    /* declined, not found, or a difference */
    EXIT_USAGE = 2, /* asked wrongly, or wrong settings */
    EXIT_BROKEN = 3 /* failed, unavailable, or could not connect */
};

struct option_rule {
    const char *name;     /* "card", for --card; NULL ends a table */
    const char *argument; /* "NUMBER"; NULL: a switch; "[=TIME]": a switch that may be given a value as well */
    const char *help;
};

struct invocation;

struct command {
    const char *name;
    const char *operand; /* "[COMMAND]"; NULL: none is taken; "[URL...]": as many as wanted */
    const char *summary;
    const char *description; /* lines for its --help */
    const struct option_rule *options;
    bool needs_settings;
    int (*run)(const struct invocation *invocation);
};

/* Ended by one without a name. */
extern const struct command commands[];
/* Those that every command takes. */
extern const struct option_rule global_options[];

const struct command *command_find(const char *name);

#define VALUES_CAPACITY 32

struct invocation {
    const struct command *command;
    const char *operand; /* the first */
    size_t operand_count;
    char *const *operands;
    size_t value_count;
    struct {
        const char *name;
        const char *text;
    } values[VALUES_CAPACITY];
    struct settings_source source;
    struct settings settings;
};

/* ---- what was asked ---- */

/* Reads the words of the program's call. False: `status` is the exit status, and all is said. */
bool invocation_parse(struct invocation *invocation, int count, char **words, int *status);

/* What was given for an option; NULL when it was not. A switch that was given is "". */
const char *invocation_value(const struct invocation *invocation, const char *name);
bool invocation_has(const struct invocation *invocation, const char *name);

/* Each reads an option; when it was not given, `value` stays as it is. False: not what is allowed; all is said. */
bool invocation_number(const struct invocation *invocation, const char *name, int64_t least, int64_t most,
                       int64_t *value);
bool invocation_duration(const struct invocation *invocation, const char *name, int64_t *value_us);
bool invocation_seconds(const struct invocation *invocation, const char *name, int64_t *value_us);
bool invocation_amount(const struct invocation *invocation, const char *name, int64_t *value_minor);

/* Reads the file of settings, or goes by the defaults where there is none, and lays options over it. */
bool invocation_read_settings(struct invocation *invocation, struct failure *failure);

/* ---- saying no ---- */

/* "vaxel: words" on standard error, and what to do; returns the exit status. */
__attribute__((format(printf, 2, 3))) int usage_wrong(const struct invocation *invocation, const char *words, ...);
__attribute__((format(printf, 2, 3))) int command_broken(const struct invocation *invocation, const char *words, ...);

/* ---- the commands ---- */

int command_purchase(const struct invocation *invocation);
int command_balance(const struct invocation *invocation);
int command_settle(const struct invocation *invocation);
int command_advise(const struct invocation *invocation);
int command_blocks(const struct invocation *invocation);
int command_lookup(const struct invocation *invocation);
int command_echo(const struct invocation *invocation);
int command_migrate(const struct invocation *invocation);
int command_audit(const struct invocation *invocation);
int command_trace(const struct invocation *invocation);
int command_example(const struct invocation *invocation);
int command_generate(const struct invocation *invocation);
int command_load(const struct invocation *invocation);
int command_top(const struct invocation *invocation);
int command_help(const struct invocation *invocation);

/* Help on one command, or on all of them when it is NULL. */
void help_print(const struct command *command);

#endif
