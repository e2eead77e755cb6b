/* SPDX-License-Identifier: Apache-2.0 */
/* worker: one thread of a node, and what its files share. Each file wires one side: session.c the clients, counters.c
 * Redis, records.c PostgreSQL; worker.c turns the loop. */
#ifndef VAXEL_NODE_WORKER_H
#define VAXEL_NODE_WORKER_H

#include "config/settings.h"
#include "directory/directory.h"
#include "limits/limits.h"
#include "net/net.h"
#include "node/rates.h"
#include "record/record.h"
#include "switch/switch.h"
#include "wire/wire.h"

#include <pthread.h>
#include <stdatomic.h>

/* What the workers of a node share. */
struct shared {
    const struct settings *settings;
    struct currency currency;
    struct directory *directory;
    struct net_tls *tls;
    struct rates *rates;
};

/* A client's connection. */
struct session {
    struct client client;
    struct wire_reader reader;
    uint32_t in_flight;
    struct session *next_free;
};

/* Whom to answer: a request that is under way. */
struct reply {
    uint64_t stream_key;
    uint64_t correlation;
    enum call call;
    struct request_id id;
    uint32_t next_free;
};

/* The connection to Redis. */
struct counters_link {
    struct net_stream *stream; /* NULL: none */
    struct buffer output;
    bool is_sending;
    struct tick dial_at;  /* when there is none */
    struct tick heard_at; /* last sign of life while something is owed */
    bool is_trouble_logged;
};

struct worker {
    const struct shared *shared;
    uint32_t index;
    pthread_t thread;
    bool is_started;
    _Atomic bool is_stopping;

    /* What its start came to, told to node_start(). */
    pthread_mutex_t start_lock;
    pthread_cond_t start_told;
    bool is_start_told;
    bool is_start_good;
    struct failure start_failure;

    /* The rest is the thread's own. */
    struct net *net;
    bool has_counters; /* Redis is ready */
    bool has_records;  /* PostgreSQL is ready */
    struct switch_core *core;
    struct limits *limits;
    struct record *record;
    struct wire_codec *codec;
    struct buffer frame; /* one answer, before net has it */
    struct counters_link counters;
    struct net_watch watches[RECORD_CONNECTIONS];
    struct session *sessions;
    struct session *free_sessions;
    struct reply *replies;
    uint32_t free_reply;
    uint32_t reply_count;
    uint64_t client_generation;
};

struct moment moment_now(void);

/* ---- worker.c ---- */
bool worker_start(struct worker *worker, const struct shared *shared, uint32_t index, struct failure *failure);
/* Asks it to drain; worker_join() waits until it has. */
void worker_stop(struct worker *worker);
void worker_join(struct worker *worker);

/* ---- session.c: clients ---- */
extern const struct net_handler session_handler;
void session_init(struct worker *worker);
void session_finish(struct worker *worker);
void session_answer(struct worker *worker, uint64_t reply_to, const struct answer *answer);
void session_found(struct worker *worker, uint64_t reply_to, bool is_answered, const struct found *found);
/* Looks at every client's rights again, and cuts off those that are blocked. */
void session_review(struct worker *worker);

/* ---- counters.c: Redis ---- */
bool counters_init(struct worker *worker);
void counters_finish_link(struct worker *worker);
void counters_tick(struct worker *worker, struct tick now);
void counters_flush(struct worker *worker);
struct tick counters_next_tick(const struct worker *worker);

/* ---- records.c: PostgreSQL ---- */
void records_init(struct worker *worker);
void records_finish(struct worker *worker);
/* Sends what waits, and watches the connections as they are now. */
void records_flush(struct worker *worker, struct tick now);

/* ---- ports.c: the core's asks ---- */
struct switch_core *ports_create_core(struct worker *worker);

#endif
