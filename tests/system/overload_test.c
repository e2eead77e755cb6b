/* SPDX-License-Identifier: Apache-2.0 */
/* More than there is room for, from those who don't know better or mean harm: it is bounded, and the others are served
 * (issue 3, item 10; I8). */
#include "cluster.h"
#include "load/load.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct cluster cluster;

TestSuite(overload, .timeout = 240);

static void expect_others_are_served(void) {
    for (int i = 0; i < 5; i++)
        cr_expect_eq(cluster_buy(&cluster, 0, CARD_RICH).decision, DECISION_APPROVED);
}

/* ---- clients that do harm ---- */

/* 100 MiB of them: more than the kernel keeps for any socket. */
#define ECHOES_MAX 100000

static int connect_without_tls(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)cluster.nodes[0].port)};
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0, "%s", strerror(errno));
    return fd;
}

/* Waits until the other side has closed it, for half a minute. */
static bool is_cut_off(int fd) {
    const struct timeval patience = {.tv_sec = 30};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char bytes[256];
    ssize_t size;
    /* The clients' rings interrupt it. */
    while ((size = recv(fd, bytes, sizeof bytes, 0)) > 0 || (size < 0 && errno == EINTR))
        ;
    return size == 0 || errno == ECONNRESET;
}

Test(overload, handshakes_that_never_end_are_cut_off_and_harm_nobody) {
    cluster_start(&cluster, (struct cluster_wishes){.settings = "[listen]\nhandshake_timeout = 5 s\n"});
    int sockets[60];
    for (int i = 0; i < 60; i++) {
        sockets[i] = connect_without_tls();
        /* A third says nothing, a third begins well and stops, a third talks about something else. */
        static const char *const words[] = {"", "\x16\x03\x01\x02", "GET / HTTP/1.1\r\n\r\n"};
        const char *word = words[i % 3];
        cr_assert_eq(send(sockets[i], word, strlen(word), MSG_NOSIGNAL), (ssize_t)strlen(word));
    }
    expect_others_are_served();
    for (int i = 0; i < 60; i++) {
        cr_expect(is_cut_off(sockets[i]), "socket %d is kept: %s", i, strerror(errno));
        close(sockets[i]);
    }
    expect_others_are_served();
    cluster_stop(&cluster);
}

Test(overload, a_flood_of_connections_is_turned_away_and_those_inside_go_on) {
    cluster_start(&cluster,
                  (struct cluster_wishes){.settings = "[listen]\nconnections = 40\nhandshake_timeout = 5 s\n"});
    struct client_connection *inside = cluster_connect(&cluster, 0, "validator-1");
    int sockets[300];
    for (int i = 0; i < 300; i++)
        sockets[i] = connect_without_tls();
    for (int i = 0; i < 5; i++) {
        struct wire_request request = cluster_purchase(CARD_RICH);
        cr_expect_eq(cluster_call(inside, &request).answer.decision, DECISION_APPROVED);
    }
    for (int i = 0; i < 300; i++) {
        cr_expect(is_cut_off(sockets[i]), "socket %d is kept: %s", i, strerror(errno));
        close(sockets[i]);
    }
    expect_others_are_served();
    client_disconnect(inside);
    cluster_stop(&cluster);
}

/* A client of OpenSSL's alone: the tests' own reads whatever comes. */
static SSL *connect_by_openssl(SSL_CTX *context, const char *client) {
    char text[2][TEST_TEXT];
    snprintf(text[0], TEST_TEXT, "%.200s/%s.pem", cluster.directory, client);
    snprintf(text[1], TEST_TEXT, "%.200s/%s.key", cluster.directory, client);
    cr_assert_eq(SSL_CTX_use_certificate_chain_file(context, text[0]), 1);
    cr_assert_eq(SSL_CTX_use_PrivateKey_file(context, text[1], SSL_FILETYPE_PEM), 1);
    SSL *ssl = SSL_new(context);
    static const unsigned char protocol[] = "\x07" WIRE_PROTOCOL;
    cr_assert_eq(SSL_set_alpn_protos(ssl, protocol, sizeof protocol - 1), 0);
    cr_assert_eq(SSL_set_fd(ssl, connect_without_tls()), 1);
    cr_assert_eq(SSL_connect(ssl), 1);
    return ssl;
}

static void end_openssl(SSL *ssl) {
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
}

/* How many echoes of so many are asked for before the other side has had enough. */
static int ask_echoes(SSL *ssl, int most) {
    struct wire_codec *codec = wire_codec_create();
    struct buffer frame;
    buffer_init(&frame, 2 * ECHO_MAX);
    const struct wire_request request = {.call = CALL_ECHO, .correlation = 1, .echo.size = ECHO_MAX};
    cr_assert(wire_encode_request(codec, &frame, &request));
    int asked = 0;
    while (asked < most && SSL_write(ssl, frame.data, (int)frame.size) > 0)
        asked++;
    buffer_finish(&frame);
    wire_codec_destroy(codec);
    return asked;
}

Test(overload, a_client_that_never_reads_is_cut_off_and_harms_nobody) {
    cluster_start(&cluster, (struct cluster_wishes){.settings = "[listen]\nunread = 64 KiB\n"});
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = connect_by_openssl(context, "validator-1");
    cr_expect_lt(ask_echoes(ssl, ECHOES_MAX), ECHOES_MAX, "answers are kept without end for one who reads none");
    expect_others_are_served();
    end_openssl(ssl);
    SSL_CTX_free(context);
    cluster_stop(&cluster);
}

/* Else its connection was closed. */
static bool is_served(SSL *ssl) {
    char bytes[2 * ECHO_MAX];
    return ask_echoes(ssl, 1) == 1 && SSL_read(ssl, bytes, sizeof bytes) > 0;
}

/* When the server has seen that there is room again. */
static SSL *connect_until_served(SSL_CTX *context, const char *client) {
    int64_t give_up_us = tick_now().us + 60 * SECOND_US;
    for (;;) {
        SSL *ssl = connect_by_openssl(context, client);
        if (is_served(ssl))
            return ssl;
        cr_assert_lt(tick_now().us, give_up_us, "%s is never served again", client);
        end_openssl(ssl);
        usleep(10000);
    }
}

#define SHARE 3

Test(overload, a_client_that_takes_all_it_can_get_leaves_connections_to_others) {
    cluster_start(&cluster, (struct cluster_wishes){.settings = "[listen]\nconnections_per_client = 3\n"});
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *greedy[SHARE + 1];
    for (int i = 0; i < SHARE; i++) {
        greedy[i] = connect_by_openssl(context, "app-backend-1");
        cr_assert(is_served(greedy[i]), "connection %d", i);
    }
    greedy[SHARE] = connect_by_openssl(context, "app-backend-1");
    cr_expect_not(is_served(greedy[SHARE]), "it has one more than it may have");
    cluster_wait_log(&cluster, 0, "all that it may have stand name=app-backend-1");
    expect_others_are_served();
    end_openssl(greedy[0]);
    greedy[0] = connect_until_served(context, "app-backend-1");
    for (int i = 0; i <= SHARE; i++)
        end_openssl(greedy[i]);
    SSL_CTX_free(context);
    cluster_stop(&cluster);
}

/* ---- too much at once ---- */

/* Sends while nothing can be answered but BUSY; how many were answered that. */
static int count_busy(struct client_connection *connection, int asked, int let_in) {
    struct failure failure;
    struct wire_reply reply;
    kill(cluster.redis.pid, SIGSTOP);
    for (int i = 0; i < asked; i++) {
        struct wire_request request = cluster_purchase(CARD_RICH);
        cr_assert(client_send(connection, &request, &failure), "%s", failure.text);
    }
    for (int i = 0; i < asked - let_in; i++) {
        cr_assert(client_receive(connection, 20 * SECOND_US, &reply, &failure), "%d: %s", i, failure.text);
        cr_assert_eq(reply.answer.reason, REASON_BUSY, "%s", reason_name(reply.answer.reason));
    }
    kill(cluster.redis.pid, SIGCONT);
    int approved = 0;
    for (int i = 0; i < let_in; i++) {
        cr_assert(client_receive(connection, 20 * SECOND_US, &reply, &failure), "%d: %s", i, failure.text);
        approved += reply.answer.decision == DECISION_APPROVED;
    }
    return approved;
}

Test(overload, a_client_with_too_many_in_flight_is_told_busy_at_once_and_only_it) {
    cluster_start(&cluster, (struct cluster_wishes){.settings = "[switch]\nrequests_per_connection = 8\n"
                                                                "[redis]\nsilence = 1 min\n"});
    struct client_connection *greedy = cluster_connect(&cluster, 0, "validator-1");
    struct client_connection *other = cluster_connect(&cluster, 0, "validator-1");
    cr_expect_eq(count_busy(greedy, 200, 8), 8);
    struct wire_request request = cluster_purchase(CARD_RICH);
    cr_expect_eq(cluster_call(other, &request).answer.decision, DECISION_APPROVED);
    client_disconnect(greedy);
    client_disconnect(other);
    cluster_expect_clean_audit(&cluster);
    cluster_stop(&cluster);
}

Test(overload, a_switch_that_has_its_fill_says_busy_at_once) {
    cluster_start(&cluster, (struct cluster_wishes){.settings = "[switch]\nrequests = 32\n"
                                                                "[redis]\nsilence = 1 min\n"});
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    cr_expect_eq(count_busy(connection, 300, 32), 32);
    cr_expect_eq(count_busy(connection, 300, 32), 32);
    client_disconnect(connection);
    cluster_expect_clean_audit(&cluster);
    cluster_stop(&cluster);
}

/* ---- twice what can be done ---- */

#define DEADLINE_US (8 * SECOND_US)
#define BATCH_S 0.05
#define LOAD_PER_S 2000
#define LOAD_US (9 * SECOND_US)

static uint64_t rich_card(void *owner, uint32_t organisation, uint32_t traveller) {
    (void)owner;
    (void)organisation;
    (void)traveller;
    return cluster_card(CARD_RICH);
}

static struct load_result result;
static _Atomic bool is_load_over;

static void *run_load(void *unused) {
    (void)unused;
    char address[64];
    char text[3][TEST_TEXT];
    snprintf(address, sizeof address, "127.0.0.1:%d", cluster.nodes[0].port);
    snprintf(text[0], TEST_TEXT, "%.200s/validator-1.pem", cluster.directory);
    snprintf(text[1], TEST_TEXT, "%.200s/validator-1.key", cluster.directory);
    snprintf(text[2], TEST_TEXT, "%.200s/authority.pem", cluster.directory);
    const struct load_options options = {
        .addresses = address,
        .tls = {text[0], text[1], text[2]},
        .connections = 64,
        .in_flight = 512,
        .rate_per_s = LOAD_PER_S,
        .duration_us = LOAD_US,
        .timeout_us = DEADLINE_US,
        .amount_minor = 100,
        .currency = {"SEK"},
        .product = {"single"},
        .population = {.organisations = 1, .travellers = 1, .card = rich_card},
    };
    struct failure failure = {""};
    bool is_run = load_run(&options, &result, &failure);
    is_load_over = true;
    return is_run ? &result : NULL;
}

/* PostgreSQL takes so long for a batch of so many that the load is twice what it can do, on any machine. */
static void slow_down(void) {
    cluster_sql(&cluster,
                "CREATE FUNCTION slow_down() RETURNS trigger LANGUAGE plpgsql AS "
                "'BEGIN PERFORM pg_sleep(%f); RETURN NULL; END'",
                BATCH_S);
    cluster_sql(&cluster, "CREATE TRIGGER slow_down AFTER INSERT ON entry FOR EACH STATEMENT "
                          "EXECUTE FUNCTION slow_down()");
}

#define PROBES 4096

/* Purchases that are sent one by one, whatever is unanswered. */
struct probe {
    struct client_connection *connection;
    int sent;
    int answered;
    int busy;
    struct request_id ids[PROBES];
    struct tick sent_at[PROBES];
};

static void send_probe(struct probe *probe) {
    struct wire_request request = cluster_purchase(CARD_RICH);
    request.authorize.timeout_us = DEADLINE_US;
    probe->ids[probe->sent] = request.authorize.id;
    probe->sent_at[probe->sent++] = tick_now();
    struct failure failure;
    cr_assert(client_send(probe->connection, &request, &failure), "%s", failure.text);
}

/* Who is told BUSY is told at once, not at the deadline. */
static bool take_answer(struct probe *probe, int64_t patience_us) {
    struct wire_reply reply;
    struct failure failure;
    if (!client_receive(probe->connection, patience_us, &reply, &failure))
        return false;
    int at = 0;
    while (!request_id_equal(&probe->ids[at], &reply.id))
        cr_assert_lt(++at, probe->sent);
    int64_t waited_us = tick_now().us - probe->sent_at[at].us;
    bool is_busy = reply.answer.reason == REASON_BUSY;
    cr_expect_lt(waited_us, is_busy ? DEADLINE_US / 4 : DEADLINE_US, "%s after %lld us",
                 reason_name(reply.answer.reason), (long long)waited_us);
    probe->busy += is_busy;
    probe->answered++;
    return true;
}

static int probe_while_there_is_load(void) {
    static struct probe probe;
    probe.connection = cluster_connect(&cluster, 0, "validator-1");
    while (!is_load_over && probe.sent < PROBES) {
        send_probe(&probe);
        take_answer(&probe, 10000);
    }
    while (probe.answered < probe.sent)
        cr_assert(take_answer(&probe, DEADLINE_US), "%d answers of %d", probe.answered, probe.sent);
    client_disconnect(probe.connection);
    return probe.busy;
}

Test(overload, at_twice_what_can_be_done_approvals_go_on_and_no_answer_is_late) {
    cluster_start(&cluster, (struct cluster_wishes){.settings = "[postgres]\nbatch = 50\n"});
    slow_down();
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, run_load, NULL), 0);
    cr_expect_gt(probe_while_there_is_load(), 0, "nobody was told BUSY");
    void *is_run;
    pthread_join(thread, &is_run);
    cr_assert_not_null(is_run);
    cr_log_info("answered %lu: approved %lu, busy %lu, deadline %lu; slowest %lu us", (unsigned long)result.answered,
                (unsigned long)result.reasons[REASON_APPROVED], (unsigned long)result.reasons[REASON_BUSY],
                (unsigned long)result.reasons[REASON_DEADLINE], (unsigned long)result.latencies.max_us);
    cr_expect_gt(result.reasons[REASON_APPROVED], 0);
    cr_expect_gt(result.reasons[REASON_BUSY], 0);
    cr_expect_eq(result.unanswered, 0);
    cr_expect_lt(result.latencies.max_us, DEADLINE_US);
    cluster_sql(&cluster, "DROP TRIGGER slow_down ON entry");
    cluster_expect_clean_audit(&cluster);
    cluster_stop(&cluster);
}
