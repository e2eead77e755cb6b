/* SPDX-License-Identifier: Apache-2.0 */
/* load: many clients in one program, for the benchmark and for `vaxel load`. Each purchase is a request of its own with
 * a new id; latencies run from the moment it was due, so a server that stalls is not spared the ones it held up.
 *
 * Two ways to drive: closed (each connection sends its next purchase when an answer has come: saturation) and open (a
 * fixed schedule whatever the server does: latency). It counts every answer; it verifies nothing itself, but writes
 * what each purchase was told to a file for whoever does. */
#ifndef VAXEL_LOAD_LOAD_H
#define VAXEL_LOAD_LOAD_H

#include "base/histogram.h"
#include "net/net.h"
#include "switch/ports.h"

#include <signal.h>

/* Whose cards are shown: the generated company's, say. */
struct load_population {
    uint32_t organisations;
    uint32_t travellers; /* in each organisation */
    void *owner;
    /* The card of a traveller, both counted from 0. Called once for each purchase: keep it cheap. */
    uint64_t (*card)(void *owner, uint32_t organisation, uint32_t traveller);
};

struct load_options {
    const char *addresses; /* "host:port", comma separated: connections take turns among them */
    struct net_tls_files tls;
    uint32_t threads;     /* each with its own share of the connections and of the rate; 0 is 1 */
    uint32_t connections; /* in all */
    uint32_t in_flight;   /* purchases unanswered on one connection; a validator has 1; 0 is 1 */
    double rate_per_s;    /* 0: closed loop; else open loop at this rate over all connections */
    int64_t warm_up_us;   /* driven, but not measured */
    int64_t duration_us;  /* measured, after the warm-up */
    int64_t timeout_us;   /* what a request asks for as its deadline; 0: the server's setting */
    int64_t amount_minor;
    struct currency currency;
    struct product product;
    struct place place;
    uint64_t seed;            /* the same seed shows the same cards in the same order */
    bool is_hot;              /* all purchases in organisation 0 */
    const char *answers_path; /* a line for each purchase answered: id, latency in us, reason, by tabs; NULL: none */
    struct load_population population;
    /* About once a second, from the calling thread: the time and the answers since the start. False stops the run
     * early. May be NULL. */
    bool (*on_progress)(void *owner, int64_t elapsed_us, uint64_t answered);
    void *progress_owner;
    /* Not 0: the run ends early, within a blink. May be NULL. */
    const volatile sig_atomic_t *is_over;
};

#define LOAD_DECISIONS 4
#define LOAD_REASONS 32

struct load_result {
    /* Of the purchases that were due in the measured time, whenever they were answered. */
    uint64_t answered;
    uint64_t decisions[LOAD_DECISIONS]; /* by enum decision */
    uint64_t reasons[LOAD_REASONS];     /* by enum reason */
    uint64_t faults;                    /* requests the server could not take */
    uint64_t late;                      /* answered after `timeout_us` from when it was due; without one, none is */
    uint64_t approved_in_time;          /* approved, and not late */
    uint64_t unanswered;                /* sent, and no answer came */
    uint64_t unsent;                    /* open loop: due, but every connection had its fill until the end */
    struct histogram latencies;         /* of the answered */
    int64_t elapsed_us;                 /* the measured time; answered / elapsed_us is the rate */
    int64_t cpu_us;                     /* this program's own, in the measured time */
    /* Of the whole run, the warm-up included. */
    uint64_t sent_in_all;
    uint64_t approved_in_all;   /* so many rows there must be at least; repeats are not counted */
    uint64_t unanswered_in_all; /* these may have been recorded or not */
    uint32_t connections_lost;
    char first_trouble[FAILURE_TEXT_SIZE]; /* the first fault or lost connection, in words; "" when there was none */
};

/* Connects, drives, waits up to five seconds for the last answers, or a second longer than a deadline, and returns what
 * happened. False: could not start (no connection, a certificate, the file). `result` is large: not for a small stack.
 */
bool load_run(const struct load_options *options, struct load_result *result, struct failure *failure);

#endif
