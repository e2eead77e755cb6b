/* SPDX-License-Identifier: Apache-2.0 */
#include "limits/reader.h"
#include "limits/address.h"
#include "limits/internal.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_S 10
/* A slot that has moved again since we were told where. */
#define MOVES_MAX 5

struct limits_reader {
    struct address address;
    redisContext *context;
};

static redisContext *connect_to(const char *endpoint) {
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    if (strncmp(endpoint, "unix:", 5) == 0)
        return redisConnectUnixWithTimeout(endpoint + 5, patience);
    const char *colon = strrchr(endpoint, ':');
    const char *begin = endpoint;
    const char *end = colon == NULL ? endpoint + strlen(endpoint) : colon;
    if (begin[0] == '[' && end > begin && end[-1] == ']') {
        begin++;
        end--;
    }
    char host[ENDPOINT_SIZE];
    size_t size = (size_t)(end - begin);
    if (size >= sizeof host)
        return NULL;
    memcpy(host, begin, size);
    host[size] = '\0';
    return redisConnectWithTimeout(host, colon == NULL ? 6379 : atoi(colon + 1), patience);
}

/* NULL with a reason. */
static redisContext *open_context(const char *endpoint, struct failure *failure) {
    redisContext *context = connect_to(endpoint);
    if (context != NULL && context->err == 0) {
        redisSetTimeout(context, (struct timeval){.tv_sec = PATIENCE_S});
        return context;
    }
    failure_set(failure, "Redis at %s can't be reached: %s", endpoint,
                context == NULL ? "no such address" : context->errstr);
    if (context != NULL)
        redisFree(context);
    return NULL;
}

/* NULL with a reason when there is none, or an error; where that says that a slot is elsewhere, `moved` is filled. */
static redisReply *hear(redisContext *context, char *moved, struct failure *failure) {
    redisReply *reply = NULL;
    if (redisGetReply(context, (void **)&reply) != REDIS_OK) {
        failure_set(failure, "Redis does not answer: %s", context->errstr);
        return NULL;
    }
    if (reply->type != REDIS_REPLY_ERROR)
        return reply;
    failure_set(failure, "Redis says: %.200s", reply->str);
    if (moved != NULL)
        redirect_names(bytes_of(reply->str, (size_t)reply->len), moved);
    freeReplyObject(reply);
    return NULL;
}

static bool show_credentials(const struct limits_reader *reader, redisContext *context, struct failure *failure) {
    const struct address *address = &reader->address;
    if (address->password[0] == '\0')
        return true;
    if (address->user[0] == '\0')
        redisAppendCommand(context, "AUTH %s", address->password);
    else
        redisAppendCommand(context, "AUTH %s %s", address->user, address->password);
    redisReply *reply = hear(context, NULL, failure);
    if (reply != NULL)
        freeReplyObject(reply);
    return reply != NULL;
}

/* Reads at this Redis from now on. */
static bool go_to(struct limits_reader *reader, const char *endpoint, struct failure *failure) {
    redisContext *context = open_context(endpoint, failure);
    if (context == NULL)
        return false;
    if (!show_credentials(reader, context, failure)) {
        redisFree(context);
        return false;
    }
    if (reader->context != NULL)
        redisFree(reader->context);
    reader->context = context;
    return true;
}

static bool ask_sentinel(const struct limits_reader *reader, const char *sentinel, char endpoint[ENDPOINT_SIZE],
                         struct failure *failure) {
    redisContext *context = open_context(sentinel, failure);
    if (context == NULL)
        return false;
    redisAppendCommand(context, "SENTINEL GET-MASTER-ADDR-BY-NAME %s", reader->address.name);
    redisReply *reply = hear(context, NULL, failure);
    bool is_told = reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                   reply->element[0]->type == REDIS_REPLY_STRING && reply->element[1]->type == REDIS_REPLY_STRING;
    if (is_told) {
        bool has_colons = strchr(reply->element[0]->str, ':') != NULL;
        snprintf(endpoint, ENDPOINT_SIZE, has_colons ? "[%s]:%s" : "%s:%s", reply->element[0]->str,
                 reply->element[1]->str);
    } else if (reply != NULL) {
        failure_set(failure, "the sentinel at %s names no primary called \"%s\"", sentinel, reader->address.name);
    }
    if (reply != NULL)
        freeReplyObject(reply);
    redisFree(context);
    return is_told;
}

/* The first that answers; of a cluster any node tells where else to read. */
static bool open_any(struct limits_reader *reader, struct failure *failure) {
    const struct address *address = &reader->address;
    for (uint32_t i = 0; i < address->endpoint_count; i++) {
        char endpoint[ENDPOINT_SIZE];
        snprintf(endpoint, sizeof endpoint, "%s", address->endpoints[i]);
        bool is_known =
            address->kind != ADDRESS_SENTINELS || ask_sentinel(reader, address->endpoints[i], endpoint, failure);
        if (is_known && go_to(reader, endpoint, failure))
            return true;
    }
    return false;
}

struct limits_reader *limits_reader_open(const char *address, struct failure *failure) {
    struct limits_reader *reader = calloc(1, sizeof *reader);
    CHECK(reader != NULL);
    if (address_parse(address, &reader->address, failure) && open_any(reader, failure))
        return reader;
    free(reader);
    return NULL;
}

void limits_reader_close(struct limits_reader *reader) {
    if (reader == NULL)
        return;
    redisFree(reader->context);
    free(reader);
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
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        struct bytes name = text_of(fields->element[i]);
        struct bytes value = text_of(fields->element[i + 1]);
        struct sum sum;
        struct bytes identity;
        if (name.size == sizeof HEAD_FIELD - 1 && memcmp(name.data, HEAD_FIELD, name.size) == 0) {
            counters->is_warm = name_parse_head(value, &identity, &counters->epoch) && is_identity(info, identity);
        } else if (name_parse_field(name, &sum.kind, &sum.id)) {
            if (!name_parse_number(value, &sum.spent_minor))
                return false;
            counters->sums[counters->sum_count++] = sum;
        }
    }
    return true;
}

static bool take_counters(const redisReply *info, const redisReply *fields, struct counters *counters,
                          struct failure *failure) {
    if (info->type != REDIS_REPLY_STRING || fields->type != REDIS_REPLY_ARRAY)
        return failure_set(failure, "Redis says something else than was asked");
    counters->sums = calloc(fields->elements / 2 + 1, sizeof *counters->sums);
    CHECK(counters->sums != NULL);
    return read_fields(fields, info, counters) || failure_set(failure, "the counters hold what is no number");
}

static bool read_here(struct limits_reader *reader, const struct name *key, struct counters *counters,
                      char moved[ENDPOINT_SIZE], struct failure *failure) {
    redisAppendCommand(reader->context, "INFO replication");
    redisAppendCommand(reader->context, "HGETALL %b", key->text, (size_t)key->size);
    redisReply *info = hear(reader->context, NULL, failure);
    redisReply *fields = hear(reader->context, moved, failure);
    bool is_good = info != NULL && fields != NULL && take_counters(info, fields, counters, failure);
    if (info != NULL)
        freeReplyObject(info);
    if (fields != NULL)
        freeReplyObject(fields);
    return is_good;
}

bool limits_reader_read(struct limits_reader *reader, int32_t organisation, struct month month,
                        struct counters *counters, struct failure *failure) {
    struct name key = name_month(organisation, month);
    *counters = (struct counters){0};
    for (int moves = 0; moves < MOVES_MAX; moves++) {
        char moved[ENDPOINT_SIZE] = "";
        if (read_here(reader, &key, counters, moved, failure))
            return true;
        if (moved[0] == '\0' || !go_to(reader, moved, failure))
            break;
    }
    counters_finish(counters);
    return false;
}

void counters_finish(struct counters *counters) {
    free(counters->sums);
    *counters = (struct counters){0};
}

/* ---- what an id did ---- */

static void take_memory(struct bytes value, struct recalled *recalled) {
    int64_t epoch = 0;
    const uint8_t *colon = value.size > 1 ? memchr(value.data, ':', value.size) : NULL;
    recalled->kind = RECALLED_UNKNOWN;
    if (colon == NULL || !name_parse_memory(value, &recalled->memory) ||
        !name_parse_number(bytes_of(value.data + 1, (size_t)(colon - value.data) - 1), &epoch))
        return;
    recalled->epoch = (int32_t)epoch;
    recalled->kind = value.data[0] == 'E' ? RECALLED_EFFECT : RECALLED_MEMORY;
}

static bool recall_here(struct limits_reader *reader, const struct name *key, const struct request_id *id,
                        struct recalled *recalled, char moved[ENDPOINT_SIZE], struct failure *failure) {
    redisAppendCommand(reader->context, "HGET %b %b", key->text, (size_t)key->size, id->bytes, (size_t)REQUEST_ID_SIZE);
    redisReply *reply = hear(reader->context, moved, failure);
    if (reply == NULL)
        return false;
    if (reply->type == REDIS_REPLY_STRING)
        take_memory(text_of(reply), recalled);
    freeReplyObject(reply);
    return true;
}

bool limits_reader_recall(struct limits_reader *reader, int32_t organisation, struct day day,
                          const struct request_id *id, struct recalled *recalled, struct failure *failure) {
    struct name key = name_day(organisation, day);
    *recalled = (struct recalled){0};
    for (int moves = 0; moves < MOVES_MAX; moves++) {
        char moved[ENDPOINT_SIZE] = "";
        if (recall_here(reader, &key, id, recalled, moved, failure))
            return true;
        if (moved[0] == '\0' || !go_to(reader, moved, failure))
            break;
    }
    return false;
}
