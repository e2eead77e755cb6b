/* SPDX-License-Identifier: Apache-2.0 */
/* The binary copy format, read strictly. */
#include "directory/rows.h"

#include <criterion/criterion.h>
#include <string.h>

#define HEADER "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
#define HEADER_SIZE 19
#define TRAILER "\377\377"

/* Organisation 7, active, 0x1234 öre. */
#define ORGANISATION "\0\3\0\0\0\4\0\0\0\7\0\0\0\6active\0\0\0\10\0\0\0\0\0\0\22\64"
#define ORGANISATION_SIZE 32

static uint8_t text[256];

static size_t compose(const char *row, size_t row_size_bytes) {
    memcpy(text, HEADER, HEADER_SIZE);
    memcpy(text + HEADER_SIZE, row, row_size_bytes);
    memcpy(text + HEADER_SIZE + row_size_bytes, TRAILER, 2);
    return HEADER_SIZE + row_size_bytes + 2;
}

/* Reads one whole piece; the number of rows, or -1 when it is broken. */
static int count_rows(enum row_kind kind, const uint8_t *data, size_t size, void *row, bool *has_ended) {
    struct row_reader reader = {.kind = kind};
    struct bytes piece = bytes_of(data, size);
    struct failure failure;
    for (int rows = 0;; rows++) {
        enum row_next next = row_next(&reader, &piece, row, &failure);
        if (next != ROW_TAKEN) {
            *has_ended = reader.has_ended;
            return next == ROW_MORE ? rows : -1;
        }
    }
}

Test(rows, a_row_is_read) {
    struct organisation_row row;
    bool has_ended;
    size_t size = compose(ORGANISATION, ORGANISATION_SIZE);
    cr_assert_eq(count_rows(ROW_ORGANISATION, text, size, &row, &has_ended), 1);
    cr_expect(has_ended);
    cr_expect_eq(row.id, 7);
    cr_expect_eq(row.state, ORGANISATION_ACTIVE);
    cr_expect_eq(row.limit_minor, 0x1234);
}

Test(rows, an_empty_copy_is_a_header_and_an_end) {
    struct organisation_row row;
    bool has_ended;
    cr_assert_eq(count_rows(ROW_ORGANISATION, text, compose("", 0), &row, &has_ended), 0);
    cr_expect(has_ended);
}

Test(rows, a_copy_torn_anywhere_is_broken_or_has_no_end) {
    struct organisation_row row;
    size_t size = compose(ORGANISATION, ORGANISATION_SIZE);
    for (size_t torn = 0; torn < size; torn++) {
        bool has_ended = true;
        int rows = count_rows(ROW_ORGANISATION, text, torn, &row, &has_ended);
        cr_expect(rows == -1 || !has_ended, "at %zu", torn);
        cr_expect_eq(rows >= 0, torn == HEADER_SIZE || torn == HEADER_SIZE + ORGANISATION_SIZE, "at %zu", torn);
    }
}

Test(rows, bytes_after_the_end_are_broken) {
    struct organisation_row row;
    bool has_ended;
    size_t size = compose("", 0);
    text[size] = 0;
    cr_expect_eq(count_rows(ROW_ORGANISATION, text, size + 1, &row, &has_ended), -1);
}

Test(rows, what_the_tables_never_hold_is_broken) {
    static const struct {
        const char *what;
        size_t offset; /* into the row */
        uint8_t byte;
    } cases[] = {
        {"a column too many", 1, 4},     {"a column too few", 1, 2},         {"an id of 0", 9, 0},
        {"a negative id", 6, 0x80},      {"an id of another size", 5, 3},    {"an unknown state", 14, 'A'},
        {"a negative amount", 24, 0x80}, {"an amount past the most", 24, 1}, {"a size past the end", 20, 1},
        {"a negative size", 2, 0x80},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct organisation_row row;
        bool has_ended;
        size_t size = compose(ORGANISATION, ORGANISATION_SIZE);
        text[HEADER_SIZE + cases[i].offset] = cases[i].byte;
        cr_expect_eq(count_rows(ROW_ORGANISATION, text, size, &row, &has_ended), -1, "%s", cases[i].what);
    }
}

Test(rows, a_header_that_says_anything_new_is_broken) {
    struct organisation_row row;
    bool has_ended;
    for (size_t i = 0; i < 15; i++) {
        size_t size = compose(ORGANISATION, ORGANISATION_SIZE);
        text[i] ^= 1;
        cr_expect_eq(count_rows(ROW_ORGANISATION, text, size, &row, &has_ended), -1, "byte %zu", i);
    }
}

/* NULL is nothing for a state, and none for a budget or a parent. */
Test(rows, null_is_taken_only_where_it_means_something) {
    static const char department[] = "\0\4\0\0\0\4\0\0\0\5\0\0\0\4\0\0\0\1\377\377\377\377\377\377\377\377";
    static const char organisation[] = "\0\3\0\0\0\4\0\0\0\7\377\377\377\377\0\0\0\10\0\0\0\0\0\0\22\64";
    struct department_row row;
    struct organisation_row unread;
    bool has_ended;
    size_t size = compose(department, sizeof(department) - 1);
    cr_assert_eq(count_rows(ROW_DEPARTMENT, text, size, &row, &has_ended), 1);
    cr_expect_eq(row.parent, 0);
    cr_expect_eq(row.budget_minor, LIMIT_COUNTED_ONLY);
    size = compose(organisation, sizeof(organisation) - 1);
    cr_expect_eq(count_rows(ROW_ORGANISATION, text, size, &unread, &has_ended), -1);
}
