/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's primary is lost and its synchronous standby promoted, under load: by a connection string that names
 * both, the switch goes on at the new primary, with every purchase that anybody was told is approved, and none twice.
 */
#include "crowd.h"
#include "support/postgres_standby.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cluster cluster;
static struct crowd crowd;
static struct test_pair pair;

/* A rich one that is always approved, and some that run into limits of their own and of their organisation. */
static const int cards[] = {CARD_RICH,         CARD_RICH, CARD_RICH,       CARD_THOUSAND, CARD_RICH,
                            CARD_POOR_COMPANY, CARD_RICH, CARD_DEPARTMENT, CARD_RICH,     CARD_POOR_COMPANY_TOO};

#define SETTINGS "[switch]\nworkers = 2\n[postgres]\nsilence = 1 s\n"
#define PATIENCE_US (60 * SECOND_US)

TestSuite(standby, .timeout = 300);

static void start(struct cluster_wishes wishes) {
    test_pair_start(&pair);
    wishes.conninfo = pair.conninfo;
    wishes.settings = SETTINGS;
    cluster_start(&cluster, wishes);
    /* Rich enough to be approved all the while. */
    cluster_sql(&cluster, "UPDATE credit SET limit_minor = 9999999999 WHERE id = %d", 100 + CARD_RICH);
    cluster_sql(&cluster, "UPDATE traveller SET cap_minor = 9999999999 WHERE id = 1");
}

static void start_crowd(void) {
    crowd_warm(&cluster);
    crowd_start(&crowd, &cluster, cards, (int)(sizeof cards / sizeof cards[0]), SECOND_US / 2);
    crowd_wait_answered(&crowd, 300);
}

/* The new primary answers for everything from here on. */
static void promote(void) {
    test_pair_promote(&pair);
    cluster.conninfo = pair.standby.conninfo;
}

static void wait_approved(unsigned more) {
    unsigned wanted = crowd.approved_count + more;
    int64_t give_up = tick_now().us + PATIENCE_US;
    while (crowd.approved_count < wanted) {
        cr_assert_lt(tick_now().us, give_up, "%u approved of %u", crowd.approved_count, wanted);
        usleep(1000);
    }
}

static void verify(void) {
    crowd_verify(&crowd);
    crowd_finish(&crowd);
    cluster_stop(&cluster);
    test_pair_stop(&pair);
}

/* I1, I2, I3, I5 */
Test(standby, a_primary_is_killed_and_its_standby_has_every_approved_purchase) {
    start((struct cluster_wishes){.nodes = 2});
    start_crowd();
    test_postgres_kill_all(&pair.primary);
    promote();
    wait_approved(200);
    crowd_stop(&crowd);
    verify();
}

/* Every row that shows at the old primary is at the new one. */
static void expect_nothing_more_at(const char *old_primary) {
    char ids[16384];
    snprintf(ids, sizeof ids, "%s",
             test_sql(old_primary, "SELECT string_agg(quote_literal(id), ',') FROM "
                                   "(SELECT id FROM entry ORDER BY recorded_at DESC LIMIT 300) newest"));
    cr_assert_neq(ids[0], '\0');
    cr_expect_str_eq(test_sql(pair.standby.conninfo,
                              "SELECT count(*) FROM unnest(ARRAY[%s]::uuid[]) AS old(id) "
                              "WHERE NOT EXISTS (SELECT FROM entry WHERE entry.id = old.id)",
                              ids),
                     "0");
}

/* A node's directory follows the new primary, though its connection to the old one may work again. */
static void wait_blocked(int card) {
    int64_t give_up = tick_now().us + PATIENCE_US;
    for (int node = 0; node < 2; node++)
        while (cluster_buy(&cluster, node, card).reason != REASON_BLOCKED)
            cr_assert_lt(tick_now().us, give_up, "node %d does not know that a card is blocked", node);
}

/* The old primary takes connections again, and by the order of the connection string is the first to be tried. */
Test(standby, a_primary_that_froze_and_thaws_after_the_promotion_is_not_believed) {
    start((struct cluster_wishes){.nodes = 2});
    start_crowd();
    test_postgres_pause(&pair.primary);
    promote();
    wait_approved(100);
    test_postgres_resume(&pair.primary);
    cluster_sql(&cluster, "UPDATE credit SET state = 'blocked' WHERE id = %d", 100 + CARD_CAPPED);
    wait_blocked(CARD_CAPPED);
    for (int node = 0; node < 2; node++) {
        test_process_end(cluster.nodes[node].pid, SIGKILL);
        cluster_start_node(&cluster, node);
        cluster_wait_ready(&cluster, node);
        wait_approved(100);
    }
    expect_nothing_more_at(pair.primary.conninfo);
    test_postgres_kill_all(&pair.primary);
    wait_approved(100);
    crowd_stop(&crowd);
    /* What the killed nodes had counted and nobody asked for again is freed by the next rebuild. */
    test_redis_command(&cluster.redis, "FLUSHALL");
    for (int card = 0; card < CARD_COUNT; card++)
        cluster_buy(&cluster, card % 2, card);
    verify();
}

static struct wire_reply ask_until_decided(struct client_connection *connection, struct wire_request *request) {
    int64_t give_up = tick_now().us + PATIENCE_US;
    struct wire_reply reply;
    do {
        reply = cluster_call(connection, request);
        cr_assert_eq(reply.kind, WIRE_REPLY_ANSWER, "%s", reply.fault.text);
        cr_assert_lt(tick_now().us, give_up, "no decision");
    } while (reply.answer.decision == DECISION_FAILED);
    return reply;
}

/* A commit that the standby has not acknowledged is none, even where the primary has it on its disk and crashes. */
Test(standby, what_the_primary_alone_has_is_not_approved_though_it_crashes_and_finds_it_again) {
    start((struct cluster_wishes){.nodes = 1});
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    cr_assert_eq(cluster_buy(&cluster, 0, CARD_THOUSAND).decision, DECISION_APPROVED);
    test_postgres_pause(&pair.standby);
    struct wire_request request = cluster_purchase(CARD_THOUSAND);
    request.authorize.timeout_us = 8 * SECOND_US;
    struct failure failure;
    cr_assert(client_send(connection, &request, &failure), "%s", failure.text);
    int64_t give_up = tick_now().us + PATIENCE_US;
    while (strcmp(test_sql(pair.primary.conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' "
                                                  "AND application_name = 'vaxel recorder'"),
                  "0") == 0)
        cr_assert_lt(tick_now().us, give_up, "nothing waits for the standby");
    test_postgres_kill_all(&pair.primary);
    test_postgres_restart(&pair.primary);
    cr_expect_str_eq(test_sql(pair.primary.conninfo, "SELECT count(*) FROM entry"), "2");
    struct wire_reply reply;
    cr_assert(client_receive(connection, 20 * SECOND_US, &reply, &failure), "%s", failure.text);
    cr_expect_eq(reply.answer.decision, DECISION_FAILED, "approved, and the standby does not have it");
    test_postgres_kill_all(&pair.primary);
    test_postgres_resume(&pair.standby);
    promote();
    reply = ask_until_decided(connection, &request);
    /* It may have been undone by then: either answer is the truth, and stays so. */
    const char *sum = cluster_sql(&cluster, "SELECT sum(amount_minor) FROM entry");
    cr_expect_str_eq(sum, reply.answer.decision == DECISION_APPROVED ? "26000" : "13000");
    cluster_expect_clean_audit(&cluster);
    client_disconnect(connection);
    cluster_stop(&cluster);
    test_pair_stop(&pair);
}

/* Without its standby a primary commits nothing, and says so in time; with it, it goes on. */
Test(standby, a_primary_without_its_standby_approves_nothing_until_that_is_back) {
    start((struct cluster_wishes){.nodes = 1});
    start_crowd();
    test_postgres_kill_all(&pair.standby);
    unsigned approved = crowd.approved_count;
    unsigned failed = crowd.failed;
    int64_t give_up = tick_now().us + PATIENCE_US;
    while (crowd.failed < failed + 100) {
        cr_assert_lt(tick_now().us, give_up, "nobody was told that it failed");
        usleep(5000);
    }
    /* Those that were on their way are none of it. */
    cr_expect_leq(crowd.approved_count, approved + CROWD_CLIENTS);
    test_postgres_restart(&pair.standby);
    wait_approved(100);
    crowd_stop(&crowd);
    test_pair_wait_synchronous(&pair);
    verify();
}

/* ---- with journals ---- */

Test(standby, with_journals_purchases_go_on_while_the_primaries_change) {
    start((struct cluster_wishes){.nodes = 2, .journals = true});
    start_crowd();
    test_postgres_kill_all(&pair.primary);
    wait_approved(200);
    promote();
    wait_approved(200);
    crowd_stop(&crowd);
    crowd_wait_recorded(&crowd);
    verify();
}

Test(standby, with_journals_purchases_go_on_while_the_primary_waits_for_its_standby) {
    start((struct cluster_wishes){.nodes = 2, .journals = true});
    start_crowd();
    test_postgres_kill_all(&pair.standby);
    wait_approved(200);
    test_postgres_restart(&pair.standby);
    test_pair_wait_synchronous(&pair);
    wait_approved(200);
    crowd_stop(&crowd);
    crowd_wait_recorded(&crowd);
    verify();
}
