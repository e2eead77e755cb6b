/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/world.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct event {
    int64_t at_us;
    uint64_t number;
    event_happens *happens;
    void *owner;
    uint64_t word;
};

static bool is_before(const struct event *one, const struct event *other) {
    return one->at_us != other->at_us ? one->at_us < other->at_us : one->number < other->number;
}

void event_at(struct world *world, int64_t at_us, event_happens *happens, void *owner, uint64_t word) {
    if (world->event_count == world->event_capacity) {
        world->event_capacity = 2 * world->event_capacity + 256;
        world->events = realloc(world->events, world->event_capacity * sizeof *world->events);
        CHECK(world->events != NULL);
    }
    struct event event = {at_us < world->now_us ? world->now_us : at_us, world->event_number++, happens, owner, word};
    size_t at = world->event_count++;
    while (at > 0 && is_before(&event, &world->events[(at - 1) / 2])) {
        world->events[at] = world->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->events[at] = event;
}

void event_in(struct world *world, int64_t delay_us, event_happens *happens, void *owner, uint64_t word) {
    event_at(world, world->now_us + delay_us, happens, owner, word);
}

static struct event take_first(struct world *world) {
    struct event first = world->events[0];
    struct event last = world->events[--world->event_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= world->event_count)
            break;
        if (child + 1 < world->event_count && is_before(&world->events[child + 1], &world->events[child]))
            child++;
        if (!is_before(&world->events[child], &last))
            break;
        world->events[at] = world->events[child];
        at = child;
    }
    world->events[at] = last;
    return first;
}

void events_run(struct world *world, int64_t until_us) {
    while (world->event_count > 0 && world->events[0].at_us <= until_us) {
        struct event event = take_first(world);
        world->now_us = event.at_us;
        world->now_ms = event.at_us / 1000;
        event.happens(world, event.owner, event.word);
    }
    world->now_us = until_us;
}

/* splitmix64 */
uint64_t chance_word(struct world *world) {
    uint64_t word = world->chance += UINT64_C(0x9E3779B97F4A7C15);
    word = (word ^ word >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    word = (word ^ word >> 27) * UINT64_C(0x94D049BB133111EB);
    return word ^ word >> 31;
}

uint32_t chance_below(struct world *world, uint32_t end) {
    return (uint32_t)((chance_word(world) >> 32) * end >> 32);
}

bool chance_is(struct world *world, uint32_t percent) {
    return chance_below(world, 100) < percent;
}

int64_t chance_delay(struct world *world, int64_t least_us, int64_t most_us) {
    uint64_t one = chance_word(world) >> 44, other = chance_word(world) >> 44; /* 20 bits each */
    return least_us + (int64_t)(one * other >> 20) * (most_us - least_us) / (1 << 20);
}

void trace(struct world *world, const char *format, ...) {
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (const char *at = line; *at != '\0'; at++)
        world->fingerprint = (world->fingerprint ^ (uint8_t)*at) * UINT64_C(1099511628211);
    world->fingerprint = (world->fingerprint ^ (uint64_t)world->now_us) * UINT64_C(1099511628211);
    if (world->options.is_traced)
        printf("%lld.%06lld %s\n", (long long)(world->now_us / SECOND), (long long)(world->now_us % SECOND), line);
}
