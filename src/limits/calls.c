/* SPDX-License-Identifier: Apache-2.0 */
/* calls: questions as calls of vaxel.lua's functions, whose comments say what they take. */
#include "limits/internal.h"

#include <string.h>

/* What each group of a call and each of its questions take at most, so that room is asked for once. */
#define GROUP_SIZE 512
#define QUESTION_SIZE 416
_Static_assert(GROUPS_OF_CALL *GROUP_SIZE + GROUP_MAX * QUESTION_SIZE <= LIMITS_OUTPUT_MIN,
               "any call fits an empty output");
_Static_assert(FIELDS_CAPACITY < PLACES_SIZE, "all fields of a call have a place");

/* What is the same of all calls of one group: two keys and one argument follow. */
#define CALL_HEAD "*6\r\n$5\r\nFCALL\r\n$12\r\nvaxel_decide\r\n$1\r\n2\r\n"

/* Kinds of item, as in vaxel.lua. */
enum item {
    ITEM_AUTHORIZE = 0,
    ITEM_REFUSE = 1,
    ITEM_RECALL = 2,
    ITEM_SPENT = 3,
    ITEM_SPECIAL = 4,
    ITEM_UNDO = 5,
    ITEM_APPLY = 6,
};

/* Where a field stands in what vaxel_decide reads: after the head, and counted from one. */
#define FIRST_PLACE 2

static void put_bytes(struct writer *writer, const void *data, size_t size) {
    write_raw(writer, data, size);
}

/* Redis reads little-endian, and counts in doubles, which hold every amount exactly. */
static void put_double(struct writer *writer, int64_t number) {
    double value = (double)number;
    put_bytes(writer, &value, sizeof value);
}

/* The fields of a group, each once, and for each question the places of its limits' and, with a window, of its
 * credit's last purchase. */
struct fields {
    uint32_t count;
    uint32_t place_count;
    size_t packed_size; /* of all fields, ids and items */
    int32_t floor_epoch;
    struct {
        uint8_t size;
        char text[FIELD_SIZE];
    } each[FIELDS_CAPACITY];
    uint16_t places[FIELDS_CAPACITY];
};

static struct place_of_field *find_place(struct limits *limits, enum limit_kind kind, int32_t id) {
    uint64_t mixed = ((uint64_t)kind << 32 | (uint32_t)id) * UINT64_C(0x9E3779B97F4A7C15);
    for (uint32_t at = (uint32_t)(mixed >> 40);; at++) {
        struct place_of_field *place = &limits->places[at & (PLACES_SIZE - 1)];
        if (place->generation != limits->generation || (place->kind == kind && place->id == id))
            return place;
    }
}

static void gather_field(struct limits *limits, struct fields *fields, enum limit_kind kind, int32_t id) {
    struct place_of_field *place = find_place(limits, kind, id);
    if (place->generation != limits->generation) {
        *place = (struct place_of_field){limits->generation, kind, id, (uint16_t)(FIRST_PLACE + fields->count)};
        size_t size = name_field(fields->each[fields->count].text, kind, id);
        fields->each[fields->count++].size = (uint8_t)size;
        fields->packed_size += 1 + size;
    }
    fields->places[fields->place_count++] = place->place;
}

static enum item item_of(const struct question *question) {
    switch (question->kind) {
    case QUESTION_AUTHORIZE:
        if (question->refusal != REASON_UNSPECIFIED)
            return ITEM_REFUSE;
        return question->allows_partial || question->tap_window_us > 0 ? ITEM_SPECIAL : ITEM_AUTHORIZE;
    case QUESTION_RECALL:
        return ITEM_RECALL;
    case QUESTION_SPENT:
        return ITEM_SPENT;
    case QUESTION_UNDO:
        return ITEM_UNDO;
    case QUESTION_APPLY:
        return ITEM_APPLY;
    }
    CHECK(!"a question of no kind");
    return ITEM_SPENT;
}

/* Of a packed item without limits: its three bytes, its amount and its content. */
#define ITEM_SIZE (3u + 8u + CONTENT_SIZE)

/* Of a packed item, after its limits. */
static size_t tail_size(enum item item) {
    switch (item) {
    case ITEM_SPECIAL:
        return sizeof(uint16_t) + sizeof(double);
    case ITEM_UNDO:
    case ITEM_APPLY:
        return sizeof(double);
    case ITEM_AUTHORIZE:
    case ITEM_REFUSE:
    case ITEM_RECALL:
    case ITEM_SPENT:
        break;
    }
    return 0;
}

static void gather_question(struct limits *limits, struct fields *fields, const struct question *question) {
    enum item item = item_of(question);
    for (uint8_t i = 0; i < question->limit_count; i++) {
        const struct limit *limit = &question->limits[i];
        gather_field(limits, fields, limit->kind, limit->kind == LIMIT_ORGANISATION ? 0 : limit->id);
    }
    if (item == ITEM_SPECIAL && question->tap_window_us > 0)
        gather_field(limits, fields, FIELD_LAST, question->content.credit);
    fields->packed_size += REQUEST_ID_SIZE + ITEM_SIZE + 10u * question->limit_count + tail_size(item);
}

static void gather_fields(struct limits *limits, const struct group *group, struct fields *fields) {
    fields->count = fields->place_count = 0;
    fields->packed_size = 0;
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
        gather_question(limits, fields, question);
    }
}

/* The byte that says more of an item's kind. */
static uint8_t flag_of(enum item item, const struct question *question) {
    switch (item) {
    case ITEM_REFUSE:
        return (uint8_t)question->refusal;
    case ITEM_SPECIAL:
    case ITEM_APPLY:
        return question->allows_partial;
    case ITEM_UNDO:
        return question->was_recorded;
    case ITEM_AUTHORIZE:
    case ITEM_RECALL:
    case ITEM_SPENT:
        break;
    }
    return 0;
}

/* `places` begins with the item's; returns where the next one's do. */
static const uint16_t *put_item(struct writer *writer, const struct question *question, const uint16_t *places) {
    static const uint16_t no_place = 0;
    enum item item = item_of(question);
    const uint8_t head[3] = {(uint8_t)item, question->limit_count, flag_of(item, question)};
    put_bytes(writer, head, sizeof head);
    put_double(writer, question->amount_minor);
    for (uint8_t i = 0; i < question->limit_count; i++) {
        put_bytes(writer, places++, sizeof *places);
        put_double(writer, question->limits[i].ceiling_minor);
    }
    if (item == ITEM_SPECIAL) {
        put_bytes(writer, question->tap_window_us > 0 ? places++ : &no_place, sizeof *places);
        put_double(writer, question->tap_window_us);
    } else if (tail_size(item) > 0) {
        put_double(writer, question->floor_epoch);
    }
    put_bytes(writer, &question->content, CONTENT_SIZE);
    return places;
}

static bool is_id_above(const struct limits *limits, const struct node *node, const struct group *group) {
    for (const struct node *at = &limits->nodes[group->first]; at != node; at = &limits->nodes[at->next])
        if (memcmp(at->question.id.bytes, node->question.id.bytes, REQUEST_ID_SIZE) == 0)
            return true;
    return false;
}

/* How many limits each has, if all are plain purchases of as many and under ids of their own; else 0. */
static uint16_t plain_limit_count(const struct limits *limits, const struct group *group) {
    uint8_t limit_count = limits->nodes[group->first].question.limit_count;
    for (uint32_t at = group->first; at != NOBODY; at = limits->nodes[at].next) {
        const struct node *node = &limits->nodes[at];
        if (item_of(&node->question) != ITEM_AUTHORIZE || node->question.limit_count != limit_count ||
            is_id_above(limits, node, group))
            return 0;
    }
    return limit_count;
}

static void put_head(struct writer *writer, const struct limits *limits, const struct group *group,
                     const struct fields *fields) {
    uint8_t identity_size = (uint8_t)strlen(limits->identity);
    const uint16_t counts[] = {(uint16_t)fields->count, (uint16_t)group->count, plain_limit_count(limits, group)};
    write_bulk_header(writer, 1 + identity_size + sizeof fields->floor_epoch + sizeof counts + fields->packed_size);
    put_bytes(writer, &identity_size, 1);
    put_bytes(writer, limits->identity, identity_size);
    put_bytes(writer, &fields->floor_epoch, sizeof fields->floor_epoch);
    put_bytes(writer, counts, sizeof counts);
}

/* What the call's only argument is. */
static void write_packed(struct writer *writer, const struct limits *limits, const struct group *group,
                         const struct fields *fields) {
    put_head(writer, limits, group, fields);
    for (uint32_t i = 0; i < fields->count; i++) {
        put_bytes(writer, &fields->each[i].size, 1);
        put_bytes(writer, fields->each[i].text, fields->each[i].size);
    }
    for (uint32_t at = group->first; at != NOBODY; at = limits->nodes[at].next)
        put_bytes(writer, limits->nodes[at].question.id.bytes, REQUEST_ID_SIZE);
    const uint16_t *places = fields->places;
    for (uint32_t at = group->first; at != NOBODY; at = limits->nodes[at].next)
        places = put_item(writer, &limits->nodes[at].question, places);
    put_bytes(writer, "\r\n", 2);
}

static void write_keys(struct writer *writer, const struct limits *limits, const struct group *group) {
    const struct question *first = &limits->nodes[group->first].question;
    struct name month = name_month(first->organisation, month_of(first->day));
    struct name day = name_day(first->organisation, first->day);
    write_name(writer, &month);
    write_name(writer, &day);
}

static void write_argument(struct writer *writer, struct limits *limits, const struct group *group) {
    struct fields fields;
    gather_fields(limits, group, &fields);
    write_packed(writer, limits, group, &fields);
}

/* How many, after the name of the function, words of a call follow for each group: two keys and an argument. */
#define WORDS_OF_GROUP 3

static void write_head(struct writer *writer, uint32_t group_count) {
    if (group_count == 1) {
        write_raw(writer, CALL_HEAD, sizeof CALL_HEAD - 1);
        return;
    }
    write_array(writer, 3 + WORDS_OF_GROUP * group_count);
    write_text(writer, "FCALL");
    write_text(writer, "vaxel_decide_many");
    write_number(writer, 2 * group_count);
}

/* Where one primary has all keys groups share a call, which saves some of what each costs. */
uint32_t call_count_groups(const struct limits *limits) {
    uint32_t count = 0, questions = 0;
    for (uint32_t at = limits->first_group; at != NOBODY; at = limits->groups[at].next, count++) {
        questions += limits->groups[at].count;
        if (count > 0 && (limits->place.on_moved != NULL || count == GROUPS_OF_CALL || questions > GROUP_MAX))
            break;
    }
    return count;
}

static size_t size_of_call(const struct limits *limits, uint32_t group_count) {
    size_t size = 0;
    for (uint32_t at = limits->first_group; group_count > 0; group_count--, at = limits->groups[at].next)
        size += GROUP_SIZE + limits->groups[at].count * QUESTION_SIZE;
    return size;
}

bool call_format(struct limits *limits, uint32_t group_count, struct buffer *output) {
    if (buffer_room(output) < size_of_call(limits, group_count))
        return false;
    struct writer writer = {output->data + output->size, output->data + output->capacity};
    const struct group *first = &limits->groups[limits->first_group], *group = first;
    if (first->is_asking)
        write_asking(&writer);
    write_head(&writer, group_count);
    for (uint32_t i = 0; i < group_count; i++, group = &limits->groups[group->next])
        write_keys(&writer, limits, group);
    group = first;
    for (uint32_t i = 0; i < group_count; i++, group = &limits->groups[group->next])
        write_argument(&writer, limits, group);
    output->size = (size_t)(writer.at - output->data);
    return true;
}
