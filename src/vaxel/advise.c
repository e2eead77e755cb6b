/* SPDX-License-Identifier: Apache-2.0 */
/* advise: tells of the purchases of a file, a frame's fill at a time and several frames under way at once. What gets no
 * clear answer is told of again under its own id, which can't charge twice. */
#include "base/check.h"
#include "vaxel/advice_file.h"
#include "vaxel/ask.h"
#include "vaxel/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 4
/* Advices under way at once: what the switch has no room for makes it less, what it takes makes it more. At most as
 * many as it takes of a connection by its settings, if nobody has changed them. */
#define WIDTH_MOST 1024
#define WIDTH_LEAST (16 * BATCHES)
#define PAUSE_US INT64_C(100000)
#define DEFAULT_TIMEOUT_US INT64_C(30000000)
#define PROGRESS_US INT64_C(1000000)

/* FREE ─▶ WAITING ─sent─▶ UNDER_WAY ─answered─▶ FREE, or WAITING with those that failed. */
enum batch_state { BATCH_FREE, BATCH_WAITING, BATCH_UNDER_WAY };

struct batch {
    enum batch_state state;
    uint64_t correlation;
    struct tick until; /* no more is tried then; 0: nothing has been tried yet */
    struct advices advices;
    int64_t lines[ADVICES_PER_FRAME];
};

struct errand {
    const struct invocation *invocation;
    struct client_connection *connection; /* NULL: none */
    struct wire_reply reply;
    struct advice_file file;
    bool has_ended;     /* all lines are read */
    bool has_next;      /* `next` was read and has no batch yet */
    struct advise next; /* of line file.line */
    int64_t timeout_us;
    uint32_t width;  /* advices under way at once, at most */
    bool is_refused; /* the last answer took nothing: no more is sent before one that takes something, or a pause */
    int64_t recorded, repeats, forced, late, declined, unreadable, unknown;
    struct json json;
    struct tick started;
    struct tick progress_at; /* when it is told next how far this is; INT64_MAX: nobody watches */
    bool is_amid_progress;   /* its line has not ended */
    struct batch batches[BATCHES];
};

/* ---- what is told ---- */

static bool is_json(const struct errand *errand) {
    return invocation_has(errand->invocation, "json");
}

static void end_progress(struct errand *errand) {
    if (errand->is_amid_progress)
        fputc('\n', stderr);
    errand->is_amid_progress = false;
}

static void tell_progress(struct errand *errand) {
    struct tick now = tick_now();
    if (now.us < errand->progress_at.us)
        return;
    fprintf(stderr, "\r%" PRId64 " s, %" PRId64 " recorded", (now.us - errand->started.us) / 1000000, errand->recorded);
    errand->is_amid_progress = true;
    errand->progress_at.us = now.us + PROGRESS_US;
}

/* One that is not recorded, or not known to be. `id` NULL: it could not be read. */
static void tell(struct errand *errand, int64_t line, const char *word, enum reason reason, const struct request_id *id,
                 const char *message) {
    char text[REQUEST_ID_TEXT_SIZE] = "";
    if (id != NULL)
        request_id_format(id, text);
    if (is_json(errand)) {
        json_open(&errand->json, NULL, '{');
        json_number(&errand->json, "line", line);
        json_text(&errand->json, "decision", word);
        json_text(&errand->json, "reason", reason == REASON_UNSPECIFIED ? NULL : reason_name(reason));
        json_text(&errand->json, "id", id != NULL ? text : NULL);
        json_text(&errand->json, "message", message);
        json_close(&errand->json, '}');
        return;
    }
    end_progress(errand);
    printf("line %" PRId64 "  %s", line, word);
    if (reason != REASON_UNSPECIFIED)
        printf("  %s", reason_name(reason));
    printf("%s%s\n", id != NULL ? "  " : "", text);
    if (message[0] != '\0') {
        fputs("    ", stdout);
        print_wrapped(4, message);
    }
}

static void tell_summary(struct errand *errand, int64_t took_us) {
    int64_t lost = errand->declined + errand->unreadable;
    end_progress(errand);
    if (is_json(errand)) {
        struct json *json = &errand->json;
        json_close(json, ']');
        json_number(json, "recorded", errand->recorded);
        json_number(json, "repeats", errand->repeats);
        json_number(json, "forced", errand->forced);
        json_number(json, "late", errand->late);
        json_number(json, "declined", errand->declined);
        json_number(json, "unreadable", errand->unreadable);
        json_number(json, "unknown", errand->unknown);
        json_truth(json, "complete", errand->has_ended);
        json_number(json, "took_us", took_us);
        json_end(json);
        return;
    }
    printf("%s%" PRId64 " recorded in %.1f s\n\n", lost + errand->unknown > 0 ? "\n" : "", errand->recorded,
           (double)took_us / 1e6);
    print_fact("Repeats", "%" PRId64 ", recorded before", errand->repeats);
    print_fact("Forced", "%" PRId64 ", past a limit or on a credit that may not buy", errand->forced);
    print_fact("Late", "%" PRId64 ", their month is closed", errand->late);
    print_fact("Declined", "%" PRId64, errand->declined);
    print_fact("Unreadable", "%" PRId64, errand->unreadable);
    print_fact("Not known", "%" PRId64, errand->unknown);
    if (!errand->has_ended)
        print_fact("Not told of", "lines %" PRId64 " on: again, the file does no harm",
                   errand->file.line + !errand->has_next);
}

/* ---- from the file into batches ---- */

static void read_next(struct errand *errand) {
    struct failure failure;
    while (!errand->has_next && !errand->has_ended) {
        switch (advice_file_next(&errand->file, &errand->next, &failure)) {
        case ADVICE_TAKEN:
            errand->has_next = true;
            break;
        case ADVICE_BAD:
            errand->unreadable++;
            tell(errand, errand->file.line, "UNREADABLE", REASON_UNSPECIFIED, NULL, failure.text);
            break;
        case ADVICE_END:
            errand->has_ended = true;
            if (failure.text[0] == '\0')
                break;
            errand->unreadable++;
            tell(errand, errand->file.line + 1, "UNREADABLE", REASON_UNSPECIFIED, NULL, failure.text);
            break;
        }
    }
}

static void fill(struct errand *errand, struct batch *batch) {
    struct advices *advices = &batch->advices;
    size_t size = 0;
    advices->count = 0;
    for (read_next(errand); errand->has_next && advices->count < errand->width / BATCHES; read_next(errand)) {
        size += wire_advice_size(&errand->next);
        if (size > WIRE_ADVISE_MAX)
            break;
        batch->lines[advices->count] = errand->file.line;
        advices->each[advices->count++] = errand->next;
        errand->has_next = false;
    }
    batch->until.us = 0;
    batch->state = advices->count > 0 ? BATCH_WAITING : BATCH_FREE;
}

/* ---- sending ---- */

/* Those under way are told of again on another connection. */
static void lose_connection(struct errand *errand) {
    client_disconnect(errand->connection);
    errand->connection = NULL;
    for (int i = 0; i < BATCHES; i++)
        if (errand->batches[i].state == BATCH_UNDER_WAY)
            errand->batches[i].state = BATCH_WAITING;
}

static bool send_batch(struct errand *errand, struct batch *batch, struct failure *failure) {
    if (batch->until.us == 0)
        batch->until.us = tick_now().us + errand->timeout_us;
    int64_t left_us = batch->until.us - tick_now().us;
    if (left_us <= 0)
        return failure->text[0] != '\0' ? false : failure_set(failure, "no clear answer in time");
    if (errand->connection == NULL)
        errand->connection = ask_connect(errand->invocation, left_us, failure);
    if (errand->connection == NULL)
        return false;
    for (uint32_t i = 0; i < batch->advices.count; i++)
        batch->advices.each[i].timeout_us = left_us;
    struct wire_request request = {.call = CALL_ADVISE, .advices = &batch->advices};
    if (!client_send(errand->connection, &request, failure)) {
        lose_connection(errand);
        return false;
    }
    batch->correlation = request.correlation;
    batch->state = BATCH_UNDER_WAY;
    return true;
}

static uint32_t count_under_way(const struct errand *errand) {
    uint32_t count = 0;
    for (int i = 0; i < BATCHES; i++)
        count += errand->batches[i].state == BATCH_UNDER_WAY ? errand->batches[i].advices.count : 0;
    return count;
}

/* When nothing is under way anything may be sent: the switch takes of it what it has room for. */
static bool has_room(const struct errand *errand, uint32_t count) {
    uint32_t under_way = count_under_way(errand);
    return under_way == 0 || under_way + count <= errand->width;
}

/* Sends what can be sent, what waits before what is new. False when that came to nothing. */
static bool send_all(struct errand *errand, struct failure *failure) {
    if (errand->is_refused)
        return true;
    for (int i = 0; i < BATCHES; i++) {
        struct batch *batch = &errand->batches[i];
        if (batch->state == BATCH_WAITING && has_room(errand, batch->advices.count) &&
            !send_batch(errand, batch, failure))
            return false;
    }
    for (int i = 0; i < BATCHES && has_room(errand, errand->width / BATCHES); i++) {
        struct batch *batch = &errand->batches[i];
        if (batch->state != BATCH_FREE)
            continue;
        fill(errand, batch);
        if (batch->state == BATCH_WAITING && !send_batch(errand, batch, failure))
            return false;
    }
    return true;
}

/* ---- answers ---- */

static void count_recorded(struct errand *errand, const struct advice_answer *answer) {
    errand->recorded++;
    errand->repeats += answer->is_repeat;
    errand->forced += (answer->flags & ENTRY_FORCED) != 0;
    errand->late += (answer->flags & ENTRY_LATE) != 0;
}

/* Less by as many as there was no room for and some more, so that the way back up takes a while. */
static void change_width(struct errand *errand, uint32_t taken, uint32_t busy) {
    uint32_t width = errand->width;
    uint32_t less = busy + width / 8;
    if (busy > 0)
        width -= less < width ? less : width;
    else
        width += 1 + taken / 128;
    errand->width = width < WIDTH_LEAST ? WIDTH_LEAST : width > WIDTH_MOST ? WIDTH_MOST : width;
}

/* Those that failed stay in the batch. */
static void take_answers(struct errand *errand, struct batch *batch, const struct advice_answers *answers) {
    uint32_t kept = 0, busy = 0;
    for (uint32_t i = 0; i < answers->count; i++) {
        const struct advice_answer *answer = &answers->each[i];
        switch (answer->decision) {
        case DECISION_APPROVED:
            count_recorded(errand, answer);
            break;
        case DECISION_DECLINED:
            errand->declined++;
            tell(errand, batch->lines[i], "DECLINED", answer->reason, &answer->id, answer->fault.text);
            break;
        case DECISION_FAILED:
            busy += answer->reason == REASON_BUSY;
            batch->lines[kept] = batch->lines[i];
            batch->advices.each[kept++] = batch->advices.each[i];
            break;
        }
    }
    batch->advices.count = kept;
    batch->state = kept > 0 ? BATCH_WAITING : BATCH_FREE;
    errand->is_refused = kept == answers->count;
    change_width(errand, answers->count - kept, busy);
}

/* The switch took none of a frame. */
static void take_fault(struct errand *errand, struct batch *batch, enum reason reason) {
    batch->state = BATCH_WAITING;
    errand->is_refused = true;
    change_width(errand, 0, reason == REASON_BUSY ? batch->advices.count : 0);
}

static struct batch *batch_of(struct errand *errand, uint64_t correlation) {
    for (int i = 0; i < BATCHES; i++)
        if (errand->batches[i].state == BATCH_UNDER_WAY && errand->batches[i].correlation == correlation)
            return &errand->batches[i];
    return NULL;
}

static bool is_transient(const struct wire_reply *reply) {
    return reply->kind == WIRE_REPLY_FAULT &&
           (reply->fault.reason == REASON_BUSY || reply->fault.reason == REASON_DEADLINE ||
            reply->fault.reason == REASON_UNAVAILABLE);
}

/* False: the switch takes none of them, and `failure` says why. */
static bool take_reply(struct errand *errand, struct failure *failure) {
    const struct wire_reply *reply = &errand->reply;
    struct batch *batch = batch_of(errand, reply->correlation);
    if (batch != NULL && reply->kind == WIRE_REPLY_ADVICES && reply->advices->count == batch->advices.count) {
        take_answers(errand, batch, reply->advices);
        return true;
    }
    if (batch != NULL && is_transient(reply)) {
        take_fault(errand, batch, reply->fault.reason);
        return true;
    }
    if (reply->kind == WIRE_REPLY_FAULT)
        return failure_set(failure, "the switch rejected the advices: %s: %s", reason_name(reply->fault.reason),
                           reply->fault.text);
    return failure_set(failure, "the switch sent an answer to nothing that was asked");
}

static void pause_for_a_while(void) {
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_US * 1000}, NULL);
}

static const struct batch *first_under_way(const struct errand *errand) {
    const struct batch *first = NULL;
    for (int i = 0; i < BATCHES; i++)
        if (errand->batches[i].state == BATCH_UNDER_WAY &&
            (first == NULL || errand->batches[i].until.us < first->until.us))
            first = &errand->batches[i];
    return first;
}

static bool is_done(const struct errand *errand) {
    for (int i = 0; i < BATCHES; i++)
        if (errand->batches[i].state != BATCH_FREE)
            return false;
    return errand->has_ended;
}

/* A batch that waits for its next try is past its time. */
static bool is_too_late(const struct errand *errand) {
    for (int i = 0; i < BATCHES; i++)
        if (errand->batches[i].state == BATCH_WAITING && errand->batches[i].until.us != 0 &&
            tick_now().us + PAUSE_US >= errand->batches[i].until.us)
            return true;
    return false;
}

/* False when there is no going on: `failure` says why. */
static bool run(struct errand *errand, struct failure *failure) {
    failure->text[0] = '\0';
    for (;;) {
        tell_progress(errand);
        if (!send_all(errand, failure)) {
            if (is_too_late(errand))
                return false;
            pause_for_a_while();
            continue;
        }
        const struct batch *first = first_under_way(errand);
        if (first == NULL && errand->is_refused) {
            if (is_too_late(errand))
                return failure_set(failure, "no clear answer in time");
            pause_for_a_while();
            errand->is_refused = false;
            continue;
        }
        if (first == NULL)
            return true;
        int64_t left_us = first->until.us - tick_now().us;
        if (!client_receive(errand->connection, left_us > 0 ? left_us : 0, &errand->reply, failure)) {
            lose_connection(errand);
            continue;
        }
        if (!take_reply(errand, failure))
            return false;
    }
}

static void tell_unknown(struct errand *errand, const char *why) {
    for (int b = 0; b < BATCHES; b++) {
        const struct batch *batch = &errand->batches[b];
        if (batch->state == BATCH_FREE)
            continue;
        for (uint32_t i = 0; i < batch->advices.count; i++) {
            errand->unknown++;
            tell(errand, batch->lines[i], "NOT KNOWN", REASON_UNSPECIFIED, &batch->advices.each[i].id, why);
        }
    }
}

static int status_of(const struct errand *errand) {
    if (errand->unknown > 0 || !errand->has_ended)
        return EXIT_BROKEN;
    return errand->declined + errand->unreadable > 0 ? EXIT_NO : EXIT_YES;
}

int command_advise(const struct invocation *invocation) {
    static struct errand errand;
    struct failure failure;
    errand.invocation = invocation;
    errand.timeout_us = DEFAULT_TIMEOUT_US;
    errand.width = WIDTH_MOST;
    if (invocation->operand == NULL)
        return usage_wrong(invocation, "a file of purchases is wanted, or - for standard input");
    if (!ask_currency(invocation, &errand.file.currency) ||
        !invocation_duration(invocation, "timeout", &errand.timeout_us))
        return EXIT_USAGE;
    if (!advice_file_open(&errand.file, invocation->operand, &failure))
        return command_broken(invocation, "%s", failure.text);
    errand.connection = ask_connect(invocation, errand.timeout_us, &failure);
    if (errand.connection == NULL) {
        advice_file_close(&errand.file);
        return command_broken(invocation, "%s", failure.text);
    }
    if (is_json(&errand)) {
        errand.json = json_start();
        json_open(&errand.json, "not_recorded", '[');
    }
    errand.started = tick_now();
    errand.progress_at.us = isatty(STDERR_FILENO) ? errand.started.us + PROGRESS_US : INT64_MAX;
    if (!run(&errand, &failure)) {
        end_progress(&errand);
        tell_unknown(&errand, failure.text);
        fprintf(stderr, "vaxel: %s\n", failure.text);
    } else
        CHECK(is_done(&errand));
    tell_summary(&errand, tick_now().us - errand.started.us);
    client_disconnect(errand.connection);
    advice_file_close(&errand.file);
    return status_of(&errand);
}
