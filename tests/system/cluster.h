/* SPDX-License-Identifier: Apache-2.0 */
/* cluster: whole processes for a test: a PostgreSQL database, a Redis, certificates, one or two nodes, and clients over
 * TLS. Every function ends the test with a message when it can't do what it says. */
#ifndef VAXEL_TESTS_SYSTEM_CLUSTER_H
#define VAXEL_TESTS_SYSTEM_CLUSTER_H

#include "base/card.h"
#include "client/client.h"
#include "support/services.h"

#define CLUSTER_NODES 2
#define SECOND_US INT64_C(1000000)

struct node_process {
    pid_t pid;
    int port;
    int ops_port;
    char config[TEST_TEXT];
    char log[TEST_TEXT];
};

struct cluster {
    char directory[TEST_TEXT];
    struct test_redis redis; /* without a directory when the test has seen to it itself */
    struct test_database database;
    struct test_postgres postgres; /* where the test has a server of its own */
    bool has_own_postgres;
    bool has_journals;
    bool has_own_database; /* in the PostgreSQL of the whole run */
    const char *conninfo;
    int node_count;
    struct node_process nodes[CLUSTER_NODES];
};

/* What a test wants otherwise than usual. */
struct cluster_wishes {
    int nodes;            /* 1 unless said */
    bool own_postgres;    /* because it will be broken */
    const char *conninfo; /* a migrated database that the test has seen to itself */
    const char *redis;    /* the address of Redis servers that the test has seen to itself */
    const char *program;  /* "vaxeld" unless said */
    bool journals;        /* each node has one to stand in with */
    const char *settings; /* more lines for the configuration, e.g. "[switch]\nworkers = 2\n" */
};

/* Starts everything, with the test's company in the directory, and waits until the nodes answer. */
void cluster_start(struct cluster *cluster, struct cluster_wishes wishes);
void cluster_stop(struct cluster *cluster);

void cluster_start_node(struct cluster *cluster, int node);
void cluster_wait_ready(struct cluster *cluster, int node);
/* Puts other lines in place of the wished ones in a node's configuration, and tells it by SIGHUP. */
void cluster_change_settings(struct cluster *cluster, int node, const char *settings);
/* Whether a line of a node's log has this; or waits until one has. */
bool cluster_log_tells(struct cluster *cluster, int node, const char *text);
void cluster_wait_log(struct cluster *cluster, int node, const char *text);
/* Runs SQL in the cluster's database; the first column of the first row as text. */
const char *cluster_sql(struct cluster *cluster, const char *format, ...);
/* Runs `vaxel audit` until it is clean or ten seconds have passed, and expects it to be. */
void cluster_expect_clean_audit(struct cluster *cluster);
/* Runs the command line with the cluster's configuration; its exit status. Output goes to `output` (may be NULL). */
int cluster_vaxel(struct cluster *cluster, char *output, size_t size, const char *const *arguments);

/* The company: cards by number; limits in minor units. Organisation 1 is active. */
#define CARD_RICH 0       /* credit 1 000 000.00, traveller cap as much */
#define CARD_THOUSAND 1   /* credit 1 000.00 */
#define CARD_CAPPED 2     /* credit 5 000.00, traveller's cap 200.00 */
#define CARD_DEPARTMENT 3 /* credit 5 000.00, in department 2 below department 1, whose budget is 300.00 */
#define CARD_BLOCKED 4
#define CARD_ENDED 5
#define CARD_INACTIVE 6
#define CARD_SUSPENDED 7    /* organisation 2, suspended */
#define CARD_POOR_COMPANY 8 /* credit 5 000.00; organisation 3, whose limit is 1 000.00 */
#define CARD_POOR_COMPANY_TOO 9
#define CARD_COUNT 10
uint64_t cluster_card(int card);
#define ORGANISATION_POOR 3

/* ---- clients ---- */

struct client_connection *cluster_connect(struct cluster *cluster, int node, const char *client);
/* A purchase of 130.00 on a card, with a new id. */
struct wire_request cluster_purchase(int card);
struct request_id cluster_new_id(void);
struct wire_reply cluster_call(struct client_connection *connection, struct wire_request *request);
/* Buys once on a new connection of validator-1 to a node; the answer. */
struct answer cluster_buy(struct cluster *cluster, int node, int card);

#endif
