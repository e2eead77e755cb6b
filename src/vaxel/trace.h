/* SPDX-License-Identifier: Apache-2.0 */
/* trace: what the files of `vaxel trace` share: all that was seen of one request, and what it means. Nothing is changed
 * anywhere, and no lock is taken that a purchase could wait for. */
#ifndef VAXEL_VAXEL_TRACE_H
#define VAXEL_VAXEL_TRACE_H

#include "config/settings.h"
#include "limits/reader.h"
#include "record/reader.h"

/* An entry in a node's journal. */
struct sighting {
    struct entry entry;
    bool is_drained; /* where it belongs; else it may be all the same */
    char directory[CONFIG_TEXT_SIZE];
};

#define SIGHTINGS_CAPACITY 64
#define MISSING_CAPACITY 16

/* Where something is not known from, and why. */
struct missing {
    const char *source;
    struct failure why;
};

struct trace {
    const struct settings *settings;
    struct request_id asked;
    struct request_id id; /* `asked`, or what it settled */
    int32_t organisation; /* the one that was named, 0: none */

    bool has_records;
    struct trace_row *rows; /* by time */
    size_t row_count;

    uint32_t journals; /* that were read */
    uint32_t sighting_count;
    struct sighting sightings[SIGHTINGS_CAPACITY];

    bool has_redis;      /* asked, and answered */
    int32_t recalled_in; /* the organisation; 0: none of those that were asked remembers it */
    struct recalled recalled;
    bool has_counters;
    struct month counters_of;
    struct counters counters;

    uint32_t missing_count;
    struct missing missing[MISSING_CAPACITY];
};

/* What it came to, the strongest word that the sources allow. */
enum trace_state {
    STATE_UNKNOWN,
    STATE_COUNTED,  /* in Redis alone */
    STATE_RECALLED, /* a refusal in Redis alone */
    STATE_QUARANTINED,
    STATE_JOURNALED,
    STATE_CALLED_OFF,
    STATE_DECLINED,
    STATE_TOMBSTONE,
    STATE_APPROVED,
    STATE_HELD,
    STATE_CAPTURED,
    STATE_VOIDED,
    STATE_EXPIRED,
    STATE_REVERSED,
    STATE_REFUNDED,
};

/* What a trace means. */
struct meaning {
    enum trace_state state;
    const struct trace_row *root; /* its row in entry; NULL: none */
    int64_t captured_minor;
    int64_t refunded_minor;
    int64_t counted_minor; /* what it counts now, all months added up */
    char words[512];       /* for a person */
};

/* ---- trace_gather.c: journals first, then PostgreSQL, then Redis: what goes from one to the next is not missed ----
 */
void trace_gather(struct trace *trace, const char *journals);
void trace_finish(struct trace *trace);

/* ---- trace_meaning.c ---- */
void trace_judge(const struct trace *trace, struct meaning *meaning);
const char *trace_state_name(enum trace_state state);
/* The row of a kind about `id`; of an entry the one in whichever month. NULL: there is none. */
const struct trace_row *trace_find(const struct trace *trace, enum trace_kind kind, const struct request_id *id);

/* ---- trace_events.c ---- */

/* One of `row` and `sighting`, or neither: the moment that the id itself names. */
struct event {
    struct instant at;
    const struct trace_row *row;
    const struct sighting *sighting;
};

struct events {
    size_t count;
    struct event *each; /* freed by the caller */
};

struct events trace_events(const struct trace *trace);
/* The effect whose row in entry this is; NULL: it is no settlement's. */
const struct trace_row *trace_effect_of(const struct trace *trace, const struct trace_row *row);
/* Whether a counter is one that the purchase counts in, as far as its row (NULL: there is none) says. */
bool trace_counts_in(const struct sum *sum, const struct trace_row *root);
const char *trace_memory_word(const struct recalled *recalled);

/* ---- trace_print.c, trace_json.c ---- */
void trace_print(const struct trace *trace, const struct meaning *meaning);
void trace_write_json(const struct trace *trace, const struct meaning *meaning);

#endif
