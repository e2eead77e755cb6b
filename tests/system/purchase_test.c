/* SPDX-License-Identifier: Apache-2.0 */
/* Purchases through TLS, with real processes. */
#include "cluster.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cluster cluster;

static void init(void) {
    cluster_start(&cluster, (struct cluster_wishes){.nodes = 2});
}

static void finish(void) {
    cluster_stop(&cluster);
}

TestSuite(purchase, .init = init, .fini = finish, .timeout = 120);

static int rows_of(const struct request_id *id) {
    char text[REQUEST_ID_TEXT_SIZE];
    request_id_format(id, text);
    return atoi(cluster_sql(&cluster, "SELECT count(*) FROM entry WHERE id = '%s'", text));
}

Test(purchase, an_approved_one_is_in_postgresql_when_the_answer_comes) {
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    struct wire_request request = cluster_purchase(CARD_THOUSAND);
    struct wire_reply reply = cluster_call(connection, &request);
    cr_assert_eq(reply.kind, WIRE_REPLY_ANSWER);
    cr_expect_eq(reply.answer.decision, DECISION_APPROVED);
    cr_expect_eq(reply.answer.safety, SAFETY_COMMITTED);
    cr_expect_eq(reply.answer.amount_minor, 13000);
    cr_expect_eq(reply.answer.limits[0].limit.kind, LIMIT_CREDIT);
    cr_expect_eq(reply.answer.limits[0].spent_minor, 13000);
    cr_expect_eq(rows_of(&request.authorize.id), 1);
    client_disconnect(connection);
    cluster_expect_clean_audit(&cluster);
}

struct reason_case {
    int card;
    int purchases; /* approved ones before */
    enum reason reason;
};

/* DESIGN 8, DOMAIN S1, S6, S7, S10, S12 */
Test(purchase, every_refusal_of_an_account_has_its_reason) {
    static const struct reason_case cases[] = {
        {CARD_BLOCKED, 0, REASON_BLOCKED},
        {CARD_ENDED, 0, REASON_ENDED},
        {CARD_INACTIVE, 0, REASON_NOT_ACTIVATED},
        {CARD_SUSPENDED, 0, REASON_ORGANISATION_SUSPENDED},
        {CARD_THOUSAND, 7, REASON_CREDIT_LIMIT},
        {CARD_CAPPED, 1, REASON_TRAVELLER_LIMIT},
        {CARD_DEPARTMENT, 2, REASON_DEPARTMENT_LIMIT},
        {CARD_POOR_COMPANY, 7, REASON_ORGANISATION_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int bought = 0; bought < cases[i].purchases; bought++)
            cr_expect_eq(cluster_buy(&cluster, bought % 2, cases[i].card).decision, DECISION_APPROVED);
        struct answer answer = cluster_buy(&cluster, 0, cases[i].card);
        cr_expect_eq(answer.decision, DECISION_DECLINED);
        cr_expect_eq(answer.reason, cases[i].reason, "%s instead of %s", reason_name(answer.reason),
                     reason_name(cases[i].reason));
    }
    cluster_expect_clean_audit(&cluster);
}

Test(purchase, a_declined_one_says_which_limit_what_is_spent_what_remains_and_when_it_renews) {
    for (int i = 0; i < 7; i++)
        cluster_buy(&cluster, 0, CARD_THOUSAND);
    struct answer answer = cluster_buy(&cluster, 1, CARD_THOUSAND);
    cr_assert_eq(answer.reason, REASON_CREDIT_LIMIT);
    cr_assert_eq(answer.deciding, 0);
    cr_expect_eq(answer.limits[0].limit.ceiling_minor, 100000);
    cr_expect_eq(answer.limits[0].spent_minor, 91000);
    cr_expect(answer.limits[0].is_refusing);
    cr_assert(calendar_set_zone("Europe/Stockholm"));
    struct calendar calendar = {0};
    cr_expect_eq(answer.renews_at.us, calendar_renewal(&calendar, instant_now()).us);
}

static struct wire_reply send_changed(struct wire_request request) {
    struct client_connection *connection = cluster_connect(&cluster, 1, "validator-1");
    struct wire_reply reply = cluster_call(connection, &request);
    client_disconnect(connection);
    return reply;
}

/* I3 */
Test(purchase, the_same_id_with_other_content_is_refused_and_names_the_field) {
    struct wire_request request = cluster_purchase(CARD_RICH);
    cr_assert_eq(send_changed(request).answer.decision, DECISION_APPROVED);
    struct wire_request changed = request;
    changed.authorize.amount.minor = 30000;
    struct answer answer = send_changed(changed).answer;
    cr_expect_eq(answer.reason, REASON_ID_REUSED);
    cr_expect_eq(answer.differs, FIELD_AMOUNT);
    changed = request;
    snprintf(changed.authorize.product.code, PRODUCT_SIZE, "day");
    cr_expect_eq(send_changed(changed).answer.differs, FIELD_PRODUCT);
    /* Redis has lost its memory: the records know. */
    test_redis_command(&cluster.redis, "FLUSHALL");
    changed = request;
    changed.authorize.amount.minor = 30000;
    answer = send_changed(changed).answer;
    cr_expect_eq(answer.reason, REASON_ID_REUSED);
    cr_expect_eq(answer.differs, FIELD_AMOUNT);
    cr_expect_eq(rows_of(&request.authorize.id), 1);
    cluster_expect_clean_audit(&cluster);
}

Test(purchase, a_remembered_decline_stays_a_decline_also_when_there_is_room_again) {
    struct wire_request request = cluster_purchase(CARD_POOR_COMPANY);
    request.authorize.amount.minor = 110000;
    cr_assert_eq(send_changed(request).answer.reason, REASON_ORGANISATION_LIMIT);
    cluster_sql(&cluster, "UPDATE organisation SET limit_minor = 1000000 WHERE id = 3");
    int64_t give_up = tick_now().us + 20 * SECOND_US;
    struct wire_request other = request;
    do {
        other.authorize.id = cluster_new_id();
    } while (send_changed(other).answer.decision != DECISION_APPROVED && tick_now().us < give_up);
    cr_assert_lt(tick_now().us, give_up, "the new limit is not in force");
    struct answer answer = send_changed(request).answer;
    cr_expect_eq(answer.reason, REASON_ORGANISATION_LIMIT);
    cr_expect(answer.is_repeat);
    cr_expect_eq(rows_of(&request.authorize.id), 0);
}

#define REPEATS 100

/* I3 */
Test(purchase, a_hundred_copies_at_once_over_two_nodes_are_one_row_one_count_and_one_answer) {
    struct client_connection *connections[REPEATS];
    struct wire_request request = cluster_purchase(CARD_RICH);
    struct failure failure = {""};
    for (int i = 0; i < REPEATS; i++)
        connections[i] = cluster_connect(&cluster, i % 2, "validator-1");
    for (int i = 0; i < REPEATS; i++)
        cr_assert(client_send(connections[i], &request, &failure), "%s", failure.text);
    int first_answers = 0;
    for (int i = 0; i < REPEATS; i++) {
        struct wire_reply reply;
        cr_assert(client_receive(connections[i], 20 * SECOND_US, &reply, &failure), "%s", failure.text);
        cr_expect_eq(reply.answer.decision, DECISION_APPROVED, "%s", reason_name(reply.answer.reason));
        cr_expect_eq(reply.answer.amount_minor, 13000);
        cr_expect_eq(reply.answer.limits[0].spent_minor, 13000);
        first_answers += !reply.answer.is_repeat;
        client_disconnect(connections[i]);
    }
    cr_expect_leq(first_answers, 1);
    cr_expect_eq(rows_of(&request.authorize.id), 1);
    cr_expect_eq(cluster_buy(&cluster, 0, CARD_RICH).limits[0].spent_minor, 26000);
    cluster_expect_clean_audit(&cluster);
}

#define CLIENTS 64

static int approved_of_clients(int card, int other_card, int clients, int rounds) {
    struct client_connection *connections[CLIENTS];
    struct failure failure = {""};
    int approved = 0;
    for (int i = 0; i < clients; i++)
        connections[i] = cluster_connect(&cluster, i % 2, "validator-1");
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < clients; i++) {
            struct wire_request request = cluster_purchase(i / 2 % 2 == 0 ? card : other_card);
            cr_assert(client_send(connections[i], &request, &failure), "%s", failure.text);
        }
        for (int i = 0; i < clients; i++) {
            struct wire_reply reply;
            cr_assert(client_receive(connections[i], 20 * SECOND_US, &reply, &failure), "%s", failure.text);
            cr_expect_neq(reply.answer.decision, DECISION_FAILED, "%s", reason_name(reply.answer.reason));
            approved += reply.answer.decision == DECISION_APPROVED;
        }
    }
    for (int i = 0; i < clients; i++)
        client_disconnect(connections[i]);
    return approved;
}

/* I2 */
Test(purchase, sixty_four_clients_spend_one_credit_to_exactly_seven_tickets) {
    cr_expect_eq(approved_of_clients(CARD_THOUSAND, CARD_THOUSAND, CLIENTS, 2), 7);
    cr_expect_str_eq(
        cluster_sql(&cluster, "SELECT sum(amount_minor) FROM entry WHERE credit = %d", 100 + CARD_THOUSAND), "91000");
    cluster_expect_clean_audit(&cluster);
}

Test(purchase, sixty_four_clients_of_two_travellers_spend_the_organisation_to_exactly_seven_tickets) {
    cr_expect_eq(approved_of_clients(CARD_POOR_COMPANY, CARD_POOR_COMPANY_TOO, CLIENTS, 2), 7);
    cr_expect_str_eq(
        cluster_sql(&cluster, "SELECT sum(amount_minor) FROM entry WHERE organisation = %d", ORGANISATION_POOR),
        "91000");
    cluster_expect_clean_audit(&cluster);
}

Test(purchase, what_follows_from_the_request_is_told_with_its_reason) {
    struct wire_request request = cluster_purchase(CARD_RICH);
    snprintf(request.authorize.amount.currency.code, 4, "NOK");
    cr_expect_eq(send_changed(request).answer.reason, REASON_CURRENCY_MISMATCH);
    request = cluster_purchase(CARD_RICH);
    request.authorize.amount.minor = 10000001;
    cr_expect_eq(send_changed(request).answer.reason, REASON_INVALID_AMOUNT);
    request = cluster_purchase(CARD_COUNT + 5);
    cr_expect_eq(send_changed(request).answer.reason, REASON_UNKNOWN_CREDENTIAL);
    request = cluster_purchase(CARD_RICH);
    request.authorize.id.bytes[1] ^= 1;
    cr_expect_eq(send_changed(request).answer.reason, REASON_BAD_TIME);
}

Test(purchase, an_id_that_is_no_uuidv7_is_refused_with_words_that_say_so) {
    struct wire_request request = cluster_purchase(CARD_RICH);
    request.authorize.id.bytes[6] = 0x40;
    struct wire_reply reply = send_changed(request);
    cr_assert_eq(reply.kind, WIRE_REPLY_FAULT);
    cr_expect_eq(reply.fault.reason, REASON_INVALID_ID);
    cr_expect_not_null(strstr(reply.fault.text, "UUIDv7"), "%s", reply.fault.text);
}

Test(purchase, a_client_without_the_channel_or_the_call_is_told_so) {
    struct client_connection *connection = cluster_connect(&cluster, 0, "app-backend-1");
    struct wire_request request = cluster_purchase(CARD_RICH);
    cr_expect_eq(cluster_call(connection, &request).answer.reason, REASON_CHANNEL_NOT_ALLOWED);
    client_disconnect(connection);
    connection = cluster_connect(&cluster, 0, "validator-1");
    struct wire_request lookup = {.call = CALL_LOOKUP, .lookup = {.id = cluster_new_id()}};
    struct wire_reply reply = cluster_call(connection, &lookup);
    cr_assert_eq(reply.kind, WIRE_REPLY_FAULT);
    cr_expect_eq(reply.fault.reason, REASON_CALL_NOT_ALLOWED);
    client_disconnect(connection);
}

Test(purchase, balance_lookup_and_echo_answer) {
    struct client_connection *connection = cluster_connect(&cluster, 0, "office-1");
    struct wire_request purchase = cluster_purchase(CARD_THOUSAND);
    cr_assert_eq(cluster_call(connection, &purchase).answer.decision, DECISION_APPROVED);
    struct wire_request balance = {
        .call = CALL_BALANCE, .balance = {.credential = purchase.authorize.credential, .timeout_us = 10 * SECOND_US}};
    struct wire_reply reply = cluster_call(connection, &balance);
    cr_expect_eq(reply.answer.limits[0].spent_minor, 13000);
    struct wire_request lookup = {.call = CALL_LOOKUP, .lookup = {.id = purchase.authorize.id}};
    reply = cluster_call(connection, &lookup);
    cr_assert_eq(reply.kind, WIRE_REPLY_FOUND);
    cr_expect(reply.found.is_found);
    cr_expect_eq(reply.found.entry.amount_minor, 13000);
    cr_expect_str_eq(reply.found.entry.place.text, "line 45");
    struct wire_request echo = {.call = CALL_ECHO, .echo = {.payload = "hej", .size = 3}};
    reply = cluster_call(connection, &echo);
    cr_assert_eq(reply.kind, WIRE_REPLY_ECHO);
    cr_expect_arr_eq(reply.echo.payload, "hej", 3);
    client_disconnect(connection);
}

static enum hold_state hold_state(struct client_connection *connection, const struct request_id *id) {
    struct wire_request lookup = {.call = CALL_LOOKUP, .lookup = {.id = *id}};
    struct wire_reply reply = cluster_call(connection, &lookup);
    cr_assert_eq(reply.kind, WIRE_REPLY_FOUND);
    cr_expect_eq(reply.found.entry.expires_at.us > reply.server_time.us, reply.found.hold == HOLD_STATE_OPEN);
    return reply.found.hold;
}

Test(purchase, a_lookup_says_whether_a_hold_is_open_whoever_closed_it) {
    struct client_connection *office = cluster_connect(&cluster, 0, "office-1");
    struct wire_request hold = cluster_purchase(CARD_THOUSAND);
    hold.authorize.is_hold = true;
    cr_assert_eq(send_changed(hold).answer.decision, DECISION_APPROVED);
    cr_expect_eq(hold_state(office, &hold.authorize.id), HOLD_STATE_OPEN);
    char id[REQUEST_ID_TEXT_SIZE], output[4096];
    request_id_format(&hold.authorize.id, id);
    const char *const arguments[] = {"lookup", "--id", id, NULL};
    cr_expect_eq(cluster_vaxel(&cluster, output, sizeof output, arguments), 0, "%s", output);
    cr_expect_not_null(strstr(output, "open until"), "%s", output);
    struct wire_request release = {.call = CALL_VOID,
                                   .settle = {.kind = ENTRY_VOID,
                                              .id = cluster_new_id(),
                                              .original = hold.authorize.id,
                                              .is_final = true,
                                              .timeout_us = 10 * SECOND_US}};
    cr_assert_eq(cluster_call(office, &release).answer.decision, DECISION_APPROVED);
    cr_expect_eq(hold_state(office, &hold.authorize.id), HOLD_STATE_CLOSED);
    cr_expect_eq(cluster_vaxel(&cluster, output, sizeof output, arguments), 0, "%s", output);
    cr_expect_not_null(strstr(output, "closed"), "%s", output);
    client_disconnect(office);
}

static bool is_approved(int card) {
    return cluster_buy(&cluster, 1, card).decision == DECISION_APPROVED;
}

/* DESIGN 9: in force without a restart. */
Test(purchase, a_change_in_the_directory_is_in_force_while_running) {
    cr_expect_not(is_approved(CARD_BLOCKED));
    cluster_sql(&cluster, "UPDATE credit SET state = 'active' WHERE id = %d", 100 + CARD_BLOCKED);
    int64_t give_up = tick_now().us + 20 * SECOND_US;
    while (!is_approved(CARD_BLOCKED))
        cr_assert_lt(tick_now().us, give_up, "the change is not in force");
}

Test(purchase, a_blocked_client_is_cut_off) {
    struct client_connection *connection = cluster_connect(&cluster, 0, "app-backend-1");
    cluster_sql(&cluster, "UPDATE client SET is_blocked = true WHERE name = 'app-backend-1'");
    struct wire_request echo = {.call = CALL_ECHO};
    struct wire_reply reply;
    struct failure failure;
    int64_t give_up = tick_now().us + 20 * SECOND_US;
    while (client_call(connection, &echo, 20 * SECOND_US, &reply, &failure))
        cr_assert_lt(tick_now().us, give_up, "still connected");
    client_disconnect(connection);
    connection = cluster_connect(&cluster, 0, "validator-1");
    cr_expect_eq(cluster_call(connection, &echo).kind, WIRE_REPLY_ECHO, "others are harmed");
    client_disconnect(connection);
}
