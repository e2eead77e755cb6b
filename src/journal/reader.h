/* SPDX-License-Identifier: Apache-2.0 */
/* reader: what a journal's files hold, read beside whoever has it open; for people, never for a worker. Takes no lock
 * and changes nothing. What is written meanwhile is seen or not; what is drained meanwhile may be gone, and is where it
 * belongs by then: so look here first, and in the records after. */
#ifndef VAXEL_JOURNAL_READER_H
#define VAXEL_JOURNAL_READER_H

#include "base/failure.h"
#include "switch/ports.h"

/* Calls back for each entry that can be read, those before the mark as well, as far as their segments have not been
 * used anew: these are drained, of the others some may be. False: the directory is no journal, or can't be read. */
typedef void journal_on_entry(void *owner, const struct entry *entry, bool is_drained);
bool journal_read(const char *directory, void *owner, journal_on_entry *on_entry, struct failure *failure);

#endif
