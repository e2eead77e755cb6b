/* SPDX-License-Identifier: Apache-2.0 */
#include "record/rows.h"
#include "base/check.h"

#include <endian.h>
#include <string.h>

static const void *field(const PGresult *rows, int row, int column, int width) {
    CHECK(column < PQnfields(rows));
    CHECK(PQgetlength(rows, row, column) == width);
    return PQgetvalue(rows, row, column);
}

bool row_has(const PGresult *rows, int row, int column) {
    return !PQgetisnull(rows, row, column);
}

bool row_bool(const PGresult *rows, int row, int column) {
    return *(const char *)field(rows, row, column, 1) != 0;
}

int32_t row_int2(const PGresult *rows, int row, int column) {
    uint16_t ordered;
    memcpy(&ordered, field(rows, row, column, sizeof ordered), sizeof ordered);
    return (int16_t)be16toh(ordered);
}

int32_t row_int4(const PGresult *rows, int row, int column) {
    uint32_t ordered;
    memcpy(&ordered, field(rows, row, column, sizeof ordered), sizeof ordered);
    return (int32_t)be32toh(ordered);
}

int64_t row_int8(const PGresult *rows, int row, int column) {
    uint64_t ordered;
    memcpy(&ordered, field(rows, row, column, sizeof ordered), sizeof ordered);
    return (int64_t)be64toh(ordered);
}

struct instant row_time(const PGresult *rows, int row, int column) {
    return (struct instant){row_int8(rows, row, column) + POSTGRES_EPOCH_US};
}

struct request_id row_id(const PGresult *rows, int row, int column) {
    struct request_id id;
    memcpy(id.bytes, field(rows, row, column, REQUEST_ID_SIZE), REQUEST_ID_SIZE);
    return id;
}

struct sum row_sum(const PGresult *rows, int row, int column) {
    return (struct sum){
        .kind = (enum limit_kind)row_int2(rows, row, column),
        .id = row_int4(rows, row, column + 1),
        .spent_minor = row_int8(rows, row, column + 2),
    };
}

void row_text(const PGresult *rows, int row, int column, char *text, size_t capacity) {
    size_t size = (size_t)PQgetlength(rows, row, column);
    if (size > capacity - 1)
        size = capacity - 1;
    memcpy(text, PQgetvalue(rows, row, column), size);
    text[size] = '\0';
}

struct content row_content(const PGresult *rows, int row, int column) {
    return (struct content){
        .kind = (uint8_t)row_int2(rows, row, column),
        .amount_minor = row_int8(rows, row, column + 1),
        .client = row_int4(rows, row, column + 2),
        .credit = row_int4(rows, row, column + 3),
        .product_hash = content_hash(PQgetvalue(rows, row, column + 4)),
        .place_hash = content_hash(PQgetvalue(rows, row, column + 5)),
    };
}

struct entry row_entry(const PGresult *rows, int row) {
    struct entry entry = {
        .id = row_id(rows, row, 0),
        .amount_minor = row_int8(rows, row, 1),
        .appended_at = row_time(rows, row, 2),
        .month = {row_int4(rows, row, 3)},
        .organisation = row_int4(rows, row, 4),
        .epoch = row_int4(rows, row, 5),
        .traveller = row_int4(rows, row, 6),
        .credit = row_int4(rows, row, 7),
        .department = row_int4(rows, row, 8),
        .client = row_int4(rows, row, 9),
        .kind = (enum entry_kind)row_int2(rows, row, 10),
    };
    row_text(rows, row, 11, entry.product.code, sizeof entry.product.code);
    row_text(rows, row, 12, entry.place.text, sizeof entry.place.text);
    return entry;
}

/* Classes of SQLSTATE that say nothing about a row: the connection, transaction state, authorization, schema or
 * prepared statement, resources, operator's intervention, system. */
static const char *const blameless_classes[] = {"08", "25", "26", "28", "3D", "3F", "42", "53", "55", "57", "58", "F0"};

enum blame row_blame(const PGresult *error) {
    const char *state = PQresultErrorField(error, PG_DIAG_SQLSTATE);
    if (state == NULL || state[0] == '\0')
        return BLAME_CONNECTION;
    if (strcmp(state, "23505") == 0)
        return BLAME_REPEAT;
    /* A check has a name; a row that no partition takes is told by the same state without one. */
    if (strcmp(state, "23514") == 0 && PQresultErrorField(error, PG_DIAG_CONSTRAINT_NAME) == NULL)
        return BLAME_PARTITION;
    if (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0)
        return BLAME_CROWD;
    for (size_t at = 0; at < sizeof blameless_classes / sizeof *blameless_classes; at++)
        if (strncmp(state, blameless_classes[at], 2) == 0)
            return BLAME_CONNECTION;
    return BLAME_ROW;
}

bool row_is_read_only(const PGresult *error) {
    const char *state = PQresultErrorField(error, PG_DIAG_SQLSTATE);
    return state != NULL && strcmp(state, "25006") == 0;
}

void row_complaint(const PGresult *error, struct failure *failure) {
    const char *state = PQresultErrorField(error, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(error, PG_DIAG_MESSAGE_PRIMARY);
    failure_set(failure, "%s (SQLSTATE %s)", message == NULL ? "the connection broke" : message,
                state == NULL ? "none" : state);
}
