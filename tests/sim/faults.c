/* SPDX-License-Identifier: Apache-2.0 */
/* faults: what befalls the world. A seed has moods, so that some have many of one kind, and some are almost calm. */
#include "sim/world.h"

#include "base/check.h"

enum fault {
    FAULT_NODE,
    FAULT_REDIS_LINK,
    FAULT_POSTGRES_LINK,
    FAULT_FLUSH,
    FAULT_SNAPSHOT,
    FAULT_FAILOVER,
    FAULT_POSTGRES_AWAY,
    FAULT_POSTGRES_FREEZE,
    FAULT_CLOCK,
    FAULT_REBUILD,
    FAULT_COUNT,
};

static void start_again(struct world *world, void *owner, uint64_t word) {
    struct node *node = owner;
    (void)world;
    (void)word;
    if (!node->is_alive)
        node_start(node);
}

static void come_back(struct world *world, void *owner, uint64_t word) {
    (void)owner;
    (void)word;
    world->is_postgres_away = false;
}

static void lose_postgres(struct world *world, int64_t length_us) {
    trace(world, "postgres is away for %lld us", (long long)length_us);
    world->is_postgres_away = true;
    for (int i = 0; i < NODES; i++)
        node_postgres_lost(&world->nodes[i]);
    event_in(world, length_us, come_back, NULL, 0);
}

static void fail_over(struct world *world) {
    if (world->snapshot == NULL || world->redis_count == REDISES_MAX)
        return;
    trace(world, "redis %d is promoted", world->redis_count);
    world->was_redis_lost = true;
    world->redises[world->redis_count] = redis_copy(world->snapshot, (uint64_t)world->redis_count + 1);
    world->primary = world->redis_count++;
    /* The nodes follow one by one, as they lose the old one; it lives on for those that do not. */
    for (int i = 0; i < NODES; i++)
        if (chance_is(world, 60))
            node_redis_lost(&world->nodes[i]);
}

static void snapshot(struct world *world) {
    redis_destroy(world->snapshot);
    world->snapshot = redis_copy(world->redises[world->primary], 0);
}

static void flush(struct world *world) {
    trace(world, "redis is emptied");
    world->was_redis_lost = true;
    redis_flush(world->redises[world->primary]);
}

/* As by an audit that has found something, on several nodes at once. */
static void rebuild(struct world *world) {
    int32_t organisation = 0;
    struct month month = {0};
    uint32_t which = chance_below(world, 3);
    for (uint32_t i = 0; i <= which; i++)
        if (!postgres_find_month(world->postgres, &organisation, &month))
            return;
    for (int i = 0; i < NODES; i++) {
        struct node *node = &world->nodes[i];
        if (!node->is_alive || !chance_is(world, 60))
            continue;
        audit_link_rebuild(node, organisation, month);
        node_turn(node);
    }
}

static void happen(struct world *world, enum fault fault) {
    struct node *node = &world->nodes[chance_below(world, NODES)];
    switch (fault) {
    case FAULT_NODE:
        node_crash(node);
        event_in(world, chance_delay(world, 10 * MS, 5 * SECOND), start_again, node, 0);
        break;
    case FAULT_REDIS_LINK:
        node_redis_lost(node);
        break;
    case FAULT_POSTGRES_LINK:
        node_postgres_lost(node);
        break;
    case FAULT_FLUSH:
        flush(world);
        break;
    case FAULT_SNAPSHOT:
        snapshot(world);
        break;
    case FAULT_FAILOVER:
        fail_over(world);
        break;
    case FAULT_POSTGRES_AWAY:
        if (!world->is_postgres_away)
            lose_postgres(world, chance_delay(world, 50 * MS, 5 * SECOND));
        break;
    case FAULT_POSTGRES_FREEZE:
        world->postgres_frozen_until_us = world->now_us + chance_delay(world, 10 * MS, 2 * SECOND);
        break;
    case FAULT_CLOCK:
        node->skew_us = chance_delay(world, 0, 4 * SECOND) - 2 * SECOND;
        break;
    case FAULT_REBUILD:
        rebuild(world);
        break;
    case FAULT_COUNT:
        break;
    }
}

static bool loses_redis(enum fault fault) {
    return fault == FAULT_FLUSH || fault == FAULT_FAILOVER;
}

static void befall(struct world *world, void *owner, uint64_t mood) {
    (void)owner;
    if (world->is_quiet)
        return;
    enum fault fault = (enum fault)chance_below(world, FAULT_COUNT);
    if (chance_is(world, 40))
        fault = (enum fault)(mood % FAULT_COUNT);
    if (world->keeps_redis && loses_redis(fault))
        fault = FAULT_REBUILD;
    if (world->has_journals && fault == FAULT_REBUILD)
        fault = FAULT_REDIS_LINK; /* a rebuild is without what waits in journals */
    if (!world->has_crashes && fault == FAULT_NODE)
        fault = FAULT_POSTGRES_LINK;
    happen(world, fault);
    int64_t pause_us = (100 + 300 * (int64_t)(mood / FAULT_COUNT % 8)) * MS;
    event_in(world, chance_delay(world, MS, 2 * pause_us), befall, NULL, mood);
}

void faults_start(struct world *world) {
    event_in(world, SECOND, befall, NULL, chance_word(world) >> 8);
}

void faults_end(struct world *world) {
    world->is_quiet = true;
    world->is_postgres_away = false;
    world->postgres_frozen_until_us = 0;
    for (int i = 0; i < NODES; i++) {
        struct node *node = &world->nodes[i];
        if (!node->is_alive)
            node_start(node);
        else if (node->server != world->primary)
            node_redis_lost(node);
    }
}
