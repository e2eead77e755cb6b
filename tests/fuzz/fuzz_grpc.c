/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in arbitrary tears through HTTP/2 and gRPC, as a client sends them after its preface. The first byte seeds the
 * tears and what the owner does. What comes to the owner must be what it relies on, and memory must be whole after. */
#include "base/check.h"
#include "grpc/grpc.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER, KEEP, REFUSE, MANY };

static const struct grpc_method methods[] = {
    {"/a", ANSWER, false},
    {"/k", KEEP, false},
    {"/r", REFUSE, false},
    {"/m", MANY, true},
};

static struct grpc *grpc;
static uint32_t kept;
static size_t sent;

static void on_request(void *owner, struct grpc_connection *connection, const struct grpc_request *request) {
    (void)owner;
    CHECK(request->size <= 4096 && (!request->has_timeout || request->timeout_us > 0));
    CHECK(grpc_is_open(connection, request->call));
    memset(request->message - GRPC_PREFIX_SIZE, 0, GRPC_PREFIX_SIZE + request->size);
    if (request->method->number == KEEP)
        kept = request->call;
    if (request->method->number == ANSWER || request->method->number == MANY)
        grpc_answer(connection, request->call, bytes_of(request->message, request->size));
    if (request->method->number == ANSWER)
        grpc_end(connection, request->call, GRPC_OK, NULL);
    if (request->method->number == REFUSE)
        grpc_end(connection, request->call, GRPC_NOT_FOUND, "\xff%");
}

static void on_end(void *owner, struct grpc_connection *connection, uint32_t call) {
    (void)owner;
    grpc_end(connection, call, GRPC_OK, NULL);
}

static bool on_output(void *owner, struct grpc_connection *connection, struct bytes bytes) {
    (void)owner, (void)connection;
    sent += bytes.size;
    return sent < 100000;
}

static void start(void) {
    static const struct grpc_handler handler = {on_request, on_end, on_output};
    static const struct grpc_options options = {
        .methods = methods,
        .method_count = 4,
        .calls_capacity = 8,
        .message_capacity = 4096,
        .messages_capacity = 128 << 10,
        .patience_us = 1000,
    };
    if (grpc == NULL)
        grpc = grpc_create(&options, &handler, NULL);
}

/* Copied to memory of its own size, so that a byte read past its end is noticed. */
static bool take_piece(struct grpc_connection *connection, const uint8_t *data, size_t size, struct tick now) {
    struct failure failure;
    uint8_t *copy = malloc(size);
    CHECK(copy != NULL);
    memcpy(copy, data, size);
    bool is_well = grpc_input(connection, bytes_of(copy, size), now, &failure);
    free(copy);
    return is_well;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    struct tick now = {1};
    start();
    if (size == 0)
        return 0;
    sent = 0;
    kept = 0;
    grpc_tick(grpc, now);
    struct grpc_connection *connection = grpc_open(grpc, NULL);
    CHECK(connection != NULL && grpc_flush(connection));
    uint32_t tear = data[0];
    bool is_well = take_piece(connection, (const uint8_t *)preface, sizeof preface - 1, now);
    for (size_t at = 1; is_well && at < size;) {
        tear = tear * 1664525 + 1013904223;
        size_t piece = data[0] == 0 ? size - at : 1 + (tear >> 24) % 61;
        piece = piece < size - at ? piece : size - at;
        is_well = take_piece(connection, data + at, piece, now);
        at += piece;
        now.us += data[0] % 50;
        grpc_tick(grpc, now);
        if (kept != 0 && (tear >> 20 & 3) == 0) {
            grpc_answer(connection, kept, bytes_of("kept", 4));
            grpc_end(connection, kept, GRPC_OK, NULL);
            is_well = grpc_flush(connection) && is_well;
        }
        if ((tear >> 12 & 63) == 0)
            grpc_drain(connection);
    }
    (void)grpc_is_drained(connection);
    grpc_close(connection);
    return 0;
}
