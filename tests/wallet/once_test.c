/* SPDX-License-Identifier: Apache-2.0 */
/* A reference is charged once, whatever is repeated, raced for or killed. */
#include "wallet/fixture.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define RIVALS 8
#define CLIENTS 64
#define CALLS 6

Test(once, a_repeat_is_sent_to_the_first_also_after_a_restart_and_by_another_wallet) {
    struct world world;
    struct reply reply = {0};
    char location[256];
    world_start(&world, (struct world_wishes){0});
    world_post(&world, RICH, "{\"transactionReference\":\"one\",\"amount\":130}", &reply);
    EXPECT_STATUS(&reply, 201);
    strcpy(location, reply.location);
    for (int i = 0; i < 3; i++) {
        if (i == 1) {
            cr_expect_eq(test_process_end(world.wallets[0].pid, SIGKILL), 128 + SIGKILL);
            world_start_wallet(&world, 0, NULL);
            world_wait_wallet(&world, 0);
        }
        world_call(&world,
                   (struct asked){.wallet = i == 2,
                                  .method = "POST",
                                  .path = RICH "/transaction",
                                  .body = "{\"transactionReference\":\"one\",\"amount\":130.00}"},
                   &reply);
        EXPECT_STATUS(&reply, 303);
        cr_expect_str_eq(reply.location, location);
        cr_expect_str_eq(reply.body, "");
    }
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(amount_minor) FROM entry"), "13000");
    reply_forget(&reply);
    world_stop(&world);
}

Test(once, a_reference_with_another_amount_or_manner_is_refused) {
    struct world world;
    struct reply reply = {0};
    world_start(&world, (struct world_wishes){0});
    world_post(&world, RICH, "{\"transactionReference\":\"one\",\"amount\":130}", &reply);
    world_post(&world, RICH, "{\"transactionReference\":\"one\",\"amount\":131}", &reply);
    EXPECT_STATUS(&reply, 409);
    EXPECT_MEMBER(&reply, "field", "amount");
    world_post(&world, RICH, "{\"transactionReference\":\"one\",\"amount\":130,\"transactionCommit\":false}", &reply);
    EXPECT_STATUS(&reply, 409);
    EXPECT_MEMBER(&reply, "field", "transactionCommit");
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(amount_minor) FROM entry"), "13000");
    reply_forget(&reply);
    world_stop(&world);
}

struct rival {
    struct world *world;
    int wallet;
    const char *body;
    struct reply reply;
};

static void *post(void *argument) {
    struct rival *rival = argument;
    world_call(
        rival->world,
        (struct asked){.wallet = rival->wallet, .method = "POST", .path = RICH "/transaction", .body = rival->body},
        &rival->reply);
    return NULL;
}

Test(once, of_many_that_come_at_once_to_two_wallets_one_is_charged) {
    struct world world;
    world_start(&world, (struct world_wishes){.cluster = {.nodes = 2}});
    for (int round = 0; round < 5; round++) {
        struct rival rivals[RIVALS] = {0};
        pthread_t threads[RIVALS];
        char body[128];
        int made = 0;
        snprintf(body, sizeof(body), "{\"transactionReference\":\"round %d\",\"amount\":10}", round);
        for (int i = 0; i < RIVALS; i++) {
            rivals[i] = (struct rival){.world = &world, .wallet = i % 2, .body = body};
            cr_assert_eq(pthread_create(&threads[i], NULL, post, &rivals[i]), 0);
        }
        for (int i = 0; i < RIVALS; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < RIVALS; i++) {
            made += rivals[i].reply.status == 201;
            cr_expect(rivals[i].reply.status == 201 || rivals[i].reply.status == 303, "%d %s", rivals[i].reply.status,
                      rivals[i].reply.body);
            cr_expect_str_eq(rivals[i].reply.location, rivals[0].reply.location);
        }
        cr_expect_eq(made, 1);
        for (int i = 0; i < RIVALS; i++)
            reply_forget(&rivals[i].reply);
    }
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(amount_minor) FROM entry"), "5000");
    cluster_expect_clean_audit(&world.cluster);
    world_stop(&world);
}

Test(once, a_wallet_that_is_killed_between_hold_and_commit_leaves_nothing_that_another_can_not_end) {
    struct world world;
    struct reply reply = {0};
    char location[256];
    world_start(&world, (struct world_wishes){0});
    world_post(&world, RICH, "{\"transactionReference\":\"one\",\"amount\":10,\"transactionCommit\":false}", &reply);
    strcpy(location, reply.location);
    cr_expect_eq(test_process_end(world.wallets[0].pid, SIGKILL), 128 + SIGKILL);
    world.wallets[0].pid = 0;
    world_call(&world,
               (struct asked){.wallet = 1, .method = "PATCH", .path = location, .body = "{\"status\":\"commited\"}"},
               &reply);
    EXPECT_STATUS(&reply, 201);
    EXPECT_MEMBER(&reply, "status", "commited");
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(charged_minor) FROM effect"), "1000");
    reply_forget(&reply);
    world_stop(&world);
}

/* What is left of a wallet that was killed after its claim: the reference with an id, and nothing at the switch. */
static void claim(struct world *world, const char *reference, const char *id) {
    cluster_sql(
        &world->cluster,
        "INSERT INTO wallet_transaction (issuer, credential, reference, id, amount_minor, is_hold, description) "
        "VALUES ('100', 'app/" APP_RICH "', '%s', '%s', 1000, false, '')",
        reference, id);
}

static void id_of(int64_t ago_us, char text[REQUEST_ID_TEXT_SIZE]) {
    uint8_t random[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, (uint8_t)(ago_us / 1000000)};
    struct request_id id = request_id_make((struct instant){instant_now().us - ago_us}, random);
    request_id_format(&id, text);
}

Test(once, a_claim_whose_wallet_died_is_bought_by_the_repeat_however_late) {
    struct world world;
    struct reply reply = {0};
    char id[REQUEST_ID_TEXT_SIZE];
    world_start(&world, (struct world_wishes){0});
    id_of(5 * SECOND_US, id);
    claim(&world, "soon", id);
    world_post(&world, RICH, "{\"transactionReference\":\"soon\",\"amount\":10}", &reply);
    EXPECT_STATUS(&reply, 303);
    cr_expect(strstr(reply.location, id) != NULL, "under its own id: %s", reply.location);
    id_of(3600 * SECOND_US, id);
    claim(&world, "late", id);
    world_post(&world, RICH, "{\"transactionReference\":\"late\",\"amount\":10}", &reply);
    EXPECT_STATUS(&reply, 303);
    cr_expect(strstr(reply.location, id) == NULL, "under a new one: %s", reply.location);
    world_get(&world, reply.location, &reply);
    EXPECT_MEMBER(&reply, "status", "commited");
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(amount_minor) FROM entry"), "2000");
    reply_forget(&reply);
    world_stop(&world);
}

Test(once, an_id_whose_purchase_was_undone_is_replaced_but_not_one_that_was_told) {
    struct world world;
    struct reply reply = {0};
    char id[REQUEST_ID_TEXT_SIZE], first[256];
    world_start(&world, (struct world_wishes){0});
    id_of(5 * SECOND_US, id);
    claim(&world, "undone", id);
    const char *const undo[] = {"reverse", "--app", APP_RICH, "--id", id, NULL};
    cr_assert_eq(cluster_vaxel(&world.cluster, NULL, 0, undo), 0);
    world_post(&world, RICH, "{\"transactionReference\":\"undone\",\"amount\":10}", &reply);
    EXPECT_STATUS(&reply, 303);
    world_get(&world, reply.location, &reply);
    EXPECT_MEMBER(&reply, "status", "commited");

    world_post(&world, RICH, "{\"transactionReference\":\"told\",\"amount\":10}", &reply);
    EXPECT_STATUS(&reply, 201);
    strcpy(first, reply.location);
    cluster_sql(&world.cluster, "UPDATE client SET calls = calls || '{reverse}' WHERE name = 'ops-1'");
    strcpy(id, strrchr(first, '/') + 1);
    struct client_connection *wallet = cluster_connect(&world.cluster, 0, "wallet-1");
    struct wire_request request = {.call = CALL_REVERSE,
                                   .settle = {.kind = ENTRY_REVERSAL,
                                              .has_credential = true,
                                              .credential = {.kind = CREDENTIAL_APP},
                                              .is_final = true,
                                              .timeout_us = 10 * SECOND_US}};
    struct request_id app;
    cr_assert(request_id_parse(APP_RICH, &app));
    cr_assert(request_id_parse(id, &request.settle.id));
    request.settle.original = request.settle.id;
    memcpy(request.settle.credential.app, app.bytes, sizeof(app.bytes));
    struct wire_reply reversed = cluster_call(wallet, &request);
    cr_expect_eq(reversed.answer.decision, DECISION_APPROVED);
    client_disconnect(wallet);
    world_post(&world, RICH, "{\"transactionReference\":\"told\",\"amount\":10}", &reply);
    EXPECT_STATUS(&reply, 303);
    cr_expect_str_eq(reply.location, first);
    world_get(&world, first, &reply);
    EXPECT_MEMBER(&reply, "status", "cancelled");
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(amount_minor) FROM entry"), "1000");
    reply_forget(&reply);
    world_stop(&world);
}

static void expect_reversals(struct world *world, const char *count) {
    cr_expect_str_eq(cluster_sql(&world->cluster, "SELECT count(*) FROM entry WHERE kind = 6"), count);
}

static void wait_sql(struct world *world, const char *sql, const char *wanted) {
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    while (strcmp(cluster_sql(&world->cluster, "%s", sql), wanted) != 0) {
        cr_assert_lt(tick_now().us, give_up, "%s is not %s", sql, wanted);
        usleep(10000);
    }
}

static void post_until_known(struct world *world, const char *body, struct reply *reply) {
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    do
        world_post(world, RICH, body, reply);
    while (reply->status == 503 && tick_now().us < give_up);
}

/* ---- told no ---- */

static void wait_allowed(struct world *world, const char *wallet, const char *balance) {
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    struct reply reply = {0};
    do {
        cr_assert_lt(tick_now().us, give_up, "the directory's change is not in force: %s", reply.body);
        usleep(10000);
        world_get(world, wallet, &reply);
    } while (strstr(reply.body, balance) == NULL);
    reply_forget(&reply);
}

/* As if it were asked for again an hour later, after the counters were lost. */
static void forget(struct world *world, const char *reference) {
    char id[REQUEST_ID_TEXT_SIZE];
    id_of((3600 + reference[0]) * SECOND_US, id);
    cluster_sql(&world->cluster, "UPDATE wallet_transaction SET id = '%s' WHERE reference = '%s'", id, reference);
    test_redis_command(&world->cluster.redis, "FLUSHALL");
}

Test(once, a_reference_that_was_told_no_is_told_the_same_for_ever_and_never_charged) {
    static const struct no {
        const char *reference, *wallet;
        int status;
    } noes[] = {{"limit", THOUSAND, 409}, {"blocked", "/api/v3/traveller/" APP_BLOCKED "/wallet", 403}};
    struct world world;
    struct reply reply = {0};
    char body[128], told[2][sizeof(reply.body)];
    world_start(&world, (struct world_wishes){0});
    for (int i = 0; i < 2; i++) {
        snprintf(body, sizeof(body), "{\"transactionReference\":\"%s\",\"amount\":1500}", noes[i].reference);
        world_post(&world, noes[i].wallet, body, &reply);
        EXPECT_STATUS(&reply, noes[i].status);
        strcpy(told[i], reply.body);
    }
    cluster_sql(&world.cluster, "UPDATE credit SET limit_minor = 555500, state = 'active' WHERE id IN (202, 203)");
    for (int i = 0; i < 2; i++) {
        wait_allowed(&world, noes[i].wallet, "\"balance\":5555.00");
        forget(&world, noes[i].reference);
        snprintf(body, sizeof(body), "{\"transactionReference\":\"%s\",\"amount\":1500}", noes[i].reference);
        world_post(&world, noes[i].wallet, body, &reply);
        EXPECT_STATUS(&reply, noes[i].status);
        cr_expect_str_eq(reply.body, told[i]);
    }
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT count(*) FROM entry"), "0");
    reply_forget(&reply);
    world_stop(&world);
}

/* What a wallet leaves that died before it marked the approval; then the app gets another credit. */
Test(once, what_was_bought_by_the_credit_before_is_reversed_before_the_repeat_is_told_no) {
    struct world world;
    struct reply reply = {0};
    char balance[32];
    static const char body[] = "{\"transactionReference\":\"one\",\"amount\":10}";
    world_start(&world, (struct world_wishes){0});
    world_post(&world, RICH, body, &reply);
    EXPECT_STATUS(&reply, 201);
    cluster_sql(&world.cluster, "UPDATE wallet_transaction SET state = 'asked'; "
                                "UPDATE credit SET state = 'ended' WHERE id = 201; "
                                "INSERT INTO credit (id, organisation, traveller, limit_minor, state, app) "
                                "VALUES (206, 1, 1, 555500, 'active', '" APP_RICH "')");
    wait_allowed(&world, RICH, "\"balance\":5555.00");
    cluster_sql(&world.cluster,
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$; "
                "CREATE TRIGGER refuse BEFORE UPDATE OF state ON wallet_transaction "
                "FOR EACH ROW EXECUTE FUNCTION refuse()");
    world_post(&world, RICH, body, &reply);
    EXPECT_STATUS(&reply, 503);
    expect_reversals(&world, "0");
    cluster_sql(&world.cluster, "DROP TRIGGER refuse ON wallet_transaction");
    for (int i = 0; i < 2; i++) {
        world_post(&world, RICH, body, &reply);
        EXPECT_STATUS(&reply, 409);
        EXPECT_MEMBER(&reply, "type", "urn:vaxel:problem:id-reused");
    }
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(amount_minor) FROM entry"), "0");
    expect_reversals(&world, "1");
    world_balance(&world, RICH, balance);
    cr_expect_str_eq(balance, "5555.00");
    cluster_expect_clean_audit(&world.cluster);
    reply_forget(&reply);
    world_stop(&world);
}

/* A switch that forgot says yes to a copy while another's no is being kept; then it is gone. */
Test(once, what_a_copy_is_approved_after_a_no_was_kept_is_reversed_by_the_repeat_if_the_copy_could_not) {
    struct world world;
    struct reply reply = {0};
    static const char body[] = "{\"transactionReference\":\"one\",\"amount\":10}";
    struct rival copy = {.world = &world, .body = body};
    char id[REQUEST_ID_TEXT_SIZE];
    pthread_t thread;
    world_start(&world, (struct world_wishes){0});
    id_of(5 * SECOND_US, id);
    claim(&world, "one", id);
    PGconn *other = PQconnectdb(world.cluster.conninfo);
    PQclear(PQexec(other, "BEGIN; SELECT FROM wallet_transaction FOR UPDATE"));
    cr_assert_eq(PQtransactionStatus(other), PQTRANS_INTRANS, "%s", PQerrorMessage(other));
    cr_assert_eq(pthread_create(&thread, NULL, post, &copy), 0);
    wait_sql(&world,
             "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
             "AND query LIKE 'UPDATE wallet_transaction SET state%'",
             "1");
    cr_expect_eq(test_process_end(world.cluster.nodes[0].pid, SIGKILL), 128 + SIGKILL);
    PQclear(PQexec(other, "UPDATE wallet_transaction SET state = 'declined', reason = 'CREDIT_LIMIT', detail = 'Nej.'; "
                          "COMMIT"));
    cr_assert_eq(PQtransactionStatus(other), PQTRANS_IDLE, "%s", PQerrorMessage(other));
    PQfinish(other);
    pthread_join(thread, NULL);
    EXPECT_STATUS(&copy.reply, 503);
    cluster_start_node(&world.cluster, 0);
    cluster_wait_ready(&world.cluster, 0);
    for (int i = 0; i < 2; i++) {
        post_until_known(&world, body, &reply);
        EXPECT_STATUS(&reply, 409);
        EXPECT_MEMBER(&reply, "detail", "Nej.");
    }
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(amount_minor) FROM entry"), "0");
    expect_reversals(&world, "1");
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT replaced IS NULL FROM wallet_transaction"), "t",
                     "the no is told without the switch from now on");
    cluster_expect_clean_audit(&world.cluster);
    reply_forget(&reply);
    reply_forget(&copy.reply);
    world_stop(&world);
}

/* ---- an id that is replaced ---- */

/* A wallet whose clock is off makes ids that are out of the switch's time: so do slow tables, where that time is short.
 */
Test(once, a_wallet_whose_new_ids_are_out_of_time_says_so_and_does_not_go_on_making_them) {
    struct world world;
    struct reply reply = {0};
    char command[512];
    static const char body[] = "{\"transactionReference\":\"one\",\"amount\":10}";
    const char *const settings[] = {"wallet.timeout=30 s", NULL};
    world_start(&world, (struct world_wishes){.cluster = {.settings = "[operator]\ntime_window = 1 s\n"},
                                              .settings = settings});
    cluster_sql(&world.cluster,
                "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1.5); "
                "RETURN NEW; END $$; CREATE TRIGGER slow BEFORE INSERT OR UPDATE OF id ON wallet_transaction "
                "FOR EACH ROW EXECUTE FUNCTION dawdle()");
    world_post(&world, RICH, body, &reply);
    EXPECT_STATUS(&reply, 503);
    expect_reversals(&world, "0");
    world_post(&world, RICH, body, &reply);
    EXPECT_STATUS(&reply, 503);
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT count(*) <= 1 FROM entry WHERE kind = 6"), "t");
    snprintf(command, sizeof(command), "grep -q 'error .*set the clock.* switch_clock=' %s", world.wallets[0].log);
    cr_expect_eq(system(command), 0, "the clock is not named in the log");
    cluster_sql(&world.cluster, "DROP TRIGGER slow ON wallet_transaction");
    post_until_known(&world, body, &reply);
    EXPECT_STATUS(&reply, 303);
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(amount_minor) FROM entry"), "1000");
    reply_forget(&reply);
    world_stop(&world);
}

/* Who buys under the old id meanwhile is about to tell so: only when the row says otherwise may it be taken back. */
Test(once, an_id_is_reversed_only_after_it_was_replaced) {
    struct world world;
    struct reply reply = {0};
    char id[REQUEST_ID_TEXT_SIZE];
    world_start(&world, (struct world_wishes){0});
    cluster_sql(&world.cluster,
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$; "
                "CREATE TRIGGER refuse BEFORE UPDATE OF id ON wallet_transaction "
                "FOR EACH ROW EXECUTE FUNCTION refuse()");
    id_of(3600 * SECOND_US, id);
    claim(&world, "late", id);
    world_post(&world, RICH, "{\"transactionReference\":\"late\",\"amount\":10}", &reply);
    EXPECT_STATUS(&reply, 503);
    expect_reversals(&world, "0");
    reply_forget(&reply);
    world_stop(&world);
}

Test(once, what_was_bought_under_an_id_that_was_replaced_is_reversed_by_the_repeat_if_the_first_died) {
    struct world world;
    struct reply reply = {0};
    char first[REQUEST_ID_TEXT_SIZE], second[REQUEST_ID_TEXT_SIZE];
    world_start(&world, (struct world_wishes){0});
    world_post(&world, RICH, "{\"transactionReference\":\"one\",\"amount\":10}", &reply);
    EXPECT_STATUS(&reply, 201);
    snprintf(first, sizeof(first), "%s", strrchr(reply.location, '/') + 1);
    id_of(SECOND_US, second);
    cluster_sql(&world.cluster, "UPDATE wallet_transaction SET state = 'asked', id = '%s', replaced = '%s'", second,
                first);
    world_post(&world, RICH, "{\"transactionReference\":\"one\",\"amount\":10}", &reply);
    EXPECT_STATUS(&reply, 303);
    cr_expect(strstr(reply.location, second) != NULL, "%s", reply.location);
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(amount_minor) FROM entry"), "1000");
    expect_reversals(&world, "1");
    cluster_expect_clean_audit(&world.cluster);
    reply_forget(&reply);
    world_stop(&world);
}

/* ---- what is away ---- */

Test(once, while_the_switch_or_the_database_is_away_it_is_said_and_the_same_reference_goes_on_later) {
    struct world world;
    struct reply reply = {0};
    static const char body[] = "{\"transactionReference\":\"one\",\"amount\":10}";
    const char *const settings[] = {"wallet.timeout=500 ms", NULL};
    world_start(&world, (struct world_wishes){.cluster = {.own_postgres = true}, .settings = settings});
    cr_expect_eq(test_process_end(world.cluster.nodes[0].pid, SIGKILL), 128 + SIGKILL);
    world_post(&world, RICH, body, &reply);
    EXPECT_STATUS(&reply, 503);
    world_get(&world, RICH, &reply);
    EXPECT_STATUS(&reply, 503);
    cluster_start_node(&world.cluster, 0);
    cluster_wait_ready(&world.cluster, 0);
    test_postgres_pause(&world.cluster.postgres);
    world_post(&world, RICH, body, &reply);
    EXPECT_STATUS(&reply, 503);
    EXPECT_MEMBER(&reply, "type", "urn:vaxel:problem:unavailable");
    test_postgres_resume(&world.cluster.postgres);
    post_until_known(&world, body, &reply);
    cr_expect(reply.status == 303 || reply.status == 201, "%d %s", reply.status, reply.body);
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(amount_minor) FROM entry"), "1000");
    reply_forget(&reply);
    world_stop(&world);
}

/* ---- many at once ---- */

struct member {
    struct world *world;
    int number;
    int wrong;
};

/* Reserves and ends, by turns in the three ways there are: committed, cancelled, committed and then cancelled. */
static void *shop(void *argument) {
    struct member *member = argument;
    struct reply reply = {0};
    for (int i = 0; i < CALLS; i++) {
        char body[128], location[256];
        int wallet = (member->number + i) % WALLETS;
        snprintf(body, sizeof(body), "{\"transactionReference\":\"%d/%d\",\"amount\":1.10,\"transactionCommit\":false}",
                 member->number, i);
        world_call(member->world,
                   (struct asked){.wallet = wallet, .method = "POST", .path = RICH "/transaction", .body = body},
                   &reply);
        member->wrong += reply.status != 201;
        strcpy(location, reply.location);
        const char *const ends[] = {"{\"status\":\"commited\"}", "{\"status\":\"cancelled\"}"};
        for (int end = i % 3 == 1; end < (i % 3 == 0 ? 1 : 2); end++) {
            world_call(member->world,
                       (struct asked){.wallet = wallet, .method = "PATCH", .path = location, .body = ends[end]},
                       &reply);
            member->wrong += reply.status != 201;
        }
    }
    reply_forget(&reply);
    return NULL;
}

Test(once, sixty_four_clients_at_once_pay_for_what_they_committed_and_no_more) {
    struct world world;
    const char *const settings[] = {"wallet.timeout=50 s", NULL};
    world_start(&world, (struct world_wishes){.settings = settings});
    struct member members[CLIENTS];
    pthread_t threads[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        members[i] = (struct member){.world = &world, .number = i};
        cr_assert_eq(pthread_create(&threads[i], NULL, shop, &members[i]), 0);
    }
    int wrong = 0;
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        wrong += members[i].wrong;
    }
    cr_expect_eq(wrong, 0);
    char charged[32];
    snprintf(charged, sizeof(charged), "%d", CLIENTS * CALLS / 3 * 110);
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(charged_minor) FROM effect"), charged);
    cr_expect_str_eq(cluster_sql(&world.cluster, "SELECT sum(amount_minor) FROM entry"), charged);
    cluster_expect_clean_audit(&world.cluster);
    world_stop(&world);
}
