/* SPDX-License-Identifier: Apache-2.0 */
/* balancer: a real HAProxy before a cluster's two nodes and a wallet, with the configuration that is shipped. Every
 * function ends the test with a message when it can't do what it says. */
#ifndef VAXEL_TESTS_BALANCE_BALANCER_H
#define VAXEL_TESTS_BALANCE_BALANCER_H

#include "ops/scrape.h"

struct balancer {
    pid_t pid;
    int metrics_port;
    int wallet_port; /* where app backends connect */
    int wallet;      /* where the wallet has to listen */
    char config[TEST_TEXT];
    char log[TEST_TEXT];
    struct cluster behind; /* as clients see the cluster: one node */
};

void balancer_start(struct balancer *balancer, const struct cluster *cluster);
void balancer_stop(struct balancer *balancer);

/* Waits until HAProxy's own metrics say that a server of a backend, e.g. "switch" and "node-1", is "UP" or "DOWN". */
void balancer_wait(const struct balancer *balancer, const char *backend, const char *server, const char *state);

#endif
