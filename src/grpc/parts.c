/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/internal.h"

#include <string.h>

uint8_t *part_data(struct part *part) {
    return part->data != NULL ? part->data : part->inside;
}

bool part_reserve(struct memory_allowance *memory, struct part *part, size_t size) {
    size_t capacity = part->data != NULL ? part->capacity : PART_INSIDE;
    if (size <= capacity - part->size)
        return true;
    uint8_t *data = memory_resize(memory, part->data, part->size + size);
    if (data == NULL)
        return false;
    if (part->data == NULL)
        memcpy(data, part->inside, part->size);
    part->data = data;
    part->capacity = memory_room(data);
    return true;
}

void part_finish(struct memory_allowance *memory, struct part *part) {
    memory_give(memory, part->data);
    part->data = NULL;
    part->size = 0;
    part->capacity = 0;
}
