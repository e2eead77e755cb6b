/* SPDX-License-Identifier: Apache-2.0 */
/* What devices tell of, and are told, when they have been on their own: advices and the block list (DOMAIN F2, F5). */
#include "cluster.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cluster cluster;
static struct advices advices;

TestSuite(reports, .timeout = 180);

static void start(struct cluster_wishes wishes) {
    cluster_start(&cluster, wishes);
    advices.count = 0;
}

static void finish(void) {
    cluster_expect_clean_audit(&cluster);
    cluster_stop(&cluster);
}

/* ---- advices ---- */

static struct advise *add_advice(int card, int64_t amount_minor, struct request_id id) {
    struct advise *advise = &advices.each[advices.count++];
    *advise = (struct advise){
        .id = id,
        .credential = {.kind = CREDENTIAL_CARD, .card = cluster_card(card)},
        .amount = {amount_minor, {"SEK"}},
        .product = {"single"},
        .place = {"line 45"},
        .timeout_us = 10 * SECOND_US,
    };
    return advise;
}

static struct request_id id_of_age(int64_t age_us) {
    struct request_id now = cluster_new_id();
    uint8_t random[10];
    memcpy(random, now.bytes + 6, sizeof random);
    return request_id_make((struct instant){instant_now().us - age_us}, random);
}

static const struct advice_answers *tell(struct client_connection *connection) {
    static struct wire_reply reply;
    struct wire_request request = {.call = CALL_ADVISE, .advices = &advices};
    reply = cluster_call(connection, &request);
    cr_assert_eq(reply.kind, WIRE_REPLY_ADVICES, "%s: %s", reply.fault.field, reply.fault.text);
    cr_assert_eq(reply.advices->count, advices.count);
    for (uint32_t i = 0; i < advices.count; i++)
        cr_assert(request_id_equal(&reply.advices->each[i].id, &advices.each[i].id), "not in the order asked");
    return reply.advices;
}

static void expect_advice(const struct advice_answer *answer, enum reason reason, uint8_t flags) {
    cr_expect_eq(answer->reason, reason, "%s, not %s", reason_name(answer->reason), reason_name(reason));
    cr_expect_eq(answer->decision, reason == REASON_APPROVED ? DECISION_APPROVED : DECISION_DECLINED);
    cr_expect_eq(answer->flags, flags, "%d, not %d", answer->flags, flags);
}

Test(reports, each_advice_of_a_frame_is_recorded_whatever_the_limits_say_and_answered_by_itself) {
    start((struct cluster_wishes){.nodes = 2});
    add_advice(CARD_RICH, 13000, cluster_new_id());
    add_advice(CARD_THOUSAND, 90000, cluster_new_id());
    add_advice(CARD_BLOCKED, 13000, cluster_new_id());
    add_advice(CARD_RICH, 13000, id_of_age(70 * 86400 * SECOND_US));
    add_advice(CARD_COUNT + 5, 13000, cluster_new_id());
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    const struct advice_answers *answers = tell(connection);
    expect_advice(&answers->each[0], REASON_APPROVED, 0);
    expect_advice(&answers->each[1], REASON_APPROVED, 0);
    expect_advice(&answers->each[2], REASON_APPROVED, ENTRY_FORCED);
    expect_advice(&answers->each[3], REASON_APPROVED, ENTRY_LATE);
    expect_advice(&answers->each[4], REASON_UNKNOWN_CREDENTIAL, 0);
    cr_expect_str_eq(cluster_sql(&cluster, "SELECT count(*) FROM entry WHERE kind = %d", ENTRY_ADVICE), "4");
    client_disconnect(connection);

    /* Told of again, at another node: the same answers, and nothing more is recorded. */
    connection = cluster_connect(&cluster, 1, "validator-1");
    answers = tell(connection);
    for (uint32_t i = 0; i < 4; i++)
        cr_expect(answers->each[i].is_repeat);
    expect_advice(&answers->each[2], REASON_APPROVED, ENTRY_FORCED);
    expect_advice(&answers->each[3], REASON_APPROVED, ENTRY_LATE);
    cr_expect_str_eq(cluster_sql(&cluster, "SELECT count(*) FROM entry WHERE kind = %d", ENTRY_ADVICE), "4");
    client_disconnect(connection);
    finish();
}

static void wait_for_reason(int card, enum reason reason) {
    int64_t give_up = tick_now().us + 30 * SECOND_US;
    enum reason found;
    while ((found = cluster_buy(&cluster, 0, card).reason) != reason)
        cr_assert_lt(tick_now().us, give_up, "%s, not %s", reason_name(found), reason_name(reason));
}

Test(reports, an_account_that_is_over_its_limit_by_advices_declines) {
    start((struct cluster_wishes){0});
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    add_advice(CARD_THOUSAND, 95000, cluster_new_id());
    expect_advice(&tell(connection)->each[0], REASON_APPROVED, 0);
    wait_for_reason(CARD_THOUSAND, REASON_CREDIT_LIMIT);
    advices.count = 0;
    add_advice(CARD_THOUSAND, 13000, cluster_new_id());
    expect_advice(&tell(connection)->each[0], REASON_APPROVED, ENTRY_FORCED);
    wait_for_reason(CARD_THOUSAND, REASON_CREDIT_LIMIT);
    client_disconnect(connection);
    finish();
}

/* The same tap told of twice, in either order, is one purchase. */
Test(reports, a_purchase_and_its_advice_are_one) {
    start((struct cluster_wishes){0});
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    struct wire_request bought = cluster_purchase(CARD_THOUSAND);
    cr_assert_eq(cluster_call(connection, &bought).answer.reason, REASON_APPROVED);
    add_advice(CARD_THOUSAND, 13000, bought.authorize.id);
    cr_expect(tell(connection)->each[0].is_repeat);
    advices.count = 0;
    struct wire_request late = cluster_purchase(CARD_THOUSAND);
    add_advice(CARD_THOUSAND, 13000, late.authorize.id);
    cr_expect_not(tell(connection)->each[0].is_repeat);
    struct wire_reply reply = cluster_call(connection, &late);
    cr_expect_eq(reply.answer.reason, REASON_APPROVED, "%s", reason_name(reply.answer.reason));
    cr_expect_str_eq(
        cluster_sql(&cluster, "SELECT sum(amount_minor) FROM entry WHERE credit = %d", 100 + CARD_THOUSAND), "26000");
    client_disconnect(connection);
    finish();
}

/* Sends the frame until none of it is BUSY; how often. */
static int tell_all(struct client_connection *connection) {
    for (int round = 1;; round++) {
        const struct advice_answers *answers = tell(connection);
        uint32_t busy = 0;
        for (uint32_t i = 0; i < answers->count; i++) {
            if (answers->each[i].reason == REASON_BUSY)
                advices.each[busy++] = advices.each[i];
            else
                expect_advice(&answers->each[i], REASON_APPROVED, 0);
        }
        advices.count = busy;
        if (busy == 0)
            return round;
        cr_assert_lt(round, 200, "busy for ever");
    }
}

Test(reports, a_frame_larger_than_what_may_be_under_way_is_taken_in_parts) {
    start((struct cluster_wishes){.settings = "[switch]\nadvices = 100\n"});
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    for (int i = 0; i < 300; i++)
        add_advice(CARD_RICH, 100, cluster_new_id());
    cr_expect_gt(tell_all(connection), 1, "no bound");
    for (int i = 0; i < 300; i++)
        add_advice(CARD_RICH, 100, cluster_new_id());
    tell_all(connection);
    cr_expect_str_eq(cluster_sql(&cluster, "SELECT count(*) FROM entry"), "600");
    client_disconnect(connection);
    finish();
}

Test(reports, frames_of_many_connections_at_once_are_each_answered_whole) {
    start((struct cluster_wishes){.settings = "[switch]\nworkers = 2\nadvices = 4096\n"});
    struct client_connection *connections[8];
    struct failure failure;
    for (int i = 0; i < 400; i++)
        add_advice(CARD_RICH, 100, cluster_new_id());
    struct wire_request request = {.call = CALL_ADVISE, .advices = &advices};
    for (int i = 0; i < 8; i++) {
        connections[i] = cluster_connect(&cluster, 0, "validator-1");
        cr_assert(client_send(connections[i], &request, &failure), "%s", failure.text);
    }
    /* All tell of the same: whoever comes first, each is told that it is recorded. One leaves before it hears. */
    client_disconnect(connections[0]);
    for (int i = 1; i < 8; i++) {
        struct wire_reply reply;
        cr_assert(client_receive(connections[i], 20 * SECOND_US, &reply, &failure), "%s", failure.text);
        cr_assert_eq(reply.kind, WIRE_REPLY_ADVICES);
        for (uint32_t at = 0; at < advices.count; at++)
            expect_advice(&reply.advices->each[at], REASON_APPROVED, 0);
        client_disconnect(connections[i]);
    }
    cr_expect_str_eq(cluster_sql(&cluster, "SELECT count(*) FROM entry WHERE kind = %d", ENTRY_ADVICE), "400");
    finish();
}

Test(reports, an_advice_costs_what_a_request_costs) {
    start((struct cluster_wishes){0});
    cluster_sql(&cluster, "INSERT INTO client (name, kind, calls, channels, rate_per_s) VALUES "
                          "('stranger', 'validator', '{advise}', '{card}', 5)");
    struct client_connection *connection = cluster_connect(&cluster, 0, "stranger");
    for (int i = 0; i < 100; i++)
        add_advice(CARD_RICH, 100, cluster_new_id());
    struct wire_request request = {.call = CALL_ADVISE, .advices = &advices};
    struct wire_reply reply;
    struct failure failure;
    int64_t give_up = tick_now().us + 20 * SECOND_US;
    while (!client_call(connection, &request, 20 * SECOND_US, &reply, &failure)) {
        cr_assert_lt(tick_now().us, give_up, "the client is not known: %s", failure.text);
        client_disconnect(connection);
        connection = cluster_connect(&cluster, 0, "stranger");
    }
    int busy = 0;
    for (uint32_t i = 0; i < reply.advices->count; i++)
        busy += reply.advices->each[i].reason == REASON_BUSY;
    cr_expect_gt(busy, 0, "a frame slips past the rate");
    cr_expect_lt(busy, 100, "nothing is let through");
    client_disconnect(connection);
    finish();
}

/* ---- the block list ---- */

struct device {
    int64_t since;
    enum block_kind last[CARD_COUNT];
};

/* One page; false when there is no more. */
static bool read_page(struct client_connection *connection, struct device *device, uint32_t limit) {
    struct wire_request request = {.call = CALL_BLOCK_LIST, .block_list = {.since = device->since, .limit = limit}};
    struct wire_reply reply = cluster_call(connection, &request);
    cr_assert_eq(reply.kind, WIRE_REPLY_BLOCKS, "%s", reply.fault.text);
    cr_assert_leq(reply.blocks->count, limit);
    int64_t number = device->since;
    for (uint32_t i = 0; i < reply.blocks->count; i++) {
        const struct block *block = &reply.blocks->blocks[i];
        cr_assert_gt(block->number, number, "numbers do not increase");
        number = block->number;
        for (int card = 0; card < CARD_COUNT; card++)
            if (block->credential.card == cluster_card(card))
                device->last[card] = block->kind;
    }
    cr_assert_geq(reply.blocks->last, number);
    device->since = reply.blocks->last;
    return reply.blocks->has_more;
}

static void expect_like_the_directory(const struct device *device) {
    for (int card = 0; card < CARD_COUNT; card++) {
        bool is_stopped = strcmp(cluster_sql(&cluster,
                                             "SELECT c.state <> 'active' OR o.state <> 'active' FROM credit c "
                                             "JOIN organisation o ON o.id = c.organisation WHERE c.id = %d",
                                             100 + card),
                                 "t") == 0;
        cr_expect_eq(device->last[card] == BLOCK_STOPPED, is_stopped, "card %d", card);
    }
}

Test(reports, a_device_knows_whom_to_refuse_after_any_gap_and_at_any_node) {
    start((struct cluster_wishes){.nodes = 2});
    struct client_connection *connections[2] = {cluster_connect(&cluster, 0, "validator-1"),
                                                cluster_connect(&cluster, 1, "validator-1")};
    struct device often = {0};
    struct device seldom = {0};
    for (int round = 0; round < 6; round++) {
        cluster_sql(&cluster,
                    "UPDATE credit SET state = CASE state WHEN 'active' THEN 'blocked'::text ELSE 'active' END "
                    "WHERE id %% 3 = %d AND state IN ('active', 'blocked')",
                    round % 3);
        cluster_sql(&cluster, "UPDATE organisation SET state = '%s' WHERE id = 3",
                    round % 2 == 0 ? "suspended" : "active");
        while (read_page(connections[round % 2], &often, 2))
            ;
        expect_like_the_directory(&often);
    }
    while (read_page(connections[1], &seldom, 512))
        ;
    expect_like_the_directory(&seldom);
    cr_expect_eq(seldom.since, often.since);
    cr_expect_eq(memcmp(seldom.last, often.last, sizeof seldom.last), 0);
    client_disconnect(connections[0]);
    client_disconnect(connections[1]);
    finish();
}

Test(reports, a_credit_that_is_used_up_is_on_the_list_where_the_operator_wants_it) {
    start((struct cluster_wishes){.settings = "[operator]\nblock_used_up = yes\n"});
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    struct wire_request most = cluster_purchase(CARD_THOUSAND);
    most.authorize.amount.minor = 100000;
    cr_assert_eq(cluster_call(connection, &most).answer.reason, REASON_APPROVED);
    /* Somebody is refused, or the last of it was spent: either way devices hear of it. */
    cr_assert_eq(cluster_buy(&cluster, 0, CARD_THOUSAND).reason, REASON_CREDIT_LIMIT);
    struct device device = {0};
    int64_t give_up = tick_now().us + 20 * SECOND_US;
    while (device.last[CARD_THOUSAND] != BLOCK_USED_UP) {
        cr_assert_lt(tick_now().us, give_up, "not on the list");
        read_page(connection, &device, 512);
    }
    client_disconnect(connection);
    finish();
}

/* How often a text is among what a command has printed. */
static int count_printed(const char *path, const char *text) {
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    char line[512];
    int count = 0;
    while (fgets(line, sizeof line, file) != NULL)
        count += strstr(line, text) != NULL;
    fclose(file);
    return count;
}

static void wait_printed(const char *path, const char *text) {
    int64_t give_up = tick_now().us + 30 * SECOND_US;
    while (count_printed(path, text) == 0) {
        cr_assert_lt(tick_now().us, give_up, "not printed: %s", text);
        usleep(5000);
    }
}

/* STOPPED or LIFTED, and the card. */
static const char *line_of(const char *kind, int card) {
    static char text[64];
    snprintf(text, sizeof text, "%-7s  %016llu", kind, (unsigned long long)cluster_card(card));
    return text;
}

/* DOMAIN F5: the switch was killed and changed meanwhile; nothing is missed, and nothing is told twice. */
Test(reports, who_follows_the_block_list_goes_on_when_the_switch_is_back) {
    start((struct cluster_wishes){.nodes = 1});
    char program[TEST_TEXT], path[TEST_TEXT], certificate[TEST_TEXT], key[TEST_TEXT];
    test_program("vaxel", program);
    snprintf(path, sizeof path, "%.200s/followed", cluster.directory);
    snprintf(certificate, sizeof certificate, "%.200s/validator-1.pem", cluster.directory);
    snprintf(key, sizeof key, "%.200s/validator-1.key", cluster.directory);
    const char *const arguments[] = {
        program,         "blocks",    "--follow", "--whole", "--config", cluster.nodes[0].config,
        "--certificate", certificate, "--key",    key,       NULL};
    cluster_sql(&cluster, "UPDATE credit SET state = 'blocked' WHERE id = %d", 100 + CARD_THOUSAND);
    pid_t follower = test_process_start(path, arguments);
    wait_printed(path, line_of("STOPPED", CARD_THOUSAND));
    test_process_end(cluster.nodes[0].pid, SIGKILL);
    cluster.nodes[0].pid = 0;
    cluster_sql(&cluster, "UPDATE credit SET state = 'blocked' WHERE id = %d", 100 + CARD_RICH);
    wait_printed(path, "trying again");
    cluster_start_node(&cluster, 0);
    wait_printed(path, line_of("STOPPED", CARD_RICH));
    cluster_sql(&cluster, "UPDATE credit SET state = 'active' WHERE id = %d", 100 + CARD_RICH);
    wait_printed(path, line_of("LIFTED", CARD_RICH));
    cr_expect_eq(count_printed(path, line_of("STOPPED", CARD_THOUSAND)), 1);
    cr_expect_eq(count_printed(path, line_of("STOPPED", CARD_RICH)), 1);
    cr_expect_eq(count_printed(path, "trying again"), 1, "told at every try");
    test_process_end(follower, SIGTERM);
    finish();
}
