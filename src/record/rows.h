/* SPDX-License-Identifier: Apache-2.0 */
/* rows: reading PostgreSQL's binary results. Private to record. */
#ifndef VAXEL_RECORD_ROWS_H
#define VAXEL_RECORD_ROWS_H

#include "base/failure.h"
#include "switch/ports.h"

#include <libpq-fe.h>

/* PostgreSQL counts microseconds from 2000-01-01. */
#define POSTGRES_EPOCH_US (INT64_C(946684800) * 1000000)

/* Each asserts the column's width: the statements are ours, and prepared against a migrated database. */
bool row_has(const PGresult *rows, int row, int column); /* not NULL */
bool row_bool(const PGresult *rows, int row, int column);
int32_t row_int2(const PGresult *rows, int row, int column);
int32_t row_int4(const PGresult *rows, int row, int column);
int64_t row_int8(const PGresult *rows, int row, int column);
struct instant row_time(const PGresult *rows, int row, int column);
struct request_id row_id(const PGresult *rows, int row, int column);
struct sum row_sum(const PGresult *rows, int row, int column); /* kind, id, spent_minor */
/* Copies what fits, and a NUL. */
void row_text(const PGresult *rows, int row, int column, char *text, size_t capacity);

/* Columns kind, amount_minor, client, credit, product, place from `column` on, as a content. */
struct content row_content(const PGresult *rows, int row, int column);

/* The same of a table's entry, in the order that COLUMNS_ENTRY gives. */
#define COLUMNS_ENTRY                                                                                                  \
    "e.id, e.amount_minor, e.recorded_at, e.month, e.organisation, e.epoch, e.traveller, e.credit, e.department, "     \
    "e.client, e.kind, e.product, e.place"
#define COLUMNS_FOUND COLUMNS_ENTRY ", e.flags, f.captured, f.refunded, f.is_reversed, h.expires_at"
#define COLUMN_FLAGS 13
#define COLUMN_CAPTURED 14
#define COLUMN_REFUNDED 15
#define COLUMN_REVERSED 16
#define COLUMN_EXPIRES 17
struct entry row_entry(const PGresult *rows, int row);

/* Whose fault an error is, by its SQLSTATE (NULL or "" when the connection broke). */
enum blame {
    BLAME_ROW,        /* this row, alone or in company, cannot be taken */
    BLAME_REPEAT,     /* a key is there already */
    BLAME_PARTITION,  /* the month has no partition */
    BLAME_CROWD,      /* deadlock or serialisation: try again at once */
    BLAME_CONNECTION, /* the server, its resources or its schema: connect again and try again */
};
enum blame row_blame(const PGresult *error);
/* The server takes no writes, as one in recovery. */
bool row_is_read_only(const PGresult *error);

/* The server's sentence on one line, without the row it may quote in its detail. */
void row_complaint(const PGresult *error, struct failure *failure);

#endif
