/* SPDX-License-Identifier: Apache-2.0 */
#include "limits/internal.h"

#include <stdlib.h>
#include <string.h>

/* Calls of sums, and of the greeting, in one write, beside those of the questions. */
#define OTHER_CALLS 64

/* A reply that is not whole by then is none of ours: the largest, the list of functions, holds vaxel.lua. */
#define UNREAD_MAX (1u << 20)

struct limits *limits_create(const struct limits_options *options) {
    CHECK(options->capacity > 0 && options->capacity < NOBODY / 4 && options->group_capacity > 0);
    struct limits *limits = calloc(1, sizeof *limits);
    CHECK(limits != NULL);
    limits->options = *options;
    if (limits->options.group_capacity > GROUP_MAX)
        limits->options.group_capacity = GROUP_MAX;
    groups_init(limits);
    uint32_t call_count = 1;
    while (call_count < options->capacity + OTHER_CALLS)
        call_count *= 2;
    limits->calls = calloc(call_count, sizeof *limits->calls);
    CHECK(limits->calls != NULL);
    limits->call_mask = call_count - 1;
    limits->reader = reply_reader_create(&limits->reply);
    return limits;
}

void limits_destroy(struct limits *limits) {
    if (limits == NULL)
        return;
    sums_finish(limits);
    reading_finish(limits);
    groups_finish(limits);
    free(limits->calls);
    redisReaderFree(limits->reader);
    free(limits);
}

void limits_connected(struct limits *limits) {
    CHECK(limits->stage == STAGE_AWAY);
    limits->stage = STAGE_GREETING;
}

static struct call_in_flight take_call(struct limits *limits) {
    CHECK(limits->call_count > 0);
    struct call_in_flight call = limits->calls[limits->first_call & limits->call_mask];
    limits->first_call++;
    limits->call_count--;
    return call;
}

void call_push(struct limits *limits, struct call_in_flight call) {
    CHECK(limits->call_count <= limits->call_mask);
    limits->calls[(limits->first_call + limits->call_count++) & limits->call_mask] = call;
}

bool call_has_room(const struct limits *limits) {
    return limits->call_count < OTHER_CALLS;
}

void limits_lost(struct limits *limits) {
    limits->stage = STAGE_AWAY;
    redisReaderFree(limits->reader);
    limits->reader = reply_reader_create(&limits->reply);
    while (limits->call_count > 0) {
        struct call_in_flight call = take_call(limits);
        if (call.kind == CALL_GROUPS)
            verdicts_lose(limits, call.first_group);
    }
    while (limits->first_group != NOBODY)
        verdicts_lose(limits, groups_take(limits));
    sums_lose(limits);
    reading_lose(limits);
}

bool limits_ask(struct limits *limits, const struct question *question) {
    CHECK(question->limit_count <= LIMITS_CAPACITY);
    CHECK(question->amount_minor >= (question->kind == QUESTION_APPLY ? -MONEY_MAX_MINOR : 0));
    CHECK(question->amount_minor <= MONEY_MAX_MINOR && question->tap_window_us >= 0);
    for (uint8_t i = 0; i < question->limit_count; i++)
        CHECK(question->limits[i].ceiling_minor >= LIMIT_COUNTED_ONLY);
    return limits->stage == STAGE_READY && groups_add(limits, question, false);
}

bool limits_ask_there(struct limits *limits, const struct question *question) {
    return limits->stage == STAGE_READY && groups_add(limits, question, true);
}

bool limits_write_sums(struct limits *limits, const struct sums *sums) {
    CHECK(sums->epoch > 0);
    return limits->stage == STAGE_READY && sums_queue(limits, sums, false);
}

bool limits_write_sums_there(struct limits *limits, const struct sums *sums) {
    return limits->stage == STAGE_READY && sums_queue(limits, sums, true);
}

bool limits_read_month(struct limits *limits, int32_t organisation, struct month month) {
    return limits->stage == STAGE_READY && reading_begin(limits, organisation, month);
}

/* Takes so many of the first groups that wait, as a chain. */
static uint32_t take_groups(struct limits *limits, uint32_t count) {
    uint32_t first = groups_take(limits);
    for (uint32_t last = first; count > 1; count--)
        last = limits->groups[last].next = groups_take(limits);
    return first;
}

static uint32_t count_questions(const struct limits *limits, uint32_t group_count) {
    uint32_t questions = 0;
    for (uint32_t group = limits->first_group; group_count > 0; group_count--, group = limits->groups[group].next)
        questions += limits->groups[group].count;
    return questions;
}

static void output_groups(struct limits *limits, struct buffer *output) {
    while (limits->first_group != NOBODY) {
        bool is_asking = limits->groups[limits->first_group].is_asking;
        uint32_t count = call_count_groups(limits);
        if (limits->call_count + 1 > limits->call_mask || !call_format(limits, count, output))
            return;
        if (limits->options.on_call != NULL)
            limits->options.on_call(limits->options.owner, count_questions(limits, count));
        if (is_asking)
            call_push(limits, (struct call_in_flight){.kind = CALL_ASKING});
        call_push(limits, (struct call_in_flight){.kind = CALL_GROUPS, .first_group = take_groups(limits, count)});
    }
}

void limits_output(struct limits *limits, struct buffer *output) {
    CHECK(output->capacity >= LIMITS_OUTPUT_MIN);
    if (limits->call_count > 0)
        return;
    switch (limits->stage) {
    case STAGE_AWAY:
        break;
    case STAGE_GREETING:
    case STAGE_LOADING:
        greeting_output(limits, output);
        break;
    case STAGE_READY:
        sums_output(limits, output);
        reading_output(limits, output);
        output_groups(limits, output);
        break;
    }
}

static bool take_reply(struct limits *limits, struct failure *failure) {
    if (limits->call_count == 0)
        return failure_set(failure, "Redis answers what nobody asked");
    if (limits->reply.is_too_large)
        return failure_set(failure, "Redis answers with more than was asked for");
    const struct call_in_flight call = limits->calls[limits->first_call & limits->call_mask];
    if (call.kind < CALL_GROUPS) {
        take_call(limits);
        return greeting_reply(limits, call.kind, failure);
    }
    if (limits->reply.is_error && redirect_take(limits, call)) {
        take_call(limits);
        return true;
    }
    /* Another error is no verdict: the call stays in flight until the connection is given up. */
    if (limits->reply.is_error)
        return greeting_error(limits, call.kind, failure);
    take_call(limits);
    switch (call.kind) {
    case CALL_GROUPS:
        return verdicts_tell(limits, call.first_group, failure);
    case CALL_SLICE:
        return reading_reply(limits, failure);
    case CALL_SUMS:
        return sums_reply(limits, call.job, failure);
    case CALL_ASKING:
        return true;
    case CALL_AUTH:
    case CALL_GREETING_WHO:
    case CALL_GREETING_POLICY:
    case CALL_GREETING_LIBRARY:
    case CALL_LOAD:
        break;
    }
    CHECK(!"a greeting is no answer to a question");
    return false;
}

bool limits_input(struct limits *limits, struct bytes received, struct failure *failure) {
    void *object = NULL;
    if (redisReaderFeed(limits->reader, (const char *)received.data, received.size) != REDIS_OK)
        return failure_set(failure, "Redis can't be read: %s", limits->reader->errstr);
    for (;;) {
        if (redisReaderGetReply(limits->reader, &object) != REDIS_OK)
            return failure_set(failure, "Redis can't be read: %s", limits->reader->errstr);
        if (object == NULL)
            return limits->reader->len <= UNREAD_MAX ||
                   failure_set(failure, "Redis answers with more than was asked for");
        bool is_good = take_reply(limits, failure);
        reply_clear(&limits->reply);
        if (!is_good)
            return false;
    }
}

void limits_set_place(struct limits *limits, const struct limits_place *place) {
    limits->place = *place;
}

bool limits_is_ready(const struct limits *limits) {
    return limits->stage == STAGE_READY;
}

bool limits_is_of_cluster(const struct limits *limits) {
    return limits->is_of_cluster;
}

bool limits_is_owed(const struct limits *limits) {
    return limits->call_count > 0;
}
