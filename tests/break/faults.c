/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

#include "trips.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A node that goes on after a stop has a queue of late answers first. */
#define AFTERMATH_US SECOND_US

static const char *const names[FAULT_COUNT] = {
    [FAULT_KILL_NODE] = "a node killed",
    [FAULT_STOP_NODE] = "a node stopped for a while",
    [FAULT_END_NODE] = "a node told to end",
    [FAULT_KILL_REDIS] = "Redis killed, back empty",
    [FAULT_AGE_REDIS] = "Redis killed, back as it was before",
    [FAULT_STOP_REDIS] = "Redis stopped for a while",
    [FAULT_EMPTY_REDIS] = "Redis emptied",
    [FAULT_KILL_POSTGRES] = "PostgreSQL killed",
    [FAULT_KILL_BACKEND] = "a PostgreSQL process killed",
    [FAULT_STOP_POSTGRES] = "PostgreSQL stopped for a while",
    [FAULT_KILL_BOTH] = "a node killed while PostgreSQL was stopped",
};

const char *fault_name(enum fault fault) {
    return names[fault];
}

size_t faults_kills(const struct faults *faults) {
    static const enum fault kills[] = {FAULT_KILL_NODE,     FAULT_KILL_REDIS,   FAULT_AGE_REDIS,
                                       FAULT_KILL_POSTGRES, FAULT_KILL_BACKEND, FAULT_KILL_BOTH};
    size_t count = 0;
    for (size_t i = 0; i < sizeof kills / sizeof kills[0]; i++)
        count += faults->counts[kills[i]];
    return count;
}

static void pause_between(struct faults *faults, int64_t least_us, int64_t most_us) {
    usleep((useconds_t)random_between_us(&faults->random, least_us, most_us));
}

static void note_window(struct faults *faults, int node, int64_t from_us) {
    if (faults->window_count == faults->window_capacity) {
        faults->window_capacity = faults->window_capacity == 0 ? 32 : faults->window_capacity * 2;
        faults->windows = realloc(faults->windows, faults->window_capacity * sizeof *faults->windows);
        cr_assert_not_null(faults->windows);
    }
    faults->windows[faults->window_count++] = (struct window){node, from_us, tick_now().us + AFTERMATH_US};
}

/* ---- nodes ---- */

static void show_end(const char *path) {
    char text[4096];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    fseek(file, size < (long)sizeof text ? 0 : size - (long)sizeof text, SEEK_SET);
    size_t got = fread(text, 1, sizeof text, file);
    fclose(file);
    fwrite(text, 1, got, stdout);
    fflush(stdout);
}

/* A node that ended though nobody told it to is a fault of its own. */
static void expect_running(struct faults *faults, int node) {
    const struct node_process *process = &faults->cluster->nodes[node];
    int status = 0;
    pid_t ended = waitpid(process->pid, &status, WNOHANG);
    if (ended != 0)
        show_end(process->log);
    cr_assert_eq(ended, 0, "node %d ended by itself, status %d", node, status);
}

void faults_expect_running(struct faults *faults) {
    for (int node = 0; node < faults->cluster->node_count; node++)
        expect_running(faults, node);
}

static void kill_node(struct faults *faults, int node) {
    expect_running(faults, node);
    test_process_end(faults->cluster->nodes[node].pid, SIGKILL);
    pause_between(faults, 0, SECOND_US);
    cluster_start_node(faults->cluster, node);
}

static void stop_node(struct faults *faults, int node) {
    int64_t from_us = tick_now().us;
    expect_running(faults, node);
    kill(faults->cluster->nodes[node].pid, SIGSTOP);
    pause_between(faults, SECOND_US / 5, 3 * SECOND_US);
    kill(faults->cluster->nodes[node].pid, SIGCONT);
    note_window(faults, node, from_us);
}

static void end_node(struct faults *faults, int node) {
    expect_running(faults, node);
    int status = test_process_end(faults->cluster->nodes[node].pid, SIGTERM);
    cr_expect_eq(status, 0, "node %d ended with %d", node, status);
    cluster_start_node(faults->cluster, node);
}

/* ---- Redis ---- */

static void forget_dump(struct faults *faults) {
    char path[TEST_TEXT + 16];
    snprintf(path, sizeof path, "%s/dump.rdb", faults->cluster->redis.directory);
    unlink(path);
}

static void kill_redis(struct faults *faults, bool is_aged) {
    forget_dump(faults);
    if (is_aged) {
        test_redis_command(&faults->cluster->redis, "SAVE");
        pause_between(faults, SECOND_US / 2, 2 * SECOND_US);
    }
    test_redis_kill(&faults->cluster->redis);
    pause_between(faults, 0, SECOND_US);
    test_redis_restart(&faults->cluster->redis);
}

static void stop_redis(struct faults *faults) {
    kill(faults->cluster->redis.pid, SIGSTOP);
    pause_between(faults, SECOND_US / 5, 3 * SECOND_US);
    kill(faults->cluster->redis.pid, SIGCONT);
}

/* ---- PostgreSQL ---- */

static void kill_postgres(struct faults *faults) {
    test_postgres_kill_all(&faults->cluster->postgres);
    pause_between(faults, 0, 2 * SECOND_US);
    test_postgres_restart(&faults->cluster->postgres);
}

/* A child of the postmaster is killed by its number: any will do, for all are ended by that. */
static void kill_backend(struct faults *faults) {
    pid_t children[TEST_CHILDREN];
    size_t count = test_children(faults->cluster->postgres.pid, children);
    cr_assert_gt(count, 0);
    kill(children[random_below(&faults->random, (uint32_t)count)], SIGKILL);
}

static void stop_postgres(struct faults *faults) {
    test_postgres_pause(&faults->cluster->postgres);
    pause_between(faults, SECOND_US / 5, 5 * SECOND_US);
    test_postgres_resume(&faults->cluster->postgres);
}

static void kill_both(struct faults *faults, int node) {
    test_postgres_pause(&faults->cluster->postgres);
    pause_between(faults, SECOND_US / 2, 2 * SECOND_US);
    kill_node(faults, node);
    pause_between(faults, 0, 2 * SECOND_US);
    test_postgres_resume(&faults->cluster->postgres);
}

/* ---- the schedule ---- */

void faults_begin(struct faults *faults, struct cluster *cluster, uint64_t seed) {
    *faults = (struct faults){.cluster = cluster, .random = seed, .began_us = tick_now().us};
}

void faults_finish(struct faults *faults) {
    free(faults->windows);
}

static void break_it(struct faults *faults, enum fault fault) {
    int node = (int)random_below(&faults->random, (uint32_t)faults->cluster->node_count);
    faults->counts[fault]++;
    switch (fault) {
    case FAULT_KILL_NODE:
        kill_node(faults, node);
        break;
    case FAULT_STOP_NODE:
        stop_node(faults, node);
        break;
    case FAULT_END_NODE:
        end_node(faults, node);
        break;
    case FAULT_KILL_REDIS:
        kill_redis(faults, false);
        break;
    case FAULT_AGE_REDIS:
        kill_redis(faults, true);
        break;
    case FAULT_STOP_REDIS:
        stop_redis(faults);
        break;
    case FAULT_EMPTY_REDIS:
        test_redis_command(&faults->cluster->redis, "FLUSHALL");
        break;
    case FAULT_KILL_POSTGRES:
        kill_postgres(faults);
        break;
    case FAULT_KILL_BACKEND:
        kill_backend(faults);
        break;
    case FAULT_STOP_POSTGRES:
        stop_postgres(faults);
        break;
    case FAULT_KILL_BOTH:
        kill_both(faults, node);
        break;
    case FAULT_COUNT:
        cr_assert_fail("no fault");
    }
}

/* While journals hold purchases a Redis that forgets may cost one of two copies (docs/guarantees.md): it does not
 * forget until they are drained. */
#define DRAINED_AFTER_US (4 * SECOND_US)

static bool forgets(enum fault fault) {
    return fault == FAULT_KILL_REDIS || fault == FAULT_AGE_REDIS || fault == FAULT_EMPTY_REDIS;
}

static bool is_of_postgres(enum fault fault) {
    return fault == FAULT_KILL_POSTGRES || fault == FAULT_KILL_BACKEND || fault == FAULT_STOP_POSTGRES ||
           fault == FAULT_KILL_BOTH;
}

void faults_break(struct faults *faults, enum fault fault) {
    while (forgets(fault) && tick_now().us < faults->postgres_back_us + DRAINED_AFTER_US)
        usleep(10000);
    bool is_draining = tick_now().us < faults->postgres_back_us + DRAINED_AFTER_US;
    break_it(faults, fault);
    if (is_of_postgres(fault) || is_draining)
        faults->postgres_back_us = tick_now().us;
}

/* Kills come twice as often as the rest. */
void faults_next(struct faults *faults) {
    static const enum fault schedule[] = {
        FAULT_KILL_NODE,    FAULT_KILL_NODE,  FAULT_KILL_REDIS,    FAULT_KILL_REDIS,
        FAULT_AGE_REDIS,    FAULT_AGE_REDIS,  FAULT_KILL_POSTGRES, FAULT_KILL_POSTGRES,
        FAULT_KILL_BACKEND, FAULT_KILL_BOTH,  FAULT_KILL_BOTH,     FAULT_STOP_NODE,
        FAULT_END_NODE,     FAULT_STOP_REDIS, FAULT_EMPTY_REDIS,   FAULT_STOP_POSTGRES};
    enum fault fault = schedule[random_below(&faults->random, sizeof schedule / sizeof schedule[0])];
    int64_t from_us = tick_now().us;
    faults_break(faults, fault);
    printf("  %6.1f to %6.1f s  %s\n", (double)(from_us - faults->began_us) / 1e6,
           (double)(tick_now().us - faults->began_us) / 1e6, names[fault]);
    fflush(stdout);
    pause_between(faults, SECOND_US / 4, 2 * SECOND_US);
}
