/* SPDX-License-Identifier: Apache-2.0 */
/* trips: what one rider does from one purchase to the next. */
#ifndef VAXEL_TESTS_BREAK_TRIPS_H
#define VAXEL_TESTS_BREAK_TRIPS_H

#include "checker/checker.h"

struct rider;

/* A request to be sent, perhaps again and again. */
struct wanted {
    enum call call;
    struct request_id id, original;
    struct credential credential;
    int64_t amount_minor;
    bool is_hold, allows_partial, is_final;
    int64_t hold_us;
    int64_t timeout_us;
};

/* Whom and what can be bought for. */
struct fares {
    size_t card_count;
    const uint64_t *cards;
    size_t advised_count; /* of these, the first, are bought for by advices too: limits do not hold them */
    int64_t longest_hold_us;
};

enum trip_step {
    TRIP_NONE,
    TRIP_REVERSING_FIRST, /* a reversal that overtakes its purchase */
    TRIP_ASKING,
    TRIP_REPEATING, /* decided already, and asked once more */
    TRIP_SETTLING,
    TRIP_REVERSING,
};

#define TRIP_ADVICES 3
struct trip {
    enum trip_step step;
    int tries;
    bool asks_both;         /* two copies at once, one at each node */
    struct wanted purchase; /* the trip's purchase, hold or advice */
    struct wanted settlement;
    int settlements;
    size_t advice_count; /* further ones in the same frame */
    struct wanted advices[TRIP_ADVICES];
    /* The best that was heard of what is being asked now. */
    bool is_decided, is_approved;
    int64_t approved_minor;
};

/* Nothing is under way: does the next thing. False: can't now, no node can be reached. */
bool trip_go_on(struct rider *rider);
/* An answer, or none (`heard` NULL), to one of the requests of this step. */
void trip_heard(struct rider *rider, const struct operation *heard);
/* All requests of this step have been answered or given up. */
void trip_step_over(struct rider *rider);

uint64_t random_next(uint64_t *state);
/* 0 to `below` - 1. */
uint32_t random_below(uint64_t *state, uint32_t below);
int64_t random_between_us(uint64_t *state, int64_t least_us, int64_t most_us);

#endif
