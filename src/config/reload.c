/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <string.h>

static size_t size_of(const struct config_setting *setting) {
    return setting->type == CONFIG_TEXT ? CONFIG_TEXT_SIZE : sizeof(int64_t);
}

static bool differs(const struct config_setting *setting, const char *one, const char *other) {
    if (setting->type == CONFIG_TEXT)
        return strcmp(one, other) != 0; /* what follows the NUL is left from before */
    return memcmp(one, other, sizeof(int64_t)) != 0;
}

void config_reload(const struct config_setting *table, size_t count, void *running, const void *wanted, void *owner,
                   void (*report)(void *owner, const struct config_setting *setting, bool is_taken)) {
    for (size_t i = 0; i < count; i++) {
        const struct config_setting *setting = &table[i];
        char *into = (char *)running + setting->offset;
        const char *from = (const char *)wanted + setting->offset;
        if (!differs(setting, into, from))
            continue;
        if (setting->is_reloadable)
            memcpy(into, from, size_of(setting));
        report(owner, setting, setting->is_reloadable);
    }
}
