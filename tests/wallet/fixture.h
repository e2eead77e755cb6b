/* SPDX-License-Identifier: Apache-2.0 */
/* fixture: a switch with all it needs, wallets before it, and an app backend that calls them. Every answer is written
 * down, and held against docs/wallet.openapi.json when the world ends. */
#ifndef VAXEL_TESTS_WALLET_FIXTURE_H
#define VAXEL_TESTS_WALLET_FIXTURE_H

#include "system/cluster.h"
#include "wallet/signer.h"
#include "json/json.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define WALLETS 2

struct wallet_process {
    pid_t pid;
    int port;
    char log[TEST_TEXT];
};

struct world {
    struct cluster cluster;
    struct wallet_process wallets[WALLETS];
    struct signer signer;
    char token[SIGNER_TEXT]; /* of issuer 100, as the client "backend" */
    char keys[TEST_TEXT];
    char answers[TEST_TEXT]; /* where every answer is written down */
    pthread_mutex_t lock;
};

/* Settings of the wallets besides: "wallet.cancellable=0 s", NULL at the end; NULL: none. */
struct world_wishes {
    struct cluster_wishes cluster;
    const char *const *settings;
};

void world_start(struct world *world, struct world_wishes wishes);
void world_stop(struct world *world);
void world_start_wallet(struct world *world, int wallet, const char *const *settings);
void world_wait_wallet(struct world *world, int wallet);

/* Apps of organisation 1 that are active, with 1 000 000.00 and 1 000.00 a month; and those that may not buy. */
#define APP_RICH "5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e01"
#define APP_THOUSAND "5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e02"
#define APP_BLOCKED "5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e03"
#define APP_INACTIVE "5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e04"
#define APP_SUSPENDED "5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e05"
#define APP_UNKNOWN "5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9eff"
#define RICH "/api/v3/traveller/" APP_RICH "/wallet"
#define THOUSAND "/api/v3/traveller/" APP_THOUSAND "/wallet"

struct reply {
    int status; /* 0: no answer came */
    char type[64];
    char location[256];
    char body[4096];
    struct json_object *root; /* of a body that is JSON; released by the next call into the same reply */
};

struct asked {
    int wallet;
    const char *method, *path;
    const char *body;   /* NULL: none */
    const char *token;  /* NULL: the usual; "": none */
    const char *client; /* whose certificate; NULL: "backend" */
    const char *type;   /* NULL: application/json */
};

void world_call(struct world *world, struct asked call, struct reply *reply);
/* Made by the usual backend at the first wallet. */
void world_get(struct world *world, const char *path, struct reply *reply);
void world_post(struct world *world, const char *wallet, const char *body, struct reply *reply);
void world_patch(struct world *world, const char *path, const char *body, struct reply *reply);
void reply_forget(struct reply *reply);

/* A member of the answer as text, numbers as they were written; "" when there is none. */
const char *reply_member(const struct reply *reply, const char *name);

/* What the limits stand at of a credit, by the wallet: "870.00". */
void world_balance(struct world *world, const char *wallet, char text[32]);

#define EXPECT_STATUS(reply, wanted) cr_expect_eq((reply)->status, wanted, "%d: %s", (reply)->status, (reply)->body)
#define EXPECT_MEMBER(reply, name, wanted)                                                                             \
    cr_expect(strcmp(reply_member(reply, name), wanted) == 0, "%s is not %s: %d %s", name, wanted, (reply)->status,    \
              (reply)->body)

#endif
