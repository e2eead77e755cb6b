/* SPDX-License-Identifier: Apache-2.0 */
/* worker: one thread of a node, and what its files share. Each file wires one side: sessions.c, rpc.c, requests.c,
 * advices.c, replies.c and following.c the clients, counters.c Redis, records.c PostgreSQL, journals.c the stand-in,
 * audits.c the audit, gauges.c those who watch; worker.c turns the loop. */
#ifndef VAXEL_NODE_WORKER_H
#define VAXEL_NODE_WORKER_H

#include "config/settings.h"
#include "directory/directory.h"
#include "journal/journal.h"
#include "limits/router.h"
#include "net/net.h"
#include "node/changes.h"
#include "node/measures.h"
#include "node/rates.h"
#include "node/sightings.h"
#include "node/tally.h"
#include "record/record.h"
#include "switch/audit.h"
#include "switch/switch.h"
#include "wire/wire.h"

#include <pthread.h>
#include <stdatomic.h>

/* What the workers of a node share. */
struct shared {
    const int *sockets; /* handed over to listen on; none: the settings say where */
    uint32_t socket_count;
    const struct settings *settings; /* as the node was started with; what may change is in the worker's own */
    struct changes *changes;
    struct currency currency;
    struct directory *directory;
    struct net_tls *tls;
    struct rates *rates;
};

/* A client's connection. */
struct session {
    struct client client;
    struct grpc_connection *rpc; /* NULL: it speaks in frames */
    struct wire_reader reader;
    bool has_asked; /* something came */
    uint32_t in_flight;
    struct session *next_free;
};

/* Whom to answer: a request that is under way. An advice has none: advices.c answers a whole frame. */
struct reply {
    uint64_t stream_key;
    uint64_t correlation;
    enum call call;
    struct request_id id;
    struct request_id original; /* of a capture, void or refund */
    struct tick read_at;
    int32_t client_id;
    enum client_kind client;
    enum credential_kind channel; /* 0: it names no credential */
    uint32_t next_free;
};

/* The connections to Redis: counters.c's own. */
struct counters_link;

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
    struct settings settings; /* as they are now */
    uint64_t changes_seen;
    struct measures *measures;
    struct tick gauged_at;
    struct net *net;
    bool has_counters; /* Redis is ready */
    bool has_records;  /* PostgreSQL is ready */
    struct switch_core *core;
    struct record *record;
    struct wire_codec *codec;
    struct counters_link *counters;
    struct net_watch watches[RECORD_CONNECTIONS];
    struct session *sessions;
    struct session *free_sessions;
    struct tally *tally; /* of the sessions, by client */
    uint64_t client_generation;
    uint64_t moves_seen; /* of departments; the core has been told of them */
    struct buffer frame; /* one answer, before net has it */
    struct sightings *sightings;
    struct reply *replies;
    struct asked *asked; /* by reply, of an AUTHORIZE */
    uint32_t free_reply;
    uint32_t reply_count;
    struct advice_desk *advices;
    struct rpc_desk *rpc;
    struct journals *journals; /* NULL: there is no stand-in */
    struct audit_desk *audits; /* worker 0's alone */
};

struct moment moment_now(void);

/* ---- worker.c ---- */
/* The measures and sightings are the worker's to write until it has been joined; others may read them. */
bool worker_start(struct worker *worker, const struct shared *shared, uint32_t index, struct measures *measures,
                  struct sightings *sightings, struct failure *failure);
/* Asks it to drain; worker_join() waits until it has. */
void worker_stop(struct worker *worker);
void worker_join(struct worker *worker);
/* Makes it look around at once. */
void worker_wake(struct worker *worker);

/* ---- sessions.c: clients come and go ---- */
extern const struct net_handler session_handler;
void sessions_init(struct worker *worker);
void sessions_finish(struct worker *worker);
/* Looks at every client's rights again, and cuts off those that are blocked. */
void sessions_review(struct worker *worker);

/* ---- rpc.c: those that speak gRPC ---- */
void rpc_init(struct worker *worker);
void rpc_finish(struct worker *worker);
/* False, as of the next: the connection is to be closed. */
bool rpc_open(struct worker *worker, struct net_stream *stream, struct session *session);
bool rpc_take(const struct session *session, struct bytes received);
void rpc_close(struct session *session);
/* Answers a call with the message in a frame, or with a status. */
bool rpc_answer(const struct session *session, uint64_t call, struct bytes frame);
bool rpc_refuse(const struct session *session, uint64_t call, const struct wire_fault *fault);
void rpc_tick(struct worker *worker, struct tick now);
/* Tells clients to go elsewhere; until they have heard, and their calls have ended, it is busy. */
void rpc_drain(struct worker *worker);
bool rpc_is_busy(const struct worker *worker);

/* ---- requests.c: what they ask ---- */

/* False: the connection is to be closed. */
bool requests_take(struct worker *worker, struct net_stream *stream, struct session *session, struct bytes envelope);
/* The same of one that is read. */
bool requests_pass(struct worker *worker, struct net_stream *stream, struct session *session,
                   struct wire_request *request);
/* What the request shows; 0: nothing. */
enum credential_kind requests_channel(const struct wire_request *request);
/* Why one more request is too much for this client; NULL: it is not. Counts against the client's rate. */
const char *requests_why_busy(const struct worker *worker, const struct session *session);

/* ---- replies.c: what they are answered ---- */
void replies_init(struct worker *worker);
void replies_finish(struct worker *worker);
/* False: the switch has its fill. */
bool replies_take(struct worker *worker, struct net_stream *stream, const struct wire_request *request,
                  const struct request_id *id, uint64_t *reply_to);
void replies_answer(struct worker *worker, uint64_t reply_to, const struct answer *answer);
void replies_found(struct worker *worker, uint64_t reply_to, bool is_answered, const struct found *found);
void replies_blocks(struct worker *worker, uint64_t reply_to, bool is_answered, const struct block_page *page);
/* Answers that need nobody else. False, as of the next two: the connection is closing. */
bool replies_send_frame(struct worker *worker, struct net_stream *stream, uint64_t correlation);
bool replies_send_fault(struct worker *worker, struct net_stream *stream, uint64_t correlation,
                        const struct wire_fault *fault);
__attribute__((format(printf, 6, 7))) bool replies_refuse(struct worker *worker, struct net_stream *stream,
                                                          uint64_t correlation, enum reason reason, const char *field,
                                                          const char *format, ...);

/* ---- following.c: a line in the log, by which a request is followed ---- */

/* Whom and what an answer is about. */
struct followed {
    enum call call;
    const struct request_id *id;
    const struct request_id *original; /* NULL: none */
    const struct session *session;     /* NULL: its connection is gone */
    int32_t client_id;
    struct tick read_at;
};
/* Each writes a line if log.requests wants it. */
void following_answer(const struct worker *worker, const struct followed *followed, const struct answer *answer);
void following_found(const struct worker *worker, const struct followed *followed, bool is_found);
void following_fault(const struct worker *worker, const struct session *session, const struct wire_fault *fault);

/* ---- advices.c: many reports in a frame, answered together ---- */
void advices_init(struct worker *worker);
void advices_finish(struct worker *worker);
bool advices_take(struct worker *worker, struct net_stream *stream, struct session *session,
                  const struct wire_request *request);
/* Whether it is an advice that this is the answer to. */
bool advices_is_one(uint64_t reply_to);
void advices_answer(struct worker *worker, uint64_t reply_to, const struct answer *answer);

/* ---- counters.c: Redis ---- */
bool counters_init(struct worker *worker, struct failure *failure);
void counters_finish(struct worker *worker);
bool counters_ask(struct worker *worker, const struct question *question);
bool counters_write_sums(struct worker *worker, const struct sums *sums);
bool counters_read_month(struct worker *worker, int32_t organisation, struct month month);
void counters_tick(struct worker *worker, struct tick now);
void counters_flush(struct worker *worker, struct tick now);
struct tick counters_next_tick(const struct worker *worker);

/* ---- records.c: PostgreSQL ---- */
void records_init(struct worker *worker);
void records_finish(struct worker *worker);
/* Sends what waits, and watches the connections as they are now. */
void records_flush(struct worker *worker, struct tick now);

/* ---- journals.c: the stand-in ---- */

/* Opens the worker's journal; by worker 0 also those of workers that are no more. Blocking. */
bool journals_init(struct worker *worker, struct failure *failure);
void journals_finish(struct worker *worker);
bool journals_append(struct worker *worker, const struct entry *entry, uint32_t owner);
void journals_drained(struct worker *worker, uint64_t ticket);
/* Tells the core whether the journal takes purchases, and hands it what is to be drained. */
void journals_tick(struct worker *worker, struct moment now);
void journals_flush(struct worker *worker);
/* Entries that PostgreSQL has to get. */
uint64_t journals_waiting(const struct worker *worker);
/* Something is to be done yet before the worker may end: a write, or a drain that goes on. */
bool journals_is_busy(const struct worker *worker);
/* Takes its limits from settings that changed. */
void journals_change(struct worker *worker);
void journals_measure(struct worker *worker, struct instant now);

/* ---- audits.c: the audit, of one worker ---- */
void audits_init(struct worker *worker);
void audits_finish(struct worker *worker);
void audits_found(struct worker *worker, bool is_answered, int32_t organisation, struct month month);
/* The sums of the records, or the counters; NULL: could not be read. */
void audits_recorded(struct worker *worker, const struct sums *sums);
void audits_counted(struct worker *worker, const struct sums *sums);
void audits_tick(struct worker *worker, struct moment now);
struct tick audits_next_tick(const struct worker *worker);
void audits_measure(struct worker *worker);

/* ---- gauges.c: what stands, for those who watch ---- */

/* Looks several times a second. */
void gauges_tick(struct worker *worker, struct moment now);

/* ---- ports.c: the core's asks ---- */
struct switch_core *ports_create_core(struct worker *worker);
/* Tells the core of settings that changed. */
void ports_change(struct worker *worker);

#endif
