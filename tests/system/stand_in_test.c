/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL is away under purchases, in whichever way: the nodes' journals have them, and when it is back it has each
 * of them once, whatever happened to the nodes meanwhile. */
#include "crowd.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_US (60 * SECOND_US)
#define BOUGHT 400

static struct cluster cluster;

/* What was bought, and how safe it was said to be. */
static struct bought {
    uint32_t count;
    uint32_t journaled;
    struct request_id ids[BOUGHT];
} bought;

TestSuite(stand_in_system, .timeout = 300);

static void start(int nodes, const char *settings) {
    memset(&bought, 0, sizeof bought);
    cluster_start(&cluster, (struct cluster_wishes){
                                .nodes = nodes, .own_postgres = true, .journals = true, .settings = settings});
}

/* Buys until it is approved, like a validator that asks again under the same id. */
static enum safety buy(struct client_connection *connection, int card) {
    struct wire_request request = cluster_purchase(card);
    struct wire_reply reply;
    int64_t give_up = tick_now().us + PATIENCE_US;
    do {
        reply = cluster_call(connection, &request);
        cr_assert_eq(reply.kind, WIRE_REPLY_ANSWER, "%s", reply.fault.text);
        cr_assert_neq(reply.answer.decision, DECISION_DECLINED, "%s", reason_name(reply.answer.reason));
        cr_assert_lt(tick_now().us, give_up, "%s", reason_name(reply.answer.reason));
    } while (reply.answer.decision != DECISION_APPROVED);
    cr_assert_lt(bought.count, BOUGHT);
    bought.ids[bought.count++] = request.authorize.id;
    bought.journaled += reply.answer.safety == SAFETY_JOURNALED;
    return reply.answer.safety;
}

static void buy_many(int node, uint32_t count) {
    struct client_connection *connection = cluster_connect(&cluster, node, "validator-1");
    for (uint32_t i = 0; i < count; i++)
        buy(connection, CARD_RICH);
    client_disconnect(connection);
}

/* Until the journal is used for certain: what was under way when PostgreSQL went may still be told as committed. */
static void buy_until_journaled(int node) {
    struct client_connection *connection = cluster_connect(&cluster, node, "validator-1");
    while (buy(connection, CARD_RICH) != SAFETY_JOURNALED) {
    }
    client_disconnect(connection);
}

static void kill_node(int node) {
    test_process_end(cluster.nodes[node].pid, SIGKILL);
    cluster.nodes[node].pid = 0;
}

static int rows(const char *condition) {
    return atoi(cluster_sql(&cluster, "SELECT count(*) FROM entry WHERE kind = 1 AND %s", condition));
}

/* All of it in PostgreSQL, each once; at least what was journaled before any batch had it is marked. */
static void expect_all_recorded(void) {
    int64_t give_up = tick_now().us + PATIENCE_US;
    while (rows("true") < (int)bought.count) {
        cr_assert_lt(tick_now().us, give_up, "%d recorded of %u", rows("true"), bought.count);
        usleep(20000);
    }
    for (uint32_t i = 0; i < bought.count; i++) {
        char text[REQUEST_ID_TEXT_SIZE], condition[64];
        request_id_format(&bought.ids[i], text);
        snprintf(condition, sizeof condition, "id = '%s'", text);
        cr_assert_eq(rows(condition), 1, "%s, number %u", text, i);
    }
    cr_assert_eq(rows("true"), (int)bought.count);
    cluster_expect_clean_audit(&cluster);
}

Test(stand_in_system, postgresql_is_killed_and_purchases_go_on) {
    start(1, "[stand_in]\nafter = 10 s\n"); /* a commit that is merely slow is not journaled */
    buy_many(0, 5);
    cr_assert_eq(bought.journaled, 0u);
    test_postgres_kill(&cluster.postgres);
    buy_until_journaled(0);
    buy_many(0, 50);
    cr_assert(bought.journaled > 50);
    test_postgres_restart(&cluster.postgres);
    expect_all_recorded();
    cr_assert_geq(rows("flags & 4 <> 0"), 50);
    cluster_wait_log(&cluster, 0, "journal drained");
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    cr_assert_eq(buy(connection, CARD_RICH), SAFETY_COMMITTED);
    client_disconnect(connection);
    cluster_stop(&cluster);
}

Test(stand_in_system, postgresql_hangs_and_purchases_go_on) {
    start(1, NULL);
    buy_many(0, 5);
    test_postgres_pause(&cluster.postgres);
    buy_until_journaled(0);
    buy_many(0, 50);
    test_postgres_resume(&cluster.postgres);
    expect_all_recorded();
    cluster_stop(&cluster);
}

Test(stand_in_system, a_journal_is_drained_by_the_node_that_is_started_after_a_kill) {
    start(1, NULL);
    buy_many(0, 5);
    test_postgres_kill(&cluster.postgres);
    buy_until_journaled(0);
    buy_many(0, 50);
    kill_node(0);
    test_postgres_restart(&cluster.postgres);
    cr_assert(rows("true") < (int)bought.count, "the rest is in the journal alone");
    cluster_start_node(&cluster, 0);
    expect_all_recorded();
    cluster_stop(&cluster);
}

/* It keeps what it has, and waits: without the directory it knows nobody who could buy. */
Test(stand_in_system, a_node_may_be_restarted_while_postgresql_is_away) {
    start(1, NULL);
    buy_many(0, 5);
    test_postgres_kill(&cluster.postgres);
    buy_until_journaled(0);
    buy_many(0, 50);
    for (int i = 0; i < 3; i++) {
        kill_node(0);
        cr_assert(remove(cluster.nodes[0].log) == 0);
        cluster_start_node(&cluster, 0);
        cluster_wait_log(&cluster, 0, "the start waits for PostgreSQL");
    }
    test_postgres_restart(&cluster.postgres);
    expect_all_recorded();
    cr_assert(cluster_log_tells(&cluster, 0, "to be drained"));
    cluster_stop(&cluster);
}

/* A worker that is no more has left a journal; the node that has fewer drains it. */
Test(stand_in_system, the_journals_of_workers_that_are_no_more_are_drained) {
    start(1, "[switch]\nworkers = 3\n");
    buy_many(0, 5);
    test_postgres_kill(&cluster.postgres);
    for (int i = 0; i < 12; i++) /* each connection meets a worker by chance */
        buy_until_journaled(0);
    cluster_change_settings(&cluster, 0, "[switch]\nworkers = 1\n"); /* for its next start */
    kill_node(0);
    test_postgres_restart(&cluster.postgres);
    cluster_start_node(&cluster, 0);
    expect_all_recorded();
    cluster_wait_log(&cluster, 0, "its directory may be removed");
    cluster_stop(&cluster);
}

/* Purchases on two nodes, through stops of PostgreSQL and kills of nodes: no limit is passed, since Redis stands. */
Test(stand_in_system, a_crowd_buys_through_every_way_of_losing_postgresql) {
    static const int cards[] = {CARD_RICH, CARD_THOUSAND, CARD_DEPARTMENT, CARD_POOR_COMPANY, CARD_POOR_COMPANY_TOO};
    start(2, NULL);
    struct crowd crowd;
    crowd_warm(&cluster);
    crowd_start(&crowd, &cluster, cards, sizeof cards / sizeof cards[0], 2 * SECOND_US);
    crowd_wait_answered(&crowd, 200);
    test_postgres_kill(&cluster.postgres);
    crowd_wait_answered(&crowd, 500);
    test_postgres_restart(&cluster.postgres);
    crowd_wait_answered(&crowd, 200);
    test_postgres_pause(&cluster.postgres);
    crowd_wait_answered(&crowd, 300);
    kill_node(1);
    test_postgres_resume(&cluster.postgres);
    cluster_start_node(&cluster, 1);
    crowd_wait_answered(&crowd, 300);
    crowd_stop(&crowd);
    crowd_wait_recorded(&crowd);
    crowd_verify(&crowd);
    cr_assert(rows("flags & 4 <> 0") > 0, "nothing was stood in for");
    crowd_finish(&crowd);
    cluster_stop(&cluster);
}
