/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader's link does, one thing at a time and each in its turn: notes of refusals only when nothing else
 * waits. */
#include "base/log.h"
#include "record/room.h"

#define DAY_US (INT64_C(24) * 3600 * 1000000)

void chores_init(struct record *record) {
    const struct record_options *options = &record->options;
    ring_init(&record->look_ups, sizeof(struct look_up), LOOK_UPS_CAPACITY);
    ring_init(&record->pages, sizeof(struct page_wanted), PAGES_CAPACITY);
    ring_init(&record->used_up, sizeof(struct suspect), USED_UP_CAPACITY);
    ring_init(&record->rebuilds, sizeof(struct rebuild), options->capacity);
    ring_init(&record->quarantine, sizeof(struct quarantined), QUARANTINE_CAPACITY);
    ring_init(&record->notes, sizeof(struct refusal_note), options->refusal_capacity);
    rebuild_init(record);
    record->chore = CHORE_NONE;
    record->last_chore = CHORE_NOTES;
    record->notes_told_at.us = record->now.us - DAY_US;
}

void chores_finish(struct record *record) {
    ring_finish(&record->look_ups);
    ring_finish(&record->pages);
    ring_finish(&record->used_up);
    ring_finish(&record->rebuilds);
    ring_finish(&record->quarantine);
    ring_finish(&record->notes);
    grown_forget(&record->month_sums);
    rebuild_finish(record);
}

/* ---- partitions ---- */

bool chores_want_partition(struct record *record, struct month month) {
    for (uint32_t at = 0; at < record->partitions_wanted; at++)
        if (record->partitions[at].yyyymm == month.yyyymm)
            return true;
    if (record->partitions_wanted == PARTITIONS_CAPACITY)
        return false;
    record->partitions[record->partitions_wanted++] = month;
    return true;
}

/* Ahead of time, so that no purchase waits for one. */
static void want_coming_months(struct record *record) {
    struct month month = month_of(calendar_day(&record->calendar, instant_now()));
    for (int ahead = 0; ahead < 3; ahead++, month = month_after(month))
        chores_want_partition(record, month);
    record->partitions_at.us = record->now.us + DAY_US;
}

static bool start_partitions(struct record *record) {
    encoder_array(&record->encoder, ELEMENT_INT4, record->partitions_wanted);
    for (uint32_t at = 0; at < record->partitions_wanted; at++)
        encoder_int4(&record->encoder, record->partitions[at].yyyymm);
    return link_run(&record->reader, STATEMENT_PARTITIONS, &record->encoder);
}

static void end_partitions(struct record *record) {
    if (record->has_failed)
        log_error("record", "a month's partition could not be made why=%s", record->failure.text);
    record->partitions_wanted = 0;
    record->is_held = false;
    record->is_partitioned = true;
    record_tell_up(record);
}

/* ---- whose turn it is ---- */

static bool are_partitions_due(const struct record *record) {
    return record->partitions_wanted > 0;
}

static bool is_look_up_due(const struct record *record) {
    return record->look_ups.count > 0;
}

static bool is_page_due(const struct record *record) {
    return record->pages.count > 0;
}

static bool is_find_month_due(const struct record *record) {
    return record->find_month.is_open;
}

static bool is_read_month_due(const struct record *record) {
    return record->read_month.is_open;
}

static bool is_quarantine_due(const struct record *record) {
    return record->quarantine.count > 0;
}

static bool is_used_up_due(const struct record *record) {
    return record->now.us >= used_up_due(record).us;
}

static bool are_notes_due(const struct record *record) {
    return record->notes.count > 0 && record->look_ups.count == 0 && !rebuild_is_due(record);
}

/* start: false when the link broke meanwhile, and chores_lost() has been called. A rebuild ends by more than one sync,
 * and so has a word of its own. */
static const struct {
    bool (*is_due)(const struct record *record);
    bool (*start)(struct record *record);
    void (*result)(struct record *record, const PGresult *rows); /* NULL: there is none of interest */
    void (*end)(struct record *record);
} chores[CHORE_COUNT] = {
    [CHORE_PARTITIONS] = {are_partitions_due, start_partitions, NULL, end_partitions},
    [CHORE_LOOK_UP] = {is_look_up_due, look_up_start, look_up_result, look_up_end},
    [CHORE_PAGE] = {is_page_due, page_start, page_result, page_end},
    [CHORE_REBUILD] = {rebuild_is_due, rebuild_start, rebuild_result, NULL},
    [CHORE_EXPIRY] = {expiry_is_due, expiry_start, expiry_result, expiry_end},
    [CHORE_AHEAD] = {ahead_is_due, ahead_start, ahead_result, ahead_end},
    [CHORE_FIND_MONTH] = {is_find_month_due, find_month_start, find_month_result, find_month_end},
    [CHORE_READ_MONTH] = {is_read_month_due, read_month_start, read_month_result, read_month_end},
    [CHORE_QUARANTINE] = {is_quarantine_due, quarantine_start, NULL, quarantine_end},
    [CHORE_USED_UP] = {is_used_up_due, used_up_start, NULL, used_up_end},
    [CHORE_NOTES] = {are_notes_due, notes_start, NULL, notes_end},
};

void chores_next(struct record *record) {
    if (record->reader.stage != LINK_UP || record->chore != CHORE_NONE)
        return;
    for (int step = 1; step <= CHORE_COUNT; step++) {
        enum chore chore = (enum chore)(((int)record->last_chore + step) % CHORE_COUNT);
        if (!chores[chore].is_due(record))
            continue;
        record->chore = chore;
        record->last_chore = chore;
        record->has_failed = false;
        encoder_reset(&record->encoder);
        if (chores[chore].start(record))
            link_sync(&record->reader);
        return;
    }
}

void chores_result(struct record *record, PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_FATAL_ERROR && !record->has_failed) {
        record->has_failed = true;
        record->blame = row_blame(result);
        record->is_read_only = row_is_read_only(result);
        row_complaint(result, &record->failure);
    }
    if (status != PGRES_TUPLES_OK && status != PGRES_SINGLE_TUPLE)
        return;
    if (record->chore != CHORE_NONE && chores[record->chore].result != NULL)
        chores[record->chore].result(record, result);
}

void chores_end(struct record *record) {
    if (record->chore == CHORE_REBUILD)
        rebuild_end(record);
}

/* The server takes no writes any more, as one that was demoted: what is under way is asked of the next one. */
static bool leave_read_only(struct record *record) {
    if (!record->has_failed || !record->is_read_only)
        return false;
    record->has_failed = record->is_read_only = false;
    link_fail(&record->reader, record->failure.text);
    return true;
}

void chores_sync(struct record *record) {
    if (leave_read_only(record))
        return;
    bool is_over = true;
    if (record->chore == CHORE_REBUILD)
        is_over = rebuild_sync(record);
    else
        chores[record->chore].end(record);
    record->has_failed = false;
    if (!is_over)
        return;
    record->chore = CHORE_NONE;
    chores_next(record);
}

void chores_lost(struct record *record) {
    if (record->chore == CHORE_REBUILD)
        rebuild_lost(record);
    record->chore = CHORE_NONE;
    record->is_partitioned = false;
    grown_forget(&record->month_sums);
    look_up_lost(record);
    page_lost(record);
    audit_wishes_lost(record);
}

/* ---- time ---- */

void chores_up(struct record *record) {
    want_coming_months(record);
    chores_next(record);
}

void chores_tick(struct record *record) {
    notes_tick(record);
    ahead_tick(record);
    if (record->reader.stage == LINK_UP && record->now.us >= record->partitions_at.us)
        want_coming_months(record);
    chores_next(record);
}

struct tick chores_next_tick(const struct record *record) {
    struct tick next = notes_next_tick(record);
    if (record->reader.stage != LINK_UP)
        return next;
    if (record->partitions_at.us < next.us)
        next = record->partitions_at;
    if (record->options.ahead_us > 0 && record->chore == CHORE_NONE && record->ahead_at.us < next.us)
        next = record->ahead_at;
    if (record->options.expiry_us > 0 && record->chore == CHORE_NONE && record->expiry_at.us < next.us)
        next = record->expiry_at;
    if (record->chore == CHORE_NONE && used_up_due(record).us < next.us)
        next = used_up_due(record);
    return next;
}
