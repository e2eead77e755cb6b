/* SPDX-License-Identifier: Apache-2.0 */
/* The writing side, and what may be vouched for.
 *
 *   journal_append ─▶ pending ─▶ journal_output ─▶ the ring ─▶ journal_written ─▶ on_written: safe
 *
 * One write at a time: entries, or the header of the next segment, or the mark. A write that fails is the last, but for
 * one: zeros where it may have left something, so that nobody was told "no" of what comes back after a restart. */
#include "journal/internal.h"

#include "base/check.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* A part of a segment that purchases leave to reversals. */
#define RESERVE_DIVISOR 8

/* ---- open and close ---- */

static void check_options(const struct journal_options *options) {
    CHECK(options->segment_bytes >= 2 * (int64_t)BLOCK_SIZE && options->segment_bytes <= JOURNAL_SEGMENT_BYTES_MAX);
    CHECK(options->segment_bytes % BLOCK_SIZE == 0);
    CHECK(options->capacity_bytes >= 2 * options->segment_bytes);
    CHECK(options->capacity_minor >= 0 && options->capacity_minor <= MONEY_MAX_MINOR);
    CHECK(options->capacity > 0 && options->capacity <= JOURNAL_CAPACITY_MAX);
}

struct journal *journal_open(const struct journal_options *options, struct failure *failure) {
    check_options(options);
    struct journal *journal = calloc(1, sizeof *journal);
    CHECK(journal != NULL);
    journal->options = *options;
    journal->directory = strdup(options->directory);
    journal->pending = calloc(options->capacity, sizeof *journal->pending);
    CHECK(journal->directory != NULL && journal->pending != NULL);
    buffer_init(&journal->writing, (size_t)options->capacity * RECORD_SIZE_MAX);
    journal->directory_fd = journal->mark_fd = journal->cut.fd = -1;
    if (!recovery_run(journal, failure)) {
        journal_close(journal);
        return NULL;
    }
    if (journal->waiting > 0)
        log_info("journal", "to be drained directory=%s entries=%llu", journal->directory,
                 (unsigned long long)journal->waiting);
    return journal;
}

void journal_close(struct journal *journal) {
    if (journal == NULL)
        return;
    files_close(journal);
    buffer_finish(&journal->writing);
    free(journal->in_use);
    free(journal->pending);
    free(journal->directory);
    free(journal);
}

void journal_change(struct journal *journal, int64_t capacity_minor, int64_t age_us) {
    CHECK(capacity_minor >= 0 && capacity_minor <= MONEY_MAX_MINOR);
    journal->options.capacity_minor = capacity_minor;
    journal->options.age_us = age_us;
}

/* ---- taking entries ---- */

/* A reversal takes nothing back before it is drained, as what it calls off was counted. */
int64_t entry_minor(const struct entry *entry) {
    return entry->kind == ENTRY_REVERSAL ? 0 : entry->amount_minor;
}

static bool is_writable(const struct journal *journal) {
    return !journal->is_broken && !journal->is_unreadable;
}

static bool may_vouch(const struct journal *journal, struct instant now, int64_t amount_minor) {
    bool is_in_time = journal->oldest.us == 0 || now.us - journal->oldest.us <= journal->options.age_us;
    return is_in_time && amount_minor <= journal->options.capacity_minor - journal->waiting_minor;
}

static bool has_room(const struct journal *journal, uint64_t reserve_bytes) {
    return journal->pending_count < journal->options.capacity &&
           places_has_room(journal, RECORD_SIZE_MAX, reserve_bytes);
}

static uint64_t purchase_reserve(const struct journal *journal) {
    return (uint64_t)journal->options.segment_bytes / RESERVE_DIVISOR;
}

bool journal_is_open(const struct journal *journal, struct instant now) {
    return is_writable(journal) && may_vouch(journal, now, 1) && has_room(journal, purchase_reserve(journal));
}

static void entry_check(const struct entry *entry) {
    CHECK(entry->kind == ENTRY_PURCHASE || entry->kind == ENTRY_HOLD || entry->kind == ENTRY_REVERSAL);
    CHECK(entry->amount_minor >= 0 && entry->amount_minor <= MONEY_MAX_MINOR);
    CHECK(entry->organisation > 0 && entry->appended_at.us > 0);
}

bool journal_append(struct journal *journal, struct instant now, const struct entry *entry, uint32_t entry_owner) {
    entry_check(entry);
    bool is_reversal = entry->kind == ENTRY_REVERSAL;
    if (!is_writable(journal) || !has_room(journal, is_reversal ? 0 : purchase_reserve(journal)) ||
        !(is_reversal || may_vouch(journal, now, entry->amount_minor)))
        return false;
    uint32_t index = (journal->pending_first + journal->pending_count) % journal->options.capacity;
    struct pending *pending = &journal->pending[index];
    pending->owner = entry_owner;
    pending->minor = entry_minor(entry);
    pending->appended_at = entry->appended_at;
    pending->length = record_encode(pending->record, entry);
    pending->position = places_take(journal, pending->length);
    journal->pending_count++;
    journal->waiting++;
    journal->waiting_minor += pending->minor;
    if (journal->oldest.us == 0)
        journal->oldest = entry->appended_at;
    return true;
}

/* ---- writing ---- */

/* A mark is worth a write when it frees a segment, or when a restart would hand out nothing any more. */
static bool is_mark_due(const struct journal *journal) {
    const struct position marked = journal->marked.drained;
    return journal->waiting == 0 ? !position_equal(marked, journal->drained)
                                 : marked.generation < journal->drained.generation;
}

static enum write_kind next_write(const struct journal *journal) {
    if (journal->is_broken)
        return journal->cut.fd >= 0 ? WRITE_CUT : WRITE_NONE;
    if (journal->pending_count > 0 && journal->pending[journal->pending_first].position.generation == journal->begun)
        return WRITE_ENTRIES;
    if (journal->begun < journal->tail.generation) {
        /* Free in memory is not free on disk. */
        const struct segment *next = segment_of(journal, journal->begun + 1);
        return next->generation < journal->marked.drained.generation ? WRITE_HEADER : WRITE_MARK;
    }
    return is_mark_due(journal) ? WRITE_MARK : WRITE_NONE;
}

static struct journal_write header_write(struct journal *journal) {
    const struct segment *segment = segment_of(journal, journal->begun + 1);
    const struct segment_header header = {.journal = journal->identity,
                                          .generation = journal->begun + 1,
                                          .size = segment->size,
                                          .previous_end = segment->previous_end};
    header_encode(journal->block, &header);
    return (struct journal_write){segment->fd, 0, bytes_of(journal->block, HEADER_SIZE)};
}

static struct journal_write mark_write(struct journal *journal) {
    journal->marking = (struct mark){
        .journal = journal->identity, .sequence = journal->marked.sequence + 1, .drained = journal->drained};
    mark_encode(journal->block, &journal->marking);
    uint64_t offset = journal->marking.sequence % 2 * BLOCK_SIZE;
    return (struct journal_write){journal->mark_fd, offset, bytes_of(journal->block, HEADER_SIZE)};
}

/* As many as stand one behind the other in one segment. */
static struct journal_write entries_write(struct journal *journal) {
    const struct position begin = journal->pending[journal->pending_first].position;
    journal->writing.size = 0;
    journal->written_count = 0;
    journal->written = begin;
    while (journal->written_count < journal->pending_count) {
        uint32_t index = (journal->pending_first + journal->written_count) % journal->options.capacity;
        struct pending *pending = &journal->pending[index];
        if (pending->position.generation != begin.generation)
            break;
        CHECK(position_equal(pending->position, journal->written));
        record_seal(pending->record, begin.generation, begin.offset);
        CHECK(buffer_append(&journal->writing, pending->record, pending->length));
        journal->written.offset += pending->length;
        journal->written_count++;
    }
    return (struct journal_write){segment_of(journal, begin.generation)->fd, begin.offset,
                                  buffer_bytes(&journal->writing)};
}

bool journal_output(struct journal *journal, struct journal_write *write) {
    if (journal->under_way != WRITE_NONE)
        return false;
    journal->under_way = next_write(journal);
    switch (journal->under_way) {
    case WRITE_NONE:
        return false;
    case WRITE_HEADER:
        *write = header_write(journal);
        break;
    case WRITE_MARK:
        *write = mark_write(journal);
        break;
    case WRITE_ENTRIES:
        *write = journal->cut = entries_write(journal);
        break;
    case WRITE_CUT:
        memset(journal->writing.data, 0, journal->writing.size);
        *write = journal->cut;
        break;
    }
    return true;
}

/* ---- written ---- */

/* Whoever is told may append. */
static void tell(struct journal *journal, uint32_t count, bool is_safe) {
    for (; count > 0; count--) {
        uint32_t owner = journal->pending[journal->pending_first].owner;
        journal->pending_first = (journal->pending_first + 1) % journal->options.capacity;
        journal->pending_count--;
        journal->options.on_written(journal->options.owner, owner, is_safe);
    }
}

static void break_off(struct journal *journal, const char *why) {
    log_error("journal", "broken until the next start: a write failed directory=%s why=%s", journal->directory, why);
    journal->is_broken = true;
    for (uint32_t i = 0; i < journal->pending_count; i++) {
        uint32_t index = (journal->pending_first + i) % journal->options.capacity;
        journal->waiting_minor -= journal->pending[index].minor;
    }
    journal->waiting -= journal->pending_count;
    tell(journal, journal->pending_count, false);
    oldest_find(journal);
}

static void cut_ended(struct journal *journal, bool is_good) {
    journal->cut.fd = -1;
    if (!is_good)
        log_error("journal", "what was refused may come back after a restart directory=%s", journal->directory);
}

void journal_written(struct journal *journal, bool is_good, const char *why) {
    enum write_kind kind = journal->under_way;
    CHECK(kind != WRITE_NONE);
    journal->under_way = WRITE_NONE;
    if (kind == WRITE_CUT) {
        cut_ended(journal, is_good);
    } else if (!is_good) {
        break_off(journal, why);
    } else if (kind == WRITE_MARK) {
        journal->marked = journal->marking;
    } else if (kind == WRITE_HEADER) {
        journal->begun++;
        segment_of(journal, journal->begun)->generation = journal->begun;
    } else {
        journal->cut.fd = -1;
        journal->safe = journal->written;
        tell(journal, journal->written_count, true);
    }
}

/* ---- what there is ---- */

static uint64_t used_bytes(const struct journal *journal) {
    uint64_t used = 0;
    for (uint32_t at = journal->drained.generation; at <= journal->tail.generation; at++)
        used += segment_of(journal, at)->end - RECORDS_BEGIN;
    return used - (journal->drained.offset - RECORDS_BEGIN);
}

void journal_facts(const struct journal *journal, struct journal_facts *facts) {
    *facts = (struct journal_facts){
        .waiting = journal->waiting,
        .waiting_minor = journal->waiting_minor,
        .oldest = journal->oldest,
        .used_bytes = used_bytes(journal),
        .is_broken = !is_writable(journal),
    };
}
