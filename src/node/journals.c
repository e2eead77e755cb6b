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

/* An entry that the core has taken, by whose number it is known there. */
struct drain {
    struct journal *journal;
    uint64_t ticket;
    uint32_t next_free;
};

struct journals {
    struct journal *own;
    struct journal *left[WORKERS_MAX]; /* by workers that are no more; NULL when drained */
    struct net_file_write write;
    bool is_writing;
    bool is_open; /* as the core was told */
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

static struct journal *open_one(struct worker *worker, uint32_t index, struct failure *failure) {
    const struct settings *settings = &worker->settings;
    char directory[CONFIG_TEXT_SIZE + 32];
    snprintf(directory, sizeof directory, "%s/worker%u", settings->journal, index);
    const struct journal_options options = {
        .directory = directory,
        .segment_bytes = settings->stand_in_bytes / SEGMENTS,
        .capacity_bytes = settings->stand_in_bytes,
        .capacity_minor = settings->stand_in_amount_minor,
        .age_us = settings->stand_in_age_us,
        .capacity = (uint32_t)settings->requests,
        .owner = worker,
        .on_written = on_written,
    };
    return journal_open(&options, failure);
}

static void tell_opened(const struct worker *worker, uint32_t index, const struct journal *journal) {
    struct journal_facts facts;
    journal_facts(journal, &facts);
    if (facts.waiting > 0)
        log_warning("node",
                    "a journal holds purchases that PostgreSQL has to get worker=%u journal=%u entries=%" PRIu64
                    " amount_minor=%" PRId64,
                    worker->index, index, facts.waiting, facts.waiting_minor);
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
        journals->left[index] = open_one(worker, index, failure);
        is_good = journals->left[index] != NULL;
        if (is_good)
            tell_opened(worker, index, journals->left[index]);
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

static void on_done(void *owner, int error) {
    struct worker *worker = owner;
    worker->journals->is_writing = false;
    journal_written(worker->journals->own, error == 0, strerror(error));
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
    journals->write = (struct net_file_write){.on_done = on_done, .owner = worker};
    init_drains(journals, (uint32_t)worker->settings.requests);
    journals->own = open_one(worker, worker->index, failure);
    if (journals->own == NULL)
        return false;
    tell_opened(worker, worker->index, journals->own);
    return worker->index > 0 || open_left(worker, failure);
}

void journals_finish(struct worker *worker) {
    struct journals *journals = worker->journals;
    if (journals == NULL)
        return;
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        if (journals->left[i] != NULL)
            journal_close(journals->left[i]);
    if (journals->own != NULL)
        journal_close(journals->own);
    free(journals->drains);
    free(journals);
}

/* ---- what goes in ---- */

bool journals_append(struct worker *worker, const struct entry *entry, uint32_t owner) {
    return worker->journals != NULL && journal_append(worker->journals->own, instant_now(), entry, owner);
}

void journals_flush(struct worker *worker) {
    struct journals *journals = worker->journals;
    struct journal_write write;
    if (journals == NULL || journals->is_writing || !journal_output(journals->own, &write))
        return;
    journals->is_writing = true;
    net_write_file(worker->net, &journals->write, write.fd, write.offset, write.bytes);
}

static void tell_openness(const struct worker *worker, bool is_open) {
    struct journal_facts facts;
    journal_facts(worker->journals->own, &facts);
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
    bool is_open = journal_is_open(journals->own, now.instant);
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
        drain->journal = i < WORKERS_MAX ? journals->left[i] : journals->own;
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

/* A journal that was left is drained: nobody writes into it any more. */
static void close_left(struct worker *worker, struct journal *journal) {
    struct journals *journals = worker->journals;
    for (uint32_t i = 0; i < WORKERS_MAX; i++) {
        if (journals->left[i] != journal || waiting_in(journal) > 0)
            continue;
        log_info("node",
                 "the journal of a worker that is no more is drained, its directory may be removed: %s/worker%u",
                 worker->settings.journal, i);
        journal_close(journal);
        journals->left[i] = NULL;
    }
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
    close_left(worker, drain.journal);
}

void journals_tick(struct worker *worker, struct moment now) {
    if (worker->journals == NULL)
        return;
    look_at_openness(worker, now);
    while (worker->has_records && drain_one(worker, now))
        ;
}

uint64_t journals_waiting(const struct worker *worker) {
    const struct journals *journals = worker->journals;
    if (journals == NULL)
        return 0;
    uint64_t waiting = waiting_in(journals->own);
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        waiting += waiting_in(journals->left[i]);
    return waiting;
}

bool journals_is_busy(const struct worker *worker) {
    return worker->journals != NULL &&
           (worker->journals->is_writing || (worker->has_records && journals_waiting(worker) > 0));
}
