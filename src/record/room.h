/* SPDX-License-Identifier: Apache-2.0 */
/* room: what the files of record share. Appends, checks, undos and settlements go by the recorder's link in batches;
 * everything else is a chore of the reader's, one at a time. */
#ifndef VAXEL_RECORD_ROOM_H
#define VAXEL_RECORD_ROOM_H

#include "base/check.h"
#include "record/link.h"
#include "record/record.h"
#include "record/rows.h"

/* Two, so that no lane waits for more than one batch of the others. */
#define BATCHES_UNDER_WAY 2

/* After an append met a row of the same id, so many batches look before they insert. */
#define CAREFUL_BATCHES 64

/* Chores wait in rings of these sizes; a rebuild takes as many organisations in one transaction. */
#define LOOK_UPS_CAPACITY 256
#define PAGES_CAPACITY 256
#define USED_UP_CAPACITY 256
#define SUSPECTS_CAPACITY 512
#define EXPIRIES_AT_ONCE 256
#define QUARANTINE_CAPACITY 64
#define PARTITIONS_CAPACITY 8
#define REBUILDS_AT_ONCE 4096
#define AHEAD_AT_ONCE 512
#define NOTES_AT_ONCE 256

/* The reader's statements may take longer than a batch: sums of a million rows. */
#define READER_PATIENCE 10
/* The first time all that there is may have to be rolled up. */
#define ROLLER_PATIENCE 100

/* ---- queue.c: what waits for the recorder ---- */

enum item_kind { ITEM_APPEND, ITEM_CHECK, ITEM_SETTLE };
#define ITEM_KINDS 3

/* A batch is of one lane, and within a lane who comes first goes first. Each takes its locks in the order of its keys,
 * appends by inserting and settlements by locking what is there; with both in one, two nodes could wait for each other.
 * In the background are appends nobody stands at a gate for: advices, and what a journal vouched for. */
enum lane_kind { LANE_APPENDS, LANE_SETTLEMENTS, LANE_BACKGROUND };
#define LANES 3

/* Rows of a batch of the background while somebody waits for others: what he waits longer for it is some ms. */
#define BACKGROUND_ROWS 256
/* When there was nobody for so long, its batches are as large as any. */
#define QUIET_US INT64_C(1000000)

struct item {
    enum item_kind kind;
    enum lane_kind lane;
    uint32_t owner;
    uint32_t company; /* rows in its batch at most: one of the last batch of so many twice could not be taken; 0: any */
    struct tick crowded_at; /* when a batch of it was in another's way first; us 0: never */
    bool asked_partition;   /* its month's partition was made on its account */
    bool is_old;            /* of a month whose advices may lie in another: it is over, or has hardly begun */
    bool is_undo;           /* SETTLE: of what its deadline overtook: `settlement` says its client and time alone */
    struct request_id id;   /* whose row it is about: of a settlement the original's */
    struct month month;     /* where that row is, or is to be */
    struct month own;       /* of the id's own time; another than `month` for what came late, or early */
    int32_t organisation;
    int32_t epoch; /* APPEND: recorded only under this one; 0: under whatever the fence has */
    union {
        struct entry entry;
        struct check check;
        struct settlement settlement;
    };
};

struct lane {
    uint32_t *waiting; /* a ring of places */
    uint32_t first;
    uint32_t count;
};

struct queue {
    struct item *items;
    uint32_t capacity;
    uint32_t *free; /* a stack of places in `items` */
    uint32_t free_count;
    struct lane lanes[LANES];
};

void queue_init(struct queue *queue, uint32_t capacity);
void queue_finish(struct queue *queue);
/* A new item at the end of a lane, to be filled; NULL: full. */
struct item *queue_append(struct queue *queue, enum lane_kind lane, enum item_kind kind);
uint32_t queue_take(struct queue *queue, enum lane_kind kind);
struct item *queue_front(const struct queue *queue, enum lane_kind kind); /* NULL: none waits */
void queue_put_back(struct queue *queue, uint32_t place);                 /* to the front */
void queue_put_last(struct queue *queue, uint32_t place);
void queue_release(struct queue *queue, uint32_t place);

/* ---- batch.c, outcomes.c: one transaction of the recorder ---- */

enum step {
    STEP_LOCK,
    STEP_LOCK_IDS,
    STEP_APPEND,
    STEP_HOLD,
    STEP_FENCES,
    STEP_CHECK,
    STEP_SETTLE,
    STEP_UNDONE,
    STEP_CONFIRM,
    STEP_FOLLOW,
};
#define STEPS_MAX 6

struct batch {
    bool is_under_way;
    enum lane_kind lane;
    uint32_t count; /* of `places` and `outcomes`: appends, then checks; or settlements; each by key */
    uint32_t counts[ITEM_KINDS];
    uint32_t firsts[ITEM_KINDS];
    uint32_t *places;
    struct outcome *outcomes;
    bool is_old; /* something in it is: the ids of that are locked, and looked for wherever they may lie */
    bool is_careful;
    uint32_t appended; /* rows PostgreSQL says went in */
    struct tick sent_at;
    enum step steps[STEPS_MAX];
    uint32_t step_count, step;
    bool has_failed;
    enum blame blame;
    struct failure failure;
};

/* ---- encode.c: the parameters of a batch's statements ---- */

/* Some of a batch's items, all of one kind. */
struct range {
    const struct item *items;
    const uint32_t *places;
    uint32_t count;
};

static inline const struct item *item_at(const struct range *range, uint32_t at) {
    return &range->items[range->places[at]];
}

/* An append's groups are runs of one organisation, month and epoch. */
bool begins_group(const struct range *range, uint32_t at);

void encode_stripes(struct encoder *encoder, const struct range *range);
void encode_id_stripes(struct encoder *encoder, const struct range *range);
void encode_append(struct encoder *encoder, const struct range *range, bool is_old);
void encode_holds(struct encoder *encoder, const struct range *range);
void encode_fences(struct encoder *encoder, const struct range *range);
void encode_look(struct encoder *encoder, const struct range *range, bool is_old);
void encode_confirm(struct encoder *encoder, const struct range *range, bool is_old);
void encode_settle(struct encoder *encoder, const struct range *range);

/* ---- settlements.c ---- */

#define COLUMN_SETTLED_ID 7

/* A row of the statements SETTLE and EXPIRE, of which the first column is a number. `original` may be any id derived
 * from the original's: it is asked for its time. */
void judge_settlement(struct outcome *outcome, const struct request_id *original, const PGresult *rows, int row);

/* ---- the reader's chores ---- */

enum chore {
    CHORE_PARTITIONS,
    CHORE_LOOK_UP,
    CHORE_PAGE,
    CHORE_REBUILD,
    CHORE_EXPIRY,
    CHORE_AHEAD,
    CHORE_FIND_MONTH,
    CHORE_READ_MONTH,
    CHORE_QUARANTINE,
    CHORE_USED_UP,
    CHORE_NOTES,
    CHORE_COUNT,
    CHORE_NONE = CHORE_COUNT,
};

struct look_up {
    uint64_t reply_to;
    struct request_id id;
    struct month month;
    int32_t organisation;
};

/* A page of the block list. */
struct page_wanted {
    uint64_t reply_to;
    int64_t since;
    uint32_t limit;
};

/* A credit of which nothing may be left; or, when something was freed, something again. */
struct suspect {
    int32_t credit;
    struct month month;
    bool is_freed;
    struct tick since; /* asked for; freed: looked at */
};

struct quarantined {
    struct request_id id;
    struct month month;
    int32_t organisation;
    char what[512];
    struct failure why;
};

/* A ring of things of one size, taken at start. */
struct ring {
    uint8_t *data;
    size_t element_size;
    uint32_t capacity;
    uint32_t first;
    uint32_t count;
};

void ring_init(struct ring *ring, size_t element_size, uint32_t capacity);
void ring_finish(struct ring *ring);
void *ring_append(struct ring *ring); /* NULL: full */
void *ring_at(const struct ring *ring, uint32_t index);
void ring_drop(struct ring *ring, uint32_t count); /* the first ones */

struct rebuild {
    int32_t organisation;
    struct month month;
    bool from_rows; /* not from what is rolled up */
    int32_t epoch;  /* once it is raised */
    size_t first_sum, sum_count;
};

/* Grows, for what no setting bounds: the sums of a batch of organisations, which are fewer than their credits and
 * travellers in the directory, and the recent ids of one. Emptied after every rebuild. */
struct grown {
    void *data;
    size_t count;
    size_t capacity;
};

/* What is awaited: of the first transaction the epochs, of the second the others. */
enum part { PART_EPOCHS, PART_MEND, PART_SUMS, PART_MEMORIES };

struct rebuilding {
    struct rebuild *asked; /* of one month, by organisation; none of them is in the ring any more */
    uint32_t capacity;
    uint32_t count;
    uint32_t done;   /* told */
    uint32_t filled; /* where sums are coming in */
    enum part part;
    struct grown sums, remembered, reversed, refused;
};

/* What the audit asks for, one at a time each. */
struct audit_wish {
    bool is_open;
    int32_t organisation;
    struct month month;
};

struct record {
    struct record_options options;
    char *conninfo;
    struct tick now; /* of the call being served */
    struct calendar calendar;
    struct link recorder, reader;
    struct link roller; /* DOWN for good when this one does not roll up */
    bool is_rolling;
    bool has_roller_failed;
    struct tick roll_at;
    bool is_up; /* as last told */
    struct tick recorder_up_at;
    bool is_partitioned;
    struct encoder encoder;

    struct queue queue;
    struct batch batches[BATCHES_UNDER_WAY];
    struct batch *under_way[BATCHES_UNDER_WAY]; /* in the order their answers come */
    uint32_t under_way_count;
    enum lane_kind last_lane; /* of the last batch sent */
    struct tick waited_for;   /* when the last batch was sent that is none of the background */
    uint32_t careful_batches;

    enum chore chore; /* under way */
    enum chore last_chore;
    bool has_failed;   /* the transaction of the chore */
    bool is_read_only; /* it failed because the server takes no writes */
    enum blame blame;
    struct failure failure;
    struct ring look_ups, pages, rebuilds, quarantine, used_up, notes;
    struct month partitions[PARTITIONS_CAPACITY];
    uint32_t partitions_wanted;
    bool is_held;              /* a batch waits for one of them */
    struct tick partitions_at; /* the daily round */
    struct rebuilding rebuilding;
    struct grown month_sums; /* of read_month */
    int32_t month_epoch;
    struct found found; /* of the look-up under way */
    struct block_page page;
    struct audit_wish find_month, read_month, found_month;
    struct effect expired[EXPIRIES_AT_ONCE];
    uint32_t expired_count;
    struct tick expiry_at;        /* when holds that have expired are looked for next */
    int32_t ahead[AHEAD_AT_ONCE]; /* organisations whose next month is to be made */
    uint32_t ahead_count;
    struct month ahead_month;
    struct tick ahead_at;                       /* when it is looked for some next */
    struct suspect suspects[SUSPECTS_CAPACITY]; /* lately */
    uint32_t notes_taken;                       /* in the batch under way */
    bool notes_asked_partitions;
    uint64_t notes_dropped; /* since it was told last */
    struct tick notes_told_at;
    struct record_facts facts; /* counts alone */
};

/* ---- batch.c ---- */

void batch_init(struct record *record);
void batch_finish(struct record *record);
void batch_send_waiting(struct record *record);
void batch_send_follow_up(struct record *record, struct batch *batch);
void batch_lost(struct record *record); /* all that is under way waits again */
uint32_t batch_encoder_size(const struct record_options *options);

/* ---- outcomes.c ---- */

void batch_result(struct record *record, PGresult *result);
void batch_end(struct record *record);
void batch_sync(struct record *record);

/* ---- chores.c: whose turn it is on the reader's link ---- */

void chores_init(struct record *record);
void chores_finish(struct record *record);
void chores_up(struct record *record);
void chores_next(struct record *record);
void chores_result(struct record *record, PGresult *result);
void chores_end(struct record *record);
void chores_sync(struct record *record);
void chores_lost(struct record *record);
void chores_tick(struct record *record);
struct tick chores_next_tick(const struct record *record);
/* False: too many months are wanted at once. */
bool chores_want_partition(struct record *record, struct month month);

/* Each of these begins with an empty encoder; false: the link broke. */
bool look_up_start(struct record *record);
void look_up_result(struct record *record, const PGresult *rows);
void look_up_end(struct record *record);
void look_up_lost(struct record *record);

bool page_start(struct record *record);
void page_result(struct record *record, const PGresult *rows);
void page_end(struct record *record);
void page_lost(struct record *record);

bool expiry_start(struct record *record);
void expiry_result(struct record *record, const PGresult *rows);
void expiry_end(struct record *record);
bool expiry_is_due(const struct record *record);

bool ahead_start(struct record *record);
void ahead_result(struct record *record, const PGresult *rows);
void ahead_end(struct record *record);
bool ahead_is_due(const struct record *record);
/* Puts the next look off while the month's last stretch has not begun. */
void ahead_tick(struct record *record);

bool find_month_start(struct record *record);
void find_month_result(struct record *record, const PGresult *rows);
void find_month_end(struct record *record);
bool read_month_start(struct record *record);
void read_month_result(struct record *record, const PGresult *rows);
void read_month_end(struct record *record);
void audit_wishes_lost(struct record *record);

void quarantine_item(struct record *record, const struct item *item, const struct failure *why);
bool quarantine_start(struct record *record);
void quarantine_end(struct record *record);

bool notes_start(struct record *record);
void notes_end(struct record *record);
void notes_tick(struct record *record);
struct tick notes_next_tick(const struct record *record);
/* What its credit was short of may be there again. */
void used_up_freed(struct record *record, int32_t credit, struct month month);
struct tick used_up_due(const struct record *record); /* when there is one to look at next */
bool used_up_start(struct record *record);
void used_up_end(struct record *record);

/* ---- rebuild.c ---- */

void rebuild_init(struct record *record);
bool rebuild_is_due(const struct record *record);
bool rebuild_start(struct record *record); /* false: the link broke */
void *grown_add(struct grown *grown, size_t element_size);
void grown_forget(struct grown *grown);
void rebuild_result(struct record *record, const PGresult *rows);
void rebuild_end(struct record *record);
/* False: there is more to come. */
bool rebuild_sync(struct record *record);
void rebuild_lost(struct record *record);
void rebuild_finish(struct record *record);

/* ---- roller.c: a link of its own, which adds rows to the sums ---- */

void roller_init(struct record *record);
void roller_tick(struct record *record);
struct tick roller_next_tick(const struct record *record);

/* ---- record.c ---- */

void record_tell_up(struct record *record);

/* The fence's stripe of an organisation: the same on every node. */
static inline int32_t stripe_of(int32_t organisation) {
    return (int32_t)((uint32_t)organisation % LOCK_STRIPES);
}

#endif
