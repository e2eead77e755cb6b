/* SPDX-License-Identifier: Apache-2.0 */
/* node: the production core and limits room, in a shell of simulated connections. */
#include "sim/world.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

#define TURN_US (5 * MS)

struct moment node_now(const struct node *node) {
    int64_t now_us = node->world->now_us;
    return (struct moment){.instant = {now_us + node->skew_us}, .tick = {now_us}};
}

static struct holder *holder_of(struct world *world, const struct credential *credential) {
    for (int i = 0; i < CREDITS; i++)
        if (world->holders[i].credential.card == credential->card)
            return &world->holders[i];
    return NULL;
}

static bool find_account(void *shell, const struct credential *credential, struct account *account) {
    const struct node *node = shell;
    const struct holder *holder = holder_of(node->world, credential);
    if (holder != NULL)
        *account = holder->account;
    return holder != NULL;
}

static bool find_payer(void *shell, const struct payer *payer, struct account *account) {
    const struct node *node = shell;
    for (int i = 0; i < CREDITS; i++) {
        if (node->world->holders[i].account.credit != payer->credit)
            continue;
        *account = node->world->holders[i].account;
        return true;
    }
    return false;
}

static bool ask(void *shell, const struct question *question) {
    const struct node *node = shell;
    return limits_ask(node->limits, question);
}

static bool write_sums(void *shell, const struct sums *sums) {
    const struct node *node = shell;
    return limits_write_sums(node->limits, sums);
}

static void answer(void *shell, uint64_t reply_to, const struct answer *given) {
    struct node *node = shell;
    client_answered(node->world, node, reply_to, given);
}

static struct switch_core *create_core(struct node *node) {
    const struct switch_settings settings = {
        .capacity = SLOTS,
        .currency = {"SEK"},
        .largest_amount_minor = 1000000,
        .time_window_us = 10 * MINUTE,
        .default_timeout_us = 400 * MS,
        .longest_timeout_us = 10 * SECOND,
        .answer_margin_us = 5 * MS,
        .default_hold_us = 10 * SECOND,
        .longest_hold_us = MINUTE,
        .month_open_us = 10 * SECOND,
        .stand_in_after_us = node->world->has_journals ? 50 * MS : 0,
        .advice_capacity = SLOTS / 4,
        .online_wait_us = 20 * MS,
        .warm_capacity = 8,
    };
    const struct switch_ports ports = {
        .shell = node,
        .find_account = find_account,
        .find_payer = find_payer,
        .ask = ask,
        .append = record_link_append,
        .check = record_link_check,
        .undo = record_link_undo,
        .settle = record_link_settle,
        .journal = journal_link_append,
        .drained = journal_link_drained,
        .read_sums = record_link_read_sums,
        .write_sums = write_sums,
        .note_refusal = record_link_note,
        .answer = answer,
    };
    return switch_create(&settings, &ports);
}

static void tick(struct world *world, void *owner, uint64_t life) {
    struct node *node = owner;
    if (!node->is_alive || node->life != life || world->now_us != node->tick_at_us)
        return;
    node->tick_at_us = INT64_MAX;
    switch_tick(node->core, node_now(node));
    audit_link_tick(node);
    node_turn(node);
}

void node_turn(struct node *node) {
    if (!node->is_alive)
        return;
    journal_link_flush(node);
    redis_link_flush(node);
    record_link_flush(node);
    int64_t at_us = node->world->now_us + (switch_busy(node->core) > 0 ? TURN_US : 20 * TURN_US);
    if (node->tick_at_us <= at_us)
        return;
    node->tick_at_us = at_us;
    event_at(node->world, at_us, tick, node, node->life);
}

void node_start(struct node *node) {
    CHECK(!node->is_alive);
    trace(node->world, "node %u starts", node->index);
    node->is_alive = true;
    node->life++;
    node->tick_at_us = INT64_MAX;
    node->core = create_core(node);
    redis_link_start(node);
    record_link_start(node);
    journal_link_start(node);
    audit_link_start(node);
    node_turn(node);
}

void node_crash(struct node *node) {
    if (!node->is_alive)
        return;
    struct world *world = node->world;
    trace(world, "node %u dies", node->index);
    world->was_node_lost = true;
    node->is_alive = false;
    node->life++;
    switch_destroy(node->core);
    limits_destroy(node->limits);
    audit_destroy(node->audit);
    node->core = NULL;
    node->limits = NULL;
    node->audit = NULL;
    /* What was not safe may be there or not; what was drained may come again. */
    uint32_t kept = 0;
    for (uint32_t i = 0; i < node->journal_count; i++) {
        struct journaled *journaled = &node->journal[i];
        if (!journaled->is_safe && !chance_is(world, 50))
            break;
        journaled->is_safe = true;
        journaled->is_draining = false;
        journaled->is_drained = journaled->is_drained && chance_is(world, 50);
        kept = i + 1;
    }
    node->journal_count = kept;
    node->journal_drained = 0;
}
