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
