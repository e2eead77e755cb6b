/* SPDX-License-Identifier: Apache-2.0 */
#include "record/desk.h"

static int reported;

static void count_file(void *owner, const char *file) {
    cr_assert_eq(owner, &reported);
    cr_assert_neq(strstr(file, ".sql"), NULL);
    reported++;
}

static struct test_database empty;

static void create_empty(void) {
    test_database_create(&empty, false);
}

static void drop_empty(void) {
    test_database_drop(&empty);
}

TestSuite(migrate, .init = create_empty, .fini = drop_empty, .timeout = 120);

Test(migrate, an_empty_database_gets_every_file_and_the_second_time_none) {
    struct failure failure;
    cr_assert_not(record_is_migrated(empty.conninfo, &failure));
    cr_assert(record_migrate(empty.conninfo, &reported, count_file, &failure), "%s", failure.text);
    cr_assert(reported >= 2);
    cr_assert_eq(sql_number(empty.conninfo, "SELECT count(*) FROM schema_migration"), reported);
    cr_assert(record_is_migrated(empty.conninfo, &failure), "%s", failure.text);
    int before = reported;
    cr_assert(record_migrate(empty.conninfo, &reported, count_file, &failure), "%s", failure.text);
    cr_assert_eq(reported, before);
}

Test(migrate, what_is_missing_is_run_and_named_until_then) {
    struct failure failure;
    cr_assert(record_migrate(empty.conninfo, NULL, NULL, &failure));
    test_sql(empty.conninfo, "DROP TABLE entry, fence, refusal, quarantine; DROP FUNCTION make_partitions; "
                             "DROP FUNCTION IF EXISTS raise_fences CASCADE; "
                             "DELETE FROM schema_migration WHERE name >= '0002'");
    cr_assert_not(record_is_migrated(empty.conninfo, &failure));
    cr_assert_neq(strstr(failure.text, "lacks 0002_entry.sql"), NULL);
    cr_assert(record_migrate(empty.conninfo, NULL, NULL, &failure), "%s", failure.text);
    cr_assert(record_is_migrated(empty.conninfo, &failure), "%s", failure.text);
}

Test(migrate, a_newer_database_is_left_alone) {
    struct failure failure;
    cr_assert(record_migrate(empty.conninfo, NULL, NULL, &failure));
    test_sql(empty.conninfo, "INSERT INTO schema_migration VALUES ('9999_later.sql')");
    cr_assert_not(record_is_migrated(empty.conninfo, &failure));
    cr_assert_neq(strstr(failure.text, "9999_later.sql"), NULL);
    cr_assert_not(record_migrate(empty.conninfo, &reported, count_file, &failure));
    cr_assert_eq(reported, 0);
}

Test(migrate, a_file_that_fails_leaves_nothing_behind) {
    struct failure failure;
    test_sql(empty.conninfo, "CREATE TABLE entry ()");
    cr_assert_not(record_migrate(empty.conninfo, &reported, count_file, &failure));
    cr_assert_neq(strstr(failure.text, "0002_entry.sql"), NULL);
    cr_assert_eq(reported, 1);
    cr_assert_str_eq(test_sql(empty.conninfo, "SELECT to_regclass('fence') IS NULL"), "t");
}

Test(migrate, a_server_that_is_not_there_is_a_failure_with_words) {
    struct failure failure = {{0}};
    cr_assert_not(record_migrate("host=/nowhere", NULL, NULL, &failure));
    cr_assert_neq(failure.text[0], '\0');
    cr_assert_null(record_reader_open("host=/nowhere", &failure));
}
