/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ops.h"

#include "base/check.h"
#include "http/http.h"
#include "ops/feed.h"
#include "ops/pages.h"

#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 128
#define PLACE_SIZE 512
#define IDLE_TIMEOUT_US 30000000
#define ARRIVAL_TIMEOUT_US 5000000
#define BODY_BYTES 1024
/* What is being answered when the process ends may take so long. */
#define PATIENCE_US 1000000

#define TEXT "text/plain; charset=utf-8"
#define OPENMETRICS "application/openmetrics-text"

struct ops {
    struct ops_source source;
    struct feed *feed;
    struct pages *pages;
    struct http_server *server;
};

/* A body while it is being written. */
struct page {
    char *text;
    size_t size;
    FILE *file;
};

static void page_open(struct page *page) {
    page->file = open_memstream(&page->text, &page->size);
    CHECK(page->file != NULL);
}

static void page_answer(struct page *page, struct http_exchange *exchange, unsigned status, const char *type) {
    CHECK(fclose(page->file) == 0);
    http_answer_header(exchange, "Cache-Control", "no-store");
    http_answer(exchange, status, type, bytes_of(page->text, page->size));
    free(page->text);
}

static void answer_text(struct http_exchange *exchange, unsigned status, const char *text) {
    http_answer_header(exchange, "Cache-Control", "no-store");
    http_answer(exchange, status, TEXT, bytes_of(text, strlen(text)));
}

/* Prometheus names OpenMetrics first when it knows it. */
static void answer_metrics(const struct ops *ops, struct http_exchange *exchange) {
    const char *accepted = http_header(exchange, "Accept");
    bool is_openmetrics = accepted != NULL && strstr(accepted, OPENMETRICS) != NULL;
    struct page page;
    page_open(&page);
    ops->source.write_metrics(ops->source.owner, is_openmetrics, page.file);
    page_answer(&page, exchange, 200,
                is_openmetrics ? OPENMETRICS "; version=1.0.0; charset=utf-8"
                               : "text/plain; version=0.0.4; charset=utf-8");
}

static void answer_health(const struct ops *ops, struct http_exchange *exchange) {
    if (ops->source.is_alive(ops->source.owner))
        answer_text(exchange, 200, "alive\n");
    else
        answer_text(exchange, 503, "hangs: a worker has not turned its loop for seconds\n");
}

static void answer_readiness(const struct ops *ops, struct http_exchange *exchange) {
    struct page page;
    page_open(&page);
    bool is_ready = ops->source.is_ready(ops->source.owner, page.file);
    fputs(is_ready ? "ready\n" : "not ready\n", page.file);
    page_answer(&page, exchange, is_ready ? 200 : 503, TEXT);
}

/* Without the dashboard's files the rest is there all the same. */
static void answer_index(const struct ops *ops, struct http_exchange *exchange) {
    if (pages_answer(ops->pages, exchange, "/"))
        return;
    char place[PLACE_SIZE];
    struct page page;
    pages_place(ops->pages, place, sizeof place);
    page_open(&page);
    fprintf(page.file,
            "vaxeld\n\n/metrics\n/healthz\n/readyz\n/events\n\n"
            "The dashboard is not here: there is no index.html in %s.\n"
            "In the sources of Växel, ./dev build makes it in build/dashboard: set ops.pages to that directory,\n"
            "and send the process SIGHUP. The package has it in /usr/share/vaxel/dashboard.\n",
            place);
    page_answer(&page, exchange, 200, TEXT);
}

static void answer_events(const struct ops *ops, struct http_exchange *exchange) {
    feed_answer(ops->feed, exchange);
}

static const struct route {
    const char *path;
    void (*answer)(const struct ops *ops, struct http_exchange *exchange);
} routes[] = {
    {"/", answer_index},           {"/metrics", answer_metrics}, {"/healthz", answer_health},
    {"/readyz", answer_readiness}, {"/events", answer_events},
};

static const struct route *find_route(const char *path) {
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strcmp(routes[i].path, path) == 0)
            return &routes[i];
    return NULL;
}

static void handle(void *owner, struct http_exchange *exchange, const struct http_request *request) {
    const struct ops *ops = owner;
    const struct route *route = find_route(request->path);
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
        http_answer_header(exchange, "Allow", "GET, HEAD");
        answer_text(exchange, 405, "this port is only read: GET or HEAD\n");
    } else if (route != NULL) {
        route->answer(ops, exchange);
    } else if (!pages_answer(ops->pages, exchange, request->path)) {
        answer_text(exchange, 404, "there is no such page: see /\n");
    }
}

static struct http_server *start_server(struct ops *ops, const char *address, struct failure *failure) {
    const struct http_options options = {
        .address = address,
        .connections = CONNECTIONS,
        .body_bytes = BODY_BYTES,
        .idle_timeout_us = IDLE_TIMEOUT_US,
        .arrival_timeout_us = ARRIVAL_TIMEOUT_US,
        .handler = handle,
        .owner = ops,
    };
    return http_start(&options, failure);
}

struct ops *ops_start(const char *address, const struct ops_looks *looks, const struct ops_source *source,
                      struct failure *failure) {
    struct ops *ops = calloc(1, sizeof *ops);
    CHECK(ops != NULL);
    ops->source = *source;
    ops->pages = pages_create(looks->pages, looks->nodes);
    ops->feed = feed_start(source, failure);
    ops->server = ops->feed != NULL ? start_server(ops, address, failure) : NULL;
    if (ops->server != NULL)
        return ops;
    if (ops->feed != NULL) {
        feed_end(ops->feed);
        feed_destroy(ops->feed);
    }
    pages_destroy(ops->pages);
    free(ops);
    return NULL;
}

void ops_change(struct ops *ops, const struct ops_looks *looks) {
    pages_change(ops->pages, looks->pages, looks->nodes);
}

void ops_stop(struct ops *ops) {
    if (ops == NULL)
        return;
    feed_end(ops->feed);
    http_stop(ops->server, PATIENCE_US);
    feed_destroy(ops->feed);
    pages_destroy(ops->pages);
    free(ops);
}
