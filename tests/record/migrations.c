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

/* As it was before rows were rolled up. */
static void go_back_to_0007(void) {
    struct failure failure;
    cr_assert(record_migrate(empty.conninfo, NULL, NULL, &failure), "%s", failure.text);
    test_sql(
        empty.conninfo,
        "SET client_min_messages = warning; DROP TABLE era, rollup CASCADE; DROP PROCEDURE roll_up; "
        "DROP FUNCTION months_to_roll_up, raise_era, era_stampers, roll_up_month, know_eras, mend_rollup, sums_of, "
        "take_ahead, month_of_tomb, note_used_up(integer, integer, timestamptz, boolean); ALTER TABLE recorded_month "
        "DROP COLUMN mark, DROP COLUMN rolled_bytes; "
        "ALTER TABLE entry DROP COLUMN era; "
        "ALTER TABLE wallet_transaction DROP COLUMN reason, DROP COLUMN detail, DROP COLUMN replaced; DELETE FROM "
        "schema_migration WHERE name >= '0008'");
}

/* As it was before holds, settlements and the block list. */
static void go_back_to_0004(void) {
    go_back_to_0007();
    test_sql(empty.conninfo,
             "SET client_min_messages = warning; DROP TABLE effect, hold, block, recorded_month, wallet_transaction "
             "CASCADE; "
             "DROP TYPE settled CASCADE; DROP FUNCTION derived_id, month_of_row, last_month, organisation_of_row, "
             "fence_epoch, entomb, add_entry, undo, lock_blocks, may_buy, judge_credential, judge_credit, "
             "judge_organisation, note_used_up CASCADE; ALTER TABLE entry DROP COLUMN flags; "
             "DELETE FROM schema_migration WHERE name >= '0005'");
}

Test(migrate, what_is_missing_is_run_and_named_until_then) {
    struct failure failure;
    go_back_to_0004();
    cr_assert_not(record_is_migrated(empty.conninfo, &failure));
    cr_assert_neq(strstr(failure.text, "lacks 0005_settlements.sql"), NULL);
    cr_assert(record_migrate(empty.conninfo, NULL, NULL, &failure), "%s", failure.text);
    cr_assert(record_is_migrated(empty.conninfo, &failure), "%s", failure.text);
}

Test(migrate, reversals_and_credits_of_before_have_their_place_in_what_is_new) {
    struct failure failure;
    go_back_to_0004();
    test_sql(empty.conninfo,
             "CREATE TABLE entry_202601 PARTITION OF entry FOR VALUES IN (202601); INSERT INTO entry VALUES "
             "('019b0000-0000-7000-8000-000000000001', 100, now(), 202601, 1, 1, 21, 31, 0, 7, 1, '', ''), "
             "('019b0000-0000-8000-8000-000000000001', -100, now(), 202601, 1, 1, 21, 31, 0, 7, 6, '', ''), "
             "('019b0000-0000-7000-8000-000000000002', 0, now(), 202601, 1, 1, 0, 0, 0, 7, 6, '', ''); "
             "INSERT INTO organisation (id, state, limit_minor) VALUES (1, 'active', 0), (2, 'suspended', 0); "
             "INSERT INTO traveller (id, organisation) VALUES (1, 1), (2, 2); "
             "INSERT INTO credit (organisation, traveller, card, limit_minor, state) VALUES (1, 1, 1, 0, 'active'), "
             "(1, 1, 2, 0, 'blocked'), (1, 1, 3, 0, 'ended'), (1, 1, 3, 0, 'active'), (2, 2, 4, 0, 'active')");
    cr_assert(record_migrate(empty.conninfo, NULL, NULL, &failure), "%s", failure.text);
    cr_assert_str_eq(test_sql(empty.conninfo, "SELECT string_agg(concat_ws(' ', month, organisation, original, kind, "
                                              "usage_minor, charged_minor), ', ') FROM effect"),
                     "202601 1 019b0000-0000-7000-8000-000000000001 6 -100 -100");
    cr_assert_str_eq(test_sql(empty.conninfo, "SELECT string_agg(concat_ws(' ', kind, card), ', ' ORDER BY number) "
                                              "FROM block"),
                     "2 2, 2 4");
}

Test(migrate, rows_of_before_are_in_the_sums_rolled_up_or_not_and_so_is_one_of_a_node_that_is_older) {
    static const char *const ways[] = {"true", "false"};
    struct failure failure;
    go_back_to_0007();
    test_sql(empty.conninfo,
             "CREATE TABLE entry_202601 PARTITION OF entry FOR VALUES IN (202601); INSERT INTO recorded_month VALUES "
             "(202601); INSERT INTO entry VALUES "
             "('019b0000-0000-7000-8000-000000000001', 100, now(), 202601, 1, 1, 21, 31, 0, 7, 1, '', ''), "
             "('019b0000-0000-8000-8000-000000000001', -40, now(), 202601, 1, 2, 21, 31, 0, 7, 6, '', '')");
    cr_assert(record_migrate(empty.conninfo, NULL, NULL, &failure), "%s", failure.text);
    for (int turn = 0; turn < 3; turn++) {
        for (int way = 0; way < 2; way++)
            cr_assert_eq(atoi(test_sql(empty.conninfo,
                                       "SELECT spent_minor FROM sums_of(202601, ARRAY[1], ARRAY[9], %s) "
                                       "WHERE kind = 4",
                                       ways[way])),
                         turn == 0 ? 60 : 67);
        if (turn == 0)
            test_sql(empty.conninfo,
                     "INSERT INTO entry (id, amount_minor, recorded_at, month, organisation, epoch, traveller, credit, "
                     "department, client, kind, product, place) VALUES ('019b0000-0000-7000-8000-000000000003', 7, "
                     "now(), 202601, 1, 1, 21, 31, 0, 7, 1, '', '')");
        else
            cr_assert_str_eq(test_sql(empty.conninfo, "SELECT roll_up_month(202601, raise_era())"), "t");
    }
    cr_assert_eq(sql_number(empty.conninfo, "SELECT sum(entries) FROM rollup"), 2);
}

Test(migrate, a_client_whose_name_is_too_long_is_left_as_it_is) {
    struct failure failure;
    go_back_to_0007();
    test_sql(empty.conninfo,
             "ALTER TABLE client DROP CONSTRAINT client_name_check;"
             "ALTER TABLE client ADD CONSTRAINT client_name_check CHECK (length(name) BETWEEN 1 AND 63);"
             "INSERT INTO client (name, kind, calls, channels) "
             "VALUES (repeat('ö', 63), 'office', '{}', '{}')");
    cr_assert(record_migrate(empty.conninfo, NULL, NULL, &failure), "%s", failure.text);
    cr_assert_str_eq(test_sql(empty.conninfo, "SELECT octet_length(name) FROM client"), "126");
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
