/* SPDX-License-Identifier: Apache-2.0 */
#include "switch/core.h"

#include <stdlib.h>

void wheel_init(struct wheel *wheel, int64_t horizon_us) {
    uint32_t count = 64;
    while ((int64_t)count * 1000 < horizon_us + 2000)
        count *= 2;
    wheel->slots = calloc(count, sizeof *wheel->slots);
    CHECK(wheel->slots != NULL);
    for (uint32_t i = 0; i < count; i++)
        wheel->slots[i] = (struct list){NOBODY, NOBODY};
    wheel->slot_count = count;
    wheel->swept_ms = 0;
    wheel->armed = 0;
}

void wheel_finish(struct wheel *wheel) {
    free(wheel->slots);
}

/* Rounded down: an answer may be a millisecond early, never late. */
static int64_t millisecond_of(struct tick tick) {
    return tick.us / 1000;
}

static struct list *slot_of(struct wheel *wheel, int64_t ms) {
    return &wheel->slots[(uint64_t)ms & (wheel->slot_count - 1)];
}

void wheel_arm(struct switch_core *core, struct request *request, struct tick due) {
    struct wheel *wheel = &core->wheel;
    if (wheel->armed == 0) /* nothing was armed, so nothing between then and now is left to sweep */
        wheel->swept_ms = millisecond_of(core->now.tick) - 1;
    int64_t ms = millisecond_of(due);
    if (ms <= wheel->swept_ms)
        ms = wheel->swept_ms + 1;
    request->due = (struct tick){ms * 1000};

    struct list *slot = slot_of(wheel, ms);
    uint32_t self = request_slot(core, request);
    request->timer_next = slot->first;
    request->timer_previous = NOBODY;
    if (slot->first != NOBODY)
        core->requests[slot->first].timer_previous = self;
    else
        slot->last = self;
    slot->first = self;
    wheel->armed++;
}

void wheel_disarm(struct switch_core *core, struct request *request) {
    if (request->due.us == 0)
        return;
    struct list *slot = slot_of(&core->wheel, millisecond_of(request->due));
    if (request->timer_previous == NOBODY)
        slot->first = request->timer_next;
    else
        core->requests[request->timer_previous].timer_next = request->timer_next;
    if (request->timer_next == NOBODY)
        slot->last = request->timer_previous;
    else
        core->requests[request->timer_next].timer_previous = request->timer_previous;
    request->due.us = 0;
    core->wheel.armed--;
}

static struct request *first_due(struct switch_core *core, const struct list *slot, int64_t ms) {
    for (uint32_t at = slot->first; at != NOBODY; at = core->requests[at].timer_next)
        if (millisecond_of(core->requests[at].due) <= ms)
            return &core->requests[at];
    return NULL;
}

struct request *wheel_due(struct switch_core *core) {
    struct wheel *wheel = &core->wheel;
    int64_t now_ms = millisecond_of(core->now.tick);
    /* After a long pause one round of the ring sees every slot. */
    if (now_ms - wheel->swept_ms > wheel->slot_count)
        wheel->swept_ms = now_ms - wheel->slot_count;
    while (wheel->armed > 0 && wheel->swept_ms < now_ms) {
        struct request *request = first_due(core, slot_of(wheel, wheel->swept_ms + 1), now_ms);
        if (request != NULL) {
            wheel_disarm(core, request);
            return request;
        }
        wheel->swept_ms++;
    }
    return NULL;
}
