/* SPDX-License-Identifier: Apache-2.0 */
/* faults: breaks what runs, one thing after the other, by a schedule that follows from a seed. */
#ifndef VAXEL_TESTS_BREAK_FAULTS_H
#define VAXEL_TESTS_BREAK_FAULTS_H

#include "system/cluster.h"

#include <stddef.h>
#include <stdint.h>

enum fault {
    FAULT_KILL_NODE,  /* SIGKILL */
    FAULT_STOP_NODE,  /* SIGSTOP, and SIGCONT a while later */
    FAULT_END_NODE,   /* SIGTERM: as for a deploy */
    FAULT_KILL_REDIS, /* SIGKILL; comes back empty */
    FAULT_AGE_REDIS,  /* SIGKILL; comes back as it was some seconds ago */
    FAULT_STOP_REDIS,
    FAULT_EMPTY_REDIS,   /* FLUSHALL */
    FAULT_KILL_POSTGRES, /* SIGKILL to all of its processes */
    FAULT_KILL_BACKEND,  /* SIGKILL to one that records: PostgreSQL ends all others and recovers */
    FAULT_STOP_POSTGRES,
    FAULT_KILL_BOTH, /* PostgreSQL is stopped, and a node killed meanwhile: what its journal holds must survive */
    FAULT_COUNT,
};

/* When a node could not answer in time, whatever it did. */
struct window {
    int node;
    int64_t from_us, until_us;
};

struct faults {
    struct cluster *cluster;
    uint64_t random;
    int64_t began_us;
    int64_t postgres_back_us; /* since then journals drain */
    size_t counts[FAULT_COUNT];
    size_t window_count, window_capacity;
    struct window *windows;
};

void faults_begin(struct faults *faults, struct cluster *cluster, uint64_t seed);
/* Breaks one thing and mends it, and tells it on standard output. */
void faults_next(struct faults *faults);
void faults_break(struct faults *faults, enum fault fault);
/* Ends the test if a node has ended by itself. */
void faults_expect_running(struct faults *faults);
void faults_finish(struct faults *faults);

/* Processes killed in all. */
size_t faults_kills(const struct faults *faults);
const char *fault_name(enum fault fault);

#endif
