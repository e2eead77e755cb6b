/* SPDX-License-Identifier: Apache-2.0 */
/* ports: what the core asks of the shell, and what it is told. Plain data both ways. An ask is never answered before
 * the call that made it has returned, and is always answered once, by the event named beside it. */
#ifndef VAXEL_SWITCH_PORTS_H
#define VAXEL_SWITCH_PORTS_H

#include "base/clock.h"
#include "switch/terms.h"

/* ---- limits: the month's counters (Redis) ---- */

enum question_kind {
    QUESTION_AUTHORIZE, /* known? else fits? then count; or, with `refusal`, remember the refusal */
    QUESTION_RECALL,    /* known? changes nothing */
    QUESTION_UNDO,      /* PostgreSQL has a reversal of `id`: take its amount off, once */
    QUESTION_SPENT,     /* what the limits stand at */
    QUESTION_APPLY,     /* PostgreSQL has an effect under `id` since the fence was at floor_epoch: count it, once */
};

struct question {
    enum question_kind kind;
    uint32_t owner; /* handed back with the verdict */
    int32_t organisation;
    struct day day;         /* of the id's time; its month is the counters' */
    struct request_id id;   /* not for SPENT */
    struct content content; /* AUTHORIZE, UNDO, and an APPLY that counts up */
    int64_t amount_minor;   /* AUTHORIZE; UNDO: what to take off (not was_recorded: at most what the memory says was
                               approved);   APPLY: signed */
    int32_t floor_epoch; /* counters of a lower epoch are COLD; for UNDO, APPLY the fence's epoch of the transaction */
    enum reason refusal; /* AUTHORIZE: a refusal decided already, to be remembered; else REASON_UNSPECIFIED */
    /* UNDO: the purchase had a row lately, so its amount is in the counters whatever the id's memory says. */
    bool was_recorded;
    /* AUTHORIZE: what is left is counted when the whole does not fit, if anything is left. APPLY: it was approved so.
     */
    bool allows_partial;
    int64_t tap_window_us; /* AUTHORIZE: refused as a double tap when the credit's last purchase was of the same client,
                              product and place and its id's time is nearer than this, either way; 0: not looked at */
    uint8_t limit_count;
    struct limit limits[LIMITS_CAPACITY];
};

enum verdict_kind {
    VERDICT_COUNTED, /* it fits and is counted; spent includes it */
    VERDICT_REFUSED, /* it does not fit (or `refusal` is remembered now); nothing counted */
    VERDICT_KNOWN,   /* the id did something before: `memory` says what */
    VERDICT_UNKNOWN, /* RECALL: never heard of */
    VERDICT_DONE,    /* UNDO, SPENT, APPLY */
    VERDICT_COLD,    /* the counters cannot be trusted: rebuild, then ask again */
    VERDICT_LOST,    /* the connection went before the answer came: it may or may not have been done */
};

enum memory_kind { MEMORY_COUNTED, MEMORY_REFUSED, MEMORY_REVERSED };

/* The content's amount is what was asked for; where only the records remember a partial approval, what was approved. */
struct memory {
    enum memory_kind kind;
    int64_t approved_minor; /* MEMORY_COUNTED, of a partial approval; else 0 */
    enum reason reason;     /* MEMORY_REFUSED */
    uint16_t refusing;      /* MEMORY_REFUSED: as in the verdict of then */
    struct content content;
};

struct verdict {
    enum verdict_kind kind;
    uint32_t owner;
    int32_t epoch;     /* the counters' epoch; COUNTED, REFUSED, KNOWN */
    uint16_t refusing; /* REFUSED: bit i is set when limits[i] would have been passed; 0 with a `refusal` or `reason` */
    enum reason reason;     /* REFUSED: REASON_DOUBLE_TAP, or REASON_UNSPECIFIED */
    int64_t approved_minor; /* COUNTED: the question's amount, or less when it allows a partial approval */
    struct memory memory;
    int64_t spent_minor[LIMITS_CAPACITY]; /* in the question's order; not for UNKNOWN, COLD, LOST, UNDO */
};

/* The sums of an organisation's month, read from PostgreSQL under a new epoch, to be written to Redis. The arrays
 * belong to the reader and are valid during the call that brings them. */
struct sum {
    enum limit_kind kind;
    int32_t id;
    int64_t spent_minor;
};

struct remembered {
    struct request_id id;
    struct day day;
    struct memory memory;
};

struct sums {
    int32_t organisation;
    struct month month;
    int32_t epoch;
    size_t sum_count;
    const struct sum *sums;
    size_t remembered_count;
    const struct remembered *remembered;
};

/* ---- record: the truth (PostgreSQL) ---- */

struct entry {
    struct request_id id;
    struct month month; /* the accounting month: the id's own, unless ENTRY_LATE */
    int32_t organisation;
    /* The one it was counted under: recorded only while it is the fence's. 0 (an advice), or with ENTRY_STAND_IN:
     * recorded in any case, under the fence's epoch. */
    int32_t epoch;
    enum entry_kind kind; /* PURCHASE, HOLD, ADVICE; in a journal also REVERSAL: the entry of this id is called off */
    uint8_t flags;        /* enum entry_flag */
    int64_t amount_minor; /* signed; sums are usage */
    int32_t department;   /* 0: none */
    int32_t traveller;
    int32_t credit;
    int32_t client;
    struct product product;
    struct place place;
    /* The row's recorded_at, the same in every sending: by it a row is known to be one's own. */
    struct instant appended_at;
    struct instant expires_at; /* HOLD */
};

/* A refusal to be checked before it is told: is the epoch still the fence's, and has the id no row? With epoch 0 only
 * the row is asked for. */
struct check {
    struct request_id id;
    struct month month;
    int32_t organisation;
    int32_t epoch;
};

/* A purchase to be undone, because its deadline passed. No row yet: a tombstone takes its key. A row of one's own
 * (`appended_at`) that nobody else has confirmed: a reversal follows it. Any other row is kept: somebody else may have
 * been told that it is approved. */
struct undo {
    struct request_id id;
    struct month month;
    int32_t organisation;
    int32_t client;
    struct instant appended_at; /* us 0: never appended */
};

/* What follows an entry that is on record, in one transaction under a lock of the original, so that no two settlements
 * of it pass what it holds. What it frees is lowered in the counters afterwards. */
struct settlement {
    enum entry_kind kind; /* CAPTURE and VOID of a hold, REFUND of a purchase, advice or captures, REVERSAL of any of
                             purchase, hold and advice, with all that followed it */
    struct request_id id; /* under which it is done once; of a REVERSAL the original's */
    struct request_id original;
    struct month month;   /* of the original's own id */
    int32_t organisation; /* 0: not known, to be looked for (not for a REVERSAL, whose tombstone needs a place) */
    int32_t client;
    bool is_any_clients;  /* may settle what another client began */
    int64_t amount_minor; /* CAPTURE, REFUND; 0: all that is left */
    bool is_final;        /* CAPTURE: what is left of the hold then is freed */
    /* REFUND: the oldest month that is open, and the current one. What is recorded before the first is charged in the
     * second, and nothing of it is freed. */
    struct month open_month, charged_month;
    struct instant appended_at;
};

/* Usage that fell, or rose, by a row recorded first; the counters follow. */
struct effect {
    struct request_id id; /* the row's */
    struct day day;       /* whose month the counters are of; the effect's id is remembered under it */
    struct payer payer;
    int64_t amount_minor; /* signed */
    int32_t epoch;        /* the row's */
};

enum outcome_kind {
    OUTCOME_RECORDED, /* append: committed, by this append (perhaps in an earlier sending of it) */
    OUTCOME_EXISTS,   /* append, check: the id has another's row, `content` is what it says; an append has confirmed it,
                         so   that nobody undoes it from now on */
    OUTCOME_REVERSED, /* append, check: the id's key holds a tombstone, or its purchase was reversed */
    OUTCOME_STALE,    /* append, check: not recorded, the fence is at `epoch` */
    OUTCOME_ABSENT,   /* check: no row, and the epoch is the fence's */
    OUTCOME_UNDONE,   /* undo: committed; `epoch` is the fence's in that transaction (0: no counters were ever built) */
    OUTCOME_SETTLED,  /* settlement: committed, now or before; `effect` is what the counters must follow */
    OUTCOME_DECLINED, /* settlement: not possible, `reason` says why; nothing was changed */
    OUTCOME_REFUSED,  /* PostgreSQL cannot take this row, alone or in company: quarantined and logged */
};

struct outcome {
    enum outcome_kind kind;
    uint32_t owner;
    int32_t epoch;
    bool had_row;           /* UNDONE: a purchase had been recorded; its reversal follows it */
    bool is_long_ago;       /* UNDONE with had_row: so long that the counters may have forgotten it */
    bool is_kept;           /* UNDONE: it was not: the row is another's, or confirmed by another */
    int64_t amount_minor;   /* EXISTS, and UNDONE with had_row; SETTLED: captured, refunded, freed or reversed by it */
    int32_t recorded_epoch; /* RECORDED, EXISTS, REVERSED: the row's epoch; REVERSED without a row: 0 */
    struct month recorded_month; /* EXISTS, REVERSED and UNDONE with a row: where it is counted */
    uint8_t flags;               /* EXISTS: the row's enum entry_flag */
    struct content content;      /* EXISTS, REVERSED and UNDONE with a row */

    enum reason reason;         /* DECLINED */
    enum content_field differs; /* DECLINED as ID_REUSED */
    bool is_repeat;             /* SETTLED: before, under the same id */
    bool is_tombstone;          /* SETTLED, a REVERSAL: the original had no row; it can have none any more */
    int64_t remaining_minor;    /* SETTLED: what can still be captured or refunded; AMOUNT_EXCEEDED: what could */
    struct effect effect;       /* SETTLED: amount 0 when the counters have nothing to follow */
};

/* A refusal for the operator's statistics; kept off the path of the answer and dropped when there are too many. */
struct refusal_note {
    struct request_id id;
    struct day day;
    int32_t organisation;
    int32_t traveller;
    int32_t credit;
    enum reason reason;
    uint16_t refusing;
    struct content content;
    struct product product;
};

/* The block list (DOMAIN F5): an append-only log; the last entry of a credential holds. */
enum block_kind {
    BLOCK_LIFTED = 1,  /* may buy again */
    BLOCK_STOPPED = 2, /* the credit is not active, or its organisation is not */
    BLOCK_USED_UP = 3, /* nothing is left until the month named */
};

struct block {
    int64_t number;
    enum block_kind kind;
    struct credential credential;
    struct instant ends_at; /* USED_UP: when the credit renews; else us 0 */
};

#define BLOCKS_PER_PAGE 512
struct block_page {
    uint32_t count;
    bool has_more;
    int64_t last; /* ask from here next time */
    struct block blocks[BLOCKS_PER_PAGE];
};

/* The numbers are those of proto/vaxel/v1/switch.proto. */
enum hold_state {
    HOLD_STATE_UNSPECIFIED = 0, /* it is no hold; or, to a client, the switch does not say */
    HOLD_STATE_OPEN = 1,
    HOLD_STATE_CLOSED = 2,
};

/* What a person looks up by a request id. */
struct found {
    bool is_found;
    bool is_reversed;
    enum hold_state hold;   /* `entry` has expires_at while it is open */
    int64_t captured_minor; /* of a hold, or refunded of a purchase, so far */
    int64_t refunded_minor;
    struct entry entry;
    struct instant recorded_at;
};

/* ---- the faces ---- */

enum decision { DECISION_APPROVED = 1, DECISION_DECLINED = 2, DECISION_FAILED = 3 };
enum safety { SAFETY_NONE = 0, SAFETY_COMMITTED = 1, SAFETY_JOURNALED = 2 };

/* When a request went from one hand to the next, for whoever measures; us 0: it did not come so far. */
struct stage_times {
    struct tick asked;    /* the limits, the last time */
    struct tick told;     /* their verdict */
    struct tick answered; /* the event that made the answer */
};

struct standing_of_limit {
    struct limit limit;
    int64_t spent_minor;
    bool is_refusing;
};

struct answer {
    enum decision decision;
    enum reason reason;
    int64_t amount_minor; /* approved */
    enum safety safety;
    bool is_repeat;
    enum content_field differs; /* ID_REUSED */
    struct instant expires_at;  /* an approved hold's */
    int64_t remaining_minor;    /* of a settlement: what can still be captured or refunded */
    struct instant renews_at;   /* when limits are given */
    uint8_t limit_count;        /* 0 when the counters were not asked */
    uint8_t flags;              /* of an advice: ENTRY_FORCED, ENTRY_LATE */
    int8_t deciding;            /* index of the limit that refused; -1: none */
    struct stage_times times;
    struct standing_of_limit limits[LIMITS_CAPACITY];
};

/* The shell, as the core sees it. A false return means: full, nothing was taken. */
struct switch_ports {
    void *shell;

    /* Who is this? False: unknown. Answers at once. */
    bool (*find_account)(void *shell, const struct credential *credential, struct account *account);

    /* Which counters an entry on record counts in now. False: the directory does not know them (yet). */
    bool (*find_payer)(void *shell, const struct payer *payer, struct account *account);

    /* Answered by switch_verdict(). */
    bool (*ask)(void *shell, const struct question *question);

    /* Answered by switch_outcome(). */
    bool (*append)(void *shell, const struct entry *entry, uint32_t owner);
    bool (*check)(void *shell, const struct check *check, uint32_t owner);
    bool (*undo)(void *shell, const struct undo *undo, uint32_t owner);
    bool (*settle)(void *shell, const struct settlement *settlement, uint32_t owner);

    /* The node's own journal, for when PostgreSQL is away. Answered by switch_journaled(). False: it is off, full, too
     * old or broken, or the amount is more than it may vouch for. */
    bool (*journal)(void *shell, const struct entry *entry, uint32_t owner);
    /* A journal's entry that switch_drain() took is where it belongs, for good. */
    void (*drained)(void *shell, uint64_t ticket);

    /* Answered by switch_sums_read(); at most one at a time for an organisation's month. `from_rows`: not from sums
     * that the record keeps, which may be what is wrong. */
    bool (*read_sums)(void *shell, int32_t organisation, struct month month, bool from_rows);

    /* Answered by switch_sums_written(). */
    bool (*write_sums)(void *shell, const struct sums *sums);

    /* Nobody answers these. */
    void (*note_refusal)(void *shell, const struct refusal_note *note);
    void (*answer)(void *shell, uint64_t reply_to, const struct answer *answer);
};

#endif
