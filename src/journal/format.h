/* SPDX-License-Identifier: Apache-2.0 */
/* format: the journal's bytes on disk, little-endian, by offset and not by any compiler's struct. A file of version 1
 * must be readable for ever: what changes is a new version.
 *
 *   segment   one block that holds its header, then records, one after another, each beginning at a multiple of 8
 *   mark      two blocks that are written by turns; the good one of the higher sequence holds
 *
 * Every one of them begins with the CRC-32C of the rest of it. */
#ifndef VAXEL_JOURNAL_FORMAT_H
#define VAXEL_JOURNAL_FORMAT_H

#include "base/bytes.h"
#include "journal/journal.h"
#include "switch/ports.h"

/* A torn write of one block leaves every other as it was. */
#define BLOCK_SIZE ((uint32_t)JOURNAL_BLOCK_BYTES)
#define HEADER_SIZE 64u
#define RECORDS_BEGIN BLOCK_SIZE
#define RECORD_ALIGNMENT 8u
#define RECORD_SIZE_MIN 88u
#define RECORD_SIZE_MAX 176u

uint32_t crc32c(struct bytes bytes);

/* Where something is, or everything before it was: in the segment of this generation, at this byte. */
struct position {
    uint32_t generation;
    uint32_t offset;
};

/* More than any disk lives to see; what is higher is no generation. */
#define GENERATION_MAX (UINT32_MAX / 2)

static inline bool position_equal(struct position one, struct position other) {
    return one.generation == other.generation && one.offset == other.offset;
}

/* A segment gets a new generation, one higher than any, each time it is used anew; so what an older round left in it is
 * told from what is new. 0: never used. It is written, and safe, before the first record. */
struct segment_header {
    uint64_t journal; /* drawn by lot when a journal is made: files of another are told apart */
    uint32_t generation;
    uint32_t size;         /* of the file */
    uint32_t previous_end; /* where the segment of the generation before ended */
};
void header_encode(uint8_t bytes[HEADER_SIZE], const struct segment_header *header);
bool header_decode(struct bytes bytes, struct segment_header *header);

/* Everything before the position is where it belongs. A segment is used anew only when its generation is below that of
 * a mark that is safe. */
struct mark {
    uint64_t journal;
    uint64_t sequence;
    struct position drained;
};
void mark_encode(uint8_t bytes[HEADER_SIZE], const struct mark *mark);
bool mark_decode(struct bytes bytes, struct mark *mark);

/* What stands where a record's generation would; false when no record fits there. */
bool record_generation(struct bytes segment, uint32_t offset, uint32_t *generation);
/* Writes an entry, and returns the record's length; it has no place yet. */
uint32_t record_encode(uint8_t bytes[RECORD_SIZE_MAX], const struct entry *entry);
/* Gives the record its place: the segment's generation, and where the write that brings it begins. A record that is
 * missing before one of a later write was safe once; one of the same write may have been torn off. */
void record_seal(uint8_t *bytes, uint32_t generation, uint32_t write_begin);

/* The length and begin of write of the good record of this generation at `offset`; false when there is none. */
bool record_is_good(struct bytes segment, uint32_t offset, uint32_t generation, uint32_t *length,
                    uint32_t *write_begin);
/* The entry of a good record; false when it is none that a journal takes. */
bool record_decode(struct bytes segment, uint32_t offset, struct entry *entry);

#endif
