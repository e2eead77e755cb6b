/* SPDX-License-Identifier: Apache-2.0 */
/* postgres_standby: a PostgreSQL of the test's own with a synchronous standby: the primary answers a commit when the
 * standby has it on disk too. Promoted, the standby goes on alone. */
#ifndef VAXEL_TESTS_SUPPORT_POSTGRES_STANDBY_H
#define VAXEL_TESTS_SUPPORT_POSTGRES_STANDBY_H

#include "support/services.h"

struct test_pair {
    struct test_postgres primary; /* with a migrated database "vaxel", as each conninfo names it */
    struct test_postgres standby;
    char conninfo[3 * TEST_TEXT]; /* both, the primary first, for whoever wants the one that takes writes */
};

/* Each of the two may be paused, resumed, killed, restarted by the functions of services.h. */
void test_pair_start(struct test_pair *pair);
void test_pair_stop(struct test_pair *pair);

/* The standby stops following, and takes writes when this returns. */
void test_pair_promote(struct test_pair *pair);

/* Waits until the standby follows the primary, and the primary's commits wait for it. */
void test_pair_wait_synchronous(struct test_pair *pair);

#endif
