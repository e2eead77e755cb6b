/* SPDX-License-Identifier: Apache-2.0 */
/* link: one connection to PostgreSQL, without blocking, always in pipeline mode.
 *
 *   DOWN ─pause─▶ CONNECTING ─▶ PREPARING (settings, version, a commit, statements) ─▶ UP
 *     ▲                │              │                                                 │
 *     └────────────────┴──────────────┴─── broken, silent, wrong version ───────────────┘
 *
 * What is run between two syncs is one transaction. Private to record. */
#ifndef VAXEL_RECORD_LINK_H
#define VAXEL_RECORD_LINK_H

#include "base/clock.h"
#include "record/encoder.h"
#include "record/statements.h"

#include <libpq-fe.h>

enum link_stage { LINK_DOWN, LINK_CONNECTING, LINK_PREPARING, LINK_UP };

struct link_options {
    const char *name; /* for the log */
    const char *conninfo;
    const char *settings;
    enum statement first, end; /* those to prepare */
    int64_t reconnect_us;
    int64_t connect_us; /* the longest silence on the way up */
    int64_t silence_us; /* ... and when it is UP */
    void *owner;
    void (*on_up)(void *owner);
    void (*on_lost)(void *owner); /* after on_up: everything owed is lost */
    /* What came for the statement whose turn it is; then its end; and the end of a transaction. */
    void (*on_result)(void *owner, PGresult *result);
    void (*on_end)(void *owner);
    void (*on_sync)(void *owner);
};

struct link {
    struct link_options options;
    enum link_stage stage;
    PGconn *connection;
    short wants;     /* poll(2)'s events */
    uint32_t socket; /* libpq may have had so many, one after the other */
    uint32_t turns;  /* failures so far: which host is the first to be tried */
    uint32_t syncs_owed;
    uint32_t prepared;    /* PREPARING: statements ended so far */
    struct tick now;      /* of the call being served */
    struct tick heard_at; /* the last sign of life, or when something was first owed */
    struct tick retry_at; /* DOWN */
    bool is_complained;   /* the log has said why it is down */
};

void link_init(struct link *link, const struct link_options *options, struct tick now);
void link_finish(struct link *link);

/* Queue a statement with the encoder's parameters, and the end of a transaction. False: the connection broke. */
bool link_run(struct link *link, enum statement statement, const struct encoder *encoder);
bool link_sync(struct link *link);

/* The statement that comes next gives its rows one by one; call it from on_end of the one before. */
void link_row_by_row(struct link *link);

void link_ready(struct link *link, struct tick now, short events);
void link_tick(struct link *link, struct tick now);
struct tick link_next_tick(const struct link *link);

/* Gives the connection up; it is tried again after the pause. */
void link_fail(struct link *link, const char *why);

#endif
