/* SPDX-License-Identifier: Apache-2.0 */
/* grpc: calls over HTTP/2, the server's side, by nghttp2. Bytes in, bytes out, a callback for each message; it does no
 * I/O, reads no clock, and knows nothing of what is called but the names of the methods.
 *
 * A peer is bounded in calls at a time, in the size of a message and of its headers, in the time a request takes to
 * arrive and an answer to be taken, in frames that bring nothing, and in memory: all that a connection holds, nghttp2's
 * own included, comes out of allowances, and is kept for the next connection when it is over. */
#ifndef VAXEL_GRPC_GRPC_H
#define VAXEL_GRPC_GRPC_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/failure.h"

/* The name in ALPN. */
#define GRPC_PROTOCOL "h2"

/* In front of a message, as it travels: whether it is compressed, and its size. */
#define GRPC_PREFIX_SIZE 5

/* A call's outcome, as the protocol numbers them. */
enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
};

struct grpc_method {
    const char *path; /* "/vaxel.v1.Switch/Authorize" */
    int number;       /* the owner's word for it */
    bool takes_many;  /* messages until the client has no more to say; else exactly one */
};

struct grpc_options {
    const struct grpc_method *methods;
    size_t method_count;
    uint32_t calls_capacity;  /* of a connection at a time */
    size_t message_capacity;  /* bytes of a request's message */
    size_t messages_capacity; /* bytes of a connection's messages that wait, requests and answers */
    int64_t patience_us;      /* for a message to arrive whole, and for an answer to be taken */
};

struct grpc;            /* a thread's */
struct grpc_connection; /* valid from grpc_open() to grpc_close() */

/* A message that came whole. A call is named by its connection and number; no later call has the same. */
struct grpc_request {
    uint32_t call;
    const struct grpc_method *method;
    uint8_t
        *message; /* valid during the callback, with the GRPC_PREFIX_SIZE bytes in front of it: the taker may write */
    size_t size;
    bool has_timeout;
    int64_t timeout_us; /* what the client waits, from now */
};

/* Calls come from grpc_input(), grpc_tick() and whatever sends; only on_request and on_end may call anything here but
 * grpc_input() and grpc_close(). */
struct grpc_handler {
    void (*on_request)(void *owner, struct grpc_connection *connection, const struct grpc_request *request);
    /* The client has no more messages; only for a method that takes many. */
    void (*on_end)(void *owner, struct grpc_connection *connection, uint32_t call);
    /* Bytes for the peer. False: the connection is closing, nothing more is to be sent. */
    bool (*on_output)(void *owner, struct grpc_connection *connection, struct bytes bytes);
};

struct grpc *grpc_create(const struct grpc_options *options, const struct grpc_handler *handler, void *owner);
/* When every connection is closed. */
void grpc_destroy(struct grpc *grpc);

/* NULL when memory is out. What is to be said first goes out with grpc_flush(). */
struct grpc_connection *grpc_open(struct grpc *grpc, void *user);
void *grpc_user(const struct grpc_connection *connection);
/* Ends it without a word. Calls under way are gone: whoever answers them then finds nobody. */
void grpc_close(struct grpc_connection *connection);

/* Takes what came, calls back, and sends what there is to say. False: the connection is to be closed, after what was
 * sent has left; `failure` says why. */
bool grpc_input(struct grpc_connection *connection, struct bytes received, struct tick now, struct failure *failure);

/* Looks after calls whose time is up; say it each turn. */
void grpc_tick(struct grpc *grpc, struct tick now);

/* Whether the call still stands: not cancelled, nor ended. */
bool grpc_is_open(const struct grpc_connection *connection, uint32_t id);
/* Queues a message of the answer; nothing of a call that is gone. */
void grpc_answer(struct grpc_connection *connection, uint32_t id, struct bytes message);
/* Ends the call. `text` (any bytes; NULL: none) is told the client. */
void grpc_end(struct grpc_connection *connection, uint32_t id, enum grpc_status status, const char *text);
/* Sends what was queued. False: the connection is closing. Within a callback it does nothing: it is done after that. */
bool grpc_flush(struct grpc_connection *connection);

/* No new calls from now on: tells the client to go elsewhere, and once it has heard so, which calls were taken. Those
 * go on. */
void grpc_drain(struct grpc_connection *connection);
/* Whether any call is under way. */
bool grpc_has_calls(const struct grpc_connection *connection);
/* The client has heard, and nothing is under way: closing fails no call. */
bool grpc_is_drained(const struct grpc_connection *connection);

#endif
