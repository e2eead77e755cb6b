/* SPDX-License-Identifier: Apache-2.0 */
/* What it means, said so that a person at a desk can pass it on. The records' word counts most: what is there has been
 * told, or may have been. */
#include "base/money.h"
#include "vaxel/print.h"
#include "vaxel/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *trace_state_name(enum trace_state state) {
    static const char *const names[] = {
        [STATE_UNKNOWN] = "unknown",   [STATE_COUNTED] = "counted",         [STATE_RECALLED] = "declined",
        [STATE_DECLINED] = "declined", [STATE_QUARANTINED] = "quarantined", [STATE_JOURNALED] = "journaled",
        [STATE_APPROVED] = "approved", [STATE_CALLED_OFF] = "called_off",   [STATE_TOMBSTONE] = "tombstone",
        [STATE_HELD] = "held",         [STATE_CAPTURED] = "captured",       [STATE_VOIDED] = "voided",
        [STATE_EXPIRED] = "expired",   [STATE_REVERSED] = "reversed",       [STATE_REFUNDED] = "refunded",
    };
    return names[state];
}

const struct trace_row *trace_find(const struct trace *trace, enum trace_kind kind, const struct request_id *id) {
    for (size_t i = 0; i < trace->row_count; i++)
        if (trace->rows[i].kind == kind && request_id_equal(&trace->rows[i].id, id))
            return &trace->rows[i];
    return NULL;
}

/* ---- words ---- */

__attribute__((format(printf, 2, 3))) static void say(struct meaning *meaning, const char *format, ...) {
    size_t used = strlen(meaning->words);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(meaning->words + used, sizeof meaning->words - used, format, arguments);
    va_end(arguments);
}

struct amount_text {
    char text[MONEY_TEXT_SIZE + 8];
};

static struct amount_text amount_of(const struct trace *trace, int64_t minor) {
    char number[MONEY_TEXT_SIZE];
    struct amount_text amount;
    money_format(minor, number);
    snprintf(amount.text, sizeof amount.text, "%s %.3s", number, trace->settings->currency);
    return amount;
}

/* "3 min": how long after the row it followed. */
static void say_later(struct meaning *meaning, const struct trace_row *row) {
    static const struct {
        int64_t us;
        const char *unit;
    } units[] = {{86400 * INT64_C(1000000), "days"},
                 {3600 * INT64_C(1000000), "h"},
                 {60 * INT64_C(1000000), "min"},
                 {INT64_C(1000000), "s"}};
    int64_t span_us = row->at.us - meaning->root->at.us;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (span_us >= 2 * units[i].us || (i == 3 && span_us >= units[i].us)) {
            say(meaning, " %lld %s later", (long long)(span_us / units[i].us), units[i].unit);
            return;
        }
    }
    say(meaning, " at once");
}

/* ---- what is on record ---- */

static const struct trace_row *last_effect(const struct trace *trace, enum entry_kind kind) {
    const struct trace_row *last = NULL;
    for (size_t i = 0; i < trace->row_count; i++)
        if (trace->rows[i].kind == TRACE_EFFECT && trace->rows[i].entry_kind == kind)
            last = &trace->rows[i];
    return last;
}

static void add_up(const struct trace *trace, struct meaning *meaning) {
    for (size_t i = 0; i < trace->row_count; i++) {
        const struct trace_row *row = &trace->rows[i];
        if (row->kind == TRACE_ENTRY)
            meaning->counted_minor += row->amount_minor;
        else if (row->kind == TRACE_EFFECT && row->entry_kind == ENTRY_CAPTURE)
            meaning->captured_minor += row->charged_minor;
        else if (row->kind == TRACE_EFFECT && row->entry_kind == ENTRY_REFUND)
            meaning->refunded_minor -= row->charged_minor;
    }
}

static void say_beginning(const struct trace *trace, struct meaning *meaning) {
    const struct trace_row *root = meaning->root;
    if (root->entry_kind == ENTRY_ADVICE)
        say(meaning, "Bought on a device by itself, reported and committed");
    else if ((root->flags & ENTRY_STAND_IN) != 0)
        say(meaning, "Approved by a node's journal while PostgreSQL was away, and committed since");
    else
        say(meaning, "Approved, committed");
    if ((root->flags & ENTRY_PARTIAL) != 0)
        say(meaning, " (less than was asked)");
    if ((root->flags & ENTRY_FORCED) != 0)
        say(meaning, " (though it did not fit, or might not be bought)");
    if (trace_find(trace, TRACE_HOLD, &root->id) != NULL && meaning->captured_minor == 0)
        say(meaning, "; held");
}

static void say_capture(const struct trace *trace, struct meaning *meaning) {
    const struct trace_row *capture = last_effect(trace, ENTRY_CAPTURE);
    meaning->state = STATE_CAPTURED;
    say(meaning, "; %s of it captured", amount_of(trace, meaning->captured_minor).text);
    say_later(meaning, capture);
}

static void say_closing(const struct trace *trace, struct meaning *meaning, enum entry_kind kind,
                        enum trace_state state, const char *words) {
    const struct trace_row *effect = last_effect(trace, kind);
    if (effect == NULL)
        return;
    /* What was captured before the rest was let go stays captured. */
    if (meaning->captured_minor == 0 || state == STATE_REVERSED || state == STATE_REFUNDED)
        meaning->state = state;
    say(meaning, "; %s", words);
    say_later(meaning, effect);
}

static void say_end(const struct trace *trace, struct meaning *meaning) {
    const struct trace_row *hold = trace_find(trace, TRACE_HOLD, &meaning->root->id);
    if (hold != NULL) {
        char until[PRINT_TIME_SIZE];
        print_time(hold->at, until);
        say(meaning, "; open until %s", until);
    }
    if (meaning->counted_minor == 0)
        say(meaning, "; counted nothing since.");
    else
        say(meaning, "; counts %s.", amount_of(trace, meaning->counted_minor).text);
}

static void judge_records(const struct trace *trace, struct meaning *meaning) {
    const struct trace_row *root = meaning->root;
    if (root->entry_kind == ENTRY_REVERSAL) {
        meaning->state = STATE_TOMBSTONE;
        say(meaning,
            "Reversed before it was recorded, by its client or past its deadline: its id is taken, nothing can be "
            "bought under it. Nothing is counted.");
        return;
    }
    meaning->state = root->entry_kind == ENTRY_HOLD ? STATE_HELD : STATE_APPROVED;
    say_beginning(trace, meaning);
    if (meaning->captured_minor > 0)
        say_capture(trace, meaning);
    say_closing(trace, meaning, ENTRY_VOID, STATE_VOIDED, "voided");
    say_closing(trace, meaning, ENTRY_EXPIRY, STATE_EXPIRED, "expired");
    if (meaning->refunded_minor > 0) {
        char words[64];
        snprintf(words, sizeof words, "%s refunded", amount_of(trace, meaning->refunded_minor).text);
        say_closing(trace, meaning, ENTRY_REFUND, STATE_REFUNDED, words);
    }
    say_closing(trace, meaning, ENTRY_REVERSAL, STATE_REVERSED, "reversed");
    say_end(trace, meaning);
}

/* ---- where there is no row ---- */

static void judge_sightings(const struct trace *trace, struct meaning *meaning) {
    bool is_called_off = false;
    for (uint32_t i = 0; i < trace->sighting_count; i++)
        is_called_off = is_called_off || trace->sightings[i].entry.kind == ENTRY_REVERSAL;
    meaning->state = is_called_off ? STATE_CALLED_OFF : STATE_JOURNALED;
    if (is_called_off)
        say(meaning, "Called off in a node's journal, past its deadline");
    else
        say(meaning, "Approved by a node's journal while PostgreSQL was away");
    if (trace->has_records)
        say(meaning, "; not in PostgreSQL yet, the node brings it there.");
    else
        say(meaning, "; whether PostgreSQL has it by now is not known.");
}

static void judge_memory(const struct trace *trace, struct meaning *meaning) {
    const struct memory *memory = &trace->recalled.memory;
    const char *missing = trace->has_records ? "" : " What PostgreSQL has of it is not known.";
    if (trace->recalled.kind != RECALLED_MEMORY) {
        meaning->state = STATE_COUNTED;
        say(meaning, "Redis remembers that something was done under it, not what.%s", missing);
        return;
    }
    switch (memory->kind) {
    case MEMORY_COUNTED:
        meaning->state = STATE_COUNTED;
        if (trace->has_records)
            say(meaning,
                "Counted in Redis and in no record: under way just now, or of a node that ended; then nobody was "
                "told that it is approved, and the audit frees what it counts.");
        else
            say(meaning, "Counted in Redis.%s", missing);
        return;
    case MEMORY_REFUSED:
        meaning->state = STATE_RECALLED;
        say(meaning, "Declined: %s. Nothing was counted.%s", reason_name(memory->reason), missing);
        return;
    case MEMORY_REVERSED:
        meaning->state = STATE_REVERSED;
        say(meaning, "Reversed, so Redis remembers.%s", missing);
        return;
    }
}

static void judge_nothing(const struct trace *trace, struct meaning *meaning) {
    say(meaning, "Nothing is known of it");
    if (trace->missing_count > 0)
        say(meaning, ", as far as could be looked.");
    else
        say(meaning,
            ": it never came, or was answered BUSY or with a fault; or it is so old that a refusal is forgotten.");
}

void trace_judge(const struct trace *trace, struct meaning *meaning) {
    const struct trace_row *refusal = trace_find(trace, TRACE_REFUSAL, &trace->id);
    bool is_quarantined = false;
    *meaning = (struct meaning){.root = trace_find(trace, TRACE_ENTRY, &trace->id)};
    add_up(trace, meaning);
    for (size_t i = 0; i < trace->row_count; i++)
        is_quarantined = is_quarantined || trace->rows[i].kind == TRACE_QUARANTINE;
    if (meaning->root != NULL) {
        judge_records(trace, meaning);
    } else if (trace->sighting_count > 0) {
        judge_sightings(trace, meaning);
    } else if (is_quarantined) {
        meaning->state = STATE_QUARANTINED;
        say(meaning, "PostgreSQL could not take its row, which is in quarantine; its client was told that it failed.");
    } else if (refusal != NULL) {
        meaning->state = STATE_DECLINED;
        say(meaning, "Declined: %s. Nothing was counted.", reason_name(refusal->reason));
    } else if (trace->recalled_in != 0) {
        judge_memory(trace, meaning);
    } else {
        judge_nothing(trace, meaning);
    }
    if (meaning->root != NULL && is_quarantined)
        say(meaning, " Something that followed it is in quarantine.");
}
