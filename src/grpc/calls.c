/* SPDX-License-Identifier: Apache-2.0 */
/* A call from its header to the owner. Messages are put together in memory that grows with what has come, never with
 * what a prefix promises. */
#include "grpc/internal.h"

#include "base/check.h"

#include <string.h>

#define MOVE(state) (1u << (state))

static const uint32_t allowed_moves[CALL_STATES] = {
    [CALL_READING] = MOVE(CALL_TAKEN) | MOVE(CALL_FINISHED),
    [CALL_TAKEN] = MOVE(CALL_FINISHED),
    [CALL_FINISHED] = 0,
};

void call_move(struct call *call, enum call_state state) {
    CHECK((allowed_moves[call->state] & MOVE(state)) != 0);
    call->state = state;
}

/* ---- how long it may last ---- */

void call_wait(struct call *call) {
    struct grpc *grpc = call->connection->grpc;
    call_stop_waiting(call);
    call->is_waiting = true;
    call->waits_until.us = grpc->now.us + grpc->options.patience_us;
    call->before = grpc->waiting_last;
    call->after = NULL;
    if (call->before != NULL)
        call->before->after = call;
    else
        grpc->waiting_first = call;
    grpc->waiting_last = call;
}

void call_stop_waiting(struct call *call) {
    struct grpc *grpc = call->connection->grpc;
    if (!call->is_waiting)
        return;
    if (call->before != NULL)
        call->before->after = call->after;
    else
        grpc->waiting_first = call->after;
    if (call->after != NULL)
        call->after->before = call->before;
    else
        grpc->waiting_last = call->before;
    call->is_waiting = false;
}

void call_watch(struct call *call) {
    if (call->state != CALL_TAKEN)
        return;
    if (call->request.size == 0 && call->response.size == 0)
        call_stop_waiting(call);
    else if (!call->is_waiting)
        call_wait(call);
}

/* ---- its life ---- */

struct call *call_find(const struct grpc_connection *connection, uint32_t id) {
    return nghttp2_session_get_stream_user_data(connection->session, (int32_t)id);
}

struct call *call_open(struct grpc_connection *connection, uint32_t id) {
    struct call *call = memory_take(&connection->memory, sizeof *call);
    if (call == NULL)
        return NULL;
    memset(call, 0, sizeof *call);
    call->connection = connection;
    call->id = id;
    call->state = CALL_READING;
    call->next = connection->calls;
    if (call->next != NULL)
        call->next->previous = call;
    connection->calls = call;
    connection->call_count++;
    call_wait(call);
    return call;
}

void call_close(struct call *call) {
    struct grpc_connection *connection = call->connection;
    call_stop_waiting(call);
    part_finish(&connection->messages, &call->request);
    part_finish(&connection->messages, &call->response);
    memory_give(&connection->messages, call->text);
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        connection->calls = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
    CHECK(connection->call_count > 0);
    connection->call_count--;
    memory_give(&connection->memory, call);
}

static void refuse(struct call *call, enum grpc_status status, const char *text) {
    answers_refuse(call, &(struct refusal){.http_status = 200, .status = status, .text = text});
}

void call_begin(struct call *call) {
    headers_end(call);
    if (call->refusal.http_status != 0)
        answers_refuse(call, &call->refusal);
}

/* ---- messages ---- */

static size_t promised_size(struct part *request) {
    const uint8_t *prefix = part_data(request);
    return (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 | prefix[4];
}

static bool is_prefix_allowed(struct call *call) {
    uint8_t flags = part_data(&call->request)[0];
    if (flags == 1)
        refuse(call, GRPC_INTERNAL, "the message is marked as compressed, but grpc-encoding names no compression");
    else if (flags != 0)
        refuse(call, GRPC_INTERNAL, "a message begins with one byte that is 0, then its size in four");
    else if (promised_size(&call->request) > call->connection->grpc->options.message_capacity)
        refuse(call, GRPC_RESOURCE_EXHAUSTED, "the message is larger than the 65536 bytes that are taken");
    else
        return true;
    return false;
}

static void hand_over(struct call *call) {
    struct grpc_connection *connection = call->connection;
    struct grpc *grpc = connection->grpc;
    const struct grpc_request request = {
        .call = call->id,
        .method = call->method,
        .message = part_data(&call->request) + GRPC_PREFIX_SIZE,
        .size = call->request.size - GRPC_PREFIX_SIZE,
        .has_timeout = call->has_timeout,
        .timeout_us = call->timeout_us,
    };
    /* One more message gives no more time to those who take no answers. */
    if (call->response.size == 0)
        call_stop_waiting(call);
    if (call->state == CALL_READING)
        call_move(call, CALL_TAKEN);
    /* Inside nghttp2's callback: whatever the owner does, the stream is not closed under it. */
    grpc->handler.on_request(grpc->owner, connection, &request);
    part_finish(&connection->messages, &call->request);
}

/* Takes as much as is there of what is missing to `wanted` bytes; false when the call can't go on. */
static bool fill(struct call *call, struct bytes *data, size_t wanted) {
    struct part *request = &call->request;
    size_t missing = wanted - request->size;
    size_t size = data->size < missing ? data->size : missing;
    if (!part_reserve(&call->connection->messages, request, size)) {
        refuse(call, GRPC_RESOURCE_EXHAUSTED,
               "this connection's memory is used up: send fewer large messages at a time");
        return false;
    }
    memcpy(part_data(request) + request->size, data->data, size);
    request->size += size;
    *data = bytes_of(data->data + size, data->size - size);
    return true;
}

/* False: what is there is no whole message. */
static bool take_message(struct call *call, struct bytes *data) {
    struct part *request = &call->request;
    if (call->has_message) {
        refuse(call, GRPC_UNIMPLEMENTED, "this method takes one message, and more were sent");
        return false;
    }
    if (request->size < GRPC_PREFIX_SIZE) {
        if (!fill(call, data, GRPC_PREFIX_SIZE))
            return false;
        if (request->size < GRPC_PREFIX_SIZE || !is_prefix_allowed(call))
            return false;
    }
    size_t whole = GRPC_PREFIX_SIZE + promised_size(request);
    return fill(call, data, whole) && request->size == whole;
}

void call_data(struct call *call, struct bytes data) {
    while (data.size > 0 && call->state != CALL_FINISHED && take_message(call, &data)) {
        if (call->method->takes_many)
            hand_over(call);
        else
            call->has_message = true;
    }
    call_watch(call);
}

void call_end(struct call *call) {
    struct grpc_connection *connection = call->connection;
    struct grpc *grpc = connection->grpc;
    call->has_ended = true;
    if (call->state == CALL_FINISHED)
        return;
    if (call->has_message)
        hand_over(call);
    else if (call->request.size > 0)
        refuse(call, GRPC_INVALID_ARGUMENT, "the call ended in the midst of a message");
    else if (!call->method->takes_many)
        refuse(call, GRPC_UNIMPLEMENTED, "this method takes one message, and none was sent");
    else
        grpc->handler.on_end(grpc->owner, connection, call->id);
}
