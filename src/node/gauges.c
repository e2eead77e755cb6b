/* SPDX-License-Identifier: Apache-2.0 */
#include "node/worker.h"

#include "base/check.h"

#include <time.h>

/* How often what stands is looked at. */
#define LOOK_EVERY_US 100000

static void measure_clients(struct worker *worker) {
    struct measures *measures = worker->measures;
    struct net_facts facts;
    net_facts(worker->net, &facts);
    metric_set(&measures->connections_capacity, worker->settings.connections);
    metric_set_count(&measures->connections_accepted, facts.accepted);
    metric_set_count(&measures->connections_refused[REFUSED_FULL], facts.turned_away);
    metric_set_count(&measures->handshakes[HANDSHAKE_DONE], facts.handshakes);
    metric_set_count(&measures->handshakes[HANDSHAKE_FAILED], facts.failed_handshakes);
}

static void measure_records(struct worker *worker) {
    struct measures *measures = worker->measures;
    struct record_facts facts;
    record_facts(worker->record, &facts);
    metric_set(&measures->postgres_waiting, facts.waiting);
    metric_set(&measures->postgres_capacity, facts.capacity);
    metric_set_count(&measures->quarantined, facts.quarantined);
    metric_set_count(&measures->notes_dropped, facts.notes_dropped);
}

static uint64_t thread_cpu_us(void) {
    struct timespec used;
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0);
    return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

static void measure_all(struct worker *worker, struct moment now) {
    struct measures *measures = worker->measures;
    metric_set(&measures->turned_at_us, now.tick.us);
    metric_set_count(&measures->cpu_us, thread_cpu_us());
    metric_set(&measures->requests, switch_busy(worker->core));
    metric_set(&measures->requests_capacity, worker->settings.requests);
    metric_set(&measures->redis_up, worker->has_counters);
    metric_set(&measures->postgres_up, worker->has_records);
    measure_clients(worker);
    measure_records(worker);
    journals_measure(worker, now.instant);
    audits_measure(worker);
}

void gauges_tick(struct worker *worker, struct moment now) {
    if (now.tick.us - worker->gauged_at.us < LOOK_EVERY_US)
        return;
    worker->gauged_at = now.tick;
    measure_all(worker, now);
    sightings_tick(worker->sightings, now.tick);
}
