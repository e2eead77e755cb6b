/* SPDX-License-Identifier: Apache-2.0 */
#include "directory/table.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_RECORDS 8192u
#define SLOTS_LEAST 64u

uint64_t table_mix(uint64_t value) {
    value ^= value >> 32;
    value *= UINT64_C(0xd6e8feb86659fd93);
    value ^= value >> 32;
    value *= UINT64_C(0xd6e8feb86659fd93);
    value ^= value >> 32;
    return value;
}

void table_init(struct table *table, size_t record_size, uint64_t (*key_hash)(const void *record)) {
    *table = (struct table){.record_size = record_size, .key_hash = key_hash};
}

void table_finish(struct table *table) {
    for (uint32_t i = 0; i < table->page_count; i++) {
        free(table->pages[i]);
    }
    free(table->pages);
    free(table->by_id.slots);
    free(table->by_key.slots);
    table_init(table, table->record_size, table->key_hash);
}

void *table_at(const struct table *table, uint32_t index) {
    CHECK(index < table->count);
    return table->pages[index / PAGE_RECORDS] + (size_t)(index % PAGE_RECORDS) * table->record_size;
}

static int32_t id_at(const struct table *table, uint32_t index) {
    int32_t id;
    memcpy(&id, table_at(table, index), sizeof(id));
    return id;
}

static uint64_t id_hash(int32_t id) {
    return table_mix((uint32_t)id);
}

static uint64_t key_hash_at(const struct table *table, uint32_t index) {
    return table->key_hash(table_at(table, index));
}

static void slots_enter(struct table_slots *slots, uint64_t hash, uint32_t index) {
    CHECK(slots->used < slots->count);
    uint32_t mask = slots->count - 1;
    uint32_t at = (uint32_t)hash & mask;
    while (slots->slots[at] != 0) {
        at = (at + 1) & mask;
    }
    slots->slots[at] = index + 1;
    slots->used++;
}

/* The same slots, more of them. In the order of the records, so that memory is read as it lies. */
static struct table_slots slots_grown(const struct table *table, const struct table_slots *old, uint32_t wanted) {
    struct table_slots grown = {.count = old->count < SLOTS_LEAST ? SLOTS_LEAST : old->count};
    while (grown.count / 4 * 3 < wanted) {
        CHECK(grown.count <= UINT32_MAX / 4);
        grown.count *= 2;
    }
    grown.slots = calloc(grown.count, sizeof(uint32_t));
    CHECK(grown.slots != NULL);
    bool is_by_id = old == &table->by_id;
    for (uint32_t i = 0; i < table->count; i++) {
        slots_enter(&grown, is_by_id ? id_hash(id_at(table, i)) : key_hash_at(table, i), i);
    }
    return grown;
}

static void reserve_slots(struct table *table, struct table_slots *slots, uint32_t wanted, pthread_rwlock_t *lock) {
    if (wanted <= slots->count / 4 * 3) {
        return;
    }
    struct table_slots grown = slots_grown(table, slots, wanted);
    uint32_t *old = slots->slots;
    CHECK(pthread_rwlock_wrlock(lock) == 0);
    *slots = grown;
    CHECK(pthread_rwlock_unlock(lock) == 0);
    free(old);
}

static void reserve_page_array(struct table *table, uint32_t wanted, pthread_rwlock_t *lock) {
    if (wanted <= table->page_capacity) {
        return;
    }
    uint32_t capacity = wanted * 2;
    uint8_t **pages = calloc(capacity, sizeof(*pages));
    CHECK(pages != NULL);
    if (table->page_count > 0) {
        memcpy(pages, table->pages, table->page_count * sizeof(*pages));
    }
    uint8_t **old = table->pages;
    CHECK(pthread_rwlock_wrlock(lock) == 0);
    table->pages = pages;
    table->page_capacity = capacity;
    CHECK(pthread_rwlock_unlock(lock) == 0);
    free(old);
}

static void add_page(struct table *table, pthread_rwlock_t *lock) {
    uint8_t *page = calloc(PAGE_RECORDS, table->record_size);
    CHECK(page != NULL);
    CHECK(pthread_rwlock_wrlock(lock) == 0);
    table->pages[table->page_count++] = page;
    CHECK(pthread_rwlock_unlock(lock) == 0);
}

void table_reserve(struct table *table, uint32_t extra, pthread_rwlock_t *lock) {
    CHECK(extra < UINT32_MAX / 4 - table->count);
    uint32_t wanted = table->count + extra;
    uint32_t pages_wanted = (wanted + PAGE_RECORDS - 1) / PAGE_RECORDS;
    reserve_page_array(table, pages_wanted, lock);
    while (table->page_count < pages_wanted) {
        add_page(table, lock);
    }
    reserve_slots(table, &table->by_id, wanted, lock);
    if (table->key_hash != NULL) {
        reserve_slots(table, &table->by_key, wanted, lock);
    }
}

uint32_t table_find(const struct table *table, int32_t id) {
    if (table->by_id.count == 0) {
        return TABLE_NONE;
    }
    uint32_t mask = table->by_id.count - 1;
    for (uint32_t at = (uint32_t)id_hash(id) & mask; table->by_id.slots[at] != 0; at = (at + 1) & mask) {
        uint32_t index = table->by_id.slots[at] - 1;
        if (id_at(table, index) == id) {
            return index;
        }
    }
    return TABLE_NONE;
}

uint32_t table_add(struct table *table, int32_t id) {
    uint32_t index = table->count++;
    memcpy(table_at(table, index), &id, sizeof(id));
    slots_enter(&table->by_id, id_hash(id), index);
    return index;
}

void table_enter_key(struct table *table, uint32_t index) {
    slots_enter(&table->by_key, key_hash_at(table, index), index);
}

static uint32_t slot_of_key(const struct table *table, uint32_t index) {
    uint32_t mask = table->by_key.count - 1;
    uint32_t at = (uint32_t)key_hash_at(table, index) & mask;
    while (table->by_key.slots[at] != index + 1) {
        CHECK(table->by_key.slots[at] != 0);
        at = (at + 1) & mask;
    }
    return at;
}

void table_remove_key(struct table *table, uint32_t index) {
    struct table_slots *slots = &table->by_key;
    uint32_t mask = slots->count - 1;
    uint32_t hole = slot_of_key(table, index);
    slots->slots[hole] = 0;
    slots->used--;
    /* Those behind the hole that would no longer be found move into it. */
    for (uint32_t at = (hole + 1) & mask; slots->slots[at] != 0; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)key_hash_at(table, slots->slots[at] - 1) & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            slots->slots[hole] = slots->slots[at];
            slots->slots[at] = 0;
            hole = at;
        }
    }
}

uint32_t table_next(const struct table *table, uint64_t hash, struct table_cursor *cursor) {
    const struct table_slots *slots = &table->by_key;
    if (cursor->step >= slots->count) {
        return TABLE_NONE;
    }
    uint32_t slot = slots->slots[((uint32_t)hash + cursor->step) & (slots->count - 1)];
    cursor->step++;
    return slot == 0 ? TABLE_NONE : slot - 1;
}

size_t table_memory_bytes(const struct table *table) {
    return (size_t)table->page_count * PAGE_RECORDS * table->record_size +
           table->page_capacity * sizeof(*table->pages) +
           ((size_t)table->by_id.count + table->by_key.count) * sizeof(uint32_t);
}
