/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: a history put in order, for the files behind checker.h. */
#ifndef VAXEL_TESTS_CHECKER_LEDGER_H
#define VAXEL_TESTS_CHECKER_LEDGER_H

#include "checker/checker.h"

/* Pointers into a history, in some order. */
struct operations {
    const struct operation **at;
    size_t count;
};

struct rows {
    const struct recorded **at;
    size_t count;
};

/* A row that follows another, and what that one is. */
struct effect_of {
    struct request_id original; /* the purchase's, hold's or advice's, never a capture's */
    const struct recorded *row;
};

struct effects {
    struct effect_of *at;
    size_t count;
};

struct ledger {
    const struct history *history;
    struct verdict_of_checker *verdict;
    struct operations operations; /* by id, then by sent_us; only calls that change anything */
    struct rows rows;             /* by id */
    struct effects effects;       /* by original */
};

/* All that is known of one id. */
struct story {
    struct request_id id;
    struct operations operations;
    struct rows rows;
    struct effects effects; /* of which it is the original */
};

void ledger_open(struct ledger *ledger, const struct history *history, struct verdict_of_checker *verdict);
void ledger_close(struct ledger *ledger);

struct story ledger_story(const struct ledger *ledger, const struct request_id *id);
/* Calls once for each id that anybody asked for or that has a row. */
void ledger_each(struct ledger *ledger, void (*look)(struct ledger *ledger, const struct story *story));

/* The row of a purchase, hold or advice; NULL: none. */
const struct recorded *story_main(const struct story *story);
/* What the id adds to usage in the end, with all that followed it. */
int64_t story_net(const struct story *story);
/* The first REVERSE of this id by `sent_us`; NULL: nobody asked for one. */
const struct operation *story_reverse(const struct story *story);
/* The first answer that said approved and committed; INT64_MAX: none. */
int64_t story_committed_us(const struct story *story);

bool is_approved(const struct operation *operation);
bool is_main_kind(enum entry_kind kind);
/* A reversal that came first, and took its purchase's own key. */
bool is_tombstone(const struct recorded *row);

/* A promise is broken: counts it, and keeps the text of the first. */
__attribute__((format(printf, 3, 4))) void ledger_break(struct ledger *ledger, int invariant, const char *format, ...);

/* An id as text; of the last four asked for, so that several fit into one sentence. */
const char *id_text(const struct request_id *id);

/* ---- the promises ---- */

void check_answers(struct ledger *ledger, const struct story *story);     /* I1, I3, I4, I6, I7 of purchases */
void check_settlements(struct ledger *ledger, const struct story *story); /* the same of what follows them */
void check_life(struct ledger *ledger, const struct story *story);        /* holds, captures, refunds */
void check_lateness(struct ledger *ledger);                               /* I7, I8 */
void check_counters(struct ledger *ledger);                               /* I5 */
void check_ceilings(struct ledger *ledger);                               /* I2 */

/* ---- counters.c, ceilings.c: what a row counts in ---- */

struct counter {
    int32_t organisation;
    int32_t month;
    enum limit_kind kind;
    int32_t id;
};

#define COUNTERS_OF_A_ROW LIMITS_CAPACITY
/* Fills `counters` with those a row counts in; how many. */
size_t counters_of(const struct ledger *ledger, const struct recorded *row, struct counter counters[COUNTERS_OF_A_ROW]);
int counter_compare(const struct counter *one, const struct counter *other);
const char *counter_text(const struct counter *counter);

#endif
