/* SPDX-License-Identifier: Apache-2.0 */
/* record: the truth, in PostgreSQL.
 *
 * What waits goes out together: one transaction takes the organisations' shared locks, inserts the rows whose epoch is
 * still the fence's, and looks up what the checks ask; its commit is awaited before anyone is told (I1). A commit whose
 * outcome is unknown is sent again with the same rows: the key makes it once. A row PostgreSQL refuses is found by
 * splitting its batch, quarantined, and does not hold up the others. Sums are read over a second connection, so that a
 * rebuild holds up nothing; over a third one rows are added to sums that are kept, so that a rebuild has few to read.
 *
 * libpq is used without blocking: the owner polls the descriptors and hands in the time. Reconnects by itself; until
 * then everything waits. Nothing is ever dropped: an append is answered, or still waiting. */
#ifndef VAXEL_RECORD_RECORD_H
#define VAXEL_RECORD_RECORD_H

#include "base/failure.h"
#include "switch/ports.h"

struct record;

struct record_options {
    const char *conninfo;      /* libpq's, e.g. "host=/run/postgresql dbname=vaxel" */
    uint32_t capacity;         /* appends, checks and undos waiting or in flight */
    uint32_t batch_capacity;   /* rows of one transaction */
    uint32_t refusal_capacity; /* refusals waiting to be noted; more are dropped and counted */
    int64_t time_window_us;    /* ids as old as twice this are remembered again by a rebuild */
    int64_t reconnect_us;      /* pause between attempts */
    int64_t expiry_us;         /* how often holds that have expired are looked for; 0: not by this one */
    bool notes_used_up;        /* a credit that is used up goes on the block list until its month ends (DOMAIN F5) */
    int64_t roll_up_rows;      /* a month's new rows are added to its sums when they are so many; 0: not by this one */
    int64_t ahead_us;          /* so long before a month ends the next one's counters are made; 0: not by this one */
    int64_t silence_us;        /* a connection that owes an answer and is silent this long is given up */
    void *owner;
    /* Once for each append, check and undo; from record_ready() or record_tick(), never from the call that queued it.
     */
    void (*on_outcome)(void *owner, const struct outcome *outcome);
    /* NULL sums: could not be read. */
    void (*on_sums)(void *owner, int32_t organisation, struct month month, const struct sums *sums);
    void (*on_found)(void *owner, uint64_t reply_to, bool is_answered, const struct found *found);
    void (*on_blocks)(void *owner, uint64_t reply_to, bool is_answered, const struct block_page *page);
    /* For the audit: see record_find_month() and record_read_month(). */
    void (*on_month_found)(void *owner, bool is_answered, int32_t organisation, struct month month);
    void (*on_month_read)(void *owner, int32_t organisation, struct month month, const struct sums *sums);
    /* The counters of a month to come are to be made, by a rebuild. */
    void (*on_ahead)(void *owner, int32_t organisation, struct month month);
    /* A hold has expired and its row is committed: the counters must follow. */
    void (*on_effect)(void *owner, const struct effect *effect);
    void (*on_up)(void *owner, bool is_up);
    /* For the metrics; may be NULL. A batch is committed. */
    void (*on_commit)(void *owner, uint32_t rows, int64_t took_us);
};

/* Starts connecting. The partitions of this month and the next two are made on connecting and once a day from then on.
 */
struct record *record_create(const struct record_options *options, struct tick now);
void record_destroy(struct record *record);

bool record_append(struct record *record, const struct entry *entry, uint32_t owner);
bool record_check(struct record *record, const struct check *check, uint32_t owner);
bool record_undo(struct record *record, const struct undo *undo, uint32_t owner);
bool record_settle(struct record *record, const struct settlement *settlement, uint32_t owner);
/* `from_rows`: by adding up every row, and what is rolled up of the organisation is made anew from them. */
bool record_read_sums(struct record *record, int32_t organisation, struct month month, bool from_rows);
bool record_look_up(struct record *record, uint64_t reply_to, const struct request_id *id, struct month month,
                    int32_t organisation);
void record_note_refusal(struct record *record, const struct refusal_note *note);

/* A page of the block list: what has a number above `since`, at most `limit` of it. Answered by on_blocks. */
bool record_look_up_blocks(struct record *record, uint64_t reply_to, int64_t since, uint32_t limit);

/* For the audit, one at a time each: the next organisation and month that has a fence (organisation 0: the first), and
 * the sums of a month's rows with the fence's epoch, without raising it. Answered by on_month_found and on_month_read.
 */
bool record_find_month(struct record *record, int32_t after_organisation, struct month after_month);
bool record_read_month(struct record *record, int32_t organisation, struct month month);

/* Sends what waits, as far as transactions may be under way. Call once after the events of a turn of the loop. */
void record_flush(struct record *record, struct tick now);

/* Connections to poll: descriptor (-1: none now) and poll(2) events each. They may change with every call to this room;
 * `socket` changes whenever libpq may have closed a socket and got the same descriptor for the next. */
#define RECORD_CONNECTIONS 3
struct record_interest {
    int fd;
    short events;
    uint32_t socket;
};
void record_interests(const struct record *record, struct record_interest interests[RECORD_CONNECTIONS]);

/* For the metrics. */
struct record_facts {
    uint32_t waiting; /* of what the recorder is to do, beside what is under way */
    uint32_t capacity;
    uint64_t quarantined;
    uint64_t notes_dropped;
};
void record_facts(const struct record *record, struct record_facts *facts);

/* A descriptor is ready. */
void record_ready(struct record *record, struct tick now, int connection, short events);

/* Time passed: reconnects, gives up on a silent peer. Call it at record_next_tick() at the latest. */
void record_tick(struct record *record, struct tick now);
struct tick record_next_tick(const struct record *record);

#endif
