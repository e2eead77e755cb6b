/* SPDX-License-Identifier: Apache-2.0 */
/* reader: sums of the records over a blocking connection; for the audit and for people, never for a worker. */
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

/* The fence's epoch (0: none) and the sums as they are now, in one snapshot; no lock, nothing changed. `sums->sums` is
 * freed by the caller with free(); nothing is remembered. */
bool record_reader_sums(struct record_reader *reader, int32_t organisation, struct month month, struct sums *sums,
                        struct failure *failure);

#endif
