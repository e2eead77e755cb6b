/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that the limits room and its library use. */
#include "sim/redis_room.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool word_is(struct bytes text, const char *word) {
    return text.size == strlen(word) && strncasecmp((const char *)text.data, word, text.size) == 0;
}

/* ---- replies ---- */

static void reply_integer(struct text *reply, int64_t number) {
    text_print(reply, ":%lld\r\n", (long long)number);
}

static void reply_bulk(struct text *reply, const void *data, size_t size) {
    text_print(reply, "$%zu\r\n", size);
    text_append(reply, data, size);
    text_append(reply, "\r\n", 2);
}

static void reply_word(struct text *reply, const char *word) {
    reply_bulk(reply, word, strlen(word));
}

static void reply_value(struct text *reply, const struct field *field) {
    if (field == NULL)
        text_print(reply, "$-1\r\n");
    else
        reply_bulk(reply, field->value.data, field->value.size);
}

static void reply_array(struct text *reply, size_t count) {
    text_print(reply, "*%zu\r\n", count);
}

static int64_t number_of(struct bytes text) {
    char digits[32] = {0};
    CHECK(text.size < sizeof digits);
    memcpy(digits, text.data, text.size);
    return strtoll(digits, NULL, 10);
}

/* ---- hashes ---- */

typedef void execute(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply);

static void hget(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    (void)count;
    reply_value(reply, hash_field(hash_find(redis, arguments[1]), arguments[2]));
}

static void hmget(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    const struct hash *hash = hash_find(redis, arguments[1]);
    reply_array(reply, count - 2);
    for (size_t at = 2; at < count; at++)
        reply_value(reply, hash_field(hash, arguments[at]));
}

static void hset(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    if (count % 2 != 0) {
        text_print(reply, "-ERR wrong number of arguments for 'hset' command\r\n");
        return;
    }
    struct hash *hash = hash_make(redis, arguments[1]);
    int64_t added = 0;
    for (size_t at = 2; at < count; at += 2)
        added += hash_set(hash, arguments[at], arguments[at + 1]);
    reply_integer(reply, added);
}

static void hsetnx(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    (void)count;
    struct hash *hash = hash_make(redis, arguments[1]);
    bool is_new = hash_field(hash, arguments[2]) == NULL;
    if (is_new)
        hash_set(hash, arguments[2], arguments[3]);
    reply_integer(reply, is_new);
}

static void hdel(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    int64_t deleted = 0;
    for (size_t at = 2; at < count; at++) {
        struct hash *hash = hash_find(redis, arguments[1]);
        deleted += hash != NULL && hash_delete(redis, hash, arguments[at]);
    }
    reply_integer(reply, deleted);
}

static void hlen(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    (void)count;
    const struct hash *hash = hash_find(redis, arguments[1]);
    reply_integer(reply, hash == NULL ? 0 : hash->live);
}

static void reply_fields(struct text *reply, const struct hash *hash) {
    reply_array(reply, hash == NULL ? 0 : 2 * (size_t)hash->live);
    for (uint32_t at = 0; hash != NULL && at < hash->count; at++) {
        const struct field *field = &hash->fields[at];
        if (field->is_gone)
            continue;
        reply_bulk(reply, field->name.data, field->name.size);
        reply_value(reply, field);
    }
}

/* All in one slice, which Redis may do as well. */
static void hscan(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    (void)count;
    reply_array(reply, 2);
    reply_word(reply, "0");
    reply_fields(reply, hash_find(redis, arguments[1]));
}

/* ---- keys ---- */

static void expire(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    (void)count;
    struct hash *hash = hash_find(redis, arguments[1]);
    if (hash != NULL)
        hash->expires_ms = *redis->now_ms + number_of(arguments[2]) * 1000;
    reply_integer(reply, hash != NULL);
}

static void unlink_keys(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    int64_t removed = 0;
    for (size_t at = 1; at < count; at++) {
        struct hash *hash = hash_find(redis, arguments[at]);
        if (hash == NULL)
            continue;
        hash_remove(redis, hash);
        removed++;
    }
    reply_integer(reply, removed);
}

static void rename_key(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    (void)count;
    struct hash *hash = hash_find(redis, arguments[1]);
    if (hash == NULL) {
        text_print(reply, "-ERR no such key\r\n");
        return;
    }
    hash_rename(redis, hash, arguments[2]);
    text_print(reply, "+OK\r\n");
}

/* ---- the server ---- */

static void info(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    (void)arguments;
    (void)count;
    char text[256];
    int size = snprintf(text, sizeof text, "# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_replid:%s\r\n",
                        redis->identity);
    reply_bulk(reply, text, (size_t)size);
}

static void config(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    (void)redis;
    CHECK(count == 3 && word_is(arguments[1], "get") && word_is(arguments[2], "maxmemory-policy"));
    reply_array(reply, 2);
    reply_word(reply, "maxmemory-policy");
    reply_word(reply, "noeviction");
}

static void list_library(const struct redis *redis, struct text *reply) {
    if (redis->library == NULL) {
        reply_array(reply, 0);
        return;
    }
    reply_array(reply, 1);
    reply_array(reply, 8);
    reply_word(reply, "library_name");
    reply_word(reply, "vaxel");
    reply_word(reply, "engine");
    reply_word(reply, "LUA");
    reply_word(reply, "functions");
    reply_array(reply, 0);
    reply_word(reply, "library_code");
    reply_word(reply, redis->library);
}

static void function(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    if (count >= 2 && word_is(arguments[1], "list")) {
        list_library(redis, reply);
        return;
    }
    CHECK(count == 4 && word_is(arguments[1], "load") && word_is(arguments[2], "replace"));
    char *text = calloc(1, arguments[3].size + 1);
    CHECK(text != NULL);
    memcpy(text, arguments[3].data, arguments[3].size);
    if (library_load(redis, text, reply))
        reply_word(reply, "vaxel");
    free(text);
}

static const struct {
    const char *name;
    size_t least; /* arguments, with the name */
    execute *execute;
} commands[] = {
    {"hmget", 3, hmget},   {"hset", 4, hset},     {"hsetnx", 4, hsetnx},      {"hget", 3, hget},
    {"fcall", 3, library_call}, {"hdel", 3, hdel}, {"hlen", 2, hlen},          {"hscan", 3, hscan},
    {"expire", 3, expire}, {"del", 2, unlink_keys}, {"unlink", 2, unlink_keys}, {"rename", 3, rename_key},
    {"info", 1, info},     {"config", 3, config}, {"function", 2, function},
};

void command_execute(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    for (size_t at = 0; at < sizeof commands / sizeof *commands; at++) {
        if (count == 0 || !word_is(arguments[0], commands[at].name))
            continue;
        if (count < commands[at].least)
            text_print(reply, "-ERR wrong number of arguments for '%s' command\r\n", commands[at].name);
        else
            commands[at].execute(redis, arguments, count, reply);
        return;
    }
    text_print(reply, "-ERR unknown command\r\n");
}
