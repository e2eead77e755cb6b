/* SPDX-License-Identifier: Apache-2.0 */
/* switch: decides. A state machine without I/O, clock or randomness: it is told events and asks the shell for effects
 * (ports.h), so the same code runs on a ring in production and under a seeded simulator in a test.
 *
 *   authorize ─▶ COUNTING ─counted─▶ RECORDING ─committed─▶ approved
 *                   │  ▲               │
 *                  cold └── warmed     ├─stale─▶ COUNTING again, with the fence's epoch as floor
 *                   ▼                  └─deadline─▶ answered DEADLINE ─▶ UNDOING ─▶ LOWERING ─▶ gone
 *                WARMING
 *   a refusal ─▶ CHECKING ─no row, same epoch─▶ declined
 *
 * What it never does: approve before the record has committed (I1), count in a month other than the id's own (DESIGN
 * 6), keep a request past its deadline (I7), or hold more than `capacity` of them (I8). */
#ifndef VAXEL_SWITCH_SWITCH_H
#define VAXEL_SWITCH_SWITCH_H

#include "switch/ports.h"

struct switch_core;

struct switch_settings {
    uint32_t capacity;        /* requests in the house at once; past that BUSY */
    struct currency currency; /* the operator's one */
    int64_t largest_amount_minor;
    int64_t time_window_us;     /* how far an id's time may be from the server's clock */
    int64_t default_timeout_us; /* for requests that name none */
    int64_t longest_timeout_us; /* what a request may ask for at most */
    int64_t answer_margin_us;   /* answers leave this much before the deadline */
    int64_t default_hold_us;    /* for holds that name no time of their own */
    int64_t longest_hold_us;
    int64_t month_open_us; /* how long after its end a month is still counted in */
    int64_t
        stand_in_after_us; /* an append that PostgreSQL owes an answer for so long goes to the journal; 0: none does */
    uint32_t advice_capacity; /* advices in the house at once, and as many entries of a journal, of `capacity` */
    int64_t online_wait_us;   /* advices make way while online requests wait for longer than this */
    uint32_t warm_capacity;   /* organisation-months whose epoch is remembered at once */
};

/* Now, on both clocks. */
struct moment {
    struct instant instant;
    struct tick tick;
};

struct authorize {
    uint64_t reply_to; /* the shell's own word for whom to answer */
    struct request_id id;
    struct credential credential;
    struct money amount;
    struct product product;
    struct place place;
    int32_t client;
    uint32_t client_channels; /* bits 1u << channel */
    int64_t timeout_us;       /* 0: the default */
    bool is_hold;
    int64_t hold_us;       /* from the id's time; 0: the default */
    bool allows_partial;   /* approve what is left when the whole does not fit */
    int64_t tap_window_us; /* 0: two equal purchases in a row are what the traveller wants */
};

/* What follows an entry: see struct settlement. */
struct settle {
    uint64_t reply_to;
    enum entry_kind kind; /* CAPTURE, VOID, REVERSAL, REFUND */
    struct request_id id; /* of a REVERSAL the original's */
    struct request_id original;
    bool has_credential; /* a REVERSAL must; the others are found quicker with it */
    struct credential credential;
    int64_t amount_minor; /* 0: all that is left */
    bool is_final;
    int32_t client;
    bool is_any_clients;
    int64_t timeout_us;
};

/* A purchase that a device approved by itself (DOMAIN F2): recorded whatever the limits say. */
struct advise {
    uint64_t reply_to;
    struct request_id id;
    struct credential credential;
    struct money amount;
    struct product product;
    struct place place;
    int32_t client;
    uint32_t client_channels;
    int64_t timeout_us;
};

struct balance {
    uint64_t reply_to;
    struct credential credential;
    int32_t client;
    uint32_t client_channels;
    int64_t timeout_us;
};

struct switch_core *switch_create(const struct switch_settings *settings, const struct switch_ports *ports);
void switch_destroy(struct switch_core *core);

/* Takes other times and amounts, for what comes from now on; currency, capacity and warm_capacity stay as they were. */
void switch_change(struct switch_core *core, const struct switch_settings *settings);

/* Requests: each is answered once through ports.answer, perhaps before the call returns. What they point to is copied.
 */
void switch_authorize(struct switch_core *core, struct moment now, const struct authorize *authorize);
void switch_balance(struct switch_core *core, struct moment now, const struct balance *balance);
void switch_settle(struct switch_core *core, struct moment now, const struct settle *settle);
void switch_advise(struct switch_core *core, struct moment now, const struct advise *advise);

/* An entry from the journal, in the order it was written, while the record is up: brought there once, whatever happened
 * before. False: no room now. Ends in ports.drained. */
bool switch_drain(struct switch_core *core, struct moment now, const struct entry *entry, uint64_t ticket);

/* The record did something by itself, such as the expiry of a hold: the counters follow. With no room for it they stay
 * too high until the audit. */
void switch_effect(struct switch_core *core, struct moment now, const struct effect *effect);

/* An organisation's counters are built anew, because they are wrong; or for the first time, ahead of need. */
void switch_rebuild(struct switch_core *core, struct moment now, int32_t organisation, struct month month);
void switch_prepare(struct switch_core *core, struct moment now, int32_t organisation, struct month month);

/* The directory has taken moves of an organisation's departments: what was counted by the old tree is summed by the new
 * one, and nothing is counted before that. Then: all moves up to this one (account.moves) have been told. */
void switch_moved(struct switch_core *core, struct moment now, int32_t organisation);
void switch_moves_told(struct switch_core *core, struct moment now, uint64_t moves);

/* What the shell has to tell. */
void switch_verdict(struct switch_core *core, struct moment now, const struct verdict *verdict);
void switch_outcome(struct switch_core *core, struct moment now, const struct outcome *outcome);
void switch_sums_read(struct switch_core *core, struct moment now, int32_t organisation, struct month month,
                      const struct sums *sums); /* NULL: could not be read, try again */
void switch_sums_written(struct switch_core *core, struct moment now, int32_t organisation, struct month month,
                         int32_t epoch, bool is_written);

/* An entry is, or is not and never will be, on the disk of this node. */
void switch_journaled(struct switch_core *core, struct moment now, uint32_t owner, bool is_safe);

/* A service came or went. While the record is away purchases go to the journal, as far as it takes them; all else waits
 * for its deadline. */
void switch_limits_up(struct switch_core *core, struct moment now, bool is_up);
void switch_record_up(struct switch_core *core, struct moment now, bool is_up);
void switch_journal_up(struct switch_core *core, struct moment now, bool is_up);

/* Time passed: answers what is due. Call it at switch_next_tick() at the latest. */
void switch_tick(struct switch_core *core, struct moment now);
struct tick switch_next_tick(const struct switch_core *core); /* INT64_MAX: nothing waits */

/* Requests in the house, for the metrics and for a drain. */
uint32_t switch_busy(const struct switch_core *core);

/* Whether purchases go to the journal now, as far as it takes them. */
bool switch_stands_in(const struct switch_core *core);

#endif
