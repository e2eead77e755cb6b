/* SPDX-License-Identifier: Apache-2.0 */
/* crowd: many clients that buy without pause, each on a thread and a connection of its own, through whatever happens.
 * Like a validator, a client that got no answer, or a failure, asks again under the same id, at the next node. */
#ifndef VAXEL_TESTS_SYSTEM_CROWD_H
#define VAXEL_TESTS_SYSTEM_CROWD_H

#include "cluster.h"

#include <pthread.h>
#include <stdatomic.h>

#define CROWD_CLIENTS 16
#define CROWD_APPROVALS 200000

struct crowd {
    struct cluster *cluster;
    const int *cards; /* bought with in turns */
    int card_count;
    int64_t timeout_us; /* what a request asks for */
    _Atomic bool is_over;
    _Atomic unsigned answered;
    _Atomic unsigned failed; /* answers without a decision */
    _Atomic unsigned approved_count;
    struct request_id *approved; /* every id that anybody was told is approved, once */
    pthread_t threads[CROWD_CLIENTS];
    struct crowd_member {
        struct crowd *crowd;
        int number;
    } members[CROWD_CLIENTS];
};

/* Buys once in every organisation of a crowd with journals, so that its counters are there before it comes: of two
 * workers that build them at once the second does not know what a journal took between (docs/guarantees.md). */
void crowd_warm(struct cluster *cluster);
void crowd_start(struct crowd *crowd, struct cluster *cluster, const int *cards, int card_count, int64_t timeout_us);
/* Waits until so many more have been approved, or refused, since the call. */
void crowd_wait_answered(struct crowd *crowd, unsigned more);
void crowd_stop(struct crowd *crowd);
/* After the stop: until every approved purchase has a row, for it may be in a journal still. */
void crowd_wait_recorded(struct crowd *crowd);

/* Every approved purchase is in PostgreSQL, once, and was not reversed (I1, I3); no limit was passed (I2); the counters
 * equal the sums (I5). */
void crowd_verify(struct crowd *crowd);
void crowd_finish(struct crowd *crowd);

#endif
