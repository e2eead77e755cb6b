/* SPDX-License-Identifier: Apache-2.0 */
/* One thread's run: connect all, warm up, measure, wait for the last answers. */
#include "load/driver.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#define HANDSHAKES_AT_ONCE 256
#define LAST_ANSWERS_US 5000000
#define ON_THE_WAY_US 1000000
#define LEAVE_US 1000000
#define GLANCE_US 50000
/* In open loop above 10 000/s on a thread it works in steps of 100 us: a turn for every purchase and every answer would
 * take the processor from the server that is measured. A latency may so be told up to 100 us too long, never too short.
 */
#define STEP_US 100
#define RECEIVE_BUFFERS 1024
#define UNREAD_BYTES (1u << 20)
#define HANDSHAKE_US 30000000

static int64_t thread_cpu_us(void) {
    struct rusage usage;
    CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
    return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

static uint32_t share(uint32_t whole, uint32_t number, uint32_t threads) {
    return whole / threads + (number < whole % threads);
}

void driver_prepare(struct driver *driver, struct control *control, uint32_t number, uint32_t threads) {
    const struct load_options *options = control->options;
    driver->control = control;
    driver->number = number;
    driver->link_count = share(options->connections, number, threads);
    driver->links = calloc(driver->link_count, sizeof(*driver->links));
    driver->flights = calloc((size_t)driver->link_count * options->in_flight, sizeof(*driver->flights));
    CHECK(driver->links != NULL && driver->flights != NULL);
    for (uint32_t i = 0; i < driver->link_count; i++) {
        driver->links[i].driver = driver;
        driver->links[i].flights = driver->flights + (size_t)i * options->in_flight;
    }
    if (options->rate_per_s > 0) {
        driver->interval_us = 1e6 * threads / options->rate_per_s;
    }
    driver->random = options->seed * UINT64_C(1000003) + number;
    CHECK(getrandom(&driver->random_id, sizeof(driver->random_id), 0) == sizeof(driver->random_id));
    driver->measure_begins.us = INT64_MAX;
    driver->measure_ends.us = INT64_MAX;
}

void driver_finish(struct driver *driver) {
    for (uint32_t i = 0; i < driver->link_count; i++) {
        wire_reader_finish(&driver->links[i].reader);
    }
    free(driver->links);
    free(driver->flights);
}

static void driver_turn(struct driver *driver, struct tick until) {
    net_turn(driver->net, until);
    driver->now = tick_now();
}

static struct tick driver_later(const struct driver *driver, int64_t us) {
    return (struct tick){driver->now.us + us};
}

static void driver_connect(struct driver *driver) {
    uint32_t dialled = 0;
    driver->now = tick_now();
    while (driver->links_up < driver->link_count && !atomic_load(&driver->control->has_failed)) {
        while (dialled < driver->link_count && dialled - driver->links_up < HANDSHAKES_AT_ONCE) {
            struct link *link = &driver->links[dialled++];
            link_dial(driver, link);
            if (link->stream == NULL) {
                failure_set(&driver->failure, "%s", driver->result.first_trouble);
                atomic_store(&driver->control->has_failed, true);
                return;
            }
        }
        driver_turn(driver, driver_later(driver, GLANCE_US));
    }
}

/* Sends what is due; returns when the next one will be. */
static struct tick driver_pump(struct driver *driver) {
    struct tick glance = driver_later(driver, GLANCE_US);
    if (driver->interval_us == 0) {
        while (links_send(driver, driver->now)) {
        }
        return glance;
    }
    while (driver->next_due_us <= (double)driver->now.us) {
        if (!links_send(driver, (struct tick){(int64_t)driver->next_due_us})) {
            return glance; /* an answer makes room, and ends the wait */
        }
        driver->next_due_us += driver->interval_us;
    }
    struct tick due = {(int64_t)driver->next_due_us};
    return due.us < glance.us ? due : glance;
}

static void driver_step(struct driver *driver) {
    struct tick next = driver_pump(driver);
    next = next.us < driver->measure_ends.us ? next : driver->measure_ends;
    if (driver->interval_us == 0 || driver->interval_us >= STEP_US) {
        driver_turn(driver, next);
        return;
    }
    int64_t until_us = driver->now.us + STEP_US;
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    net_turn(driver->net, driver->now); /* sends, and takes what has come without waiting for more */
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    driver->now = tick_now();
}

static void driver_measure(struct driver *driver) {
    if (driver->phase == PHASE_WARMING && driver->now.us >= driver->measure_begins.us) {
        driver->phase = PHASE_MEASURING;
        driver->cpu_began_us = thread_cpu_us();
    }
    if (atomic_load(&driver->control->is_stopped) && driver->now.us < driver->measure_ends.us) {
        driver->measure_ends = driver->now;
    }
}

static void driver_count_unsent(struct driver *driver) {
    double begin = driver->next_due_us > (double)driver->measure_begins.us ? driver->next_due_us
                                                                           : (double)driver->measure_begins.us;
    double end = (double)driver->measure_ends.us;
    if (driver->interval_us > 0 && begin < end) {
        driver->result.unsent = (uint64_t)((end - begin) / driver->interval_us);
    }
}

static void driver_drive(struct driver *driver) {
    const struct load_options *options = driver->control->options;
    driver->now = tick_now();
    driver->next_due_us = (double)driver->now.us + driver->interval_us * driver->number / options->threads;
    driver->measure_begins = driver_later(driver, options->warm_up_us);
    driver->measure_ends = driver_later(driver, options->warm_up_us + options->duration_us);
    driver->phase = PHASE_WARMING;
    driver_measure(driver);
    while (driver->now.us < driver->measure_ends.us) {
        uint64_t answered = driver->answered_in_all;
        links_retry(driver);
        driver_step(driver);
        driver_measure(driver);
        atomic_fetch_add_explicit(&driver->control->answered, driver->answered_in_all - answered, memory_order_relaxed);
    }
    if (driver->phase == PHASE_MEASURING) {
        driver->result.cpu_us = thread_cpu_us() - driver->cpu_began_us;
        driver->result.elapsed_us = driver->measure_ends.us - driver->measure_begins.us;
    }
    driver_count_unsent(driver);
}

/* An answer may take as long as its request gave it, and then be on its way. */
static int64_t driver_patience_us(const struct driver *driver) {
    int64_t deadline_us = driver->control->options->timeout_us + ON_THE_WAY_US;
    return deadline_us > LAST_ANSWERS_US ? deadline_us : LAST_ANSWERS_US;
}

static void driver_wait_for_last(struct driver *driver) {
    driver->phase = PHASE_WAITING;
    struct tick give_up = driver_later(driver, driver_patience_us(driver));
    while (driver->flying > 0 && driver->now.us < give_up.us) {
        driver_turn(driver, give_up);
    }
    for (uint32_t i = 0; i < driver->link_count; i++) {
        struct link *link = &driver->links[i];
        for (uint32_t j = 0; link->stream != NULL && j < driver->control->options->in_flight; j++) {
            bool is_flying = link->flights[j].correlation != 0;
            driver->result.unanswered_in_all += is_flying;
            driver->result.unanswered += is_flying && result_is_measured(driver, link->flights[j].due);
        }
    }
    if (driver->control->answers != NULL) {
        result_write_answers(driver);
    }
}

/* The server hears that we leave, rather than finds out. */
static void driver_leave(struct driver *driver) {
    driver->phase = PHASE_LEAVING;
    struct tick give_up = driver_later(driver, LEAVE_US);
    for (uint32_t i = 0; i < driver->link_count; i++) {
        if (driver->links[i].stream != NULL) {
            net_close(driver->links[i].stream, "the run is over");
        }
    }
    while (driver->links_up > 0 && driver->now.us < give_up.us) {
        driver_turn(driver, give_up);
    }
}

static bool driver_open(struct driver *driver) {
    struct net_options options = {
        .streams_capacity = driver->link_count,
        .receive_buffers = RECEIVE_BUFFERS,
        .unread_capacity_bytes = UNREAD_BYTES,
        .handshake_timeout_us = HANDSHAKE_US,
    };
    (void)prctl(PR_SET_TIMERSLACK, 1000ul); /* ns; else every planned time is met 50 us late */
    driver->codec = wire_codec_create();
    driver->net = net_create(&options, &driver->failure);
    return driver->net != NULL && template_make(&driver->template, driver->control->options, &driver->failure);
}

void *driver_run(void *argument) {
    struct driver *driver = argument;
    struct control *control = driver->control;
    if (driver_open(driver)) {
        driver_connect(driver);
    } else {
        atomic_store(&control->has_failed, true);
    }
    pthread_barrier_wait(&control->connected);
    if (!atomic_load(&control->has_failed)) {
        driver_drive(driver);
        driver_wait_for_last(driver);
        driver_leave(driver);
    }
    net_destroy(driver->net);
    wire_codec_destroy(driver->codec);
    atomic_fetch_sub(&control->running, 1);
    return NULL;
}
