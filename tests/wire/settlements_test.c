/* SPDX-License-Identifier: Apache-2.0 */
/* What follows a purchase or a hold, and what is answered to it. */
#include "wire/samples.h"

#include "vaxel/v1/switch.pb-c.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

TestSuite(settlements, .init = sample_start, .fini = sample_finish);

static const enum call calls[] = {CALL_CAPTURE, CALL_VOID, CALL_REVERSE, CALL_REFUND};
#define CALLS (sizeof calls / sizeof *calls)

Test(settlements, each_arrives_as_it_was_sent) {
    for (size_t i = 0; i < CALLS; i++) {
        struct wire_request sent = sample_settle(calls[i]);
        struct wire_request received = sample_pass_request(&sent);
        const struct settle *settle = &received.settle;
        cr_assert(eq(int, received.call, calls[i]));
        cr_assert(eq(int, settle->kind, sent.settle.kind));
        cr_assert(request_id_equal(&settle->id, &sent.settle.id));
        cr_assert(request_id_equal(&settle->original, &sent.settle.original));
        cr_assert(settle->has_credential);
        cr_assert(eq(ulong, settle->credential.card, SAMPLE_CARD));
        cr_assert(eq(long, settle->amount_minor, sent.settle.amount_minor));
        cr_assert(eq(str, received.currency.code, sent.currency.code));
        cr_assert(eq(long, settle->timeout_us, 300000));
        cr_assert(not(settle->is_any_clients));
    }
}

Test(settlements, without_an_amount_all_that_is_left_is_meant) {
    for (size_t i = 0; i < CALLS; i++) {
        struct wire_request sent = sample_settle(calls[i]);
        sent.settle.amount_minor = 0;
        struct wire_request received = sample_pass_request(&sent);
        cr_assert(eq(long, received.settle.amount_minor, 0));
        cr_assert(eq(str, received.currency.code, ""));
    }
}

Test(settlements, a_capture_is_the_last_unless_more_are_announced) {
    struct wire_request sent = sample_settle(CALL_CAPTURE);
    sent.settle.is_final = true;
    cr_assert(sample_pass_request(&sent).settle.is_final);
    sent.settle.is_final = false;
    cr_assert(not(sample_pass_request(&sent).settle.is_final));
}

Test(settlements, the_credential_need_not_be_named_but_for_a_reversal) {
    for (size_t i = 0; i < CALLS; i++) {
        if (calls[i] == CALL_REVERSE)
            continue;
        struct wire_request sent = sample_settle(calls[i]);
        sent.settle.has_credential = false;
        cr_assert(not(sample_pass_request(&sent).settle.has_credential));
    }
}

Test(settlements, a_server_that_never_said_its_currency_takes_any) {
    struct wire_request sent = sample_settle(CALL_REFUND);
    sent.currency = (struct currency){"NOK"};
    wire_codec_set_currency(codec, (struct currency){""});
    cr_assert(eq(str, sample_pass_request(&sent).currency.code, "NOK"));
}

/* ---- answers ---- */

static struct answer done(void) {
    return (struct answer){.decision = DECISION_APPROVED,
                           .reason = REASON_APPROVED,
                           .amount_minor = 2000,
                           .remaining_minor = 11000,
                           .is_repeat = true,
                           .deciding = -1};
}

Test(settlements, an_answer_arrives_as_it_was_sent) {
    for (size_t i = 0; i < CALLS; i++) {
        struct answer sent = done();
        struct wire_reply reply = sample_pass_answer(calls[i], &sent);
        struct request_id id = sample_id();
        cr_assert(eq(int, reply.kind, WIRE_REPLY_SETTLED));
        cr_assert(eq(ulong, reply.correlation, SAMPLE_CORRELATION));
        cr_assert(request_id_equal(&reply.id, &id));
        cr_assert(eq(long, reply.server_time.us, SAMPLE_TIME_US));
        cr_assert(eq(str, reply.currency.code, "SEK"));
        cr_assert(eq(int, reply.answer.decision, DECISION_APPROVED));
        cr_assert(eq(long, reply.answer.amount_minor, 2000));
        cr_assert(eq(long, reply.answer.remaining_minor, 11000));
        cr_assert(reply.answer.is_repeat);
    }
}

Test(settlements, a_decline_tells_no_amounts_but_what_is_left_when_too_much_was_asked) {
    struct answer sent = done();
    sent.decision = DECISION_DECLINED;
    for (int reason = REASON_NOT_FOUND; reason <= REASON_AMOUNT_EXCEEDED; reason++) {
        sent.reason = (enum reason)reason;
        struct wire_reply reply = sample_pass_answer(CALL_CAPTURE, &sent);
        cr_assert(eq(int, reply.answer.reason, reason));
        cr_assert(eq(long, reply.answer.amount_minor, 0));
        cr_assert(eq(long, reply.answer.remaining_minor, reason == REASON_AMOUNT_EXCEEDED ? 11000 : 0));
    }
}

Test(settlements, an_id_used_again_names_the_field_that_differs) {
    struct answer sent = {
        .decision = DECISION_DECLINED, .reason = REASON_ID_REUSED, .differs = FIELD_ORIGINAL, .deciding = -1};
    cr_assert(eq(int, sample_pass_answer(CALL_CAPTURE, &sent).answer.differs, FIELD_ORIGINAL));
    sent.differs = FIELD_FINAL;
    cr_assert(eq(int, sample_pass_answer(CALL_CAPTURE, &sent).answer.differs, FIELD_FINAL));
}

/* ---- what a client does not believe ---- */

Test(settlements, a_client_does_not_believe_what_cannot_be) {
    uint8_t bytes[512];
    uint8_t id[16] = {0};
    struct wire_reply reply;
    struct failure failure;
    Vaxel__V1__Money amount = VAXEL__V1__MONEY__INIT;
    Vaxel__V1__SettleResponse message = VAXEL__V1__SETTLE_RESPONSE__INIT;
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_SETTLE;
    envelope.settle = &message;
    message.id = (ProtobufCBinaryData){.len = 16, .data = id};
    message.decision = VAXEL__V1__DECISION__DECISION_APPROVED;
    message.remaining = &amount;
    amount.minor = INT64_MIN;
    size_t size = vaxel__v1__response_envelope__pack(&envelope, bytes);
    cr_assert(not(wire_decode_reply(codec, bytes_of(bytes, size), &reply, &failure)));
    cr_assert(eq(str, failure.text, "the server's answer holds an impossible amount: -9223372036854775808"));
}
