/* SPDX-License-Identifier: Apache-2.0 */
/* fleet: a router with sockets to real Redis servers, as a worker would have it, and what it told. */
#ifndef VAXEL_TESTS_LIMITS_FLEET_H
#define VAXEL_TESTS_LIMITS_FLEET_H

#include "limits/router.h"
#include "peer.h"

#define FLEET_CAPACITY 512
/* A line that owes an answer this long is given up. */
#define FLEET_SILENCE_US INT64_C(10000000)

struct fleet {
    struct router *router;
    struct fleet_line {
        int fd; /* -1: none */
        char address[256];
        struct tick heard_at;
        struct tick dial_at;
    } lines[ROUTER_LINES];
    struct buffer output;
    uint32_t ready_count;
    struct failure failure; /* of the line that failed last */
    uint32_t told_count;
    struct verdict verdicts[FLEET_CAPACITY]; /* by owner */
    bool is_told[FLEET_CAPACITY];
    uint32_t written_count;
    bool is_written;
    uint32_t read_count;
    int32_t read_epoch; /* -1: could not be read */
};

void fleet_open(struct fleet *fleet, const char *address);
void fleet_close(struct fleet *fleet);

/* One turn of a worker: dials, closes, sends, and takes what has come within a few milliseconds. */
void fleet_turn(struct fleet *fleet);
/* Turns until so many primaries are ready. */
void fleet_wait_ready(struct fleet *fleet, uint32_t count);

/* The verdict of a question, asked once the primary takes it. */
struct verdict fleet_ask_once(struct fleet *fleet, struct question question);
/* As the core does it: what is LOST is asked again, what is COLD is built anew (with no spending, under the next epoch
 * after `epoch`, which moves on) and asked again; at last any other. */
struct verdict fleet_ask(struct fleet *fleet, struct question question, int32_t *epoch);
/* Whether it is written. */
bool fleet_warm(struct fleet *fleet, int32_t organisation, int32_t epoch);

#endif
