/* SPDX-License-Identifier: Apache-2.0 */
#include "switch/core.h"

#include <string.h>

struct request *request_of(struct switch_core *core, uint32_t slot) {
    CHECK(slot < core->settings.capacity);
    struct request *request = &core->requests[slot];
    CHECK(request->stage != STAGE_FREE);
    return request;
}

uint32_t request_slot(const struct switch_core *core, const struct request *request) {
    return (uint32_t)(request - core->requests);
}

void list_append(struct switch_core *core, struct list *list, struct request *request) {
    CHECK(request->list == NULL);
    uint32_t slot = request_slot(core, request);
    request->list = list;
    request->next = NOBODY;
    request->previous = list->last;
    if (list->last == NOBODY)
        list->first = slot;
    else
        core->requests[list->last].next = slot;
    list->last = slot;
}

void list_remove(struct switch_core *core, struct request *request) {
    struct list *list = request->list;
    if (list == NULL)
        return;
    if (request->previous == NOBODY)
        list->first = request->next;
    else
        core->requests[request->previous].next = request->next;
    if (request->next == NOBODY)
        list->last = request->previous;
    else
        core->requests[request->next].previous = request->previous;
    request->list = NULL;
}

struct request *request_take(struct switch_core *core) {
    if (core->first_free == NOBODY)
        return NULL;
    struct request *request = &core->requests[core->first_free];
    core->first_free = request->next;
    memset(request, 0, sizeof *request);
    request->timer_next = NOBODY;
    request->timer_previous = NOBODY;
    core->busy++;
    return request;
}

static void release(struct switch_core *core, struct request *request) {
    wheel_disarm(core, request);
    list_remove(core, request);
    if (request->work == WORK_DRAIN)
        core->ports.drained(core->ports.shell, request->ticket);
    core->drains -= request->work == WORK_DRAIN;
    core->advices -= request->work == WORK_ADVICE;
    if (request->work == WORK_ADVICE)
        pace_advice_ended(core, request);
    request->stage = STAGE_FREE;
    request->next = core->first_free;
    core->first_free = request_slot(core, request);
    core->busy--;
}

void request_end(struct switch_core *core, struct request *request) {
    CHECK(request->is_answered);
    if (!request->owes_journal && !request->owes_claim) {
        release(core, request);
        return;
    }
    list_remove(core, request);
    stage_move(request, STAGE_JOURNALING);
    request->is_over = true;
}

#define AFTER(stage) (1u << STAGE_##stage)

/* What may follow what; anything else is a bug that must not go on with other people's money. */
static const uint32_t stage_followers[STAGE_COUNT] = {
    [STAGE_FREE] = AFTER(WAITING) | AFTER(ASKING) | AFTER(WARMING) | AFTER(RECORDING) | AFTER(SETTLING) |
                   AFTER(UNDOING) | AFTER(FOLLOWING) | AFTER(YIELDING),
    [STAGE_WAITING] = AFTER(ASKING) | AFTER(WARMING) | AFTER(RECORDING) | AFTER(SETTLING) | AFTER(YIELDING) |
                      AFTER(UNDOING) | AFTER(FOLLOWING),
    [STAGE_ASKING] = AFTER(WAITING) | AFTER(WARMING) | AFTER(RECORDING) | AFTER(CHECKING) | AFTER(JOURNALING) |
                     AFTER(YIELDING) | AFTER(UNDOING),
    [STAGE_WARMING] = AFTER(WARMING) | AFTER(WAITING) | AFTER(ASKING) | AFTER(RECORDING) | AFTER(YIELDING) |
                      AFTER(UNDOING) | AFTER(FOLLOWING),
    [STAGE_RECORDING] = AFTER(ASKING) | AFTER(WARMING) | AFTER(WAITING) | AFTER(JOURNALING) | AFTER(YIELDING) |
                        AFTER(UNDOING) | AFTER(FOLLOWING),
    [STAGE_CHECKING] = AFTER(ASKING) | AFTER(WARMING) | AFTER(WAITING) | AFTER(RECORDING) | AFTER(JOURNALING) |
                       AFTER(YIELDING) | AFTER(UNDOING),
    [STAGE_SETTLING] = AFTER(WAITING) | AFTER(FOLLOWING),
    [STAGE_JOURNALING] = AFTER(WAITING) | AFTER(CALLING_OFF) | AFTER(YIELDING) | AFTER(UNDOING) | AFTER(FOLLOWING),
    [STAGE_CALLING_OFF] = AFTER(UNDOING),
    [STAGE_YIELDING] = AFTER(WAITING) | AFTER(WARMING) | AFTER(UNDOING),
    [STAGE_UNDOING] = AFTER(FOLLOWING) | AFTER(WAITING) | AFTER(JOURNALING),
    [STAGE_FOLLOWING] = AFTER(WAITING) | AFTER(WARMING) | AFTER(JOURNALING),
};

void stage_move(struct request *request, enum stage next) {
    CHECK((stage_followers[request->stage] & 1u << next) != 0);
    request->stage = next;
}
