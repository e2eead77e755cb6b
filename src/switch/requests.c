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

void request_release(struct switch_core *core, struct request *request) {
    CHECK(request->is_answered);
    wheel_disarm(core, request);
    list_remove(core, request);
    request->stage = STAGE_FREE;
    request->next = core->first_free;
    core->first_free = request_slot(core, request);
    core->busy--;
}

/* What may follow what; anything else is a bug that must not go on with other people's money. */
static const uint16_t stage_followers[STAGE_COUNT] = {
    [STAGE_FREE] = 1u << STAGE_WAITING | 1u << STAGE_ASKING,
    [STAGE_WAITING] = 1u << STAGE_ASKING | 1u << STAGE_UNDOING | 1u << STAGE_LOWERING,
    [STAGE_ASKING] =
        1u << STAGE_WAITING | 1u << STAGE_WARMING | 1u << STAGE_RECORDING | 1u << STAGE_CHECKING | 1u << STAGE_UNDOING,
    [STAGE_WARMING] = 1u << STAGE_WAITING | 1u << STAGE_ASKING | 1u << STAGE_UNDOING,
    [STAGE_RECORDING] = 1u << STAGE_ASKING | 1u << STAGE_WAITING | 1u << STAGE_UNDOING | 1u << STAGE_LOWERING,
    [STAGE_CHECKING] = 1u << STAGE_ASKING | 1u << STAGE_WAITING | 1u << STAGE_RECORDING | 1u << STAGE_UNDOING,
    [STAGE_UNDOING] = 1u << STAGE_LOWERING | 1u << STAGE_WAITING,
    [STAGE_LOWERING] = 1u << STAGE_WAITING,
};

void stage_move(struct request *request, enum stage next) {
    CHECK((stage_followers[request->stage] & 1u << next) != 0);
    request->stage = next;
}
