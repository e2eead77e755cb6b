/* SPDX-License-Identifier: Apache-2.0 */
/* The model of Redis says what Redis says: commands, Lua, and what only a model can do. */
#include "both_test.h"
#include "redis_room.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct both both;

static void start_empty(void) {
    both_start(&both, NULL);
}

static void stop(void) {
    both_stop(&both);
}

TestSuite(redis, .init = start_empty, .fini = stop);

static void say_all(const char *const *words) {
    for (; *words != NULL; words++)
        both_say(&both, *words);
}

/* What the model alone says. */
static const char *model_says(struct redis *redis, const char *command) {
    static struct buffer replies;
    if (replies.data == NULL)
        buffer_init(&replies, 65536);
    replies.size = 0;
    cr_assert(redis_execute(redis, bytes_of(command, strlen(command)), &replies));
    buffer_append(&replies, "", 1);
    return (const char *)replies.data;
}

#define HGET_A_ONE "*3\r\n$4\r\nhget\r\n$1\r\na\r\n$1\r\n1\r\n"
#define HSET_A_ONE "*4\r\n$4\r\nhset\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nx\r\n"
#define EXPIRE_A_IN_100_S "*3\r\n$6\r\nexpire\r\n$1\r\na\r\n$3\r\n100\r\n"
#define ABSENT "$-1\r\n"

Test(redis, hashes_are_written_and_read) {
    say_all(
        (const char *const[]){"HSET a 1 one 2 two", "HSET a 1 uno 3 tres", "HGET a 1", "HGET a 4", "HGET b 1",
                              "HMGET a 3 4 1 3",    "HMGET b 1 2",         "HLEN a",   "HLEN b",   "HSETNX a 1 eins",
                              "HSETNX a 4 vier",    "HSETNX b 1 eins",     "HGET a 1", "HGET b 1", "HSET a 5 ",
                              "HGET a 5",           "HSET a  empty",       "HGET a ",  "hGeT a 1", NULL});
}

Test(redis, a_key_goes_with_its_last_field) {
    say_all((const char *const[]){"HSET a 1 one 2 two", "HDEL a 1 1 3", "HLEN a", "RENAME a b", "HDEL b 2 2 1",
                                  "HLEN b", "RENAME b c", "EXPIRE b 10", "DEL b", "HDEL b 1", "HSET b 1 again",
                                  "HLEN b", NULL});
}

Test(redis, a_hash_that_shrinks_and_grows_keeps_what_it_has) {
    char words[64];
    for (int i = 0; i < 500; i++) {
        snprintf(words, sizeof words, "HSET a %d %d", i % 97, i);
        both_say(&both, words);
        snprintf(words, sizeof words, "HDEL a %d", (i * 31) % 97);
        both_say(&both, words);
        snprintf(words, sizeof words, "HMGET a %d %d %d", i % 97, (i * 7) % 97, (i * 31 + 1) % 97);
        both_say(&both, words);
    }
    both_say(&both, "HLEN a");
}

Test(redis, a_key_is_renamed_over_another) {
    say_all((const char *const[]){"HSET a 1 one", "HSET b 1 old 2 two", "EXPIRE b 100", "RENAME a b", "HMGET b 1 2",
                                  "HLEN a", "HLEN b", "RENAME b b", "HGET b 1", "RENAME a c", "DEL a b b", "UNLINK b",
                                  NULL});
}

Test(redis, what_is_wrong_is_an_error) {
    say_all((const char *const[]){
        "HGET a", "HGET a 1 2", "HSET a 1",  "HSET a 1 one 2", "HSETNX a 1", "HSETNX a 1 2 3", "HMGET a",      "HDEL a",
        "HLEN",   "HLEN a b",   "RENAME a",  "RENAME a b c",   "RENAME a b", "EXPIRE a",       "EXPIRE a ten", "DEL",
        "UNLINK", "FCALL f",    "FCALL f 0", "HLEN a",         "NONSENSE",   "NONSENSE a b c", "nonsense 1 2", NULL});
}

Test(redis, what_the_model_does_not_know_is_an_error) {
    static const char *const commands[] = {
        "*2\r\n$3\r\nget\r\n$1\r\na\r\n", "*3\r\n$5\r\nhscan\r\n$1\r\na\r\n$1\r\n7\r\n",
        "*4\r\n$6\r\nexpire\r\n$1\r\na\r\n$2\r\n10\r\n$2\r\nNX\r\n",
        "*3\r\n$6\r\nconfig\r\n$3\r\nget\r\n$4\r\nsave\r\n", "*2\r\n$8\r\nfunction\r\n$5\r\nflush\r\n"};
    model_says(both.model, HSET_A_ONE);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        cr_assert_eq(model_says(both.model, commands[i])[0], '-');
}

Test(redis, bytes_that_are_no_commands_are_told) {
    static const char *const commands[] = {"hget a 1\r\n", "*3\r\n$4\r\nhget\r\n$1\r\na\r\n", "*1\r\n$-1\r\n", "*0\r\n",
                                           "*1\r\n$9\r\nhget\r\n"};
    struct buffer replies;
    buffer_init(&replies, 1024);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        cr_assert_not(redis_execute(both.model, bytes_of(commands[i], strlen(commands[i])), &replies));
    buffer_finish(&replies);
}

Test(redis, a_time_that_is_over_at_once_removes_the_key) {
    say_all((const char *const[]){"HSET a 1 one", "EXPIRE a 0", "HGET a 1", "HSET a 1 one", "EXPIRE a -1", "HLEN a",
                                  "EXPIRE a 10", NULL});
}

Test(redis, a_key_goes_when_its_time_is_over) {
    model_says(both.model, HSET_A_ONE EXPIRE_A_IN_100_S);
    both.now_ms += 100000;
    cr_assert_str_eq(model_says(both.model, HGET_A_ONE), "$1\r\nx\r\n");
    both.now_ms++;
    cr_assert_str_eq(model_says(both.model, HGET_A_ONE), ABSENT);
    model_says(both.model, HSET_A_ONE);
    both.now_ms += 1000000;
    cr_assert_str_eq(model_says(both.model, HGET_A_ONE), "$1\r\nx\r\n", "a key made anew has no time");
}

Test(redis, a_time_is_renamed_with_its_key_and_one_that_was_there_is_gone) {
    model_says(both.model, HSET_A_ONE EXPIRE_A_IN_100_S);
    model_says(both.model, "*3\r\n$6\r\nrename\r\n$1\r\na\r\n$1\r\nb\r\n" HSET_A_ONE);
    both.now_ms += 100001;
    cr_assert_str_eq(model_says(both.model, HGET_A_ONE), "$1\r\nx\r\n");
    cr_assert_str_eq(model_says(both.model, "*2\r\n$4\r\nhlen\r\n$1\r\nb\r\n"), ":0\r\n");
}

/* ---- Lua ---- */

static const char LIBRARY[] =
    "#!lua name=vaxel\n"
    "local function register(name, f) redis.register_function(name, f) end\n"
    "register('nested', function() return { 1, 'a', { 2, { 3, 'b', {} } }, true, false, { false }, 'end' } end)\n"
    "register('holes', function() return { 1, 2, nil, 4 } end)\n"
    "register('nothing', function() end)\n"
    "register('yes', function() return true end)\n"
    "register('no', function() return false end)\n"
    "register('fine', function() return { ok = 'FINE', 1 } end)\n"
    "register('bad', function() return { err = 'BAD words' } end)\n"
    "register('a_function', function() return { 1, function() end, 2 } end)\n"
    "register('numbers', function() return { 3.99, -3.99, 0.5, 2^53 - 1, -2^53, 1e15, 1 / 3 } end)\n"
    "register('given', function(keys, args) return { #keys, #args, keys, args } end)\n"
    "register('store', function(keys)\n"
    "    return redis.call('HSET', keys[1], 'third', 1 / 3, 'tenth', 0.1, 'large', 2^53 - 1, 'larger', 2^53 * 4 + 2,\n"
    "        'minus', -1, 'zero', 0, 'half', -0.5, 14, 1e14, 'many', 1e21, 'few', 1e-7)\n"
    "end)\n"
    "register('adds', function(keys, args)\n"
    "    local spent = (redis.call('HGET', keys[1], 'n') or 0) + args[1]\n"
    "    redis.call('HSET', keys[1], 'n', spent)\n"
    "    return spent\n"
    "end)\n"
    "register('replies', function(keys)\n"
    "    local call, key = redis.call, keys[1]\n"
    "    local added, is_there = call('HSET', key, 'a', 'x'), call('HGET', key, 'a')\n"
    "    local absent, all = call('HGET', key, 'b'), call('HMGET', key, 'a', 'b', 'c', 'a')\n"
    "    local status = call('RENAME', key, key).ok\n"
    "    return { added, is_there, absent, all, absent == false, all[2] == false, status, call('HLEN', key) }\n"
    "end)\n"
    "register('unpacks', function(keys, args) return { struct.unpack('<dIHB', args[1]), #args[1] } end)\n"
    "register('fails', function(keys)\n"
    "    redis.call('HSET', keys[1], 'before', 1)\n"
    "    redis.call('HGET', keys[1])\n"
    "    redis.call('HSET', keys[1], 'after', 1)\n"
    "end)\n"
    "register('raises', function(keys) redis.call('HSET', keys[1], 'raised', 1) error('words') end)\n"
    "register('arithmetic', function() return nil + 1 end)\n"
    "register('unknown', function() return redis.call('NONSENSE') end)\n"
    "register('empty', function() return redis.call() end)\n"
    "register('table', function(keys) return redis.call('HSET', keys[1], 'a', {}) end)\n"
    "register('calls_itself', function() return redis.call('FCALL', 'yes', 0) end)\n"
    "register('asks_settings', function() return redis.call('CONFIG', 'GET', 'maxmemory-policy') end)\n"
    "register('no_such_name', function() return os.execute('true') end)\n"
    "register('reads_a_file', function() return io.open('/dev/null') end)\n";

static void start_with_library(void) {
    both_start(&both, LIBRARY);
}

TestSuite(redis_lua, .init = start_with_library, .fini = stop);

Test(redis_lua, results_are_replies) {
    say_all((const char *const[]){"FCALL nested 0", "FCALL holes 0", "FCALL nothing 0", "FCALL yes 0", "FCALL no 0",
                                  "FCALL fine 0", "FCALL a_function 0", "FCALL numbers 0", "fcall given 2 a b c d e",
                                  "FCALL given 0", "FCALL given 3 a b c", NULL});
}

Test(redis_lua, numbers_are_stored_as_redis_writes_them) {
    say_all((const char *const[]){"FCALL store 1 a", "HMGET a third tenth large larger minus zero half 14 many few",
                                  "FCALL adds 1 a 9007199254740990", "FCALL adds 1 a 1", "HGET a n",
                                  "FCALL adds 1 a -0.25", "HGET a n", "FCALL adds 1 b 99999999999999999999", "HGET b n",
                                  NULL});
}

Test(redis_lua, replies_are_values) {
    say_all((const char *const[]){"FCALL replies 1 a", "FCALL replies 1 a", NULL});
}

Test(redis_lua, packed_numbers_are_unpacked) {
    static const char command[] = "*4\r\n$5\r\nFCALL\r\n$7\r\nunpacks\r\n$1\r\n0\r\n$15\r\n"
                                  "\x00\x00\x00\x00\x00\x00\xF8\x3F\xFF\xFF\xFF\xFF\x01\x80\xFE\r\n";
    both_ask(&both, bytes_of(command, sizeof command - 1));
    cr_assert_eq(both.real_replies.size, both.model_replies.size);
    cr_assert_eq(memcmp(both.real_replies.data, both.model_replies.data, both.model_replies.size), 0);
    both_say(&both, "FCALL nothing 0");
}

Test(redis_lua, a_wrong_call_is_an_error) {
    say_all(
        (const char *const[]){"FCALL none 0", "FCALL yes none", "FCALL yes 2 a", "FCALL yes -1", "FCALL yes", NULL});
}

/* Redis says more of where it happened than the model. What was written before stays. */
Test(redis_lua, an_error_ends_the_call_and_undoes_nothing) {
    static const char *const names[] = {"bad",           "fails",        "raises",      "arithmetic",
                                        "unknown",       "empty",        "table",       "calls_itself",
                                        "asks_settings", "no_such_name", "reads_a_file"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char command[96];
        snprintf(command, sizeof command, "*4\r\n$5\r\nFCALL\r\n$%zu\r\n%s\r\n$1\r\n1\r\n$1\r\na\r\n", strlen(names[i]),
                 names[i]);
        both_ask(&both, bytes_of(command, strlen(command)));
        cr_assert(both.real_replies.data[0] == '-' && both.model_replies.data[0] == '-',
                  "%s: Redis %.*s, the model %.*s", names[i], (int)both.real_replies.size,
                  (const char *)both.real_replies.data, (int)both.model_replies.size,
                  (const char *)both.model_replies.data);
    }
    both_say(&both, "HMGET a before after raised a");
    both_say(&both, "HLEN a");
}

Test(redis_lua, a_library_that_cannot_be_loaded_leaves_the_one_before) {
    static const char load[] =
        "*4\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n$7\r\nREPLACE\r\n$20\r\n#!lua name=vaxel\n}{\n\r\n";
    both_ask(&both, bytes_of(load, sizeof load - 1));
    cr_assert(both.real_replies.data[0] == '-' && both.model_replies.data[0] == '-');
    both_say(&both, "FCALL yes 0");
}

/* ---- what only a model can do ---- */

static void count_key(void *owner, const char *key) {
    (void)key;
    ++*(int *)owner;
}

static int keys_of(const struct redis *redis) {
    int count = 0;
    redis_each_key(redis, &count, count_key);
    return count;
}

Test(redis_lua, a_copy_has_all_and_is_independent_of_its_original) {
    model_says(both.model, HSET_A_ONE EXPIRE_A_IN_100_S "*4\r\n$4\r\nhset\r\n$1\r\nb\r\n$1\r\n2\r\n$2\r\n17\r\n");
    struct redis *copy = redis_copy(both.model, 7);
    cr_assert_str_eq(model_says(copy, HGET_A_ONE), "$1\r\nx\r\n");
    cr_assert_str_eq(model_says(copy, "*3\r\n$5\r\nFCALL\r\n$3\r\nyes\r\n$1\r\n0\r\n"), ":1\r\n");
    model_says(copy, "*4\r\n$4\r\nhset\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\ny\r\n*2\r\n$3\r\ndel\r\n$1\r\nb\r\n");
    cr_assert_str_eq(model_says(both.model, HGET_A_ONE), "$1\r\nx\r\n");
    cr_assert_str_eq(model_says(both.model, "*3\r\n$4\r\nhget\r\n$1\r\nb\r\n$1\r\n2\r\n"), "$2\r\n17\r\n");
    redis_flush(both.model);
    cr_assert_str_eq(model_says(copy, HGET_A_ONE), "$1\r\ny\r\n");
    cr_assert(keys_of(both.model) == 0 && keys_of(copy) == 1);
    both.now_ms += 100001;
    cr_assert_str_eq(model_says(copy, HGET_A_ONE), ABSENT);
    cr_assert_eq(keys_of(copy), 0);
    cr_assert_not_null(
        strstr(model_says(copy, "*1\r\n$4\r\nINFO\r\n"), "master_replid:0000000000000000000000000000000000000007"));
    redis_destroy(copy);
}

Test(redis_lua, a_flush_takes_the_keys_and_leaves_library_and_identity) {
    say_all((const char *const[]){"HSET a 1 one", "FCALL store 1 b", NULL});
    char identity[sizeof both.model->identity];
    memcpy(identity, both.model->identity, sizeof identity);
    test_redis_command(&both.real, "FLUSHALL");
    redis_flush(both.model);
    say_all((const char *const[]){"HLEN a", "HLEN b", "FCALL yes 0", "FCALL adds 1 a 3", NULL});
    cr_assert_str_eq(both.model->identity, identity);
}
