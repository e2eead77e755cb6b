/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of reference share. */
#ifndef VAXEL_REFERENCE_INTERNAL_H
#define VAXEL_REFERENCE_INTERNAL_H

#include "reference/reference.h"

#include <libpq-fe.h>

/* Runs one statement on a connection that is free, and waits for its rows. NULL: `failure` says why. */
PGresult *references_run(struct references *references, const char *sql, int count, const char *const *values,
                         struct failure *failure);

#endif
