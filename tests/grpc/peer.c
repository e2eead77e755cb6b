/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/peer.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_ECHO, NUMBER_KEEP, NUMBER_REFUSE, NUMBER_MANY };

static const struct grpc_method methods[] = {
    {ECHO, NUMBER_ECHO, false},
    {KEEP, NUMBER_KEEP, false},
    {REFUSE, NUMBER_REFUSE, false},
    {MANY, NUMBER_MANY, true},
};

/* ---- the server's owner ---- */

static void on_request(void *owner, struct grpc_connection *connection, const struct grpc_request *request) {
    struct peer *peer = owner;
    peer->requests++;
    peer->kept = request->call;
    peer->kept_size = request->size;
    peer->kept_has_timeout = request->has_timeout;
    peer->kept_timeout_us = request->timeout_us;
    char text[256] = "";
    switch (request->method->number) {
    case NUMBER_ECHO:
        grpc_answer(connection, request->call, bytes_of(request->message, request->size));
        grpc_end(connection, request->call, GRPC_OK, NULL);
        break;
    case NUMBER_REFUSE:
        memcpy(text, request->message, request->size < sizeof text ? request->size : sizeof text - 1);
        grpc_end(connection, request->call, GRPC_INVALID_ARGUMENT, text);
        break;
    case NUMBER_MANY:
        grpc_answer(connection, request->call, bytes_of(request->message, request->size));
        break;
    default:
        break;
    }
    memset(request->message - GRPC_PREFIX_SIZE, 0xff, GRPC_PREFIX_SIZE + request->size); /* it is the taker's */
}

static void on_end(void *owner, struct grpc_connection *connection, uint32_t call) {
    struct peer *peer = owner;
    peer->ends++;
    grpc_end(connection, call, GRPC_OK, NULL);
}

static bool on_output(void *owner, struct grpc_connection *connection, struct bytes bytes) {
    struct peer *peer = owner;
    cr_assert(eq(ptr, grpc_user(connection), peer));
    if (peer->is_full)
        return false;
    peer->server_sent += bytes.size;
    if (!peer->is_deaf && peer->session != NULL)
        nghttp2_session_mem_recv(peer->session, bytes.data, bytes.size);
    return true;
}

/* ---- the client ---- */

struct outcome *peer_outcome(struct peer *peer, int32_t call) {
    cr_assert(gt(int, call, 0));
    cr_assert(lt(int, call / 2, PEER_CALLS));
    return &peer->outcomes[call / 2];
}

static void copy_text(char *text, size_t capacity, const uint8_t *value, size_t size) {
    snprintf(text, capacity, "%.*s", (int)size, (const char *)value);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                     const uint8_t *value, size_t size, uint8_t flags, void *user) {
    (void)session, (void)flags;
    struct outcome *outcome = peer_outcome(user, frame->hd.stream_id);
    if (name_size == 7 && memcmp(name, ":status", 7) == 0)
        copy_text(outcome->http_status, sizeof outcome->http_status, value, size);
    if (name_size == 11 && memcmp(name, "grpc-status", 11) == 0)
        copy_text(outcome->status, sizeof outcome->status, value, size);
    if (name_size == 12 && memcmp(name, "grpc-message", 12) == 0)
        copy_text(outcome->text, sizeof outcome->text, value, size);
    if (name_size == 20 && memcmp(name, "grpc-accept-encoding", 20) == 0)
        copy_text(outcome->accepts, sizeof outcome->accepts, value, size);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t call, const uint8_t *data, size_t size,
                   void *user) {
    (void)session, (void)flags;
    struct outcome *outcome = peer_outcome(user, call);
    cr_assert(le(sz, outcome->size + size, sizeof outcome->data));
    memcpy(outcome->data + outcome->size, data, size);
    outcome->size += size;
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t call, uint32_t error, void *user) {
    (void)session;
    struct outcome *outcome = peer_outcome(user, call);
    outcome->is_closed = true;
    outcome->error = error;
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    (void)session;
    struct peer *peer = user;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        peer->goaway_error = frame->goaway.error_code;
        peer->goaway_last = frame->goaway.last_stream_id;
    }
    return 0;
}

static void start_client(struct peer *peer) {
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    cr_assert(eq(int, nghttp2_session_client_new(&peer->session, callbacks, peer), 0));
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(peer->session, NGHTTP2_FLAG_NONE, NULL, 0);
}

void peer_start(struct peer *peer) {
    static const struct grpc_handler handler = {on_request, on_end, on_output};
    static const struct grpc_options options = {
        .methods = methods,
        .method_count = sizeof methods / sizeof *methods,
        .calls_capacity = 100,
        .message_capacity = PEER_MESSAGE_MAX,
        .messages_capacity = PEER_MEMORY,
        .patience_us = PEER_PATIENCE_US,
    };
    *peer = (struct peer){.now = {1000000}, .goaway_error = UINT32_MAX};
    peer->outcomes = calloc(PEER_CALLS, sizeof *peer->outcomes);
    cr_assert(ne(ptr, peer->outcomes, NULL));
    peer->grpc = grpc_create(&options, &handler, peer);
    grpc_tick(peer->grpc, peer->now);
    peer->connection = grpc_open(peer->grpc, peer);
    cr_assert(ne(ptr, peer->connection, NULL));
    start_client(peer);
    cr_assert(grpc_flush(peer->connection));
}

void peer_stop(struct peer *peer) {
    grpc_close(peer->connection);
    grpc_destroy(peer->grpc);
    nghttp2_session_del(peer->session);
    for (int i = 0; i < PEER_CALLS; i++)
        free(peer->outcomes[i].body);
    free(peer->outcomes);
}

static void feed_piece(struct peer *peer, const uint8_t *bytes, size_t size) {
    /* Of its own size, so that a byte read past its end is noticed. */
    uint8_t *piece = malloc(size);
    cr_assert(ne(ptr, piece, NULL));
    memcpy(piece, bytes, size);
    if (!grpc_input(peer->connection, bytes_of(piece, size), peer->now, &peer->failure))
        peer->is_closed = true;
    free(piece);
}

void peer_feed(struct peer *peer, const void *bytes, size_t size) {
    for (size_t at = 0; at < size && !peer->is_closed;) {
        size_t piece = peer->tear > 0 && peer->tear < size - at ? peer->tear : size - at;
        feed_piece(peer, (const uint8_t *)bytes + at, piece);
        at += piece;
    }
}

void peer_run(struct peer *peer) {
    for (;;) {
        const uint8_t *bytes;
        ssize_t size = nghttp2_session_mem_send(peer->session, &bytes);
        if (size <= 0 || peer->is_closed)
            return;
        peer_feed(peer, bytes, (size_t)size);
    }
}

/* ---- calls ---- */

struct body {
    size_t size;
    size_t sent;
    bool is_open;
    uint8_t bytes[];
};

static ssize_t read_body(nghttp2_session *session, int32_t call, uint8_t *into, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *user) {
    (void)session, (void)call, (void)user;
    struct body *body = source->ptr;
    size_t left = body->size - body->sent;
    size_t size = left < room ? left : room;
    memcpy(into, body->bytes + body->sent, size);
    body->sent += size;
    if (body->sent < body->size)
        return (ssize_t)size;
    if (!body->is_open)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    else if (size == 0)
        return NGHTTP2_ERR_DEFERRED;
    return (ssize_t)size;
}

static nghttp2_nv field_of(const char *name, const char *value) {
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value), 0};
}

int32_t peer_begin(struct peer *peer, const char *path, const struct peer_field *fields, const void *body_bytes,
                   size_t size, bool is_open) {
    nghttp2_nv sent[16] = {field_of(":method", "POST"),
                           field_of(":scheme", "https"),
                           field_of(":authority", "localhost"),
                           field_of(":path", path),
                           field_of("content-type", "application/grpc"),
                           field_of("te", "trailers")};
    size_t count = 6;
    for (; fields != NULL && fields->name != NULL; fields++) {
        size_t at = 0;
        while (at < count && strcmp((const char *)sent[at].name, fields->name) != 0)
            at++;
        sent[at] = field_of(fields->name, fields->value);
        count = at == count ? count + 1 : count;
    }
    struct body *body = malloc(sizeof *body + size);
    cr_assert(ne(ptr, body, NULL));
    *body = (struct body){.size = size, .is_open = is_open};
    if (size > 0)
        memcpy(body->bytes, body_bytes, size);
    const nghttp2_data_provider provider = {.source = {.ptr = body}, .read_callback = read_body};
    int32_t call = nghttp2_submit_request(peer->session, NULL, sent, count, &provider, NULL);
    cr_assert(gt(int, call, 0));
    peer_outcome(peer, call)->body = body;
    return call;
}

int32_t peer_call(struct peer *peer, const char *path, const void *message, size_t size) {
    uint8_t *body = malloc(GRPC_PREFIX_SIZE + size);
    cr_assert(ne(ptr, body, NULL));
    const uint8_t prefix[] = {0, (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};
    memcpy(body, prefix, sizeof prefix);
    memcpy(body + sizeof prefix, message, size);
    int32_t call = peer_begin(peer, path, NULL, body, sizeof prefix + size, false);
    free(body);
    return call;
}

void peer_expect(struct peer *peer, int32_t call, const char *status, const char *words) {
    const struct outcome *outcome = peer_outcome(peer, call);
    cr_assert(outcome->is_closed);
    cr_assert(eq(u32, outcome->error, NGHTTP2_NO_ERROR));
    cr_assert(eq(str, (char *)outcome->status, (char *)status), "%s", outcome->text);
    cr_assert(ne(ptr, strstr(outcome->text, words), NULL), "%s", outcome->text);
}

void peer_expect_message(struct peer *peer, int32_t call, const void *message, size_t size) {
    const struct outcome *outcome = peer_outcome(peer, call);
    peer_expect(peer, call, "0", "");
    cr_assert(eq(str, (char *)outcome->http_status, "200"));
    cr_assert(eq(sz, outcome->size, GRPC_PREFIX_SIZE + size));
    const uint8_t prefix[] = {0, (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};
    cr_assert(eq(int, memcmp(outcome->data, prefix, sizeof prefix), 0));
    cr_assert(eq(int, memcmp(outcome->data + sizeof prefix, message, size), 0));
}
