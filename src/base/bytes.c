/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

void buffer_init(struct buffer *buffer, size_t capacity) {
    *buffer = (struct buffer){.capacity = capacity};
    if (capacity > 0) {
        buffer->data = malloc(capacity);
        CHECK(buffer->data != NULL);
    }
}

void buffer_finish(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){0};
}

bool buffer_append(struct buffer *buffer, const void *data, size_t size) {
    CHECK(buffer->size <= buffer->capacity);
    if (size > buffer_room(buffer))
        return false;
    if (size > 0)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return true;
}

void buffer_consume(struct buffer *buffer, size_t size) {
    CHECK(size <= buffer->size);
    if (size == 0)
        return;
    buffer->size -= size;
    memmove(buffer->data, buffer->data + size, buffer->size);
}
