/* SPDX-License-Identifier: Apache-2.0 */
/* A trace as one JSON object, for scripts. */
#include "vaxel/print.h"
#include "vaxel/trace.h"
#include "wire/wire.h"

#include <stdlib.h>

static void write_row(const struct trace *trace, struct json *json, const struct trace_row *row) {
    const struct trace_row *effect = row->kind == TRACE_ENTRY ? trace_effect_of(trace, row) : NULL;
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&row->id, id);
    json_text(json, "source", "postgresql");
    json_text(json, "kind",
              row->kind == TRACE_REFUSAL      ? "refusal"
              : row->kind == TRACE_QUARANTINE ? "quarantine"
                                              : wire_kind_name(row->entry_kind));
    json_text(json, "id", id);
    json_number(json, "month", row->month.yyyymm);
    json_number(json, "organisation", row->organisation);
    if (row->kind == TRACE_QUARANTINE) {
        json_text(json, "why", row->words);
        return;
    }
    json_number(json, "traveller", row->traveller);
    json_number(json, "credit", row->credit);
    json_number(json, "amount_minor", row->amount_minor);
    json_text(json, "client", row->client[0] != '\0' ? row->client : NULL);
    json_text(json, "product", row->product);
    if (row->kind == TRACE_REFUSAL) {
        json_text(json, "reason", reason_name(row->reason));
        return;
    }
    json_number(json, "department", row->department);
    json_number(json, "epoch", row->epoch);
    json_text(json, "place", row->words);
    json_truth(json, "forced", (row->flags & ENTRY_FORCED) != 0);
    json_truth(json, "late", (row->flags & ENTRY_LATE) != 0);
    json_truth(json, "stand_in", (row->flags & ENTRY_STAND_IN) != 0);
    json_truth(json, "partial", (row->flags & ENTRY_PARTIAL) != 0);
    if (effect != NULL) {
        json_number(json, "charged_minor", effect->charged_minor);
        json_number(json, "remaining_minor", effect->remaining_minor);
    }
}

static void write_sighting(struct json *json, const struct sighting *sighting) {
    json_text(json, "source", "journal");
    json_text(json, "kind",
              sighting->entry.kind == ENTRY_REVERSAL ? "called_off" : wire_kind_name(sighting->entry.kind));
    json_text(json, "directory", sighting->directory);
    json_truth(json, "drained", sighting->is_drained);
    json_number(json, "month", sighting->entry.month.yyyymm);
    json_number(json, "organisation", sighting->entry.organisation);
    json_number(json, "amount_minor", sighting->entry.amount_minor);
}

static void write_events(const struct trace *trace, struct json *json) {
    struct events events = trace_events(trace);
    json_open(json, "events", '[');
    for (size_t i = 1; i < events.count; i++) {
        const struct event *event = &events.each[i];
        json_open(json, NULL, '{');
        json_time(json, "at", event->at);
        if (event->sighting != NULL)
            write_sighting(json, event->sighting);
        else
            write_row(trace, json, event->row);
        json_close(json, '}');
    }
    json_close(json, ']');
    free(events.each);
}

static void write_memory(const struct trace *trace, struct json *json) {
    const struct recalled *recalled = &trace->recalled;
    json_open(json, "redis", '{');
    json_truth(json, "looked", trace->has_redis);
    json_truth(json, "remembers", trace->recalled_in != 0);
    if (trace->recalled_in != 0) {
        json_number(json, "organisation", trace->recalled_in);
        json_text(json, "memory", trace_memory_word(recalled));
        json_number(json, "epoch", recalled->epoch);
        json_number(json, "asked_minor", recalled->memory.content.amount_minor);
        json_text(json, "reason",
                  recalled->memory.kind == MEMORY_REFUSED ? reason_name(recalled->memory.reason) : NULL);
    }
    json_close(json, '}');
}

static void write_counters(const struct trace *trace, const struct meaning *meaning, struct json *json) {
    json_open(json, "counters", '{');
    json_truth(json, "looked", trace->has_counters);
    if (trace->has_counters) {
        json_number(json, "month", trace->counters_of.yyyymm);
        json_truth(json, "warm", trace->counters.is_warm);
        json_number(json, "epoch", trace->counters.epoch);
        json_open(json, "limits", '[');
        for (size_t i = 0; i < trace->counters.sum_count; i++) {
            const struct sum *sum = &trace->counters.sums[i];
            if (!trace_counts_in(sum, meaning->root))
                continue;
            json_open(json, NULL, '{');
            json_text(json, "kind", limit_kind_name(sum->kind));
            json_number(json, "id", sum->id);
            json_number(json, "spent_minor", sum->spent_minor);
            json_close(json, '}');
        }
        json_close(json, ']');
    }
    json_close(json, '}');
}

static void write_rest(const struct trace *trace, struct json *json) {
    json_open(json, "fences", '[');
    for (size_t i = 0; i < trace->row_count; i++) {
        if (trace->rows[i].kind != TRACE_FENCE)
            continue;
        json_open(json, NULL, '{');
        json_number(json, "month", trace->rows[i].month.yyyymm);
        json_number(json, "organisation", trace->rows[i].organisation);
        json_number(json, "epoch", trace->rows[i].epoch);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_number(json, "journals", trace->journals);
    json_open(json, "not_looked", '[');
    for (uint32_t i = 0; i < trace->missing_count; i++) {
        json_open(json, NULL, '{');
        json_text(json, "source", trace->missing[i].source);
        json_text(json, "why", trace->missing[i].why.text);
        json_close(json, '}');
    }
    json_close(json, ']');
}

void trace_write_json(const struct trace *trace, const struct meaning *meaning) {
    struct json json = json_start();
    char text[REQUEST_ID_TEXT_SIZE];
    request_id_format(&trace->asked, text);
    json_text(&json, "asked", text);
    request_id_format(&trace->id, text);
    json_text(&json, "id", text);
    json_text(&json, "state", trace_state_name(meaning->state));
    json_text(&json, "meaning", meaning->words);
    json_text(&json, "currency", trace->settings->currency);
    json_time(&json, "made_at", request_id_time(&trace->id));
    const struct trace_row *hold = trace_find(trace, TRACE_HOLD, &trace->id);
    json_time(&json, "open_until", hold != NULL ? hold->at : (struct instant){0});
    json_number(&json, "captured_minor", meaning->captured_minor);
    json_number(&json, "refunded_minor", meaning->refunded_minor);
    json_number(&json, "counted_minor", meaning->counted_minor);
    write_events(trace, &json);
    write_memory(trace, &json);
    write_counters(trace, meaning, &json);
    write_rest(trace, &json);
    json_end(&json);
}
