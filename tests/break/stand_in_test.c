/* SPDX-License-Identifier: Apache-2.0 */
/* What the breaker found by chance, made certain. */
#include "ending.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

static struct cluster cluster;

TestSuite(found, .timeout = 120);

static struct answer ask(struct client_connection *connection, struct wire_request *request, int64_t timeout_us) {
    request->authorize.timeout_us = timeout_us;
    struct wire_reply reply = cluster_call(connection, request);
    cr_assert_eq(reply.kind, WIRE_REPLY_ANSWER, "%s", reply.fault.text);
    return reply.answer;
}

/* I1: the first copy misses its deadline while PostgreSQL hangs, the second is approved by the journal; then PostgreSQL
 * is back, and finds the undo of the first before the entry of the second. */
Test(found, a_purchase_that_a_journal_approved_is_not_undone_by_an_earlier_copys_deadline) {
    cluster_start(&cluster, (struct cluster_wishes){
                                .own_postgres = true, .journals = true, .settings = "[stand_in]\nafter = 1 s\n"});
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    struct wire_request request = cluster_purchase(CARD_THOUSAND);
    test_postgres_pause(&cluster.postgres);
    cr_assert_eq(ask(connection, &request, SECOND_US / 4).reason, REASON_DEADLINE);
    struct answer answer = ask(connection, &request, 8 * SECOND_US);
    cr_assert_eq(answer.decision, DECISION_APPROVED, "%s", reason_name(answer.reason));
    cr_expect_eq(answer.safety, SAFETY_JOURNALED);
    test_postgres_resume(&cluster.postgres);
    int64_t give_up_us = tick_now().us + 20 * SECOND_US;
    while (atoi(cluster_sql(&cluster, "SELECT count(*) FROM entry WHERE credit = %d", 100 + CARD_THOUSAND)) == 0 &&
           tick_now().us < give_up_us)
        usleep(20000);
    cluster_expect_clean_audit(&cluster);
    cr_expect_str_eq(
        cluster_sql(&cluster, "SELECT sum(amount_minor) FROM entry WHERE credit = %d", 100 + CARD_THOUSAND), "13000");
    client_disconnect(connection);
    cluster_stop(&cluster);
}
