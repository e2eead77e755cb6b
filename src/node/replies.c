/* SPDX-License-Identifier: Apache-2.0 */
#include "node/worker.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define NO_REPLY UINT32_MAX

void replies_init(struct worker *worker) {
    /* The core answers each request in the house once; look-ups and what is refused at the door come on top. */
    worker->reply_count = (uint32_t)worker->settings.requests + 1024;
    worker->replies = calloc(worker->reply_count, sizeof *worker->replies);
    worker->asked = calloc(worker->reply_count, sizeof *worker->asked);
    CHECK(worker->replies != NULL && worker->asked != NULL);
    for (uint32_t i = 0; i < worker->reply_count; i++)
        worker->replies[i].next_free = i + 1 < worker->reply_count ? i + 1 : NO_REPLY;
    worker->free_reply = 0;
    buffer_init(&worker->frame, WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX);
}

void replies_finish(struct worker *worker) {
    buffer_finish(&worker->frame);
    free(worker->asked);
    free(worker->replies);
}

bool replies_take(struct worker *worker, struct net_stream *stream, const struct wire_request *request,
                  const struct request_id *id, uint64_t *reply_to) {
    uint32_t at = worker->free_reply;
    if (at == NO_REPLY)
        return false;
    struct reply *reply = &worker->replies[at];
    worker->free_reply = reply->next_free;
    struct session *session = net_user(stream);
    bool has_original = request->call == CALL_CAPTURE || request->call == CALL_VOID || request->call == CALL_REFUND;
    *reply = (struct reply){
        .stream_key = net_stream_key(stream),
        .correlation = request->correlation,
        .call = request->call,
        .id = *id,
        .read_at = net_woken_at(worker->net),
        .client_id = session->client.id,
        .client = session->client.kind,
        .channel = requests_channel(request),
    };
    if (has_original)
        reply->original = request->settle.original;
    if (request->call == CALL_AUTHORIZE)
        worker->asked[at] =
            (struct asked){request->authorize.credential, request->authorize.amount.minor, request->authorize.product};
    session->in_flight++;
    *reply_to = at;
    return true;
}

/* Takes the reply out of the pool; NULL when its connection is gone. */
static struct net_stream *give_back(struct worker *worker, uint64_t reply_to, struct reply *reply) {
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

bool replies_send_frame(struct worker *worker, struct net_stream *stream, uint64_t correlation) {
    const struct session *session = net_user(stream);
    struct bytes frame = buffer_bytes(&worker->frame);
    bool is_sent = session->rpc == NULL ? net_send(stream, frame) : rpc_answer(session, correlation, frame);
    worker->frame.size = 0;
    return is_sent;
}

bool replies_send_fault(struct worker *worker, struct net_stream *stream, uint64_t correlation,
                        const struct wire_fault *fault) {
    const struct session *session = net_user(stream);
    metric_add(&worker->measures->faults[fault->reason], 1);
    following_fault(worker, session, fault);
    if (session->rpc != NULL)
        return rpc_refuse(session, correlation, fault);
    CHECK(wire_encode_fault(worker->codec, &worker->frame, correlation, fault, instant_now()));
    return replies_send_frame(worker, stream, correlation);
}

bool replies_refuse(struct worker *worker, struct net_stream *stream, uint64_t correlation, enum reason reason,
                    const char *field, const char *format, ...) {
    struct wire_fault fault = {.reason = reason};
    snprintf(fault.field, sizeof fault.field, "%s", field);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault.text, sizeof fault.text, format, arguments);
    va_end(arguments);
    return replies_send_fault(worker, stream, correlation, &fault);
}

static struct followed followed_of(const struct reply *reply, struct net_stream *stream) {
    bool has_original = reply->call == CALL_CAPTURE || reply->call == CALL_VOID || reply->call == CALL_REFUND;
    return (struct followed){
        .call = reply->call,
        .id = &reply->id,
        .original = has_original ? &reply->original : NULL,
        .session = stream == NULL ? NULL : net_user(stream),
        .client_id = reply->client_id,
        .read_at = reply->read_at,
    };
}

static void note_answer(struct worker *worker, uint64_t reply_to, const struct followed *followed,
                        const struct answer *answer) {
    if (followed->call != CALL_AUTHORIZE)
        return;
    sightings_note(worker->sightings, answer);
    if (answer->decision == DECISION_DECLINED)
        sightings_note_decline(worker->sightings, followed->id, &worker->asked[reply_to],
                               followed->session == NULL ? "" : followed->session->client.name, answer);
}

void replies_answer(struct worker *worker, uint64_t reply_to, const struct answer *answer) {
    struct reply reply;
    struct net_stream *stream = give_back(worker, reply_to, &reply);
    measures_count_answer(worker->measures, reply.call, reply.client, reply.channel, answer);
    measures_time_answer(worker->measures, reply.call, reply.read_at, net_woken_at(worker->net), answer);
    const struct followed followed = followed_of(&reply, stream);
    following_answer(worker, &followed, answer);
    note_answer(worker, reply_to, &followed, answer);
    if (stream == NULL)
        return;
    CHECK(wire_encode_answer(worker->codec, &worker->frame, reply.correlation, reply.call, &reply.id, answer,
                             instant_now()));
    replies_send_frame(worker, stream, reply.correlation);
}

static void refuse_unread(struct worker *worker, struct net_stream *stream, uint64_t correlation) {
    replies_refuse(worker, stream, correlation, REASON_UNAVAILABLE, "",
                   "the records can't be read just now: ask again");
}

static void time_read(struct worker *worker, const struct reply *reply) {
    metric_note(&worker->measures->answer_us[reply->call], net_woken_at(worker->net).us - reply->read_at.us);
}

void replies_found(struct worker *worker, uint64_t reply_to, bool is_answered, const struct found *found) {
    struct reply reply;
    struct net_stream *stream = give_back(worker, reply_to, &reply);
    if (stream == NULL)
        return;
    if (!is_answered) {
        refuse_unread(worker, stream, reply.correlation);
        return;
    }
    time_read(worker, &reply);
    const struct followed followed = followed_of(&reply, stream);
    following_found(worker, &followed, found->is_found);
    CHECK(wire_encode_found(worker->codec, &worker->frame, reply.correlation, found, instant_now()));
    replies_send_frame(worker, stream, reply.correlation);
}

void replies_blocks(struct worker *worker, uint64_t reply_to, bool is_answered, const struct block_page *page) {
    struct reply reply;
    struct net_stream *stream = give_back(worker, reply_to, &reply);
    if (stream == NULL)
        return;
    if (!is_answered) {
        refuse_unread(worker, stream, reply.correlation);
        return;
    }
    time_read(worker, &reply);
    CHECK(wire_encode_blocks(worker->codec, &worker->frame, reply.correlation, page, instant_now()));
    replies_send_frame(worker, stream, reply.correlation);
}
