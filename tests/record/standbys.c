/* SPDX-License-Identifier: Apache-2.0 */
/* Several servers in one connection string, of which only one takes writes. */
#include "record/desk.h"
#include "support/postgres_standby.h"

#include <stdio.h>

static struct test_pair pair;

static void start_pair(void) {
    test_pair_start(&pair);
}

static void stop_pair(void) {
    desk_stop(&desk);
    test_pair_stop(&pair);
}

TestSuite(record_standbys, .init = start_pair, .fini = stop_pair, .timeout = 240);

static void append_as(int32_t epoch) {
    struct entry entry = purchase_of(1, epoch);
    cr_assert_eq(desk_append(&desk, &entry).kind, OUTCOME_RECORDED);
}

Test(record_standbys, a_standby_is_passed_over_though_the_connection_string_does_not_ask_for_it) {
    char conninfo[2 * TEST_TEXT + 64];
    snprintf(conninfo, sizeof conninfo, "host=%s,%s user=postgres dbname=vaxel", pair.standby.directory,
             pair.primary.directory);
    desk_start(&desk, conninfo, &desk_options);
    desk_rebuild(&desk, 1);
    append_as(1);
    cr_assert_eq(sql_number(pair.primary.conninfo, "SELECT count(*) FROM entry"), 1);
}

Test(record_standbys, a_standby_that_is_promoted_is_gone_over_to) {
    char conninfo[2 * TEST_TEXT + 64];
    snprintf(conninfo, sizeof conninfo, "host=%s,%s user=postgres dbname=vaxel", pair.primary.directory,
             pair.standby.directory);
    desk_start(&desk, conninfo, &desk_options);
    desk_rebuild(&desk, 1);
    append_as(1);
    test_postgres_kill_all(&pair.primary);
    test_pair_promote(&pair);
    append_as(1);
    cr_assert_eq(sql_number(pair.standby.conninfo, "SELECT count(*) FROM entry"), 2);
}

Test(record_standbys, a_server_that_takes_no_writes_any_more_is_left_until_it_does) {
    desk_start(&desk, pair.primary.conninfo, &desk_options);
    desk_rebuild(&desk, 1);
    append_as(1);
    test_sql(pair.primary.conninfo, "ALTER SYSTEM SET default_transaction_read_only = on");
    test_sql(pair.primary.conninfo, "SELECT pg_reload_conf()");
    struct entry entry = purchase_of(1, 1);
    /* A connection learns of it when it pleases: what went in before that is recorded. */
    for (uint32_t owner = 1; desk.is_up; owner++) {
        entry = purchase_of(1, 1);
        cr_assert(record_append(desk.record, &entry, owner));
        desk_turn(&desk);
    }
    uint32_t told = desk.told;
    cr_assert(record_read_sums(desk.record, 1, month_now(), false));
    test_sql(pair.primary.conninfo, "ALTER SYSTEM RESET default_transaction_read_only");
    test_sql(pair.primary.conninfo, "SELECT pg_reload_conf()");
    DESK_UNTIL(&desk, desk.is_up && desk.sums_told == 2 && desk.told > told);
    cr_assert(desk.sums[1].is_read);
}
