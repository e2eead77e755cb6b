/* SPDX-License-Identifier: Apache-2.0 */
/* redis_cluster: a real Redis Cluster of a test's own: three primaries, each with a replica. */
#ifndef VAXEL_TESTS_SUPPORT_REDIS_CLUSTER_H
#define VAXEL_TESTS_SUPPORT_REDIS_CLUSTER_H

#include "support/services.h"

#include <stdint.h>

#define TEST_CLUSTER_NODES 6
#define TEST_CLUSTER_PRIMARIES 3

/* Commands go by its socket, as to any test_redis; the switch is told of the port. */
struct test_redis_node {
    struct test_redis redis;
    int port;
    int bus_port;
    char id[41];
};

struct test_redis_cluster {
    struct test_redis_node
        nodes[TEST_CLUSTER_NODES]; /* the first three begin as primaries, replica 3 of 0, and so on */
    char address[TEST_TEXT];       /* "127.0.0.1:…,127.0.0.1:…", all of them */
};

/* Waits until every node knows of all slots and every replica has what its primary has. */
void test_redis_cluster_start(struct test_redis_cluster *cluster);
void test_redis_cluster_stop(struct test_redis_cluster *cluster);

/* From now on its nodes miss one another within half a second; before, not even on a busy machine. */
void test_redis_cluster_expect_loss(struct test_redis_cluster *cluster);

/* Of the node that a key's slot is of, as node `asked` sees it. */
int test_redis_cluster_owner(struct test_redis_cluster *cluster, int asked, const char *key);
/* Waits until node `asked` sees that another node than this has the key's slot; which. */
int test_redis_cluster_wait_failover(struct test_redis_cluster *cluster, int asked, int lost, const char *key);
/* Waits until all nodes see all slots served, by nodes that answer. */
void test_redis_cluster_wait_whole(struct test_redis_cluster *cluster);
void test_redis_cluster_restart(struct test_redis_cluster *cluster, int node);

/* Moves a slot with all its keys, as `redis-cli --cluster reshard` does, and waits until every node knows. In between,
 * when `between` is given, it is called once the keys are there and the slot is not. */
void test_redis_cluster_move_slot(struct test_redis_cluster *cluster, int slot, int from, int to,
                                  void (*between)(void *), void *argument);
int test_redis_cluster_slot(struct test_redis_cluster *cluster, const char *key);

#endif
