/* SPDX-License-Identifier: Apache-2.0 */
#include "node/node.h"

#include "base/calendar.h"
#include "base/check.h"
#include "base/log.h"
#include "grpc/grpc.h"
#include "node/watching.h"
#include "node/worker.h"
#include "record/migrate.h"

#include <stdlib.h>
#include <string.h>

struct node {
    struct settings settings; /* as it was started with */
    struct settings latest;   /* as they are now */
    struct shared shared;
    uint32_t worker_count;
    struct worker *workers;
    struct measures *measures; /* by worker, as the next */
    struct sightings *sightings;
    _Atomic bool is_draining;
};

static bool open_directory(struct node *node, struct failure *failure) {
    const struct directory_options options = {
        .conninfo = node->settings.postgres,
        .traveller_cap_minor = node->settings.traveller_cap_minor,
    };
    node->shared.directory = directory_open(&options, failure);
    if (node->shared.directory == NULL || !directory_follow(node->shared.directory, failure))
        return false;
    struct directory_facts facts;
    directory_facts(node->shared.directory, &facts);
    log_info("node", "directory loaded organisations=%zu credits=%zu clients=%zu", facts.organisations, facts.credits,
             facts.clients);
    return true;
}

/* What can be found wrong without anybody else. */
static bool prepare(struct node *node, struct failure *failure) {
    const struct settings *settings = &node->settings;
    if (!calendar_set_zone(settings->time_zone))
        return failure_set(failure, "operator.time_zone: the system has no zone %s: install tzdata, or name one of it",
                           settings->time_zone);
    if (!currency_parse(settings->currency, &node->shared.currency))
        return failure_set(failure, "operator.currency: %s is no ISO 4217 code", settings->currency);
    const struct net_tls_files files = {settings->certificate, settings->key, settings->authority};
    node->shared.tls = net_tls_create(true, &files, WIRE_PROTOCOL "," GRPC_PROTOCOL, failure);
    return node->shared.tls != NULL;
}

/* What PostgreSQL has to say first. A failure while it is away, or just after it went, is none that lasts. */
static bool load(struct node *node, bool *is_away, struct failure *failure) {
    const char *conninfo = node->settings.postgres;
    if (record_is_away(conninfo)) {
        *is_away = true;
        return failure_set(failure, "PostgreSQL is away");
    }
    if (record_is_migrated(conninfo, failure) && open_directory(node, failure))
        return true;
    *is_away = record_is_away(conninfo);
    return false;
}

static bool start_workers(struct node *node, struct failure *failure) {
    node->worker_count = (uint32_t)node->settings.workers;
    node->workers = calloc(node->worker_count, sizeof *node->workers);
    node->measures = aligned_alloc(_Alignof(struct measures), node->worker_count * sizeof *node->measures);
    node->sightings = calloc(node->worker_count, sizeof *node->sightings);
    CHECK(node->workers != NULL && node->measures != NULL && node->sightings != NULL);
    memset(node->measures, 0, node->worker_count * sizeof *node->measures);
    for (uint32_t i = 0; i < node->worker_count; i++)
        sightings_init(&node->sightings[i]);
    for (uint32_t i = 0; i < node->worker_count; i++)
        if (!worker_start(&node->workers[i], &node->shared, i, &node->measures[i], &node->sightings[i], failure))
            return false;
    return true;
}

static void tell_doors(const struct node *node) {
    if (node->shared.socket_count > 0)
        log_info("node", "listening sockets=%u workers=%u, handed over: listen.address is not used",
                 node->shared.socket_count, node->worker_count);
    else
        log_info("node", "listening address=%s workers=%u", node->settings.listen, node->worker_count);
}

struct node *node_start(const struct settings *settings, const struct node_sockets *sockets, bool *is_away,
                        struct failure *failure) {
    struct node *node = calloc(1, sizeof *node);
    CHECK(node != NULL);
    node->settings = *settings;
    node->latest = *settings;
    node->shared.settings = &node->settings;
    node->shared.sockets = sockets->fds;
    node->shared.socket_count = sockets->count;
    node->shared.changes = changes_create();
    node->shared.rates = rates_create();
    *is_away = false;
    if (prepare(node, failure) && load(node, is_away, failure) && start_workers(node, failure)) {
        tell_doors(node);
        return node;
    }
    node_stop(node);
    return NULL;
}

void node_drain(struct node *node) {
    if (node->workers == NULL)
        return;
    node->is_draining = true;
    for (uint32_t i = 0; i < node->worker_count; i++)
        worker_stop(&node->workers[i]);
    for (uint32_t i = 0; i < node->worker_count; i++)
        worker_join(&node->workers[i]);
    free(node->workers);
    node->workers = NULL;
}

void node_stop(struct node *node) {
    node_drain(node);
    free(node->measures);
    free(node->sightings);
    if (node->shared.directory != NULL)
        directory_close(node->shared.directory);
    if (node->shared.tls != NULL)
        net_tls_destroy(node->shared.tls);
    rates_destroy(node->shared.rates);
    changes_destroy(node->shared.changes);
    free(node);
}

/* ---- for those who watch ---- */

struct watched node_watched(const struct node *node) {
    if (node == NULL)
        return (struct watched){0};
    return (struct watched){
        .directory = node->shared.directory,
        .measures = node->measures,
        .sightings = node->sightings,
        .worker_count = node->worker_count,
        .is_draining = node->is_draining,
        .tls_ends = net_tls_ends(node->shared.tls),
    };
}

void node_write_metrics(const struct node *node, struct instant process_start, bool is_openmetrics, FILE *file) {
    const struct watched watched = node_watched(node);
    watching_write_metrics(&watched, process_start, is_openmetrics, file);
}

bool node_is_alive(const struct node *node) {
    const struct watched watched = node_watched(node);
    return watching_is_alive(&watched);
}

static void write_line(void *owner, bool is_missing, const char *text) {
    fprintf(owner, "%s%s\n", is_missing ? "missing: " : "", text);
}

bool node_is_ready(const struct node *node, FILE *file) {
    const struct watched watched = node_watched(node);
    return watching_is_ready(&watched, write_line, file);
}

bool node_reload_certificates(struct node *node, struct failure *failure) {
    return net_tls_reload(node->shared.tls, failure);
}

static void report_change(void *owner, const struct config_setting *setting, bool is_taken) {
    (void)owner;
    if (is_taken)
        log_info("node", "setting changed section=%s key=%s", setting->section, setting->key);
    else
        log_warning("node", "setting kept as it was until the next start section=%s key=%s", setting->section,
                    setting->key);
}

const struct settings *node_change(struct node *node, const struct settings *wanted) {
    config_reload(settings_table, settings_count, &node->latest, wanted, NULL, report_change);
    changes_publish(node->shared.changes, &node->latest);
    for (uint32_t i = 0; i < node->worker_count; i++)
        worker_wake(&node->workers[i]);
    return &node->latest;
}
