/* SPDX-License-Identifier: Apache-2.0 */
/* A node's connection to Redis: bytes that take their time, are executed and answered, or are lost on either way. */
#include "sim/world.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

/* A write on its way: to the server, or its replies back. */
struct passage {
    struct node *node;
    uint64_t life, link;
    struct buffer bytes;
};

static void on_verdict(void *owner, const struct verdict *verdict) {
    struct node *node = owner;
    switch_verdict(node->core, node_now(node), verdict);
}

static void on_sums_written(void *owner, int32_t organisation, struct month month, int32_t epoch, bool is_written) {
    struct node *node = owner;
    switch_sums_written(node->core, node_now(node), organisation, month, epoch, is_written);
}

static void on_month_read(void *owner, int32_t organisation, struct month month, const struct sums *sums) {
    struct node *node = owner;
    (void)organisation;
    (void)month;
    audit_counted(node->audit, node_now(node), sums);
}

static void on_ready(void *owner) {
    struct node *node = owner;
    switch_limits_up(node->core, node_now(node), true);
}

static bool is_stale(const struct passage *passage) {
    return !passage->node->is_alive || passage->node->life != passage->life ||
           passage->node->server_link != passage->link;
}

static void forget(struct passage *passage) {
    buffer_finish(&passage->bytes);
    free(passage);
}

static void connect(struct world *world, void *owner, uint64_t life) {
    struct node *node = owner;
    if (!node->is_alive || node->life != life || node->server >= 0)
        return;
    /* Mostly the primary; while it is divided, an old one that still answers. */
    node->server = world->primary;
    if (!world->is_quiet && world->redis_count > 1 && chance_is(world, 15))
        node->server = world->primary > 0 ? world->primary - 1 : world->primary;
    node->server_link++;
    trace(world, "node %u connects to redis %d", node->index, node->server);
    limits_connected(node->limits);
    node_turn(node);
}

void redis_link_start(struct node *node) {
    const struct limits_options options = {
        .capacity = SLOTS,
        .group_capacity = 16,
        .owner = node,
        .on_verdict = on_verdict,
        .on_sums_written = on_sums_written,
        .on_month_read = on_month_read,
        .on_ready = on_ready,
    };
    node->limits = limits_create(&options);
    node->server = -1;
    node->server_link++;
    if (node->output.data == NULL)
        buffer_init(&node->output, LIMITS_OUTPUT_MIN);
    node->output.size = 0;
    event_in(node->world, chance_delay(node->world, MS, 20 * MS), connect, node, node->life);
}

void node_redis_lost(struct node *node) {
    if (!node->is_alive || node->server < 0)
        return;
    trace(node->world, "node %u loses redis", node->index);
    node->server = -1;
    node->server_link++;
    switch_limits_up(node->core, node_now(node), false);
    limits_lost(node->limits);
    event_in(node->world, chance_delay(node->world, 10 * MS, 200 * MS), connect, node, node->life);
    node_turn(node);
}

static void arrive(struct world *world, void *owner, uint64_t word) {
    struct passage *passage = owner;
    (void)world;
    (void)word;
    if (!is_stale(passage)) {
        struct failure failure;
        CHECK(limits_input(passage->node->limits, buffer_bytes(&passage->bytes), &failure));
        node_turn(passage->node);
    }
    forget(passage);
}

#define REPLIES_SIZE (1 << 20)

static void execute(struct world *world, void *owner, uint64_t server) {
    struct passage *passage = owner;
    /* A connection that broke may have carried the bytes before: then they are executed, and nobody hears. */
    if (is_stale(passage) && chance_is(world, 50)) {
        forget(passage);
        return;
    }
    static uint8_t memory[REPLIES_SIZE];
    struct buffer replies = {.data = memory, .capacity = sizeof memory};
    CHECK(redis_execute(world->redises[server], buffer_bytes(&passage->bytes), &replies));
    buffer_finish(&passage->bytes);
    if (!is_stale(passage) && !world->is_quiet && chance_is(world, world->lost_replies_percent))
        node_redis_lost(passage->node);
    buffer_init(&passage->bytes, replies.size + 1);
    buffer_append(&passage->bytes, replies.data, replies.size);
    event_in(world, chance_delay(world, 100, 4 * MS), arrive, passage, 0);
}

void redis_link_flush(struct node *node) {
    if (node->server < 0)
        return;
    limits_output(node->limits, &node->output);
    if (node->output.size == 0)
        return;
    struct passage *passage = calloc(1, sizeof *passage);
    CHECK(passage != NULL);
    passage->node = node;
    passage->life = node->life;
    passage->link = node->server_link;
    buffer_init(&passage->bytes, node->output.size);
    buffer_append(&passage->bytes, node->output.data, node->output.size);
    node->output.size = 0;
    event_in(node->world, chance_delay(node->world, 100, 4 * MS), execute, passage, (uint64_t)node->server);
}
