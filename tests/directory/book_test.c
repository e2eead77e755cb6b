/* SPDX-License-Identifier: Apache-2.0 */
/* What only a database gone wrong would say. */
#include "directory/book.h"

#include <criterion/criterion.h>
#include <string.h>

#define MANY 20000

Test(book, departments_whose_parents_never_come_are_refused_however_many) {
    static struct department_row rows[MANY];
    static struct book book;
    struct failure failure = {""};
    struct organisation_row organisation = {.id = 1, .state = ORGANISATION_ACTIVE};
    book_init(&book, 0);
    cr_assert(book_take(&book, ROW_ORGANISATION, &organisation, 1, &failure));
    for (int32_t i = 0; i < MANY; i++) {
        rows[i] = (struct department_row){.id = i + 1, .organisation = 1, .parent = MANY + i + 1};
    }
    cr_expect_not(book_take(&book, ROW_DEPARTMENT, rows, MANY, &failure));
    cr_expect_not_null(strstr(failure.text, "not known"), "%s", failure.text);
    book_finish(&book);
}

Test(book, a_row_that_names_what_is_not_there_is_refused_and_named) {
    static struct book book;
    struct failure failure = {""};
    struct traveller_row traveller = {.id = 5, .organisation = 6, .cap_minor = CAP_OF_OPERATOR};
    struct department_row department = {.id = 7, .organisation = 8};
    struct credit_row credit = {.id = 9, .traveller = 10, .credential = {.kind = CREDENTIAL_CARD, .card = 11}};
    struct account account;
    book_init(&book, 0);
    cr_expect_not(book_take(&book, ROW_TRAVELLER, &traveller, 1, &failure));
    cr_expect_str_eq(failure.text, "traveller 5 names organisation 6, which is not known");
    cr_expect_not(book_take(&book, ROW_DEPARTMENT, &department, 1, &failure));
    cr_expect_str_eq(failure.text, "department 7 names organisation 8, which is not known");
    cr_expect_not(book_take(&book, ROW_CREDIT, &credit, 1, &failure));
    cr_expect_str_eq(failure.text, "credit 9 names traveller 10, which is not known");
    cr_expect_not(book_find_account(&book, &credit.credential, &account));
    book_finish(&book);
}

/* ---- departments that move ---- */

static const struct organisation_row organisations[] = {{.id = 1, .state = ORGANISATION_ACTIVE},
                                                        {.id = 2, .state = ORGANISATION_ACTIVE}};

static void take(struct book *book, enum row_kind kind, const void *rows, size_t count) {
    struct failure failure = {""};
    cr_assert(book_take(book, kind, rows, count, &failure), "%s", failure.text);
}

/* Departments 10 and 11, and 12 below one of them, are of organisation 1; 20 is of organisation 2. */
static void take_tree(struct book *book, int32_t parent_of_12) {
    const struct department_row departments[] = {{.id = 12, .organisation = 1, .parent = parent_of_12},
                                                 {.id = 10, .organisation = 1},
                                                 {.id = 11, .organisation = 1},
                                                 {.id = 20, .organisation = 2}};
    take(book, ROW_ORGANISATION, organisations, 2);
    take(book, ROW_DEPARTMENT, departments, 4);
}

static uint64_t moves_of(const struct book *book) {
    return atomic_load(&book->moves);
}

static void expect_moved(struct book *book, uint64_t since, int32_t organisation) {
    uint32_t place = 0;
    cr_expect_eq(book_next_moved(book, since, &place), organisation);
    if (organisation != 0) {
        cr_expect_eq(book_next_moved(book, since, &place), 0);
    }
}

Test(book, a_department_that_gets_another_parent_is_told_of_once) {
    static struct book book;
    book_init(&book, 0);
    take_tree(&book, 10);
    cr_expect_eq(moves_of(&book), 0, "the first load moves nothing");
    take_tree(&book, 10);
    cr_expect_eq(moves_of(&book), 0, "a row may come again");
    take_tree(&book, 11);
    cr_expect_gt(moves_of(&book), 0);
    expect_moved(&book, 0, 1);
    expect_moved(&book, moves_of(&book), 0);
    uint64_t seen = moves_of(&book);
    take_tree(&book, 0);
    expect_moved(&book, seen, 1);
    book_finish(&book);
}

Test(book, many_departments_that_move_are_one_organisation_that_is_told_of) {
    static struct department_row rows[1000];
    static struct book book;
    book_init(&book, 0);
    take_tree(&book, 10);
    for (int32_t i = 0; i < 1000; i++) {
        rows[i] = (struct department_row){.id = 1000 + i, .organisation = 1, .parent = 10};
    }
    take(&book, ROW_DEPARTMENT, rows, 1000);
    cr_expect_eq(moves_of(&book), 0);
    for (int32_t i = 0; i < 1000; i++) {
        rows[i].parent = 11;
    }
    take(&book, ROW_DEPARTMENT, rows, 1000);
    expect_moved(&book, 0, 1);
    book_finish(&book);
}

Test(book, an_account_says_which_moves_it_knows_of) {
    static struct book book;
    const struct traveller_row traveller = {.id = 5, .organisation = 1, .cap_minor = CAP_OF_OPERATOR};
    const struct credit_row credit = {.id = 9,
                                      .traveller = 5,
                                      .department = 12,
                                      .state = CREDIT_ACTIVE,
                                      .credential = {.kind = CREDENTIAL_CARD, .card = 11}};
    struct account account;
    book_init(&book, 0);
    take_tree(&book, 10);
    take(&book, ROW_TRAVELLER, &traveller, 1);
    take(&book, ROW_CREDIT, &credit, 1);
    cr_assert(book_find_account(&book, &credit.credential, &account));
    cr_expect_eq(account.moves, 0);
    cr_expect_eq(account.limits[3].id, 10);
    take_tree(&book, 11);
    cr_assert(book_find_account(&book, &credit.credential, &account));
    cr_expect_eq(account.moves, moves_of(&book));
    cr_expect_eq(account.limits[3].id, 11);
    book_finish(&book);
}

Test(book, a_load_of_everything_is_no_move_but_for_what_lies_elsewhere) {
    static struct book book;
    static struct book fresh;
    book_init(&book, 0);
    take_tree(&book, 10);
    take_tree(&book, 11);
    uint64_t seen = moves_of(&book);
    book_init(&fresh, 0);
    take_tree(&fresh, 11);
    book_replace(&book, &fresh);
    cr_expect_eq(moves_of(&book), seen);
    expect_moved(&book, 0, 1);
    book_init(&fresh, 0);
    take_tree(&fresh, 0);
    book_replace(&book, &fresh);
    cr_expect_gt(moves_of(&book), seen);
    expect_moved(&book, seen, 1);
    book_finish(&book);
}
