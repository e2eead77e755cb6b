/* SPDX-License-Identifier: Apache-2.0 */
/* Changes in PostgreSQL come into force while the directory runs, whatever happens on the way. */
#include "directory/seed.h"
#include "world.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define END_CONNECTION                                                                                                 \
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "                                                   \
    "WHERE application_name = 'vaxel directory' AND datname = current_database();"

/* Looks that began after now have been taken. */
static void await_look(struct directory *directory) {
    AWAIT(age_of(directory) > 30000);
    AWAIT(age_of(directory) < 30000);
}

Test(freshness, a_change_is_in_force_without_a_restart) {
    struct world world;
    world_create(&world, true);
    const char *conninfo = world.database.conninfo;
    test_sql(conninfo, "UPDATE credit SET state = 'blocked' WHERE id = 7");
    AWAIT(standing_of_card(world.directory, CARD_ACTIVE) == REASON_BLOCKED);
    test_sql(conninfo, "UPDATE credit SET state = 'active', limit_minor = 77 WHERE id = 7");
    AWAIT(ceiling_of_card(world.directory, CARD_ACTIVE) == 77);
    test_sql(conninfo, "UPDATE traveller SET cap_minor = 88 WHERE id = 7");
    AWAIT(account_of_card(world.directory, CARD_ACTIVE).limits[1].ceiling_minor == 88);
    test_sql(conninfo, "UPDATE department SET budget_minor = 99 WHERE id = 2");
    AWAIT(account_of_card(world.directory, CARD_OF_DEPARTMENT).limits[2].ceiling_minor == 99);
    test_sql(conninfo, "UPDATE organisation SET state = 'suspended' WHERE id = 1");
    AWAIT(standing_of_card(world.directory, CARD_ACTIVE) == REASON_ORGANISATION_SUSPENDED);
    world_destroy(&world);
}

Test(freshness, a_change_without_a_notification_is_caught_up) {
    struct world world;
    world_create(&world, true);
    test_sql(world.database.conninfo, "ALTER TABLE credit DISABLE TRIGGER tell;"
                                      "UPDATE credit SET limit_minor = 42 WHERE id = 7");
    AWAIT(ceiling_of_card(world.directory, CARD_ACTIVE) == 42);
    world_destroy(&world);
}

Test(freshness, a_change_made_while_the_connection_was_lost_is_caught_up) {
    struct world world;
    world_create(&world, true);
    cr_assert_str_eq(test_sql(world.database.conninfo, END_CONNECTION), "t");
    test_sql(world.database.conninfo, "ALTER TABLE credit DISABLE TRIGGER tell;"
                                      "UPDATE credit SET limit_minor = 43 WHERE id = 7");
    AWAIT(ceiling_of_card(world.directory, CARD_ACTIVE) == 43);
    world_destroy(&world);
}

Test(freshness, a_transaction_that_commits_after_later_ones_is_not_missed) {
    struct world world;
    world_create(&world, true);
    PGconn *slow = PQconnectdb(world.database.conninfo);
    PQclear(PQexec(slow, "BEGIN; ALTER TABLE traveller DISABLE TRIGGER tell; ALTER TABLE credit DISABLE TRIGGER tell"));
    PQclear(PQexec(slow, "COMMIT; BEGIN; UPDATE credit SET limit_minor = 44 WHERE id = 7"));
    for (int round = 0; round < 3; round++) {
        test_sql(world.database.conninfo, "UPDATE traveller SET cap_minor = %d WHERE id = 1", round);
        AWAIT(account_of_card(world.directory, CARD_OF_DEPARTMENT).limits[1].ceiling_minor == round);
        await_look(world.directory);
    }
    cr_assert_eq(ceiling_of_card(world.directory, CARD_ACTIVE), 100000);
    PQclear(PQexec(slow, "COMMIT"));
    AWAIT(ceiling_of_card(world.directory, CARD_ACTIVE) == 44);
    PQfinish(slow);
    world_destroy(&world);
}

Test(freshness, a_new_organisation_can_buy_while_running_and_ten_thousand_changes_come_at_once) {
    struct world world;
    world_create(&world, true);
    struct failure failure = {""};
    cr_assert(directory_generate(world.database.conninfo, 20, 500, 5000, 100, &failure), "%s", failure.text);
    for (uint32_t i = 0; i < 10000; i++) {
        AWAIT(ceiling_of_card(world.directory, directory_generated_card(i)) == 100);
    }
    struct account last = account_of_card(world.directory, directory_generated_card(9999));
    cr_expect_eq(last.organisation, 1019);
    cr_expect_eq(last.traveller, 10999);
    test_sql(world.database.conninfo, "UPDATE credit SET limit_minor = 200 WHERE id >= 1000");
    for (uint32_t i = 0; i < 10000; i++) {
        AWAIT(ceiling_of_card(world.directory, directory_generated_card(i)) == 200);
    }
    cr_expect_eq(ceiling_of_card(world.directory, CARD_ACTIVE), 100000);
    world_destroy(&world);
}

Test(freshness, a_new_tree_whose_children_come_before_their_parents_is_understood) {
    struct world world;
    world_create(&world, true);
    test_sql(world.database.conninfo,
             "INSERT INTO department (id, organisation, parent, budget_minor) VALUES (30, 1, 40, 30), (40, 1, 50, 40),"
             "(50, 1, NULL, 50); UPDATE credit SET department = 30 WHERE id = 7");
    AWAIT(account_of_card(world.directory, CARD_ACTIVE).department == 30);
    struct account account = account_of_card(world.directory, CARD_ACTIVE);
    cr_assert_eq(account.limit_count, 6);
    cr_expect_eq(account.standing, REASON_APPROVED);
    cr_expect_eq(account.limits[2].id, 30);
    cr_expect_eq(account.limits[3].id, 40);
    cr_expect_eq(account.limits[4].id, 50);
    world_destroy(&world);
}

Test(freshness, a_department_that_moves_takes_its_credits_along) {
    struct world world;
    world_create(&world, true);
    test_sql(world.database.conninfo, "UPDATE department SET parent = 2 WHERE id = 3");
    AWAIT(account_of_app(world.directory, APP_ACTIVE).limits[3].id == 2);
    test_sql(world.database.conninfo, "UPDATE department SET parent = NULL WHERE id = 3");
    AWAIT(account_of_app(world.directory, APP_ACTIVE).limit_count == 4);
    uint32_t place = 0;
    cr_expect_eq(directory_next_moved(world.directory, 0, &place), 1);
    cr_expect_eq(directory_next_moved(world.directory, 0, &place), 0);
    cr_expect_eq(account_of_app(world.directory, APP_ACTIVE).moves, directory_moves(world.directory));
    world_destroy(&world);
}

Test(freshness, a_credit_that_gets_another_card_leaves_the_old_one) {
    struct world world;
    world_create(&world, true);
    test_sql(world.database.conninfo, "UPDATE credit SET card = 9932543656338046 WHERE id = 7");
    AWAIT(ceiling_of_card(world.directory, UINT64_C(9932543656338046)) == 100000);
    cr_expect_eq(standing_of_card(world.directory, CARD_ACTIVE), REASON_UNKNOWN_CREDENTIAL);
    test_sql(world.database.conninfo, "UPDATE credit SET card = NULL, app = gen_random_uuid() WHERE id = 7");
    AWAIT(standing_of_card(world.directory, UINT64_C(9932543656338046)) == REASON_UNKNOWN_CREDENTIAL);
    world_destroy(&world);
}

Test(freshness, a_card_whose_credit_ends_can_be_given_anew_while_running) {
    struct world world;
    world_create(&world, true);
    test_sql(world.database.conninfo, "BEGIN; UPDATE credit SET state = 'ended' WHERE id = 7;"
                                      "INSERT INTO credit (id, organisation, traveller, card, limit_minor, state) "
                                      "VALUES (60, 1, 5, 9932543656338004, 6000, 'active'); COMMIT");
    AWAIT(account_of_card(world.directory, CARD_ACTIVE).credit == 60);
    cr_expect_eq(standing_of_card(world.directory, CARD_ACTIVE), REASON_APPROVED);
    world_destroy(&world);
}

Test(freshness, a_change_to_a_client_changes_the_generation_and_nothing_else_does) {
    struct world world;
    world_create(&world, true);
    struct client client;
    uint64_t generation = directory_client_generation(world.directory);
    test_sql(world.database.conninfo, "UPDATE credit SET limit_minor = 1 WHERE id = 7;"
                                      "UPDATE client SET rate_per_s = rate_per_s");
    AWAIT(ceiling_of_card(world.directory, CARD_ACTIVE) == 1);
    await_look(world.directory);
    cr_expect_eq(directory_client_generation(world.directory), generation);

    test_sql(world.database.conninfo, "UPDATE client SET is_blocked = true WHERE name = 'validator-1'");
    AWAIT(directory_client_generation(world.directory) > generation);
    cr_assert(directory_find_client(world.directory, "validator-1", &client));
    cr_expect(client.is_blocked);

    test_sql(world.database.conninfo, "UPDATE client SET name = 'validator-9' WHERE name = 'validator-1'");
    AWAIT(directory_find_client(world.directory, "validator-9", &client));
    cr_expect_not(directory_find_client(world.directory, "validator-1", &client));
    world_destroy(&world);
}

/* As a name may be that was given when characters were counted. */
#define TOO_LONG "repeat('ö', 32)"

Test(freshness, a_client_whose_name_is_too_long_stops_nobody_and_is_let_in_when_it_is_shorter) {
    struct world world;
    world_create(&world, true);
    const char *conninfo = world.database.conninfo;
    struct client client;
    test_sql(conninfo, "ALTER TABLE client DROP CONSTRAINT client_name_check;"
                       "INSERT INTO client (id, name, kind, calls, channels) "
                       "VALUES (90, " TOO_LONG ", 'validator', '{authorize}', '{card}');"
                       "UPDATE client SET is_blocked = true WHERE name = 'validator-1'");
    AWAIT(directory_find_client(world.directory, "validator-1", &client) && client.is_blocked);
    struct directory *other = world_open(conninfo, true);
    cr_expect_not(directory_find_client(other, "", &client));
    cr_expect_eq(standing_of_card(other, CARD_ACTIVE), REASON_APPROVED);
    test_sql(conninfo, "UPDATE client SET name = repeat('ö', 31) || 'x' WHERE id = 90");
    AWAIT(directory_find_client(other,
                                "ööööööööööööööööööööööööööööööö"
                                "x",
                                &client));
    directory_close(other);
    world_destroy(&world);
}

Test(freshness, a_client_whose_name_becomes_too_long_may_not_use_the_old_one) {
    struct world world;
    world_create(&world, true);
    struct client client;
    uint64_t generation = directory_client_generation(world.directory);
    test_sql(world.database.conninfo, "ALTER TABLE client DROP CONSTRAINT client_name_check;"
                                      "UPDATE client SET name = " TOO_LONG " WHERE name = 'validator-1'");
    AWAIT(directory_client_generation(world.directory) > generation);
    cr_assert(directory_find_client(world.directory, "validator-1", &client));
    cr_expect(client.is_blocked);
    test_sql(world.database.conninfo, "UPDATE client SET name = 'validator-9' WHERE name = " TOO_LONG);
    AWAIT(directory_find_client(world.directory, "validator-9", &client));
    cr_expect_not(client.is_blocked);
    world_destroy(&world);
}

/* The other one changed before the directory was opened, so that no number of a transaction tells. */
Test(freshness, a_database_put_in_the_place_of_another_is_loaded_anew) {
    struct world world;
    struct test_database other;
    char server[TEST_TEXT];
    struct failure failure = {""};
    test_database_create(&other, true);
    cr_assert(directory_seed_example(other.conninfo, &failure), "%s", failure.text);
    test_sql(other.conninfo, "UPDATE credit SET limit_minor = 4711 WHERE id = 7");
    world_create(&world, true);
    snprintf(server, sizeof(server), "%.*s dbname=postgres", (int)(strstr(other.conninfo, " dbname=") - other.conninfo),
             other.conninfo);
    test_sql(server, "ALTER DATABASE %s ALLOW_CONNECTIONS false", world.database.name);
    test_sql(server, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '%s'",
             world.database.name);
    test_sql(server, "ALTER DATABASE %s RENAME TO %s_old", world.database.name, world.database.name);
    test_sql(server, "ALTER DATABASE %s RENAME TO %s", other.name, world.database.name);
    AWAIT(ceiling_of_card(world.directory, CARD_ACTIVE) == 4711);
    test_sql(server, "ALTER DATABASE %s_old RENAME TO %s", world.database.name, other.name);
    test_database_drop(&other);
    world_destroy(&world);
}

Test(freshness, a_row_that_fits_nothing_leaves_the_last_state_standing_until_it_is_mended) {
    struct world world;
    world_create(&world, true);
    world_sql_unchecked(world.database.conninfo,
                        "INSERT INTO credit (id, organisation, traveller, card, limit_minor, state) "
                        "VALUES (90, 1, 91, 9932543656338046, 1, 'active')");
    AWAIT(age_of(world.directory) > 1500000);
    cr_expect_eq(standing_of_card(world.directory, CARD_ACTIVE), REASON_APPROVED);
    cr_expect_eq(standing_of_card(world.directory, UINT64_C(9932543656338046)), REASON_UNKNOWN_CREDENTIAL);
    test_sql(world.database.conninfo, "INSERT INTO traveller (id, organisation) VALUES (91, 1)");
    AWAIT(standing_of_card(world.directory, UINT64_C(9932543656338046)) == REASON_APPROVED);
    world_destroy(&world);
}

Test(freshness, while_the_server_is_away_the_last_state_stands_and_changes_follow_its_return) {
    struct test_postgres postgres;
    struct failure failure = {""};
    test_postgres_start(&postgres);
    cr_assert(directory_seed_example(postgres.conninfo, &failure), "%s", failure.text);
    struct directory *directory = world_open(postgres.conninfo, true);
    test_postgres_kill(&postgres);
    AWAIT(age_of(directory) > 1000000);
    cr_expect_eq(standing_of_card(directory, CARD_ACTIVE), REASON_APPROVED);
    test_postgres_restart(&postgres);
    test_sql(postgres.conninfo, "UPDATE credit SET limit_minor = 45 WHERE id = 7");
    AWAIT(ceiling_of_card(directory, CARD_ACTIVE) == 45);
    AWAIT(age_of(directory) < 600000);
    directory_close(directory);
    test_postgres_stop(&postgres);
}

Test(freshness, a_server_that_hangs_neither_holds_up_readers_nor_the_end, .timeout = 120) {
    struct test_postgres postgres;
    struct failure failure = {""};
    test_postgres_start(&postgres);
    cr_assert(directory_seed_example(postgres.conninfo, &failure), "%s", failure.text);
    struct directory *directory = world_open(postgres.conninfo, true);
    test_postgres_pause(&postgres);
    AWAIT(age_of(directory) > 1000000);
    cr_expect_eq(standing_of_card(directory, CARD_ACTIVE), REASON_APPROVED);
    directory_close(directory);
    test_postgres_resume(&postgres);
    test_postgres_stop(&postgres);
}

/* A socket that takes connections and says nothing. */
Test(freshness, a_server_that_never_answers_is_given_up, .timeout = 120) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char directory[TEST_TEXT];
    char conninfo[TEST_TEXT + 32];
    struct failure failure = {""};
    test_directory(directory);
    cr_assert_lt(snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.5432", directory),
                 (int)sizeof(address.sun_path));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(listener, 4), 0);
    snprintf(conninfo, sizeof(conninfo), "host=%s port=5432 dbname=vaxel", directory);
    struct directory_options options = {.conninfo = conninfo};
    cr_expect_null(directory_open(&options, &failure));
    cr_expect_str_eq(failure.text, "cannot connect to PostgreSQL: PostgreSQL is silent");
    close(listener);
}

/* A connection that the server forgot in its sleep is given up, and made again. */
Test(freshness, a_server_that_wakes_up_after_a_long_pause_is_followed_again) {
    struct test_postgres postgres;
    struct failure failure = {""};
    test_postgres_start(&postgres);
    cr_assert(directory_seed_example(postgres.conninfo, &failure), "%s", failure.text);
    struct directory *directory = world_open(postgres.conninfo, true);
    test_postgres_pause(&postgres);
    AWAIT(age_of(directory) > 7000000);
    test_postgres_resume(&postgres);
    test_sql(postgres.conninfo, "UPDATE credit SET limit_minor = 46 WHERE id = 7");
    AWAIT(ceiling_of_card(directory, CARD_ACTIVE) == 46);
    directory_close(directory);
    test_postgres_stop(&postgres);
}
