/* SPDX-License-Identifier: Apache-2.0 */
/* Two nodes behind deploy/haproxy/haproxy.cfg: what clients notice when one of them goes. */
#include "balancer.h"
#include "system/crowd.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(balance, .timeout = 180);

#define HELD 100

static struct cluster cluster;
static struct balancer balancer;
static struct crowd crowd;

static const int cards[] = {CARD_RICH, CARD_RICH, CARD_THOUSAND, CARD_RICH, CARD_POOR_COMPANY, CARD_DEPARTMENT};
#define CARDS (int)(sizeof cards / sizeof cards[0])
static const char *const servers[] = {"node-1", "node-2"};

static void start(void) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.nodes = 2});
    balancer_start(&balancer, &cluster);
}

static void finish(void) {
    balancer_stop(&balancer);
    cluster_stop(&cluster);
}

static void start_crowd(int64_t timeout_us) {
    crowd_start(&crowd, &balancer.behind, cards, CARDS, timeout_us);
    crowd_wait_answered(&crowd, 200);
}

static double accepted(int node) {
    return ops_sum(ops_scrape(&cluster, node), "vaxel_connections_accepted_total");
}

static void bring_back(int node) {
    cluster_start_node(&cluster, node);
    balancer_wait(&balancer, "switch", servers[node], "UP");
}

Test(balance, a_node_that_is_told_to_end_costs_no_request) {
    start();
    start_crowd(4 * SECOND_US); /* time enough on any machine */
    for (int i = 0; i < 4; i++) {
        int node = i % 2;
        cr_expect_eq(test_process_end(cluster.nodes[node].pid, SIGTERM), 0);
        crowd_wait_answered(&crowd, 200);
        bring_back(node);
    }
    crowd_stop(&crowd);
    cr_expect_eq(crowd.failed, 0, "%u requests failed", crowd.failed);
    crowd_verify(&crowd);
    crowd_finish(&crowd);
    finish();
}

/* What a killed node had only counted is freed by a rebuild. */
static void rebuild_all(void) {
    test_redis_command(&cluster.redis, "FLUSHALL");
    for (int card = 0; card < CARD_COUNT; card++)
        cluster_buy(&balancer.behind, 0, card);
}

Test(balance, a_node_that_is_killed_leaves_every_answer_it_gave_and_each_approval_recorded_once) {
    start();
    start_crowd(SECOND_US);
    for (int i = 0; i < 4; i++) {
        int node = i % 2;
        test_process_end(cluster.nodes[node].pid, SIGKILL);
        crowd_wait_answered(&crowd, 200);
        bring_back(node);
    }
    crowd_stop(&crowd);
    rebuild_all();
    crowd_verify(&crowd);
    crowd_finish(&crowd);
    finish();
}

/* Of the only client the node is the one that has a connection. */
static int node_of(void) {
    int64_t give_up = tick_now().us + 30 * SECOND_US;
    for (int node = 0;; node = 1 - node) {
        if (ops_sum(ops_scrape(&cluster, node), "vaxel_connections") == 1)
            return node;
        cr_assert_lt(tick_now().us, give_up);
    }
}

/* As a client does that finds its connection broken: a killed node's kernel may take one more before its ring is gone.
 */
static struct client_connection *connect_again(void) {
    char text[3][TEST_TEXT], address[64];
    static const char *const endings[] = {"validator-1.pem", "validator-1.key", "authority.pem"};
    for (int i = 0; i < 3; i++)
        snprintf(text[i], TEST_TEXT, "%.200s/%s", cluster.directory, endings[i]);
    const struct net_tls_files files = {text[0], text[1], text[2]};
    snprintf(address, sizeof address, "127.0.0.1:%d", balancer.behind.nodes[0].port);
    struct client_connection *connection;
    struct failure failure = {""};
    int64_t give_up = tick_now().us + 30 * SECOND_US;
    while ((connection = client_connect(address, &files, SECOND_US, &failure)) == NULL)
        cr_assert_lt(tick_now().us, give_up, "%s", failure.text);
    return connection;
}

Test(balance, who_asks_again_after_its_node_was_killed_gets_the_same_answer_from_the_other) {
    start();
    struct client_connection *connection = cluster_connect(&balancer.behind, 0, "validator-1");
    struct wire_request request = cluster_purchase(CARD_RICH), refused = cluster_purchase(CARD_THOUSAND);
    refused.authorize.amount.minor = 100001;
    struct wire_reply approval = cluster_call(connection, &request), decline = cluster_call(connection, &refused);
    cr_assert_eq(approval.answer.decision, DECISION_APPROVED);
    cr_assert_eq(decline.answer.decision, DECISION_DECLINED);
    int node = node_of();
    test_process_end(cluster.nodes[node].pid, SIGKILL);
    client_disconnect(connection);
    connection = connect_again();
    struct wire_reply again = cluster_call(connection, &request);
    cr_expect_eq(again.answer.decision, DECISION_APPROVED);
    cr_expect(again.answer.is_repeat);
    cr_expect_eq(again.answer.amount_minor, approval.answer.amount_minor);
    again = cluster_call(connection, &refused);
    cr_expect_eq(again.answer.decision, DECISION_DECLINED);
    cr_expect_eq(again.answer.reason, decline.answer.reason);
    client_disconnect(connection);
    cr_expect_str_eq(cluster_sql(&cluster, "SELECT count(*) FROM entry WHERE amount_minor <> 0"), "1");
    bring_back(node);
    finish();
}

/* A node whose own Redis can be taken from it. */
static void give_own_redis(int node, struct test_redis *redis) {
    char program[TEST_TEXT], setting[TEST_TEXT + 32];
    test_redis_start(redis);
    test_program("vaxeld", program);
    snprintf(setting, sizeof setting, "--set=redis.address=%s", redis->address);
    cr_assert_eq(test_process_end(cluster.nodes[node].pid, SIGTERM), 0);
    balancer_wait(&balancer, "switch", servers[node], "DOWN");
    const char *const arguments[] = {program, "--config", cluster.nodes[node].config, setting, NULL};
    cluster.nodes[node].pid = test_process_start(cluster.nodes[node].log, arguments);
    balancer_wait(&balancer, "switch", servers[node], "UP");
}

static void expect_approved(int times) {
    for (int i = 0; i < times; i++) {
        struct answer answer = cluster_buy(&balancer.behind, 0, CARD_RICH);
        cr_expect_eq(answer.decision, DECISION_APPROVED, "%s", reason_name(answer.reason));
    }
}

/* It is given clients again little by little, so it takes some that stay with the other. */
static void expect_clients_again(int node, double before) {
    static struct client_connection *held[HELD];
    int count = 0;
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    while (accepted(node) == before) {
        cr_assert_lt(tick_now().us, give_up);
        if (count < HELD)
            held[count++] = cluster_connect(&balancer.behind, 0, "validator-1");
        else
            usleep(50000);
    }
    while (count > 0)
        client_disconnect(held[--count]);
}

Test(balance, a_node_that_is_not_ready_gets_no_new_connection_until_it_is_again) {
    start();
    struct test_redis redis;
    give_own_redis(0, &redis);
    test_redis_kill(&redis);
    balancer_wait(&balancer, "switch", "node-1", "DOWN");
    const char *text;
    cr_assert_eq(ops_get(&cluster, 0, "/readyz", &text), 503, "%s", text);
    cr_assert_eq(ops_get(&cluster, 0, "/healthz", &text), 200, "%s", text);
    double before = accepted(0);
    expect_approved(20);
    cr_expect_eq(accepted(0), before);
    test_redis_restart(&redis);
    balancer_wait(&balancer, "switch", "node-1", "UP");
    expect_clients_again(0, before);
    finish();
    test_redis_stop(&redis);
}

/* It takes no connection's bytes and answers no question: neither 503 nor 200. */
Test(balance, a_node_that_hangs_gets_no_new_connection) {
    start();
    cr_assert_eq(kill(cluster.nodes[1].pid, SIGSTOP), 0);
    balancer_wait(&balancer, "switch", "node-2", "DOWN");
    expect_approved(20);
    cr_assert_eq(kill(cluster.nodes[1].pid, SIGCONT), 0);
    balancer_wait(&balancer, "switch", "node-2", "UP");
    finish();
}

static const struct advice_answers *tell(struct client_connection *connection, struct wire_reply *reply) {
    static struct advices advices;
    advices.count = 1;
    advices.each[0] = (struct advise){.id = cluster_new_id(),
                                      .credential = {.kind = CREDENTIAL_CARD, .card = cluster_card(CARD_RICH)},
                                      .amount = {13000, {"SEK"}},
                                      .product = {"single"},
                                      .place = {"line 45"},
                                      .timeout_us = 10 * SECOND_US};
    struct wire_request request = {.call = CALL_ADVISE, .advices = &advices};
    *reply = cluster_call(connection, &request);
    cr_assert_eq(reply->kind, WIRE_REPLY_ADVICES, "%s", reply->fault.text);
    return reply->advices;
}

Test(balance, while_no_node_is_ready_those_that_live_take_reports_and_say_unavailable) {
    start();
    test_redis_kill(&cluster.redis);
    balancer_wait(&balancer, "switch", "node-1", "DOWN");
    balancer_wait(&balancer, "switch", "node-2", "DOWN");
    struct client_connection *connection = cluster_connect(&balancer.behind, 0, "validator-1");
    struct wire_request request = cluster_purchase(CARD_RICH);
    request.authorize.timeout_us = SECOND_US / 2;
    struct wire_reply reply = cluster_call(connection, &request);
    cr_expect_eq(reply.answer.reason, REASON_UNAVAILABLE, "%s", reason_name(reply.answer.reason));
    cr_expect_eq(tell(connection, &reply)->each[0].reason, REASON_APPROVED);
    client_disconnect(connection);
    test_redis_restart(&cluster.redis);
    balancer_wait(&balancer, "switch", "node-1", "UP");
    balancer_wait(&balancer, "switch", "node-2", "UP");
    expect_approved(2);
    finish();
}

/* The standard health service, asked by curl: a message of no bytes is answered by {status: SERVING}. */
Test(balance, grpc_goes_through_the_same_port) {
    start();
    const char *text;
    const char *directory = cluster.directory;
    int status = ops_run(&text,
                         "printf '\\0\\0\\0\\0\\0' | curl --silent --show-error --max-time 30 --http2 --cacert "
                         "%s/authority.pem --cert %s/validator-1.pem --key %s/validator-1.key -H 'te: trailers' "
                         "-H 'content-type: application/grpc' --data-binary @- "
                         "https://127.0.0.1:%d/grpc.health.v1.Health/Check 2>&1 | od -An -tx1",
                         directory, directory, directory, balancer.behind.nodes[0].port);
    cr_expect_eq(status, 0);
    cr_expect_str_eq(text, " 00 00 00 00 02 08 01\n", "%s", text);
    finish();
}

static pid_t start_wallet(void) {
    const char *text;
    cr_assert_eq(ops_run(&text, "%s/deploy/dev/wallet-token %s 2>&1", VAXEL_SOURCE_DIRECTORY, cluster.directory), 0,
                 "%s", text);
    char program[TEST_TEXT], log[TEST_TEXT], settings[6][TEST_TEXT + 64];
    test_program("vaxel-wallet", program);
    snprintf(log, sizeof log, "%.200s/wallet.log", cluster.directory);
    snprintf(settings[0], sizeof settings[0], "--set=wallet.address=127.0.0.1:%d", balancer.wallet);
    snprintf(settings[1], sizeof settings[1], "--set=client.connect=127.0.0.1:%d", balancer.behind.nodes[0].port);
    snprintf(settings[2], sizeof settings[2], "--set=wallet.certificate=%s/office-1.pem", cluster.directory);
    snprintf(settings[3], sizeof settings[3], "--set=wallet.key=%s/office-1.key", cluster.directory);
    snprintf(settings[4], sizeof settings[4], "--set=wallet.authority=%s/authority.pem", cluster.directory);
    snprintf(settings[5], sizeof settings[5], "--set=wallet.keys=%s/wallet-keys.json", cluster.directory);
    const char *const arguments[] = {program,     "--config",  cluster.nodes[0].config,
                                     settings[0], settings[1], settings[2],
                                     settings[3], settings[4], settings[5],
                                     NULL};
    return test_process_start(log, arguments);
}

Test(balance, a_wallet_is_reached_through_it_and_reaches_the_switch_through_it) {
    start();
    pid_t wallet = start_wallet();
    balancer_wait(&balancer, "wallet", "wallet-1", "UP");
    const char *text, *directory = cluster.directory;
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    do {
        cr_assert_lt(tick_now().us, give_up, "the wallet says %s", text);
        usleep(50000);
        ops_run(&text,
                "curl --silent --show-error --max-time 30 --cacert %s/authority.pem --cert %s/app-backend-1.pem "
                "--key %s/app-backend-1.key -H \"X-BoB-AuthToken: $(cat %s/wallet-token)\" "
                "https://127.0.0.1:%d/api/v3/token/%016llu/wallet 2>&1",
                directory, directory, directory, directory, balancer.wallet_port,
                (unsigned long long)cluster_card(CARD_RICH));
    } while (strstr(text, "\"type\":\"invoice\"") == NULL);
    cr_expect_eq(test_process_end(wallet, SIGTERM), 0);
    finish();
}
