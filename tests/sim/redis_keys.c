/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/redis_room.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_append(struct text *text, const void *data, size_t size) {
    if (text->size + size > text->capacity) {
        text->capacity = 2 * (text->size + size) + 32;
        text->data = realloc(text->data, text->capacity);
        CHECK(text->data != NULL);
    }
    if (size > 0)
        memcpy(text->data + text->size, data, size);
    text->size += size;
}

void text_print(struct text *text, const char *format, ...) {
    char line[128];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    CHECK(size >= 0 && (size_t)size < sizeof line);
    text_append(text, line, (size_t)size);
}

void text_finish(struct text *text) {
    free(text->data);
    *text = (struct text){0};
}

static uint64_t hash_of(struct bytes bytes) {
    uint64_t hash = UINT64_C(1469598103934665603);
    for (size_t at = 0; at < bytes.size; at++)
        hash = (hash ^ bytes.data[at]) * UINT64_C(1099511628211);
    return hash;
}

static bool is_same(const struct text *text, struct bytes bytes) {
    return text->size == bytes.size && (bytes.size == 0 || memcmp(text->data, bytes.data, bytes.size) == 0);
}

bool hash_is_over(const struct redis *redis, const struct hash *hash) {
    return hash->expires_ms != 0 && *redis->now_ms > hash->expires_ms;
}

struct hash *hash_find(struct redis *redis, struct bytes key) {
    for (uint32_t at = 0; at < redis->count; at++) {
        struct hash *hash = redis->hashes[at];
        if (strlen(hash->key) != key.size || memcmp(hash->key, key.data, key.size) != 0)
            continue;
        if (!hash_is_over(redis, hash))
            return hash;
        hash_remove(redis, hash);
        return NULL;
    }
    return NULL;
}

static char *copy_key(struct bytes key) {
    char *copy = calloc(1, key.size + 1);
    CHECK(copy != NULL);
    memcpy(copy, key.data, key.size);
    return copy;
}

struct hash *hash_make(struct redis *redis, struct bytes key) {
    struct hash *hash = hash_find(redis, key);
    if (hash != NULL)
        return hash;
    if (redis->count == redis->capacity) {
        redis->capacity = 2 * redis->capacity + 16;
        redis->hashes = realloc(redis->hashes, redis->capacity * sizeof *redis->hashes);
        CHECK(redis->hashes != NULL);
    }
    hash = calloc(1, sizeof *hash);
    CHECK(hash != NULL);
    hash->key = copy_key(key);
    redis->hashes[redis->count++] = hash;
    return hash;
}

static void forget_fields(struct hash *hash) {
    for (uint32_t at = 0; at < hash->count; at++) {
        text_finish(&hash->fields[at].name);
        text_finish(&hash->fields[at].value);
    }
    free(hash->fields);
    free(hash->slots);
    hash->fields = NULL;
    hash->slots = NULL;
    hash->count = hash->capacity = hash->live = hash->slot_count = 0;
}

static void forget(struct hash *hash) {
    forget_fields(hash);
    free(hash->key);
    free(hash);
}

void hash_remove(struct redis *redis, struct hash *hash) {
    uint32_t at = 0;
    while (redis->hashes[at] != hash)
        at++;
    forget(hash);
    memmove(redis->hashes + at, redis->hashes + at + 1, (redis->count - at - 1) * sizeof *redis->hashes);
    redis->count--;
}

void hashes_finish(struct redis *redis) {
    for (uint32_t at = 0; at < redis->count; at++)
        forget(redis->hashes[at]);
    redis->count = 0;
}

struct field *hash_field(const struct hash *hash, struct bytes name) {
    if (hash == NULL || hash->slot_count == 0)
        return NULL;
    uint64_t wanted = hash_of(name);
    for (uint64_t at = wanted;; at++) {
        uint32_t slot = hash->slots[at & (hash->slot_count - 1)];
        if (slot == 0)
            return NULL;
        struct field *field = &hash->fields[slot - 1];
        if (!field->is_gone && field->hash == wanted && is_same(&field->name, name))
            return field;
    }
}

/* Fields that are gone leave with it. */
static void rehash(struct hash *hash) {
    uint32_t kept = 0;
    for (uint32_t at = 0; at < hash->count; at++) {
        if (hash->fields[at].is_gone) {
            text_finish(&hash->fields[at].name);
            text_finish(&hash->fields[at].value);
        } else {
            hash->fields[kept++] = hash->fields[at];
        }
    }
    hash->count = kept;
    uint32_t slot_count = 16;
    while (slot_count < 4 * (kept + 1))
        slot_count *= 2;
    free(hash->slots);
    hash->slots = calloc(slot_count, sizeof *hash->slots);
    hash->fields = realloc(hash->fields, slot_count / 2 * sizeof *hash->fields);
    CHECK(hash->slots != NULL && hash->fields != NULL);
    hash->slot_count = slot_count;
    hash->capacity = slot_count / 2;
    for (uint32_t at = 0; at < kept; at++) {
        uint64_t slot = hash->fields[at].hash;
        while (hash->slots[slot & (slot_count - 1)] != 0)
            slot++;
        hash->slots[slot & (slot_count - 1)] = at + 1;
    }
}

bool hash_set(struct hash *hash, struct bytes name, struct bytes value) {
    struct field *field = hash_field(hash, name);
    bool is_new = field == NULL;
    if (is_new) {
        if (hash->count == hash->capacity)
            rehash(hash);
        field = &hash->fields[hash->count++];
        *field = (struct field){.hash = hash_of(name)};
        text_append(&field->name, name.data, name.size);
        uint64_t slot = field->hash;
        while (hash->slots[slot & (hash->slot_count - 1)] != 0)
            slot++;
        hash->slots[slot & (hash->slot_count - 1)] = hash->count;
        hash->live++;
    }
    field->value.size = 0;
    text_append(&field->value, value.data, value.size);
    return is_new;
}

bool hash_delete(struct redis *redis, struct hash *hash, struct bytes name) {
    struct field *field = hash_field(hash, name);
    if (field == NULL)
        return false;
    field->is_gone = true;
    hash->live--;
    if (hash->live == 0)
        hash_remove(redis, hash);
    return true;
}

void hash_rename(struct redis *redis, struct hash *hash, struct bytes key) {
    struct hash *old = hash_find(redis, key);
    if (old != NULL && old != hash)
        hash_remove(redis, old);
    free(hash->key);
    hash->key = copy_key(key);
}
