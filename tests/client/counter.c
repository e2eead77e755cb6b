/* SPDX-License-Identifier: Apache-2.0 */
#include "client/counter.h"

#include "base/check.h"
#include "net/net.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct counter counter;
static struct advice_answer answers[ADVICES_PER_FRAME];
static struct {
    pthread_t thread;
    struct net *net;
    struct net_tls *tls;
    struct wire_codec *codec;
    struct buffer frame;
    bool was_busy;
    bool has_hung_up;
    atomic_bool is_ready;
    atomic_bool is_ending;
} server;

#define NOW ((struct instant){INT64_C(1795246200123000)})

/* ---- settlements and purchases ---- */

static bool answer_settle(const struct wire_request *request) {
    struct answer answer = {.decision = DECISION_APPROVED,
                            .reason = REASON_APPROVED,
                            .amount_minor = request->settle.amount_minor != 0 ? request->settle.amount_minor : 13000,
                            .remaining_minor = 1000,
                            .deciding = -1};
    if (request->settle.amount_minor == SETTLE_TOO_MUCH) {
        answer.decision = DECISION_DECLINED;
        answer.reason = REASON_AMOUNT_EXCEEDED;
    }
    return wire_encode_answer(server.codec, &server.frame, request->correlation, request->call, &request->settle.id,
                              &answer, NOW);
}

static bool answer_purchase(const struct wire_request *request) {
    const struct authorize *authorize = &request->authorize;
    struct answer answer = {.decision = DECISION_APPROVED,
                            .reason = REASON_APPROVED,
                            .amount_minor = authorize->allows_partial ? 9000 : authorize->amount.minor,
                            .safety = SAFETY_COMMITTED,
                            .deciding = -1};
    if (authorize->is_hold)
        answer.expires_at.us = NOW.us + authorize->hold_us;
    return wire_encode_answer(server.codec, &server.frame, request->correlation, CALL_AUTHORIZE, &authorize->id,
                              &answer, NOW);
}

/* ---- advices ---- */

static bool is_product(const struct advise *advise, const char *code) {
    return strcmp(advise->product.code, code) == 0;
}

static struct advice_answer answer_advice(const struct advise *advise) {
    struct advice_answer answer = {.id = advise->id, .decision = DECISION_APPROVED, .reason = REASON_APPROVED};
    bool is_busy = is_product(advise, ADVICE_NEVER) || (is_product(advise, ADVICE_BUSY) && !server.was_busy);
    if (is_product(advise, ADVICE_REUSED)) {
        answer.decision = DECISION_DECLINED;
        answer.reason = REASON_ID_REUSED;
        answer.differs = FIELD_AMOUNT;
    } else if (is_product(advise, ADVICE_FORCED)) {
        answer.flags = ENTRY_FORCED | ENTRY_LATE;
        answer.is_repeat = true;
    } else if (is_busy) {
        answer.decision = DECISION_FAILED;
        answer.reason = REASON_BUSY;
        server.was_busy = true;
    }
    return answer;
}

/* False: the connection is to be closed instead. */
static bool answer_advices(const struct wire_request *request) {
    const struct advices *advices = request->advices;
    counter.frames++;
    counter.advices += (int)advices->count;
    for (uint32_t i = 0; i < advices->count; i++) {
        CHECK(advices->faults[i].field[0] == '\0');
        if (is_product(&advices->each[i], ADVICE_HANG_UP) && !server.has_hung_up) {
            server.has_hung_up = true;
            return false;
        }
        answers[i] = answer_advice(&advices->each[i]);
    }
    return wire_encode_advice_answers(server.codec, &server.frame, request->correlation, answers, advices->count, NOW);
}

/* ---- the block list ---- */

/* Two a page, so that there are pages to turn. */
static bool answer_block_list(const struct wire_request *request) {
    static const struct block blocks[] = {
        {3, BLOCK_STOPPED, {CREDENTIAL_CARD, .card = UINT64_C(9932543656338003)}, {0}},
        {4, BLOCK_USED_UP, {CREDENTIAL_CARD, .card = UINT64_C(9932543656338046)}, {INT64_C(1796079600000000)}},
        {7, BLOCK_STOPPED, {CREDENTIAL_APP, .app = {1, 2, 3}}, {0}},
        {8, BLOCK_LIFTED, {CREDENTIAL_CARD, .card = UINT64_C(9932543656338003)}, {0}},
        {9, BLOCK_USED_UP, {CREDENTIAL_CARD, .card = UINT64_C(9932543656338020)}, {INT64_C(1793487600000000)}},
    };
    static struct block_page page;
    page.count = 0;
    page.has_more = false;
    page.last = request->block_list.since;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        if (blocks[i].number <= request->block_list.since)
            continue;
        page.has_more = page.count == 2;
        if (page.has_more)
            break;
        page.blocks[page.count++] = blocks[i];
        page.last = blocks[i].number;
    }
    return wire_encode_blocks(server.codec, &server.frame, request->correlation, &page, NOW);
}

/* ---- the server ---- */

static bool answer(const struct wire_request *request) {
    switch (request->call) {
    case CALL_AUTHORIZE:
        return answer_purchase(request);
    case CALL_CAPTURE:
    case CALL_VOID:
    case CALL_REVERSE:
    case CALL_REFUND:
        return answer_settle(request);
    case CALL_ADVISE:
        return answer_advices(request);
    case CALL_BLOCK_LIST:
        return answer_block_list(request);
    case CALL_BALANCE:
    case CALL_LOOKUP:
    case CALL_ECHO:
        break;
    }
    CHECK(false && "not asked for here");
    return false;
}

static bool on_open(void *owner, struct net_stream *stream) {
    (void)owner;
    net_set_user(stream, calloc(1, sizeof(struct wire_reader)));
    return true;
}

/* The tests read it in their own thread. */
static pthread_mutex_t last_lock = PTHREAD_MUTEX_INITIALIZER;
static struct wire_request last;

static void keep(const struct wire_request *request) {
    pthread_mutex_lock(&last_lock);
    last = *request;
    pthread_mutex_unlock(&last_lock);
}

const struct wire_request *counter_last(void) {
    static struct wire_request copy;
    pthread_mutex_lock(&last_lock);
    copy = last;
    pthread_mutex_unlock(&last_lock);
    return &copy;
}

static bool on_bytes(void *owner, struct net_stream *stream, struct bytes received) {
    (void)owner;
    struct bytes envelope;
    struct failure failure;
    while (wire_next_frame(net_user(stream), &received, &envelope, &failure) == WIRE_FRAME) {
        static struct wire_request request;
        struct wire_fault fault;
        CHECK(wire_decode_request(server.codec, envelope, &request, &fault));
        if (request.call != CALL_ADVISE)
            keep(&request);
        server.frame.size = 0;
        if (!answer(&request) || !net_send(stream, buffer_bytes(&server.frame)))
            return false;
    }
    return true;
}

static void on_closed(void *owner, struct net_stream *stream, const char *why) {
    (void)owner;
    (void)why;
    wire_reader_finish(net_user(stream));
    free(net_user(stream));
}

static const struct net_handler handler = {.on_open = on_open, .on_bytes = on_bytes, .on_closed = on_closed};

static void *serve(void *owner) {
    static const struct net_options options = {.streams_capacity = 8,
                                               .receive_buffers = 64,
                                               .unread_capacity_bytes = 1 << 20,
                                               .handshake_timeout_us = 60000000};
    struct failure failure;
    server.net = net_create(&options, &failure);
    CHECK(server.net != NULL);
    CHECK(net_listen(server.net, "127.0.0.1:0", server.tls, &handler, owner, &failure));
    snprintf(counter.address, sizeof counter.address, "127.0.0.1:%u", (unsigned)net_port(server.net));
    server.is_ready = true;
    while (!server.is_ending || net_accepted_count(server.net) > 0)
        net_turn(server.net, (struct tick){tick_now().us + 100000});
    return NULL;
}

struct counter *counter_start(void) {
    static const char *const names[] = {"server", "client"};
    char paths[3][TEST_TEXT + 16];
    struct failure failure;
    test_directory(counter.directory);
    test_certificates(counter.directory, names, 2);
    snprintf(paths[0], sizeof paths[0], "%s/server.pem", counter.directory);
    snprintf(paths[1], sizeof paths[1], "%s/server.key", counter.directory);
    snprintf(paths[2], sizeof paths[2], "%s/authority.pem", counter.directory);
    const struct net_tls_files files = {paths[0], paths[1], paths[2]};
    server.tls = net_tls_create(true, &files, WIRE_PROTOCOL, &failure);
    cr_assert(server.tls != NULL, "%s", failure.text);
    server.codec = wire_codec_create();
    wire_codec_set_currency(server.codec, (struct currency){"SEK"});
    buffer_init(&server.frame, WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX);
    cr_assert(pthread_create(&server.thread, NULL, serve, NULL) == 0);
    while (!server.is_ready)
        usleep(1000);
    return &counter;
}

void counter_stop(void) {
    server.is_ending = true;
    net_wake(server.net);
    cr_assert(pthread_join(server.thread, NULL) == 0);
    net_destroy(server.net);
    net_tls_destroy(server.tls);
    wire_codec_destroy(server.codec);
    buffer_finish(&server.frame);
}
