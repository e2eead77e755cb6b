/* SPDX-License-Identifier: Apache-2.0 */
/* A month's counters read whole, as the audit does. Each test has a Redis of its own. */
#include "peer.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct test_redis redis;
static struct peer peer;

static void start(void) {
    test_redis_start(&redis);
    peer_open(&peer, &redis, 32);
    cr_assert(peer.is_ready, "%s", peer.failure.text);
}

static void end(void) {
    peer_close(&peer);
    test_redis_stop(&redis);
}

TestSuite(readings, .init = start, .fini = end);

Test(readings, without_counters_there_is_no_epoch) {
    cr_expect_eq(peer_read(&peer), 0);
    cr_expect_eq(peer.read_sum_count, 0u);
}

Test(readings, every_counter_is_read_and_nothing_else) {
    peer_warm(&peer, 5);
    struct question question = purchase(1, 130);
    question.tap_window_us = 1;
    peer_ask(&peer, question);
    cr_expect_eq(peer_read(&peer), 5);
    cr_assert_eq(peer.read_sum_count, 4u);
    static const struct sum expected[] = {
        {LIMIT_CREDIT, 1, 130}, {LIMIT_TRAVELLER, 2, 130}, {LIMIT_DEPARTMENT, 3, 130}, {LIMIT_ORGANISATION, 0, 130}};
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(peer.read_sums[i].kind, expected[i].kind);
        cr_expect_eq(peer.read_sums[i].id, expected[i].id);
        cr_expect_eq(peer.read_sums[i].spent_minor, expected[i].spent_minor);
    }
}

Test(readings, counters_of_another_primary_are_none) {
    struct peer other;
    peer_warm(&peer, 5);
    test_redis_command(&redis, "REPLICAOF 127.0.0.1 1");
    test_redis_command(&redis, "REPLICAOF NO ONE");
    peer_open(&other, &redis, 32);
    cr_expect_eq(peer_read(&other), 0);
    peer_close(&other);
}

Test(readings, one_month_is_read_at_a_time) {
    cr_expect(limits_read_month(peer.limits, ORGANISATION, MONTH));
    cr_expect(!limits_read_month(peer.limits, ORGANISATION, MONTH));
    peer_pump(&peer);
    cr_expect_eq(peer_read(&peer), 0);
}

Test(readings, what_is_no_number_is_a_failure) {
    peer_warm(&peer, 5);
    test_redis_command(&redis, "HSET {7}:202611 o 1x");
    cr_assert(limits_read_month(peer.limits, ORGANISATION, MONTH));
    peer_pump(&peer);
    cr_expect(peer.is_failed);
    cr_expect_eq(peer.read_count, 0u);
    limits_lost(peer.limits);
    cr_expect_eq(peer.read_epoch, -1);
    limits_connected(peer.limits);
}

#define MANY 20000

static void warm_many(struct peer *by, int32_t epoch, int64_t spent_minor) {
    static struct sum sums[MANY];
    for (int32_t i = 0; i < MANY; i++)
        sums[i] = (struct sum){i % 2 ? LIMIT_CREDIT : LIMIT_TRAVELLER, 1 + i, spent_minor};
    const struct sums all = {
        .organisation = ORGANISATION, .month = MONTH, .epoch = epoch, .sum_count = MANY, .sums = sums};
    cr_assert(peer_rebuild(by, &all));
}

/* No write asks for more than a slice, and purchases are counted in between. */
Test(readings, a_large_month_is_read_in_slices_while_purchases_go_on) {
    warm_many(&peer, 5, 1000);
    cr_assert(limits_read_month(peer.limits, ORGANISATION, MONTH));
    uint32_t writes = 0;
    for (; peer.read_count == 0; writes++) {
        cr_assert_lt(writes, 1000u);
        struct question question = purchase(writes, 1);
        question.limits[0].id = 100000 + (int32_t)writes; /* new fields make the hash grow */
        uint32_t owner = peer_queue(&peer, question);
        peer_turn(&peer);
        cr_expect_eq(peer.verdicts[owner].kind, VERDICT_COUNTED);
    }
    cr_expect_geq(writes, 20u);
    cr_expect_eq(peer.read_epoch, 5);
    size_t of_before = 0;
    for (size_t i = 0; i < peer.read_sum_count; i++)
        of_before += peer.read_sums[i].spent_minor == 1000;
    cr_expect_eq(of_before, (size_t)MANY);
}

Test(readings, counters_that_are_replaced_meanwhile_are_read_anew) {
    struct peer other;
    peer_open(&other, &redis, 32);
    warm_many(&peer, 5, 1000);
    cr_assert(limits_read_month(peer.limits, ORGANISATION, MONTH));
    for (int i = 0; i < 5; i++)
        peer_turn(&peer);
    warm_many(&other, 6, 2000);
    peer_pump(&peer);
    cr_expect_eq(peer.read_epoch, 6);
    cr_expect_eq(peer.read_sum_count, (size_t)MANY);
    for (size_t i = 0; i < peer.read_sum_count; i++)
        cr_expect_eq(peer.read_sums[i].spent_minor, 2000);
    peer_close(&other);
}
