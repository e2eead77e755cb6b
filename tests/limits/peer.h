/* SPDX-License-Identifier: Apache-2.0 */
/* peer: a limits with a socket to a real Redis, as a worker would have it, and what it told. */
#ifndef VAXEL_TESTS_LIMITS_PEER_H
#define VAXEL_TESTS_LIMITS_PEER_H

#include "limits/limits.h"
#include "limits/reader.h"
#include "support/services.h"

#define PEER_CAPACITY 2048
#define ORGANISATION 7
#define DAY ((struct day){20261121})
#define MONTH ((struct month){202611})
#define CEILING INT64_C(100000)

struct peer {
    struct limits *limits;
    int fd;
    struct buffer output;
    size_t chunk_size; /* bytes handed in at a time; 0: as they come */
    bool is_ready;
    bool is_failed;
    struct failure failure;
    uint32_t verdict_count;
    struct verdict verdicts[PEER_CAPACITY]; /* by owner */
    bool is_told[PEER_CAPACITY];
    uint32_t written_count;
    bool is_written;
    uint32_t read_count;
    int32_t read_epoch; /* -1: the connection went */
    size_t read_sum_count;
    struct sum *read_sums;
};

/* Connects and greets, and needs not succeed: see is_ready, is_failed and failure. */
void peer_open(struct peer *peer, const struct test_redis *redis, uint32_t group_capacity);
/* The connection is lost, as the worker would see it, and made anew. */
void peer_reconnect(struct peer *peer, const struct test_redis *redis);
void peer_close(struct peer *peer);

/* One write and the answers to it. */
void peer_turn(struct peer *peer);
/* Until nothing waits and nothing is owed, or the connection failed. */
void peer_pump(struct peer *peer);
/* Queues it as the next owner's and returns who that is. */
uint32_t peer_queue(struct peer *peer, struct question question);
/* Queues, pumps, and says what came of it. */
struct verdict peer_ask(struct peer *peer, struct question question);

/* Whether the sums were written. */
bool peer_rebuild(struct peer *peer, const struct sums *sums);
/* Reads the organisation's month: its epoch, and what each counter stands at in read_sums. */
int32_t peer_read(struct peer *peer);
/* An organisation without any spending, under an epoch. */
void peer_warm(struct peer *peer, int32_t epoch);

/* An id by number, and the content of a purchase of that amount. */
struct request_id id_of(uint32_t number);
struct content content_of(int64_t amount_minor);

/* A purchase of the organisation: credit 1, traveller 2, department 3 and the organisation, all with CEILING. */
struct question purchase(uint32_t id, int64_t amount_minor);
struct question reversal(uint32_t id, int64_t amount_minor, int32_t fence_epoch, bool was_recorded);
/* An effect that PostgreSQL recorded first. */
struct question effect(uint32_t id, int64_t amount_minor, int32_t fence_epoch);
struct question of_kind(enum question_kind kind, struct question question);

/* What Redis has in a field of the organisation's month, as text; "" when there is none. */
const char *stored(const struct test_redis *redis, const char *field);

#endif
