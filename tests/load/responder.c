/* SPDX-License-Identifier: Apache-2.0 */
#include "responder.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool responder_on_open(void *owner, struct net_stream *stream) {
    struct responder *responder = owner;
    responder->opened++;
    net_set_user(stream, calloc(1, sizeof(struct wire_reader)));
    return true;
}

static bool is_turn(uint64_t number, uint32_t every) {
    return every != 0 && number % every == 0;
}

static void responder_see(struct responder *responder, const struct wire_request *request) {
    CHECK(request->call == CALL_AUTHORIZE);
    CHECK(request_id_is_v7(&request->authorize.id));
    if (responder->requests == 0) {
        responder->first = request->authorize;
    }
    if (responder->requests < CARDS_SEEN) {
        responder->cards[responder->requests] = request->authorize.credential.card;
    }
    responder->requests++;
}

static bool responder_answer(struct responder *responder, struct net_stream *stream,
                             const struct wire_request *request) {
    uint8_t bytes[1024];
    struct buffer frame = {.data = bytes, .capacity = sizeof(bytes)};
    uint64_t number = responder->requests;
    if (is_turn(number, responder->silent_every)) {
        return true;
    }
    if (is_turn(number, responder->fault_every)) {
        struct wire_fault fault = {.field = "authorize.place", .text = "no such place"};
        CHECK(wire_encode_fault(responder->codec, &frame, request->correlation, &fault, instant_now()));
        return net_send(stream, buffer_bytes(&frame));
    }
    struct answer answer = {.decision = DECISION_APPROVED,
                            .reason = REASON_APPROVED,
                            .amount_minor = request->authorize.amount.minor,
                            .safety = SAFETY_COMMITTED,
                            .deciding = -1};
    if (is_turn(number, responder->decline_every)) {
        answer = (struct answer){.decision = DECISION_DECLINED, .reason = REASON_BLOCKED, .deciding = -1};
    }
    CHECK(wire_encode_answer(responder->codec, &frame, request->correlation, CALL_AUTHORIZE, &request->authorize.id,
                             &answer, instant_now()));
    return net_send(stream, buffer_bytes(&frame));
}

static bool responder_on_bytes(void *owner, struct net_stream *stream, struct bytes received) {
    struct responder *responder = owner;
    struct bytes envelope;
    struct failure failure;
    while (wire_next_frame(net_user(stream), &received, &envelope, &failure) == WIRE_FRAME) {
        struct wire_request request;
        struct wire_fault fault;
        CHECK(wire_decode_request(responder->codec, envelope, &request, &fault));
        responder_see(responder, &request);
        if (responder->requests == responder->hang_up_after) {
            return false;
        }
        if (responder->pause_us > 0 && responder->requests == responder->pause_at) {
            usleep((useconds_t)responder->pause_us);
        }
        if (!responder_answer(responder, stream, &request)) {
            return false;
        }
    }
    return true;
}

static void responder_on_closed(void *owner, struct net_stream *stream, const char *why) {
    (void)owner, (void)why;
    wire_reader_finish(net_user(stream));
    free(net_user(stream));
}

static const struct net_handler responder_handler = {
    .on_open = responder_on_open, .on_bytes = responder_on_bytes, .on_closed = responder_on_closed};

static void *responder_run(void *argument) {
    struct responder *responder = argument;
    struct net_options options = {.streams_capacity = 2000,
                                  .receive_buffers = 256,
                                  .unread_capacity_bytes = 1 << 20,
                                  .handshake_timeout_us = 30000000};
    struct failure failure = {""};
    responder->net = net_create(&options, &failure);
    CHECK(responder->net != NULL);
    CHECK(net_listen(responder->net, "127.0.0.1:0", responder->tls, &responder_handler, responder, &failure));
    snprintf(responder->address, sizeof(responder->address), "127.0.0.1:%u", net_port(responder->net));
    atomic_store(&responder->is_ready, true);
    while (!atomic_load(&responder->is_over) || net_accepted_count(responder->net) > 0) {
        net_turn(responder->net, (struct tick){tick_now().us + 100000});
    }
    return NULL;
}

struct net_tls_files responder_files(struct responder *responder) {
    snprintf(responder->certificate, sizeof(responder->certificate), "%s/load.pem", responder->directory);
    snprintf(responder->key, sizeof(responder->key), "%s/load.key", responder->directory);
    snprintf(responder->authority, sizeof(responder->authority), "%s/authority.pem", responder->directory);
    return (struct net_tls_files){responder->certificate, responder->key, responder->authority};
}

void responder_start(struct responder *responder) {
    static const char *const names[] = {"server", "load"};
    test_directory(responder->directory);
    test_certificates(responder->directory, names, 2);
    char certificate[TEST_TEXT + 16], key[TEST_TEXT + 16], authority[TEST_TEXT + 16];
    snprintf(certificate, sizeof(certificate), "%s/server.pem", responder->directory);
    snprintf(key, sizeof(key), "%s/server.key", responder->directory);
    snprintf(authority, sizeof(authority), "%s/authority.pem", responder->directory);
    struct net_tls_files files = {certificate, key, authority};
    struct failure failure = {""};
    responder->tls = net_tls_create(true, &files, WIRE_PROTOCOL, &failure);
    cr_assert(responder->tls != NULL, "%s", failure.text);
    responder->codec = wire_codec_create();
    cr_assert(pthread_create(&responder->thread, NULL, responder_run, responder) == 0);
    while (!atomic_load(&responder->is_ready)) {
        usleep(1000);
    }
}

void responder_stop(struct responder *responder) {
    atomic_store(&responder->is_over, true);
    net_wake(responder->net);
    cr_assert(pthread_join(responder->thread, NULL) == 0);
    net_destroy(responder->net);
    net_tls_destroy(responder->tls);
    wire_codec_destroy(responder->codec);
}
