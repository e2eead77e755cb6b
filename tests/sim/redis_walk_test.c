/* SPDX-License-Identifier: Apache-2.0 */
/* A random walk of the production limits room, whose every call goes to a real Redis and to the model: the replies are
 * the same bytes. The seed is printed; VAXEL_TEST_SEED repeats it. */
#include "both_test.h"
#include "limits/limits.h"
#include "redis_room.h"

#include "vaxel_lua.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEPS 3000
#define STEPS_MOST (20 * STEPS) /* until what is rare has happened too */
#define ROOMS 2
#define ORGANISATIONS 2
#define IDS 64
#define CREDITS 3
#define DEPARTMENTS 4
#define CAPACITY 256
#define GROUP_CAPACITY 12
#define GROUP_LARGEST 40
#define SUMS_LARGEST 1200
#define REMEMBERED_LARGEST 600
#define ID_APART_US INT64_C(1000000)
#define NOON_US INT64_C(1795258800000000) /* 21 November 2026 */

static const int32_t days[] = {20261121, 20261122, 20261201};
#define DAYS (sizeof days / sizeof *days)

struct room {
    struct limits *limits;
    struct buffer output;
    uint32_t owed; /* verdicts */
    bool is_ready;
};

static struct both both;
static struct room rooms[ROOMS];
static uint64_t chance, seed;
static int32_t epochs[ORGANISATIONS + 1];
static uint32_t verdicts_of_kind[VERDICT_LOST + 1];
static uint32_t calls, rebuilds_written, rebuilds_lost, months_read, sums_read;

static uint32_t below(uint32_t bound) {
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (uint32_t)(chance >> 33) % bound;
}

/* ---- the rooms ---- */

static void on_verdict(void *owner, const struct verdict *verdict) {
    struct room *room = owner;
    cr_assert_gt(room->owed, 0);
    room->owed--;
    verdicts_of_kind[verdict->kind]++;
}

static void on_sums_written(void *owner, int32_t organisation, struct month month, int32_t epoch, bool is_written) {
    (void)owner;
    (void)month;
    rebuilds_written += is_written;
    rebuilds_lost += !is_written;
    if (is_written && epochs[organisation] < epoch)
        epochs[organisation] = epoch;
}

static void on_month_read(void *owner, int32_t organisation, struct month month, const struct sums *sums) {
    (void)owner;
    (void)organisation;
    (void)month;
    cr_assert_not_null(sums);
    months_read++;
    sums_read += (uint32_t)sums->sum_count;
}

static void on_ready(void *owner) {
    struct room *room = owner;
    room->is_ready = true;
}

static void open_room(struct room *room) {
    const struct limits_options options = {.capacity = CAPACITY,
                                           .group_capacity = GROUP_CAPACITY,
                                           .owner = room,
                                           .on_verdict = on_verdict,
                                           .on_sums_written = on_sums_written,
                                           .on_month_read = on_month_read,
                                           .on_ready = on_ready};
    room->limits = limits_create(&options);
    buffer_init(&room->output, LIMITS_OUTPUT_MIN);
}

static void close_room(struct room *room) {
    limits_destroy(room->limits);
    buffer_finish(&room->output);
}

/* ---- the comparison ---- */

static bool has_word(struct bytes text, const char *word) {
    return memmem(text.data, text.size, word, strlen(word)) != NULL;
}

/* Near its beginning, where a command has its name and a function's. */
static bool is_of(struct bytes command, const char *word) {
    return has_word(bytes_of(command.data, command.size < 40 ? command.size : 40), word);
}

static int compare_pairs(const void *left, const void *right) {
    const struct bytes *one = left, *other = right;
    size_t size = one->size < other->size ? one->size : other->size;
    int order = memcmp(one->data, other->data, size);
    return order != 0 ? order : one->size < other->size ? -1 : one->size > other->size;
}

static void skip_line(struct bytes *from) {
    const uint8_t *end = memchr(from->data, '\n', from->size);
    cr_assert_not_null(end);
    *from = bytes_of(end + 1, (size_t)(from->data + from->size - end - 1));
}

/* A list whose last element holds fields and values by turns, which come in any order: here in that of their bytes. */
static struct text in_order(struct bytes reply) {
    static struct bytes pairs[8192];
    struct text text = {0};
    struct bytes rest = reply, field, value;
    size_t count = 0;
    long long elements = reply.data[0] == '*' ? strtoll((const char *)reply.data + 1, NULL, 10) : 1;
    skip_line(&rest);
    for (long long i = 1; i < elements; i++)
        cr_assert(resp_take(&rest, &value));
    if (elements > 1)
        skip_line(&rest);
    text_append(&text, reply.data, reply.size - rest.size);
    while (resp_take(&rest, &field) && resp_take(&rest, &value)) {
        cr_assert_lt(count, sizeof pairs / sizeof *pairs);
        pairs[count++] = bytes_of(field.data, field.size + value.size);
    }
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < count; i++)
        text_append(&text, pairs[i].data, pairs[i].size);
    return text;
}

static bool are_same(struct bytes one, struct bytes other) {
    return one.size == other.size && memcmp(one.data, other.data, one.size) == 0;
}

static bool are_same_in_order(struct bytes one, struct bytes other) {
    struct text first = in_order(one), second = in_order(other);
    bool are_equal = are_same(bytes_of(first.data, first.size), bytes_of(second.data, second.size));
    text_finish(&first);
    text_finish(&second);
    return are_equal;
}

/* What a server says of itself is more than the model says; what is read of it is the same. */
static bool say_the_same(struct bytes command, struct bytes real, struct bytes model) {
    if (is_of(command, "INFO"))
        return has_word(real, "role:master\r\n") && has_word(model, "role:master\r\n") &&
               has_word(real, both.model->identity) && has_word(model, both.model->identity);
    if (is_of(command, "LIST"))
        return has_word(real, vaxel_lua) == has_word(model, vaxel_lua);
    if (is_of(command, "vaxel_slice") || is_of(command, "HSCAN"))
        return are_same_in_order(real, model);
    return are_same(real, model);
}

static void compare(struct bytes commands) {
    struct bytes real = buffer_bytes(&both.real_replies), model = buffer_bytes(&both.model_replies);
    struct bytes command, of_real, of_model;
    while (resp_take(&commands, &command)) {
        cr_assert(resp_take(&real, &of_real) && resp_take(&model, &of_model));
        cr_assert(say_the_same(command, of_real, of_model),
                  "seed %lu call %u: to %.60s Redis says %.*s, the model %.*s", seed, calls, (const char *)command.data,
                  (int)of_real.size, (const char *)of_real.data, (int)of_model.size, (const char *)of_model.data);
        calls++;
    }
    cr_assert(real.size == 0 && model.size == 0);
}

/* ---- the walk ---- */

static void flush(void) {
    test_redis_command(&both.real, "FLUSHALL");
    redis_flush(both.model);
}

static void lose_something(void) {
    switch (below(4)) {
    case 0:
        flush();
        break;
    case 1:
        both_say(&both, below(2) ? "DEL {1}:202611" : "UNLINK {2}:202611");
        break;
    case 2:
        both_say(&both, below(2) ? "DEL {1}:20261121 {1}:20261122" : "UNLINK {2}:20261121 {2}:20261201");
        break;
    default:
        both_promote(&both);
    }
}

/* Sums of a month in more than one write may lose what was written of them. */
static void pump(struct room *room) {
    for (bool is_first = true;; is_first = false) {
        room->output.size = 0;
        limits_output(room->limits, &room->output);
        if (room->output.size == 0)
            return;
        if (!is_first && room->is_ready && below(8) == 0)
            flush();
        struct failure failure;
        both_ask(&both, buffer_bytes(&room->output));
        compare(buffer_bytes(&room->output));
        cr_assert(limits_input(room->limits, buffer_bytes(&both.real_replies), &failure), "%s", failure.text);
    }
}

static void connect_room(struct room *room) {
    room->is_ready = false;
    limits_connected(room->limits);
    pump(room);
    cr_assert(room->is_ready);
}

static struct request_id id_at(uint32_t number) {
    uint8_t random[10] = {0};
    memcpy(random + 4, &number, sizeof number);
    return request_id_make((struct instant){NOON_US + number * ID_APART_US}, random);
}

static int64_t any_amount(void) {
    return below(60) == 0 ? MONEY_MAX_MINOR - below(2) : below(4) == 0 ? below(2) : below(1000);
}

static struct content any_content(int64_t amount_minor) {
    return (struct content){.amount_minor = amount_minor,
                            .client = 11 + (int32_t)below(2),
                            .credit = 1 + (int32_t)below(CREDITS),
                            .product_hash = below(2) ? 0xFFFF0D0A : 0x25002A24,
                            .place_hash = below(2),
                            .kind = below(4) == 0 ? ENTRY_HOLD : ENTRY_PURCHASE};
}

static void add_limit(struct question *question, enum limit_kind kind, int32_t id) {
    if (below(4) == 0)
        return;
    question->limits[question->limit_count++] = (struct limit){kind, id,
                                                               below(3) == 0   ? LIMIT_COUNTED_ONLY
                                                               : below(4) == 0 ? MONEY_MAX_MINOR
                                                                               : below(20000)};
}

static void make_effect(struct question *question) {
    question->floor_epoch = epochs[question->organisation] + (below(8) == 0 ? (int32_t)below(3) - 1 : 0);
    if (question->floor_epoch < 0)
        question->floor_epoch = 0;
    question->was_recorded = question->kind == QUESTION_UNDO && below(3) == 0;
    if (question->kind == QUESTION_APPLY && below(2) == 0)
        question->amount_minor = -question->amount_minor / 4;
}

static struct question any_question(void) {
    static const enum question_kind kinds[] = {QUESTION_AUTHORIZE, QUESTION_AUTHORIZE, QUESTION_AUTHORIZE,
                                               QUESTION_AUTHORIZE, QUESTION_RECALL,    QUESTION_SPENT,
                                               QUESTION_UNDO,      QUESTION_APPLY};
    struct question question = {.kind = kinds[below(sizeof kinds / sizeof *kinds)],
                                .organisation = 1 + (int32_t)below(ORGANISATIONS),
                                .day = {days[below(DAYS)]},
                                .id = id_at(below(IDS)),
                                .amount_minor = any_amount()};
    int32_t epoch = epochs[question.organisation];
    question.content = any_content(question.amount_minor);
    question.floor_epoch = below(40) == 0 ? epoch + 1 : (int32_t)below((uint32_t)epoch + 1);
    add_limit(&question, LIMIT_CREDIT, question.content.credit);
    add_limit(&question, LIMIT_TRAVELLER, 1 + (int32_t)below(2));
    for (int32_t id = 1; id <= DEPARTMENTS; id++)
        add_limit(&question, LIMIT_DEPARTMENT, id);
    add_limit(&question, LIMIT_ORGANISATION, question.organisation);
    if (question.kind == QUESTION_AUTHORIZE) {
        question.refusal = below(6) == 0 ? REASON_BLOCKED : REASON_UNSPECIFIED;
        question.allows_partial = below(4) == 0;
        question.tap_window_us = below(4) == 0 ? ID_APART_US * below(IDS) : 0;
    } else if (question.kind != QUESTION_RECALL && question.kind != QUESTION_SPENT) {
        make_effect(&question);
    }
    return question;
}

static void ask(struct room *room) {
    uint32_t count = 1 + (below(2) ? below(GROUP_LARGEST) : 0);
    for (uint32_t i = 0; i < count; i++) {
        const struct question question = any_question();
        cr_assert(limits_ask(room->limits, &question));
        room->owed++;
    }
    pump(room);
    cr_assert_eq(room->owed, 0);
}

static struct remembered any_remembered(uint32_t number, int32_t day) {
    struct memory memory = {.kind = (enum memory_kind)below(3), .content = any_content(below(1000))};
    if (memory.kind == MEMORY_REFUSED) {
        memory.reason = REASON_ENDED;
        memory.refusing = (uint16_t)below(8);
    } else if (memory.kind == MEMORY_COUNTED && below(3) == 0) {
        memory.approved_minor = 1 + below(999);
    }
    return (struct remembered){id_at(number), {day}, memory};
}

/* Some are as large as a double holds whole. */
static int64_t any_spent(void) {
    return below(20) == 0 ? (INT64_C(1) << 53) - 1 - below(100000) : any_amount();
}

/* December is where the large ones are: it is never read, for Redis would tell it in slices of its own. */
static void rebuild(struct room *room) {
    static struct sum sums[SUMS_LARGEST];
    static struct remembered remembered[REMEMBERED_LARGEST];
    bool is_december = below(4) == 0;
    int32_t day = is_december ? days[2] : days[below(2)];
    int32_t organisation = 1 + (int32_t)below(ORGANISATIONS);
    int32_t epoch = epochs[organisation] + (int32_t)below(4) - 1;
    size_t sum_count = below(is_december ? SUMS_LARGEST : 12);
    size_t remembered_count = below(3) == 0 ? 0 : below(is_december ? REMEMBERED_LARGEST : 20);
    for (size_t i = 0; i < sum_count; i++)
        sums[i] = (struct sum){(enum limit_kind)(1 + i % 3), 1 + (int32_t)(i / 3), any_spent()};
    for (size_t i = 0; i < remembered_count; i++)
        remembered[i] = any_remembered((uint32_t)i * (is_december ? 1 : 3), day);
    const struct sums all = {organisation,     {day / 100}, epoch < 1 ? 1 : epoch, sum_count, sums,
                             remembered_count, remembered};
    cr_assert(limits_write_sums(room->limits, &all));
    pump(room);
}

static void read_month(struct room *room) {
    cr_assert(limits_read_month(room->limits, 1 + (int32_t)below(ORGANISATIONS), (struct month){days[0] / 100}));
    pump(room);
}

static void step(void) {
    struct room *room = &rooms[below(ROOMS)];
    uint32_t choice = below(100);
    if (choice < 12)
        rebuild(room);
    else if (choice < 18)
        read_month(room);
    else if (choice < 20)
        lose_something();
    else if (choice < 22) {
        limits_lost(room->limits);
        connect_room(room);
    } else
        ask(room);
}

static void compare_key(void *owner, const char *key) {
    struct text command = {0};
    text_print(&command, "*5\r\n$5\r\nHSCAN\r\n$%zu\r\n%s\r\n$1\r\n0\r\n$5\r\nCOUNT\r\n$5\r\n99999\r\n", strlen(key),
               key);
    both_ask(&both, bytes_of(command.data, command.size));
    compare(bytes_of(command.data, command.size));
    text_finish(&command);
    ++*(int *)owner;
}

static void compare_keys(void) {
    int count = 0;
    redis_each_key(both.model, &count, compare_key);
    cr_assert_eq(count, atoi(test_redis_command(&both.real, "DBSIZE")));
}

static bool has_seen_all(void) {
    for (enum verdict_kind kind = VERDICT_COUNTED; kind < VERDICT_LOST; kind++)
        if (verdicts_of_kind[kind] == 0)
            return false;
    return rebuilds_written > 0 && rebuilds_lost > 0 && months_read > 0 && sums_read > 0 && calls > STEPS;
}

Test(redis_walk, the_model_and_redis_give_the_same_bytes_to_the_production_library) {
    const char *given = getenv("VAXEL_TEST_SEED");
    seed = given != NULL ? strtoul(given, NULL, 10) : (uint64_t)time(NULL);
    fprintf(stderr, "redis_walk: VAXEL_TEST_SEED=%lu\n", seed);
    chance = seed * UINT64_C(0x9E3779B97F4A7C15) | 1;
    both_start(&both, NULL);
    for (size_t i = 0; i < ROOMS; i++) {
        open_room(&rooms[i]);
        connect_room(&rooms[i]);
    }
    for (int i = 0; i < STEPS || (!has_seen_all() && i < STEPS_MOST); i++) {
        step();
        if (i % 100 == 0)
            compare_keys();
    }
    compare_keys();
    cr_assert(has_seen_all(), "seed %lu: in all its steps something did not happen", seed);
    for (size_t i = 0; i < ROOMS; i++)
        close_room(&rooms[i]);
    both_stop(&both);
}
