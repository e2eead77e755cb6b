/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of a batch's statements: arrays, a column each, in the order in which statements.c names them. */
#include "record/room.h"

#include <string.h>

/* A column of a statement: where an item has it. */
struct column {
    enum element element;
    size_t offset;
    size_t size; /* of a text its capacity */
};

#define COLUMN(element, member)                                                                                        \
    { element, offsetof(struct item, member), sizeof(((struct item *)0)->member) }

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static void encode_field(struct encoder *encoder, const struct column *column, const struct item *item) {
    const char *field = (const char *)item + column->offset;
    switch (column->element) {
    case ELEMENT_BOOL: {
        bool value;
        memcpy(&value, field, sizeof value);
        encoder_bool(encoder, value);
        break;
    }
    case ELEMENT_INT2:
    case ELEMENT_INT4: {
        int32_t value = 0;
        if (column->size == 1)
            value = *(const uint8_t *)field;
        else
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
        encoder_text(encoder, field, column->size);
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

static const struct column own_month_column[] = {COLUMN(ELEMENT_INT4, own)};

/* 0: it can lie nowhere but where it is to be. */
static void encode_old_months(struct encoder *encoder, const struct range *range) {
    encoder_array(encoder, ELEMENT_INT4, range->count);
    for (uint32_t at = 0; at < range->count; at++)
        encoder_int4(encoder, item_at(range, at)->is_old ? item_at(range, at)->own.yyyymm : 0);
}

/* ---- locks ---- */

void encode_stripes(struct encoder *encoder, const struct range *range) {
    uint64_t stripes = 0;
    for (uint32_t at = 0; at < range->count; at++)
        stripes |= UINT64_C(1) << stripe_of(item_at(range, at)->organisation);
    encoder_reset(encoder);
    encoder_stripes(encoder, stripes);
}

static uint32_t id_stripe(const struct request_id *id) {
    uint32_t hash = 0;
    for (int at = 0; at < REQUEST_ID_SIZE; at++)
        hash = hash * 31 + id->bytes[at];
    return hash % LOCK_ID_STRIPES;
}

/* Of what is old, in ascending order, as every batch takes them. */
void encode_id_stripes(struct encoder *encoder, const struct range *range) {
    bool is_taken[LOCK_ID_STRIPES] = {false};
    uint32_t count = 0;
    for (uint32_t at = 0; at < range->count; at++) {
        if (!item_at(range, at)->is_old)
            continue;
        bool *stripe = &is_taken[id_stripe(&item_at(range, at)->id)];
        count += !*stripe;
        *stripe = true;
    }
    encoder_reset(encoder);
    encoder_array(encoder, ELEMENT_INT4, count);
    for (int32_t stripe = 0; stripe < LOCK_ID_STRIPES; stripe++)
        if (is_taken[stripe])
            encoder_int4(encoder, stripe);
}

/* ---- appends ---- */

static bool is_same_group(const struct item *one, const struct item *other) {
    return one->organisation == other->organisation && one->month.yyyymm == other->month.yyyymm &&
           one->epoch == other->epoch;
}

bool begins_group(const struct range *range, uint32_t at) {
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

static void encode_group_columns(struct encoder *encoder, const struct range *range, const struct column *columns,
                                 size_t count) {
    uint32_t groups = 0;
    for (uint32_t at = 0; at < range->count; at++)
        groups += begins_group(range, at);
    for (const struct column *column = columns; column < columns + count; column++) {
        encoder_array(encoder, column->element, groups);
        for (uint32_t at = 0; at < range->count; at++)
            if (begins_group(range, at))
                encode_field(encoder, column, item_at(range, at));
    }
}

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
    COLUMN(ELEMENT_INT2, entry.flags),
};

/* The first two alone where a fence is asked for. */
static const struct column group_columns[] = {
    COLUMN(ELEMENT_INT4, organisation),
    COLUMN(ELEMENT_INT4, month),
    COLUMN(ELEMENT_INT4, epoch),
};

void encode_append(struct encoder *encoder, const struct range *range, bool is_old) {
    encoder_reset(encoder);
    encode_group_numbers(encoder, range);
    encode_columns(encoder, range, append_columns, COUNT_OF(append_columns));
    encode_group_columns(encoder, range, group_columns, COUNT_OF(group_columns));
    if (is_old)
        encode_old_months(encoder, range);
}

void encode_fences(struct encoder *encoder, const struct range *range) {
    encoder_reset(encoder);
    encode_group_columns(encoder, range, group_columns, 2);
}

static bool is_hold(const struct item *item) {
    return item->entry.kind == ENTRY_HOLD;
}

static const struct column hold_columns[] = {
    COLUMN(ELEMENT_UUID, id),
    COLUMN(ELEMENT_INT4, month),
    COLUMN(ELEMENT_INT4, organisation),
    COLUMN(ELEMENT_TIME, entry.expires_at),
};

void encode_holds(struct encoder *encoder, const struct range *range) {
    uint32_t holds = 0;
    for (uint32_t at = 0; at < range->count; at++)
        holds += is_hold(item_at(range, at));
    encoder_reset(encoder);
    for (size_t column = 0; column < COUNT_OF(hold_columns); column++) {
        encoder_array(encoder, hold_columns[column].element, holds);
        for (uint32_t at = 0; at < range->count; at++)
            if (is_hold(item_at(range, at)))
                encode_field(encoder, &hold_columns[column], item_at(range, at));
    }
}

/* ---- what ids have ---- */

static const struct column id_column[] = {COLUMN(ELEMENT_UUID, id)};

static const struct column place_columns[] = {
    COLUMN(ELEMENT_INT4, month),
    COLUMN(ELEMENT_INT4, organisation),
};

/* id[], the id of its reversal or confirmation[], month[], organisation[], and, of old ones, own month[] */
void encode_look(struct encoder *encoder, const struct range *range, bool is_old) {
    encoder_reset(encoder);
    encode_columns(encoder, range, id_column, COUNT_OF(id_column));
    encoder_array(encoder, ELEMENT_UUID, range->count);
    for (uint32_t at = 0; at < range->count; at++) {
        struct request_id mark = request_id_of_reversal(&item_at(range, at)->id);
        encoder_id(encoder, &mark);
    }
    encode_columns(encoder, range, place_columns, COUNT_OF(place_columns));
    if (is_old)
        encode_columns(encoder, range, own_month_column, COUNT_OF(own_month_column));
}

static const struct column confirm_columns[] = {
    COLUMN(ELEMENT_INT4, entry.client),       COLUMN(ELEMENT_TIME, entry.appended_at),
    COLUMN(ELEMENT_INT8, entry.amount_minor), COLUMN(ELEMENT_INT4, entry.credit),
    COLUMN(ELEMENT_INT2, entry.kind),         COLUMN(ELEMENT_TEXT, entry.product),
    COLUMN(ELEMENT_TEXT, entry.place),
};

void encode_confirm(struct encoder *encoder, const struct range *range, bool is_old) {
    encode_look(encoder, range, false);
    encode_columns(encoder, range, confirm_columns, COUNT_OF(confirm_columns));
    if (is_old)
        encode_columns(encoder, range, own_month_column, COUNT_OF(own_month_column));
}

/* ---- settlements and undos ---- */

static const struct column settle_columns[] = {
    COLUMN(ELEMENT_INT2, settlement.kind),
    COLUMN(ELEMENT_UUID, settlement.id),
    COLUMN(ELEMENT_INT4, own),
    COLUMN(ELEMENT_UUID, id),
    COLUMN(ELEMENT_INT4, month),
    COLUMN(ELEMENT_INT4, organisation),
    COLUMN(ELEMENT_INT4, settlement.client),
    COLUMN(ELEMENT_BOOL, settlement.is_any_clients),
    COLUMN(ELEMENT_INT8, settlement.amount_minor),
    COLUMN(ELEMENT_BOOL, settlement.is_final),
    COLUMN(ELEMENT_INT4, settlement.open_month),
    COLUMN(ELEMENT_INT4, settlement.charged_month),
    COLUMN(ELEMENT_TIME, settlement.appended_at),
};

void encode_settle(struct encoder *encoder, const struct range *range) {
    encoder_reset(encoder);
    encode_columns(encoder, range, settle_columns, COUNT_OF(settle_columns));
}
