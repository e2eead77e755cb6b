/* SPDX-License-Identifier: Apache-2.0 */
/* Many purchases in one frame: each is read, rejected and answered by itself. */
#include "wire/samples.h"

#include "vaxel/v1/switch.pb-c.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

TestSuite(advices, .init = sample_start, .fini = sample_finish);

static struct advices sent;
static struct advice_answer answers[ADVICES_PER_FRAME];

Test(advices, each_arrives_as_it_was_sent_in_its_order) {
    struct wire_request request = sample_advise(&sent, 3);
    sent.each[1].credential = sample_balance().balance.credential;
    sent.each[2].place.text[0] = '\0';
    struct wire_request received = sample_pass_request(&request);
    cr_assert(eq(int, received.call, CALL_ADVISE));
    cr_assert(eq(u32, received.advices->count, 3));
    for (uint32_t i = 0; i < 3; i++) {
        const struct advise *advise = &received.advices->each[i];
        cr_assert(eq(str, (char *)(uintptr_t)received.advices->faults[i].field, ""));
        cr_assert(request_id_equal(&advise->id, &sent.each[i].id));
        cr_assert(eq(int, advise->credential.kind, sent.each[i].credential.kind));
        cr_assert(eq(long, advise->amount.minor, 13000));
        cr_assert(eq(str, (char *)(uintptr_t)advise->product.code, "single"));
        cr_assert(eq(str, (char *)(uintptr_t)advise->place.text, sent.each[i].place.text));
        cr_assert(eq(long, advise->timeout_us, 400000));
    }
}

Test(advices, a_faulty_one_is_told_by_itself_and_the_others_are_taken) {
    struct wire_request request = sample_advise(&sent, 5);
    sent.each[0].id.bytes[6] = 0x42;
    sent.each[2].amount.minor = 0;
    sent.each[3].product.code[0] = '\0';
    struct wire_request received = sample_pass_request(&request);
    const struct advice_fault *faults = received.advices->faults;
    cr_assert(eq(u32, received.advices->count, 5));
    cr_assert(eq(int, faults[0].reason, REASON_INVALID_ID));
    cr_assert(
        eq(str, (char *)(uintptr_t)faults[0].text,
           "id is not a UUIDv7 (version 4 was sent): make a new version 7 id at the moment of purchase and repeat "
           "it in every retry"));
    cr_assert(eq(str, (char *)(uintptr_t)faults[2].field, "amount.minor"));
    cr_assert(eq(int, faults[2].reason, REASON_INVALID_AMOUNT));
    cr_assert(eq(str, (char *)(uintptr_t)faults[3].text,
                 "product is missing: send the code of what is bought, as in \"single\""));
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert(eq(int, faults[i].field[0] == '\0', i == 1 || i == 4));
        cr_assert(request_id_equal(&received.advices->each[i].id, &sent.each[i].id));
    }
}

/* ---- the frame as a whole ---- */

static struct wire_fault reject(size_t count) {
    Vaxel__V1__AdviseRequest message = VAXEL__V1__ADVISE_REQUEST__INIT;
    Vaxel__V1__Advice advice = VAXEL__V1__ADVICE__INIT;
    Vaxel__V1__RequestEnvelope envelope = VAXEL__V1__REQUEST_ENVELOPE__INIT;
    Vaxel__V1__Credential credential = VAXEL__V1__CREDENTIAL__INIT;
    Vaxel__V1__Money amount = VAXEL__V1__MONEY__INIT;
    struct request_id id = sample_id();
    Vaxel__V1__Advice **advices = calloc(count + 1, sizeof *advices);
    credential.credential_case = VAXEL__V1__CREDENTIAL__CREDENTIAL_CARD;
    credential.card = (char *)(uintptr_t) "9932543656338003";
    amount.minor = 1;
    amount.currency = (char *)(uintptr_t) "SEK";
    advice.id = (ProtobufCBinaryData){.len = 16, .data = id.bytes};
    advice.credential = &credential;
    advice.amount = &amount;
    advice.product = (char *)(uintptr_t) "1";
    for (size_t i = 0; i < count; i++)
        advices[i] = &advice;
    message.advices = advices;
    message.n_advices = count;
    envelope.correlation = SAMPLE_CORRELATION;
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_ADVISE;
    envelope.advise = &message;
    static uint8_t bytes[2 * WIRE_ENVELOPE_MAX];
    cr_assert(le(sz, vaxel__v1__request_envelope__get_packed_size(&envelope), WIRE_ENVELOPE_MAX));
    size_t size = vaxel__v1__request_envelope__pack(&envelope, bytes);
    struct wire_request request;
    struct wire_fault fault;
    cr_assert(not(wire_decode_request(codec, bytes_of(bytes, size), &request, &fault)));
    cr_assert(eq(ulong, request.correlation, SAMPLE_CORRELATION));
    cr_assert(not(fault.is_broken));
    cr_assert(eq(str, fault.field, "advise.advices"));
    free(advices);
    return fault;
}

Test(advices, a_frame_without_any_is_rejected) {
    cr_assert(eq(str, reject(0).text, "advise.advices is empty: send 1 to 512 of them"));
}

Test(advices, a_frame_of_too_many_is_rejected_whole) {
    cr_assert(eq(str, reject(513).text,
                 "advise.advices are 513: send at most 512 in a frame, and the others in frames of their own"));
}

/* The smallest that can be right, as many as 64 KiB hold: what the arena is made for. */
Test(advices, the_fullest_frame_has_its_place_in_the_arena_and_is_told_how_many_it_holds) {
    cr_assert(eq(str, reject(1260).text,
                 "advise.advices are 1260: send at most 512 in a frame, and the others in frames of their own"));
}

/* Two bytes each: nothing that anybody means. */
Test(advices, a_frame_of_empty_ones_past_the_arena_is_rejected_and_the_connection_goes_on) {
    static uint8_t bytes[WIRE_ENVELOPE_MAX] = {0x08, 0x2a, 0x52, 0xf8, 0xff, 0x03};
    for (size_t i = 6; i < sizeof bytes; i += 2)
        bytes[i] = 0x0a;
    bytes[3] = 0xfa; /* 65530 bytes of advices */
    struct wire_request request;
    struct wire_fault fault;
    cr_assert(not(wire_decode_request(codec, bytes_of(bytes, sizeof bytes), &request, &fault)));
    cr_assert(not(fault.is_broken), "%s", fault.text);
    cr_assert(eq(ulong, request.correlation, 42));
    cr_assert(eq(str, fault.text,
                 "envelope needs more than the 589824 bytes kept for a message: send fewer and shorter fields, and at "
                 "most 512 advices"));
}

Test(advices, as_many_as_the_measured_size_allows_fit_a_frame_and_one_more_does_not) {
    struct wire_request request = sample_advise(&sent, ADVICES_PER_FRAME);
    size_t size = 0;
    for (uint32_t i = 0; i < ADVICES_PER_FRAME; i++) {
        memset(sent.each[i].product.code, 'p', PRODUCT_SIZE - 1);
        memset(sent.each[i].place.text, 'q', PLACE_SIZE - 1);
        sent.each[i].credential = sample_balance().balance.credential;
        sent.each[i].amount.minor = MONEY_MAX_MINOR;
    }
    for (sent.count = 0; size + wire_advice_size(&sent.each[sent.count]) <= WIRE_ADVISE_MAX; sent.count++)
        size += wire_advice_size(&sent.each[sent.count]);
    cr_assert(gt(u32, sent.count, 300));
    request.correlation = UINT64_MAX;
    struct wire_request received = sample_pass_request(&request);
    cr_assert(eq(u32, received.advices->count, sent.count));
    cr_assert(eq(str, (char *)(uintptr_t)received.advices->faults[sent.count - 1].field, ""));
    sent.count++;
    cr_assert(not(wire_encode_request(codec, &frame, &request)));
    cr_assert(eq(sz, frame.size, 0));
}

Test(advices, a_full_frame_of_usual_ones_arrives_whole) {
    struct wire_request request = sample_advise(&sent, ADVICES_PER_FRAME);
    struct wire_request received = sample_pass_request(&request);
    cr_assert(eq(u32, received.advices->count, ADVICES_PER_FRAME));
    for (uint32_t i = 0; i < ADVICES_PER_FRAME; i++)
        cr_assert(request_id_equal(&received.advices->each[i].id, &sent.each[i].id));
}

/* ---- answers ---- */

static struct wire_reply pass_answers(uint32_t count) {
    struct wire_reply reply;
    struct failure failure;
    cr_assert(wire_encode_advice_answers(codec, &frame, SAMPLE_CORRELATION, answers, count,
                                         (struct instant){SAMPLE_TIME_US}));
    cr_assert(wire_decode_reply(codec, sample_envelope(), &reply, &failure), "%s", failure.text);
    cr_assert(eq(int, reply.kind, WIRE_REPLY_ADVICES));
    cr_assert(eq(ulong, reply.correlation, SAMPLE_CORRELATION));
    cr_assert(eq(long, reply.server_time.us, SAMPLE_TIME_US));
    cr_assert(eq(u32, reply.advices->count, count));
    return reply;
}

Test(advices, what_became_of_each_arrives_in_its_order) {
    struct request_id id = sample_id();
    answers[0] = (struct advice_answer){.id = id, .decision = DECISION_APPROVED, .reason = REASON_APPROVED};
    answers[1] = (struct advice_answer){.id = sample_other_id(),
                                        .decision = DECISION_APPROVED,
                                        .reason = REASON_APPROVED,
                                        .is_repeat = true,
                                        .flags = ENTRY_FORCED | ENTRY_LATE};
    answers[2] = (struct advice_answer){
        .id = id, .decision = DECISION_DECLINED, .reason = REASON_ID_REUSED, .differs = FIELD_PLACE};
    answers[3] = (struct advice_answer){
        .id = id, .fault = {REASON_INVALID_AMOUNT, "amount.minor", "amount.minor is 0: send a price above 0"}};
    answers[4] = (struct advice_answer){.id = id, .decision = DECISION_FAILED, .reason = REASON_BUSY};
    const struct advice_answer *got = pass_answers(5).advices->each;
    struct request_id other = sample_other_id();
    cr_assert(request_id_equal(&got[1].id, &other));
    cr_assert(eq(int, got[0].decision, DECISION_APPROVED));
    cr_assert(eq(str, (char *)(uintptr_t)got[0].fault.text, ""), "nothing needs to be said of what is recorded");
    cr_assert(not(got[0].is_repeat));
    cr_assert(eq(int, got[0].flags, 0));
    cr_assert(got[1].is_repeat);
    cr_assert(eq(int, got[1].flags, ENTRY_FORCED | ENTRY_LATE));
    cr_assert(eq(int, got[2].reason, REASON_ID_REUSED));
    cr_assert(eq(int, got[2].differs, FIELD_PLACE));
    cr_assert(eq(str, (char *)(uintptr_t)got[2].fault.field, ""));
    cr_assert(eq(int, got[3].decision, DECISION_DECLINED));
    cr_assert(eq(int, got[3].reason, REASON_INVALID_AMOUNT));
    cr_assert(eq(str, (char *)(uintptr_t)got[3].fault.field, "amount.minor"));
    cr_assert(eq(str, (char *)(uintptr_t)got[3].fault.text, "amount.minor is 0: send a price above 0"));
    cr_assert(eq(int, got[4].decision, DECISION_FAILED));
    cr_assert(eq(str, (char *)(uintptr_t)got[4].fault.text,
                 "Failed: too much to do just now. Tell of it again under the same id."));
}

/* Every field at its longest, and the longest number of the envelope. */
Test(advices, the_worst_frame_of_answers_fits_and_leaves_out_only_words) {
    for (uint32_t i = 0; i < ADVICES_PER_FRAME; i++) {
        answers[i] = (struct advice_answer){.id = sample_id(), .fault.reason = REASON_AMOUNT_EXCEEDED};
        memset(answers[i].fault.field, 'f', ADVICE_FIELD_SIZE - 1);
        memset(answers[i].fault.text, 't', ADVICE_TEXT_SIZE - 1);
    }
    struct wire_reply reply;
    struct failure failure;
    cr_assert(wire_encode_advice_answers(codec, &frame, UINT64_MAX, answers, ADVICES_PER_FRAME,
                                         (struct instant){INT64_C(253402214400000000)}));
    cr_assert(le(sz, frame.size, WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX));
    cr_assert(wire_decode_reply(codec, sample_envelope(), &reply, &failure), "%s", failure.text);
    cr_assert(eq(u32, reply.advices->count, ADVICES_PER_FRAME));
    const struct advice_answer *first = &reply.advices->each[0];
    const struct advice_answer *last = &reply.advices->each[ADVICES_PER_FRAME - 1];
    cr_assert(eq(sz, strlen(first->fault.text), ADVICE_TEXT_SIZE - 1));
    cr_assert(eq(sz, strlen(last->fault.text), 0));
    cr_assert(eq(sz, strlen(last->fault.field), ADVICE_FIELD_SIZE - 1));
    cr_assert(eq(int, last->reason, REASON_AMOUNT_EXCEEDED));
}

/* All marks at once, which a faulty one has not. */
Test(advices, a_frame_of_declines_with_every_mark_fits) {
    for (uint32_t i = 0; i < ADVICES_PER_FRAME; i++)
        answers[i] = (struct advice_answer){.id = sample_id(),
                                            .decision = DECISION_DECLINED,
                                            .reason = REASON_REVERSED,
                                            .is_repeat = true,
                                            .flags = ENTRY_FORCED | ENTRY_LATE,
                                            .differs = FIELD_CREDENTIAL};
    cr_assert(eq(int, pass_answers(ADVICES_PER_FRAME).advices->each[511].reason, REASON_REVERSED));
}

Test(advices, answers_that_do_not_fit_leave_the_buffer_as_it_was) {
    answers[0] = (struct advice_answer){.id = sample_id(), .decision = DECISION_APPROVED, .reason = REASON_APPROVED};
    frame.size = frame.capacity - 40;
    cr_assert(not(wire_encode_advice_answers(codec, &frame, 1, answers, 1, (struct instant){SAMPLE_TIME_US})));
    cr_assert(eq(sz, frame.size, frame.capacity - 40));
}

Test(advices, a_client_does_not_believe_more_answers_than_it_can_have_asked_for) {
    static uint8_t bytes[4096];
    Vaxel__V1__AdviceResult result = VAXEL__V1__ADVICE_RESULT__INIT;
    Vaxel__V1__AdviceResult *results[ADVICES_PER_FRAME + 1];
    Vaxel__V1__AdviseResponse message = VAXEL__V1__ADVISE_RESPONSE__INIT;
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    struct wire_reply reply;
    struct failure failure;
    for (size_t i = 0; i <= ADVICES_PER_FRAME; i++)
        results[i] = &result;
    message.results = results;
    message.n_results = ADVICES_PER_FRAME + 1;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_ADVISE;
    envelope.advise = &message;
    size_t size = vaxel__v1__response_envelope__pack(&envelope, bytes);
    cr_assert(not(wire_decode_reply(codec, bytes_of(bytes, size), &reply, &failure)));
    cr_assert(ne(ptr, strstr(failure.text, "answers 513 advices"), NULL), "%s", failure.text);
    message.n_results = 1;
    size = vaxel__v1__response_envelope__pack(&envelope, bytes);
    cr_assert(not(wire_decode_reply(codec, bytes_of(bytes, size), &reply, &failure)));
    cr_assert(ne(ptr, strstr(failure.text, "an id of 0 bytes"), NULL), "%s", failure.text);
}
