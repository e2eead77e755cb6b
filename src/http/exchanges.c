/* SPDX-License-Identifier: Apache-2.0 */
/* A request as libmicrohttpd tells of it: once with its headers, then for each part of its body, then once more.
 * An answer may be given at the first call or at the last. */
#include "base/check.h"
#include "base/clock.h"
#include "http/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A body that is too large is read on for so much, so that its client comes to read the answer. */
#define PATIENCE_BODIES 16

const char *http_query(struct http_exchange *exchange, const char *name) {
    const char *value = NULL;
    size_t size = 0;
    if (MHD_lookup_connection_value_n(exchange->connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value, &size) !=
        MHD_YES)
        return NULL;
    return value != NULL ? value : "";
}

const char *http_header(struct http_exchange *exchange, const char *name) {
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

static size_t body_capacity(const struct http_exchange *exchange) {
    return exchange->generation->server->options.body_bytes;
}

/* Whether the headers tell of a larger body than is taken. */
static bool announces_too_much(struct http_exchange *exchange) {
    const char *length = http_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length == NULL)
        return false;
    errno = 0;
    unsigned long long size = strtoull(length, NULL, 10);
    return errno != 0 || size > body_capacity(exchange);
}

static void refuse_too_much(struct http_exchange *exchange) {
    answer_problem(exchange, MHD_HTTP_CONTENT_TOO_LARGE, "Content too large", "Send a smaller body.");
}

static struct http_exchange *begin(struct http_generation *generation, struct MHD_Connection *connection,
                                   const char *path, const char *method) {
    struct http_exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL)
        return NULL;
    exchange->generation = generation;
    exchange->connection = connection;
    exchange->path = path;
    exchange->method = method;
    exchange->arrive_by_us = tick_now().us + generation->server->options.arrival_timeout_us;
    atomic_fetch_add(&generation->in_flight, 1);
    return exchange;
}

/* A client that need show no certificate is known. */
static bool is_known(struct http_exchange *exchange) {
    if (exchange->generation->server->options.authority == NULL)
        return true;
    if (!tls_knows_client(exchange))
        return false;
    strangers_know(exchange);
    return true;
}

/* The first call: what can be refused before the body is sent is. With such an answer the connection ends. */
static enum MHD_Result take_headers(struct http_exchange *exchange) {
    if (!is_known(exchange))
        answer_problem(exchange, MHD_HTTP_FORBIDDEN, "No client certificate",
                       "Connect with a certificate that the operator's authority has signed.");
    else if (announces_too_much(exchange))
        refuse_too_much(exchange);
    return exchange->is_answered ? exchange->is_queued : MHD_YES;
}

/* False: cut the connection. */
static bool take_body(struct http_exchange *exchange, const char *upload, size_t size) {
    exchange->body_received += size;
    if (tick_now().us > exchange->arrive_by_us ||
        exchange->body_received > PATIENCE_BODIES * body_capacity(exchange) + size)
        return false;
    if (exchange->body_received > body_capacity(exchange))
        return true;
    if (exchange->body.capacity == 0)
        buffer_init(&exchange->body, body_capacity(exchange));
    CHECK(buffer_append(&exchange->body, upload, size));
    return true;
}

static enum MHD_Result handle(struct http_exchange *exchange) {
    if (exchange->body_received > body_capacity(exchange)) {
        refuse_too_much(exchange);
        return exchange->is_queued;
    }
    struct http_request request = {
        .method = exchange->method,
        .path = exchange->path,
        .body = buffer_bytes(&exchange->body),
        .client = exchange->client,
        .client_sha1 = exchange->client_sha1,
        .client_sha256 = exchange->client_sha256,
    };
    const struct http_options *options = &exchange->generation->server->options;
    options->handler(options->owner, exchange, &request);
    CHECK(exchange->is_answered);
    return exchange->is_queued;
}

enum MHD_Result exchange_go_on(void *owner, struct MHD_Connection *connection, const char *path, const char *method,
                               const char *version, const char *upload, size_t *upload_size, void **exchange) {
    (void)version;
    if (*exchange == NULL) {
        struct http_exchange *made = begin(owner, connection, path, method);
        *exchange = made;
        return made != NULL ? take_headers(made) : MHD_NO;
    }
    struct http_exchange *going = *exchange;
    if (*upload_size == 0)
        return handle(going);
    size_t size = *upload_size;
    *upload_size = 0;
    return take_body(going, upload, size) ? MHD_YES : MHD_NO;
}

void exchange_end(void *owner, struct MHD_Connection *connection, void **exchange,
                  enum MHD_RequestTerminationCode how) {
    (void)connection;
    (void)how;
    struct http_generation *generation = owner;
    struct http_exchange *ended = *exchange;
    if (ended == NULL)
        return;
    *exchange = NULL;
    if (ended->body.capacity > 0)
        buffer_finish(&ended->body);
    for (unsigned i = 0; i < ended->header_count; i++)
        free(ended->headers[i].value);
    free(ended);
    atomic_fetch_sub(&generation->in_flight, 1);
}
