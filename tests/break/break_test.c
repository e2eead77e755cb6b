/* SPDX-License-Identifier: Apache-2.0 */
/* The breaker: two nodes, Redis and PostgreSQL under the load of two hundred riders, killed, stopped and restarted at
 * random; then everything that was asked and told is held against what the records and counters say.
 *
 *   VAXEL_BREAK_SECONDS  how long (20; `./dev test break` 120)
 *   VAXEL_BREAK_SEED     the schedule and what the riders do (else by the clock; it is printed)
 *   VAXEL_BREAK_HISTORY  where the history is written (else build/test-logs/history.jsonl, or none) */
#include "checker/file.h"
#include "checker/report.h"
#include "ending.h"
#include "faults.h"
#include "riders.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RIDERS 200
#define PACE_US (SECOND_US / 2)
#define ORGANISATIONS 8
#define CARDS_EACH 10
#define CARDS (ORGANISATIONS * CARDS_EACH)
#define FIRST_ORGANISATION 50
#define FIRST_CREDIT 1000
/* An answer later than this after its deadline is late on any machine. */
#define LATENESS_US (2 * SECOND_US)

static struct cluster cluster;
static uint64_t cards[CARDS];
/* Advices are for the rich, and for one of the poor. */
static const struct fares fares = {
    .card_count = CARDS, .cards = cards, .advised_count = CARDS / 2 + CARDS_EACH, .longest_hold_us = 8 * SECOND_US};
static const struct fares poor_fares = {
    .card_count = CARDS / 2, .cards = cards + CARDS / 2, .longest_hold_us = 8 * SECOND_US};

static int64_t setting(const char *name, int64_t otherwise) {
    const char *text = getenv(name);
    return text == NULL || *text == '\0' ? otherwise : strtoll(text, NULL, 10);
}

/* The second half of the organisations is so poor that its limits are hit soon, and then only what is given back can be
 * spent. */
static void add_companies(void) {
    for (int i = 0; i < ORGANISATIONS; i++) {
        int organisation = FIRST_ORGANISATION + i;
        bool is_poor = i >= ORGANISATIONS / 2;
        cluster_sql(&cluster,
                    "INSERT INTO organisation (id, state, limit_minor) VALUES (%d, 'active', %d);"
                    "INSERT INTO department (id, organisation, parent, budget_minor) VALUES (%d, %d, NULL, NULL);"
                    "INSERT INTO department (id, organisation, parent, budget_minor) VALUES (%d, %d, %d, %s)",
                    organisation, is_poor ? 500000 : 2000000000, 2 * organisation, organisation, 2 * organisation + 1,
                    organisation, 2 * organisation, is_poor ? "200000" : "NULL");
        for (int j = 0; j < CARDS_EACH; j++) {
            int card = i * CARDS_EACH + j;
            cards[card] = card_complete(UINT64_C(990000000000000) + (uint64_t)card);
            cluster_sql(&cluster,
                        "INSERT INTO traveller (id, organisation, cap_minor) VALUES (%d, %d, %d);"
                        "INSERT INTO credit (id, organisation, traveller, department, limit_minor, state, card) "
                        "VALUES (%d, %d, %d, %d, %d, 'active', %llu)",
                        FIRST_CREDIT + card, organisation, is_poor ? 120000 : 100000000, FIRST_CREDIT + card,
                        organisation, FIRST_CREDIT + card, 2 * organisation + j % 2, is_poor ? 100000 : 100000000,
                        (unsigned long long)cards[card]);
        }
    }
    cluster_sql(&cluster,
                "UPDATE client SET calls = '{authorize,balance,lookup,echo,capture,void,reverse,refund,advise}' "
                "WHERE name = 'office-1'");
}

static void start(const char *program, bool journals) {
    cluster_start(&cluster, (struct cluster_wishes){.nodes = 2,
                                                    .own_postgres = true,
                                                    .journals = journals,
                                                    .program = program,
                                                    .settings = "[switch]\nworkers = 2\n"
                                                                "[audit]\npause = 20 ms\ngrace = 5 s\n"});
    add_companies();
}

static bool was_under_way(const struct operation *operation, int64_t from_us, int64_t until_us) {
    return operation->sent_us <= until_us && operation->sent_us + operation->timeout_us + LATENESS_US >= from_us;
}

/* What was under way at a node while it was stopped, or while the machine let nobody run, can't be in time. */
static void forgive_lateness(struct riders *riders, const struct faults *faults) {
    for (size_t i = 0; i < riders->operation_count; i++) {
        struct operation *operation = &riders->operations[i];
        bool is_forgiven = false;
        for (size_t j = 0; j < faults->window_count; j++)
            is_forgiven |= riders->nodes[i] == faults->windows[j].node &&
                           was_under_way(operation, faults->windows[j].from_us, faults->windows[j].until_us);
        for (size_t j = 0; j < riders->stall_count; j++)
            is_forgiven |= was_under_way(operation, riders->stalls[j].from_us, riders->stalls[j].until_us);
        if (is_forgiven)
            operation->timeout_us = 0;
    }
}

static void write_history(const struct history *history) {
    const char *path = getenv("VAXEL_BREAK_HISTORY");
    if (path == NULL)
        return;
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file, "can't write %s", path);
    cr_assert(history_write(file, history));
    fclose(file);
    printf("  history of %zu requests and %zu rows: %s\n", history->operation_count, history->recorded_count, path);
}

/* Brings the run to its end and holds it against what is promised. */
static struct verdict_of_checker judge(struct riders *riders, const struct faults *faults) {
    struct ending ending;
    struct verdict_of_checker verdict;
    const size_t *counts = faults->counts;
    ending_wait(&cluster, riders->operations, riders->operation_count);
    ending_read(&ending, &cluster);
    forgive_lateness(riders, faults);
    const struct history history = {
        .operation_count = riders->operation_count,
        .operations = riders->operations,
        .recorded_count = ending.recorded_count,
        .recorded = ending.recorded,
        .ceiling_count = ending.ceiling_count,
        .ceilings = ending.ceilings,
        .counted_count = ending.counted_count,
        .counted = ending.counted,
        .department_count = ending.department_count,
        .departments = ending.departments,
        .lateness_us = LATENESS_US,
        .ended_us = tick_now().us,
        .expiry_lateness_us = 10 * SECOND_US,
        .nodes_were_lost = counts[FAULT_KILL_NODE] + counts[FAULT_KILL_BOTH] > 0,
        .redis_was_lost = counts[FAULT_KILL_REDIS] + counts[FAULT_AGE_REDIS] + counts[FAULT_EMPTY_REDIS] > 0};
    checker_check(&history, &verdict);
    if (faults_kills(faults) > 0)
        write_history(&history);
    cr_expect(ending.is_audit_clean, "the audit is not clean");
    cr_expect_gt(ending.counted_count, 0);
    ending_finish(&ending);
    return verdict;
}

static void report(const struct riders *riders, const struct faults *faults, const struct verdict_of_checker *verdict) {
    for (int fault = 0; fault < FAULT_COUNT; fault++)
        printf("  %-45s %8zu\n", fault_name((enum fault)fault), faults->counts[fault]);
    printf("  %-45s %8zu\n", "kills in all", faults_kills(faults));
    report_verdict(stdout, verdict);
    printf("  decided within: half %.1f ms, 99 of 100 %.1f ms, 999 of 1000 %.1f ms, all %.1f ms\n",
           (double)histogram_quantile_us(&riders->latencies, 0.5) / 1e3,
           (double)histogram_quantile_us(&riders->latencies, 0.99) / 1e3,
           (double)histogram_quantile_us(&riders->latencies, 0.999) / 1e3, (double)riders->latencies.max_us / 1e3);
    fflush(stdout);
}

static void wait_answered(struct riders *riders, struct faults *faults, uint64_t wanted) {
    int64_t give_up_us = tick_now().us + 120 * SECOND_US;
    while (riders->answered < wanted) {
        cr_assert_lt(tick_now().us, give_up_us, "%llu answers", (unsigned long long)riders->answered);
        faults_expect_running(faults);
        usleep(10000);
    }
}

static struct verdict_of_checker end_riding(struct riders *riders, struct faults *faults) {
    faults_expect_running(faults);
    for (int node = 0; node < cluster.node_count; node++)
        cluster_wait_ready(&cluster, node);
    riders_stop(riders);
    struct verdict_of_checker verdict = judge(riders, faults);
    faults_expect_running(faults);
    return verdict;
}

static void expect_good(const struct riders *riders, const struct faults *faults,
                        const struct verdict_of_checker *verdict) {
    if (faults_kills(faults) > 0 || !verdict->is_good)
        report(riders, faults, verdict);
    cr_expect(verdict->is_good, "I%d is broken: %s", verdict->invariant, verdict->text);
    cr_expect_eq(riders->faults, 0, "%s", riders->first_fault);
    cr_expect_gt(verdict->approvals, 100);
    cr_expect_gt(verdict->declines, 10);
}

static void expect_found(const struct verdict_of_checker *verdict, int invariant, const char *program) {
    cr_expect_gt(verdict->breaks[invariant], 0, "nothing was found of what is wrong with %s", program);
    printf("  %s: I%d broken %zu times, and found\n", program, invariant, verdict->breaks[invariant]);
    fflush(stdout);
}

static void clear_away(struct riders *riders, struct faults *faults) {
    faults_finish(faults);
    riders_finish(riders);
    cluster_stop(&cluster);
}

/* The same load with nothing broken: no excuse is taken. */
Test(breaker, the_load_itself_breaks_nothing) {
    static struct riders riders;
    struct faults faults;
    start("vaxeld", true);
    riders_start(&riders, &cluster, &fares, "office-1", RIDERS, PACE_US, 1);
    faults_begin(&faults, &cluster, 1);
    wait_answered(&riders, &faults, 2000);
    struct verdict_of_checker verdict = end_riding(&riders, &faults);
    expect_good(&riders, &faults, &verdict);
    clear_away(&riders, &faults);
}

/* Redis is emptied again and again under purchases near their limits. What is told must be good (invariant 0), or
 * broken. Without journals: a slow PostgreSQL would have them used, and what they vouch for a lost Redis forgets. */
static void empty_redis_again_and_again(const char *program, int invariant) {
    static struct riders riders;
    struct faults faults;
    start(program, false);
    riders_start(&riders, &cluster, &poor_fares, "office-1", RIDERS, PACE_US / 4, 1);
    faults_begin(&faults, &cluster, 1);
    wait_answered(&riders, &faults, 200);
    for (int i = 0; i < 100; i++) {
        faults_break(&faults, FAULT_EMPTY_REDIS);
        wait_answered(&riders, &faults, riders.answered + 50);
    }
    struct verdict_of_checker verdict = end_riding(&riders, &faults);
    if (invariant == 0)
        expect_good(&riders, &faults, &verdict);
    else
        expect_found(&verdict, invariant, program);
    clear_away(&riders, &faults);
}

Test(breaker, a_redis_that_is_emptied_again_and_again_lets_no_limit_be_passed) {
    empty_redis_again_and_again("vaxeld", 0);
}

/* A switch without its fence records what was counted in a Redis that is no more. */
Test(breaker, without_the_fence_the_same_passes_limits_and_that_is_found) {
    empty_redis_again_and_again("vaxeld_without_fence", 2);
}

/* Rows that are stale, because Redis was emptied between count and commit, are counted again by a switch that has not
 * answered yet. */
Test(breaker, a_switch_that_answers_before_the_commit_is_found) {
    empty_redis_again_and_again("vaxeld_answers_first", 1);
}

Test(breaker, a_switch_that_forgets_reversals_is_found) {
    static struct riders riders;
    struct faults faults;
    start("vaxeld_forgets_reversals", true);
    riders_start(&riders, &cluster, &fares, "office-1", RIDERS, PACE_US, 1);
    faults_begin(&faults, &cluster, 1);
    wait_answered(&riders, &faults, 1000);
    struct verdict_of_checker verdict = end_riding(&riders, &faults);
    expect_found(&verdict, 6, "vaxeld_forgets_reversals");
    clear_away(&riders, &faults);
}

Test(breaker, nothing_is_lost_or_counted_twice_and_no_limit_passed_whatever_breaks) {
    int64_t seconds = setting("VAXEL_BREAK_SECONDS", 20);
    uint64_t seed = (uint64_t)setting("VAXEL_BREAK_SEED", instant_now().us % 1000000);
    static struct riders riders;
    struct faults faults;
    printf("  %d riders for %lld s, seed %llu\n", RIDERS, (long long)seconds, (unsigned long long)seed);
    start("vaxeld", true);
    riders_start(&riders, &cluster, &fares, "office-1", RIDERS, PACE_US, seed);
    faults_begin(&faults, &cluster, seed + 1);
    int64_t until_us = tick_now().us + seconds * SECOND_US;
    while (tick_now().us < until_us)
        faults_next(&faults);
    struct verdict_of_checker verdict = end_riding(&riders, &faults);
    expect_good(&riders, &faults, &verdict);
    if (seconds >= 120)
        cr_expect_geq(faults_kills(&faults), 20);
    clear_away(&riders, &faults);
}
