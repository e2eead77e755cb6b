/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "reference/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 24
#define COLUMNS                                                                                                        \
    "issuer, credential, reference, id, amount_minor, is_hold::int, description, state, "                              \
    "coalesce((extract(epoch FROM expires_at) * 1000000)::bigint, 0) AS expires_us, replaced, "                        \
    "coalesce(reason, '') AS reason, coalesce(detail, '') AS detail"
#define CLAIM_TRIES 16

static const char *const state_names[] = {"asked", "approved", "cancelled", "declined"};

static void take_text(char *to, size_t size, const char *text) {
    size_t length = strlen(text);
    CHECK(length < size);
    memcpy(to, text, length + 1);
}

/* A newer version may have left one that this one does not know. */
static bool state_of(const char *name, enum reference_state *state, struct failure *failure) {
    for (size_t i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++) {
        if (strcmp(state_names[i], name) == 0) {
            *state = (enum reference_state)i;
            return true;
        }
    }
    return failure_set(failure, "PostgreSQL has the transaction in the state \"%s\", which this version does not know",
                       name);
}

static bool take_row(const PGresult *rows, struct reference_transaction *transaction, struct failure *failure) {
    enum reference_state state;
    if (!state_of(PQgetvalue(rows, 0, 7), &state, failure))
        return false;
    take_text(transaction->issuer, sizeof(transaction->issuer), PQgetvalue(rows, 0, 0));
    take_text(transaction->credential, sizeof(transaction->credential), PQgetvalue(rows, 0, 1));
    take_text(transaction->reference, sizeof(transaction->reference), PQgetvalue(rows, 0, 2));
    CHECK(request_id_parse(PQgetvalue(rows, 0, 3), &transaction->id));
    transaction->amount_minor = strtoll(PQgetvalue(rows, 0, 4), NULL, 10);
    transaction->is_hold = PQgetvalue(rows, 0, 5)[0] == '1';
    take_text(transaction->description, sizeof(transaction->description), PQgetvalue(rows, 0, 6));
    transaction->state = state;
    transaction->expires_at.us = strtoll(PQgetvalue(rows, 0, 8), NULL, 10);
    transaction->has_replaced = !PQgetisnull(rows, 0, 9);
    if (transaction->has_replaced)
        CHECK(request_id_parse(PQgetvalue(rows, 0, 9), &transaction->replaced));
    take_text(transaction->reason, sizeof(transaction->reason), PQgetvalue(rows, 0, 10));
    take_text(transaction->detail, sizeof(transaction->detail), PQgetvalue(rows, 0, 11));
    return true;
}

/* Both halves of the statement see the table as it was before it: a row that another commits in between is in neither,
 * and is seen the next time. */
static const char claim_sql[] =
    "WITH made AS (INSERT INTO wallet_transaction (issuer, credential, reference, id, amount_minor, is_hold, "
    "description) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING " COLUMNS
    ") SELECT *, 1 FROM made UNION ALL SELECT " COLUMNS ", 0 FROM wallet_transaction "
    "WHERE issuer = $1 AND credential = $2 AND reference = $3";

bool references_claim(struct references *references, struct reference_transaction *transaction, bool *is_new,
                      struct failure *failure) {
    char id[REQUEST_ID_TEXT_SIZE];
    char amount[NUMBER_SIZE];
    struct request_id wanted = transaction->id;
    request_id_format(&wanted, id);
    snprintf(amount, sizeof(amount), "%" PRId64, transaction->amount_minor);
    const char *values[] = {transaction->issuer,
                            transaction->credential,
                            transaction->reference,
                            id,
                            amount,
                            transaction->is_hold ? "true" : "false",
                            transaction->description};
    for (int tries = 0; tries < CLAIM_TRIES; tries++) {
        PGresult *rows = references_run(references, claim_sql, 7, values, failure);
        if (rows == NULL)
            return false;
        bool is_there = PQntuples(rows) == 1;
        bool is_taken = is_there && take_row(rows, transaction, failure);
        PQclear(rows);
        /* By its id one's own row is known, also when the first sending of the statement made it. */
        *is_new = request_id_equal(&transaction->id, &wanted);
        if (is_there)
            return is_taken;
    }
    return failure_set(failure, "PostgreSQL neither keeps the reference nor has it");
}

/* Takes the one row there is, if there is one. A row that a server does not have, though it was claimed, is no answer
 * to go by: it may be gone over to another id, or the server be another than the one that had it. */
static bool take_known(PGresult *rows, struct reference_transaction *transaction, struct failure *failure) {
    if (rows == NULL)
        return false;
    bool is_taken = PQntuples(rows) == 1 ? take_row(rows, transaction, failure)
                                         : failure_set(failure, "PostgreSQL has no such transaction any more");
    PQclear(rows);
    return is_taken;
}

static const char renew_sql[] =
    "WITH moved AS (UPDATE wallet_transaction SET id = $5, replaced = CASE WHEN $6::boolean THEN id END "
    "WHERE issuer = $1 AND credential = $2 AND reference = $3 AND id = $4 AND state = 'asked' RETURNING " COLUMNS
    ") SELECT * FROM moved UNION ALL SELECT " COLUMNS
    " FROM wallet_transaction WHERE issuer = $1 AND credential = $2 AND reference = $3 "
    "AND NOT EXISTS (SELECT FROM moved)";

bool references_renew(struct references *references, struct reference_transaction *transaction,
                      const struct request_id *id, bool is_owed, struct failure *failure) {
    char from[REQUEST_ID_TEXT_SIZE];
    char to[REQUEST_ID_TEXT_SIZE];
    request_id_format(&transaction->id, from);
    request_id_format(id, to);
    const char *values[] = {transaction->issuer,       transaction->credential, transaction->reference, from, to,
                            is_owed ? "true" : "false"};
    return take_known(references_run(references, renew_sql, 6, values, failure), transaction, failure);
}

/* Runs an update by id, which gives the row if it moved it; else looks, in a statement of its own, for what the update
 * waited for it has not seen. */
static bool move(struct references *references, const char *sql, int count, const char *const *values,
                 struct reference_transaction *transaction, struct failure *failure) {
    PGresult *rows = references_run(references, sql, count, values, failure);
    if (rows != NULL && PQntuples(rows) == 0) {
        PQclear(rows);
        rows =
            references_run(references, "SELECT " COLUMNS " FROM wallet_transaction WHERE id = $1", 1, values, failure);
    }
    return take_known(rows, transaction, failure);
}

bool references_approve(struct references *references, struct reference_transaction *transaction,
                        struct instant expires_at, struct failure *failure) {
    char id[REQUEST_ID_TEXT_SIZE];
    char expiry[NUMBER_SIZE];
    request_id_format(&transaction->id, id);
    snprintf(expiry, sizeof(expiry), "%" PRId64, expires_at.us);
    const char *values[] = {id, expiry};
    return move(references,
                "UPDATE wallet_transaction SET state = CASE state WHEN 'declined' THEN state ELSE 'approved' END, "
                "replaced = CASE state WHEN 'declined' THEN id ELSE replaced END, "
                "expires_at = CASE WHEN $2::bigint = 0 OR state = 'declined' THEN expires_at "
                "ELSE timestamptz 'epoch' + $2::bigint * interval '1 microsecond' END "
                "WHERE id = $1 AND state IN ('asked', 'approved', 'declined') RETURNING " COLUMNS,
                2, values, transaction, failure);
}

bool references_decline(struct references *references, struct reference_transaction *transaction, const char *reason,
                        const char *detail, bool is_owed, struct failure *failure) {
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&transaction->id, id);
    const char *values[] = {id, reason, detail, is_owed ? "true" : "false"};
    return move(references,
                "UPDATE wallet_transaction SET state = 'declined', reason = $2, detail = $3, "
                "replaced = CASE WHEN $4::boolean THEN id END WHERE id = $1 AND state = 'asked' RETURNING " COLUMNS,
                4, values, transaction, failure);
}

bool references_undone(struct references *references, struct reference_transaction *transaction,
                       struct failure *failure) {
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&transaction->id, id);
    const char *values[] = {id};
    return move(references,
                "UPDATE wallet_transaction SET replaced = NULL WHERE id = $1 AND state = 'declined' RETURNING " COLUMNS,
                1, values, transaction, failure);
}

bool references_cancel(struct references *references, struct reference_transaction *transaction,
                       struct failure *failure) {
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&transaction->id, id);
    const char *values[] = {id};
    return move(references,
                "UPDATE wallet_transaction SET state = 'cancelled' WHERE id = $1 "
                "AND state IN ('asked', 'approved', 'cancelled') RETURNING " COLUMNS,
                1, values, transaction, failure);
}

bool references_find(struct references *references, const char *issuer, const char *credential,
                     const struct request_id *id, struct reference_transaction *transaction, bool *is_found,
                     struct failure *failure) {
    char name[REQUEST_ID_TEXT_SIZE];
    request_id_format(id, name);
    const char *values[] = {issuer, credential, name};
    PGresult *rows = references_run(
        references, "SELECT " COLUMNS " FROM wallet_transaction WHERE issuer = $1 AND credential = $2 AND id = $3", 3,
        values, failure);
    if (rows == NULL)
        return false;
    *is_found = PQntuples(rows) == 1;
    bool is_taken = !*is_found || take_row(rows, transaction, failure);
    PQclear(rows);
    return is_taken;
}
