/* SPDX-License-Identifier: Apache-2.0 */
/* audits: the audit's asks, and what comes of them. The first worker of a node does it. */
#include "node/worker.h"

#include "base/check.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>

/* Organisations' months under suspicion at once. */
#define SUSPECTS 1024
/* A small company is swept every second: that all is well need not be said so often. */
#define SAY_EVERY_US INT64_C(60000000)

struct audit_desk {
    struct audit *audit;
    uint64_t sweeps;
    struct tick said_at;
    uint64_t rebuilds_said;
    uint64_t suspects_said;
};

static bool find_next(void *shell, int32_t organisation, struct month month) {
    const struct worker *worker = shell;
    return worker->has_records && record_find_month(worker->record, organisation, month);
}

static bool read_recorded(void *shell, int32_t organisation, struct month month) {
    const struct worker *worker = shell;
    return worker->has_records && record_read_month(worker->record, organisation, month);
}

static bool read_counted(void *shell, int32_t organisation, struct month month) {
    struct worker *worker = shell;
    return worker->has_counters && counters_read_month(worker, organisation, month);
}

static void rebuild(void *shell, int32_t organisation, struct month month) {
    struct worker *worker = shell;
    log_warning("audit", "counters differ from the records and are built anew organisation=%d month=%d", organisation,
                month.yyyymm);
    switch_rebuild(worker->core, moment_now(), organisation, month);
}

void audits_init(struct worker *worker) {
    if (worker->index > 0)
        return;
    const struct audit_settings settings = {
        .pause_us = worker->settings.audit_pause_us,
        .grace_us = worker->settings.audit_grace_us,
        .suspect_capacity = SUSPECTS,
    };
    const struct audit_ports ports = {
        .shell = worker,
        .find_next = find_next,
        .read_recorded = read_recorded,
        .read_counted = read_counted,
        .rebuild = rebuild,
    };
    worker->audits = calloc(1, sizeof *worker->audits);
    CHECK(worker->audits != NULL);
    worker->audits->audit = audit_create(&settings, &ports);
}

void audits_finish(struct worker *worker) {
    if (worker->audits == NULL)
        return;
    audit_destroy(worker->audits->audit);
    free(worker->audits);
}

void audits_found(struct worker *worker, bool is_answered, int32_t organisation, struct month month) {
    audit_next(worker->audits->audit, moment_now(), is_answered, organisation, month);
}

void audits_recorded(struct worker *worker, const struct sums *sums) {
    audit_recorded(worker->audits->audit, moment_now(), sums);
}

void audits_counted(struct worker *worker, const struct sums *sums) {
    audit_counted(worker->audits->audit, moment_now(), sums);
}

/* A line for each sweep that is over; of those with nothing new one a minute, and the others for who debugs. */
static void tell_sweep(struct audit_desk *desk, struct tick now) {
    if (audit_sweeps(desk->audit) == desk->sweeps)
        return;
    struct audit_facts facts;
    audit_facts(desk->audit, &facts);
    desk->sweeps = facts.sweeps;
    bool is_news = facts.suspects != desk->suspects_said || facts.rebuilds != desk->rebuilds_said;
    bool is_said = is_news || desk->said_at.us == 0 || now.us - desk->said_at.us >= SAY_EVERY_US;
    if (is_said)
        desk->said_at = now;
    desk->rebuilds_said = facts.rebuilds;
    desk->suspects_said = facts.suspects;
    log_event(is_said ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "audit",
              "swept sweeps=%" PRIu64 " looks=%" PRIu64 " suspects=%" PRIu64 " drift_minor=%" PRId64
              " rebuilds=%" PRIu64 " freed_minor=%" PRId64 " restored_minor=%" PRId64,
              facts.sweeps, facts.looks, facts.suspects, facts.drift_minor, facts.rebuilds, facts.freed_minor,
              facts.restored_minor);
}

void audits_tick(struct worker *worker, struct moment now) {
    if (worker->audits == NULL)
        return;
    audit_tick(worker->audits->audit, now);
    tell_sweep(worker->audits, now.tick);
}

struct tick audits_next_tick(const struct worker *worker) {
    return worker->audits != NULL ? audit_next_tick(worker->audits->audit) : (struct tick){INT64_MAX};
}

void audits_measure(struct worker *worker) {
    struct measures *measures = worker->measures;
    struct audit_facts facts;
    if (worker->audits == NULL)
        return;
    audit_facts(worker->audits->audit, &facts);
    metric_set_count(&measures->audit_looks, facts.looks);
    metric_set_count(&measures->audit_sweeps, facts.sweeps);
    metric_set(&measures->audit_swept_us, facts.last_sweep.us);
    metric_set(&measures->audit_suspects, (int64_t)facts.suspects);
    metric_set(&measures->audit_drift_minor, facts.drift_minor);
    metric_set_count(&measures->audit_rebuilds, facts.rebuilds);
    metric_set_count(&measures->audit_freed_minor, (uint64_t)facts.freed_minor);
    metric_set_count(&measures->audit_restored_minor, (uint64_t)facts.restored_minor);
}
