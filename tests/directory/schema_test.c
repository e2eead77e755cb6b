/* SPDX-License-Identifier: Apache-2.0 */
/* What PostgreSQL itself refuses and does: sql/0001_directory.sql and sql/0003_tree.sql. */
#include "directory/seed.h"
#include "world.h"

#include <string.h>

static void create_example(struct test_database *database) {
    struct failure failure = {""};
    test_database_create(database, true);
    cr_assert(directory_seed_example(database->conninfo, &failure), "%s", failure.text);
}

Test(schema, what_does_not_fit_together_is_refused_in_words) {
    static const struct {
        const char *sql;
        const char *words;
    } cases[] = {
        {"INSERT INTO department (organisation, parent) VALUES (2, 1)", "parent_is_of_the_same_organisation"},
        {"UPDATE department SET organisation = 2 WHERE id = 1", "of_the_same_organisation"},
        {"INSERT INTO credit (organisation, traveller, card, limit_minor) VALUES (2, 1, 42, 0)",
         "traveller_is_of_the_same_organisation"},
        {"UPDATE credit SET department = 1 WHERE id = 6", "department_is_of_the_same_organisation"},
        {"UPDATE traveller SET organisation = 2 WHERE id = 1", "traveller_is_of_the_same_organisation"},
        {"INSERT INTO billing_details (organisation, department, address, postcode, city, reference) "
         "VALUES (2, 2, 'a', 'b', 'c', 'd')",
         "department_is_of_the_same_organisation"},
        {"UPDATE department SET parent = 3 WHERE id = 3", "department 3 can't lie below itself"},
        {"UPDATE department SET parent = 3 WHERE id = 1", "department 1 can't lie below itself"},
        {"INSERT INTO department (id, organisation, parent) "
         "SELECT 100 + i, 1, CASE WHEN i > 1 THEN 99 + i END FROM generate_series(1, 9) AS i",
         "more than 8 departments deep"},
        {"INSERT INTO department (id, organisation, parent) "
         "SELECT 100 + i, 1, CASE WHEN i > 1 THEN 99 + i END FROM generate_series(1, 7) AS i;"
         "UPDATE department SET parent = 107 WHERE id = 1",
         "more than 8 departments deep"},
        {"DELETE FROM credit WHERE id = 1", "rows of credit are not deleted"},
        {"TRUNCATE client", "rows of client are not deleted"},
        {"UPDATE client SET id = 77 WHERE id = 1", "the id of client 1 is for ever"},
        {"UPDATE credit SET app = gen_random_uuid() WHERE id = 1", "either_card_or_app"},
        {"INSERT INTO credit (organisation, traveller, card, limit_minor) VALUES (1, 2, 9932543656338004, 0)",
         "credit_card"},
        {"UPDATE organisation SET limit_minor = 10000000000000 WHERE id = 1", "limit_minor"},
        {"UPDATE client SET calls = '{steal}'", "calls"},
        {"UPDATE client SET name = repeat('å', 32) WHERE id = 1", "client_name_check"},
        {"UPDATE client SET name = '' WHERE id = 1", "client_name_check"},
    };
    struct test_database database;
    create_example(&database);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *refusal = world_refusal(database.conninfo, cases[i].sql);
        cr_expect_not_null(strstr(refusal, cases[i].words), "%s: \"%s\"", cases[i].sql, refusal);
    }
    test_database_drop(&database);
}

Test(schema, a_tree_of_eight_departments_is_taken) {
    struct test_database database;
    create_example(&database);
    const char *refusal =
        world_refusal(database.conninfo, "INSERT INTO department (id, organisation, parent) "
                                         "SELECT 100 + i, 1, CASE WHEN i > 1 THEN 99 + i END FROM "
                                         "generate_series(1, 6) AS i; UPDATE department SET parent = 106 WHERE id = 1");
    cr_expect_str_eq(refusal, "");
    test_database_drop(&database);
}

Test(schema, a_department_that_moves_raises_the_fences_of_its_organisation_from_this_month_on) {
    struct test_database database;
    create_example(&database);
    test_sql(database.conninfo,
             "INSERT INTO fence SELECT organisation, to_char(now() + of, 'YYYYMM')::integer, 5 FROM "
             "(VALUES (1, interval '0'), (1, '35 days'), (1, '-70 days'), (2, '0')) AS f(organisation, of)");
    static const char epochs[] = "SELECT string_agg(epoch::text, ' ' ORDER BY organisation, month) FROM fence";
    test_sql(database.conninfo, "UPDATE department SET budget_minor = 1, parent = parent");
    cr_expect_str_eq(test_sql(database.conninfo, epochs), "5 5 5 5");
    test_sql(database.conninfo, "UPDATE department SET parent = 2 WHERE id = 3");
    cr_expect_str_eq(test_sql(database.conninfo, epochs), "5 6 6 5");
    test_sql(database.conninfo, "UPDATE department SET parent = NULL WHERE id = 3");
    cr_expect_str_eq(test_sql(database.conninfo, epochs), "5 7 7 5");
    test_database_drop(&database);
}

Test(schema, the_fences_are_raised_at_the_commit_under_the_lock_that_recording_takes) {
    struct test_database database;
    create_example(&database);
    cr_expect_str_eq(test_sql(database.conninfo,
                              "BEGIN; UPDATE department SET parent = 2 WHERE id = 3;"
                              "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"),
                     "0");
    cr_expect_str_eq(test_sql(database.conninfo,
                              "BEGIN; UPDATE department SET parent = 2 WHERE id = 3; SET CONSTRAINTS ALL IMMEDIATE;"
                              "SELECT string_agg(classid || '/' || objid || '/' || mode, ' ') FROM pg_locks "
                              "WHERE locktype = 'advisory' AND pid = pg_backend_pid()"),
                     "30333/1/ExclusiveLock");
    test_database_drop(&database);
}
