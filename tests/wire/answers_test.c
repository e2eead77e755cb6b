/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/samples.h"

#include "vaxel/v1/switch.pb-c.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

TestSuite(answers, .init = sample_start, .fini = sample_finish);

static void expect_limit(const struct standing_of_limit *limit, enum limit_kind kind, int id, long ceiling, long spent,
                         bool is_refusing) {
    cr_assert(eq(int, limit->limit.kind, kind));
    cr_assert(eq(int, limit->limit.id, id));
    cr_assert(eq(long, limit->limit.ceiling_minor, ceiling));
    cr_assert(eq(long, limit->spent_minor, spent));
    cr_assert(eq(int, limit->is_refusing, is_refusing));
}

Test(answers, an_approval_arrives_as_it_was_sent_without_limits_that_have_no_ceiling) {
    struct answer sent = sample_approval();
    struct wire_reply reply = sample_pass_answer(CALL_AUTHORIZE, &sent);
    struct request_id id = sample_id();
    cr_assert(eq(int, reply.kind, WIRE_REPLY_ANSWER));
    cr_assert(eq(int, reply.call, CALL_AUTHORIZE));
    cr_assert(eq(ulong, reply.correlation, SAMPLE_CORRELATION));
    cr_assert(request_id_equal(&reply.id, &id));
    cr_assert(eq(long, reply.server_time.us, SAMPLE_TIME_US));
    cr_assert(eq(str, reply.currency.code, "SEK"));
    cr_assert(eq(int, reply.answer.decision, DECISION_APPROVED));
    cr_assert(eq(int, reply.answer.reason, REASON_APPROVED));
    cr_assert(eq(long, reply.answer.amount_minor, 13000));
    cr_assert(eq(int, reply.answer.safety, SAFETY_COMMITTED));
    cr_assert(not(reply.answer.is_repeat));
    cr_assert(eq(long, reply.answer.renews_at.us, SAMPLE_RENEWAL_US));
    cr_assert(eq(int, reply.answer.deciding, -1));
    cr_assert(eq(int, reply.answer.limit_count, 3));
    expect_limit(&reply.answer.limits[0], LIMIT_CREDIT, 31, 100000, 13000, false);
    expect_limit(&reply.answer.limits[1], LIMIT_TRAVELLER, 21, 600000, 13000, false);
    expect_limit(&reply.answer.limits[2], LIMIT_ORGANISATION, 1, 2000000, 39000, false);
}

Test(answers, a_hold_is_told_with_its_end) {
    struct answer sent = sample_approval();
    sent.expires_at.us = SAMPLE_TIME_US + 900000000;
    cr_assert(eq(long, sample_pass_answer(CALL_AUTHORIZE, &sent).answer.expires_at.us, SAMPLE_TIME_US + 900000000));
}

static struct answer refusal(void) {
    struct answer answer = sample_approval();
    answer.decision = DECISION_DECLINED;
    answer.reason = REASON_ORGANISATION_LIMIT;
    answer.safety = SAFETY_NONE;
    answer.is_repeat = true;
    answer.deciding = 3;
    answer.limits[3].spent_minor = 1995000;
    answer.limits[3].is_refusing = true;
    return answer;
}

Test(answers, a_decline_names_the_limit_that_decided_though_others_are_left_out) {
    struct answer sent = refusal();
    struct wire_reply reply = sample_pass_answer(CALL_AUTHORIZE, &sent);
    cr_assert(eq(int, reply.answer.decision, DECISION_DECLINED));
    cr_assert(eq(int, reply.answer.reason, REASON_ORGANISATION_LIMIT));
    cr_assert(reply.answer.is_repeat);
    cr_assert(eq(long, reply.answer.amount_minor, 0));
    cr_assert(eq(int, reply.answer.deciding, 2));
    expect_limit(&reply.answer.limits[2], LIMIT_ORGANISATION, 1, 2000000, 1995000, true);
}

/* The message in the frame, as another client would read it. */
static Vaxel__V1__ResponseEnvelope *unpack(void) {
    struct bytes envelope = sample_envelope();
    Vaxel__V1__ResponseEnvelope *message = vaxel__v1__response_envelope__unpack(NULL, envelope.size, envelope.data);
    cr_assert(ne(ptr, message, NULL));
    return message;
}

static Vaxel__V1__ResponseEnvelope *answer_message(enum call call, const struct answer *answer) {
    struct request_id id = sample_id();
    cr_assert(wire_encode_answer(codec, &frame, 1, call, &id, answer, (struct instant){SAMPLE_TIME_US}));
    return unpack();
}

Test(answers, what_remains_is_the_ceiling_less_the_spent_and_never_below_zero) {
    struct answer sent = refusal();
    sent.limits[0].spent_minor = 100001;
    Vaxel__V1__ResponseEnvelope *message = answer_message(CALL_AUTHORIZE, &sent);
    cr_assert(eq(long, message->authorize->limits[0]->remaining_minor, 0));
    cr_assert(eq(long, message->authorize->limits[1]->remaining_minor, 587000));
    cr_assert(eq(long, message->authorize->decided_by->remaining_minor, 5000));
    cr_assert(eq(int, message->authorize->decided_by->kind, VAXEL__V1__LIMIT_KIND__LIMIT_KIND_ORGANISATION));
    vaxel__v1__response_envelope__free_unpacked(message, NULL);
}

Test(answers, a_balance_offers_what_the_tightest_limit_leaves) {
    struct answer sent = sample_approval();
    sent.amount_minor = 0;
    sent.limits[3].spent_minor = 1995000;
    struct wire_reply reply = sample_pass_answer(CALL_BALANCE, &sent);
    cr_assert(eq(int, reply.call, CALL_BALANCE));
    cr_assert(eq(long, reply.answer.amount_minor, 5000));
    cr_assert(eq(str, reply.currency.code, "SEK"));
    cr_assert(eq(int, reply.answer.limit_count, 3));
    cr_assert(eq(long, reply.answer.renews_at.us, SAMPLE_RENEWAL_US));
    sent.decision = DECISION_DECLINED;
    sent.reason = REASON_BLOCKED;
    cr_assert(eq(long, sample_pass_answer(CALL_BALANCE, &sent).answer.amount_minor, 0));
}

Test(answers, a_balance_without_any_ceiling_offers_no_amount_rather_than_none_left) {
    struct answer sent = sample_approval();
    for (int i = 0; i < 4; i++)
        sent.limits[i].limit.ceiling_minor = LIMIT_COUNTED_ONLY;
    Vaxel__V1__ResponseEnvelope *message = answer_message(CALL_BALANCE, &sent);
    cr_assert(eq(ptr, message->balance->available, NULL));
    cr_assert(eq(sz, message->balance->n_limits, 0));
    vaxel__v1__response_envelope__free_unpacked(message, NULL);
}

Test(answers, an_id_used_again_names_the_field_that_differs) {
    for (int field = FIELD_AMOUNT; field <= FIELD_FINAL; field++) {
        struct answer sent = {.decision = DECISION_DECLINED,
                              .reason = REASON_ID_REUSED,
                              .differs = (enum content_field)field,
                              .deciding = -1};
        cr_assert(eq(int, sample_pass_answer(CALL_AUTHORIZE, &sent).answer.differs, field));
    }
}

Test(answers, every_reason_arrives) {
    for (int reason = REASON_APPROVED; reason <= REASON_AMOUNT_EXCEEDED; reason++) {
        struct answer sent = {.decision = DECISION_DECLINED, .reason = (enum reason)reason, .deciding = -1};
        cr_assert(eq(int, sample_pass_answer(CALL_AUTHORIZE, &sent).answer.reason, reason));
    }
}

Test(answers, one_with_every_limit_fits_its_frame) {
    struct answer sent = refusal();
    sent.limit_count = LIMITS_CAPACITY;
    for (int i = 0; i < LIMITS_CAPACITY; i++)
        sent.limits[i] = (struct standing_of_limit){
            .limit = {LIMIT_DEPARTMENT, INT32_MAX - i, MONEY_MAX_MINOR}, .spent_minor = 1, .is_refusing = true};
    sent.deciding = LIMITS_CAPACITY - 1;
    struct wire_reply reply = sample_pass_answer(CALL_AUTHORIZE, &sent);
    cr_assert(eq(int, reply.answer.limit_count, LIMITS_CAPACITY));
    cr_assert(eq(int, reply.answer.deciding, LIMITS_CAPACITY - 1));
}

Test(answers, one_that_does_not_fit_leaves_the_buffer_as_it_was) {
    struct answer answer = sample_approval();
    struct request_id id = sample_id();
    frame.size = frame.capacity - 50;
    cr_assert(not(wire_encode_answer(codec, &frame, 1, CALL_AUTHORIZE, &id, &answer, (struct instant){0})));
    cr_assert(eq(sz, frame.size, frame.capacity - 50));
}

/* ---- the other replies ---- */

static struct wire_reply decode(void) {
    struct wire_reply reply;
    struct failure failure;
    cr_assert(wire_decode_reply(codec, sample_envelope(), &reply, &failure), "%s", failure.text);
    cr_assert(eq(ulong, reply.correlation, SAMPLE_CORRELATION));
    cr_assert(eq(long, reply.server_time.us, SAMPLE_TIME_US));
    return reply;
}

Test(answers, what_was_found_arrives_as_it_was_sent) {
    struct found sent = {
        .is_found = true,
        .is_reversed = true,
        .captured_minor = 9000,
        .refunded_minor = 1000,
        .hold = HOLD_STATE_OPEN,
        .entry =
            {
                .expires_at = {SAMPLE_TIME_US + 7000},
                .id = sample_id(),
                .month = {202611},
                .organisation = 1,
                .amount_minor = 13000,
                .department = 11,
                .traveller = 21,
                .credit = 31,
                .client = 41,
                .kind = ENTRY_HOLD,
                .flags = ENTRY_PARTIAL | ENTRY_STAND_IN,
                .product = {"single"},
                .place = {"bus 4711"},
            },
        .recorded_at = {SAMPLE_TIME_US + 5000},
    };
    cr_assert(wire_encode_found(codec, &frame, SAMPLE_CORRELATION, &sent, (struct instant){SAMPLE_TIME_US}));
    struct wire_reply reply = decode();
    const struct entry *entry = &reply.found.entry;
    cr_assert(eq(int, reply.kind, WIRE_REPLY_FOUND));
    cr_assert(reply.found.is_found && reply.found.is_reversed);
    cr_assert(request_id_equal(&entry->id, &sent.entry.id));
    cr_assert(eq(int, entry->month.yyyymm, 202611));
    cr_assert(eq(int, entry->organisation, 1));
    cr_assert(eq(int, entry->department, 11));
    cr_assert(eq(int, entry->traveller, 21));
    cr_assert(eq(int, entry->credit, 31));
    cr_assert(eq(int, entry->client, 41));
    cr_assert(eq(long, entry->amount_minor, 13000));
    cr_assert(eq(str, reply.currency.code, "SEK"));
    cr_assert(eq(str, (char *)(uintptr_t)entry->product.code, "single"));
    cr_assert(eq(str, (char *)(uintptr_t)entry->place.text, "bus 4711"));
    cr_assert(eq(long, reply.found.recorded_at.us, SAMPLE_TIME_US + 5000));
    cr_assert(eq(int, entry->kind, ENTRY_HOLD));
    cr_assert(eq(int, entry->flags, ENTRY_PARTIAL | ENTRY_STAND_IN));
    cr_assert(eq(long, reply.found.captured_minor, 9000));
    cr_assert(eq(long, reply.found.refunded_minor, 1000));
    cr_assert(eq(int, reply.found.hold, HOLD_STATE_OPEN));
    cr_assert(eq(long, entry->expires_at.us, SAMPLE_TIME_US + 7000));
}

Test(answers, whether_a_hold_is_open_arrives_and_what_is_unknown_of_it_says_nothing) {
    struct found sent = {.is_found = true, .entry = {.id = sample_id(), .kind = ENTRY_HOLD}};
    static const enum hold_state states[] = {HOLD_STATE_UNSPECIFIED, HOLD_STATE_OPEN, HOLD_STATE_CLOSED,
                                             (enum hold_state)3};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        sent.hold = states[i];
        cr_assert(wire_encode_found(codec, &frame, SAMPLE_CORRELATION, &sent, (struct instant){SAMPLE_TIME_US}));
        cr_assert(eq(int, decode().found.hold, i < 3 ? states[i] : HOLD_STATE_UNSPECIFIED));
    }
}

Test(answers, every_kind_and_mark_of_what_was_found_arrives) {
    struct found sent = {.is_found = true, .entry = {.id = sample_id()}};
    for (int kind = ENTRY_PURCHASE; kind <= ENTRY_CONFIRMATION; kind++) {
        sent.entry.kind = (enum entry_kind)kind;
        sent.entry.flags = (uint8_t)kind; /* each of the four bits, and several at once */
        cr_assert(wire_encode_found(codec, &frame, SAMPLE_CORRELATION, &sent, (struct instant){SAMPLE_TIME_US}));
        struct wire_reply reply = decode();
        cr_assert(eq(int, reply.found.entry.kind, kind));
        cr_assert(eq(int, reply.found.entry.flags, kind));
    }
}

Test(answers, what_was_not_found_says_only_that) {
    struct found sent = {.entry = {.id = sample_id(), .organisation = 1, .amount_minor = 13000}};
    cr_assert(wire_encode_found(codec, &frame, SAMPLE_CORRELATION, &sent, (struct instant){SAMPLE_TIME_US}));
    struct wire_reply reply = decode();
    cr_assert(not(reply.found.is_found));
    cr_assert(request_id_equal(&reply.id, &sent.entry.id));
    cr_assert(eq(int, reply.found.entry.organisation, 0));
    cr_assert(eq(long, reply.found.entry.amount_minor, 0));
}

Test(answers, an_echo_arrives_as_it_was_sent) {
    struct echo sent = {.payload = "still here", .size = 10};
    cr_assert(wire_encode_echo(codec, &frame, SAMPLE_CORRELATION, &sent, (struct instant){SAMPLE_TIME_US}));
    struct wire_reply reply = decode();
    cr_assert(eq(int, reply.kind, WIRE_REPLY_ECHO));
    cr_assert(eq(sz, reply.echo.size, 10));
    cr_assert(eq(int, memcmp(reply.echo.payload, "still here", 10), 0));
}

Test(answers, a_fault_arrives_as_it_was_sent) {
    struct wire_fault sent = {.reason = REASON_INVALID_ID, .field = "authorize.id", .text = "authorize.id is wrong"};
    cr_assert(wire_encode_fault(codec, &frame, SAMPLE_CORRELATION, &sent, (struct instant){SAMPLE_TIME_US}));
    struct wire_reply reply = decode();
    cr_assert(eq(int, reply.kind, WIRE_REPLY_FAULT));
    cr_assert(eq(int, reply.fault.reason, REASON_INVALID_ID));
    cr_assert(eq(str, reply.fault.field, "authorize.id"));
    cr_assert(eq(str, reply.fault.text, "authorize.id is wrong"));
    cr_assert(eq(str, reply.message, "authorize.id is wrong"));
}

/* ---- what a client does not believe ---- */

static void expect_unreadable(const Vaxel__V1__ResponseEnvelope *envelope, const char *words) {
    uint8_t bytes[4096];
    size_t size = vaxel__v1__response_envelope__pack(envelope, bytes);
    struct wire_reply reply;
    struct failure failure;
    cr_assert(not(wire_decode_reply(codec, bytes_of(bytes, size), &reply, &failure)));
    cr_assert(ne(ptr, strstr(failure.text, words), NULL), "%s", failure.text);
}

Test(answers, a_client_does_not_believe_what_cannot_be) {
    struct wire_reply reply;
    struct failure failure;
    cr_assert(not(wire_decode_reply(codec, bytes_of("HTTP/1.1 400", 12), &reply, &failure)));
    cr_assert(eq(str, failure.text, "the server sent 12 bytes that are no answer"));
    uint8_t id[16] = {0};
    Vaxel__V1__Money approved = VAXEL__V1__MONEY__INIT;
    Vaxel__V1__Limit limit = VAXEL__V1__LIMIT__INIT;
    Vaxel__V1__Limit *limits[] = {&limit};
    Vaxel__V1__AuthorizeResponse message = VAXEL__V1__AUTHORIZE_RESPONSE__INIT;
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    expect_unreadable(&envelope, "of a kind this version does not know");
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_AUTHORIZE;
    envelope.authorize = &message;
    expect_unreadable(&envelope, "an id of 0 bytes");
    message.id = (ProtobufCBinaryData){.len = 16, .data = id};
    expect_unreadable(&envelope, "a decision this version does not know: 0");
    message.decision = VAXEL__V1__DECISION__DECISION_APPROVED;
    message.approved = &approved;
    approved.minor = MONEY_MAX_MINOR + 1;
    expect_unreadable(&envelope, "an impossible amount: 10000000000000");
    approved.minor = 1;
    message.renews_at_us = INT64_MAX;
    expect_unreadable(&envelope, "an impossible renews_at_us");
    message.renews_at_us = 0;
    message.limits = limits;
    message.n_limits = 1;
    limit.kind = VAXEL__V1__LIMIT_KIND__LIMIT_KIND_CREDIT;
    limit.ceiling_minor = -1;
    expect_unreadable(&envelope, "an impossible limit");
}

Test(answers, a_client_takes_from_a_newer_server_what_it_knows) {
    uint8_t id[16] = {0};
    Vaxel__V1__Limit credit = VAXEL__V1__LIMIT__INIT;
    Vaxel__V1__Limit newer = VAXEL__V1__LIMIT__INIT;
    Vaxel__V1__Limit *limits[20] = {&newer};
    for (size_t i = 1; i < 20; i++)
        limits[i] = &credit;
    newer.kind = (Vaxel__V1__LimitKind)99;
    newer.ceiling_minor = -1;
    credit.kind = VAXEL__V1__LIMIT_KIND__LIMIT_KIND_CREDIT;
    Vaxel__V1__AuthorizeResponse message = VAXEL__V1__AUTHORIZE_RESPONSE__INIT;
    message.decision = VAXEL__V1__DECISION__DECISION_DECLINED;
    message.reason = (Vaxel__V1__Reason)1000;
    message.id = (ProtobufCBinaryData){.len = 16, .data = id};
    message.limits = limits;
    message.n_limits = 20;
    message.message = (char *)(uintptr_t) "No\x1b[2J, because of \xc3\xa5.";
    message.field = (char *)(uintptr_t) "weather";
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_AUTHORIZE;
    envelope.authorize = &message;
    uint8_t bytes[4096];
    size_t size = vaxel__v1__response_envelope__pack(&envelope, bytes);
    struct wire_reply reply;
    struct failure failure;
    cr_assert(wire_decode_reply(codec, bytes_of(bytes, size), &reply, &failure), "%s", failure.text);
    cr_assert(eq(int, reply.answer.reason, REASON_UNSPECIFIED));
    cr_assert(eq(int, reply.answer.limit_count, LIMITS_CAPACITY));
    cr_assert(eq(int, reply.answer.limits[0].limit.kind, LIMIT_CREDIT));
    cr_assert(eq(int, reply.answer.differs, FIELD_NONE));
    cr_assert(eq(str, reply.message, "No?[2J, because of \xc3\xa5."));
}
