/* SPDX-License-Identifier: Apache-2.0 */
/* A new transaction:
 *
 *   claim the reference ──▶ ask the switch under the id it got ──▶ mark it approved ──▶ 201, or 303 for a repeat
 *
 * Whatever dies in between, the reference has its id, and the repeat asks for the same purchase. An id that can't be
 * bought under any more (its deadline passed and it was undone; or nobody asked until it was too old) is replaced by a
 * new one, but only after the switch has said that it never will be, and only while nobody was told of an approval. */
#include "wallet/internal.h"

#include <stdio.h>
#include <string.h>

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

/* Makes sure that nothing is bought under the old id, then gives the transaction a new one. */
static bool renew(struct visit *visit, struct reference_transaction *transaction, enum reason reason) {
    if (reason == REASON_BAD_TIME) {
        struct wire_request request = {.call = CALL_REVERSE,
                                       .settle = {.kind = ENTRY_REVERSAL,
                                                  .id = transaction->id,
                                                  .original = transaction->id,
                                                  .has_credential = true,
                                                  .credential = visit->credential,
                                                  .is_final = true}};
        struct wire_reply reply;
        if (!switch_decide(visit, &request, &reply))
            return false;
        if (reply.answer.decision != DECISION_APPROVED)
            return switch_declined(visit, &reply);
    }
    struct failure failure;
    struct request_id id = switch_new_id();
    return references_renew(visit->wallet->references, transaction, &id, &failure) ? true
                                                                                   : references_away(visit, &failure);
}

static bool mark(struct visit *visit, struct reference_transaction *transaction, struct instant expires_at) {
    struct failure failure;
    transaction->expires_at = expires_at;
    return references_mark(visit->wallet->references, &transaction->id, REFERENCE_APPROVED, expires_at, &failure)
               ? true
               : references_away(visit, &failure);
}

/* Asks until it is approved or declined, or another has been told how it ended. */
static bool buy(struct visit *visit, struct reference_transaction *transaction) {
    while (transaction->state == REFERENCE_ASKED) {
        struct wire_request request = authorize(visit, transaction);
        struct wire_reply reply;
        if (!switch_decide(visit, &request, &reply))
            return false;
        const struct answer *answer = &reply.answer;
        if (answer->decision == DECISION_APPROVED)
            return mark(visit, transaction, answer->expires_at);
        bool is_spent = answer->reason == REASON_REVERSED || answer->reason == REASON_BAD_TIME;
        if (!is_spent)
            return switch_declined(visit, &reply);
        if (!renew(visit, transaction, answer->reason))
            return false;
    }
    return true;
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
    if (!buy(visit, &transaction))
        return false;
    if (is_new)
        answer_transaction(visit, 201, &transaction, transaction.is_hold ? STATUS_PENDING : STATUS_COMMITTED);
    else
        answer_repeat(visit, &transaction);
    return true;
}
