/* SPDX-License-Identifier: Apache-2.0 */
/* What is shipped for Prometheus and Grafana, held against Prometheus' own tool, the runbook and a real node. */
#include "scrape.h"

#include <string.h>

TestSuite(ops_alerts, .timeout = 300);

static struct cluster cluster;

static void expect_success(const char *command) {
    const char *text;
    int status = ops_run(&text, "cd %s && { %s; } 2>&1", VAXEL_SOURCE_DIRECTORY, command);
    cr_expect_eq(status, 0, "%s says:\n%s", command, text);
}

Test(ops_alerts, rules_and_scrape_settings_are_as_prometheus_wants_them) {
    expect_success("promtool check config deploy/prometheus/prometheus.yml");
    expect_success("promtool check rules --lint-fatal deploy/prometheus/vaxel.rules.yml");
}

Test(ops_alerts, fire_when_they_should_and_at_no_other_time) {
    expect_success("promtool test rules tests/ops/alerts-quick.test.yml");
}

Test(ops_alerts, that_take_hours_fire_when_they_should_and_at_no_other_time) {
    expect_success("promtool test rules tests/ops/alerts-slow.test.yml");
}

Test(ops_alerts, have_their_section_in_the_runbook_and_their_tests_each) {
    expect_success("tests/ops/watched alerts");
}

Test(ops_alerts, the_grafana_dashboard_can_be_imported_and_asks_what_can_be_asked) {
    expect_success("tests/ops/watched dashboard");
}

/* Of the sparse metrics a series is there once something was told. */
static void have_all_told(void) {
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    struct wire_request request = cluster_purchase(CARD_RICH), blocked = cluster_purchase(CARD_BLOCKED);
    cr_assert_eq(cluster_call(connection, &request).answer.decision, DECISION_APPROVED);
    cr_assert_eq(cluster_call(connection, &blocked).answer.decision, DECISION_DECLINED);
    struct wire_request lookup = {.call = CALL_LOOKUP, .lookup = {.id = request.authorize.id}};
    cr_assert_eq(cluster_call(connection, &lookup).kind, WIRE_REPLY_FAULT);
    client_disconnect(connection);
}

Test(ops_alerts, every_metric_that_rules_and_dashboard_ask_for_is_told_by_a_node) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.journals = true});
    have_all_told();
    const char *text;
    int status = ops_run(&text,
                         "curl --silent --max-time 30 http://127.0.0.1:%d/metrics > %s/metrics && "
                         "%s/tests/ops/watched names %s/metrics 2>&1",
                         cluster.nodes[0].ops_port, cluster.directory, VAXEL_SOURCE_DIRECTORY, cluster.directory);
    cr_expect_eq(status, 0, "%s", text);
    cluster_stop(&cluster);
}
