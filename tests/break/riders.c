/* SPDX-License-Identifier: Apache-2.0 */
#include "riders.h"

#include "base/check.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETRY_US (SECOND_US / 5)
#define GLANCE_US 10000
#define FRAME_CAPACITY 8192
#define BOARDING_US (60 * SECOND_US)
#define COMING_HOME_US (60 * SECOND_US)

/* ---- the book ---- */

static struct operation *book_add(struct riders *riders, int node, const struct wanted *wanted) {
    if (riders->operation_count == riders->operation_capacity) {
        riders->operation_capacity = riders->operation_capacity == 0 ? 4096 : riders->operation_capacity * 2;
        riders->operations = realloc(riders->operations, riders->operation_capacity * sizeof *riders->operations);
        riders->nodes = realloc(riders->nodes, riders->operation_capacity);
        CHECK(riders->operations != NULL && riders->nodes != NULL);
    }
    riders->nodes[riders->operation_count] = (uint8_t)node;
    struct operation *operation = &riders->operations[riders->operation_count++];
    *operation = (struct operation){.call = wanted->call,
                                    .client = riders->client,
                                    .id = wanted->id,
                                    .original = wanted->original,
                                    .credential = wanted->credential,
                                    .amount_minor = wanted->amount_minor,
                                    .is_hold = wanted->is_hold,
                                    .allows_partial = wanted->allows_partial,
                                    .is_final = wanted->is_final,
                                    .sent_us = riders->now_us,
                                    .timeout_us = wanted->timeout_us};
    return operation;
}

static void rider_wait(struct rider *rider, int node, size_t operation) {
    CHECK(rider->waiting_count < WAITING_CAPACITY);
    int64_t give_up_us = rider->riders->now_us + rider->riders->operations[operation].timeout_us + PATIENCE_US;
    rider->waiting[rider->waiting_count++] = (struct waiting){operation, &rider->links[node], give_up_us};
}

/* The request at a place of `waiting` has its answer, or will have none. */
static void rider_settled(struct rider *rider, size_t place, bool is_answered) {
    const struct operation *operation = &rider->riders->operations[rider->waiting[place].operation];
    rider->waiting[place] = rider->waiting[--rider->waiting_count];
    trip_heard(rider, is_answered ? operation : NULL);
    if (rider->waiting_count == 0)
        trip_step_over(rider);
}

static void rider_lose(struct rider *rider, const struct link *link) {
    for (size_t i = rider->waiting_count; i > 0; i--)
        if (rider->waiting[i - 1].link == link)
            rider_settled(rider, i - 1, false);
}

/* ---- asking ---- */

int rider_node(const struct rider *rider, int preferred) {
    if (rider->links[preferred].is_up)
        return preferred;
    return rider->links[1 - preferred].is_up ? 1 - preferred : -1;
}

static const struct currency currency = {"SEK"};

static struct wire_request request_of(const struct wanted *wanted, size_t operation) {
    struct wire_request request = {.correlation = operation + 1, .call = wanted->call};
    if (wanted->call == CALL_AUTHORIZE) {
        request.authorize = (struct authorize){.id = wanted->id,
                                               .credential = wanted->credential,
                                               .amount = {wanted->amount_minor, currency},
                                               .product = {"single"},
                                               .place = {"line 45"},
                                               .timeout_us = wanted->timeout_us,
                                               .is_hold = wanted->is_hold,
                                               .hold_us = wanted->hold_us,
                                               .allows_partial = wanted->allows_partial};
        return request;
    }
    static const enum entry_kind kinds[CALL_COUNT] = {[CALL_CAPTURE] = ENTRY_CAPTURE,
                                                      [CALL_VOID] = ENTRY_VOID,
                                                      [CALL_REVERSE] = ENTRY_REVERSAL,
                                                      [CALL_REFUND] = ENTRY_REFUND};
    bool is_reversal = wanted->call == CALL_REVERSE;
    request.settle = (struct settle){.kind = kinds[wanted->call],
                                     .id = wanted->id,
                                     .original = is_reversal ? wanted->id : wanted->original,
                                     .has_credential = true,
                                     .credential = wanted->credential,
                                     .amount_minor = wanted->amount_minor,
                                     .is_final = wanted->is_final,
                                     .timeout_us = wanted->timeout_us};
    if (wanted->amount_minor != 0)
        request.currency = currency;
    return request;
}

static void rider_send(struct rider *rider, int node, const struct wire_request *request) {
    struct riders *riders = rider->riders;
    riders->frame.size = 0;
    CHECK(wire_encode_request(riders->codec, &riders->frame, request));
    net_send(rider->links[node].stream, buffer_bytes(&riders->frame));
}

void rider_ask(struct rider *rider, int node, const struct wanted *wanted) {
    size_t operation = rider->riders->operation_count;
    book_add(rider->riders, node, wanted);
    rider_wait(rider, node, operation);
    struct wire_request request = request_of(wanted, operation);
    rider_send(rider, node, &request);
}

void rider_advise(struct rider *rider, int node, const struct wanted *wanted, size_t count) {
    struct riders *riders = rider->riders;
    struct wire_request request = {
        .correlation = riders->operation_count + 1, .call = CALL_ADVISE, .advices = riders->advices};
    riders->advices->count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        riders->advices->each[i] = (struct advise){.id = wanted[i].id,
                                                   .credential = wanted[i].credential,
                                                   .amount = {wanted[i].amount_minor, currency},
                                                   .product = {"single"},
                                                   .place = {"line 45"},
                                                   .timeout_us = wanted[i].timeout_us};
        size_t operation = riders->operation_count;
        book_add(riders, node, &wanted[i]);
        rider_wait(rider, node, operation);
    }
    rider_send(rider, node, &request);
}

/* ---- hearing ---- */

static struct waiting *find_waiting(struct rider *rider, size_t operation) {
    for (size_t i = 0; i < rider->waiting_count; i++)
        if (rider->waiting[i].operation == operation)
            return &rider->waiting[i];
    return NULL;
}

static void note_answer(struct riders *riders, struct operation *operation, enum decision decision,
                        enum reason reason) {
    operation->is_answered = true;
    operation->answered_us = riders->now_us;
    operation->decision = decision;
    operation->reason = reason;
    if (decision != DECISION_FAILED)
        histogram_record(&riders->latencies, operation->answered_us - operation->sent_us);
    atomic_fetch_add(&riders->answered, 1);
}

static void hear_answer(struct riders *riders, struct operation *operation) {
    const struct answer *answer = &riders->reply.answer;
    note_answer(riders, operation, answer->decision, answer->reason);
    operation->approved_minor = answer->decision == DECISION_APPROVED ? answer->amount_minor : 0;
    operation->safety = answer->safety;
    operation->is_repeat = answer->is_repeat;
    /* What follows an entry is on record when it is approved: the protocol has no word for it. */
    bool is_settled = riders->reply.kind == WIRE_REPLY_SETTLED && answer->decision == DECISION_APPROVED;
    if (is_settled && operation->safety == SAFETY_NONE)
        operation->safety = SAFETY_COMMITTED;
    if (operation->safety == SAFETY_JOURNALED)
        atomic_fetch_add(&riders->journaled, 1);
}

static void hear_advices(struct riders *riders, struct rider *rider) {
    const struct advice_answers *answers = riders->reply.advices;
    for (uint32_t i = 0; i < answers->count; i++) {
        const struct advice_answer *answer = &answers->each[i];
        struct waiting *waiting = find_waiting(rider, (size_t)riders->reply.correlation - 1 + i);
        if (waiting == NULL)
            continue;
        struct operation *operation = &riders->operations[waiting->operation];
        note_answer(riders, operation, answer->decision, answer->reason);
        if (answer->decision == DECISION_APPROVED) {
            operation->approved_minor = operation->amount_minor;
            operation->safety = SAFETY_COMMITTED;
        }
        operation->is_repeat = answer->is_repeat;
        rider_settled(rider, (size_t)(waiting - rider->waiting), true);
    }
}

static void hear_fault(struct riders *riders) {
    const struct wire_fault *fault = &riders->reply.fault;
    if (riders->faults++ == 0)
        snprintf(riders->first_fault, sizeof riders->first_fault, "%s: %s", fault->field, fault->text);
}

static void hear(struct rider *rider) {
    struct riders *riders = rider->riders;
    struct waiting *waiting = find_waiting(rider, (size_t)riders->reply.correlation - 1);
    if (waiting == NULL)
        return; /* given up already */
    switch (riders->reply.kind) {
    case WIRE_REPLY_ANSWER:
    case WIRE_REPLY_SETTLED:
        hear_answer(riders, &riders->operations[waiting->operation]);
        rider_settled(rider, (size_t)(waiting - rider->waiting), true);
        break;
    case WIRE_REPLY_ADVICES:
        hear_advices(riders, rider);
        break;
    case WIRE_REPLY_FAULT:
        hear_fault(riders);
        rider_settled(rider, (size_t)(waiting - rider->waiting), false);
        break;
    case WIRE_REPLY_BLOCKS:
    case WIRE_REPLY_FOUND:
    case WIRE_REPLY_ECHO:
        CHECK(!"nobody asked for that");
    }
}

/* ---- links ---- */

static bool on_open(void *owner, struct net_stream *stream) {
    struct link *link = owner;
    (void)stream;
    link->is_up = true;
    return true;
}

static bool on_bytes(void *owner, struct net_stream *stream, struct bytes received) {
    struct link *link = owner;
    struct riders *riders = link->rider->riders;
    struct failure failure;
    struct bytes envelope;
    (void)stream;
    riders->now_us = tick_now().us;
    while (wire_next_frame(&link->reader, &received, &envelope, &failure) == WIRE_FRAME) {
        CHECK(wire_decode_reply(riders->codec, envelope, &riders->reply, &failure));
        hear(link->rider);
    }
    return true;
}

static void on_closed(void *owner, struct net_stream *stream, const char *why) {
    struct link *link = owner;
    (void)stream;
    (void)why;
    wire_reader_finish(&link->reader);
    link->reader = (struct wire_reader){0};
    link->stream = NULL;
    link->is_up = false;
    struct riders *riders = link->rider->riders;
    link->retry_at_us = riders->now_us + random_between_us(&riders->random, RETRY_US / 2, RETRY_US);
    rider_lose(link->rider, link);
}

static const struct net_handler link_handler = {.on_open = on_open, .on_bytes = on_bytes, .on_closed = on_closed};

static void link_dial(struct link *link) {
    struct riders *riders = link->rider->riders;
    char address[32];
    struct failure failure;
    snprintf(address, sizeof address, "127.0.0.1:%d", riders->cluster->nodes[link - link->rider->links].port);
    link->stream = net_dial(riders->net, address, riders->tls, &link_handler, link, &failure);
    link->retry_at_us = riders->now_us + RETRY_US;
}

static void rider_look_at_links(struct rider *rider) {
    struct riders *riders = rider->riders;
    for (int node = 0; node < RIDERS_NODES; node++)
        if (rider->links[node].stream == NULL && rider->links[node].retry_at_us <= riders->now_us)
            link_dial(&rider->links[node]);
    for (size_t i = 0; i < rider->waiting_count; i++) {
        struct link *link = rider->waiting[i].link;
        if (rider->waiting[i].give_up_us <= riders->now_us && link->is_up) {
            link->is_up = false;
            net_close(link->stream, "no answer"); /* on_closed loses what waits */
        }
    }
}

/* ---- the thread ---- */

static bool riders_are_home(const struct riders *riders) {
    for (size_t i = 0; i < riders->count; i++)
        if (riders->each[i].waiting_count > 0 || riders->each[i].trip.step != TRIP_NONE)
            return false;
    return true;
}

/* Four hundred handshakes take a while, and would be told as late answers. */
static bool riders_are_aboard(struct riders *riders) {
    for (size_t i = 0; i < riders->count && !riders->is_aboard; i++)
        for (int node = 0; node < RIDERS_NODES; node++)
            if (!riders->each[i].links[node].is_up)
                return false;
    riders->is_aboard = true;
    return true;
}

static void riders_round(struct riders *riders) {
    bool may_begin = riders->phase == RIDERS_RIDING && riders_are_aboard(riders);
    for (size_t i = 0; i < riders->count; i++) {
        struct rider *rider = &riders->each[i];
        rider_look_at_links(rider);
        if (rider->waiting_count == 0 && rider->next_us <= riders->now_us &&
            (may_begin || rider->trip.step != TRIP_NONE) && !trip_go_on(rider))
            rider->next_us = riders->now_us + RETRY_US;
    }
}

static void riders_open(struct riders *riders) {
    const struct net_options options = {.streams_capacity = (uint32_t)riders->count * RIDERS_NODES + 64,
                                        .receive_buffers = 512,
                                        .unread_capacity_bytes = 1u << 20,
                                        .handshake_timeout_us = 5 * SECOND_US};
    struct failure failure;
    riders->net = net_create(&options, &failure);
    riders->codec = wire_codec_create();
    riders->advices = calloc(1, sizeof *riders->advices);
    CHECK(riders->net != NULL && riders->advices != NULL);
    buffer_init(&riders->frame, FRAME_CAPACITY);
}

static void riders_close(struct riders *riders) {
    net_destroy(riders->net);
    wire_codec_destroy(riders->codec);
    free(riders->advices);
    buffer_finish(&riders->frame);
    for (size_t i = 0; i < riders->count; i++)
        for (int node = 0; node < RIDERS_NODES; node++)
            wire_reader_finish(&riders->each[i].links[node].reader);
}

static void note_stall(struct riders *riders, int64_t turned_us) {
    if (tick_now().us - turned_us > STALL_US && riders->stall_count < STALLS_CAPACITY)
        riders->stalls[riders->stall_count++] = (struct stall){turned_us, tick_now().us};
}

static void *riders_run(void *argument) {
    struct riders *riders = argument;
    int64_t give_up_us = INT64_MAX;
    riders_open(riders);
    int64_t turned_us = tick_now().us;
    for (;;) {
        note_stall(riders, turned_us);
        turned_us = riders->now_us = tick_now().us;
        if (riders->phase == RIDERS_COMING_HOME && give_up_us == INT64_MAX)
            give_up_us = riders->now_us + COMING_HOME_US;
        if (riders->phase == RIDERS_COMING_HOME && (riders_are_home(riders) || riders->now_us > give_up_us))
            break;
        riders_round(riders);
        net_turn(riders->net, (struct tick){riders->now_us + GLANCE_US});
    }
    riders->phase = RIDERS_STOPPED;
    riders_close(riders);
    return NULL;
}

static void riders_make_tls(struct riders *riders, const char *client) {
    char text[3][TEST_TEXT];
    struct failure failure;
    snprintf(text[0], TEST_TEXT, "%.200s/%.30s.pem", riders->cluster->directory, client);
    snprintf(text[1], TEST_TEXT, "%.200s/%.30s.key", riders->cluster->directory, client);
    snprintf(text[2], TEST_TEXT, "%.200s/authority.pem", riders->cluster->directory);
    const struct net_tls_files files = {text[0], text[1], text[2]};
    riders->tls = net_tls_create(false, &files, WIRE_PROTOCOL, &failure);
    cr_assert_not_null(riders->tls, "%s", failure.text);
}

void riders_start(struct riders *riders, struct cluster *cluster, const struct fares *fares, const char *client,
                  size_t count, int64_t pace_us, uint64_t seed) {
    memset(riders, 0, sizeof *riders);
    riders->cluster = cluster;
    riders->fares = fares;
    riders->random = seed;
    riders->pace_us = pace_us;
    riders->count = count;
    riders->client = atoi(cluster_sql(cluster, "SELECT id FROM client WHERE name = '%s'", client));
    riders->each = calloc(count, sizeof *riders->each);
    cr_assert_not_null(riders->each);
    int64_t now_us = tick_now().us;
    for (size_t i = 0; i < count; i++) {
        struct rider *rider = &riders->each[i];
        rider->riders = riders;
        rider->next_us = now_us + random_between_us(&riders->random, 0, 2 * pace_us);
        for (int node = 0; node < RIDERS_NODES; node++)
            rider->links[node].rider = rider;
    }
    riders_make_tls(riders, client);
    cr_assert_eq(pthread_create(&riders->thread, NULL, riders_run, riders), 0);
    int64_t give_up_us = now_us + BOARDING_US;
    while (!riders->is_aboard) {
        cr_assert_lt(tick_now().us, give_up_us, "not all riders are connected");
        usleep(10000);
    }
}

void riders_stop(struct riders *riders) {
    riders->phase = RIDERS_COMING_HOME;
    pthread_join(riders->thread, NULL);
}

void riders_finish(struct riders *riders) {
    net_tls_destroy(riders->tls);
    free(riders->each);
    free(riders->operations);
    free(riders->nodes);
}
