/* SPDX-License-Identifier: Apache-2.0 */
/* A leak that must be found: run under AddressSanitizer by the suite `leaks`, which passes when this fails. */
#include <criterion/criterion.h>
#include <stdlib.h>

Test(planted, a_test_that_leaks) {
    static char *volatile kept;
    kept = malloc(17);
    kept = NULL;
    cr_assert_null(kept);
}
