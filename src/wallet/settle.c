/* SPDX-License-Identifier: Apache-2.0 */
/* A transaction that there is: how it stands, and its end. A capture and a void have ids of their own, which follow
 * from the transaction's, so that each is done once, whoever asks for it again. */
#include "wallet/internal.h"

#include <string.h>

/* Bits that make another id of the transaction's: random ones there, so nobody else has it. */
#define CAPTURE_BITS 0x01
#define VOID_BITS 0x02

static bool find(struct visit *visit, struct reference_transaction *transaction) {
    struct failure failure;
    bool is_found;
    if (!references_find(visit->wallet->references, visit->token.issuer, visit->credential_text, &visit->transaction,
                         transaction, &is_found, &failure))
        return references_away(visit, &failure);
    return is_found ? true
                    : problem_set(&visit->problem, 404, "NOT_FOUND", "transactionId",
                                  "There is no such transaction of this requestor in this wallet.");
}

/* A hold that is closed and was not captured is cancelled, whoever did it: an office may have voided it. A switch of an
 * older version does not say; then it is over when its time is. */
static bool is_open(const struct reference_transaction *transaction, const struct wire_reply *reply) {
    if (reply->found.hold != HOLD_STATE_UNSPECIFIED)
        return reply->found.hold == HOLD_STATE_OPEN;
    return transaction->expires_at.us == 0 || transaction->expires_at.us > reply->server_time.us;
}

static enum status status_of(const struct reference_transaction *transaction, const struct wire_reply *reply) {
    const struct found *found = &reply->found;
    bool is_hold = found->entry.kind == ENTRY_HOLD;
    int64_t paid_minor = is_hold ? found->captured_minor : found->entry.amount_minor;
    if (found->is_reversed || transaction->state == REFERENCE_CANCELLED)
        return STATUS_CANCELLED;
    if (paid_minor > 0)
        return found->refunded_minor < paid_minor ? STATUS_COMMITTED : STATUS_CANCELLED;
    return is_hold && is_open(transaction, reply) ? STATUS_PENDING : STATUS_CANCELLED;
}

/* How it stands, by the switch's records. */
static bool look_up(struct visit *visit, const struct reference_transaction *transaction, enum status *status) {
    struct wire_request request = {
        .call = CALL_LOOKUP,
        .lookup = {.id = transaction->id, .has_credential = true, .credential = visit->credential}};
    struct wire_reply reply;
    if (!switch_decide(visit, &request, &reply))
        return false;
    if (reply.kind != WIRE_REPLY_FOUND)
        return switch_declined(visit, &reply);
    if (!reply.found.is_found)
        return problem_set(&visit->problem, 404, "NOT_FOUND", "transactionId",
                           "Nothing is charged or reserved by this transaction.");
    *status = status_of(transaction, &reply);
    return true;
}

bool visit_look(struct visit *visit) {
    struct reference_transaction transaction = {0};
    enum status status = STATUS_PENDING;
    if (!find(visit, &transaction) || !look_up(visit, &transaction, &status))
        return false;
    answer_transaction(visit, 200, &transaction, status);
    return true;
}

/* ---- an end ---- */

static bool settle(struct visit *visit, const struct reference_transaction *transaction, enum call call,
                   enum entry_kind kind, uint8_t bits, struct wire_reply *reply) {
    struct wire_request request = {.call = call,
                                   .settle = {.kind = kind,
                                              .id = transaction->id,
                                              .original = transaction->id,
                                              .has_credential = true,
                                              .credential = visit->credential,
                                              .is_final = true}};
    request.settle.id.bytes[REQUEST_ID_SIZE - 1] ^= bits;
    return switch_decide(visit, &request, reply);
}

/* What was committed before may have been cancelled since; a capture that is repeated does not tell. */
static bool check_committed(struct visit *visit, const struct reference_transaction *transaction, const char *code) {
    enum status status = STATUS_PENDING;
    if (!look_up(visit, transaction, &status))
        return false;
    return status == STATUS_COMMITTED
               ? true
               : problem_set(&visit->problem, 409, code, "status",
                             "The transaction is cancelled. Make another, with its own transactionReference.");
}

static bool commit(struct visit *visit, const struct reference_transaction *transaction) {
    struct wire_reply reply;
    if (!transaction->is_hold)
        return check_committed(visit, transaction, "REVERSED");
    if (!settle(visit, transaction, CALL_CAPTURE, ENTRY_CAPTURE, CAPTURE_BITS, &reply))
        return false;
    bool is_done = reply.answer.decision == DECISION_APPROVED;
    if (is_done && !reply.answer.is_repeat)
        return true;
    if (is_done || reply.answer.reason == REASON_HOLD_CLOSED)
        return check_committed(visit, transaction, is_done ? "REVERSED" : "HOLD_CLOSED");
    return switch_declined(visit, &reply);
}

static bool reverse(struct visit *visit, const struct reference_transaction *transaction) {
    struct wire_reply reply;
    int64_t until_us = request_id_time(&transaction->id).us + visit->wallet->settings.wallet_cancellable_us;
    if (instant_now().us > until_us)
        return problem_set(&visit->problem, 409, "NOT_CANCELLABLE", "status",
                           "The transaction was committed too long ago: its cancellableExpire has passed. Ask the "
                           "operator for a refund.");
    if (!settle(visit, transaction, CALL_REVERSE, ENTRY_REVERSAL, 0, &reply))
        return false;
    return reply.answer.decision == DECISION_APPROVED ? true : switch_declined(visit, &reply);
}

/* Lets a hold go; `is_paid`: it has been captured, and is to be reversed. */
static bool let_go(struct visit *visit, const struct reference_transaction *transaction, bool *is_paid) {
    struct wire_reply reply;
    enum status status = STATUS_PENDING;
    *is_paid = false;
    if (!settle(visit, transaction, CALL_VOID, ENTRY_VOID, VOID_BITS, &reply))
        return false;
    enum reason reason = reply.answer.reason;
    if (reply.answer.decision == DECISION_APPROVED || reason == REASON_HOLD_EXPIRED || reason == REASON_REVERSED)
        return true;
    if (reason != REASON_HOLD_CLOSED)
        return switch_declined(visit, &reply);
    if (!look_up(visit, transaction, &status))
        return false;
    *is_paid = status == STATUS_COMMITTED;
    return true;
}

static bool cancel(struct visit *visit, struct reference_transaction *transaction) {
    enum status status = STATUS_COMMITTED;
    bool is_paid = true;
    if (transaction->is_hold && !let_go(visit, transaction, &is_paid))
        return false;
    if (!transaction->is_hold) {
        if (!look_up(visit, transaction, &status))
            return false;
        is_paid = status == STATUS_COMMITTED;
    }
    if (is_paid && !reverse(visit, transaction))
        return false;
    struct failure failure;
    return references_cancel(visit->wallet->references, transaction, &failure) ? true
                                                                               : references_away(visit, &failure);
}

bool visit_change(struct visit *visit) {
    struct change change;
    struct reference_transaction transaction = {0};
    if (!body_read_change(visit, &change) || !find(visit, &transaction))
        return false;
    if (change.reference[0] != '\0' && strcmp(change.reference, transaction.reference) != 0)
        return problem_set(&visit->problem, 400, "WRONG_FIELD", "transactionReference",
                           "The transaction has another reference. Give its own, or leave it out.");
    bool is_done = change.is_commit ? commit(visit, &transaction) : cancel(visit, &transaction);
    if (!is_done)
        return false;
    answer_transaction(visit, 201, &transaction, change.is_commit ? STATUS_COMMITTED : STATUS_CANCELLED);
    return true;
}
