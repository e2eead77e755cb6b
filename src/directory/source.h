/* SPDX-License-Identifier: Apache-2.0 */
/* source: a connection to PostgreSQL that never waits without a limit, and stops waiting when it is told to. */
#ifndef VAXEL_DIRECTORY_SOURCE_H
#define VAXEL_DIRECTORY_SOURCE_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/failure.h"

#include <libpq-fe.h>

/* A server that owes something and is silent this long is given up. */
#define SOURCE_SILENCE_US INT64_C(5000000)

struct source {
    const char *conninfo;
    int stop_fd;        /* readable: wait no longer */
    unsigned turns;     /* failures so far: which of the conninfo's hosts is the first to be tried, for libpq does not
                           pass over one that takes a connection and is silent */
    unsigned hosts;     /* in the conninfo; known when one has been tried */
    PGconn *connection; /* NULL: none */
};

/* Each false closes the connection and says why. */

bool source_connect(struct source *source, struct failure *failure);
void source_disconnect(struct source *source);

/* Sends SQL, of one or several statements. */
bool source_ask(struct source *source, const char *sql, struct failure *failure);

/* The next result of what was asked, to be cleared by the caller; NULL after the last. An error of the server is a
 * false. */
bool source_take_result(struct source *source, PGresult **result, struct failure *failure);

/* The next piece of a running COPY, to be freed with PQfreemem(); its data is NULL after the last. */
bool source_take_piece(struct source *source, struct bytes *piece, struct failure *failure);

/* Waits for a notification until then. False only when the connection is lost. */
bool source_await_news(struct source *source, struct tick until, struct failure *failure);

/* Waits for nothing but the time, or to be stopped. */
void source_pause(const struct source *source, int64_t pause_us);
bool source_is_stopped(const struct source *source);

#endif
