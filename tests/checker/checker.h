/* SPDX-License-Identifier: Apache-2.0 */
/* checker: does a history keep what Växel promises (DESIGN 4, I1 to I8)? It knows nothing of the switch but its protocol:
 * what clients asked and were told, what the records hold in the end, what the counters stand at. The simulator hands it
 * a history in memory, the breaker one of real processes, and anybody else a file (docs/history.md). */
#ifndef VAXEL_TESTS_CHECKER_H
#define VAXEL_TESTS_CHECKER_H

#include "switch/ports.h"

#include <stddef.h>

/* One request of a client, and what it heard. Times are microseconds of one clock that all of a history share. */
struct operation {
    enum call call;
    int32_t client;
    struct request_id id;
    struct request_id original; /* CAPTURE, VOID, REFUND */
    struct credential credential;
    int64_t amount_minor; /* 0: all that is left */
    bool is_hold, allows_partial, is_final;
    int64_t sent_us;
    int64_t timeout_us; /* what the request asked for */

    bool is_answered; /* false: nothing was ever heard (a lost connection, a killed node) */
    int64_t answered_us;
    enum decision decision;
    enum reason reason;
    int64_t approved_minor;
    enum safety safety;
    bool is_repeat;
};

/* A row of the records, in the order of their commits as far as that is known. */
struct recorded {
    struct request_id id;
    struct request_id original; /* of an effect; else all zero */
    enum entry_kind kind;
    int64_t amount_minor;
    int32_t month;
    struct payer payer;
    int32_t client;
    uint8_t flags;
    int32_t epoch;
    int64_t recorded_us;
};

/* A counter that has a ceiling, and all counters there are, in the end. */
struct ceiling {
    int32_t organisation;
    struct limit limit;
};

struct counted {
    int32_t organisation;
    int32_t month;
    enum limit_kind kind;
    int32_t id;
    int64_t spent_minor;
};

struct department_of {
    int32_t id, parent;
};

struct history {
    size_t operation_count, recorded_count, ceiling_count, counted_count, department_count;
    const struct operation *operations; /* by sent_us */
    const struct recorded *recorded;
    const struct ceiling *ceilings;
    const struct counted *counted; /* of all organisation-months whose counters stand in the end, after an audit */
    const struct department_of *departments;
    int64_t lateness_us; /* how long after its deadline an answer may still arrive: the way back, and a busy machine */
};

/* The first promise that is broken. */
struct verdict_of_checker {
    bool is_good;
    int invariant;     /* 1 to 8 */
    char text[512];    /* what was promised, and what happened, with the ids */
    size_t approvals;  /* looked at */
    size_t reversals;
    size_t declines;
    size_t failures;   /* BUSY, DEADLINE, UNAVAILABLE, and never answered */
    int64_t stand_in_excess_minor; /* what stand-in entries recorded past the fence cost over the ceilings: allowed, told */
};

void checker_check(const struct history *history, struct verdict_of_checker *verdict);

#endif
