/* SPDX-License-Identifier: Apache-2.0 */
#include "base/failure.h"

#include <criterion/criterion.h>
#include <string.h>

Test(failure, a_function_ends_with_it) {
    struct failure failure;
    cr_expect_not(failure_set(&failure, "cannot open %s: error %d", "a file", 2));
    cr_expect_str_eq(failure.text, "cannot open a file: error 2");
}

Test(failure, a_reason_is_put_into_a_larger_one) {
    struct failure failure;
    failure_set(&failure, "no such file");
    failure_set(&failure, "line %d: %s", 7, failure.text);
    cr_expect_str_eq(failure.text, "line 7: no such file");
}

Test(failure, what_does_not_fit_is_cut) {
    struct failure failure;
    char text[2 * FAILURE_TEXT_SIZE];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    failure_set(&failure, "%s", text);
    cr_expect_eq(strlen(failure.text), FAILURE_TEXT_SIZE - 1);
}
