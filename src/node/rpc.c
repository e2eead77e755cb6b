/* SPDX-License-Identifier: Apache-2.0 */
/* rpc: the gRPC face of a worker. A call of the switch's own service goes the way of any request, its correlation being
 * the call's number; health and reflection are answered here. */
#include "node/worker.h"

#include "base/check.h"
#include "base/log.h"
#include "grpc/grpc.h"
#include "wire/services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_PER_CONNECTION 256
#define MESSAGES_BYTES ((size_t)1 << 20)
/* For a request to come whole, and an answer to be taken. */
#define PATIENCE_US 10000000
/* Clients that want to hear when the health changes. */
#define WATCHERS_CAPACITY 64
/* How long a client may take to hear that it is to go elsewhere; one that has calls under way is waited for longer. */
#define HEARING_US 2000000

enum { HEALTH_CHECK = CALL_COUNT, HEALTH_WATCH, REFLECTION };

#define SWITCH "/vaxel.v1.Switch/"

static const struct grpc_method methods[] = {
    {SWITCH "Authorize", CALL_AUTHORIZE, false},
    {SWITCH "Capture", CALL_CAPTURE, false},
    {SWITCH "VoidHold", CALL_VOID, false},
    {SWITCH "Reverse", CALL_REVERSE, false},
    {SWITCH "Refund", CALL_REFUND, false},
    {SWITCH "Advise", CALL_ADVISE, false},
    {SWITCH "BlockList", CALL_BLOCK_LIST, false},
    {SWITCH "Balance", CALL_BALANCE, false},
    {SWITCH "Lookup", CALL_LOOKUP, false},
    {SWITCH "Echo", CALL_ECHO, false},
    {"/grpc.health.v1.Health/Check", HEALTH_CHECK, false},
    {"/grpc.health.v1.Health/Watch", HEALTH_WATCH, false},
    {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", REFLECTION, true},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", REFLECTION, true},
};

struct watcher {
    uint64_t stream_key;
    uint32_t call;
    bool is_taken;
    bool is_known; /* the service it asked for is one of ours */
};

struct rpc_desk {
    struct grpc *grpc;
    struct buffer answer; /* of health and reflection */
    struct watcher watchers[WATCHERS_CAPACITY];
    enum health health; /* what the watchers were told */
    bool is_draining;
    struct tick draining_since;
};

/* ---- health ---- */

/* Whether purchases can be approved: PostgreSQL may be stood in for, Redis may not. */
static enum health health_now(const struct worker *worker) {
    bool has_truth = worker->has_records || worker->journals != NULL;
    return worker->has_counters && has_truth && !worker->rpc->is_draining ? HEALTH_SERVING : HEALTH_NOT_SERVING;
}

static void answer_health(struct worker *worker, struct grpc_connection *connection, uint32_t call,
                          enum health health) {
    struct buffer *answer = &worker->rpc->answer;
    answer->size = 0;
    services_write_health(answer, health);
    grpc_answer(connection, call, buffer_bytes(answer));
}

static void check_health(struct worker *worker, struct grpc_connection *connection, const struct grpc_request *asked,
                         bool is_known) {
    if (!is_known) {
        grpc_end(connection, asked->call, GRPC_NOT_FOUND, "this server has no such service: ask for vaxel.v1.Switch");
        return;
    }
    answer_health(worker, connection, asked->call, health_now(worker));
    grpc_end(connection, asked->call, GRPC_OK, NULL);
}

/* The watcher's connection; NULL when nobody watches there any more, and then the place is free. */
static struct grpc_connection *watching(struct worker *worker, struct watcher *watcher) {
    struct net_stream *stream = watcher->is_taken ? net_stream_of(worker->net, watcher->stream_key) : NULL;
    const struct session *session = stream != NULL ? net_user(stream) : NULL;
    if (session != NULL && session->rpc != NULL && grpc_is_open(session->rpc, watcher->call))
        return session->rpc;
    watcher->is_taken = false;
    return NULL;
}

static struct watcher *free_watcher(struct worker *worker) {
    for (size_t i = 0; i < WATCHERS_CAPACITY; i++)
        if (watching(worker, &worker->rpc->watchers[i]) == NULL)
            return &worker->rpc->watchers[i];
    return NULL;
}

static void watch_health(struct worker *worker, struct grpc_connection *connection, const struct grpc_request *asked,
                         bool is_known) {
    struct watcher *watcher = free_watcher(worker);
    if (watcher == NULL) {
        grpc_end(connection, asked->call, GRPC_RESOURCE_EXHAUSTED, "too many watch already: ask Check now and then");
        return;
    }
    *watcher = (struct watcher){net_stream_key(grpc_user(connection)), asked->call, true, is_known};
    answer_health(worker, connection, asked->call, is_known ? worker->rpc->health : HEALTH_SERVICE_UNKNOWN);
}

static void tell_watchers(struct worker *worker) {
    struct rpc_desk *desk = worker->rpc;
    enum health health = health_now(worker);
    if (health == desk->health)
        return;
    desk->health = health;
    for (size_t i = 0; i < WATCHERS_CAPACITY; i++) {
        struct watcher *watcher = &desk->watchers[i];
        struct grpc_connection *connection = watching(worker, watcher);
        if (connection == NULL)
            continue;
        if (watcher->is_known)
            answer_health(worker, connection, watcher->call, health);
        if (desk->is_draining)
            grpc_end(connection, watcher->call, GRPC_UNAVAILABLE, "the switch ends: watch another");
        grpc_flush(connection);
    }
}

static void ask_health(struct worker *worker, struct grpc_connection *connection, const struct grpc_request *asked) {
    bool is_known;
    if (!services_read_health(worker->codec, bytes_of(asked->message, asked->size), &is_known))
        grpc_end(connection, asked->call, GRPC_INVALID_ARGUMENT, "no grpc.health.v1.HealthCheckRequest");
    else if (asked->method->number == HEALTH_CHECK)
        check_health(worker, connection, asked, is_known);
    else
        watch_health(worker, connection, asked, is_known);
}

/* ---- reflection ---- */

static void reflect(struct worker *worker, struct grpc_connection *connection, const struct grpc_request *asked) {
    struct buffer *answer = &worker->rpc->answer;
    answer->size = 0;
    if (services_reflect(worker->codec, bytes_of(asked->message, asked->size), answer))
        grpc_answer(connection, asked->call, buffer_bytes(answer));
    else
        grpc_end(connection, asked->call, GRPC_INVALID_ARGUMENT, "no ServerReflectionRequest");
}

/* ---- the switch ---- */

static void take_request(struct worker *worker, struct grpc_connection *connection, const struct grpc_request *asked) {
    struct net_stream *stream = grpc_user(connection);
    struct session *session = net_user(stream);
    struct wire_request request = {0};
    struct wire_fault fault = {0};
    struct bytes envelope = wire_wrap_request((enum call)asked->method->number, asked->message, asked->size);
    if (wire_decode_request(worker->codec, envelope, &request, &fault)) {
        request.correlation = asked->call;
        if (asked->has_timeout)
            wire_shorten_timeout(worker->codec, &request, asked->timeout_us);
        requests_pass(worker, stream, session, &request);
        return;
    }
    if (fault.is_broken)
        snprintf(fault.text, sizeof fault.text, "the bytes are not the message that %s takes", asked->method->path);
    rpc_refuse(session, asked->call, &fault);
}

static void on_request(void *owner, struct grpc_connection *connection, const struct grpc_request *asked) {
    switch (asked->method->number) {
    case HEALTH_CHECK:
    case HEALTH_WATCH:
        ask_health(owner, connection, asked);
        break;
    case REFLECTION:
        reflect(owner, connection, asked);
        break;
    default:
        take_request(owner, connection, asked);
        break;
    }
}

/* Only reflection takes many. */
static void on_end(void *owner, struct grpc_connection *connection, uint32_t call) {
    (void)owner;
    grpc_end(connection, call, GRPC_OK, NULL);
}

static bool on_output(void *owner, struct grpc_connection *connection, struct bytes bytes) {
    (void)owner;
    return net_send(grpc_user(connection), bytes);
}

bool rpc_answer(const struct session *session, uint64_t call, struct bytes frame) {
    grpc_answer(session->rpc, (uint32_t)call, wire_bare_message(frame));
    grpc_end(session->rpc, (uint32_t)call, GRPC_OK, NULL);
    return grpc_flush(session->rpc);
}

static enum grpc_status status_of(const struct wire_fault *fault) {
    switch (fault->reason) {
    case REASON_CALL_NOT_ALLOWED:
        return GRPC_PERMISSION_DENIED;
    case REASON_BUSY:
        return GRPC_RESOURCE_EXHAUSTED;
    case REASON_UNAVAILABLE:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_INVALID_ARGUMENT;
    }
}

bool rpc_refuse(const struct session *session, uint64_t call, const struct wire_fault *fault) {
    grpc_end(session->rpc, (uint32_t)call, status_of(fault), fault->text);
    return grpc_flush(session->rpc);
}

/* ---- connections ---- */

void rpc_init(struct worker *worker) {
    static const struct grpc_handler handler = {on_request, on_end, on_output};
    static const struct grpc_options options = {
        .methods = methods,
        .method_count = sizeof methods / sizeof *methods,
        .calls_capacity = CALLS_PER_CONNECTION,
        .message_capacity = WIRE_ENVELOPE_MAX,
        .messages_capacity = MESSAGES_BYTES,
        .patience_us = PATIENCE_US,
    };
    worker->rpc = calloc(1, sizeof *worker->rpc);
    CHECK(worker->rpc != NULL);
    worker->rpc->health = HEALTH_NOT_SERVING;
    buffer_init(&worker->rpc->answer, SERVICES_ANSWER_MAX);
    worker->rpc->grpc = grpc_create(&options, &handler, worker);
}

void rpc_finish(struct worker *worker) {
    struct rpc_desk *desk = worker->rpc;
    if (desk == NULL)
        return;
    for (size_t i = 0; i < (size_t)worker->settings.connections; i++)
        rpc_close(&worker->sessions[i]);
    grpc_destroy(desk->grpc);
    buffer_finish(&desk->answer);
    free(desk);
}

bool rpc_open(struct worker *worker, struct net_stream *stream, struct session *session) {
    session->rpc = grpc_open(worker->rpc->grpc, stream);
    if (session->rpc == NULL)
        return false;
    if (worker->rpc->is_draining)
        grpc_drain(session->rpc);
    return grpc_flush(session->rpc);
}

void rpc_close(struct session *session) {
    if (session->rpc != NULL)
        grpc_close(session->rpc);
    session->rpc = NULL;
}

bool rpc_take(const struct session *session, struct bytes received) {
    struct failure failure;
    if (grpc_input(session->rpc, received, tick_now(), &failure))
        return true;
    log_info("node", "gRPC connection ends client=%s why=%s", session->client.name, failure.text);
    return false;
}

void rpc_tick(struct worker *worker, struct tick now) {
    grpc_tick(worker->rpc->grpc, now);
    tell_watchers(worker);
}

/* ---- to go elsewhere ---- */

static void send_away(void *owner, struct net_stream *stream) {
    (void)owner;
    const struct session *session = net_user(stream);
    if (session != NULL && session->rpc != NULL)
        grpc_drain(session->rpc);
}

void rpc_drain(struct worker *worker) {
    worker->rpc->is_draining = true;
    worker->rpc->draining_since = tick_now();
    tell_watchers(worker);
    net_each_accepted(worker->net, worker, send_away);
}

struct look_at_drained {
    bool is_patient; /* with those that have not heard */
    bool has_more;
};

static void look_whether_drained(void *owner, struct net_stream *stream) {
    struct look_at_drained *look = owner;
    const struct session *session = net_user(stream);
    if (session == NULL || session->rpc == NULL)
        return;
    if (grpc_is_drained(session->rpc))
        net_close(stream, "the switch ends");
    else if (look->is_patient || grpc_has_calls(session->rpc))
        look->has_more = true;
}

bool rpc_is_busy(const struct worker *worker) {
    struct look_at_drained look = {.is_patient = tick_now().us < worker->rpc->draining_since.us + HEARING_US};
    net_each_accepted(worker->net, &look, look_whether_drained);
    return look.has_more;
}
