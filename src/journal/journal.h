/* SPDX-License-Identifier: Apache-2.0 */
/* journal: what a node vouches for while PostgreSQL is away (DESIGN 7). Entries go to segments of one directory that
 * are made ahead at full size; all that waits is one write and one fdatasync, and only then is anybody told. What it
 * vouches for is bounded in amount, age and bytes. When PostgreSQL is back its entries are handed out in the order they
 * were written. After a crash handing out starts anew from the last mark, so some come twice: the records take an entry
 * once, whoever brings it.
 *
 * Every record has a length, a generation and a checksum: what a crash tore off, or an older round left behind, ends
 * the journal there. What was safe and can't be read is no torn end: such a journal is not opened, a person must look.
 * This room says what is to be written and does no I/O of its own once it is open. A write or fdatasync that fails ends
 * it for good: what the kernel threw away cannot be known (fsync's errors are told once), so nothing is vouched for any
 * more until the node starts anew. One worker's; two processes can't open one directory. */
#ifndef VAXEL_JOURNAL_JOURNAL_H
#define VAXEL_JOURNAL_JOURNAL_H

#include "base/bytes.h"
#include "base/failure.h"
#include "switch/ports.h"

struct journal;

#define JOURNAL_BLOCK_BYTES 4096
#define JOURNAL_SEGMENT_BYTES_MAX (INT64_C(1) << 30)
#define JOURNAL_CAPACITY_MAX (1u << 20)

struct journal_options {
    const char *directory;  /* made where it is missing */
    int64_t segment_bytes;  /* a segment's size: blocks of JOURNAL_BLOCK_BYTES, two at least */
    int64_t capacity_bytes; /* of all segments, at least two; another one takes full effect when it is opened empty */
    int64_t capacity_minor; /* what may be vouched for at once, all entries that are not drained added up */
    int64_t age_us;         /* when the oldest entry that is not drained is older, no more are taken */
    uint32_t capacity;      /* entries that wait for a write */
    void *owner;
    /* Once for each entry that was taken, from journal_written(). */
    void (*on_written)(void *owner, uint32_t entry_owner, bool is_safe);
};

/* Opens, or makes, the journal and reads what it holds; blocking, for the start. NULL with a reason: the directory
 * can't be used, another process has it, or a segment is damaged before its torn end. */
struct journal *journal_open(const struct journal_options *options, struct failure *failure);
void journal_close(struct journal *journal);

/* Takes other limits for what comes from now on. */
void journal_change(struct journal *journal, int64_t capacity_minor, int64_t age_us);

/* Whether a purchase would be taken now. */
bool journal_is_open(const struct journal *journal, struct instant now);

/* Takes an entry of a purchase or hold, or a REVERSAL that calls one off (that needs no limit but room). False: a limit
 * is reached, or the journal is broken. */
bool journal_append(struct journal *journal, struct instant now, const struct entry *entry, uint32_t entry_owner);

/* What is to be written next, then made safe with fdatasync. False: nothing, or a write is under way. The bytes stay
 * valid until journal_written(). */
struct journal_write {
    int fd;
    uint64_t offset;
    struct bytes bytes;
};
bool journal_output(struct journal *journal, struct journal_write *write);
/* It is written and synced, or (is_good false, with why for the log) it failed: all that waits is told so, and one last
 * write is to be done, zeros where it failed, so that nothing of it comes back after a restart. */
void journal_written(struct journal *journal, bool is_good, const char *why);

/* The next entry to be drained, in order, of those that are safe. False: none now. */
bool journal_next(struct journal *journal, struct entry *entry, uint64_t *ticket);
/* The entry of a ticket is where it belongs. In any order. */
void journal_drained(struct journal *journal, uint64_t ticket);

struct journal_facts {
    uint64_t waiting;      /* entries that are not drained */
    int64_t waiting_minor; /* their amounts */
    struct instant oldest; /* us 0: none */
    uint64_t used_bytes;
    bool is_broken; /* until it is opened anew; what is safe is handed out all the same, as far as it can be read */
};
void journal_facts(const struct journal *journal, struct journal_facts *facts);

#endif
