/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is one transaction, sent whole:
 *
 *   lock     the fences of its organisations, shared; a statement of its own, so that the next one sees what they guard
 *   append   the rows whose epoch is still the fence's
 *   check    look up what the checks ask
 *   entomb, reverse, undone   the undos, and what became of them
 *   sync ─▶ committed
 *
 * When fewer rows went in than were sent, a second transaction confirms others' rows and asks for each id what it has.
 * When a row could not be taken, the batch waits again in halves. When the connection breaks it is sent again as it
 * was. */
#include "record/room.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of the largest statement: a row of CONFIRM or of APPEND with a group of its own, and the arrays' headers. */
#define ROW_BYTES (PRODUCT_SIZE + PLACE_SIZE + 160)
#define HEADERS_BYTES 2048

uint32_t batch_encoder_size(const struct record_options *options) {
    uint32_t rows = options->batch_capacity > NOTES_AT_ONCE ? options->batch_capacity : NOTES_AT_ONCE;
    return HEADERS_BYTES + rows * ROW_BYTES;
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
 * ids wait for each other in one direction only. */
static int compare_places(const void *one, const void *other, void *owner) {
    const struct item *items = owner;
    const struct item *a = &items[*(const uint32_t *)one], *b = &items[*(const uint32_t *)other];
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->month.yyyymm != b->month.yyyymm)
        return a->month.yyyymm < b->month.yyyymm ? -1 : 1;
    if (a->organisation != b->organisation)
        return a->organisation < b->organisation ? -1 : 1;
    return memcmp(a->id.bytes, b->id.bytes, REQUEST_ID_SIZE);
}

static void gather(struct record *record, struct batch *batch) {
    struct queue *queue = &record->queue;
    uint32_t counts[3] = {0};
    uint32_t most = record->options.batch_capacity;
    batch->count = 0;
    for (const struct item *item; (item = queue_front(queue)) != NULL; batch->count++) {
        if (item->company != 0 && item->company < most)
            most = item->company;
        if (batch->count >= most)
            break;
        counts[item->kind]++;
        batch->places[batch->count] = queue_take(queue);
    }
    batch->appends = counts[ITEM_APPEND];
    batch->checks = counts[ITEM_CHECK];
    batch->undos = counts[ITEM_UNDO];
    qsort_r(batch->places, batch->count, sizeof *batch->places, compare_places, queue->items);
    for (uint32_t at = 0; at < batch->count; at++)
        batch->outcomes[at] = (struct outcome){.owner = queue->items[batch->places[at]].owner};
}

/* ---- encoding ---- */

/* Some of a batch's items, all of one kind. */
struct range {
    const struct item *items;
    const uint32_t *places;
    uint32_t count;
};

/* A column of a statement: where an item has it. */
struct column {
    enum element element;
    size_t offset;
    size_t capacity; /* of a text */
};

#define COLUMN(element, member)                                                                                        \
    { element, offsetof(struct item, member), sizeof(((struct item *)0)->member) }

static const struct column append_columns[] = {
    COLUMN(ELEMENT_UUID, id),
    COLUMN(ELEMENT_INT8, entry.amount_minor),
    COLUMN(ELEMENT_TIME, entry.appended_at),
    COLUMN(ELEMENT_INT4, entry.traveller),
    COLUMN(ELEMENT_INT4, entry.credit),
    COLUMN(ELEMENT_INT4, entry.department),
    COLUMN(ELEMENT_INT4, entry.client),
    COLUMN(ELEMENT_INT2, entry.kind),
    COLUMN(ELEMENT_TEXT, entry.product),
    COLUMN(ELEMENT_TEXT, entry.place),
};

static const struct column place_columns[] = {
    COLUMN(ELEMENT_INT4, month),
    COLUMN(ELEMENT_INT4, organisation),
};

static const struct column entomb_columns[] = {
    COLUMN(ELEMENT_UUID, id),
    COLUMN(ELEMENT_INT4, month),
    COLUMN(ELEMENT_INT4, organisation),
    COLUMN(ELEMENT_INT4, undo.client),
};

static const struct column reverse_columns[] = {
    COLUMN(ELEMENT_INT4, undo.client),
    COLUMN(ELEMENT_TIME, undo.appended_at),
};

static const struct column confirm_columns[] = {
    COLUMN(ELEMENT_INT4, entry.client),       COLUMN(ELEMENT_TIME, entry.appended_at),
    COLUMN(ELEMENT_INT8, entry.amount_minor), COLUMN(ELEMENT_INT4, entry.credit),
    COLUMN(ELEMENT_INT2, entry.kind),         COLUMN(ELEMENT_TEXT, entry.product),
    COLUMN(ELEMENT_TEXT, entry.place),
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const struct item *item_at(const struct range *range, uint32_t at) {
    return &range->items[range->places[at]];
}

static void encode_field(struct encoder *encoder, const struct column *column, const struct item *item) {
    const char *field = (const char *)item + column->offset;
    switch (column->element) {
    case ELEMENT_INT2:
    case ELEMENT_INT4: {
        int32_t value;
        memcpy(&value, field, sizeof value);
        if (column->element == ELEMENT_INT2)
            encoder_int2(encoder, value);
        else
            encoder_int4(encoder, value);
        break;
    }
    case ELEMENT_INT8:
    case ELEMENT_TIME: {
        int64_t value;
        memcpy(&value, field, sizeof value);
        encoder_int8(encoder, column->element == ELEMENT_TIME ? value - POSTGRES_EPOCH_US : value);
        break;
    }
    case ELEMENT_UUID:
        encoder_id(encoder, (const struct request_id *)(const void *)field);
        break;
    case ELEMENT_TEXT:
        encoder_text(encoder, field, column->capacity);
        break;
    case ELEMENT_BYTEA:
        CHECK(false);
    }
}

static void encode_columns(struct encoder *encoder, const struct range *range, const struct column *columns,
                           size_t count) {
    for (const struct column *column = columns; column < columns + count; column++) {
        encoder_array(encoder, column->element, range->count);
        for (uint32_t at = 0; at < range->count; at++)
            encode_field(encoder, column, item_at(range, at));
    }
}

/* The ids under which reversals and confirmations are recorded. */
static void encode_marks(struct encoder *encoder, const struct range *range) {
    encoder_array(encoder, ELEMENT_UUID, range->count);
    for (uint32_t at = 0; at < range->count; at++) {
        struct request_id mark = request_id_of_reversal(&item_at(range, at)->id);
        encoder_id(encoder, &mark);
    }
}

static const struct column id_column[] = {COLUMN(ELEMENT_UUID, id)};

/* id[], mark[], month[], organisation[]: what most statements begin with. */
static void encode_keys(struct encoder *encoder, const struct range *range) {
    encoder_reset(encoder);
    encode_columns(encoder, range, id_column, COUNT_OF(id_column));
    encode_marks(encoder, range);
    encode_columns(encoder, range, place_columns, COUNT_OF(place_columns));
}

static void encode_stripes(struct encoder *encoder, const struct range *range) {
    uint64_t stripes = 0;
    for (uint32_t at = 0; at < range->count; at++)
        stripes |= UINT64_C(1) << stripe_of(item_at(range, at)->organisation);
    encoder_reset(encoder);
    encoder_stripes(encoder, stripes);
}

/* ---- an append's groups: runs of one organisation, month and epoch ---- */

static bool is_same_group(const struct item *one, const struct item *other) {
    return one->organisation == other->organisation && one->month.yyyymm == other->month.yyyymm &&
           one->entry.epoch == other->entry.epoch;
}

static bool begins_group(const struct range *range, uint32_t at) {
    return at == 0 || !is_same_group(item_at(range, at - 1), item_at(range, at));
}

static void encode_group_numbers(struct encoder *encoder, const struct range *range) {
    encoder_array(encoder, ELEMENT_INT4, range->count);
    int32_t group = 0;
    for (uint32_t at = 0; at < range->count; at++) {
        group += begins_group(range, at);
        encoder_int4(encoder, group);
    }
}

static void encode_group_column(struct encoder *encoder, const struct range *range, const struct column *column) {
    uint32_t groups = 0;
    for (uint32_t at = 0; at < range->count; at++)
        groups += begins_group(range, at);
    encoder_array(encoder, column->element, groups);
    for (uint32_t at = 0; at < range->count; at++)
        if (begins_group(range, at))
            encode_field(encoder, column, item_at(range, at));
}

static const struct column group_columns[] = {
    COLUMN(ELEMENT_INT4, organisation),
    COLUMN(ELEMENT_INT4, month),
    COLUMN(ELEMENT_INT4, entry.epoch),
};

static void encode_append(struct encoder *encoder, const struct range *range) {
    encoder_reset(encoder);
    encode_group_numbers(encoder, range);
    encode_columns(encoder, range, append_columns, COUNT_OF(append_columns));
    for (size_t at = 0; at < COUNT_OF(group_columns); at++)
        encode_group_column(encoder, range, &group_columns[at]);
}

/* ---- sending ---- */

static bool run_step(struct record *record, struct batch *batch, enum step step) {
    struct encoder *encoder = &record->encoder;
    struct link *link = &record->recorder;
    struct range appends = {record->queue.items, batch->places, batch->appends};
    struct range checks = {record->queue.items, batch->places + batch->appends, batch->checks};
    struct range undos = {record->queue.items, checks.places + batch->checks, batch->undos};
    struct range all = {record->queue.items, batch->places, batch->count};
    batch->steps[batch->step_count++] = step;
    switch (step) {
    case STEP_LOCK:
        encode_stripes(encoder, &all);
        return link_run(link, STATEMENT_LOCK_SHARED, encoder);
    case STEP_APPEND:
        encode_append(encoder, &appends);
        return link_run(link, batch->is_careful ? STATEMENT_APPEND_CAREFULLY : STATEMENT_APPEND, encoder);
    case STEP_CHECK:
        encode_keys(encoder, &checks);
        return link_run(link, STATEMENT_LOOK, encoder);
    case STEP_ENTOMB:
        encoder_reset(encoder);
        encode_columns(encoder, &undos, entomb_columns, COUNT_OF(entomb_columns));
        return link_run(link, STATEMENT_ENTOMB, encoder);
    case STEP_REVERSE:
        encode_keys(encoder, &undos);
        encode_columns(encoder, &undos, reverse_columns, COUNT_OF(reverse_columns));
        return link_run(link, STATEMENT_REVERSE, encoder);
    case STEP_UNDONE:
        encode_keys(encoder, &undos);
        return link_run(link, STATEMENT_LOOK, encoder);
    case STEP_CONFIRM:
        encode_keys(encoder, &appends);
        encode_columns(encoder, &appends, confirm_columns, COUNT_OF(confirm_columns));
        return link_run(link, STATEMENT_CONFIRM, encoder);
    case STEP_FOLLOW:
        encode_keys(encoder, &appends);
        return link_run(link, STATEMENT_LOOK, encoder);
    }
    return false;
}

/* The steps and the sync. When the link breaks in between, batch_lost() has put everything back already. */
static void send(struct record *record, struct batch *batch, const enum step *steps, uint32_t count) {
    batch->is_under_way = true;
    batch->has_failed = false;
    batch->step = 0;
    batch->step_count = 0;
    record->under_way[record->under_way_count++] = batch;
    for (uint32_t at = 0; at < count; at++)
        if (!run_step(record, batch, steps[at]))
            return;
    link_sync(&record->recorder);
}

static void send_batch(struct record *record, struct batch *batch) {
    enum step steps[STEPS_MAX] = {STEP_LOCK};
    uint32_t count = 1;
    if (batch->appends > 0)
        steps[count++] = STEP_APPEND;
    if (batch->checks > 0)
        steps[count++] = STEP_CHECK;
    if (batch->undos > 0) {
        steps[count++] = STEP_ENTOMB;
        steps[count++] = STEP_REVERSE;
        steps[count++] = STEP_UNDONE;
    }
    batch->appended = 0;
    batch->is_careful = record->careful_batches > 0;
    if (batch->is_careful && batch->appends > 0)
        record->careful_batches--;
    send(record, batch, steps, count);
}

void batch_send_follow_up(struct record *record, struct batch *batch) {
    static const enum step steps[] = {STEP_CONFIRM, STEP_FOLLOW};
    send(record, batch, steps, COUNT_OF(steps));
}

static struct batch *idle_batch(struct record *record) {
    for (int at = 0; at < BATCHES_UNDER_WAY; at++)
        if (!record->batches[at].is_under_way)
            return &record->batches[at];
    return NULL;
}

/* A month's partition that a batch asked for is made before anything more is sent. */
static bool may_send(const struct record *record) {
    return record->recorder.stage == LINK_UP && !record->is_held && record->queue.waiting_count > 0;
}

void batch_send_waiting(struct record *record) {
    for (struct batch *batch; may_send(record) && (batch = idle_batch(record)) != NULL;) {
        gather(record, batch);
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
