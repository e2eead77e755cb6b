/* SPDX-License-Identifier: Apache-2.0 */
/* reading: all counters of a month, for the audit. They come a slice at a time, one in each write, so that no question
 * waits for long; what changes meanwhile is read as it was or as it is. When another epoch's counters take their place
 * it begins anew. */
#include "limits/internal.h"

#include <stdlib.h>
#include <string.h>

/* Fields of a slice, about: Redis takes a tenth of a millisecond for so many. */
#define SLICE_FIELDS 400
#define SLICE_CALL_SIZE 256u

/* What comes before a slice's fields and values: epoch, cursor. */
#define SLICE_HEAD 2

static void begin_anew(struct month_reading *reading) {
    reading->epoch = 0;
    reading->sum_count = 0;
    strcpy(reading->cursor, "0");
}

bool reading_begin(struct limits *limits, int32_t organisation, struct month month) {
    struct month_reading *reading = &limits->reading;
    if (reading->is_wanted)
        return false;
    reading->is_wanted = true;
    reading->organisation = organisation;
    reading->month = month;
    begin_anew(reading);
    return true;
}

void reading_output(struct limits *limits, struct buffer *output) {
    struct month_reading *reading = &limits->reading;
    if (!reading->is_wanted || reading->is_sent || buffer_room(output) < SLICE_CALL_SIZE || !call_has_room(limits))
        return;
    struct writer writer = {output->data + output->size, output->data + output->capacity};
    struct name key = name_month(reading->organisation, reading->month);
    write_array(&writer, 7);
    write_text(&writer, "FCALL");
    write_text(&writer, "vaxel_slice");
    write_text(&writer, "1");
    write_name(&writer, &key);
    write_text(&writer, limits->identity);
    write_text(&writer, reading->cursor);
    write_number(&writer, SLICE_FIELDS);
    output->size = (size_t)(writer.at - output->data);
    reading->is_sent = true;
    call_push(limits, (struct call_in_flight){.kind = CALL_SLICE});
}

static int compare_sums(const void *left, const void *right) {
    const struct sum *one = left;
    const struct sum *other = right;
    if (one->kind != other->kind)
        return one->kind < other->kind ? -1 : 1;
    return one->id < other->id ? -1 : one->id > other->id;
}

/* A field that was in two slices counts once. */
static size_t drop_doubles(struct sum *sums, size_t count) {
    size_t kept = 0;
    if (count > 0)
        qsort(sums, count, sizeof *sums, compare_sums);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || compare_sums(&sums[kept - 1], &sums[i]) != 0)
            sums[kept++] = sums[i];
    return kept;
}

static void tell(struct limits *limits, int32_t epoch) {
    struct month_reading *reading = &limits->reading;
    const struct sums sums = {
        .organisation = reading->organisation,
        .month = reading->month,
        .epoch = epoch,
        .sum_count = epoch == 0 ? 0 : drop_doubles(reading->sums, reading->sum_count),
        .sums = reading->sums,
    };
    reading->is_wanted = false;
    limits->options.on_month_read(limits->options.owner, sums.organisation, sums.month, &sums);
}

static void add(struct month_reading *reading, struct sum sum) {
    if (reading->sum_count == reading->sum_capacity) {
        reading->sum_capacity = reading->sum_capacity == 0 ? SLICE_FIELDS : 2 * reading->sum_capacity;
        reading->sums = realloc(reading->sums, reading->sum_capacity * sizeof *reading->sums);
        CHECK(reading->sums != NULL);
    }
    reading->sums[reading->sum_count++] = sum;
}

static bool take_fields(struct month_reading *reading, const struct reply *reply) {
    for (size_t i = SLICE_HEAD; i + 1 < reply->part_count; i += 2) {
        struct bytes name = reply->parts[i].text;
        struct bytes value = reply->parts[i + 1].text;
        struct sum sum;
        if (name.data == NULL || value.data == NULL)
            return false;
        if (!name_parse_field(name, &sum.kind, &sum.id))
            continue;
        if (!name_parse_number(value, &sum.spent_minor))
            return false;
        add(reading, sum);
    }
    return true;
}

static bool take_head(struct month_reading *reading, const struct reply *reply) {
    int64_t epoch = reply->parts[0].number;
    struct bytes cursor = reply->parts[1].text;
    if (!reply->is_array || reply->part_count < SLICE_HEAD || reply->part_count % 2 != 0 ||
        reply->parts[0].text.data != NULL || epoch <= 0 || epoch > INT32_MAX || cursor.data == NULL ||
        cursor.size == 0 || cursor.size >= CURSOR_SIZE)
        return false;
    if (reading->epoch != 0 && reading->epoch != epoch) {
        begin_anew(reading);
        return true;
    }
    reading->epoch = (int32_t)epoch;
    memcpy(reading->cursor, cursor.data, cursor.size);
    reading->cursor[cursor.size] = '\0';
    return true;
}

static bool take_slice(struct limits *limits) {
    struct month_reading *reading = &limits->reading;
    const struct reply *reply = &limits->reply;
    bool is_none = !reply->is_array && reply->part_count == 1 && reply->parts[0].text.data == NULL;
    if (is_none && reply->parts[0].number == 0) {
        tell(limits, 0);
        return true;
    }
    if (!take_head(reading, reply))
        return false;
    if (reading->epoch == 0)
        return true;
    if (!take_fields(reading, reply))
        return false;
    if (strcmp(reading->cursor, "0") == 0)
        tell(limits, reading->epoch);
    return true;
}

bool reading_reply(struct limits *limits, struct failure *failure) {
    struct month_reading *reading = &limits->reading;
    CHECK(reading->is_wanted && reading->is_sent);
    reading->is_sent = false;
    return take_slice(limits) || failure_set(failure, "Redis answers a reading of organisation %d with something else",
                                             reading->organisation);
}

void reading_lose(struct limits *limits) {
    struct month_reading *reading = &limits->reading;
    if (!reading->is_wanted)
        return;
    reading->is_wanted = false;
    reading->is_sent = false;
    limits->options.on_month_read(limits->options.owner, reading->organisation, reading->month, NULL);
}

void reading_finish(struct limits *limits) {
    free(limits->reading.sums);
}
