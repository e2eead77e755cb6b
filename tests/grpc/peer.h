/* SPDX-License-Identifier: Apache-2.0 */
/* peer: a client made of nghttp2 and a server made of our room, joined in memory; the server has a few methods that do
 * what tests want. */
#ifndef VAXEL_TESTS_GRPC_PEER_H
#define VAXEL_TESTS_GRPC_PEER_H

#include "grpc/grpc.h"

#include <nghttp2/nghttp2.h>

#define PEER_CALLS 4096
#define PEER_MESSAGE_MAX 65536
#define PEER_MEMORY (1u << 20)
#define PEER_PATIENCE_US INT64_C(10000000)

#define ECHO "/test.Room/Echo"     /* answers with the message */
#define KEEP "/test.Room/Keep"     /* answers nothing: the test does */
#define REFUSE "/test.Room/Refuse" /* ends with INVALID_ARGUMENT and the message as its text */
#define MANY "/test.Room/Many"     /* answers each message, until the client has no more */

/* What the client was answered. */
struct outcome {
    bool is_closed;
    uint32_t error; /* of the stream: NGHTTP2_NO_ERROR, … */
    char http_status[4];
    char status[4];  /* "" while there is none */
    char text[1024]; /* as it travelled */
    char accepts[16];
    uint8_t data[2 * PEER_MESSAGE_MAX];
    size_t size;
    void *body; /* of the request */
};

struct peer {
    struct grpc *grpc;
    struct grpc_connection *connection;
    nghttp2_session *session;
    struct tick now;
    bool is_closed;     /* the server wants the connection closed */
    bool is_deaf;       /* what the server sends is not read */
    bool is_full;       /* the server's on_output says no */
    size_t server_sent; /* bytes */
    size_t tear;        /* the server gets so many bytes at a time; 0: all */
    struct failure failure;
    uint32_t goaway_error; /* UINT32_MAX: none came */
    int32_t goaway_last;
    uint32_t kept; /* the last call that KEEP or MANY got */
    size_t kept_size;
    bool kept_has_timeout;
    int64_t kept_timeout_us;
    uint32_t requests; /* that came to the owner */
    uint32_t ends;
    struct outcome *outcomes; /* by stream / 2 */
};

void peer_start(struct peer *peer);
void peer_stop(struct peer *peer);

/* Lets both sides say all they have. */
void peer_run(struct peer *peer);
/* Raw bytes to the server, as from its client. */
void peer_feed(struct peer *peer, const void *bytes, size_t size);

/* A field more, or in place of one of the same name; ends with one without a name. NULL: none. */
struct peer_field {
    const char *name;
    const char *value;
};
/* Begins a call whose body is `body`, as it travels; `is_open`: the client has not said that it is all. */
int32_t peer_begin(struct peer *peer, const char *path, const struct peer_field *fields, const void *body, size_t size,
                   bool is_open);
/* A whole call with one message. */
int32_t peer_call(struct peer *peer, const char *path, const void *message, size_t size);
struct outcome *peer_outcome(struct peer *peer, int32_t call);

/* The call has ended with this, and the text has these words. */
void peer_expect(struct peer *peer, int32_t call, const char *status, const char *words);
/* … with OK and this one message. */
void peer_expect_message(struct peer *peer, int32_t call, const void *message, size_t size);

#endif
