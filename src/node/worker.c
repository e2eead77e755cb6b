/* SPDX-License-Identifier: Apache-2.0 */
#include "node/worker.h"

#include "base/check.h"
#include "base/log.h"

#include <inttypes.h>

/* How often a worker that nothing calls looks at what has changed around it. */
#define LOOK_AROUND_US 100000
/* How long a new worker waits for Redis and PostgreSQL before it lets clients in all the same. */
#define READY_PATIENCE_US 5000000
/* How long clients that have just come may take to ask, when it is to end. */
#define NEWCOMER_US 1000000
/* How long clients may take to hear that it ends. */
#define GOODBYE_US 1000000

struct moment moment_now(void) {
    return (struct moment){.instant = instant_now(), .tick = tick_now()};
}

static bool open_net(struct worker *worker, struct failure *failure) {
    const struct settings *settings = &worker->settings;
    const struct net_options options = {
        .streams_capacity = (uint32_t)settings->connections,
        .receive_buffers = 1024,
        .unread_capacity_bytes = (uint32_t)settings->unread_bytes,
        .handshake_timeout_us = settings->handshake_timeout_us,
        .idle_timeout_us = settings->idle_timeout_us,
    };
    worker->net = net_create(&options, failure);
    return worker->net != NULL;
}

static bool open_rooms(struct worker *worker, struct failure *failure) {
    worker->settings = *worker->shared->settings;
    worker->codec = wire_codec_create();
    wire_codec_set_currency(worker->codec, worker->shared->currency);
    sessions_init(worker);
    replies_init(worker);
    advices_init(worker);
    rpc_init(worker);
    audits_init(worker);
    if (!journals_init(worker, failure))
        return false;
    worker->core = ports_create_core(worker);
    if (!counters_init(worker, failure))
        return false;
    records_init(worker);
    return open_net(worker, failure);
}

/* Also of what a start that failed has left. */
static void close_rooms(struct worker *worker) {
    if (worker->net != NULL)
        net_destroy(worker->net);
    records_finish(worker);
    counters_finish(worker);
    switch_destroy(worker->core);
    journals_finish(worker);
    audits_finish(worker);
    rpc_finish(worker);
    advices_finish(worker);
    replies_finish(worker);
    sessions_finish(worker);
    wire_codec_destroy(worker->codec);
}

static struct tick earlier(struct tick one, struct tick other) {
    return one.us < other.us ? one : other;
}

static struct tick next_tick(const struct worker *worker) {
    struct tick next = {tick_now().us + LOOK_AROUND_US};
    next = earlier(next, switch_next_tick(worker->core));
    next = earlier(next, record_next_tick(worker->record));
    next = earlier(next, audits_next_tick(worker));
    return earlier(next, counters_next_tick(worker));
}

static void take_changes(struct worker *worker) {
    if (!changes_take(worker->shared->changes, &worker->changes_seen, &worker->settings))
        return;
    ports_change(worker);
    journals_change(worker);
}

/* Departments that have moved; the core is told of each organisation once, however many of its there are. */
static void take_moves(struct worker *worker, struct moment now) {
    struct directory *directory = worker->shared->directory;
    uint64_t moves = directory_moves(directory);
    if (moves == worker->moves_seen)
        return;
    uint32_t place = 0;
    for (int32_t organisation; (organisation = directory_next_moved(directory, worker->moves_seen, &place)) != 0;)
        switch_moved(worker->core, now, organisation);
    worker->moves_seen = moves;
    switch_moves_told(worker->core, now, moves);
}

/* What the events of the turn made goes out: one write to Redis, one batch to PostgreSQL, one write to the journal; the
 * answers went with the turn. */
static void turn(struct worker *worker) {
    net_turn(worker->net, next_tick(worker));
    take_changes(worker);
    struct moment now = moment_now();
    take_moves(worker, now);
    record_tick(worker->record, now.tick);
    switch_tick(worker->core, now);
    counters_tick(worker, now.tick);
    audits_tick(worker, now);
    sessions_review(worker);
    rpc_tick(worker, now.tick);
    journals_tick(worker, now);
    gauges_tick(worker, now);
    counters_flush(worker, now.tick);
    records_flush(worker, now.tick);
    journals_flush(worker);
}

/* Of sockets that were handed over each is listened on, and each worker listens on one at least. */
static bool listen_on_sockets(struct worker *worker, struct failure *failure) {
    const struct shared *shared = worker->shared;
    uint32_t workers = (uint32_t)shared->settings->workers;
    uint32_t step = shared->socket_count < workers ? shared->socket_count : workers;
    for (uint32_t i = worker->index % step; i < shared->socket_count; i += step)
        if (!net_listen_on(worker->net, shared->sockets[i], shared->socket_count < workers, shared->tls,
                           &session_handler, worker, failure))
            return false;
    return true;
}

/* Clients are let in when they can be served, so that a new node fails no request; or after a while, for a clear
 * UNAVAILABLE says more than a port that is closed. */
static bool open_door(struct worker *worker, struct failure *failure) {
    struct tick until = {tick_now().us + READY_PATIENCE_US};
    while (!(worker->has_counters && worker->has_records) && tick_now().us < until.us)
        turn(worker);
    if (worker->shared->socket_count > 0)
        return listen_on_sockets(worker, failure);
    return net_listen(worker->net, worker->settings.listen, worker->shared->tls, &session_handler, worker, failure);
}

static void say_goodbye(void *owner, struct net_stream *stream) {
    (void)owner;
    net_close(stream, "the switch ends");
}

static bool has_work(const struct worker *worker) {
    return switch_busy(worker->core) > 0 || journals_is_busy(worker) || rpc_is_busy(worker);
}

static void tell_left(const struct worker *worker) {
    if (switch_busy(worker->core) > 0)
        log_warning("node", "left before all was answered worker=%u requests=%u", worker->index,
                    switch_busy(worker->core));
    if (journals_waiting(worker) > 0)
        log_warning("node", "purchases stay in the journal until this node is started again worker=%u entries=%" PRIu64,
                    worker->index, journals_waiting(worker));
}

static void turn_while(struct worker *worker, bool (*has_more)(const struct worker *worker), struct tick until) {
    while (has_more(worker) && tick_now().us < until.us)
        turn(worker);
}

static bool has_clients(const struct worker *worker) {
    return net_accepted_count(worker->net) > 0;
}

static void look_for_newcomer(void *owner, struct net_stream *stream) {
    const struct session *session = net_user(stream);
    *(bool *)owner |= !session->has_asked;
}

/* A client that is at the door, shakes hands, or has and was not heard of since. */
static bool has_newcomers(const struct worker *worker) {
    struct net_facts facts;
    net_facts(worker->net, &facts);
    bool has_one = net_is_listening(worker->net) || facts.accepted > facts.handshakes + facts.failed_handshakes;
    net_each_accepted(worker->net, &has_one, look_for_newcomer);
    return has_one;
}

/* No new connections; what is in the house is answered, and what the journal holds brought to the records, for as long
 * as the setting allows. */
static void drain(struct worker *worker) {
    net_stop_listening(worker->net);
    rpc_drain(worker);
    struct tick until = {tick_now().us + worker->settings.drain_us};
    turn_while(worker, has_newcomers, earlier(until, (struct tick){tick_now().us + NEWCOMER_US}));
    turn_while(worker, has_work, until);
    net_each_accepted(worker->net, worker, say_goodbye);
    turn_while(worker, has_clients, (struct tick){tick_now().us + GOODBYE_US});
    tell_left(worker);
}

static void tell_start(struct worker *worker, bool is_good) {
    pthread_mutex_lock(&worker->start_lock);
    worker->is_start_told = true;
    worker->is_start_good = is_good;
    pthread_cond_signal(&worker->start_told);
    pthread_mutex_unlock(&worker->start_lock);
}

static void *run(void *argument) {
    struct worker *worker = argument;
    bool is_good = open_rooms(worker, &worker->start_failure) && open_door(worker, &worker->start_failure);
    tell_start(worker, is_good);
    if (is_good) {
        while (!worker->is_stopping)
            turn(worker);
        drain(worker);
    }
    return NULL;
}

bool worker_start(struct worker *worker, const struct shared *shared, uint32_t index, struct measures *measures,
                  struct sightings *sightings, struct failure *failure) {
    worker->shared = shared;
    worker->index = index;
    worker->measures = measures;
    worker->sightings = sightings;
    pthread_mutex_init(&worker->start_lock, NULL);
    pthread_cond_init(&worker->start_told, NULL);
    if (pthread_create(&worker->thread, NULL, run, worker) != 0)
        return failure_set(failure, "no thread for worker %u", index);
    worker->is_started = true;
    pthread_mutex_lock(&worker->start_lock);
    while (!worker->is_start_told)
        pthread_cond_wait(&worker->start_told, &worker->start_lock);
    pthread_mutex_unlock(&worker->start_lock);
    if (!worker->is_start_good)
        *failure = worker->start_failure;
    return worker->is_start_good;
}

void worker_wake(struct worker *worker) {
    if (worker->is_start_good)
        net_wake(worker->net);
}

void worker_stop(struct worker *worker) {
    worker->is_stopping = true;
    worker_wake(worker);
}

void worker_join(struct worker *worker) {
    if (!worker->is_started)
        return;
    pthread_join(worker->thread, NULL);
    close_rooms(worker); /* not by the thread itself: until it has ended, worker_stop() may wake its net */
    pthread_cond_destroy(&worker->start_told);
    pthread_mutex_destroy(&worker->start_lock);
}
