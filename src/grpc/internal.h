/* SPDX-License-Identifier: Apache-2.0 */
/* What grpc's files share. Bytes go through them so:
 *
 *   grpc_input ─▶ nghttp2 ─▶ its callbacks                                        (connection.c)
 *                   ├─ header fields ─▶ which method, how long, or why not        (headers.c)
 *                   └─ data ─▶ messages, torn or not ─▶ the owner's on_request    (calls.c)
 *   grpc_answer, grpc_end ─▶ what the call has to say ─▶ nghttp2 ─▶ on_output     (answers.c)
 *
 * A call's memory is nghttp2's to keep: it is the stream's user data, and goes when the stream is closed. */
#ifndef VAXEL_GRPC_INTERNAL_H
#define VAXEL_GRPC_INTERNAL_H

#include "grpc/grpc.h"
#include "grpc/memory.h"

#include <nghttp2/nghttp2.h>

/* A request's header fields together, each counted with 32 bytes as HTTP/2 does. */
#define HEADER_LIST_MAX 8192

/* What a call's text may be, as it came and as it is sent. */
#define TEXT_MAX 300

/* Bytes that are gathered: in `inside` while they fit, then in a piece of the connection's memory. */
#define PART_INSIDE 320
struct part {
    uint8_t *data; /* NULL: inside */
    size_t size;
    size_t capacity;
    uint8_t inside[PART_INSIDE];
};

enum call_state {
    CALL_READING,  /* its headers or its message have not come whole */
    CALL_TAKEN,    /* the owner has it */
    CALL_FINISHED, /* its outcome is said: to be sent, or waiting for the stream to close */
    CALL_STATES,
};

/* Why a call can't be taken, found while its headers come. */
struct refusal {
    int http_status; /* 0: there is none. 200: gRPC's own status tells */
    enum grpc_status status;
    const char *text;
};

struct call {
    struct grpc_connection *connection;
    uint32_t id;
    enum call_state state;

    /* ---- the request ---- */
    const struct grpc_method *method;
    struct refusal refusal;
    size_t header_list_size;
    bool has_content_type;
    bool has_timeout;
    int64_t timeout_us;
    bool has_message; /* one that was to come alone is whole */
    bool has_ended;   /* the client has no more to say */
    struct part request;

    /* ---- the answer ---- */
    bool is_begun; /* its headers are submitted */
    enum grpc_status status;
    char *text; /* percent-encoded, of the connection's memory; NULL: none */
    size_t text_size;
    size_t sent; /* of `response` */
    struct part response;

    /* ---- how long it may last: while it is read, when it is finished, and while it holds memory in between ---- */
    bool is_waiting;
    struct tick waits_until;
    struct call *before;
    struct call *after;

    struct call *next; /* of the connection's */
    struct call *previous;
};

struct grpc_connection {
    struct grpc *grpc;
    void *user;
    nghttp2_session *session;
    struct memory_allowance memory;   /* nghttp2's, and calls */
    struct memory_allowance messages; /* what they say, so that nghttp2 never wants for it */
    struct call *calls;
    uint32_t call_count;
    bool is_inside;   /* nghttp2 calls back: what is queued goes out after that */
    bool is_leaving;  /* told to go elsewhere */
    bool is_left;     /* has heard, and knows which calls were taken */
    bool is_flooded;  /* nothing more is taken */
    bool is_out;      /* of memory */
    int64_t patience; /* frames that may come before one brings something */
    struct tick patience_at;
};

struct grpc {
    struct grpc_options options;
    struct grpc_handler handler;
    void *owner;
    struct tick now;
    nghttp2_option *option;
    nghttp2_session_callbacks *callbacks;
    struct memory_pool pool;
    struct call *waiting_first; /* in the order in which their time runs out */
    struct call *waiting_last;
};

/* ---- parts.c ---- */
uint8_t *part_data(struct part *part);
/* Room for `size` bytes more; false when the connection has no memory left. */
bool part_reserve(struct memory_allowance *memory, struct part *part, size_t size);
void part_finish(struct memory_allowance *memory, struct part *part);

/* ---- headers.c ---- */
/* Takes one field of a request's header. */
void headers_take(struct call *call, struct bytes name, struct bytes value);
/* All have come: what is missing, or there and not wanted, is a refusal. */
void headers_end(struct call *call);

/* ---- calls.c ---- */
struct call *call_find(const struct grpc_connection *connection, uint32_t id);
/* NULL when memory is out. */
struct call *call_open(struct grpc_connection *connection, uint32_t id);
void call_close(struct call *call);
/* Its headers are here. */
void call_begin(struct call *call);
void call_data(struct call *call, struct bytes data);
/* The client has no more to say. */
void call_end(struct call *call);
void call_move(struct call *call, enum call_state state);
void call_wait(struct call *call);
void call_stop_waiting(struct call *call);
/* Of a call that is taken: its time runs while a message is half there, or an answer is not sent. */
void call_watch(struct call *call);

/* ---- answers.c ---- */
void answers_refuse(struct call *call, const struct refusal *refusal);
void answers_finish(struct call *call, enum grpc_status status, const char *text);
/* Appends the text with all but printable ASCII as %XX; as much as there is room for. */
size_t answers_encode_text(const char *text, char *encoded, size_t capacity);

#endif
