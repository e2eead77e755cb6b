/* SPDX-License-Identifier: Apache-2.0 */
/* A trace as text at 80 columns: what it means, what happened in order of time, what stands now, and where could not be
 * looked. */
#include "vaxel/print.h"
#include "vaxel/trace.h"
#include "wire/wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- in words ---- */

#define WORDS_SIZE 700

__attribute__((format(printf, 2, 3))) static void say(char words[WORDS_SIZE], const char *format, ...) {
    size_t used = strlen(words);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words + used, WORDS_SIZE - used, format, arguments);
    va_end(arguments);
}

static void say_money(const struct trace *trace, char words[WORDS_SIZE], const char *before, int64_t minor) {
    char amount[MONEY_TEXT_SIZE];
    money_format(minor, amount);
    say(words, "%s%s %.3s", before, amount, trace->settings->currency);
}

static void say_flags(char words[WORDS_SIZE], uint8_t flags) {
    static const struct {
        enum entry_flag flag;
        const char *word;
    } marks[] = {
        {ENTRY_FORCED, "forced"}, {ENTRY_LATE, "late"}, {ENTRY_STAND_IN, "stand-in"}, {ENTRY_PARTIAL, "partial"}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if ((flags & marks[i].flag) != 0)
            say(words, ", %s", marks[i].word);
}

static void say_whose(char words[WORDS_SIZE], const struct trace_row *row) {
    say(words, "; organisation %d", row->organisation);
    if (row->department != 0)
        say(words, ", department %d", row->department);
    if (row->traveller != 0)
        say(words, ", traveller %d, credit %d", row->traveller, row->credit);
}

static void say_beginning(const struct trace *trace, char words[WORDS_SIZE], const struct trace_row *row) {
    say(words, "%s of ", wire_kind_name(row->entry_kind));
    say_money(trace, words, "", row->amount_minor);
    say(words, " recorded in %d-%02d by %s", row->month.yyyymm / 100, row->month.yyyymm % 100,
        row->client[0] != '\0' ? row->client : "an unknown client");
    say_flags(words, row->flags);
    say_whose(words, row);
    say(words, "; %s%s%s; epoch %d", row->product, row->words[0] != '\0' ? " at " : "", row->words, row->epoch);
}

static void say_settlement(const struct trace *trace, char words[WORDS_SIZE], const struct trace_row *row,
                           const struct trace_row *effect) {
    char id[REQUEST_ID_TEXT_SIZE];
    say(words, "%s", wire_kind_name(row->entry_kind));
    if (effect != NULL && effect->charged_minor != 0)
        say_money(trace, words, effect->charged_minor > 0 ? ": charged " : ": given back ",
                  effect->charged_minor > 0 ? effect->charged_minor : -effect->charged_minor);
    if (row->amount_minor != 0)
        say_money(trace, words, "; usage ", row->amount_minor);
    if (effect != NULL && effect->remaining_minor > 0)
        say_money(trace, words, "; left ", effect->remaining_minor);
    if (row->client[0] != '\0')
        say(words, "; by %s", row->client);
    if (row->month.yyyymm != 0 && effect != NULL)
        say(words, "; in %d-%02d", row->month.yyyymm / 100, row->month.yyyymm % 100);
    request_id_format(&row->id, id);
    if (row->entry_kind != ENTRY_EXPIRY && row->entry_kind != ENTRY_REVERSAL)
        say(words, "; id %s", id);
}

static void say_entry(const struct trace *trace, char words[WORDS_SIZE], const struct trace_row *row) {
    bool is_own = request_id_equal(&row->id, &trace->id);
    if (is_own && row->entry_kind == ENTRY_REVERSAL)
        say(words, "tombstone: its id is taken, by %s; organisation %d",
            row->client[0] != '\0' ? row->client : "an unknown client", row->organisation);
    else if (is_own)
        say_beginning(trace, words, row);
    else if (row->entry_kind == ENTRY_CONFIRMATION)
        say(words, "confirmed: somebody else was told of it, or it was settled; no deadline takes it back");
    else
        say_settlement(trace, words, row, trace_effect_of(trace, row));
}

static void say_event(const struct trace *trace, char words[WORDS_SIZE], const struct event *event) {
    words[0] = '\0';
    if (event->sighting != NULL) {
        const struct sighting *sighting = event->sighting;
        bool is_call_off = sighting->entry.kind == ENTRY_REVERSAL;
        say(words, "journal: %s", is_call_off ? "called off" : wire_kind_name(sighting->entry.kind));
        if (!is_call_off)
            say_money(trace, words, " of ", sighting->entry.amount_minor);
        say(words, " kept; %s; organisation %d, client %d; %s",
            sighting->is_drained ? "drained since" : "not marked as drained", sighting->entry.organisation,
            sighting->entry.client, sighting->directory);
    } else if (event->row == NULL) {
        say(words, "made by the client: so its id says");
    } else if (event->row->kind == TRACE_REFUSAL) {
        say(words, "declined: %s, of ", reason_name(event->row->reason));
        say_money(trace, words, "", event->row->amount_minor);
        say(words, " by %s", event->row->client[0] != '\0' ? event->row->client : "an unknown client");
        say_whose(words, event->row);
    } else if (event->row->kind == TRACE_QUARANTINE) {
        say(words, "quarantined: %s", event->row->words);
    } else {
        say_entry(trace, words, event->row);
    }
}

/* ---- for a person ---- */

#define TIME_COLUMN 27
#define FACT_COLUMN 13

/* "2026-11-21 19:28:04.123", by the operator's clock. */
static void format_time(struct instant at, char text[32]) {
    char whole[CALENDAR_TEXT_SIZE];
    calendar_format(at, whole);
    whole[10] = ' ';
    snprintf(text, 32, "%.19s.%03d", whole, (int)(at.us / 1000 % 1000));
}

static void print_events(const struct trace *trace) {
    struct events events = trace_events(trace);
    for (size_t i = 0; i < events.count; i++) {
        char words[WORDS_SIZE];
        char time[32];
        format_time(events.each[i].at, time);
        say_event(trace, words, &events.each[i]);
        printf("  %-*s", TIME_COLUMN - 2, time);
        print_wrapped(TIME_COLUMN, words);
    }
    free(events.each);
}

static void print_words(const char *name, const char *words) {
    printf("  %-*s", FACT_COLUMN - 2, name);
    print_wrapped(FACT_COLUMN, words);
}

static void print_memory(const struct trace *trace) {
    char words[WORDS_SIZE] = "";
    if (trace->recalled_in == 0) {
        say(words, "remembers nothing of it");
    } else {
        const struct recalled *recalled = &trace->recalled;
        say(words, "remembers it: %s", trace_memory_word(recalled));
        if (recalled->kind == RECALLED_MEMORY && recalled->memory.kind == MEMORY_REFUSED)
            say(words, ", %s", reason_name(recalled->memory.reason));
        if (recalled->kind == RECALLED_MEMORY && recalled->memory.content.amount_minor > 0)
            say_money(trace, words, "; asked ", recalled->memory.content.amount_minor);
        if (recalled->kind == RECALLED_MEMORY && recalled->memory.approved_minor > 0)
            say_money(trace, words, "; approved ", recalled->memory.approved_minor);
        say(words, "; organisation %d; epoch %d", trace->recalled_in, recalled->epoch);
    }
    print_words("Redis", words);
}

static void say_counters(const struct trace *trace, char words[WORDS_SIZE], enum limit_kind kind,
                         const struct trace_row *root) {
    static const char *const names[] = {[LIMIT_CREDIT] = "credit",
                                        [LIMIT_TRAVELLER] = "traveller",
                                        [LIMIT_DEPARTMENT] = "department",
                                        [LIMIT_ORGANISATION] = "organisation"};
    for (size_t i = 0; i < trace->counters.sum_count; i++) {
        const struct sum *sum = &trace->counters.sums[i];
        if (sum->kind != kind || !trace_counts_in(sum, root))
            continue;
        say(words, "; %s", names[kind]);
        if (kind != LIMIT_ORGANISATION)
            say(words, " %d", sum->id);
        say_money(trace, words, " ", sum->spent_minor);
    }
}

static void print_counters(const struct trace *trace, const struct meaning *meaning) {
    char words[WORDS_SIZE] = "";
    say(words, "%d-%02d: ", trace->counters_of.yyyymm / 100, trace->counters_of.yyyymm % 100);
    if (!trace->counters.is_warm)
        say(words, "cold: built anew before they are used");
    else
        say(words, "epoch %d", trace->counters.epoch);
    for (enum limit_kind kind = LIMIT_ORGANISATION; kind >= LIMIT_CREDIT; kind--)
        say_counters(trace, words, kind, meaning->root);
    print_words("Counters", words);
}

static void print_fences(const struct trace *trace) {
    for (size_t i = 0; i < trace->row_count; i++) {
        const struct trace_row *row = &trace->rows[i];
        char words[WORDS_SIZE] = "";
        if (row->kind != TRACE_FENCE)
            continue;
        say(words, "%d-%02d: organisation %d, epoch %d", row->month.yyyymm / 100, row->month.yyyymm % 100,
            row->organisation, row->epoch);
        print_words("Fence", words);
    }
}

static void print_journals(const struct trace *trace) {
    char words[WORDS_SIZE] = "";
    if (trace->journals == 0)
        say(words, "none was looked into: on a node's own machine, or with --journals DIRECTORY");
    else
        say(words, "%u looked into, %u %s of it", trace->journals, trace->sighting_count,
            trace->sighting_count == 1 ? "entry" : "entries");
    print_words("Journals", words);
}

void trace_print(const struct trace *trace, const struct meaning *meaning) {
    char asked[REQUEST_ID_TEXT_SIZE];
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&trace->asked, asked);
    request_id_format(&trace->id, id);
    puts(id);
    if (!request_id_equal(&trace->asked, &trace->id))
        printf("%s is what followed it\n", asked);
    putchar('\n');
    print_wrapped(0, meaning->words);
    putchar('\n');
    print_events(trace);
    putchar('\n');
    if (trace->has_redis)
        print_memory(trace);
    if (trace->has_counters)
        print_counters(trace, meaning);
    print_fences(trace);
    print_journals(trace);
    for (uint32_t i = 0; i < trace->missing_count; i++) {
        char words[WORDS_SIZE] = "";
        say(words, "%s: %s", trace->missing[i].source, trace->missing[i].why.text);
        print_words("Not looked", words);
    }
}
