/* SPDX-License-Identifier: Apache-2.0 */
/* A department is moved in the tree while its travellers buy without pause: what they bought this month goes with it,
 * also what was under way, and no budget is passed by that. */
#include "crowd.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cluster cluster;
static struct crowd crowd;

TestSuite(move_system, .timeout = 180);

/* The card's department, and the two that it lies below by turns. */
#define MOVING 13
#define FROM 11
#define TO 12

static const int cards[] = {CARD_RICH};

static int sold(void) {
    return atoi(
        cluster_sql(&cluster, "SELECT coalesce(sum(amount_minor), 0) FROM entry WHERE department = %d", MOVING));
}

static void start(int nodes) {
    cluster_start(&cluster, (struct cluster_wishes){.nodes = nodes, .settings = "[switch]\nworkers = 2\n"});
    cluster_sql(&cluster, "INSERT INTO department (id, organisation, parent) VALUES (%d, 1, NULL), (%d, 1, NULL)", FROM,
                TO);
    cluster_sql(&cluster, "INSERT INTO department (id, organisation, parent) VALUES (%d, 1, %d)", MOVING, FROM);
    cluster_sql(&cluster, "UPDATE credit SET department = %d WHERE id = %d", MOVING, 100 + CARD_RICH);
    crowd_start(&crowd, &cluster, cards, 1, 10 * SECOND_US);
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    while (sold() == 0) {
        cr_assert_lt(tick_now().us, give_up, "nothing is bought there");
        usleep(5000);
    }
}

/* Not by the audit, which would need a minute. */
static void expect_counters_right(void) {
    cluster_expect_clean_audit(&cluster);
    for (int node = 0; node < cluster.node_count; node++)
        cr_expect_not(cluster_log_tells(&cluster, node, "counters differ from the records"));
}

static void end(void) {
    crowd_verify(&crowd);
    crowd_finish(&crowd);
    cluster_stop(&cluster);
}

/* What is sold before every worker knows of the move may be as much as is left of the budget, and no more. */
#define LEFT 1500

Test(move_system, a_department_that_moves_under_load_passes_no_budget) {
    start(1);
    crowd_wait_answered(&crowd, 300);
    const char *budget = cluster_sql(&cluster,
                                     "UPDATE department SET budget_minor = %d + (SELECT sum(amount_minor) FROM entry "
                                     "WHERE department = %d) WHERE id = %d RETURNING budget_minor",
                                     LEFT * 13000, MOVING, TO);
    int budget_minor = atoi(budget);
    cluster_sql(&cluster, "UPDATE department SET parent = %d WHERE id = %d", TO, MOVING);
    int64_t give_up = tick_now().us + 120 * SECOND_US;
    while (sold() + 13000 <= budget_minor) {
        cr_assert_lt(tick_now().us, give_up, "%d sold of %d", sold(), budget_minor);
        usleep(5000);
    }
    crowd_wait_answered(&crowd, 300);
    crowd_stop(&crowd);
    cr_expect_eq(sold(), budget_minor);
    expect_counters_right();
    end();
}

Test(move_system, a_department_that_moves_to_and_fro_under_load_on_two_nodes_leaves_the_counters_right) {
    start(2);
    for (int round = 0; round < 10; round++) {
        crowd_wait_answered(&crowd, 100);
        cluster_sql(&cluster, "UPDATE department SET parent = %d WHERE id = %d", round % 2 == 0 ? TO : FROM, MOVING);
    }
    crowd_wait_answered(&crowd, 300);
    crowd_stop(&crowd);
    expect_counters_right();
    end();
}
