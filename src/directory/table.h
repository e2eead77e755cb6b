/* SPDX-License-Identifier: Apache-2.0 */
/* table: records of one size in pages that never move, each named by a compact index, found by id and, where there is
 * one, by key. Knows nothing of what is in them but that a record begins with its int32_t id.
 *
 * One thread writes; readers hold the lock that table_reserve() is given. Only table_reserve() allocates, and it takes
 * the lock for no longer than a few pointers need to change hands. */
#ifndef VAXEL_DIRECTORY_TABLE_H
#define VAXEL_DIRECTORY_TABLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX

/* Open addressing with linear probing; a slot holds a record's index plus one, 0 is empty. */
struct table_slots {
    uint32_t *slots;
    uint32_t count; /* a power of two, or 0 */
    uint32_t used;
};

struct table {
    size_t record_size;
    uint64_t (*key_hash)(const void *record); /* NULL: no key */
    uint8_t **pages;
    uint32_t page_count;
    uint32_t page_capacity; /* of the array of pages */
    uint32_t count;
    struct table_slots by_id;
    struct table_slots by_key;
};

void table_init(struct table *table, size_t record_size, uint64_t (*key_hash)(const void *record));
void table_finish(struct table *table);

/* Makes room for `extra` more records. */
void table_reserve(struct table *table, uint32_t extra, pthread_rwlock_t *lock);

void *table_at(const struct table *table, uint32_t index);

/* The record with an id, or TABLE_NONE. */
uint32_t table_find(const struct table *table, int32_t id);

/* Adds a record, all zero but for its id, which must be new; where there are keys it must be entered under its own
 * before room is reserved again. Room must have been reserved. */
uint32_t table_add(struct table *table, int32_t id);

/* Takes a record under its key, which is then not changed until it is taken out again. Keys need not be unique. */
void table_enter_key(struct table *table, uint32_t index);
void table_remove_key(struct table *table, uint32_t index);

/* Records whose key may have this hash, one a call, TABLE_NONE after the last. The cursor starts as zero. */
struct table_cursor {
    uint32_t step;
};
uint32_t table_next(const struct table *table, uint64_t hash, struct table_cursor *cursor);

size_t table_memory_bytes(const struct table *table);

/* Spreads 64 bits over all 64. */
uint64_t table_mix(uint64_t value);

#endif
