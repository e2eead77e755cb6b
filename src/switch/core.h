/* SPDX-License-Identifier: Apache-2.0 */
/* core: what the files of this room share. A request lives in one slot of a fixed pool from its arrival until nothing
 * of it is left to do; shells know it by the slot's number. */
#ifndef VAXEL_SWITCH_CORE_H
#define VAXEL_SWITCH_CORE_H

#include "base/check.h"
#include "switch/switch.h"

#define NOBODY UINT32_MAX

/* Where a request stands. stage_move() holds the table of what may follow what. */
enum stage {
    STAGE_FREE,
    STAGE_WAITING,   /* for a service to come back, or for another try */
    STAGE_ASKING,    /* the limits owe a verdict */
    STAGE_WARMING,   /* the counters are being rebuilt */
    STAGE_RECORDING, /* the record owes the outcome of an append */
    STAGE_CHECKING,  /* the record owes the outcome of a check */
    STAGE_UNDOING,   /* answered already; the record owes the outcome of an undo */
    STAGE_LOWERING,  /* answered already; the limits owe the end of an undo */
    STAGE_COUNT,
};

struct list {
    uint32_t first, last;
};

struct request {
    enum stage stage;
    enum question_kind asks; /* what to ask the limits when it is this one's turn */
    bool is_answered;        /* only undoing is left */
    bool may_be_counted;     /* under its id the limits may have counted */
    bool is_repeat;
    bool had_row;               /* LOWERING: the undone purchase had been recorded */
    enum reason refusal;        /* decided before counting; REASON_UNSPECIFIED: none */
    enum reason verdict_reason; /* CHECKING: what will be told if the check agrees */
    uint16_t refusing;
    int32_t floor_epoch;
    int32_t epoch; /* the one the verdict was given under */

    uint64_t reply_to;
    struct request_id id;
    struct credential credential;
    struct product product;
    struct place place;
    int64_t amount_minor;
    int32_t client;
    struct day day;
    struct content content;
    struct instant appended_at;
    struct account account;
    int64_t spent_minor[LIMITS_CAPACITY];

    struct tick due;
    uint32_t timer_next, timer_previous; /* in the wheel's slot */
    uint32_t next, previous;             /* in `list` */
    struct list *list;
};

/* Deadlines by the millisecond: a ring of lists. One list may hold several rounds of the ring. */
struct wheel {
    struct list *slots;
    uint32_t slot_count; /* a power of two */
    int64_t swept_ms;    /* every slot up to this millisecond has been emptied */
    uint32_t armed;
};

/* What is known of an organisation's month: the lowest epoch to believe, and who waits for its counters. */
struct warmth {
    int32_t organisation; /* 0: unused */
    struct month month;
    int32_t floor_epoch;
    bool is_rebuilding;
    struct list waiters;
};

struct warm_table {
    struct warmth *places;
    uint32_t place_count; /* a power of two, twice the capacity */
    uint32_t used;
    uint32_t capacity;
};

struct switch_core {
    struct switch_settings settings;
    struct switch_ports ports;
    struct calendar calendar;
    struct moment now; /* of the event under way */
    bool is_limits_up;
    bool is_record_up;

    struct request *requests;
    uint32_t first_free; /* linked by `next`; the last one let go is taken first, for its memory is still near */
    struct list waiting;
    uint32_t busy;
    struct instant last_append;
    struct tick retry_at; /* when those that wait are tried again */
    struct wheel wheel;
    struct warm_table warm;
};

/* ---- requests.c: the pool, the lists, the stages ---- */

struct request *request_take(struct switch_core *core); /* NULL: full */
void request_release(struct switch_core *core, struct request *request);
struct request *request_of(struct switch_core *core, uint32_t slot);
uint32_t request_slot(const struct switch_core *core, const struct request *request);
void list_append(struct switch_core *core, struct list *list, struct request *request);
void list_remove(struct switch_core *core, struct request *request);
void stage_move(struct request *request, enum stage next);

/* ---- wheel.c ---- */

void wheel_init(struct wheel *wheel, int64_t horizon_us);
void wheel_finish(struct wheel *wheel);
void wheel_arm(struct switch_core *core, struct request *request, struct tick due);
void wheel_disarm(struct switch_core *core, struct request *request);
struct request *wheel_due(struct switch_core *core); /* takes out one that is due; NULL: none */

/* ---- warm.c ---- */

void warm_init(struct warm_table *table, uint32_t capacity);
void warm_finish(struct warm_table *table);
struct warmth *warm_find(struct warm_table *table, int32_t organisation, struct month month); /* NULL: not known */
struct warmth *warm_get(struct warm_table *table, int32_t organisation,
                        struct month month); /* NULL: full of rebuilds */

/* ---- flow.c: from one stage to the next ---- */

void flow_ask(struct switch_core *core, struct request *request); /* or waits, when the limits or the record are away */
void flow_wait(struct switch_core *core, struct request *request);
void flow_retry_waiting(struct switch_core *core);

/* ---- undo.c ---- */

/* The deadline passed: answers, and undoes what may have been done. */
void undo_due(struct switch_core *core, struct request *request);
/* An answered request has nothing in flight any more: undoes it if it may have counted, else lets it go. */
void undo_begin(struct switch_core *core, struct request *request);
void undo_outcome(struct switch_core *core, struct request *request, const struct outcome *outcome);
void undo_verdict(struct switch_core *core, struct request *request, const struct verdict *verdict);
/* The record says the purchase was reversed: takes off what was counted for it. */
void undo_lower(struct switch_core *core, struct request *request, int32_t fence_epoch, bool had_row);

/* ---- answers.c ---- */

void answer_approved(struct switch_core *core, struct request *request);
void answer_reason(struct switch_core *core, struct request *request, enum reason reason);
void answer_id_reused(struct switch_core *core, struct request *request, enum content_field field);
void answer_balance(struct switch_core *core, struct request *request);
/* For a request that never got a slot. */
void answer_at_once(struct switch_core *core, uint64_t reply_to, enum reason reason);
enum reason reason_of_limit(enum limit_kind kind);

#endif
