/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <stdio.h>
#include <string.h>

#define NEWS_US (3 * SECOND_US)
#define PATIENCE_US (60 * SECOND_US)

TestSuite(ops_lists, .timeout = 300);

static struct cluster cluster;
static struct reader reader;
static struct client_connection *connection;

static void start(struct cluster_wishes wishes) {
    ops_start_cluster(&cluster, wishes);
    connection = cluster_connect(&cluster, 0, "validator-1");
    reader_open(&reader, &cluster, 0);
    reader_next(&reader);
}

static void stop(void) {
    client_disconnect(connection);
    reader_close(&reader);
    cluster_stop(&cluster);
}

static struct wire_reply ask(struct wire_request *request) {
    struct wire_reply reply = cluster_call(connection, request);
    cr_assert_eq(reply.kind, WIRE_REPLY_ANSWER, "%s", reply.fault.text);
    return reply;
}

static void buy(int card, int64_t minor, int times) {
    for (int i = 0; i < times; i++) {
        struct wire_request request = cluster_purchase(card);
        request.authorize.amount.minor = minor;
        ask(&request);
    }
}

/* Reads on until a list is so long. */
static struct json_object *wait_list(const char *way, size_t size, int64_t patience_us) {
    int64_t give_up = tick_now().us + patience_us;
    while (json_list_size(reader_member(reader.data, way)) < size) {
        cr_assert_lt(tick_now().us, give_up, "%s", way);
        reader_next(&reader);
    }
    return reader_member(reader.data, way);
}

static void expect_masked(const char *masked, const char *last) {
    char whole[64];
    snprintf(whole, sizeof whole, "\u2022\u2022\u2022\u2022%s", last);
    cr_expect_str_eq(masked, whole);
}

Test(ops_lists, a_decline_is_told_at_once_in_the_words_of_its_answer) {
    start((struct cluster_wishes){0});
    buy(CARD_THOUSAND, 90000, 1);
    struct wire_request request = cluster_purchase(CARD_THOUSAND);
    struct wire_reply reply = ask(&request);
    cr_assert_eq(reply.answer.reason, REASON_CREDIT_LIMIT);
    struct json_object *decline = json_item(wait_list("declines", 1, NEWS_US), 0);
    char id[REQUEST_ID_TEXT_SIZE], card[32];
    request_id_format(&request.authorize.id, id);
    snprintf(card, sizeof card, "%04d", (int)(cluster_card(CARD_THOUSAND) % 10000));
    cr_expect_str_eq(reader_text(decline, "reason"), "CREDIT_LIMIT");
    cr_expect_str_eq(reader_text(decline, "explanation"), reply.message);
    cr_expect_not_null(strstr(reader_text(decline, "explanation"), "900.00 of 1000.00 SEK used, 100.00 left"), "%s",
                       reader_text(decline, "explanation"));
    expect_masked(reader_text(decline, "credential"), card);
    expect_masked(reader_text(decline, "organisation"), "0001");
    cr_expect_str_eq(reader_text(decline, "amount"), "130.00");
    cr_expect_str_eq(reader_text(decline, "product"), request.authorize.product.code);
    cr_expect_str_eq(reader_text(decline, "channel"), "card");
    cr_expect_str_eq(reader_text(decline, "client"), "validator-1");
    cr_expect_str_eq(reader_text(decline, "request"), id);
    cr_expect_eq(reader_text(decline, "at")[23], 'Z');
    stop();
}

Test(ops_lists, the_last_twenty_declines_are_told_newest_first_of_all_workers) {
    start((struct cluster_wishes){.settings = "[switch]\nworkers = 2\n"});
    buy(CARD_BLOCKED, 100, 15);
    for (int i = 0; i < 4; i++) {
        client_disconnect(connection);
        connection = cluster_connect(&cluster, 0, "validator-1");
        buy(CARD_SUSPENDED, 200 + i, 5);
    }
    buy(CARD_INACTIVE, 777, 1);
    int64_t give_up = tick_now().us + PATIENCE_US;
    while (reader_number(reader.data, "declined.total") < 36) {
        cr_assert_lt(tick_now().us, give_up);
        reader_next(&reader);
    }
    reader_next(&reader);
    struct json_object *declines = wait_list("declines", 20, NEWS_US);
    cr_expect_eq(json_list_size(declines), 20);
    cr_expect_str_eq(reader_text(json_item(declines, 0), "amount"), "7.77");
    cr_expect_str_eq(reader_text(json_item(declines, 0), "reason"), "NOT_ACTIVATED");
    expect_masked(reader_text(json_item(declines, 1), "organisation"), "0002");
    for (size_t i = 1; i < 20; i++) {
        cr_expect_leq(strcmp(reader_text(json_item(declines, i), "at"), reader_text(json_item(declines, i - 1), "at")),
                      0);
        cr_expect_str_eq(reader_text(json_item(declines, i), "reason"), "ORGANISATION_SUSPENDED");
    }
    stop();
}

Test(ops_lists, an_unknown_app_is_told_of_without_an_organisation_and_masked) {
    start((struct cluster_wishes){0});
    client_disconnect(connection);
    connection = cluster_connect(&cluster, 0, "office-1");
    struct wire_request request = cluster_purchase(CARD_RICH);
    request.authorize.credential =
        (struct credential){.kind = CREDENTIAL_APP, .app = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xab, 0xcd}};
    ask(&request);
    struct json_object *decline = json_item(wait_list("declines", 1, NEWS_US), 0);
    cr_expect_str_eq(reader_text(decline, "reason"), "UNKNOWN_CREDENTIAL");
    expect_masked(reader_text(decline, "credential"), "abcd");
    cr_expect_str_eq(reader_text(decline, "channel"), "app");
    cr_expect_null(reader_member(decline, "organisation"));
    cr_expect_null(strstr(json_write(reader.data), "01020304"));
    stop();
}

static bool is_first_of_two(const char *last, const char *spent) {
    struct json_object *busiest = reader_member(reader.data, "organisations.busiest");
    if (json_list_size(busiest) != 2)
        return false;
    struct json_object *first = json_item(busiest, 0);
    return strstr(reader_text(first, "id"), last) != NULL && strcmp(reader_text(first, "spent"), spent) == 0;
}

Test(ops_lists, who_buys_most_comes_first_with_what_is_spent) {
    start((struct cluster_wishes){.settings = "[switch]\nworkers = 2\n"});
    buy(CARD_POOR_COMPANY, 1000, 3);
    buy(CARD_RICH, 13000, 12);
    int64_t give_up = tick_now().us + PATIENCE_US;
    while (!is_first_of_two("0001", "1560.00")) {
        cr_assert_lt(tick_now().us, give_up, "%s", json_write(reader.data));
        reader_next(&reader);
    }
    struct json_object *busiest = reader_member(reader.data, "organisations.busiest");
    struct json_object *first = json_item(busiest, 0), *second = json_item(busiest, 1);
    expect_masked(reader_text(second, "id"), "0003");
    cr_expect_gt(reader_number(first, "per_s"), reader_number(second, "per_s"));
    cr_expect_str_eq(reader_text(second, "spent"), "30.00");
    cr_expect_str_eq(reader_text(second, "limit"), "1000.00");
    cr_expect_eq(reader_number(second, "used"), 0.03);
    cr_expect_eq(json_list_size(reader_member(reader.data, "organisations.near_limit")), 0);
    stop();
}

Test(ops_lists, an_organisation_near_its_limit_is_told_until_it_is_not) {
    start((struct cluster_wishes){0});
    buy(CARD_POOR_COMPANY, 79900, 1);
    struct wire_request last = cluster_purchase(CARD_POOR_COMPANY_TOO);
    last.authorize.amount.minor = 15000;
    ask(&last);
    struct json_object *near = json_item(wait_list("organisations.near_limit", 1, NEWS_US), 0);
    expect_masked(reader_text(near, "id"), "0003");
    cr_expect_str_eq(reader_text(near, "spent"), "949.00");
    cr_expect_str_eq(reader_text(near, "limit"), "1000.00");
    cr_expect_eq(reader_number(near, "used"), 0.949);
    client_disconnect(connection);
    connection = cluster_connect(&cluster, 0, "office-1");
    struct wire_request reversal = {.call = CALL_REVERSE,
                                    .settle = {.kind = ENTRY_REVERSAL,
                                               .id = last.authorize.id,
                                               .original = last.authorize.id,
                                               .has_credential = true,
                                               .credential = last.authorize.credential,
                                               .timeout_us = 10 * SECOND_US}};
    cr_assert_eq(cluster_call(connection, &reversal).kind, WIRE_REPLY_SETTLED);
    int64_t give_up = tick_now().us + PATIENCE_US;
    while (json_list_size(reader_member(reader.data, "organisations.near_limit")) > 0) {
        cr_assert_lt(tick_now().us, give_up);
        buy(CARD_POOR_COMPANY, 1, 1); /* the counters follow the reversal; who buys is told of them */
        reader_next(&reader);
    }
    stop();
}
