/* SPDX-License-Identifier: Apache-2.0 */
/* Purchases that may be approved in part, or must not be double taps (DOMAIN F4). Each test has a Redis of its own, and
 * one peer that has warmed the organisation's month under epoch 5. */
#include "peer.h"

#include <criterion/criterion.h>

static struct test_redis redis;
static struct peer peer;

static void start(void) {
    test_redis_start(&redis);
    peer_open(&peer, &redis, 32);
    cr_assert(peer.is_ready, "%s", peer.failure.text);
    peer_warm(&peer, 5);
}

static void end(void) {
    peer_close(&peer);
    test_redis_stop(&redis);
}

TestSuite(special, .init = start, .fini = end);

static struct question in_part(uint32_t id, int64_t amount_minor) {
    struct question question = purchase(id, amount_minor);
    question.allows_partial = true;
    return question;
}

Test(special, what_fits_is_approved_whole) {
    struct verdict verdict = peer_ask(&peer, in_part(1, CEILING));
    cr_expect_eq(verdict.kind, VERDICT_COUNTED);
    cr_expect_eq(verdict.approved_minor, CEILING);
    cr_expect_eq(peer_ask(&peer, in_part(1, CEILING)).memory.approved_minor, 0);
}

Test(special, what_does_not_fit_is_approved_for_the_least_that_is_left) {
    struct question question = in_part(1, 500);
    question.limits[0].ceiling_minor = 400;
    question.limits[1].ceiling_minor = 300;
    question.limits[2].ceiling_minor = LIMIT_COUNTED_ONLY;
    struct verdict verdict = peer_ask(&peer, question);
    cr_expect_eq(verdict.kind, VERDICT_COUNTED);
    cr_expect_eq(verdict.approved_minor, 300);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(verdict.spent_minor[i], 300);
    cr_expect_str_eq(stored(&redis, "o"), "300");
}

Test(special, a_repeat_of_a_part_says_what_was_asked_and_what_was_approved) {
    struct question question = in_part(1, 500);
    question.limits[3].ceiling_minor = 499;
    peer_ask(&peer, question);
    for (int i = 0; i < 2; i++) {
        struct verdict verdict = peer_ask(&peer, i == 0 ? question : of_kind(QUESTION_RECALL, question));
        cr_expect_eq(verdict.kind, VERDICT_KNOWN);
        cr_expect_eq(verdict.memory.kind, MEMORY_COUNTED);
        cr_expect_eq(verdict.memory.content.amount_minor, 500);
        cr_expect_eq(verdict.memory.approved_minor, 499);
    }
    cr_expect_str_eq(stored(&redis, "o"), "499");
}

Test(special, with_nothing_left_it_is_refused_with_every_limit_that_refuses) {
    struct question question = in_part(1, 500);
    question.limits[0].ceiling_minor = 100;
    question.limits[1].ceiling_minor = 0;
    struct verdict verdict = peer_ask(&peer, question);
    cr_expect_eq(verdict.kind, VERDICT_REFUSED);
    cr_expect_eq(verdict.refusing, 3u);
    cr_expect_eq(peer_ask(&peer, question).memory.refusing, 3u);
    /* Nor with less than nothing: an advice went over the limit. */
    peer_ask(&peer, effect(2, CEILING + 1, 5));
    cr_expect_eq(peer_ask(&peer, in_part(3, 500)).refusing, 0xFu);
    cr_expect_str_eq(stored(&redis, "o"), "100001");
}

Test(special, parts_in_a_group_share_what_is_left) {
    struct question first = in_part(1, CEILING - 10);
    struct question second = in_part(2, 500);
    uint32_t one = peer_queue(&peer, first);
    uint32_t other = peer_queue(&peer, second);
    uint32_t third = peer_queue(&peer, in_part(3, 500));
    peer_pump(&peer);
    cr_expect_eq(peer.verdicts[one].approved_minor, CEILING - 10);
    cr_expect_eq(peer.verdicts[other].approved_minor, 10);
    cr_expect_eq(peer.verdicts[third].kind, VERDICT_REFUSED);
}

Test(special, a_part_that_a_rebuild_remembers_is_given_back) {
    const struct remembered remembered = {
        .id = id_of(1),
        .day = DAY,
        .memory = {.kind = MEMORY_COUNTED, .approved_minor = 49, .content = content_of(49)}};
    const struct sums sums = {
        .organisation = ORGANISATION, .month = MONTH, .epoch = 6, .remembered_count = 1, .remembered = &remembered};
    cr_assert(peer_rebuild(&peer, &sums));
    struct verdict verdict = peer_ask(&peer, in_part(1, 500));
    cr_expect_eq(verdict.memory.approved_minor, 49);
    cr_expect_eq(verdict.memory.content.amount_minor, 49);
}

/* What a client asked for is known by the memory alone, so that a drained stand-in entry must not overwrite it. */
Test(special, a_part_that_is_recorded_under_a_newer_epoch_is_still_known_by_what_was_asked) {
    struct question question = in_part(1, 500);
    question.limits[0].ceiling_minor = 49;
    peer_ask(&peer, question);
    peer_warm(&peer, 6);
    cr_expect_eq(peer_ask(&peer, effect(1, 49, 6)).kind, VERDICT_DONE);
    cr_expect_str_eq(stored(&redis, "c1"), "49");
    struct verdict verdict = peer_ask(&peer, question);
    cr_expect_eq(verdict.memory.content.amount_minor, 500);
    cr_expect_eq(verdict.memory.approved_minor, 49);
}

/* ---- double taps ---- */

#define WINDOW_US INT64_C(15000000)

/* A purchase of 130 so many milliseconds after noon, which must not be nearer than the window to one like it. */
static struct question tap(uint32_t id, int64_t ms) {
    struct question question = purchase(id, 130);
    struct instant time = request_id_time(&question.id);
    uint8_t random[10] = {(uint8_t)id};
    question.id = request_id_make((struct instant){time.us + 1000 * ms}, random);
    question.tap_window_us = WINDOW_US;
    return question;
}

static void expect_double_tap(struct question question) {
    struct verdict verdict = peer_ask(&peer, question);
    cr_expect_eq(verdict.kind, VERDICT_REFUSED);
    cr_expect_eq(verdict.refusing, 0u);
    cr_expect_eq(verdict.reason, REASON_DOUBLE_TAP);
    verdict = peer_ask(&peer, question);
    cr_expect_eq(verdict.kind, VERDICT_KNOWN);
    cr_expect_eq(verdict.memory.kind, MEMORY_REFUSED);
    cr_expect_eq(verdict.memory.reason, REASON_DOUBLE_TAP);
    cr_expect_eq(verdict.memory.refusing, 0u);
}

static void expect_counted(struct question question) {
    cr_expect_eq(peer_ask(&peer, question).kind, VERDICT_COUNTED);
}

Test(special, the_same_again_within_the_window_is_a_double_tap) {
    expect_counted(tap(1, 0));
    expect_double_tap(tap(2, 14999));
    expect_counted(tap(3, 15000));
    cr_expect_str_eq(stored(&redis, "c1"), "260");
}

Test(special, a_double_tap_is_measured_from_the_last_that_counted_either_way) {
    expect_counted(tap(1, 20000));
    expect_double_tap(tap(2, 30000));
    expect_double_tap(tap(3, 5001));
    expect_counted(tap(4, 5000));
    expect_double_tap(tap(5, 19999));
    expect_counted(tap(6, 35000));
}

Test(special, a_repeat_is_no_double_tap_of_itself) {
    expect_counted(tap(1, 0));
    cr_expect_eq(peer_ask(&peer, tap(1, 0)).kind, VERDICT_KNOWN);
}

/* What it did is forgotten, not that it was the last. */
Test(special, a_repeat_whose_memory_is_lost_is_no_double_tap_of_itself) {
    expect_counted(tap(1, 0));
    test_redis_command(&redis, "DEL {7}:20261121");
    expect_counted(tap(1, 0));
}

Test(special, another_client_product_place_or_credit_is_no_double_tap) {
    expect_counted(tap(1, 0));
    struct question others[4] = {tap(2, 1), tap(3, 2), tap(4, 3), tap(5, 4)};
    others[0].content.client++;
    others[1].content.product_hash++;
    others[2].content.place_hash++;
    others[3].content.credit++;
    for (size_t i = 0; i < 4; i++)
        expect_counted(others[i]);
    struct question again = tap(6, 14000); /* as this credit's last one */
    again.content.place_hash++;
    expect_double_tap(again);
}

Test(special, one_without_a_window_is_taken_and_leaves_no_trace) {
    expect_counted(purchase(1, 130));
    expect_counted(tap(2, 1));
    expect_counted(purchase(3, 130));
    expect_double_tap(tap(4, 2));
    cr_expect_str_eq(test_redis_command(&redis, "HLEN {7}:202611"), "6"); /* the head, l1 and four counters */
}

Test(special, what_was_not_counted_is_nobodys_double) {
    struct question refused = tap(1, 0);
    refused.limits[0].ceiling_minor = 129;
    cr_expect_eq(peer_ask(&peer, refused).refusing, 1u);
    struct question blocked = tap(2, 1);
    blocked.refusal = REASON_BLOCKED;
    cr_expect_eq(peer_ask(&peer, blocked).kind, VERDICT_REFUSED);
    expect_counted(tap(3, 2));
}

/* The device gave the first up, and the traveller taps again. */
Test(special, after_a_reversal_the_same_may_be_bought_again_at_once) {
    struct question first = tap(1, 0);
    expect_counted(first);
    struct question undo = of_kind(QUESTION_UNDO, first);
    undo.floor_epoch = 5;
    cr_expect_eq(peer_ask(&peer, undo).kind, VERDICT_DONE);
    expect_counted(tap(2, 100));
    expect_double_tap(tap(3, 200));
    /* And when both come in one call. */
    undo.id = tap(2, 100).id;
    uint32_t undone = peer_queue(&peer, undo);
    uint32_t again = peer_queue(&peer, tap(4, 300));
    peer_pump(&peer);
    cr_expect_eq(peer.verdicts[undone].kind, VERDICT_DONE);
    cr_expect_eq(peer.verdicts[again].kind, VERDICT_COUNTED);
}

static struct question after_midnight(struct question question) {
    question.day.yyyymmdd++;
    return question;
}

/* What it did stands in the hash of its own day. */
Test(special, after_a_reversal_the_same_may_be_bought_again_past_midnight_too) {
    struct question undo = of_kind(QUESTION_UNDO, tap(1, 0));
    undo.floor_epoch = 5;
    expect_counted(tap(1, 0));
    cr_expect_eq(peer_ask(&peer, undo).kind, VERDICT_DONE);
    expect_counted(after_midnight(tap(2, 100)));
    /* One that is not the last leaves the last what it is. */
    cr_expect_eq(peer_ask(&peer, undo).kind, VERDICT_DONE);
    expect_double_tap(after_midnight(tap(3, 200)));
}

Test(special, what_is_bought_and_reversed_in_a_group_is_nobodys_double_past_midnight) {
    struct question undo = of_kind(QUESTION_UNDO, tap(1, 0));
    undo.floor_epoch = 5;
    peer_queue(&peer, tap(1, 0));
    peer_queue(&peer, undo);
    peer_pump(&peer);
    cr_expect_str_eq(stored(&redis, "l1"), "");
    expect_counted(after_midnight(tap(2, 100)));
}

Test(special, a_double_tap_over_midnight_is_one) {
    expect_counted(tap(1, 0));
    expect_double_tap(after_midnight(tap(2, 100)));
}

Test(special, double_taps_in_a_group_are_seen) {
    uint32_t first = peer_queue(&peer, tap(1, 0));
    uint32_t second = peer_queue(&peer, tap(2, 1));
    uint32_t third = peer_queue(&peer, tap(3, 15000));
    peer_pump(&peer);
    cr_expect_eq(peer.verdicts[first].kind, VERDICT_COUNTED);
    cr_expect_eq(peer.verdicts[second].reason, REASON_DOUBLE_TAP);
    cr_expect_eq(peer.verdicts[third].kind, VERDICT_COUNTED);
}

Test(special, a_part_may_be_a_double_tap_too) {
    struct question question = tap(1, 0);
    question.allows_partial = true;
    question.limits[0].ceiling_minor = 100;
    cr_expect_eq(peer_ask(&peer, question).approved_minor, 100);
    expect_double_tap(tap(2, 1));
}

Test(special, a_rebuild_forgets_the_last_purchase) {
    expect_counted(tap(1, 0));
    peer_warm(&peer, 6);
    expect_counted(tap(2, 1));
}
