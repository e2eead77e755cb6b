/* SPDX-License-Identifier: Apache-2.0 */
#include "scrape.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_US (60 * SECOND_US)
/* What a person or a balancer may be kept waiting for the news. */
#define NEWS_US (3 * SECOND_US)

/* What is bought while PostgreSQL is there goes to no journal, however busy its disk. */
#define PATIENT "[stand_in]\nafter = 10 s\n"

TestSuite(ops_health, .timeout = 300);

static struct cluster cluster;

Test(ops_health, a_node_that_serves_is_alive_and_ready) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    const char *text;
    ops_wait_page(&cluster, 0, "/readyz", 200, "ready\n", PATIENCE_US);
    cr_expect_eq(ops_get(&cluster, 0, "/readyz", &text), 200);
    cr_expect_str_eq(text, "ready\n");
    cr_expect_eq(ops_get(&cluster, 0, "/healthz", &text), 200);
    cluster_stop(&cluster);
}

Test(ops_health, other_pages_and_other_methods_are_refused) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    const char *text;
    cr_expect_eq(ops_get(&cluster, 0, "/", &text), 200);
    cr_expect_not_null(strstr(text, "/metrics"));
    cr_expect_eq(ops_get(&cluster, 0, "/metrics/", &text), 404);
    cr_expect_eq(ops_get(&cluster, 0, "/metrics -X POST -d x", &text), 405);
    cr_expect_eq(ops_get(&cluster, 0, "/metrics -I", &text), 200);
    cluster_stop(&cluster);
}

Test(ops_health, a_lost_redis_shows_and_so_does_its_return) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.settings = "[switch]\nworkers = 2\n"});
    ops_wait_page(&cluster, 0, "/readyz", 200, "ready\n", PATIENCE_US);
    test_redis_kill(&cluster.redis);
    ops_wait_page(&cluster, 0, "/readyz", 503, "missing: Redis (2 of 2 workers", NEWS_US);
    cr_expect_eq(ops_sum(ops_scrape(&cluster, 0), "vaxel_ready"), 0);
    const char *text;
    cr_expect_eq(ops_get(&cluster, 0, "/healthz", &text), 200);
    test_redis_restart(&cluster.redis);
    ops_wait_page(&cluster, 0, "/readyz", 200, "ready\n", PATIENCE_US);
    cr_expect_eq(ops_sum(ops_scrape(&cluster, 0), "vaxel_ready"), 1);
    cluster_stop(&cluster);
}

Test(ops_health, without_postgresql_and_a_journal_a_node_is_not_ready) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.own_postgres = true});
    test_postgres_kill(&cluster.postgres);
    ops_wait_page(&cluster, 0, "/readyz", 503, "missing: PostgreSQL (1 of 1 workers", PATIENCE_US);
    test_postgres_restart(&cluster.postgres);
    ops_wait_page(&cluster, 0, "/readyz", 200, "ready\n", PATIENCE_US);
    cluster_stop(&cluster);
}

/* Else a balancer would take all nodes out at the moment when they stand in. */
Test(ops_health, a_node_that_stands_in_is_ready_and_says_so) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.own_postgres = true, .journals = true, .settings = PATIENT});
    cluster_buy(&cluster, 0, CARD_RICH); /* its counters are warm */
    test_postgres_kill(&cluster.postgres);
    ops_wait_page(&cluster, 0, "/readyz", 200, "without, purchases go to the journal: PostgreSQL", PATIENCE_US);
    struct answer answer = cluster_buy(&cluster, 0, CARD_RICH);
    cr_assert_eq(answer.safety, SAFETY_JOURNALED, "%s", reason_name(answer.reason));
    ops_wait_sum(&cluster, 0, "vaxel_stand_in", 1);
    ops_wait_sum(&cluster, 0, "vaxel_journal_entries", 1);
    const char *text = ops_scrape(&cluster, 0);
    cr_expect_eq(ops_sum(text, "vaxel_approvals_total{safety=\"journaled\"}"), 1);
    cr_expect_eq(ops_sum(text, "vaxel_journal_amount_minor"), 13000);
    cr_expect_gt(ops_sum(text, "vaxel_journal_bytes"), 0);
    cr_expect_eq(ops_sum(text, "vaxel_journal_capacity_bytes"), 256 << 20);
    cr_expect_eq(ops_sum(text, "vaxel_journal_capacity_minor"), 1000000000);
    cr_expect_eq(ops_sum(text, "vaxel_journal_capacity_age_seconds"), 3600);
    cr_expect_eq(ops_sum(text, "vaxel_stage_seconds_count{stage=\"journal\"}"), 1);
    cr_expect_geq(ops_sum(text, "vaxel_journal_write_seconds_count"), 1);
    ops_wait_sum(&cluster, 0, "vaxel_journal_oldest_age_seconds", 0.001);
    test_postgres_restart(&cluster.postgres);
    ops_wait_page(&cluster, 0, "/readyz", 200, "ready\n", PATIENCE_US);
    int64_t give_up = tick_now().us + PATIENCE_US;
    while (ops_sum(ops_scrape(&cluster, 0), "vaxel_journal_entries") > 0) {
        cr_assert_lt(tick_now().us, give_up);
        usleep(20000);
    }
    cluster_stop(&cluster);
}

Test(ops_health, a_node_that_waits_for_postgresql_to_start_says_so) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.own_postgres = true});
    cr_assert_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0);
    test_postgres_kill(&cluster.postgres);
    cluster_start_node(&cluster, 0);
    ops_wait_page(&cluster, 0, "/readyz", 503, "the node is starting", PATIENCE_US);
    const char *text;
    cr_expect_eq(ops_get(&cluster, 0, "/healthz", &text), 200);
    cr_expect_eq(ops_sum(ops_scrape(&cluster, 0), "vaxel_workers"), 0);
    test_postgres_restart(&cluster.postgres);
    ops_wait_page(&cluster, 0, "/readyz", 200, "ready\n", PATIENCE_US);
    cluster_stop(&cluster);
}

/* A purchase that PostgreSQL owes an answer for keeps the node from ending. */
Test(ops_health, a_node_that_drains_is_not_ready) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.own_postgres = true, .settings = "[switch]\ndrain = 30 s\n"});
    cluster_buy(&cluster, 0, CARD_RICH);
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    test_postgres_pause(&cluster.postgres);
    struct wire_request request = cluster_purchase(CARD_RICH);
    struct failure failure;
    cr_assert(client_send(connection, &request, &failure), "%s", failure.text);
    ops_wait_sum(&cluster, 0, "vaxel_requests", 1);
    kill(cluster.nodes[0].pid, SIGTERM);
    ops_wait_page(&cluster, 0, "/readyz", 503, "draining", NEWS_US);
    const char *text;
    cr_expect_eq(ops_get(&cluster, 0, "/healthz", &text), 200);
    cr_expect_eq(ops_sum(ops_scrape(&cluster, 0), "vaxel_draining"), 1);
    test_postgres_resume(&cluster.postgres);
    cr_expect_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0);
    cluster.nodes[0].pid = 0;
    client_disconnect(connection);
    cluster_stop(&cluster);
}

Test(ops_health, a_port_that_is_taken_stops_the_start_and_names_the_setting) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    char program[TEST_TEXT];
    test_program("vaxeld", program);
    const char *text;
    cr_expect_eq(ops_run(&text, "%s --config %s 2>&1", program, cluster.nodes[0].config), 1);
    cr_expect_not_null(strstr(text, "ops.listen: "), "%s", text);
    cluster_stop(&cluster);
}

Test(ops_health, none_is_no_port) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    cr_assert_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0);
    char program[TEST_TEXT];
    test_program("vaxeld", program);
    const char *const arguments[] = {program, "--config", cluster.nodes[0].config, "--set=ops.listen=none", NULL};
    cluster.nodes[0].pid = test_process_start(cluster.nodes[0].log, arguments);
    cluster_wait_ready(&cluster, 0);
    const char *text;
    cr_expect_eq(ops_get(&cluster, 0, "/healthz", &text), 0);
    cluster_stop(&cluster);
}
