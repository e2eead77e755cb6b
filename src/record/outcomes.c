/* SPDX-License-Identifier: Apache-2.0 */
/* What PostgreSQL answered to a batch, and what its items are told. Nobody is told anything before the commit (I1). */
#include "base/log.h"
#include "record/room.h"

#include <stdlib.h>
#include <string.h>

static struct batch *front(const struct record *record) {
    CHECK(record->under_way_count > 0);
    return record->under_way[0];
}

static struct item *item_of(struct record *record, const struct batch *batch, uint32_t at) {
    return &record->queue.items[batch->places[at]];
}

/* ---- what an id has, a row of STATEMENT_LOOK ---- */

struct sighting {
    int32_t fence_epoch;
    bool has_row;
    struct content content; /* with has_row, as the next two */
    int32_t row_epoch;
    struct instant recorded_at;
    uint8_t flags;
    int mark; /* enum entry_kind of what follows it; 0: nothing */
    int32_t mark_epoch;
    int64_t mark_minor;
    bool is_mark_old;   /* older than what the counters remember for certain */
    struct month month; /* the row's */
};

static struct sighting sighting_of(const PGresult *rows, int row) {
    struct sighting sighting = {.fence_epoch = row_int4(rows, row, 1), .has_row = row_has(rows, row, 2)};
    if (sighting.has_row) {
        sighting.content = row_content(rows, row, 2);
        sighting.row_epoch = row_int4(rows, row, 8);
        sighting.recorded_at = row_time(rows, row, 9);
        sighting.flags = (uint8_t)row_int2(rows, row, 10);
        sighting.month.yyyymm = row_int4(rows, row, 14);
    }
    if (row_has(rows, row, 11)) {
        sighting.mark = row_int2(rows, row, 11);
        sighting.mark_epoch = row_int4(rows, row, 12);
        sighting.mark_minor = row_int8(rows, row, 13);
        sighting.is_mark_old = row_bool(rows, row, 15);
    }
    return sighting;
}

static bool is_tombstone(const struct sighting *sighting) {
    return sighting->has_row && sighting->content.kind == ENTRY_REVERSAL;
}

static void tell_row(struct outcome *outcome, const struct sighting *sighting) {
    outcome->content = sighting->content;
    outcome->amount_minor = sighting->content.amount_minor;
    outcome->recorded_epoch = sighting->row_epoch;
    outcome->recorded_month = sighting->month;
    outcome->flags = sighting->flags;
}

/* What checks and appends have in common: the id has a row. */
static void judge_row(struct outcome *outcome, const struct sighting *sighting) {
    if (is_tombstone(sighting)) {
        outcome->kind = OUTCOME_REVERSED;
        outcome->recorded_epoch = 0;
        return;
    }
    tell_row(outcome, sighting);
    outcome->kind = sighting->mark == ENTRY_REVERSAL ? OUTCOME_REVERSED : OUTCOME_EXISTS;
}

static void judge_check(const struct item *item, struct outcome *outcome, const struct sighting *sighting) {
    outcome->epoch = sighting->fence_epoch;
    if (sighting->has_row)
        judge_row(outcome, sighting);
    else if (item->check.epoch == 0 || item->check.epoch == sighting->fence_epoch)
        outcome->kind = OUTCOME_ABSENT;
    else
        outcome->kind = OUTCOME_STALE;
}

/* A row is one's own by its time: it went in with this append, perhaps in a sending whose commit was never heard of. */
static void judge_append(const struct item *item, struct outcome *outcome, const struct sighting *sighting) {
    outcome->epoch = sighting->fence_epoch;
    if (!sighting->has_row) {
        outcome->kind = OUTCOME_STALE;
        return;
    }
    judge_row(outcome, sighting);
    bool is_own =
        sighting->recorded_at.us == item->entry.appended_at.us && sighting->content.client == item->entry.client;
    if (outcome->kind == OUTCOME_EXISTS && is_own)
        outcome->kind = OUTCOME_RECORDED;
}

/* The epoch is the one the reversal was recorded under: counters built later have it already. */
static void judge_undo(struct outcome *outcome, const struct sighting *sighting) {
    CHECK(sighting->has_row);
    outcome->kind = OUTCOME_UNDONE;
    outcome->epoch = sighting->fence_epoch;
    if (is_tombstone(sighting))
        return;
    tell_row(outcome, sighting);
    outcome->had_row = sighting->mark == ENTRY_REVERSAL;
    outcome->is_kept = !outcome->had_row;
    if (outcome->had_row) {
        outcome->epoch = sighting->mark_epoch;
        outcome->amount_minor = -sighting->mark_minor;
        outcome->is_long_ago = sighting->is_mark_old;
    }
}

static void judge_sighting(const struct item *item, struct outcome *outcome, const struct sighting *sighting) {
    switch (item->kind) {
    case ITEM_APPEND:
        judge_append(item, outcome, sighting);
        break;
    case ITEM_CHECK:
        judge_check(item, outcome, sighting);
        break;
    case ITEM_SETTLE:
        if (item->is_undo)
            judge_undo(outcome, sighting);
        break;
    }
}

static uint32_t place_of_row(const struct batch *batch, enum item_kind kind, const PGresult *rows, int row) {
    uint32_t at = batch->firsts[kind] + (uint32_t)row_int4(rows, row, 0) - 1;
    CHECK(at < batch->count);
    return at;
}

static void judge(struct record *record, struct batch *batch, enum item_kind kind, const PGresult *rows) {
    for (int row = 0; row < PQntuples(rows); row++) {
        uint32_t at = place_of_row(batch, kind, rows, row);
        struct sighting sighting = sighting_of(rows, row);
        judge_sighting(item_of(record, batch, at), &batch->outcomes[at], &sighting);
    }
}

/* What became of undos is looked up afterwards. */
static void judge_settlements(struct record *record, struct batch *batch, const PGresult *rows) {
    for (int row = 0; row < PQntuples(rows); row++) {
        uint32_t at = place_of_row(batch, ITEM_SETTLE, rows, row);
        const struct item *item = item_of(record, batch, at);
        if (!item->is_undo)
            judge_settlement(&batch->outcomes[at], &item->id, rows, row);
    }
}

/* A row for each group of the appends, in their order: the epoch under which those that name none are recorded. */
static void take_fences(struct record *record, struct batch *batch, const PGresult *rows) {
    struct range appends = {record->queue.items, batch->places, batch->counts[ITEM_APPEND]};
    int group = -1;
    for (uint32_t at = 0; at < appends.count; at++) {
        group += begins_group(&appends, at);
        batch->outcomes[at].recorded_epoch = row_int4(rows, group, 1);
    }
}

/* ---- results, in the order of the steps ---- */

static void note_failure(struct batch *batch, const PGresult *error) {
    if (batch->has_failed)
        return;
    batch->has_failed = true;
    batch->blame = row_blame(error);
    row_complaint(error, &batch->failure);
}

static void take_rows(struct record *record, struct batch *batch, enum step step, const PGresult *rows) {
    switch (step) {
    case STEP_FOLLOW:
        judge(record, batch, ITEM_APPEND, rows);
        break;
    case STEP_CHECK:
        judge(record, batch, ITEM_CHECK, rows);
        break;
    case STEP_SETTLE:
        judge_settlements(record, batch, rows);
        break;
    case STEP_UNDONE:
        judge(record, batch, ITEM_SETTLE, rows);
        break;
    case STEP_FENCES:
        take_fences(record, batch, rows);
        break;
    case STEP_LOCK:
    case STEP_LOCK_IDS:
    case STEP_APPEND:
    case STEP_HOLD:
    case STEP_CONFIRM:
        break;
    }
}

void batch_result(struct record *record, PGresult *result) {
    struct batch *batch = front(record);
    if (batch->step >= batch->step_count) {
        /* Between the last statement and the sync there is the commit, and all it can say is that it failed. */
        note_failure(batch, result);
        return;
    }
    enum step step = batch->steps[batch->step];
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
        if (step == STEP_APPEND)
            batch->appended = (uint32_t)strtoul(PQcmdTuples(result), NULL, 10);
        break;
    case PGRES_TUPLES_OK:
        take_rows(record, batch, step, result);
        break;
    case PGRES_PIPELINE_ABORTED:
        break;
    default:
        note_failure(batch, result);
    }
}

void batch_end(struct record *record) {
    front(record)->step++;
}

/* ---- the end of a transaction ---- */

/* What ends a hold gives nothing back: while it was open it was not counted as spent. */
static bool gives_back(const struct item *item, const struct outcome *outcome) {
    return outcome->kind == OUTCOME_SETTLED && outcome->effect.amount_minor < 0 &&
           (item->settlement.kind == ENTRY_REFUND || item->settlement.kind == ENTRY_REVERSAL);
}

static void note_freed(struct record *record, const struct item *item, const struct outcome *outcome) {
    if (outcome->kind == OUTCOME_UNDONE && outcome->had_row)
        used_up_freed(record, outcome->content.credit, outcome->recorded_month);
    else if (gives_back(item, outcome))
        used_up_freed(record, outcome->effect.payer.credit, month_of(outcome->effect.day));
}

static void tell(struct record *record, struct batch *batch) {
    for (uint32_t at = 0; at < batch->count; at++) {
        note_freed(record, item_of(record, batch, at), &batch->outcomes[at]);
        queue_release(&record->queue, batch->places[at]);
    }
    for (uint32_t at = 0; at < batch->count; at++)
        record->options.on_outcome(record->options.owner, &batch->outcomes[at]);
    batch->is_under_way = false;
}

static void put_back(struct record *record, struct batch *batch, uint32_t company) {
    batch->is_under_way = false;
    for (uint32_t at = batch->count; at > 0; at--) {
        if (company != 0)
            item_of(record, batch, at - 1)->company = company;
        queue_put_back(&record->queue, batch->places[at - 1]);
    }
}

static void refuse(struct record *record, struct batch *batch) {
    const struct item *item = item_of(record, batch, 0);
    char text[REQUEST_ID_TEXT_SIZE];
    request_id_format(&item->id, text);
    log_error("record", "postgres cannot take a row; quarantined id=%s organisation=%d why=%s", text,
              item->organisation, batch->failure.text);
    quarantine_item(record, item, &batch->failure);
    record->facts.quarantined++;
    batch->outcomes[0].kind = OUTCOME_REFUSED;
    tell(record, batch);
}

static void divide(struct record *record, struct batch *batch) {
    if (batch->count == 1)
        refuse(record, batch);
    else
        put_back(record, batch, (batch->count + 1) / 2);
}

static bool note_crowd(struct record *record, struct batch *batch) {
    bool is_again = false;
    for (uint32_t at = 0; at < batch->count; at++) {
        struct item *item = item_of(record, batch, at);
        is_again = is_again || item->crowded_at.us != 0;
        if (item->crowded_at.us == 0)
            item->crowded_at = record->now;
    }
    return is_again;
}

/* Alone it lets all others go first, and has as long as a rebuild may be in its way, while PostgreSQL is there. */
static void wait_alone(struct record *record, struct batch *batch) {
    struct item *item = item_of(record, batch, 0);
    struct tick since = item->crowded_at.us > record->recorder_up_at.us ? item->crowded_at : record->recorder_up_at;
    if (record->now.us - since.us >= READER_PATIENCE * record->options.silence_us) {
        refuse(record, batch);
        return;
    }
    batch->is_under_way = false;
    item->company = 1;
    queue_put_last(&record->queue, batch->places[0]);
}

/* Who was in another's way goes again as it is, once: what is so every time must not hold up the rest. */
static void give_way(struct record *record, struct batch *batch) {
    if (!note_crowd(record, batch))
        put_back(record, batch, 0);
    else if (batch->count > 1)
        divide(record, batch);
    else
        wait_alone(record, batch);
}

/* A row is asked for in a month of the last year, as by a journal that was away for long, or in one of those made ahead
 * and the next. */
#define PARTITIONS_BACK 12
#define PARTITIONS_AHEAD 3

/* An id may name any time. */
static bool may_have_partition(struct record *record, struct month month) {
    struct month now = month_of(calendar_day(&record->calendar, instant_now()));
    int32_t number = month.yyyymm % 100;
    int32_t ahead = (month.yyyymm / 100 - now.yyyymm / 100) * 12 + number - now.yyyymm % 100;
    return number >= 1 && number <= 12 && ahead >= -PARTITIONS_BACK && ahead <= PARTITIONS_AHEAD;
}

/* Once for each row; what no month has a place for is not recorded. */
static void ask_partitions(struct record *record, struct batch *batch) {
    bool is_new = false;
    for (uint32_t at = 0; at < batch->count; at++) {
        struct item *item = item_of(record, batch, at);
        if (item->asked_partition || !may_have_partition(record, item->month))
            continue;
        item->asked_partition = chores_want_partition(record, item->month);
        if (item->kind == ITEM_SETTLE && may_have_partition(record, item->settlement.charged_month))
            chores_want_partition(record, item->settlement.charged_month);
        is_new = true;
    }
    if (is_new) {
        record->is_held = true;
        put_back(record, batch, 0);
    } else {
        divide(record, batch);
    }
}

/* What was sent after it waits again first, and so behind it. */
static void pause(struct record *record, struct batch *batch) {
    link_fail(&record->recorder, batch->failure.text);
    put_back(record, batch, 0);
}

static void recover(struct record *record, struct batch *batch) {
    switch (batch->blame) {
    case BLAME_REPEAT:
        if (batch->is_careful) {
            divide(record, batch); /* some key that is not ours */
            break;
        }
        record->careful_batches = CAREFUL_BATCHES;
        put_back(record, batch, 0);
        break;
    case BLAME_CROWD:
        give_way(record, batch);
        break;
    case BLAME_PARTITION:
        ask_partitions(record, batch);
        break;
    case BLAME_ROW:
        divide(record, batch);
        break;
    case BLAME_CONNECTION:
        pause(record, batch);
        break;
    }
}

static void tell_recorded(const struct item *item, struct outcome *outcome) {
    outcome->kind = OUTCOME_RECORDED;
    if (item->epoch != 0)
        outcome->recorded_epoch = item->epoch;
}

void batch_sync(struct record *record) {
    struct batch *batch = front(record);
    record->under_way_count--;
    memmove(record->under_way, record->under_way + 1, record->under_way_count * sizeof record->under_way[0]);
    bool is_followed = batch->steps[batch->step_count - 1] == STEP_FOLLOW;
    if (batch->has_failed) {
        recover(record, batch);
        return;
    }
    if (record->options.on_commit != NULL)
        record->options.on_commit(record->options.owner, batch->count, record->now.us - batch->sent_at.us);
    if (batch->appended < batch->counts[ITEM_APPEND] && !is_followed) {
        batch_send_follow_up(record, batch);
    } else {
        if (!is_followed)
            for (uint32_t at = 0; at < batch->counts[ITEM_APPEND]; at++)
                tell_recorded(item_of(record, batch, at), &batch->outcomes[at]);
        tell(record, batch);
    }
}
