/* SPDX-License-Identifier: Apache-2.0 */
/* journals: the stand-in of a worker. What the core gives it goes to the worker's journal and through the ring to the
 * disk; while PostgreSQL is there, what journals hold goes back to the core, which brings it to the records.
 *
 *   <stand_in.journal>/worker0, worker1, …: one for each worker. A worker that is no more, because there are fewer now,
 *   has left its own: worker 0 opens those too, and drains them before its own. */
#include "node/worker.h"

#include "base/check.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WORKERS_MAX 64
#define SEGMENTS 8
#define NOTHING UINT32_MAX

/* A journal, and the write of it that is under way. */
struct store {
    struct worker *worker;
    struct journal *journal; /* NULL: none, or drained and closed */
    struct net_file_write write;
    bool is_writing;
    struct tick written_at;
};

/* An entry that the core has taken, by whose number it is known there. */
struct drain {
    struct journal *journal;
    uint64_t ticket;
    uint32_t next_free;
};

struct journals {
    struct store own;
    struct store left[WORKERS_MAX]; /* by workers that are no more */
    bool is_open;                   /* as the core was told */
    struct drain *drains;
    uint32_t free_drain;
    uint64_t drained; /* since there was something to drain */
    bool has_next;    /* an entry that the core had no room for */
    struct entry next;
    struct drain next_drain;
};

/* ---- opening ---- */

static void on_written(void *owner, uint32_t entry_owner, bool is_safe) {
    struct worker *worker = owner;
    switch_journaled(worker->core, moment_now(), entry_owner, is_safe);
}

/* In blocks, as the journal wants them. */
static int64_t segment_bytes(int64_t bytes) {
    int64_t size = bytes / SEGMENTS / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
    return size < JOURNAL_SEGMENT_BYTES_MAX ? size : JOURNAL_SEGMENT_BYTES_MAX;
}

static void on_done(void *owner, int error) {
    struct store *store = owner;
    store->is_writing = false;
    metric_note(&store->worker->measures->journal_write_us, tick_now().us - store->written_at.us);
    journal_written(store->journal, error == 0, strerror(error));
}

static bool open_store(struct worker *worker, struct store *store, uint32_t index, struct failure *failure) {
    const struct settings *settings = &worker->settings;
    char directory[CONFIG_TEXT_SIZE + 32];
    snprintf(directory, sizeof directory, "%s/worker%u", settings->journal, index);
    const struct journal_options options = {
        .directory = directory,
        .segment_bytes = segment_bytes(settings->stand_in_bytes),
        .capacity_bytes = settings->stand_in_bytes,
        .capacity_minor = settings->stand_in_amount_minor,
        .age_us = settings->stand_in_age_us,
        /* Into those that were left nothing goes. */
        .capacity = index == worker->index ? (uint32_t)settings->requests : 1,
        .owner = worker,
        .on_written = on_written,
    };
    store->worker = worker;
    store->write = (struct net_file_write){.on_done = on_done, .owner = store};
    store->journal = journal_open(&options, failure);
    return store->journal != NULL;
}

/* The number in "worker12"; false: it is no journal's name. */
static bool is_journal_name(const char *name, uint32_t *index) {
    char again[32];
    if (sscanf(name, "worker%2u", index) != 1 || *index >= WORKERS_MAX)
        return false;
    snprintf(again, sizeof again, "worker%u", *index);
    return strcmp(again, name) == 0;
}

static bool open_left(struct worker *worker, struct failure *failure) {
    struct journals *journals = worker->journals;
    DIR *directory = opendir(worker->settings.journal);
    if (directory == NULL)
        return failure_set(failure, "stand_in.journal: %s: %s", worker->settings.journal, strerror(errno));
    bool is_good = true;
    for (struct dirent *file; is_good && (file = readdir(directory)) != NULL;) {
        uint32_t index;
        if (!is_journal_name(file->d_name, &index) || index < (uint32_t)worker->settings.workers)
            continue;
        is_good = open_store(worker, &journals->left[index], index, failure);
    }
    closedir(directory);
    return is_good;
}

static void init_drains(struct journals *journals, uint32_t count) {
    journals->drains = calloc(count, sizeof *journals->drains);
    CHECK(journals->drains != NULL);
    for (uint32_t i = 0; i < count; i++)
        journals->drains[i].next_free = i + 1 < count ? i + 1 : NOTHING;
}

bool journals_init(struct worker *worker, struct failure *failure) {
    const char *directory = worker->settings.journal;
    if (directory[0] == '\0')
        return true;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return failure_set(failure, "stand_in.journal: %s can't be made: %s", directory, strerror(errno));
    struct journals *journals = calloc(1, sizeof *journals);
    CHECK(journals != NULL);
    worker->journals = journals;
    init_drains(journals, (uint32_t)worker->settings.requests);
    return open_store(worker, &journals->own, worker->index, failure) &&
           (worker->index > 0 || open_left(worker, failure));
}

void journals_finish(struct worker *worker) {
    struct journals *journals = worker->journals;
    if (journals == NULL)
        return;
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        journal_close(journals->left[i].journal);
    journal_close(journals->own.journal);
    free(journals->drains);
    free(journals);
}

/* ---- what goes in ---- */

bool journals_append(struct worker *worker, const struct entry *entry, uint32_t owner) {
    return worker->journals != NULL && journal_append(worker->journals->own.journal, instant_now(), entry, owner);
}

static void flush(struct store *store) {
    struct journal_write write;
    if (store->journal == NULL || store->is_writing || !journal_output(store->journal, &write))
        return;
    store->is_writing = true;
    store->written_at = tick_now();
    net_write_file(store->worker->net, &store->write, write.fd, write.offset, write.bytes);
}

/* Of those that were left one is written at a time: only marks of what is drained. */
static void flush_left(struct journals *journals) {
    for (uint32_t i = 0; i < WORKERS_MAX; i++) {
        flush(&journals->left[i]);
        if (journals->left[i].is_writing)
            return;
    }
}

void journals_flush(struct worker *worker) {
    if (worker->journals == NULL)
        return;
    flush(&worker->journals->own);
    flush_left(worker->journals);
}

static void tell_openness(const struct worker *worker, bool is_open) {
    struct journal_facts facts;
    journal_facts(worker->journals->own.journal, &facts);
    if (is_open)
        log_info("node", "the journal takes purchases worker=%u entries=%" PRIu64, worker->index, facts.waiting);
    else
        log_warning("node",
                    "the journal takes no more purchases worker=%u why=%s entries=%" PRIu64 " amount_minor=%" PRId64
                    " bytes=%" PRIu64,
                    worker->index,
                    facts.is_broken ? "broken, until a new start" : "one of its limits is reached: see [stand_in]",
                    facts.waiting, facts.waiting_minor, facts.used_bytes);
}

static void look_at_openness(struct worker *worker, struct moment now) {
    struct journals *journals = worker->journals;
    bool is_open = journal_is_open(journals->own.journal, now.instant);
    if (is_open == journals->is_open)
        return;
    journals->is_open = is_open;
    tell_openness(worker, is_open);
    switch_journal_up(worker->core, now, is_open);
}

/* ---- what comes out ---- */

/* The next entry of any journal, those that were left first. */
static bool find_next(struct journals *journals) {
    struct drain *drain = &journals->next_drain;
    for (uint32_t i = 0; i <= WORKERS_MAX; i++) {
        drain->journal = i < WORKERS_MAX ? journals->left[i].journal : journals->own.journal;
        if (drain->journal != NULL && journal_next(drain->journal, &journals->next, &drain->ticket))
            return true;
    }
    return false;
}

/* False: the core has no room now, or there is nothing. */
static bool drain_one(struct worker *worker, struct moment now) {
    struct journals *journals = worker->journals;
    if (!journals->has_next)
        journals->has_next = find_next(journals);
    uint32_t at = journals->free_drain;
    if (!journals->has_next || at == NOTHING)
        return false;
    uint32_t next_free = journals->drains[at].next_free;
    journals->drains[at] = journals->next_drain;
    journals->free_drain = next_free;
    if (switch_drain(worker->core, now, &journals->next, at)) {
        journals->has_next = false;
        return true;
    }
    journals->drains[at].next_free = next_free;
    journals->free_drain = at;
    return false;
}

static uint64_t waiting_in(const struct journal *journal) {
    if (journal == NULL)
        return 0;
    struct journal_facts facts;
    journal_facts(journal, &facts);
    return facts.waiting;
}

void journals_drained(struct worker *worker, uint64_t ticket) {
    struct journals *journals = worker->journals;
    CHECK(ticket < (uint64_t)worker->settings.requests);
    struct drain drain = journals->drains[ticket];
    journals->drains[ticket].next_free = journals->free_drain;
    journals->free_drain = (uint32_t)ticket;
    journal_drained(drain.journal, drain.ticket);
    journals->drained++;
    if (waiting_in(drain.journal) > 0)
        return;
    log_info("node", "journal drained worker=%u entries=%" PRIu64, worker->index, journals->drained);
    journals->drained = 0;
}

/* Nobody writes into them any more but what marks them as drained. */
static void close_left(struct worker *worker) {
    for (uint32_t i = 0; i < WORKERS_MAX; i++) {
        struct store *store = &worker->journals->left[i];
        if (store->is_writing)
            return;
        if (store->journal == NULL || waiting_in(store->journal) > 0)
            continue;
        flush(store);
        if (store->is_writing)
            return;
        log_info("node",
                 "the journal of a worker that is no more is drained, its directory may be removed in=%s worker=%u",
                 worker->settings.journal, i);
        journal_close(store->journal);
        store->journal = NULL;
    }
}

void journals_tick(struct worker *worker, struct moment now) {
    if (worker->journals == NULL)
        return;
    look_at_openness(worker, now);
    close_left(worker);
    while (worker->has_records && drain_one(worker, now))
        ;
}

uint64_t journals_waiting(const struct worker *worker) {
    const struct journals *journals = worker->journals;
    if (journals == NULL)
        return 0;
    uint64_t waiting = waiting_in(journals->own.journal);
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        waiting += waiting_in(journals->left[i].journal);
    return waiting;
}

static bool is_writing(const struct journals *journals) {
    bool is_one_writing = journals->own.is_writing;
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        is_one_writing |= journals->left[i].is_writing;
    return is_one_writing;
}

bool journals_is_busy(const struct worker *worker) {
    return worker->journals != NULL &&
           (is_writing(worker->journals) || (worker->has_records && journals_waiting(worker) > 0));
}

void journals_change(struct worker *worker) {
    if (worker->journals != NULL)
        journal_change(worker->journals->own.journal, worker->settings.stand_in_amount_minor,
                       worker->settings.stand_in_age_us);
}

static void add_facts(const struct journal *journal, struct journal_facts *sum) {
    if (journal == NULL)
        return;
    struct journal_facts facts;
    journal_facts(journal, &facts);
    sum->waiting += facts.waiting;
    sum->waiting_minor += facts.waiting_minor;
    sum->used_bytes += facts.used_bytes;
    sum->is_broken |= facts.is_broken;
    if (facts.oldest.us != 0 && (sum->oldest.us == 0 || facts.oldest.us < sum->oldest.us))
        sum->oldest = facts.oldest;
}

void journals_measure(struct worker *worker, struct instant now) {
    const struct journals *journals = worker->journals;
    struct measures *measures = worker->measures;
    struct journal_facts sum = {0};
    if (journals == NULL)
        return;
    add_facts(journals->own.journal, &sum);
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        add_facts(journals->left[i].journal, &sum);
    metric_set(&measures->stands_in, switch_stands_in(worker->core));
    metric_set(&measures->journal_open, journals->is_open);
    metric_set(&measures->journal_broken, sum.is_broken);
    metric_set(&measures->journal_entries, (int64_t)sum.waiting);
    metric_set(&measures->journal_bytes, (int64_t)sum.used_bytes);
    metric_set(&measures->journal_minor, sum.waiting_minor);
    metric_set(&measures->journal_capacity_bytes, worker->settings.stand_in_bytes);
    metric_set(&measures->journal_capacity_minor, worker->settings.stand_in_amount_minor);
    metric_set(&measures->journal_capacity_age_us, worker->settings.stand_in_age_us);
    metric_set(&measures->journal_age_us, sum.oldest.us != 0 && now.us > sum.oldest.us ? now.us - sum.oldest.us : 0);
}
