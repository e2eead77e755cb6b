/* SPDX-License-Identifier: Apache-2.0 */
/* A standby takes over: the directory follows it, and misses nothing. */
#include "directory/seed.h"
#include "support/postgres_standby.h"
#include "world.h"

#include <string.h>

TestSuite(failover, .timeout = 180);

static void start(struct test_pair *pair) {
    struct failure failure = {""};
    test_pair_start(pair);
    cr_assert(directory_seed_example(pair->primary.conninfo, &failure), "%s", failure.text);
    test_pair_wait_synchronous(pair);
}

/* What the primary committed and could not tell of any more is known as well as what came after. */
static void expect_followed(const struct test_pair *pair, struct directory *directory) {
    AWAIT(ceiling_of_card(directory, CARD_ACTIVE) == 51);
    test_sql(pair->standby.conninfo, "UPDATE credit SET limit_minor = 52 WHERE id = 7");
    AWAIT(ceiling_of_card(directory, CARD_ACTIVE) == 52);
    AWAIT(age_of(directory) < 600000);
}

Test(failover, a_promoted_standby_is_followed_and_no_change_is_missed) {
    struct test_pair pair;
    start(&pair);
    struct directory *directory = world_open(pair.conninfo, true);
    test_sql(pair.primary.conninfo, "ALTER TABLE credit DISABLE TRIGGER tell;"
                                    "UPDATE credit SET limit_minor = 51 WHERE id = 7");
    test_postgres_kill_all(&pair.primary);
    test_pair_promote(&pair);
    expect_followed(&pair, directory);
    directory_close(directory);
    test_pair_stop(&pair);
}

/* It takes connections and says nothing. */
Test(failover, a_primary_that_hangs_does_not_keep_the_promoted_standby_from_being_followed) {
    struct test_pair pair;
    start(&pair);
    struct directory *directory = world_open(pair.conninfo, true);
    test_sql(pair.primary.conninfo, "UPDATE credit SET limit_minor = 51 WHERE id = 7");
    test_postgres_pause(&pair.primary);
    test_pair_promote(&pair);
    expect_followed(&pair, directory);
    test_postgres_resume(&pair.primary);
    directory_close(directory);
    test_pair_stop(&pair);
}

Test(failover, a_directory_opens_at_whichever_host_takes_writes) {
    struct test_pair pair;
    struct failure failure = {""};
    start(&pair);
    test_postgres_kill_all(&pair.primary);
    struct directory_options options = {.conninfo = pair.conninfo, .traveller_cap_minor = OPERATOR_CAP_MINOR};
    cr_assert_null(directory_open(&options, &failure), "a standby alone is not to be believed");
    cr_expect_neq(strlen(failure.text), 0);
    test_pair_promote(&pair);
    struct directory *directory = world_open(pair.conninfo, false);
    cr_expect_eq(standing_of_card(directory, CARD_ACTIVE), REASON_APPROVED);
    directory_close(directory);
    test_pair_stop(&pair);
}
