/* SPDX-License-Identifier: Apache-2.0 */
#include "support/redis_cluster.h"

#include "support/support.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* When nodes miss one another. Nobody is missed unasked on a busy machine, and a loss that is meant is found soon. */
#define USUAL_TIMEOUT_MS "10000"
#define LOSS_TIMEOUT_MS "500"
#define SLOTS 16384
#define PAUSE_MS 5

static void start_node(struct test_redis_node *node) {
    char log[TEST_TEXT];
    char port[8];
    char bus_port[8];
    support_format(log, "%.200s/redis.log", node->redis.directory);
    snprintf(port, sizeof port, "%d", node->port);
    snprintf(bus_port, sizeof bus_port, "%d", node->bus_port);
    const char *arguments[] = {"/usr/bin/redis-server",
                               "--bind",
                               "127.0.0.1",
                               "--port",
                               port,
                               "--unixsocket",
                               node->redis.address + strlen("unix:"),
                               "--dir",
                               node->redis.directory,
                               "--save",
                               "",
                               "--appendonly",
                               "no",
                               "--maxmemory-policy",
                               "noeviction",
                               "--repl-diskless-sync-delay",
                               "0",
                               "--cluster-enabled",
                               "yes",
                               "--cluster-port",
                               bus_port,
                               "--cluster-node-timeout",
                               USUAL_TIMEOUT_MS,
                               "--cluster-replica-validity-factor",
                               "0",
                               "--cluster-require-full-coverage",
                               "no",
                               NULL};
    node->redis.pid = support_start(SUPPORT_SELF, SIGKILL, log, arguments);
    for (int waited_ms = 0; !support_redis_answers(&node->redis); waited_ms += PAUSE_MS) {
        support_expect_alive(node->redis.pid, "redis-server", log);
        if (waited_ms > SUPPORT_PATIENCE_MS) {
            cr_fatal("redis-server does not answer on port %d", node->port);
        }
        support_sleep_ms(PAUSE_MS);
    }
}

static void make_node(struct test_redis_node *node) {
    support_directory(SUPPORT_SELF, node->redis.directory);
    support_format(node->redis.address, "unix:%.200s/redis.sock", node->redis.directory);
    node->port = test_free_port();
    node->bus_port = test_free_port();
    start_node(node);
    snprintf(node->id, sizeof node->id, "%s", test_redis_command(&node->redis, "CLUSTER MYID"));
}

static bool says(struct test_redis_node *node, const char *command, const char *wanted) {
    return strstr(test_redis_command(&node->redis, command), wanted) != NULL;
}

static void wait_for(bool (*is_so)(struct test_redis_cluster *), struct test_redis_cluster *cluster, const char *what) {
    for (int waited_ms = 0; !is_so(cluster); waited_ms += PAUSE_MS) {
        if (waited_ms > SUPPORT_PATIENCE_MS) {
            cr_fatal("the Redis Cluster does not come to it: %s\n%s", what,
                     test_redis_command(&cluster->nodes[0].redis, "CLUSTER NODES"));
        }
        support_sleep_ms(PAUSE_MS);
    }
}

static bool all_know_all(struct test_redis_cluster *cluster) {
    for (int i = 0; i < TEST_CLUSTER_NODES; i++) {
        if (!says(&cluster->nodes[i], "CLUSTER INFO", "cluster_known_nodes:6") ||
            says(&cluster->nodes[i], "CLUSTER NODES", "handshake")) {
            return false;
        }
    }
    return true;
}

static bool is_whole(struct test_redis_cluster *cluster) {
    for (int i = 0; i < TEST_CLUSTER_NODES; i++) {
        struct test_redis_node *node = &cluster->nodes[i];
        if (!says(node, "CLUSTER INFO", "cluster_state:ok") || !says(node, "CLUSTER INFO", "cluster_slots_ok:16384") ||
            says(node, "CLUSTER NODES", "fail") || says(node, "INFO replication", "master_link_status:down")) {
            return false;
        }
    }
    return true;
}

void test_redis_cluster_wait_whole(struct test_redis_cluster *cluster) {
    wait_for(is_whole, cluster, "all slots served");
}

static void join(struct test_redis_cluster *cluster) {
    for (int i = 0; i < TEST_CLUSTER_NODES; i++) {
        test_redis_command(&cluster->nodes[i].redis, "CLUSTER SET-CONFIG-EPOCH %d", i + 1);
        if (i < TEST_CLUSTER_PRIMARIES) {
            test_redis_command(&cluster->nodes[i].redis, "CLUSTER ADDSLOTSRANGE %d %d",
                               SLOTS * i / TEST_CLUSTER_PRIMARIES, SLOTS * (i + 1) / TEST_CLUSTER_PRIMARIES - 1);
        }
        if (i > 0) {
            test_redis_command(&cluster->nodes[0].redis, "CLUSTER MEET 127.0.0.1 %d %d", cluster->nodes[i].port,
                               cluster->nodes[i].bus_port);
        }
    }
    wait_for(all_know_all, cluster, "all know one another");
    for (int i = TEST_CLUSTER_PRIMARIES; i < TEST_CLUSTER_NODES; i++) {
        test_redis_command(&cluster->nodes[i].redis, "CLUSTER REPLICATE %s",
                           cluster->nodes[i - TEST_CLUSTER_PRIMARIES].id);
    }
}

void test_redis_cluster_start(struct test_redis_cluster *cluster) {
    memset(cluster, 0, sizeof *cluster);
    size_t size = 0;
    for (int i = 0; i < TEST_CLUSTER_NODES; i++) {
        make_node(&cluster->nodes[i]);
        size += (size_t)snprintf(cluster->address + size, sizeof cluster->address - size, "%s127.0.0.1:%d",
                                 i == 0 ? "" : ",", cluster->nodes[i].port);
    }
    join(cluster);
    test_redis_cluster_wait_whole(cluster);
}

void test_redis_cluster_stop(struct test_redis_cluster *cluster) {
    for (int i = 0; i < TEST_CLUSTER_NODES; i++) {
        test_redis_stop(&cluster->nodes[i].redis);
    }
}

void test_redis_cluster_expect_loss(struct test_redis_cluster *cluster) {
    for (int i = 0; i < TEST_CLUSTER_NODES; i++)
        test_redis_command(&cluster->nodes[i].redis, "CONFIG SET cluster-node-timeout " LOSS_TIMEOUT_MS);
}

void test_redis_cluster_restart(struct test_redis_cluster *cluster, int node) {
    start_node(&cluster->nodes[node]);
}

int test_redis_cluster_slot(struct test_redis_cluster *cluster, const char *key) {
    return atoi(test_redis_command(&cluster->nodes[0].redis, "CLUSTER KEYSLOT %s", key));
}

/* A line of CLUSTER NODES is one node: its id first, its slots from the ninth word on. */
static int owner_of_slot(struct test_redis_cluster *cluster, int asked, int slot) {
    char text[16384];
    snprintf(text, sizeof text, "%s", test_redis_command(&cluster->nodes[asked].redis, "CLUSTER NODES"));
    char *lines = NULL;
    for (char *line = strtok_r(text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
        int place = 0;
        int number = 0;
        char *words = NULL;
        for (char *word = strtok_r(line, " ", &words); word; word = strtok_r(NULL, " ", &words), place++) {
            for (int i = 0; place == 0 && i < TEST_CLUSTER_NODES; i++) {
                number = strcmp(word, cluster->nodes[i].id) == 0 ? i : number;
            }
            int first;
            int last;
            int count = place < 8 || word[0] == '[' ? 0 : sscanf(word, "%d-%d", &first, &last);
            if (count >= 1 && slot >= first && slot <= (count == 2 ? last : first)) {
                return number;
            }
        }
    }
    return -1;
}

int test_redis_cluster_owner(struct test_redis_cluster *cluster, int asked, const char *key) {
    int slot = atoi(test_redis_command(&cluster->nodes[asked].redis, "CLUSTER KEYSLOT %s", key));
    return owner_of_slot(cluster, asked, slot);
}

int test_redis_cluster_wait_failover(struct test_redis_cluster *cluster, int asked, int lost, const char *key) {
    for (int waited_ms = 0; waited_ms < SUPPORT_PATIENCE_MS; waited_ms += PAUSE_MS) {
        int owner = test_redis_cluster_owner(cluster, asked, key);
        if (owner >= 0 && owner != lost) {
            return owner;
        }
        support_sleep_ms(PAUSE_MS);
    }
    cr_fatal("nobody takes over from node %d of the Redis Cluster", lost);
    return -1;
}

static void move_keys(struct test_redis_cluster *cluster, int slot, int from, int to) {
    for (;;) {
        char key[TEST_TEXT];
        snprintf(key, sizeof key, "%s",
                 test_redis_command(&cluster->nodes[from].redis, "CLUSTER GETKEYSINSLOT %d 1", slot));
        if (key[0] == '\0') {
            return;
        }
        test_redis_command(&cluster->nodes[from].redis, "MIGRATE 127.0.0.1 %d %s 0 5000", cluster->nodes[to].port, key);
    }
}

void test_redis_cluster_move_slot(struct test_redis_cluster *cluster, int slot, int from, int to,
                                  void (*between)(void *), void *argument) {
    const struct test_redis_node *source = &cluster->nodes[from];
    const struct test_redis_node *target = &cluster->nodes[to];
    test_redis_command(&target->redis, "CLUSTER SETSLOT %d IMPORTING %s", slot, source->id);
    test_redis_command(&source->redis, "CLUSTER SETSLOT %d MIGRATING %s", slot, target->id);
    move_keys(cluster, slot, from, to);
    if (between) {
        between(argument);
    }
    move_keys(cluster, slot, from, to);
    test_redis_command(&target->redis, "CLUSTER SETSLOT %d NODE %s", slot, target->id);
    test_redis_command(&source->redis, "CLUSTER SETSLOT %d NODE %s", slot, target->id);
    for (int i = 0; i < TEST_CLUSTER_NODES; i++)
        for (int waited_ms = 0; owner_of_slot(cluster, i, slot) != to; waited_ms += PAUSE_MS) {
            cr_assert_lt(waited_ms, SUPPORT_PATIENCE_MS, "node %d does not hear that slot %d is moved", i, slot);
            support_sleep_ms(PAUSE_MS);
        }
}
