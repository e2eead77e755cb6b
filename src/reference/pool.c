/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that wait for nobody longer than the time they were given. */
#include "base/check.h"
#include "base/clock.h"
#include "reference/internal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct references {
    char *conninfo;
    int64_t timeout_us;
    pthread_mutex_t lock;
    pthread_cond_t is_returned;
    uint32_t free_count;
    PGconn **free; /* those not in use; NULL: not connected */
};

struct references *references_open(const char *conninfo, uint32_t connections, int64_t timeout_us) {
    CHECK(connections > 0);
    struct references *references = calloc(1, sizeof(*references));
    CHECK(references != NULL);
    references->conninfo = strdup(conninfo);
    references->timeout_us = timeout_us;
    references->free_count = connections;
    references->free = calloc(connections, sizeof(PGconn *));
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
        PQfinish(references->free[i]);
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

/* ---- the pool ---- */

static bool take_connection(struct references *references, int64_t until_us, PGconn **connection) {
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    int status = 0;
    pthread_mutex_lock(&references->lock);
    while (references->free_count == 0 && status == 0)
        status = pthread_cond_timedwait(&references->is_returned, &references->lock, &until);
    bool is_taken = references->free_count > 0;
    if (is_taken)
        *connection = references->free[--references->free_count];
    pthread_mutex_unlock(&references->lock);
    return is_taken;
}

static void return_connection(struct references *references, PGconn *connection) {
    pthread_mutex_lock(&references->lock);
    references->free[references->free_count++] = connection;
    pthread_cond_signal(&references->is_returned);
    pthread_mutex_unlock(&references->lock);
}

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

/* A connection on which something went wrong is not used again, for what it still owes would be taken for the next's.
 */
PGresult *references_run(struct references *references, const char *sql, int count, const char *const *values,
                         struct failure *failure) {
    int64_t until_us = tick_now().us + references->timeout_us;
    PGconn *connection = NULL;
    if (!take_connection(references, until_us, &connection)) {
        failure_set(failure, "PostgreSQL: all connections are in use");
        return NULL;
    }
    failure_set(failure, "PostgreSQL does not answer in time");
    bool was_used = connection != NULL;
    PGresult *rows = was_used ? run_on(connection, sql, count, values, until_us, failure) : NULL;
    /* One that was idle may have been cut off; every statement here may be run again. */
    if (rows == NULL && tick_now().us < until_us) {
        PQfinish(connection);
        connection = PQconnectStart(references->conninfo);
        if (connection != NULL && finish_connecting(connection, until_us) && PQsetnonblocking(connection, 1) == 0)
            rows = run_on(connection, sql, count, values, until_us, failure);
        else if (PQstatus(connection) == CONNECTION_BAD)
            failure_set(failure, "PostgreSQL: %s", PQerrorMessage(connection));
    }
    if (rows == NULL) {
        PQfinish(connection);
        connection = NULL;
    }
    return_connection(references, connection);
    return rows;
}
