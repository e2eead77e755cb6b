/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/memory.h"

#include "base/check.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* In front of each piece; the piece stays aligned for everything. */
struct memory_piece {
    alignas(max_align_t) struct memory_piece *next; /* while it is free */
    size_t rank;                                    /* while it is lent: its class, else of no meaning */
};

static size_t class_size(size_t rank) {
    return (size_t)1 << (MEMORY_CLASS_FIRST + rank);
}

static size_t class_of(size_t size) {
    size_t rank = 0;
    while (rank < MEMORY_CLASS_COUNT && class_size(rank) < size)
        rank++;
    return rank;
}

static struct memory_piece *piece_of(void *memory) {
    return (struct memory_piece *)memory - 1;
}

size_t memory_room(const void *memory) {
    return class_size(((const struct memory_piece *)memory - 1)->rank) - sizeof(struct memory_piece);
}

static struct memory_piece *pool_take(struct memory_pool *pool, size_t rank) {
    struct memory_piece *piece = pool->free[rank];
    if (piece == NULL)
        return malloc(class_size(rank));
    pool->free[rank] = piece->next;
    pool->kept_bytes -= class_size(rank);
    return piece;
}

static void pool_give(struct memory_pool *pool, struct memory_piece *piece, size_t rank) {
    if (pool->kept_bytes + class_size(rank) > pool->kept_capacity_bytes) {
        free(piece);
        return;
    }
    piece->next = pool->free[rank];
    pool->free[rank] = piece;
    pool->kept_bytes += class_size(rank);
}

void memory_pool_finish(struct memory_pool *pool) {
    for (size_t rank = 0; rank < MEMORY_CLASS_COUNT; rank++)
        while (pool->free[rank] != NULL) {
            struct memory_piece *piece = pool->free[rank];
            pool->free[rank] = piece->next;
            free(piece);
        }
}

void *memory_take(struct memory_allowance *allowance, size_t size) {
    if (size > class_size(MEMORY_CLASS_COUNT - 1) - sizeof(struct memory_piece))
        return NULL;
    size_t rank = class_of(size + sizeof(struct memory_piece));
    if (class_size(rank) > allowance->capacity_bytes - allowance->used_bytes)
        return NULL;
    struct memory_piece *piece = pool_take(allowance->pool, rank);
    if (piece == NULL)
        return NULL;
    piece->rank = rank;
    allowance->used_bytes += class_size(rank);
    return piece + 1;
}

void memory_give(struct memory_allowance *allowance, void *memory) {
    if (memory == NULL)
        return;
    struct memory_piece *piece = piece_of(memory);
    size_t rank = piece->rank;
    CHECK(rank < MEMORY_CLASS_COUNT && allowance->used_bytes >= class_size(rank));
    allowance->used_bytes -= class_size(rank);
    pool_give(allowance->pool, piece, rank);
}

void *memory_resize(struct memory_allowance *allowance, void *memory, size_t size) {
    if (memory == NULL)
        return memory_take(allowance, size);
    size_t room = memory_room(memory);
    if (size <= room)
        return memory;
    void *larger = memory_take(allowance, size);
    if (larger != NULL) {
        memcpy(larger, memory, room);
        memory_give(allowance, memory);
    }
    return larger;
}
