/* SPDX-License-Identifier: Apache-2.0 */
/* loader: from PostgreSQL into the book: everything at first, then what changed.
 *
 *   what a look sees of the numbers of transactions:   … xmin ······ xmax …
 *                 all below xmin have ended ──────────────┘           └─── none from here on has
 *
 * The next look asks for rows changed by transactions from this look's xmin on: one that was open then and commits late
 * is in that range, whenever it commits. So nothing is missed, and some rows come again. Rows above xmax were stamped
 * in another database and restored into this one; they came with the first load. */
#ifndef VAXEL_DIRECTORY_LOADER_H
#define VAXEL_DIRECTORY_LOADER_H

#include "directory/book.h"
#include "directory/source.h"

struct loader {
    struct source source;
    char identity[96]; /* of the database whose transactions are counted; "" before the first */
    struct tick identified_at;
    uint64_t xmin; /* of the last look; 0: everything must be loaded */
};

/* One look: connects when there is no connection. False: PostgreSQL is away or not as it should be; the book is as
 * before, or has a part of the changes, and the next look brings them all. */
bool loader_look(struct loader *loader, struct book *book, struct failure *failure);

#endif
