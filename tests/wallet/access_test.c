/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call: certificates, tokens, keys; and how the process is run. tests/token has all that a token may say. */
#include "wallet/fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#define EC_1 "\"alg\":\"ES256\",\"kid\":\"ec-1\""

static void sign(struct world *world, const char *more, char token[SIGNER_TEXT]) {
    char claims[SIGNER_TEXT];
    signer_claims("100", time(NULL) + 600, more, claims);
    signer_sign(world->signer.ec, EC_1, claims, token);
}

/* The digest of the client "backend", as openssl says it. */
static void digest(const struct world *world, const char *kind, char text[128]) {
    char command[1024];
    snprintf(command, sizeof(command), "openssl x509 -in %s/backend.pem -outform der | openssl %s -r | cut -d' ' -f1",
             world->cluster.directory, kind);
    FILE *output = popen(command, "r");
    cr_assert(output != NULL && fgets(text, 128, output) != NULL);
    text[strcspn(text, "\n")] = '\0';
    pclose(output);
}

Test(access, a_call_without_a_good_token_is_refused_and_changes_nothing) {
    struct world world;
    struct reply reply = {0};
    char expired[SIGNER_TEXT], claims[SIGNER_TEXT], other[SIGNER_TEXT];
    world_start(&world, (struct world_wishes){0});
    signer_claims("100", time(NULL) - 301, "", claims);
    signer_sign(world.signer.ec, EC_1, claims, expired);
    const char *const bad[] = {"", "none", expired};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        world_call(&world, (struct asked){.method = "GET", .path = RICH, .token = bad[i]}, &reply);
        EXPECT_STATUS(&reply, 401);
        EXPECT_MEMBER(&reply, "field", "X-BoB-AuthToken");
        world_call(&world,
                   (struct asked){.method = "POST",
                                  .path = RICH "/transaction",
                                  .token = bad[i],
                                  .body = "{\"transactionReference\":\"one\",\"amount\":1}"},
                   &reply);
        EXPECT_STATUS(&reply, 401);
    }
    snprintf(claims, sizeof(claims), "{\"iss\":\"100\",\"sub\":\"a\",\"exp\":%lld,\"bobAuthZ\":\"val\"}",
             (long long)time(NULL) + 600);
    signer_sign(world.signer.ec, EC_1, claims, other);
    world_call(&world, (struct asked){.method = "GET", .path = RICH, .token = other}, &reply);
    EXPECT_STATUS(&reply, 403);
    EXPECT_MEMBER(&reply, "type", "urn:vaxel:problem:not-allowed");
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT count(*) FROM wallet_transaction"), "0");
    reply_forget(&reply);
    world_stop(&world);
}

Test(access, a_token_that_is_bound_to_a_certificate_comes_with_it_or_not_at_all) {
    struct world world;
    struct reply reply = {0};
    static const char *const kinds[] = {"sha1", "sha256"};
    world_start(&world, (struct world_wishes){0});
    for (size_t i = 0; i < 2; i++) {
        char held[SIGNER_TEXT], text[128], more[256];
        digest(&world, kinds[i], text);
        snprintf(more, sizeof(more), ",\"bobHok\":\"%s\"", text);
        sign(&world, more, held);
        world_call(&world, (struct asked){.method = "GET", .path = RICH, .token = held}, &reply);
        EXPECT_STATUS(&reply, 200);
        world_call(&world, (struct asked){.method = "GET", .path = RICH, .token = held, .client = "rival"}, &reply);
        EXPECT_STATUS(&reply, 401);
    }
    world_call(&world, (struct asked){.method = "GET", .path = RICH, .client = "rival"}, &reply);
    EXPECT_STATUS(&reply, 200);
    reply_forget(&reply);
    world_stop(&world);
}

static void wait_status(struct world *world, const char *token, int status) {
    struct reply reply = {0};
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    do
        world_call(world, (struct asked){.method = "GET", .path = RICH, .token = token}, &reply);
    while (reply.status != status && tick_now().us < give_up);
    EXPECT_STATUS(&reply, status);
    reply_forget(&reply);
}

Test(access, new_keys_and_certificates_are_taken_while_it_runs_and_bad_ones_are_not) {
    struct world world;
    struct signer next;
    char fresh[SIGNER_TEXT], claims[SIGNER_TEXT], command[1024];
    world_start(&world, (struct world_wishes){0});
    signer_make(&next);
    signer_claims("100", time(NULL) + 600, "", claims);
    signer_sign(next.ec, EC_1, claims, fresh);
    wait_status(&world, fresh, 401);

    FILE *file = fopen(world.keys, "w");
    cr_assert(file != NULL);
    fputs("{\"keys\":", file);
    fclose(file);
    cr_assert_eq(kill(world.wallets[0].pid, SIGHUP), 0);
    snprintf(command, sizeof(command),
             "for i in $(seq 6000); do grep -q 'keys kept' %s && exit 0; sleep 0.01; done; exit 1",
             world.wallets[0].log);
    cr_assert_eq(system(command), 0);
    wait_status(&world, NULL, 200);

    signer_write_set(&next, world.keys);
    cr_assert_eq(kill(world.wallets[0].pid, SIGHUP), 0);
    wait_status(&world, fresh, 200);
    wait_status(&world, NULL, 401);
    signer_forget(&next);
    world_stop(&world);
}

Test(access, neither_cards_nor_tokens_are_in_the_log) {
    struct world world;
    struct reply reply = {0};
    char path[128], command[1024];
    world_start(&world, (struct world_wishes){0});
    snprintf(path, sizeof(path), "/api/v3/token/%llu/wallet", (unsigned long long)cluster_card(CARD_RICH));
    world_post(&world, path, "{\"transactionReference\":\"one\",\"amount\":1}", &reply);
    EXPECT_STATUS(&reply, 201);
    world_post(&world, path, "{\"transactionReference\":\"two\",\"amount\":99999}", &reply);
    world_post(&world, path, "{\"transactionReference\":\"two\",\"amount\":99999999}", &reply);
    snprintf(command, sizeof(command), "grep -q 'transaction method=POST answer=201' %s", world.wallets[0].log);
    cr_expect_eq(system(command), 0, "what is done is logged");
    snprintf(command, sizeof(command), "grep -qE '%llu|eyJ' %s", (unsigned long long)cluster_card(CARD_RICH),
             world.wallets[0].log);
    cr_expect_neq(system(command), 0);
    reply_forget(&reply);
    world_stop(&world);
}

Test(access, settings_that_can_not_be_used_are_named_and_it_does_not_start) {
    struct world world;
    static const struct {
        const char *setting, *told;
        int status;
    } wrong[] = {
        {"wallet.keys=/nowhere/keys.json", "/nowhere/keys.json", 1},
        {"wallet.certificate=/nowhere/wallet.pem", "/nowhere/wallet.pem", 1},
        {"wallet.address=nowhere", "nowhere", 1},
        {"wallet.hold=soon", "wallet.hold", 2},
    };
    world_start(&world, (struct world_wishes){0});
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char command[2048], program[TEST_TEXT];
        test_program("vaxel-wallet", program);
        snprintf(command, sizeof(command),
                 "%s -c %s -s wallet.keys=%s -s wallet.certificate=%s/wallet-1.pem -s wallet.key=%s/wallet-1.key "
                 "-s wallet.authority=%s/authority.pem -s wallet.address=127.0.0.1:%d -s %s > %s/said 2>&1",
                 program, world.cluster.nodes[0].config, world.keys, world.cluster.directory, world.cluster.directory,
                 world.cluster.directory, test_free_port(), wrong[i].setting, world.cluster.directory);
        int status = system(command);
        cr_expect_eq(WEXITSTATUS(status), wrong[i].status, "%s", wrong[i].setting);
        snprintf(command, sizeof(command), "grep -qF '%s' %s/said", wrong[i].told, world.cluster.directory);
        cr_expect_eq(system(command), 0, "%s", wrong[i].setting);
    }
    world_stop(&world);
}

/* docs/examples/app-backend.mjs: reserves, issues, commits; and cancels when issuing fails. */
Test(access, the_example_of_an_app_backend_sells_a_ticket_and_cancels_one_that_can_not_be_issued) {
    struct world world;
    char command[8192], balance[32];
    world_start(&world, (struct world_wishes){0});
    for (int fails = 0; fails < 2; fails++) {
        snprintf(command, sizeof(command),
                 "cd %s && WALLET=https://127.0.0.1:%d CERTIFICATE=backend.pem KEY=backend.key AUTHORITY=authority.pem "
                 "TOKEN=%s TRAVELLER=" APP_THOUSAND
                 " ISSUING_FAILS=%d node %s/docs/examples/app-backend.mjs > example.out "
                 "2>&1 || { cat example.out >&2; exit 1; }",
                 world.cluster.directory, world.wallets[0].port, world.token, fails, VAXEL_SOURCE_DIRECTORY);
        cr_expect_eq(system(command), 0);
        snprintf(command, sizeof(command), "grep -q '%s' %s/example.out", fails ? "cancelled" : "commited",
                 world.cluster.directory);
        cr_expect_eq(system(command), 0, "%s", command);
    }
    world_balance(&world, THOUSAND, balance);
    cr_expect_str_eq(balance, "870.00");
    world_stop(&world);
}
