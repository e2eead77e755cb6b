/* SPDX-License-Identifier: Apache-2.0 */
/* The audit with nothing around it: the test plays Redis, PostgreSQL and the clock. */
#include "switch/audit.h"

#include <criterion/criterion.h>
#include <string.h>

#define PAUSE_US INT64_C(100000)
#define GRACE_US INT64_C(8000000)
#define MONTH 202611
#define SUMS 40

/* Two organisations; 7 is the one that is looked at closely. */
struct world {
    struct audit *audit;
    struct moment now;
    bool is_busy; /* the ports say no */
    bool is_away; /* what is asked for can't be read */
    int32_t organisations;
    struct sum counted[SUMS], recorded[SUMS];
    size_t counted_count, recorded_count;
    int32_t counted_epoch, recorded_epoch;
    int64_t in_flight; /* added to every counter in the first of two readings, and gone by the sums */
    enum { ASKED_NOTHING, ASKED_NEXT, ASKED_RECORDED, ASKED_COUNTED } asked;
    int32_t asked_organisation;
    int rebuilds, readings;
    int64_t counted_at_us;
    int settled, hurried; /* looks with and without a pause between counters and sums */
    int32_t rebuilt_organisation;
};

static struct world world;

static bool find_next(void *shell, int32_t organisation, struct month month) {
    struct world *w = shell;
    (void)month;
    w->asked = ASKED_NEXT;
    w->asked_organisation = organisation;
    return !w->is_busy;
}

static bool read_recorded(void *shell, int32_t organisation, struct month month) {
    struct world *w = shell;
    cr_expect_eq(month.yyyymm, MONTH);
    w->asked = ASKED_RECORDED;
    bool has_paused = w->now.tick.us - w->counted_at_us >= PAUSE_US;
    w->settled += has_paused;
    w->hurried += !has_paused;
    w->asked_organisation = organisation;
    return !w->is_busy;
}

static bool read_counted(void *shell, int32_t organisation, struct month month) {
    struct world *w = shell;
    cr_expect_eq(month.yyyymm, MONTH);
    w->asked = ASKED_COUNTED;
    w->counted_at_us = w->now.tick.us;
    w->asked_organisation = organisation;
    return !w->is_busy;
}

static void rebuild(void *shell, int32_t organisation, struct month month) {
    struct world *w = shell;
    cr_expect_eq(month.yyyymm, MONTH);
    w->rebuilds++;
    w->rebuilt_organisation = organisation;
}

static void world_begin(void) {
    memset(&world, 0, sizeof world);
    world.organisations = 1;
    world.now = (struct moment){{INT64_C(1795246200000000)}, {1000}};
    world.counted_epoch = world.recorded_epoch = 1;
    const struct audit_settings settings = {.pause_us = PAUSE_US, .grace_us = GRACE_US, .suspect_capacity = 2};
    const struct audit_ports ports = {.shell = &world,
                                      .find_next = find_next,
                                      .read_recorded = read_recorded,
                                      .read_counted = read_counted,
                                      .rebuild = rebuild};
    world.audit = audit_create(&settings, &ports);
}

static void world_end(void) {
    audit_destroy(world.audit);
}

static void put(struct sum *sums, size_t *count, enum limit_kind kind, int32_t id, int64_t minor) {
    for (size_t i = 0; i < *count; i++)
        if (sums[i].kind == kind && sums[i].id == id) {
            sums[i].spent_minor = minor;
            return;
        }
    cr_assert_lt(*count, SUMS);
    sums[(*count)++] = (struct sum){kind, id, minor};
}

/* A purchase of credit 1, as Redis and as PostgreSQL has it. */
static void count(int64_t minor) {
    put(world.counted, &world.counted_count, LIMIT_CREDIT, 1, minor);
    put(world.counted, &world.counted_count, LIMIT_TRAVELLER, 1, minor);
    put(world.counted, &world.counted_count, LIMIT_ORGANISATION, 0, minor);
}

static void record(int64_t minor) {
    put(world.recorded, &world.recorded_count, LIMIT_ORGANISATION, 7, minor);
    put(world.recorded, &world.recorded_count, LIMIT_CREDIT, 1, minor);
    put(world.recorded, &world.recorded_count, LIMIT_TRAVELLER, 1, minor);
}

static void answer_next(void) {
    int32_t next = world.asked_organisation == 0 ? 7 : world.asked_organisation + 1;
    if (next >= 7 + world.organisations)
        next = 0;
    audit_next(world.audit, world.now, !world.is_away, next, (struct month){MONTH});
}

static void answer_counted(void) {
    struct sum sums[SUMS];
    memcpy(sums, world.counted, sizeof sums);
    world.readings++;
    for (size_t i = 0; i < world.counted_count; i++)
        sums[i].spent_minor += world.readings % 2 == 1 ? world.in_flight : 0;
    const struct sums given = {.organisation = world.asked_organisation,
                               .month = {MONTH},
                               .epoch = world.counted_epoch,
                               .sum_count = world.counted_count,
                               .sums = sums};
    audit_counted(world.audit, world.now, world.is_away ? NULL : &given);
}

static void answer_recorded(void) {
    const struct sums given = {.organisation = world.asked_organisation,
                               .month = {MONTH},
                               .epoch = world.recorded_epoch,
                               .sum_count = world.recorded_count,
                               .sums = world.recorded};
    audit_recorded(world.audit, world.now, world.is_away ? NULL : &given);
}

/* Answers what was asked for; false: nothing was. */
static bool answer(void) {
    int asked = world.asked;
    world.asked = ASKED_NOTHING;
    if (world.is_busy || asked == ASKED_NOTHING)
        return false;
    if (asked == ASKED_NEXT)
        answer_next();
    else if (asked == ASKED_COUNTED)
        answer_counted();
    else
        answer_recorded();
    return true;
}

/* Lets time pass, with everything answered at once. */
static void pass(int64_t us) {
    int64_t end_us = world.now.tick.us + us;
    while (true) {
        while (answer()) {
        }
        struct tick next = audit_next_tick(world.audit);
        if (next.us > end_us)
            break;
        int64_t step_us = next.us > world.now.tick.us ? next.us - world.now.tick.us : 0;
        world.now.tick.us += step_us;
        world.now.instant.us += step_us;
        audit_tick(world.audit, world.now);
    }
    world.now.instant.us += end_us - world.now.tick.us;
    world.now.tick.us = end_us;
}

static struct audit_facts facts(void) {
    struct audit_facts told;
    audit_facts(world.audit, &told);
    return told;
}

TestSuite(audit, .init = world_begin, .fini = world_end);

Test(audit, counters_that_equal_their_rows_are_looked_at_again_and_again_and_left_alone) {
    count(100);
    record(100);
    pass(10 * GRACE_US);
    cr_expect_gt(facts().looks, 100);
    cr_expect_gt(facts().sweeps, 100);
    cr_expect_gt(facts().last_sweep.us, world.now.instant.us - 10 * PAUSE_US);
    cr_expect_eq(facts().suspects, 0);
    cr_expect_eq(world.rebuilds, 0);
}

Test(audit, nothing_is_asked_twice_at_once) {
    audit_tick(world.audit, world.now);
    cr_expect_eq(world.asked, ASKED_NEXT);
    cr_expect_eq(audit_next_tick(world.audit).us, INT64_MAX);
    world.asked = ASKED_NOTHING;
    world.now.tick.us += GRACE_US;
    audit_tick(world.audit, world.now);
    cr_expect_eq(world.asked, ASKED_NOTHING);
}

Test(audit, what_is_counted_too_much_over_the_grace_period_is_rebuilt_once) {
    count(150);
    record(100);
    pass(GRACE_US - PAUSE_US);
    cr_expect_eq(world.rebuilds, 0);
    cr_expect_eq(facts().suspects, 1);
    cr_expect_eq(facts().drift_minor, 50);
    pass(GRACE_US / 4);
    cr_expect_eq(world.rebuilds, 1);
    cr_expect_eq(world.rebuilt_organisation, 7);
    cr_expect_eq(facts().freed_minor, 50);
    cr_expect_eq(facts().restored_minor, 0);
    count(100);
    world.counted_epoch = world.recorded_epoch = 2;
    pass(3 * GRACE_US);
    cr_expect_eq(world.rebuilds, 1);
    cr_expect_eq(facts().drift_minor, 0);
}

Test(audit, what_is_counted_too_little_is_rebuilt_too) {
    count(70);
    record(100);
    pass(2 * GRACE_US);
    cr_expect_geq(world.rebuilds, 1);
    cr_expect_eq(facts().restored_minor, 30 * world.rebuilds);
    cr_expect_eq(facts().freed_minor, 0);
}

Test(audit, a_counter_without_rows_and_rows_without_a_counter_are_differences) {
    count(100);
    record(100);
    put(world.counted, &world.counted_count, LIMIT_CREDIT, 2, 30);
    put(world.recorded, &world.recorded_count, LIMIT_CREDIT, 3, 20);
    pass(GRACE_US + GRACE_US / 4);
    cr_expect_eq(world.rebuilds, 1);
    cr_expect_eq(facts().freed_minor, 30);
    cr_expect_eq(facts().restored_minor, 20);
}

Test(audit, a_difference_that_passes_is_forgotten) {
    record(100);
    for (int i = 0; i < 10; i++) {
        count(150);
        pass(GRACE_US / 2);
        count(100);
        pass(GRACE_US / 2);
        cr_expect_eq(facts().suspects, 0);
    }
    cr_expect_eq(world.rebuilds, 0);
}

Test(audit, a_difference_that_changes_its_sign_is_none) {
    record(100);
    for (int i = 0; i < 20; i++) {
        count(i % 2 ? 90 : 110);
        pass(GRACE_US / 4);
    }
    cr_expect_eq(world.rebuilds, 0);
}

Test(audit, only_what_was_there_all_the_time_is_told_as_freed) {
    record(100);
    count(160);
    pass(GRACE_US / 4);
    count(110);
    pass(GRACE_US / 4);
    count(190);
    pass(GRACE_US);
    cr_expect_geq(world.rebuilds, 1);
    cr_expect_eq(facts().freed_minor, 10);
}

/* A hot counter: something is in flight in every look, but by the time the sums are read it is on record. */
Test(audit, purchases_in_flight_in_every_look_are_no_drift) {
    record(100);
    count(100);
    world.in_flight = 50;
    pass(10 * GRACE_US);
    cr_expect_eq(world.rebuilds, 0);
    cr_expect_eq(facts().suspects, 0);
}

Test(audit, a_suspect_is_given_time_to_settle_between_counters_and_sums) {
    count(100);
    record(100);
    pass(GRACE_US / 2);
    cr_expect_eq(world.settled, 0);
    cr_expect_gt(world.hurried, 10);
    count(150);
    pass(GRACE_US / 2);
    cr_expect_gt(world.settled, 2);
}

Test(audit, counters_under_another_epoch_are_nothing_to_compare) {
    count(150);
    record(100);
    world.recorded_epoch = 2;
    pass(3 * GRACE_US);
    world.counted_epoch = 0;
    pass(3 * GRACE_US);
    cr_expect_eq(world.rebuilds, 0);
    cr_expect_eq(facts().suspects, 0);
    cr_expect_gt(facts().looks, 10);
}

Test(audit, a_rebuild_by_somebody_else_begins_the_grace_anew) {
    count(150);
    record(100);
    pass(GRACE_US - PAUSE_US);
    world.counted_epoch = world.recorded_epoch = 2;
    pass(GRACE_US - PAUSE_US);
    cr_expect_eq(world.rebuilds, 0);
    pass(GRACE_US);
    cr_expect_eq(world.rebuilds, 1);
}

Test(audit, what_cannot_be_read_is_read_later) {
    count(150);
    record(100);
    world.is_away = true;
    pass(3 * GRACE_US);
    cr_expect_eq(facts().looks, 0);
    cr_expect_eq(facts().sweeps, 0);
    world.is_away = false;
    pass(2 * GRACE_US);
    cr_expect_geq(world.rebuilds, 1);
}

Test(audit, a_port_that_is_busy_is_asked_again_after_a_pause) {
    count(150);
    record(100);
    world.is_busy = true;
    pass(3 * GRACE_US);
    cr_expect_eq(facts().looks, 0);
    world.is_busy = false;
    pass(2 * GRACE_US);
    cr_expect_geq(world.rebuilds, 1);
}

Test(audit, after_sums_that_took_long_the_records_are_left_alone_for_long) {
    count(100);
    record(100);
    const int64_t summing_us = 5 * PAUSE_US;
    while (world.asked != ASKED_RECORDED)
        if (!answer()) {
            world.now.tick.us += PAUSE_US;
            audit_tick(world.audit, world.now);
        }
    world.now.tick.us += summing_us;
    while (answer())
        ;
    cr_expect_eq(audit_next_tick(world.audit).us, world.now.tick.us + 9 * summing_us);
}

Test(audit, suspects_do_not_hold_up_the_sweep) {
    count(150);
    record(100);
    world.organisations = 5;
    pass(GRACE_US / 2);
    cr_expect_gt(facts().sweeps, 1);
    cr_expect_eq(facts().suspects, 2);
    cr_expect_gt(facts().unwatched, 0);
    pass(10 * GRACE_US);
    cr_expect_geq(world.rebuilds, 5, "those without a place get one in the end");
}

Test(audit, a_suspect_keeps_a_bounded_number_of_differences_and_says_so) {
    for (int id = 1; id <= 30; id++) {
        put(world.counted, &world.counted_count, LIMIT_CREDIT, id, 10);
        put(world.recorded, &world.recorded_count, LIMIT_CREDIT, id, 0);
    }
    pass(GRACE_US + GRACE_US / 4);
    cr_expect_eq(world.rebuilds, 1);
    cr_expect_geq(facts().cut, 1);
    cr_expect_eq(facts().freed_minor, 160);
}
