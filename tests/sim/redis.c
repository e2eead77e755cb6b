/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/redis.h"
#include "sim/redis_room.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct redis *redis_create(uint64_t identity, const char *library, const int64_t *now_ms) {
    struct redis *redis = calloc(1, sizeof *redis);
    CHECK(redis != NULL);
    redis->now_ms = now_ms;
    snprintf(redis->identity, sizeof redis->identity, "%040llu", (unsigned long long)identity);
    struct text reply = {0};
    if (library != NULL)
        CHECK(library_load(redis, library, &reply));
    text_finish(&reply);
    return redis;
}

void redis_destroy(struct redis *redis) {
    if (redis == NULL)
        return;
    hashes_finish(redis);
    free(redis->hashes);
    library_finish(redis);
    text_finish(&redis->scratch);
    text_finish(&redis->numbers);
    free(redis);
}

struct redis *redis_copy(const struct redis *redis, uint64_t identity) {
    struct redis *copy = redis_create(identity, redis->library, redis->now_ms);
    for (uint32_t at = 0; at < redis->count; at++) {
        const struct hash *hash = redis->hashes[at];
        struct hash *made = hash_make(copy, bytes_of(hash->key, strlen(hash->key)));
        made->expires_ms = hash->expires_ms;
        for (uint32_t i = 0; i < hash->count; i++) {
            const struct field *field = &hash->fields[i];
            if (!field->is_gone)
                hash_set(made, bytes_of(field->name.data, field->name.size),
                         bytes_of(field->value.data, field->value.size));
        }
    }
    return copy;
}

void redis_flush(struct redis *redis) {
    hashes_finish(redis);
}

/* "*2\r\n" or "$5\r\n": the number, and where the line ends. */
static bool take_line(struct bytes *request, char kind, size_t *number) {
    const uint8_t *end = memchr(request->data, '\n', request->size);
    if (request->size < 4 || end == NULL || request->data[0] != (uint8_t)kind)
        return false;
    *number = strtoul((const char *)request->data + 1, NULL, 10);
    size_t size = (size_t)(end + 1 - request->data);
    *request = bytes_of(request->data + size, request->size - size);
    return true;
}

static bool take_command(struct bytes *request, struct bytes *arguments, size_t *count) {
    if (!take_line(request, '*', count) || *count == 0 || *count > ARGUMENTS_MAX)
        return false;
    for (size_t at = 0; at < *count; at++) {
        size_t size;
        if (!take_line(request, '$', &size) || request->size < 2 || size > request->size - 2)
            return false;
        arguments[at] = bytes_of(request->data, size);
        *request = bytes_of(request->data + size + 2, request->size - size - 2);
    }
    return true;
}

bool redis_execute(struct redis *redis, struct bytes request, struct buffer *replies) {
    static struct bytes arguments[ARGUMENTS_MAX];
    struct text reply = {0};
    bool is_good = true;
    while (request.size > 0 && is_good) {
        size_t count;
        is_good = take_command(&request, arguments, &count);
        if (is_good)
            command_execute(redis, arguments, count, false, &reply);
    }
    is_good = is_good && buffer_append(replies, reply.data, reply.size);
    text_finish(&reply);
    return is_good;
}

static const struct hash *look(const struct redis *redis, const char *key) {
    for (uint32_t at = 0; at < redis->count; at++)
        if (strcmp(redis->hashes[at]->key, key) == 0 && !hash_is_over(redis, redis->hashes[at]))
            return redis->hashes[at];
    return NULL;
}

void redis_each_field(const struct redis *redis, const char *key, void *owner,
                      void (*take)(void *owner, struct bytes field, struct bytes value)) {
    const struct hash *hash = look(redis, key);
    for (uint32_t at = 0; hash != NULL && at < hash->count; at++) {
        const struct field *each = &hash->fields[at];
        if (!each->is_gone)
            take(owner, bytes_of(each->name.data, each->name.size), bytes_of(each->value.data, each->value.size));
    }
}

void redis_each_key(const struct redis *redis, void *owner, void (*take)(void *owner, const char *key)) {
    for (uint32_t at = 0; at < redis->count; at++)
        if (!hash_is_over(redis, redis->hashes[at]))
            take(owner, redis->hashes[at]->key);
}
