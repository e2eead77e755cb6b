/* SPDX-License-Identifier: Apache-2.0 */
#include "node/tally.h"

#include <criterion/criterion.h>

Test(tally, counts_each_client_by_itself) {
    struct tally *tally = tally_create(8);
    tally_add(tally, 1);
    tally_add(tally, 9); /* in one chain with the first */
    tally_add(tally, 9);
    cr_expect_eq(tally_of(tally, 1), 1);
    cr_expect_eq(tally_of(tally, 9), 2);
    cr_expect_eq(tally_of(tally, 17), 0);
    tally_remove(tally, 1);
    tally_remove(tally, 9);
    cr_expect_eq(tally_of(tally, 1), 0);
    cr_expect_eq(tally_of(tally, 9), 1);
    tally_destroy(tally);
}

Test(tally, clients_that_are_gone_take_no_place) {
    struct tally *tally = tally_create(3);
    for (int32_t client = 1; client < 1000; client++) {
        tally_add(tally, client);
        tally_add(tally, client + 1);
        tally_add(tally, client + 4);
        tally_remove(tally, client + 1);
        tally_remove(tally, client);
        cr_assert_eq(tally_of(tally, client + 4), 1);
        tally_remove(tally, client + 4);
    }
    tally_destroy(tally);
}

Test(tally, one_client_may_have_all) {
    struct tally *tally = tally_create(1);
    tally_add(tally, INT32_MAX);
    cr_expect_eq(tally_of(tally, INT32_MAX), 1);
    tally_remove(tally, INT32_MAX);
    tally_add(tally, -1);
    cr_expect_eq(tally_of(tally, -1), 1);
    tally_destroy(tally);
}
