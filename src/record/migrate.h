/* SPDX-License-Identifier: Apache-2.0 */
/* migrate: brings a database to this program's version, forward only, under a lock; blocking. The files of sql/ are
 * built into the program. */
#ifndef VAXEL_RECORD_MIGRATE_H
#define VAXEL_RECORD_MIGRATE_H

#include "base/failure.h"

#include <stdint.h>

/* Runs what is missing and says each file's name through `report` (may be NULL). A database newer than this program is
 * left alone and is a failure. */
bool record_migrate(const char *conninfo, void *owner, void (*report)(void *owner, const char *file),
                    struct failure *failure);

/* Whether the database has exactly this program's version; the node's start asks it. */
bool record_is_migrated(const char *conninfo, struct failure *failure);

/* Whether nobody answers at `conninfo` just now, or no primary does, so that waiting helps; false when somebody does,
 * if only to say no. Takes some seconds at most. */
bool record_is_away(const char *conninfo);

#endif
