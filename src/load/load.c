/* SPDX-License-Identifier: Apache-2.0 */
#include "load/load.h"

#include "base/check.h"
#include "load/driver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ADDRESSES_CAPACITY 16
#define THREADS_CAPACITY 64
#define PROGRESS_US 1000000

static bool options_check(const struct load_options *options, struct failure *failure) {
    if (options->connections == 0 || options->connections > 1000000) {
        return failure_set(failure, "1 to 1000000 connections are wanted");
    }
    if (options->in_flight > FLIGHTS_CAPACITY) {
        return failure_set(failure, "at most %d purchases may be in flight on a connection", FLIGHTS_CAPACITY);
    }
    if (options->threads > THREADS_CAPACITY || options->threads > options->connections) {
        return failure_set(failure, "at most %d threads, and a connection for each, are wanted", THREADS_CAPACITY);
    }
    if (options->duration_us <= 0 || options->warm_up_us < 0 || !(options->rate_per_s >= 0)) {
        return failure_set(failure, "a duration is wanted, and neither a warm-up nor a rate below 0");
    }
    if (options->population.organisations == 0 || options->population.travellers == 0) {
        return failure_set(failure, "somebody must be there to buy: organisations and travellers are wanted");
    }
    return true;
}

static bool addresses_split(struct control *control, const char *addresses, struct failure *failure) {
    while (*addresses != '\0') {
        size_t size = strcspn(addresses, ",");
        if (size == 0 || size >= sizeof(control->addresses[0]) || control->address_count == ADDRESSES_CAPACITY) {
            break;
        }
        memcpy(control->addresses[control->address_count], addresses, size);
        control->addresses[control->address_count++][size] = '\0';
        addresses += size + (addresses[size] == ',');
    }
    if (*addresses != '\0' || control->address_count == 0) {
        return failure_set(failure, "1 to %d addresses \"host:port\" are wanted, with commas between",
                           ADDRESSES_CAPACITY);
    }
    return true;
}

/* Looks at the threads until all have ended, and tells the caller once a second. */
static void load_follow(struct control *control) {
    const struct load_options *options = control->options;
    struct tick begin = tick_now();
    struct tick tell = {begin.us + PROGRESS_US};
    while (atomic_load(&control->running) > 0) {
        struct timespec pause = {.tv_nsec = 20000000};
        (void)nanosleep(&pause, NULL);
        if (options->is_over != NULL && *options->is_over != 0) {
            atomic_store(&control->is_stopped, true);
        }
        struct tick now = tick_now();
        if (options->on_progress == NULL || now.us < tell.us) {
            continue;
        }
        tell.us += PROGRESS_US;
        if (!options->on_progress(options->progress_owner, now.us - begin.us, atomic_load(&control->answered))) {
            atomic_store(&control->is_stopped, true);
        }
    }
}

static bool load_gather(struct driver *drivers, uint32_t count, struct load_result *result, struct failure *failure) {
    bool is_well = true;
    for (uint32_t i = 0; i < count; i++) {
        result_add(result, &drivers[i].result);
        if (drivers[i].failure.text[0] != '\0' && is_well) {
            *failure = drivers[i].failure;
            is_well = false;
        }
    }
    return is_well;
}

static bool load_drive(struct control *control, struct load_result *result, struct failure *failure) {
    uint32_t threads = control->options->threads;
    struct driver *drivers = calloc(threads, sizeof(*drivers));
    CHECK(drivers != NULL);
    CHECK(pthread_barrier_init(&control->connected, NULL, threads) == 0);
    atomic_store(&control->running, threads);
    for (uint32_t i = 0; i < threads; i++) {
        driver_prepare(&drivers[i], control, i, threads);
        CHECK(pthread_create(&drivers[i].thread, NULL, driver_run, &drivers[i]) == 0);
    }
    load_follow(control);
    for (uint32_t i = 0; i < threads; i++) {
        CHECK(pthread_join(drivers[i].thread, NULL) == 0);
    }
    bool is_well = load_gather(drivers, threads, result, failure);
    for (uint32_t i = 0; i < threads; i++) {
        driver_finish(&drivers[i]);
    }
    pthread_barrier_destroy(&control->connected);
    free(drivers);
    return is_well;
}

static bool load_open_and_drive(struct control *control, struct load_result *result, struct failure *failure) {
    const struct load_options *options = control->options;
    if (!addresses_split(control, options->addresses, failure)) {
        return false;
    }
    control->tls = net_tls_create(false, &options->tls, WIRE_PROTOCOL, failure);
    if (control->tls == NULL) {
        return false;
    }
    if (options->answers_path != NULL) {
        control->answers = fopen(options->answers_path, "we");
        if (control->answers == NULL) {
            net_tls_destroy(control->tls);
            return failure_set(failure, "cannot write \"%s\": %s", options->answers_path, strerror(errno));
        }
    }
    bool is_well = load_drive(control, result, failure);
    if (control->answers != NULL && fclose(control->answers) != 0 && is_well) {
        is_well = failure_set(failure, "cannot write \"%s\": %s", options->answers_path, strerror(errno));
    }
    net_tls_destroy(control->tls);
    return is_well;
}

bool load_run(const struct load_options *options, struct load_result *result, struct failure *failure) {
    struct load_options complete = *options;
    complete.threads = options->threads == 0 ? 1 : options->threads;
    complete.in_flight = options->in_flight == 0 ? 1 : options->in_flight;
    memset(result, 0, sizeof(*result));
    char addresses[ADDRESSES_CAPACITY][64];
    struct control control = {.options = &complete, .addresses = addresses};
    return options_check(&complete, failure) && load_open_and_drive(&control, result, failure);
}
