/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "record/link.h"
#include "record/reading.h"

#include <stdlib.h>

#define READER_BYTES 256
/* Unless the conninfo has its own. */
#define CONNECT_TIMEOUT_S "10"

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

bool record_reader_sums(struct record_reader *reader, int32_t organisation, struct month month, struct sums *sums,
                        struct failure *failure) {
    encoder_reset(&reader->encoder);
    encoder_single(&reader->encoder);
    encoder_int4(&reader->encoder, month.yyyymm);
    encoder_single(&reader->encoder);
    encoder_int4(&reader->encoder, organisation);
    PGresult *rows = reader_run(reader, statement_text(STATEMENT_READ_MONTH), failure);
    if (rows == NULL)
        return false;
    *sums = (struct sums){.organisation = organisation, .month = month};
    struct sum *read = calloc((size_t)PQntuples(rows), sizeof *read);
    CHECK(read != NULL);
    for (int row = 0; row < PQntuples(rows); row++) {
        struct sum sum = row_sum(rows, row, 0);
        if (sum.kind == 0)
            sums->epoch = (int32_t)sum.spent_minor;
        else
            read[sums->sum_count++] = sum;
    }
    sums->sums = read;
    PQclear(rows);
    return true;
}
