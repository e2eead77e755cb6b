/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of http share. */
#ifndef VAXEL_HTTP_INTERNAL_H
#define VAXEL_HTTP_INTERNAL_H

#include "http/http.h"

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <stdatomic.h>

/* One of libmicrohttpd's servers. A reload starts a second one on the same socket, and the first drains. */
struct http_generation {
    struct http_server *server;
    struct MHD_Daemon *daemon;
    int listener;
    atomic_uint in_flight; /* requests whose answer has not left */
    atomic_bool is_ending;
};

struct http_server {
    struct http_options options;
    int listener;
    struct http_generation *generation;
};

#define ANSWER_HEADERS 8

struct answer_header {
    const char *name;
    char *value;
};

/* Made when the headers are there, ended when the answer has left or the client has gone. */
struct http_exchange {
    struct http_generation *generation;
    struct MHD_Connection *connection;
    const char *method;
    const char *path;
    int64_t arrive_by_us;
    struct buffer body;
    size_t body_received;
    char client[HTTP_NAME_SIZE];
    uint8_t client_sha1[HTTP_SHA1_SIZE];
    uint8_t client_sha256[HTTP_SHA256_SIZE];
    unsigned header_count;
    struct answer_header headers[ANSWER_HEADERS];
    bool is_answered;
    enum MHD_Result is_queued;
};

/* ---- exchanges.c ---- */

enum MHD_Result exchange_go_on(void *owner, struct MHD_Connection *connection, const char *path, const char *method,
                               const char *version, const char *upload, size_t *upload_size, void **exchange);
void exchange_end(void *owner, struct MHD_Connection *connection, void **exchange, enum MHD_RequestTerminationCode how);

/* ---- answers.c ---- */

/* What this room refuses by itself, as problem details (RFC 9457). */
void answer_problem(struct http_exchange *exchange, unsigned status, const char *title, const char *detail);

/* ---- server.c ---- */

/* Rounded up: libmicrohttpd counts in these. */
unsigned whole_seconds(int64_t time_us);

/* ---- strangers.c: of a server that asks for certificates ---- */

/* A connection is made, and nothing of it read yet; or it has ended. */
void strangers_come_and_go(void *owner, struct MHD_Connection *connection, void **kept,
                           enum MHD_ConnectionNotificationCode what);
/* The client showed a certificate of the authority: its connection may be idle from now on. */
void strangers_know(const struct http_exchange *exchange);

/* ---- tls.c ---- */

/* A whole file as text, to be wiped and freed by tls_forget(). NULL: not readable, or over a megabyte. */
char *tls_read(const char *path, struct failure *failure);
void tls_forget(char *text);

/* Whether the client showed a certificate of the authority; then its name and digest are in the exchange. */
bool tls_knows_client(struct http_exchange *exchange);

#endif
