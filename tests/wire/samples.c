/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/samples.h"

#include "base/check.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

struct wire_codec *codec;
struct buffer frame;

void sample_start(void) {
    cr_assert(calendar_set_zone("Europe/Stockholm"));
    codec = wire_codec_create();
    wire_codec_set_currency(codec, (struct currency){"SEK"});
    buffer_init(&frame, WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX);
}

void sample_finish(void) {
    wire_codec_destroy(codec);
    buffer_finish(&frame);
}

struct request_id sample_id(void) {
    static const uint8_t random[10] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34};
    return request_id_make((struct instant){SAMPLE_TIME_US}, random);
}

struct request_id sample_other_id(void) {
    struct request_id id = sample_id();
    id.bytes[15] = 0x35;
    return id;
}

struct wire_request sample_settle(enum call call) {
    static const enum entry_kind kinds[CALL_COUNT] = {[CALL_CAPTURE] = ENTRY_CAPTURE,
                                                      [CALL_VOID] = ENTRY_VOID,
                                                      [CALL_REVERSE] = ENTRY_REVERSAL,
                                                      [CALL_REFUND] = ENTRY_REFUND};
    bool has_amount = call == CALL_CAPTURE || call == CALL_REFUND;
    struct wire_request request = {.correlation = SAMPLE_CORRELATION, .call = call};
    request.currency = has_amount ? (struct currency){"SEK"} : (struct currency){""};
    request.settle = (struct settle){
        .kind = kinds[call],
        .id = call == CALL_REVERSE ? sample_id() : sample_other_id(),
        .original = sample_id(),
        .has_credential = true,
        .credential = {.kind = CREDENTIAL_CARD, .card = SAMPLE_CARD},
        .amount_minor = has_amount ? 2000 : 0,
        .timeout_us = 300000,
    };
    return request;
}

struct wire_request sample_advise(struct advices *advices, uint32_t count) {
    struct authorize purchase = sample_authorize().authorize;
    advices->count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct advise *advise = &advices->each[i];
        *advise = (struct advise){.id = purchase.id,
                                  .credential = purchase.credential,
                                  .amount = purchase.amount,
                                  .product = purchase.product,
                                  .place = purchase.place,
                                  .timeout_us = purchase.timeout_us};
        advise->id.bytes[14] = (uint8_t)(i >> 8);
        advise->id.bytes[15] = (uint8_t)i;
    }
    return (struct wire_request){.correlation = SAMPLE_CORRELATION, .call = CALL_ADVISE, .advices = advices};
}

struct wire_request sample_authorize(void) {
    struct wire_request request = {.correlation = SAMPLE_CORRELATION, .call = CALL_AUTHORIZE};
    request.authorize = (struct authorize){
        .id = sample_id(),
        .credential = {.kind = CREDENTIAL_CARD, .card = SAMPLE_CARD},
        .amount = {13000, {"SEK"}},
        .product = {"single"},
        .place = {"line 45, bus 4711"},
        .timeout_us = 400000,
    };
    return request;
}

struct wire_request sample_balance(void) {
    struct wire_request request = {.correlation = SAMPLE_CORRELATION, .call = CALL_BALANCE};
    request.balance = (struct balance){.timeout_us = 250000};
    request.balance.credential.kind = CREDENTIAL_APP;
    memcpy(request.balance.credential.app, sample_id().bytes, REQUEST_ID_SIZE);
    return request;
}

struct wire_request sample_lookup(void) {
    struct wire_request request = {.correlation = SAMPLE_CORRELATION, .call = CALL_LOOKUP};
    request.lookup = (struct lookup){
        .id = sample_id(), .has_credential = true, .credential = {.kind = CREDENTIAL_CARD, .card = SAMPLE_CARD}};
    return request;
}

struct wire_request sample_echo(void) {
    struct wire_request request = {.correlation = SAMPLE_CORRELATION, .call = CALL_ECHO};
    request.echo = (struct echo){.payload = "is anybody there?", .size = 17};
    return request;
}

struct answer sample_approval(void) {
    return (struct answer){
        .decision = DECISION_APPROVED,
        .reason = REASON_APPROVED,
        .amount_minor = 13000,
        .safety = SAFETY_COMMITTED,
        .deciding = -1,
        .renews_at = {SAMPLE_RENEWAL_US},
        .limit_count = 4,
        .limits =
            {
                {.limit = {LIMIT_CREDIT, 31, 100000}, .spent_minor = 13000},
                {.limit = {LIMIT_TRAVELLER, 21, 600000}, .spent_minor = 13000},
                {.limit = {LIMIT_DEPARTMENT, 11, LIMIT_COUNTED_ONLY}, .spent_minor = 26000},
                {.limit = {LIMIT_ORGANISATION, 1, 2000000}, .spent_minor = 39000},
            },
    };
}

struct bytes sample_envelope(void) {
    CHECK(frame.size > WIRE_HEADER_SIZE);
    struct bytes envelope = bytes_of(frame.data + WIRE_HEADER_SIZE, frame.size - WIRE_HEADER_SIZE);
    frame.size = 0;
    return envelope;
}

struct wire_request sample_pass_request(const struct wire_request *request) {
    struct wire_request decoded = {0};
    struct wire_fault fault = {0};
    cr_assert(wire_encode_request(codec, &frame, request));
    cr_assert(wire_decode_request(codec, sample_envelope(), &decoded, &fault), "%s", fault.text);
    return decoded;
}

struct wire_reply sample_pass_answer(enum call call, const struct answer *answer) {
    struct wire_reply reply;
    struct failure failure;
    struct request_id id = sample_id();
    cr_assert(
        wire_encode_answer(codec, &frame, SAMPLE_CORRELATION, call, &id, answer, (struct instant){SAMPLE_TIME_US}));
    cr_assert(wire_decode_reply(codec, sample_envelope(), &reply, &failure), "%s", failure.text);
    return reply;
}
