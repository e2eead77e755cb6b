/* SPDX-License-Identifier: Apache-2.0 */
/* rows: what a row of each table says, read strictly from PostgreSQL's binary copy format. */
#ifndef VAXEL_DIRECTORY_ROWS_H
#define VAXEL_DIRECTORY_ROWS_H

#include "base/bytes.h"
#include "directory/directory.h"

enum organisation_state {
    ORGANISATION_APPLICANT,
    ORGANISATION_ACTIVE,
    ORGANISATION_SUSPENDED,
    ORGANISATION_ENDED,
};

enum credit_state { CREDIT_NOT_ACTIVATED, CREDIT_ACTIVE, CREDIT_BLOCKED, CREDIT_ENDED };

struct organisation_row {
    int32_t id;
    enum organisation_state state;
    int64_t limit_minor;
};

struct department_row {
    int32_t id;
    int32_t organisation;
    int32_t parent;       /* 0: the organisation itself */
    int64_t budget_minor; /* LIMIT_COUNTED_ONLY: none is set */
};

#define CAP_OF_OPERATOR INT64_C(-1)
struct traveller_row {
    int32_t id;
    int32_t organisation;
    int64_t cap_minor; /* CAP_OF_OPERATOR: none of their own */
};

struct credit_row {
    int32_t id;
    int32_t traveller;
    int32_t department; /* 0: the organisation itself pays */
    enum credit_state state;
    int64_t limit_minor;
    struct credential credential;
};

/* The tables, in the order in which a row may refer to another. */
enum row_kind { ROW_ORGANISATION, ROW_DEPARTMENT, ROW_TRAVELLER, ROW_CREDIT, ROW_CLIENT };
#define ROW_KINDS 5

/* The bytes of one row in memory: an array of rows of one kind is packed by it. */
size_t row_size(enum row_kind kind);

/* The columns that are read, as SQL. */
const char *row_columns(enum row_kind kind);
const char *row_table(enum row_kind kind);

/* Reads one COPY … (FORMAT binary). Zero, but for its kind, at the start. */
struct row_reader {
    enum row_kind kind;
    bool has_begun;
    bool has_ended;
};

enum row_next { ROW_TAKEN, ROW_MORE, ROW_BROKEN };

/* Takes the next row out of a piece of the copy, which moves on. ROW_MORE: the piece is used up. */
enum row_next row_next(struct row_reader *reader, struct bytes *piece, void *row, struct failure *failure);

#endif
