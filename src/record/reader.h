/* SPDX-License-Identifier: Apache-2.0 */
/* reader: sums and rows of the records over a blocking connection; for the audit and for people, never for a worker.
 * reader.c has the connection and the sums, trace.c all about one request. */
#ifndef VAXEL_RECORD_READER_H
#define VAXEL_RECORD_READER_H

#include "base/failure.h"
#include "switch/ports.h"

struct record_reader;

struct record_reader *record_reader_open(const char *conninfo, struct failure *failure);
void record_reader_close(struct record_reader *reader);

/* Organisations that have a fence in `month`, ascending; freed by the caller with free(). */
bool record_reader_organisations(struct record_reader *reader, struct month month, int32_t **organisations,
                                 size_t *count, struct failure *failure);

/* So many organisations' sums at once: with a thousand credits each they take some hundred megabytes. */
#define READER_SUMS_MOST 1024

/* For each of these organisations, ascending, READER_SUMS_MOST at most, the fence's epoch (0: none) and the sums as
 * they are now, in one snapshot; no lock, nothing changed. Many at once are read in one pass over the month.
 * `sums[i].sums` is freed by the caller with free(), also after a failure; nothing is remembered. */
bool record_reader_sums(struct record_reader *reader, const int32_t *organisations, uint32_t count, struct month month,
                        struct sums *sums, struct failure *failure);

/* ---- all that is known of one request ---- */

enum trace_kind {
    TRACE_ENTRY,
    TRACE_EFFECT,
    TRACE_HOLD, /* one that is open */
    TRACE_REFUSAL,
    TRACE_QUARANTINE,
    TRACE_FENCE, /* the epoch of a month that any of the others is in */
};

/* A row that has to do with a request; each kind fills what it has. */
struct trace_row {
    enum trace_kind kind;
    struct request_id id;
    struct month month; /* of an EFFECT: where its row in entry lies */
    int32_t organisation;
    int32_t traveller;
    int32_t credit;
    int32_t department;
    int32_t epoch;
    enum entry_kind entry_kind; /* ENTRY, EFFECT */
    uint8_t flags;              /* ENTRY: enum entry_flag */
    enum reason reason;         /* REFUSAL, as the next */
    uint16_t refusing;
    int64_t amount_minor;  /* ENTRY, EFFECT: what it changes usage by; REFUSAL: what was asked */
    int64_t charged_minor; /* EFFECT, as the next: what it means on an invoice, and could follow it yet */
    int64_t remaining_minor;
    struct instant at; /* when it was recorded; of a HOLD when it expires; us 0: not told */
    char client[64];   /* its name; "": not told */
    char product[64];
    char words[256]; /* ENTRY: the place; QUARANTINE: what it was, and why */
};

/* Rows of `id` and of what followed it, in the months from `from` on, by time, in one snapshot; of one organisation, or
 * (0) of all, which takes a look-up for each. `rows` is freed by the caller with free(). */
bool record_reader_trace(struct record_reader *reader, const struct request_id *id, struct month from,
                         int32_t organisation, struct trace_row **rows, size_t *count, struct failure *failure);

/* What was settled under `id`, whose own row lies in this month; false in `is_found`: nothing was. */
bool record_reader_original(struct record_reader *reader, const struct request_id *id, struct month month,
                            int32_t organisation, bool *is_found, struct request_id *original, struct failure *failure);

/* All there are, ascending; freed by the caller with free(). */
bool record_reader_all_organisations(struct record_reader *reader, int32_t **organisations, size_t *count,
                                     struct failure *failure);

#endif
