/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that mean ill, or are out of order. */
#include "grpc/peer.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

static struct peer peer;

static void start(void) {
    peer_start(&peer);
    peer_run(&peer);
}

static void stop(void) {
    peer_stop(&peer);
}

TestSuite(bounds, .init = start, .fini = stop);

Test(bounds, bytes_that_are_no_http_2_end_the_connection) {
    stop();
    peer_start(&peer);
    peer_feed(&peer, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35);
    cr_assert(peer.is_closed);
    cr_assert(ne(ptr, strstr(peer.failure.text, "HTTP/2"), NULL), "%s", peer.failure.text);
}

/* The same frame until the server has enough, or `most` were taken. */
static size_t flood(const void *frame, size_t size, size_t most) {
    size_t count = 0;
    while (count < most && !peer.is_closed) {
        peer_feed(&peer, frame, size);
        count++;
    }
    return count;
}

static void expect_calm_asked(size_t count) {
    cr_assert(peer.is_closed);
    cr_assert(lt(sz, count, 10000));
    cr_assert(eq(str, peer.failure.text, "more frames than requests need"));
}

Test(bounds, a_flood_of_pings_ends_the_connection) {
    expect_calm_asked(flood("\0\0\10\6\0\0\0\0\0abcdefgh", 17, 10000));
}

Test(bounds, a_flood_of_settings_ends_the_connection) {
    expect_calm_asked(flood("\0\0\0\4\0\0\0\0\0", 9, 10000));
}

Test(bounds, a_flood_of_window_updates_ends_the_connection) {
    expect_calm_asked(flood("\0\0\4\10\0\0\0\0\0\0\0\0\1", 13, 10000));
}

Test(bounds, a_flood_of_empty_data_ends_the_connection) {
    int32_t call = peer_begin(&peer, ECHO, NULL, NULL, 0, true);
    peer_run(&peer);
    const uint8_t frame[] = {0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)call};
    expect_calm_asked(flood(frame, sizeof frame, 10000));
}

Test(bounds, pings_beside_requests_go_on_for_ever) {
    for (int i = 0; i < 3000; i++) {
        peer_feed(&peer, "\0\0\10\6\0\0\0\0\0abcdefgh\0\0\10\6\0\0\0\0\0abcdefgh", 34);
        int32_t call = peer_call(&peer, ECHO, "x", 1);
        peer_run(&peer);
        peer_expect_message(&peer, call, "x", 1);
    }
}

Test(bounds, pings_now_and_then_are_forgiven_by_the_second) {
    for (int i = 0; i < 20000; i++) {
        peer.now.us += 2000;
        peer_feed(&peer, "\0\0\10\6\0\0\0\0\0abcdefgh", 17);
    }
    cr_assert(not(peer.is_closed));
}

Test(bounds, calls_made_to_be_cancelled_end_the_connection) {
    uint32_t count = 0;
    for (; count < PEER_CALLS - 10 && !peer.is_closed; count++) {
        int32_t call = peer_begin(&peer, ECHO, NULL, NULL, 0, true);
        peer_run(&peer);
        nghttp2_submit_rst_stream(peer.session, NGHTTP2_FLAG_NONE, call, NGHTTP2_CANCEL);
        peer_run(&peer);
    }
    cr_assert(peer.is_closed);
    cr_assert(le(u32, count, 1400));
}

Test(bounds, a_header_without_an_end_ends_the_connection) {
    /* HEADERS without END_HEADERS on stream 1, then CONTINUATION for ever. */
    uint8_t frame[9 + 16] = {0, 0, 16, 1, 0, 0, 0, 0, 1};
    for (size_t i = 0; i < 16; i += 4)
        memcpy(frame + 9 + i, "\x40\1a\0", 4);
    peer_feed(&peer, frame, sizeof frame);
    frame[3] = 9;
    cr_assert(lt(sz, flood(frame, sizeof frame, 100), 20));
    cr_assert(peer.is_closed);
}

Test(bounds, a_header_of_many_kilobytes_is_refused_with_words) {
    static char value[3000];
    memset(value, 'v', sizeof value - 1);
    const struct peer_field fields[] = {{"a", value}, {"b", value}, {"c", value}, {0}};
    int32_t call = peer_begin(&peer, ECHO, fields, "\0\0\0\0\0", 5, false);
    peer_run(&peer);
    peer_expect(&peer, call, "8", "the header holds more than 8192 bytes");
    cr_assert(eq(u32, peer.requests, 0));
}

Test(bounds, no_more_calls_than_allowed_come_at_a_time) {
    int32_t calls[101];
    for (int i = 0; i < 101; i++)
        calls[i] = peer_call(&peer, KEEP, "x", 1);
    peer_run(&peer);
    cr_assert(eq(u32, peer.requests, 100)); /* the client keeps the last one until it may */
    grpc_end(peer.connection, (uint32_t)calls[0], GRPC_OK, NULL);
    grpc_flush(peer.connection);
    peer_run(&peer);
    cr_assert(eq(u32, peer.requests, 101));
}

Test(bounds, a_client_that_takes_no_answers_is_bounded_in_memory) {
    static uint8_t message[20000];
    const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
    nghttp2_submit_settings(peer.session, NGHTTP2_FLAG_NONE, &window, 1);
    int32_t calls[100];
    int refused = 0;
    for (int i = 0; i < 100; i++)
        calls[i] = peer_call(&peer, ECHO, message, sizeof message);
    peer_run(&peer);
    for (int i = 0; i < 100; i++)
        refused += strcmp(peer_outcome(&peer, calls[i])->status, "8") == 0;
    cr_assert(gt(int, refused, 20)); /* 1 MiB has no room for a hundred of 32 KiB */
    cr_assert(lt(int, refused, 100));
    cr_assert(not(peer.is_closed));
}

Test(bounds, an_answer_larger_than_the_window_goes_out_as_it_opens) {
    static uint8_t message[60000];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(i * 7);
    const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000};
    nghttp2_submit_settings(peer.session, NGHTTP2_FLAG_NONE, &window, 1);
    peer_run(&peer);
    int32_t calls[5];
    for (int i = 0; i < 5; i++)
        calls[i] = peer_call(&peer, ECHO, message, sizeof message);
    peer_run(&peer);
    for (int i = 0; i < 5; i++)
        peer_expect_message(&peer, calls[i], message, sizeof message);
}

Test(bounds, a_request_that_never_comes_whole_is_ended) {
    int32_t call = peer_begin(&peer, ECHO, NULL, "\0\0\0\0\11half", 9, true);
    peer_run(&peer);
    peer.now.us += PEER_PATIENCE_US - 1;
    grpc_tick(peer.grpc, peer.now);
    peer_run(&peer);
    cr_assert(not(peer_outcome(&peer, call)->is_closed));
    peer.now.us += 1;
    grpc_tick(peer.grpc, peer.now);
    peer_run(&peer);
    peer_expect(&peer, call, "4", "did not come whole in time");
}

static void let_patience_run_out(void) {
    peer.now.us += PEER_PATIENCE_US;
    grpc_tick(peer.grpc, peer.now);
    peer_run(&peer);
}

Test(bounds, a_message_after_the_first_that_never_comes_whole_is_ended_as_well) {
    int32_t call = peer_begin(&peer, MANY, NULL, "\0\0\0\0\1a\0\0\0\0\11half", 15, true);
    peer_run(&peer);
    cr_assert(eq(u32, peer.requests, 1));
    peer.now.us += PEER_PATIENCE_US - 1;
    grpc_tick(peer.grpc, peer.now);
    peer_run(&peer);
    cr_assert(not(peer_outcome(&peer, call)->is_closed));
    let_patience_run_out();
    peer_expect(&peer, call, "4", "did not come whole in time");
}

Test(bounds, a_call_between_two_messages_may_last) {
    int32_t call = peer_begin(&peer, MANY, NULL, "\0\0\0\0\1a\0\0\0\0\2bc", 13, true);
    peer_run(&peer);
    cr_assert(eq(u32, peer.requests, 2));
    for (int i = 0; i < 100; i++)
        let_patience_run_out();
    cr_assert(not(peer_outcome(&peer, call)->is_closed));
    cr_assert(grpc_is_open(peer.connection, (uint32_t)call));
}

static bool is_out_of_memory(int32_t call) {
    return strcmp(peer_outcome(&peer, call)->status, "8") == 0;
}

Test(bounds, memory_that_half_messages_held_is_there_for_others_in_time) {
    static uint8_t half[6 + 60000] = {0, 0, 0, 0, 1, 'a', 0, 0, 0, 0xff, 0xff};
    static const uint8_t message[60000];
    int32_t call;
    do {
        call = peer_begin(&peer, MANY, NULL, half, sizeof half, true);
        peer_run(&peer);
        cr_assert(lt(int, call, 2 * 30));
    } while (!is_out_of_memory(call));
    int32_t early = peer_call(&peer, ECHO, message, sizeof message);
    peer_run(&peer);
    cr_assert(is_out_of_memory(early));
    let_patience_run_out();
    int32_t late = peer_call(&peer, ECHO, message, sizeof message);
    peer_run(&peer);
    peer_expect_message(&peer, late, message, sizeof message);
}

Test(bounds, a_call_that_goes_on_and_whose_answers_are_not_taken_is_dropped) {
    static uint8_t message[5 + 60000] = {0, 0, 0, 60000 >> 8, 60000 & 0xff};
    const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
    nghttp2_submit_settings(peer.session, NGHTTP2_FLAG_NONE, &window, 1);
    int32_t call = peer_begin(&peer, MANY, NULL, message, sizeof message, true);
    peer_run(&peer);
    cr_assert(eq(u32, peer.requests, 1));
    cr_assert(not(peer_outcome(&peer, call)->is_closed));
    let_patience_run_out();
    cr_assert(peer_outcome(&peer, call)->is_closed);
    cr_assert(eq(u32, peer_outcome(&peer, call)->error, NGHTTP2_CANCEL));
}

Test(bounds, an_answer_that_is_never_taken_is_dropped) {
    static uint8_t message[60000];
    const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
    nghttp2_submit_settings(peer.session, NGHTTP2_FLAG_NONE, &window, 1);
    int32_t call = peer_call(&peer, ECHO, message, sizeof message);
    peer_run(&peer);
    cr_assert(not(peer_outcome(&peer, call)->is_closed));
    let_patience_run_out();
    cr_assert(peer_outcome(&peer, call)->is_closed);
    cr_assert(eq(u32, peer_outcome(&peer, call)->error, NGHTTP2_CANCEL));
}

Test(bounds, a_call_that_is_taken_waits_for_its_owner) {
    int32_t call = peer_call(&peer, KEEP, "x", 1);
    peer_run(&peer);
    peer.now.us += 100 * PEER_PATIENCE_US;
    grpc_tick(peer.grpc, peer.now);
    grpc_end(peer.connection, peer.kept, GRPC_OK, NULL);
    cr_assert(grpc_flush(peer.connection));
    peer_expect(&peer, call, "0", "");
}

Test(bounds, many_half_requests_use_up_their_own_connection_alone) {
    static uint8_t half[60000] = {0, 0, 0, 0xff, 0xff};
    int refused = 0;
    int32_t calls[20];
    for (int i = 0; i < 20; i++)
        calls[i] = peer_begin(&peer, ECHO, NULL, half, sizeof half, true);
    peer_run(&peer);
    for (int i = 0; i < 20; i++)
        refused += strcmp(peer_outcome(&peer, calls[i])->status, "8") == 0;
    cr_assert(gt(int, refused, 5));
    cr_assert(lt(int, refused, 20));
    cr_assert(not(peer.is_closed));
}

Test(bounds, a_network_that_takes_no_more_ends_the_connection) {
    peer_call(&peer, ECHO, "x", 1);
    peer.is_full = true;
    peer_run(&peer);
    cr_assert(peer.is_closed);
}

Test(bounds, a_draining_server_ends_what_is_under_way_and_takes_what_was_on_its_way) {
    int32_t early = peer_call(&peer, KEEP, "x", 1);
    peer_run(&peer);
    uint32_t kept = peer.kept;
    int32_t crossing = peer_call(&peer, ECHO, "y", 1);
    uint8_t on_its_way[1024];
    size_t size = 0;
    const uint8_t *bytes;
    for (ssize_t piece; (piece = nghttp2_session_mem_send(peer.session, &bytes)) > 0; size += (size_t)piece)
        memcpy(on_its_way + size, bytes, (size_t)piece);
    grpc_drain(peer.connection);
    cr_assert(eq(int, peer.goaway_last, INT32_MAX));
    cr_assert(not(grpc_is_drained(peer.connection)));
    peer_feed(&peer, on_its_way, size);
    peer_run(&peer);
    peer_expect_message(&peer, crossing, "y", 1);
    cr_assert(eq(int, peer.goaway_last, crossing));
    cr_assert(eq(u32, peer.goaway_error, NGHTTP2_NO_ERROR));
    cr_assert(not(grpc_is_drained(peer.connection)));
    grpc_end(peer.connection, kept, GRPC_OK, NULL);
    cr_assert(grpc_flush(peer.connection));
    peer_run(&peer);
    peer_expect(&peer, early, "0", "");
    cr_assert(grpc_is_drained(peer.connection));
}
