/* SPDX-License-Identifier: Apache-2.0 */
#include "switch/core.h"

#include <stdlib.h>

void warm_init(struct warm_table *table, uint32_t capacity) {
    table->capacity = capacity;
    table->place_count = 2;
    while (table->place_count < 2 * capacity)
        table->place_count *= 2;
    table->places = calloc(table->place_count, sizeof *table->places);
    CHECK(table->places != NULL);
}

void warm_finish(struct warm_table *table) {
    free(table->places);
}

static uint32_t home_of(const struct warm_table *table, int32_t organisation, struct month month) {
    uint64_t mixed = ((uint64_t)(uint32_t)organisation << 32 | (uint32_t)month.yyyymm) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(mixed >> 32) & (table->place_count - 1);
}

struct warmth *warm_find(struct warm_table *table, int32_t organisation, struct month month) {
    for (uint32_t at = home_of(table, organisation, month);; at = (at + 1) & (table->place_count - 1)) {
        struct warmth *place = &table->places[at];
        if (place->organisation == 0)
            return NULL;
        if (place->organisation == organisation && place->month.yyyymm == month.yyyymm)
            return place;
    }
}

/* A floor that is forgotten costs one more turn through a stale row, so the table may forget all that nobody waits for;
 * waiters point into it, so it only does so when there are none at all. */
static bool forget_idle(struct warm_table *table) {
    for (uint32_t at = 0; at < table->place_count; at++)
        if (table->places[at].organisation != 0 && table->places[at].is_rebuilding)
            return false;
    for (uint32_t at = 0; at < table->place_count; at++)
        table->places[at] = (struct warmth){0};
    table->used = 0;
    return true;
}

struct warmth *warm_get(struct warm_table *table, int32_t organisation, struct month month) {
    CHECK(organisation > 0);
    struct warmth *known = warm_find(table, organisation, month);
    if (known != NULL)
        return known;
    if (table->used >= table->capacity && !forget_idle(table))
        return NULL;
    uint32_t at = home_of(table, organisation, month);
    while (table->places[at].organisation != 0)
        at = (at + 1) & (table->place_count - 1);
    table->places[at] = (struct warmth){.organisation = organisation, .month = month, .waiters = {NOBODY, NOBODY}};
    table->used++;
    return &table->places[at];
}
