/* SPDX-License-Identifier: Apache-2.0 */
/* ports: what the core asks of the shell, and what it is told. Plain data both ways. An ask is never answered before
 * the call that made it has returned, and is always answered once, by the event named beside it. */
#ifndef VAXEL_SWITCH_PORTS_H
#define VAXEL_SWITCH_PORTS_H

#include "switch/terms.h"

/* ---- limits: the month's counters (Redis) ---- */

enum question_kind {
    QUESTION_AUTHORIZE, /* known? else fits? then count; or, with `refusal`, remember the refusal */
    QUESTION_RECALL,    /* known? changes nothing */
    QUESTION_UNDO,      /* PostgreSQL has a reversal of `id`: take its amount off, once */
    QUESTION_SPENT,     /* what the limits stand at */
};

struct question {
    enum question_kind kind;
    uint32_t owner; /* handed back with the verdict */
    int32_t organisation;
    struct day day;         /* of the id's time; its month is the counters' */
    struct request_id id;   /* not for SPENT */
    struct content content; /* AUTHORIZE, UNDO */
    int64_t amount_minor;   /* AUTHORIZE, UNDO */
    int32_t floor_epoch;    /* counters of a lower epoch are COLD; for UNDO the fence's epoch of its transaction */
    enum reason refusal;    /* AUTHORIZE: a refusal decided already, to be remembered; else REASON_UNSPECIFIED */
    bool
        was_recorded; /* UNDO: the purchase had a row, so its amount is in the counters whatever the id's memory says */
    uint8_t limit_count;
    struct limit limits[LIMITS_CAPACITY];
};

enum verdict_kind {
    VERDICT_COUNTED, /* it fits and is counted; spent includes it */
    VERDICT_REFUSED, /* it does not fit (or `refusal` is remembered now); nothing counted */
    VERDICT_KNOWN,   /* the id did something before: `memory` says what */
    VERDICT_UNKNOWN, /* RECALL: never heard of */
    VERDICT_DONE,    /* UNDO, SPENT */
    VERDICT_COLD,    /* the counters cannot be trusted: rebuild, then ask again */
    VERDICT_LOST,    /* the connection went before the answer came: it may or may not have been done */
};

enum memory_kind { MEMORY_COUNTED, MEMORY_REFUSED, MEMORY_REVERSED };

struct memory {
    enum memory_kind kind;
    enum reason reason; /* MEMORY_REFUSED */
    uint16_t refusing;  /* MEMORY_REFUSED: as in the verdict of then */
    struct content content;
};

struct verdict {
    enum verdict_kind kind;
    uint32_t owner;
    int32_t epoch;     /* the counters' epoch; COUNTED, REFUSED, KNOWN */
    uint16_t refusing; /* REFUSED: bit i is set when limits[i] would have been passed; 0 with a `refusal` */
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
    struct month month;
    int32_t organisation;
    int32_t epoch; /* the one it was counted under: recorded only while it is the fence's */
    enum entry_kind kind;
    int64_t amount_minor; /* signed; sums are usage */
    int32_t department;   /* 0: none */
    int32_t traveller;
    int32_t credit;
    int32_t client;
    struct product product;
    struct place place;
    struct instant
        appended_at; /* the row's recorded_at, the same in every sending: by it a row is known to be one's own */
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

enum outcome_kind {
    OUTCOME_RECORDED, /* append: committed, by this append (perhaps in an earlier sending of it) */
    OUTCOME_EXISTS,   /* append, check: the id has another's row, `content` is what it says; an append has confirmed it,
                         so   that nobody undoes it from now on */
    OUTCOME_REVERSED, /* append, check: the id's key holds a tombstone, or its purchase was reversed */
    OUTCOME_STALE,    /* append, check: not recorded, the fence is at `epoch` */
    OUTCOME_ABSENT,   /* check: no row, and the epoch is the fence's */
    OUTCOME_UNDONE,   /* undo: committed; `epoch` is the fence's in that transaction (0: no counters were ever built) */
    OUTCOME_REFUSED,  /* PostgreSQL cannot take this row, alone or in company: quarantined and logged */
};

struct outcome {
    enum outcome_kind kind;
    uint32_t owner;
    int32_t epoch;
    bool had_row;           /* UNDONE: a purchase had been recorded; its reversal follows it */
    bool is_kept;           /* UNDONE: it was not: the row is another's, or confirmed by another */
    int64_t amount_minor;   /* EXISTS, and UNDONE with had_row */
    int32_t recorded_epoch; /* EXISTS: the epoch the row was counted under */
    struct content content; /* EXISTS */
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

/* What a person looks up by a request id. */
struct found {
    bool is_found;
    bool is_reversed;
    struct entry entry;
    struct instant recorded_at;
};

/* ---- the faces ---- */

enum decision { DECISION_APPROVED = 1, DECISION_DECLINED = 2, DECISION_FAILED = 3 };
enum safety { SAFETY_NONE = 0, SAFETY_COMMITTED = 1, SAFETY_JOURNALED = 2 };

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
    struct instant renews_at;   /* when limits are given */
    uint8_t limit_count;        /* 0 when the counters were not asked */
    int8_t deciding;            /* index of the limit that refused; -1: none */
    struct standing_of_limit limits[LIMITS_CAPACITY];
};

/* The shell, as the core sees it. A false return means: full, nothing was taken. */
struct switch_ports {
    void *shell;

    /* Who is this? False: unknown. Answers at once. */
    bool (*find_account)(void *shell, const struct credential *credential, struct account *account);

    /* Answered by switch_verdict(). */
    bool (*ask)(void *shell, const struct question *question);

    /* Answered by switch_outcome(). */
    bool (*append)(void *shell, const struct entry *entry, uint32_t owner);
    bool (*check)(void *shell, const struct check *check, uint32_t owner);
    bool (*undo)(void *shell, const struct undo *undo, uint32_t owner);

    /* Answered by switch_sums_read(); at most one at a time for an organisation's month. */
    bool (*read_sums)(void *shell, int32_t organisation, struct month month);

    /* Answered by switch_sums_written(). */
    bool (*write_sums)(void *shell, const struct sums *sums);

    /* Nobody answers these. */
    void (*note_refusal)(void *shell, const struct refusal_note *note);
    void (*answer)(void *shell, uint64_t reply_to, const struct answer *answer);
};

#endif
