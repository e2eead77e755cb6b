/* SPDX-License-Identifier: Apache-2.0 */
/* COLD in all its causes, what a rebuild replaces and what it remembers. Each test has a Redis of its own. */
#include "peer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

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

TestSuite(rebuilds, .init = start, .fini = end);

/* All kinds of question, alone and in a group, find the counters in the same state. */
static void expect_all_cold(int32_t floor_epoch) {
    static const enum question_kind kinds[] = {QUESTION_AUTHORIZE, QUESTION_RECALL, QUESTION_SPENT, QUESTION_UNDO};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct question question = of_kind(kinds[i], purchase(1, 130));
        question.floor_epoch = floor_epoch;
        cr_expect_eq(peer_ask(&peer, question).kind, VERDICT_COLD, "question %zu", i);
        uint32_t beside = peer_queue(&peer, question);
        cr_expect_eq(peer_ask(&peer, question).kind, VERDICT_COLD, "question %zu in a group", i);
        cr_expect_eq(peer.verdicts[beside].kind, VERDICT_COLD);
    }
}

static bool rebuild_with(int32_t epoch, int64_t spent_minor, const struct remembered *remembered, size_t count) {
    const struct sum of_all[] = {{LIMIT_CREDIT, 1, spent_minor},
                                 {LIMIT_TRAVELLER, 2, spent_minor},
                                 {LIMIT_DEPARTMENT, 3, spent_minor},
                                 {LIMIT_ORGANISATION, ORGANISATION, spent_minor}};
    const struct sums sums = {.organisation = ORGANISATION,
                              .month = MONTH,
                              .epoch = epoch,
                              .sum_count = 4,
                              .sums = of_all,
                              .remembered_count = count,
                              .remembered = remembered};
    return peer_rebuild(&peer, &sums);
}

static struct remembered memory_of(uint32_t id, enum memory_kind kind, int64_t amount_minor) {
    return (struct remembered){
        .id = id_of(id),
        .day = DAY,
        .memory = {.kind = kind,
                   .reason = kind == MEMORY_REFUSED ? REASON_TRAVELLER_LIMIT : REASON_UNSPECIFIED,
                   .refusing = kind == MEMORY_REFUSED ? 0xA : 0,
                   .content = content_of(amount_minor)},
    };
}

Test(rebuilds, counters_that_were_never_built_are_cold) {
    expect_all_cold(0);
    cr_expect_str_eq(test_redis_command(&redis, "DBSIZE"), "0");
}

Test(rebuilds, counters_that_were_flushed_are_cold) {
    peer_warm(&peer, 5);
    peer_ask(&peer, purchase(1, 130));
    test_redis_command(&redis, "FLUSHALL");
    expect_all_cold(0);
}

Test(rebuilds, counters_below_the_floor_are_cold_and_at_the_floor_they_are_not) {
    peer_warm(&peer, 5);
    expect_all_cold(6);
    struct question question = purchase(1, 130);
    question.floor_epoch = 5;
    cr_expect_eq(peer_ask(&peer, question).kind, VERDICT_COUNTED);
}

Test(rebuilds, the_highest_floor_of_a_group_holds_for_all_of_it) {
    peer_warm(&peer, 5);
    struct question question = purchase(1, 130);
    uint32_t low = peer_queue(&peer, question);
    question.id = id_of(2);
    question.floor_epoch = 6;
    cr_expect_eq(peer_ask(&peer, question).kind, VERDICT_COLD);
    cr_expect_eq(peer.verdicts[low].kind, VERDICT_COLD);
}

Test(rebuilds, an_old_snapshot_under_a_new_primary_is_cold) {
    peer_warm(&peer, 5);
    peer_ask(&peer, purchase(1, 130));
    cr_assert_str_eq(test_redis_command(&redis, "SAVE"), "OK");
    peer_ask(&peer, purchase(2, 130));
    test_redis_kill(&redis);
    test_redis_restart(&redis);
    peer_reconnect(&peer, &redis);
    cr_assert(peer.is_ready, "%s", peer.failure.text);
    cr_expect_str_eq(stored(&redis, "o"), "130");
    expect_all_cold(0);
    cr_expect(rebuild_with(6, 260, NULL, 0));
    cr_expect_eq(peer_ask(&peer, purchase(3, 130)).spent_minor[3], 390);
}

/* A primary that steps down and comes back keeps its run id, and loses what it had not passed on. */
Test(rebuilds, a_primary_that_was_a_replica_in_between_is_another) {
    peer_warm(&peer, 5);
    peer_ask(&peer, purchase(1, 130));
    test_redis_command(&redis, "REPLICAOF 127.0.0.1 1"); /* nobody there */
    test_redis_command(&redis, "REPLICAOF NO ONE");
    peer_reconnect(&peer, &redis);
    expect_all_cold(0);
}

Test(rebuilds, a_connection_learns_a_primarys_new_name_with_the_first_rebuild) {
    struct peer other;
    peer_warm(&peer, 5);
    test_redis_command(&redis, "REPLICAOF 127.0.0.1 1");
    test_redis_command(&redis, "REPLICAOF NO ONE");
    peer_open(&other, &redis, 32);
    peer_warm(&other, 6);
    cr_expect_eq(peer_ask(&other, purchase(1, 130)).kind, VERDICT_COUNTED);
    cr_expect_eq(peer_ask(&peer, purchase(2, 130)).kind, VERDICT_COLD);
    cr_expect(rebuild_with(7, 130, NULL, 0));
    cr_expect_eq(peer_ask(&peer, purchase(2, 130)).spent_minor[3], 260);
    cr_expect_eq(peer_ask(&other, purchase(3, 130)).spent_minor[3], 390);
    peer_close(&other);
}

Test(rebuilds, a_rebuild_replaces_a_lower_epoch_only) {
    cr_expect(rebuild_with(5, 1000, NULL, 0));
    cr_expect(rebuild_with(7, 3000, NULL, 0));
    cr_expect(rebuild_with(6, 2000, NULL, 0), "counters of a newer epoch stand");
    cr_expect(rebuild_with(7, 9000, NULL, 0));
    struct verdict verdict = peer_ask(&peer, of_kind(QUESTION_SPENT, purchase(1, 0)));
    cr_expect_eq(verdict.spent_minor[0], 3000);
    const char *head = stored(&redis, "h");
    cr_expect_str_eq(head + strlen(head) - 2, " 7");
    cr_expect_str_eq(test_redis_command(&redis, "KEYS *:E*"), "");
}

Test(rebuilds, fields_of_the_counters_that_were_replaced_are_gone) {
    peer_warm(&peer, 5);
    struct question question = purchase(1, 130);
    question.limits[0].id = 99;
    peer_ask(&peer, question);
    cr_expect(rebuild_with(6, 1000, NULL, 0));
    cr_expect_str_eq(stored(&redis, "c99"), "");
    cr_expect_str_eq(stored(&redis, "c1"), "1000");
}

Test(rebuilds, an_orphan_of_an_older_epoch_is_counted_anew) {
    peer_warm(&peer, 5);
    peer_ask(&peer, purchase(1, 130));
    peer_ask(&peer, purchase(2, 130));
    peer_warm(&peer, 6); /* neither has a row */
    struct verdict verdict = peer_ask(&peer, purchase(1, 130));
    cr_expect_eq(verdict.kind, VERDICT_COUNTED);
    cr_expect_eq(verdict.epoch, 6);
    cr_expect_eq(verdict.spent_minor[0], 130);
    peer_queue(&peer, of_kind(QUESTION_SPENT, purchase(2, 0)));
    verdict = peer_ask(&peer, purchase(2, 130));
    cr_expect_eq(verdict.kind, VERDICT_COUNTED);
    cr_expect_eq(verdict.spent_minor[0], 260);
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).kind, VERDICT_KNOWN);
}

Test(rebuilds, a_refusal_is_remembered_across_a_rebuild) {
    peer_warm(&peer, 5);
    peer_ask(&peer, purchase(1, CEILING + 1));
    peer_warm(&peer, 6);
    cr_expect_eq(peer_ask(&peer, purchase(1, CEILING + 1)).kind, VERDICT_KNOWN);
}

Test(rebuilds, what_a_rebuild_remembers_is_known) {
    const struct remembered remembered[] = {memory_of(1, MEMORY_COUNTED, 130), memory_of(2, MEMORY_REFUSED, 131),
                                            memory_of(3, MEMORY_REVERSED, 132)};
    cr_expect(rebuild_with(5, 130, remembered, 3));
    for (uint32_t id = 1; id <= 3; id++) {
        struct verdict verdict = peer_ask(&peer, purchase(id, 130));
        cr_expect_eq(verdict.kind, VERDICT_KNOWN);
        cr_expect_eq(verdict.memory.kind, remembered[id - 1].memory.kind);
        cr_expect_eq(verdict.memory.reason, remembered[id - 1].memory.reason);
        cr_expect_eq(verdict.memory.refusing, remembered[id - 1].memory.refusing);
        cr_expect_eq(memcmp(&verdict.memory.content, &remembered[id - 1].memory.content, CONTENT_SIZE), 0);
        cr_expect_eq(verdict.spent_minor[0], 130);
    }
    cr_expect(atoi(test_redis_command(&redis, "TTL {7}:20261121")) > 3 * 86400);
}

Test(rebuilds, what_is_remembered_takes_the_place_of_what_is_older_and_never_of_a_reversal) {
    const struct remembered before[] = {memory_of(1, MEMORY_COUNTED, 1), memory_of(2, MEMORY_REFUSED, 1),
                                        memory_of(3, MEMORY_REVERSED, 1), memory_of(4, MEMORY_COUNTED, 1)};
    const struct remembered after[] = {memory_of(1, MEMORY_REVERSED, 1), memory_of(2, MEMORY_COUNTED, 1),
                                       memory_of(3, MEMORY_COUNTED, 1), memory_of(4, MEMORY_COUNTED, 1)};
    static const enum memory_kind expected[] = {MEMORY_REVERSED, MEMORY_COUNTED, MEMORY_REVERSED, MEMORY_COUNTED};
    cr_expect(rebuild_with(5, 1, before, 4));
    cr_expect(rebuild_with(6, 1, after, 4));
    for (uint32_t id = 1; id <= 4; id++) {
        struct verdict verdict = peer_ask(&peer, purchase(id, 1));
        cr_expect_eq(verdict.kind, VERDICT_KNOWN);
        cr_expect_eq(verdict.memory.kind, expected[id - 1]);
    }
}

Test(rebuilds, a_stale_rebuild_does_not_make_an_id_forgotten_that_a_newer_one_remembers) {
    const struct remembered newer = memory_of(1, MEMORY_COUNTED, 130);
    const struct remembered older = memory_of(1, MEMORY_REFUSED, 130);
    cr_expect(rebuild_with(7, 130, &newer, 1));
    cr_expect(rebuild_with(6, 0, &older, 1));
    struct verdict verdict = peer_ask(&peer, purchase(1, 130));
    cr_expect_eq(verdict.kind, VERDICT_KNOWN);
    cr_expect_eq(verdict.memory.kind, MEMORY_COUNTED);
}

/* Between the memories of a rebuild and its counters another node still counts under the older ones. */
Test(rebuilds, an_id_that_a_rebuild_under_way_remembers_is_not_counted_again) {
    struct peer other;
    peer_warm(&peer, 5);
    peer_open(&other, &redis, 32);
    const struct remembered remembered = memory_of(1, MEMORY_COUNTED, 130);
    const struct sum sum = {LIMIT_ORGANISATION, ORGANISATION, 130};
    const struct sums sums = {.organisation = ORGANISATION,
                              .month = MONTH,
                              .epoch = 6,
                              .sum_count = 1,
                              .sums = &sum,
                              .remembered_count = 1,
                              .remembered = &remembered};
    cr_expect(peer_rebuild(&other, &sums));
    /* The counters of epoch 5 as they were, beside the memory of epoch 6. */
    test_redis_command(&redis, "HSET {7}:202611 e 5 o 130");
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).kind, VERDICT_KNOWN);
    peer_queue(&peer, of_kind(QUESTION_SPENT, purchase(1, 0)));
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).kind, VERDICT_KNOWN);
    cr_expect_str_eq(stored(&redis, "o"), "130");
    peer_close(&other);
}

#define MANY 5000

static struct sums many_sums(int32_t epoch, struct sum sums[MANY], struct remembered remembered[MANY]) {
    for (int32_t i = 0; i < MANY; i++) {
        sums[i] = (struct sum){i % 2 ? LIMIT_CREDIT : LIMIT_TRAVELLER, i + 1, 1000 + i};
        remembered[i] = memory_of((uint32_t)i, MEMORY_COUNTED, 1000 + i);
        remembered[i].day.yyyymmdd = 20261120 + i / (MANY / 2);
    }
    sums[0] = (struct sum){LIMIT_ORGANISATION, ORGANISATION, 4711};
    return (struct sums){.organisation = ORGANISATION,
                         .month = MONTH,
                         .epoch = epoch,
                         .sum_count = MANY,
                         .sums = sums,
                         .remembered_count = MANY,
                         .remembered = remembered};
}

Test(rebuilds, large_sums_are_staged_and_count_at_once) {
    static struct sum sum[MANY];
    static struct remembered remembered[MANY];
    peer_warm(&peer, 5);
    peer_ask(&peer, purchase(1000000, 130));
    const struct sums sums = many_sums(6, sum, remembered);
    cr_assert(limits_write_sums(peer.limits, &sums));
    /* While they are on their way, the counters of before hold. */
    struct peer other;
    peer_open(&other, &redis, 32);
    uint32_t writes = 0;
    while (peer.written_count < 2) {
        cr_assert_lt(writes++, 100u);
        cr_expect_eq(peer_ask(&other, of_kind(QUESTION_SPENT, purchase(1, 0))).epoch, 5);
        peer_turn(&peer);
    }
    cr_expect(peer.is_written);
    cr_expect_str_eq(test_redis_command(&redis, "HLEN {7}:202611"), "5002");
    cr_expect_str_eq(stored(&redis, "c5000"), "5999");
    cr_expect_str_eq(stored(&redis, "t4999"), "5998");
    cr_expect_str_eq(stored(&redis, "o"), "4711");
    cr_expect_str_eq(test_redis_command(&redis, "HLEN {7}:20261120"), "2500");
    cr_expect_str_eq(test_redis_command(&redis, "KEYS *:E*"), "");
    cr_expect(atoi(test_redis_command(&redis, "TTL {7}:202611")) > 99 * 86400);
    peer_close(&other);
}

Test(rebuilds, sums_that_redis_lost_on_the_way_replace_nothing) {
    static struct sum sum[MANY];
    static struct remembered remembered[MANY];
    const struct sums sums = many_sums(6, sum, remembered);
    uint32_t flushed_after = 0;
    bool is_written = false;
    for (; !is_written; flushed_after++) {
        cr_assert_lt(flushed_after, 20u);
        test_redis_command(&redis, "FLUSHALL");
        uint32_t before = peer.written_count;
        cr_assert(limits_write_sums(peer.limits, &sums));
        for (uint32_t writes = 0; peer.written_count == before; writes++) {
            if (writes == flushed_after)
                test_redis_command(&redis, "FLUSHALL");
            peer_turn(&peer);
        }
        is_written = peer.is_written;
        if (!is_written)
            cr_expect_eq(peer_ask(&peer, of_kind(QUESTION_SPENT, purchase(1, 0))).kind, VERDICT_COLD);
        else if (flushed_after == 0)
            is_written = false; /* lost before anything was sent */
        cr_expect_str_eq(test_redis_command(&redis, "KEYS *:E*"), "");
    }
    cr_expect_gt(flushed_after, 3u);
    cr_expect_str_eq(test_redis_command(&redis, "HLEN {7}:202611"), "5002");
}

Test(rebuilds, a_reversal_takes_off_what_was_counted_once) {
    peer_warm(&peer, 5);
    peer_ask(&peer, purchase(1, 130));
    peer_ask(&peer, purchase(2, 70));
    cr_expect_eq(peer_ask(&peer, reversal(1, 130, 5, false)).kind, VERDICT_DONE);
    cr_expect_str_eq(stored(&redis, "o"), "70");
    cr_expect_str_eq(stored(&redis, "c1"), "70");
    cr_expect_eq(peer_ask(&peer, reversal(1, 130, 5, false)).kind, VERDICT_DONE);
    cr_expect_eq(peer_ask(&peer, reversal(1, 130, 5, true)).kind, VERDICT_DONE);
    cr_expect_str_eq(stored(&redis, "o"), "70");
    struct verdict verdict = peer_ask(&peer, purchase(1, 130));
    cr_expect_eq(verdict.kind, VERDICT_KNOWN);
    cr_expect_eq(verdict.memory.kind, MEMORY_REVERSED);
}

Test(rebuilds, a_reversal_of_an_unknown_id_is_remembered_and_takes_nothing_off) {
    peer_warm(&peer, 5);
    peer_ask(&peer, purchase(2, 70));
    cr_expect_eq(peer_ask(&peer, reversal(1, 130, 5, false)).kind, VERDICT_DONE);
    cr_expect_str_eq(stored(&redis, "o"), "70");
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).memory.kind, MEMORY_REVERSED);
}

Test(rebuilds, a_reversal_of_a_refusal_takes_nothing_off) {
    peer_warm(&peer, 5);
    peer_ask(&peer, purchase(1, CEILING + 1));
    cr_expect_eq(peer_ask(&peer, reversal(1, CEILING + 1, 5, false)).kind, VERDICT_DONE);
    cr_expect_str_eq(stored(&redis, "o"), "");
    cr_expect_eq(peer_ask(&peer, purchase(1, CEILING + 1)).memory.kind, MEMORY_REVERSED);
}

Test(rebuilds, a_reversal_of_what_was_recorded_takes_it_off_whatever_is_remembered) {
    cr_expect(rebuild_with(5, 1000, NULL, 0)); /* the id's day has been forgotten */
    cr_expect_eq(peer_ask(&peer, reversal(1, 130, 5, true)).kind, VERDICT_DONE);
    cr_expect_str_eq(stored(&redis, "t2"), "870");
}

Test(rebuilds, a_reversal_of_an_older_epochs_count_takes_nothing_off) {
    peer_warm(&peer, 5);
    peer_ask(&peer, purchase(1, 130));
    cr_expect(rebuild_with(6, 1000, NULL, 0));
    cr_expect_eq(peer_ask(&peer, reversal(1, 130, 6, false)).kind, VERDICT_DONE);
    cr_expect_str_eq(stored(&redis, "o"), "1000");
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).memory.kind, MEMORY_REVERSED);
}

Test(rebuilds, a_reversal_from_before_the_counters_is_in_them_already) {
    cr_expect(rebuild_with(6, 1000, NULL, 0));
    peer_ask(&peer, purchase(1, 130));
    cr_expect_eq(peer_ask(&peer, reversal(1, 130, 5, true)).kind, VERDICT_DONE);
    cr_expect_str_eq(stored(&redis, "o"), "1130");
}

Test(rebuilds, counters_that_would_fall_below_nothing_are_cold_until_they_are_rebuilt) {
    cr_expect(rebuild_with(5, 100, NULL, 0));
    cr_expect_eq(peer_ask(&peer, reversal(1, 130, 5, true)).kind, VERDICT_COLD);
    cr_expect_str_eq(stored(&redis, "o"), "100");
    expect_all_cold(0);
    cr_expect(rebuild_with(6, 0, NULL, 0));
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).memory.kind, MEMORY_REVERSED);
    cr_expect_eq(peer_ask(&peer, purchase(2, 130)).kind, VERDICT_COUNTED);
}
