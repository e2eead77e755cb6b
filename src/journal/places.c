/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/internal.h"

#include "base/check.h"

#include <string.h>

struct segment *segment_of(const struct journal *journal, uint32_t generation) {
    CHECK(generation >= journal->drained.generation && generation <= journal->tail.generation);
    return &journal->segments[journal->in_use[generation % journal->segment_count]];
}

static struct segment *free_segment(struct journal *journal) {
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        if (!journal->segments[i].is_live)
            return &journal->segments[i];
    }
    return NULL;
}

static size_t bits_size(const struct segment *segment) {
    return segment->size / RECORD_ALIGNMENT / 8;
}

bool places_open_segment(struct journal *journal) {
    struct segment *segment = free_segment(journal);
    if (segment == NULL)
        return false;
    CHECK(journal->tail.generation < UINT32_MAX);
    segment->is_live = true;
    segment->previous_end = journal->tail.offset;
    segment->end = RECORDS_BEGIN;
    memset(segment->drained, 0, bits_size(segment));
    journal->free_count--;
    journal->free_bytes -= segment->size - RECORDS_BEGIN;
    journal->tail = (struct position){journal->tail.generation + 1, RECORDS_BEGIN};
    journal->in_use[journal->tail.generation % journal->segment_count] = (uint32_t)(segment - journal->segments);
    places_advance(journal);
    return true;
}

static uint32_t tail_room(const struct journal *journal) {
    return segment_of(journal, journal->tail.generation)->size - journal->tail.offset;
}

bool places_has_room(const struct journal *journal, uint32_t length, uint64_t reserve_bytes) {
    if (tail_room(journal) < length && journal->free_count == 0)
        return false;
    return tail_room(journal) + journal->free_bytes >= length + reserve_bytes;
}

struct position places_take(struct journal *journal, uint32_t length) {
    if (tail_room(journal) < length)
        CHECK(places_open_segment(journal));
    struct position position = journal->tail;
    journal->tail.offset += length;
    segment_of(journal, journal->tail.generation)->end = journal->tail.offset;
    return position;
}

/* The drained position stands at the end of a segment that another one follows: whoever stands there too goes along. */
static void leave_segment(struct journal *journal, struct segment *segment) {
    struct position old = journal->drained;
    struct position next = {old.generation + 1, RECORDS_BEGIN};
    if (position_equal(journal->cursor, old))
        journal->cursor = next;
    if (position_equal(journal->safe, old))
        journal->safe = next;
    journal->drained = next;
    segment->is_live = false;
    journal->free_count++;
    journal->free_bytes += segment->size - RECORDS_BEGIN;
}

void places_advance(struct journal *journal) {
    for (;;) {
        struct segment *segment = segment_of(journal, journal->drained.generation);
        while (journal->drained.offset < segment->end && places_is_drained(segment, journal->drained.offset))
            journal->drained.offset += RECORD_ALIGNMENT;
        if (journal->drained.offset < segment->end || journal->drained.generation == journal->tail.generation)
            return;
        leave_segment(journal, segment);
    }
}

bool places_is_drained(const struct segment *segment, uint32_t offset) {
    uint32_t bit = offset / RECORD_ALIGNMENT;
    return (segment->drained[bit / 64] >> bit % 64 & 1) != 0;
}

void places_set_drained(struct segment *segment, uint32_t offset, uint32_t length) {
    for (uint32_t at = offset; at < offset + length; at += RECORD_ALIGNMENT) {
        uint32_t bit = at / RECORD_ALIGNMENT;
        segment->drained[bit / 64] |= UINT64_C(1) << bit % 64;
    }
}
