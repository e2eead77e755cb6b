/* SPDX-License-Identifier: Apache-2.0 */
/* bytes: spans that are looked at, and buffers of a fixed capacity that are filled. Neither ever grows. */
#ifndef VAXEL_BASE_BYTES_H
#define VAXEL_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns; valid for as long as the giver says. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

/* Memory to fill, from `data` on; `size` bytes are in use. */
struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

/* Takes `capacity` bytes from the heap; ends the program when there are none (only at start, so nothing is lost). */
void buffer_init(struct buffer *buffer, size_t capacity);
void buffer_finish(struct buffer *buffer);

/* Appends all of it or nothing; false when it does not fit. */
bool buffer_append(struct buffer *buffer, const void *data, size_t size);

/* Forgets the first `size` bytes and moves the rest to the front. */
void buffer_consume(struct buffer *buffer, size_t size);

static inline struct bytes bytes_of(const void *data, size_t size) {
    return (struct bytes){.data = data, .size = size};
}

static inline struct bytes buffer_bytes(const struct buffer *buffer) {
    return bytes_of(buffer->data, buffer->size);
}

static inline size_t buffer_room(const struct buffer *buffer) {
    return buffer->capacity - buffer->size;
}

#endif
