/* SPDX-License-Identifier: Apache-2.0 */
#include "feeds/events.h"

#include <string.h>

void events_init(struct events *events) {
    buffer_init(&events->line, EVENTS_SIZE);
    buffer_init(&events->data, EVENTS_SIZE);
    events->name[0] = '\0';
}

void events_finish(struct events *events) {
    buffer_finish(&events->line);
    buffer_finish(&events->data);
}

void events_clear(struct events *events) {
    events->line.size = 0;
    events->data.size = 0;
    events->name[0] = '\0';
}

/* What stands behind "field:" and one blank; false for another field. */
static bool take_field(struct bytes line, const char *field, struct bytes *value) {
    size_t size = strlen(field);
    if (line.size <= size || memcmp(line.data, field, size) != 0 || line.data[size] != ':')
        return false;
    size_t from = size + 1;
    if (from < line.size && line.data[from] == ' ')
        from++;
    *value = bytes_of(line.data + from, line.size - from);
    return true;
}

static bool too_large(struct failure *failure) {
    return failure_set(failure, "it sends an event of more than %zu bytes", EVENTS_SIZE);
}

static bool add_data(struct events *events, struct bytes value, struct failure *failure) {
    bool is_added = (events->data.size == 0 || buffer_append(&events->data, "\n", 1)) &&
                    buffer_append(&events->data, value.data, value.size);
    return is_added || too_large(failure);
}

/* Other fields and comments say nothing to us. */
static bool take_line(struct events *events, events_taker *take, void *owner, struct failure *failure) {
    struct bytes line = buffer_bytes(&events->line);
    struct bytes value;
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    if (line.size == 0) {
        bool is_taken = events->data.size == 0 || take(owner, events->name, buffer_bytes(&events->data), failure);
        events->data.size = 0;
        events->name[0] = '\0';
        return is_taken;
    }
    if (take_field(line, "data", &value))
        return add_data(events, value, failure);
    if (take_field(line, "event", &value) && value.size < EVENTS_NAME_SIZE) {
        memcpy(events->name, value.data, value.size);
        events->name[value.size] = '\0';
    }
    return true;
}

bool events_input(struct events *events, struct bytes piece, events_taker *take, void *owner, struct failure *failure) {
    while (piece.size > 0) {
        const uint8_t *end = memchr(piece.data, '\n', piece.size);
        size_t size = end != NULL ? (size_t)(end - piece.data) : piece.size;
        if (!buffer_append(&events->line, piece.data, size))
            return too_large(failure);
        if (end == NULL)
            return true;
        if (!take_line(events, take, owner, failure))
            return false;
        events->line.size = 0;
        piece = bytes_of(piece.data + size + 1, piece.size - size - 1);
    }
    return true;
}
