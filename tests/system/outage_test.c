/* SPDX-License-Identifier: Apache-2.0 */
/* One of the two that the switch stands on is away: a clear answer in time, and nothing counted. */
#include "cluster.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cluster cluster;

TestSuite(outage, .timeout = 180);

static struct answer buy_within(struct client_connection *connection, int card, int64_t timeout_us) {
    struct wire_request request = cluster_purchase(card);
    request.authorize.timeout_us = timeout_us;
    struct wire_reply reply = cluster_call(connection, &request);
    cr_assert_eq(reply.kind, WIRE_REPLY_ANSWER, "%s", reply.fault.text);
    return reply.answer;
}

static void wait_until_approved(int card) {
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    while (cluster_buy(&cluster, 0, card).decision != DECISION_APPROVED)
        cr_assert_lt(tick_now().us, give_up, "not approved again");
}

Test(outage, postgresql_gone_is_unavailable_and_nothing_is_counted_afterwards) {
    cluster_start(&cluster, (struct cluster_wishes){.own_postgres = true});
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    cr_assert_eq(buy_within(connection, CARD_THOUSAND, 5 * SECOND_US).decision, DECISION_APPROVED);
    test_postgres_kill(&cluster.postgres);
    for (int i = 0; i < 5; i++) {
        struct answer answer = buy_within(connection, CARD_THOUSAND, SECOND_US / 4);
        cr_expect_eq(answer.decision, DECISION_FAILED);
        cr_expect_eq(answer.reason, REASON_UNAVAILABLE, "%s", reason_name(answer.reason));
    }
    test_postgres_restart(&cluster.postgres);
    wait_until_approved(CARD_RICH);
    /* One was bought, six more fit: those that failed are neither recorded nor counted. */
    cluster_expect_clean_audit(&cluster);
    for (int i = 0; i < 6; i++)
        cr_expect_eq(buy_within(connection, CARD_THOUSAND, 5 * SECOND_US).decision, DECISION_APPROVED);
    cr_expect_eq(buy_within(connection, CARD_THOUSAND, 5 * SECOND_US).reason, REASON_CREDIT_LIMIT);
    client_disconnect(connection);
    cluster_stop(&cluster);
}

Test(outage, postgresql_that_hangs_is_answered_in_time_and_what_it_did_later_is_undone) {
    cluster_start(&cluster, (struct cluster_wishes){.own_postgres = true});
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    cr_assert_eq(buy_within(connection, CARD_THOUSAND, 5 * SECOND_US).decision, DECISION_APPROVED);
    test_postgres_pause(&cluster.postgres);
    struct wire_request request = cluster_purchase(CARD_THOUSAND);
    request.authorize.timeout_us = SECOND_US / 4;
    struct wire_reply reply = cluster_call(connection, &request);
    cr_expect_eq(reply.answer.reason, REASON_DEADLINE, "%s", reason_name(reply.answer.reason));
    test_postgres_resume(&cluster.postgres);
    wait_until_approved(CARD_RICH);
    /* Told that it failed, it stays so: a late copy does not charge. */
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    do {
        reply = cluster_call(connection, &request);
        cr_assert_lt(tick_now().us, give_up);
    } while (reply.answer.decision == DECISION_FAILED);
    cr_expect_eq(reply.answer.reason, REASON_REVERSED, "%s", reason_name(reply.answer.reason));
    cluster_expect_clean_audit(&cluster);
    cr_expect_str_eq(
        cluster_sql(&cluster, "SELECT sum(amount_minor) FROM entry WHERE credit = %d", 100 + CARD_THOUSAND), "13000");
    client_disconnect(connection);
    cluster_stop(&cluster);
}

Test(outage, redis_gone_is_unavailable_within_the_deadline_and_goes_on_when_it_is_back) {
    cluster_start(&cluster, (struct cluster_wishes){0});
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    test_redis_kill(&cluster.redis);
    struct answer answer = buy_within(connection, CARD_THOUSAND, SECOND_US / 4);
    cr_expect_eq(answer.reason, REASON_UNAVAILABLE, "%s", reason_name(answer.reason));
    test_redis_restart(&cluster.redis);
    wait_until_approved(CARD_THOUSAND);
    cluster_expect_clean_audit(&cluster);
    client_disconnect(connection);
    cluster_stop(&cluster);
}

Test(outage, a_redis_that_may_evict_keys_is_refused) {
    cluster_start(&cluster, (struct cluster_wishes){0});
    test_redis_command(&cluster.redis, "CONFIG SET maxmemory-policy allkeys-lru");
    test_redis_command(&cluster.redis, "CLIENT KILL TYPE normal");
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    int64_t give_up = tick_now().us + 30 * SECOND_US;
    while (buy_within(connection, CARD_RICH, SECOND_US / 4).reason != REASON_UNAVAILABLE)
        cr_assert_lt(tick_now().us, give_up, "bought on a Redis that may evict keys");
    cluster_wait_log(&cluster, 0, "noeviction"); /* how to set it */
    test_redis_command(&cluster.redis, "CONFIG SET maxmemory-policy noeviction");
    wait_until_approved(CARD_RICH);
    client_disconnect(connection);
    cluster_stop(&cluster);
}

/* Node 0, started anew, has the youngest of the recorders' connections. */
static pid_t recorder_of_restarted_node(void) {
    test_process_end(cluster.nodes[0].pid, SIGTERM);
    cluster_start_node(&cluster, 0);
    cluster_wait_ready(&cluster, 0);
    return atoi(cluster_sql(&cluster, "SELECT pid FROM pg_stat_activity WHERE application_name = 'vaxel recorder' "
                                      "ORDER BY backend_start DESC LIMIT 1"));
}

/* A purchase is counted on node 0 and held up before PostgreSQL sees it; Redis is lost, node 1 rebuilds the counters
 * and spends the credit; then the row arrives. How many tickets there are on the credit afterwards: seven fit. */
static int tickets_when_a_row_is_late(const char *program) {
    cluster_start(&cluster, (struct cluster_wishes){.nodes = 2, .own_postgres = true, .program = program});
    pid_t recorder = recorder_of_restarted_node();
    cr_assert_gt(recorder, 0, "no recorder of node 0");
    struct client_connection *slow = cluster_connect(&cluster, 0, "validator-1");
    struct client_connection *quick = cluster_connect(&cluster, 1, "validator-1");
    cr_assert_eq(buy_within(slow, CARD_RICH, 5 * SECOND_US).decision, DECISION_APPROVED);
    kill(recorder, SIGSTOP);
    struct wire_request late = cluster_purchase(CARD_THOUSAND);
    struct failure failure;
    cr_assert(client_send(slow, &late, &failure), "%s", failure.text);
    int64_t give_up = tick_now().us + 20 * SECOND_US;
    char month[16];
    snprintf(month, sizeof month, "%s",
             cluster_sql(&cluster, "SELECT month FROM entry WHERE organisation = 1 LIMIT 1"));
    while (strcmp(test_redis_command(&cluster.redis, "HGET {1}:%s c%d", month, 100 + CARD_THOUSAND), "13000") != 0)
        cr_assert_lt(tick_now().us, give_up, "not counted");
    test_redis_command(&cluster.redis, "FLUSHALL");
    for (int i = 0; i < 7; i++)
        cr_expect_eq(buy_within(quick, CARD_THOUSAND, 5 * SECOND_US).decision, DECISION_APPROVED);
    kill(recorder, SIGCONT);
    struct wire_reply reply;
    cr_assert(client_receive(slow, 20 * SECOND_US, &reply, &failure), "%s", failure.text);
    int tickets = atoi(
        cluster_sql(&cluster, "SELECT sum(amount_minor) / 13000 FROM entry WHERE credit = %d", 100 + CARD_THOUSAND));
    client_disconnect(slow);
    client_disconnect(quick);
    cluster_stop(&cluster);
    return tickets;
}

/* DESIGN 5 */
Test(outage, a_row_counted_under_a_lost_redis_is_not_recorded) {
    cr_expect_eq(tickets_when_a_row_is_late("vaxeld"), 7);
}

Test(outage, without_the_fence_the_same_test_finds_a_limit_passed) {
    cr_expect_eq(tickets_when_a_row_is_late("vaxeld_without_fence"), 8);
}
