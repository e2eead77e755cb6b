/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/codec.h"

#include "base/check.h"
#include "wire/scan.h"

#include <stdlib.h>
#include <string.h>

/* In front of each piece of the arena stands its size; pieces stay aligned for all that protobuf-c keeps. */
#define PIECE_HEADER ((size_t)16)

static void *arena_take(void *owner, size_t size) {
    struct wire_codec *codec = owner;
    size_t whole = PIECE_HEADER + (size + PIECE_HEADER - 1) / PIECE_HEADER * PIECE_HEADER;
    if (size > ARENA_SIZE || whole > ARENA_SIZE - codec->used) {
        codec->is_exhausted = true;
        return NULL;
    }
    uint8_t *piece = codec->arena + codec->used;
    codec->used += whole;
    memcpy(piece, &size, sizeof size);
    return piece + PIECE_HEADER;
}

/* The arena is given back as a whole, when the next message is read. */
static void arena_give(void *owner, void *piece) {
    (void)owner;
    (void)piece;
}

struct wire_codec *wire_codec_create(void) {
    struct wire_codec *codec = calloc(1, sizeof *codec);
    CHECK(codec != NULL);
    codec->allocator = (ProtobufCAllocator){.alloc = arena_take, .free = arena_give, .allocator_data = codec};
    codec->renewal.at.us = INT64_MIN;
    return codec;
}

void wire_codec_destroy(struct wire_codec *codec) {
    free(codec);
}

void wire_codec_set_currency(struct wire_codec *codec, struct currency currency) {
    codec->currency = currency;
}

const void *codec_unpack(struct wire_codec *codec, const ProtobufCMessageDescriptor *descriptor,
                         struct bytes envelope) {
    codec->used = 0;
    codec->is_exhausted = false;
    return protobuf_c_message_unpack(descriptor, &codec->allocator, envelope.size, envelope.data);
}

void *codec_scratch(struct wire_codec *codec, size_t size) {
    codec->used = 0;
    void *scratch = arena_take(codec, size);
    CHECK(scratch != NULL);
    return scratch;
}

struct bytes codec_string(const struct wire_codec *codec, const char *string) {
    const uint8_t *data = (const uint8_t *)string;
    if (data < codec->arena || data >= codec->arena + ARENA_SIZE)
        return bytes_of(string, strlen(string)); /* a default, static in protobuf-c */
    size_t size;
    memcpy(&size, data - PIECE_HEADER, sizeof size);
    CHECK(size > 0);
    return bytes_of(string, size - 1);
}

static void append_packed(struct buffer *output, const ProtobufCMessage *envelope, size_t bound) {
    uint8_t *frame = output->data + output->size;
    size_t size = protobuf_c_message_pack(envelope, frame + WIRE_HEADER_SIZE);
    CHECK(size > 0 && size <= bound);
    frame[0] = 0;
    frame[1] = (uint8_t)(size >> 16);
    frame[2] = (uint8_t)(size >> 8);
    frame[3] = (uint8_t)size;
    output->size += WIRE_HEADER_SIZE + size;
}

/* No message of one part is larger; a buffer with this much room needs no measuring beforehand. */
#define ENVELOPE_BOUND 4096

bool codec_append(struct buffer *output, const ProtobufCMessage *envelope) {
    if (buffer_room(output) < WIRE_HEADER_SIZE + ENVELOPE_BOUND &&
        buffer_room(output) < WIRE_HEADER_SIZE + protobuf_c_message_get_packed_size(envelope))
        return false;
    append_packed(output, envelope, ENVELOPE_BOUND);
    return true;
}

bool codec_append_large(struct buffer *output, const ProtobufCMessage *envelope) {
    size_t size = protobuf_c_message_get_packed_size(envelope);
    if (size > WIRE_ENVELOPE_MAX || buffer_room(output) < WIRE_HEADER_SIZE + size)
        return false;
    append_packed(output, envelope, size);
    return true;
}

uint64_t codec_find_correlation(struct bytes envelope) {
    enum { CORRELATION = 1 };
    struct scan_field field;
    while (scan_next(&envelope, &field))
        if (field.number == CORRELATION && field.kind == SCAN_NUMBER)
            return field.value;
    return 0;
}

/* ---- the renewal as text ---- */

const struct renewal *codec_renewal(struct wire_codec *codec, struct instant at) {
    static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                         "July",    "August",   "September", "October", "November", "December"};
    struct renewal *renewal = &codec->renewal;
    if (renewal->at.us == at.us)
        return renewal;
    char text[CALENDAR_TEXT_SIZE]; /* "2026-12-01T00:00:00+01:00" */
    calendar_format(at, text);
    long month = strtol(text + 5, NULL, 10);
    long day = strtol(text + 8, NULL, 10);
    CHECK(month >= 1 && month <= 12 && day >= 1 && day <= 31);
    const char *name = months[month - 1];
    char *end = renewal->day;
    if (day >= 10)
        *end++ = (char)('0' + day / 10);
    *end++ = (char)('0' + day % 10);
    *end++ = ' ';
    memcpy(end, name, strlen(name) + 1);
    memcpy(renewal->minute, text, 16);
    renewal->minute[10] = ' ';
    renewal->minute[16] = '\0';
    renewal->at = at;
    return renewal;
}
