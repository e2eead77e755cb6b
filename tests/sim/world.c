/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/world.h"

#include "base/check.h"

#include "vaxel_lua.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2026-12-01 00:00 in Stockholm. */
#define MONTH_TURNS_US (INT64_C(1796079600) * SECOND)
/* How long after the last fault all must be well again: holds expire, an audit's grace passes. */
#define QUIET_US (50 * SECOND)

static void add_ceiling(struct world *world, int32_t organisation, const struct limit *limit) {
    for (size_t i = 0; i < world->ceiling_count; i++) {
        const struct ceiling *known = &world->ceilings[i];
        if (known->organisation == organisation && known->limit.kind == limit->kind && known->limit.id == limit->id)
            return;
    }
    CHECK(world->ceiling_count < sizeof world->ceilings / sizeof *world->ceilings);
    world->ceilings[world->ceiling_count++] = (struct ceiling){organisation, *limit};
}

/* Two organisations; the first with a department below another that has a budget. Travellers with two credits each. */
static void fill_account(struct world *world, int number, int64_t scale) {
    struct holder *holder = &world->holders[number];
    struct account *account = &holder->account;
    int32_t organisation = number < 6 ? 1 : 2;
    int32_t traveller = 1 + number / 2;
    holder->credential =
        (struct credential){.kind = CREDENTIAL_CARD, .card = UINT64_C(9000000000000000) + (uint64_t)number};
    *account = (struct account){
        .standing = REASON_APPROVED,
        .channel = CHANNEL_CARD,
        .organisation = organisation,
        .department = organisation == 2 ? 4 : 1 + number / 2 % 2,
        .traveller = traveller,
        .credit = 1 + number,
    };
    struct limit *limit = account->limits;
    *limit++ = (struct limit){LIMIT_CREDIT, account->credit, scale * 12000};
    *limit++ = (struct limit){LIMIT_TRAVELLER, traveller, scale * 20000};
    for (int32_t department = account->department; department != 0; department = world->parents[department])
        *limit++ = (struct limit){LIMIT_DEPARTMENT, department,
                                  department == 4 ? LIMIT_COUNTED_ONLY : scale * (department == 2 ? 24000 : 40000)};
    *limit++ = (struct limit){LIMIT_ORGANISATION, organisation, scale * (organisation == 1 ? 45000 : 30000)};
    account->limit_count = (uint8_t)(limit - account->limits);
    for (const struct limit *each = account->limits; each < limit; each++)
        if (each->ceiling_minor != LIMIT_COUNTED_ONLY)
            add_ceiling(world, organisation, each);
}

static void begin(struct world *world, const struct world_options *options) {
    world->options = *options;
    world->chance = options->seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    world->fingerprint = UINT64_C(1469598103934665603);
    CHECK(calendar_set_zone("Europe/Stockholm"));
    world->now_us = MONTH_TURNS_US - (options->seed % 3 == 0 ? options->length_us / 2 : 10 * 86400 * SECOND);
    world->now_ms = world->now_us / 1000;
    world->has_journals = options->seed % 2 == 0;
    world->has_crashes = options->seed % 4 >= 2;
    world->keeps_redis = world->has_journals || options->seed % 8 == 1;
    static const uint32_t percents[] = {0, 0, 1, 4};
    world->lost_replies_percent = percents[chance_below(world, 4)];
    world->lost_commits_percent = percents[chance_below(world, 4)];
    world->slow_commits_us = chance_is(world, 30) ? 80 * MS : 0;
    world->refuses_ids = !world->has_journals && world->has_crashes && options->seed % 8 == 7;
    world->parents[2] = 1;
    int64_t scale = 1 + (int64_t)chance_below(world, 4);
    for (int i = 0; i < CREDITS; i++)
        fill_account(world, i, scale);
    world->redises[0] = redis_create(1, vaxel_lua, &world->now_ms);
    world->redis_count = 1;
    world->postgres = postgres_create(world->parents, DEPARTMENTS);
    for (uint32_t i = 0; i < NODES; i++) {
        world->nodes[i].world = world;
        world->nodes[i].index = i;
        node_start(&world->nodes[i]);
    }
    clients_start(world);
    faults_start(world);
}

static bool is_settled(const struct world *world) {
    for (int i = 0; i < NODES; i++)
        if (switch_busy(world->nodes[i].core) > 0 || !journal_link_is_empty(&world->nodes[i]))
            return false;
    return true;
}

static void end(struct world *world) {
    world->is_quiet = true;
    for (int i = 0; i < NODES; i++) {
        node_crash(&world->nodes[i]);
        buffer_finish(&world->nodes[i].output);
    }
    /* What is still under way finds that nobody is there, and is forgotten. */
    events_run(world, world->now_us + 20 * MINUTE);
    for (int i = 0; i < world->redis_count; i++)
        redis_destroy(world->redises[i]);
    redis_destroy(world->snapshot);
    postgres_destroy(world->postgres);
    clients_finish(world);
    free(world->events);
    free(world);
}

void world_live(const struct world_options *options, struct verdict_of_checker *verdict, uint64_t *fingerprint,
                size_t *operations) {
    struct world *world = calloc(1, sizeof *world);
    CHECK(world != NULL);
    begin(world, options);
    events_run(world, world->now_us + options->length_us);
    faults_end(world);
    events_run(world, world->now_us + QUIET_US);
    if (is_settled(world)) {
        judge(world, verdict);
    } else {
        *verdict = (struct verdict_of_checker){.invariant = 8};
        snprintf(verdict->text, sizeof verdict->text,
                 "requests or journals are not done with long after the last fault");
    }
    trace(world, "verdict %d", verdict->invariant);
    *fingerprint = world->fingerprint;
    *operations = world->operation_count;
    end(world);
}
