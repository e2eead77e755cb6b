/* SPDX-License-Identifier: Apache-2.0 */
#include "node/measures.h"
#include "scrape.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(ops_metrics, .timeout = 300);

static struct cluster cluster;

/* What clients were told, by decision and reason. */
static uint32_t told[DECISION_FAILED + 1][MEASURED_REASONS];

static void ask(struct client_connection *connection, struct wire_request *request) {
    struct wire_reply reply = cluster_call(connection, request);
    cr_assert(reply.kind == WIRE_REPLY_ANSWER || reply.kind == WIRE_REPLY_SETTLED, "%s", reply.fault.text);
    told[reply.answer.decision][reply.answer.reason]++;
}

static void buy(struct client_connection *connection, int card) {
    struct wire_request request = cluster_purchase(card);
    ask(connection, &request);
}

static void expect_told(const char *text, enum decision decision, const char *decision_text) {
    for (int reason = 0; reason < MEASURED_REASONS; reason++) {
        char series[256];
        snprintf(series, sizeof series,
                 "vaxel_answers_total{call=\"authorize\",client=\"validator\",channel=\"card\",decision=\"%s\","
                 "reason=\"%s\"}",
                 decision_text, reason_name((enum reason)reason));
        cr_expect_eq(ops_sum(text, series), told[decision][reason], "%s in\n%s", series, text);
    }
}

Test(ops_metrics, say_what_clients_were_told) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.settings = "[switch]\nworkers = 2\n"});
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    for (int i = 0; i < 9; i++)
        buy(connection, CARD_THOUSAND); /* 130.00 fits seven times */
    buy(connection, CARD_BLOCKED);
    buy(connection, CARD_SUSPENDED);
    buy(connection, CARD_CAPPED);
    struct wire_request request = cluster_purchase(CARD_RICH);
    ask(connection, &request);
    ask(connection, &request);
    request.authorize.amount.minor = 1;
    ask(connection, &request);
    const char *text = ops_scrape(&cluster, 0); /* at once: what was told is counted */
    expect_told(text, DECISION_APPROVED, "approved");
    expect_told(text, DECISION_DECLINED, "declined");
    expect_told(text, DECISION_FAILED, "failed");
    cr_expect_eq(told[DECISION_APPROVED][REASON_APPROVED], 10);
    cr_expect_eq(told[DECISION_DECLINED][REASON_CREDIT_LIMIT], 2);
    cr_expect_eq(told[DECISION_DECLINED][REASON_ID_REUSED], 1);
    cr_expect_eq(ops_sum(text, "vaxel_approvals_total{safety=\"committed\"}"), 10);
    cr_expect_eq(ops_sum(text, "vaxel_repeats_total"), 1);
    cr_expect_eq(ops_sum(text, "vaxel_answer_seconds_count{call=\"authorize\"}"), 15);
    cr_expect_eq(ops_sum(text, "vaxel_stage_seconds_count{stage=\"record\"}"), 10);
    client_disconnect(connection);
    cluster_stop(&cluster);
}

Test(ops_metrics, name_the_client_kind_the_channel_and_the_call) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    struct client_connection *connection = cluster_connect(&cluster, 0, "office-1");
    struct wire_request request = cluster_purchase(CARD_RICH);
    ask(connection, &request);
    struct wire_request reversal = {.call = CALL_REVERSE,
                                    .settle = {.kind = ENTRY_REVERSAL,
                                               .id = request.authorize.id,
                                               .original = request.authorize.id,
                                               .has_credential = true,
                                               .credential = request.authorize.credential,
                                               .timeout_us = 10 * SECOND_US}};
    ask(connection, &reversal);
    struct wire_request app = cluster_purchase(CARD_RICH);
    app.authorize.credential = (struct credential){.kind = CREDENTIAL_APP, .app = {1, 2, 3}};
    ask(connection, &app);
    struct wire_request lookup = {.call = CALL_LOOKUP, .lookup = {.id = request.authorize.id}};
    cr_expect_eq(cluster_call(connection, &lookup).kind, WIRE_REPLY_FOUND);
    client_disconnect(connection);
    connection = cluster_connect(&cluster, 0, "validator-1");
    cr_expect_eq(cluster_call(connection, &lookup).kind, WIRE_REPLY_FAULT);
    client_disconnect(connection);
    const char *text = ops_scrape(&cluster, 0);
    cr_expect_eq(ops_sum(text, "vaxel_answers_total{call=\"authorize\",client=\"office\",channel=\"card\","), 1);
    cr_expect_eq(ops_sum(text, "vaxel_answers_total{call=\"authorize\",client=\"office\",channel=\"app\",decision="
                               "\"declined\",reason=\"UNKNOWN_CREDENTIAL\"}"),
                 1);
    cr_expect_eq(ops_sum(text, "vaxel_answers_total{call=\"reverse\",client=\"office\",channel=\"card\",decision="
                               "\"approved\",reason=\"APPROVED\"}"),
                 1);
    cr_expect_eq(ops_sum(text, "vaxel_answer_seconds_count{call=\"lookup\"}"), 1);
    cr_expect_eq(ops_sum(text, "vaxel_faults_total{reason=\"CALL_NOT_ALLOWED\"}"), 1);
    cluster_stop(&cluster);
}

static int count_lines(const char *text) {
    int lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

/* Whoever buys whatever wherever, no series is added, and nothing of it can be read here. */
Test(ops_metrics, grow_with_no_card_product_place_or_client) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    buy(connection, CARD_RICH);
    int lines = count_lines(ops_scrape(&cluster, 0));
    for (int i = 0; i < 50; i++) {
        struct wire_request request = cluster_purchase(i % 2 == 0 ? CARD_RICH : CARD_DEPARTMENT);
        request.authorize.amount.minor = 100 + i;
        snprintf(request.authorize.product.code, PRODUCT_SIZE, "product-%d", i);
        snprintf(request.authorize.place.text, PLACE_SIZE, "place-%d", i);
        ask(connection, &request);
    }
    cr_assert_eq(told[DECISION_APPROVED][REASON_APPROVED], 51);
    client_disconnect(connection);
    const char *text = ops_scrape(&cluster, 0);
    cr_expect_eq(count_lines(text), lines);
    cr_expect_null(strstr(text, "validator-1"));
    cr_expect_null(strstr(text, "product-"));
    cr_expect_null(strstr(text, "place-"));
    cr_expect_null(strstr(text, "99325436"));
    cluster_stop(&cluster);
}

Test(ops_metrics, follow_the_services_and_the_audit) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.settings = "[audit]\npause = 10 ms\n"});
    cluster_buy(&cluster, 0, CARD_RICH);
    ops_wait_sum(&cluster, 0, "vaxel_audit_sweeps_total", 2);
    ops_wait_sum(&cluster, 0, "vaxel_audit_last_sweep_timestamp_seconds", 1);
    test_redis_kill(&cluster.redis);
    ops_wait_sum(&cluster, 0, "vaxel_redis_losses_total", 1);
    test_redis_restart(&cluster.redis);
    ops_wait_sum(&cluster, 0, "vaxel_redis_identity_changes_total", 1);
    ops_wait_sum(&cluster, 0, "vaxel_redis_up", 1);
    cluster_buy(&cluster, 0, CARD_RICH);
    const char *text = ops_scrape(&cluster, 0);
    cr_expect_geq(ops_sum(text, "vaxel_rebuilds_total"), 2);
    cr_expect_geq(ops_sum(text, "vaxel_redis_call_questions_sum"), 2);
    cr_expect_geq(ops_sum(text, "vaxel_redis_round_trip_seconds_count"), 2);
    cr_expect_geq(ops_sum(text, "vaxel_postgres_transaction_rows_sum"), 2);
    cr_expect_geq(ops_sum(text, "vaxel_postgres_transaction_seconds_count"), 2);
    cr_expect_eq(ops_sum(text, "vaxel_postgres_up"), 1);
    cr_expect_eq(ops_sum(text, "vaxel_quarantined_total"), 0);
    cr_expect_eq(ops_sum(text, "vaxel_directory_rows{kind=\"credit\"}"), CARD_COUNT);
    cr_expect_gt(ops_sum(text, "vaxel_directory_bytes"), 0);
    cr_expect_lt(ops_sum(text, "vaxel_directory_lag_seconds"), 60);
    cr_expect_eq(ops_sum(text, "vaxel_build_info"), 1);
    cr_expect_gt(ops_sum(text, "process_resident_memory_bytes"), 1000000);
    cr_expect_gt(ops_sum(text, "process_start_time_seconds"), (double)instant_now().us / 1e6 - 600);
    cluster_stop(&cluster);
}

Test(ops_metrics, count_connections_and_handshakes) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.settings = "[listen]\nconnections = 2\n"});
    struct client_connection *one = cluster_connect(&cluster, 0, "validator-1");
    struct client_connection *two = cluster_connect(&cluster, 0, "validator-1");
    ops_wait_sum(&cluster, 0, "vaxel_connections{face=\"frames\"}", 2);
    ops_run(NULL, "curl --silent --max-time 10 http://127.0.0.1:%d/", cluster.nodes[0].port);
    ops_wait_sum(&cluster, 0, "vaxel_connections_refused_total{why=\"full\"}", 1);
    client_disconnect(one);
    client_disconnect(two);
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    while (ops_sum(ops_scrape(&cluster, 0), "vaxel_connections") > 0) {
        cr_assert_lt(tick_now().us, give_up);
        usleep(10000);
    }
    ops_run(NULL, "curl --silent --max-time 10 http://127.0.0.1:%d/", cluster.nodes[0].port);
    ops_wait_sum(&cluster, 0, "vaxel_tls_handshakes_total{result=\"failed\"}", 1);
    const char *text = ops_scrape(&cluster, 0);
    cr_expect_geq(ops_sum(text, "vaxel_tls_handshakes_total{result=\"done\"}"), 2);
    cr_expect_eq(ops_sum(text, "vaxel_connections_capacity"), 2);
    cluster_stop(&cluster);
}

Test(ops_metrics, count_connections_that_are_more_than_a_client_may_have) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.settings = "[listen]\nconnections_per_client = 1\n"});
    struct client_connection *one = cluster_connect(&cluster, 0, "validator-1");
    ops_wait_sum(&cluster, 0, "vaxel_connections{face=\"frames\"}", 1);
    struct client_connection *two = cluster_connect(&cluster, 0, "validator-1");
    ops_wait_sum(&cluster, 0, "vaxel_connections_refused_total{why=\"client_full\"}", 1);
    cr_expect_eq(ops_sum(ops_scrape(&cluster, 0), "vaxel_connections_refused_total"), 1);
    client_disconnect(one);
    client_disconnect(two);
    cluster_stop(&cluster);
}

static double end_of(const char *name) {
    const char *text;
    int status = ops_run(&text, "date +%%s -d \"$(openssl x509 -enddate -noout -in %s/%s.pem | cut -d= -f2)\"",
                         cluster.directory, name);
    cr_assert_eq(status, 0, "%s", text);
    return strtod(text, NULL);
}

/* The certificate is replaced while the node runs, by one whose chain ends sooner than itself. */
Test(ops_metrics, tell_when_the_certificate_and_the_authority_end_also_after_they_were_read_again) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    double before = end_of("server"), authority = end_of("authority");
    const char *text = ops_scrape(&cluster, 0);
    cr_expect_eq(ops_sum(text, "vaxel_tls_end_timestamp_seconds{file=\"certificate\"}"), before);
    cr_expect_eq(ops_sum(text, "vaxel_tls_end_timestamp_seconds{file=\"authority\"}"), authority);
    cr_assert_eq(ops_run(&text,
                         "cd %s && openssl req -x509 -days 30 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                         "-subj /CN=other -keyout other.key -out other.pem 2>&1 && cat other.pem >> server.pem",
                         cluster.directory),
                 0, "%s", text);
    cluster_change_settings(&cluster, 0, NULL);
    cluster_wait_log(&cluster, 0, "certificates read again");
    double after = end_of("other");
    cr_expect_lt(after, before);
    cr_expect_eq(ops_sum(ops_scrape(&cluster, 0), "vaxel_tls_end_timestamp_seconds{file=\"certificate\"}"), after);
    cluster_stop(&cluster);
}

/* ---- as Prometheus reads them ---- */

Test(ops_metrics, are_as_prometheus_wants_them) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    cluster_buy(&cluster, 0, CARD_RICH);
    const char *text;
    int status = ops_run(&text, "curl --silent http://127.0.0.1:%d/metrics | promtool check metrics 2>&1",
                         cluster.nodes[0].ops_port);
    cr_expect_eq(status, 0, "promtool says: %s", text);
    cr_expect_str_empty(text);
    cluster_stop(&cluster);
}

static void start_prometheus(pid_t *pid, int port) {
    char config[TEST_TEXT], storage[TEST_TEXT], listen[64], log[TEST_TEXT];
    snprintf(config, sizeof config, "%.200s/prometheus.yml", cluster.directory);
    snprintf(storage, sizeof storage, "--storage.tsdb.path=%.200s/prometheus", cluster.directory);
    snprintf(log, sizeof log, "%.200s/prometheus.log", cluster.directory);
    snprintf(listen, sizeof listen, "--web.listen-address=127.0.0.1:%d", port);
    FILE *file = fopen(config, "w");
    cr_assert_not_null(file);
    fprintf(file,
            "global: {scrape_interval: 1s}\n"
            "scrape_configs:\n"
            "  - {job_name: vaxel, static_configs: [{targets: ['127.0.0.1:%d']}]}\n",
            cluster.nodes[0].ops_port);
    fclose(file);
    char config_option[TEST_TEXT + 32];
    snprintf(config_option, sizeof config_option, "--config.file=%s", config);
    const char *const arguments[] = {"/usr/bin/prometheus", config_option, storage, listen, NULL};
    *pid = test_process_start(log, arguments);
}

/* It asks for OpenMetrics, whose grammar is stricter than the older text's. */
Test(ops_metrics, are_scraped_by_prometheus) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    cluster_buy(&cluster, 0, CARD_RICH);
    pid_t pid;
    int port = test_free_port();
    start_prometheus(&pid, port);
    const char *text = "";
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    do {
        cr_assert_lt(tick_now().us, give_up, "prometheus says: %s", text);
        usleep(100000);
        ops_run(&text,
                "curl --silent --get --data-urlencode "
                "'query=vaxel_answers_total{call=\"authorize\",decision=\"approved\"}' "
                "http://127.0.0.1:%d/api/v1/query",
                port);
    } while (strstr(text, "\"client\":\"validator\"") == NULL);
    cr_expect_not_null(strstr(text, ",\"1\"]"), "%s", text);
    test_process_end(pid, 15);
    cluster_stop(&cluster);
}

/* ---- as people read them ---- */

Test(ops_metrics, have_a_page_in_the_docs_that_is_theirs) {
    char *page = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&page, &size);
    metrics_write_page(&measures_of_process, file);
    fputc('\n', file);
    metrics_write_page(&measures_of_worker, file);
    fclose(file);
    const char *text;
    cr_assert_eq(ops_run(&text, "cat %s/docs/operations.md", VAXEL_SOURCE_DIRECTORY), 0);
    cr_expect_not_null(strstr(text, page), "docs/operations.md wants this page:\n%s", page);
    free(page);
}
