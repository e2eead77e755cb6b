/* SPDX-License-Identifier: Apache-2.0 */
/* config: settings as one table: key, type, unit, default, range, whether a running server takes a change, and a
 * sentence. The table drives the reader (inih), --help, config/vaxel.ini and docs/. An unknown key or a bad value is a
 * failure with file, line and what is allowed. */
#ifndef VAXEL_CONFIG_CONFIG_H
#define VAXEL_CONFIG_CONFIG_H

#include "base/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_TEXT_SIZE 512

/* Time is written with its unit ("400 ms", "10 min"), money in decimals ("6000.00"), size in bytes ("4 MiB"). */
enum config_type { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_TIME_US, CONFIG_BYTES, CONFIG_MONEY_MINOR, CONFIG_CHOICE };

struct config_setting {
    const char *section;
    const char *key;
    enum config_type type;
    size_t offset;       /* into the struct that is filled: char[CONFIG_TEXT_SIZE], or int64_t for all others */
    const char *initial; /* as it would be written in the file */
    int64_t least, most; /* in the stored unit; both 0 for text */
    const char *choices; /* CONFIG_CHOICE: "one|two|three", stored as its index */
    bool is_reloadable;
    const char *help;
    const char *wanted;                /* CONFIG_TEXT: what it takes, "host:port" */
    bool (*accepts)(const char *text); /* CONFIG_TEXT: tells whether a text is that; NULL: whoever uses it will */
};

/* Sets every default. A table whose defaults are not among its own allowed values ends the program; but no text is
 * checked here, for a default may want what this machine has not (a time zone). */
void config_defaults(const struct config_setting *table, size_t count, void *settings);

/* Reads a file over what `settings` holds; nothing of it is changed on failure. A key may stand once; a text goes on in
 * the next line when that is indented, joined by a space; " ;" begins a comment. */
bool config_read(const struct config_setting *table, size_t count, const char *path, void *settings,
                 struct failure *failure);

/* Sets one value as if it stood in a file: `assignment` is "section.key=value". Nothing is changed on
 * failure. */
bool config_set(const struct config_setting *table, size_t count, const char *assignment, void *settings,
                struct failure *failure);

/* Takes over from `wanted` what differs and a running server may change, and reports each setting that differs: taken,
 * or kept as it is in `running`. */
void config_reload(const struct config_setting *table, size_t count, void *running, const void *wanted, void *owner,
                   void (*report)(void *owner, const struct config_setting *setting, bool is_taken));

/* Writes the sample file: every setting commented, with its default, unit, range and sentence. */
void config_write_sample(const struct config_setting *table, size_t count, FILE *file);

#endif
