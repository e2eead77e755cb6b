/* SPDX-License-Identifier: Apache-2.0 */
#include "record/encoder.h"
#include "base/check.h"
#include "record/rows.h"

#include <endian.h>
#include <string.h>

#define ARRAY_DIMENSIONS 1
#define ARRAY_HAS_NULLS 0
#define ARRAY_FIRST_INDEX 1

void encoder_init(struct encoder *encoder, size_t capacity) {
    *encoder = (struct encoder){0};
    buffer_init(&encoder->buffer, capacity);
}

void encoder_finish(struct encoder *encoder) {
    buffer_finish(&encoder->buffer);
}

void encoder_reset(struct encoder *encoder) {
    encoder->buffer.size = 0;
    encoder->count = 0;
}

/* The room is reckoned from the batch's capacity, so running out of it is a bug. */
static uint8_t *take(struct encoder *encoder, size_t size) {
    CHECK(size <= buffer_room(&encoder->buffer));
    uint8_t *at = encoder->buffer.data + encoder->buffer.size;
    encoder->buffer.size += size;
    encoder->lengths[encoder->count - 1] += (int)size;
    return at;
}

static uint8_t *put_int4(uint8_t *at, uint32_t value) {
    uint32_t ordered = htobe32(value);
    memcpy(at, &ordered, sizeof ordered);
    return at + sizeof ordered;
}

/* Begins an element: its length, then room for it. */
static uint8_t *element(struct encoder *encoder, size_t size) {
    return put_int4(take(encoder, 4 + size), (uint32_t)size);
}

void encoder_single(struct encoder *encoder) {
    CHECK(encoder->count < PARAMETERS_MAX);
    /* A single value's length travels beside it, not in front: the element's own is stepped over. */
    encoder->starts[encoder->count] = encoder->buffer.size + 4;
    encoder->lengths[encoder->count] = -4;
    encoder->count++;
}

void encoder_array(struct encoder *encoder, enum element element, uint32_t count) {
    CHECK(encoder->count < PARAMETERS_MAX);
    encoder->starts[encoder->count] = encoder->buffer.size;
    encoder->lengths[encoder->count] = 0;
    encoder->count++;
    uint8_t *at = take(encoder, 20);
    at = put_int4(at, ARRAY_DIMENSIONS);
    at = put_int4(at, ARRAY_HAS_NULLS);
    at = put_int4(at, element);
    at = put_int4(at, count);
    put_int4(at, ARRAY_FIRST_INDEX);
}

void encoder_bool(struct encoder *encoder, bool value) {
    *element(encoder, 1) = value;
}

void encoder_int2(struct encoder *encoder, int32_t value) {
    uint16_t ordered = htobe16((uint16_t)value);
    memcpy(element(encoder, sizeof ordered), &ordered, sizeof ordered);
}

void encoder_int4(struct encoder *encoder, int32_t value) {
    put_int4(element(encoder, 4), (uint32_t)value);
}

void encoder_int8(struct encoder *encoder, int64_t value) {
    uint64_t ordered = htobe64((uint64_t)value);
    memcpy(element(encoder, sizeof ordered), &ordered, sizeof ordered);
}

void encoder_time(struct encoder *encoder, struct instant value) {
    encoder_int8(encoder, value.us - POSTGRES_EPOCH_US);
}

void encoder_id(struct encoder *encoder, const struct request_id *id) {
    memcpy(element(encoder, REQUEST_ID_SIZE), id->bytes, REQUEST_ID_SIZE);
}

void encoder_bytes(struct encoder *encoder, struct bytes bytes) {
    uint8_t *at = element(encoder, bytes.size);
    if (bytes.size > 0)
        memcpy(at, bytes.data, bytes.size);
}

void encoder_text(struct encoder *encoder, const char *text, size_t capacity) {
    encoder_bytes(encoder, bytes_of(text, strnlen(text, capacity)));
}

void encoder_stripes(struct encoder *encoder, uint64_t stripes) {
    encoder_array(encoder, ELEMENT_INT4, (uint32_t)__builtin_popcountll(stripes));
    for (int32_t stripe = 0; stripe < 64; stripe++)
        if ((stripes >> stripe & 1) != 0)
            encoder_int4(encoder, stripe);
}
