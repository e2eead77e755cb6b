/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is one transaction, sent whole:
 *
 *   lock     the fences of its organisations, shared; a statement of its own, so that the next one sees what they guard
 *   append   the rows whose epoch is still the fence's; the open holds among them go on their list
 *   check    look up what the checks ask
 *   sync ─▶ committed
 *
 * or, of what follows rows that are there, settlements and undos in the order of their originals:
 *
 *   lock, settle, undone   and what became of the undos
 *   sync ─▶ committed
 *
 * When fewer rows went in than were sent, a second transaction confirms others' rows and asks for each id what it has.
 * When a row could not be taken, the batch waits again in halves. When it was in another's way (a deadlock, say) it is
 * sent again as it was, once, and then in halves too. When the connection breaks it is sent again as it was. */
#include "record/room.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of the largest statement: a row of CONFIRM or of APPEND with a group of its own, and the arrays' headers. */
#define ROW_BYTES (PRODUCT_SIZE + PLACE_SIZE + 176)
#define HEADERS_BYTES 2048
/* Of an organisation that is rebuilt: itself and its epoch, as elements of arrays. */
#define REBUILD_BYTES 16

uint32_t batch_encoder_size(const struct record_options *options) {
    uint32_t rows = options->batch_capacity > NOTES_AT_ONCE ? options->batch_capacity : NOTES_AT_ONCE;
    uint32_t rows_bytes = rows * ROW_BYTES, rebuilds_bytes = REBUILDS_AT_ONCE * REBUILD_BYTES;
    return HEADERS_BYTES + (rows_bytes > rebuilds_bytes ? rows_bytes : rebuilds_bytes);
}

void batch_init(struct record *record) {
    CHECK(record->options.batch_capacity > 0);
    for (int at = 0; at < BATCHES_UNDER_WAY; at++) {
        struct batch *batch = &record->batches[at];
        batch->places = calloc(record->options.batch_capacity, sizeof *batch->places);
        batch->outcomes = calloc(record->options.batch_capacity, sizeof *batch->outcomes);
        CHECK(batch->places != NULL && batch->outcomes != NULL);
    }
}

void batch_finish(struct record *record) {
    for (int at = 0; at < BATCHES_UNDER_WAY; at++) {
        free(record->batches[at].places);
        free(record->batches[at].outcomes);
    }
}

/* ---- gathering ---- */

/* By kind, then by key: a group's rows stand together, the index is filled in order, and two nodes that insert the same
 * ids wait for each other in one direction only. What settles one original goes in the order it was asked for. */
static int compare_places(const void *one, const void *other, void *owner) {
    const struct item *items = owner;
    const struct item *a = &items[*(const uint32_t *)one], *b = &items[*(const uint32_t *)other];
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->month.yyyymm != b->month.yyyymm)
        return a->month.yyyymm < b->month.yyyymm ? -1 : 1;
    if (a->organisation != b->organisation)
        return a->organisation < b->organisation ? -1 : 1;
    int order = memcmp(a->id.bytes, b->id.bytes, REQUEST_ID_SIZE);
    if (order != 0 || a->kind != ITEM_SETTLE)
        return order;
    int64_t one_us = a->settlement.appended_at.us, other_us = b->settlement.appended_at.us;
    return (one_us > other_us) - (one_us < other_us);
}

/* By what the clocks of two nodes may differ at most. */
#define CLOCK_SKEW_US INT64_C(30000000)
_Static_assert(CLOCK_SKEW_US < MONTH_OPEN_LEAST_US, "a month is open on every node when it ends on the first");

/* The first month whose rows are all where their ids say, whatever node recorded them: the last that is over is among
 * them at first, else all that is bought at its turn would be looked for in two months. */
static struct month first_open_month(struct record *record) {
    struct instant then = {instant_now().us + CLOCK_SKEW_US - MONTH_OPEN_LEAST_US};
    return month_of(calendar_day(&record->calendar, then));
}

/* What a device whose clock is ahead told of before the month of its id lies in the month before; for so long after
 * that month has come it may tell of it again, or settle it. What is bought online never lies there. */
#define EARLY_REPEAT_US (INT64_C(4) * 24 * 3600 * 1000000)

static struct month last_settled_month(struct record *record) {
    struct instant then = {instant_now().us - EARLY_REPEAT_US};
    return month_of(calendar_day(&record->calendar, then));
}

/* Undos are of what was bought online. */
static bool may_be_early(const struct item *item) {
    return (item->kind == ITEM_SETTLE && !item->is_undo) ||
           (item->kind == ITEM_APPEND && item->entry.kind == ENTRY_ADVICE);
}

static bool is_old(const struct item *item, struct month first_open, struct month last_settled) {
    bool is_late = item->kind == ITEM_APPEND && (item->entry.flags & ENTRY_LATE) != 0;
    bool is_early = may_be_early(item) && item->own.yyyymm > last_settled.yyyymm;
    return is_late || is_early || item->month.yyyymm < first_open.yyyymm;
}

static bool is_quiet(const struct record *record) {
    return record->now.us - record->waited_for.us >= QUIET_US;
}

/* Rows of a batch at most. */
static uint32_t room_for(const struct record *record, enum lane_kind lane) {
    uint32_t most = record->options.batch_capacity;
    return lane == LANE_BACKGROUND && most > BACKGROUND_ROWS && !is_quiet(record) ? BACKGROUND_ROWS : most;
}

static void take_waiting(struct record *record, struct batch *batch, enum lane_kind lane) {
    struct queue *queue = &record->queue;
    struct month first_open = first_open_month(record), last_settled = last_settled_month(record);
    uint32_t most = room_for(record, lane);
    for (struct item *item; (item = queue_front(queue, lane)) != NULL; batch->count++) {
        if (item->company != 0 && item->company < most)
            most = item->company;
        if (batch->count >= most)
            break;
        batch->counts[item->kind]++;
        item->is_old = is_old(item, first_open, last_settled);
        batch->is_old = batch->is_old || item->is_old;
        batch->places[batch->count] = queue_take(queue, lane);
    }
}

static void gather(struct record *record, struct batch *batch, enum lane_kind lane) {
    struct queue *queue = &record->queue;
    memset(batch->counts, 0, sizeof batch->counts);
    batch->lane = lane;
    batch->count = 0;
    batch->is_old = false;
    take_waiting(record, batch, lane);
    batch->firsts[0] = 0;
    for (int kind = 1; kind < ITEM_KINDS; kind++)
        batch->firsts[kind] = batch->firsts[kind - 1] + batch->counts[kind - 1];
    qsort_r(batch->places, batch->count, sizeof *batch->places, compare_places, queue->items);
    for (uint32_t at = 0; at < batch->count; at++)
        batch->outcomes[at] = (struct outcome){.owner = queue->items[batch->places[at]].owner};
}

/* ---- sending ---- */

static struct range range_of(const struct record *record, const struct batch *batch, enum item_kind kind) {
    return (struct range){record->queue.items, batch->places + batch->firsts[kind], batch->counts[kind]};
}

/* Writes the step's parameters, and says which statement they are for. */
static enum statement prepare_step(struct record *record, const struct batch *batch, enum step step) {
    struct encoder *encoder = &record->encoder;
    struct range all = {record->queue.items, batch->places, batch->count};
    struct range appends = range_of(record, batch, ITEM_APPEND), checks = range_of(record, batch, ITEM_CHECK);
    struct range settlements = range_of(record, batch, ITEM_SETTLE);
    switch (step) {
    case STEP_LOCK:
        encode_stripes(encoder, &all);
        return STATEMENT_LOCK_SHARED;
    case STEP_LOCK_IDS:
        encode_id_stripes(encoder, &all);
        return STATEMENT_LOCK_IDS;
    case STEP_APPEND:
        encode_append(encoder, &appends, batch->is_old);
        return batch->is_old ? STATEMENT_APPEND_OLD : batch->is_careful ? STATEMENT_APPEND_CAREFULLY : STATEMENT_APPEND;
    case STEP_HOLD:
        encode_holds(encoder, &appends);
        return STATEMENT_HOLD;
    case STEP_FENCES:
        encode_fences(encoder, &appends);
        return STATEMENT_FENCES;
    case STEP_CHECK:
        encode_look(encoder, &checks, batch->is_old);
        return batch->is_old ? STATEMENT_LOOK_OLD : STATEMENT_LOOK;
    case STEP_SETTLE:
        encode_settle(encoder, &settlements);
        return STATEMENT_SETTLE;
    case STEP_UNDONE:
        encode_look(encoder, &settlements, true); /* wherever undo() of sql/ has found a row */
        return STATEMENT_LOOK_OLD;
    case STEP_CONFIRM:
        encode_confirm(encoder, &appends, batch->is_old);
        return batch->is_old ? STATEMENT_CONFIRM_OLD : STATEMENT_CONFIRM;
    case STEP_FOLLOW:
        encode_look(encoder, &appends, batch->is_old);
        return batch->is_old ? STATEMENT_LOOK_OLD : STATEMENT_LOOK;
    }
    return STATEMENT_COUNT;
}

static bool run_step(struct record *record, struct batch *batch, enum step step) {
    batch->steps[batch->step_count++] = step;
    enum statement statement = prepare_step(record, batch, step);
    return link_run(&record->recorder, statement, &record->encoder);
}

/* The steps and the sync. When the link breaks in between, batch_lost() has put everything back already. */
static void send(struct record *record, struct batch *batch, const enum step *steps, uint32_t count) {
    batch->is_under_way = true;
    batch->has_failed = false;
    batch->step = 0;
    batch->step_count = 0;
    batch->sent_at = record->now;
    record->under_way[record->under_way_count++] = batch;
    for (uint32_t at = 0; at < count; at++)
        if (!run_step(record, batch, steps[at]))
            return;
    link_sync(&record->recorder);
}

/* Whether there is a hold among the appends, and whether one is recorded under whatever epoch the fence has. */
static void look_at_appends(const struct range *appends, bool *has_hold, bool *has_any_epoch) {
    *has_hold = *has_any_epoch = false;
    for (uint32_t at = 0; at < appends->count; at++) {
        const struct item *item = item_at(appends, at);
        *has_hold = *has_hold || item->entry.kind == ENTRY_HOLD;
        *has_any_epoch = *has_any_epoch || item->epoch == 0;
    }
}

static bool has_undo(const struct record *record, const struct batch *batch) {
    struct range settlements = range_of(record, batch, ITEM_SETTLE);
    for (uint32_t at = 0; at < settlements.count; at++)
        if (item_at(&settlements, at)->is_undo)
            return true;
    return false;
}

static uint32_t choose_steps(const struct record *record, const struct batch *batch, enum step steps[STEPS_MAX]) {
    struct range appends = range_of(record, batch, ITEM_APPEND);
    bool has_hold, has_any_epoch;
    uint32_t count = 0;
    look_at_appends(&appends, &has_hold, &has_any_epoch);
    steps[count++] = STEP_LOCK;
    if (batch->is_old)
        steps[count++] = STEP_LOCK_IDS;
    if (batch->counts[ITEM_APPEND] > 0)
        steps[count++] = STEP_APPEND;
    if (has_hold)
        steps[count++] = STEP_HOLD;
    if (has_any_epoch)
        steps[count++] = STEP_FENCES;
    if (batch->counts[ITEM_CHECK] > 0)
        steps[count++] = STEP_CHECK;
    if (batch->counts[ITEM_SETTLE] > 0)
        steps[count++] = STEP_SETTLE;
    if (has_undo(record, batch))
        steps[count++] = STEP_UNDONE;
    return count;
}

static void send_batch(struct record *record, struct batch *batch) {
    enum step steps[STEPS_MAX];
    uint32_t count = choose_steps(record, batch, steps);
    batch->appended = 0;
    batch->is_careful = batch->is_old || record->careful_batches > 0;
    if (record->careful_batches > 0 && batch->counts[ITEM_APPEND] > 0)
        record->careful_batches--;
    send(record, batch, steps, count);
}

void batch_send_follow_up(struct record *record, struct batch *batch) {
    static const enum step steps[] = {STEP_CONFIRM, STEP_FOLLOW};
    send(record, batch, steps, sizeof steps / sizeof *steps);
}

static struct batch *idle_batch(struct record *record) {
    for (int at = 0; at < BATCHES_UNDER_WAY; at++)
        if (!record->batches[at].is_under_way)
            return &record->batches[at];
    return NULL;
}

/* A month's partition that a batch asked for is made before anything more is sent. */
static bool may_send(const struct record *record) {
    return record->recorder.stage == LINK_UP && !record->is_held;
}

static bool is_under_way(const struct record *record, enum lane_kind lane) {
    for (uint32_t at = 0; at < record->under_way_count; at++)
        if (record->under_way[at]->lane == lane)
            return true;
    return false;
}

/* One batch of a lane at a time. The next one would wait for it in the server, and for whatever came meanwhile there
 * would have to be a third: so all goes together, in fewer commits. */
static bool has_turn(const struct record *record, enum lane_kind lane) {
    return record->queue.lanes[lane].count > 0 && !is_under_way(record, lane);
}

/* The lanes take turns, so that none waits for long. False: nothing is to be sent. */
static bool choose_lane(const struct record *record, enum lane_kind *lane) {
    for (int turn = 1; turn <= LANES; turn++) {
        *lane = (enum lane_kind)(((int)record->last_lane + turn) % LANES);
        if (has_turn(record, *lane))
            return true;
    }
    return false;
}

void batch_send_waiting(struct record *record) {
    enum lane_kind lane;
    for (struct batch *batch; may_send(record) && choose_lane(record, &lane) && (batch = idle_batch(record)) != NULL;) {
        record->last_lane = lane;
        if (lane != LANE_BACKGROUND)
            record->waited_for = record->now;
        gather(record, batch, lane);
        send_batch(record, batch);
    }
}

/* ---- a connection that broke ---- */

void batch_lost(struct record *record) {
    while (record->under_way_count > 0) {
        struct batch *batch = record->under_way[--record->under_way_count];
        for (uint32_t at = batch->count; at > 0; at--)
            queue_put_back(&record->queue, batch->places[at - 1]);
        batch->is_under_way = false;
    }
}
