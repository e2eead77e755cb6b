/* SPDX-License-Identifier: Apache-2.0 */
/* redis_sentinel: a real primary and its replica, of a test's own, and three sentinels that watch over them. */
#ifndef VAXEL_TESTS_SUPPORT_REDIS_SENTINEL_H
#define VAXEL_TESTS_SUPPORT_REDIS_SENTINEL_H

#include "support/services.h"

#define TEST_SENTINELS 3
#define TEST_SENTINEL_NAME "vaxel-test"

struct test_redis_pair {
    struct test_redis nodes[2]; /* the first begins as the primary */
    int ports[2];
    struct test_redis sentinels[TEST_SENTINELS];
    int sentinel_ports[TEST_SENTINELS];
    char address[TEST_TEXT]; /* "sentinel:…@127.0.0.1:…,…" */
};

/* Waits until the replica has what its primary has and every sentinel knows of the others. */
void test_redis_pair_start(struct test_redis_pair *pair);
void test_redis_pair_stop(struct test_redis_pair *pair);
/* From now on the sentinels miss a primary within half a second; before, not even on a busy machine. */
void test_redis_pair_expect_loss(struct test_redis_pair *pair);
/* Waits until every sentinel names this node as the primary. */
void test_redis_pair_wait_primary(struct test_redis_pair *pair, int node);

#endif
