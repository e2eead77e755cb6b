/* SPDX-License-Identifier: Apache-2.0 */
/* What journal's files share.
 *
 *              drained        cursor          safe            tail
 *   ──────────────┼──────────────┼───────────────┼───────────────┼──────────▶ generations and offsets
 *    where they   │ handed out,  │ to be handed  │ waiting for   │ free
 *    belong       │ some drained │ out           │ a write       │
 *
 * Each segment in use has one generation, and the generations in use follow one another without a gap. What is appended
 * gets its place at once; a segment that it opens is planned then, and begun when its header is safe.
 *
 * A segment is used anew in three steps, each safe before the next: all of it is drained, and a mark says so; a header
 * of the next generation goes over the old one; records follow. A crash in between finds the old header, of a
 * generation below the mark; or none that can be read, and only records of such generations; or the new one with no
 * record yet. In none of them is an old record handed out, or a new one missed. */
#ifndef VAXEL_JOURNAL_INTERNAL_H
#define VAXEL_JOURNAL_INTERNAL_H

#include "journal/format.h"
#include "journal/journal.h"

#define NAME_SIZE 24

/* What a person is told to do about a journal that is not what it was. */
#define JOURNAL_ADVICE "nothing was changed; what to do is in docs/operations.md, Stand-in"

struct segment {
    uint32_t number; /* "0007.segment" */
    int fd;
    uint32_t size;
    struct bytes bytes; /* the file, mapped for reading */
    bool has_header;    /* a good one was read; this and the next only while opening */
    uint32_t file_size;
    uint32_t generation;   /* that of its header; 0: never used */
    uint32_t previous_end; /* of the generation before the one it is planned or used for */
    uint32_t end;          /* where its next record goes, and at last where it ended */
    bool is_live;          /* planned or in use */
    uint64_t *drained;     /* a bit for each RECORD_ALIGNMENT bytes that are where they belong */
};

/* An entry that is not safe yet. */
struct pending {
    uint32_t owner;
    uint32_t length;
    int64_t minor;
    struct instant appended_at;
    struct position position;
    uint8_t record[RECORD_SIZE_MAX];
};

enum write_kind { WRITE_NONE, WRITE_HEADER, WRITE_MARK, WRITE_ENTRIES, WRITE_CUT };

struct journal {
    struct journal_options options;
    char *directory;
    int directory_fd; /* locked */
    int mark_fd;
    uint64_t identity;

    uint32_t segment_count;
    struct segment *segments;
    uint32_t *in_use; /* by generation % segment_count */
    uint64_t free_bytes;
    uint32_t free_count;

    struct position drained;
    struct position cursor;
    struct position safe;
    struct position tail;
    uint32_t begun; /* the highest generation whose header is safe */

    struct mark marked; /* what is safe */
    struct mark marking;

    struct pending *pending; /* a ring */
    uint32_t pending_first;
    uint32_t pending_count;

    enum write_kind under_way;
    uint32_t written_count;   /* WRITE_ENTRIES */
    struct position written;  /* WRITE_ENTRIES: where it ends */
    struct buffer writing;    /* WRITE_ENTRIES, WRITE_CUT */
    struct journal_write cut; /* what a failed write may have left; fd -1: nothing */
    uint8_t block[HEADER_SIZE];

    uint64_t waiting;
    int64_t waiting_minor;
    struct instant oldest; /* us 0: nothing waits */
    bool is_broken;        /* nothing can be made safe any more */
    bool is_unreadable;    /* nothing is handed out any more */
};

/* The segment in use for a generation. */
struct segment *segment_of(const struct journal *journal, uint32_t generation);

/* ---- files.c: directory, segments and mark on disk; blocking, for the opening ---- */

bool files_open(struct journal *journal, struct failure *failure);
void files_close(struct journal *journal);
/* Removes free segments of another size or past the capacity, and makes what lacks. */
bool files_fit(struct journal *journal, struct failure *failure);
/* Makes the first mark, the last thing that a journal needs. */
bool files_make_mark(struct journal *journal, struct failure *failure);
/* Makes zeros of everything from `offset` on. */
bool files_cut(struct journal *journal, struct segment *segment, uint32_t offset, struct failure *failure);
void segment_name(const struct segment *segment, char name[NAME_SIZE]);

/* ---- recovery.c: what the files hold ---- */

bool recovery_run(struct journal *journal, struct failure *failure);

/* ---- places.c: which segment is used for what ---- */

/* Plans the next segment; the tail is its beginning then. False: none is free. */
bool places_open_segment(struct journal *journal);
bool places_has_room(const struct journal *journal, uint32_t length, uint64_t reserve_bytes);
struct position places_take(struct journal *journal, uint32_t length);
/* The drained position goes on as far as it can, and frees what it leaves. */
void places_advance(struct journal *journal);
/* A record's bits. */
bool places_is_drained(const struct segment *segment, uint32_t offset);
void places_set_drained(struct segment *segment, uint32_t offset, uint32_t length);

/* The entry at a position that is safe; false when it can't be read any more. */
bool entry_read(const struct journal *journal, struct position position, struct entry *entry, uint32_t *length);
/* What it counts against the capacity. */
int64_t entry_minor(const struct entry *entry);
/* Finds the oldest anew. */
void oldest_find(struct journal *journal);

#endif
