/* SPDX-License-Identifier: Apache-2.0 */
/* calls: questions as calls of vaxel.lua's functions, whose comments say what they take. */
#include "limits/internal.h"

#include <string.h>

/* What a call and each of its questions take at most, so that room is asked for once. */
#define CALL_SIZE 512
#define QUESTION_SIZE 384
_Static_assert(CALL_SIZE + GROUP_MAX * QUESTION_SIZE <= LIMITS_OUTPUT_MIN, "any call fits an empty output");
_Static_assert(GROUP_MAX *LIMITS_CAPACITY < PLACES_SIZE, "all counters of a call have a place");

/* Kinds of item, as in vaxel.lua. */
enum item { ITEM_AUTHORIZE = 0, ITEM_REFUSE = 1, ITEM_RECALL = 2, ITEM_SPENT = 3 };

/* Where a field stands in what vaxel_authorize reads: after p, e and x, and counted from one. */
#define FIRST_PLACE 4

static void put_bytes(struct writer *writer, const void *data, size_t size) {
    write_raw(writer, data, size);
}

/* Redis reads little-endian, and counts in doubles, which hold every amount exactly. */
static void put_double(struct writer *writer, int64_t number) {
    double value = (double)number;
    put_bytes(writer, &value, sizeof value);
}

static void write_function(struct writer *writer, const char *function, const struct question *question,
                           size_t argument_count) {
    struct name month = name_month(question->organisation, month_of(question->day));
    struct name day = name_day(question->organisation, question->day);
    write_array(writer, 5 + argument_count);
    write_text(writer, "FCALL");
    write_text(writer, function);
    write_text(writer, "2");
    write_name(writer, &month);
    write_name(writer, &day);
}

static void write_field(struct writer *writer, enum limit_kind kind, int32_t id) {
    char field[FIELD_SIZE];
    write_bulk(writer, field, name_field(field, kind, id));
}

static void write_fields(struct writer *writer, const struct question *question) {
    for (uint8_t i = 0; i < question->limit_count; i++)
        write_field(writer, question->limits[i].kind, question->limits[i].id);
}

static void write_undo(struct writer *writer, const char *identity, const struct question *question) {
    write_function(writer, "vaxel_undo", question, 6u + question->limit_count);
    write_text(writer, identity);
    write_number(writer, question->floor_epoch);
    write_bulk(writer, question->id.bytes, REQUEST_ID_SIZE);
    write_bulk(writer, &question->content, CONTENT_SIZE);
    write_number(writer, question->amount_minor);
    write_text(writer, question->was_recorded ? "1" : "0");
    write_fields(writer, question);
}

static void write_one(struct writer *writer, const char *identity, const struct question *question) {
    write_function(writer, "vaxel_authorize_one", question, 4u + question->limit_count);
    write_text(writer, identity);
    write_bulk_header(writer, 8 * (2u + question->limit_count));
    put_double(writer, question->floor_epoch);
    put_double(writer, question->amount_minor);
    for (uint8_t i = 0; i < question->limit_count; i++)
        put_double(writer, question->limits[i].ceiling_minor);
    put_bytes(writer, "\r\n", 2);
    write_bulk(writer, question->id.bytes, REQUEST_ID_SIZE);
    write_bulk(writer, &question->content, CONTENT_SIZE);
    write_fields(writer, question);
}

/* ---- a group ---- */

/* The counters of a group, each once; and for each question's limits the places of theirs. */
struct fields {
    uint32_t count;
    uint32_t limit_count;
    int32_t floor_epoch;
    struct {
        enum limit_kind kind;
        int32_t id;
    } each[GROUP_MAX * LIMITS_CAPACITY];
    uint16_t places[GROUP_MAX * LIMITS_CAPACITY];
};

static struct place_of_field *find_place(struct limits *limits, enum limit_kind kind, int32_t id) {
    uint64_t mixed = ((uint64_t)kind << 32 | (uint32_t)id) * UINT64_C(0x9E3779B97F4A7C15);
    for (uint32_t at = (uint32_t)(mixed >> 40);; at++) {
        struct place_of_field *place = &limits->places[at & (PLACES_SIZE - 1)];
        if (place->generation != limits->generation || (place->kind == kind && place->id == id))
            return place;
    }
}

static uint16_t place_of(struct limits *limits, struct fields *fields, const struct limit *limit) {
    int32_t id = limit->kind == LIMIT_ORGANISATION ? 0 : limit->id;
    struct place_of_field *place = find_place(limits, limit->kind, id);
    if (place->generation != limits->generation) {
        *place = (struct place_of_field){limits->generation, limit->kind, id, (uint16_t)(FIRST_PLACE + fields->count)};
        fields->each[fields->count].kind = limit->kind;
        fields->each[fields->count].id = id;
        fields->count++;
    }
    return place->place;
}

static void gather_fields(struct limits *limits, const struct group *group, struct fields *fields) {
    fields->count = fields->limit_count = 0;
    fields->floor_epoch = 0;
    /* After four thousand million calls a generation comes again; what is left of the first must not be taken for it.
     */
    if (++limits->generation == 0) {
        memset(limits->places, 0, sizeof limits->places);
        limits->generation = 1;
    }
    for (uint32_t at = group->first; at != NOBODY; at = limits->nodes[at].next) {
        const struct question *question = &limits->nodes[at].question;
        /* The highest floor is known to all of them by now. */
        if (question->floor_epoch > fields->floor_epoch)
            fields->floor_epoch = question->floor_epoch;
        for (uint8_t i = 0; i < question->limit_count; i++)
            fields->places[fields->limit_count++] = place_of(limits, fields, &question->limits[i]);
    }
}

static enum item item_of(const struct question *question) {
    switch (question->kind) {
    case QUESTION_AUTHORIZE:
        return question->refusal == REASON_UNSPECIFIED ? ITEM_AUTHORIZE : ITEM_REFUSE;
    case QUESTION_RECALL:
        return ITEM_RECALL;
    case QUESTION_SPENT:
        return ITEM_SPENT;
    case QUESTION_UNDO:
    case QUESTION_APPLY:
        break;
    }
    CHECK(!"an undo goes alone");
    return ITEM_SPENT;
}

static void put_item(struct writer *writer, const struct question *question, const uint16_t *places) {
    const uint8_t head[3] = {(uint8_t)item_of(question), question->limit_count, (uint8_t)question->refusal};
    put_bytes(writer, head, sizeof head);
    put_double(writer, question->amount_minor);
    for (uint8_t i = 0; i < question->limit_count; i++) {
        put_bytes(writer, &places[i], sizeof places[i]);
        put_double(writer, question->limits[i].ceiling_minor);
    }
}

static void write_packed(struct writer *writer, const struct limits *limits, const struct group *group,
                         const struct fields *fields) {
    const struct {
        int32_t floor_epoch;
        uint16_t field_count, item_count;
    } head = {fields->floor_epoch, (uint16_t)fields->count, (uint16_t)group->count};
    write_bulk_header(writer, sizeof head + 11u * group->count + 10u * fields->limit_count);
    put_bytes(writer, &head, sizeof head);
    const uint16_t *places = fields->places;
    for (uint32_t at = group->first; at != NOBODY; at = limits->nodes[at].next) {
        const struct question *question = &limits->nodes[at].question;
        put_item(writer, question, places);
        places += question->limit_count;
    }
    put_bytes(writer, "\r\n", 2);
}

static void write_group(struct writer *writer, struct limits *limits, const struct group *group) {
    struct fields fields;
    gather_fields(limits, group, &fields);
    write_function(writer, "vaxel_authorize", &limits->nodes[group->first].question,
                   2u + fields.count + 2u * group->count);
    write_text(writer, limits->identity);
    write_packed(writer, limits, group, &fields);
    for (uint32_t i = 0; i < fields.count; i++)
        write_field(writer, fields.each[i].kind, fields.each[i].id);
    for (uint32_t at = group->first; at != NOBODY; at = limits->nodes[at].next) {
        const struct question *question = &limits->nodes[at].question;
        write_bulk(writer, question->id.bytes, question->kind == QUESTION_SPENT ? 0 : REQUEST_ID_SIZE);
    }
    for (uint32_t at = group->first; at != NOBODY; at = limits->nodes[at].next) {
        const struct question *question = &limits->nodes[at].question;
        write_bulk(writer, &question->content, question->kind == QUESTION_AUTHORIZE ? CONTENT_SIZE : 0);
    }
}

bool call_format_group(struct limits *limits, const struct group *group, struct buffer *output) {
    if (buffer_room(output) < CALL_SIZE + group->count * QUESTION_SIZE)
        return false;
    struct writer writer = {output->data + output->size, output->data + output->capacity};
    const struct question *first = &limits->nodes[group->first].question;
    if (group->is_undo)
        write_undo(&writer, limits->identity, first);
    else if (group->count == 1 && item_of(first) == ITEM_AUTHORIZE && first->limit_count > 0)
        write_one(&writer, limits->identity, first);
    else
        write_group(&writer, limits, group);
    output->size = (size_t)(writer.at - output->data);
    return true;
}
