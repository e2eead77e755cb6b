/* SPDX-License-Identifier: Apache-2.0 */
/* Sums that are kept, and the rows behind them (sql/0008_roll_up.sql): together what the rows alone come to. */
#include "record/desk.h"

#include <libpq-fe.h>

#define ORGANISATIONS 3
#define SEEDS 3
#define STEPS 600

static void roll_up(void) {
    test_sql(database.conninfo, "CALL roll_up(0)");
}

/* ---- whatever happens at once ---- */

struct roller {
    PGconn *connection;
    int rolls;
};

static void roller_open(struct roller *roller) {
    *roller = (struct roller){.connection = PQconnectdb(database.conninfo)};
    cr_assert_eq(PQsendQuery(roller->connection, "CALL roll_up(0)"), 1);
}

static void finish_roll(struct roller *roller) {
    for (PGresult *result; (result = PQgetResult(roller->connection)) != NULL; PQclear(result))
        cr_assert_eq(PQresultStatus(result), PGRES_COMMAND_OK, "%s", PQresultErrorMessage(result));
}

static void roller_turn(struct roller *roller) {
    PQconsumeInput(roller->connection);
    if (PQisBusy(roller->connection))
        return;
    finish_roll(roller);
    roller->rolls++;
    cr_assert_eq(PQsendQuery(roller->connection, "CALL roll_up(0)"), 1);
}

/* Its last roll holds the months that it is at: who rolls up next would pass them over. */
static void roller_close(struct roller *roller) {
    finish_roll(roller);
    PQfinish(roller->connection);
}

struct storm {
    uint64_t random;
    struct desk nodes[2];
    uint32_t asked[2];
    struct roller rollers[2];
    int32_t epochs[ORGANISATIONS + 1];
    bool is_asked[2][ORGANISATIONS + 1];
    int verified[2];
    struct entry entries[STEPS];
    int entry_count;
};

static uint32_t chance(struct storm *storm, uint32_t below) {
    storm->random = storm->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(storm->random >> 33) % below;
}

static void append_something(struct storm *storm, uint32_t node) {
    static const enum entry_kind kinds[] = {ENTRY_PURCHASE, ENTRY_PURCHASE, ENTRY_HOLD, ENTRY_ADVICE};
    enum entry_kind kind = kinds[chance(storm, 4)];
    int32_t organisation = 1 + (int32_t)chance(storm, ORGANISATIONS);
    struct entry entry = purchase_of(organisation, kind == ENTRY_ADVICE ? 0 : storm->epochs[organisation]);
    entry.kind = kind;
    entry.expires_at.us = entry.appended_at.us + INT64_C(3600) * 1000000;
    entry.amount_minor = 1 + chance(storm, 1000);
    entry.department = (int32_t)chance(storm, 4) == 0 ? 0 : 10 * organisation + 1 + (int32_t)chance(storm, 3);
    entry.traveller = 1 + (int32_t)chance(storm, 5);
    entry.credit = 1 + (int32_t)chance(storm, 5);
    storm->entries[storm->entry_count++] = entry;
    cr_assert(record_append(storm->nodes[node].record, &entry, storm->asked[node]++));
}

static void settle_something(struct storm *storm, uint32_t node) {
    static const enum entry_kind kinds[] = {ENTRY_CAPTURE, ENTRY_VOID, ENTRY_REFUND, ENTRY_REVERSAL};
    if (storm->entry_count == 0)
        return;
    const struct entry *entry = &storm->entries[chance(storm, (uint32_t)storm->entry_count)];
    enum entry_kind kind = kinds[chance(storm, 4)];
    struct settlement settlement = settlement_of(kind, entry, 0);
    if (kind == ENTRY_CAPTURE || kind == ENTRY_REFUND)
        settlement.amount_minor = chance(storm, 500);
    cr_assert(record_settle(storm->nodes[node].record, &settlement, storm->asked[node]++));
}

static void undo_something(struct storm *storm, uint32_t node) {
    if (storm->entry_count == 0)
        return;
    struct undo undo = undo_of(&storm->entries[chance(storm, (uint32_t)storm->entry_count)]);
    cr_assert(record_undo(storm->nodes[node].record, &undo, storm->asked[node]++));
}

static void ask_for_sums(struct storm *storm, uint32_t node) {
    int32_t organisation = 1 + (int32_t)chance(storm, ORGANISATIONS);
    if (storm->is_asked[node][organisation])
        return;
    storm->is_asked[node][organisation] = true;
    cr_assert(record_read_sums(storm->nodes[node].record, organisation, month_now(), chance(storm, 10) == 0));
}

/* Written as one would by hand: kinds and ids with what the rows of lower epochs come to. */
static const char plain_sums[] =
    "WITH RECURSIVE e AS (SELECT * FROM entry WHERE month = %d AND organisation = %d AND epoch < %d), "
    "above(department, top) AS (SELECT id, id FROM department UNION ALL SELECT a.department, d.parent FROM above a "
    "JOIN department d ON d.id = a.top WHERE d.parent IS NOT NULL) "
    "SELECT coalesce(string_agg(concat_ws(' ', kind, id, spent), ', ' ORDER BY kind, id), '') FROM ("
    "SELECT 4 AS kind, %d AS id, sum(amount_minor) AS spent FROM e HAVING count(*) > 0 "
    "UNION ALL SELECT 3, top, sum(amount_minor) FROM e JOIN above USING (department) GROUP BY top "
    "UNION ALL SELECT 2, traveller, sum(amount_minor) FROM e WHERE traveller <> 0 GROUP BY traveller "
    "UNION ALL SELECT 1, credit, sum(amount_minor) FROM e WHERE credit <> 0 GROUP BY credit) s";

static int compare_sums(const void *one, const void *other) {
    const struct sum *a = one, *b = other;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static void verify_sums(struct sums_read *read) {
    char text[4096] = "";
    size_t size = 0;
    cr_assert(read->is_read);
    cr_assert_lt(read->sum_count, 64);
    qsort(read->sums, read->sum_count, sizeof read->sums[0], compare_sums);
    for (size_t at = 0; at < read->sum_count; at++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%d %d %lld", at > 0 ? ", " : "",
                                 (int)read->sums[at].kind, read->sums[at].id, (long long)read->sums[at].spent_minor);
    cr_assert_str_eq(text, test_sql(database.conninfo, plain_sums, month_now().yyyymm, read->organisation, read->epoch,
                                    read->organisation));
}

/* What a rebuild of an epoch has to find does not change any more once it is told. */
static void verify_told(struct storm *storm, uint32_t node) {
    struct desk *mine = &storm->nodes[node];
    for (; storm->verified[node] < mine->sums_told; storm->verified[node]++) {
        struct sums_read *read = &mine->sums[storm->verified[node]];
        verify_sums(read);
        storm->is_asked[node][read->organisation] = false;
        if (read->epoch > storm->epochs[read->organisation])
            storm->epochs[read->organisation] = read->epoch;
    }
}

static void turn(struct storm *storm) {
    for (uint32_t node = 0; node < 2; node++) {
        desk_turn(&storm->nodes[node]);
        verify_told(storm, node);
        roller_turn(&storm->rollers[node]);
    }
}

static bool is_over(const struct storm *storm, uint32_t node) {
    if (storm->nodes[node].told < storm->asked[node])
        return false;
    for (int32_t organisation = 1; organisation <= ORGANISATIONS; organisation++)
        if (storm->is_asked[node][organisation])
            return false;
    return true;
}

static void calm_down(struct storm *storm) {
    struct tick give_up = {tick_now().us + PATIENCE_US};
    while (!is_over(storm, 0) || !is_over(storm, 1)) {
        cr_assert(tick_now().us < give_up.us, "an answer is waited for in vain");
        turn(storm);
    }
}

/* A department with all that was bought there goes elsewhere; the trigger raises the fence. */
static void move_a_department(struct storm *storm) {
    int32_t organisation = 1 + (int32_t)chance(storm, ORGANISATIONS);
    calm_down(storm);
    test_sql(database.conninfo, "UPDATE department SET parent = CASE WHEN parent IS NULL THEN %d END WHERE id = %d",
             10 * organisation + 1, 10 * organisation + 2 + (int32_t)chance(storm, 2));
}

static void step(struct storm *storm) {
    uint32_t node = chance(storm, 2), kind = chance(storm, 100);
    if (kind < 60)
        append_something(storm, node);
    else if (kind < 80)
        settle_something(storm, node);
    else if (kind < 86)
        undo_something(storm, node);
    else if (kind < 98)
        ask_for_sums(storm, node);
    else
        move_a_department(storm);
    if (chance(storm, 5) == 0)
        turn(storm);
}

static void make_departments(void) {
    test_sql(
        database.conninfo,
        "INSERT INTO organisation (id, state, limit_minor) SELECT n, 'active', 0 FROM generate_series(1, %d) n; "
        "INSERT INTO department (id, organisation, parent) SELECT 10 * n + 1, n, NULL FROM generate_series(1, %d) n "
        "UNION ALL SELECT 10 * n + k, n, 10 * n + k - 1 FROM generate_series(1, %d) n, generate_series(2, 3) k",
        ORGANISATIONS, ORGANISATIONS, ORGANISATIONS);
}

static void run_storm(struct storm *storm, uint64_t seed) {
    storm->random = seed;
    for (int at = 0; at < 2; at++) {
        desk_start(&storm->nodes[at], database.conninfo, &desk_options);
        roller_open(&storm->rollers[at]);
    }
    for (int at = 0; at < STEPS; at++)
        step(storm);
    calm_down(storm);
    for (uint32_t at = 0; at < 2; at++) {
        for (int32_t organisation = 1; organisation <= ORGANISATIONS; organisation++) {
            storm->is_asked[at][organisation] = true;
            cr_assert(record_read_sums(storm->nodes[at].record, organisation, month_now(), false));
        }
        calm_down(storm);
    }
    for (int at = 0; at < 2; at++) {
        cr_expect_gt(storm->rollers[at].rolls, 0);
        roller_close(&storm->rollers[at]);
        desk_stop(&storm->nodes[at]);
    }
}

Test(record, a_rebuild_finds_what_the_rows_come_to_whatever_is_recorded_and_rolled_up_meanwhile, .timeout = 300) {
    make_departments();
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct storm *storm = calloc(1, sizeof *storm);
        run_storm(storm, seed);
        free(storm);
    }
    roll_up();
    cr_assert_eq(sql_number(database.conninfo, "SELECT sum(entries) FROM rollup"),
                 sql_number(database.conninfo, "SELECT count(*) FROM entry"));
}

/* ---- one after the other ---- */

static void buy(int32_t organisation, int32_t epoch, int64_t amount_minor) {
    struct entry entry = purchase_of(organisation, epoch);
    entry.amount_minor = amount_minor;
    cr_assert_eq(desk_append(&desk, &entry).kind, OUTCOME_RECORDED);
}

static int64_t spent(int32_t organisation) {
    return sum_of(desk_rebuild(&desk, organisation), LIMIT_ORGANISATION, organisation);
}

static void begin_as_a_node(PGconn *node) {
    struct request_id id = new_id();
    char text[REQUEST_ID_TEXT_SIZE], sql[512];
    request_id_format(&id, text);
    snprintf(sql, sizeof sql, "BEGIN; SELECT pg_advisory_xact_lock_shared(30333, 1)");
    PQclear(PQexec(node, sql));
    snprintf(sql, sizeof sql, "SELECT entomb(%d, 1, '%s', 7)", month_now().yyyymm, text);
    PGresult *result = PQexec(node, sql);
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(node));
    PQclear(result);
}

Test(record, the_roller_waits_for_who_may_stamp_an_older_era_and_nobody_waits_for_the_roller) {
    PGconn *node = PQconnectdb(database.conninfo);
    begin_as_a_node(node);
    struct roller roller;
    roller_open(&roller);
    DESK_UNTIL(&desk, sql_number(database.conninfo, "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                                                    "current_database() AND wait_event = 'PgSleep'") == 1);
    buy(1, 1, 500);
    cr_assert_eq(sql_number(database.conninfo, "SELECT max(mark) FROM recorded_month"), 0);
    PQclear(PQexec(node, "COMMIT"));
    DESK_UNTIL(&desk, (roller_turn(&roller), roller.rolls >= 3));
    cr_assert_eq(sql_number(database.conninfo, "SELECT sum(entries) FROM rollup"), 2);
    roller_close(&roller);
    PQfinish(node);
}

Test(record, a_rebuild_between_the_raising_of_the_era_and_the_roll_finds_all_rows_once) {
    buy(1, 1, 100);
    roll_up();
    buy(1, 1, 20);
    int upto = (int)sql_number(database.conninfo, "SELECT raise_era()");
    buy(1, 1, 3);
    cr_assert_eq(spent(1), 123);
    test_sql(database.conninfo, "SELECT roll_up_month(%d, %d)", month_now().yyyymm, upto);
    cr_assert_eq(sql_number(database.conninfo, "SELECT sum(entries) FROM rollup"), 2);
    cr_assert_eq(spent(1), 123);
    roll_up();
    cr_assert_eq(sql_number(database.conninfo, "SELECT sum(entries) FROM rollup"), 3);
    cr_assert_eq(spent(1), 123);
}

Test(record, what_is_rolled_up_under_the_epoch_of_a_rebuild_is_left_out_of_it) {
    buy(1, 1, 500);
    test_sql(database.conninfo,
             "INSERT INTO entry SELECT gen_random_uuid(), -500, now(), month, 1, 2, 21, 31, 0, 7, 6, "
             "'', '', 0, era FROM entry");
    roll_up();
    cr_assert_eq(sql_number(database.conninfo, "SELECT sum(entries) FROM rollup"), 2);
    cr_assert_eq(spent(1), 500);
    cr_assert_eq(spent(1), 0);
}

Test(record, each_month_is_rolled_up_for_itself) {
    struct month month = month_now();
    struct month before = {month.yyyymm % 100 == 1 ? month.yyyymm - 89 : month.yyyymm - 1};
    test_sql(database.conninfo, "SELECT make_partitions(%d)", before.yyyymm);
    buy(1, 1, 500);
    test_sql(database.conninfo,
             "INSERT INTO entry SELECT gen_random_uuid(), 70, now(), %d, 1, 0, 21, 31, 0, 7, 1, '', '', "
             "0, era FROM entry",
             before.yyyymm);
    roll_up();
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM rollup"), 2);
    cr_assert(record_read_sums(desk.record, 1, before, false));
    cr_assert(record_read_sums(desk.record, 1, month, false));
    int told = desk.sums_told;
    DESK_UNTIL(&desk, desk.sums_told == told + 2);
    for (int at = told; at < told + 2; at++)
        cr_assert_eq(sum_of(&desk.sums[at], LIMIT_ORGANISATION, 1), desk.sums[at].epoch == 1 ? 70 : 500);
}

Test(record, a_row_that_names_no_era_is_never_rolled_up_and_always_found) {
    test_sql(database.conninfo,
             "INSERT INTO entry VALUES (gen_random_uuid(), 900, now(), %d, 1, 1, 21, 31, 0, 7, 1, '', '')",
             month_now().yyyymm);
    roll_up();
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM rollup"), 0);
    cr_assert_eq(spent(1), 900);
}

Test(record, sums_that_are_wrong_are_mended_by_a_rebuild_from_the_rows) {
    buy(1, 1, 500);
    roll_up();
    test_sql(database.conninfo, "UPDATE rollup SET amount_minor = amount_minor + 1");
    cr_assert_eq(spent(1), 501);
    cr_assert(record_find_month(desk.record, 0, (struct month){0}));
    DESK_UNTIL(&desk, desk.months_found == 1);
    cr_assert(record_read_month(desk.record, 1, month_now()));
    DESK_UNTIL(&desk, desk.months_read == 1);
    cr_assert_eq(sum_of(&desk.month_read, LIMIT_ORGANISATION, 1), 500, "the audit must see the rows");
    int told = desk.sums_told;
    cr_assert(record_read_sums(desk.record, 1, month_now(), true));
    DESK_UNTIL(&desk, desk.sums_told > told);
    cr_assert_eq(sum_of(&desk.sums[told], LIMIT_ORGANISATION, 1), 500);
    cr_assert_eq(spent(1), 500);
}

Test(record, a_node_rolls_up_by_itself_what_is_new) {
    struct desk *node = calloc(1, sizeof *node);
    struct record_options options = desk_options;
    options.roll_up_rows = 1;
    desk_start(node, database.conninfo, &options);
    buy(1, 1, 500);
    DESK_UNTIL(node, sql_number(database.conninfo, "SELECT coalesce(sum(entries), 0) FROM rollup") == 1);
    desk_stop(node);
    free(node);
    cr_assert_eq(spent(1), 500);
}

/* ---- many at once ---- */

#define MANY 700

static void ask_many(void) {
    for (int32_t organisation = 2; organisation <= MANY; organisation++)
        cr_assert(record_read_sums(desk.record, organisation, month_now(), false));
}

static void expect_each_once(int64_t factor) {
    static bool is_seen[MANY + 1];
    memset(is_seen, 0, sizeof is_seen);
    for (int at = 0; at < MANY - 1; at++) {
        const struct sums_read *sums = &desk.sums[at];
        cr_assert(sums->is_read);
        cr_assert_not(is_seen[sums->organisation]);
        is_seen[sums->organisation] = true;
        cr_assert_eq(sum_of(sums, LIMIT_ORGANISATION, sums->organisation), factor * sums->organisation);
        cr_assert_eq(sums->remembered_count, factor == 0 ? 0 : 1);
    }
}

static void make_many(void) {
    desk.sums_told = 0;
    ask_many();
    DESK_UNTIL(&desk, desk.sums_told == MANY - 1);
    expect_each_once(0);
    for (int32_t organisation = 2; organisation <= MANY; organisation++) {
        struct entry entry = purchase_of(organisation, 1);
        entry.amount_minor = 10 * organisation;
        cr_assert(record_append(desk.record, &entry, (uint32_t)organisation));
        if (organisation == MANY / 2) {
            DESK_UNTIL(&desk, desk.told == MANY / 2 - 1);
            roll_up();
        }
    }
    DESK_UNTIL(&desk, desk.told == MANY - 1);
    desk.sums_told = 0;
}

Test(record, many_organisations_are_told_in_one_batch_of_sums_and_rows) {
    make_many();
    ask_many();
    DESK_UNTIL(&desk, desk.sums_told == MANY - 1);
    expect_each_once(10);
    cr_assert_eq(sql_number(database.conninfo, "SELECT min(epoch) FROM fence WHERE organisation > 1"), 2);
}

static void end_the_reader(void) {
    test_sql(database.conninfo, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                                "WHERE datname = current_database() AND application_name = 'vaxel reader'");
}

Test(record, a_connection_that_breaks_in_the_middle_of_a_batch_leaves_each_organisation_told_once) {
    make_many();
    PGconn *bar = PQconnectdb(database.conninfo);
    PQclear(PQexec(bar, "BEGIN; LOCK TABLE rollup IN ACCESS EXCLUSIVE MODE"));
    ask_many();
    DESK_UNTIL(&desk, sql_number(database.conninfo, "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                                                    "current_database() AND application_name = 'vaxel reader' "
                                                    "AND wait_event_type = 'Lock'") == 1);
    end_the_reader();
    PQfinish(bar);
    DESK_UNTIL(&desk, desk.sums_told > 0);
    end_the_reader(); /* some may be told by now, or all */
    DESK_UNTIL(&desk, desk.sums_told == MANY - 1);
    for (int turns = 0; turns < 20; turns++)
        desk_turn(&desk);
    cr_assert_eq(desk.sums_told, MANY - 1);
    expect_each_once(10);
    cr_assert_geq(sql_number(database.conninfo, "SELECT max(epoch) FROM fence WHERE organisation > 1"), 3);
}

/* ---- the month ahead ---- */

Test(record, before_a_month_ends_each_organisation_is_told_once_to_have_its_next_one_made) {
    struct desk *nodes[2];
    struct record_options options = desk_options;
    options.ahead_us = INT64_C(32) * 24 * 3600 * 1000000;
    make_many();
    for (int at = 0; at < 2; at++) {
        nodes[at] = calloc(1, sizeof *nodes[at]);
        desk_start(nodes[at], database.conninfo, &options);
    }
    struct tick give_up = {tick_now().us + PATIENCE_US};
    while (nodes[0]->ahead_told + nodes[1]->ahead_told < MANY) {
        cr_assert(tick_now().us < give_up.us);
        desk_turn(nodes[0]);
        desk_turn(nodes[1]);
    }
    static bool is_seen[MANY + 1];
    for (int at = 0; at < 2; at++) {
        for (int i = 0; i < nodes[at]->ahead_told; i++) {
            cr_assert_gt(nodes[at]->ahead[i].month.yyyymm, month_now().yyyymm);
            cr_assert_not(is_seen[nodes[at]->ahead[i].organisation]);
            is_seen[nodes[at]->ahead[i].organisation] = true;
        }
        desk_stop(nodes[at]);
        free(nodes[at]);
    }
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM fence WHERE epoch = 0"), MANY);
}
