/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a server of the test's own, over real TLS. What the server does is in the echo's payload. */
#include "client/client.h"
#include "support/services.h"

#include "base/check.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_US INT64_C(60000000)

struct server {
    pthread_t thread;
    struct net *net;
    struct net_tls *tls;
    struct wire_codec *codec;
    struct wire_reader reader;
    struct buffer frame;
    struct wire_request kept; /* "keep": not answered before the next request */
    atomic_bool is_ready;
    atomic_bool is_ending;
    atomic_int opened; /* connections that have shaken hands */
    char address[64];
};

static struct server server;
static char directory[TEST_TEXT];
static char paths[5][TEST_TEXT + 32];
static struct net_tls_files files;

static void reply_echo(const struct wire_request *request) {
    CHECK(wire_encode_echo(server.codec, &server.frame, request->correlation, &request->echo, (struct instant){1}));
}

static bool is_asked_to(const struct wire_request *request, const char *what) {
    return request->echo.size == strlen(what) && memcmp(request->echo.payload, what, request->echo.size) == 0;
}

static bool serve(struct net_stream *stream, const struct wire_request *request) {
    server.frame.size = 0;
    if (is_asked_to(request, "keep")) {
        server.kept = *request;
        return true;
    }
    if (is_asked_to(request, "hang up"))
        return false;
    if (is_asked_to(request, "talk nonsense"))
        return net_send(stream, bytes_of("\0\0\0\5hello", 9));
    if (is_asked_to(request, "send a bad length"))
        return net_send(stream, bytes_of("HTTP/1.1 400", 12));
    if (is_asked_to(request, "complain")) {
        struct wire_fault fault = {.is_broken = true, .field = "frame", .text = "frame is wrong"};
        CHECK(wire_encode_fault(server.codec, &server.frame, 0, &fault, (struct instant){1}));
        net_send(stream, buffer_bytes(&server.frame));
        return false;
    }
    reply_echo(request);
    if (server.kept.correlation != 0)
        reply_echo(&server.kept);
    server.kept.correlation = 0;
    return net_send(stream, buffer_bytes(&server.frame));
}

static bool on_open(void *owner, struct net_stream *stream) {
    (void)owner;
    (void)stream;
    server.opened++;
    return true;
}

static bool on_bytes(void *owner, struct net_stream *stream, struct bytes received) {
    (void)owner;
    struct bytes envelope;
    struct failure failure;
    while (wire_next_frame(&server.reader, &received, &envelope, &failure) == WIRE_FRAME) {
        struct wire_request request;
        struct wire_fault fault;
        CHECK(wire_decode_request(server.codec, envelope, &request, &fault));
        if (!serve(stream, &request))
            return false;
    }
    return true;
}

static void on_closed(void *owner, struct net_stream *stream, const char *why) {
    (void)owner;
    (void)stream;
    (void)why;
}

static const struct net_handler handler = {.on_open = on_open, .on_bytes = on_bytes, .on_closed = on_closed};

static void *run_server(void *owner) {
    static const struct net_options options = {.streams_capacity = 8,
                                               .receive_buffers = 64,
                                               .unread_capacity_bytes = 1 << 20,
                                               .handshake_timeout_us = PATIENCE_US};
    struct failure failure;
    server.net = net_create(&options, &failure);
    CHECK(server.net != NULL);
    CHECK(net_listen(server.net, "127.0.0.1:0", server.tls, &handler, owner, &failure));
    snprintf(server.address, sizeof server.address, "127.0.0.1:%u", (unsigned)net_port(server.net));
    server.is_ready = true;
    while (!server.is_ending)
        net_turn(server.net, (struct tick){tick_now().us + 1000000});
    return NULL;
}

static const char *path_of(int slot, const char *name) {
    snprintf(paths[slot], sizeof paths[slot], "%s/%s", directory, name);
    return paths[slot];
}

static void start(void) {
    static const char *const names[] = {"server", "client"};
    struct failure failure;
    test_directory(directory);
    test_certificates(directory, names, 2);
    const struct net_tls_files server_files = {
        .certificate = path_of(0, "server.pem"),
        .key = path_of(1, "server.key"),
        .authority = path_of(2, "authority.pem"),
    };
    files = server_files;
    files.certificate = path_of(3, "client.pem");
    files.key = path_of(4, "client.key");
    server.tls = net_tls_create(true, &server_files, WIRE_PROTOCOL, &failure);
    cr_assert(ne(ptr, server.tls, NULL), "%s", failure.text);
    server.codec = wire_codec_create();
    buffer_init(&server.frame, 8192);
    cr_assert(eq(int, pthread_create(&server.thread, NULL, run_server, NULL), 0));
    while (!server.is_ready)
        sched_yield();
}

static void finish(void) {
    server.is_ending = true;
    net_wake(server.net);
    pthread_join(server.thread, NULL);
    net_destroy(server.net); /* not by its thread: until that has ended, it may be woken */
    net_tls_destroy(server.tls);
    wire_codec_destroy(server.codec);
    wire_reader_finish(&server.reader);
    buffer_finish(&server.frame);
}

TestSuite(client, .init = start, .fini = finish, .timeout = 120);

static struct client_connection *connect_to(const char *addresses) {
    struct failure failure;
    struct client_connection *connection = client_connect(addresses, &files, PATIENCE_US, &failure);
    cr_assert(ne(ptr, connection, NULL), "%s", failure.text);
    return connection;
}

static struct wire_request ask(const char *what) {
    struct wire_request request = {.call = CALL_ECHO};
    request.echo.size = strlen(what);
    memcpy(request.echo.payload, what, request.echo.size);
    return request;
}

static void expect_echo(const struct wire_reply *reply, const char *what) {
    cr_assert(eq(int, reply->kind, WIRE_REPLY_ECHO));
    cr_assert(eq(sz, reply->echo.size, strlen(what)));
    cr_assert(eq(int, memcmp(reply->echo.payload, what, strlen(what)), 0));
}

static struct wire_reply call(struct client_connection *connection, const char *what) {
    struct wire_request request = ask(what);
    struct wire_reply reply;
    struct failure failure;
    cr_assert(client_call(connection, &request, PATIENCE_US, &reply, &failure), "%s", failure.text);
    return reply;
}

static void expect_failure(struct client_connection *connection, const char *what, const char *words) {
    struct wire_request request = ask(what);
    struct wire_reply reply;
    struct failure failure;
    cr_assert(not(client_call(connection, &request, PATIENCE_US, &reply, &failure)));
    cr_assert(ne(ptr, strstr(failure.text, words), NULL), "%s", failure.text);
}

Test(client, a_call_gets_its_answer_and_so_does_the_next) {
    struct client_connection *connection = connect_to(server.address);
    struct wire_reply reply = call(connection, "one");
    expect_echo(&reply, "one");
    reply = call(connection, "two");
    expect_echo(&reply, "two");
    client_disconnect(connection);
}

Test(client, many_may_be_asked_before_the_first_answer_is_taken) {
    struct client_connection *connection = connect_to(server.address);
    struct failure failure;
    for (int i = 0; i < 1000; i++) {
        char what[32];
        snprintf(what, sizeof what, "number %d", i);
        struct wire_request request = ask(what);
        cr_assert(client_send(connection, &request, &failure), "%s", failure.text);
        cr_assert(eq(ulong, request.correlation, (unsigned long)i + 1));
    }
    for (int i = 0; i < 1000; i++) {
        char what[32];
        struct wire_reply reply;
        snprintf(what, sizeof what, "number %d", i);
        cr_assert(client_receive(connection, PATIENCE_US, &reply, &failure), "%s", failure.text);
        cr_assert(eq(ulong, reply.correlation, (unsigned long)i + 1));
        expect_echo(&reply, what);
    }
    client_disconnect(connection);
}

Test(client, an_answer_that_comes_too_late_is_not_taken_for_the_next_ones) {
    struct client_connection *connection = connect_to(server.address);
    struct wire_request request = ask("keep");
    struct wire_reply reply;
    struct failure failure;
    cr_assert(not(client_call(connection, &request, 1000, &reply, &failure)));
    cr_assert(ne(ptr, strstr(failure.text, "within 1 ms"), NULL), "%s", failure.text);
    reply = call(connection, "first"); /* and now comes the one that was kept */
    expect_echo(&reply, "first");
    reply = call(connection, "second");
    expect_echo(&reply, "second");
    client_disconnect(connection);
}

/* The server waits for the end of the handshake, not for the first request. */
Test(client, a_connection_has_shaken_hands_before_its_first_call) {
    struct client_connection *connection = connect_to(server.address);
    while (server.opened == 0)
        sched_yield();
    struct wire_reply reply = call(connection, "at last");
    expect_echo(&reply, "at last");
    client_disconnect(connection);
}

Test(client, a_connection_that_is_closed_fails_the_call_and_those_after_it) {
    struct client_connection *connection = connect_to(server.address);
    expect_failure(connection, "hang up", "is closed");
    expect_failure(connection, "anything", "is closed");
    client_disconnect(connection);
}

Test(client, a_complaint_about_the_connection_itself_is_heard) {
    struct client_connection *connection = connect_to(server.address);
    struct wire_reply reply = call(connection, "complain");
    cr_assert(eq(int, reply.kind, WIRE_REPLY_FAULT));
    cr_assert(eq(str, reply.fault.text, "frame is wrong"));
    expect_failure(connection, "anything", "is closed");
    client_disconnect(connection);
}

Test(client, what_is_no_answer_is_not_believed_and_ends_the_connection) {
    struct client_connection *connection = connect_to(server.address);
    expect_failure(connection, "talk nonsense", "no answer");
    expect_failure(connection, "anything", "");
    client_disconnect(connection);
    connection = connect_to(server.address);
    expect_failure(connection, "send a bad length", "a frame of length 1213486160");
    client_disconnect(connection);
}

Test(client, addresses_are_tried_in_their_order) {
    char addresses[128];
    snprintf(addresses, sizeof addresses, "127.0.0.1:%d, %s", test_free_port(), server.address);
    struct client_connection *connection = connect_to(addresses);
    struct wire_reply reply = call(connection, "here");
    expect_echo(&reply, "here");
    client_disconnect(connection);
}

Test(client, a_switch_that_is_not_there_is_named) {
    char address[64];
    struct failure failure;
    snprintf(address, sizeof address, "127.0.0.1:%d", test_free_port());
    cr_assert(eq(ptr, client_connect(address, &files, PATIENCE_US, &failure), NULL));
    cr_assert(ne(ptr, strstr(failure.text, address), NULL), "%s", failure.text);
}

Test(client, a_certificate_that_cannot_be_read_is_named) {
    struct failure failure;
    files.certificate = "/nowhere/client.pem";
    cr_assert(eq(ptr, client_connect(server.address, &files, PATIENCE_US, &failure), NULL));
    cr_assert(ne(ptr, strstr(failure.text, "/nowhere/client.pem"), NULL), "%s", failure.text);
}
