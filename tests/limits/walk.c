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
#define STEPS 1500
#define GROUP_LARGEST 20 /* in up to three calls */
#define GROUP_CAPACITY 8

struct model_memory {
    bool is_there;
    enum memory_kind kind;
    int32_t epoch;
    enum reason reason;
    unsigned refusing;
    int64_t amount_minor;
};

struct model {
    bool is_there;
    int32_t epoch;
    uint32_t identity; /* 0: none */
    int64_t spent_minor[COUNTERS];
    struct model_memory memories[IDS];
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
    bool is_held = memory->is_there && (memory->kind != MEMORY_COUNTED || memory->epoch >= model->epoch);
    return is_held ? memory : NULL;
}

static void model_count(struct model *model, struct asked *asked) {
    const struct question *question = &asked->question;
    struct model_memory *memory = &model->memories[asked->id];
    enum reason reason = question->refusal;
    unsigned refusing = 0;
    for (unsigned i = question->limit_count; question->refusal == REASON_UNSPECIFIED && i-- > 0;) {
        int64_t ceiling_minor = question->limits[i].ceiling_minor;
        if (ceiling_minor < 0 || model->spent_minor[asked->places[i]] + question->amount_minor <= ceiling_minor)
            continue;
        refusing |= 1u << i;
        reason = reasons[asked->places[i]];
    }
    bool is_counted = reason == REASON_UNSPECIFIED;
    *memory = (struct model_memory){.is_there = true,
                                    .kind = is_counted ? MEMORY_COUNTED : MEMORY_REFUSED,
                                    .epoch = model->epoch,
                                    .reason = reason,
                                    .refusing = refusing,
                                    .amount_minor = question->content.amount_minor};
    asked->expected.kind = is_counted ? VERDICT_COUNTED : VERDICT_REFUSED;
    asked->expected.refusing = (uint16_t)refusing;
    for (unsigned i = 0; is_counted && i < question->limit_count; i++)
        model->spent_minor[asked->places[i]] += question->amount_minor;
}

static void model_ask(struct model *model, uint32_t connection, struct asked *asked, int32_t floor_epoch) {
    const struct question *question = &asked->question;
    struct verdict *expected = &asked->expected;
    *expected = (struct verdict){.kind = VERDICT_COLD};
    if (is_cold(model, connection, floor_epoch))
        return;
    expected->epoch = model->epoch;
    const struct model_memory *memory = held(model, asked->id);
    if (question->kind == QUESTION_SPENT) {
        expected->kind = VERDICT_DONE;
    } else if (memory != NULL) {
        expected->kind = VERDICT_KNOWN;
        expected->memory.kind = memory->kind;
        expected->memory.reason = memory->reason;
        expected->memory.refusing = (uint16_t)memory->refusing;
        expected->memory.content = content_of(memory->amount_minor);
    } else if (question->kind == QUESTION_RECALL) {
        expected->kind = VERDICT_UNKNOWN;
    } else {
        model_count(model, asked);
    }
    for (unsigned i = 0; i < question->limit_count; i++)
        expected->spent_minor[i] = model->spent_minor[asked->places[i]];
}

static void model_undo(struct model *model, uint32_t connection, struct asked *asked) {
    const struct question *question = &asked->question;
    struct model_memory *memory = &model->memories[asked->id];
    asked->expected = (struct verdict){.kind = VERDICT_COLD};
    if (is_cold(model, connection, question->floor_epoch))
        return;
    asked->expected.kind = VERDICT_DONE;
    bool is_reversed = memory->is_there && memory->kind == MEMORY_REVERSED;
    if (model->epoch > question->floor_epoch || is_reversed)
        return;
    bool is_counted = memory->is_there && memory->kind == MEMORY_COUNTED && memory->epoch == model->epoch;
    bool is_sound = true;
    if (question->was_recorded || is_counted) {
        for (unsigned i = 0; i < question->limit_count; i++)
            is_sound &= model->spent_minor[asked->places[i]] >= question->amount_minor;
        for (unsigned i = 0; is_sound && i < question->limit_count; i++)
            model->spent_minor[asked->places[i]] -= question->amount_minor;
    }
    if (!is_sound) {
        model->identity = 0;
        asked->expected.kind = VERDICT_COLD;
    }
    *memory = (struct model_memory){.is_there = true,
                                    .kind = MEMORY_REVERSED,
                                    .epoch = model->epoch,
                                    .amount_minor = question->content.amount_minor};
}

static void model_remember(struct model *model, const struct remembered *remembered, uint32_t id, int32_t epoch) {
    struct model_memory *memory = &model->memories[id];
    bool is_older =
        !memory->is_there || memory->epoch < epoch || (memory->epoch == epoch && memory->kind == MEMORY_REFUSED);
    if (memory->is_there && memory->kind == MEMORY_REVERSED)
        return;
    if (!is_older && remembered->memory.kind != MEMORY_REVERSED)
        return;
    *memory = (struct model_memory){.is_there = true,
                                    .kind = remembered->memory.kind,
                                    .epoch = epoch,
                                    .reason = remembered->memory.reason,
                                    .refusing = remembered->memory.refusing,
                                    .amount_minor = remembered->memory.content.amount_minor};
}

/* ---- the walk ---- */

static struct test_redis redis;
static struct peer peers[2];
static struct model model;

static struct asked any_question(enum question_kind kind) {
    struct asked asked = {.id = below(IDS)};
    int64_t amount_minor = below(4) == 0 ? below(2) : below(1000);
    asked.question = of_kind(kind, purchase(asked.id, amount_minor));
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
    if (kind == QUESTION_AUTHORIZE && below(6) == 0)
        asked.question.refusal = REASON_BLOCKED;
    if (kind == QUESTION_UNDO) {
        asked.question.floor_epoch = model.epoch + (below(8) == 0 ? (int32_t)below(3) - 1 : 0);
        asked.question.was_recorded = below(8) == 0;
        /* Mostly the amount that was counted. */
        if (model.memories[asked.id].is_there && below(20) != 0) {
            asked.question.amount_minor = model.memories[asked.id].amount_minor;
            asked.question.content = content_of(asked.question.amount_minor);
        }
    }
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
    cr_assert(verdict->memory.kind == expected->memory.kind && verdict->memory.reason == expected->memory.reason &&
                  verdict->memory.refusing == expected->memory.refusing,
              "seed %lu step %d: memory", seed, step);
    for (unsigned i = 0; verdict->kind != VERDICT_UNKNOWN && i < asked->question.limit_count; i++)
        cr_assert_eq(verdict->spent_minor[i], expected->spent_minor[i], "seed %lu step %d: spent %u", seed, step, i);
}

static void forget_owners(struct peer *peer) {
    memset(peer->is_told, 0, sizeof peer->is_told);
    memset(peer->verdicts, 0, sizeof peer->verdicts);
}

static void ask_group(uint32_t connection, uint64_t seed, int step) {
    static const enum question_kind kinds[] = {QUESTION_AUTHORIZE, QUESTION_AUTHORIZE, QUESTION_AUTHORIZE,
                                               QUESTION_RECALL, QUESTION_SPENT};
    struct asked asked[GROUP_LARGEST];
    uint32_t count = 1 + (below(2) ? below(GROUP_LARGEST) : 0);
    bool is_undo = below(4) == 0;
    int32_t floor_epochs[GROUP_LARGEST / GROUP_CAPACITY + 1] = {0}; /* the highest of each call */
    for (uint32_t i = 0; i < count; i++) {
        asked[i] = any_question(is_undo ? QUESTION_UNDO : kinds[below(5)]);
        int32_t *floor_epoch = &floor_epochs[i / GROUP_CAPACITY];
        if (asked[i].question.floor_epoch > *floor_epoch)
            *floor_epoch = asked[i].question.floor_epoch;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (is_undo)
            model_undo(&model, connection, &asked[i]);
        else
            model_ask(&model, connection, &asked[i], floor_epochs[i / GROUP_CAPACITY]);
        asked[i].owner = peer_queue(&peers[connection], asked[i].question);
    }
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
        enum memory_kind kind = (enum memory_kind)below(3);
        bool is_refused = kind == MEMORY_REFUSED;
        remembered[i] = (struct remembered){id_of(id),
                                            DAY,
                                            {kind, 0, is_refused ? REASON_ENDED : REASON_UNSPECIFIED,
                                             is_refused ? (uint16_t)below(8) : 0, content_of(below(1000))}};
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
