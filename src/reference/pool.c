/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that wait for nobody longer than the time they were given. */
#include "base/check.h"
#include "base/clock.h"
#include "base/list.h"
#include "reference/internal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct pooled {
    PGconn *connection; /* NULL: not connected */
    unsigned turns;     /* as they were when it was connected */
};

struct references {
    char *conninfo;
    int64_t timeout_us;
    pthread_mutex_t lock;
    pthread_cond_t is_returned;
    unsigned turns; /* which of the conninfo's hosts comes first */
    uint32_t free_count;
    struct pooled *free; /* those not in use */
};

struct references *references_open(const char *conninfo, uint32_t connections, int64_t timeout_us) {
    CHECK(connections > 0);
    struct references *references = calloc(1, sizeof(*references));
    CHECK(references != NULL);
    references->conninfo = strdup(conninfo);
    references->timeout_us = timeout_us;
    references->free_count = connections;
    references->free = calloc(connections, sizeof(struct pooled));
    CHECK(references->conninfo != NULL && references->free != NULL);
    pthread_mutex_init(&references->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&references->is_returned, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return references;
}

void references_close(struct references *references) {
    for (uint32_t i = 0; i < references->free_count; i++)
        PQfinish(references->free[i].connection);
    pthread_cond_destroy(&references->is_returned);
    pthread_mutex_destroy(&references->lock);
    free(references->free);
    free(references->conninfo);
    free(references);
}

/* ---- waiting ---- */

static bool wait_socket(PGconn *connection, short events, int64_t until_us) {
    for (;;) {
        int64_t left_us = until_us - tick_now().us;
        struct pollfd socket = {.fd = PQsocket(connection), .events = events};
        int ready = poll(&socket, 1, left_us > 0 ? (int)(left_us / 1000) + 1 : 0);
        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

static bool finish_connecting(PGconn *connection, int64_t until_us) {
    PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
    while (wanted != PGRES_POLLING_OK) {
        if (wanted == PGRES_POLLING_FAILED ||
            !wait_socket(connection, wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_us))
            return false;
        wanted = PQconnectPoll(connection);
    }
    return true;
}

/* The next result, or NULL after the last; false: none came in time. */
static bool take_result(PGconn *connection, int64_t until_us, PGresult **result) {
    while (PQflush(connection) == 1)
        if (!wait_socket(connection, POLLOUT, until_us))
            return false;
    while (PQisBusy(connection))
        if (!wait_socket(connection, POLLIN, until_us) || !PQconsumeInput(connection))
            return false;
    *result = PQgetResult(connection);
    return true;
}

/* The one result of a statement. */
static PGresult *take_rows(PGconn *connection, int64_t until_us) {
    PGresult *rows = NULL;
    PGresult *after = NULL;
    if (!take_result(connection, until_us, &rows) || rows == NULL)
        return NULL;
    if (!take_result(connection, until_us, &after) || after != NULL) {
        PQclear(after);
        PQclear(rows);
        return NULL;
    }
    return rows;
}

/* ---- a statement ---- */

static PGresult *run_on(PGconn *connection, const char *sql, int count, const char *const *values, int64_t until_us,
                        struct failure *failure) {
    PGresult *rows = NULL;
    if (PQsendQueryParams(connection, sql, count, NULL, values, NULL, NULL, 0))
        rows = take_rows(connection, until_us);
    if (rows == NULL || PQresultStatus(rows) == PGRES_TUPLES_OK)
        return rows;
    failure_set(failure, "PostgreSQL: %s", PQresultErrorMessage(rows));
    PQclear(rows);
    return NULL;
}

/* ---- connecting ---- */

/* One of the conninfo's lists, begun in turn; NULL: it has none. */
static char *turn_of(const PQconninfoOption *options, const char *keyword, unsigned turns) {
    for (const PQconninfoOption *at = options; at != NULL && at->keyword != NULL; at++) {
        if (strcmp(at->keyword, keyword) == 0 && at->val != NULL) {
            char *turned = malloc(strlen(at->val) + 1);
            CHECK(turned != NULL);
            list_turn(at->val, turns, turned);
            return turned;
        }
    }
    return NULL;
}

/* libpq by itself passes over a host that refuses, but not over one that takes a connection and is silent. */
static PGconn *connect_in_turn(const char *conninfo, unsigned turns) {
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    char *hosts[] = {turn_of(options, "host", turns), turn_of(options, "hostaddr", turns),
                     turn_of(options, "port", turns)};
    static const char *const keywords[] = {"dbname", "host", "hostaddr", "port", NULL};
    const char *const values[] = {conninfo, hosts[0], hosts[1], hosts[2], NULL};
    PGconn *connection = PQconnectStartParams(keywords, values, 1);
    for (size_t at = 0; at < sizeof(hosts) / sizeof(*hosts); at++)
        free(hosts[at]);
    PQconninfoFree(options);
    return connection;
}

/* A commit is awaited where it must be, whatever the server's default; and there is something to commit, so that a
 * server with a synchronous standby must hear from it. What a crash left in its tables without the standby's knowledge
 * is on the standby then; and an old primary that came back after its standby was promoted is never heard of. */
static const char proof_sql[] =
    "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') "
    "WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false), pg_logical_emit_message(true, 'vaxel', '')";

/* Connects to a server that may be believed. */
static bool connect_pooled(struct references *references, struct pooled *pooled, int64_t until_us,
                           struct failure *failure) {
    pthread_mutex_lock(&references->lock);
    pooled->turns = references->turns;
    pthread_mutex_unlock(&references->lock);
    PGconn *connection = pooled->connection = connect_in_turn(references->conninfo, pooled->turns);
    if (connection == NULL || !finish_connecting(connection, until_us) || PQsetnonblocking(connection, 1) != 0) {
        if (PQstatus(connection) == CONNECTION_BAD)
            failure_set(failure, "PostgreSQL: %s", PQerrorMessage(connection));
        return false;
    }
    PGresult *proof = run_on(connection, proof_sql, 0, NULL, until_us, failure);
    PQclear(proof);
    return proof != NULL;
}

/* A connection on which something went wrong is not used again, for what it still owes would be taken for the next's.
 * The next host comes first then: once, however many connections there were. */
static void give_up(struct references *references, struct pooled *pooled) {
    pthread_mutex_lock(&references->lock);
    if (references->turns == pooled->turns)
        references->turns++;
    pthread_mutex_unlock(&references->lock);
    PQfinish(pooled->connection);
    pooled->connection = NULL;
}

/* ---- the pool ---- */

static bool take_pooled(struct references *references, int64_t until_us, struct pooled *pooled) {
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    int status = 0;
    pthread_mutex_lock(&references->lock);
    while (references->free_count == 0 && status == 0)
        status = pthread_cond_timedwait(&references->is_returned, &references->lock, &until);
    bool is_taken = references->free_count > 0;
    if (is_taken)
        *pooled = references->free[--references->free_count];
    pthread_mutex_unlock(&references->lock);
    return is_taken;
}

static void return_pooled(struct references *references, struct pooled pooled) {
    pthread_mutex_lock(&references->lock);
    references->free[references->free_count++] = pooled;
    pthread_cond_signal(&references->is_returned);
    pthread_mutex_unlock(&references->lock);
}

PGresult *references_run(struct references *references, const char *sql, int count, const char *const *values,
                         struct failure *failure) {
    int64_t until_us = tick_now().us + references->timeout_us;
    struct pooled pooled;
    if (!take_pooled(references, until_us, &pooled)) {
        failure_set(failure, "PostgreSQL: all connections are in use");
        return NULL;
    }
    failure_set(failure, "PostgreSQL does not answer in time");
    PGresult *rows = NULL;
    if (pooled.connection != NULL) {
        rows = run_on(pooled.connection, sql, count, values, until_us, failure);
        if (rows == NULL)
            give_up(references, &pooled);
    }
    /* One that was idle may have been cut off; every statement here may be run again. */
    if (rows == NULL && tick_now().us < until_us) {
        if (connect_pooled(references, &pooled, until_us, failure))
            rows = run_on(pooled.connection, sql, count, values, until_us, failure);
        if (rows == NULL)
            give_up(references, &pooled);
    }
    return_pooled(references, pooled);
    return rows;
}
