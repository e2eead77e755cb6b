/* SPDX-License-Identifier: Apache-2.0 */
/* book: what the directory knows, in memory. One thread writes, any thread reads; the lock is held for one look-up, or
 * for one batch of rows. Rows come in the order of enum row_kind, and coming again changes nothing. */
#ifndef VAXEL_DIRECTORY_BOOK_H
#define VAXEL_DIRECTORY_BOOK_H

#include "directory/rows.h"
#include "directory/table.h"

#include <stdatomic.h>

struct book {
    pthread_rwlock_t lock;
    int64_t traveller_cap_minor;
    struct table tables[ROW_KINDS];
    atomic_uint_fast64_t client_generation;
    atomic_uint_fast64_t moves; /* of departments that got another parent */
};

void book_init(struct book *book, int64_t traveller_cap_minor);
void book_finish(struct book *book);

/* Takes in an array of rows of one kind. All departments of a change must come in one call, so that a tree is never
 * seen half changed. False: a row refers to what the book does not have; what was taken in stays, and the book must be
 * loaded anew. */
bool book_take(struct book *book, enum row_kind kind, const void *rows, size_t count, struct failure *failure);

/* Puts everything `fresh` has in place of what was; `fresh` is finished by it. */
void book_replace(struct book *book, struct book *fresh);

bool book_find_account(struct book *book, const struct credential *credential, struct account *account);
bool book_find_payer(struct book *book, const struct payer *payer, struct account *account);
int32_t book_next_moved(struct book *book, uint64_t since, uint32_t *place);
bool book_find_client(struct book *book, const char *name, struct client *client);

/* Everything but the age. */
void book_facts(struct book *book, struct directory_facts *facts);

#endif
