/* SPDX-License-Identifier: Apache-2.0 */
/* What follows an authorization, over TLS, on two nodes: what one node was told the other knows. */
#include "cluster.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cluster cluster;

static void init(void) {
    cluster_start(&cluster, (struct cluster_wishes){.nodes = 2});
}

static void finish(void) {
    cluster_expect_clean_audit(&cluster);
    cluster_stop(&cluster);
}

TestSuite(life, .init = init, .fini = finish, .timeout = 180);

/* ---- asking ---- */

static struct answer ask(int node, const char *client, struct wire_request *request, enum wire_reply_kind kind) {
    struct client_connection *connection = cluster_connect(&cluster, node, client);
    struct wire_reply reply = cluster_call(connection, request);
    client_disconnect(connection);
    cr_assert_eq(reply.kind, kind, "%s: %s", reply.fault.field, reply.fault.text);
    return reply.answer;
}

static struct answer authorize(int node, struct wire_request request) {
    return ask(node, "validator-1", &request, WIRE_REPLY_ANSWER);
}

static struct wire_request hold(int card, int64_t amount_minor, int64_t hold_us) {
    struct wire_request request = cluster_purchase(card);
    request.authorize.amount.minor = amount_minor;
    request.authorize.is_hold = true;
    request.authorize.hold_us = hold_us;
    return request;
}

/* Of an authorization's id; amount 0: all that is left. */
static struct wire_request settlement(enum call call, const struct wire_request *original, int64_t amount_minor) {
    struct settle settle = {
        .id = call == CALL_REVERSE ? original->authorize.id : cluster_new_id(),
        .original = original->authorize.id,
        .has_credential = true,
        .credential = original->authorize.credential,
        .amount_minor = amount_minor,
        .is_final = true,
        .timeout_us = 10 * SECOND_US,
    };
    return (struct wire_request){.call = call, .currency = {"SEK"}, .settle = settle};
}

static struct answer settle(int node, struct wire_request request) {
    return ask(node, "validator-1", &request, WIRE_REPLY_SETTLED);
}

/* What the credit of a card has spent, by its counter. */
static int64_t spent(int node, int card) {
    struct wire_request request = {
        .call = CALL_BALANCE,
        .balance = {.credential = {.kind = CREDENTIAL_CARD, .card = cluster_card(card)}, .timeout_us = 10 * SECOND_US}};
    struct answer answer = ask(node, "ops-1", &request, WIRE_REPLY_ANSWER);
    cr_assert_eq(answer.decision, DECISION_APPROVED, "%s", reason_name(answer.reason));
    return answer.limits[0].spent_minor;
}

/* What lowers is on record first, and the counters follow. */
static void wait_spent(int node, int card, int64_t minor) {
    int64_t give_up = tick_now().us + 30 * SECOND_US;
    while (spent(node, card) != minor)
        cr_assert_lt(tick_now().us, give_up, "%lld spent, not %lld", (long long)spent(node, card), (long long)minor);
}

static void expect_reason(struct answer answer, enum reason reason) {
    cr_expect_eq(answer.reason, reason, "%s, not %s", reason_name(answer.reason), reason_name(reason));
}

static void expect_settled(struct answer answer, int64_t amount_minor, int64_t remaining_minor) {
    expect_reason(answer, REASON_APPROVED);
    cr_expect_eq(answer.amount_minor, amount_minor);
    cr_expect_eq(answer.remaining_minor, remaining_minor);
}

/* ---- holds (DOMAIN F7) ---- */

Test(life, a_hold_counts_and_is_captured_in_parts_on_any_node) {
    struct wire_request held = hold(CARD_THOUSAND, 30000, 0);
    struct answer answer = authorize(0, held);
    expect_reason(answer, REASON_APPROVED);
    cr_expect_gt(answer.expires_at.us, instant_now().us);
    wait_spent(1, CARD_THOUSAND, 30000);
    struct wire_request part = settlement(CALL_CAPTURE, &held, 10000);
    part.settle.is_final = false;
    expect_settled(settle(1, part), 10000, 20000);
    answer = settle(0, part);
    expect_settled(answer, 10000, 20000);
    cr_expect(answer.is_repeat);
    cr_expect_eq(spent(0, CARD_THOUSAND), 30000);
    answer = settle(0, settlement(CALL_CAPTURE, &held, 20001));
    expect_reason(answer, REASON_AMOUNT_EXCEEDED);
    cr_expect_eq(answer.remaining_minor, 20000);
    expect_settled(settle(0, settlement(CALL_CAPTURE, &held, 5000)), 5000, 0);
    wait_spent(1, CARD_THOUSAND, 15000);
    expect_reason(settle(1, settlement(CALL_CAPTURE, &held, 1)), REASON_HOLD_CLOSED);
}

Test(life, a_hold_counts_against_every_limit) {
    expect_reason(authorize(0, hold(CARD_CAPPED, 15000, 0)), REASON_APPROVED);
    expect_reason(authorize(1, cluster_purchase(CARD_CAPPED)), REASON_TRAVELLER_LIMIT);
}

Test(life, a_void_lets_go_of_the_hold_once) {
    struct wire_request held = hold(CARD_THOUSAND, 30000, 0);
    expect_reason(authorize(0, held), REASON_APPROVED);
    struct wire_request request = settlement(CALL_VOID, &held, 0);
    expect_settled(settle(1, request), 30000, 0);
    wait_spent(0, CARD_THOUSAND, 0);
    cr_expect(settle(0, request).is_repeat);
    expect_reason(settle(0, settlement(CALL_CAPTURE, &held, 0)), REASON_HOLD_CLOSED);
}

Test(life, a_hold_expires_by_itself_though_the_node_that_took_it_is_dead) {
    struct wire_request held = hold(CARD_THOUSAND, 30000, 2 * SECOND_US);
    struct answer answer = authorize(0, held);
    expect_reason(answer, REASON_APPROVED);
    test_process_end(cluster.nodes[0].pid, SIGKILL);
    cluster.nodes[0].pid = 0;
    wait_spent(1, CARD_THOUSAND, 0);
    cr_expect_geq(instant_now().us, answer.expires_at.us, "freed before its time");
    expect_reason(settle(1, settlement(CALL_CAPTURE, &held, 0)), REASON_HOLD_EXPIRED);
    cr_expect_str_eq(cluster_sql(&cluster, "SELECT count(*) FROM entry WHERE kind = %d", ENTRY_EXPIRY), "1");
}

Test(life, what_one_client_began_another_may_not_settle_but_the_office_may) {
    struct wire_request held = hold(CARD_THOUSAND, 30000, 0);
    expect_reason(authorize(0, held), REASON_APPROVED);
    struct wire_request request = settlement(CALL_CAPTURE, &held, 10000);
    expect_reason(ask(0, "app-backend-1", &request, WIRE_REPLY_SETTLED), REASON_ID_REUSED);
    expect_settled(ask(0, "office-1", &request, WIRE_REPLY_SETTLED), 10000, 0);
}

Test(life, a_settlement_in_another_currency_or_of_nothing_is_declined) {
    struct wire_request bought = cluster_purchase(CARD_THOUSAND);
    struct wire_request request = settlement(CALL_CAPTURE, &bought, 10000);
    expect_reason(settle(0, request), REASON_NOT_FOUND);
    snprintf(request.currency.code, sizeof request.currency.code, "NOK");
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    struct wire_reply reply = cluster_call(connection, &request);
    cr_expect_eq(reply.kind, WIRE_REPLY_FAULT);
    cr_expect_eq(reply.fault.reason, REASON_CURRENCY_MISMATCH);
    client_disconnect(connection);
    snprintf(request.currency.code, sizeof request.currency.code, "SEK");
    expect_reason(authorize(0, bought), REASON_APPROVED);
    expect_reason(settle(0, request), REASON_WRONG_KIND);
}

/* ---- reversals (DOMAIN F3, I6) ---- */

Test(life, a_reversal_that_comes_first_wins) {
    struct wire_request bought = cluster_purchase(CARD_THOUSAND);
    struct wire_request request = settlement(CALL_REVERSE, &bought, 0);
    expect_reason(settle(1, request), REASON_APPROVED);
    expect_reason(authorize(0, bought), REASON_REVERSED);
    expect_reason(authorize(1, bought), REASON_REVERSED);
    wait_spent(0, CARD_THOUSAND, 0);
}

Test(life, a_reversal_that_comes_after_its_purchase_takes_it_back_once) {
    struct wire_request bought = cluster_purchase(CARD_THOUSAND);
    expect_reason(authorize(0, bought), REASON_APPROVED);
    struct wire_request request = settlement(CALL_REVERSE, &bought, 0);
    expect_settled(settle(1, request), 13000, 0);
    wait_spent(0, CARD_THOUSAND, 0);
    struct answer again = settle(0, request);
    expect_settled(again, 13000, 0);
    cr_expect(again.is_repeat);
    expect_reason(authorize(0, bought), REASON_REVERSED);
    wait_spent(1, CARD_THOUSAND, 0);
}

/* Node 0, started anew, has the youngest of the recorders' connections. */
static pid_t recorder_of_node_0(void) {
    cr_assert_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0);
    cluster_start_node(&cluster, 0);
    cluster_wait_ready(&cluster, 0);
    pid_t recorder =
        atoi(cluster_sql(&cluster, "SELECT pid FROM pg_stat_activity WHERE application_name = 'vaxel recorder' "
                                   "AND datname = current_database() ORDER BY backend_start DESC LIMIT 1"));
    cr_assert_gt(recorder, 0, "no recorder of node 0");
    return recorder;
}

Test(life, a_reversal_wins_over_a_purchase_in_flight_on_another_node) {
    pid_t recorder = recorder_of_node_0();
    struct client_connection *slow = cluster_connect(&cluster, 0, "validator-1");
    kill(recorder, SIGSTOP);
    struct wire_request bought = cluster_purchase(CARD_THOUSAND);
    struct failure failure;
    cr_assert(client_send(slow, &bought, &failure), "%s", failure.text);
    wait_spent(1, CARD_THOUSAND, 13000);
    expect_reason(settle(1, settlement(CALL_REVERSE, &bought, 0)), REASON_APPROVED);
    kill(recorder, SIGCONT);
    struct wire_reply reply;
    cr_assert(client_receive(slow, 20 * SECOND_US, &reply, &failure), "%s", failure.text);
    expect_reason(reply.answer, REASON_REVERSED);
    wait_spent(1, CARD_THOUSAND, 0);
    client_disconnect(slow);
}

/* ---- refunds (DOMAIN S16) ---- */

Test(life, a_purchase_is_refunded_in_parts_and_never_more_than_was_paid) {
    struct wire_request bought = cluster_purchase(CARD_THOUSAND);
    expect_reason(authorize(0, bought), REASON_APPROVED);
    struct wire_request part = settlement(CALL_REFUND, &bought, 5000);
    expect_settled(ask(1, "office-1", &part, WIRE_REPLY_SETTLED), 5000, 8000);
    struct wire_request more = settlement(CALL_REFUND, &bought, 8001);
    expect_reason(ask(0, "office-1", &more, WIRE_REPLY_SETTLED), REASON_AMOUNT_EXCEEDED);
    struct wire_request rest = settlement(CALL_REFUND, &bought, 0);
    expect_settled(ask(0, "office-1", &rest, WIRE_REPLY_SETTLED), 8000, 0);
    cr_expect(ask(1, "office-1", &part, WIRE_REPLY_SETTLED).is_repeat);
    wait_spent(1, CARD_THOUSAND, 0);
    struct wire_request again = settlement(CALL_REFUND, &bought, 1);
    expect_reason(ask(0, "office-1", &again, WIRE_REPLY_SETTLED), REASON_AMOUNT_EXCEEDED);
    struct wire_reply reply;
    struct client_connection *validator = cluster_connect(&cluster, 0, "validator-1");
    reply = cluster_call(validator, &again);
    cr_expect_eq(reply.kind, WIRE_REPLY_FAULT);
    cr_expect_eq(reply.fault.reason, REASON_CALL_NOT_ALLOWED);
    client_disconnect(validator);
}

/* ---- what is asked for otherwise ---- */

Test(life, what_is_left_is_approved_when_the_client_takes_less) {
    struct wire_request most = cluster_purchase(CARD_THOUSAND);
    most.authorize.amount.minor = 95000;
    expect_reason(authorize(0, most), REASON_APPROVED);
    struct wire_request request = cluster_purchase(CARD_THOUSAND);
    expect_reason(authorize(1, request), REASON_CREDIT_LIMIT);
    request.authorize.id = cluster_new_id();
    request.authorize.allows_partial = true;
    struct answer answer = authorize(1, request);
    expect_reason(answer, REASON_APPROVED);
    cr_expect_eq(answer.amount_minor, 5000);
    answer = authorize(0, request);
    cr_expect(answer.is_repeat);
    cr_expect_eq(answer.amount_minor, 5000);
    request.authorize.id = cluster_new_id();
    expect_reason(authorize(0, request), REASON_CREDIT_LIMIT);
}

static void wait_for_double_tap(void) {
    int64_t give_up = tick_now().us + 20 * SECOND_US;
    while (authorize(0, cluster_purchase(CARD_RICH)).reason != REASON_DOUBLE_TAP)
        cr_assert_lt(tick_now().us, give_up, "the setting is not in force");
}

/* DOMAIN F4 */
Test(life, the_same_tap_twice_is_refused_unless_it_is_meant) {
    expect_reason(authorize(0, cluster_purchase(CARD_POOR_COMPANY)), REASON_APPROVED);
    expect_reason(authorize(0, cluster_purchase(CARD_POOR_COMPANY)), REASON_APPROVED);
    cluster_sql(&cluster, "UPDATE client SET double_tap_s = 600 WHERE name = 'validator-1'");
    wait_for_double_tap();
    expect_reason(authorize(0, cluster_purchase(CARD_THOUSAND)), REASON_APPROVED);
    expect_reason(authorize(0, cluster_purchase(CARD_THOUSAND)), REASON_DOUBLE_TAP);
    struct wire_request other = cluster_purchase(CARD_THOUSAND);
    snprintf(other.authorize.product.code, sizeof other.authorize.product.code, "day");
    expect_reason(authorize(0, other), REASON_APPROVED);
    struct wire_request meant = cluster_purchase(CARD_THOUSAND);
    snprintf(meant.authorize.product.code, sizeof meant.authorize.product.code, "day");
    meant.is_intended = true;
    expect_reason(authorize(0, meant), REASON_APPROVED);
    wait_spent(1, CARD_THOUSAND, 3 * 13000);
}
