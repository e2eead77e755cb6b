/* SPDX-License-Identifier: Apache-2.0 */
/* A Redis Cluster and sentinels, real ones, seen through a router. What is called its key is the text of an
 * organisation's number, which is the tag of all its keys. */
#include "fleet.h"
#include "support/redis_cluster.h"
#include "support/redis_sentinel.h"

#include "limits/slots.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fleet fleet;

TestSuite(routing, .timeout = 180);

static struct question purchase_of(int32_t organisation, uint32_t id) {
    struct question question = purchase(id, 130);
    question.organisation = organisation;
    return question;
}

/* What a node has of an organisation's counters. */
static const char *stored_at(const struct test_redis *redis, int32_t organisation) {
    const char *spent = test_redis_command(redis, "HGET {%d}:%d o", organisation, MONTH.yyyymm);
    return spent;
}

static const char *key_of(int32_t organisation) {
    static char text[16];
    snprintf(text, sizeof text, "%d", organisation);
    return text;
}

Test(routing, one_redis_by_its_socket_is_all_organisations) {
    struct test_redis redis;
    test_redis_start(&redis);
    fleet_open(&fleet, redis.address);
    fleet_wait_ready(&fleet, 1);
    for (int32_t organisation = 1; organisation <= 20; organisation++) {
        int32_t epoch = 0;
        cr_expect_eq(fleet_ask(&fleet, purchase_of(organisation, 1), &epoch).kind, VERDICT_COUNTED);
        cr_expect_str_eq(stored_at(&redis, organisation), "130");
    }
    cr_expect_eq(router_line_count(fleet.router), 2u);
    cr_expect_str_eq(router_line_address(fleet.router, 0), "");
    test_redis_restart(&redis);
    int32_t epoch = 1;
    cr_expect_eq(fleet_ask(&fleet, purchase_of(1, 2), &epoch).kind, VERDICT_COUNTED);
    cr_expect_eq(epoch, 2);
    fleet_close(&fleet);
    test_redis_stop(&redis);
}

Test(routing, a_user_and_password_are_shown_and_told_to_nobody) {
    struct test_redis redis;
    test_redis_start(&redis);
    test_redis_command(&redis, "ACL SETUSER counter on >s3:cr@t ~* +@all");
    test_redis_command(&redis, "ACL SETUSER default off");
    char address[512];
    snprintf(address, sizeof address, "redis://counter:s3%%3Acr%%40t@%s", redis.address);
    fleet_open(&fleet, address);
    fleet_wait_ready(&fleet, 1);
    cr_expect_str_eq(router_line_address(fleet.router, 1), redis.address);
    struct failure failure;
    struct limits_reader *reader = limits_reader_open(address, &failure);
    struct counters counters;
    cr_assert(reader != NULL, "%s", failure.text);
    cr_expect(limits_reader_read(reader, 1, MONTH, &counters, &failure), "%s", failure.text);
    counters_finish(&counters);
    limits_reader_close(reader);
    fleet_close(&fleet);
    snprintf(address, sizeof address, "redis://counter:another@%s", redis.address);
    fleet_open(&fleet, address);
    while (fleet.failure.text[0] == '\0')
        fleet_turn(&fleet);
    cr_expect(strstr(fleet.failure.text, "WRONGPASS") != NULL && strstr(fleet.failure.text, "another") == NULL);
    cr_expect(limits_reader_open(address, &failure) == NULL);
    cr_expect(strstr(failure.text, "WRONGPASS") != NULL && strstr(failure.text, "another") == NULL);
    fleet_close(&fleet);
    test_redis_stop(&redis);
}

/* ---- a cluster ---- */

static struct test_redis_cluster cluster;

static void expect_counted(int32_t organisation, uint32_t id, int32_t *epoch) {
    struct verdict verdict = fleet_ask(&fleet, purchase_of(organisation, id), epoch);
    cr_expect_eq(verdict.kind, VERDICT_COUNTED, "organisation %d", organisation);
    cr_expect_eq(verdict.epoch, *epoch);
}

Test(routing, a_cluster_counts_each_organisation_where_its_slot_is) {
    bool is_used[TEST_CLUSTER_NODES] = {false};
    test_redis_cluster_start(&cluster);
    fleet_open(&fleet, cluster.address);
    fleet_wait_ready(&fleet, TEST_CLUSTER_PRIMARIES);
    for (int32_t organisation = 1; organisation <= 40; organisation++) {
        int32_t epoch = 0;
        int owner = test_redis_cluster_owner(&cluster, 0, key_of(organisation));
        cr_expect_eq(slot_of_organisation(organisation), test_redis_cluster_slot(&cluster, key_of(organisation)));
        expect_counted(organisation, 1, &epoch);
        cr_expect_eq(epoch, 1);
        cr_assert(owner >= 0 && owner < TEST_CLUSTER_PRIMARIES);
        cr_expect_str_eq(stored_at(&cluster.nodes[owner].redis, organisation), "130");
        is_used[owner] = true;
    }
    cr_expect(is_used[0] && is_used[1] && is_used[2]);
    cr_expect_eq(fleet.ready_count, 3u, "a replica is no primary");
    struct failure failure;
    struct limits_reader *reader = limits_reader_open(cluster.address, &failure);
    cr_assert(reader != NULL, "%s", failure.text);
    for (int32_t organisation = 1; organisation <= 40; organisation++) {
        struct counters counters;
        cr_assert(limits_reader_read(reader, organisation, MONTH, &counters, &failure), "%s", failure.text);
        cr_expect(counters.is_warm && counters.sum_count == 4);
        counters_finish(&counters);
    }
    limits_reader_close(reader);
    fleet_close(&fleet);
    test_redis_cluster_stop(&cluster);
}

Test(routing, one_node_alone_even_a_replica_is_enough_to_find_a_cluster) {
    char address[64];
    test_redis_cluster_start(&cluster);
    for (int node = 2; node <= 3; node++) {
        int32_t epoch = 10 * node;
        snprintf(address, sizeof address, "127.0.0.1:%d", cluster.nodes[node].port);
        fleet_open(&fleet, address);
        fleet_wait_ready(&fleet, TEST_CLUSTER_PRIMARIES);
        for (int32_t organisation = 1; organisation <= 10; organisation++)
            expect_counted(organisation, (uint32_t)node,
                           &(int32_t){fleet_warm(&fleet, organisation, epoch) ? epoch : 0});
        fleet_close(&fleet);
    }
    test_redis_cluster_stop(&cluster);
}

/* The slot's keys are on the new primary, the slot is not: the old one says ASK. Built by another they are COLD there;
 * what builds them anew must go there too. */
static void build_in_between(int32_t epoch) {
    struct sum sums[1200];
    for (int32_t i = 0; i < 1200; i++)
        sums[i] = (struct sum){LIMIT_CREDIT, 1000 + i, 7};
    sums[0] = (struct sum){LIMIT_ORGANISATION, 1, 130};
    const struct remembered remembered = {
        .id = id_of(1), .day = DAY, .memory = {.kind = MEMORY_COUNTED, .content = content_of(130)}};
    const struct sums all = {.organisation = 1,
                             .month = MONTH,
                             .epoch = epoch,
                             .sum_count = 1200,
                             .sums = sums,
                             .remembered_count = 1,
                             .remembered = &remembered};
    uint32_t before = fleet.written_count;
    cr_assert(router_write_sums(fleet.router, &all));
    while (fleet.written_count == before)
        fleet_turn(&fleet);
    cr_expect(fleet.is_written);
}

static void ask_in_between(void *argument) {
    int32_t *epoch = argument;
    build_in_between(++*epoch);
    cr_expect_eq(fleet_ask(&fleet, purchase_of(1, 1), epoch).kind, VERDICT_KNOWN);
    expect_counted(1, 6, epoch);
    /* And anew with nothing to remember, which takes one call alone. */
    int32_t before = *epoch;
    struct question question = purchase_of(1, 2);
    question.floor_epoch = before + 1;
    cr_expect_eq(fleet_ask(&fleet, question, epoch).kind, VERDICT_COUNTED);
    cr_expect_eq(*epoch, before + 1);
    expect_counted(1, 3, epoch);
    cr_expect_eq(*epoch, before + 1);
    cr_expect_eq(fleet_ask(&fleet, purchase_of(1, 3), epoch).kind, VERDICT_KNOWN);
}

Test(routing, a_slot_that_moves_is_followed_while_it_moves_and_when_it_has) {
    test_redis_cluster_start(&cluster);
    fleet_open(&fleet, cluster.address);
    fleet_wait_ready(&fleet, TEST_CLUSTER_PRIMARIES);
    int32_t epoch = 0;
    int32_t epoch_of_other = 0;
    int from = test_redis_cluster_owner(&cluster, 0, key_of(1));
    int to = (from + 1) % TEST_CLUSTER_PRIMARIES;
    expect_counted(1, 1, &epoch);
    expect_counted(2, 1, &epoch_of_other);
    test_redis_cluster_move_slot(&cluster, slot_of_organisation(1), from, to, ask_in_between, &epoch);
    cr_expect_eq(epoch, 3);
    cr_expect_str_eq(stored_at(&cluster.nodes[to].redis, 1), "260");
    expect_counted(1, 4, &epoch);
    cr_expect_eq(epoch, 3);
    cr_expect_str_eq(stored_at(&cluster.nodes[to].redis, 1), "390");
    /* The map has been learnt: nobody is sent on any more. */
    cr_expect_eq(fleet_ask_once(&fleet, purchase_of(1, 5)).kind, VERDICT_COUNTED);
    expect_counted(2, 2, &epoch_of_other);
    cr_expect_eq(epoch_of_other, 1);
    fleet_close(&fleet);
    test_redis_cluster_stop(&cluster);
}

Test(routing, what_waits_for_a_slot_without_an_owner_goes_on_when_it_has_one) {
    test_redis_cluster_start(&cluster);
    fleet_open(&fleet, cluster.address);
    fleet_wait_ready(&fleet, TEST_CLUSTER_PRIMARIES);
    int32_t epoch = 0;
    int owner = test_redis_cluster_owner(&cluster, 0, key_of(1));
    expect_counted(1, 1, &epoch);
    for (int i = 0; i < TEST_CLUSTER_NODES; i++)
        test_redis_command(&cluster.nodes[i].redis, "CLUSTER DELSLOTS %d", slot_of_organisation(1));
    struct verdict verdict = fleet_ask_once(&fleet, purchase_of(1, 2));
    cr_expect_eq(verdict.kind, VERDICT_LOST);
    test_redis_command(&cluster.nodes[owner].redis, "CLUSTER ADDSLOTS %d", slot_of_organisation(1));
    expect_counted(1, 2, &epoch);
    fleet_close(&fleet);
    test_redis_cluster_stop(&cluster);
}

/* Organisations of two primaries; the first's is lost. */
static int32_t organisation_of(int owner) {
    for (int32_t organisation = 1; organisation < 1000; organisation++)
        if (test_redis_cluster_owner(&cluster, 0, key_of(organisation)) == owner)
            return organisation;
    cr_assert_fail("no organisation of node %d", owner);
    return 0;
}

Test(routing, after_a_failover_only_the_lost_primarys_organisations_are_cold) {
    test_redis_cluster_start(&cluster);
    fleet_open(&fleet, cluster.address);
    fleet_wait_ready(&fleet, TEST_CLUSTER_PRIMARIES);
    int32_t lost = organisation_of(0);
    int32_t other = organisation_of(1);
    int32_t epoch_of_lost = 0;
    int32_t epoch_of_other = 0;
    expect_counted(lost, 1, &epoch_of_lost);
    expect_counted(other, 1, &epoch_of_other);
    test_redis_cluster_expect_loss(&cluster);
    test_redis_kill(&cluster.nodes[0].redis);
    /* While nobody has the lost slots, the others go on. */
    expect_counted(other, 2, &epoch_of_other);
    cr_expect(router_has_other(fleet.router, 0));
    expect_counted(lost, 2, &epoch_of_lost);
    cr_expect_eq(epoch_of_lost, 2);
    expect_counted(other, 3, &epoch_of_other);
    cr_expect_eq(epoch_of_other, 1);
    int now = test_redis_cluster_wait_failover(&cluster, 1, 0, key_of(lost));
    cr_expect_eq(now, 3);
    cr_expect_str_eq(stored_at(&cluster.nodes[3].redis, lost), "130");
    /* And back again: the old one returns as a replica, and nobody asks it. */
    test_redis_cluster_restart(&cluster, 0);
    test_redis_cluster_wait_whole(&cluster);
    expect_counted(lost, 3, &epoch_of_lost);
    cr_expect_eq(epoch_of_lost, 2);
    fleet_close(&fleet);
    test_redis_cluster_stop(&cluster);
}

/* The divided Redis of DESIGN 5: one node talks to the new primary, another still to the old one, which was frozen and
 * does not know yet. What the old one counts is of its own epoch, below the fence's: nothing of it is recorded. */
Test(routing, a_primary_that_was_frozen_and_replaced_counts_under_its_own_epoch_until_it_knows) {
    test_redis_cluster_start(&cluster);
    fleet_open(&fleet, cluster.address);
    fleet_wait_ready(&fleet, TEST_CLUSTER_PRIMARIES);
    int32_t organisation = organisation_of(0);
    int32_t epoch = 0;
    expect_counted(organisation, 1, &epoch);
    struct fleet old;
    fleet_open(&old, cluster.address);
    fleet_wait_ready(&old, TEST_CLUSTER_PRIMARIES);
    test_redis_cluster_expect_loss(&cluster);
    kill(cluster.nodes[0].redis.pid, SIGSTOP);
    /* What the other node asks now lies in the frozen primary's socket. */
    struct question question = purchase_of(organisation, 2);
    cr_assert(router_ask(old.router, &question));
    fleet_turn(&old);
    test_redis_cluster_wait_failover(&cluster, 1, 0, key_of(organisation));
    expect_counted(organisation, 3, &epoch);
    cr_expect_eq(epoch, 2);
    kill(cluster.nodes[0].redis.pid, SIGCONT);
    while (!old.is_told[0])
        fleet_turn(&old);
    bool is_counted = old.verdicts[0].kind == VERDICT_COUNTED;
    cr_expect(is_counted ? old.verdicts[0].epoch == 1 : old.verdicts[0].kind == VERDICT_LOST, "verdict %d, epoch %d",
              old.verdicts[0].kind, old.verdicts[0].epoch);
    /* The fence is at 2: asked again with that as its floor, it is counted where all are. */
    question.floor_epoch = 2;
    int32_t known = 2;
    struct verdict verdict = fleet_ask(&old, question, &known);
    cr_expect_eq(verdict.kind, VERDICT_COUNTED);
    cr_expect_eq(verdict.epoch, 2);
    cr_expect_eq(known, 2);
    cr_expect_str_eq(stored_at(&cluster.nodes[3].redis, organisation), "260");
    fleet_close(&old);
    fleet_close(&fleet);
    test_redis_cluster_stop(&cluster);
}

Test(routing, a_month_is_read_where_it_is_and_not_while_it_moves) {
    test_redis_cluster_start(&cluster);
    fleet_open(&fleet, cluster.address);
    fleet_wait_ready(&fleet, TEST_CLUSTER_PRIMARIES);
    int32_t epoch = 0;
    expect_counted(1, 1, &epoch);
    int from = test_redis_cluster_owner(&cluster, 0, key_of(1));
    for (int is_moved = 0; is_moved < 2; is_moved++) {
        uint32_t before = fleet.read_count;
        if (is_moved)
            test_redis_cluster_move_slot(&cluster, slot_of_organisation(1), from, (from + 1) % TEST_CLUSTER_PRIMARIES,
                                         NULL, NULL);
        cr_assert(router_read_month(fleet.router, 1, MONTH));
        while (fleet.read_count == before)
            fleet_turn(&fleet);
        cr_expect_eq(fleet.read_epoch, is_moved ? -1 : 1);
    }
    fleet_close(&fleet);
    test_redis_cluster_stop(&cluster);
}

/* ---- sentinels ---- */

Test(routing, the_primary_that_sentinels_name_is_followed) {
    struct test_redis_pair pair;
    test_redis_pair_start(&pair);
    fleet_open(&fleet, pair.address);
    fleet_wait_ready(&fleet, 1);
    int32_t epoch = 0;
    expect_counted(1, 1, &epoch);
    cr_expect_str_eq(stored_at(&pair.nodes[0], 1), "130");
    struct failure failure;
    struct limits_reader *reader = limits_reader_open(pair.address, &failure);
    cr_expect(reader != NULL, "%s", failure.text);
    limits_reader_close(reader);
    test_redis_pair_expect_loss(&pair);
    test_redis_kill(&pair.nodes[0]);
    test_redis_kill(&pair.sentinels[0]); /* the one that was asked */
    expect_counted(1, 2, &epoch);
    cr_expect_eq(epoch, 2);
    cr_expect_str_eq(stored_at(&pair.nodes[1], 1), "130");
    fleet_close(&fleet);
    test_redis_pair_stop(&pair);
}

static bool is_wanted(const char *address) {
    for (uint32_t line = 1; line < router_line_count(fleet.router); line++)
        if (strcmp(router_line_address(fleet.router, line), address) == 0)
            return true;
    return false;
}

Test(routing, a_planned_failover_is_followed_though_the_old_primary_still_answers) {
    struct test_redis_pair pair;
    test_redis_pair_start(&pair);
    fleet_open(&fleet, pair.address);
    fleet_wait_ready(&fleet, 1);
    int32_t epoch = 0;
    expect_counted(1, 1, &epoch);
    /* It declines until it has heard of the replica. */
    while (strcmp(test_redis_command(&pair.sentinels[1], "SENTINEL FAILOVER %s", TEST_SENTINEL_NAME), "OK") != 0)
        usleep(10000);
    test_redis_pair_wait_primary(&pair, 1);
    int64_t give_up = tick_now().us + INT64_C(60000000);
    char wanted[32];
    snprintf(wanted, sizeof wanted, "127.0.0.1:%d", pair.ports[1]);
    while (!is_wanted(wanted)) {
        cr_assert_lt(tick_now().us, give_up, "it is not followed");
        fleet_turn(&fleet);
    }
    expect_counted(1, 2, &epoch);
    cr_expect_eq(epoch, 2);
    cr_expect_str_eq(stored_at(&pair.nodes[1], 1), "130");
    fleet_close(&fleet);
    test_redis_pair_stop(&pair);
}
