/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static void expect_turned(const char *list, unsigned turns, const char *wanted) {
    char into[64];
    list_turn(list, turns, into);
    cr_expect(eq(str, into, (char *)wanted), "\"%s\" turned %u times", list, turns);
}

Test(list, turned_it_begins_later_and_loses_nothing) {
    expect_turned("a,bb,ccc", 0, "a,bb,ccc");
    expect_turned("a,bb,ccc", 1, "bb,ccc,a");
    expect_turned("a,bb,ccc", 2, "ccc,a,bb");
    expect_turned("a,bb,ccc", 3, "a,bb,ccc");
    expect_turned("a,bb,ccc", 4000000000u, "bb,ccc,a");
}

Test(list, of_one_text_or_of_none_it_stays_as_it_is) {
    expect_turned("alone", 7, "alone");
    expect_turned("", 7, "");
}

Test(list, empty_texts_are_texts) {
    expect_turned(",5433", 1, "5433,");
    expect_turned("a,,b", 1, ",b,a");
}

Test(list, has_one_text_more_than_commas) {
    cr_expect(eq(u32, list_count("a"), 1));
    cr_expect(eq(u32, list_count("a,,b"), 3));
}
