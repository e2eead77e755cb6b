/* SPDX-License-Identifier: Apache-2.0 */
#include "directory/seed.h"

#include "base/card.h"
#include "seed_sql.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#define FIRST_CARD UINT64_C(900000000000000)

/* What the connection says, without the line break and the details behind it. */
static bool refused(const PGconn *connection, const char *what, struct failure *failure) {
    const char *text = PQerrorMessage(connection);
    return failure_set(failure, "%s: %.*s", what, (int)strcspn(text, "\n"), text);
}

/* Runs SQL of one or several statements, in one transaction. */
static bool run(PGconn *connection, const char *sql, struct failure *failure) {
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    bool is_done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!is_done) {
        (void)refused(connection, "PostgreSQL refuses", failure);
    }
    PQclear(result);
    return is_done;
}

static PGconn *connect_to(const char *conninfo, struct failure *failure) {
    static const char *const keywords[] = {"fallback_application_name", "dbname", "client_encoding", NULL};
    const char *const values[] = {"vaxel seed", conninfo, "UTF8", NULL};
    PGconn *connection = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(connection) == CONNECTION_OK) {
        return connection;
    }
    (void)refused(connection, "cannot connect to PostgreSQL", failure);
    PQfinish(connection);
    return NULL;
}

bool directory_seed_example(const char *conninfo, struct failure *failure) {
    PGconn *connection = connect_to(conninfo, failure);
    bool is_done = connection != NULL && run(connection, example_sql, failure);
    PQfinish(connection);
    return is_done;
}

bool directory_generate(const char *conninfo, int32_t organisations, int32_t travellers_each,
                        int64_t organisation_limit_minor, int64_t credit_limit_minor, struct failure *failure) {
    if (organisations < 1 || travellers_each < 1 || organisations > DIRECTORY_GENERATED_MAX / travellers_each) {
        return failure_set(failure, "organisations and travellers must be 1 or more, and %d travellers at most in all",
                           DIRECTORY_GENERATED_MAX);
    }
    char call[160];
    snprintf(call, sizeof(call), "SELECT pg_temp.generate(%" PRId32 ", %" PRId32 ", %" PRId64 ", %" PRId64 ")",
             organisations, travellers_each, organisation_limit_minor, credit_limit_minor);
    PGconn *connection = connect_to(conninfo, failure);
    /* A node loads a million fresh rows twice as fast once their visibility is known. */
    bool is_done = connection != NULL && run(connection, generate_sql, failure) && run(connection, call, failure) &&
                   run(connection, "VACUUM (ANALYZE) organisation, traveller, credit", failure);
    PQfinish(connection);
    return is_done;
}

uint64_t directory_generated_card(uint32_t index) {
    return card_complete(FIRST_CARD + index);
}
