/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 60000

static void on_verdict(void *owner, const struct verdict *verdict) {
    struct peer *peer = owner;
    cr_assert_lt(verdict->owner, PEER_CAPACITY);
    cr_assert(!peer->is_told[verdict->owner], "owner %u was told twice", verdict->owner);
    peer->is_told[verdict->owner] = true;
    peer->verdicts[verdict->owner] = *verdict;
    peer->verdict_count++;
}

static void on_sums_written(void *owner, int32_t organisation, struct month month, int32_t epoch, bool is_written) {
    struct peer *peer = owner;
    cr_assert(organisation > 0 && month.yyyymm > 0 && epoch > 0);
    peer->written_count++;
    peer->is_written = is_written;
}

static void on_month_read(void *owner, int32_t organisation, struct month month, const struct sums *sums) {
    struct peer *peer = owner;
    cr_assert(organisation == ORGANISATION && month.yyyymm == MONTH.yyyymm);
    peer->read_count++;
    peer->read_epoch = sums == NULL ? -1 : sums->epoch;
    peer->read_sum_count = sums == NULL ? 0 : sums->sum_count;
    free(peer->read_sums);
    peer->read_sums = calloc(peer->read_sum_count + 1, sizeof *peer->read_sums);
    cr_assert_not_null(peer->read_sums);
    if (peer->read_sum_count > 0)
        memcpy(peer->read_sums, sums->sums, peer->read_sum_count * sizeof *sums->sums);
}

static void on_ready(void *owner) {
    struct peer *peer = owner;
    cr_assert(!peer->is_ready);
    peer->is_ready = true;
}

static void dial(struct peer *peer, const struct test_redis *redis) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = redis->address + strlen("unix:");
    cr_assert_lt(strlen(path), sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(connect(peer->fd, (const struct sockaddr *)&address, sizeof address) == 0);
    peer->is_ready = false;
    peer->is_failed = false;
    limits_connected(peer->limits);
    peer_pump(peer);
}

void peer_open(struct peer *peer, const struct test_redis *redis, uint32_t group_capacity) {
    memset(peer, 0, sizeof *peer);
    const struct limits_options options = {
        .capacity = PEER_CAPACITY,
        .group_capacity = group_capacity,
        .owner = peer,
        .on_verdict = on_verdict,
        .on_sums_written = on_sums_written,
        .on_month_read = on_month_read,
        .on_ready = on_ready,
    };
    peer->limits = limits_create(&options);
    buffer_init(&peer->output, (size_t)2 * LIMITS_OUTPUT_MIN);
    dial(peer, redis);
}

void peer_reconnect(struct peer *peer, const struct test_redis *redis) {
    close(peer->fd);
    limits_lost(peer->limits);
    dial(peer, redis);
}

void peer_close(struct peer *peer) {
    close(peer->fd);
    limits_destroy(peer->limits);
    buffer_finish(&peer->output);
    free(peer->read_sums);
}

/* What is in the output, and if there is nothing, what waits. */
static void send_all(struct peer *peer) {
    if (peer->output.size == 0)
        limits_output(peer->limits, &peer->output);
    size_t sent = 0;
    while (sent < peer->output.size) {
        ssize_t count = send(peer->fd, peer->output.data + sent, peer->output.size - sent, MSG_NOSIGNAL);
        if (count <= 0) {
            peer->is_failed = true;
            break;
        }
        sent += (size_t)count;
    }
    peer->output.size = 0;
}

static void take_input(struct peer *peer, const uint8_t *data, size_t size) {
    size_t step = peer->chunk_size > 0 ? peer->chunk_size : size;
    for (size_t at = 0; at < size && !peer->is_failed; at += step) {
        size_t part = size - at < step ? size - at : step;
        peer->is_failed = !limits_input(peer->limits, bytes_of(data + at, part), &peer->failure);
    }
}

static void receive(struct peer *peer) {
    uint8_t data[65536];
    struct pollfd poll_fd = {.fd = peer->fd, .events = POLLIN};
    cr_assert(poll(&poll_fd, 1, PATIENCE_MS) == 1, "Redis is silent");
    ssize_t size = recv(peer->fd, data, sizeof data, 0);
    if (size <= 0)
        peer->is_failed = true;
    else
        take_input(peer, data, (size_t)size);
}

void peer_turn(struct peer *peer) {
    send_all(peer);
    while (!peer->is_failed && limits_is_owed(peer->limits))
        receive(peer);
}

void peer_pump(struct peer *peer) {
    do {
        peer_turn(peer);
        limits_output(peer->limits, &peer->output);
    } while (peer->output.size > 0 && !peer->is_failed);
}

uint32_t peer_queue(struct peer *peer, struct question question) {
    for (uint32_t owner = 0; owner < PEER_CAPACITY; owner++) {
        if (peer->is_told[owner] || peer->verdicts[owner].owner != 0)
            continue;
        question.owner = owner;
        peer->verdicts[owner].owner = UINT32_MAX; /* taken */
        cr_assert(limits_ask(peer->limits, &question));
        return owner;
    }
    cr_assert_fail("too many questions for one test");
    return UINT32_MAX;
}

struct verdict peer_ask(struct peer *peer, struct question question) {
    uint32_t owner = peer_queue(peer, question);
    peer_pump(peer);
    cr_assert(!peer->is_failed, "%s", peer->failure.text);
    cr_assert(peer->is_told[owner]);
    return peer->verdicts[owner];
}

bool peer_rebuild(struct peer *peer, const struct sums *sums) {
    uint32_t before = peer->written_count;
    cr_assert(limits_write_sums(peer->limits, sums));
    peer_pump(peer);
    cr_assert(!peer->is_failed, "%s", peer->failure.text);
    cr_assert_eq(peer->written_count, before + 1);
    return peer->is_written;
}

int32_t peer_read(struct peer *peer) {
    uint32_t before = peer->read_count;
    cr_assert(limits_read_month(peer->limits, ORGANISATION, MONTH));
    peer_pump(peer);
    cr_assert(!peer->is_failed, "%s", peer->failure.text);
    cr_assert_eq(peer->read_count, before + 1);
    return peer->read_epoch;
}

void peer_warm(struct peer *peer, int32_t epoch) {
    const struct sums sums = {.organisation = ORGANISATION, .month = MONTH, .epoch = epoch};
    cr_assert(peer_rebuild(peer, &sums));
}

struct request_id id_of(uint32_t number) {
    uint8_t random[10] = {0};
    memcpy(random + 4, &number, sizeof number);
    /* 21 November 2026, at noon */
    return request_id_make((struct instant){INT64_C(1795258800000000)}, random);
}

struct content content_of(int64_t amount_minor) {
    return (struct content){.amount_minor = amount_minor,
                            .client = 11,
                            .credit = 1,
                            .product_hash = 0xFFFF0D0A,
                            .place_hash = 0x0A0D00FF,
                            .kind = ENTRY_PURCHASE};
}

struct question purchase(uint32_t id, int64_t amount_minor) {
    return (struct question){
        .kind = QUESTION_AUTHORIZE,
        .organisation = ORGANISATION,
        .day = DAY,
        .id = id_of(id),
        .content = content_of(amount_minor),
        .amount_minor = amount_minor,
        .limit_count = 4,
        .limits = {{LIMIT_CREDIT, 1, CEILING},
                   {LIMIT_TRAVELLER, 2, CEILING},
                   {LIMIT_DEPARTMENT, 3, CEILING},
                   {LIMIT_ORGANISATION, ORGANISATION, CEILING}},
    };
}

struct question of_kind(enum question_kind kind, struct question question) {
    question.kind = kind;
    return question;
}

struct question reversal(uint32_t id, int64_t amount_minor, int32_t fence_epoch, bool was_recorded) {
    struct question question = of_kind(QUESTION_UNDO, purchase(id, amount_minor));
    question.floor_epoch = fence_epoch;
    question.was_recorded = was_recorded;
    return question;
}

struct question effect(uint32_t id, int64_t amount_minor, int32_t fence_epoch) {
    struct question question = of_kind(QUESTION_APPLY, purchase(id, 0));
    question.amount_minor = amount_minor;
    if (amount_minor > 0)
        question.content = content_of(amount_minor);
    question.floor_epoch = fence_epoch;
    return question;
}

const char *stored(const struct test_redis *redis, const char *field) {
    return test_redis_command(redis, "HGET {%d}:%d %s", ORGANISATION, MONTH.yyyymm, field);
}
