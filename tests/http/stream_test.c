/* SPDX-License-Identifier: Apache-2.0 */
#include "curl.h"

#include <stdlib.h>

/* Gives "data: 0", "data: 1", … with a pause of nothing in between, and ends after `last`. */
struct counter {
    struct http_server *server;
    int last;
    size_t padding;
    atomic_int given;
    bool pauses;
    atomic_int ended;
};

static size_t give_next(void *owner, char *piece, size_t capacity) {
    struct counter *counter = owner;
    if (counter->pauses) {
        counter->pauses = false;
        return 0;
    }
    int number = atomic_fetch_add(&counter->given, 1);
    if (counter->last >= 0 && number > counter->last)
        return HTTP_STREAM_END;
    size_t size = (size_t)snprintf(piece, capacity, "data: %d ", number);
    cr_assert(size + counter->padding + 2 <= capacity);
    memset(piece + size, 'x', counter->padding);
    memcpy(piece + size + counter->padding, "\n\n", 2);
    return size + counter->padding + 2;
}

static void end(void *owner) {
    atomic_fetch_add(&((struct counter *)owner)->ended, 1);
}

static void handle(void *owner, struct http_exchange *exchange, const struct http_request *request) {
    (void)request;
    http_answer_stream(exchange, &(struct http_stream){.owner = owner, .next = give_next, .end = end});
}

static void start(struct counter *counter, char address[TEST_TEXT]) {
    snprintf(address, TEST_TEXT, "127.0.0.1:%d", test_free_port());
    struct http_options options = {.address = address,
                                   .connections = 8,
                                   .body_bytes = 1024,
                                   .idle_timeout_us = PATIENCE_US,
                                   .arrival_timeout_us = PATIENCE_US,
                                   .handler = handle,
                                   .owner = counter};
    struct failure failure = {""};
    counter->server = http_start(&options, &failure);
    cr_assert(counter->server != NULL, "%s", failure.text);
}

Test(stream, pieces_come_in_order_and_a_comment_when_there_is_none) {
    struct counter counter = {.last = 2, .pauses = true};
    char address[TEST_TEXT];
    start(&counter, address);
    int status;
    const char *answer = curl(&status, "-i http://%s/", address);
    cr_expect_eq(status, 0);
    cr_expect(strstr(answer, "Content-Type: text/event-stream") != NULL, "%s", answer);
    cr_expect(strstr(answer, "\r\n\r\n:\n\ndata: 0 \n\ndata: 1 \n\ndata: 2 \n\n") != NULL, "%s", answer);
    http_stop(counter.server, PATIENCE_US);
    cr_expect_eq(atomic_load(&counter.ended), 1);
}

Test(stream, a_piece_as_large_as_allowed_comes_whole) {
    struct counter counter = {.last = 1, .padding = HTTP_PIECE_SIZE - 10};
    char address[TEST_TEXT];
    start(&counter, address);
    const char *answer = curl(NULL, "http://%s/", address);
    cr_expect_eq(strlen(answer), 2 * HTTP_PIECE_SIZE);
    cr_expect_eq(strspn(strstr(answer, "data: 1 ") + 8, "x"), counter.padding);
    http_stop(counter.server, PATIENCE_US);
}

Test(stream, an_endless_stream_ends_with_its_client) {
    struct counter counter = {.last = -1};
    char address[TEST_TEXT];
    start(&counter, address);
    const char *answer = curl(NULL, "http://%s/ | head -n 100", address);
    cr_expect(strstr(answer, "data: 42 ") != NULL);
    for (int tries = 0; tries < 60000 && atomic_load(&counter.ended) == 0; tries++)
        (void)curl(NULL, "--version > /dev/null");
    cr_expect_eq(atomic_load(&counter.ended), 1);
    http_stop(counter.server, PATIENCE_US);
}

Test(stream, an_endless_stream_ends_with_the_server) {
    struct counter counter = {.last = -1};
    char address[TEST_TEXT], directory[TEST_TEXT];
    test_directory(directory);
    start(&counter, address);
    int status;
    (void)curl(&status, "http://%s/ > %s/stream & echo $! > %s/pid", address, directory, directory);
    while (atomic_load(&counter.given) < 10)
        (void)curl(NULL, "--version > /dev/null");
    http_stop(counter.server, PATIENCE_US);
    cr_expect_eq(atomic_load(&counter.ended), 1);
}
