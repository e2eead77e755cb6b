/* SPDX-License-Identifier: Apache-2.0 */
/* A node's journal, and its audit. The journal is a model: entries that a write makes safe some milliseconds later. */
#include "sim/plants.h"
#include "sim/world.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

#define CAPACITY_MINOR 300000

static int64_t waiting_minor(const struct node *node) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < node->journal_count; i++)
        if (!node->journal[i].is_drained && node->journal[i].entry.kind != ENTRY_REVERSAL)
            sum += node->journal[i].entry.amount_minor;
    return sum;
}

bool journal_link_is_open(const struct node *node) {
    return node->world->has_journals && node->journal_count + 2 < JOURNAL_MAX && waiting_minor(node) < CAPACITY_MINOR;
}

bool journal_link_is_empty(const struct node *node) {
    for (uint32_t i = 0; i < node->journal_count; i++)
        if (!node->journal[i].is_drained)
            return false;
    return true;
}

static void tell_safe(struct node *node, struct journaled *journaled, bool is_safe) {
    journaled->is_told = true;
    switch_journaled(node->core, node_now(node), journaled->owner, is_safe);
}

bool journal_link_append(void *shell, const struct entry *entry, uint32_t owner) {
    struct node *node = shell;
    if (node->journal_count == JOURNAL_MAX || (entry->kind != ENTRY_REVERSAL && !journal_link_is_open(node)))
        return false;
    trace(node->world, "node %u journals %d", node->index, (int)entry->kind);
    node->journal[node->journal_count++] = (struct journaled){.entry = *entry, .owner = owner};
    return true;
}

/* All that is there is safe now, or, rarely, the disk says no; here then to what nobody has been told of. */
static void written(struct world *world, void *owner, uint64_t life) {
    struct node *node = owner;
    (void)world;
    if (!node->is_alive || node->life != life)
        return;
    node->is_writing = false;
    uint32_t count = node->journal_count;
    for (uint32_t i = 0; i < count; i++)
        if (!node->journal[i].is_safe) {
            node->journal[i].is_safe = true;
            if (!node->journal[i].is_told)
                tell_safe(node, &node->journal[i], true);
        }
    node_turn(node);
}

static void told_early(struct world *world, void *owner, uint64_t life) {
    struct node *node = owner;
    (void)world;
    if (!node->is_alive || node->life != life)
        return;
    for (uint32_t i = 0; i < node->journal_count; i++)
        if (!node->journal[i].is_told && !node->journal[i].is_safe)
            tell_safe(node, &node->journal[i], true);
    node_turn(node);
}

static void write_out(struct node *node) {
    if (node->is_writing || node->journal_count == 0 || node->journal[node->journal_count - 1].is_safe)
        return;
    node->is_writing = true;
    struct world *world = node->world;
    if (plants_has("journal_before_sync")) {
        event_in(world, 100, told_early, node, node->life);
        event_in(world, chance_delay(world, 20 * MS, 200 * MS), written, node, node->life);
        return;
    }
    event_in(world, chance_delay(world, 100, 10 * MS), written, node, node->life);
}

static void drain(struct node *node) {
    if (!node->is_record_up)
        return;
    for (uint32_t i = node->journal_drained; i < node->journal_count; i++) {
        struct journaled *journaled = &node->journal[i];
        if (!journaled->is_safe)
            return;
        if (journaled->is_drained || journaled->is_draining)
            continue;
        if (plants_has("drain_drops") && chance_is(node->world, 10)) {
            journaled->is_drained = true;
            continue;
        }
        journaled->is_draining = true;
        if (!switch_drain(node->core, node_now(node), &journaled->entry, i)) {
            journaled->is_draining = false;
            return;
        }
    }
}

void journal_link_drained(void *shell, uint64_t ticket) {
    struct node *node = shell;
    node->journal[ticket].is_drained = true;
    node->journal[ticket].is_draining = false;
    while (node->journal_drained < node->journal_count && node->journal[node->journal_drained].is_drained)
        node->journal_drained++;
}

void journal_link_flush(struct node *node) {
    bool is_open = journal_link_is_open(node);
    if (is_open != node->is_journal_told) {
        node->is_journal_told = is_open;
        switch_journal_up(node->core, node_now(node), is_open);
    }
    drain(node);
    write_out(node);
}

void journal_link_start(struct node *node) {
    node->is_writing = false;
    node->is_journal_told = false;
}

/* ---- the audit ---- */

struct look {
    struct node *node;
    uint64_t life;
    int32_t organisation;
    struct month month;
};

static struct look *look_at(struct node *node, int32_t organisation, struct month month) {
    struct look *look = calloc(1, sizeof *look);
    CHECK(look != NULL);
    *look = (struct look){node, node->life, organisation, month};
    return look;
}

static bool is_over(const struct look *look) {
    return !look->node->is_alive || look->node->life != look->life;
}

static void found_next(struct world *world, void *owner, uint64_t word) {
    struct look *look = owner;
    (void)word;
    if (!is_over(look)) {
        bool is_answered = look->node->is_record_up;
        if (!postgres_find_month(world->postgres, &look->organisation, &look->month))
            look->organisation = 0;
        audit_next(look->node->audit, node_now(look->node), is_answered, look->organisation, look->month);
        node_turn(look->node);
    }
    free(look);
}

static bool find_next(void *shell, int32_t organisation, struct month month) {
    struct node *node = shell;
    event_in(node->world, chance_delay(node->world, MS, 20 * MS), found_next, look_at(node, organisation, month), 0);
    return true;
}

static void recorded(struct world *world, void *owner, uint64_t word) {
    struct look *look = owner;
    (void)word;
    if (!is_over(look)) {
        struct sums sums;
        postgres_read_month(world->postgres, look->organisation, look->month, &sums);
        audit_recorded(look->node->audit, node_now(look->node), look->node->is_record_up ? &sums : NULL);
        node_turn(look->node);
    }
    free(look);
}

static bool read_recorded(void *shell, int32_t organisation, struct month month) {
    struct node *node = shell;
    event_in(node->world, chance_delay(node->world, MS, 20 * MS), recorded, look_at(node, organisation, month), 0);
    return true;
}

static bool read_counted(void *shell, int32_t organisation, struct month month) {
    struct node *node = shell;
    return limits_read_month(node->limits, organisation, month);
}

/* What an audit must not do: bring the counters to what it has read. */
static void adjust(struct node *node, int32_t organisation, struct month month) {
    struct world *world = node->world;
    struct sums sums;
    postgres_read_month(world->postgres, organisation, month, &sums);
    for (size_t i = 0; i < sums.sum_count && node->server >= 0; i++) {
        char key[32], field[16], number[24], command[256];
        snprintf(key, sizeof key, "{%d}:%d", organisation, month.yyyymm);
        const char letters[] = "?ctdo";
        if (sums.sums[i].kind == LIMIT_ORGANISATION)
            snprintf(field, sizeof field, "o");
        else
            snprintf(field, sizeof field, "%c%d", letters[sums.sums[i].kind], sums.sums[i].id);
        snprintf(number, sizeof number, "%lld", (long long)sums.sums[i].spent_minor);
        int size =
            snprintf(command, sizeof command, "*4\r\n$4\r\nHSET\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n",
                     __builtin_strlen(key), key, __builtin_strlen(field), field, __builtin_strlen(number), number);
        uint8_t memory[64];
        struct buffer reply = {.data = memory, .capacity = sizeof memory};
        redis_execute(world->redises[node->server], bytes_of(command, (size_t)size), &reply);
    }
}

void audit_link_rebuild(void *shell, int32_t organisation, struct month month) {
    struct node *node = shell;
    trace(node->world, "node %u mends %d %d", node->index, organisation, month.yyyymm);
    if (plants_has("audit_adjusts"))
        adjust(node, organisation, month);
    else
        switch_rebuild(node->core, node_now(node), organisation, month);
}

void audit_link_start(struct node *node) {
    const struct audit_settings settings = {.pause_us = 100 * MS, .grace_us = 2 * SECOND, .suspect_capacity = 16};
    const struct audit_ports ports = {
        .shell = node,
        .find_next = find_next,
        .read_recorded = read_recorded,
        .read_counted = read_counted,
        .rebuild = audit_link_rebuild,
    };
    node->audit = audit_create(&settings, &ports);
}

void audit_link_tick(struct node *node) {
    struct moment now = node_now(node);
    /* Where nothing may be missing, what is long on its way over bad connections must not be taken for that. */
    bool looks = (node->world->has_crashes || node->world->is_quiet) && !plants_has("no_audit");
    if (looks && now.tick.us >= audit_next_tick(node->audit).us)
        audit_tick(node->audit, now);
}
