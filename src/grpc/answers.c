/* SPDX-License-Identifier: Apache-2.0 */
/* What a call is answered: a header, messages, and a trailer with its outcome; or its outcome alone, as a header. */
#include "grpc/internal.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

#define HEX_PER_BYTE 3

/* nghttp2 copies neither: they are constants, or stay until it has written them. */
static nghttp2_nv field(const char *name, const char *value, size_t value_size) {
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .value = (uint8_t *)(uintptr_t)value,
                        .namelen = strlen(name),
                        .valuelen = value_size,
                        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME};
}

static nghttp2_nv constant(const char *name, const char *value) {
    nghttp2_nv made = field(name, value, strlen(value));
    made.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    return made;
}

static nghttp2_nv status_field(enum grpc_status status) {
    static const char *const numbers[] = {"0", "1",  "2",  "3",  "4",  "5",  "6",  "7", "8",
                                          "9", "10", "11", "12", "13", "14", "15", "16"};
    return constant("grpc-status", numbers[status]);
}

size_t answers_encode_text(const char *text, char *encoded, size_t capacity) {
    static const char hex[] = "0123456789ABCDEF";
    size_t size = 0;
    for (; *text != '\0' && size + HEX_PER_BYTE <= capacity; text++) {
        uint8_t byte = (uint8_t)*text;
        if (byte >= ' ' && byte <= '~' && byte != '%') {
            encoded[size++] = *text;
        } else {
            encoded[size++] = '%';
            encoded[size++] = hex[byte >> 4];
            encoded[size++] = hex[byte & 15];
        }
    }
    return size;
}

/* A connection without memory for what it has to say can't go on; its next input tells. */
static void note(struct call *call, int result) {
    if (result == NGHTTP2_ERR_NOMEM)
        call->connection->is_out = true;
}

/* ---- what nghttp2 fetches when it may send ---- */

static void submit_trailer(struct call *call) {
    nghttp2_nv fields[2] = {status_field(call->status)};
    size_t count = 1;
    if (call->text != NULL)
        fields[count++] = field("grpc-message", call->text, call->text_size);
    note(call, nghttp2_submit_trailer(call->connection->session, (int32_t)call->id, fields, count));
}

static ssize_t fetch(nghttp2_session *session, int32_t id, uint8_t *into, size_t room, uint32_t *flags,
                     nghttp2_data_source *source, void *user) {
    (void)session, (void)id, (void)user;
    struct call *call = source->ptr;
    struct part *response = &call->response;
    size_t left = response->size - call->sent;
    size_t size = left < room ? left : room;
    memcpy(into, part_data(response) + call->sent, size);
    call->sent += size;
    if (call->sent < response->size)
        return (ssize_t)size;
    part_finish(&call->connection->messages, response);
    call->sent = 0;
    call_watch(call);
    if (call->state == CALL_FINISHED) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        submit_trailer(call);
    } else if (size == 0) {
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)size;
}

/* ---- a header, and messages ---- */

static void begin(struct call *call) {
    const nghttp2_nv fields[] = {constant(":status", "200"), constant("content-type", "application/grpc")};
    const nghttp2_data_provider provider = {.source = {.ptr = call}, .read_callback = fetch};
    call->is_begun = true;
    note(call, nghttp2_submit_response(call->connection->session, (int32_t)call->id, fields,
                                       sizeof fields / sizeof *fields, &provider));
}

/* Goes on with what was begun. */
static void resume(struct call *call) {
    if (call->is_begun)
        nghttp2_session_resume_data(call->connection->session, (int32_t)call->id);
    else
        begin(call);
}

void grpc_answer(struct grpc_connection *connection, uint32_t id, struct bytes message) {
    struct call *call = call_find(connection, id);
    if (call == NULL || call->state != CALL_TAKEN)
        return;
    if (!part_reserve(&connection->messages, &call->response, GRPC_PREFIX_SIZE + message.size)) {
        answers_finish(call, GRPC_RESOURCE_EXHAUSTED, "this connection's memory is used up by answers not taken yet");
        return;
    }
    uint8_t *at = part_data(&call->response) + call->response.size;
    const uint8_t prefix[GRPC_PREFIX_SIZE] = {0, (uint8_t)(message.size >> 24), (uint8_t)(message.size >> 16),
                                              (uint8_t)(message.size >> 8), (uint8_t)message.size};
    memcpy(at, prefix, sizeof prefix);
    memcpy(at + GRPC_PREFIX_SIZE, message.data, message.size);
    call->response.size += GRPC_PREFIX_SIZE + message.size;
    call_watch(call);
    resume(call);
}

/* ---- an outcome ---- */

/* Nothing was answered before: the outcome is the header. */
static void finish_alone(struct call *call, const struct refusal *refusal) {
    char status[4];
    char text[HEX_PER_BYTE * TEXT_MAX];
    snprintf(status, sizeof status, "%d", refusal->http_status);
    nghttp2_nv fields[6] = {field(":status", status, strlen(status)), constant("content-type", "application/grpc")};
    size_t count = 2;
    fields[count++] = status_field(refusal->status);
    if (refusal->status == GRPC_UNIMPLEMENTED)
        fields[count++] = constant("grpc-accept-encoding", "identity");
    if (refusal->http_status == 405)
        fields[count++] = constant("allow", "POST");
    if (refusal->text != NULL)
        fields[count++] = field("grpc-message", text, answers_encode_text(refusal->text, text, sizeof text));
    call->is_begun = true;
    note(call, nghttp2_submit_response(call->connection->session, (int32_t)call->id, fields, count, NULL));
}

static void keep_text(struct call *call, const char *text) {
    size_t capacity = HEX_PER_BYTE * strlen(text);
    call->text = memory_take(&call->connection->messages, capacity);
    if (call->text != NULL) /* else it goes without */
        call->text_size = answers_encode_text(text, call->text, capacity);
}

void answers_refuse(struct call *call, const struct refusal *refusal) {
    if (call->is_begun) {
        answers_finish(call, refusal->status, refusal->text);
        return;
    }
    bool is_read = call->state != CALL_READING; /* then the owner may still look at its message */
    call_move(call, CALL_FINISHED);
    call_wait(call);
    finish_alone(call, refusal);
    if (!is_read)
        part_finish(&call->connection->messages, &call->request);
}

void answers_finish(struct call *call, enum grpc_status status, const char *text) {
    if (!call->is_begun) {
        answers_refuse(call, &(struct refusal){.http_status = 200, .status = status, .text = text});
        return;
    }
    call_move(call, CALL_FINISHED);
    call_wait(call);
    call->status = status;
    if (text != NULL)
        keep_text(call, text);
    resume(call);
}

bool grpc_is_open(const struct grpc_connection *connection, uint32_t id) {
    const struct call *call = call_find(connection, id);
    return call != NULL && call->state == CALL_TAKEN;
}

void grpc_end(struct grpc_connection *connection, uint32_t id, enum grpc_status status, const char *text) {
    struct call *call = call_find(connection, id);
    if (call != NULL && call->state != CALL_FINISHED)
        answers_finish(call, status, text);
}
