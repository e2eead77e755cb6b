/* SPDX-License-Identifier: Apache-2.0 */
/* What was seen, put in order and in relation. */
#include "base/check.h"
#include "vaxel/trace.h"

#include <stdlib.h>

static int compare_events(const void *one, const void *other) {
    const struct event *a = one;
    const struct event *b = other;
    if (a->at.us != b->at.us)
        return a->at.us < b->at.us ? -1 : 1;
    /* A row that was approved by a journal bears the time of its entry there. */
    return (b->sighting != NULL) - (a->sighting != NULL);
}

struct events trace_events(const struct trace *trace) {
    struct events events = {.each = calloc(trace->row_count + trace->sighting_count + 1, sizeof *events.each)};
    CHECK(events.each != NULL);
    events.each[events.count++].at = request_id_time(&trace->id);
    for (size_t i = 0; i < trace->row_count; i++) {
        const struct trace_row *row = &trace->rows[i];
        if (row->kind == TRACE_ENTRY || row->kind == TRACE_QUARANTINE)
            events.each[events.count++] = (struct event){.at = row->at, .row = row};
        else if (row->kind == TRACE_REFUSAL)
            events.each[events.count++] = (struct event){.at = request_id_time(&trace->id), .row = row};
    }
    for (uint32_t i = 0; i < trace->sighting_count; i++)
        events.each[events.count++] =
            (struct event){.at = trace->sightings[i].entry.appended_at, .sighting = &trace->sightings[i]};
    qsort(events.each + 1, events.count - 1, sizeof *events.each, compare_events);
    return events;
}

const struct trace_row *trace_effect_of(const struct trace *trace, const struct trace_row *row) {
    for (size_t i = 0; i < trace->row_count; i++)
        if (trace->rows[i].kind == TRACE_EFFECT && request_id_equal(&trace->rows[i].id, &row->id))
            return &trace->rows[i];
    return NULL;
}

const char *trace_memory_word(const struct recalled *recalled) {
    if (recalled->kind == RECALLED_EFFECT)
        return "something that lowers was counted";
    if (recalled->kind == RECALLED_UNKNOWN)
        return "what cannot be read";
    switch (recalled->memory.kind) {
    case MEMORY_COUNTED:
        return "counted";
    case MEMORY_REFUSED:
        return "declined";
    case MEMORY_REVERSED:
        return "reversed";
    }
    return "?";
}

bool trace_counts_in(const struct sum *sum, const struct trace_row *root) {
    if (sum->kind == LIMIT_ORGANISATION)
        return true;
    return root != NULL && ((sum->kind == LIMIT_CREDIT && sum->id == root->credit) ||
                            (sum->kind == LIMIT_TRAVELLER && sum->id == root->traveller) ||
                            (sum->kind == LIMIT_DEPARTMENT && sum->id == root->department));
}
