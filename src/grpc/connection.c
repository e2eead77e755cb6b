/* SPDX-License-Identifier: Apache-2.0 */
/* A connection: nghttp2's session, what it calls back, and what bounds a peer that sends much and brings nothing. */
#include "grpc/internal.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

/* Given back memory that is kept for the next connection. */
#define KEPT_BYTES ((size_t)16 << 20)

/* Frames that a peer may send without bringing a request, and how many of them are forgiven in a second. A request
 * that came whole makes up for its own frames, and for pings and window updates beside it. */
#define FRAMES_PATIENCE 4000
#define FRAMES_PER_SECOND 1000
#define FRAMES_PER_REQUEST 8
#define SECOND_US INT64_C(1000000)

/* Calls that are cancelled: at once, and in a second, before the connection is given up (CVE-2023-44487). */
#define RESETS_AT_ONCE 1000
#define RESETS_PER_SECOND 100

/* nghttp2's own: its session with two tables of 4 KiB and a frame of 16 KiB; and for each call a stream and ours. */
#define SESSION_BYTES ((size_t)128 << 10)
#define CALL_BYTES ((size_t)4 << 10)

/* The ping that goes with the word to go elsewhere: its answer tells that the client has heard. */
static const uint8_t drain_word[8] = {'v', 'a', 'x', 'd', 'r', 'a', 'i', 'n'};

_Static_assert(sizeof(struct call) <= 1024 - 32, "a call is one piece of 1 KiB");

/* ---- nghttp2's memory ---- */

static void *take(size_t size, void *memory) {
    return memory_take(memory, size);
}

static void give(void *piece, void *memory) {
    memory_give(memory, piece);
}

static void *take_zeroed(size_t count, size_t size, void *memory) {
    CHECK(size == 0 || count <= SIZE_MAX / size);
    void *piece = memory_take(memory, count * size);
    return piece != NULL ? memset(piece, 0, count * size) : NULL;
}

static void *resize(void *piece, size_t size, void *memory) {
    return memory_resize(memory, piece, size);
}

/* ---- nghttp2's callbacks ---- */

static void frames_spend(struct grpc_connection *connection) {
    int64_t now_us = connection->grpc->now.us;
    int64_t since_us = now_us - connection->patience_at.us;
    if (connection->patience > 0) {
        connection->patience--;
        return;
    }
    /* Only now is the time looked at: an honest peer never gets here. */
    int64_t forgiven = since_us >= SECOND_US * FRAMES_PATIENCE / FRAMES_PER_SECOND
                           ? FRAMES_PATIENCE
                           : since_us * FRAMES_PER_SECOND / SECOND_US;
    connection->patience_at.us = now_us;
    connection->patience = forgiven;
    if (forgiven == 0 && !connection->is_flooded) {
        connection->is_flooded = true;
        nghttp2_session_terminate_session(connection->session, NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

static void frames_earn(struct grpc_connection *connection) {
    connection->patience += FRAMES_PER_REQUEST;
    if (connection->patience > FRAMES_PATIENCE)
        connection->patience = FRAMES_PATIENCE;
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *user) {
    (void)session, (void)head;
    frames_spend(user);
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct call *call = call_open(user, (uint32_t)frame->hd.stream_id);
    if (call == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* resets the stream */
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                     const uint8_t *value, size_t value_size, uint8_t flags, void *user) {
    (void)session, (void)flags;
    struct call *call = call_find(user, (uint32_t)frame->hd.stream_id);
    if (call != NULL && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        headers_take(call, bytes_of(name, name_size), bytes_of(value, value_size));
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t size, void *user) {
    (void)session, (void)flags;
    struct call *call = call_find(user, (uint32_t)id);
    if (call != NULL)
        call_data(call, bytes_of(data, size));
    return 0;
}

static void take_ping(struct grpc_connection *connection, const nghttp2_ping *ping) {
    if ((ping->hd.flags & NGHTTP2_FLAG_ACK) == 0 || !connection->is_leaving || connection->is_left ||
        memcmp(ping->opaque_data, drain_word, sizeof drain_word) != 0)
        return;
    connection->is_left = true;
    nghttp2_submit_goaway(connection->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(connection->session), NGHTTP2_NO_ERROR, NULL, 0);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    (void)session;
    struct grpc_connection *connection = user;
    if (frame->hd.type == NGHTTP2_PING)
        take_ping(connection, &frame->ping);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct call *call = call_find(connection, (uint32_t)frame->hd.stream_id);
    if (call == NULL)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        call_begin(call);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        if (call->has_message)
            frames_earn(connection);
        call_end(call);
    }
    return 0;
}

/* An answer is complete before the request is: the client need send no more. */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    if (frame->hd.type != NGHTTP2_HEADERS || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    const struct call *call = call_find(user, (uint32_t)frame->hd.stream_id);
    if (call != NULL && !call->has_ended)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user) {
    (void)error;
    struct call *call = call_find(user, (uint32_t)id);
    if (call != NULL) {
        nghttp2_session_set_stream_user_data(session, id, NULL);
        call_close(call);
    }
    return 0;
}

static nghttp2_session_callbacks *make_callbacks(void) {
    nghttp2_session_callbacks *callbacks;
    CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    return callbacks;
}

static nghttp2_option *make_option(void) {
    nghttp2_option *option;
    CHECK(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_stream_reset_rate_limit(option, RESETS_AT_ONCE, RESETS_PER_SECOND);
    return option;
}

/* ---- a thread's ---- */

struct grpc *grpc_create(const struct grpc_options *options, const struct grpc_handler *handler, void *owner) {
    struct grpc *grpc = calloc(1, sizeof *grpc);
    CHECK(grpc != NULL);
    grpc->options = *options;
    grpc->handler = *handler;
    grpc->owner = owner;
    grpc->pool.kept_capacity_bytes = KEPT_BYTES;
    grpc->callbacks = make_callbacks();
    grpc->option = make_option();
    return grpc;
}

void grpc_destroy(struct grpc *grpc) {
    if (grpc == NULL)
        return;
    CHECK(grpc->waiting_first == NULL);
    nghttp2_option_del(grpc->option);
    nghttp2_session_callbacks_del(grpc->callbacks);
    memory_pool_finish(&grpc->pool);
    free(grpc);
}

static void end_overdue(struct call *call) {
    static const struct refusal late = {200, GRPC_DEADLINE_EXCEEDED, "the request did not come whole in time"};
    struct grpc_connection *connection = call->connection;
    if (call->state == CALL_FINISHED || call->response.size > 0) { /* its answer is not taken */
        call_stop_waiting(call);
        nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE, (int32_t)call->id, NGHTTP2_CANCEL);
    } else {
        answers_refuse(call, &late);
        part_finish(&connection->messages, &call->request);
    }
    grpc_flush(connection);
}

void grpc_tick(struct grpc *grpc, struct tick now) {
    grpc->now = now;
    while (grpc->waiting_first != NULL && grpc->waiting_first->waits_until.us <= now.us)
        end_overdue(grpc->waiting_first);
}

/* ---- a connection's ---- */

static bool start_session(struct grpc_connection *connection) {
    struct grpc *grpc = connection->grpc;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, grpc->options.calls_capacity},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST_MAX},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    nghttp2_mem memory = {&connection->memory, take, give, take_zeroed, resize};
    return nghttp2_session_server_new3(&connection->session, grpc->callbacks, connection, grpc->option, &memory) == 0 &&
           nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings,
                                   sizeof settings / sizeof *settings) == 0;
}

struct grpc_connection *grpc_open(struct grpc *grpc, void *user) {
    const struct grpc_options *options = &grpc->options;
    struct memory_allowance memory = {.pool = &grpc->pool,
                                      .capacity_bytes = SESSION_BYTES + options->calls_capacity * CALL_BYTES};
    struct grpc_connection *connection = memory_take(&memory, sizeof *connection);
    if (connection == NULL)
        return NULL;
    *connection = (struct grpc_connection){
        .grpc = grpc,
        .user = user,
        .memory = memory,
        .messages = {.pool = &grpc->pool, .capacity_bytes = options->messages_capacity},
        .patience = FRAMES_PATIENCE,
        .patience_at = grpc->now,
    };
    if (start_session(connection))
        return connection;
    grpc_close(connection);
    return NULL;
}

void *grpc_user(const struct grpc_connection *connection) {
    return connection->user;
}

/* nghttp2 forgets streams without a word when a session is deleted. */
static void close_calls(struct grpc_connection *connection) {
    struct call *next;
    for (struct call *call = connection->calls; call != NULL; call = next) {
        next = call->next;
        call_close(call);
    }
}

void grpc_close(struct grpc_connection *connection) {
    CHECK(!connection->is_inside);
    nghttp2_session_del(connection->session);
    close_calls(connection);
    CHECK(connection->messages.used_bytes == 0);
    struct memory_allowance memory = connection->memory;
    memory_give(&memory, connection);
    CHECK(memory.used_bytes == 0);
}

bool grpc_flush(struct grpc_connection *connection) {
    struct grpc *grpc = connection->grpc;
    bool is_well = true;
    if (connection->is_inside)
        return true;
    connection->is_inside = true;
    while (is_well) {
        const uint8_t *data;
        ssize_t size = nghttp2_session_mem_send(connection->session, &data);
        if (size == 0)
            break;
        is_well = size > 0 && grpc->handler.on_output(grpc->owner, connection, bytes_of(data, (size_t)size));
    }
    connection->is_inside = false;
    return is_well;
}

bool grpc_input(struct grpc_connection *connection, struct bytes received, struct tick now, struct failure *failure) {
    connection->grpc->now = now;
    connection->is_inside = true;
    ssize_t taken = nghttp2_session_mem_recv(connection->session, received.data, received.size);
    connection->is_inside = false;
    if (!grpc_flush(connection))
        return failure_set(failure, "the connection ends");
    if (connection->is_out)
        return failure_set(failure, "all memory of a connection is used");
    if (connection->is_flooded)
        return failure_set(failure, "more frames than requests need");
    if (taken < 0)
        return failure_set(failure, "HTTP/2: %s", nghttp2_strerror((int)taken));
    if (nghttp2_session_want_read(connection->session) == 0 && nghttp2_session_want_write(connection->session) == 0)
        return failure_set(failure, "HTTP/2 came to its end");
    return true;
}

/* ---- to go elsewhere ---- */

void grpc_drain(struct grpc_connection *connection) {
    if (connection->is_leaving)
        return;
    connection->is_leaving = true;
    nghttp2_submit_shutdown_notice(connection->session);
    nghttp2_submit_ping(connection->session, NGHTTP2_FLAG_NONE, drain_word);
    grpc_flush(connection);
}

bool grpc_has_calls(const struct grpc_connection *connection) {
    return connection->call_count > 0;
}

bool grpc_is_drained(const struct grpc_connection *connection) {
    return connection->is_left && connection->call_count == 0;
}
