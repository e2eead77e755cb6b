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
    STAGE_WAITING,     /* for a service to come back, or for another try */
    STAGE_ASKING,      /* the limits owe a verdict */
    STAGE_WARMING,     /* the counters are being rebuilt */
    STAGE_RECORDING,   /* the record owes the outcome of an append */
    STAGE_CHECKING,    /* the record owes the outcome of a check */
    STAGE_SETTLING,    /* the record owes the outcome of a settlement */
    STAGE_JOURNALING,  /* the limits owe a claim, or the journal its word, and nobody else anything */
    STAGE_CALLING_OFF, /* answered DEADLINE already; the journal is to take back what it took */
    STAGE_YIELDING,    /* answered already; the limits owe whether it may be undone */
    STAGE_UNDOING,     /* answered already; the record owes the outcome of an undo */
    STAGE_FOLLOWING,   /* answered already; the limits owe the end of an UNDO or APPLY */
    STAGE_COUNT,
};

/* What a request is for. */
enum work {
    WORK_AUTHORIZE,
    WORK_BALANCE,
    WORK_ADVICE,
    WORK_SETTLE,
    WORK_EFFECT, /* the counters follow something that the record did by itself */
    WORK_DRAIN,  /* an entry of the journal goes to the record */
};

/* What a request that waits will try next. */
enum step { STEP_ASK, STEP_APPEND, STEP_SETTLE, STEP_YIELD };

struct list {
    uint32_t first, last;
};

struct request {
    enum stage stage;
    enum work work;
    enum step step;
    enum question_kind asks; /* what to ask the limits when it is this one's turn */
    bool is_answered;        /* only what follows, or undoing, is left */
    bool may_be_counted;     /* under its id the limits may have counted */
    bool may_be_remembered;  /* the limits may know its id by its own asking, which makes it no repeat */
    bool is_repeat;
    bool had_row;    /* FOLLOWING: the undone purchase had been recorded */
    bool owes_claim; /* the limits owe a claim, beside what the stage says; the record's word is put by so long */
    bool has_put_by;
    bool is_vouched;     /* it has claimed its id for the journal: nobody else undoes it */
    bool owes_journal;   /* the journal owes its word, beside what the stage says */
    bool is_journaled;   /* the client was told JOURNALED */
    bool is_calling_off; /* what the journal owes is about the reversal of what it took */
    bool is_over;        /* JOURNALING: nothing more is to be done then */
    bool is_online;      /* somebody stands at a gate for its answer */
    bool awaits_turn;    /* an advice that has not begun */
    bool is_paced;       /* one that has */
    bool allows_partial;
    uint8_t flags;              /* enum entry_flag */
    enum entry_kind kind;       /* PURCHASE, HOLD, ADVICE; DRAIN: also REVERSAL */
    enum reason refusal;        /* decided before counting; REASON_UNSPECIFIED: none */
    enum reason verdict_reason; /* CHECKING: what will be told if the check agrees, */
    enum content_field differs; /* and with ID_REUSED what differs, */
    int64_t remembered_minor;   /* and what was approved of the other amount, when it was a part of it; else 0 */
    uint16_t refusing;
    int32_t floor_epoch;
    int32_t epoch; /* the one the verdict was given under */

    uint64_t reply_to;
    struct request_id id;
    struct credential credential;
    struct product product;
    struct place place;
    int64_t amount_minor;   /* asked for */
    int64_t approved_minor; /* counted */
    int64_t tap_window_us;
    int32_t client;
    struct day day; /* whose month's counters it is about */
    struct content content;
    struct instant appended_at;
    struct instant expires_at;
    struct account account;
    int64_t spent_minor[LIMITS_CAPACITY];
    struct outcome put_by;
    struct settlement settlement; /* SETTLE */
    struct effect effect;         /* FOLLOWING, of an APPLY */
    uint64_t ticket;              /* DRAIN: the journal's */
    struct tick recording_since;
    struct tick since; /* of an online request: when it came */
    struct stage_times times;

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

/* A department of the organisation has moved in the tree: what is counted waits for counters built since. */
enum move { MOVE_NONE, MOVE_HEARD, MOVE_REBUILDING };

/* What is known of an organisation's month: the lowest epoch to believe, and who waits for its counters. */
struct warmth {
    int32_t organisation; /* 0: unused */
    struct month month;
    int32_t floor_epoch;
    bool is_rebuilding;
    enum move move;
    struct list waiters;
};

struct warm_table {
    struct warmth *places;
    uint32_t place_count; /* a power of two, twice the capacity */
    uint32_t used;
    uint32_t capacity;
};

/* How fast requests have been leaving: what a new one may expect to wait. */
struct admission {
    struct tick since;  /* of the count below */
    uint32_t finished;  /* since then */
    int64_t rate_per_s; /* lately, at its best */
};

#define PACE_LANES 256

/* What advices may take, by how online requests fare. */
struct pace {
    struct list lanes[PACE_LANES]; /* advices that have not begun, by organisation, the oldest first */
    uint32_t waiting;              /* in all lanes */
    uint32_t turn;                 /* the lane that is being taken from */
    uint32_t taken;                /* of it, in this turn */
    uint32_t under_way;            /* advices that have begun */
    uint32_t width;                /* as many may be under way */
    uint32_t online;               /* online requests that nobody has answered */
    struct tick heard_at;          /* when one of them was answered, or was the first of them to come */
    struct tick looked_at;
    uint32_t answered, late; /* online requests since then, and those of them that waited for too long */
    bool has_begun;          /* an advice, since then */
};

struct switch_core {
    struct switch_settings settings;
    struct switch_ports ports;
    struct calendar calendar;
    struct moment now; /* of the event under way */
    bool is_limits_up;
    bool is_record_up;
    bool is_journal_up;

    struct request *requests;
    uint32_t first_free; /* linked by `next`; the last one let go is taken first, for its memory is still near */
    struct list waiting;
    struct list recording; /* purchases whose append is owed, the oldest first */
    struct list overdue;   /* those it is owed for too long: as long as there are any, purchases go to the journal */
    uint32_t busy;
    uint32_t advices; /* of them */
    uint32_t drains;  /* of them: entries of the journal */
    struct admission admission;
    struct pace pace;
    struct instant last_append;
    uint64_t moves_told;  /* of the directory's moves of departments */
    struct tick retry_at; /* when those that wait are tried again */
    struct wheel wheel;
    struct warm_table warm;
};

/* ---- requests.c: the pool, the lists, the stages ---- */

struct request *request_take(struct switch_core *core); /* NULL: full */
/* Nothing is left to do: lets the slot go, as soon as the journal owes nothing for it. */
void request_end(struct switch_core *core, struct request *request);
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

/* ---- arrivals.c ---- */

/* By its deadline a request has been answered. */
struct tick arrival_due_at(const struct switch_core *core, int64_t timeout_us);
/* The last month that an id may be of and be counted in: another node's clock may be ahead of this one's. */
struct month arrival_newest_month(struct switch_core *core);
enum reason arrival_refusal(const struct account *account, uint32_t client_channels);
struct content arrival_content(const struct request *request, enum entry_kind kind);

/* ---- admission.c: who is let in when there is too much ---- */

/* Whether a request that must be answered in so long can be; false: BUSY, at once. */
bool admission_allows(struct switch_core *core, int64_t timeout_us);
void admission_count_finished(struct switch_core *core);

/* ---- pace.c: advices take what online requests leave ---- */

void pace_init(struct switch_core *core);
void pace_online_came(struct switch_core *core, struct request *request);
void pace_online_answered(struct switch_core *core, struct request *request);
/* Begins it when it is its turn. */
void pace_advice(struct switch_core *core, struct request *request);
void pace_advice_ended(struct switch_core *core, const struct request *request);
void pace_tick(struct switch_core *core);
/* Whether an advice waits that may begin. */
bool pace_is_due(const struct switch_core *core);

/* ---- flow.c: from one stage to the next ---- */

void flow_go(struct switch_core *core, struct request *request); /* takes its next step, or waits for it */
void flow_wait(struct switch_core *core, struct request *request);
void flow_retry_waiting(struct switch_core *core);
struct month flow_month(const struct request *request);
/* Puts what the directory says of its payer now in place of what it said then. False: it does not know them. */
bool flow_look_again(struct switch_core *core, struct request *request);
void flow_append(struct switch_core *core, struct request *request);
/* The request's row, as it is appended or journaled. */
struct entry flow_entry(struct switch_core *core, struct request *request);
/* Whether a row of this content is the request's own, told of before. */
enum content_field flow_difference(const struct request *request, const struct content *content,
                                   int64_t approved_minor);

/* ---- rebuild.c: counters are built anew ---- */

/* The counters it asks for are built anew, and it asks again. */
void rebuild_await(struct switch_core *core, struct request *request);
/* Whether they have to be before anything is counted for it: they may hold what was counted by an older tree. */
bool rebuild_is_owed(struct switch_core *core, const struct request *request);

/* ---- settle.c, advice.c: what the record hears first ---- */

bool settle_begin(struct switch_core *core, struct request *request);
void settle_outcome(struct switch_core *core, struct request *request, const struct outcome *outcome);
void advice_begin(struct switch_core *core, struct request *request);
void advice_verdict(struct switch_core *core, struct request *request, const struct verdict *verdict);
void advice_outcome(struct switch_core *core, struct request *request, const struct outcome *outcome);
/* The counters follow an effect that is on record; then the request ends. */
void effect_follow(struct switch_core *core, struct request *request, const struct effect *effect);
/* ... or the reversal of an entry that was on record: its id is remembered as reversed. */
void effect_follow_reversal(struct switch_core *core, struct request *request, const struct effect *effect);
void effect_verdict(struct switch_core *core, struct request *request, const struct verdict *verdict);

/* ---- stand_in.c: the journal, while the record is away ---- */

/* Whether purchases go to the journal now. */
bool stand_in_is_on(const struct switch_core *core);
/* Claims it for the journal, which gets it then; false: not now. */
bool stand_in_vouch(struct switch_core *core, struct request *request);
void stand_in_claim_verdict(struct switch_core *core, struct request *request, const struct verdict *verdict);
/* Those whose append is owed for too long go to the journal as well. */
void stand_in_tick(struct switch_core *core);
struct tick stand_in_next_tick(const struct switch_core *core);
/* The record's word about a purchase that was told JOURNALED. */
void stand_in_outcome(struct switch_core *core, struct request *request, const struct outcome *outcome);
void stand_in_drain_outcome(struct switch_core *core, struct request *request, const struct outcome *outcome);

/* ---- claims.c: of two who would settle the fate of an id without PostgreSQL, the first ---- */

/* Asks the limits; false: they can't be asked now. */
bool claim_ask(struct switch_core *core, struct request *request, char intent);
enum claim { CLAIM_MINE, CLAIM_ANOTHERS, CLAIM_NOBODYS };
enum claim claim_of(const struct request *request, const struct verdict *verdict);

/* ---- undo.c ---- */

/* The deadline passed: answers, and undoes what may have been done. */
void undo_due(struct switch_core *core, struct request *request);
/* An answered request has nothing in flight any more: undoes it if it may have counted, else lets it go. */
void undo_begin(struct switch_core *core, struct request *request);
bool undo_yield(struct switch_core *core, struct request *request);
void undo_claim_verdict(struct switch_core *core, struct request *request, const struct verdict *verdict);
void undo_outcome(struct switch_core *core, struct request *request, const struct outcome *outcome);
void undo_verdict(struct switch_core *core, struct request *request, const struct verdict *verdict);
/* OUTCOME_REVERSED: whether what was counted for the request is its own to take off. With a row it is the reversal's.
 */
bool undo_is_owed(const struct request *request, const struct outcome *outcome);
/* OUTCOME_REVERSED: whether the row is the request's, or a copy's. What another purchase under its id left is not. */
bool reversal_reckons_with(const struct request *request, const struct outcome *outcome);
/* Takes off what was counted for the request. */
void undo_lower(struct switch_core *core, struct request *request, int32_t fence_epoch, bool had_row);

/* ---- answers.c ---- */

void answer_approved(struct switch_core *core, struct request *request, enum safety safety);
void answer_settled(struct switch_core *core, struct request *request, const struct outcome *outcome);
void answer_not_settled(struct switch_core *core, struct request *request, const struct outcome *outcome);
void answer_reason(struct switch_core *core, struct request *request, enum reason reason);
void answer_id_reused(struct switch_core *core, struct request *request, enum content_field field);
void answer_balance(struct switch_core *core, struct request *request);
/* For a request that never got a slot. */
void answer_at_once(struct switch_core *core, uint64_t reply_to, enum reason reason);
enum reason reason_of_limit(enum limit_kind kind);

#endif
