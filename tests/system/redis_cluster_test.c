/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes on a Redis Cluster, or on the pair that sentinels watch over, under load: slots that move, primaries that die,
 * freeze and come back. Whatever happens, no limit is passed and nothing that was told approved is missing. */
#include "crowd.h"
#include "support/redis_cluster.h"
#include "support/redis_sentinel.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct cluster cluster;
static struct crowd crowd;
static struct test_redis_cluster redis;

TestSuite(redis_cluster, .timeout = 300);

/* Of organisations 1 and 3, whose slots are of two primaries. */
static const int cards[] = {CARD_RICH, CARD_POOR_COMPANY, CARD_THOUSAND, CARD_POOR_COMPANY_TOO};
#define CARDS ((int)(sizeof cards / sizeof *cards))

static void start_on(const char *address) {
    cluster_start(&cluster, (struct cluster_wishes){.nodes = 2, .redis = address});
    crowd_start(&crowd, &cluster, cards, CARDS, 10 * SECOND_US);
    crowd_wait_answered(&crowd, 200);
}

static void end(void) {
    crowd_wait_answered(&crowd, 500);
    crowd_stop(&crowd);
    crowd_verify(&crowd);
    crowd_finish(&crowd);
    cluster_stop(&cluster);
}

static void start_on_cluster(void) {
    test_redis_cluster_start(&redis);
    start_on(redis.address);
}

static void end_on_cluster(void) {
    end();
    test_redis_cluster_stop(&redis);
}

static void go_on_buying(void *argument) {
    (void)argument;
    crowd_wait_answered(&crowd, 50);
}

Test(redis_cluster, slots_that_move_under_load_pass_no_limit) {
    start_on_cluster();
    for (int round = 0; round < 6; round++) {
        const char *organisation = round % 2 ? "3" : "1";
        int from = test_redis_cluster_owner(&redis, 0, organisation);
        int to = (from + 1) % TEST_CLUSTER_PRIMARIES;
        test_redis_cluster_move_slot(&redis, test_redis_cluster_slot(&redis, organisation), from, to, go_on_buying,
                                     NULL);
        crowd_wait_answered(&crowd, 200);
    }
    end_on_cluster();
}

Test(redis_cluster, a_primary_that_dies_under_load_is_replaced_and_no_limit_passed) {
    start_on_cluster();
    int lost = test_redis_cluster_owner(&redis, 5, "1");
    test_redis_cluster_expect_loss(&redis);
    test_redis_kill(&redis.nodes[lost].redis);
    test_redis_cluster_wait_failover(&redis, (lost + 1) % TEST_CLUSTER_PRIMARIES, lost, "1");
    crowd_wait_answered(&crowd, 500);
    test_redis_cluster_restart(&redis, lost);
    test_redis_cluster_wait_whole(&redis);
    end_on_cluster();
}

/* The old primary still answers the node that has not heard yet, with counters of its own: the fence holds. */
Test(redis_cluster, a_primary_that_is_frozen_replaced_and_thawed_under_load_passes_no_limit) {
    start_on_cluster();
    int frozen = test_redis_cluster_owner(&redis, 5, "1");
    test_redis_cluster_expect_loss(&redis);
    for (int round = 0; round < 3; round++) {
        kill(redis.nodes[frozen].redis.pid, SIGSTOP);
        int next = test_redis_cluster_wait_failover(&redis, (frozen + 1) % TEST_CLUSTER_PRIMARIES, frozen, "1");
        crowd_wait_answered(&crowd, 100);
        kill(redis.nodes[frozen].redis.pid, SIGCONT);
        crowd_wait_answered(&crowd, 300);
        test_redis_cluster_wait_whole(&redis);
        frozen = next;
    }
    end_on_cluster();
}

Test(redis_cluster, the_primary_that_sentinels_name_is_followed_under_load) {
    struct test_redis_pair pair;
    test_redis_pair_start(&pair);
    start_on(pair.address);
    test_redis_pair_expect_loss(&pair);
    kill(pair.nodes[0].pid, SIGSTOP);
    test_redis_pair_wait_primary(&pair, 1);
    crowd_wait_answered(&crowd, 300);
    kill(pair.nodes[0].pid, SIGCONT);
    crowd_wait_answered(&crowd, 300);
    test_redis_kill(&pair.nodes[0]);
    end();
    test_redis_pair_stop(&pair);
}
