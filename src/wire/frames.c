/* SPDX-License-Identifier: Apache-2.0 */
/* Frames out of a stream of bytes. Most arrive whole and are handed on where they lie; the parts of a torn one are put
 * together in memory that grows with what has come, never with what a header promises. */
#include "base/check.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

#define PARTIAL_MIN 512

void wire_reader_finish(struct wire_reader *reader) {
    free(reader->partial);
    *reader = (struct wire_reader){0};
}

static uint32_t envelope_size(const uint8_t *header) {
    return (uint32_t)header[0] << 24 | (uint32_t)header[1] << 16 | (uint32_t)header[2] << 8 | header[3];
}

static bool is_size_allowed(uint32_t size, struct failure *failure) {
    if (size == 0)
        return failure_set(failure, "a frame of length 0: an envelope has 1 to %d bytes", WIRE_ENVELOPE_MAX);
    if (size > WIRE_ENVELOPE_MAX)
        return failure_set(failure, "a frame of length %u: an envelope has at most %d bytes", size, WIRE_ENVELOPE_MAX);
    return true;
}

/* Moves `size` received bytes to the partial frame. */
static bool reader_take(struct wire_reader *reader, struct bytes *received, size_t size, struct failure *failure) {
    size_t needed = reader->size + size;
    if (needed > reader->capacity) {
        size_t capacity = reader->capacity * 2 > needed ? reader->capacity * 2 : needed;
        capacity = capacity < PARTIAL_MIN ? PARTIAL_MIN : capacity;
        uint8_t *partial = realloc(reader->partial, capacity);
        if (partial == NULL)
            return failure_set(failure, "no memory for a torn frame of %zu bytes", needed);
        reader->partial = partial;
        reader->capacity = capacity;
    }
    memcpy(reader->partial + reader->size, received->data, size);
    reader->size = needed;
    *received = bytes_of(received->data + size, received->size - size);
    return true;
}

/* Takes as much as is there of what is missing to `wanted` bytes in all. */
static bool reader_fill(struct wire_reader *reader, struct bytes *received, size_t wanted, struct failure *failure) {
    CHECK(wanted >= reader->size);
    size_t missing = wanted - reader->size;
    size_t size = received->size < missing ? received->size : missing;
    return size == 0 || reader_take(reader, received, size, failure);
}

static enum wire_next next_torn(struct wire_reader *reader, struct bytes *received, struct bytes *envelope,
                                struct failure *failure) {
    if (reader->size < WIRE_HEADER_SIZE && !reader_fill(reader, received, WIRE_HEADER_SIZE, failure))
        return WIRE_BROKEN;
    if (reader->size < WIRE_HEADER_SIZE)
        return WIRE_MORE;
    uint32_t size = envelope_size(reader->partial);
    if (!is_size_allowed(size, failure) || !reader_fill(reader, received, WIRE_HEADER_SIZE + size, failure))
        return WIRE_BROKEN;
    if (reader->size < WIRE_HEADER_SIZE + size)
        return WIRE_MORE;
    *envelope = bytes_of(reader->partial + WIRE_HEADER_SIZE, size);
    return WIRE_FRAME;
}

/* The frame that was handed out last time is over; only now may its memory go. */
static void forget_handed_out(struct wire_reader *reader) {
    if (reader->size >= WIRE_HEADER_SIZE && reader->size == WIRE_HEADER_SIZE + envelope_size(reader->partial))
        wire_reader_finish(reader);
}

enum wire_next wire_next_frame(struct wire_reader *reader, struct bytes *received, struct bytes *envelope,
                               struct failure *failure) {
    forget_handed_out(reader);
    if (reader->size > 0 || received->size < WIRE_HEADER_SIZE)
        return next_torn(reader, received, envelope, failure);
    uint32_t size = envelope_size(received->data);
    if (!is_size_allowed(size, failure))
        return WIRE_BROKEN;
    if (received->size < WIRE_HEADER_SIZE + size)
        return next_torn(reader, received, envelope, failure);
    *envelope = bytes_of(received->data + WIRE_HEADER_SIZE, size);
    *received = bytes_of(received->data + WIRE_HEADER_SIZE + size, received->size - WIRE_HEADER_SIZE - size);
    return WIRE_FRAME;
}
