/* SPDX-License-Identifier: Apache-2.0 */
#include "node/worker.h"

#include "base/check.h"
#include "base/log.h"
#include "grpc/grpc.h"

#include <stdlib.h>

void sessions_init(struct worker *worker) {
    size_t sessions = (size_t)worker->settings.connections;
    worker->tally = tally_create((uint32_t)sessions);
    worker->sessions = calloc(sessions, sizeof *worker->sessions);
    CHECK(worker->sessions != NULL);
    for (size_t i = 0; i < sessions; i++) {
        worker->sessions[i].next_free = worker->free_sessions;
        worker->free_sessions = &worker->sessions[i];
    }
}

void sessions_finish(struct worker *worker) {
    free(worker->sessions);
    tally_destroy(worker->tally);
}

static bool is_welcome(struct worker *worker, struct net_stream *stream, struct client *client) {
    const char *name = net_peer_name(stream);
    bool is_known = directory_find_client(worker->shared->directory, name, client);
    if (is_known && !client->is_blocked)
        return true;
    metric_add(&worker->measures->connections_refused[is_known ? REFUSED_BLOCKED : REFUSED_UNKNOWN], 1);
    log_warning("node", "client turned away name=%s from=%s why=%s", name, net_peer_address(stream),
                is_known ? "blocked" : "unknown: no row in table client bears the certificate's common name");
    return false;
}

/* Connections that a client has already stay, whatever the setting is changed to. */
static bool has_room(struct worker *worker, const struct net_stream *stream, const struct client *client) {
    int64_t most = worker->settings.connections_per_client;
    if (most == 0 || tally_of(worker->tally, client->id) < most)
        return true;
    metric_add(&worker->measures->connections_refused[REFUSED_CLIENT_FULL], 1);
    log_warning("node", "client turned away, all that it may have stand name=%s from=%s connections=%lld setting=%s",
                client->name, net_peer_address(stream), (long long)most, "listen.connections_per_client");
    return false;
}

static void give_back(struct worker *worker, struct session *session) {
    tally_remove(worker->tally, session->client.id);
    rpc_close(session);
    wire_reader_finish(&session->reader);
    session->next_free = worker->free_sessions;
    worker->free_sessions = session;
}

static void count_session(struct worker *worker, const struct session *session, int64_t change) {
    struct metric_level *count = &worker->measures->connections[session->rpc != NULL ? FACE_GRPC : FACE_FRAMES];
    metric_set(count, metric_level(count) + change);
}

static bool on_open(void *owner, struct net_stream *stream) {
    struct worker *worker = owner;
    struct client client;
    if (worker->free_sessions == NULL || !is_welcome(worker, stream, &client) || !has_room(worker, stream, &client))
        return false;
    struct session *session = worker->free_sessions;
    worker->free_sessions = session->next_free;
    *session = (struct session){.client = client};
    tally_add(worker->tally, client.id);
    net_set_user(stream, session);
    if (net_speaks(stream, GRPC_PROTOCOL) && !rpc_open(worker, stream, session)) {
        give_back(worker, session);
        return false;
    }
    count_session(worker, session, 1);
    log_debug("node", "client connected name=%s from=%s", client.name, net_peer_address(stream));
    return true;
}

static void on_closed(void *owner, struct net_stream *stream, const char *why) {
    struct worker *worker = owner;
    struct session *session = net_user(stream);
    log_debug("node", "client gone name=%s from=%s why=%s", net_peer_name(stream), net_peer_address(stream), why);
    if (session == NULL)
        return;
    count_session(worker, session, -1);
    give_back(worker, session);
}

static void review(void *owner, struct net_stream *stream) {
    struct worker *worker = owner;
    struct session *session = net_user(stream);
    if (session == NULL) /* still shaking hands */
        return;
    struct client client;
    if (!is_welcome(worker, stream, &client)) {
        net_close(stream, "blocked");
        return;
    }
    /* The name may be another row's now. */
    tally_remove(worker->tally, session->client.id);
    tally_add(worker->tally, client.id);
    session->client = client;
}

void sessions_review(struct worker *worker) {
    uint64_t generation = directory_client_generation(worker->shared->directory);
    if (generation == worker->client_generation)
        return;
    worker->client_generation = generation;
    net_each_accepted(worker->net, worker, review);
}

static bool on_bytes(void *owner, struct net_stream *stream, struct bytes received) {
    struct worker *worker = owner;
    struct session *session = net_user(stream);
    session->has_asked = true;
    if (session->rpc != NULL)
        return rpc_take(session, received);
    for (;;) {
        struct bytes envelope;
        struct failure failure;
        switch (wire_next_frame(&session->reader, &received, &envelope, &failure)) {
        case WIRE_MORE:
            return true;
        case WIRE_FRAME:
            if (!requests_take(worker, stream, session, envelope))
                return false;
            break;
        case WIRE_BROKEN:
            log_warning("node", "frame rejected client=%s why=%s", session->client.name, failure.text);
            replies_refuse(worker, stream, 0, REASON_UNSPECIFIED, "frame", "%s", failure.text);
            return false;
        }
    }
}

const struct net_handler session_handler = {.on_open = on_open, .on_bytes = on_bytes, .on_closed = on_closed};
