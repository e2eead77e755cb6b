/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HAPROXY "/usr/sbin/haproxy"
#define PATIENCE_US (60 * SECOND_US)
#define PAUSE_US 50000

static void write_config(struct balancer *balancer, const struct cluster *cluster) {
    const struct node_process *nodes = cluster->nodes;
    const char *said;
    snprintf(balancer->config, sizeof balancer->config, "%.200s/haproxy.cfg", cluster->directory);
    int status = ops_run(&said, "%s/tests/balance/fit %d %d %d %d %d %d %d %d > %s", VAXEL_SOURCE_DIRECTORY,
                         balancer->behind.nodes[0].port, balancer->wallet_port, balancer->metrics_port, nodes[0].port,
                         nodes[0].ops_port, nodes[1].port, nodes[1].ops_port, balancer->wallet, balancer->config);
    cr_assert_eq(status, 0, "%s", said);
    status = ops_run(&said, HAPROXY " -c -f %s 2>&1", balancer->config);
    cr_assert_eq(status, 0, "%s", said);
}

void balancer_start(struct balancer *balancer, const struct cluster *cluster) {
    *balancer = (struct balancer){.metrics_port = test_free_port(),
                                  .wallet_port = test_free_port(),
                                  .wallet = test_free_port(),
                                  .behind = *cluster};
    balancer->behind.node_count = 1;
    balancer->behind.nodes[0].port = test_free_port();
    write_config(balancer, cluster);
    snprintf(balancer->log, sizeof balancer->log, "%.200s/haproxy.log", cluster->directory);
    const char *const arguments[] = {HAPROXY, "-db", "-f", balancer->config, NULL};
    balancer->pid = test_process_start(balancer->log, arguments);
    balancer_wait(balancer, "switch", "node-1", "UP");
    balancer_wait(balancer, "switch", "node-2", "UP");
}

void balancer_stop(struct balancer *balancer) {
    test_process_end(balancer->pid, SIGTERM);
}

void balancer_wait(const struct balancer *balancer, const char *backend, const char *server, const char *state) {
    char series[256];
    snprintf(series, sizeof series, "haproxy_server_status{proxy=\"%s\",server=\"%s\",state=\"%s\"}", backend, server,
             state);
    const char *text;
    int64_t give_up = tick_now().us + PATIENCE_US;
    do {
        cr_assert_lt(tick_now().us, give_up, "%s is not 1; see %s", series, balancer->log);
        usleep(PAUSE_US);
        ops_run(&text, "curl --silent --max-time 10 http://127.0.0.1:%d/metrics", balancer->metrics_port);
    } while (ops_sum(text, series) != 1);
}
