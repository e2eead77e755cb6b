/* SPDX-License-Identifier: Apache-2.0 */
#include "config/nearest.h"

#include "base/check.h"

#include <string.h>

/* Longer than any name in a table. */
#define NAME_SIZE 64

static size_t least_of(size_t one, size_t other) {
    return one < other ? one : other;
}

/* How many letters must be put in, taken out or changed (Levenshtein's distance), row by row. */
static size_t distance(const char *given, const char *name) {
    size_t size = strlen(name);
    CHECK(size < NAME_SIZE);
    size_t row[NAME_SIZE];
    for (size_t i = 0; i <= size; i++)
        row[i] = i;
    for (; *given != '\0'; given++) {
        size_t diagonal = row[0]++;
        for (size_t i = 0; i < size; i++) {
            size_t changed = diagonal + (*given != name[i]);
            diagonal = row[i + 1];
            row[i + 1] = least_of(changed, least_of(row[i], diagonal) + 1);
        }
    }
    return row[size];
}

const struct config_setting *nearest_setting(const struct config_setting *table, size_t count, const char *section,
                                             const char *key) {
    const struct config_setting *nearest = NULL;
    size_t fewest = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        /* A right key in the wrong section is likelier than a wrong key in the right one; the section decides ties. */
        size_t changes = 4 * distance(key, table[i].key) + least_of(distance(section, table[i].section), 3);
        if (changes < fewest) {
            fewest = changes;
            nearest = &table[i];
        }
    }
    return nearest;
}

const char *nearest_section(const struct config_setting *table, size_t count, const char *section) {
    const char *nearest = NULL;
    size_t fewest = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t changes = distance(section, table[i].section);
        if (changes < fewest) {
            fewest = changes;
            nearest = table[i].section;
        }
    }
    return nearest;
}
