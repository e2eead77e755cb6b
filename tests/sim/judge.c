/* SPDX-License-Identifier: Apache-2.0 */
/* judge: hands a world's history to the checker. */
#include "sim/world.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTED_MAX 512

struct gathering {
    struct counted counted[COUNTED_MAX];
    size_t count;
    int32_t organisation, month;
};

static enum limit_kind kind_of(uint8_t letter) {
    switch (letter) {
    case 'c':
        return LIMIT_CREDIT;
    case 't':
        return LIMIT_TRAVELLER;
    case 'd':
        return LIMIT_DEPARTMENT;
    case 'o':
        return LIMIT_ORGANISATION;
    default:
        return 0;
    }
}

static void take_field(void *owner, struct bytes field, struct bytes value) {
    struct gathering *gathering = owner;
    enum limit_kind kind = kind_of(field.data[0]);
    if (kind == 0 || (kind == LIMIT_ORGANISATION && field.size != 1))
        return;
    char id[16], number[32];
    snprintf(id, sizeof id, "%.*s", (int)field.size - 1, (const char *)field.data + 1);
    snprintf(number, sizeof number, "%.*s", (int)value.size, (const char *)value.data);
    CHECK(gathering->count < COUNTED_MAX);
    gathering->counted[gathering->count++] = (struct counted){
        .organisation = gathering->organisation,
        .month = gathering->month,
        .kind = kind,
        .id = (int32_t)strtol(id, NULL, 10),
        .spent_minor = strtoll(number, NULL, 10),
    };
}

struct head {
    long long identity;
    long long epoch;
};

/* Of a month's counters: a day, who built them, and under which epoch. */
static void take_head(void *owner, struct bytes field, struct bytes value) {
    struct head *head = owner;
    char text[80];
    if (field.size != 1 || field.data[0] != 'h' || value.size >= sizeof text)
        return;
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    if (sscanf(text, "%*8c%lld %lld", &head->identity, &head->epoch) != 2)
        *head = (struct head){0};
}

/* Counters that stand: built by this primary, under the epoch of the fence. */
static void gather(const struct world *world, struct gathering *gathering) {
    const struct redis *redis = world->redises[world->primary];
    struct month month = {0};
    for (int32_t organisation = 0; postgres_find_month(world->postgres, &organisation, &month);) {
        struct sums sums;
        postgres_read_month(world->postgres, organisation, month, &sums);
        char key[32];
        snprintf(key, sizeof key, "{%d}:%d", organisation, month.yyyymm);
        struct head head = {0};
        redis_each_field(redis, key, &head, take_head);
        bool stands = head.epoch == sums.epoch && head.epoch > 0 && head.identity == world->primary + 1;
        gathering->organisation = organisation;
        gathering->month = month.yyyymm;
        if (stands)
            redis_each_field(redis, key, gathering, take_field);
    }
}

/* Only a node that ends between the record and the counters may leave something for an audit to find. */
static void check_audits(const struct world *world, struct verdict_of_checker *verdict) {
    for (int i = 0; i < NODES && !world->has_crashes; i++) {
        struct audit_facts facts;
        audit_facts(world->nodes[i].audit, &facts);
        if (facts.rebuilds == 0)
            continue;
        verdict->is_good = false;
        verdict->invariant = 5;
        snprintf(verdict->text, sizeof verdict->text, "an audit found counters too low by %lld and too high by %lld",
                 (long long)facts.restored_minor, (long long)facts.freed_minor);
    }
}

void judge(struct world *world, struct verdict_of_checker *verdict) {
    static struct gathering gathering;
    gathering.count = 0;
    gather(world, &gathering);
    struct department_of departments[DEPARTMENTS];
    for (int32_t i = 1; i < DEPARTMENTS; i++)
        departments[i - 1] = (struct department_of){i, world->parents[i]};
    struct history history = {
        .operation_count = world->operation_count,
        .operations = world->operations,
        .ceiling_count = world->ceiling_count,
        .ceilings = world->ceilings,
        .counted_count = gathering.count,
        .counted = gathering.counted,
        .department_count = DEPARTMENTS - 1,
        .departments = departments,
        .lateness_us = 60 * MS,
        .ended_us = world->now_us,
        .expiry_lateness_us = 10 * SECOND,
        .nodes_were_lost = world->was_node_lost,
        .redis_was_lost = world->was_redis_lost,
    };
    history.recorded_count = postgres_rows(world->postgres, &history.recorded);
    checker_check(&history, verdict);
    if (verdict->is_good)
        check_audits(world, verdict);
}
