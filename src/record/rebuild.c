/* SPDX-License-Identifier: Apache-2.0 */
/* A rebuild's half in PostgreSQL (DESIGN 5), for all organisations of a month that wait for one:
 *
 *   lock exclusive, raise the epochs ─▶ commit ─▶ read the sums of lower epochs, of all ─▶ read what is remembered,
 *                                                  organisation by organisation, each told as soon as it is read
 *
 * The locks are held for as long as raising takes, not reading. Nothing is lost by that: once the raise is committed,
 * no row of a lower epoch can go in, so the rows of lower epochs are exactly those that were there before it. A row
 * that is recorded first and counted afterwards (a reversal) carries the new epoch from then on, is left out here, and
 * is brought to the new counters by itself. Sums come from what is rolled up and the rows behind it; for the audit,
 * which found them wrong, from the rows alone (sql/0008_roll_up.sql). */
#include "base/log.h"
#include "record/room.h"

#include <stdlib.h>
#include <string.h>

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

void rebuild_init(struct record *record) {
    struct rebuilding *rebuilding = &record->rebuilding;
    uint32_t capacity = record->options.capacity;
    rebuilding->capacity = capacity < REBUILDS_AT_ONCE ? capacity : REBUILDS_AT_ONCE;
    rebuilding->asked = calloc(rebuilding->capacity, sizeof *rebuilding->asked);
    CHECK(rebuilding->asked != NULL);
}

static void forget_read(struct rebuilding *rebuilding) {
    grown_forget(&rebuilding->sums);
    grown_forget(&rebuilding->remembered);
    grown_forget(&rebuilding->reversed);
    grown_forget(&rebuilding->refused);
}

void rebuild_finish(struct record *record) {
    forget_read(&record->rebuilding);
    free(record->rebuilding.asked);
}

bool rebuild_is_due(const struct record *record) {
    return record->rebuilds.count > 0 || record->rebuilding.done < record->rebuilding.count;
}

/* ---- who is rebuilt together ---- */

static int compare_asked(const void *one, const void *other) {
    const struct rebuild *a = one, *b = other;
    return (a->organisation > b->organisation) - (a->organisation < b->organisation);
}

static bool goes_with(const struct rebuild *rebuild, const struct rebuild *first) {
    return rebuild->month.yyyymm == first->month.yyyymm && rebuild->from_rows == first->from_rows;
}

/* Those of the first one's month; the others wait on, in their order. */
static void gather(struct record *record) {
    struct rebuilding *rebuilding = &record->rebuilding;
    const struct rebuild first = *(const struct rebuild *)ring_at(&record->rebuilds, 0);
    rebuilding->count = 0;
    for (uint32_t left = record->rebuilds.count; left > 0; left--) {
        const struct rebuild next = *(const struct rebuild *)ring_at(&record->rebuilds, 0);
        ring_drop(&record->rebuilds, 1);
        bool is_taken = goes_with(&next, &first) && rebuilding->count < rebuilding->capacity;
        struct rebuild *place =
            is_taken ? &rebuilding->asked[rebuilding->count++] : (struct rebuild *)ring_append(&record->rebuilds);
        *place = next;
    }
    qsort(rebuilding->asked, rebuilding->count, sizeof rebuilding->asked[0], compare_asked);
}

/* What was under way when the link broke, and was not told. */
static void take_up_again(struct rebuilding *rebuilding) {
    rebuilding->count -= rebuilding->done;
    memmove(rebuilding->asked, rebuilding->asked + rebuilding->done, rebuilding->count * sizeof *rebuilding->asked);
    for (uint32_t at = 0; at < rebuilding->count; at++)
        rebuilding->asked[at].sum_count = 0;
}

/* ---- raising the epochs ---- */

static void encode_organisations(struct encoder *encoder, const struct rebuilding *rebuilding) {
    encoder_array(encoder, ELEMENT_INT4, rebuilding->count);
    for (uint32_t at = 0; at < rebuilding->count; at++)
        encoder_int4(encoder, rebuilding->asked[at].organisation);
}

static void encode_month(struct encoder *encoder, const struct rebuilding *rebuilding) {
    encoder_reset(encoder);
    encoder_single(encoder);
    encoder_int4(encoder, rebuilding->asked[0].month.yyyymm);
}

static bool run_lock(struct record *record) {
    const struct rebuilding *rebuilding = &record->rebuilding;
    uint64_t stripes = 0;
    for (uint32_t at = 0; at < rebuilding->count; at++)
        stripes |= UINT64_C(1) << stripe_of(rebuilding->asked[at].organisation);
    encoder_reset(&record->encoder);
    encoder_stripes(&record->encoder, stripes);
    return link_run(&record->reader, STATEMENT_LOCK_EXCLUSIVE, &record->encoder);
}

bool rebuild_start(struct record *record) {
    struct rebuilding *rebuilding = &record->rebuilding;
    if (rebuilding->done < rebuilding->count)
        take_up_again(rebuilding);
    else
        gather(record);
    rebuilding->done = 0;
    rebuilding->filled = 0;
    rebuilding->part = PART_EPOCHS;
    if (!run_lock(record))
        return false;
    encode_month(&record->encoder, rebuilding);
    encode_organisations(&record->encoder, rebuilding);
    return link_run(&record->reader, STATEMENT_RAISE, &record->encoder);
}

static void take_epochs(struct rebuilding *rebuilding, const PGresult *rows) {
    for (int row = 0; row < PQntuples(rows); row++) {
        struct rebuild wanted = {.organisation = row_int4(rows, row, 0)};
        struct rebuild *asked = bsearch(&wanted, rebuilding->asked, rebuilding->count, sizeof wanted, compare_asked);
        CHECK(asked != NULL);
        asked->epoch = row_int4(rows, row, 1);
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

static void encode_asked(struct encoder *encoder, const struct rebuilding *rebuilding) {
    encode_month(encoder, rebuilding);
    encode_organisations(encoder, rebuilding);
    encoder_array(encoder, ELEMENT_INT4, rebuilding->count);
    for (uint32_t at = 0; at < rebuilding->count; at++)
        encoder_int4(encoder, rebuilding->asked[at].epoch);
}

static bool run_mend(struct record *record) {
    encode_month(&record->encoder, &record->rebuilding);
    encode_organisations(&record->encoder, &record->rebuilding);
    return link_run(&record->reader, STATEMENT_MEND, &record->encoder);
}

static void start_reading(struct record *record) {
    struct rebuilding *rebuilding = &record->rebuilding;
    struct encoder *encoder = &record->encoder;
    struct request_id since = least_id(instant_now().us - 2 * record->options.time_window_us);
    bool from_rows = rebuilding->asked[0].from_rows;
    rebuilding->part = from_rows ? PART_MEND : PART_SUMS;
    if (from_rows && !run_mend(record))
        return;
    encode_asked(encoder, rebuilding);
    encoder_single(encoder);
    encoder_bool(encoder, from_rows);
    if (!link_run(&record->reader, STATEMENT_SUMS, encoder))
        return;
    encode_asked(encoder, rebuilding);
    encoder_single(encoder);
    encoder_id(encoder, &since);
    if (link_run(&record->reader, STATEMENT_MEMORIES, encoder))
        link_sync(&record->reader);
}

/* They come in the order of the organisations, and each has one at least. */
static void take_sums(struct rebuilding *rebuilding, const PGresult *rows) {
    for (int row = 0; row < PQntuples(rows); row++) {
        int32_t organisation = row_int4(rows, row, 0);
        while (rebuilding->asked[rebuilding->filled].organisation != organisation)
            CHECK(++rebuilding->filled < rebuilding->count);
        struct rebuild *asked = &rebuilding->asked[rebuilding->filled];
        if (asked->sum_count++ == 0)
            asked->first_sum = rebuilding->sums.count;
        *(struct sum *)grown_add(&rebuilding->sums, sizeof(struct sum)) = row_sum(rows, row, 1);
    }
}

enum column {
    COLUMN_NUMBER,
    COLUMN_IS_REFUSAL,
    COLUMN_ID,
    COLUMN_CONTENT, /* six of them; a refusal's first is its reason, and the others say nothing */
    COLUMN_ENTRY_FLAGS = COLUMN_CONTENT + 6,
    COLUMN_REFUSING = COLUMN_ENTRY_FLAGS,
    COLUMN_DAY,
    COLUMN_CONTENT_BYTES,
};

static struct memory memory_of_row(const PGresult *rows, int row) {
    struct memory memory = {.kind = MEMORY_COUNTED, .content = row_content(rows, row, COLUMN_CONTENT)};
    if (memory.content.kind == ENTRY_REVERSAL)
        memory.kind = MEMORY_REVERSED;
    else if ((row_int2(rows, row, COLUMN_ENTRY_FLAGS) & ENTRY_PARTIAL) != 0)
        memory.approved_minor = memory.content.amount_minor;
    return memory;
}

static void take_recent(struct record *record, const PGresult *rows, int row) {
    struct rebuilding *rebuilding = &record->rebuilding;
    struct request_id id = row_id(rows, row, COLUMN_ID);
    if (!request_id_is_v7(&id)) { /* the reversal of another */
        *(struct request_id *)grown_add(&rebuilding->reversed, sizeof id) = id;
        return;
    }
    struct remembered *remembered = grown_add(&rebuilding->remembered, sizeof *remembered);
    *remembered = (struct remembered){
        .id = id,
        .day = calendar_day(&record->calendar, request_id_time(&id)),
        .memory = memory_of_row(rows, row),
    };
}

static void take_refusal(struct rebuilding *rebuilding, const PGresult *rows, int row) {
    if (PQgetlength(rows, row, COLUMN_CONTENT_BYTES) != CONTENT_SIZE)
        return; /* not written by us */
    struct remembered *refused = grown_add(&rebuilding->refused, sizeof *refused);
    *refused = (struct remembered){
        .id = row_id(rows, row, COLUMN_ID),
        .day = {row_int4(rows, row, COLUMN_DAY)},
        .memory = {.kind = MEMORY_REFUSED,
                   .reason = (enum reason)row_int2(rows, row, COLUMN_CONTENT),
                   .refusing = (uint16_t)row_int2(rows, row, COLUMN_REFUSING)},
    };
    memcpy(&refused->memory.content, PQgetvalue(rows, row, COLUMN_CONTENT_BYTES), CONTENT_SIZE);
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
        .sum_count = rebuild->sum_count,
        .sums = (const struct sum *)rebuilding->sums.data + rebuild->first_sum,
        .remembered_count = rebuilding->remembered.count,
        .remembered = rebuilding->remembered.data,
    };
    record->options.on_sums(record->options.owner, rebuild->organisation, rebuild->month, &sums);
}

static void tell_failed(struct record *record, const struct rebuild *rebuild) {
    log_warning("record", "sums could not be read organisation=%d month=%d why=%s", rebuild->organisation,
                rebuild->month.yyyymm, record->failure.text);
    record->options.on_sums(record->options.owner, rebuild->organisation, rebuild->month, NULL);
}

static void tell_next(struct record *record) {
    struct rebuilding *rebuilding = &record->rebuilding;
    const struct rebuild *told = &rebuilding->asked[rebuilding->done++];
    if (record->has_failed)
        tell_failed(record, told);
    else
        tell_sums(record, told);
    rebuilding->remembered.count = rebuilding->reversed.count = rebuilding->refused.count = 0;
}

static void tell_all(struct record *record) {
    while (record->rebuilding.done < record->rebuilding.count)
        tell_next(record);
    forget_read(&record->rebuilding);
}

/* What comes for an organisation says that those before it are complete. */
static void take_memories(struct record *record, const PGresult *rows) {
    struct rebuilding *rebuilding = &record->rebuilding;
    for (int row = 0; row < PQntuples(rows); row++) {
        uint32_t number = (uint32_t)row_int4(rows, row, COLUMN_NUMBER);
        CHECK(number > rebuilding->done && number <= rebuilding->count);
        while (rebuilding->done < number - 1)
            tell_next(record);
        if (row_bool(rows, row, COLUMN_IS_REFUSAL))
            take_refusal(rebuilding, rows, row);
        else
            take_recent(record, rows, row);
    }
}

/* ---- what comes ---- */

void rebuild_result(struct record *record, const PGresult *rows) {
    struct rebuilding *rebuilding = &record->rebuilding;
    switch (rebuilding->part) {
    case PART_EPOCHS:
        if (PQnfields(rows) > 0)
            take_epochs(rebuilding, rows);
        break;
    case PART_MEND:
        break;
    case PART_SUMS:
        take_sums(rebuilding, rows);
        break;
    case PART_MEMORIES:
        take_memories(record, rows);
        break;
    }
}

/* Row by row, so that what is not told yet is held here alone, in as little as it takes. */
void rebuild_end(struct record *record) {
    struct rebuilding *rebuilding = &record->rebuilding;
    if (rebuilding->part == PART_EPOCHS || rebuilding->part == PART_MEMORIES)
        return;
    rebuilding->part++;
    link_row_by_row(&record->reader);
}

bool rebuild_sync(struct record *record) {
    if (record->rebuilding.part == PART_EPOCHS && !record->has_failed) {
        start_reading(record);
        return record->reader.stage != LINK_UP;
    }
    tell_all(record);
    return true;
}

void rebuild_lost(struct record *record) {
    forget_read(&record->rebuilding);
}
