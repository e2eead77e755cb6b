/* SPDX-License-Identifier: Apache-2.0 */
/* records: how the book keeps what rows say: small, and referring by index. Each begins with its id (table.h). */
#ifndef VAXEL_DIRECTORY_RECORDS_H
#define VAXEL_DIRECTORY_RECORDS_H

#include "directory/rows.h"

struct organisation {
    int32_t id;
    uint8_t state;
    int64_t limit_minor;
    uint64_t moved; /* the book's count of moves at the last one of its departments; 0: none since the start */
};

struct department {
    int32_t id;
    uint32_t organisation;
    uint32_t parent; /* TABLE_NONE: the organisation itself */
    bool is_known;   /* false: named by another, and its own row has not come */
    int64_t budget_minor;
};

struct traveller {
    int32_t id;
    uint32_t organisation;
    int64_t cap_minor;
};

/* Its organisation is its traveller's: PostgreSQL holds them to be the same. */
struct credit {
    int32_t id;
    uint32_t traveller;
    uint32_t department; /* TABLE_NONE: the organisation itself pays */
    uint8_t state;
    uint8_t credential_kind;
    int64_t limit_minor;
    uint64_t credential[2]; /* the card's number and 0, or the app's id */
};

/* What a credential is kept and compared as, beside its kind. */
void book_credential_words(const struct credential *credential, uint64_t words[2]);

_Static_assert(sizeof(struct credit) == 40, "a million of these are kept");
_Static_assert(sizeof(struct traveller) == 16, "a million of these are kept");

#endif
