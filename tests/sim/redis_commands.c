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

bool number_of(struct bytes text, int64_t *number) {
    char digits[48] = {0};
    if (text.size == 0 || text.size >= sizeof digits)
        return false;
    memcpy(digits, text.data, text.size);
    char *end;
    *number = strtoll(digits, &end, 10);
    return end == digits + text.size;
}

static void reply_unknown(struct text *reply, const char *what) {
    text_print(reply, "-ERR the model knows nothing of such %s\r\n", what);
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
    int64_t about;
    bool is_whole = count == 3 || (count == 5 && word_is(arguments[3], "count") && number_of(arguments[4], &about));
    if (!word_is(arguments[2], "0") || !is_whole) {
        reply_unknown(reply, "a slice");
        return;
    }
    reply_array(reply, 2);
    reply_word(reply, "0");
    reply_fields(reply, hash_find(redis, arguments[1]));
}

/* ---- keys ---- */

static void expire(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    struct hash *hash = hash_find(redis, arguments[1]);
    int64_t seconds;
    if (count > 3) {
        reply_unknown(reply, "an expiry");
        return;
    }
    if (!number_of(arguments[2], &seconds)) {
        text_print(reply, "-ERR value is not an integer or out of range\r\n");
        return;
    }
    if (hash != NULL && seconds <= 0)
        hash_remove(redis, hash);
    else if (hash != NULL)
        hash->expires_ms = *redis->now_ms + seconds * 1000;
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
    if (count != 3 || !word_is(arguments[1], "get") || !word_is(arguments[2], "maxmemory-policy")) {
        reply_unknown(reply, "a setting");
        return;
    }
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
    if (count != 4 || !word_is(arguments[1], "load") || !word_is(arguments[2], "replace")) {
        reply_unknown(reply, "a use of functions");
        return;
    }
    char *text = calloc(1, arguments[3].size + 1);
    CHECK(text != NULL);
    memcpy(text, arguments[3].data, arguments[3].size);
    if (library_load(redis, text, reply))
        reply_word(reply, "vaxel");
    free(text);
}

/* How many arguments with the name; from `least` on, where it is not exact. What a client alone may say, Lua may not.
 */
static const struct command {
    const char *name;
    size_t least;
    bool is_exact, is_clients;
    execute *execute;
} commands[] = {
    {"hmget", 3, false, false, hmget},       {"hset", 4, false, false, hset},
    {"hsetnx", 4, true, false, hsetnx},      {"hget", 3, true, false, hget},
    {"hdel", 3, false, false, hdel},         {"hlen", 2, true, false, hlen},
    {"hscan", 3, false, false, hscan},       {"expire", 3, false, false, expire},
    {"del", 2, false, false, unlink_keys},   {"unlink", 2, false, false, unlink_keys},
    {"rename", 3, true, false, rename_key},  {"info", 1, false, false, info},
    {"fcall", 3, false, true, library_call}, {"config", 2, false, true, config},
    {"function", 2, false, true, function},
};

static const struct command *find_command(struct bytes name) {
    for (size_t at = 0; at < sizeof commands / sizeof *commands; at++)
        if (word_is(name, commands[at].name))
            return &commands[at];
    return NULL;
}

static bool is_right_count(const struct command *command, size_t count) {
    return command->is_exact ? count == command->least : count >= command->least;
}

static void reply_unknown_command(struct text *reply, const struct bytes *arguments, size_t count) {
    text_print(reply, "-ERR unknown command '%.*s', with args beginning with: ",
               (int)(arguments[0].size < 40 ? arguments[0].size : 40), (const char *)arguments[0].data);
    for (size_t at = 1; at < count && at < 4; at++)
        text_print(reply, "'%.*s' ", (int)(arguments[at].size < 40 ? arguments[at].size : 40),
                   (const char *)arguments[at].data);
    text_append(reply, "\r\n", 2);
}

void command_execute(struct redis *redis, const struct bytes *arguments, size_t count, bool is_from_lua,
                     struct text *reply) {
    const struct command *command = find_command(arguments[0]);
    if (command == NULL && is_from_lua)
        text_print(reply, "-ERR Unknown Redis command called from script\r\n");
    else if (command == NULL)
        reply_unknown_command(reply, arguments, count);
    else if (!is_right_count(command, count) && is_from_lua)
        text_print(reply, "-ERR Wrong number of args calling Redis command from script\r\n");
    else if (!is_right_count(command, count))
        text_print(reply, "-ERR wrong number of arguments for '%s' command\r\n", command->name);
    else if (command->is_clients && is_from_lua)
        text_print(reply, "-ERR This Redis command is not allowed from script\r\n");
    else
        command->execute(redis, arguments, count, reply);
}
