/* SPDX-License-Identifier: Apache-2.0 */
/* The server breaks under load: every append is told once, and what was told as recorded is there, once. */
#include "record/desk.h"

#include <libpq-fe.h>
#include <sys/socket.h>

#define ENTRIES 6000

static struct entry entries[ENTRIES];
static uint32_t appended;

/* Keeps a few hundred rows under way for as long as there are any left. */
static void append_some(struct desk *at) {
    while (appended < ENTRIES && appended - at->told < 300) {
        entries[appended] = purchase_of((int32_t)(1 + appended % 3), 1);
        cr_assert(record_append(at->record, &entries[appended], appended));
        appended++;
    }
}

static void turn_until_told(struct desk *at, uint32_t told) {
    struct tick give_up = {tick_now().us + PATIENCE_US};
    while (at->told < told) {
        cr_assert(tick_now().us < give_up.us, "only %u of %u were told", at->told, told);
        append_some(at);
        desk_turn(at);
    }
}

static void build_fences(struct desk *at) {
    for (int32_t organisation = 1; organisation <= 3; organisation++)
        desk_rebuild(at, organisation);
}

static void expect_each_once(struct desk *at) {
    for (uint32_t owner = 0; owner < ENTRIES; owner++) {
        cr_assert_eq(at->times_told[owner], 1);
        cr_assert_eq(at->outcomes[owner].kind, OUTCOME_RECORDED, "owner %u was told %d", owner,
                     (int)at->outcomes[owner].kind);
    }
    cr_assert_eq(sql_number(at->conninfo, "SELECT count(*) FROM entry"), ENTRIES);
    cr_assert_eq(sql_number(at->conninfo, "SELECT count(DISTINCT id) FROM entry"), ENTRIES);
    for (uint32_t owner = 0; owner < ENTRIES; owner += 997)
        cr_assert_eq(rows_of(at->conninfo, &entries[owner].id), 1);
}

static struct test_postgres postgres;

static void start_server(void) {
    test_postgres_start(&postgres);
}

static void stop_server(void) {
    desk_stop(&desk);
    test_postgres_stop(&postgres);
}

TestSuite(record_breaks, .init = start_server, .fini = stop_server, .timeout = 240);

/* Another connection that lets no row in, so that what is sent now is under way for certain when the server breaks. */
static PGconn *hold_up(void) {
    PGconn *holder = PQconnectdb(postgres.conninfo);
    PGresult *result = PQexec(holder, "BEGIN; LOCK TABLE entry IN SHARE ROW EXCLUSIVE MODE");
    cr_assert_eq(PQresultStatus(result), PGRES_COMMAND_OK, "%s", PQerrorMessage(holder));
    PQclear(result);
    /* What went in before the lock is told meanwhile, so there is always something more to send. */
    while (sql_number(postgres.conninfo, "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                                         "WHERE NOT granted AND application_name = 'vaxel recorder'") == 0) {
        append_some(&desk);
        desk_turn(&desk);
    }
    cr_assert(desk.told < appended, "nothing is under way");
    return holder;
}

Test(record_breaks, a_server_that_crashes_under_load_loses_nothing_and_doubles_nothing) {
    desk_start(&desk, postgres.conninfo, &desk_options);
    build_fences(&desk);
    for (int round = 1; round <= 3; round++) {
        turn_until_told(&desk, (uint32_t)round * ENTRIES / 4);
        PGconn *holder = hold_up();
        test_postgres_kill(&postgres);
        DESK_UNTIL(&desk, desk.downs == round);
        PQfinish(holder);
        test_postgres_restart(&postgres);
    }
    turn_until_told(&desk, ENTRIES);
    expect_each_once(&desk);
}

Test(record_breaks, connections_ended_again_and_again_under_load_lose_nothing) {
    desk_start(&desk, postgres.conninfo, &desk_options);
    build_fences(&desk);
    for (int round = 1; round <= 20; round++) {
        turn_until_told(&desk, (uint32_t)round * ENTRIES / 25);
        /* In turn with a batch that can't get further, and at whatever point it has come to. */
        PGconn *holder = round % 2 == 0 ? hold_up() : NULL;
        append_some(&desk);
        record_flush(desk.record, tick_now());
        test_sql(postgres.conninfo, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                                    "WHERE application_name LIKE 'vaxel re%%'");
        DESK_UNTIL(&desk, desk.downs == round);
        PQfinish(holder);
        DESK_UNTIL(&desk, desk.is_up);
    }
    turn_until_told(&desk, ENTRIES);
    expect_each_once(&desk);
}

/* Takes what the server has sent to the recorder out of its hands, and cuts the connection. */
static void steal_answer(void) {
    struct record_interest interests[RECORD_CONNECTIONS];
    char stolen[65536];
    record_interests(desk.record, interests);
    while (recv(interests[0].fd, stolen, sizeof stolen, MSG_DONTWAIT) > 0) {
    }
    cr_assert_eq(shutdown(interests[0].fd, SHUT_RDWR), 0);
}

Test(record_breaks, a_commit_whose_answer_was_lost_is_told_as_recorded_and_is_there_once) {
    desk_start(&desk, postgres.conninfo, &desk_options);
    build_fences(&desk);
    for (int round = 1; round <= 10; round++) {
        turn_until_told(&desk, (uint32_t)round * ENTRIES / 20);
        DESK_UNTIL(&desk, desk.told == appended);
        append_some(&desk);
        record_flush(desk.record, tick_now());
        while (sql_number(postgres.conninfo, "SELECT count(*) FROM entry") < appended) {
        }
        cr_assert(desk.told < appended);
        steal_answer();
        DESK_UNTIL(&desk, desk.downs == round && desk.is_up);
    }
    turn_until_told(&desk, ENTRIES);
    expect_each_once(&desk);
}

Test(record_breaks, a_server_that_falls_silent_is_given_up_and_found_again) {
    struct record_options options = desk_options;
    options.silence_us = 500000;
    desk_start(&desk, postgres.conninfo, &options);
    build_fences(&desk);
    turn_until_told(&desk, ENTRIES / 2);
    /* A busy disk may have been as silent. */
    DESK_UNTIL(&desk, desk.is_up);
    int before = desk.downs;
    test_postgres_pause(&postgres);
    append_some(&desk);
    DESK_UNTIL(&desk, desk.downs > before);
    test_postgres_resume(&postgres);
    turn_until_told(&desk, ENTRIES);
    expect_each_once(&desk);
}

Test(record_breaks, sums_asked_for_while_the_server_is_away_are_read_when_it_is_back) {
    desk_start(&desk, postgres.conninfo, &desk_options);
    build_fences(&desk);
    test_postgres_kill(&postgres);
    DESK_UNTIL(&desk, !desk.is_up);
    for (int32_t organisation = 1; organisation <= 3; organisation++)
        cr_assert(record_read_sums(desk.record, organisation, month_now(), false));
    desk_turn(&desk);
    test_postgres_restart(&postgres);
    DESK_UNTIL(&desk, desk.sums_told == 6);
    for (int at = 3; at < 6; at++)
        cr_assert_eq(desk.sums[at].epoch, 2);
}

Test(record_breaks, a_look_up_does_not_wait_for_a_server_that_is_gone) {
    struct record_options options = desk_options;
    options.silence_us = 200000;
    desk_start(&desk, postgres.conninfo, &options);
    test_postgres_pause(&postgres);
    struct request_id id = new_id();
    record_look_up(desk.record, 4711, &id, month_now(), 1);
    DESK_UNTIL(&desk, desk.found_told == 1);
    cr_assert_not(desk.is_answered);
    test_postgres_resume(&postgres);
}

Test(record_breaks, a_database_of_another_version_is_not_written_to) {
    desk_start(&desk, postgres.conninfo, &desk_options);
    desk_stop(&desk);
    test_sql(postgres.conninfo, "INSERT INTO schema_migration VALUES ('9999_later.sql')");
    memset(&desk, 0, sizeof desk);
    struct record_options options = desk_options;
    options.conninfo = postgres.conninfo;
    desk.record = record_create(&options, tick_now());
    struct entry entry = purchase_of(1, 1);
    cr_assert(record_append(desk.record, &entry, 1));
    for (int turn = 0; turn < 20; turn++)
        desk_turn(&desk);
    cr_assert_eq(sql_number(postgres.conninfo, "SELECT count(*) FROM entry"), 0);
    test_sql(postgres.conninfo, "DELETE FROM schema_migration WHERE name LIKE '9999%%'");
}
