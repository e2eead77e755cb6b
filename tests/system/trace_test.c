/* SPDX-License-Identifier: Apache-2.0 */
/* `vaxel trace`: all that is known of one request, wherever it left something. */
#include "cluster.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cluster cluster;
static char output[65536];

TestSuite(trace, .timeout = 180);

static void init(void) {
    cluster_start(&cluster, (struct cluster_wishes){0});
}

static void finish(void) {
    cluster_stop(&cluster);
}

static struct wire_reply call(struct wire_request *request) {
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    struct wire_reply reply = cluster_call(connection, request);
    client_disconnect(connection);
    return reply;
}

static struct wire_request buy(int card, bool is_hold) {
    struct wire_request request = cluster_purchase(card);
    request.authorize.is_hold = is_hold;
    call(&request);
    return request;
}

static struct request_id settle(enum call kind, const struct wire_request *original, int64_t amount_minor) {
    static const enum entry_kind kinds[CALL_COUNT] = {
        [CALL_CAPTURE] = ENTRY_CAPTURE, [CALL_VOID] = ENTRY_VOID, [CALL_REVERSE] = ENTRY_REVERSAL};
    struct wire_request request = {.call = kind,
                                   .settle = {.kind = kinds[kind],
                                              .id = cluster_new_id(),
                                              .original = original->authorize.id,
                                              .has_credential = true,
                                              .credential = original->authorize.credential,
                                              .amount_minor = amount_minor,
                                              .is_final = true,
                                              .timeout_us = 10 * SECOND_US}};
    if (amount_minor != 0)
        request.currency = (struct currency){"SEK"};
    if (kind == CALL_REVERSE)
        request.settle.id = original->authorize.id;
    struct wire_reply reply = call(&request);
    cr_assert_eq(reply.kind, WIRE_REPLY_SETTLED, "%s", reply.fault.text);
    cr_assert_eq(reply.answer.decision, DECISION_APPROVED, "%s", reason_name(reply.answer.reason));
    return request.settle.id;
}

/* As if what followed had come at the same moment: between the two lies what a slow machine makes of it. */
static void follow_at_once(void) {
    cluster_sql(&cluster, "UPDATE effect f SET recorded_at = e.recorded_at FROM entry e WHERE e.id = f.original");
}

static int trace_text(const char *id, const char *more) {
    return cluster_vaxel(&cluster, output, sizeof output, (const char *[]){"trace", id, more, NULL});
}

static int trace(const struct request_id *id, const char *more) {
    char text[REQUEST_ID_TEXT_SIZE];
    request_id_format(id, text);
    return trace_text(text, more);
}

static void expect_said(const char *words) {
    /* A sentence may be broken at any of its spaces. */
    char flat[sizeof output];
    size_t size = 0;
    for (const char *at = output; *at != '\0'; at++) {
        char letter = *at == '\n' ? ' ' : *at;
        if (letter != ' ' || size == 0 || flat[size - 1] != ' ')
            flat[size++] = letter;
    }
    flat[size] = '\0';
    cr_expect_not_null(strstr(flat, words), "it does not say \"%s\":\n%s", words, output);
}

static void expect_width(void) {
    for (const char *line = output; *line != '\0'; line += strcspn(line, "\n") + 1)
        cr_expect_leq(strcspn(line, "\n"), 80, "too wide: %.120s", line);
}

Test(trace, what_is_no_id_is_refused_with_what_is_wanted, .init = init, .fini = finish) {
    static const char *const bad[] = {"",
                                      "12",
                                      "9932543656338003",
                                      "5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e01",
                                      "019aa6f0-5b7e-7c3a-9d51-2f8e4b6a7c9",
                                      "019aa6f05b7e7c3a9d512f8e4b6a7czz"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_expect_eq(trace_text(bad[i], NULL), 2, "%s: %s", bad[i], output);
        expect_said("UUID of version 7");
        cr_expect_null(strstr(output, "9932543656338003"), "what may be a card is shown: %s", output);
    }
    cr_expect_eq(cluster_vaxel(&cluster, output, sizeof output, (const char *[]){"trace", NULL}), 2);
    expect_said("id is missing");
    cr_expect_eq(trace_text("019aa6f0-5b7e-7c3a-9d51-2f8e4b6a7c90", "--organisation=none"), 2);
}

Test(trace, of_an_id_that_never_came_nothing_is_known, .init = init, .fini = finish) {
    struct request_id id = cluster_new_id();
    cr_expect_eq(trace(&id, NULL), 1, "%s", output);
    expect_said("Nothing is known of it: it never came");
    cr_expect_eq(trace(&id, "--json"), 1);
    expect_said("\"state\":\"unknown\"");
    expect_said("\"not_looked\":[]");
}

Test(trace, a_purchase_is_told_with_who_what_and_what_it_counts, .init = init, .fini = finish) {
    struct wire_request request = buy(CARD_THOUSAND, false);
    cr_expect_eq(trace(&request.authorize.id, NULL), 0, "%s", output);
    expect_said("Approved, committed; counts 130.00 SEK.");
    expect_said("purchase of 130.00 SEK recorded in");
    expect_said("by validator-1; organisation 1, traveller 2, credit 101; single at line 45; epoch 1");
    expect_said("Redis remembers it: counted; asked 130.00 SEK; organisation 1; epoch 1");
    expect_said("epoch 1; organisation 130.00 SEK; traveller 2 130.00 SEK; credit 101 130.00 SEK");
    expect_said("Fence");
    expect_width();
    cr_expect_eq(trace(&request.authorize.id, "--organisation=1"), 0);
    cr_expect_eq(trace(&request.authorize.id, "--json"), 0);
    expect_said("\"state\":\"approved\"");
    expect_said("\"counted_minor\":13000");
    expect_said("\"memory\":\"counted\"");
}

static char base64_letter(uint32_t value) {
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[value & 63];
}

Test(trace, the_id_is_taken_as_clients_print_it, .init = init, .fini = finish) {
    struct wire_request request = buy(CARD_THOUSAND, false);
    const struct request_id *id = &request.authorize.id;
    char hex[2 * REQUEST_ID_SIZE + 1], upper[REQUEST_ID_TEXT_SIZE], base64[25];
    for (int i = 0; i < REQUEST_ID_SIZE; i++)
        snprintf(hex + (ptrdiff_t)2 * i, 3, "%02x", id->bytes[i]);
    request_id_format(id, upper);
    for (char *at = upper; *at != '\0'; at++)
        *at = (char)(*at >= 'a' ? *at - 'a' + 'A' : *at);
    for (int i = 0, at = 0; i < REQUEST_ID_SIZE; i += 3) {
        uint32_t bits = (uint32_t)id->bytes[i] << 16;
        bits |= i + 1 < REQUEST_ID_SIZE ? (uint32_t)id->bytes[i + 1] << 8 | id->bytes[i + 2] : 0;
        for (int shift = 18; shift >= 0 && at < 22; shift -= 6)
            base64[at++] = base64_letter(bits >> shift);
    }
    strcpy(base64 + 22, "==");
    const char *const texts[] = {hex, upper, base64};
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(trace_text(texts[i], NULL), 0, "%s: %s", texts[i], output);
        expect_said("Approved, committed");
    }
    struct request_id derived = request_id_of_reversal(id);
    cr_expect_eq(trace(&derived, NULL), 0, "%s", output);
    expect_said("Approved, committed");
}

Test(trace, a_declined_one_is_told_with_its_reason, .init = init, .fini = finish) {
    struct wire_request request = buy(CARD_BLOCKED, false);
    cr_expect_eq(trace(&request.authorize.id, NULL), 0, "%s", output);
    expect_said("Declined: BLOCKED. Nothing was counted.");
    expect_said("remembers it: declined, BLOCKED");
    /* The note in the records comes a moment later. */
    int64_t give_up = tick_now().us + 20 * SECOND_US;
    while (strcmp(cluster_sql(&cluster, "SELECT count(*) FROM refusal"), "1") != 0)
        cr_assert_lt(tick_now().us, give_up);
    test_redis_command(&cluster.redis, "FLUSHALL");
    cr_expect_eq(trace(&request.authorize.id, NULL), 0, "%s", output);
    expect_said("Declined: BLOCKED. Nothing was counted.");
    expect_said("remembers nothing of it");
}

Test(trace, a_hold_is_told_with_all_that_followed_it, .init = init, .fini = finish) {
    struct wire_request hold = buy(CARD_THOUSAND, true);
    cr_expect_eq(trace(&hold.authorize.id, NULL), 0, "%s", output);
    expect_said("Approved, committed; held; open until");
    cr_expect_eq(trace(&hold.authorize.id, "--json"), 0);
    expect_said("\"state\":\"held\"");
    struct request_id capture = settle(CALL_CAPTURE, &hold, 10000);
    follow_at_once();
    cr_expect_eq(trace(&hold.authorize.id, NULL), 0, "%s", output);
    expect_said("Approved, committed; 100.00 SEK of it captured at once; counts 100.00 SEK.");
    expect_said("capture: charged 100.00 SEK; usage -30.00 SEK; by validator-1");
    expect_said("confirmed:");
    expect_width();
    cr_expect_eq(trace(&capture, NULL), 0, "%s", output);
    expect_said("is what followed it");
    expect_said("; 100.00 SEK of it captured");
    hold = buy(CARD_THOUSAND, true);
    settle(CALL_VOID, &hold, 0);
    follow_at_once();
    cr_expect_eq(trace(&hold.authorize.id, NULL), 0, "%s", output);
    expect_said("Approved, committed; voided at once; counted nothing since.");
}

Test(trace, a_reversed_one_says_when_and_that_nothing_is_counted_since, .init = init, .fini = finish) {
    struct wire_request request = buy(CARD_THOUSAND, false);
    cluster_sql(&cluster, "UPDATE entry SET recorded_at = recorded_at - interval '190 s'");
    settle(CALL_REVERSE, &request, 0);
    cr_expect_eq(trace(&request.authorize.id, NULL), 0, "%s", output);
    expect_said("Approved, committed; reversed 3 min later; counted nothing since.");
    expect_said("remembers it: reversed");
    cr_expect_eq(trace(&request.authorize.id, "--json"), 0);
    expect_said("\"state\":\"reversed\"");
    expect_said("\"counted_minor\":0");
}

Test(trace, one_whose_reversal_came_first_is_told_as_such, .init = init, .fini = finish) {
    struct wire_request request = cluster_purchase(CARD_THOUSAND);
    settle(CALL_REVERSE, &request, 0);
    cr_expect_eq(call(&request).answer.reason, REASON_REVERSED);
    cr_expect_eq(trace(&request.authorize.id, NULL), 0, "%s", output);
    expect_said("Reversed before it was recorded");
    expect_said("tombstone: its id is taken, by validator-1");
    cr_expect_eq(trace(&request.authorize.id, "--json"), 0);
    expect_said("\"state\":\"tombstone\"");
}

Test(trace, with_redis_emptied_the_records_tell, .init = init, .fini = finish) {
    struct wire_request request = buy(CARD_THOUSAND, false);
    test_redis_command(&cluster.redis, "FLUSHALL");
    cr_expect_eq(trace(&request.authorize.id, NULL), 0, "%s", output);
    expect_said("Approved, committed; counts 130.00 SEK.");
    expect_said("remembers nothing of it");
    expect_said("cold: built anew before they are used");
    test_redis_kill(&cluster.redis);
    cr_expect_eq(trace(&request.authorize.id, NULL), 0, "%s", output);
    expect_said("Approved, committed; counts 130.00 SEK.");
    expect_said("Not looked Redis:");
    struct request_id unknown = cluster_new_id();
    cr_expect_eq(trace(&unknown, NULL), 3, "%s", output);
    expect_said("Nothing is known of it, as far as could be looked.");
    test_redis_restart(&cluster.redis);
}

Test(trace, a_row_that_could_not_be_taken_is_told, .init = init, .fini = finish) {
    cluster_sql(&cluster, "ALTER TABLE entry ADD CONSTRAINT planted CHECK (place <> 'poison')");
    struct wire_request request = cluster_purchase(CARD_RICH);
    snprintf(request.authorize.place.text, PLACE_SIZE, "poison");
    cr_assert_eq(call(&request).answer.decision, DECISION_FAILED);
    int64_t give_up = tick_now().us + 20 * SECOND_US;
    while (strcmp(cluster_sql(&cluster, "SELECT count(*) FROM quarantine"), "0") == 0)
        cr_assert_lt(tick_now().us, give_up);
    cr_expect_eq(trace(&request.authorize.id, NULL), 0, "%s", output);
    expect_said("quarantine");
    expect_width();
}

/* The entry is in the node's journal alone, which the node goes on writing. */
Test(trace, one_of_the_stand_in_is_found_in_the_journal_of_a_running_node) {
    cluster_start(&cluster, (struct cluster_wishes){.own_postgres = true, .journals = true});
    test_postgres_kill(&cluster.postgres);
    struct wire_request request;
    struct wire_reply reply;
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    do {
        request = cluster_purchase(CARD_RICH);
        reply = call(&request);
        cr_assert_lt(tick_now().us, give_up);
    } while (reply.answer.safety != SAFETY_JOURNALED);
    cr_expect_eq(trace(&request.authorize.id, NULL), 0, "%s", output);
    expect_said("Approved by a node's journal while PostgreSQL was away; whether PostgreSQL has it");
    expect_said("journal: purchase of 130.00 SEK kept; not marked as drained; organisation 1");
    expect_said("remembers it: counted");
    expect_said("Not looked PostgreSQL:");
    cr_expect_eq(trace(&request.authorize.id, "--organisation=1"), 0, "%s", output);
    cr_expect_eq(trace(&request.authorize.id, "--journals=/nowhere"), 3, "%s", output);
    expect_said("Not looked journal: cannot read /nowhere");
    test_postgres_restart(&cluster.postgres);
    cluster_wait_log(&cluster, 0, "journal drained");
    cr_expect_eq(trace(&request.authorize.id, NULL), 0, "%s", output);
    expect_said("Approved by a node's journal while PostgreSQL was away, and committed since; counts 130.00 SEK.");
    expect_said("stand-in");
    struct client_connection *office = cluster_connect(&cluster, 0, "office-1");
    struct wire_request refund = {.call = CALL_REFUND,
                                  .settle = {.kind = ENTRY_REFUND,
                                             .id = cluster_new_id(),
                                             .original = request.authorize.id,
                                             .timeout_us = 10 * SECOND_US}};
    cr_assert_eq(cluster_call(office, &refund).answer.decision, DECISION_APPROVED);
    client_disconnect(office);
    cr_expect_eq(trace(&refund.settle.id, NULL), 0, "%s", output);
    expect_said("is what followed it");
    expect_said("130.00 SEK refunded");
    expect_said("journal: purchase of 130.00 SEK kept");
    cluster_stop(&cluster);
}
