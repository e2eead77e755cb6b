/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/peer.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct peer peer;

static void start(void) {
    peer_start(&peer);
}

static void stop(void) {
    peer_stop(&peer);
}

TestSuite(calls, .init = start, .fini = stop);

static void fill(uint8_t *message, size_t size, unsigned seed) {
    for (size_t i = 0; i < size; i++)
        message[i] = (uint8_t)(i * 31 + seed);
}

Test(calls, a_message_is_answered_with_a_message_and_an_outcome) {
    int32_t call = peer_call(&peer, ECHO, "växel", 6);
    peer_run(&peer);
    peer_expect_message(&peer, call, "växel", 6);
    cr_assert(not(peer.is_closed));
}

Test(calls, an_empty_message_is_one) {
    int32_t call = peer_call(&peer, ECHO, "", 0);
    peer_run(&peer);
    peer_expect_message(&peer, call, "", 0);
}

Test(calls, the_largest_message_is_taken_and_one_byte_more_is_not) {
    static uint8_t message[PEER_MESSAGE_MAX + 1];
    fill(message, sizeof message, 5);
    int32_t largest = peer_call(&peer, ECHO, message, PEER_MESSAGE_MAX);
    int32_t larger = peer_call(&peer, ECHO, message, PEER_MESSAGE_MAX + 1);
    peer_run(&peer);
    peer_expect_message(&peer, largest, message, PEER_MESSAGE_MAX);
    peer_expect(&peer, larger, "8", "larger than the 65536 bytes");
    cr_assert(not(peer.is_closed));
}

Test(calls, a_promise_of_four_gigabytes_takes_no_memory) {
    int32_t call = peer_begin(&peer, ECHO, NULL, "\0\xff\xff\xff\xff", 5, true);
    peer_run(&peer);
    peer_expect(&peer, call, "8", "larger");
}

Test(calls, bytes_torn_anywhere_are_the_same_calls) {
    static uint8_t message[700];
    fill(message, sizeof message, 1);
    for (size_t tear = 1; tear < 40; tear++) {
        stop();
        start();
        peer.tear = tear;
        int32_t one = peer_call(&peer, ECHO, message, 9);
        int32_t two = peer_call(&peer, ECHO, message, sizeof message);
        int32_t three = peer_call(&peer, REFUSE, "no", 2);
        peer_run(&peer);
        peer_expect_message(&peer, one, message, 9);
        peer_expect_message(&peer, two, message, sizeof message);
        peer_expect(&peer, three, "3", "no");
    }
}

Test(calls, a_message_in_frames_of_one_byte_is_the_same_message) {
    uint8_t body[] = {0, 0, 0, 0, 3, 'a', 'b', 'c'};
    int32_t call = peer_begin(&peer, ECHO, NULL, NULL, 0, true);
    peer_run(&peer);
    for (size_t i = 0; i < sizeof body; i++) {
        uint8_t frame[] = {0, 0, 1, NGHTTP2_DATA, 0, 0, 0, 0, (uint8_t)call, body[i]};
        frame[4] = i + 1 == sizeof body ? NGHTTP2_FLAG_END_STREAM : 0;
        peer_feed(&peer, frame, sizeof frame);
    }
    const struct outcome *outcome = peer_outcome(&peer, call);
    cr_assert(eq(str, (char *)outcome->status, "0"));
    cr_assert(eq(int, memcmp(outcome->data, body, sizeof body), 0));
}

Test(calls, a_hundred_at_a_time_are_answered_in_any_order) {
    int32_t calls[100];
    uint32_t kept[100];
    for (uint32_t i = 0; i < 100; i++) {
        calls[i] = peer_call(&peer, KEEP, "x", 1);
        peer_run(&peer);
        kept[i] = peer.kept;
    }
    cr_assert(eq(u32, peer.requests, 100));
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t at = i * 37 % 100;
        char text[8];
        snprintf(text, sizeof text, "%u", at);
        grpc_answer(peer.connection, kept[at], bytes_of(text, strlen(text)));
        grpc_end(peer.connection, kept[at], GRPC_OK, NULL);
        cr_assert(grpc_flush(peer.connection));
    }
    for (uint32_t i = 0; i < 100; i++) {
        char text[8];
        snprintf(text, sizeof text, "%u", i);
        peer_expect_message(&peer, calls[i], text, strlen(text));
    }
}

Test(calls, a_method_that_takes_many_answers_each_and_ends_with_the_client) {
    int32_t call = peer_begin(&peer, MANY, NULL, "\0\0\0\0\1a\0\0\0\0\2bc\0\0\0\0\0", 18, false);
    peer_run(&peer);
    const struct outcome *outcome = peer_outcome(&peer, call);
    peer_expect(&peer, call, "0", "");
    cr_assert(eq(sz, outcome->size, 18));
    cr_assert(eq(int, memcmp(outcome->data, "\0\0\0\0\1a\0\0\0\0\2bc\0\0\0\0\0", 18), 0));
    cr_assert(eq(u32, peer.ends, 1));
}

Test(calls, an_outcome_may_follow_messages_later) {
    int32_t call = peer_call(&peer, KEEP, "x", 1);
    peer_run(&peer);
    grpc_answer(peer.connection, peer.kept, bytes_of("one", 3));
    cr_assert(grpc_flush(peer.connection));
    cr_assert(not(peer_outcome(&peer, call)->is_closed));
    cr_assert(eq(sz, peer_outcome(&peer, call)->size, 8));
    grpc_end(peer.connection, peer.kept, GRPC_UNAVAILABLE, "the switch ends");
    cr_assert(grpc_flush(peer.connection));
    peer_expect(&peer, call, "14", "the switch ends");
}

Test(calls, a_text_travels_percent_encoded) {
    int32_t call = peer_call(&peer, REFUSE, "50 % är\n\"nej\"", 14);
    peer_run(&peer);
    peer_expect(&peer, call, "3", "50 %25 %C3%A4r%0A\"nej\"");
}

Test(calls, a_call_that_is_cancelled_is_answered_to_nobody) {
    int32_t call = peer_call(&peer, KEEP, "x", 1);
    peer_run(&peer);
    uint32_t kept = peer.kept;
    cr_assert(grpc_is_open(peer.connection, kept));
    nghttp2_submit_rst_stream(peer.session, NGHTTP2_FLAG_NONE, call, NGHTTP2_CANCEL);
    peer_run(&peer);
    cr_assert(not(grpc_is_open(peer.connection, kept)));
    size_t before = peer.server_sent;
    grpc_answer(peer.connection, kept, bytes_of("late", 4));
    grpc_end(peer.connection, kept, GRPC_OK, NULL);
    cr_assert(grpc_flush(peer.connection));
    cr_assert(eq(sz, peer.server_sent, before));
    int32_t next = peer_call(&peer, ECHO, "y", 1);
    peer_run(&peer);
    peer_expect_message(&peer, next, "y", 1);
}

Test(calls, a_connection_ends_with_calls_under_way) {
    for (int i = 0; i < 10; i++)
        peer_call(&peer, KEEP, "x", 1);
    peer_begin(&peer, ECHO, NULL, "\0\0\0\0\11half", 9, true);
    peer_run(&peer);
    cr_assert(eq(u32, peer.requests, 10));
}

Test(calls, timeouts_are_read_in_every_unit) {
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {{"1H", 3600000000},
                 {"2M", 120000000},
                 {"3S", 3000000},
                 {"400m", 400000},
                 {"5u", 5},
                 {"6000n", 6},
                 {"99999999H", INT64_C(359999996400000000)}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct peer_field fields[] = {{"grpc-timeout", cases[i].text}, {0}};
        peer_begin(&peer, KEEP, fields, "\0\0\0\0\0", 5, false);
        peer_run(&peer);
        cr_assert(peer.kept_has_timeout);
        cr_assert(eq(i64, peer.kept_timeout_us, cases[i].us), "%s", cases[i].text);
    }
    peer_call(&peer, KEEP, "", 0);
    peer_run(&peer);
    cr_assert(not(peer.kept_has_timeout));
}

/* What is not as it should be, and what it is told. */
struct wrong {
    const char *path;
    struct peer_field field;
    const char *body;
    size_t size;
    const char *http_status;
    const char *status;
    const char *words;
};

static const struct wrong wrongs[] = {
    {"/test.Room/None", {0}, "\0\0\0\0\0", 5, "200", "12", "no such method"},
    {ECHO, {"content-type", "application/json"}, "{}", 2, "415", "3", "content-type"},
    {ECHO, {"content-type", "application/grpc+json"}, "\0\0\0\0\2{}", 7, "415", "3", "content-type"},
    {ECHO, {":method", "PUT"}, "\0\0\0\0\0", 5, "405", "12", "POST"},
    {ECHO, {"grpc-encoding", "gzip"}, "\1\0\0\0\0", 5, "200", "12", "not identity"},
    {ECHO, {0}, "\1\0\0\0\1x", 6, "200", "13", "marked as compressed"},
    {ECHO, {0}, "\7\0\0\0\1x", 6, "200", "13", "one byte that is 0"},
    {ECHO, {0}, "", 0, "200", "12", "none was sent"},
    {ECHO, {0}, "\0\0\0\0\0\0\0\0\0\0", 10, "200", "12", "more were sent"},
    {ECHO, {0}, "\0\0\0\0\2x", 6, "200", "3", "in the midst of a message"},
    {ECHO, {0}, "\0\0", 2, "200", "3", "in the midst of a message"},
    {MANY, {0}, "\0\0\0\0\1x\0", 7, "200", "3", "in the midst of a message"},
    {ECHO, {"grpc-timeout", "0S"}, "\0\0\0\0\0", 5, "200", "4", "leaves no time"},
    {ECHO, {"grpc-timeout", "999n"}, "\0\0\0\0\0", 5, "200", "4", "leaves no time"},
    {ECHO, {"grpc-timeout", "123456789m"}, "\0\0\0\0\0", 5, "200", "3", "grpc-timeout is no time"},
    {ECHO, {"grpc-timeout", "m"}, "\0\0\0\0\0", 5, "200", "3", "grpc-timeout is no time"},
    {ECHO, {"grpc-timeout", "4x"}, "\0\0\0\0\0", 5, "200", "3", "grpc-timeout is no time"},
    {ECHO, {"grpc-timeout", "-4m"}, "\0\0\0\0\0", 5, "200", "3", "grpc-timeout is no time"},
};

Test(calls, what_is_wrong_with_one_is_told_and_the_next_is_answered) {
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        const struct wrong *wrong = &wrongs[i];
        const struct peer_field fields[] = {wrong->field, {0}};
        int32_t call = peer_begin(&peer, wrong->path, fields, wrong->body, wrong->size, false);
        peer_run(&peer);
        peer_expect(&peer, call, wrong->status, wrong->words);
        cr_assert(eq(str, (char *)peer_outcome(&peer, call)->http_status, (char *)wrong->http_status));
        if (strcmp(wrong->status, "12") == 0)
            cr_assert(eq(str, (char *)peer_outcome(&peer, call)->accepts, "identity"));
        int32_t next = peer_call(&peer, ECHO, "well", 4);
        peer_run(&peer);
        peer_expect_message(&peer, next, "well", 4);
    }
}
