/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/samples.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

TestSuite(requests, .init = sample_start, .fini = sample_finish);

Test(requests, a_purchase_arrives_as_it_was_sent) {
    struct wire_request sent = sample_authorize();
    struct wire_request received = sample_pass_request(&sent);
    cr_assert(eq(ulong, received.correlation, SAMPLE_CORRELATION));
    cr_assert(eq(int, received.call, CALL_AUTHORIZE));
    cr_assert(request_id_equal(&received.authorize.id, &sent.authorize.id));
    cr_assert(eq(int, received.authorize.credential.kind, CREDENTIAL_CARD));
    cr_assert(eq(ulong, received.authorize.credential.card, SAMPLE_CARD));
    cr_assert(eq(long, received.authorize.amount.minor, 13000));
    cr_assert(eq(str, received.authorize.amount.currency.code, "SEK"));
    cr_assert(eq(str, received.authorize.product.code, "single"));
    cr_assert(eq(str, received.authorize.place.text, "line 45, bus 4711"));
    cr_assert(eq(long, received.authorize.timeout_us, 400000));
}

Test(requests, a_hold_arrives_with_its_time_and_what_else_is_asked_of_it) {
    struct wire_request sent = sample_authorize();
    struct wire_request plain = sample_pass_request(&sent);
    cr_assert(not(plain.authorize.is_hold || plain.authorize.allows_partial || plain.is_intended));
    cr_assert(eq(long, plain.authorize.hold_us, 0));
    sent.authorize.is_hold = true;
    sent.authorize.hold_us = 900000000;
    sent.authorize.allows_partial = true;
    sent.is_intended = true;
    struct wire_request received = sample_pass_request(&sent);
    cr_assert(received.authorize.is_hold && received.authorize.allows_partial && received.is_intended);
    cr_assert(eq(long, received.authorize.hold_us, 900000000));
    sent.authorize.hold_us = (int64_t)UINT32_MAX * 1000000;
    cr_assert(eq(long, sample_pass_request(&sent).authorize.hold_us, (int64_t)UINT32_MAX * 1000000));
}

Test(requests, a_question_for_the_balance_of_an_app_arrives_as_it_was_sent) {
    struct wire_request sent = sample_balance();
    struct wire_request received = sample_pass_request(&sent);
    cr_assert(eq(int, received.call, CALL_BALANCE));
    cr_assert(eq(int, received.balance.credential.kind, CREDENTIAL_APP));
    cr_assert(eq(int, memcmp(received.balance.credential.app, sent.balance.credential.app, 16), 0));
    cr_assert(eq(long, received.balance.timeout_us, 250000));
}

Test(requests, a_lookup_arrives_as_it_was_sent_with_and_without_a_credential) {
    struct wire_request sent = sample_lookup();
    struct wire_request received = sample_pass_request(&sent);
    cr_assert(eq(int, received.call, CALL_LOOKUP));
    cr_assert(request_id_equal(&received.lookup.id, &sent.lookup.id));
    cr_assert(received.lookup.has_credential);
    cr_assert(eq(ulong, received.lookup.credential.card, SAMPLE_CARD));
    sent.lookup.has_credential = false;
    received = sample_pass_request(&sent);
    cr_assert(not(received.lookup.has_credential));
}

Test(requests, an_echo_arrives_as_it_was_sent_up_to_its_longest) {
    struct wire_request sent = sample_echo();
    for (size_t size = 0; size <= ECHO_MAX; size += ECHO_MAX / 4) {
        memset(sent.echo.payload, (int)size, size);
        sent.echo.size = size;
        struct wire_request received = sample_pass_request(&sent);
        cr_assert(eq(int, received.call, CALL_ECHO));
        cr_assert(eq(sz, received.echo.size, size));
        cr_assert(eq(int, memcmp(received.echo.payload, sent.echo.payload, size), 0));
    }
}

Test(requests, the_longest_fields_arrive_whole) {
    struct wire_request sent = sample_authorize();
    memset(sent.authorize.product.code, 'p', PRODUCT_SIZE - 1);
    memcpy(sent.authorize.place.text, "Östersund busstation, läge Ö, linje 45 mot Åre Björnänge by 4711", 63);
    sent.authorize.place.text[63] = '\0';
    sent.authorize.amount.minor = MONEY_MAX_MINOR;
    sent.authorize.timeout_us = (int64_t)UINT32_MAX * 1000;
    struct wire_request received = sample_pass_request(&sent);
    cr_assert(eq(str, received.authorize.product.code, sent.authorize.product.code));
    cr_assert(eq(str, received.authorize.place.text, sent.authorize.place.text));
    cr_assert(eq(long, received.authorize.amount.minor, MONEY_MAX_MINOR));
    cr_assert(eq(long, received.authorize.timeout_us, (int64_t)UINT32_MAX * 1000));
}

Test(requests, a_timeout_below_a_millisecond_does_not_become_the_servers_default) {
    struct wire_request sent = sample_authorize();
    sent.authorize.timeout_us = 1;
    cr_assert(eq(long, sample_pass_request(&sent).authorize.timeout_us, 1000));
}

Test(requests, one_that_does_not_fit_leaves_the_buffer_as_it_was) {
    struct wire_request request = sample_authorize();
    cr_assert(wire_encode_request(codec, &frame, &request));
    size_t size = frame.size;
    for (size_t room = 0; room < size; room++) {
        frame.size = frame.capacity - room;
        cr_assert(not(wire_encode_request(codec, &frame, &request)));
        cr_assert(eq(sz, frame.size, frame.capacity - room));
    }
    frame.size = frame.capacity - size;
    cr_assert(wire_encode_request(codec, &frame, &request));
    cr_assert(eq(sz, frame.size, frame.capacity));
}

Test(requests, frames_follow_each_other_in_one_buffer) {
    struct wire_request purchase = sample_authorize();
    struct wire_request echo = sample_echo();
    cr_assert(wire_encode_request(codec, &frame, &purchase));
    cr_assert(wire_encode_request(codec, &frame, &echo));
    struct wire_reader reader = {0};
    struct bytes received = buffer_bytes(&frame);
    struct bytes envelope;
    struct failure failure;
    struct wire_request decoded;
    struct wire_fault fault;
    cr_assert(eq(int, wire_next_frame(&reader, &received, &envelope, &failure), WIRE_FRAME));
    cr_assert(wire_decode_request(codec, envelope, &decoded, &fault));
    cr_assert(eq(int, decoded.call, CALL_AUTHORIZE));
    cr_assert(eq(int, wire_next_frame(&reader, &received, &envelope, &failure), WIRE_FRAME));
    cr_assert(wire_decode_request(codec, envelope, &decoded, &fault));
    cr_assert(eq(int, decoded.call, CALL_ECHO));
}

/* ---- fields of later versions ---- */

Test(requests, fields_of_a_later_version_are_passed_over) {
    struct wire_request request = sample_echo();
    cr_assert(wire_encode_request(codec, &frame, &request));
    /* Fields 100 of each wire type, beside the request. */
    static const uint8_t later[] = {0xa0, 0x06, 0x05, 0xa1, 0x06, 1,   2,    3,    4, 5, 6, 7, 8,
                                    0xa2, 0x06, 0x03, 'n',  'e',  'w', 0xa5, 0x06, 1, 2, 3, 4};
    cr_assert(buffer_append(&frame, later, sizeof later));
    struct wire_request decoded;
    struct wire_fault fault;
    cr_assert(wire_decode_request(codec, sample_envelope(), &decoded, &fault));
    cr_assert(eq(sz, decoded.echo.size, request.echo.size));
}

/* ---- what is no request ---- */

static void expect_fault(struct bytes envelope, bool is_broken, uint64_t correlation, const char *words) {
    struct wire_request request = {.correlation = 99};
    struct wire_fault fault = {0};
    cr_assert(not(wire_decode_request(codec, envelope, &request, &fault)));
    cr_assert(eq(int, fault.is_broken, is_broken));
    cr_assert(eq(ulong, request.correlation, correlation));
    cr_assert(ne(ptr, strstr(fault.text, words), NULL), "%s", fault.text);
}

Test(requests, bytes_that_are_no_envelope_break_the_connection) {
    expect_fault(bytes_of("\xff\xff\xff\xff", 4), true, 0, "is no vaxel.v1.RequestEnvelope");
    expect_fault(bytes_of("GET / HTTP/1.1\r\n\r\n", 18), true, 0, "is no vaxel.v1.RequestEnvelope");
}

Test(requests, a_broken_envelope_is_told_with_its_correlation_where_that_can_be_read) {
    expect_fault(bytes_of("\x08\x2a\x12\x7f", 4), true, 42, "is no vaxel.v1.RequestEnvelope");
    expect_fault(bytes_of("\x2a\x01x\x08\x2a\x12\x7f", 7), true, 42, "is no vaxel.v1.RequestEnvelope");
    expect_fault(bytes_of("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x07", 12), true, UINT64_MAX,
                 "is no vaxel.v1.RequestEnvelope");
}

Test(requests, an_envelope_without_a_request_is_rejected_and_the_connection_goes_on) {
    expect_fault(bytes_of("\x08\x2a", 2), false, 42, "request is missing");
}

Test(requests, a_call_of_a_later_version_is_rejected_and_the_connection_goes_on) {
    expect_fault(bytes_of("\x08\x2a\xa2\x06\x00", 5), false, 42, "balance, lookup or echo");
}

Test(requests, one_that_needs_more_than_the_arena_is_rejected_with_its_correlation) {
    uint8_t envelope[WIRE_ENVELOPE_MAX] = {0x08, 0x2a};
    for (size_t i = 2; i < sizeof envelope; i += 2)
        memcpy(envelope + i, (uint8_t[]){0x50, 0x01}, 2); /* field 10, again and again */
    expect_fault(bytes_of(envelope, sizeof envelope), false, 42, "envelope needs more than the 589824 bytes");
    struct wire_request request = sample_authorize();
    sample_pass_request(&request);
}

Test(requests, every_cut_of_a_purchase_is_refused_or_rejected_and_none_is_believed) {
    struct wire_request request = sample_authorize();
    cr_assert(wire_encode_request(codec, &frame, &request));
    struct bytes whole = sample_envelope();
    for (size_t size = 1; size < whole.size; size++) {
        struct wire_request decoded;
        struct wire_fault fault = {0};
        cr_assert(not(wire_decode_request(codec, bytes_of(whole.data, size), &decoded, &fault)));
    }
}
