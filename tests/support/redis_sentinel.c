/* SPDX-License-Identifier: Apache-2.0 */
#include "support/redis_sentinel.h"

#include "support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_MS 10

/* Starts a server by its configuration, whose last lines say how it is reached. */
static void start(struct test_redis *redis, int port, const char *settings, bool is_sentinel) {
    char config[TEST_TEXT];
    char log[TEST_TEXT];
    support_directory(SUPPORT_SELF, redis->directory);
    support_format(redis->address, "unix:%.200s/redis.sock", redis->directory);
    support_format(config, "%.200s/redis.conf", redis->directory);
    support_format(log, "%.200s/redis.log", redis->directory);
    FILE *file = fopen(config, "w");
    cr_assert_not_null(file);
    fprintf(file, "%sbind 127.0.0.1\nport %d\nunixsocket %s\ndir %s\n", settings, port,
            redis->address + strlen("unix:"), redis->directory);
    cr_assert_eq(fclose(file), 0);
    const char *arguments[] = {"/usr/bin/redis-server", config, is_sentinel ? "--sentinel" : NULL, NULL};
    redis->pid = support_start(SUPPORT_SELF, SIGKILL, log, arguments);
    for (int waited_ms = 0; !support_redis_answers(redis); waited_ms += PAUSE_MS) {
        support_expect_alive(redis->pid, "redis-server", log);
        cr_assert_lt(waited_ms, SUPPORT_PATIENCE_MS);
        support_sleep_ms(PAUSE_MS);
    }
}

static void wait_says(const struct test_redis *redis, const char *command, const char *wanted) {
    for (int waited_ms = 0; !strstr(test_redis_command(redis, command), wanted); waited_ms += PAUSE_MS) {
        if (waited_ms > SUPPORT_PATIENCE_MS) {
            cr_fatal("%s does not say \"%s\" to %s", redis->address, wanted, command);
        }
        support_sleep_ms(PAUSE_MS);
    }
}

void test_redis_pair_start(struct test_redis_pair *pair) {
    static const char counts[] = "save \"\"\nappendonly no\nmaxmemory-policy noeviction\nrepl-diskless-sync-delay 0\n";
    char settings[1024];
    memset(pair, 0, sizeof *pair);
    for (int i = 0; i < 2; i++) {
        pair->ports[i] = test_free_port();
        snprintf(settings, sizeof settings, "%s", counts);
        if (i > 0) {
            snprintf(settings, sizeof settings, "%sreplicaof 127.0.0.1 %d\n", counts, pair->ports[0]);
        }
        start(&pair->nodes[i], pair->ports[i], settings, false);
    }
    wait_says(&pair->nodes[1], "INFO replication", "master_link_status:up");
    size_t size = (size_t)snprintf(pair->address, sizeof pair->address, "sentinel:%s@", TEST_SENTINEL_NAME);
    for (int i = 0; i < TEST_SENTINELS; i++) {
        pair->sentinel_ports[i] = test_free_port();
        snprintf(settings, sizeof settings,
                 "sentinel monitor %s 127.0.0.1 %d 2\nsentinel down-after-milliseconds %s 10000\n"
                 "sentinel failover-timeout %s 3000\n",
                 TEST_SENTINEL_NAME, pair->ports[0], TEST_SENTINEL_NAME, TEST_SENTINEL_NAME);
        start(&pair->sentinels[i], pair->sentinel_ports[i], settings, true);
        size += (size_t)snprintf(pair->address + size, sizeof pair->address - size, "%s127.0.0.1:%d", i == 0 ? "" : ",",
                                 pair->sentinel_ports[i]);
    }
    for (int i = 0; i < TEST_SENTINELS; i++) {
        wait_says(&pair->sentinels[i], "SENTINEL MASTER " TEST_SENTINEL_NAME, "num-slaves\n1\nnum-other-sentinels\n2");
    }
}

void test_redis_pair_expect_loss(struct test_redis_pair *pair) {
    for (int i = 0; i < TEST_SENTINELS; i++) {
        test_redis_command(&pair->sentinels[i], "SENTINEL SET %s down-after-milliseconds 500", TEST_SENTINEL_NAME);
    }
}

void test_redis_pair_stop(struct test_redis_pair *pair) {
    for (int i = 0; i < TEST_SENTINELS; i++) {
        test_redis_stop(&pair->sentinels[i]);
    }
    for (int i = 0; i < 2; i++) {
        test_redis_stop(&pair->nodes[i]);
    }
}

void test_redis_pair_wait_primary(struct test_redis_pair *pair, int node) {
    char wanted[32];
    snprintf(wanted, sizeof wanted, "127.0.0.1\n%d", pair->ports[node]);
    for (int i = 0; i < TEST_SENTINELS; i++) {
        wait_says(&pair->sentinels[i], "SENTINEL GET-MASTER-ADDR-BY-NAME " TEST_SENTINEL_NAME, wanted);
    }
}
