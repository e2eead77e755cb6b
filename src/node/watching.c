/* SPDX-License-Identifier: Apache-2.0 */
#include "node/watching.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

/* A worker turns at least ten times a second; one that has not for so long hangs. */
#define HANG_US INT64_C(5000000)
/* The directory looks twice a second whether anything is new. */
#define STALE_US INT64_C(10000000)
#define WORKERS_MAX 64

/* ---- metrics ---- */

static int64_t turn_age_us(const struct watched *watched) {
    int64_t now_us = tick_now().us, oldest_us = 0;
    for (uint32_t i = 0; i < watched->worker_count; i++) {
        int64_t turned_at_us = metric_level(&watched->measures[i].turned_at_us);
        if (turned_at_us != 0 && now_us - turned_at_us > oldest_us)
            oldest_us = now_us - turned_at_us;
    }
    return oldest_us;
}

static void write_process(const struct watched *watched, struct instant process_start, bool is_openmetrics,
                          FILE *file) {
    struct process_measures measures = {0};
    const void *set = &measures;
    uint64_t numbers[sizeof measures / sizeof(uint64_t)];
    metric_set(&measures.build, 1);
    metric_set(&measures.start_us, process_start.us);
    metric_set(&measures.ready, watching_is_ready(watched, NULL, NULL));
    metric_set(&measures.draining, watched->is_draining);
    metric_set(&measures.workers, watched->worker_count);
    metric_set(&measures.turn_age_us, turn_age_us(watched));
    if (watched->directory != NULL) {
        struct directory_facts facts;
        directory_facts(watched->directory, &facts);
        measures_take_directory(&measures, &facts);
    }
    metric_set(&measures.certificate_end_us[CERTIFICATE_OWN], watched->tls_ends.certificate.us);
    metric_set(&measures.certificate_end_us[CERTIFICATE_AUTHORITY], watched->tls_ends.authority.us);
    measures_take_process(&measures);
    metrics_gather(&measures_of_process, &set, 1, numbers);
    metrics_write(&measures_of_process, numbers, is_openmetrics, file);
}

static void write_workers(const struct watched *watched, bool is_openmetrics, FILE *file) {
    const void *sets[WORKERS_MAX];
    uint64_t *numbers = malloc(measures_of_worker.size);
    CHECK(numbers != NULL && watched->worker_count <= WORKERS_MAX);
    for (uint32_t i = 0; i < watched->worker_count; i++)
        sets[i] = &watched->measures[i];
    metrics_gather(&measures_of_worker, sets, watched->worker_count, numbers);
    metrics_write(&measures_of_worker, numbers, is_openmetrics, file);
    free(numbers);
}

void watching_write_metrics(const struct watched *watched, struct instant process_start, bool is_openmetrics,
                            FILE *file) {
    write_process(watched, process_start, is_openmetrics, file);
    write_workers(watched, is_openmetrics, file);
    metrics_write_end(is_openmetrics, file);
}

/* ---- health ---- */

bool watching_is_alive(const struct watched *watched) {
    return watched->is_draining || turn_age_us(watched) < HANG_US;
}

static uint32_t count_down(const struct watched *watched, size_t offset) {
    uint32_t down = 0;
    for (uint32_t i = 0; i < watched->worker_count; i++) {
        const uint8_t *set = (const uint8_t *)&watched->measures[i];
        down += metric_level((const struct metric_level *)(const void *)(set + offset)) == 0;
    }
    return down;
}

#define COUNT_DOWN(watched, field) count_down(watched, offsetof(struct measures, field))

/* Whom it is told to. */
struct listener {
    watching_tell *tell;
    void *owner;
};

#define TEXT_SIZE 160

__attribute__((format(printf, 3, 4))) static void tell(const struct listener *listener, bool is_missing,
                                                       const char *format, ...) {
    char text[TEXT_SIZE];
    if (listener->tell == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    listener->tell(listener->owner, is_missing, text);
}

static bool has_redis(const struct watched *watched, const struct listener *listener) {
    uint32_t down = COUNT_DOWN(watched, redis_up);
    if (down > 0)
        tell(listener, true, "Redis (%" PRIu32 " of %" PRIu32 " workers have none that counts)", down,
             watched->worker_count);
    return down == 0;
}

static bool is_fresh(const struct watched *watched) {
    struct directory_facts facts = {0};
    if (watched->directory != NULL)
        directory_facts(watched->directory, &facts);
    return watched->directory != NULL && facts.age_us < STALE_US;
}

/* With a journal to stand in, purchases go on without PostgreSQL, by the directory's last state. */
static bool has_records(const struct watched *watched, const struct listener *listener) {
    uint32_t down = COUNT_DOWN(watched, postgres_up);
    bool stands_in = COUNT_DOWN(watched, journal_open) == 0;
    if (down > 0)
        tell(listener, !stands_in, "%sPostgreSQL (%" PRIu32 " of %" PRIu32 " workers have none that records)",
             stands_in ? "without, purchases go to the journal: " : "", down, watched->worker_count);
    bool has_directory = is_fresh(watched);
    if (!has_directory)
        tell(listener, !stands_in, "%sdirectory (it can't be kept fresh)",
             stands_in ? "without, the last state stands: " : "");
    return stands_in || (down == 0 && has_directory);
}

bool watching_is_ready(const struct watched *watched, watching_tell *tell_owner, void *owner) {
    const struct listener listener = {tell_owner, owner};
    if (watched->measures == NULL) {
        tell(&listener, true, "PostgreSQL or what is to be read from it: the node is starting, and its log says more");
        return false;
    }
    bool has_all = has_redis(watched, &listener);
    has_all &= has_records(watched, &listener);
    if (watched->is_draining)
        tell(&listener, true, "none, but the node is draining: it was told to end");
    return has_all && !watched->is_draining;
}
