/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes say of what they do: enough to follow one request through all of them by its id, and never a secret. */
#include "cluster.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cluster cluster;

TestSuite(logs, .timeout = 120);

static void start(const char *settings) {
    cluster_start(&cluster, (struct cluster_wishes){.nodes = 2, .settings = settings});
}

static void file_read(const char *path, char *text, size_t size) {
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static char text[1 << 20];

/* The line of a node's log that has both, in `text` without its end; waits for it. */
static const char *wait_line(int node, const char *one, const char *other) {
    int64_t give_up = tick_now().us + 20 * SECOND_US;
    for (;;) {
        file_read(cluster.nodes[node].log, text, sizeof text);
        char *rest = text;
        for (char *line; (line = strsep(&rest, "\n")) != NULL;)
            if (strstr(line, one) != NULL && strstr(line, other) != NULL)
                return line;
        cr_assert_lt(tick_now().us, give_up, "node %d does not tell of %s and %s", node, one, other);
        usleep(5000);
    }
}

static void expect_has(const char *line, const char *words) {
    cr_expect_not_null(strstr(line, words), "not in it: %s\n%s", words, line);
}

static struct wire_reply call(int node, struct wire_request *request) {
    struct client_connection *connection = cluster_connect(&cluster, node, "validator-1");
    struct wire_reply reply = cluster_call(connection, request);
    client_disconnect(connection);
    return reply;
}

Test(logs, a_purchase_and_what_follows_it_are_followed_by_its_id_through_two_nodes) {
    start("[log]\nrequests = all\n");
    struct wire_request hold = cluster_purchase(CARD_THOUSAND);
    hold.authorize.is_hold = true;
    cr_assert_eq(call(0, &hold).answer.decision, DECISION_APPROVED);
    cr_assert(call(1, &hold).answer.is_repeat);
    struct wire_request capture = {.call = CALL_CAPTURE,
                                   .settle = {.kind = ENTRY_CAPTURE,
                                              .id = cluster_new_id(),
                                              .original = hold.authorize.id,
                                              .is_final = true,
                                              .timeout_us = 10 * SECOND_US}};
    cr_assert_eq(call(1, &capture).answer.decision, DECISION_APPROVED);
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&hold.authorize.id, id);
    const char *line = wait_line(0, "request answered", id);
    expect_has(line, " call=authorize ");
    expect_has(line, " client=validator-1 ");
    expect_has(line, " organisation=1 ");
    expect_has(line, " decision=approved reason=APPROVED safety=committed amount_minor=13000 repeat=no ");
    char name[64];
    snprintf(name, sizeof name, ":%d", cluster.nodes[0].port);
    expect_has(strstr(line, " node="), name);
    line = wait_line(1, "call=authorize", id);
    expect_has(line, " repeat=yes ");
    snprintf(name, sizeof name, ":%d", cluster.nodes[1].port);
    expect_has(strstr(line, " node="), name);
    line = wait_line(1, "call=capture", id);
    expect_has(line, " original=");
    cluster_stop(&cluster);
}

static bool tells_of(int node, const struct request_id *id) {
    char words[REQUEST_ID_TEXT_SIZE];
    request_id_format(id, words);
    return cluster_log_tells(&cluster, node, words);
}

/* What comes later stands behind it. */
static void wait_until_written(int node) {
    struct wire_request lookup = {.call = CALL_LOOKUP, .lookup = {.id = cluster_new_id()}};
    cr_assert_eq(call(node, &lookup).kind, WIRE_REPLY_FAULT);
    wait_line(node, "request rejected", "CALL_NOT_ALLOWED");
}

Test(logs, which_answers_get_a_line_is_a_setting_that_a_running_node_takes) {
    start("[log]\nrequests = declined\n");
    struct wire_request approved = cluster_purchase(CARD_RICH);
    struct wire_request declined = cluster_purchase(CARD_BLOCKED);
    cr_assert_eq(call(0, &approved).answer.decision, DECISION_APPROVED);
    cr_assert_eq(call(0, &declined).answer.decision, DECISION_DECLINED);
    wait_until_written(0);
    cr_expect_not(tells_of(0, &approved.authorize.id));
    cr_expect(tells_of(0, &declined.authorize.id));
    cluster_change_settings(&cluster, 0, "[log]\nrequests = all\n");
    int64_t give_up = tick_now().us + 20 * SECOND_US;
    do {
        approved = cluster_purchase(CARD_RICH);
        cr_assert_eq(call(0, &approved).answer.decision, DECISION_APPROVED);
        cr_assert_lt(tick_now().us, give_up, "the setting is not in force");
    } while (!tells_of(0, &approved.authorize.id));
    cluster_stop(&cluster);
}

/* ---- secrets ---- */

/* Whether a file has a run of 16 digits that is one of our cards, with what is around it. */
static void expect_no_card(const char *name, const char *said) {
    for (int card = 0; card < CARD_COUNT; card++) {
        char digits[24];
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)cluster_card(card));
        const char *at = strstr(said, digits);
        cr_expect_null(at, "%s tells a card: %.200s", name, at);
    }
}

/* A line of base64 out of a key's file. */
static void expect_no_key(const char *name, const char *said, const char *client) {
    char path[TEST_TEXT + 64], key[4096];
    snprintf(path, sizeof path, "%s/%s.key", cluster.directory, client);
    file_read(path, key, sizeof key);
    const char *body = strchr(key, '\n');
    cr_assert_not_null(body);
    char part[33] = "";
    snprintf(part, sizeof part, "%.32s", body + 1);
    cr_assert_eq(strlen(part), 32);
    cr_expect_null(strstr(said, part), "%s tells the key of %s", name, client);
}

static void expect_no_secret(const char *path) {
    file_read(path, text, sizeof text);
    expect_no_card(path, text);
    expect_no_key(path, text, "server");
    expect_no_key(path, text, "validator-1");
    expect_no_key(path, text, "ops-1");
}

/* Whatever goes wrong with a card in hand: purchases of all kinds, requests that can't be taken, and a database that
 * quotes what it was given. */
static void do_all_kinds_of_things(void) {
    for (int card = 0; card < CARD_COUNT; card++)
        cluster_buy(&cluster, card % 2, card);
    struct wire_request request = cluster_purchase(CARD_RICH);
    request.authorize.amount.minor = -1;
    call(0, &request);
    request = cluster_purchase(CARD_RICH);
    snprintf(request.authorize.place.text, PLACE_SIZE, "%llu\n", (unsigned long long)cluster_card(CARD_RICH));
    cr_expect_eq(call(0, &request).kind, WIRE_REPLY_FAULT);
    request = cluster_purchase(CARD_RICH);
    snprintf(request.authorize.product.code, PRODUCT_SIZE, "%llu", (unsigned long long)cluster_card(CARD_RICH));
    call(0, &request);
    cluster_sql(&cluster, "ALTER TABLE entry ADD CONSTRAINT planted CHECK (place <> 'poison')");
    request = cluster_purchase(CARD_RICH);
    snprintf(request.authorize.place.text, PLACE_SIZE, "poison");
    cr_expect_eq(call(0, &request).answer.decision, DECISION_FAILED);
}

static void ask_by_hand(const char *const *arguments) {
    char output[8192];
    cluster_vaxel(&cluster, output, sizeof output, arguments);
    expect_no_card(arguments[0], output);
}

Test(logs, no_program_tells_a_card_or_a_key_whatever_it_is_given) {
    start("[log]\nlevel = debug\nrequests = all\n");
    do_all_kinds_of_things();
    char card[24], spaced[32];
    snprintf(card, sizeof card, "%llu", (unsigned long long)cluster_card(CARD_THOUSAND));
    snprintf(spaced, sizeof spaced, "%.4s %.4s %.4s %.4s", card, card + 4, card + 8, card + 12);
    ask_by_hand((const char *[]){"purchase", "--card", card, "--amount", "130.00", "--product", "single", NULL});
    ask_by_hand((const char *[]){"purchase", "--card", spaced, "--amount", "x", "--product", "single", NULL});
    ask_by_hand((const char *[]){"balance", "--card", card, NULL});
    ask_by_hand((const char *[]){"blocks", NULL});
    wait_line(0, "request rejected", "authorize.place");
    wait_line(0, "postgres cannot take a row", "id=");
    for (int i = 0; i < 2; i++)
        expect_no_secret(cluster.nodes[i].log);
    cr_expect(cluster_log_tells(&cluster, 0, "request answered"), "the check would find nothing in an empty log");
    cluster_stop(&cluster);
}
