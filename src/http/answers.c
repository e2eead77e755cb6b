/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "http/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 16384
/* Two ends of a line: an event stream's client takes them for a comment without words. */
static const char nothing_yet[] = ":\n\n";

struct live_stream {
    struct http_stream stream;
    struct http_generation *generation;
    size_t size;
    size_t sent;
    char piece[HTTP_PIECE_SIZE];
};

void http_answer_header(struct http_exchange *exchange, const char *name, const char *value) {
    CHECK(!exchange->is_answered);
    CHECK(exchange->header_count < ANSWER_HEADERS);
    struct answer_header *header = &exchange->headers[exchange->header_count++];
    header->name = name;
    header->value = strdup(value);
    CHECK(header->value != NULL);
}

static void queue(struct http_exchange *exchange, unsigned status, struct MHD_Response *response) {
    CHECK(response != NULL);
    CHECK(!exchange->is_answered);
    exchange->is_answered = true;
    for (unsigned i = 0; i < exchange->header_count; i++)
        CHECK(MHD_add_response_header(response, exchange->headers[i].name, exchange->headers[i].value) == MHD_YES);
    if (atomic_load(&exchange->generation->is_ending))
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    exchange->is_queued = MHD_queue_response(exchange->connection, status, response);
    MHD_destroy_response(response);
}

void http_answer(struct http_exchange *exchange, unsigned status, const char *type, struct bytes body) {
    /* Copied, and only read: the cast is the library's. */
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.size, (void *)(uintptr_t)body.data, MHD_RESPMEM_MUST_COPY);
    CHECK(response != NULL);
    if (type != NULL)
        CHECK(MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES);
    queue(exchange, status, response);
}

void answer_problem(struct http_exchange *exchange, unsigned status, const char *title, const char *detail) {
    char body[512];
    int size =
        snprintf(body, sizeof(body), "{\"type\":\"about:blank\",\"status\":%u,\"title\":\"%s\",\"detail\":\"%s\"}",
                 status, title, detail);
    CHECK(size > 0 && (size_t)size < sizeof(body));
    http_answer(exchange, status, "application/problem+json", bytes_of(body, (size_t)size));
}

/* ---- streams ---- */

/* A piece may be larger than what the connection takes at once. */
static ssize_t read_stream(void *owner, uint64_t position, char *block, size_t capacity) {
    (void)position;
    struct live_stream *live = owner;
    if (live->sent == live->size) {
        if (atomic_load(&live->generation->is_ending))
            return MHD_CONTENT_READER_END_OF_STREAM;
        live->sent = 0;
        live->size = live->stream.next(live->stream.owner, live->piece, sizeof(live->piece));
        if (live->size == HTTP_STREAM_END)
            return MHD_CONTENT_READER_END_OF_STREAM;
        CHECK(live->size <= sizeof(live->piece));
        if (live->size == 0) {
            live->size = sizeof(nothing_yet) - 1;
            memcpy(live->piece, nothing_yet, live->size);
        }
    }
    size_t size = live->size - live->sent;
    if (size > capacity)
        size = capacity;
    memcpy(block, live->piece + live->sent, size);
    live->sent += size;
    return (ssize_t)size;
}

static void end_stream(void *owner) {
    struct live_stream *live = owner;
    if (live->stream.end != NULL)
        live->stream.end(live->stream.owner);
    free(live);
}

void http_answer_stream(struct http_exchange *exchange, const struct http_stream *stream) {
    struct live_stream *live = calloc(1, sizeof(*live));
    CHECK(live != NULL);
    live->stream = *stream;
    live->generation = exchange->generation;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_stream, live, end_stream);
    CHECK(response != NULL);
    CHECK(MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream") == MHD_YES);
    CHECK(MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES);
    queue(exchange, MHD_HTTP_OK, response);
}
