/* SPDX-License-Identifier: Apache-2.0 */
/* The production library in Lua 5.1, as Redis runs it: the functions it registers, redis.call, and of Redis's struct
 * library what it uses. */
#include "sim/plants.h"
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
    if (count == 0)
        return luaL_error(lua, "Please specify at least one argument for this redis lib call");
    if (count > ARGUMENTS_MAX)
        return luaL_error(lua, "too many arguments");
    redis->numbers.size = 0;
    for (int i = 0; i < count; i++)
        arguments[i] = argument_of(lua, i + 1, &redis->numbers);
    for (int i = 0; i < count; i++)
        if (lua_type(lua, i + 1) == LUA_TNUMBER)
            arguments[i].data = redis->numbers.data + (size_t)arguments[i].data;
    redis->scratch.size = 0;
    command_execute(redis, arguments, (size_t)count, true, &redis->scratch);
    text_append(&redis->scratch, "\r", 1);
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

/* ---- struct, little-endian ---- */

static size_t width_of(char option) {
    return option == 'd' ? 8 : option == 'I' ? 4 : option == 'H' ? 2 : option == 'B' || option == 'x' ? 1 : 0;
}

static void push_number(lua_State *lua, char option, const char *data) {
    double number;
    uint64_t integer = 0;
    memcpy(option == 'd' ? (void *)&number : (void *)&integer, data, width_of(option));
    lua_pushnumber(lua, option == 'd' ? number : (double)integer);
}

/* Of the option c: the digits after it; 0 stands for the number that was read last, which it takes the place of. */
static size_t text_width(lua_State *lua, const char **format, int *count) {
    size_t width = strtoul(*format + 1, (char **)(uintptr_t)format, 10);
    if (width > 0)
        return width;
    if (*count == 0 || !lua_isnumber(lua, -1))
        luaL_error(lua, "format 'c0' needs a previous size");
    width = (size_t)lua_tonumber(lua, -1);
    lua_pop(lua, 1);
    (*count)--;
    return width;
}

static int unpack(lua_State *lua) {
    const char *format = luaL_checkstring(lua, 1);
    size_t size;
    const char *data = luaL_checklstring(lua, 2, &size);
    size_t at = (size_t)luaL_optinteger(lua, 3, 1) - 1;
    int count = 0;
    while (*format != '\0') {
        char option = *format;
        size_t width = width_of(option);
        if (option == 'c')
            width = text_width(lua, &format, &count);
        else
            format++;
        if (option == '<')
            continue;
        if ((option != 'c' && width == 0) || at > size || width > size - at)
            return luaL_error(lua, "data string too short");
        luaL_checkstack(lua, 2, "too many results");
        if (option == 'c')
            lua_pushlstring(lua, data + at, width);
        else if (option != 'x')
            push_number(lua, option, data + at);
        at += width;
        count += option != 'x';
    }
    lua_pushinteger(lua, (lua_Integer)at + 1);
    return count + 1;
}

/* Doubles alone. */
static int pack(lua_State *lua) {
    const char *format = luaL_checkstring(lua, 1);
    luaL_Buffer buffer;
    luaL_buffinit(lua, &buffer);
    if (*format != '<' || strspn(format + 1, "d") != strlen(format + 1))
        return luaL_error(lua, "the model packs doubles alone");
    for (int i = 2; format[i - 1] != '\0'; i++) {
        double number = luaL_checknumber(lua, i);
        luaL_addlstring(&buffer, (const char *)&number, sizeof number);
    }
    luaL_pushresult(&buffer);
    return 1;
}

/* ---- the state ---- */

static void add_function(struct redis *redis, const char *name, lua_CFunction function) {
    lua_pushlightuserdata(redis->lua, redis);
    lua_pushcclosure(redis->lua, function, 1);
    lua_setfield(redis->lua, -2, name);
}

/* Those of Lua's own that Redis has, all of them. */
static void open_libraries(lua_State *lua) {
    static const luaL_Reg libraries[] = {{"", luaopen_base},
                                         {LUA_TABLIBNAME, luaopen_table},
                                         {LUA_STRLIBNAME, luaopen_string},
                                         {LUA_MATHLIBNAME, luaopen_math}};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        lua_pushcfunction(lua, libraries[i].func);
        lua_pushstring(lua, libraries[i].name);
        lua_call(lua, 1, 0);
    }
}

static void make_state(struct redis *redis) {
    redis->lua = luaL_newstate();
    CHECK(redis->lua != NULL);
    lua_State *lua = redis->lua;
    open_libraries(lua);
    lua_newtable(lua);
    lua_setfield(lua, LUA_REGISTRYINDEX, FUNCTIONS);
    lua_newtable(lua);
    add_function(redis, "call", call);
    add_function(redis, "register_function", register_function);
    lua_setglobal(lua, "redis");
    lua_newtable(lua);
    add_function(redis, "unpack", unpack);
    add_function(redis, "pack", pack);
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
    /* What it tells of is the library it was given; what it runs has the planted fault in it, if there is one. */
    char *planted = plants_library(text);
    const char *code = strchr(planted, '\n'); /* after "#!lua name=vaxel" */
    lua_State *former = redis->lua;
    make_state(redis);
    if (code == NULL || luaL_loadbuffer(redis->lua, code, strlen(code), "@user_function") != 0 ||
        lua_pcall(redis->lua, 0, 0, 0) != 0) {
        text_print(reply, "-ERR Error compiling function: %.80s\r\n",
                   code == NULL ? "no name" : lua_tostring(redis->lua, -1));
        lua_close(redis->lua);
        redis->lua = former;
        free(planted);
        return false;
    }
    free(planted);
    if (former != NULL)
        lua_close(former);
    free(redis->library);
    redis->library = strdup(text);
    CHECK(redis->library != NULL);
    return true;
}

/* ---- from Lua to RESP ---- */

static void write_result(lua_State *lua, struct text *reply);

/* A field of the table on top, if it is text: "+" or "-" and the text is the reply. */
static bool write_line(lua_State *lua, const char *field, const char *mark, struct text *reply) {
    size_t size;
    lua_pushstring(lua, field);
    lua_rawget(lua, -2);
    bool is_text = lua_type(lua, -1) == LUA_TSTRING;
    if (is_text) {
        const char *text = lua_tolstring(lua, -1, &size);
        text_print(reply, "%s", mark);
        text_append(reply, text, size);
        text_append(reply, "\r\n", 2);
    }
    lua_pop(lua, 1);
    return is_text;
}

/* A table is a list up to its first nil. */
static void write_table(lua_State *lua, struct text *reply) {
    CHECK(lua_checkstack(lua, 2));
    if (write_line(lua, "err", "-", reply) || write_line(lua, "ok", "+", reply))
        return;
    int count = 0;
    for (bool is_end = false; !is_end; count += !is_end) {
        lua_rawgeti(lua, -1, count + 1);
        is_end = lua_isnil(lua, -1);
        lua_pop(lua, 1);
    }
    text_print(reply, "*%d\r\n", count);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(lua, -1, i);
        write_result(lua, reply);
        lua_pop(lua, 1);
    }
}

static void write_result(lua_State *lua, struct text *reply) {
    size_t size;
    const char *text;
    switch (lua_type(lua, -1)) {
    case LUA_TSTRING:
        text = lua_tolstring(lua, -1, &size);
        text_print(reply, "$%zu\r\n", size);
        text_append(reply, text, size);
        text_append(reply, "\r\n", 2);
        break;
    case LUA_TNUMBER:
        text_print(reply, ":%lld\r\n", (long long)lua_tonumber(lua, -1));
        break;
    case LUA_TBOOLEAN:
        text_print(reply, lua_toboolean(lua, -1) ? ":1\r\n" : "$-1\r\n");
        break;
    case LUA_TTABLE:
        write_table(lua, reply);
        break;
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

/* Leaves the function on the stack; false: there is none of that name. */
static bool push_function(lua_State *lua, struct bytes name) {
    if (lua == NULL)
        return false;
    lua_getfield(lua, LUA_REGISTRYINDEX, FUNCTIONS);
    lua_pushlstring(lua, (const char *)name.data, name.size);
    lua_rawget(lua, -2);
    return !lua_isnil(lua, -1);
}

static void run(lua_State *lua, const struct bytes *arguments, size_t keys, size_t count, struct text *reply) {
    push_list(lua, arguments, keys);
    push_list(lua, arguments + keys, count - keys);
    if (lua_pcall(lua, 2, 1, 0) == 0)
        write_result(lua, reply);
    else
        text_print(reply, "-ERR %.100s\r\n",
                   lua_isstring(lua, -1) ? lua_tostring(lua, -1) : "an error that is no text");
}

/* FCALL name key-count keys… arguments… */
void library_call(struct redis *redis, const struct bytes *arguments, size_t count, struct text *reply) {
    int64_t keys;
    if (!push_function(redis->lua, arguments[1]))
        text_print(reply, "-ERR Function not found\r\n");
    else if (!number_of(arguments[2], &keys))
        text_print(reply, "-ERR Bad number of keys provided\r\n");
    else if (keys > (int64_t)(count - 3))
        text_print(reply, "-ERR Number of keys can't be greater than number of args\r\n");
    else if (keys < 0)
        text_print(reply, "-ERR Number of keys can't be negative\r\n");
    else
        run(redis->lua, arguments + 3, (size_t)keys, count - 3, reply);
    if (redis->lua != NULL)
        lua_settop(redis->lua, 0);
}
