/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "record/link.h"
#include "record/reading.h"

#include <stdlib.h>

#define READER_BYTES (256 + 8 * READER_SUMS_MOST)
/* Unless the conninfo has its own. */
#define CONNECT_TIMEOUT_S "10"

static const char sums_of_many[] = "SELECT organisation, kind, id, spent_minor FROM sums_of($1::int4, $2::int4[], "
                                   "array_fill(2147483647, ARRAY[cardinality($2::int4[])]), true) "
                                   "UNION ALL SELECT organisation, 0::int2, 0, epoch::int8 FROM fence WHERE month = "
                                   "$1::int4 AND organisation = ANY ($2::int4[])";

static bool run_settings(struct record_reader *reader, struct failure *failure) {
    PGresult *result = PQexec(reader->connection, settings_reader);
    bool is_set = PQresultStatus(result) == PGRES_TUPLES_OK;
    if (!is_set)
        row_complaint(result, failure);
    PQclear(result);
    return is_set;
}

struct record_reader *record_reader_open(const char *conninfo, struct failure *failure) {
    struct record_reader *reader = calloc(1, sizeof *reader);
    CHECK(reader != NULL);
    encoder_init(&reader->encoder, READER_BYTES);
    reader->connection = PQconnectdbParams((const char *const[]){"connect_timeout", "dbname", NULL},
                                           (const char *const[]){CONNECT_TIMEOUT_S, conninfo, NULL}, 1);
    if (PQstatus(reader->connection) != CONNECTION_OK)
        failure_set(failure, "postgres: %s", PQerrorMessage(reader->connection));
    else if (run_settings(reader, failure))
        return reader;
    record_reader_close(reader);
    return NULL;
}

void record_reader_close(struct record_reader *reader) {
    if (reader == NULL)
        return;
    PQfinish(reader->connection);
    encoder_finish(&reader->encoder);
    free(reader);
}

PGresult *reader_run(struct record_reader *reader, const char *text, struct failure *failure) {
    const struct encoder *encoder = &reader->encoder;
    const char *values[PARAMETERS_MAX];
    int formats[PARAMETERS_MAX];
    for (int at = 0; at < encoder->count; at++) {
        values[at] = (const char *)encoder->buffer.data + encoder->starts[at];
        formats[at] = 1;
    }
    PGresult *rows = PQexecParams(reader->connection, text, encoder->count, NULL, values, encoder->lengths, formats, 1);
    if (PQresultStatus(rows) == PGRES_TUPLES_OK || PQresultStatus(rows) == PGRES_COMMAND_OK)
        return rows;
    row_complaint(rows, failure);
    PQclear(rows);
    return NULL;
}

bool reader_numbers(struct record_reader *reader, const char *text, int32_t **numbers, size_t *count,
                    struct failure *failure) {
    PGresult *rows = reader_run(reader, text, failure);
    if (rows == NULL)
        return false;
    *count = (size_t)PQntuples(rows);
    *numbers = calloc(*count + 1, sizeof **numbers);
    CHECK(*numbers != NULL);
    for (size_t at = 0; at < *count; at++)
        (*numbers)[at] = row_int4(rows, (int)at, 0);
    PQclear(rows);
    return true;
}

bool record_reader_organisations(struct record_reader *reader, struct month month, int32_t **organisations,
                                 size_t *count, struct failure *failure) {
    encoder_reset(&reader->encoder);
    encoder_single(&reader->encoder);
    encoder_int4(&reader->encoder, month.yyyymm);
    return reader_numbers(reader, "SELECT organisation FROM fence WHERE month = $1::int4 ORDER BY organisation",
                          organisations, count, failure);
}

static int compare_organisations(const void *one, const void *other) {
    const int32_t *a = one;
    const int32_t *b = other;
    return (*a > *b) - (*a < *b);
}

/* Their rows come one organisation after the other, and those of the fences, of kind 0, last. */
static void take_sums(const PGresult *rows, const int32_t *organisations, uint32_t count, struct sums *sums) {
    int total = PQntuples(rows);
    for (int row = 0, next; row < total; row = next) {
        int32_t organisation = row_int4(rows, row, 0);
        const int32_t *place =
            bsearch(&organisation, organisations, count, sizeof *organisations, compare_organisations);
        CHECK(place != NULL);
        struct sums *of = &sums[place - organisations];
        if (row_sum(rows, row, 1).kind == 0) {
            of->epoch = (int32_t)row_sum(rows, row, 1).spent_minor;
            next = row + 1;
            continue;
        }
        for (next = row + 1;
             next < total && row_int4(rows, next, 0) == organisation && row_sum(rows, next, 1).kind != 0;)
            next++;
        struct sum *read = calloc((size_t)(next - row), sizeof *read);
        CHECK(read != NULL && of->sums == NULL);
        for (int at = row; at < next; at++)
            read[of->sum_count++] = row_sum(rows, at, 1);
        of->sums = read;
    }
}

bool record_reader_sums(struct record_reader *reader, const int32_t *organisations, uint32_t count, struct month month,
                        struct sums *sums, struct failure *failure) {
    for (uint32_t at = 0; at < count; at++)
        sums[at] = (struct sums){.organisation = organisations[at], .month = month};
    encoder_reset(&reader->encoder);
    encoder_single(&reader->encoder);
    encoder_int4(&reader->encoder, month.yyyymm);
    encoder_array(&reader->encoder, ELEMENT_INT4, count);
    for (uint32_t at = 0; at < count; at++)
        encoder_int4(&reader->encoder, organisations[at]);
    PGresult *rows = reader_run(reader, sums_of_many, failure);
    if (rows == NULL)
        return false;
    take_sums(rows, organisations, count, sums);
    PQclear(rows);
    return true;
}
