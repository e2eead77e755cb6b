/* SPDX-License-Identifier: Apache-2.0 */
/* The audit that runs in a node finds what a crash has left in Redis, and mends it (I5). */
#include "cluster.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cluster cluster;
static char month[16];

static void init(void) {
    cluster_start(&cluster, (struct cluster_wishes){.nodes = 2, .settings = "[audit]\npause = 10 ms\ngrace = 2 s\n"});
    cr_assert_eq(cluster_buy(&cluster, 0, CARD_THOUSAND).decision, DECISION_APPROVED);
    snprintf(month, sizeof month, "%s",
             cluster_sql(&cluster, "SELECT month FROM entry WHERE organisation = 1 LIMIT 1"));
}

static void finish(void) {
    cluster_stop(&cluster);
}

TestSuite(audit_system, .init = init, .fini = finish, .timeout = 120);

static const char *counted(void) {
    return test_redis_command(&cluster.redis, "HGET {1}:%s c%d", month, 100 + CARD_THOUSAND);
}

static void wait_counted(const char *minor) {
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    while (strcmp(counted(), minor) != 0) {
        cr_assert_lt(tick_now().us, give_up, "%s counted, not %s", counted(), minor);
        usleep(5000);
    }
}

static void spoil(int64_t minor) {
    test_redis_command(&cluster.redis, "HINCRBY {1}:%s c%d %lld", month, 100 + CARD_THOUSAND, (long long)minor);
}

Test(audit_system, what_is_counted_too_much_is_freed_after_the_grace_period) {
    spoil(50000);
    wait_counted("13000");
    cr_expect(cluster_log_tells(&cluster, 0, "counters differ from the records") ||
              cluster_log_tells(&cluster, 1, "counters differ from the records"));
    cluster_expect_clean_audit(&cluster);
}

Test(audit_system, what_is_counted_too_little_is_counted_again) {
    spoil(-13000);
    wait_counted("13000");
    cluster_expect_clean_audit(&cluster);
}

/* Counted by a node that died before it could record: nobody asks again. */
Test(audit_system, an_orphan_of_a_node_that_was_killed_is_freed) {
    cr_assert_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0);
    cluster_start_node(&cluster, 0);
    cluster_wait_ready(&cluster, 0);
    pid_t recorder =
        atoi(cluster_sql(&cluster, "SELECT pid FROM pg_stat_activity WHERE application_name = 'vaxel recorder' "
                                   "AND datname = current_database() ORDER BY backend_start DESC LIMIT 1"));
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    struct wire_request request = cluster_purchase(CARD_THOUSAND);
    struct failure failure;
    kill(recorder, SIGSTOP);
    cr_assert(client_send(connection, &request, &failure), "%s", failure.text);
    wait_counted("26000");
    test_process_end(cluster.nodes[0].pid, SIGKILL);
    cluster.nodes[0].pid = 0;
    kill(recorder, SIGTERM);
    kill(recorder, SIGCONT);
    client_disconnect(connection);
    wait_counted("13000");
    cr_expect_str_eq(
        cluster_sql(&cluster, "SELECT sum(amount_minor) FROM entry WHERE credit = %d", 100 + CARD_THOUSAND), "13000");
}

Test(audit_system, a_sweep_that_is_over_is_told_of) {
    cluster_wait_log(&cluster, 0, "audit: swept");
}
