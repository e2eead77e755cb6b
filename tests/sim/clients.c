/* SPDX-License-Identifier: Apache-2.0 */
/* clients: validators and app backends that buy, hold, capture, give up, report and ask again, over a network that
 * delays, loses and doubles what they send. What they ask and hear is the history. */
#include "sim/world.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

/* What a client knows of an operation beyond what the checker is told. */
struct shadow {
    int holder;
    struct product product;
    bool is_wrong; /* its content is not what its id was used for first */
};

/* A request, or an answer, under way. */
struct letter {
    size_t operation;
    struct node *node;
    struct answer answer;
};

#define NONE SIZE_MAX

static size_t add_operation(struct world *world, const struct operation *operation, const struct shadow *shadow) {
    if (world->operation_count == world->operation_capacity) {
        world->operation_capacity = 2 * world->operation_capacity + 256;
        world->operations = realloc(world->operations, world->operation_capacity * sizeof *world->operations);
        world->shadows = realloc(world->shadows, world->operation_capacity * sizeof *world->shadows);
        CHECK(world->operations != NULL && world->shadows != NULL);
    }
    world->operations[world->operation_count] = *operation;
    world->shadows[world->operation_count] = *shadow;
    struct operation *added = &world->operations[world->operation_count];
    added->sent_us = world->now_us;
    added->is_answered = false;
    return world->operation_count++;
}

/* ---- to the node ---- */

static void ask_authorize(struct node *node, size_t at) {
    const struct operation *operation = &node->world->operations[at];
    const struct authorize authorize = {
        .reply_to = at,
        .id = operation->id,
        .credential = operation->credential,
        .amount = {operation->amount_minor, {"SEK"}},
        .product = node->world->shadows[at].product,
        .place = {"stop"},
        .client = operation->client,
        .client_channels = ~0u,
        .timeout_us = operation->timeout_us,
        .is_hold = operation->is_hold,
        .allows_partial = operation->allows_partial,
    };
    switch_authorize(node->core, node_now(node), &authorize);
}

static void ask_advise(struct node *node, size_t at) {
    const struct operation *operation = &node->world->operations[at];
    const struct advise advise = {
        .reply_to = at,
        .id = operation->id,
        .credential = operation->credential,
        .amount = {operation->amount_minor, {"SEK"}},
        .product = node->world->shadows[at].product,
        .place = {"stop"},
        .client = operation->client,
        .client_channels = ~0u,
        .timeout_us = operation->timeout_us,
    };
    switch_advise(node->core, node_now(node), &advise);
}

static enum entry_kind kind_of(enum call call) {
    switch (call) {
    case CALL_CAPTURE:
        return ENTRY_CAPTURE;
    case CALL_VOID:
        return ENTRY_VOID;
    case CALL_REFUND:
        return ENTRY_REFUND;
    case CALL_REVERSE:
        return ENTRY_REVERSAL;
    case CALL_AUTHORIZE:
    case CALL_BALANCE:
    case CALL_LOOKUP:
    case CALL_ECHO:
    case CALL_ADVISE:
    case CALL_BLOCK_LIST:
        break;
    }
    CHECK(!"no settlement");
    return ENTRY_VOID;
}

static void ask_settle(struct node *node, size_t at) {
    const struct operation *operation = &node->world->operations[at];
    bool is_reversal = operation->call == CALL_REVERSE;
    const struct settle settle = {
        .reply_to = at,
        .kind = kind_of(operation->call),
        .id = operation->id,
        .original = is_reversal ? operation->id : operation->original,
        .has_credential = true,
        .credential = operation->credential,
        .amount_minor = operation->amount_minor,
        .is_final = operation->is_final,
        .client = operation->client,
        .timeout_us = operation->timeout_us,
    };
    switch_settle(node->core, node_now(node), &settle);
}

static void arrive(struct world *world, void *owner, uint64_t word) {
    struct letter *letter = owner;
    struct node *node = letter->node;
    (void)word;
    if (node->is_alive) {
        switch (world->operations[letter->operation].call) {
        case CALL_AUTHORIZE:
            ask_authorize(node, letter->operation);
            break;
        case CALL_ADVISE:
            ask_advise(node, letter->operation);
            break;
        default:
            ask_settle(node, letter->operation);
        }
        node_turn(node);
    }
    free(letter);
}

static void send(struct world *world, size_t operation) {
    struct letter *letter = calloc(1, sizeof *letter);
    CHECK(letter != NULL);
    letter->operation = operation;
    letter->node = &world->nodes[chance_below(world, NODES)];
    const struct operation *sent = &world->operations[operation];
    char text[REQUEST_ID_TEXT_SIZE];
    request_id_format(&sent->id, text);
    trace(world, "operation %zu: client %d asks node %u call %d of %s for %lld%s%s", operation, sent->client,
          letter->node->index, (int)sent->call, text, (long long)sent->amount_minor, sent->is_hold ? ", a hold" : "",
          sent->allows_partial ? ", or a part" : "");
    event_in(world, chance_delay(world, 100, 20 * MS), arrive, letter, 0);
}

/* Whether nodes count in more than one Redis. */
static bool is_divided(const struct world *world) {
    for (int i = 0; i < NODES; i++) {
        const struct node *node = &world->nodes[i];
        if (node->is_alive && node->server >= 0 && node->server != world->primary)
            return true;
    }
    return false;
}

/* Some are lost, some come twice: that is a client which asks again without having waited. It does so more often while
 * Redis is divided, for then the copies may be decided by different counters. */
static void post(struct world *world, size_t operation) {
    if (chance_is(world, 4))
        return;
    send(world, operation);
    if (!chance_is(world, is_divided(world) ? 40 : 4))
        return;
    struct operation copy = world->operations[operation];
    struct shadow shadow = world->shadows[operation];
    send(world, add_operation(world, &copy, &shadow));
}

/* ---- and back ---- */

/* Other content under the same id. Who is wrong while a journal vouches for the id may keep the right copy from being
 * known. */
static void make_wrong(const struct world *world, struct operation *operation, struct shadow *shadow) {
    if (operation->amount_minor == 0 || operation->allows_partial || world->has_journals)
        return;
    operation->amount_minor += 100;
    shadow->is_wrong = true;
}

/* While Redis is divided clients often ask again at once: other counters may say something else. */
static void insist(struct world *world, size_t operation) {
    const struct operation *answered = &world->operations[operation];
    if (world->is_quiet || answered->call != CALL_AUTHORIZE || !is_divided(world) || !chance_is(world, 60))
        return;
    struct operation copy = *answered;
    struct shadow shadow = world->shadows[operation];
    if (chance_is(world, 50))
        make_wrong(world, &copy, &shadow);
    send(world, add_operation(world, &copy, &shadow));
}

static void hear(struct world *world, void *owner, uint64_t word) {
    struct letter *letter = owner;
    struct operation *operation = &world->operations[letter->operation];
    (void)word;
    if (!operation->is_answered) {
        operation->is_answered = true;
        operation->answered_us = world->now_us;
        operation->decision = letter->answer.decision;
        operation->reason = letter->answer.reason;
        operation->approved_minor = letter->answer.amount_minor;
        operation->safety = letter->answer.safety;
        operation->is_repeat = letter->answer.is_repeat;
        trace(world, "operation %zu of client %d: %s %lld", letter->operation, operation->client,
              reason_name(operation->reason), (long long)operation->approved_minor);
        insist(world, letter->operation);
    }
    free(letter);
}

void client_answered(struct world *world, struct node *node, uint64_t reply_to, const struct answer *answer) {
    (void)node;
    if (!world->is_quiet && chance_is(world, 4))
        return;
    struct letter *letter = calloc(1, sizeof *letter);
    CHECK(letter != NULL);
    letter->operation = reply_to;
    letter->answer = *answer;
    event_in(world, chance_delay(world, 100, 20 * MS), hear, letter, 0);
}

/* ---- what they do ---- */

static struct request_id new_id(struct world *world, int64_t apart_us) {
    uint8_t random[10];
    uint64_t words[2] = {chance_word(world), ++world->ids_made};
    memcpy(random, words, sizeof random);
    return request_id_make((struct instant){world->now_us + apart_us}, random);
}

static int64_t some_timeout(struct world *world) {
    static const int64_t timeouts[] = {60 * MS, 400 * MS, 400 * MS, 2 * SECOND};
    return timeouts[chance_below(world, 4)];
}

/* One of the client's own late operations of a call. */
static size_t some_operation(struct world *world, int32_t client, enum call call) {
    for (int attempt = 0; attempt < 20 && world->operation_count > 0; attempt++) {
        uint32_t back = chance_below(world, chance_is(world, 80) ? 60 : 600);
        if (back >= world->operation_count)
            continue;
        size_t at = world->operation_count - 1 - back;
        if (world->operations[at].client == client && world->operations[at].call == call &&
            !world->shadows[at].is_wrong)
            return at;
    }
    return NONE;
}

static void begin(struct world *world, int32_t client, enum call call) {
    int holder = (int)chance_below(world, CREDITS);
    bool is_advice = call == CALL_ADVISE;
    int64_t apart_us = is_advice ? -chance_delay(world, 0, chance_is(world, 20) ? 60 * SECOND : SECOND) : 0;
    struct operation operation = {
        .call = call,
        .client = client,
        .id = new_id(world, apart_us),
        .credential = world->holders[holder].credential,
        .amount_minor = 500 * (1 + (int64_t)chance_below(world, 8)),
        .is_hold = !is_advice && chance_is(world, 25),
        .allows_partial = !is_advice && chance_is(world, 15),
        .timeout_us = some_timeout(world),
    };
    struct shadow shadow = {.holder = holder};
    strcpy(shadow.product.code, chance_is(world, 50) ? "single" : "day");
    /* Now and then the reversal is sent first. */
    if (!is_advice && chance_is(world, 3)) {
        struct operation reversal = operation;
        reversal.call = CALL_REVERSE;
        reversal.is_hold = reversal.allows_partial = false;
        reversal.amount_minor = 0;
        post(world, add_operation(world, &reversal, &shadow));
    }
    post(world, add_operation(world, &operation, &shadow));
}

static void repeat(struct world *world, int32_t client, enum call call) {
    size_t at = some_operation(world, client, call);
    if (at == NONE)
        return;
    struct operation operation = world->operations[at];
    struct shadow shadow = world->shadows[at];
    if (chance_is(world, 3))
        make_wrong(world, &operation, &shadow);
    operation.timeout_us = some_timeout(world);
    post(world, add_operation(world, &operation, &shadow));
}

static void settle(struct world *world, int32_t client, enum call call) {
    size_t at = some_operation(world, client, chance_is(world, 90) ? CALL_AUTHORIZE : CALL_ADVISE);
    if (at == NONE)
        return;
    const struct operation original = world->operations[at];
    bool is_amount = (call == CALL_CAPTURE || call == CALL_REFUND) && chance_is(world, 60);
    struct operation operation = {
        .call = call,
        .client = client,
        .id = call == CALL_REVERSE ? original.id : new_id(world, 0),
        .original = original.id,
        .credential = original.credential,
        .amount_minor = is_amount ? 500 * (1 + (int64_t)chance_below(world, 5)) : 0,
        .is_final = call == CALL_CAPTURE && chance_is(world, 50),
        .timeout_us = some_timeout(world),
    };
    if (call == CALL_REVERSE)
        memset(&operation.original, 0, sizeof operation.original);
    struct shadow shadow = world->shadows[at];
    post(world, add_operation(world, &operation, &shadow));
}

static void act(struct world *world, int32_t client) {
    uint32_t what = chance_below(world, 100);
    if (what < 45)
        begin(world, client, CALL_AUTHORIZE);
    else if (what < 60)
        repeat(world, client, CALL_AUTHORIZE);
    else if (what < 70)
        settle(world, client, CALL_CAPTURE);
    else if (what < 74)
        settle(world, client, CALL_VOID);
    else if (what < 82)
        settle(world, client, CALL_REVERSE);
    else if (what < 88)
        settle(world, client, CALL_REFUND);
    else if (what < 92)
        begin(world, client, CALL_ADVISE);
    else if (what < 94)
        repeat(world, client, CALL_ADVISE);
    else
        repeat(world, client,
               what < 96   ? CALL_CAPTURE
               : what < 97 ? CALL_VOID
               : what < 99 ? CALL_REVERSE
                           : CALL_REFUND);
}

static void live(struct world *world, void *owner, uint64_t client) {
    (void)owner;
    if (world->is_quiet)
        return;
    act(world, (int32_t)client);
    event_in(world, chance_delay(world, 5 * MS, 500 * MS), live, NULL, client);
}

void clients_start(struct world *world) {
    for (uint64_t client = 1; client <= CLIENTS; client++)
        event_in(world, chance_delay(world, 100 * MS, 400 * MS), live, NULL, client);
}

void clients_finish(struct world *world) {
    free(world->operations);
    free(world->shadows);
}
