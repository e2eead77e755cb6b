/* SPDX-License-Identifier: Apache-2.0 */
/* database: databases of a test's own in the PostgreSQL of the whole run, copied from a template that is migrated once.
 */
#include "support/support.h"

#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESULT_TEXT 65536
#define TEMPLATE "vaxel_template"

static PGconn *connect_to(const char *conninfo) {
    PGconn *connection = PQconnectdb(conninfo);
    if (PQstatus(connection) != CONNECTION_OK) {
        cr_fatal("can't connect to %s: %s", conninfo, PQerrorMessage(connection));
    }
    return connection;
}

/* Runs SQL of any number of statements and copies the first value of the last result. */
static const char *execute(PGconn *connection, const char *sql) {
    static _Thread_local char value[RESULT_TEXT];
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        cr_fatal("PostgreSQL refused: %s\n%.1000s", PQerrorMessage(connection), sql);
    }
    bool has_value = PQntuples(result) > 0 && PQnfields(result) > 0;
    snprintf(value, sizeof value, "%s", has_value ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return value;
}

const char *test_sql(const char *conninfo, const char *format, ...) {
    char *sql = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&sql, format, arguments);
    va_end(arguments);
    if (size < 0) {
        cr_fatal("no memory for SQL");
    }
    PGconn *connection = connect_to(conninfo);
    const char *value = execute(connection, sql);
    PQfinish(connection);
    free(sql);
    return value;
}

static const char *server_of_the_run(void) {
    const char *server = getenv("VAXEL_TEST_POSTGRES");
    if (!server) {
        cr_fatal("this test needs a PostgreSQL of its own: run it by ./dev test NAME, or by deploy/dev/with-postgres "
                 "PROGRAM");
    }
    return server;
}

void support_migrate(const char *conninfo) {
    char program[TEST_TEXT];
    char assignment[TEST_TEXT];
    test_program("vaxel", program);
    support_format(assignment, "postgres.conninfo=%s", conninfo);
    const char *arguments[] = {program, "migrate", "--config", "/dev/null", "--set", assignment, NULL};
    support_run(SUPPORT_SELF, arguments);
}

/* Makes the template once a run. Tests run side by side, so the first one makes it and the others wait. */
static void make_template(PGconn *connection, const char *server) {
    char conninfo[TEST_TEXT];
    execute(connection, "SELECT pg_advisory_lock(6873)");
    if (strcmp(execute(connection, "SELECT count(*) FROM pg_database WHERE datname = '" TEMPLATE "'"), "0") == 0) {
        execute(connection, "SET client_min_messages = warning");
        execute(connection, "DROP DATABASE IF EXISTS " TEMPLATE "_new");
        execute(connection, "CREATE DATABASE " TEMPLATE "_new");
        support_format(conninfo, "%s dbname=" TEMPLATE "_new", server);
        support_migrate(conninfo);
        execute(connection, "ALTER DATABASE " TEMPLATE "_new RENAME TO " TEMPLATE);
    }
    execute(connection, "SELECT pg_advisory_unlock(6873)");
}

void test_database_create(struct test_database *database, bool is_migrated) {
    static int made;
    char conninfo[TEST_TEXT];
    char sql[TEST_TEXT];
    const char *server = server_of_the_run();
    support_format(conninfo, "%s dbname=postgres", server);
    PGconn *connection = connect_to(conninfo);
    if (is_migrated) {
        make_template(connection, server);
    }
    snprintf(database->name, sizeof database->name, "test_%d_%d", (int)getpid(), made++);
    support_format(database->conninfo, "%s dbname=%s", server, database->name);
    support_format(sql, "CREATE DATABASE %s TEMPLATE %s", database->name, is_migrated ? TEMPLATE : "template0");
    execute(connection, sql);
    PQfinish(connection);
}

void test_database_drop(struct test_database *database) {
    char conninfo[TEST_TEXT];
    support_format(conninfo, "%s dbname=postgres", server_of_the_run());
    test_sql(conninfo, "DROP DATABASE %s WITH (FORCE)", database->name);
}
