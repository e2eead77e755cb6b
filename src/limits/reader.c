/* SPDX-License-Identifier: Apache-2.0 */
#include "limits/reader.h"
#include "limits/internal.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_S 10

struct limits_reader {
    redisContext *context;
};

static redisContext *connect_to(const char *address) {
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    if (strncmp(address, "unix:", 5) == 0)
        return redisConnectUnixWithTimeout(address + 5, patience);
    const char *colon = strrchr(address, ':');
    size_t size = colon == NULL ? strlen(address) : (size_t)(colon - address);
    char host[256];
    if (size >= sizeof host)
        return NULL;
    memcpy(host, address, size);
    host[size] = '\0';
    return redisConnectWithTimeout(host, colon == NULL ? 6379 : atoi(colon + 1), patience);
}

struct limits_reader *limits_reader_open(const char *address, struct failure *failure) {
    redisContext *context = connect_to(address);
    if (context == NULL || context->err != 0) {
        failure_set(failure, "Redis at %s can't be reached: %s", address,
                    context == NULL ? "no such address" : context->errstr);
        if (context != NULL)
            redisFree(context);
        return NULL;
    }
    redisSetTimeout(context, (struct timeval){.tv_sec = PATIENCE_S});
    struct limits_reader *reader = malloc(sizeof *reader);
    CHECK(reader != NULL);
    reader->context = context;
    return reader;
}

void limits_reader_close(struct limits_reader *reader) {
    if (reader == NULL)
        return;
    redisFree(reader->context);
    free(reader);
}

/* NULL with a reason when there is none of this type. */
static redisReply *take(struct limits_reader *reader, int type, struct failure *failure) {
    redisReply *reply = NULL;
    if (redisGetReply(reader->context, (void **)&reply) != REDIS_OK) {
        failure_set(failure, "Redis does not answer: %s", reader->context->errstr);
        return NULL;
    }
    if (reply->type == type)
        return reply;
    failure_set(failure, "Redis says: %.200s", reply->type == REDIS_REPLY_ERROR ? reply->str : "something else");
    freeReplyObject(reply);
    return NULL;
}

static bool is_identity(const redisReply *info, struct bytes identity) {
    const char *at = strstr(info->str, "master_replid:");
    return at != NULL && identity.size > 0 && strncmp(at + 14, (const char *)identity.data, identity.size) == 0 &&
           at[14 + identity.size] == '\r';
}

static struct bytes text_of(const redisReply *element) {
    return bytes_of(element->str, element->len);
}

/* Fields by turns with values. */
static bool read_fields(const redisReply *fields, const redisReply *info, struct counters *counters) {
    bool has_epoch = false;
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        struct bytes name = text_of(fields->element[i]);
        struct bytes value = text_of(fields->element[i + 1]);
        struct sum sum;
        int64_t number;
        if (name.size == 1 && name.data[0] == 'p') {
            counters->is_warm = is_identity(info, value);
        } else if (name.size == 1 && name.data[0] == 'e') {
            has_epoch = name_parse_number(value, &number) && number > 0 && number <= INT32_MAX;
            counters->epoch = has_epoch ? (int32_t)number : 0;
        } else if (name_parse_field(name, &sum.kind, &sum.id)) {
            if (!name_parse_number(value, &sum.spent_minor))
                return false;
            counters->sums[counters->sum_count++] = sum;
        }
    }
    counters->is_warm = counters->is_warm && has_epoch;
    return true;
}

bool limits_reader_read(struct limits_reader *reader, int32_t organisation, struct month month,
                        struct counters *counters, struct failure *failure) {
    *counters = (struct counters){0};
    struct name key = name_month(organisation, month);
    redisAppendCommand(reader->context, "INFO replication");
    redisAppendCommand(reader->context, "HGETALL %b", key.text, (size_t)key.size);
    redisReply *info = take(reader, REDIS_REPLY_STRING, failure);
    redisReply *fields = take(reader, REDIS_REPLY_ARRAY, failure);
    bool is_good = info != NULL && fields != NULL;
    if (is_good) {
        counters->sums = calloc(fields->elements / 2 + 1, sizeof *counters->sums);
        CHECK(counters->sums != NULL);
        is_good = read_fields(fields, info, counters) ||
                  failure_set(failure, "the counters %.*s hold what is no number", (int)key.size, key.text);
    }
    if (info != NULL)
        freeReplyObject(info);
    if (fields != NULL)
        freeReplyObject(fields);
    if (!is_good)
        counters_finish(counters);
    return is_good;
}

void counters_finish(struct counters *counters) {
    free(counters->sums);
    *counters = (struct counters){0};
}
