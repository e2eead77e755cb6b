/* SPDX-License-Identifier: Apache-2.0 */
#include "directory/book.h"

#include "base/check.h"
#include "directory/records.h"

#include <string.h>

/* ---- keys ---- */

void book_credential_words(const struct credential *credential, uint64_t words[2]) {
    words[0] = 0;
    words[1] = 0;
    if (credential->kind == CREDENTIAL_CARD) {
        words[0] = credential->card;
    } else {
        memcpy(words, credential->app, sizeof(credential->app));
    }
}

static uint64_t credential_hash(int kind, const uint64_t words[2]) {
    return table_mix(words[0] ^ table_mix(words[1] + (uint64_t)kind));
}

static uint64_t credit_key_hash(const void *record) {
    const struct credit *credit = record;
    return credential_hash(credit->credential_kind, credit->credential);
}

static uint64_t name_hash(const char *name) {
    uint64_t hash = 0;
    for (; *name != 0; name++) {
        hash = table_mix(hash + (uint8_t)*name);
    }
    return hash;
}

static uint64_t client_key_hash(const void *record) {
    return name_hash(((const struct client *)record)->name);
}

/* ---- the lock ---- */

/* Readers come without pause; a writer that waited for a gap would never be let in. */
static void lock_init(pthread_rwlock_t *lock) {
    pthread_rwlockattr_t attributes;
    CHECK(pthread_rwlockattr_init(&attributes) == 0);
    CHECK(pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
    CHECK(pthread_rwlock_init(lock, &attributes) == 0);
    CHECK(pthread_rwlockattr_destroy(&attributes) == 0);
}

static void lock_to_read(struct book *book) {
    CHECK(pthread_rwlock_rdlock(&book->lock) == 0);
}

static void lock_to_write(struct book *book) {
    CHECK(pthread_rwlock_wrlock(&book->lock) == 0);
}

static void unlock(struct book *book) {
    CHECK(pthread_rwlock_unlock(&book->lock) == 0);
}

void book_init(struct book *book, int64_t traveller_cap_minor) {
    lock_init(&book->lock);
    book->traveller_cap_minor = traveller_cap_minor;
    atomic_init(&book->client_generation, 1);
    atomic_init(&book->moves, 0);
    table_init(&book->tables[ROW_ORGANISATION], sizeof(struct organisation), NULL);
    table_init(&book->tables[ROW_DEPARTMENT], sizeof(struct department), NULL);
    table_init(&book->tables[ROW_TRAVELLER], sizeof(struct traveller), NULL);
    table_init(&book->tables[ROW_CREDIT], sizeof(struct credit), credit_key_hash);
    table_init(&book->tables[ROW_CLIENT], sizeof(struct client), client_key_hash);
}

void book_finish(struct book *book) {
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        table_finish(&book->tables[kind]);
    }
    CHECK(pthread_rwlock_destroy(&book->lock) == 0);
}

static const struct department *department_at(const struct book *book, uint32_t index) {
    return table_at(&book->tables[ROW_DEPARTMENT], index);
}

/* 0: the organisation itself. */
static int32_t id_of_department(const struct book *book, uint32_t index) {
    return index == TABLE_NONE ? 0 : department_at(book, index)->id;
}

/* Whether a department that the book has lies elsewhere in the fresh one. */
static bool lies_elsewhere(const struct book *book, const struct book *fresh, const struct department *department) {
    const struct table *table = &book->tables[ROW_DEPARTMENT];
    uint32_t index = table_find(table, department->id);
    if (index == TABLE_NONE) {
        return false;
    }
    const struct department *before = table_at(table, index);
    return before->is_known && id_of_department(book, before->parent) != id_of_department(fresh, department->parent);
}

/* Tells the fresh book of the moves there were, and of those between the two; the count of them all. */
static uint64_t bring_moves(const struct book *book, struct book *fresh) {
    uint64_t moves = atomic_load(&book->moves);
    const struct table *before = &book->tables[ROW_ORGANISATION];
    const struct table *organisations = &fresh->tables[ROW_ORGANISATION];
    for (uint32_t i = 0; i < organisations->count; i++) {
        struct organisation *organisation = table_at(organisations, i);
        uint32_t index = table_find(before, organisation->id);
        if (index != TABLE_NONE) {
            organisation->moved = ((const struct organisation *)table_at(before, index))->moved;
        }
    }
    for (uint32_t i = 0; i < fresh->tables[ROW_DEPARTMENT].count; i++) {
        const struct department *department = department_at(fresh, i);
        if (lies_elsewhere(book, fresh, department)) {
            ((struct organisation *)table_at(organisations, department->organisation))->moved = ++moves;
        }
    }
    return moves;
}

void book_replace(struct book *book, struct book *fresh) {
    uint64_t moves = bring_moves(book, fresh);
    lock_to_write(book);
    atomic_store(&book->moves, moves);
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        struct table old = book->tables[kind];
        book->tables[kind] = fresh->tables[kind];
        fresh->tables[kind] = old;
    }
    unlock(book);
    atomic_fetch_add(&book->client_generation, 1);
    book_finish(fresh);
}

/* ---- looking up ---- */

static const struct credit *credit_at(const struct book *book, uint32_t index) {
    return table_at(&book->tables[ROW_CREDIT], index);
}

/* Of all credits a card or app ever had: the one that has not ended, or else the newest. TABLE_NONE: it had none. */
static uint32_t find_credit(const struct book *book, const struct credential *credential) {
    const struct table *table = &book->tables[ROW_CREDIT];
    uint32_t best_index = TABLE_NONE;
    uint64_t words[2];
    book_credential_words(credential, words);
    uint64_t hash = credential_hash((int)credential->kind, words);
    struct table_cursor cursor = {0};
    for (uint32_t index; (index = table_next(table, hash, &cursor)) != TABLE_NONE;) {
        const struct credit *credit = credit_at(book, index);
        if (credit->credential_kind != credential->kind || memcmp(credit->credential, words, sizeof(words)) != 0) {
            continue;
        }
        const struct credit *best = best_index == TABLE_NONE ? NULL : credit_at(book, best_index);
        bool is_live = credit->state != CREDIT_ENDED;
        bool is_best_live = best != NULL && best->state != CREDIT_ENDED;
        if (best == NULL || (is_live != is_best_live ? is_live : credit->id > best->id)) {
            best_index = index;
        }
    }
    return best_index;
}

static enum reason standing_of(const struct organisation *organisation, const struct credit *credit) {
    if (organisation->state != ORGANISATION_ACTIVE) {
        return REASON_ORGANISATION_SUSPENDED;
    }
    switch ((enum credit_state)credit->state) {
    case CREDIT_ENDED:
        return REASON_ENDED;
    case CREDIT_BLOCKED:
        return REASON_BLOCKED;
    case CREDIT_NOT_ACTIVATED:
        return REASON_NOT_ACTIVATED;
    case CREDIT_ACTIVE:
        return REASON_APPROVED;
    }
    CHECK(false);
}

static void add_limit(struct account *account, enum limit_kind kind, int32_t id, int64_t ceiling_minor) {
    account->limits[account->limit_count++] = (struct limit){.kind = kind, .id = id, .ceiling_minor = ceiling_minor};
}

/* From the paying department upwards (DOMAIN S7). False when there are more than may be checked at once. */
static bool add_departments(const struct book *book, uint32_t index, struct account *account) {
    for (int depth = 0; index != TABLE_NONE; depth++) {
        const struct department *department = department_at(book, index);
        if (depth == DEPARTMENTS_CAPACITY || !department->is_known) {
            return false;
        }
        add_limit(account, LIMIT_DEPARTMENT, department->id, department->budget_minor);
        index = department->parent;
    }
    return true;
}

/* The places of those who pay, in their tables. */
struct payers {
    uint32_t credit;
    uint32_t traveller;
    uint32_t department; /* TABLE_NONE: the organisation itself */
    uint32_t organisation;
};

static void fill_account(const struct book *book, const struct payers *payers, struct account *account) {
    const struct credit *credit = credit_at(book, payers->credit);
    const struct traveller *traveller = table_at(&book->tables[ROW_TRAVELLER], payers->traveller);
    const struct organisation *organisation = table_at(&book->tables[ROW_ORGANISATION], payers->organisation);
    bool has_cap = traveller->cap_minor != CAP_OF_OPERATOR;
    memset(account, 0, sizeof(*account));
    account->standing = standing_of(organisation, credit);
    account->channel = credit->credential_kind == CREDENTIAL_CARD ? CHANNEL_CARD : CHANNEL_APP;
    account->organisation = organisation->id;
    account->department = payers->department == TABLE_NONE ? 0 : department_at(book, payers->department)->id;
    account->traveller = traveller->id;
    account->credit = credit->id;
    account->moves = atomic_load(&book->moves);
    add_limit(account, LIMIT_CREDIT, credit->id, credit->limit_minor);
    add_limit(account, LIMIT_TRAVELLER, traveller->id, has_cap ? traveller->cap_minor : book->traveller_cap_minor);
    /* What can't be checked against every limit must not be bought. */
    if (!add_departments(book, payers->department, account) && account->standing == REASON_APPROVED) {
        account->standing = REASON_BLOCKED;
    }
    add_limit(account, LIMIT_ORGANISATION, organisation->id, organisation->limit_minor);
}

bool book_find_account(struct book *book, const struct credential *credential, struct account *account) {
    lock_to_read(book);
    uint32_t index = find_credit(book, credential);
    if (index != TABLE_NONE) {
        const struct credit *credit = credit_at(book, index);
        const struct traveller *traveller = table_at(&book->tables[ROW_TRAVELLER], credit->traveller);
        fill_account(book,
                     &(struct payers){.credit = index,
                                      .traveller = credit->traveller,
                                      .department = credit->department,
                                      .organisation = traveller->organisation},
                     account);
    }
    unlock(book);
    return index != TABLE_NONE;
}

/* By the ids of then: a credit may have been given to another department since. */
static bool find_payers(const struct book *book, const struct payer *payer, struct payers *payers) {
    payers->credit = table_find(&book->tables[ROW_CREDIT], payer->credit);
    payers->traveller = table_find(&book->tables[ROW_TRAVELLER], payer->traveller);
    payers->organisation = table_find(&book->tables[ROW_ORGANISATION], payer->organisation);
    payers->department =
        payer->department == 0 ? TABLE_NONE : table_find(&book->tables[ROW_DEPARTMENT], payer->department);
    return payers->credit != TABLE_NONE && payers->traveller != TABLE_NONE && payers->organisation != TABLE_NONE &&
           (payer->department == 0 || payers->department != TABLE_NONE);
}

bool book_find_payer(struct book *book, const struct payer *payer, struct account *account) {
    struct payers payers;
    lock_to_read(book);
    bool is_found = find_payers(book, payer, &payers);
    if (is_found) {
        fill_account(book, &payers, account);
    }
    unlock(book);
    return is_found;
}

bool book_find_client(struct book *book, const char *name, struct client *client) {
    const struct table *table = &book->tables[ROW_CLIENT];
    struct table_cursor cursor = {0};
    bool is_found = false;
    lock_to_read(book);
    for (uint32_t index; !is_found && (index = table_next(table, name_hash(name), &cursor)) != TABLE_NONE;) {
        const struct client *here = table_at(table, index);
        if (strcmp(here->name, name) == 0) {
            *client = *here;
            is_found = true;
        }
    }
    unlock(book);
    return is_found;
}

int32_t book_next_moved(struct book *book, uint64_t since, uint32_t *place) {
    const struct table *table = &book->tables[ROW_ORGANISATION];
    int32_t moved = 0;
    lock_to_read(book);
    while (moved == 0 && *place < table->count) {
        const struct organisation *organisation = table_at(table, (*place)++);
        moved = organisation->moved > since ? organisation->id : 0;
    }
    unlock(book);
    return moved;
}

void book_facts(struct book *book, struct directory_facts *facts) {
    lock_to_read(book);
    facts->organisations = book->tables[ROW_ORGANISATION].count;
    facts->departments = book->tables[ROW_DEPARTMENT].count;
    facts->travellers = book->tables[ROW_TRAVELLER].count;
    facts->credits = book->tables[ROW_CREDIT].count;
    facts->clients = book->tables[ROW_CLIENT].count;
    facts->memory_bytes = sizeof(*book);
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        facts->memory_bytes += table_memory_bytes(&book->tables[kind]);
    }
    unlock(book);
}
