/* SPDX-License-Identifier: Apache-2.0 */
/* Each test has a Redis of its own, and one peer that has warmed the organisation's month under epoch 5. */
#include "peer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
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

TestSuite(limits, .init = start, .fini = end);

/* Groups go another way through the library than lone questions do: what is asked alone is asked beside another too. */
static struct verdict ask(struct question question, bool is_in_group) {
    if (is_in_group) {
        struct question beside = of_kind(QUESTION_SPENT, question);
        beside.limit_count = 1;
        peer_queue(&peer, beside);
    }
    return peer_ask(&peer, question);
}

static void cr_expect_spent(const struct verdict *verdict, int64_t spent_minor) {
    for (int i = 0; i < 4; i++)
        cr_expect_eq(verdict->spent_minor[i], spent_minor, "limit %d stands at %ld", i, (long)verdict->spent_minor[i]);
}

static void fits_exactly(bool is_in_group) {
    struct verdict verdict = ask(purchase(1, CEILING - 1), is_in_group);
    cr_expect_eq(verdict.kind, VERDICT_COUNTED);
    cr_expect_eq(verdict.epoch, 5);
    cr_expect_spent(&verdict, CEILING - 1);
    verdict = ask(purchase(2, 2), is_in_group);
    cr_expect_eq(verdict.kind, VERDICT_REFUSED);
    cr_expect_eq(verdict.refusing, 0xF);
    cr_expect_spent(&verdict, CEILING - 1);
    verdict = ask(purchase(3, 1), is_in_group);
    cr_expect_eq(verdict.kind, VERDICT_COUNTED);
    cr_expect_spent(&verdict, CEILING);
    verdict = ask(purchase(4, 1), is_in_group);
    cr_expect_eq(verdict.kind, VERDICT_REFUSED);
    cr_expect_str_eq(stored(&redis, "o"), "100000");
}

Test(limits, a_purchase_that_fits_exactly_is_approved) {
    fits_exactly(false);
}

Test(limits, a_purchase_that_fits_exactly_is_approved_in_a_group) {
    fits_exactly(true);
}

Test(limits, each_limit_refuses_at_its_own_edge_and_is_named_in_the_mask) {
    uint32_t id = 1;
    for (int is_in_group = 0; is_in_group < 2; is_in_group++) {
        for (unsigned refusing = 1; refusing < 16; refusing++) {
            struct question question = purchase(id++, 500);
            for (unsigned i = 0; i < 4; i++)
                question.limits[i].ceiling_minor = refusing >> i & 1 ? 499 : 500;
            struct verdict verdict = ask(question, is_in_group != 0);
            cr_expect_eq(verdict.kind, VERDICT_REFUSED);
            cr_expect_eq(verdict.refusing, refusing);
            cr_expect_spent(&verdict, 0);
        }
    }
    cr_expect_str_eq(stored(&redis, "o"), "");
}

Test(limits, a_counter_without_a_ceiling_counts_and_never_refuses) {
    for (uint32_t id = 1; id <= 4; id++) {
        struct question question = purchase(id, CEILING);
        for (int i = 0; i < 4; i++)
            question.limits[i].ceiling_minor = LIMIT_COUNTED_ONLY;
        struct verdict verdict = ask(question, id > 2);
        cr_expect_eq(verdict.kind, VERDICT_COUNTED);
        cr_expect_spent(&verdict, id * CEILING);
    }
}

Test(limits, a_ceiling_of_nothing_refuses_the_smallest_amount_and_lets_a_free_ticket_pass) {
    for (int is_in_group = 0; is_in_group < 2; is_in_group++) {
        struct question question = purchase(1 + (uint32_t)is_in_group, 1);
        question.limits[0].ceiling_minor = 0;
        cr_expect_eq(ask(question, is_in_group != 0).refusing, 1u);
        question = purchase(11 + (uint32_t)is_in_group, 0);
        question.limits[0].ceiling_minor = 0;
        cr_expect_eq(ask(question, is_in_group != 0).kind, VERDICT_COUNTED);
    }
}

Test(limits, one_limit_and_eleven_are_decided_alike) {
    for (uint32_t count = 1; count <= LIMITS_CAPACITY; count++) {
        struct question question = purchase(count, 10);
        question.limit_count = (uint8_t)count;
        for (uint32_t i = 0; i + 1 < count; i++)
            question.limits[i] = (struct limit){LIMIT_DEPARTMENT, (int32_t)(100 * count + i), 10};
        question.limits[count - 1] = (struct limit){LIMIT_ORGANISATION, ORGANISATION, CEILING};
        struct verdict verdict = ask(question, count % 2 == 0);
        cr_expect_eq(verdict.kind, VERDICT_COUNTED);
        cr_expect_eq(verdict.spent_minor[count - 1], 10 * count);
        question.id = id_of(100 + count);
        verdict = ask(question, count % 2 == 1);
        cr_expect_eq(verdict.kind, count == 1 ? VERDICT_COUNTED : VERDICT_REFUSED);
        cr_expect_eq(verdict.refusing, (1u << (count - 1)) - 1);
        if (count == 1) { /* takes back what the organisation alone allowed */
            question.kind = QUESTION_UNDO;
            question.floor_epoch = 5;
            cr_expect_eq(peer_ask(&peer, question).kind, VERDICT_DONE);
        }
    }
}

Test(limits, the_same_id_is_counted_once_and_answered_with_what_it_did) {
    for (uint32_t id = 1; id <= 4; id++) {
        cr_expect_eq(ask(purchase(id, 130), id % 2 == 0).kind, VERDICT_COUNTED);
        struct verdict verdict = ask(purchase(id, 130), id > 2);
        cr_expect_eq(verdict.kind, VERDICT_KNOWN);
        cr_expect_eq(verdict.epoch, 5);
        cr_expect_eq(verdict.memory.kind, MEMORY_COUNTED);
        struct content content = content_of(130);
        cr_expect_eq(memcmp(&verdict.memory.content, &content, sizeof content), 0);
        cr_expect_spent(&verdict, id * 130);
    }
    cr_expect_str_eq(stored(&redis, "c1"), "520");
}

Test(limits, another_content_under_a_known_id_is_told_what_was_stored_and_changes_nothing) {
    peer_ask(&peer, purchase(1, 130));
    for (int is_in_group = 0; is_in_group < 2; is_in_group++) {
        struct verdict verdict = ask(purchase(1, 999), is_in_group != 0);
        cr_expect_eq(verdict.kind, VERDICT_KNOWN);
        cr_expect_eq(verdict.memory.content.amount_minor, 130);
        cr_expect_spent(&verdict, 130);
    }
}

Test(limits, a_refusal_is_remembered_with_its_reason_and_mask) {
    for (uint32_t id = 1; id <= 4; id++) {
        struct question question = purchase(id, 500);
        question.limits[1].ceiling_minor = 499;
        question.limits[3].ceiling_minor = 499;
        cr_expect_eq(ask(question, id % 2 == 0).kind, VERDICT_REFUSED);
        struct verdict verdict = ask(purchase(id, 500), id > 2); /* it would fit by now */
        cr_expect_eq(verdict.kind, VERDICT_KNOWN);
        cr_expect_eq(verdict.memory.kind, MEMORY_REFUSED);
        cr_expect_eq(verdict.memory.reason, REASON_TRAVELLER_LIMIT);
        cr_expect_eq(verdict.memory.refusing, 0xAu);
    }
}

Test(limits, the_reason_that_is_remembered_is_that_of_the_first_limit_that_refused) {
    static const enum reason reasons[] = {REASON_CREDIT_LIMIT, REASON_TRAVELLER_LIMIT, REASON_DEPARTMENT_LIMIT,
                                          REASON_ORGANISATION_LIMIT};
    for (uint32_t id = 0; id < 8; id++) {
        struct question question = purchase(id, 500);
        for (unsigned i = id % 4; i < 4; i++)
            question.limits[i].ceiling_minor = 499;
        ask(question, id >= 4);
        cr_expect_eq(peer_ask(&peer, question).memory.reason, reasons[id % 4]);
    }
}

Test(limits, a_refusal_that_was_decided_before_is_remembered_and_counts_nothing) {
    struct question question = purchase(1, 500);
    question.refusal = REASON_BLOCKED;
    struct verdict verdict = peer_ask(&peer, question);
    cr_expect_eq(verdict.kind, VERDICT_REFUSED);
    cr_expect_eq(verdict.refusing, 0u);
    cr_expect_spent(&verdict, 0);
    verdict = peer_ask(&peer, purchase(1, 500)); /* unblocked since */
    cr_expect_eq(verdict.kind, VERDICT_KNOWN);
    cr_expect_eq(verdict.memory.reason, REASON_BLOCKED);
    cr_expect_eq(verdict.memory.refusing, 0u);
}

Test(limits, a_refusal_does_not_replace_what_an_id_did_before) {
    peer_ask(&peer, purchase(1, 500));
    struct question question = purchase(1, 500);
    question.refusal = REASON_BLOCKED;
    struct verdict verdict = peer_ask(&peer, question);
    cr_expect_eq(verdict.kind, VERDICT_KNOWN);
    cr_expect_eq(verdict.memory.kind, MEMORY_COUNTED);
}

Test(limits, a_recall_says_what_an_id_did_and_changes_nothing) {
    cr_expect_eq(peer_ask(&peer, of_kind(QUESTION_RECALL, purchase(1, 130))).kind, VERDICT_UNKNOWN);
    cr_expect_eq(peer_ask(&peer, of_kind(QUESTION_RECALL, purchase(1, 130))).kind, VERDICT_UNKNOWN);
    cr_expect_eq(peer_ask(&peer, purchase(1, 130)).kind, VERDICT_COUNTED);
    struct verdict verdict = peer_ask(&peer, of_kind(QUESTION_RECALL, purchase(1, 130)));
    cr_expect_eq(verdict.kind, VERDICT_KNOWN);
    cr_expect_spent(&verdict, 130);
    cr_expect_str_eq(test_redis_command(&redis, "HLEN {7}:20261121"), "1");
}

Test(limits, spent_says_what_the_limits_stand_at) {
    struct verdict verdict = peer_ask(&peer, of_kind(QUESTION_SPENT, purchase(1, 0)));
    cr_expect_eq(verdict.kind, VERDICT_DONE);
    cr_expect_spent(&verdict, 0);
    peer_ask(&peer, purchase(1, 130));
    verdict = peer_ask(&peer, of_kind(QUESTION_SPENT, purchase(1, 0)));
    cr_expect_spent(&verdict, 130);
}

Test(limits, the_same_id_twice_in_a_group_is_counted_once) {
    uint32_t first = peer_queue(&peer, purchase(1, 130));
    uint32_t second = peer_queue(&peer, purchase(1, 130));
    struct verdict third = peer_ask(&peer, purchase(2, 130));
    cr_expect_eq(peer.verdicts[first].kind, VERDICT_COUNTED);
    cr_expect_eq(peer.verdicts[second].kind, VERDICT_KNOWN);
    cr_expect_eq(peer.verdicts[second].memory.kind, MEMORY_COUNTED);
    cr_expect_spent(&peer.verdicts[second], 130);
    cr_expect_spent(&third, 260);
}

Test(limits, a_group_that_exhausts_a_limit_in_its_middle_refuses_only_what_comes_after) {
    uint32_t owners[10];
    for (uint32_t i = 0; i < 10; i++)
        owners[i] = peer_queue(&peer, purchase(i, i == 8 ? 10000 : 15000)); /* six of 15 000 fit, then one of 10 000 */
    peer_pump(&peer);
    for (uint32_t i = 0; i < 10; i++)
        cr_expect_eq(peer.verdicts[owners[i]].kind, i < 6 || i == 8 ? VERDICT_COUNTED : VERDICT_REFUSED);
    cr_expect_str_eq(stored(&redis, "o"), "100000");
}

Test(limits, a_group_mixes_all_kinds_of_question_and_other_travellers) {
    struct question others = purchase(3, 700);
    others.limits[0].id = 21;
    others.limits[1].id = 22;
    struct question refused = purchase(4, 100);
    refused.refusal = REASON_ENDED;
    uint32_t counted = peer_queue(&peer, purchase(1, 100));
    uint32_t spent = peer_queue(&peer, of_kind(QUESTION_SPENT, others));
    uint32_t other = peer_queue(&peer, others);
    uint32_t recalled = peer_queue(&peer, of_kind(QUESTION_RECALL, purchase(1, 100)));
    uint32_t remembered = peer_queue(&peer, refused);
    uint32_t unknown = peer_queue(&peer, of_kind(QUESTION_RECALL, purchase(5, 100)));
    peer_pump(&peer);
    cr_expect_eq(peer.verdicts[counted].kind, VERDICT_COUNTED);
    cr_expect_eq(peer.verdicts[spent].kind, VERDICT_DONE);
    cr_expect_eq(peer.verdicts[spent].spent_minor[0], 0);
    cr_expect_eq(peer.verdicts[spent].spent_minor[3], 100);
    cr_expect_eq(peer.verdicts[other].kind, VERDICT_COUNTED);
    cr_expect_eq(peer.verdicts[other].spent_minor[0], 700);
    cr_expect_eq(peer.verdicts[other].spent_minor[3], 800);
    cr_expect_eq(peer.verdicts[recalled].kind, VERDICT_KNOWN);
    cr_expect_eq(peer.verdicts[remembered].kind, VERDICT_REFUSED);
    cr_expect_eq(peer.verdicts[unknown].kind, VERDICT_UNKNOWN);
}

Test(limits, large_amounts_are_counted_to_the_last_unit) {
    for (uint32_t id = 1; id <= 6; id++) {
        struct question question = purchase(id, MONEY_MAX_MINOR);
        for (int i = 0; i < 4; i++)
            question.limits[i].ceiling_minor = id == 1 ? MONEY_MAX_MINOR : LIMIT_COUNTED_ONLY;
        struct verdict verdict = ask(question, id % 2 == 0);
        cr_expect_eq(verdict.kind, VERDICT_COUNTED);
        cr_expect_spent(&verdict, id * MONEY_MAX_MINOR);
    }
    cr_expect_str_eq(stored(&redis, "o"), "59999999999994");
    /* Past 10^14, where Lua's own printing turns to exponents. */
    for (uint32_t id = 7; id <= 20; id++) {
        struct question question = purchase(id, MONEY_MAX_MINOR);
        for (int i = 0; i < 4; i++)
            question.limits[i].ceiling_minor = LIMIT_COUNTED_ONLY;
        ask(question, id % 2 == 0);
    }
    cr_expect_str_eq(stored(&redis, "o"), "199999999999980");
    cr_expect_eq(peer_ask(&peer, reversal(20, MONEY_MAX_MINOR, 5, true)).kind, VERDICT_DONE);
    cr_expect_str_eq(stored(&redis, "c1"), "189999999999981");
}

Test(limits, hashes_pass_away_in_time) {
    peer_ask(&peer, purchase(1, 130));
    cr_expect_str_eq(test_redis_command(&redis, "OBJECT ENCODING {7}:20261121"), "hashtable");
    cr_expect_str_eq(test_redis_command(&redis, "OBJECT ENCODING {7}:202611"), "hashtable");
    int day_s = atoi(test_redis_command(&redis, "TTL {7}:20261121"));
    int month_s = atoi(test_redis_command(&redis, "TTL {7}:202611"));
    cr_expect(day_s > 3 * 86400 && day_s <= 4 * 86400);
    cr_expect(month_s > 99 * 86400 && month_s <= 100 * 86400);
    struct question next_day = purchase(2, 130);
    next_day.day.yyyymmdd++;
    peer_queue(&peer, next_day);
    next_day.id = id_of(3);
    peer_ask(&peer, next_day);
    cr_expect(atoi(test_redis_command(&redis, "TTL {7}:20261122")) > 3 * 86400);
    cr_expect_str_eq(test_redis_command(&redis, "HLEN {7}:20261122"), "2");
}

/* What frees or counts may be told again for a day, whenever its purchase was. */
Test(limits, a_day_is_kept_for_as_long_as_an_effect_of_it_may_be_repeated) {
    peer_ask(&peer, purchase(1, 130));
    const struct question effects[] = {effect(2, 50, 5), effect(3, -50, 5), reversal(1, 130, 5, true)};
    for (int i = 0; i < 3; i++) {
        test_redis_command(&redis, "EXPIRE {7}:20261121 60");
        cr_expect_eq(peer_ask(&peer, effects[i]).kind, VERDICT_DONE);
        cr_expect(atoi(test_redis_command(&redis, "TTL {7}:20261121")) > 3 * 86400);
    }
}

Test(limits, days_and_organisations_are_decided_apart_in_one_write) {
    uint32_t owners[600];
    for (int32_t organisation = 1; organisation <= 100; organisation++) {
        const struct sums sums = {.organisation = organisation, .month = MONTH, .epoch = 5};
        cr_assert(limits_write_sums(peer.limits, &sums));
    }
    peer_pump(&peer);
    for (uint32_t i = 0; i < 600; i++) {
        struct question question = purchase(i, 100 + i % 3);
        question.organisation = (int32_t)(1 + i % 100);
        question.day.yyyymmdd += i / 100 % 2 ? 0 : 1;
        owners[i] = peer_queue(&peer, question);
    }
    peer_pump(&peer);
    int64_t spent_minor[100] = {0};
    for (uint32_t i = 0; i < 600; i++) {
        cr_assert(peer.is_told[owners[i]]);
        cr_expect_eq(peer.verdicts[owners[i]].kind, VERDICT_COUNTED);
        spent_minor[i % 100] += 100 + i % 3;
    }
    for (int organisation = 1; organisation <= 100; organisation++) {
        const char *stands = test_redis_command(&redis, "HGET {%d}:202611 o", organisation);
        cr_expect_eq(strtol(stands, NULL, 10), spent_minor[organisation - 1]);
        cr_expect_str_eq(test_redis_command(&redis, "HLEN {%d}:20261122", organisation), "3");
    }
}

Test(limits, bytes_that_come_one_at_a_time_say_the_same) {
    peer.chunk_size = 1;
    peer_reconnect(&peer, &redis);
    cr_assert(peer.is_ready);
    for (int is_in_group = 0; is_in_group < 2; is_in_group++) {
        uint32_t base = 10 * (uint32_t)is_in_group;
        cr_expect_eq(ask(purchase(base + 1, 100), is_in_group != 0).kind, VERDICT_COUNTED);
        cr_expect_eq(ask(purchase(base + 1, 100), is_in_group != 0).memory.content.amount_minor, 100);
        cr_expect_eq(ask(purchase(base + 2, CEILING), is_in_group != 0).refusing, 0xFu);
    }
}

Test(limits, no_more_is_taken_than_there_is_room_for) {
    struct question question = purchase(1, 1);
    for (uint32_t i = 0; i < PEER_CAPACITY; i++) {
        question.owner = i;
        question.id = id_of(i);
        cr_assert(limits_ask(peer.limits, &question));
    }
    cr_expect(!limits_ask(peer.limits, &question));
    peer_pump(&peer);
    cr_expect_eq(peer.verdict_count, PEER_CAPACITY);
    cr_expect_str_eq(stored(&redis, "o"), "2048");
}
