/* SPDX-License-Identifier: Apache-2.0 */
/* replies: hiredis parses, and hands each element to the functions here, which copy it into the one reply there is.
 * What hiredis takes for an object is a pointer to that reply. */
#include "limits/internal.h"

#include <string.h>

static struct part *next_part(struct reply *reply) {
    if (reply->part_count == PARTS_CAPACITY) {
        reply->is_too_large = true;
        return NULL;
    }
    struct part *part = &reply->parts[reply->part_count++];
    *part = (struct part){0};
    return part;
}

static void *take_string(const redisReadTask *task, char *text, size_t size) {
    struct reply *reply = task->privdata;
    struct part *part = next_part(reply);
    if (part == NULL)
        return reply;
    if (task->type == REDIS_REPLY_ERROR)
        reply->is_error = true;
    if (size > REPLY_TEXT_CAPACITY - reply->text_size) {
        reply->is_too_large = true;
        return reply;
    }
    char *copy = reply->text + reply->text_size;
    memcpy(copy, text, size);
    reply->text_size += size;
    part->text = bytes_of(copy, size);
    return reply;
}

static void *take_array(const redisReadTask *task, int size) {
    struct reply *reply = task->privdata;
    (void)size;
    reply->is_array = true;
    return reply;
}

static void *take_integer(const redisReadTask *task, long long number) {
    struct reply *reply = task->privdata;
    struct part *part = next_part(reply);
    if (part != NULL)
        part->number = number;
    return reply;
}

/* Nothing we call answers nil; the number is one that nobody takes for an answer. */
static void *take_nil(const redisReadTask *task) {
    return take_integer(task, INT64_MIN);
}

static void let_go(void *object) {
    (void)object;
}

redisReader *reply_reader_create(struct reply *reply) {
    static redisReplyObjectFunctions functions = {
        .createString = take_string,
        .createArray = take_array,
        .createInteger = take_integer,
        .createNil = take_nil,
        .freeObject = let_go,
    };
    redisReader *reader = redisReaderCreateWithFunctions(&functions);
    CHECK(reader != NULL);
    reader->privdata = reply;
    reader->maxbuf = 0; /* keep the buffer it has grown to */
    reply_clear(reply);
    return reader;
}

void reply_clear(struct reply *reply) {
    reply->is_error = false;
    reply->is_array = false;
    reply->is_too_large = false;
    reply->part_count = 0;
    reply->text_size = 0;
}

bool part_is(const struct part *part, const char *text) {
    return part->text.data != NULL && part->text.size == strlen(text) &&
           memcmp(part->text.data, text, part->text.size) == 0;
}
