/* SPDX-License-Identifier: Apache-2.0 */
/* Organisations that are asked about in one call of Redis. Each test has a Redis of its own, and one peer. */
#include "peer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_OF_CALL 16
#define QUESTIONS_OF_CALL 128

static struct test_redis redis;
static struct peer peer;

static void start(void) {
    test_redis_start(&redis);
}

static void end(void) {
    peer_close(&peer);
    test_redis_stop(&redis);
}

TestSuite(together, .init = start, .fini = end);

/* So many organisations, from 1 on, whose months stand under epoch 5. */
static void open_warm(int32_t organisations) {
    peer_open(&peer, &redis, QUESTIONS_OF_CALL);
    cr_assert(peer.is_ready, "%s", peer.failure.text);
    for (int32_t organisation = 1; organisation <= organisations; organisation++) {
        const struct sums sums = {.organisation = organisation, .month = MONTH, .epoch = 5};
        cr_assert(limits_write_sums(peer.limits, &sums));
    }
    peer_pump(&peer);
    test_redis_command(&redis, "CONFIG RESETSTAT");
}

static long calls_made(void) {
    const char *statistics = test_redis_command(&redis, "INFO commandstats");
    const char *calls = strstr(statistics, "cmdstat_fcall:calls=");
    return calls == NULL ? 0 : strtol(calls + strlen("cmdstat_fcall:calls="), NULL, 10);
}

static uint32_t queue_of(int32_t organisation, struct question question) {
    question.organisation = organisation;
    return peer_queue(&peer, question);
}

Test(together, organisations_share_a_call_and_each_is_decided_for_itself) {
    open_warm(4);
    queue_of(4, purchase(1, 70));
    peer_pump(&peer);
    uint32_t counted = queue_of(1, purchase(2, 130)), cold = queue_of(9, purchase(3, 130)),
             refused = queue_of(2, purchase(4, CEILING + 1)), two[] = {queue_of(3, purchase(5, 10)), 0},
             known = queue_of(4, purchase(1, 70));
    two[1] = queue_of(3, purchase(6, 20));
    test_redis_command(&redis, "CONFIG RESETSTAT");
    peer_pump(&peer);
    cr_assert_not(peer.is_failed, "%s", peer.failure.text);
    cr_expect_eq(calls_made(), 1);
    cr_expect_eq(peer.verdicts[counted].kind, VERDICT_COUNTED);
    cr_expect_eq(peer.verdicts[counted].spent_minor[3], 130);
    cr_expect_eq(peer.verdicts[cold].kind, VERDICT_COLD);
    cr_expect_eq(peer.verdicts[refused].kind, VERDICT_REFUSED);
    cr_expect_eq(peer.verdicts[refused].spent_minor[3], 0);
    cr_expect_eq(peer.verdicts[two[0]].spent_minor[3], 10);
    cr_expect_eq(peer.verdicts[two[1]].spent_minor[3], 30);
    cr_expect_eq(peer.verdicts[known].kind, VERDICT_KNOWN);
    cr_expect_eq(peer.verdicts[known].spent_minor[3], 70);
    cr_expect_str_eq(test_redis_command(&redis, "HGET {3}:202611 o"), "30");
}

Test(together, more_organisations_than_a_call_takes_go_in_several) {
    enum { ORGANISATIONS = 2 * GROUPS_OF_CALL + 5 };
    open_warm(ORGANISATIONS);
    for (int32_t organisation = 1; organisation <= ORGANISATIONS; organisation++)
        queue_of(organisation, purchase((uint32_t)organisation, 100 + organisation));
    peer_pump(&peer);
    cr_expect_eq(calls_made(), 3);
    for (int32_t organisation = 1; organisation <= ORGANISATIONS; organisation++) {
        cr_expect_eq(peer.verdicts[organisation - 1].kind, VERDICT_COUNTED);
        cr_expect_eq(peer.verdicts[organisation - 1].spent_minor[3], 100 + organisation);
    }
}

Test(together, more_purchases_than_a_call_takes_go_in_several) {
    enum { ORGANISATIONS = 6, EACH = 60 };
    open_warm(ORGANISATIONS);
    for (uint32_t i = 0; i < ORGANISATIONS * EACH; i++)
        queue_of(1 + (int32_t)(i % ORGANISATIONS), purchase(i, 10));
    peer_pump(&peer);
    cr_expect_eq(calls_made(), ORGANISATIONS / (QUESTIONS_OF_CALL / EACH));
    for (uint32_t i = 0; i < ORGANISATIONS * EACH; i++)
        cr_expect_eq(peer.verdicts[i].kind, VERDICT_COUNTED);
    for (int32_t organisation = 1; organisation <= ORGANISATIONS; organisation++)
        cr_expect_str_eq(test_redis_command(&redis, "HGET {%d}:202611 o", organisation), "600");
}

/* What another library, of a newer version and therefore left alone, answers about two organisations. */
static void open_to(const char *answer) {
    char library[512];
    snprintf(library, sizeof library,
             "#!lua name=vaxel\n-- version 1000000\n"
             "redis.register_function('vaxel_decide_many', function() return %s end)",
             answer);
    test_redis_command(&redis, "FUNCTION LOAD REPLACE %s", library);
    peer_open(&peer, &redis, QUESTIONS_OF_CALL);
    cr_assert(peer.is_ready, "%s", peer.failure.text);
}

#define COUNTED "struct.pack('<ddddd', 5, 130, 130, 130, 130)"

static void expect(const char *answer, enum verdict_kind first, enum verdict_kind second, bool is_failed) {
    open_to(answer);
    queue_of(1, purchase(1, 130));
    queue_of(2, purchase(2, 130));
    peer_pump(&peer);
    cr_expect_eq(peer.verdict_count, 2, "%s", answer);
    cr_expect_eq(peer.verdicts[0].kind, first, "%s: %d", answer, peer.verdicts[0].kind);
    cr_expect_eq(peer.verdicts[1].kind, second, "%s: %d", answer, peer.verdicts[1].kind);
    cr_expect_eq(peer.is_failed, is_failed, "%s", answer);
    peer_close(&peer);
}

Test(together, answers_that_are_not_exactly_of_what_was_asked_are_a_failure_of_the_rest) {
    expect("{ " COUNTED ", " COUNTED " }", VERDICT_COUNTED, VERDICT_COUNTED, false);
    expect("{ -7, " COUNTED " }", VERDICT_COLD, VERDICT_COUNTED, false);
    expect("{ { 5, 0, 130, 130, 130, 130 }, -7 }", VERDICT_COUNTED, VERDICT_COLD, false);
    expect("{ -7 }", VERDICT_COLD, VERDICT_LOST, true);
    expect("{ -7, 0 }", VERDICT_COLD, VERDICT_LOST, true);
    expect("{ -7, 'counted' }", VERDICT_COLD, VERDICT_LOST, true);
    expect("{ -7, -7, -7 }", VERDICT_COLD, VERDICT_COLD, true);
    expect("{ { 5, 0, 130, 130, 130 }, " COUNTED " }", VERDICT_LOST, VERDICT_LOST, true);
    expect("{}", VERDICT_LOST, VERDICT_LOST, true);
    expect("0", VERDICT_LOST, VERDICT_LOST, true);
    expect(COUNTED, VERDICT_LOST, VERDICT_LOST, true);
    open_to("0");
}
