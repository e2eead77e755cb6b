/* SPDX-License-Identifier: Apache-2.0 */
/* checker: does a history keep what Växel promises (DESIGN 4, I1 to I8)? It knows nothing of the switch but its
 * protocol: what clients asked and were told, what the records hold in the end, what the counters stand at. The
 * simulator hands it a history in memory, the breaker one of real processes, and anybody else a file (docs/history.md).
 *
 * It never accuses wrongly: what clients saw leaves open in which order things happened, and a promise counts as broken
 * only if no order at all would have kept it. */
#ifndef VAXEL_TESTS_CHECKER_H
#define VAXEL_TESTS_CHECKER_H

#include "switch/ports.h"

#include <stddef.h>

/* One request of a client, and what it heard. Times are microseconds of one clock that all of a history share. */
struct operation {
    enum call call;
    int32_t client;
    struct request_id id;       /* of a REVERSE the original's */
    struct request_id original; /* CAPTURE, VOID, REFUND */
    struct credential credential;
    int64_t amount_minor; /* 0: all that is left */
    bool is_hold, allows_partial, is_final;
    int64_t sent_us;
    int64_t timeout_us; /* what the request asked for; 0: not known, and not looked at */

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
    int64_t amount_minor;  /* what usage changed by */
    int64_t settled_minor; /* CAPTURE: captured, REFUND: refunded by this row, whatever that did to usage */
    int32_t month;
    struct payer payer; /* an effect's too */
    int32_t client;
    uint8_t flags;
    int32_t epoch;
    int64_t recorded_us;
    int64_t expires_us; /* HOLD; 0: not known */
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
    int32_t id; /* of an ORGANISATION: not looked at */
    int64_t spent_minor;
};

struct department_of {
    int32_t id, parent; /* 0: none */
};

struct history {
    size_t operation_count, recorded_count, ceiling_count, counted_count, department_count;
    const struct operation *operations; /* by sent_us */
    const struct recorded *recorded;
    const struct ceiling *ceilings;
    const struct counted *counted; /* of all organisation-months whose counters stand in the end, after an audit */
    const struct department_of *departments;
    int64_t lateness_us; /* how long after its deadline an answer may still arrive: the way back, and a busy machine */

    /* When the records were read, on the operations' clock, and how late a hold may expire. 0: expiry is not looked at.
     */
    int64_t ended_us;
    int64_t expiry_lateness_us;

    /* What was done to the system excuses what docs/guarantees.md says it does; it is counted instead. */
    bool nodes_were_lost; /* a node that ended between DEADLINE and its undoing may leave a row that stands */
    bool redis_was_lost;  /* a decline not noted in PostgreSQL yet is then forgotten, and asked again may be approved;
                           * and what waits in journals may be decided again */
};

/* I1 to I8 are DESIGN 4's. The life of what follows an authorization (DOMAIN F7, S16) is counted as a ninth. */
#define INVARIANT_OF_LIVES 9
#define INVARIANTS 10 /* the one numbered 0 is not used */

struct verdict_of_checker {
    bool is_good;
    int invariant;  /* of the first that is broken: 1 to 9 */
    char text[512]; /* what was promised, and what happened, with the ids */
    size_t breaks[INVARIANTS];

    size_t approvals; /* answers, of all calls that change anything */
    size_t reversals; /* approved ones */
    size_t declines;
    size_t failures;  /* BUSY, DEADLINE, UNAVAILABLE, and never answered */
    size_t journaled; /* approvals that only a journal vouched for when they were told */

    /* Allowed, and told. */
    int64_t stand_in_excess_minor; /* what stand-in entries recorded past the fence cost over the ceilings */
    int64_t advice_excess_minor;   /* what advices, recorded whatever the limits say, did */
    size_t standing_after_failure; /* told only DEADLINE or UNAVAILABLE, by more than one copy, and the row stands */
    size_t standing_after_crash;   /* by one copy */
    size_t standing_unanswered;    /* some copy was never answered, none with a decision, and the row stands */
    size_t turned_declines;        /* declined, then approved */
    size_t forgotten_amounts;      /* repeats of a partial approval that asked for another amount, and heard the same */
    size_t decided_twice; /* copies of an id that a journal approved, told different things: Redis was lost meanwhile */
    size_t journaled_after_reversal; /* approved by a journal that did not know of a reversal: nobody pays for it */
};

void checker_check(const struct history *history, struct verdict_of_checker *verdict);

#endif
