/* SPDX-License-Identifier: Apache-2.0 */
/* The production library in Lua 5.1, as Redis runs it: the functions it registers, redis.call, and of Redis's struct library
 * what it uses. */
#include "sim/redis_room.h"

#include "base/check.h"

#include <lua5.1/lauxlib.h>
#include <lua5.1/lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS "functions"

/* ---- from RESP to Lua ---- */

static const uint8_t *push_reply(lua_State *lua, const uint8_t *at);

static const uint8_t *line_end(const uint8_t *at) {
    while (at[0] != '\r')
        at++;
    return at;
}

static const uint8_t *push_bulk(lua_State *lua, long long size, const uint8_t *at) {
    if (size < 0) {
        lua_pushboolean(lua, 0);
        return at;
    }
    lua_pushlstring(lua, (const char *)at, (size_t)size);
    return at + size + 2;
}

static const uint8_t *push_array(lua_State *lua, long long count, const uint8_t *at) {
    lua_createtable(lua, (int)count, 0);
    for (int i = 1; i <= count; i++) {
        at = push_reply(lua, at);
        lua_rawseti(lua, -2, i);
    }
    return at;
}

static const uint8_t *push_reply(lua_State *lua, const uint8_t *at) {
    char kind = (char)*at++;
    const uint8_t *end = line_end(at);
    luaL_checkstack(lua, 3, "a reply of too many levels");
    switch (kind) {
    case ':':
        lua_pushnumber(lua, (lua_Number)strtoll((const char *)at, NULL, 10));
        return end + 2;
    case '$':
        return push_bulk(lua, strtoll((const char *)at, NULL, 10), end + 2);
    case '*':
        return push_array(lua, strtoll((const char *)at, NULL, 10), end + 2);
    case '+':
        lua_newtable(lua);
        lua_pushlstring(lua, (const char *)at, (size_t)(end - at));
        lua_setfield(lua, -2, "ok");
        return end + 2;
    default:
        lua_pushlstring(lua, (const char *)at, (size_t)(end - at));
        lua_error(lua);
        return end + 2;
    }
}

/* ---- redis.call, redis.register_function ---- */

static struct redis *redis_of(lua_State *lua) {
    return lua_touserdata(lua, lua_upvalueindex(1));
}

/* Numbers as Redis 7 writes them. */
static struct bytes argument_of(lua_State *lua, int at, struct text *numbers) {
    size_t size;
    if (lua_type(lua, at) == LUA_TNUMBER) {
        size_t from = numbers->size;
        text_print(numbers, "%.17g", (double)lua_tonumber(lua, at));
        return bytes_of((const void *)from, numbers->size - from); /* moved to its place below */
    }
    if (lua_type(lua, at) != LUA_TSTRING)
        luaL_error(lua, "Lua redis lib command arguments must be strings or integers");
    const char *text = lua_tolstring(lua, at, &size);
    return bytes_of(text, size);
}

static int call(lua_State *lua) {
    struct redis *redis = redis_of(lua);
    int count = lua_gettop(lua);
    static _Thread_local struct bytes arguments[ARGUMENTS_MAX];
    struct text numbers = {0};
    if (count > ARGUMENTS_MAX)
        return luaL_error(lua, "too many arguments");
    for (int i = 0; i < count; i++)
        arguments[i] = argument_of(lua, i + 1, &numbers);
    for (int i = 0; i < count; i++)
        if (lua_type(lua, i + 1) == LUA_TNUMBER)
            arguments[i].data = numbers.data + (size_t)arguments[i].data;
    redis->scratch.size = 0;
    command_execute(redis, arguments, (size_t)count, &redis->scratch);
    text_append(&redis->scratch, "\r", 1);
    text_finish(&numbers);
    push_reply(lua, redis->scratch.data);
    return 1;
}

static int register_function(lua_State *lua) {
    luaL_checktype(lua, 1, LUA_TSTRING);
    luaL_checktype(lua, 2, LUA_TFUNCTION);
    lua_getfield(lua, LUA_REGISTRYINDEX, FUNCTIONS);
    lua_pushvalue(lua, 1);
    lua_pushvalue(lua, 2);
    lua_settable(lua, -3);
    return 0;
}

/* ---- struct.unpack, little-endian ---- */

static int unpack(lua_State *lua) {
    const char *format = luaL_checkstring(lua, 1);
    size_t size;
    const char *data = luaL_checklstring(lua, 2, &size);
    size_t at = (size_t)luaL_optinteger(lua, 3, 1) - 1;
    int count = 0;
    for (; *format != '\0'; format++) {
        size_t width = *format == 'd' ? 8 : *format == 'I' ? 4 : *format == 'H' ? 2 : *format == 'B' ? 1 : 0;
        if (*format == '<')
            continue;
        if (width == 0 || at + width > size)
            return luaL_error(lua, "data string too short");
        luaL_checkstack(lua, 2, "too many results");
        double number;
        uint64_t integer = 0;
        memcpy(width == 8 ? (void *)&number : (void *)&integer, data + at, width);
        lua_pushnumber(lua, width == 8 ? number : (double)integer);
        at += width;
        count++;
    }
    lua_pushinteger(lua, (lua_Integer)at + 1);
    return count + 1;
}

/* ---- the state ---- */

static void add_function(struct redis *redis, const char *name, lua_CFunction function) {
    lua_pushlightuserdata(redis->lua, redis);
    lua_pushcclosure(redis->lua, function, 1);
    lua_setfield(redis->lua, -2, name);
}

static void make_state(struct redis *redis) {
    redis->lua = luaL_newstate();
    CHECK(redis->lua != NULL);
    lua_State *lua = redis->lua;
    luaL_openlibs(lua);
    lua_newtable(lua);
    lua_setfield(lua, LUA_REGISTRYINDEX, FUNCTIONS);
    lua_newtable(lua);
    add_function(redis, "call", call);
    add_function(redis, "register_function", register_function);
    lua_setglobal(lua, "redis");
    lua_newtable(lua);
    add_function(redis, "unpack", unpack);
    lua_setglobal(lua, "struct");
}

void library_finish(struct redis *redis) {
    if (redis->lua != NULL)
        lua_close(redis->lua);
    redis->lua = NULL;
    free(redis->library);
    redis->library = NULL;
}

bool library_load(struct redis *redis, const char *text, struct text *reply) {
    char *copy = strdup(text);
    CHECK(copy != NULL);
    library_finish(redis);
    make_state(redis);
    const char *code = strchr(copy, '\n'); /* after "#!lua name=vaxel" */
    if (code == NULL || luaL_loadbuffer(redis->lua, code, strlen(code), "@vaxel") != 0 ||
        lua_pcall(redis->lua, 0, 0, 0) != 0) {
        text_print(reply, "-ERR Error compiling function: %.80s\r\n",
                   code == NULL ? "no name" : lua_tostring(redis->lua, -1));
        free(copy);
        library_finish(redis);
        return false;
    }
    redis->library = copy;
    return true;
}

/* ---- from Lua to RESP ---- */

static void write_result(lua_State *lua, struct text *reply) {
    size_t size;
    switch (lua_type(lua, -1)) {
    case LUA_TSTRING: {
        const char *text = lua_tolstring(lua, -1, &size);
        text_print(reply, "$%zu\r\n", size);
        text_append(reply, text, size);
        text_append(reply, "\r\n", 2);
        break;
    }
    case LUA_TNUMBER:
        text_print(reply, ":%lld\r\n", (long long)lua_tonumber(lua, -1));
        break;
    case LUA_TBOOLEAN:
        text_print(reply, lua_toboolean(lua, -1) ? ":1\r\n" : "$-1\r\n");
        break;
    case LUA_TTABLE: {
        int count = 0;
        for (;; count++) {
            lua_rawgeti(lua, -1, count + 1);
            bool is_end = lua_isnil(lua, -1);
            lua_pop(lua, 1);
            if (is_end)
                break;
        }
        text_print(reply, "*%d\r\n", count);
        for (int i = 1; i <= count; i++) {
            lua_rawgeti(lua, -1, i);
            write_result(lua, reply);
            lua_pop(lua, 1);
        }
        break;
    }
    default:
        text_print(reply, "$-1\r\n");
    }
}

static void push_list(lua_State *lua, const struct bytes *items, size_t count) {
    lua_createtable(lua, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushlstring(lua, (const char *)items[i].data, items[i].size);
        lua_rawseti(lua, -2, (int)i + 1);
    }
}

/* FCALL name key-count keys… arguments… */
void library_call(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    lua_State *lua = redis->lua;
    size_t keys = (size_t)(arguments[2].data[0] - '0');
    CHECK(arguments[2].size == 1 && count >= 3 + keys);
    if (lua == NULL) {
        text_print(reply, "-ERR Function not found\r\n");
        return;
    }
    lua_getfield(lua, LUA_REGISTRYINDEX, FUNCTIONS);
    lua_pushlstring(lua, (const char *)arguments[1].data, arguments[1].size);
    lua_gettable(lua, -2);
    if (lua_isnil(lua, -1)) {
        lua_settop(lua, 0);
        text_print(reply, "-ERR Function not found\r\n");
        return;
    }
    push_list(lua, arguments + 3, keys);
    push_list(lua, arguments + 3 + keys, count - 3 - keys);
    if (lua_pcall(lua, 2, 1, 0) != 0)
        text_print(reply, "-ERR %.100s\r\n", lua_tostring(lua, -1));
    else
        write_result(lua, reply);
    lua_settop(lua, 0);
}
