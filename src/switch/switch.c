/* SPDX-License-Identifier: Apache-2.0 */
#include "switch/core.h"

#include <stdlib.h>
#include <string.h>

struct switch_core *switch_create(const struct switch_settings *settings, const struct switch_ports *ports) {
    CHECK(settings->capacity > 0 && settings->capacity < NOBODY);
    CHECK(settings->largest_amount_minor > 0 && settings->largest_amount_minor <= MONEY_MAX_MINOR);
    CHECK(settings->default_timeout_us <= settings->longest_timeout_us);
    CHECK(settings->default_hold_us <= settings->longest_hold_us);
    struct switch_core *core = calloc(1, sizeof *core);
    CHECK(core != NULL);
    core->settings = *settings;
    core->ports = *ports;
    core->retry_at.us = INT64_MAX;
    core->waiting = core->recording = core->overdue = (struct list){NOBODY, NOBODY};
    core->requests = calloc(settings->capacity, sizeof *core->requests);
    CHECK(core->requests != NULL);
    for (uint32_t slot = 0; slot < settings->capacity; slot++)
        core->requests[slot].next = slot + 1 < settings->capacity ? slot + 1 : NOBODY;
    wheel_init(&core->wheel, settings->longest_timeout_us);
    warm_init(&core->warm, settings->warm_capacity);
    pace_init(core);
    return core;
}

void switch_destroy(struct switch_core *core) {
    if (core == NULL)
        return;
    warm_finish(&core->warm);
    wheel_finish(&core->wheel);
    free(core->requests);
    free(core);
}

void switch_limits_up(struct switch_core *core, struct moment now, bool is_up) {
    core->now = now;
    core->is_limits_up = is_up;
    if (is_up)
        flow_retry_waiting(core);
}

void switch_record_up(struct switch_core *core, struct moment now, bool is_up) {
    core->now = now;
    core->is_record_up = is_up;
    if (is_up)
        flow_retry_waiting(core);
    else
        stand_in_tick(core);
}

void switch_journal_up(struct switch_core *core, struct moment now, bool is_up) {
    core->now = now;
    core->is_journal_up = is_up;
    if (is_up)
        flow_retry_waiting(core);
}

void switch_tick(struct switch_core *core, struct moment now) {
    core->now = now;
    for (struct request *request; (request = wheel_due(core)) != NULL;)
        undo_due(core, request);
    stand_in_tick(core);
    pace_tick(core);
    if (now.tick.us >= core->retry_at.us) {
        core->retry_at.us = INT64_MAX;
        flow_retry_waiting(core);
    }
}

struct tick switch_next_tick(const struct switch_core *core) {
    struct tick next = pace_is_due(core) ? core->now.tick : core->retry_at;
    struct tick overdue_at = stand_in_next_tick(core);
    if (overdue_at.us < next.us)
        next = overdue_at;
    if (core->wheel.armed > 0 && (core->wheel.swept_ms + 1) * 1000 < next.us)
        next.us = (core->wheel.swept_ms + 1) * 1000;
    return next;
}

uint32_t switch_busy(const struct switch_core *core) {
    return core->busy;
}

bool switch_stands_in(const struct switch_core *core) {
    return stand_in_is_on(core);
}
