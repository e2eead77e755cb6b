/* SPDX-License-Identifier: Apache-2.0 */
/* What Redis answers to a group, read to the letter: another library, of a newer version and therefore left alone, says
 * what it likes. The purchase that is asked for has four limits. */
#include "peer.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct test_redis redis;
static struct peer peer;

static void start(void) {
    test_redis_start(&redis);
}

static void end(void) {
    if (peer.limits != NULL)
        peer_close(&peer);
    test_redis_stop(&redis);
}

TestSuite(answers, .init = start, .fini = end);

static void open_to(const char *answer) {
    char library[512];
    snprintf(library, sizeof library,
             "#!lua name=vaxel\n-- version 1000000\n"
             "redis.register_function('vaxel_decide', function() return %s end)",
             answer);
    test_redis_command(&redis, "FUNCTION LOAD REPLACE %s", library);
    peer_open(&peer, &redis, 32);
    cr_assert(peer.is_ready, "%s", peer.failure.text);
}

static enum verdict_kind told_before_the_failure(const char *answer, struct question question) {
    open_to(answer);
    uint32_t owner = peer_queue(&peer, question);
    peer_pump(&peer);
    cr_expect(peer.is_failed, "%s", answer);
    cr_assert(peer.is_told[owner], "%s", answer);
    enum verdict_kind kind = peer.verdicts[owner].kind;
    peer_close(&peer);
    peer.limits = NULL;
    return kind;
}

static void expect_lost(const char *answer, struct question question) {
    cr_expect_eq(told_before_the_failure(answer, question), VERDICT_LOST, "%s", answer);
}

Test(answers, of_a_group_that_was_all_counted_are_one_text) {
    open_to("struct.pack('<ddddd', 5, 130, 260, 9007199254740991, 0)");
    struct verdict verdict = peer_ask(&peer, purchase(1, 130));
    cr_expect_eq(verdict.kind, VERDICT_COUNTED);
    cr_expect_eq(verdict.approved_minor, 130);
    cr_expect_eq(verdict.epoch, 5);
    cr_expect_eq(verdict.spent_minor[0], 130);
    cr_expect_eq(verdict.spent_minor[1], 260);
    cr_expect_eq(verdict.spent_minor[2], INT64_C(9007199254740991));
    cr_expect_eq(verdict.spent_minor[3], 0);
}

Test(answers, that_are_too_short_or_no_whole_numbers_are_a_failure) {
    static const char *const answers[] = {
        "''",
        "'counted'",
        "struct.pack('<dddd', 5, 130, 130, 130)",
        "struct.pack('<ddddd', -1, 130, 130, 130, 130)",
        "struct.pack('<ddddd', 2147483648, 130, 130, 130, 130)",
        "struct.pack('<ddddd', 5.5, 130, 130, 130, 130)",
        "struct.pack('<ddddd', 5, 130, 130.5, 130, 130)",
        "struct.pack('<ddddd', 5, 130, 130, 9223372036854775808, 130)",
        "struct.pack('<ddddd', 5, 130, 130, 130, 1e300)",
        "struct.pack('<ddddd', 5, 130, 130, 130, 0 / 0)",
        "struct.pack('<ddddd', 5, 130, 130, 130, -1 / 0)",
        "1",
        "{ 5 }",
        "{ 5, 0, 130, 130, 130 }",
        "{ 5, 16, 130, 130, 130, 130 }",
        "{ 5, -3, 130, 130, 130, 130 }",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        expect_lost(answers[i], purchase(1, 130));
}

Test(answers, with_more_behind_them_are_a_failure_after_what_they_said) {
    static const char *const answers[] = {
        "struct.pack('<dddddd', 5, 130, 130, 130, 130, 130)",
        "struct.pack('<dddddB', 5, 130, 130, 130, 130, 0)",
        "{ 5, 0, 130, 130, 130, 130, 130 }",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        cr_expect_eq(told_before_the_failure(answers[i], purchase(1, 130)), VERDICT_COUNTED, "%s", answers[i]);
}

Test(answers, to_what_counts_nothing_are_not_that_it_was_counted) {
    const char *counted = "struct.pack('<ddddd', 5, 130, 130, 130, 130)";
    expect_lost(counted, of_kind(QUESTION_RECALL, purchase(1, 130)));
    expect_lost(counted, of_kind(QUESTION_SPENT, purchase(1, 0)));
    expect_lost(counted, of_kind(QUESTION_UNDO, purchase(1, 130)));
}
