/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader's link does, one thing at a time and each in its turn: notes of refusals only when nothing else
 * waits. */
#include "base/log.h"
#include "record/room.h"

#include <stdio.h>

#define DAY_US (INT64_C(24) * 3600 * 1000000)
#define MINUTE_US (INT64_C(60) * 1000000)

void chores_init(struct record *record) {
    const struct record_options *options = &record->options;
    ring_init(&record->look_ups, sizeof(struct look_up), LOOK_UPS_CAPACITY);
    ring_init(&record->rebuilds, sizeof(struct rebuild), options->capacity);
    ring_init(&record->quarantine, sizeof(struct quarantined), QUARANTINE_CAPACITY);
    ring_init(&record->notes, sizeof(struct refusal_note), options->refusal_capacity);
    record->chore = CHORE_NONE;
    record->last_chore = CHORE_NOTES;
    record->notes_told_at.us = record->now.us - MINUTE_US;
}

void chores_finish(struct record *record) {
    ring_finish(&record->look_ups);
    ring_finish(&record->rebuilds);
    ring_finish(&record->quarantine);
    ring_finish(&record->notes);
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
        log_error("record", "a month's partition could not be made why=\"%s\"", record->failure.text);
    record->partitions_wanted = 0;
    record->is_held = false;
    record->is_partitioned = true;
    record_tell_up(record);
}

/* ---- look-ups ---- */

static bool start_look_up(struct record *record) {
    struct encoder *encoder = &record->encoder;
    const struct look_up *look_up = ring_at(&record->look_ups, 0);
    struct request_id mark = request_id_of_reversal(&look_up->id);
    encoder_single(encoder);
    encoder_id(encoder, &look_up->id);
    encoder_single(encoder);
    encoder_id(encoder, &mark);
    encoder_single(encoder);
    encoder_int4(encoder, look_up->month.yyyymm);
    if (look_up->organisation == 0)
        return link_run(&record->reader, STATEMENT_FIND_ANYWHERE, encoder);
    encoder_single(encoder);
    encoder_int4(encoder, look_up->organisation);
    return link_run(&record->reader, STATEMENT_FIND, encoder);
}

static void result_look_up(struct record *record, const PGresult *rows) {
    record->found = (struct found){.is_found = PQntuples(rows) > 0};
    if (!record->found.is_found)
        return;
    record->found.entry = row_entry(rows, 0);
    record->found.recorded_at = record->found.entry.appended_at;
    record->found.is_reversed = record->found.entry.kind == ENTRY_REVERSAL || row_bool(rows, 0, COLUMNS_ENTRY_COUNT);
}

static void end_look_up(struct record *record) {
    const struct look_up *look_up = ring_at(&record->look_ups, 0);
    uint64_t reply_to = look_up->reply_to;
    ring_drop(&record->look_ups, 1);
    if (record->has_failed)
        log_warning("record", "a look-up failed why=\"%s\"", record->failure.text);
    record->options.on_found(record->options.owner, reply_to, !record->has_failed, &record->found);
}

/* A person does not wait for a server to come back. */
static void lose_look_ups(struct record *record) {
    record->found = (struct found){0};
    while (record->look_ups.count > 0) {
        const struct look_up *look_up = ring_at(&record->look_ups, 0);
        uint64_t reply_to = look_up->reply_to;
        ring_drop(&record->look_ups, 1);
        record->options.on_found(record->options.owner, reply_to, false, &record->found);
    }
}

/* ---- quarantine ---- */

/* As it was sent, in characters that any encoding takes. */
static void write_visibly(char *to, size_t capacity, const char *text, size_t size) {
    size_t used = 0;
    for (size_t at = 0; at < size && text[at] != '\0' && used + 5 < capacity; at++) {
        unsigned char byte = (unsigned char)text[at];
        if (byte >= ' ' && byte < 0x7f && byte != '\\')
            to[used++] = (char)byte;
        else
            used += (size_t)snprintf(to + used, capacity - used, "\\x%02x", byte);
    }
    to[used] = '\0';
}

static void describe_append(const struct entry *entry, char *text, size_t capacity) {
    char product[4 * PRODUCT_SIZE + 2], place[4 * PLACE_SIZE + 2];
    write_visibly(product, sizeof product, entry->product.code, sizeof entry->product.code);
    write_visibly(place, sizeof place, entry->place.text, sizeof entry->place.text);
    snprintf(
        text, capacity,
        "append kind=%d amount_minor=%lld epoch=%d department=%d traveller=%d credit=%d client=%d product=%s place=%s",
        (int)entry->kind, (long long)entry->amount_minor, entry->epoch, entry->department, entry->traveller,
        entry->credit, entry->client, product, place);
}

void chores_quarantine(struct record *record, const struct item *item, const struct failure *why) {
    struct quarantined *row = ring_append(&record->quarantine);
    if (row == NULL) {
        log_error("record", "the quarantine is full; the log has what there is of the row");
        return;
    }
    row->id = item->id;
    row->month = item->month;
    row->organisation = item->organisation;
    write_visibly(row->why.text, sizeof row->why.text, why->text, sizeof why->text);
    if (item->kind == ITEM_APPEND)
        describe_append(&item->entry, row->what, sizeof row->what);
    else
        snprintf(row->what, sizeof row->what, "%s", item->kind == ITEM_CHECK ? "check" : "undo");
}

static bool start_quarantine(struct record *record) {
    struct encoder *encoder = &record->encoder;
    const struct quarantined *row = ring_at(&record->quarantine, 0);
    encoder_single(encoder);
    encoder_id(encoder, &row->id);
    encoder_single(encoder);
    encoder_int4(encoder, row->organisation);
    encoder_single(encoder);
    encoder_int4(encoder, row->month.yyyymm);
    encoder_single(encoder);
    encoder_text(encoder, row->what, sizeof row->what);
    encoder_single(encoder);
    encoder_text(encoder, row->why.text, sizeof row->why.text);
    return link_run(&record->reader, STATEMENT_QUARANTINE, encoder);
}

static void end_quarantine(struct record *record) {
    if (record->has_failed)
        log_error("record", "a row could not be quarantined why=\"%s\"", record->failure.text);
    ring_drop(&record->quarantine, 1);
}

/* ---- notes of refusals ---- */

struct note_column {
    enum element element;
    int64_t (*value)(const struct refusal_note *note);
};

static int64_t note_amount(const struct refusal_note *note) {
    return note->content.amount_minor;
}

static int64_t note_month(const struct refusal_note *note) {
    return month_of(note->day).yyyymm;
}

static int64_t note_day(const struct refusal_note *note) {
    return note->day.yyyymmdd;
}

static int64_t note_organisation(const struct refusal_note *note) {
    return note->organisation;
}

static int64_t note_traveller(const struct refusal_note *note) {
    return note->traveller;
}

static int64_t note_credit(const struct refusal_note *note) {
    return note->credit;
}

static int64_t note_client(const struct refusal_note *note) {
    return note->content.client;
}

static int64_t note_reason(const struct refusal_note *note) {
    return note->reason;
}

static int64_t note_refusing(const struct refusal_note *note) {
    return note->refusing;
}

/* Between the id and the texts, in the statement's order. */
static const struct note_column note_columns[] = {
    {ELEMENT_INT8, note_amount},       {ELEMENT_INT4, note_month},     {ELEMENT_INT4, note_day},
    {ELEMENT_INT4, note_organisation}, {ELEMENT_INT4, note_traveller}, {ELEMENT_INT4, note_credit},
    {ELEMENT_INT4, note_client},       {ELEMENT_INT2, note_reason},    {ELEMENT_INT2, note_refusing},
};

static void encode_note_numbers(struct record *record, const struct note_column *column) {
    struct encoder *encoder = &record->encoder;
    encoder_array(encoder, column->element, record->notes_taken);
    for (uint32_t at = 0; at < record->notes_taken; at++) {
        int64_t value = column->value(ring_at(&record->notes, at));
        if (column->element == ELEMENT_INT8)
            encoder_int8(encoder, value);
        else if (column->element == ELEMENT_INT4)
            encoder_int4(encoder, (int32_t)value);
        else
            encoder_int2(encoder, (int32_t)value);
    }
}

static bool start_notes(struct record *record) {
    struct encoder *encoder = &record->encoder;
    uint32_t count = record->notes.count < NOTES_AT_ONCE ? record->notes.count : NOTES_AT_ONCE;
    record->notes_taken = count;
    encoder_array(encoder, ELEMENT_UUID, count);
    for (uint32_t at = 0; at < count; at++)
        encoder_id(encoder, &((const struct refusal_note *)ring_at(&record->notes, at))->id);
    for (size_t at = 0; at < sizeof note_columns / sizeof *note_columns; at++)
        encode_note_numbers(record, &note_columns[at]);
    encoder_array(encoder, ELEMENT_TEXT, count);
    for (uint32_t at = 0; at < count; at++) {
        const struct refusal_note *note = ring_at(&record->notes, at);
        encoder_text(encoder, note->product.code, sizeof note->product.code);
    }
    encoder_array(encoder, ELEMENT_BYTEA, count);
    for (uint32_t at = 0; at < count; at++) {
        const struct refusal_note *note = ring_at(&record->notes, at);
        encoder_bytes(encoder, bytes_of(&note->content, sizeof note->content));
    }
    return link_run(&record->reader, STATEMENT_NOTE, encoder);
}

static void end_notes(struct record *record) {
    if (record->has_failed) {
        record->notes_dropped += record->notes_taken;
        log_warning("record", "refusals could not be noted why=\"%s\"", record->failure.text);
    }
    ring_drop(&record->notes, record->notes_taken);
}

/* ---- whose turn it is ---- */

static bool is_due(const struct record *record, enum chore chore) {
    switch (chore) {
    case CHORE_PARTITIONS:
        return record->partitions_wanted > 0;
    case CHORE_LOOK_UP:
        return record->look_ups.count > 0;
    case CHORE_REBUILD:
        return record->rebuilds.count > 0;
    case CHORE_QUARANTINE:
        return record->quarantine.count > 0;
    case CHORE_NOTES:
        return record->notes.count > 0 && record->look_ups.count == 0 && record->rebuilds.count == 0;
    case CHORE_COUNT:
        break;
    }
    return false;
}

/* False: the link broke meanwhile, and chores_lost() has been called. */
static bool start(struct record *record, enum chore chore) {
    encoder_reset(&record->encoder);
    switch (chore) {
    case CHORE_PARTITIONS:
        return start_partitions(record);
    case CHORE_LOOK_UP:
        return start_look_up(record);
    case CHORE_REBUILD:
        return rebuild_start(record);
    case CHORE_QUARANTINE:
        return start_quarantine(record);
    case CHORE_NOTES:
        return start_notes(record);
    case CHORE_COUNT:
        break;
    }
    return false;
}

void chores_next(struct record *record) {
    if (record->reader.stage != LINK_UP || record->chore != CHORE_NONE)
        return;
    for (int step = 1; step <= CHORE_COUNT; step++) {
        enum chore chore = (enum chore)(((int)record->last_chore + step) % CHORE_COUNT);
        if (!is_due(record, chore))
            continue;
        record->chore = chore;
        record->last_chore = chore;
        record->has_failed = false;
        if (start(record, chore))
            link_sync(&record->reader);
        return;
    }
}

void chores_result(struct record *record, PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_FATAL_ERROR && !record->has_failed) {
        record->has_failed = true;
        record->blame = row_blame(result);
        row_complaint(result, &record->failure);
    }
    if (status != PGRES_TUPLES_OK && status != PGRES_SINGLE_TUPLE)
        return;
    if (record->chore == CHORE_LOOK_UP)
        result_look_up(record, result);
    else if (record->chore == CHORE_REBUILD)
        rebuild_result(record, result);
}

void chores_end(struct record *record) {
    if (record->chore == CHORE_REBUILD)
        rebuild_end(record);
}

/* A month without a partition: the chore stays where it is and is tried again when there is one. */
static bool waits_for_partition(struct record *record) {
    if (record->chore != CHORE_NOTES || !record->has_failed || record->blame != BLAME_PARTITION ||
        record->notes_asked_partitions)
        return false;
    for (uint32_t at = 0; at < record->notes_taken; at++)
        chores_want_partition(record, month_of(((const struct refusal_note *)ring_at(&record->notes, at))->day));
    return true;
}

static bool end(struct record *record) {
    switch (record->chore) {
    case CHORE_PARTITIONS:
        end_partitions(record);
        return true;
    case CHORE_LOOK_UP:
        end_look_up(record);
        return true;
    case CHORE_REBUILD:
        return rebuild_sync(record);
    case CHORE_QUARANTINE:
        end_quarantine(record);
        return true;
    case CHORE_NOTES:
        record->notes_asked_partitions = waits_for_partition(record);
        if (!record->notes_asked_partitions)
            end_notes(record);
        return true;
    case CHORE_COUNT:
        break;
    }
    return true;
}

void chores_sync(struct record *record) {
    bool is_over = end(record);
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
    lose_look_ups(record);
}

/* ---- time ---- */

static void tell_dropped_notes(struct record *record) {
    if (record->notes_dropped == 0 || record->now.us - record->notes_told_at.us < MINUTE_US)
        return;
    log_warning("record", "refusals were not noted, too many at once dropped=%llu",
                (unsigned long long)record->notes_dropped);
    record->notes_dropped = 0;
    record->notes_told_at = record->now;
}

void chores_up(struct record *record) {
    want_coming_months(record);
    chores_next(record);
}

void chores_tick(struct record *record) {
    tell_dropped_notes(record);
    if (record->reader.stage == LINK_UP && record->now.us >= record->partitions_at.us)
        want_coming_months(record);
    chores_next(record);
}

struct tick chores_next_tick(const struct record *record) {
    struct tick next = {INT64_MAX};
    if (record->reader.stage == LINK_UP)
        next = record->partitions_at;
    if (record->notes_dropped > 0 && record->notes_told_at.us + MINUTE_US < next.us)
        next.us = record->notes_told_at.us + MINUTE_US;
    return next;
}
