/* SPDX-License-Identifier: Apache-2.0 */
#include "node/worker.h"

#include "base/check.h"
#include "base/log.h"

static const struct request_id no_id;

/* The id that an answer names. */
static const struct request_id *id_of(const struct wire_request *request) {
    switch (request->call) {
    case CALL_AUTHORIZE:
        return &request->authorize.id;
    case CALL_LOOKUP:
        return &request->lookup.id;
    case CALL_CAPTURE:
    case CALL_VOID:
    case CALL_REVERSE:
    case CALL_REFUND:
        return &request->settle.id;
    case CALL_BALANCE:
    case CALL_ECHO:
    case CALL_ADVISE:
    case CALL_BLOCK_LIST:
        return &no_id;
    }
    CHECK(!"a call that the wire knows and the switch does not");
}

enum credential_kind requests_channel(const struct wire_request *request) {
    static const enum credential_kind none = 0;
    switch (request->call) {
    case CALL_AUTHORIZE:
        return request->authorize.credential.kind;
    case CALL_BALANCE:
        return request->balance.credential.kind;
    case CALL_LOOKUP:
        return request->lookup.has_credential ? request->lookup.credential.kind : none;
    case CALL_CAPTURE:
    case CALL_VOID:
    case CALL_REVERSE:
    case CALL_REFUND:
        return request->settle.has_credential ? request->settle.credential.kind : none;
    case CALL_ECHO:
    case CALL_ADVISE:
    case CALL_BLOCK_LIST:
        break;
    }
    return none;
}

/* ---- to whom it goes ---- */

static void authorize(struct worker *worker, const struct client *client, struct wire_request *request,
                      uint64_t reply_to) {
    struct authorize *asked = &request->authorize;
    asked->reply_to = reply_to;
    asked->client = client->id;
    asked->client_channels = client->channels;
    asked->tap_window_us = request->is_intended ? 0 : client->tap_window_us;
    switch_authorize(worker->core, moment_now(), asked);
}

static void ask_balance(struct worker *worker, const struct client *client, struct balance *asked, uint64_t reply_to) {
    asked->reply_to = reply_to;
    asked->client = client->id;
    asked->client_channels = client->channels;
    switch_balance(worker->core, moment_now(), asked);
}

static void settle(struct worker *worker, const struct client *client, struct settle *asked, uint64_t reply_to) {
    asked->reply_to = reply_to;
    asked->client = client->id;
    asked->is_any_clients = client->kind == CLIENT_OFFICE || client->kind == CLIENT_OPS;
    switch_settle(worker->core, moment_now(), asked);
}

static void look_up(struct worker *worker, const struct lookup *asked, uint64_t reply_to) {
    struct account account = {0};
    if (asked->has_credential && !directory_find_account(worker->shared->directory, &asked->credential, &account)) {
        replies_found(worker, reply_to, true, &(struct found){.entry.id = asked->id});
        return;
    }
    struct calendar calendar = {0};
    struct month month = month_of(calendar_day(&calendar, request_id_time(&asked->id)));
    if (!record_look_up(worker->record, reply_to, &asked->id, month, account.organisation))
        replies_found(worker, reply_to, false, NULL);
}

static void pass_on(struct worker *worker, const struct client *client, struct wire_request *request,
                    uint64_t reply_to) {
    switch (request->call) {
    case CALL_AUTHORIZE:
        authorize(worker, client, request, reply_to);
        break;
    case CALL_BALANCE:
        ask_balance(worker, client, &request->balance, reply_to);
        break;
    case CALL_LOOKUP:
        look_up(worker, &request->lookup, reply_to);
        break;
    case CALL_CAPTURE:
    case CALL_VOID:
    case CALL_REVERSE:
    case CALL_REFUND:
        settle(worker, client, &request->settle, reply_to);
        break;
    case CALL_BLOCK_LIST:
        if (!record_look_up_blocks(worker->record, reply_to, request->block_list.since, request->block_list.limit))
            replies_blocks(worker, reply_to, false, NULL);
        break;
    case CALL_ADVISE:
    case CALL_ECHO:
        CHECK(!"an echo is answered at the door, and advices go their own way");
        break;
    }
}

/* ---- at the door ---- */

const char *requests_why_busy(const struct worker *worker, const struct session *session) {
    const struct client *client = &session->client;
    if (session->in_flight >= (uint32_t)worker->settings.requests_per_connection)
        return "too many requests of this connection are unanswered";
    /* Most have none, and need no look at the clock. */
    if (client->rate_per_s > 0 && !rates_allow(worker->shared->rates, client->id, client->rate_per_s, tick_now()))
        return "this client's rate is used up";
    return NULL;
}

/* NULL: what is asked has no deadline. */
static int64_t *timeout_of(struct wire_request *request) {
    switch (request->call) {
    case CALL_AUTHORIZE:
        return &request->authorize.timeout_us;
    case CALL_BALANCE:
        return &request->balance.timeout_us;
    case CALL_CAPTURE:
    case CALL_VOID:
    case CALL_REVERSE:
    case CALL_REFUND:
        return &request->settle.timeout_us;
    case CALL_LOOKUP:
    case CALL_ECHO:
    case CALL_ADVISE:
    case CALL_BLOCK_LIST:
        break;
    }
    return NULL;
}

/* A request's time runs from when it came, and it may have waited for us in its socket: takes that off. False: nothing
 * is left. */
static bool take_waiting_off(const struct worker *worker, int64_t *timeout_us) {
    const struct settings *settings = &worker->settings;
    int64_t whole_us = *timeout_us == 0 ? settings->default_timeout_us : *timeout_us;
    if (whole_us > settings->longest_timeout_us)
        whole_us = settings->longest_timeout_us;
    *timeout_us = whole_us - (tick_now().us - net_arrived_since(worker->net).us);
    return *timeout_us > 0;
}

static bool answer_busy(struct worker *worker, struct net_stream *stream, const struct session *session,
                        const struct wire_request *request, const char *why) {
    static const struct answer busy = {.decision = DECISION_FAILED, .reason = REASON_BUSY, .deciding = -1};
    const struct request_id *id = id_of(request);
    bool is_answer = request->call != CALL_LOOKUP && (id != &no_id || request->call == CALL_BALANCE);
    if (!is_answer)
        return replies_refuse(worker, stream, request->correlation, REASON_BUSY, "", "%s: wait, then ask again", why);
    CHECK(wire_encode_answer(worker->codec, &worker->frame, request->correlation, request->call, id, &busy,
                             instant_now()));
    measures_count_answer(worker->measures, request->call, session->client.kind, requests_channel(request), &busy);
    const struct followed followed = {.call = request->call,
                                      .id = id,
                                      .session = session,
                                      .client_id = session->client.id,
                                      .read_at = net_woken_at(worker->net)};
    following_answer(worker, &followed, &busy);
    return replies_send_frame(worker, stream, request->correlation);
}

static bool take(struct worker *worker, struct net_stream *stream, struct session *session,
                 struct wire_request *request) {
    if (request->call == CALL_ADVISE)
        return advices_take(worker, stream, session, request);
    const char *why = requests_why_busy(worker, session);
    if (why != NULL)
        return answer_busy(worker, stream, session, request, why);
    if (request->call == CALL_ECHO) {
        CHECK(wire_encode_echo(worker->codec, &worker->frame, request->correlation, &request->echo, instant_now()));
        return replies_send_frame(worker, stream, request->correlation);
    }
    int64_t *timeout_us = timeout_of(request);
    if (timeout_us != NULL && !take_waiting_off(worker, timeout_us))
        return answer_busy(worker, stream, session, request, "the switch was too busy to answer in time");
    uint64_t reply_to;
    if (!replies_take(worker, stream, request, id_of(request), &reply_to))
        return answer_busy(worker, stream, session, request, "the switch has its fill of requests");
    pass_on(worker, &session->client, request, reply_to);
    return true;
}

bool requests_pass(struct worker *worker, struct net_stream *stream, struct session *session,
                   struct wire_request *request) {
    if ((session->client.calls & 1u << request->call) == 0)
        return replies_refuse(worker, stream, request->correlation, REASON_CALL_NOT_ALLOWED, "",
                              "client %s has no right to this call: see column calls of its row in table client",
                              session->client.name);
    return take(worker, stream, session, request);
}

bool requests_take(struct worker *worker, struct net_stream *stream, struct session *session, struct bytes envelope) {
    struct wire_request request = {0};
    struct wire_fault fault = {0};
    if (!wire_decode_request(worker->codec, envelope, &request, &fault)) {
        if (fault.is_broken)
            log_warning("node", "frame rejected client=%s why=%s", session->client.name, fault.text);
        return replies_send_fault(worker, stream, request.correlation, &fault) && !fault.is_broken;
    }
    return requests_pass(worker, stream, session, &request);
}
