/* SPDX-License-Identifier: Apache-2.0 */
/* memory: pieces in sizes of powers of two, lent to connections out of an allowance each, and kept for the next. */
#ifndef VAXEL_GRPC_MEMORY_H
#define VAXEL_GRPC_MEMORY_H

#include <stddef.h>

#define MEMORY_CLASS_FIRST 6  /* 64 bytes, the header included */
#define MEMORY_CLASS_COUNT 12 /* up to 128 KiB */

struct memory_piece;

struct memory_pool {
    struct memory_piece *free[MEMORY_CLASS_COUNT];
    size_t kept_bytes;
    size_t kept_capacity_bytes;
};

/* What one connection has. */
struct memory_allowance {
    struct memory_pool *pool;
    size_t used_bytes;
    size_t capacity_bytes;
};

void memory_pool_finish(struct memory_pool *pool);

/* NULL when the allowance, or the machine's memory, is used up. */
void *memory_take(struct memory_allowance *allowance, size_t size);
/* At least as large as asked for, with what was in it; the old piece stays when there is none. */
void *memory_resize(struct memory_allowance *allowance, void *memory, size_t size);
/* How much fits into a piece, which may be more than was asked for. */
size_t memory_room(const void *memory);
void memory_give(struct memory_allowance *allowance, void *memory);

#endif
