/* SPDX-License-Identifier: Apache-2.0 */
#include "record/link.h"
#include "base/check.h"
#include "base/list.h"
#include "base/log.h"
#include "record/rows.h"
#include "record/version.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

static void connect_start(struct link *link);

void link_init(struct link *link, const struct link_options *options, struct tick now) {
    *link = (struct link){.options = *options, .now = now};
    connect_start(link);
}

void link_finish(struct link *link) {
    PQfinish(link->connection);
    link->connection = NULL;
}

/* libpq ends its messages with a newline and may say several. */
static void fail_by_message(struct link *link) {
    char text[FAILURE_TEXT_SIZE];
    size_t size = 0;
    for (const char *from = PQerrorMessage(link->connection); *from != '\0' && size < sizeof text - 1; from++)
        text[size++] = *from == '\n' || *from == '\t' ? ' ' : *from;
    while (size > 0 && text[size - 1] == ' ')
        size--;
    text[size] = '\0';
    link_fail(link, size > 0 ? text : "the connection broke");
}

void link_fail(struct link *link, const char *why) {
    if (link->stage == LINK_DOWN)
        return;
    if (!link->is_complained)
        log_warning("record", "postgres is away connection=%s why=%s", link->options.name, why);
    link->is_complained = true;
    bool was_up = link->stage == LINK_UP;
    PQfinish(link->connection);
    link->connection = NULL;
    link->stage = LINK_DOWN;
    link->wants = 0;
    link->syncs_owed = 0;
    link->turns++;
    link->retry_at.us = link->now.us + link->options.reconnect_us;
    if (was_up)
        link->options.on_lost(link->options.owner);
}

/* Notices repeat what errors say better. */
static void pass_over_notice(void *unused, const char *message) {
    (void)unused;
    (void)message;
}

#define HOST_LISTS 3

/* Of a conninfo's lists of hosts the next one comes first after each failure: libpq by itself passes over a host that
 * refuses, but not over one that takes a connection and is silent, as a server that was stopped does. */
static PGconn *connect_in_turn(const char *conninfo, unsigned turns) {
    static const char *const lists[HOST_LISTS] = {"host", "hostaddr", "port"};
    const char *keywords[HOST_LISTS + 2] = {"dbname"};
    const char *values[HOST_LISTS + 2] = {conninfo};
    char *turned[HOST_LISTS] = {NULL};
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    for (int at = 0; at < HOST_LISTS; at++) {
        const PQconninfoOption *option = options;
        while (option != NULL && option->keyword != NULL && strcmp(option->keyword, lists[at]) != 0)
            option++;
        if (option != NULL && option->val != NULL) {
            turned[at] = malloc(strlen(option->val) + 1);
            CHECK(turned[at] != NULL);
            list_turn(option->val, turns, turned[at]);
        }
        keywords[1 + at] = lists[at];
        values[1 + at] = turned[at]; /* NULL: as libpq would have it */
    }
    PGconn *connection = PQconnectStartParams(keywords, values, 1);
    for (int at = 0; at < HOST_LISTS; at++)
        free(turned[at]);
    PQconninfoFree(options);
    return connection;
}

static void connect_start(struct link *link) {
    link->stage = LINK_CONNECTING;
    link->heard_at = link->now;
    link->socket++;
    link->connection = connect_in_turn(link->options.conninfo, link->turns);
    CHECK(link->connection != NULL);
    PQsetNoticeProcessor(link->connection, pass_over_notice, NULL);
    if (PQstatus(link->connection) == CONNECTION_BAD)
        fail_by_message(link);
    else
        link->wants = POLLOUT; /* as PQconnectPoll wants it at first */
}

/* ---- sending ---- */

static bool push(struct link *link) {
    int left = PQflush(link->connection);
    if (left < 0) {
        fail_by_message(link);
        return false;
    }
    link->wants = (short)(POLLIN | (left > 0 ? POLLOUT : 0));
    return true;
}

bool link_sync(struct link *link) {
    if (link->syncs_owed == 0)
        link->heard_at = link->now;
    if (PQpipelineSync(link->connection) != 1) {
        fail_by_message(link);
        return false;
    }
    link->syncs_owed++;
    return push(link);
}

bool link_run(struct link *link, enum statement statement, const struct encoder *encoder) {
    CHECK(link->stage == LINK_UP);
    const char *values[PARAMETERS_MAX];
    int formats[PARAMETERS_MAX];
    for (int at = 0; at < encoder->count; at++) {
        values[at] = (const char *)encoder->buffer.data + encoder->starts[at];
        formats[at] = 1;
    }
    if (PQsendQueryPrepared(link->connection, statement_name(statement), encoder->count, values, encoder->lengths,
                            formats, 1) == 1)
        return true;
    fail_by_message(link);
    return false;
}

void link_row_by_row(struct link *link) {
    PQsetSingleRowMode(link->connection); /* refused where the connection is broken: no row comes then */
}

/* ---- the way up ---- */

/* The first two answers are those of the settings and of the version; the others are of no interest if they are good.
 */
#define PREPARING_VERSION 1

/* Something to commit, so that a server with a synchronous standby must hear from it before the link is up. What a
 * crash left in its tables without the standby's knowledge is on the standby then; and an old primary that came back
 * after its standby was promoted is never heard of. */
static const char proof[] = "SELECT pg_logical_emit_message(true, 'vaxel', '')";

static void prepare(struct link *link) {
    PGconn *connection = link->connection;
    link->stage = LINK_PREPARING;
    link->prepared = 0;
    bool is_sent = PQsetnonblocking(connection, 1) == 0 && PQenterPipelineMode(connection) == 1 &&
                   PQsendQueryParams(connection, link->options.settings, 0, NULL, NULL, NULL, NULL, 0) == 1 &&
                   PQsendQueryParams(connection, version_query, 0, NULL, NULL, NULL, NULL, 0) == 1 &&
                   PQsendQueryParams(connection, proof, 0, NULL, NULL, NULL, NULL, 0) == 1;
    for (enum statement at = link->options.first; is_sent && at < link->options.end; at++)
        is_sent = PQsendPrepare(connection, statement_name(at), statement_text(at), 0, NULL) == 1;
    if (!is_sent)
        fail_by_message(link);
    else
        link_sync(link);
}

/* What a server says of itself on connecting: whatever the connection string asks for, a standby is none of ours. */
static bool takes_writes(const PGconn *connection) {
    static const char *const refusals[] = {"in_hot_standby", "default_transaction_read_only"};
    for (size_t at = 0; at < sizeof refusals / sizeof *refusals; at++) {
        const char *value = PQparameterStatus(connection, refusals[at]);
        if (value != NULL && strcmp(value, "on") == 0)
            return false;
    }
    return true;
}

static void connect_step(struct link *link) {
    link->heard_at = link->now;
    link->socket++; /* it may have gone on to the next host */
    switch (PQconnectPoll(link->connection)) {
    case PGRES_POLLING_READING:
        link->wants = POLLIN;
        break;
    case PGRES_POLLING_WRITING:
    case PGRES_POLLING_ACTIVE:
        link->wants = POLLOUT;
        break;
    case PGRES_POLLING_OK:
        if (takes_writes(link->connection))
            prepare(link);
        else
            link_fail(link, "this server takes no writes");
        break;
    case PGRES_POLLING_FAILED:
        fail_by_message(link);
        break;
    }
}

static void prepare_result(struct link *link, const PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    struct failure failure;
    if (status == PGRES_FATAL_ERROR) {
        if (link->prepared == PREPARING_VERSION)
            version_missing(&failure);
        else
            row_complaint(result, &failure);
        link_fail(link, failure.text);
    } else if (link->prepared == PREPARING_VERSION && !version_check(result, &failure)) {
        link_fail(link, failure.text);
    }
}

static void prepare_sync(struct link *link) {
    link->stage = LINK_UP;
    if (link->is_complained)
        log_info("record", "postgres is back connection=%s", link->options.name);
    link->is_complained = false;
    link->options.on_up(link->options.owner);
}

/* ---- receiving ---- */

static void take_result(struct link *link, PGresult *result) {
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        CHECK(link->syncs_owed > 0);
        link->syncs_owed--;
        if (link->stage == LINK_PREPARING)
            prepare_sync(link);
        else
            link->options.on_sync(link->options.owner);
    } else if (link->stage == LINK_PREPARING) {
        prepare_result(link, result);
    } else {
        link->options.on_result(link->options.owner, result);
    }
}

static void take_end(struct link *link) {
    if (link->stage == LINK_PREPARING)
        link->prepared++;
    else
        link->options.on_end(link->options.owner);
}

/* A callback may fail the link, or run more on it. */
static void take_all(struct link *link) {
    while (link->syncs_owed > 0 && !PQisBusy(link->connection)) {
        PGresult *result = PQgetResult(link->connection);
        if (PQstatus(link->connection) == CONNECTION_BAD) {
            PQclear(result);
            fail_by_message(link);
            return;
        }
        if (result == NULL)
            take_end(link);
        else
            take_result(link, result);
        PQclear(result);
    }
}

void link_ready(struct link *link, struct tick now, short events) {
    link->now = now;
    if (link->stage == LINK_DOWN)
        return;
    if (link->stage == LINK_CONNECTING) {
        connect_step(link);
        return;
    }
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
        link->heard_at = now;
        if (PQconsumeInput(link->connection) != 1) {
            fail_by_message(link);
            return;
        }
        take_all(link);
    }
    if (link->stage >= LINK_PREPARING)
        push(link);
}

/* ---- time ---- */

static bool is_waited_for(const struct link *link) {
    return link->stage == LINK_CONNECTING || link->syncs_owed > 0;
}

static int64_t patience_us(const struct link *link) {
    return link->stage == LINK_UP ? link->options.silence_us : link->options.connect_us;
}

void link_tick(struct link *link, struct tick now) {
    link->now = now;
    if (link->stage == LINK_DOWN && now.us >= link->retry_at.us)
        connect_start(link);
    else if (is_waited_for(link) && now.us - link->heard_at.us >= patience_us(link))
        link_fail(link, "no answer in time");
}

struct tick link_next_tick(const struct link *link) {
    if (link->stage == LINK_DOWN)
        return link->retry_at;
    if (is_waited_for(link))
        return (struct tick){link->heard_at.us + patience_us(link)};
    return (struct tick){INT64_MAX};
}
