/* SPDX-License-Identifier: Apache-2.0 */
#include "wallet/fixture.h"

#include <stdlib.h>

Test(wallet, shows_the_invoice_with_what_is_left) {
    struct world world;
    struct reply reply = {0};
    world_start(&world, (struct world_wishes){0});
    world_get(&world, THOUSAND, &reply);
    EXPECT_STATUS(&reply, 200);
    cr_expect_str_eq(reply.body, "{\"paymentMeans\":[{\"id\":\"invoice\",\"preference\":0,\"name\":\"Företagsfaktura\","
                                 "\"type\":\"invoice\",\"currency\":\"SEK\",\"limit\":1000.00,\"balance\":1000.00}]}");
    char path[128];
    snprintf(path, sizeof(path), "/api/v3/token/%llu/wallet", (unsigned long long)cluster_card(CARD_THOUSAND));
    world_get(&world, path, &reply);
    EXPECT_STATUS(&reply, 200);
    cr_expect(strstr(reply.body, "\"balance\":1000.00") != NULL, "%s", reply.body);
    world_get(&world, "/api/v3/traveller/" APP_BLOCKED "/wallet", &reply);
    EXPECT_STATUS(&reply, 200);
    cr_expect_str_eq(reply.body, "{\"paymentMeans\":[]}");
    world_get(&world, "/api/v3/traveller/" APP_UNKNOWN "/wallet", &reply);
    EXPECT_STATUS(&reply, 404);
    EXPECT_MEMBER(&reply, "type", "urn:vaxel:problem:unknown-credential");
    reply_forget(&reply);
    world_stop(&world);
}

Test(wallet, a_purchase_is_charged_at_once_and_can_be_looked_at) {
    struct world world;
    struct reply reply = {0};
    char balance[32], location[256];
    world_start(&world, (struct world_wishes){0});
    world_post(&world, THOUSAND,
               "{\"transactionReference\":\"one\",\"amount\":130.5,\"description\":\"Enkelbiljett, Östersund\"}",
               &reply);
    EXPECT_STATUS(&reply, 201);
    EXPECT_MEMBER(&reply, "transactionReference", "one");
    EXPECT_MEMBER(&reply, "description", "Enkelbiljett, Östersund");
    EXPECT_MEMBER(&reply, "amount", "130.50");
    EXPECT_MEMBER(&reply, "currency", "SEK");
    EXPECT_MEMBER(&reply, "paymentMeansId", "invoice");
    EXPECT_MEMBER(&reply, "status", "commited");
    cr_expect_str_eq(reply_member(&reply, "expire"), "");
    cr_expect_str_neq(reply_member(&reply, "cancellableExpire"), "");
    strcpy(location, reply.location);
    cr_expect(strstr(location, reply_member(&reply, "id")) != NULL, "%s", location);
    world_balance(&world, THOUSAND, balance);
    cr_expect_str_eq(balance, "869.50");
    world_get(&world, location, &reply);
    EXPECT_STATUS(&reply, 200);
    EXPECT_MEMBER(&reply, "status", "commited");
    EXPECT_MEMBER(&reply, "amount", "130.50");
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT count(*) FROM entry WHERE kind = 1 AND amount_minor = 13050"),
                     "1");
    reply_forget(&reply);
    world_stop(&world);
}

Test(wallet, a_reservation_is_committed) {
    struct world world;
    struct reply reply = {0};
    char balance[32], location[256];
    world_start(&world, (struct world_wishes){0});
    world_post(&world, THOUSAND, "{\"transactionReference\":\"one\",\"amount\":300,\"transactionCommit\":false}",
               &reply);
    EXPECT_STATUS(&reply, 201);
    EXPECT_MEMBER(&reply, "status", "pending");
    cr_expect_str_neq(reply_member(&reply, "expire"), "");
    strcpy(location, reply.location);
    world_balance(&world, THOUSAND, balance);
    cr_expect_str_eq(balance, "700.00");
    world_get(&world, location, &reply);
    EXPECT_MEMBER(&reply, "status", "pending");
    world_patch(&world, location, "{\"status\":\"commited\",\"transactionReference\":\"one\"}", &reply);
    EXPECT_STATUS(&reply, 201);
    EXPECT_MEMBER(&reply, "status", "commited");
    cr_expect_str_eq(reply.location, location);
    world_patch(&world, location, "{\"status\":\"commited\"}", &reply);
    EXPECT_STATUS(&reply, 201);
    world_get(&world, location, &reply);
    EXPECT_MEMBER(&reply, "status", "commited");
    world_balance(&world, THOUSAND, balance);
    cr_expect_str_eq(balance, "700.00");
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(charged_minor) FROM effect"), "30000");
    reply_forget(&reply);
    world_stop(&world);
}

Test(wallet, a_reservation_is_cancelled_and_can_not_be_committed_then) {
    struct world world;
    struct reply reply = {0};
    char balance[32], location[256];
    world_start(&world, (struct world_wishes){0});
    world_post(&world, THOUSAND, "{\"transactionReference\":\"one\",\"amount\":300,\"transactionCommit\":false}",
               &reply);
    strcpy(location, reply.location);
    for (int i = 0; i < 2; i++) {
        world_patch(&world, location, "{\"status\":\"cancelled\"}", &reply);
        EXPECT_STATUS(&reply, 201);
        EXPECT_MEMBER(&reply, "status", "cancelled");
    }
    world_get(&world, location, &reply);
    EXPECT_MEMBER(&reply, "status", "cancelled");
    world_patch(&world, location, "{\"status\":\"commited\"}", &reply);
    EXPECT_STATUS(&reply, 409);
    EXPECT_MEMBER(&reply, "type", "urn:vaxel:problem:hold-closed");
    world_balance(&world, THOUSAND, balance);
    cr_expect_str_eq(balance, "1000.00");
    world_post(&world, THOUSAND, "{\"transactionReference\":\"one\",\"amount\":300,\"transactionCommit\":false}",
               &reply);
    EXPECT_STATUS(&reply, 303);
    world_get(&world, reply.location, &reply);
    EXPECT_MEMBER(&reply, "status", "cancelled");
    world_balance(&world, THOUSAND, balance);
    cr_expect_str_eq(balance, "1000.00", "a repeat buys nothing again");
    reply_forget(&reply);
    world_stop(&world);
}

/* By the operator's office, at the switch itself. */
static void settle_by_office(struct world *world, const char *location, enum call call, enum entry_kind kind) {
    struct client_connection *office = cluster_connect(&world->cluster, 0, "office-1");
    struct wire_request request = {.call = call, .settle = {.kind = kind, .id = cluster_new_id(), .is_final = true}};
    cr_assert(request_id_parse(strrchr(location, '/') + 1, &request.settle.original));
    struct wire_reply reply = cluster_call(office, &request);
    cr_assert_eq(reply.kind, WIRE_REPLY_SETTLED, "%s", reply.fault.text);
    cr_assert_eq(reply.answer.decision, DECISION_APPROVED, "%s", reason_name(reply.answer.reason));
    client_disconnect(office);
}

Test(wallet, a_reservation_that_somebody_else_ended_is_shown_as_it_ended) {
    struct world world;
    struct reply reply = {0};
    char location[256];
    world_start(&world, (struct world_wishes){0});
    world_post(&world, THOUSAND, "{\"transactionReference\":\"one\",\"amount\":300,\"transactionCommit\":false}",
               &reply);
    strcpy(location, reply.location);
    settle_by_office(&world, location, CALL_VOID, ENTRY_VOID);
    world_get(&world, location, &reply);
    EXPECT_MEMBER(&reply, "status", "cancelled");
    world_patch(&world, location, "{\"status\":\"commited\"}", &reply);
    EXPECT_STATUS(&reply, 409);
    world_patch(&world, location, "{\"status\":\"cancelled\"}", &reply);
    EXPECT_STATUS(&reply, 201);
    world_post(&world, THOUSAND, "{\"transactionReference\":\"two\",\"amount\":300,\"transactionCommit\":false}",
               &reply);
    strcpy(location, reply.location);
    settle_by_office(&world, location, CALL_CAPTURE, ENTRY_CAPTURE);
    world_get(&world, location, &reply);
    EXPECT_MEMBER(&reply, "status", "commited");
    world_patch(&world, location, "{\"status\":\"commited\"}", &reply);
    EXPECT_STATUS(&reply, 201);
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(charged_minor) FROM effect"), "30000", "charged once");
    reply_forget(&reply);
    world_stop(&world);
}

Test(wallet, what_is_committed_is_cancelled_while_it_may_be) {
    struct world world;
    struct reply reply = {0};
    char balance[32], purchase[256], hold[256];
    world_start(&world, (struct world_wishes){0});
    world_post(&world, THOUSAND, "{\"transactionReference\":\"one\",\"amount\":100}", &reply);
    strcpy(purchase, reply.location);
    world_post(&world, THOUSAND, "{\"transactionReference\":\"two\",\"amount\":200,\"transactionCommit\":false}",
               &reply);
    strcpy(hold, reply.location);
    world_patch(&world, hold, "{\"status\":\"commited\"}", &reply);
    EXPECT_STATUS(&reply, 201);
    const char *const both[] = {purchase, hold};
    for (int i = 0; i < 4; i++) {
        world_patch(&world, both[i % 2], "{\"status\":\"cancelled\"}", &reply);
        EXPECT_STATUS(&reply, 201);
        world_get(&world, both[i % 2], &reply);
        EXPECT_MEMBER(&reply, "status", "cancelled");
        world_patch(&world, both[i % 2], "{\"status\":\"commited\"}", &reply);
        EXPECT_STATUS(&reply, 409);
    }
    world_balance(&world, THOUSAND, balance);
    cr_expect_str_eq(balance, "1000.00");
    cluster_expect_clean_audit(&world.cluster);
    reply_forget(&reply);
    world_stop(&world);
}

Test(wallet, what_was_committed_too_long_ago_is_not_cancelled) {
    struct world world;
    struct reply reply = {0};
    char balance[32], location[256];
    world_start(&world, (struct world_wishes){.settings = (const char *const[]){"wallet.cancellable=0 s", NULL}});
    world_post(&world, THOUSAND, "{\"transactionReference\":\"one\",\"amount\":100}", &reply);
    strcpy(location, reply.location);
    world_patch(&world, location, "{\"status\":\"cancelled\"}", &reply);
    EXPECT_STATUS(&reply, 409);
    EXPECT_MEMBER(&reply, "type", "urn:vaxel:problem:not-cancellable");
    world_balance(&world, THOUSAND, balance);
    cr_expect_str_eq(balance, "900.00");
    reply_forget(&reply);
    world_stop(&world);
}

Test(wallet, a_reservation_that_runs_out_is_cancelled) {
    struct world world;
    struct reply reply = {0};
    char location[256];
    world_start(&world, (struct world_wishes){.settings = (const char *const[]){"wallet.hold=1 s", NULL}});
    world_post(&world, THOUSAND, "{\"transactionReference\":\"one\",\"amount\":100,\"transactionCommit\":false}",
               &reply);
    EXPECT_STATUS(&reply, 201);
    strcpy(location, reply.location);
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    do
        world_get(&world, location, &reply);
    while (strcmp(reply_member(&reply, "status"), "pending") == 0 && tick_now().us < give_up);
    EXPECT_MEMBER(&reply, "status", "cancelled");
    world_patch(&world, location, "{\"status\":\"commited\"}", &reply);
    EXPECT_STATUS(&reply, 409);
    EXPECT_MEMBER(&reply, "type", "urn:vaxel:problem:hold-expired");
    world_patch(&world, location, "{\"status\":\"cancelled\"}", &reply);
    EXPECT_STATUS(&reply, 201);
    reply_forget(&reply);
    world_stop(&world);
}

/* ---- what is refused ---- */

static const struct {
    const char *app;
    const char *body;
    int status;
    const char *type;
} refused[] = {
    {APP_BLOCKED, "{\"transactionReference\":\"x\",\"amount\":1}", 403, "urn:vaxel:problem:blocked"},
    {APP_INACTIVE, "{\"transactionReference\":\"x\",\"amount\":1}", 403, "urn:vaxel:problem:not-activated"},
    {APP_SUSPENDED, "{\"transactionReference\":\"x\",\"amount\":1}", 403, "urn:vaxel:problem:organisation-suspended"},
    {APP_UNKNOWN, "{\"transactionReference\":\"x\",\"amount\":1}", 404, "urn:vaxel:problem:unknown-credential"},
    {APP_THOUSAND, "{\"transactionReference\":\"x\",\"amount\":1000.01}", 409, "urn:vaxel:problem:credit-limit"},
    {APP_RICH, "{\"transactionReference\":\"x\",\"amount\":100000.01}", 400, "urn:vaxel:problem:invalid-amount"},
};

Test(wallet, who_may_not_buy_is_told_why_each_time_and_pays_nothing) {
    struct world world;
    struct reply reply = {0};
    world_start(&world, (struct world_wishes){0});
    for (size_t i = 0; i < 2 * sizeof(refused) / sizeof(refused[0]); i++) {
        char path[128];
        size_t at = i / 2;
        snprintf(path, sizeof(path), "/api/v3/traveller/%s/wallet", refused[at].app);
        world_post(&world, path, refused[at].body, &reply);
        EXPECT_STATUS(&reply, refused[at].status);
        EXPECT_MEMBER(&reply, "type", refused[at].type);
        cr_expect_str_neq(reply_member(&reply, "detail"), "");
    }
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT coalesce(sum(amount_minor), 0) FROM entry"), "0");
    reply_forget(&reply);
    world_stop(&world);
}

/* A body, and the field that its refusal must name. */
static const struct {
    const char *body;
    const char *field;
} wrong[] = {
    {"{\"amount\":1}", "transactionReference"},
    {"{\"transactionReference\":\"\",\"amount\":1}", "transactionReference"},
    {"{\"transactionReference\":7,\"amount\":1}", "transactionReference"},
    {"{\"transactionReference\":\"a\\nb\",\"amount\":1}", "transactionReference"},
    {"{\"transactionReference\":\"x\"}", "amount"},
    {"{\"transactionReference\":\"x\",\"amount\":\"1.00\"}", "amount"},
    {"{\"transactionReference\":\"x\",\"amount\":0}", "amount"},
    {"{\"transactionReference\":\"x\",\"amount\":0.00}", "amount"},
    {"{\"transactionReference\":\"x\",\"amount\":-1}", "amount"},
    {"{\"transactionReference\":\"x\",\"amount\":0.001}", "amount"},
    {"{\"transactionReference\":\"x\",\"amount\":1e1}", "amount"},
    {"{\"transactionReference\":\"x\",\"amount\":99999999999999999999}", "amount"},
    {"{\"transactionReference\":\"x\",\"amount\":1,\"currency\":\"NOK\"}", "currency"},
    {"{\"transactionReference\":\"x\",\"amount\":1,\"currency\":null}", "currency"},
    {"{\"transactionReference\":\"x\",\"amount\":1,\"paymentMeansId\":\"card\"}", "paymentMeansId"},
    {"{\"transactionReference\":\"x\",\"amount\":1,\"transactionCommit\":\"false\"}", "transactionCommit"},
    {"{\"transactionReference\":\"x\",\"amount\":1,\"transactionCommit\":null}", "transactionCommit"},
    {"{\"transactionReference\":\"x\",\"amount\":1,\"description\":5}", "description"},
    {"{\"transactionReference\":\"x\",\"amount\":1,\"amount\":2}", ""},
    {"{\"transactionReference\":\"x\",\"amount\":01}", ""},
    {"[]", ""},
    {"", ""},
    {"{", ""},
};

Test(wallet, a_wrong_body_is_refused_with_the_field_and_changes_nothing) {
    struct world world;
    struct reply reply = {0};
    world_start(&world, (struct world_wishes){0});
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        world_post(&world, RICH, wrong[i].body, &reply);
        cr_expect_eq(reply.status, 400, "%s: %d %s", wrong[i].body, reply.status, reply.body);
        cr_expect(strcmp(reply_member(&reply, "field"), wrong[i].field) == 0, "%s: %s", wrong[i].body, reply.body);
    }
    char large[70000];
    memset(large, ' ', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    world_post(&world, RICH, large, &reply);
    EXPECT_STATUS(&reply, 413);
    world_call(&world,
               (struct asked){.method = "POST", .path = RICH "/transaction", .body = "{}", .type = "text/plain"},
               &reply);
    EXPECT_STATUS(&reply, 415);
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT count(*) FROM wallet_transaction"), "0");
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT count(*) FROM entry"), "0");
    reply_forget(&reply);
    world_stop(&world);
}

#define NO_TRANSACTION RICH "/transaction/01a1fd03-153b-7234-9678-9abcdef01234"

static const struct {
    const char *method, *path, *body;
    int status;
    const char *field;
} astray[] = {
    {"GET", "/", NULL, 404, ""},
    {"GET", "/api/v3/traveller", NULL, 404, ""},
    {"GET", "/api/v3/traveller/" APP_RICH "/purse", NULL, 404, ""},
    {"GET", "/api/v3/driver/" APP_RICH "/wallet", NULL, 404, ""},
    {"GET", RICH "/", NULL, 404, ""},
    {"GET", RICH "/transaction/1/2", NULL, 404, ""},
    {"GET", "/api/v3//traveller/" APP_RICH "/wallet", NULL, 404, ""},
    {"GET", "/api/v3/traveller/nobody/wallet", NULL, 404, "travellerId"},
    {"GET", "/api/v3/token/123/wallet", NULL, 404, "tokenId"},
    {"GET", "/api/v3/token/99325436563380%2003/wallet", NULL, 404, "tokenId"},
    {"DELETE", RICH, NULL, 405, ""},
    {"POST", RICH, "{}", 405, ""},
    {"GET", RICH "/transaction", NULL, 405, ""},
    {"PUT", NO_TRANSACTION, "{}", 405, ""},
    {"GET", NO_TRANSACTION, NULL, 404, "transactionId"},
    {"GET", RICH "/transaction/one", NULL, 404, "transactionId"},
    {"PATCH", NO_TRANSACTION, "{\"status\":\"commited\"}", 404, "transactionId"},
    {"PATCH", NO_TRANSACTION, "{\"status\":\"committed\"}", 400, "status"},
    {"PATCH", NO_TRANSACTION, "{\"status\":\"pending\"}", 400, "status"},
    {"PATCH", NO_TRANSACTION, "{}", 400, "status"},
};

Test(wallet, what_is_not_there_is_told_so) {
    struct world world;
    struct reply reply = {0};
    world_start(&world, (struct world_wishes){0});
    for (size_t i = 0; i < sizeof(astray) / sizeof(astray[0]); i++) {
        world_call(&world, (struct asked){.method = astray[i].method, .path = astray[i].path, .body = astray[i].body},
                   &reply);
        cr_expect_eq(reply.status, astray[i].status, "%s %s: %d %s", astray[i].method, astray[i].path, reply.status,
                     reply.body);
        cr_expect(strcmp(reply_member(&reply, "field"), astray[i].field) == 0, "%s", reply.body);
    }
    reply_forget(&reply);
    world_stop(&world);
}

Test(wallet, a_transaction_is_its_requestors_and_its_wallets_alone) {
    struct world world;
    struct reply reply = {0};
    char claims[SIGNER_TEXT], other[SIGNER_TEXT], location[256], elsewhere[256];
    world_start(&world, (struct world_wishes){0});
    signer_claims("200", time(NULL) + 600, "", claims);
    signer_sign(world.signer.ec, "\"alg\":\"ES256\",\"kid\":\"ec-2\"", claims, other);
    world_post(&world, RICH, "{\"transactionReference\":\"one\",\"amount\":1}", &reply);
    strcpy(location, reply.location);
    world_call(&world, (struct asked){.method = "GET", .path = location, .token = other}, &reply);
    EXPECT_STATUS(&reply, 404);
    world_call(
        &world,
        (struct asked){.method = "PATCH", .path = location, .body = "{\"status\":\"cancelled\"}", .token = other},
        &reply);
    EXPECT_STATUS(&reply, 404);
    snprintf(elsewhere, sizeof(elsewhere), THOUSAND "%s", strstr(location, "/transaction"));
    world_get(&world, elsewhere, &reply);
    EXPECT_STATUS(&reply, 404);
    world_patch(&world, location, "{\"status\":\"cancelled\",\"transactionReference\":\"two\"}", &reply);
    EXPECT_STATUS(&reply, 400);
    EXPECT_MEMBER(&reply, "field", "transactionReference");
    world_call(&world,
               (struct asked){.method = "POST",
                              .path = RICH "/transaction",
                              .token = other,
                              .body = "{\"transactionReference\":\"one\",\"amount\":1}"},
               &reply);
    EXPECT_STATUS(&reply, 201);
    reply_forget(&reply);
    world_stop(&world);
}
