/* SPDX-License-Identifier: Apache-2.0 */
/* audit: are the counters the sums of the records (I5)? Looks at one organisation's month after the other, always, a
 * slice at a time. What it finds is first a suspicion: purchases in flight are counted and not yet recorded. A
 * difference that the same counter shows, of the same sign, in every look over the grace period is drift: orphans of a
 * node that died between Redis and PostgreSQL (too high), or an effect recorded whose counting was lost. It is mended
 * by a rebuild, never by adding or taking off (DESIGN 5).
 *
 * A state machine like the core: no I/O and no clock of its own. */
#ifndef VAXEL_SWITCH_AUDIT_H
#define VAXEL_SWITCH_AUDIT_H

#include "switch/ports.h"
#include "switch/switch.h"

struct audit;

struct audit_settings {
    int64_t pause_us;          /* between two looks; longer after one whose sums took long */
    int64_t grace_us;          /* how long a difference must last */
    uint32_t suspect_capacity; /* organisation-months under suspicion at once */
};

/* Where its asks go; each is answered by the event named beside it, later, once. A false return: not now. */
struct audit_ports {
    void *shell;
    /* audit_next(): the organisation-month with counters (a fence) that follows this one; 0 starts anew. */
    bool (*find_next)(void *shell, int32_t organisation, struct month month);
    /* audit_recorded(): the sums of the records. */
    bool (*read_recorded)(void *shell, int32_t organisation, struct month month);
    /* audit_counted(): the counters; twice in a look. */
    bool (*read_counted)(void *shell, int32_t organisation, struct month month);
    /* Nobody answers these. */
    void (*rebuild)(void *shell, int32_t organisation, struct month month);
};

struct audit *audit_create(const struct audit_settings *settings, const struct audit_ports *ports);
void audit_destroy(struct audit *audit);

/* organisation 0: there is none after it; the sweep is over. is_answered false: it could not be read. */
void audit_next(struct audit *audit, struct moment now, bool is_answered, int32_t organisation, struct month month);
/* NULL: could not be read. The epoch is the fence's (recorded), or the counters' own (counted; 0: there are none). */
void audit_recorded(struct audit *audit, struct moment now, const struct sums *sums);
void audit_counted(struct audit *audit, struct moment now, const struct sums *sums);

void audit_tick(struct audit *audit, struct moment now);
struct tick audit_next_tick(const struct audit *audit);

/* For the metrics. */
struct audit_facts {
    uint64_t looks;
    uint64_t sweeps;
    struct instant last_sweep; /* us 0: none is over yet */
    uint64_t suspects;         /* now */
    int64_t drift_minor;       /* now, of all suspects: what is counted too much and what too little, added up */
    uint64_t cut;              /* suspects with more differences than are kept of one: amounts tell too little */
    uint64_t unwatched;        /* differences that found no place among the suspects */
    uint64_t rebuilds;         /* asked for, because a difference lasted */
    int64_t freed_minor;       /* orphans freed by those: what was counted too much */
    int64_t restored_minor;    /* what was counted too little */
};
void audit_facts(const struct audit *audit, struct audit_facts *facts);
/* Sweeps that are over, alone: the facts above take a walk over all suspects. */
uint64_t audit_sweeps(const struct audit *audit);

#endif
