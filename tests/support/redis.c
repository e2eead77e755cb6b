/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE ((struct timeval){.tv_sec = SUPPORT_PATIENCE_MS / 1000})
#define REPLY_TEXT 65536

static const char *socket_of(const struct test_redis *redis) {
    return redis->address + strlen("unix:");
}

bool support_redis_answers(const struct test_redis *redis) {
    redisContext *context = redisConnectUnixWithTimeout(socket_of(redis), PATIENCE);
    bool is_well = context && !context->err;
    if (is_well) {
        redisReply *reply = redisCommand(context, "PING");
        is_well = reply && reply->type == REDIS_REPLY_STATUS;
        if (reply) {
            freeReplyObject(reply);
        }
    }
    if (context) {
        redisFree(context);
    }
    return is_well;
}

static void start(struct test_redis *redis) {
    char log[TEST_TEXT];
    support_format(log, "%s/redis.log", redis->directory);
    const char *arguments[] = {"/usr/bin/redis-server",
                               "--port",
                               "0",
                               "--unixsocket",
                               socket_of(redis),
                               "--unixsocketperm",
                               "700",
                               "--dir",
                               redis->directory,
                               "--save",
                               "",
                               "--appendonly",
                               "no",
                               "--maxmemory-policy",
                               "noeviction",
                               NULL};
    redis->pid = support_start(SUPPORT_SELF, SIGKILL, log, arguments);
    for (int waited_ms = 0; !support_redis_answers(redis); waited_ms += 2) {
        support_expect_alive(redis->pid, "redis-server", log);
        if (waited_ms > SUPPORT_PATIENCE_MS) {
            cr_fatal("redis-server does not answer on %s", redis->address);
        }
        support_sleep_ms(2);
    }
}

void test_redis_start(struct test_redis *redis) {
    support_directory(SUPPORT_SELF, redis->directory);
    support_format(redis->address, "unix:%.200s/redis.sock", redis->directory);
    start(redis);
}

void test_redis_kill(struct test_redis *redis) {
    test_process_end(redis->pid, SIGKILL);
    redis->pid = 0;
}

void test_redis_restart(struct test_redis *redis) {
    if (redis->pid) {
        test_redis_kill(redis);
    }
    start(redis);
}

void test_redis_stop(struct test_redis *redis) {
    if (redis->pid) {
        test_redis_kill(redis);
    }
    support_remove(redis->directory);
}

static void write_reply(FILE *text, const redisReply *reply) {
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        fprintf(text, "%lld", reply->integer);
        break;
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < reply->elements; i++) {
            fputs(i ? "\n" : "", text);
            write_reply(text, reply->element[i]);
        }
        break;
    case REDIS_REPLY_NIL:
        break;
    default:
        fwrite(reply->str, 1, (size_t)reply->len, text);
    }
}

const char *test_redis_command(const struct test_redis *redis, const char *format, ...) {
    static _Thread_local char result[REPLY_TEXT];
    redisContext *context = redisConnectUnixWithTimeout(socket_of(redis), PATIENCE);
    if (!context || context->err) {
        cr_fatal("can't connect to %s: %s", redis->address, context ? context->errstr : "no memory");
    }
    redisSetTimeout(context, PATIENCE);
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(context, format, arguments);
    va_end(arguments);
    if (!reply) {
        cr_fatal("%s did not answer \"%s\": %s", redis->address, format, context->errstr);
    }
    FILE *text = fmemopen(result, sizeof result, "w");
    if (!text) {
        cr_fatal("no memory for a reply");
    }
    write_reply(text, reply);
    fputc('\0', text);
    bool is_whole = fclose(text) == 0 && strlen(result) < sizeof result - 1;
    freeReplyObject(reply);
    redisFree(context);
    if (!is_whole) {
        cr_fatal("the reply to \"%s\" is longer than %d bytes", format, REPLY_TEXT);
    }
    return result;
}
