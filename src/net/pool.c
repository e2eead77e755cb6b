/* SPDX-License-Identifier: Apache-2.0 */
#include "net/internal.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

/* What is kept for the next; more than this goes back to the heap, so that one bad minute is not remembered as memory.
 */
#define KEPT_BYTES (4u << 20)

static size_t class_size(unsigned rank) {
    return (size_t)1 << (POOL_CLASS_FIRST + rank);
}

static unsigned class_of(size_t size) {
    unsigned rank = 0;
    while (rank < POOL_CLASS_COUNT && class_size(rank) < size) {
        rank++;
    }
    return rank;
}

static uint8_t *pool_take(struct pool *pool, unsigned rank) {
    size_t size = class_size(rank);
    if (pool->taken_bytes + size > pool->capacity_bytes) {
        return NULL;
    }
    void *memory = pool->free[rank];
    if (memory != NULL) {
        pool->free[rank] = pool->free[rank]->next;
        pool->kept_bytes -= size;
    } else {
        memory = malloc(size);
    }
    if (memory != NULL) {
        pool->taken_bytes += size;
    }
    return memory;
}

void pool_give(struct pool *pool, struct buffer *buffer) {
    if (buffer->data == NULL) {
        return;
    }
    unsigned rank = class_of(buffer->capacity);
    CHECK(class_size(rank) == buffer->capacity);
    pool->taken_bytes -= buffer->capacity;
    if (pool->kept_bytes + buffer->capacity > KEPT_BYTES) {
        free(buffer->data);
    } else {
        struct free_block *block = (void *)buffer->data;
        block->next = pool->free[rank];
        pool->free[rank] = block;
        pool->kept_bytes += buffer->capacity;
    }
    *buffer = (struct buffer){0};
}

bool pool_reserve(struct pool *pool, struct buffer *buffer, size_t size) {
    if (size <= buffer_room(buffer)) {
        return true;
    }
    unsigned rank = class_of(buffer->size + size);
    if (rank == POOL_CLASS_COUNT) {
        return false;
    }
    uint8_t *memory = pool_take(pool, rank);
    if (memory == NULL) {
        return false;
    }
    if (buffer->size > 0) {
        memcpy(memory, buffer->data, buffer->size);
    }
    size_t used = buffer->size;
    pool_give(pool, buffer);
    *buffer = (struct buffer){.data = memory, .size = used, .capacity = class_size(rank)};
    return true;
}

void pool_finish(struct pool *pool) {
    for (unsigned rank = 0; rank < POOL_CLASS_COUNT; rank++) {
        while (pool->free[rank] != NULL) {
            struct free_block *block = pool->free[rank];
            pool->free[rank] = block->next;
            free(block);
        }
    }
    CHECK(pool->taken_bytes == 0);
}
