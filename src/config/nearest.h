/* SPDX-License-Identifier: Apache-2.0 */
/* nearest: which setting was meant by a name that none has. */
#ifndef VAXEL_CONFIG_NEAREST_H
#define VAXEL_CONFIG_NEAREST_H

#include "config/config.h"

/* The setting whose key, and then section, takes the fewest changes of a letter to get to. */
const struct config_setting *nearest_setting(const struct config_setting *table, size_t count, const char *section,
                                             const char *key);

/* The section alone. */
const char *nearest_section(const struct config_setting *table, size_t count, const char *section);

#endif
