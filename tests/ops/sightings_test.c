/* SPDX-License-Identifier: Apache-2.0 */
#include "node/sightings.h"

#include <criterion/criterion.h>

#define MONTH_ENDS_US INT64_C(1796079600000000)

static struct sightings sightings;

static void start(void) {
    sightings_init(&sightings);
}

TestSuite(sightings, .init = start);

static void note(int32_t organisation, int64_t spent_minor, int64_t ceiling_minor) {
    const struct answer answer = {
        .decision = DECISION_APPROVED,
        .reason = REASON_APPROVED,
        .renews_at = {MONTH_ENDS_US},
        .limit_count = 1,
        .limits = {{.limit = {LIMIT_ORGANISATION, organisation, ceiling_minor}, .spent_minor = spent_minor}},
    };
    sightings_note(&sightings, &answer);
}

static const struct busy *find_busy(const struct board *board, int32_t organisation) {
    for (size_t i = 0; i < BUSY_GROUPS * BUSY_PLACES; i++)
        if ((&board->busy_ids[0][0])[i] == organisation)
            return &board->busy[0][0] + i;
    return NULL;
}

static const struct heard *find_near(const struct board *board, int32_t organisation) {
    for (size_t i = 0; i < NEAR_GROUPS * NEAR_PLACES; i++)
        if ((&board->near_ids[0][0])[i] == organisation)
            return &board->near[0][0] + i;
    return NULL;
}

/* Ten thousand buy twice a second each, five of them forty times. */
Test(sightings, who_buys_often_is_seen_however_many_others_buy) {
    enum { ALL = 10000, OFTEN = 5, SECONDS = 20 };
    for (int64_t second = 1; second <= SECONDS; second++) {
        for (int32_t round = 0; round < 40; round++) {
            for (int32_t i = round % 20; i < ALL; i += 20)
                note(100 + i, 100, LIMIT_COUNTED_ONLY);
            for (int32_t i = 0; i < OFTEN; i++)
                note(1 + i, 100 * second, LIMIT_COUNTED_ONLY);
        }
        sightings_tick(&sightings, (struct tick){second * 1000000});
    }
    const struct board *board = sightings_look(&sightings);
    for (int32_t i = 0; i < OFTEN; i++) {
        const struct busy *busy = find_busy(board, 1 + i);
        cr_assert_not_null(busy, "organisation %d", 1 + i);
        cr_expect_float_eq(busy->per_s, 40, 2, "organisation %d is said to buy %g a second", 1 + i, busy->per_s);
        cr_expect_eq(busy->heard.spent_minor, 100 * SECONDS);
    }
    for (size_t i = 0; i < BUSY_GROUPS * BUSY_PLACES; i++)
        cr_expect((&board->busy_ids[0][0])[i] <= OFTEN || (&board->busy[0][0])[i].per_s <= 3, "nobody else buys more");
}

Test(sightings, who_stops_buying_is_forgotten) {
    for (int i = 0; i < 100; i++)
        note(7, 100, LIMIT_COUNTED_ONLY);
    for (int64_t second = 1; second <= 60; second++)
        sightings_tick(&sightings, (struct tick){second * 1000000});
    cr_expect_lt(find_busy(sightings_look(&sightings), 7)->per_s, 0.01);
    for (int32_t other = 1000; find_busy(&sightings.now, 7) != NULL; other++) {
        cr_assert_lt(other, 100000);
        note(other, 1, LIMIT_COUNTED_ONLY);
    }
}

Test(sightings, near_is_four_fifths_of_a_limit) {
    note(1, 799, 1000);
    note(2, 800, 1000);
    note(3, 2000, 1000);
    note(4, 5000, LIMIT_COUNTED_ONLY);
    note(5, 0, 0);
    sightings_tick(&sightings, (struct tick){1});
    const struct board *board = sightings_look(&sightings);
    cr_expect_null(find_near(board, 1));
    cr_assert_not_null(find_near(board, 2));
    cr_expect_eq(heard_used(find_near(board, 2)), 800);
    cr_expect_eq(heard_used(find_near(board, 3)), 2000);
    cr_expect_null(find_near(board, 4));
    cr_expect_eq(heard_used(find_near(board, 5)), 1000, "nothing is left of nothing");
}

Test(sightings, of_too_many_near_their_limit_those_nearest_are_seen) {
    for (int32_t i = 0; i < 5000; i++)
        note(100 + i, 850, 1000);
    for (int32_t i = 0; i < 10; i++)
        note(1 + i, 990 + i, 1000);
    for (int32_t i = 0; i < 5000; i++)
        note(100 + i, 851, 1000);
    sightings_tick(&sightings, (struct tick){1});
    for (int32_t i = 0; i < 10; i++)
        cr_expect_not_null(find_near(sightings_look(&sightings), 1 + i), "organisation %d", 1 + i);
}

Test(sightings, a_copy_stands_while_the_worker_goes_on) {
    note(1, 900, 1000);
    sightings_tick(&sightings, (struct tick){1});
    const struct board *board = sightings_look(&sightings);
    for (int i = 0; i < 10; i++) {
        note(1, 950, 1000);
        sightings_tick(&sightings, (struct tick){2});
        cr_expect_eq(find_near(board, 1)->spent_minor, 900);
    }
    cr_expect_eq(find_near(sightings_look(&sightings), 1)->spent_minor, 950);
    cr_expect_eq(find_near(sightings_look(&sightings), 1)->spent_minor, 950);
}
