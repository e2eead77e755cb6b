/* SPDX-License-Identifier: Apache-2.0 */
/* version: whether a database is at this program's version. Private to record; in migrate.c. */
#ifndef VAXEL_RECORD_VERSION_H
#define VAXEL_RECORD_VERSION_H

#include "base/failure.h"

#include <libpq-fe.h>

/* The names of the migrations that were run, in the order they were. */
extern const char version_query[];

/* Whether `names` are exactly this program's. */
bool version_check(const PGresult *names, struct failure *failure);

/* Why the query may fail: there is no table to ask. Returns false. */
bool version_missing(struct failure *failure);

#endif
