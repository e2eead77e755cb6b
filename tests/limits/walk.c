/* SPDX-License-Identifier: Apache-2.0 */
/* A random walk of two connections through everything Redis may be asked, beside a plain model of what it should say:
 * groups of all kinds, ids used again, epochs that rise and fall behind, lost keys, a primary that became another. The
 * seed is printed; VAXEL_TEST_SEED repeats it. */
#include "peer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define IDS 48
#define COUNTERS 6
#define CREDITS 2
#define ID_APART_US INT64_C(1000000)
#define STEPS 1500
#define GROUP_LARGEST 20 /* in up to three calls */
#define GROUP_CAPACITY 8

/* What an id is remembered as; of an effect that lowers only that it was. */
enum model_kind { MODEL_COUNTED, MODEL_REFUSED, MODEL_REVERSED, MODEL_EFFECT };

struct model_memory {
    bool is_there;
    enum model_kind kind;
    bool is_ahead; /* REVERSED: taken off before it was counted */
    int32_t epoch;
    enum reason reason;
    unsigned refusing;
    int64_t approved_minor; /* COUNTED, of a partial approval */
    struct content content;
};

/* A credit's last purchase that asked for no double tap. */
struct model_last {
    bool is_there;
    uint32_t id;
    uint32_t place_hash;
};

struct model {
    bool is_there;
    int32_t epoch;
    uint32_t identity; /* 0: none */
    int64_t spent_minor[COUNTERS];
    struct model_memory memories[IDS];
    struct model_last lasts[CREDITS + 1];
    uint32_t primary;  /* the identity of Redis now */
    uint32_t known[2]; /* what each connection takes it for */
};

static const struct limit counters[COUNTERS] = {{LIMIT_CREDIT, 1, 0},     {LIMIT_CREDIT, 2, 0},
                                                {LIMIT_TRAVELLER, 1, 0},  {LIMIT_TRAVELLER, 2, 0},
                                                {LIMIT_DEPARTMENT, 1, 0}, {LIMIT_ORGANISATION, ORGANISATION, 0}};
static const enum reason reasons[COUNTERS] = {REASON_CREDIT_LIMIT,     REASON_CREDIT_LIMIT,
                                              REASON_TRAVELLER_LIMIT,  REASON_TRAVELLER_LIMIT,
                                              REASON_DEPARTMENT_LIMIT, REASON_ORGANISATION_LIMIT};

struct asked {
    struct question question;
    uint32_t id;
    uint32_t places[LIMITS_CAPACITY]; /* in the model's counters */
    uint32_t owner;
    struct verdict expected;
};

static uint64_t state;

static uint32_t below(uint32_t bound) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % bound;
}

/* ---- the model ---- */

static bool is_cold(const struct model *model, uint32_t connection, int32_t floor_epoch) {
    return !model->is_there || model->identity != model->known[connection] || model->epoch < floor_epoch;
}

static const struct model_memory *held(const struct model *model, uint32_t id) {
    const struct model_memory *memory = &model->memories[id];
    bool is_held = memory->is_there && (memory->kind != MODEL_COUNTED || memory->epoch >= model->epoch);
    return is_held ? memory : NULL;
}

static void model_add(struct model *model, const struct asked *asked, int64_t added_minor) {
    for (unsigned i = 0; i < asked->question.limit_count; i++)
        model->spent_minor[asked->places[i]] += added_minor;
}

/* The mask of the limits that an amount passes; and what is left over all of them, if less. */
static unsigned model_weigh(const struct model *model, const struct asked *asked, int64_t *left_minor) {
    const struct question *question = &asked->question;
    unsigned refusing = 0;
    *left_minor = question->amount_minor;
    for (unsigned i = 0; i < question->limit_count; i++) {
        int64_t ceiling_minor = question->limits[i].ceiling_minor;
        int64_t free_minor = ceiling_minor - model->spent_minor[asked->places[i]];
        if (ceiling_minor == LIMIT_COUNTED_ONLY || question->amount_minor <= free_minor)
            continue;
        refusing |= 1u << i;
        if (free_minor < *left_minor)
            *left_minor = free_minor;
    }
    return refusing;
}

static bool model_is_double_tap(const struct model *model, const struct asked *asked) {
    const struct question *question = &asked->question;
    const struct model_last *last = &model->lasts[question->content.credit];
    int64_t apart_us = ID_APART_US * (last->id > asked->id ? last->id - asked->id : asked->id - last->id);
    const struct model_memory *memory = &model->memories[last->id];
    bool is_reversed = memory->is_there && memory->kind == MODEL_REVERSED;
    return last->is_there && last->id != asked->id && last->place_hash == question->content.place_hash &&
           apart_us < question->tap_window_us && !is_reversed;
}

static void model_refuse(struct model *model, struct asked *asked, enum reason reason, unsigned refusing) {
    asked->expected.kind = VERDICT_REFUSED;
    asked->expected.refusing = (uint16_t)refusing;
    model->memories[asked->id] = (struct model_memory){.is_there = true,
                                                       .kind = MODEL_REFUSED,
                                                       .epoch = model->epoch,
                                                       .reason = reason,
                                                       .refusing = refusing,
                                                       .content = asked->question.content};
}

static void model_authorize(struct model *model, struct asked *asked) {
    const struct question *question = &asked->question;
    int64_t left_minor;
    unsigned refusing = model_weigh(model, asked, &left_minor);
    bool is_partial = refusing != 0 && question->allows_partial && left_minor > 0;
    if (question->refusal != REASON_UNSPECIFIED) {
        model_refuse(model, asked, question->refusal, 0);
    } else if (model_is_double_tap(model, asked)) {
        model_refuse(model, asked, REASON_DOUBLE_TAP, 0);
        asked->expected.reason = REASON_DOUBLE_TAP;
    } else if (refusing != 0 && !is_partial) {
        model_refuse(model, asked, reasons[asked->places[__builtin_ctz(refusing)]], refusing);
    } else {
        asked->expected.kind = VERDICT_COUNTED;
        asked->expected.approved_minor = left_minor;
        model_add(model, asked, left_minor);
        model->memories[asked->id] = (struct model_memory){.is_there = true,
                                                           .kind = MODEL_COUNTED,
                                                           .epoch = model->epoch,
                                                           .approved_minor = is_partial ? left_minor : 0,
                                                           .content = question->content};
        if (question->tap_window_us > 0)
            model->lasts[question->content.credit] = (struct model_last){true, asked->id, question->content.place_hash};
    }
}

static void model_recall(struct asked *asked, const struct model_memory *memory) {
    asked->expected.kind = VERDICT_KNOWN;
    if (memory->kind == MODEL_EFFECT)
        return;
    asked->expected.memory = (struct memory){.kind = (enum memory_kind)memory->kind,
                                             .approved_minor = memory->approved_minor,
                                             .reason = memory->reason,
                                             .refusing = (uint16_t)memory->refusing,
                                             .content = memory->content};
}

static int64_t model_counted(const struct model_memory *memory) {
    return memory->approved_minor > 0 ? memory->approved_minor : memory->content.amount_minor;
}

/* What a reversal adds. */
static int64_t model_undo(const struct model *model, const struct asked *asked, struct model_memory *memory) {
    const struct question *question = &asked->question;
    int64_t amount_minor = question->amount_minor;
    if (memory->is_there && memory->kind == MODEL_REVERSED)
        return 0;
    bool is_counted = memory->is_there && memory->kind == MODEL_COUNTED && memory->epoch == model->epoch;
    if (!question->was_recorded && (!is_counted || amount_minor > model_counted(memory)))
        amount_minor = is_counted ? model_counted(memory) : 0;
    *memory = (struct model_memory){.is_there = true,
                                    .kind = MODEL_REVERSED,
                                    .is_ahead = question->was_recorded && !is_counted,
                                    .epoch = model->epoch,
                                    .content = question->content};
    return -amount_minor;
}

static int64_t model_lower(const struct model *model, const struct asked *asked, struct model_memory *memory) {
    if (memory->is_there && memory->kind == MODEL_EFFECT && memory->epoch >= model->epoch)
        return 0;
    *memory = (struct model_memory){.is_there = true, .kind = MODEL_EFFECT, .epoch = model->epoch};
    return asked->question.amount_minor;
}

static int64_t model_raise(const struct model *model, const struct asked *asked, struct model_memory *memory) {
    int64_t amount_minor = asked->question.amount_minor;
    bool is_counted = memory->is_there && memory->kind == MODEL_COUNTED;
    if (memory->is_there && memory->kind == MODEL_REVERSED) {
        bool is_owed = memory->is_ahead;
        memory->is_ahead = false;
        return is_owed ? amount_minor : 0;
    }
    if (is_counted && memory->epoch > model->epoch)
        return 0;
    int64_t counted_minor = is_counted ? model_counted(memory) : 0;
    bool is_same = is_counted && counted_minor == amount_minor;
    int64_t added_minor = is_counted && memory->epoch == model->epoch ? amount_minor - counted_minor : amount_minor;
    const struct model_memory known = *memory;
    *memory = (struct model_memory){.is_there = true,
                                    .kind = MODEL_COUNTED,
                                    .epoch = model->epoch,
                                    .approved_minor = is_same ? known.approved_minor : 0,
                                    .content = is_same ? known.content : asked->question.content};
    return added_minor;
}

/* Answers whether the counters are sound after it. */
static bool model_effect(struct model *model, struct asked *asked) {
    const struct question *question = &asked->question;
    asked->expected.kind = VERDICT_DONE;
    if (model->epoch != question->floor_epoch)
        return true;
    struct model_memory memory = model->memories[asked->id];
    bool is_undo = question->kind == QUESTION_UNDO;
    int64_t added_minor = is_undo                       ? model_undo(model, asked, &memory)
                          : question->amount_minor <= 0 ? model_lower(model, asked, &memory)
                                                        : model_raise(model, asked, &memory);
    bool is_sound = true;
    for (unsigned i = 0; added_minor < 0 && i < question->limit_count; i++)
        is_sound &= model->spent_minor[asked->places[i]] + added_minor >= 0;
    if (is_sound)
        model_add(model, asked, added_minor);
    else
        asked->expected.kind = VERDICT_COLD;
    if (is_sound || is_undo)
        model->memories[asked->id] = memory;
    return is_sound;
}

/* One question of a call whose counters are not cold. */
static bool model_ask(struct model *model, struct asked *asked) {
    const struct model_memory *memory = held(model, asked->id);
    bool is_sound = true;
    switch (asked->question.kind) {
    case QUESTION_SPENT:
        asked->expected.kind = VERDICT_DONE;
        break;
    case QUESTION_UNDO:
    case QUESTION_APPLY:
        is_sound = model_effect(model, asked);
        break;
    case QUESTION_RECALL:
        asked->expected.kind = VERDICT_UNKNOWN;
        if (memory != NULL)
            model_recall(asked, memory);
        break;
    case QUESTION_AUTHORIZE:
        if (memory != NULL)
            model_recall(asked, memory);
        else
            model_authorize(model, asked);
        break;
    }
    return is_sound;
}

/* What was reversed is no credit's last purchase any more, once its group is through. */
static void model_forget_last(struct model *model, const struct asked *asked) {
    const struct question *question = &asked->question;
    for (unsigned i = 0; question->kind == QUESTION_UNDO && i < question->limit_count; i++) {
        const struct limit *limit = &question->limits[i];
        if (limit->kind == LIMIT_CREDIT && model->lasts[limit->id].id == asked->id)
            model->lasts[limit->id].is_there = false;
    }
}

static void model_call(struct model *model, uint32_t connection, struct asked *asked, uint32_t count) {
    int32_t floor_epoch = 0;
    for (uint32_t i = 0; i < count; i++)
        if (asked[i].question.floor_epoch > floor_epoch)
            floor_epoch = asked[i].question.floor_epoch;
    bool are_cold = is_cold(model, connection, floor_epoch);
    bool is_sound = true;
    uint32_t heard = 0; /* what came before the counters turned cold */
    for (uint32_t i = 0; i < count; i++) {
        asked[i].expected = (struct verdict){.kind = VERDICT_COLD};
        if (are_cold)
            continue;
        asked[i].expected.epoch = model->epoch;
        if (is_sound) {
            is_sound = model_ask(model, &asked[i]);
            heard = i + 1;
        }
        for (unsigned place = 0; place < asked[i].question.limit_count; place++)
            asked[i].expected.spent_minor[place] = model->spent_minor[asked[i].places[place]];
    }
    for (uint32_t i = 0; i < heard; i++)
        model_forget_last(model, &asked[i]);
    if (!is_sound)
        model->identity = 0;
}

static void model_remember(struct model *model, const struct remembered *remembered, uint32_t id, int32_t epoch) {
    struct model_memory *memory = &model->memories[id];
    bool is_older =
        !memory->is_there || memory->epoch < epoch || (memory->epoch == epoch && memory->kind == MODEL_REFUSED);
    if (memory->is_there && memory->kind == MODEL_REVERSED)
        return;
    if (!is_older && remembered->memory.kind != MEMORY_REVERSED)
        return;
    *memory = (struct model_memory){.is_there = true,
                                    .kind = (enum model_kind)remembered->memory.kind,
                                    .epoch = epoch,
                                    .reason = remembered->memory.reason,
                                    .refusing = remembered->memory.refusing,
                                    .approved_minor = remembered->memory.approved_minor,
                                    .content = remembered->memory.content};
}

/* ---- the walk ---- */

static struct test_redis redis;
static struct peer peers[2];
static struct model model;

/* Every id has a second of its own. */
static struct request_id id_at(uint32_t id) {
    struct request_id each = id_of(id);
    struct instant time = {request_id_time(&each).us + id * ID_APART_US};
    return request_id_make(time, each.bytes + 6);
}

static struct content any_content(int64_t amount_minor) {
    struct content content = content_of(amount_minor);
    content.credit = 1 + (int32_t)below(CREDITS);
    content.place_hash = below(2);
    return content;
}

/* Of a partial approval it says less than the content. */
static struct memory any_memory(void) {
    struct memory memory = {.kind = (enum memory_kind)below(3), .content = any_content(below(1000))};
    if (memory.kind == MEMORY_REFUSED) {
        memory.reason = REASON_ENDED;
        memory.refusing = (uint16_t)below(8);
    } else if (memory.kind == MEMORY_COUNTED && below(3) == 0) {
        memory.approved_minor = 1 + below(999);
    }
    return memory;
}

static void make_effect(struct asked *asked) {
    struct question *question = &asked->question;
    const struct model_memory *memory = &model.memories[asked->id];
    question->floor_epoch = model.epoch + (below(8) == 0 ? (int32_t)below(3) - 1 : 0);
    question->was_recorded = question->kind == QUESTION_UNDO && below(8) == 0;
    /* Mostly the amount that was counted. */
    if (memory->is_there && below(20) != 0) {
        question->content = memory->content;
        question->amount_minor = memory->kind == MODEL_COUNTED ? model_counted(memory) : memory->content.amount_minor;
    }
    if (question->kind == QUESTION_APPLY && below(3) == 0)
        question->amount_minor = -question->amount_minor / 4;
}

static struct asked any_question(enum question_kind kind) {
    struct asked asked = {.id = below(IDS)};
    int64_t amount_minor = below(4) == 0 ? below(2) : below(1000);
    asked.question = of_kind(kind, purchase(asked.id, amount_minor));
    asked.question.id = id_at(asked.id);
    asked.question.content = any_content(amount_minor);
    asked.question.limit_count = 0;
    for (uint32_t place = 0; place < COUNTERS; place++) {
        if (place < COUNTERS - 1 && below(2) == 0)
            continue;
        unsigned i = asked.question.limit_count++;
        asked.places[i] = place;
        asked.question.limits[i] = counters[place];
        asked.question.limits[i].ceiling_minor = below(3) == 0 ? LIMIT_COUNTED_ONLY : below(20000);
    }
    asked.question.floor_epoch = below(40) == 0 ? model.epoch + 1 : (int32_t)below((uint32_t)model.epoch + 1);
    if (kind == QUESTION_AUTHORIZE) {
        asked.question.refusal = below(6) == 0 ? REASON_BLOCKED : REASON_UNSPECIFIED;
        asked.question.allows_partial = below(4) == 0;
        asked.question.tap_window_us = below(4) == 0 ? ID_APART_US * below(IDS) : 0;
    }
    if (kind == QUESTION_UNDO || kind == QUESTION_APPLY)
        make_effect(&asked);
    return asked;
}

static void expect_verdict(const struct asked *asked, const struct verdict *verdict, uint64_t seed, int step) {
    const struct verdict *expected = &asked->expected;
    cr_assert_eq(verdict->kind, expected->kind, "seed %lu step %d: kind %d for %d to question %d", seed, step,
                 verdict->kind, expected->kind, asked->question.kind);
    cr_assert_eq(verdict->epoch, expected->epoch, "seed %lu step %d: epoch", seed, step);
    cr_assert_eq(verdict->refusing, expected->refusing, "seed %lu step %d: refusing", seed, step);
    cr_assert_eq(memcmp(&verdict->memory.content, &expected->memory.content, CONTENT_SIZE), 0,
                 "seed %lu step %d: content", seed, step);
    cr_assert(verdict->reason == expected->reason && verdict->approved_minor == expected->approved_minor,
              "seed %lu step %d: approved %ld for %ld", seed, step, (long)verdict->approved_minor,
              (long)expected->approved_minor);
    cr_assert(verdict->memory.kind == expected->memory.kind && verdict->memory.reason == expected->memory.reason &&
                  verdict->memory.refusing == expected->memory.refusing &&
                  verdict->memory.approved_minor == expected->memory.approved_minor,
              "seed %lu step %d: memory", seed, step);
    for (unsigned i = 0; i < asked->question.limit_count; i++)
        cr_assert_eq(verdict->spent_minor[i], expected->spent_minor[i], "seed %lu step %d: spent %u", seed, step, i);
}

static void forget_owners(struct peer *peer) {
    memset(peer->is_told, 0, sizeof peer->is_told);
    memset(peer->verdicts, 0, sizeof peer->verdicts);
}

static void ask_group(uint32_t connection, uint64_t seed, int step) {
    static const enum question_kind kinds[] = {QUESTION_AUTHORIZE, QUESTION_AUTHORIZE, QUESTION_AUTHORIZE,
                                               QUESTION_RECALL,    QUESTION_SPENT,     QUESTION_UNDO,
                                               QUESTION_APPLY,     QUESTION_APPLY};
    struct asked asked[GROUP_LARGEST];
    uint32_t count = 1 + (below(2) ? below(GROUP_LARGEST) : 0);
    for (uint32_t i = 0; i < count; i++) {
        asked[i] = any_question(kinds[below(sizeof kinds / sizeof *kinds)]);
        asked[i].owner = peer_queue(&peers[connection], asked[i].question);
    }
    for (uint32_t i = 0; i < count; i += GROUP_CAPACITY)
        model_call(&model, connection, &asked[i], count - i < GROUP_CAPACITY ? count - i : GROUP_CAPACITY);
    peer_pump(&peers[connection]);
    cr_assert(!peers[connection].is_failed, "seed %lu step %d: %s", seed, step, peers[connection].failure.text);
    for (uint32_t i = 0; i < count; i++)
        expect_verdict(&asked[i], &peers[connection].verdicts[asked[i].owner], seed, step);
    forget_owners(&peers[connection]);
}

static void rebuild(uint32_t connection) {
    struct sum sums[COUNTERS];
    struct remembered remembered[5];
    uint32_t remembered_count = below(6);
    int32_t epoch = model.epoch + (int32_t)below(4) - 1;
    if (epoch < 1)
        epoch = 1;
    for (uint32_t i = 0; i < COUNTERS; i++)
        sums[i] = (struct sum){counters[i].kind, counters[i].id, below(10000)};
    for (uint32_t i = 0; i < remembered_count; i++) {
        uint32_t id = below(IDS);
        remembered[i] = (struct remembered){id_at(id), DAY, any_memory()};
        /* A rebuild tells of an id once. */
        bool is_twice = false;
        for (uint32_t j = 0; j < i; j++)
            is_twice |= request_id_equal(&remembered[j].id, &remembered[i].id);
        if (is_twice) {
            remembered_count = i;
            break;
        }
        model_remember(&model, &remembered[i], id, epoch);
    }
    const struct sums all = {ORGANISATION, MONTH, epoch, COUNTERS, sums, remembered_count, remembered};
    cr_assert(peer_rebuild(&peers[connection], &all));
    model.known[connection] = model.primary;
    if (model.is_there && model.epoch >= epoch)
        return;
    model.is_there = true;
    model.identity = model.primary;
    model.epoch = epoch;
    for (uint32_t i = 0; i < COUNTERS; i++)
        model.spent_minor[i] = sums[i].spent_minor;
    memset(model.lasts, 0, sizeof model.lasts);
}

static void lose_something(void) {
    switch (below(4)) {
    case 0:
        test_redis_command(&redis, "FLUSHALL");
        memset(model.memories, 0, sizeof model.memories);
        model.is_there = false;
        break;
    case 1:
        test_redis_command(&redis, "DEL {7}:202611");
        model.is_there = false;
        break;
    case 2:
        test_redis_command(&redis, "DEL {7}:20261121");
        memset(model.memories, 0, sizeof model.memories);
        break;
    default:
        test_redis_command(&redis, "REPLICAOF 127.0.0.1 1");
        test_redis_command(&redis, "REPLICAOF NO ONE");
        model.primary++;
    }
}

static void step_once(uint64_t seed, int step) {
    uint32_t connection = below(2);
    uint32_t choice = below(100);
    bool is_cold_for_all = is_cold(&model, 0, 0) && is_cold(&model, 1, 0);
    if (choice < (is_cold_for_all ? 40 : 6)) {
        rebuild(connection);
    } else if (choice < 42 && is_cold_for_all) {
        peer_reconnect(&peers[connection], &redis);
        model.known[connection] = model.primary;
    } else if (choice >= 98) {
        lose_something();
    } else {
        ask_group(connection, seed, step);
    }
}

Test(walk, two_connections_and_a_model_agree_whatever_happens) {
    const char *given = getenv("VAXEL_TEST_SEED");
    uint64_t seed = given != NULL ? strtoul(given, NULL, 10) : (uint64_t)time(NULL);
    fprintf(stderr, "walk: VAXEL_TEST_SEED=%lu\n", seed);
    test_redis_start(&redis);
    state = seed * UINT64_C(0x9E3779B97F4A7C15) | 1;
    model = (struct model){.epoch = 1, .primary = 1, .known = {1, 1}};
    for (int i = 0; i < 2; i++) {
        peer_open(&peers[i], &redis, GROUP_CAPACITY);
        peers[i].chunk_size = i == 0 ? 0 : 7;
        cr_assert(peers[i].is_ready, "%s", peers[i].failure.text);
    }
    for (int step = 0; step < STEPS; step++)
        step_once(seed, step);
    for (int i = 0; i < 2; i++)
        peer_close(&peers[i]);
    test_redis_stop(&redis);
}
