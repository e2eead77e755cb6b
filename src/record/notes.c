/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals go on record for statistics, and so that a rebuild remembers them; of a credit that is used up the block
 * list learns (DOMAIN F5). */
#include "base/log.h"
#include "record/room.h"

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)

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

bool notes_start(struct record *record) {
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

/* A month without a partition: the notes stay where they are and are tried again when there is one. */
static bool waits_for_partition(struct record *record) {
    if (!record->has_failed || record->blame != BLAME_PARTITION || record->notes_asked_partitions)
        return false;
    for (uint32_t at = 0; at < record->notes_taken; at++)
        chores_want_partition(record, month_of(((const struct refusal_note *)ring_at(&record->notes, at))->day));
    return true;
}

static void drop(struct record *record, uint32_t count) {
    record->notes_dropped += count;
    record->facts.notes_dropped += count;
}

void notes_end(struct record *record) {
    record->notes_asked_partitions = waits_for_partition(record);
    if (record->notes_asked_partitions)
        return;
    if (record->has_failed) {
        drop(record, record->notes_taken);
        log_warning("record", "refusals could not be noted why=%s", record->failure.text);
    }
    ring_drop(&record->notes, record->notes_taken);
}

void notes_tick(struct record *record) {
    if (record->notes_dropped == 0 || record->now.us - record->notes_told_at.us < MINUTE_US)
        return;
    log_warning("record", "refusals were not noted, too many at once dropped=%llu",
                (unsigned long long)record->notes_dropped);
    record->notes_dropped = 0;
    record->notes_told_at = record->now;
}

struct tick notes_next_tick(const struct record *record) {
    return (struct tick){record->notes_dropped > 0 ? record->notes_told_at.us + MINUTE_US : INT64_MAX};
}

/* ---- credits that are used up ---- */

/* To look is to add up what a credit bought. Who suspects asks once a minute, for a refusal says only that something
 * did not fit; after something was freed it is a second from the end of one look to the next. */
static uint32_t slot_of(const struct suspect *suspect) {
    return (2 * (uint32_t)suspect->credit + suspect->is_freed) % SUSPECTS_CAPACITY;
}

static bool is_same(const struct suspect *one, const struct suspect *other) {
    return one->credit == other->credit && one->month.yyyymm == other->month.yyyymm && one->is_freed == other->is_freed;
}

static void suspect_credit(struct record *record, const struct refusal_note *note) {
    struct suspect suspect = {.credit = note->credit, .month = month_of(note->day), .since = record->now};
    struct suspect *known = &record->suspects[slot_of(&suspect)];
    if (is_same(known, &suspect) && record->now.us - known->since.us < MINUTE_US)
        return;
    struct suspect *place = ring_append(&record->used_up);
    if (place == NULL)
        return; /* its next refusal asks again */
    *place = *known = suspect;
}

/* A look that is under way may have begun before. */
static bool is_waiting(const struct record *record, const struct suspect *suspect) {
    for (uint32_t at = record->chore == CHORE_USED_UP ? 1 : 0; at < record->used_up.count; at++)
        if (is_same(ring_at(&record->used_up, at), suspect))
            return true;
    return false;
}

/* One that waits sees all that was freed before it is sent. What is lost here, or with the node, stays on the list
 * until something more is freed, or the month ends. */
void used_up_freed(struct record *record, int32_t credit, struct month month) {
    struct suspect suspect = {.credit = credit, .month = month, .is_freed = true};
    if (!record->options.notes_used_up || is_waiting(record, &suspect))
        return;
    struct suspect *place = ring_append(&record->used_up);
    if (place != NULL)
        *place = suspect;
}

static struct tick due_of(const struct record *record, const struct suspect *suspect) {
    const struct suspect *known = &record->suspects[slot_of(suspect)];
    struct tick again = {known->since.us + SECOND_US};
    return suspect->is_freed && is_same(known, suspect) && again.us > record->now.us ? again : record->now;
}

/* The first that is due, or will be; who must wait holds up nobody. There is one. */
static struct suspect *next_suspect(const struct record *record) {
    struct suspect *next = ring_at(&record->used_up, 0);
    for (uint32_t at = 1; at < record->used_up.count; at++) {
        struct suspect *other = ring_at(&record->used_up, at);
        if (due_of(record, other).us < due_of(record, next).us)
            next = other;
    }
    return next;
}

struct tick used_up_due(const struct record *record) {
    if (record->used_up.count == 0)
        return (struct tick){INT64_MAX};
    return due_of(record, next_suspect(record));
}

bool used_up_start(struct record *record) {
    struct encoder *encoder = &record->encoder;
    struct suspect *first = ring_at(&record->used_up, 0), *next = next_suspect(record), suspect = *next;
    *next = *first;
    *first = suspect;
    encoder_single(encoder);
    encoder_int4(encoder, suspect.credit);
    encoder_single(encoder);
    encoder_int4(encoder, suspect.month.yyyymm);
    encoder_single(encoder);
    encoder_time(encoder, calendar_month_begins(month_after(suspect.month)));
    encoder_single(encoder);
    encoder_bool(encoder, suspect.is_freed);
    return link_run(&record->reader, STATEMENT_USED_UP, encoder);
}

void used_up_end(struct record *record) {
    if (record->has_failed)
        log_warning("record", "a credit that may be used up could not be looked at why=%s", record->failure.text);
    struct suspect *suspect = ring_at(&record->used_up, 0);
    suspect->since = record->now;
    if (suspect->is_freed)
        record->suspects[slot_of(suspect)] = *suspect;
    ring_drop(&record->used_up, 1);
}

void record_note_refusal(struct record *record, const struct refusal_note *note) {
    if (record->options.notes_used_up && note->reason == REASON_CREDIT_LIMIT)
        suspect_credit(record, note);
    struct refusal_note *place = ring_append(&record->notes);
    if (place == NULL)
        drop(record, 1);
    else
        *place = *note;
}
