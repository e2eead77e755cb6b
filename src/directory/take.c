/* SPDX-License-Identifier: Apache-2.0 */
/* Rows into the book. Only the writer gets here, and what it alone changes it reads without the lock. */
#include "base/check.h"
#include "base/log.h"
#include "directory/book.h"
#include "directory/records.h"

#include <string.h>

static const struct department *department_at(const struct book *book, uint32_t index) {
    return table_at(&book->tables[ROW_DEPARTMENT], index);
}

static uint32_t find_or_add(struct table *table, int32_t id) {
    uint32_t index = table_find(table, id);
    return index != TABLE_NONE ? index : table_add(table, id);
}

/* Where a row refers to: TABLE_NONE with a reason when the book does not have it. */
static uint32_t refer(const struct book *book, enum row_kind to, int32_t id, enum row_kind from, int32_t from_id,
                      struct failure *failure) {
    uint32_t index = table_find(&book->tables[to], id);
    if (index == TABLE_NONE) {
        failure_set(failure, "%s %d names %s %d, which is not known", row_table(from), from_id, row_table(to), id);
    }
    return index;
}

static bool take_organisation(struct book *book, const struct organisation_row *row, struct failure *failure) {
    (void)failure;
    struct table *table = &book->tables[ROW_ORGANISATION];
    struct organisation *organisation = table_at(table, find_or_add(table, row->id));
    organisation->state = (uint8_t)row->state;
    organisation->limit_minor = row->limit_minor;
    return true;
}

static void note_move(struct book *book, uint32_t organisation) {
    struct organisation *record = table_at(&book->tables[ROW_ORGANISATION], organisation);
    record->moved = atomic_fetch_add(&book->moves, 1) + 1;
}

static bool take_department(struct book *book, const struct department_row *row, struct failure *failure) {
    uint32_t organisation = refer(book, ROW_ORGANISATION, row->organisation, ROW_DEPARTMENT, row->id, failure);
    if (organisation == TABLE_NONE) {
        return false;
    }
    struct table *table = &book->tables[ROW_DEPARTMENT];
    uint32_t index = find_or_add(table, row->id);
    /* A parent may come after its child: it gets its place now, and is known when its own row comes. */
    uint32_t parent = row->parent == 0 ? TABLE_NONE : find_or_add(table, row->parent);
    struct department *department = table_at(table, index);
    if (department->is_known && department->parent != parent) {
        note_move(book, organisation);
    }
    department->organisation = organisation;
    department->parent = parent;
    department->budget_minor = row->budget_minor;
    department->is_known = true;
    return true;
}

static bool take_traveller(struct book *book, const struct traveller_row *row, struct failure *failure) {
    uint32_t organisation = refer(book, ROW_ORGANISATION, row->organisation, ROW_TRAVELLER, row->id, failure);
    if (organisation == TABLE_NONE) {
        return false;
    }
    struct table *table = &book->tables[ROW_TRAVELLER];
    struct traveller *traveller = table_at(table, find_or_add(table, row->id));
    traveller->organisation = organisation;
    traveller->cap_minor = row->cap_minor;
    return true;
}

static void set_credential(struct table *table, uint32_t index, bool is_new, const struct credential *credential) {
    struct credit *credit = table_at(table, index);
    uint64_t words[2];
    book_credential_words(credential, words);
    if (!is_new) {
        if (credit->credential_kind == credential->kind && memcmp(credit->credential, words, sizeof(words)) == 0) {
            return;
        }
        table_remove_key(table, index);
    }
    credit->credential_kind = (uint8_t)credential->kind;
    memcpy(credit->credential, words, sizeof(words));
    table_enter_key(table, index);
}

static bool take_credit(struct book *book, const struct credit_row *row, struct failure *failure) {
    uint32_t department = TABLE_NONE;
    uint32_t traveller = refer(book, ROW_TRAVELLER, row->traveller, ROW_CREDIT, row->id, failure);
    if (traveller == TABLE_NONE) {
        return false;
    }
    if (row->department != 0) {
        department = refer(book, ROW_DEPARTMENT, row->department, ROW_CREDIT, row->id, failure);
        if (department == TABLE_NONE) {
            return false;
        }
    }
    struct table *table = &book->tables[ROW_CREDIT];
    uint32_t index = table_find(table, row->id);
    bool is_new = index == TABLE_NONE;
    if (is_new) {
        index = table_add(table, row->id);
    }
    set_credential(table, index, is_new, &row->credential);
    struct credit *credit = table_at(table, index);
    credit->traveller = traveller;
    credit->department = department;
    credit->state = (uint8_t)row->state;
    credit->limit_minor = row->limit_minor;
    return true;
}

static bool is_same_client(const struct client *one, const struct client *other) {
    return one->kind == other->kind && one->is_blocked == other->is_blocked && one->calls == other->calls &&
           one->channels == other->channels && one->rate_per_s == other->rate_per_s &&
           one->tap_window_us == other->tap_window_us && strcmp(one->name, other->name) == 0;
}

static bool is_nameless(const struct client *row) {
    return row->name[0] == '\0';
}

/* No certificate is taken whose name is that long. One that is known by the name it had before may not use that. */
static void take_nameless(struct book *book, uint32_t index) {
    struct client *known = index != TABLE_NONE ? table_at(&book->tables[ROW_CLIENT], index) : NULL;
    if (known != NULL && !known->is_blocked) {
        known->is_blocked = true;
        atomic_fetch_add(&book->client_generation, 1);
    }
}

static bool take_client(struct book *book, const struct client *row, struct failure *failure) {
    (void)failure;
    struct table *table = &book->tables[ROW_CLIENT];
    uint32_t index = table_find(table, row->id);
    if (is_nameless(row)) {
        take_nameless(book, index);
        return true;
    }
    if (index == TABLE_NONE) {
        index = table_add(table, row->id);
    } else if (is_same_client(table_at(table, index), row)) {
        return true;
    } else {
        table_remove_key(table, index);
    }
    memcpy(table_at(table, index), row, sizeof(*row));
    table_enter_key(table, index);
    atomic_fetch_add(&book->client_generation, 1);
    return true;
}

static bool take_row(struct book *book, enum row_kind kind, const void *row, struct failure *failure) {
    switch (kind) {
    case ROW_ORGANISATION:
        return take_organisation(book, row, failure);
    case ROW_DEPARTMENT:
        return take_department(book, row, failure);
    case ROW_TRAVELLER:
        return take_traveller(book, row, failure);
    case ROW_CREDIT:
        return take_credit(book, row, failure);
    case ROW_CLIENT:
        return take_client(book, row, failure);
    }
    CHECK(false);
}

/* Whether a purchase paid there can be checked against every budget on the way up. */
static bool is_payable(const struct book *book, uint32_t department) {
    for (int depth = 0; depth < DEPARTMENTS_CAPACITY; depth++) {
        const struct department *here = department_at(book, department);
        if (!here->is_known || here->parent == TABLE_NONE) {
            return here->is_known;
        }
        department = here->parent;
    }
    return false;
}

/* A parent that was named and never came, and trees that can't be checked. The first is a hole in what was read; the
 * second PostgreSQL refuses, so somebody has gone round it: it is told, and what is paid there is declined. */
static bool look_over_departments(const struct book *book, struct failure *failure) {
    uint32_t unpayable = 0;
    for (uint32_t i = 0; i < book->tables[ROW_DEPARTMENT].count; i++) {
        const struct department *department = department_at(book, i);
        if (!department->is_known) {
            return failure_set(failure, "a department names department %d as its parent, which is not known",
                               department->id);
        }
        if (!is_payable(book, i) && unpayable++ == 0) {
            log_error("directory",
                      "department has too many above it, or a loop: its credits are declined department=%d most=%d",
                      department->id, DEPARTMENTS_CAPACITY - 1);
        }
    }
    if (unpayable > 1) {
        log_error("directory", "more departments have too many above them, or a loop count=%u", unpayable - 1);
    }
    return true;
}

/* One such row must not keep all the others out. */
static void tell_of_nameless(const struct client *rows, size_t count) {
    size_t nameless = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_nameless(&rows[i]) && nameless++ == 0) {
            log_error("directory",
                      "client's name is too long: it is left out until it has another client=%d most_bytes=%d",
                      rows[i].id, CLIENT_NAME_SIZE - 1);
        }
    }
    if (nameless > 1) {
        log_error("directory", "more clients' names are too long count=%zu", nameless - 1);
    }
}

bool book_take(struct book *book, enum row_kind kind, const void *rows, size_t count, struct failure *failure) {
    if (count == 0) {
        return true;
    }
    CHECK(count < TABLE_NONE / 2);
    /* A department may bring its parent with it. */
    uint32_t extra = (uint32_t)count * (kind == ROW_DEPARTMENT ? 2 : 1);
    table_reserve(&book->tables[kind], extra, &book->lock);
    bool is_taken = true;
    CHECK(pthread_rwlock_wrlock(&book->lock) == 0);
    for (size_t i = 0; i < count && is_taken; i++) {
        is_taken = take_row(book, kind, (const char *)rows + i * row_size(kind), failure);
    }
    CHECK(pthread_rwlock_unlock(&book->lock) == 0);
    if (kind == ROW_CLIENT) {
        tell_of_nameless(rows, count);
    }
    return is_taken && (kind != ROW_DEPARTMENT || look_over_departments(book, failure));
}
