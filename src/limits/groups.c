/* SPDX-License-Identifier: Apache-2.0 */
/* groups: questions that wait, by organisation and day. A hash finds the group that is open to more; groups go out in
 * the order in which their first questions came, so nobody is passed over. */
#include "limits/internal.h"

#include <stdlib.h>

void groups_init(struct limits *limits) {
    uint32_t capacity = limits->options.capacity;
    /* One group more than questions: the one whose verdicts are being told may have none left, while they ask anew. */
    uint32_t group_count = capacity + 1;
    limits->nodes = calloc(capacity, sizeof *limits->nodes);
    limits->groups = calloc(group_count, sizeof *limits->groups);
    uint32_t slot_count = 2;
    while (slot_count < 2 * capacity)
        slot_count *= 2;
    limits->slots = calloc(slot_count, sizeof *limits->slots);
    CHECK(limits->nodes != NULL && limits->groups != NULL && limits->slots != NULL);
    limits->slot_mask = slot_count - 1;
    for (uint32_t i = 0; i < slot_count; i++)
        limits->slots[i] = NOBODY;
    for (uint32_t i = 0; i < capacity; i++)
        limits->nodes[i].next = i + 1 < capacity ? i + 1 : NOBODY;
    for (uint32_t i = 0; i < group_count; i++)
        limits->groups[i].next = i + 1 < group_count ? i + 1 : NOBODY;
    limits->free_node = limits->free_group = 0;
    limits->first_group = limits->last_group = NOBODY;
}

void groups_finish(struct limits *limits) {
    free(limits->nodes);
    free(limits->groups);
    free(limits->slots);
}

static uint32_t *slot_of(struct limits *limits, int32_t organisation, struct day day) {
    uint64_t mixed = ((uint64_t)(uint32_t)organisation << 32 | (uint32_t)day.yyyymmdd) * UINT64_C(0x9E3779B97F4A7C15);
    return &limits->slots[(uint32_t)(mixed >> 32) & limits->slot_mask];
}

static struct group *find_open(struct limits *limits, const struct question *question) {
    uint32_t at = *slot_of(limits, question->organisation, question->day);
    while (at != NOBODY) {
        struct group *group = &limits->groups[at];
        if (group->organisation == question->organisation && group->day.yyyymmdd == question->day.yyyymmdd)
            return group;
        at = group->next_in_slot;
    }
    return NULL;
}

/* Takes a group out of the hash, if it is there. */
static void close_group(struct limits *limits, uint32_t index) {
    struct group *group = &limits->groups[index];
    uint32_t *link = slot_of(limits, group->organisation, group->day);
    while (*link != NOBODY && *link != index)
        link = &limits->groups[*link].next_in_slot;
    if (*link == index)
        *link = group->next_in_slot;
}

static struct group *new_group(struct limits *limits, const struct question *question, bool is_asking) {
    uint32_t index = limits->free_group;
    CHECK(index != NOBODY);
    struct group *group = &limits->groups[index];
    limits->free_group = group->next;
    *group = (struct group){.is_asking = is_asking,
                            .organisation = question->organisation,
                            .day = question->day,
                            .first = NOBODY,
                            .last = NOBODY,
                            .next = NOBODY,
                            .next_in_slot = NOBODY};
    if (!is_asking) {
        uint32_t *slot = slot_of(limits, group->organisation, group->day);
        group->next_in_slot = *slot;
        *slot = index;
    }
    if (limits->last_group == NOBODY)
        limits->first_group = index;
    else
        limits->groups[limits->last_group].next = index;
    limits->last_group = index;
    return group;
}

bool groups_add(struct limits *limits, const struct question *question, bool is_asking) {
    uint32_t index = limits->free_node;
    if (index == NOBODY)
        return false;
    struct node *node = &limits->nodes[index];
    limits->free_node = node->next;
    node->question = *question;
    node->next = NOBODY;
    struct group *group = is_asking ? NULL : find_open(limits, question);
    if (group == NULL)
        group = new_group(limits, question, is_asking);
    if (group->last == NOBODY)
        group->first = index;
    else
        limits->nodes[group->last].next = index;
    group->last = index;
    group->count++;
    if (!is_asking && group->count >= limits->options.group_capacity)
        close_group(limits, (uint32_t)(group - limits->groups));
    return true;
}

uint32_t groups_take(struct limits *limits) {
    uint32_t index = limits->first_group;
    CHECK(index != NOBODY);
    close_group(limits, index);
    limits->first_group = limits->groups[index].next;
    limits->groups[index].next = NOBODY;
    if (limits->first_group == NOBODY)
        limits->last_group = NOBODY;
    return index;
}

void groups_release(struct limits *limits, uint32_t group) {
    CHECK(limits->groups[group].first == NOBODY);
    limits->groups[group].next = limits->free_group;
    limits->free_group = group;
}

bool group_take_question(struct limits *limits, struct group *group, struct question *question) {
    uint32_t index = group->first;
    if (index == NOBODY)
        return false;
    struct node *node = &limits->nodes[index];
    group->first = node->next;
    *question = node->question;
    node->next = limits->free_node;
    limits->free_node = index;
    return true;
}
