/* SPDX-License-Identifier: Apache-2.0 */
/* The reading side: entries go out in the order they came, and are done with in any. What is read was checked when the
 * journal was opened, and is checked again, since a disk may have lost it meanwhile. */
#include "journal/internal.h"

#include "base/check.h"
#include "base/log.h"

/* A ticket is the place of an entry and its length: generation 32 bits, then in units of RECORD_ALIGNMENT 27 and 5. */
#define LENGTH_BITS 5
_Static_assert(RECORD_SIZE_MAX / RECORD_ALIGNMENT < 1u << LENGTH_BITS, "a length fits a ticket");
_Static_assert(JOURNAL_SEGMENT_BYTES_MAX / RECORD_ALIGNMENT <= UINT64_C(1) << (32 - LENGTH_BITS),
               "a place fits a ticket");

static uint64_t ticket_of(struct position position, uint32_t length) {
    uint64_t place = (uint64_t)(position.offset / RECORD_ALIGNMENT) << LENGTH_BITS | length / RECORD_ALIGNMENT;
    return (uint64_t)position.generation << 32 | place;
}

static struct position ticket_position(uint64_t ticket, uint32_t *length) {
    uint32_t place = (uint32_t)ticket;
    *length = (place & ((1u << LENGTH_BITS) - 1)) * RECORD_ALIGNMENT;
    return (struct position){(uint32_t)(ticket >> 32), (place >> LENGTH_BITS) * RECORD_ALIGNMENT};
}

bool entry_read(const struct journal *journal, struct position position, struct entry *entry, uint32_t *length) {
    const struct bytes bytes = segment_of(journal, position.generation)->bytes;
    uint32_t write_begin;
    return record_is_good(bytes, position.offset, position.generation, length, &write_begin) &&
           record_decode(bytes, position.offset, entry);
}

void oldest_find(struct journal *journal) {
    struct entry entry;
    uint32_t length;
    if (journal->waiting == 0)
        journal->oldest.us = 0;
    else if (position_equal(journal->drained, journal->safe))
        journal->oldest = journal->pending[journal->pending_first].appended_at;
    else if (entry_read(journal, journal->drained, &entry, &length))
        journal->oldest = entry.appended_at;
}

static void become_unreadable(struct journal *journal) {
    char name[NAME_SIZE];
    segment_name(segment_of(journal, journal->cursor.generation), name);
    log_error("journal", "what was safe can't be read any more directory=%s file=%s byte=%u advice=%s",
              journal->directory, name, journal->cursor.offset, JOURNAL_ADVICE);
    journal->is_unreadable = true;
}

bool journal_next(struct journal *journal, struct entry *entry, uint64_t *ticket) {
    if (journal->is_unreadable || position_equal(journal->cursor, journal->safe))
        return false;
    if (journal->cursor.offset == segment_of(journal, journal->cursor.generation)->end) {
        journal->cursor = (struct position){journal->cursor.generation + 1, RECORDS_BEGIN};
        return journal_next(journal, entry, ticket);
    }
    uint32_t length;
    if (!entry_read(journal, journal->cursor, entry, &length)) {
        become_unreadable(journal);
        return false;
    }
    *ticket = ticket_of(journal->cursor, length);
    journal->cursor.offset += length;
    return true;
}

static bool was_handed_out(const struct journal *journal, struct position position) {
    return position.generation == journal->cursor.generation ? position.offset < journal->cursor.offset
                                                             : position.generation < journal->cursor.generation;
}

void journal_drained(struct journal *journal, uint64_t ticket) {
    uint32_t length;
    const struct position position = ticket_position(ticket, &length);
    struct segment *segment = segment_of(journal, position.generation);
    CHECK(was_handed_out(journal, position) && !places_is_drained(segment, position.offset));
    struct entry entry;
    uint32_t read_length;
    if (entry_read(journal, position, &entry, &read_length))
        journal->waiting_minor -= entry_minor(&entry);
    journal->waiting--;
    places_set_drained(segment, position.offset, length);
    if (position_equal(position, journal->drained)) {
        places_advance(journal);
        oldest_find(journal);
    }
}
