/* SPDX-License-Identifier: Apache-2.0 */
/* A rebuild's half in PostgreSQL (DESIGN 5):
 *
 *   lock exclusive, raise the epochs ─▶ commit ─▶ read the rows of lower epochs, organisation by organisation ─▶ told
 *
 * The locks are held for as long as raising takes, not reading. Nothing is lost by that: once the raise is committed,
 * no row of a lower epoch can go in, so the rows of lower epochs are exactly those that were there before it. A row
 * that is recorded first and counted afterwards (a reversal) carries the new epoch from then on, is left out here, and
 * is brought to the new counters by itself. */
#include "base/log.h"
#include "record/room.h"

#include <stdlib.h>
#include <string.h>

enum part { PART_SUMS, PART_RECENT, PART_REFUSALS };

void *grown_add(struct grown *grown, size_t element_size) {
    if (grown->count == grown->capacity) {
        grown->capacity = grown->capacity == 0 ? 256 : 2 * grown->capacity;
        grown->data = realloc(grown->data, grown->capacity * element_size);
        CHECK(grown->data != NULL);
    }
    return (uint8_t *)grown->data + grown->count++ * element_size;
}

void grown_forget(struct grown *grown) {
    free(grown->data);
    *grown = (struct grown){0};
}

static void forget_read(struct rebuilding *rebuilding) {
    grown_forget(&rebuilding->sums);
    grown_forget(&rebuilding->remembered);
    grown_forget(&rebuilding->reversed);
    grown_forget(&rebuilding->refused);
}

void rebuild_finish(struct record *record) {
    forget_read(&record->rebuilding);
}

/* ---- raising the epochs ---- */

static int compare_asked(const void *one, const void *other) {
    const struct rebuild *a = one, *b = other;
    if (a->organisation != b->organisation)
        return a->organisation < b->organisation ? -1 : 1;
    return (a->month.yyyymm > b->month.yyyymm) - (a->month.yyyymm < b->month.yyyymm);
}

static bool run_raise(struct record *record) {
    const struct rebuilding *rebuilding = &record->rebuilding;
    struct encoder *encoder = &record->encoder;
    encoder_reset(encoder);
    encoder_array(encoder, ELEMENT_INT4, rebuilding->count);
    for (uint32_t at = 0; at < rebuilding->count; at++)
        encoder_int4(encoder, rebuilding->asked[at].organisation);
    encoder_array(encoder, ELEMENT_INT4, rebuilding->count);
    for (uint32_t at = 0; at < rebuilding->count; at++)
        encoder_int4(encoder, rebuilding->asked[at].month.yyyymm);
    return link_run(&record->reader, STATEMENT_RAISE, encoder);
}

bool rebuild_start(struct record *record) {
    struct rebuilding *rebuilding = &record->rebuilding;
    uint64_t stripes = 0;
    rebuilding->count = record->rebuilds.count < REBUILDS_AT_ONCE ? record->rebuilds.count : REBUILDS_AT_ONCE;
    rebuilding->done = 0;
    rebuilding->part = 0;
    rebuilding->is_raised = false;
    for (uint32_t at = 0; at < rebuilding->count; at++) {
        rebuilding->asked[at] = *(const struct rebuild *)ring_at(&record->rebuilds, at);
        stripes |= UINT64_C(1) << stripe_of(rebuilding->asked[at].organisation);
    }
    qsort(rebuilding->asked, rebuilding->count, sizeof rebuilding->asked[0], compare_asked);
    encoder_reset(&record->encoder);
    encoder_stripes(&record->encoder, stripes);
    return link_run(&record->reader, STATEMENT_LOCK_EXCLUSIVE, &record->encoder) && run_raise(record);
}

static void take_epochs(struct rebuilding *rebuilding, const PGresult *rows) {
    for (int row = 0; row < PQntuples(rows); row++) {
        struct rebuild wanted = {.organisation = row_int4(rows, row, 0), .month = {row_int4(rows, row, 1)}};
        struct rebuild *asked = bsearch(&wanted, rebuilding->asked, rebuilding->count, sizeof wanted, compare_asked);
        CHECK(asked != NULL);
        asked->epoch = row_int4(rows, row, 2);
    }
}

/* ---- reading ---- */

/* The least id of a time: ids are in order of it. */
static struct request_id least_id(int64_t us) {
    struct request_id id = {0};
    uint64_t ms = us > 0 ? (uint64_t)us / 1000 : 0;
    for (int at = 0; at < 6; at++)
        id.bytes[at] = (uint8_t)(ms >> (8 * (5 - at)));
    return id;
}

static void encode_place(struct encoder *encoder, const struct rebuild *rebuild) {
    encoder_reset(encoder);
    encoder_single(encoder);
    encoder_int4(encoder, rebuild->month.yyyymm);
    encoder_single(encoder);
    encoder_int4(encoder, rebuild->organisation);
}

static bool run_reading(struct record *record, const struct rebuild *rebuild, const struct request_id *since) {
    struct encoder *encoder = &record->encoder;
    encode_place(encoder, rebuild);
    encoder_single(encoder);
    encoder_int4(encoder, rebuild->epoch);
    if (!link_run(&record->reader, STATEMENT_SUMS, encoder))
        return false;
    encoder_single(encoder);
    encoder_id(encoder, since);
    if (!link_run(&record->reader, STATEMENT_RECENT, encoder))
        return false;
    encode_place(encoder, rebuild);
    encoder_single(encoder);
    encoder_id(encoder, since);
    return link_run(&record->reader, STATEMENT_REFUSALS, encoder) && link_sync(&record->reader);
}

static void start_reading(struct record *record) {
    struct rebuilding *rebuilding = &record->rebuilding;
    struct request_id since = least_id(instant_now().us - 2 * record->options.time_window_us);
    rebuilding->is_raised = true;
    for (uint32_t at = 0; at < rebuilding->count; at++)
        if (!run_reading(record, &rebuilding->asked[at], &since))
            return;
}

struct sum sum_of_row(const PGresult *rows, int row) {
    return (struct sum){
        .kind = (enum limit_kind)row_int2(rows, row, 0),
        .id = row_int4(rows, row, 1),
        .spent_minor = row_int8(rows, row, 2),
    };
}

static void take_sums(struct rebuilding *rebuilding, const PGresult *rows) {
    for (int row = 0; row < PQntuples(rows); row++)
        *(struct sum *)grown_add(&rebuilding->sums, sizeof(struct sum)) = sum_of_row(rows, row);
}

static struct memory memory_of_row(const PGresult *rows, int row) {
    struct memory memory = {.kind = MEMORY_COUNTED, .content = row_content(rows, row, 1)};
    if (memory.content.kind == ENTRY_REVERSAL)
        memory.kind = MEMORY_REVERSED;
    else if ((row_int2(rows, row, 7) & ENTRY_PARTIAL) != 0)
        memory.approved_minor = memory.content.amount_minor;
    return memory;
}

static void take_recent(struct record *record, const PGresult *rows) {
    struct rebuilding *rebuilding = &record->rebuilding;
    for (int row = 0; row < PQntuples(rows); row++) {
        struct request_id id = row_id(rows, row, 0);
        if (!request_id_is_v7(&id)) { /* the reversal of another */
            *(struct request_id *)grown_add(&rebuilding->reversed, sizeof id) = id;
            continue;
        }
        struct remembered *remembered = grown_add(&rebuilding->remembered, sizeof *remembered);
        *remembered = (struct remembered){
            .id = id,
            .day = calendar_day(&record->calendar, request_id_time(&id)),
            .memory = memory_of_row(rows, row),
        };
    }
}

static void take_refusals(struct rebuilding *rebuilding, const PGresult *rows) {
    for (int row = 0; row < PQntuples(rows); row++) {
        if (PQgetlength(rows, row, 4) != CONTENT_SIZE)
            continue; /* not written by us */
        struct remembered *refused = grown_add(&rebuilding->refused, sizeof *refused);
        *refused = (struct remembered){
            .id = row_id(rows, row, 0),
            .day = {row_int4(rows, row, 1)},
            .memory = {.kind = MEMORY_REFUSED,
                       .reason = (enum reason)row_int2(rows, row, 2),
                       .refusing = (uint16_t)row_int2(rows, row, 3)},
        };
        memcpy(&refused->memory.content, PQgetvalue(rows, row, 4), CONTENT_SIZE);
    }
}

void rebuild_result(struct record *record, const PGresult *rows) {
    struct rebuilding *rebuilding = &record->rebuilding;
    if (!rebuilding->is_raised) {
        if (PQnfields(rows) > 0)
            take_epochs(rebuilding, rows);
        return;
    }
    switch ((enum part)rebuilding->part) {
    case PART_SUMS:
        take_sums(rebuilding, rows);
        break;
    case PART_RECENT:
        take_recent(record, rows);
        break;
    case PART_REFUSALS:
        take_refusals(rebuilding, rows);
        break;
    }
}

void rebuild_end(struct record *record) {
    struct rebuilding *rebuilding = &record->rebuilding;
    if (!rebuilding->is_raised)
        return;
    rebuilding->part++;
    if (rebuilding->part == PART_RECENT)
        link_row_by_row(&record->reader);
}

/* ---- telling ---- */

static int compare_remembered(const void *one, const void *other) {
    const struct remembered *a = one, *b = other;
    return memcmp(a->id.bytes, b->id.bytes, REQUEST_ID_SIZE);
}

static struct remembered *find_remembered(const struct grown *remembered, size_t count, const struct request_id *id) {
    struct remembered wanted = {.id = *id};
    return count == 0 ? NULL : bsearch(&wanted, remembered->data, count, sizeof wanted, compare_remembered);
}

/* Reversals say what became of the purchases; a refusal whose id has a row after all is none. */
static void combine(struct rebuilding *rebuilding) {
    struct grown *remembered = &rebuilding->remembered;
    size_t recorded = remembered->count; /* in the order of their ids */
    for (size_t at = 0; at < rebuilding->reversed.count; at++) {
        struct request_id id = ((const struct request_id *)rebuilding->reversed.data)[at];
        id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x70);
        struct remembered *purchase = find_remembered(remembered, recorded, &id);
        if (purchase != NULL)
            purchase->memory.kind = MEMORY_REVERSED;
    }
    for (size_t at = 0; at < rebuilding->refused.count; at++) {
        const struct remembered *refused = (const struct remembered *)rebuilding->refused.data + at;
        if (find_remembered(remembered, recorded, &refused->id) == NULL)
            *(struct remembered *)grown_add(remembered, sizeof *refused) = *refused;
    }
}

static void tell_sums(struct record *record, const struct rebuild *rebuild) {
    struct rebuilding *rebuilding = &record->rebuilding;
    combine(rebuilding);
    struct sums sums = {
        .organisation = rebuild->organisation,
        .month = rebuild->month,
        .epoch = rebuild->epoch,
        .sum_count = rebuilding->sums.count,
        .sums = rebuilding->sums.data,
        .remembered_count = rebuilding->remembered.count,
        .remembered = rebuilding->remembered.data,
    };
    record->options.on_sums(record->options.owner, rebuild->organisation, rebuild->month, &sums);
}

static void tell_failed(struct record *record, const struct rebuild *rebuild) {
    log_warning("record", "sums could not be read organisation=%d month=%d why=\"%s\"", rebuild->organisation,
                rebuild->month.yyyymm, record->failure.text);
    record->options.on_sums(record->options.owner, rebuild->organisation, rebuild->month, NULL);
}

/* The ring has them in the order they were asked for: the place that is told is overwritten by the first, which leaves.
 */
static void leave_ring(struct record *record, const struct rebuild *rebuild) {
    uint32_t at = 0;
    while (compare_asked(ring_at(&record->rebuilds, at), rebuild) != 0)
        at++;
    *(struct rebuild *)ring_at(&record->rebuilds, at) = *(const struct rebuild *)ring_at(&record->rebuilds, 0);
    ring_drop(&record->rebuilds, 1);
}

static void tell_next(struct record *record) {
    struct rebuilding *rebuilding = &record->rebuilding;
    struct rebuild told = rebuilding->asked[rebuilding->done++];
    leave_ring(record, &told);
    if (record->has_failed)
        tell_failed(record, &told);
    else
        tell_sums(record, &told);
    forget_read(rebuilding);
    rebuilding->part = 0;
}

bool rebuild_sync(struct record *record) {
    struct rebuilding *rebuilding = &record->rebuilding;
    if (rebuilding->is_raised) {
        tell_next(record);
    } else if (record->has_failed) {
        while (rebuilding->done < rebuilding->count)
            tell_next(record);
    } else {
        start_reading(record);
        return record->reader.stage != LINK_UP;
    }
    return rebuilding->done == rebuilding->count;
}

void rebuild_lost(struct record *record) {
    forget_read(&record->rebuilding);
}
