/* SPDX-License-Identifier: Apache-2.0 */
/* What the switch stands on is broken under load: no limit is passed, no approval lost, nothing counted twice. */
#include "crowd.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct cluster cluster;
static struct crowd crowd;

/* A rich one that is always approved, and four that run into a limit, two of them into their organisation's. */
static const int cards[] = {CARD_RICH,         CARD_RICH, CARD_RICH,       CARD_THOUSAND, CARD_RICH,
                            CARD_POOR_COMPANY, CARD_RICH, CARD_DEPARTMENT, CARD_RICH,     CARD_POOR_COMPANY_TOO};
#define CARDS (int)(sizeof cards / sizeof cards[0])

static void start_with_timeout(struct cluster_wishes wishes, int64_t timeout_us) {
    wishes.settings = "[switch]\nworkers = 2\n";
    cluster_start(&cluster, wishes);
    crowd_start(&crowd, &cluster, cards, CARDS, timeout_us);
    crowd_wait_answered(&crowd, 100);
}

static void start(struct cluster_wishes wishes) {
    start_with_timeout(wishes, SECOND_US / 2);
}

static void stop_and_verify(void) {
    crowd_stop(&crowd);
    crowd_verify(&crowd);
    crowd_finish(&crowd);
    cluster_stop(&cluster);
}

TestSuite(storm, .timeout = 300);

/* I2, I5 */
Test(storm, redis_is_emptied_again_and_again_under_load_on_two_nodes) {
    start((struct cluster_wishes){.nodes = 2});
    for (int i = 0; i < 100; i++) {
        test_redis_command(&cluster.redis, "FLUSHALL");
        crowd_wait_answered(&crowd, 20);
    }
    stop_and_verify();
}

Test(storm, redis_is_killed_and_comes_back_empty) {
    start((struct cluster_wishes){.nodes = 2});
    for (int i = 0; i < 5; i++) {
        test_redis_kill(&cluster.redis);
        test_redis_restart(&cluster.redis);
        crowd_wait_answered(&crowd, 200);
    }
    stop_and_verify();
}

Test(storm, redis_is_killed_and_comes_back_as_it_was_long_ago) {
    start((struct cluster_wishes){.nodes = 2});
    test_redis_command(&cluster.redis, "SAVE");
    for (int i = 0; i < 5; i++) {
        crowd_wait_answered(&crowd, 200);
        test_redis_kill(&cluster.redis);
        test_redis_restart(&cluster.redis);
        crowd_wait_answered(&crowd, 200);
    }
    stop_and_verify();
}

/* I1 */
Test(storm, a_node_is_killed_and_every_answer_it_gave_stands) {
    start((struct cluster_wishes){.nodes = 2});
    for (int i = 0; i < 6; i++) {
        int node = i % 2;
        test_process_end(cluster.nodes[node].pid, SIGKILL);
        crowd_wait_answered(&crowd, 100);
        cluster_start_node(&cluster, node);
        cluster_wait_ready(&cluster, node);
    }
    crowd_stop(&crowd);
    /* What a killed node had counted and nobody asked for again is freed by the next rebuild. */
    test_redis_command(&cluster.redis, "FLUSHALL");
    for (int card = 0; card < CARD_COUNT; card++)
        cluster_buy(&cluster, card % 2, card);
    crowd_verify(&crowd);
    crowd_finish(&crowd);
    cluster_stop(&cluster);
}

Test(storm, postgresql_crashes_and_comes_back) {
    start((struct cluster_wishes){.nodes = 2, .own_postgres = true});
    for (int i = 0; i < 4; i++) {
        crowd_wait_answered(&crowd, 200);
        test_postgres_kill(&cluster.postgres);
        test_postgres_restart(&cluster.postgres);
    }
    crowd_wait_answered(&crowd, 200);
    stop_and_verify();
}

Test(storm, a_node_that_is_told_to_end_answers_what_it_has_and_no_request_fails) {
    /* Time enough on any machine: what is asked is that none is turned away. */
    start_with_timeout((struct cluster_wishes){.nodes = 2}, 4 * SECOND_US);
    for (int i = 0; i < 4; i++) {
        int node = i % 2;
        cr_expect_eq(test_process_end(cluster.nodes[node].pid, SIGTERM), 0);
        crowd_wait_answered(&crowd, 100);
        cluster_start_node(&cluster, node);
        cluster_wait_ready(&cluster, node);
    }
    cr_expect_eq(crowd.failed, 0);
    stop_and_verify();
}
