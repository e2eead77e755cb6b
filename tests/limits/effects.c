/* SPDX-License-Identifier: Apache-2.0 */
/* What PostgreSQL recorded first: counted once by its id, by counters of its own epoch. Each test has a Redis of its
 * own, and one peer that has warmed the organisation's month under epoch 5. */
#include "peer.h"

#include <criterion/criterion.h>
#include <string.h>

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

TestSuite(effects, .init = start, .fini = end);

static void expect_spent(const char *spent) {
    cr_expect_str_eq(stored(&redis, "o"), spent);
    cr_expect_str_eq(stored(&redis, "c1"), spent);
    cr_expect_str_eq(stored(&redis, "t2"), spent);
    cr_expect_str_eq(stored(&redis, "d3"), spent);
}

static void expect_done(struct question question) {
    cr_expect_eq(peer_ask(&peer, question).kind, VERDICT_DONE);
}

Test(effects, an_advice_is_counted_once_by_its_id_even_past_a_ceiling) {
    expect_done(effect(1, CEILING + 500, 5));
    expect_spent("100500");
    expect_done(effect(1, CEILING + 500, 5));
    expect_spent("100500");
    cr_expect_eq(peer_ask(&peer, purchase(2, 1)).kind, VERDICT_REFUSED);
    struct verdict verdict = peer_ask(&peer, purchase(1, CEILING + 500));
    cr_expect_eq(verdict.kind, VERDICT_KNOWN);
    cr_expect_eq(verdict.memory.kind, MEMORY_COUNTED);
    cr_expect_eq(verdict.memory.content.amount_minor, CEILING + 500);
}

Test(effects, an_effect_that_lowers_is_counted_once_by_its_id) {
    peer_ask(&peer, purchase(1, 500));
    expect_done(effect(2, -200, 5));
    expect_spent("300");
    expect_done(effect(2, -200, 5));
    expect_spent("300");
    expect_done(effect(3, -300, 5));
    expect_spent("0");
}

Test(effects, an_effect_from_before_the_counters_is_in_them_already) {
    peer_warm(&peer, 6);
    expect_done(effect(1, 130, 5));
    expect_done(effect(2, -130, 5));
    cr_expect_str_eq(stored(&redis, "o"), "");
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).kind, VERDICT_COUNTED);
}

Test(effects, counters_from_before_an_effect_are_cold) {
    cr_expect_eq(peer_ask(&peer, effect(1, 130, 6)).kind, VERDICT_COLD);
    cr_expect_eq(peer_ask(&peer, effect(2, -130, 6)).kind, VERDICT_COLD);
    cr_expect_str_eq(stored(&redis, "o"), "");
}

Test(effects, an_advice_of_a_purchase_that_was_counted_and_not_recorded_is_counted_already) {
    peer_ask(&peer, purchase(1, 130));
    expect_done(effect(1, 130, 5));
    expect_spent("130");
}

Test(effects, an_advice_of_another_amount_than_was_counted_under_its_id_is_counted_for_what_it_is) {
    peer_ask(&peer, purchase(1, 130));
    expect_done(effect(1, 150, 5));
    expect_spent("150");
    expect_done(effect(1, 150, 5));
    expect_spent("150");
    cr_expect_eq(peer_ask(&peer, purchase(1, 150)).memory.content.amount_minor, 150);
}

Test(effects, an_advice_of_what_an_older_epoch_counted_is_counted) {
    peer_ask(&peer, purchase(1, 130));
    peer_warm(&peer, 6);
    expect_done(effect(1, 130, 6));
    expect_spent("130");
}

Test(effects, an_advice_of_what_was_refused_takes_the_refusals_place) {
    cr_expect_eq(peer_ask(&peer, purchase(1, CEILING + 1)).kind, VERDICT_REFUSED);
    expect_done(effect(1, CEILING + 1, 5));
    cr_expect_str_eq(stored(&redis, "o"), "100001");
    cr_expect_eq(peer_ask(&peer, purchase(1, CEILING + 1)).memory.kind, MEMORY_COUNTED);
}

Test(effects, an_advice_that_was_reversed_stays_so) {
    expect_done(effect(1, 130, 5));
    expect_done(reversal(1, 130, 5, true));
    expect_spent("0");
    expect_done(effect(1, 130, 5));
    expect_spent("0");
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).memory.kind, MEMORY_REVERSED);
}

/* The reversal takes the row's amount off, for a row's amount is in the counters; this one's was still on its way. */
Test(effects, a_reversal_that_overtakes_its_advice_leaves_nothing_counted) {
    peer_ask(&peer, purchase(9, 1000));
    expect_done(reversal(1, 130, 5, true));
    expect_spent("870");
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).memory.kind, MEMORY_REVERSED);
    expect_done(effect(1, 130, 5));
    expect_spent("1000");
    expect_done(effect(1, 130, 5));
    expect_done(reversal(1, 130, 5, true));
    expect_spent("1000");
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).memory.kind, MEMORY_REVERSED);
}

Test(effects, an_effect_that_would_take_counters_below_nothing_makes_them_cold_until_they_are_rebuilt) {
    peer_ask(&peer, purchase(1, 100));
    cr_expect_eq(peer_ask(&peer, effect(2, -101, 5)).kind, VERDICT_COLD);
    expect_spent("100");
    cr_expect_eq(peer_ask(&peer, purchase(3, 1)).kind, VERDICT_COLD);
    peer_warm(&peer, 6);
    cr_expect_eq(peer_ask(&peer, purchase(3, 1)).kind, VERDICT_COUNTED);
}

Test(effects, what_comes_in_a_group_after_counters_turned_cold_is_cold_and_what_came_before_stands) {
    uint32_t before = peer_queue(&peer, purchase(1, 100));
    uint32_t below = peer_queue(&peer, effect(2, -101, 5));
    uint32_t after = peer_queue(&peer, purchase(3, 1));
    uint32_t lowered = peer_queue(&peer, effect(4, -1, 5));
    peer_pump(&peer);
    cr_expect_eq(peer.verdicts[before].kind, VERDICT_COUNTED);
    cr_expect_eq(peer.verdicts[below].kind, VERDICT_COLD);
    cr_expect_eq(peer.verdicts[after].kind, VERDICT_COLD);
    cr_expect_eq(peer.verdicts[lowered].kind, VERDICT_COLD);
    expect_spent("100");
    cr_expect_str_eq(test_redis_command(&redis, "HLEN {7}:20261121"), "1");
}

Test(effects, a_purchase_under_the_id_of_an_effect_is_known_as_something_else) {
    peer_ask(&peer, purchase(1, 500));
    expect_done(effect(2, -200, 5));
    for (int epoch = 5; epoch <= 6; epoch++) {
        struct verdict verdict = peer_ask(&peer, purchase(2, 200));
        cr_expect_eq(verdict.kind, VERDICT_KNOWN);
        struct content content = content_of(200);
        cr_expect_neq(content_difference(&verdict.memory.content, &content), FIELD_NONE);
        peer_warm(&peer, 6);
    }
}

Test(effects, purchases_effects_and_reversals_of_a_day_go_in_one_call) {
    uint32_t owners[30];
    test_redis_command(&redis, "CONFIG RESETSTAT");
    for (uint32_t i = 0; i < 30; i += 3) {
        owners[i] = peer_queue(&peer, purchase(i, 100));
        owners[i + 1] = peer_queue(&peer, effect(i + 1, 50, 5));
        owners[i + 2] = peer_queue(&peer, i % 2 ? reversal(i, 100, 5, false) : effect(i + 2, -20, 5));
    }
    peer_pump(&peer);
    for (uint32_t i = 0; i < 30; i++)
        cr_expect_eq(peer.verdicts[owners[i]].kind, i % 3 == 0 ? VERDICT_COUNTED : VERDICT_DONE);
    expect_spent("900"); /* ten of 100 and of 50, five of -100 and of -20 */
    cr_expect(strstr(test_redis_command(&redis, "INFO commandstats"), "cmdstat_fcall:calls=1,") != NULL);
}

Test(effects, a_reversal_takes_off_no_more_than_was_counted) {
    struct question question = purchase(1, 130);
    question.limits[1].ceiling_minor = 50;
    question.allows_partial = true;
    peer_ask(&peer, purchase(9, 1));
    cr_expect_eq(peer_ask(&peer, question).approved_minor, 49);
    expect_done(reversal(1, 130, 5, false));
    expect_spent("1");
    /* Another asked for more under the same id, and never learnt what became of it. */
    peer_ask(&peer, purchase(2, 130));
    expect_done(reversal(2, 900, 5, false));
    expect_spent("1");
}
