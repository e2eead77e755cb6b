/* SPDX-License-Identifier: Apache-2.0 */
#include "directory/source.h"

#include "base/check.h"
#include "base/list.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum await { AWAIT_READY, AWAIT_STOPPED, AWAIT_LATE };

static struct tick after(int64_t us) {
    return (struct tick){.us = tick_now().us + us};
}

/* Waits for `events` on `fd` (-1: on nothing), to be stopped, or for the time. */
static enum await await(const struct source *source, int fd, short events, struct tick until) {
    for (;;) {
        struct pollfd fds[2] = {{.fd = source->stop_fd, .events = POLLIN}, {.fd = fd, .events = events}};
        int64_t left_us = until.us - tick_now().us;
        int count = poll(fds, 2, left_us <= 0 ? 0 : (int)((left_us + 999) / 1000));
        CHECK(count >= 0 || errno == EINTR);
        if (count > 0) {
            return fds[0].revents != 0 ? AWAIT_STOPPED : AWAIT_READY;
        }
        if (count == 0) {
            return AWAIT_LATE;
        }
    }
}

void source_disconnect(struct source *source) {
    PQfinish(source->connection);
    source->connection = NULL;
}

/* Of libpq's message the first line: the others guess at what to do. */
static bool lose(struct source *source, const char *what, const char *why, struct failure *failure) {
    (void)failure_set(failure, "%s: %.*s", what, (int)strcspn(why, "\n"), why);
    source_disconnect(source);
    source->turns++;
    return false;
}

static bool lose_by(struct source *source, enum await how, const char *what, struct failure *failure) {
    return lose(source, what, how == AWAIT_STOPPED ? "the program is ending" : "PostgreSQL is silent", failure);
}

static bool shake_hands(struct source *source, struct failure *failure) {
    static const char what[] = "cannot connect to PostgreSQL";
    struct tick until = after(SOURCE_SILENCE_US);
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (status != PGRES_POLLING_OK) {
        if (status == PGRES_POLLING_FAILED || PQstatus(source->connection) == CONNECTION_BAD) {
            return lose(source, what, PQerrorMessage(source->connection), failure);
        }
        short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        enum await how = await(source, PQsocket(source->connection), events, until);
        if (how != AWAIT_READY) {
            return lose_by(source, how, what, failure);
        }
        status = PQconnectPoll(source->connection);
    }
    return true;
}

static void pass_notice(void *owner, const char *message) {
    (void)owner;
    log_debug("directory", "PostgreSQL gave notice says=%s", message);
}

/* One of the conninfo's lists of hosts, begun in turn; NULL: it has none. */
static char *turn_of(const struct source *source, const PQconninfoOption *options, const char *keyword) {
    for (const PQconninfoOption *at = options; at != NULL && at->keyword != NULL; at++) {
        if (strcmp(at->keyword, keyword) == 0 && at->val != NULL) {
            char *turned = malloc(strlen(at->val) + 1);
            CHECK(turned != NULL);
            list_turn(at->val, source->turns, turned);
            return turned;
        }
    }
    return NULL;
}

bool source_connect(struct source *source, struct failure *failure) {
    PQconninfoOption *options = PQconninfoParse(source->conninfo, NULL);
    char *hosts[] = {turn_of(source, options, "host"), turn_of(source, options, "hostaddr"),
                     turn_of(source, options, "port")};
    /* What stands before dbname is a default that the conninfo may set otherwise; what stands after it is firm. */
    static const char *const keywords[] = {"fallback_application_name",
                                           "tcp_user_timeout",
                                           "keepalives_idle",
                                           "keepalives_interval",
                                           "keepalives_count",
                                           "dbname",
                                           "client_encoding",
                                           "host",
                                           "hostaddr",
                                           "port",
                                           NULL};
    const char *const values[] = {"vaxel directory", "5000",   "5",      "2", "2", source->conninfo, "UTF8",
                                  hosts[0],          hosts[1], hosts[2], NULL};
    source->hosts = hosts[0] == NULL ? 1 : list_count(hosts[0]);
    source->connection = PQconnectStartParams(keywords, values, 1);
    for (size_t at = 0; at < sizeof hosts / sizeof *hosts; at++) {
        free(hosts[at]);
    }
    PQconninfoFree(options);
    CHECK(source->connection != NULL);
    PQsetNoticeProcessor(source->connection, pass_notice, NULL);
    if (!shake_hands(source, failure)) {
        return false;
    }
    if (PQsetnonblocking(source->connection, 1) != 0) {
        return lose(source, "cannot connect to PostgreSQL", PQerrorMessage(source->connection), failure);
    }
    return true;
}

static bool receive(struct source *source, const char *what, struct failure *failure) {
    enum await how = await(source, PQsocket(source->connection), POLLIN, after(SOURCE_SILENCE_US));
    if (how != AWAIT_READY) {
        return lose_by(source, how, what, failure);
    }
    return PQconsumeInput(source->connection) == 1 || lose(source, what, PQerrorMessage(source->connection), failure);
}

bool source_ask(struct source *source, const char *sql, struct failure *failure) {
    static const char what[] = "cannot ask PostgreSQL";
    if (PQsendQuery(source->connection, sql) != 1) {
        return lose(source, what, PQerrorMessage(source->connection), failure);
    }
    for (int flushed; (flushed = PQflush(source->connection)) != 0;) {
        enum await how = flushed < 0
                             ? AWAIT_READY
                             : await(source, PQsocket(source->connection), POLLIN | POLLOUT, after(SOURCE_SILENCE_US));
        if (how != AWAIT_READY) {
            return lose_by(source, how, what, failure);
        }
        if (flushed < 0 || PQconsumeInput(source->connection) != 1) {
            return lose(source, what, PQerrorMessage(source->connection), failure);
        }
    }
    return true;
}

bool source_take_result(struct source *source, PGresult **result, struct failure *failure) {
    static const char what[] = "PostgreSQL did not answer";
    while (PQisBusy(source->connection) == 1) {
        if (!receive(source, what, failure)) {
            return false;
        }
    }
    *result = PQgetResult(source->connection);
    ExecStatusType status = *result == NULL ? PGRES_COMMAND_OK : PQresultStatus(*result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_OUT) {
        return true;
    }
    PQclear(*result);
    *result = NULL;
    return lose(source, "PostgreSQL refuses", PQerrorMessage(source->connection), failure);
}

bool source_take_piece(struct source *source, struct bytes *piece, struct failure *failure) {
    static const char what[] = "a copy broke off";
    char *data = NULL;
    int size;
    while ((size = PQgetCopyData(source->connection, &data, 1)) == 0) {
        if (!receive(source, what, failure)) {
            return false;
        }
    }
    if (size < -1) {
        return lose(source, what, PQerrorMessage(source->connection), failure);
    }
    *piece = bytes_of(data, size < 0 ? 0 : (size_t)size);
    return true;
}

/* Takes all notifications that have come; they all say the same. */
static bool drain_news(PGconn *connection) {
    bool is_news = false;
    for (PGnotify *notify; (notify = PQnotifies(connection)) != NULL;) {
        PQfreemem(notify);
        is_news = true;
    }
    return is_news;
}

bool source_await_news(struct source *source, struct tick until, struct failure *failure) {
    while (!drain_news(source->connection)) {
        if (await(source, PQsocket(source->connection), POLLIN, until) != AWAIT_READY) {
            return true;
        }
        if (PQconsumeInput(source->connection) != 1) {
            return lose(source, "lost PostgreSQL", PQerrorMessage(source->connection), failure);
        }
    }
    return true;
}

void source_pause(const struct source *source, int64_t pause_us) {
    (void)await(source, -1, 0, after(pause_us));
}

bool source_is_stopped(const struct source *source) {
    return await(source, -1, 0, (struct tick){0}) == AWAIT_STOPPED;
}
