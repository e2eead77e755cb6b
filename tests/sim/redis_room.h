/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the simulated Redis share: redis_keys.c keeps hashes, redis_commands.c executes commands,
 * redis_lua.c runs the library. A command's reply is RESP, also on its way into Lua, as in Redis itself. */
#ifndef VAXEL_TESTS_SIM_REDIS_ROOM_H
#define VAXEL_TESTS_SIM_REDIS_ROOM_H

#include "sim/redis.h"

#include <lua5.1/lua.h>

#define ARGUMENTS_MAX 4096

/* Bytes that grow. */
struct text {
    uint8_t *data;
    size_t size, capacity;
};

void text_append(struct text *text, const void *data, size_t size);
__attribute__((format(printf, 2, 3))) void text_print(struct text *text, const char *format, ...);
void text_finish(struct text *text);

struct field {
    struct text name, value;
    uint64_t hash;
    bool is_gone;
};

/* Fields in the order of their making. */
struct hash {
    char *key;
    int64_t expires_ms; /* 0: never */
    struct field *fields;
    uint32_t count, capacity, live;
    uint32_t *slots; /* field's index plus one */
    uint32_t slot_count;
};

struct redis {
    struct hash **hashes;
    uint32_t count, capacity;
    char identity[41];
    char *library;
    const int64_t *now_ms;
    lua_State *lua;
    struct text scratch; /* the reply of a command that Lua called */
    struct text numbers; /* its arguments that are numbers, as text */
};

/* ---- redis_keys.c ---- */
struct hash *hash_find(struct redis *redis, struct bytes key);         /* NULL: there is none, or its time has passed */
bool hash_is_over(const struct redis *redis, const struct hash *hash); /* its time has passed */
struct hash *hash_make(struct redis *redis, struct bytes key);
void hash_remove(struct redis *redis, struct hash *hash);
struct field *hash_field(const struct hash *hash, struct bytes name);
/* True: it is new. */
bool hash_set(struct hash *hash, struct bytes name, struct bytes value);
bool hash_delete(struct redis *redis, struct hash *hash, struct bytes name);
void hash_rename(struct redis *redis, struct hash *hash, struct bytes key);
void hashes_finish(struct redis *redis);

/* ---- redis_commands.c ---- */
/* Appends the reply of one command. Lua may not call all of them. */
void command_execute(struct redis *redis, const struct bytes *arguments, size_t count, bool is_from_lua,
                     struct text *reply);
bool word_is(struct bytes text, const char *word); /* whatever the case */
/* The whole text as an integer; false: it is none. */
bool number_of(struct bytes text, int64_t *number);

/* ---- redis_lua.c ---- */
/* Loads a library; false: `reply` says why. */
bool library_load(struct redis *redis, const char *text, struct text *reply);
void library_call(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply);
void library_finish(struct redis *redis);

#endif
