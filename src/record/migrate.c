/* SPDX-License-Identifier: Apache-2.0 */
#include "record/migrate.h"
#include "record/version.h"

#include "migrations.h"

#include <string.h>

/* One migrator at a time in a database; any number will do, as long as it stays. */
#define MIGRATE_LOCK "SELECT pg_advisory_lock(30333, -1)"
#define MIGRATE_TABLE                                                                                                  \
    "SET client_min_messages = warning; CREATE TABLE IF NOT EXISTS schema_migration "                                  \
    "(name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"

const char version_query[] = "SELECT name FROM schema_migration ORDER BY name";

bool version_missing(struct failure *failure) {
    return failure_set(failure, "the database has no tables of Växel: run \"vaxel migrate\"");
}

/* Whether what was run is the beginning of what this program has. */
static bool is_known(const PGresult *names, struct failure *failure) {
    for (int at = 0; at < PQntuples(names); at++) {
        const char *name = PQgetvalue(names, at, 0);
        if ((size_t)at >= migrations_count || strcmp(name, migrations[at].name) != 0)
            return failure_set(failure, "the database has %s, which this program does not know: use the newer one",
                               name);
    }
    return true;
}

bool version_check(const PGresult *names, struct failure *failure) {
    if (!is_known(names, failure))
        return false;
    size_t count = (size_t)PQntuples(names);
    if (count < migrations_count)
        return failure_set(failure, "the database lacks %s: run \"vaxel migrate\"", migrations[count].name);
    return true;
}

/* ---- running ---- */

static PGconn *connect_to(const char *conninfo, struct failure *failure) {
    PGconn *connection = PQconnectdb(conninfo);
    if (PQstatus(connection) == CONNECTION_OK)
        return connection;
    failure_set(failure, "postgres: %s", PQerrorMessage(connection));
    PQfinish(connection);
    return NULL;
}

static bool run(PGconn *connection, const char *sql, const char *what, struct failure *failure) {
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    bool is_done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!is_done)
        failure_set(failure, "%s: %s", what, PQerrorMessage(connection));
    PQclear(result);
    return is_done;
}

static bool note_name(PGconn *connection, const char *name, struct failure *failure) {
    PGresult *result =
        PQexecParams(connection, "INSERT INTO schema_migration (name) VALUES ($1)", 1, NULL, &name, NULL, NULL, 0);
    bool is_done = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!is_done)
        failure_set(failure, "%s: %s", name, PQerrorMessage(connection));
    PQclear(result);
    return is_done;
}

static bool run_migration(PGconn *connection, const struct migration *migration, struct failure *failure) {
    return run(connection, "BEGIN", migration->name, failure) &&
           run(connection, migration->sql, migration->name, failure) &&
           note_name(connection, migration->name, failure) && run(connection, "COMMIT", migration->name, failure);
}

/* How many were run already; false when they are not this program's. */
static bool count_done(PGconn *connection, size_t *count, struct failure *failure) {
    PGresult *names = PQexec(connection, version_query);
    bool is_known_here = PQresultStatus(names) == PGRES_TUPLES_OK
                             ? is_known(names, failure)
                             : failure_set(failure, "%s", PQerrorMessage(connection));
    *count = (size_t)PQntuples(names);
    PQclear(names);
    return is_known_here;
}

static bool migrate(PGconn *connection, void *owner, void (*report)(void *owner, const char *file),
                    struct failure *failure) {
    size_t done;
    if (!run(connection, MIGRATE_LOCK, "lock", failure) ||
        !run(connection, MIGRATE_TABLE, "schema_migration", failure) || !count_done(connection, &done, failure))
        return false;
    for (size_t at = done; at < migrations_count; at++) {
        if (!run_migration(connection, &migrations[at], failure))
            return false;
        if (report != NULL)
            report(owner, migrations[at].name);
    }
    return true;
}

bool record_migrate(const char *conninfo, void *owner, void (*report)(void *owner, const char *file),
                    struct failure *failure) {
    PGconn *connection = connect_to(conninfo, failure);
    if (connection == NULL)
        return false;
    bool is_done = migrate(connection, owner, report, failure);
    PQfinish(connection); /* and with it the lock, and what was not committed */
    return is_done;
}

bool record_is_migrated(const char *conninfo, struct failure *failure) {
    PGconn *connection = connect_to(conninfo, failure);
    if (connection == NULL)
        return false;
    PGresult *names = PQexec(connection, version_query);
    bool is_migrated =
        PQresultStatus(names) == PGRES_TUPLES_OK ? version_check(names, failure) : version_missing(failure);
    PQclear(names);
    PQfinish(connection);
    return is_migrated;
}
