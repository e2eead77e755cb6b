/* SPDX-License-Identifier: Apache-2.0 */
/* `vaxel audit --repair`: counters that were made wrong are built anew while a node is at work. */
#include "system/cluster.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct cluster cluster;
static char output[8192];

TestSuite(repair, .timeout = 120);

static int audit(const char *option) {
    const char *const arguments[] = {"audit", option, NULL};
    return cluster_vaxel(&cluster, output, sizeof output, arguments);
}

static int epoch(void) {
    return atoi(cluster_sql(&cluster, "SELECT epoch FROM fence WHERE organisation = 1"));
}

/* Two purchases of 130.00, and a counter of theirs that is off by so much. */
static void begin(int64_t off_minor) {
    cluster_start(&cluster, (struct cluster_wishes){0});
    for (int i = 0; i < 2; i++)
        cr_assert_eq(cluster_buy(&cluster, 0, CARD_THOUSAND).decision, DECISION_APPROVED);
    cluster_expect_clean_audit(&cluster);
    test_redis_command(&cluster.redis, "HINCRBY {1}:%s c%d %lld",
                       cluster_sql(&cluster, "SELECT month FROM fence WHERE organisation = 1"), 100 + CARD_THOUSAND,
                       (long long)off_minor);
}

static void expect_mended(int64_t off_minor) {
    begin(off_minor);
    int before = epoch();
    cr_expect_eq(audit("--repair"), 0, "%s", output);
    cr_expect_not_null(strstr(output, "Built anew"), "%s", output);
    cr_expect_gt(epoch(), before);
    cr_expect_eq(audit(NULL), 0, "%s", output);
    /* Five more of 130.00 fit into 1000.00, neither fewer nor more. */
    for (int i = 0; i < 5; i++)
        cr_expect_eq(cluster_buy(&cluster, 0, CARD_THOUSAND).decision, DECISION_APPROVED);
    cr_expect_eq(cluster_buy(&cluster, 0, CARD_THOUSAND).reason, REASON_CREDIT_LIMIT);
    cluster_expect_clean_audit(&cluster);
    cluster_stop(&cluster);
}

Test(repair, a_counter_that_is_too_high_is_built_anew) {
    expect_mended(13000);
}

Test(repair, a_counter_that_is_too_low_is_built_anew) {
    expect_mended(-13000);
}

Test(repair, without_it_the_audit_tells_and_changes_nothing) {
    begin(13000);
    int before = epoch();
    cr_expect_eq(audit(NULL), 1, "%s", output);
    cr_expect_eq(epoch(), before);
    cr_expect_eq(audit(NULL), 1, "%s", output);
    cluster_stop(&cluster);
}

Test(repair, counters_that_are_right_are_left_alone) {
    begin(0);
    int before = epoch();
    cr_expect_eq(audit("--repair"), 0, "%s", output);
    cr_expect_null(strstr(output, "Built anew"), "%s", output);
    cr_expect_eq(epoch(), before);
    cluster_stop(&cluster);
}

Test(repair, without_redis_it_says_so) {
    begin(0);
    test_redis_kill(&cluster.redis);
    cr_expect_eq(audit("--repair"), 3, "%s", output);
    test_redis_restart(&cluster.redis);
    cluster_stop(&cluster);
}
