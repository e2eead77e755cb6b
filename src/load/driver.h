/* SPDX-License-Identifier: Apache-2.0 */
/* driver: one thread's share of a run: its connections, its schedule, and what it saw. */
#ifndef VAXEL_LOAD_DRIVER_H
#define VAXEL_LOAD_DRIVER_H

#include "load/load.h"
#include "load/template.h"
#include "wire/wire.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/* A purchase that was sent and not answered yet, or a free place for one. */
struct flight {
    uint64_t correlation; /* 0: free */
    struct tick due;
    uint32_t free_next;
};

#define FLIGHTS_CAPACITY 1024 /* of one connection: so much of a correlation says which */
#define FLIGHT_NONE UINT32_MAX

struct link {
    struct driver *driver;
    struct net_stream *stream; /* NULL: to be dialled again at `retry_at` */
    bool is_up;
    bool is_ready; /* in the driver's queue: has a free flight */
    struct link *ready_next;
    struct tick retry_at;
    uint32_t dials;
    uint32_t sequence;
    uint32_t free_first;
    struct flight *flights;
    struct wire_reader reader;
};

/* What threads share. */
struct control {
    const struct load_options *options;
    char (*addresses)[64];
    uint32_t address_count;
    struct net_tls *tls;
    FILE *answers; /* NULL: none wanted */
    pthread_barrier_t connected;
    atomic_bool has_failed; /* some thread could not connect */
    atomic_bool is_stopped; /* the caller has seen enough */
    atomic_uint running;
    atomic_uint_fast64_t answered; /* for the progress */
};

enum phase { PHASE_CONNECTING, PHASE_WARMING, PHASE_MEASURING, PHASE_WAITING, PHASE_LEAVING };

struct driver {
    struct control *control;
    pthread_t thread;
    uint32_t number;
    struct net *net;
    struct wire_codec *codec;
    struct template template;

    uint32_t link_count;
    uint32_t links_up;
    struct link *links;
    struct flight *flights;
    struct link *ready_first; /* those with a free flight, the one that waited longest first */
    struct link *ready_last;
    struct tick retry_at; /* when lost connections are looked at */

    enum phase phase;
    struct tick now;
    struct tick measure_begins;
    struct tick measure_ends;
    double interval_us; /* 0: closed loop */
    double next_due_us;
    uint64_t random;    /* who buys: from the seed */
    uint64_t random_id; /* request ids: never the same twice */
    uint64_t flying;
    uint64_t answered_in_all;
    int64_t cpu_began_us;

    char answers[65536]; /* lines not written yet */
    size_t answers_size;

    struct wire_reply reply;
    struct load_result result;
    struct failure failure;
};

/* ---- driver.c ---- */
void *driver_run(void *argument);
/* Sets up this share: connections number `number`, `number` + threads, … False: no memory, no ring. */
void driver_prepare(struct driver *driver, struct control *control, uint32_t number, uint32_t threads);
void driver_finish(struct driver *driver);

/* ---- links.c ---- */
extern const struct net_handler link_handler;
void link_dial(struct driver *driver, struct link *link);
void link_is_ready(struct driver *driver, struct link *link);
/* Sends one purchase over the link that waited longest; false when none has room. */
bool links_send(struct driver *driver, struct tick due);
/* Dials again what was lost a while ago. */
void links_retry(struct driver *driver);

/* ---- results.c ---- */
bool result_is_measured(const struct driver *driver, struct tick due);
void result_note_trouble(struct load_result *result, const char *text);
void result_take(struct driver *driver, const struct flight *flight);
void result_write_answers(struct driver *driver);
void result_add(struct load_result *into, const struct load_result *from);

#endif
