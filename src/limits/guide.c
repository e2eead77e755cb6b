/* SPDX-License-Identifier: Apache-2.0 */
#include "limits/guide.h"

#include "limits/internal.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

/* The map of a cluster with every slot on its own is smaller. */
#define ANSWER_MAX (8u << 20)
#define ELEMENTS_MAX (1 << 19)
#define QUESTION_SIZE (3 * CREDENTIAL_SIZE)

/* hiredis makes room for as many elements as an array says it has, before it has seen one. */
static void *take_array(const redisReadTask *task, int size) {
    struct guide *guide = task->privdata;
    if (size > ELEMENTS_MAX - guide->elements)
        return NULL;
    guide->elements += size;
    return guide->create_array(task, size);
}

void guide_connected(struct guide *guide, const char *endpoint) {
    CHECK(guide->reader == NULL);
    guide->reader = redisReaderCreate();
    CHECK(guide->reader != NULL);
    guide->functions = *guide->reader->fn;
    guide->create_array = guide->functions.createArray;
    guide->functions.createArray = take_array;
    guide->reader->fn = &guide->functions;
    guide->reader->privdata = guide;
    guide->elements = 0;
    guide->replies_owed = 0;
    guide->is_map_owed = false;
    guide->has_answered = false;
    snprintf(guide->endpoint, sizeof guide->endpoint, "%s", endpoint);
}

void guide_lost(struct guide *guide) {
    if (guide->reader != NULL)
        redisReaderFree(guide->reader);
    guide->reader = NULL;
    guide->replies_owed = 0;
    guide->is_map_owed = false;
    guide->has_answered = false;
}

bool guide_ask(struct guide *guide, struct buffer *output) {
    if (buffer_room(output) < QUESTION_SIZE)
        return false;
    struct writer writer = {output->data + output->size, output->data + output->capacity};
    if (guide->address->kind == ADDRESS_SENTINELS) {
        write_array(&writer, 3);
        write_text(&writer, "SENTINEL");
        write_text(&writer, "GET-MASTER-ADDR-BY-NAME");
        write_text(&writer, guide->address->name);
    } else {
        if (guide->address->password[0] != '\0') {
            write_auth(&writer, guide->address->user, guide->address->password);
            guide->replies_owed++;
        }
        write_array(&writer, 2);
        write_text(&writer, "CLUSTER");
        write_text(&writer, "SLOTS");
    }
    guide->replies_owed++;
    guide->is_map_owed = true;
    output->size = (size_t)(writer.at - output->data);
    return true;
}

/* A name that is not told is that of whom we ask. */
static bool format_primary(const struct guide *guide, const redisReply *host, int64_t port, char text[ENDPOINT_SIZE]) {
    const char *name = host->type == REDIS_REPLY_STRING ? host->str : "";
    int host_size = (int)strlen(name);
    if (host_size == 0) {
        const char *colon = strrchr(guide->endpoint, ':');
        name = guide->endpoint;
        host_size = colon == NULL ? (int)strlen(name) : (int)(colon - name);
    }
    bool has_colons = name[0] != '[' && memchr(name, ':', (size_t)host_size) != NULL;
    int size = snprintf(text, ENDPOINT_SIZE, "%s%.*s%s:%d", has_colons ? "[" : "", host_size, name,
                        has_colons ? "]" : "", (int)port);
    return size < ENDPOINT_SIZE && port > 0 && port <= UINT16_MAX;
}

/* [first, last, [host, port, id, …], replicas …] */
static bool take_range(const struct guide *guide, const redisReply *range, struct slot_map *map) {
    if (range->type != REDIS_REPLY_ARRAY || range->elements < 3 || range->element[0]->type != REDIS_REPLY_INTEGER ||
        range->element[1]->type != REDIS_REPLY_INTEGER)
        return false;
    long long first = range->element[0]->integer;
    long long last = range->element[1]->integer;
    const redisReply *node = range->element[2];
    char primary[ENDPOINT_SIZE];
    return first >= 0 && first <= last && last < SLOT_COUNT && node->type == REDIS_REPLY_ARRAY && node->elements >= 2 &&
           node->element[1]->type == REDIS_REPLY_INTEGER &&
           format_primary(guide, node->element[0], node->element[1]->integer, primary) &&
           slot_map_give(map, (uint32_t)first, (uint32_t)last, primary);
}

static bool take_slots(const struct guide *guide, const redisReply *reply, struct slot_map *map) {
    if (reply->type != REDIS_REPLY_ARRAY)
        return false;
    for (size_t i = 0; i < reply->elements; i++)
        if (!take_range(guide, reply->element[i], map))
            return false;
    return true;
}

/* [host, port], both as text; nil for a name that the sentinel does not know. */
static bool take_primary(const struct guide *guide, const redisReply *reply, struct slot_map *map) {
    int64_t port;
    char primary[ENDPOINT_SIZE];
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[1]->type != REDIS_REPLY_STRING)
        return false;
    struct bytes text = bytes_of(reply->element[1]->str, (size_t)reply->element[1]->len);
    return name_parse_number(text, &port) && format_primary(guide, reply->element[0], port, primary) &&
           slot_map_give(map, 0, SLOT_COUNT - 1, primary);
}

static enum guide_word take_map(const struct guide *guide, const redisReply *reply, struct slot_map *map,
                                struct failure *failure) {
    bool is_sentinel = guide->address->kind == ADDRESS_SENTINELS;
    memset(map, 0, sizeof *map);
    if (is_sentinel ? take_primary(guide, reply, map) : take_slots(guide, reply, map))
        return GUIDE_MAP;
    if (is_sentinel)
        failure_set(failure, "the sentinel at %s names no primary called \"%s\"", guide->endpoint,
                    guide->address->name);
    else
        failure_set(failure, "the cluster's node at %s gives no map of at most %d primaries", guide->endpoint,
                    PRIMARIES_CAPACITY);
    return GUIDE_BROKEN;
}

static enum guide_word take_reply(struct guide *guide, const redisReply *reply, struct slot_map *map,
                                  struct failure *failure) {
    if (guide->replies_owed == 0) {
        failure_set(failure, "Redis at %s answers what nobody asked", guide->endpoint);
        return GUIDE_BROKEN;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        failure_set(failure, "Redis at %s says: %.160s", guide->endpoint, reply->str);
        return GUIDE_BROKEN;
    }
    if (--guide->replies_owed > 0)
        return GUIDE_MORE;
    guide->is_map_owed = false;
    enum guide_word word = take_map(guide, reply, map, failure);
    guide->has_answered = word == GUIDE_MAP;
    return word;
}

enum guide_word guide_input(struct guide *guide, struct bytes received, struct slot_map *map, struct failure *failure) {
    enum guide_word word = GUIDE_MORE;
    void *reply = NULL;
    bool is_read = redisReaderFeed(guide->reader, (const char *)received.data, received.size) == REDIS_OK;
    while (is_read && word != GUIDE_BROKEN) {
        is_read = redisReaderGetReply(guide->reader, &reply) == REDIS_OK;
        if (!is_read || reply == NULL)
            break;
        guide->elements = 0;
        enum guide_word next = take_reply(guide, reply, map, failure);
        freeReplyObject(reply);
        if (next != GUIDE_MORE)
            word = next;
    }
    if (is_read && guide->reader->len <= ANSWER_MAX)
        return word;
    failure_set(failure, "Redis at %s can't be read", guide->endpoint);
    return GUIDE_BROKEN;
}
