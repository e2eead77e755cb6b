/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes that docs/protocol.md shows to those who write a client. Where these change, that page changes. */
#include "wire/samples.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

TestSuite(example, .init = sample_start, .fini = sample_finish);

static const char purchase_hex[] = "00000052"
                                   "0801"
                                   "124e"
                                   "0a1001a1fd03153b723496789abcdef01234"
                                   "12120a1039393332353433363536333338303033"
                                   "1a0808c865120353454b"
                                   "220673696e676c65"
                                   "2a116c696e652034352c206275732034373131"
                                   "309003";

static const char answer_hex[] = "000000b7"
                                 "0801"
                                 "12b201"
                                 "0801"
                                 "1001"
                                 "1a1001a1fd03153b723496789abcdef01234"
                                 "220808c865120353454b"
                                 "2801"
                                 "38d9feaba0c5989803"
                                 "4a0f080110a08d0618c86520d8a7053001"
                                 "4a0f080210c0cf2418c86520f8e9233001"
                                 "4a0f08041080897a18c86520b8a3793001"
                                 "5080b8aff4e5b09803"
                                 "5a49417070726f7665642e203837302e30302053454b206f6620313030302e30302053454b206c6566"
                                 "74206f6e20746869732063726564697420756e74696c203120446563656d6265722e";

static const char hold_hex[] = "00000057"
                               "0802"
                               "1253"
                               "0a1001a1fd03153b723496789abcdef01234"
                               "12120a1039393332353433363536333338303033"
                               "1a0808c865120353454b"
                               "220673696e676c65"
                               "2a116c696e652034352c206275732034373131"
                               "309003"
                               "3801"
                               "408407";

static const char capture_hex[] = "00000032"
                                  "0803"
                                  "322e"
                                  "0a1001a1fd03153b723496789abcdef01235"
                                  "121001a1fd03153b723496789abcdef01234"
                                  "220808a846120353454b";

static const char captured_hex[] = "00000049"
                                   "0803"
                                   "3245"
                                   "0801"
                                   "1001"
                                   "1a1001a1fd03153b723496789abcdef01235"
                                   "220808a846120353454b"
                                   "2a05120353454b"
                                   "38d98ab9bec7989803"
                                   "421343617074757265642039302e30302053454b2e";

static size_t unhex(const char *hex, uint8_t *bytes) {
    size_t size = 0;
    unsigned byte;
    for (; *hex != '\0'; hex += 2) {
        cr_assert(eq(int, sscanf(hex, "%2x", &byte), 1));
        bytes[size++] = (uint8_t)byte;
    }
    return size;
}

static void expect_frame(const char *hex) {
    uint8_t bytes[512];
    size_t size = unhex(hex, bytes);
    cr_assert(eq(sz, frame.size, size));
    cr_assert(eq(int, memcmp(frame.data, bytes, size), 0));
}

Test(example, of_a_purchase_is_what_a_client_sends) {
    struct wire_request request = sample_authorize();
    request.correlation = 1;
    cr_assert(wire_encode_request(codec, &frame, &request));
    expect_frame(purchase_hex);
}

Test(example, of_an_answer_is_what_the_switch_sends) {
    struct answer answer = sample_approval();
    struct request_id id = sample_id();
    for (int i = 0; i < 4; i++) {
        answer.limits[i].limit.id = 1;
        answer.limits[i].spent_minor = 13000;
    }
    cr_assert(
        wire_encode_answer(codec, &frame, 1, CALL_AUTHORIZE, &id, &answer, (struct instant){SAMPLE_TIME_US + 4321}));
    expect_frame(answer_hex);
}

Test(example, of_a_hold_is_what_a_client_sends) {
    struct wire_request request = sample_authorize();
    request.correlation = 2;
    request.authorize.is_hold = true;
    request.authorize.hold_us = 900000000;
    cr_assert(wire_encode_request(codec, &frame, &request));
    expect_frame(hold_hex);
}

Test(example, of_its_capture_is_what_a_client_sends) {
    struct wire_request request = sample_settle(CALL_CAPTURE);
    request.correlation = 3;
    request.settle.amount_minor = 9000;
    request.settle.is_final = true;
    request.settle.has_credential = false;
    request.settle.timeout_us = 0;
    cr_assert(wire_encode_request(codec, &frame, &request));
    expect_frame(capture_hex);
}

Test(example, of_the_captures_answer_is_what_the_switch_sends) {
    struct answer answer = {
        .decision = DECISION_APPROVED, .reason = REASON_APPROVED, .amount_minor = 9000, .deciding = -1};
    struct request_id id = sample_other_id();
    cr_assert(
        wire_encode_answer(codec, &frame, 3, CALL_CAPTURE, &id, &answer, (struct instant){SAMPLE_TIME_US + 600004321}));
    expect_frame(captured_hex);
}
