/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What a person may be kept waiting for the news. */
#define NEWS_US (3 * SECOND_US)
#define PATIENCE_US (60 * SECOND_US)
/* src/ops/feed.c: so many may read at once. */
#define READERS 64

/* What is bought while PostgreSQL is there goes to no journal, however busy its disk. */
#define PATIENT "[stand_in]\nafter = 10 s\n"

TestSuite(ops_feed, .timeout = 300);

static struct cluster cluster;
static struct reader reader;

static void buy(int card, uint32_t times) {
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    for (uint32_t i = 0; i < times; i++) {
        struct wire_request request = cluster_purchase(card);
        cr_assert_eq(cluster_call(connection, &request).kind, WIRE_REPLY_ANSWER);
    }
    client_disconnect(connection);
}

/* Reads on until a number is so high. */
static void wait_number(const char *way, double value) {
    int64_t give_up = tick_now().us + PATIENCE_US;
    while (reader_number(reader.data, way) < value) {
        cr_assert_lt(tick_now().us, give_up, "%s is %g", way, reader_number(reader.data, way));
        reader_next(&reader);
    }
}

/* Reads on until something is true, or false. */
static void wait_truth(const char *way, bool wanted, int64_t patience_us) {
    int64_t give_up = tick_now().us + patience_us;
    while (reader_truth(reader.data, way) != wanted) {
        cr_assert_lt(tick_now().us, give_up, "%s", way);
        reader_next(&reader);
    }
}

Test(ops_feed, begins_with_who_speaks) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    reader_open(&reader, &cluster, 0);
    char host[128], name[200];
    gethostname(host, sizeof host);
    snprintf(name, sizeof name, "%s:%d", host, cluster.nodes[0].port);
    cr_expect_str_eq(reader_text(reader.data, "node"), name);
    cr_expect_str_eq(reader_text(reader.data, "currency"), "SEK");
    cr_expect_eq(reader_number(reader.data, "decimals"), 2);
    cr_expect_eq(strlen(reader_text(reader.data, "started")), strlen("2026-11-21T06:30:00.123Z"));
    cr_expect_gt(strlen(reader_text(reader.data, "version")), 0);
    cr_expect_eq(json_list_size(reader_member(reader.data, "nodes")), 0);
    cr_expect(json_is_list(reader_member(reader.data, "history")));
    reader_close(&reader);
    cluster_stop(&cluster);
}

Test(ops_feed, names_the_node_and_the_others_as_it_was_told_of_them_while_it_runs) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.settings = "[ops]\nname = north\n"});
    reader_open(&reader, &cluster, 0);
    cr_expect_str_eq(reader_text(reader.data, "node"), "north");
    reader_close(&reader);
    cluster_change_settings(&cluster, 0, "[ops]\nname = north\nnodes = http://10.0.0.5:7512, https://ops.example/b\n");
    cluster_wait_log(&cluster, 0, "key=nodes");
    int64_t give_up = tick_now().us + PATIENCE_US;
    for (bool is_told = false; !is_told;) {
        cr_assert_lt(tick_now().us, give_up);
        reader_open(&reader, &cluster, 0);
        struct json_object *nodes = reader_member(reader.data, "nodes");
        is_told = json_list_size(nodes) == 2;
        if (is_told) {
            cr_expect_str_eq(reader_text(json_item(nodes, 0), "url"), "http://10.0.0.5:7512");
            cr_expect_str_eq(reader_text(json_item(nodes, 1), "url"), "https://ops.example/b");
        }
        reader_close(&reader);
    }
    cluster_stop(&cluster);
}

static void expect_same(const char *metrics, const char *way, const char *series) {
    cr_expect_eq(reader_number(reader.data, way), ops_sum(metrics, series), "%s is %g, %s is %g", way,
                 reader_number(reader.data, way), series, ops_sum(metrics, series));
}

#define AUTHORIZED(decision)                                                                                           \
    "vaxel_answers_total{call=\"authorize\",client=\"validator\",channel=\"card\",decision=\"" decision "\""

Test(ops_feed, tells_what_the_metrics_tell) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.settings = "[switch]\nworkers = 2\n"});
    buy(CARD_THOUSAND, 9); /* 130.00 fits seven times */
    buy(CARD_BLOCKED, 3);
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    reader_open(&reader, &cluster, 0);
    reader_next(&reader);
    wait_number("declined.total", 5);
    wait_number("in_flight.connections", 1);
    ops_wait_sum(&cluster, 0, "vaxel_audit_sweeps_total", 1);
    reader_next(&reader);
    reader_next(&reader);
    const char *metrics = ops_scrape(&cluster, 0);
    expect_same(metrics, "approved.total", AUTHORIZED("approved"));
    expect_same(metrics, "declined.total", AUTHORIZED("declined"));
    expect_same(metrics, "declined.reasons.CREDIT_LIMIT.total", AUTHORIZED("declined") ",reason=\"CREDIT_LIMIT\"}");
    expect_same(metrics, "declined.reasons.BLOCKED.total", AUTHORIZED("declined") ",reason=\"BLOCKED\"}");
    expect_same(metrics, "failed.total", AUTHORIZED("failed"));
    expect_same(metrics, "faults.total", "vaxel_faults_total");
    expect_same(metrics, "in_flight.requests", "vaxel_requests");
    expect_same(metrics, "in_flight.requests_capacity", "vaxel_requests_capacity");
    expect_same(metrics, "in_flight.connections", "vaxel_connections");
    expect_same(metrics, "in_flight.connections_capacity", "vaxel_connections_capacity");
    expect_same(metrics, "in_flight.postgres_waiting", "vaxel_postgres_waiting");
    expect_same(metrics, "in_flight.postgres_waiting_capacity", "vaxel_postgres_waiting_capacity");
    expect_same(metrics, "redis.losses", "vaxel_redis_losses_total");
    expect_same(metrics, "redis.rebuilds", "vaxel_rebuilds_total");
    expect_same(metrics, "postgres.losses", "vaxel_postgres_losses_total");
    expect_same(metrics, "postgres.quarantined", "vaxel_quarantined_total");
    expect_same(metrics, "directory.organisations", "vaxel_directory_rows{kind=\"organisation\"}");
    expect_same(metrics, "directory.travellers", "vaxel_directory_rows{kind=\"traveller\"}");
    cr_expect_eq(reader_number(reader.data, "approved.total"), 7);
    cr_expect_eq(reader_number(reader.data, "declined.total"), 5);
    cr_expect(reader_truth(reader.data, "redis.up") && reader_truth(reader.data, "postgres.up"));
    cr_expect(reader_truth(reader.data, "ready") && !reader_truth(reader.data, "draining"));
    cr_expect_str_eq(reader_text(reader.data, "stand_in.journal"), "none");
    cr_expect_str_eq(reader_text(reader.data, "audit.drift"), "0.00");
    cr_expect_eq(reader_text(reader.data, "audit.last_sweep")[10], 'T');
    reader_close(&reader);
    client_disconnect(connection);
    cluster_stop(&cluster);
}

/* What stands in one second's sample is what happened in that second. */
Test(ops_feed, tells_rates_and_latencies_of_each_second_by_itself) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    reader_open(&reader, &cluster, 0);
    reader_next(&reader);
    cr_expect_null(reader_member(reader.data, "latency_ms.whole.p99"));
    cr_expect_eq(reader_number(reader.data, "latency_ms.record.count"), 0);
    buy(CARD_RICH, 5);
    double counted = 0, rated = 0;
    while (counted < 5) {
        reader_next(&reader);
        double count = reader_number(reader.data, "latency_ms.whole.count");
        counted += count;
        rated += reader_number(reader.data, "approved.per_s") * reader_number(reader.data, "span_s");
        cr_expect_eq(reader_number(reader.data, "latency_ms.record.count"), count);
        if (count == 0)
            continue;
        double p50 = reader_number(reader.data, "latency_ms.whole.p50");
        cr_expect_gt(p50, 0);
        cr_expect_geq(reader_number(reader.data, "latency_ms.whole.p99"), p50);
        cr_expect_leq(reader_number(reader.data, "latency_ms.count.p50"),
                      reader_number(reader.data, "latency_ms.whole.p999"));
    }
    cr_expect_eq(counted, 5);
    cr_expect_float_eq(rated, 5, 0.2);
    reader_next(&reader);
    cr_expect_eq(reader_number(reader.data, "approved.per_s"), 0);
    cr_expect_null(reader_member(reader.data, "latency_ms.whole.p50"));
    reader_close(&reader);
    cluster_stop(&cluster);
}

Test(ops_feed, tells_a_lost_redis_within_three_seconds_and_its_return) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    reader_open(&reader, &cluster, 0);
    reader_next(&reader);
    wait_truth("ready", true, PATIENCE_US);
    test_redis_kill(&cluster.redis);
    wait_truth("redis.up", false, NEWS_US);
    cr_expect(!reader_truth(reader.data, "ready"));
    cr_expect_str_eq(json_as_text(json_item(reader_member(reader.data, "missing"), 0)),
                     "Redis (1 of 1 workers have none that counts)");
    test_redis_restart(&cluster.redis);
    wait_truth("ready", true, PATIENCE_US);
    cr_expect_eq(json_list_size(reader_member(reader.data, "missing")), 0);
    cr_expect_geq(reader_number(reader.data, "redis.losses"), 1);
    reader_close(&reader);
    cluster_stop(&cluster);
}

Test(ops_feed, tells_what_a_node_vouches_for) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.own_postgres = true, .journals = true, .settings = PATIENT});
    reader_open(&reader, &cluster, 0);
    reader_next(&reader);
    cr_expect_str_eq(reader_text(reader.data, "stand_in.journal"), "open");
    buy(CARD_RICH, 1); /* its counters are warm */
    test_postgres_kill(&cluster.postgres);
    wait_truth("postgres.up", false, PATIENCE_US);
    cr_expect(reader_truth(reader.data, "ready"));
    cr_expect_not_null(strstr(json_as_text(json_item(reader_member(reader.data, "warnings"), 0)), "PostgreSQL"));
    buy(CARD_RICH, 1);
    wait_number("stand_in.entries", 1);
    cr_expect(reader_truth(reader.data, "stand_in.on"));
    cr_expect_str_eq(reader_text(reader.data, "stand_in.amount"), "130.00");
    cr_expect_gt(reader_number(reader.data, "stand_in.bytes"), 0);
    test_postgres_restart(&cluster.postgres);
    wait_truth("stand_in.on", false, PATIENCE_US);
    reader_close(&reader);
    cluster_stop(&cluster);
}

Test(ops_feed, tells_of_a_node_that_is_starting) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.own_postgres = true});
    cr_assert_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0);
    test_postgres_kill(&cluster.postgres);
    cluster_start_node(&cluster, 0);
    ops_wait_page(&cluster, 0, "/readyz", 503, "the node is starting", PATIENCE_US);
    reader_open(&reader, &cluster, 0);
    reader_next(&reader);
    cr_expect(!reader_truth(reader.data, "ready"));
    cr_expect_null(reader_member(reader.data, "directory.travellers"));
    test_postgres_restart(&cluster.postgres);
    wait_truth("ready", true, PATIENCE_US);
    cr_expect_eq(reader_number(reader.data, "directory.organisations"), 3);
    reader_close(&reader);
    cluster_stop(&cluster);
}

Test(ops_feed, gives_those_who_come_late_what_they_missed) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    reader_open(&reader, &cluster, 0);
    reader_next(&reader);
    long first = reader.id;
    buy(CARD_RICH, 3);
    wait_number("approved.total", 3);
    long last = reader.id;
    struct reader late;
    reader_open(&late, &cluster, 0);
    struct json_object *history = reader_member(late.data, "history");
    size_t size = json_list_size(history);
    cr_expect_geq(late.id, last);
    cr_expect_eq((long)size, late.id, "all of them: they are fewer than 300");
    cr_expect_geq(late.id - first, 1);
    for (size_t i = 0; i < size; i++) {
        struct json_object *sample = json_item(history, i);
        cr_expect_eq(reader_number(sample, "sequence"), (double)(i + 1));
        cr_expect(!json_has(sample, "organisations") && !json_has(sample, "declines"));
    }
    cr_expect_eq(reader_number(json_item(history, size - 1), "approved.total"), 3);
    long before = late.id;
    reader_next(&late);
    cr_expect_eq(late.id, before + 1);
    cr_expect_eq(reader_number(late.data, "sequence"), (double)late.id);
    cr_expect(json_has(late.data, "organisations") && json_has(late.data, "declines"));
    reader_close(&late);
    reader_close(&reader);
    cluster_stop(&cluster);
}

Test(ops_feed, is_read_by_many_and_is_the_same_for_all) {
    enum { MANY = 20 };
    static struct reader readers[MANY];
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    for (int i = 0; i < MANY; i++)
        reader_open(&readers[i], &cluster, 0);
    buy(CARD_RICH, 2);
    long wanted = readers[MANY - 1].id + 3;
    for (int i = 0; i < MANY; i++) {
        do
            reader_next(&readers[i]);
        while (readers[i].id < wanted);
        cr_expect_eq(readers[i].id, wanted, "none is left out for one who reads");
        cr_expect_str_eq(json_write(readers[i].data), json_write(readers[0].data));
    }
    for (int i = 0; i < MANY; i++)
        reader_close(&readers[i]);
    cluster_stop(&cluster);
}

static int connect_ops(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)cluster.nodes[0].ops_port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static const char ask[] = "GET /events HTTP/1.1\r\nHost: node\r\n\r\n";

/* Reads the first line and no more. */
static int ask_and_stop_reading(void) {
    int fd = connect_ops();
    char status[13] = "";
    int small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    cr_assert_eq(write(fd, ask, sizeof ask - 1), (ssize_t)(sizeof ask - 1));
    cr_assert_eq(recv(fd, status, 12, MSG_WAITALL), 12);
    cr_expect_str_eq(status, "HTTP/1.1 200");
    return fd;
}

Test(ops_feed, waits_for_nobody_and_has_an_end_to_how_many_read) {
    int fds[READERS];
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    for (int i = 0; i < READERS; i++)
        fds[i] = ask_and_stop_reading();
    const char *text;
    cr_expect_eq(ops_get(&cluster, 0, "/events", &text), 503);
    cr_expect_not_null(strstr(text, "too many"), "%s", text);
    cr_expect_eq(ops_get(&cluster, 0, "/readyz", &text), 200);
    close(fds[0]);
    int64_t give_up = tick_now().us + PATIENCE_US;
    while (ops_run(&text,
                   "curl --silent --max-time 2 --output /dev/null --write-out '%%{http_code}' "
                   "http://127.0.0.1:%d/events",
                   cluster.nodes[0].ops_port),
           strcmp(text, "200") != 0)
        cr_assert_lt(tick_now().us, give_up, "%s", text);
    cr_expect_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0, "they keep it from nothing");
    cluster.nodes[0].pid = 0;
    for (int i = 1; i < READERS; i++)
        close(fds[i]);
    cluster_stop(&cluster);
}

Test(ops_feed, may_be_read_by_other_pages_and_not_written) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    const char *text;
    ops_run(&text, "curl --silent --include --no-buffer --max-time 60 http://127.0.0.1:%d/events | sed '/^data/q'",
            cluster.nodes[0].ops_port);
    cr_expect_not_null(strstr(text, "\r\nContent-Type: text/event-stream\r\n"), "%s", text);
    cr_expect_not_null(strstr(text, "\r\nAccess-Control-Allow-Origin: *\r\n"), "%s", text);
    cr_expect_not_null(strstr(text, "\r\nCache-Control: no-store\r\n"), "%s", text);
    cr_expect_eq(ops_get(&cluster, 0, "/events -I", &text), 200);
    cr_expect_eq(ops_get(&cluster, 0, "/events -X POST -d x", &text), 405);
    cluster_stop(&cluster);
}
