/* SPDX-License-Identifier: Apache-2.0 */
/* http: a server of HTTP/1.1, plain or by TLS 1.3, around libmicrohttpd.
 *
 * Each connection has a thread of its own, which calls the handler; so a handler may wait, and holds up nobody but its
 * own client. Bounded are the connections (past them new ones are closed), the headers (HTTP_HEADERS_SIZE), the body,
 * the time a client may be silent and the time a request may take to arrive; where clients are to show a certificate,
 * also the time until one has. What is not HTTP, too large, or from a client without a certificate of the authority is
 * answered here, and no handler hears of it. It knows no URLs, no JSON and nothing of a switch. */
#ifndef VAXEL_HTTP_HTTP_H
#define VAXEL_HTTP_HTTP_H

#include "base/bytes.h"
#include "base/failure.h"

/* What a connection has for the request line, the headers, and what is being sent. */
#define HTTP_HEADERS_SIZE 32768

struct http_server;
struct http_exchange; /* a request and its answer */

/* ---- what was asked; texts stand until the handler returns ---- */

#define HTTP_NAME_SIZE 65
#define HTTP_SHA1_SIZE 20
#define HTTP_SHA256_SIZE 32

struct http_request {
    const char *method; /* "GET" */
    const char *path;   /* percent-decoded, without the query */
    struct bytes body;
    /* The client's certificate: its common name, and the digests of its DER. "" and zeros where none is asked for. */
    const char *client;
    const uint8_t *client_sha1;   /* HTTP_SHA1_SIZE bytes, */
    const uint8_t *client_sha256; /* and HTTP_SHA256_SIZE */
};

/* A parameter of the query, percent-decoded ("" when it has no value), or a header, by any case. NULL: there is none.
 * Of several by one name, the first. */
const char *http_query(struct http_exchange *exchange, const char *name);
const char *http_header(struct http_exchange *exchange, const char *name);

/* ---- what is answered ---- */

/* One of these, once. The body is copied; `type` is its Content-Type, NULL without a body. */
void http_answer(struct http_exchange *exchange, unsigned status, const char *type, struct bytes body);

/* Server-sent events, for as long as the client stays: an exchange that goes on after its handler has returned. */
struct http_stream {
    void *owner;
    /* Waits for the next piece, for a second or so at most, and writes it to `piece`: its size, 0 when there is
     * nothing yet (the client is then sent an empty comment, so that one that has gone is noticed), or HTTP_STREAM_END.
     * Called by the connection's own thread, and not again when the server is ending. */
    size_t (*next)(void *owner, char *piece, size_t capacity);
    /* Once, when it is over, however it ended. May be NULL. */
    void (*end)(void *owner);
};
#define HTTP_STREAM_END ((size_t)-1)
#define HTTP_PIECE_SIZE 65536

void http_answer_stream(struct http_exchange *exchange, const struct http_stream *stream);

/* Before the answer: a header of it, eight at most. The value must hold no control character, and is copied. */
void http_answer_header(struct http_exchange *exchange, const char *name, const char *value);

/* Must answer. Several threads call it at once. */
typedef void http_handler(void *owner, struct http_exchange *exchange, const struct http_request *request);

/* ---- the server ---- */

struct http_options {
    const char *address;     /* "host:port" or "[::1]:port", in numbers */
    int socket;              /* in its place, one that listens already and that somebody else keeps; 0: none */
    const char *certificate; /* PEM, with its chain; NULL: no TLS */
    const char *key;
    const char *authority; /* PEM: who must have signed the clients' certificates; NULL: they need none */
    uint32_t connections;
    size_t body_bytes;
    int64_t idle_timeout_us;    /* rounded up to seconds */
    int64_t arrival_timeout_us; /* from a request's headers to the end of its body. Where an authority is given, also
                                   from a new connection to the end of the first headers */
    http_handler *handler;
    void *owner;
};

/* Listens when it returns. The options' texts are copied. */
struct http_server *http_start(const struct http_options *options, struct failure *failure);

/* Reads the certificate, key and authority again. False: they can't be used, and the old ones stay. New connections get
 * the new ones at once; those of the old are closed when what is in flight has been answered, or after `patience_us`.
 */
bool http_reload(struct http_server *server, int64_t patience_us, struct failure *failure);

/* Accepts no more, answers what is in flight, but no longer than `patience_us`, and ends. */
void http_stop(struct http_server *server, int64_t patience_us);

#endif
