/* SPDX-License-Identifier: Apache-2.0 */
/* A new transaction:
 *
 *   claim the reference ──▶ ask the switch under the id it got ──▶ mark it approved ──▶ 201, or 303 for a repeat
 *                                                             └──▶ mark it declined ──▶ 409 or 403, a repeat too
 *
 * Whatever dies in between, the reference has its id, and the repeat asks for the same purchase. An id that can't be
 * bought under any more (its deadline passed and it was undone; or nobody asked until it was too old) is replaced by a
 * new one, only while nobody was told of an answer. What is too old for this wallet may just be bought by another, who
 * is to be told so: so the id is replaced first, and the other's mark fails; then the old one is reversed; then the new
 * one is asked for. That the old one is to be reversed stays with the row, whoever dies. */
#include "base/log.h"
#include "wallet/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof((struct wire_reply){0}.message) <= REFERENCE_DETAIL_SIZE, "a decline's sentence is kept whole");

static struct wire_request authorize(const struct visit *visit, const struct reference_transaction *transaction) {
    struct wire_request request = {
        .call = CALL_AUTHORIZE,
        .is_intended = true, /* two references are two purchases */
        .authorize = {.id = transaction->id,
                      .credential = visit->credential,
                      .amount = {transaction->amount_minor, visit->wallet->currency},
                      .product = {"wallet"},
                      .is_hold = transaction->is_hold,
                      .hold_us = transaction->is_hold ? visit->wallet->settings.wallet_hold_us : 0},
    };
    return request;
}

/* The same reference for another purchase changes nothing. */
static bool check_same(struct visit *visit, const struct reference_transaction *transaction, const struct wish *wish) {
    const char *field = transaction->amount_minor != wish->amount_minor ? "amount"
                        : transaction->is_hold != wish->is_hold         ? "transactionCommit"
                                                                        : NULL;
    if (field == NULL)
        return true;
    return problem_set(&visit->problem, 409, "REFERENCE_REUSED", field,
                       "Another transaction has this transactionReference, with another %s. Give each its own.", field);
}

/* Nothing is bought under this id from now on, and what was is taken back. */
static bool undo(struct visit *visit, const struct request_id *id) {
    struct wire_request request = {.call = CALL_REVERSE,
                                   .settle = {.kind = ENTRY_REVERSAL,
                                              .id = *id,
                                              .original = *id,
                                              .has_credential = true,
                                              .credential = visit->credential,
                                              .is_final = true}};
    struct wire_reply reply;
    if (!switch_decide(visit, &request, &reply))
        return false;
    return reply.answer.decision == DECISION_APPROVED ? true : switch_not_undone(visit, &reply);
}

static bool undo_replaced(struct visit *visit, struct reference_transaction *transaction) {
    if (!transaction->has_replaced)
        return true;
    transaction->has_replaced = false;
    return undo(visit, &transaction->replaced);
}

/* One that the switch itself has undone needs no reversal. */
static bool renew(struct visit *visit, struct reference_transaction *transaction, enum reason reason, bool *is_fresh) {
    struct failure failure;
    struct request_id id = switch_new_id();
    if (!references_renew(visit->wallet->references, transaction, &id, reason == REASON_BAD_TIME, &failure))
        return references_away(visit, &failure);
    *is_fresh = request_id_equal(&transaction->id, &id);
    return true;
}

/* Whether an id made now would be out of the switch's window as well. */
static bool is_clock_off(const struct visit *visit, const struct wire_reply *reply) {
    return llabs(instant_now().us - reply->server_time.us) > visit->wallet->settings.time_window_us;
}

/* New ids don't help then, and each would leave a reversal behind. */
static bool fail_clock(struct visit *visit, const struct request_id *id, const struct wire_reply *reply) {
    char name[REQUEST_ID_TEXT_SIZE], own[INSTANT_TEXT_SIZE], theirs[INSTANT_TEXT_SIZE];
    request_id_format(id, name);
    instant_format(instant_now(), own);
    instant_format(reply->server_time, theirs);
    log_error("wallet", "an id made now is out of the switch's time, so set the clock id=%s clock=%s switch_clock=%s",
              name, own, theirs);
    return switch_away(visit, "the clocks of wallet and switch differ");
}

static bool approve(struct visit *visit, struct reference_transaction *transaction, struct instant expires_at) {
    struct failure failure;
    return references_approve(visit->wallet->references, transaction, expires_at, &failure)
               ? true
               : references_away(visit, &failure);
}

/* What the requestor takes for final is kept; of the others each follows from the request itself, or may change. An id
 * is the wallet's own: what is bought under it in other words, by a credit that the card had before, is this purchase,
 * and nobody was told of it. Kept first, reversed then: another wallet may be about to tell of it, and its mark fails.
 */
static bool decline(struct visit *visit, struct reference_transaction *transaction, const struct wire_reply *reply) {
    struct failure failure;
    enum reason reason = reply->answer.reason;
    if (!switch_is_final(reason))
        return switch_declined(visit, reply);
    return references_decline(visit->wallet->references, transaction, reason_name(reason), reply->message,
                              reason == REASON_ID_REUSED, &failure)
               ? true
               : references_away(visit, &failure);
}

/* A switch that forgot may say yes to one and no to another; who was told no pays nothing. It stays with the row,
 * whoever dies, until it is done; then the no is told without the switch, for ever. */
static bool undo_declined(struct visit *visit, struct reference_transaction *transaction) {
    struct failure failure;
    if (!transaction->has_replaced)
        return true;
    if (!undo_replaced(visit, transaction))
        return false;
    return references_undone(visit->wallet->references, transaction, &failure) ? true
                                                                               : references_away(visit, &failure);
}

/* Asks until it is approved or declined, or another has been told how it ended. `is_fresh`: the id was made just now.
 */
static bool buy(struct visit *visit, struct reference_transaction *transaction, bool is_fresh) {
    while (transaction->state == REFERENCE_ASKED) {
        struct wire_request request = authorize(visit, transaction);
        struct wire_reply reply;
        if (!undo_replaced(visit, transaction) || !switch_decide(visit, &request, &reply))
            return false;
        enum reason reason = reply.answer.reason;
        bool is_done;
        if (reply.answer.decision == DECISION_APPROVED)
            is_done = approve(visit, transaction, reply.answer.expires_at);
        else if (reason == REASON_BAD_TIME && (is_fresh || is_clock_off(visit, &reply)))
            is_done = fail_clock(visit, &transaction->id, &reply);
        else if (reason == REASON_BAD_TIME || reason == REASON_REVERSED)
            is_done = renew(visit, transaction, reason, &is_fresh);
        else
            is_done = decline(visit, transaction, &reply);
        if (!is_done)
            return false;
    }
    if (transaction->state != REFERENCE_DECLINED)
        return true;
    return undo_declined(visit, transaction) && switch_declined_before(visit, transaction);
}

bool visit_purchase(struct visit *visit) {
    struct wish wish;
    struct failure failure;
    if (!body_read_wish(visit, &wish))
        return false;
    struct reference_transaction transaction = {
        .id = switch_new_id(), .amount_minor = wish.amount_minor, .is_hold = wish.is_hold};
    snprintf(transaction.issuer, sizeof(transaction.issuer), "%s", visit->token.issuer);
    snprintf(transaction.credential, sizeof(transaction.credential), "%s", visit->credential_text);
    snprintf(transaction.reference, sizeof(transaction.reference), "%s", wish.reference);
    snprintf(transaction.description, sizeof(transaction.description), "%s", wish.description);
    bool is_new;
    if (!references_claim(visit->wallet->references, &transaction, &is_new, &failure))
        return references_away(visit, &failure);
    if (!check_same(visit, &transaction, &wish))
        return false;
    if (!buy(visit, &transaction, is_new))
        return false;
    if (is_new && transaction.state == REFERENCE_APPROVED)
        answer_transaction(visit, 201, &transaction, transaction.is_hold ? STATUS_PENDING : STATUS_COMMITTED);
    else
        answer_repeat(visit, &transaction);
    return true;
}
