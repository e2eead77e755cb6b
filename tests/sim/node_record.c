/* SPDX-License-Identifier: Apache-2.0 */
/* A node's connection to PostgreSQL, with the promises of src/record: an ask is answered or still waits; a batch whose
 * answer was lost is sent again as it was; a row that did not go in is looked at by a second transaction. */
#include "sim/plants.h"
#include "sim/world.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 16
#define EXPIRY_PAUSE_US (200 * MS)

/* On its way to the server and back. */
struct batch {
    struct node *node;
    uint64_t life, link;
    bool is_told; /* by a planted fault, before it is done */
    uint32_t count;
    struct item items[BATCH_MAX];
};

static bool is_stale(const struct batch *batch) {
    return !batch->node->is_alive || batch->node->life != batch->life || batch->node->record_link != batch->link;
}

/* ---- asking ---- */

static struct item *new_item(struct node *node, enum item_kind kind, uint32_t owner) {
    CHECK(node->item_count < ITEMS);
    struct item *item = &node->items[node->item_count++];
    *item = (struct item){.kind = kind, .owner = owner};
    return item;
}

bool record_link_append(void *shell, const struct entry *entry, uint32_t owner) {
    new_item(shell, ITEM_APPEND, owner)->entry = *entry;
    return true;
}

bool record_link_check(void *shell, const struct check *check, uint32_t owner) {
    new_item(shell, ITEM_CHECK, owner)->check = *check;
    return true;
}

bool record_link_undo(void *shell, const struct undo *undo, uint32_t owner) {
    new_item(shell, ITEM_UNDO, owner)->undo = *undo;
    return true;
}

bool record_link_settle(void *shell, const struct settlement *settlement, uint32_t owner) {
    new_item(shell, ITEM_SETTLE, owner)->settlement = *settlement;
    return true;
}

/* ---- a batch ---- */

static void tell(struct batch *batch) {
    struct node *node = batch->node;
    struct item told[BATCH_MAX];
    CHECK(node->taken == batch->count);
    memcpy(told, batch->items, batch->count * sizeof *told);
    memmove(node->items, node->items + batch->count, (node->item_count - batch->count) * sizeof *node->items);
    node->item_count -= batch->count;
    node->taken = 0;
    node->is_under_way = false;
    for (uint32_t i = 0; i < batch->count; i++) {
        told[i].outcome.owner = told[i].owner;
        switch_outcome(node->core, node_now(node), &told[i].outcome);
    }
}

static void answer(struct world *world, void *owner, uint64_t word) {
    struct batch *batch = owner;
    (void)world;
    (void)word;
    if (!is_stale(batch) && !batch->is_told) {
        tell(batch);
        node_turn(batch->node);
    }
    free(batch);
}

static const struct request_id *id_of(const struct item *item) {
    return item->kind == ITEM_APPEND  ? &item->entry.id
           : item->kind == ITEM_CHECK ? &item->check.id
           : item->kind == ITEM_UNDO  ? &item->undo.id
                                      : &item->settlement.original;
}

static void trace_item(struct world *world, const struct batch *batch, const struct item *item) {
    static const char *const kinds[] = {"append", "check", "undo", "settle"};
    char text[REQUEST_ID_TEXT_SIZE];
    request_id_format(id_of(item), text);
    trace(world, "postgres: node %u %s %s amount %lld epoch %d%s: outcome %d epoch %d", batch->node->index,
          kinds[item->kind], text, item->kind == ITEM_APPEND ? (long long)item->entry.amount_minor : 0LL,
          item->kind == ITEM_APPEND ? item->entry.epoch : 0, item->is_short ? " short" : "", (int)item->outcome.kind,
          item->outcome.epoch);
}

static void follow(struct world *world, void *owner, uint64_t word) {
    struct batch *batch = owner;
    (void)word;
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->items[i].is_short) {
            postgres_follow(world->postgres, &batch->items[i].entry, &batch->items[i].outcome);
            trace_item(world, batch, &batch->items[i]);
        }
    event_in(world, chance_delay(world, 100, 5 * MS), answer, batch, 0);
}

/* As with a damaged page of an index: neither a row of one of those ids can be written, nor its undo. */
static bool is_refused(const struct world *world, const struct item *item) {
    return world->refuses_ids && item->kind != ITEM_CHECK && id_of(item)->bytes[9] % 64 == 0;
}

static void execute_item(struct world *world, struct item *item) {
    struct postgres *postgres = world->postgres;
    if (is_refused(world, item)) {
        item->outcome.kind = OUTCOME_REFUSED;
        return;
    }
    switch (item->kind) {
    case ITEM_APPEND:
        item->is_short = !postgres_append(postgres, &item->entry, &item->outcome);
        break;
    case ITEM_CHECK:
        if (plants_has("decline_unchecked"))
            item->outcome.kind = OUTCOME_ABSENT;
        else
            postgres_check(postgres, &item->check, &item->outcome);
        break;
    case ITEM_UNDO:
        postgres_undo(postgres, &item->undo, world->now_us, &item->outcome);
        break;
    case ITEM_SETTLE:
        postgres_settle(postgres, &item->settlement, world->now_us, &item->outcome);
        break;
    }
}

static void execute(struct world *world, void *owner, uint64_t word) {
    struct batch *batch = owner;
    (void)word;
    if (world->now_us < world->postgres_frozen_until_us) {
        event_at(world, world->postgres_frozen_until_us, execute, batch, 0);
        return;
    }
    /* What a broken connection had carried may have come to be committed all the same. */
    if (is_stale(batch) && (batch->is_told || chance_is(world, 50))) {
        free(batch);
        return;
    }
    bool is_short = false;
    /* A settlement that comes again over a new connection may be declined, and then be done after all by what the old
     * one had carried (docs/guarantees.md); not here. */
    enum item_kind last = batch->link <= batch->node->resent_link ? ITEM_UNDO : ITEM_SETTLE;
    for (enum item_kind kind = ITEM_APPEND; kind <= last; kind++)
        for (uint32_t i = 0; i < batch->count; i++)
            if (batch->items[i].kind == kind) {
                execute_item(world, &batch->items[i]);
                trace_item(world, batch, &batch->items[i]);
                is_short |= batch->items[i].is_short;
            }
    if (!is_stale(batch) && !world->is_quiet && chance_is(world, world->lost_commits_percent))
        node_postgres_lost(batch->node);
    event_in(world, chance_delay(world, 100, 5 * MS), is_short ? follow : answer, batch, 0);
}

static void tell_early(struct world *world, void *owner, uint64_t word) {
    struct batch *batch = owner;
    (void)word;
    if (!is_stale(batch)) {
        for (uint32_t i = 0; i < batch->count; i++)
            batch->items[i].outcome = (struct outcome){.kind = OUTCOME_RECORDED};
        tell(batch);
        node_turn(batch->node);
    }
    batch->is_told = true;
    event_in(world, chance_delay(world, MS, 50 * MS), execute, batch, 0);
}

static bool are_all_appends(const struct batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->items[i].kind != ITEM_APPEND || batch->items[i].entry.kind == ENTRY_ADVICE ||
            batch->items[i].entry.flags != 0)
            return false;
    return true;
}

static void send_batch(struct node *node) {
    struct batch *batch = calloc(1, sizeof *batch);
    CHECK(batch != NULL);
    batch->node = node;
    batch->life = node->life;
    batch->link = node->record_link;
    batch->count = node->item_count < BATCH_MAX ? node->item_count : BATCH_MAX;
    memcpy(batch->items, node->items, batch->count * sizeof *batch->items);
    for (uint32_t i = 0; i < batch->count; i++)
        batch->items[i].outcome = (struct outcome){.owner = batch->items[i].owner};
    node->taken = batch->count;
    node->is_under_way = true;
    int64_t slow_us = node->world->is_quiet ? 0 : node->world->slow_commits_us;
    bool is_early = plants_has("answer_before_commit") && are_all_appends(batch);
    event_in(node->world, chance_delay(node->world, 200, 10 * MS + slow_us), is_early ? tell_early : execute, batch, 0);
}

/* ---- sums ---- */

struct reading {
    struct node *node;
    uint64_t life, link;
};

static bool is_reading_over(const struct reading *reading) {
    return !reading->node->is_alive || reading->node->life != reading->life ||
           reading->node->record_link != reading->link;
}

static void read_sums(struct world *world, void *owner, uint64_t word) {
    struct reading *reading = owner;
    struct node *node = reading->node;
    (void)word;
    if (!is_reading_over(reading)) {
        struct rebuild_asked asked = node->rebuilds[0];
        node->is_rebuilding = false;
        node->rebuild_count--;
        memmove(node->rebuilds, node->rebuilds + 1, node->rebuild_count * sizeof *node->rebuilds);
        struct sums sums;
        struct instant since = {node_now(node).instant.us - 20 * MINUTE};
        postgres_read_sums(world->postgres, asked.organisation, asked.month, asked.epoch, since, &sums);
        switch_sums_read(node->core, node_now(node), asked.organisation, asked.month, &sums);
        node_turn(node);
    }
    free(reading);
}

static void raise_epoch(struct world *world, void *owner, uint64_t word) {
    struct reading *reading = owner;
    (void)word;
    if (is_reading_over(reading)) {
        free(reading);
        return;
    }
    struct rebuild_asked *asked = &reading->node->rebuilds[0];
    asked->epoch = postgres_raise(world->postgres, asked->organisation, asked->month);
    trace(world, "epoch %d of %d %d", asked->epoch, asked->organisation, asked->month.yyyymm);
    event_in(world, chance_delay(world, 200, 20 * MS), read_sums, reading, 0);
}

bool record_link_read_sums(void *shell, int32_t organisation, struct month month, bool from_rows) {
    struct node *node = shell;
    (void)from_rows; /* these records keep no sums */
    CHECK(node->rebuild_count < SLOTS);
    node->rebuilds[node->rebuild_count++] = (struct rebuild_asked){organisation, month, 0};
    return true;
}

static void start_rebuild(struct node *node) {
    struct reading *reading = calloc(1, sizeof *reading);
    CHECK(reading != NULL);
    *reading = (struct reading){node, node->life, node->record_link};
    node->is_rebuilding = true;
    event_in(node->world, chance_delay(node->world, 200, 20 * MS), raise_epoch, reading, 0);
}

/* ---- notes, expiry ---- */

struct told {
    struct node *node;
    uint64_t life;
    struct refusal_note note;
    struct effect effect;
};

static void note(struct world *world, void *owner, uint64_t word) {
    struct told *told = owner;
    (void)word;
    if (told->node->is_alive && told->node->life == told->life && told->node->is_record_up)
        postgres_note_refusal(world->postgres, &told->note);
    free(told);
}

void record_link_note(void *shell, const struct refusal_note *refusal) {
    struct node *node = shell;
    struct told *told = calloc(1, sizeof *told);
    CHECK(told != NULL);
    *told = (struct told){.node = node, .life = node->life, .note = *refusal};
    event_in(node->world, chance_delay(node->world, MS, 50 * MS), note, told, 0);
}

static void followed(struct world *world, void *owner, uint64_t word) {
    struct told *told = owner;
    (void)world;
    (void)word;
    if (told->node->is_alive && told->node->life == told->life) {
        switch_effect(told->node->core, node_now(told->node), &told->effect);
        node_turn(told->node);
    }
    free(told);
}

static void expire(struct world *world, void *owner, uint64_t life) {
    struct node *node = owner;
    if (!node->is_alive || node->life != life)
        return;
    struct effect effect;
    bool can_ask = node->is_record_up && world->now_us >= world->postgres_frozen_until_us;
    while (can_ask && postgres_expire(world->postgres, world->now_us, &effect)) {
        struct told *told = calloc(1, sizeof *told);
        CHECK(told != NULL);
        *told = (struct told){.node = node, .life = life, .effect = effect};
        event_in(world, chance_delay(world, 100, 5 * MS), followed, told, 0);
    }
    event_in(world, EXPIRY_PAUSE_US, expire, node, life);
}

/* ---- the connection ---- */

static void connect(struct world *world, void *owner, uint64_t life) {
    struct node *node = owner;
    if (!node->is_alive || node->life != life || node->is_record_up)
        return;
    if (world->is_postgres_away) {
        event_in(world, 50 * MS, connect, node, life);
        return;
    }
    node->is_record_up = true;
    switch_record_up(node->core, node_now(node), true);
    node_turn(node);
}

void record_link_start(struct node *node) {
    node->is_record_up = false;
    node->record_link++;
    node->item_count = node->taken = node->rebuild_count = 0;
    node->is_under_way = node->is_rebuilding = false;
    event_in(node->world, chance_delay(node->world, MS, 50 * MS), connect, node, node->life);
    event_in(node->world, EXPIRY_PAUSE_US, expire, node, node->life);
}

void node_postgres_lost(struct node *node) {
    if (!node->is_alive || !node->is_record_up)
        return;
    trace(node->world, "node %u loses postgres", node->index);
    node->is_record_up = false;
    node->resent_link = node->record_link++;
    node->taken = 0;
    node->is_under_way = node->is_rebuilding = false;
    switch_record_up(node->core, node_now(node), false);
    event_in(node->world, chance_delay(node->world, 20 * MS, 300 * MS), connect, node, node->life);
    node_turn(node);
}

void record_link_flush(struct node *node) {
    if (!node->is_record_up)
        return;
    if (!node->is_under_way && node->item_count > 0)
        send_batch(node);
    if (!node->is_rebuilding && node->rebuild_count > 0)
        start_rebuild(node);
}
