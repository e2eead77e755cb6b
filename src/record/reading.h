/* SPDX-License-Identifier: Apache-2.0 */
/* reading: what the reader's files share. Private to record. */
#ifndef VAXEL_RECORD_READING_H
#define VAXEL_RECORD_READING_H

#include "record/encoder.h"
#include "record/reader.h"
#include "record/rows.h"

struct record_reader {
    PGconn *connection;
    struct encoder encoder;
};

/* Runs a statement with what the encoder holds; NULL with the reason when it fails. */
PGresult *reader_run(struct record_reader *reader, const char *text, struct failure *failure);
/* The same of one that brings a column of numbers; freed by the caller with free(). */
bool reader_numbers(struct record_reader *reader, const char *text, int32_t **numbers, size_t *count,
                    struct failure *failure);

#endif
