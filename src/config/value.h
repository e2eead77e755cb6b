/* SPDX-License-Identifier: Apache-2.0 */
/* value: what a setting is set to, between its text in a file and its place in the struct that is filled. */
#ifndef VAXEL_CONFIG_VALUE_H
#define VAXEL_CONFIG_VALUE_H

#include "config/config.h"

struct value {
    int64_t number;              /* all types but CONFIG_TEXT, in the stored unit */
    char text[CONFIG_TEXT_SIZE]; /* CONFIG_TEXT */
};

/* False when the text is not of the setting's type or out of its range. */
bool value_parse(const struct config_setting *setting, const char *text, struct value *value);

/* Whether the program that uses a text can; true for all other types. */
bool value_is_accepted(const struct config_setting *setting, const struct value *value);

void value_store(const struct config_setting *setting, const struct value *value, void *settings);

/* Writes what the setting allows: "a time from 1 ms to 10 min, with its unit (us, ms, s, min or h)". */
#define VALUE_ALLOWED_SIZE 160
void value_describe(const struct config_setting *setting, char text[VALUE_ALLOWED_SIZE]);

#endif
