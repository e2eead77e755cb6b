/* SPDX-License-Identifier: Apache-2.0 */
#include "node/worker.h"

#include "base/check.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_REPLY UINT32_MAX

void session_init(struct worker *worker) {
    size_t sessions = (size_t)worker->shared->settings->connections;
    worker->sessions = calloc(sessions, sizeof *worker->sessions);
    CHECK(worker->sessions != NULL);
    for (size_t i = 0; i < sessions; i++) {
        worker->sessions[i].next_free = worker->free_sessions;
        worker->free_sessions = &worker->sessions[i];
    }
    /* The core answers each request in the house once; look-ups and what is refused at the door come on top. */
    worker->reply_count = (uint32_t)worker->shared->settings->requests + 1024;
    worker->replies = calloc(worker->reply_count, sizeof *worker->replies);
    CHECK(worker->replies != NULL);
    for (uint32_t i = 0; i < worker->reply_count; i++)
        worker->replies[i].next_free = i + 1 < worker->reply_count ? i + 1 : NO_REPLY;
    worker->free_reply = 0;
    buffer_init(&worker->frame, WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX);
}

void session_finish(struct worker *worker) {
    buffer_finish(&worker->frame);
    free(worker->replies);
    free(worker->sessions);
}

/* ---- a connection comes and goes ---- */

static bool is_welcome(struct worker *worker, struct net_stream *stream, struct client *client) {
    const char *name = net_peer_name(stream);
    bool is_known = directory_find_client(worker->shared->directory, name, client);
    if (is_known && !client->is_blocked)
        return true;
    log_warning("node", "client turned away name=%s from=%s why=%s", name, net_peer_address(stream),
                is_known ? "blocked" : "unknown: no row in table client bears the certificate's common name");
    return false;
}

static bool on_open(void *owner, struct net_stream *stream) {
    struct worker *worker = owner;
    struct client client;
    if (worker->free_sessions == NULL || !is_welcome(worker, stream, &client))
        return false;
    struct session *session = worker->free_sessions;
    worker->free_sessions = session->next_free;
    *session = (struct session){.client = client};
    net_set_user(stream, session);
    log_debug("node", "client connected name=%s from=%s", client.name, net_peer_address(stream));
    return true;
}

static void on_closed(void *owner, struct net_stream *stream, const char *why) {
    struct worker *worker = owner;
    struct session *session = net_user(stream);
    log_debug("node", "client gone name=%s from=%s why=%s", net_peer_name(stream), net_peer_address(stream), why);
    if (session == NULL)
        return;
    wire_reader_finish(&session->reader);
    session->next_free = worker->free_sessions;
    worker->free_sessions = session;
}

static void review(void *owner, struct net_stream *stream) {
    struct worker *worker = owner;
    struct session *session = net_user(stream);
    if (session == NULL) /* still shaking hands */
        return;
    struct client client;
    if (is_welcome(worker, stream, &client))
        session->client = client;
    else
        net_close(stream, "blocked");
}

void session_review(struct worker *worker) {
    uint64_t generation = directory_client_generation(worker->shared->directory);
    if (generation == worker->client_generation)
        return;
    worker->client_generation = generation;
    net_each_accepted(worker->net, worker, review);
}

/* ---- answers ---- */

static bool send_frame(struct worker *worker, struct net_stream *stream) {
    bool is_sent = net_send(stream, buffer_bytes(&worker->frame));
    worker->frame.size = 0;
    return is_sent;
}

static bool send_fault(struct worker *worker, struct net_stream *stream, uint64_t correlation,
                       const struct wire_fault *fault) {
    CHECK(wire_encode_fault(worker->codec, &worker->frame, correlation, fault, instant_now()));
    return send_frame(worker, stream);
}

__attribute__((format(printf, 6, 7))) static bool send_refusal(struct worker *worker, struct net_stream *stream,
                                                               uint64_t correlation, enum reason reason,
                                                               const char *field, const char *format, ...) {
    struct wire_fault fault = {.reason = reason};
    snprintf(fault.field, sizeof fault.field, "%s", field);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault.text, sizeof fault.text, format, arguments);
    va_end(arguments);
    return send_fault(worker, stream, correlation, &fault);
}

/* Takes the reply out of the pool; NULL when its connection is gone. */
static struct net_stream *take_reply(struct worker *worker, uint64_t reply_to, struct reply *reply) {
    CHECK(reply_to < worker->reply_count);
    struct reply *kept = &worker->replies[reply_to];
    *reply = *kept;
    kept->next_free = worker->free_reply;
    worker->free_reply = (uint32_t)reply_to;
    struct net_stream *stream = net_stream_of(worker->net, reply->stream_key);
    if (stream != NULL)
        ((struct session *)net_user(stream))->in_flight--;
    return stream;
}

void session_answer(struct worker *worker, uint64_t reply_to, const struct answer *answer) {
    struct reply reply;
    struct net_stream *stream = take_reply(worker, reply_to, &reply);
    if (stream == NULL)
        return;
    CHECK(wire_encode_answer(worker->codec, &worker->frame, reply.correlation, reply.call, &reply.id, answer,
                             instant_now()));
    send_frame(worker, stream);
}

void session_found(struct worker *worker, uint64_t reply_to, bool is_answered, const struct found *found) {
    struct reply reply;
    struct net_stream *stream = take_reply(worker, reply_to, &reply);
    if (stream == NULL)
        return;
    if (!is_answered) {
        send_refusal(worker, stream, reply.correlation, REASON_UNAVAILABLE, "",
                     "the records can't be read just now: ask again");
        return;
    }
    CHECK(wire_encode_found(worker->codec, &worker->frame, reply.correlation, found, instant_now()));
    send_frame(worker, stream);
}

/* ---- requests ---- */

static bool take_request(struct worker *worker, struct net_stream *stream, struct session *session,
                         const struct wire_request *request, uint64_t *reply_to) {
    uint32_t at = worker->free_reply;
    if (at == NO_REPLY)
        return false;
    struct reply *reply = &worker->replies[at];
    worker->free_reply = reply->next_free;
    *reply = (struct reply){
        .stream_key = net_stream_key(stream), .correlation = request->correlation, .call = request->call};
    session->in_flight++;
    *reply_to = at;
    return true;
}

static void look_up(struct worker *worker, struct lookup *lookup, uint64_t reply_to) {
    struct account account = {0};
    if (lookup->has_credential && !directory_find_account(worker->shared->directory, &lookup->credential, &account)) {
        session_found(worker, reply_to, true, &(struct found){.entry.id = lookup->id});
        return;
    }
    struct calendar calendar = {0};
    struct month month = month_of(calendar_day(&calendar, request_id_time(&lookup->id)));
    worker->replies[reply_to].id = lookup->id;
    if (!record_look_up(worker->record, reply_to, &lookup->id, month, account.organisation))
        session_found(worker, reply_to, false, NULL);
}

static void pass_on(struct worker *worker, const struct client *client, struct wire_request *request,
                    uint64_t reply_to) {
    switch (request->call) {
    case CALL_AUTHORIZE:
        worker->replies[reply_to].id = request->authorize.id;
        request->authorize.reply_to = reply_to;
        request->authorize.client = client->id;
        request->authorize.client_channels = client->channels;
        switch_authorize(worker->core, moment_now(), &request->authorize);
        break;
    case CALL_BALANCE:
        request->balance.reply_to = reply_to;
        request->balance.client = client->id;
        request->balance.client_channels = client->channels;
        switch_balance(worker->core, moment_now(), &request->balance);
        break;
    case CALL_LOOKUP:
        look_up(worker, &request->lookup, reply_to);
        break;
    case CALL_CAPTURE:
    case CALL_VOID:
    case CALL_REVERSE:
    case CALL_REFUND:
    case CALL_ADVISE:
    case CALL_BLOCK_LIST:
        CHECK(!"the wire does not speak these yet");
        break;
    case CALL_ECHO:
        CHECK(!"an echo is answered at the door");
        break;
    }
}

/* What is too much for this client, or for this house, is told at once. */
static const char *why_busy(const struct worker *worker, const struct session *session) {
    const struct client *client = &session->client;
    if (session->in_flight >= (uint32_t)worker->shared->settings->requests_per_connection)
        return "too many requests of this connection are unanswered";
    if (!rates_allow(worker->shared->rates, client->id, client->rate_per_s, tick_now()))
        return "this client's rate is used up";
    return NULL;
}

static bool answer_busy(struct worker *worker, struct net_stream *stream, const struct wire_request *request,
                        const char *why) {
    static const struct answer busy = {.decision = DECISION_FAILED, .reason = REASON_BUSY, .deciding = -1};
    if (request->call != CALL_AUTHORIZE && request->call != CALL_BALANCE)
        return send_refusal(worker, stream, request->correlation, REASON_BUSY, "", "%s: wait, then ask again", why);
    static const struct request_id no_id;
    const struct request_id *id = request->call == CALL_AUTHORIZE ? &request->authorize.id : &no_id;
    CHECK(wire_encode_answer(worker->codec, &worker->frame, request->correlation, request->call, id, &busy,
                             instant_now()));
    return send_frame(worker, stream);
}

static bool take_envelope(struct worker *worker, struct net_stream *stream, struct session *session,
                          struct bytes envelope) {
    struct wire_request request = {0};
    struct wire_fault fault = {0};
    if (!wire_decode_request(worker->codec, envelope, &request, &fault)) {
        if (fault.is_broken)
            log_warning("node", "frame rejected client=%s why=%s", session->client.name, fault.text);
        return send_fault(worker, stream, request.correlation, &fault) && !fault.is_broken;
    }
    if ((session->client.calls & 1u << request.call) == 0)
        return send_refusal(worker, stream, request.correlation, REASON_CALL_NOT_ALLOWED, "",
                            "client %s has no right to this call: see column calls of its row in table client",
                            session->client.name);
    const char *why = why_busy(worker, session);
    if (why != NULL)
        return answer_busy(worker, stream, &request, why);
    if (request.call == CALL_ECHO) {
        CHECK(wire_encode_echo(worker->codec, &worker->frame, request.correlation, &request.echo, instant_now()));
        return send_frame(worker, stream);
    }
    uint64_t reply_to;
    if (!take_request(worker, stream, session, &request, &reply_to))
        return answer_busy(worker, stream, &request, "the switch has its fill of requests");
    pass_on(worker, &session->client, &request, reply_to);
    return true;
}

static bool on_bytes(void *owner, struct net_stream *stream, struct bytes received) {
    struct worker *worker = owner;
    struct session *session = net_user(stream);
    for (;;) {
        struct bytes envelope;
        struct failure failure;
        switch (wire_next_frame(&session->reader, &received, &envelope, &failure)) {
        case WIRE_MORE:
            return true;
        case WIRE_FRAME:
            if (!take_envelope(worker, stream, session, envelope))
                return false;
            break;
        case WIRE_BROKEN:
            log_warning("node", "frame rejected client=%s why=%s", session->client.name, failure.text);
            send_refusal(worker, stream, 0, REASON_UNSPECIFIED, "frame", "%s", failure.text);
            return false;
        }
    }
}

const struct net_handler session_handler = {.on_open = on_open, .on_bytes = on_bytes, .on_closed = on_closed};
