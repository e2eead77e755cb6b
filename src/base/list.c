/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"

#include <string.h>

unsigned list_count(const char *list) {
    unsigned texts = 1;
    for (const char *at = list; (at = strchr(at, ',')) != NULL; at++)
        texts++;
    return texts;
}

void list_turn(const char *list, unsigned turns, char *into) {
    size_t size = strlen(list);
    const char *begin = list;
    for (unsigned left = turns % list_count(list); left > 0; left--)
        begin = strchr(begin, ',') + 1;
    size_t later = size - (size_t)(begin - list);
    memcpy(into, begin, later);
    if (begin > list) {
        into[later] = ',';
        memcpy(into + later + 1, list, size - later - 1);
    }
    into[size] = '\0';
}
