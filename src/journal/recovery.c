/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a journal hold when it is opened.
 *
 * A write is safe before the next one begins. So what is not whole is one of two things: the end of the last write,
 * which a crash tore off and nobody was told of; or damage to what was safe. Bytes that are followed by a good record
 * of a later write, or by a later segment, are damage, and a person must look. Else they are cut off. */
#include "journal/internal.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool damaged(const struct journal *journal, const struct segment *segment, uint32_t offset, const char *what,
                    struct failure *failure) {
    char name[NAME_SIZE];
    segment_name(segment, name);
    return failure_set(failure, "%s/%s is damaged at byte %u: %s: " JOURNAL_ADVICE, journal->directory, name, offset,
                       what);
}

static bool missing(const struct journal *journal, uint32_t generation, struct failure *failure) {
    return failure_set(failure,
                       "%s lacks the segment of generation %u, or that one's header is damaged: " JOURNAL_ADVICE,
                       journal->directory, generation);
}

/* All of a segment. A crash can't make a file shorter: that it was is damage. The caller frees it; NULL with a reason.
 */
static uint8_t *segment_read(const struct journal *journal, const struct segment *segment, struct failure *failure) {
    if (segment->file_size < segment->size || segment->file_size < 2 * BLOCK_SIZE) {
        damaged(journal, segment, segment->file_size, "the file ends here", failure);
        return NULL;
    }
    uint8_t *data = malloc(segment->size);
    CHECK(data != NULL);
    for (size_t at = 0; at < segment->size;) {
        ssize_t size = pread(segment->fd, data + at, segment->size - at, (off_t)at);
        if (size <= 0) {
            damaged(journal, segment, (uint32_t)at, size < 0 ? strerror(errno) : "it can't be read to its end",
                    failure);
            free(data);
            return NULL;
        }
        at += (size_t)size;
    }
    return data;
}

/* From `at` on, the next byte at which a record may begin: blocks of zeros, which is most of a journal, are passed over
 * at once. */
static uint32_t next_place(struct bytes bytes, uint32_t at) {
    static const uint8_t zeros[BLOCK_SIZE];
    while (at % BLOCK_SIZE == 0 && at + BLOCK_SIZE <= bytes.size && memcmp(bytes.data + at, zeros, BLOCK_SIZE) == 0)
        at += BLOCK_SIZE;
    return at;
}

/* What lies behind the end of the last record: nothing that is good, good records of the same write, or of a later one.
 */
enum behind { BEHIND_NOTHING, BEHIND_TORN, BEHIND_LATER };

static enum behind look_behind(struct bytes bytes, uint32_t end, uint32_t generation) {
    enum behind behind = BEHIND_NOTHING;
    uint32_t length, write_begin;
    for (uint32_t at = end; (at = next_place(bytes, at)) < bytes.size; at += RECORD_ALIGNMENT) {
        if (!record_is_good(bytes, at, generation, &length, &write_begin))
            continue;
        if (write_begin > end)
            return BEHIND_LATER;
        behind = BEHIND_TORN;
    }
    return behind;
}

static void count(struct journal *journal, const struct entry *entry) {
    journal->waiting++;
    journal->waiting_minor += entry_minor(entry);
}

/* Reads records from `segment->end` on, and leaves it where they end. */
static bool scan(struct journal *journal, struct segment *segment, struct bytes bytes, struct failure *failure) {
    uint32_t length, write_begin;
    while (record_is_good(bytes, segment->end, segment->generation, &length, &write_begin)) {
        struct entry entry;
        if (!record_decode(bytes, segment->end, &entry))
            return damaged(journal, segment, segment->end, "the record is none of an entry", failure);
        count(journal, &entry);
        segment->end += length;
    }
    return true;
}

/* One that another follows is whole up to the byte which that one's header names. */
static bool scan_followed(struct journal *journal, struct segment *segment, uint32_t end, struct bytes bytes,
                          struct failure *failure) {
    if (end > segment->size)
        return damaged(journal, segment, segment->size, "it should be longer", failure);
    bytes.size = end;
    if (!scan(journal, segment, bytes, failure))
        return false;
    return segment->end == end || damaged(journal, segment, segment->end, "a record can't be read", failure);
}

static bool scan_newest(struct journal *journal, struct segment *segment, struct bytes bytes, struct failure *failure) {
    if (!scan(journal, segment, bytes, failure))
        return false;
    switch (look_behind(bytes, segment->end, segment->generation)) {
    case BEHIND_NOTHING:
        return true;
    case BEHIND_TORN: /* to be overwritten in part only, it could be taken for new one day */
        log_warning("journal", "torn end cut off segment=%u byte=%u", segment->number, segment->end);
        return files_cut(journal, segment, segment->end, failure);
    case BEHIND_LATER:
        break;
    }
    return damaged(journal, segment, segment->end, "a record can't be read", failure);
}

static struct segment *find_generation(struct journal *journal, uint32_t generation) {
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        if (journal->segments[i].has_header && journal->segments[i].generation == generation)
            return &journal->segments[i];
    }
    return NULL;
}

static bool scan_generation(struct journal *journal, uint32_t generation, uint32_t newest, struct failure *failure) {
    struct segment *segment = find_generation(journal, generation);
    if (segment == NULL)
        return missing(journal, generation, failure);
    const struct position drained = journal->marked.drained;
    segment->is_live = true;
    segment->end = generation == drained.generation ? drained.offset : RECORDS_BEGIN;
    if (segment->end > segment->size)
        return damaged(journal, segment, segment->size, "the mark lies behind its end", failure);
    uint8_t *data = segment_read(journal, segment, failure);
    if (data == NULL)
        return false;
    const struct bytes bytes = bytes_of(data, segment->size);
    bool is_good;
    if (generation == newest) {
        is_good = scan_newest(journal, segment, bytes, failure);
    } else {
        const struct segment *next = find_generation(journal, generation + 1);
        is_good = next == NULL ? missing(journal, generation + 1, failure)
                               : scan_followed(journal, segment, next->previous_end, bytes, failure);
    }
    free(data);
    return is_good;
}

/* Whether there is a good record of this generation or a later one. */
static bool holds_record(struct bytes bytes, uint32_t from_generation) {
    for (uint32_t at = RECORDS_BEGIN; (at = next_place(bytes, at)) < bytes.size; at += RECORD_ALIGNMENT) {
        uint32_t generation, length, write_begin;
        if (record_generation(bytes, at, &generation) && generation >= from_generation &&
            record_is_good(bytes, at, generation, &length, &write_begin))
            return true;
    }
    return false;
}

/* A header is safe before its first record. One that can't be read was torn while its segment, free by then, was to be
 * used anew; unless it has records that are not drained. And no segment has records that are newer than all headers. */
static bool check_header(const struct journal *journal, const struct segment *segment, uint32_t newest,
                         struct failure *failure) {
    if (segment->has_header && segment->file_size < segment->size)
        return true; /* it is found out when it is scanned, or is made anew */
    const uint32_t drained = journal->marked.drained.generation;
    uint8_t *data = segment_read(journal, segment, failure);
    if (data == NULL)
        return false;
    bool is_later = segment->has_header && newest >= drained;
    bool is_bad = holds_record(bytes_of(data, segment->size), is_later ? newest + 1 : drained);
    free(data);
    return !is_bad || damaged(journal, segment, 0, "its header can't be read, or is older than its records", failure);
}

static uint32_t find_newest(const struct journal *journal) {
    uint32_t newest = 0;
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        const struct segment *segment = &journal->segments[i];
        if (segment->has_header && segment->generation > newest)
            newest = segment->generation;
    }
    return newest;
}

static bool check_headers(struct journal *journal, uint32_t newest, struct failure *failure) {
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        const struct segment *segment = &journal->segments[i];
        if (!check_header(journal, segment, newest, failure))
            return false;
        if (segment->has_header && segment->generation != 0 && find_generation(journal, segment->generation) != segment)
            return damaged(journal, segment, 0, "another one has its generation", failure);
    }
    return true;
}

/* Before its first mark a journal has never been written to. */
static bool expect_unused(const struct journal *journal, struct failure *failure) {
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        const struct segment *segment = &journal->segments[i];
        if (!segment->has_header || segment->generation != 0)
            return damaged(journal, segment, 0, "there is no mark beside it", failure);
    }
    return true;
}

static bool read_all(struct journal *journal, uint32_t *newest, struct failure *failure) {
    *newest = 0;
    if (journal->mark_fd < 0)
        return expect_unused(journal, failure);
    const struct position drained = journal->marked.drained;
    *newest = find_newest(journal);
    if (!check_headers(journal, *newest, failure))
        return false;
    if (*newest < drained.generation && drained.offset != RECORDS_BEGIN)
        return missing(journal, drained.generation, failure);
    for (uint32_t generation = drained.generation; generation <= *newest && generation != 0; generation++) {
        if (!scan_generation(journal, generation, *newest, failure))
            return false;
    }
    return true;
}

/* The places of what was found; what comes next goes behind the newest, or to a segment of its own. */
static void settle(struct journal *journal, uint32_t newest) {
    journal->drained = journal->cursor = journal->marked.drained;
    bool is_empty = newest < journal->drained.generation;
    journal->tail = (struct position){is_empty ? journal->drained.generation - 1 : newest, RECORDS_BEGIN};
    journal->begun = journal->tail.generation;
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        const struct segment *segment = &journal->segments[i];
        if (segment->is_live)
            journal->in_use[segment->generation % journal->segment_count] = i;
        else
            journal->free_count++;
        journal->free_bytes += segment->is_live ? 0 : segment->size - RECORDS_BEGIN;
    }
    if (is_empty)
        CHECK(places_open_segment(journal));
    else
        journal->tail.offset = segment_of(journal, newest)->end;
    journal->safe = journal->tail;
    places_advance(journal);
    oldest_find(journal);
}

bool recovery_run(struct journal *journal, struct failure *failure) {
    uint32_t newest;
    if (!files_open(journal, failure) || !read_all(journal, &newest, failure) || !files_fit(journal, failure))
        return false;
    if (journal->mark_fd < 0 && !files_make_mark(journal, failure))
        return false;
    journal->in_use = calloc(journal->segment_count, sizeof *journal->in_use);
    CHECK(journal->in_use != NULL);
    settle(journal, newest);
    return true;
}
