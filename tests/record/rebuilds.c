/* SPDX-License-Identifier: Apache-2.0 */
#include "record/desk.h"

#include <libpq-fe.h>

Test(record, each_rebuild_raises_the_epoch) {
    cr_assert_eq(desk_rebuild(&desk, 1)->epoch, 2);
    cr_assert_eq(desk_rebuild(&desk, 1)->epoch, 3);
    cr_assert_eq(desk_rebuild(&desk, 2)->epoch, 1);
}

Test(record, many_organisations_are_rebuilt_together_each_with_its_own_sums) {
    for (int32_t organisation = 2; organisation <= 100; organisation++)
        cr_assert(record_read_sums(desk.record, organisation, month_now(), false));
    DESK_UNTIL(&desk, desk.sums_told == 100);
    for (int32_t organisation = 1; organisation <= 100; organisation++) {
        struct entry entry = purchase_of(organisation, 1);
        entry.amount_minor = 100 * organisation;
        cr_assert(record_append(desk.record, &entry, (uint32_t)organisation));
    }
    DESK_UNTIL(&desk, desk.told == 100);
    desk.sums_told = 0;
    for (int32_t organisation = 100; organisation > 0; organisation--)
        cr_assert(record_read_sums(desk.record, organisation, month_now(), false));
    DESK_UNTIL(&desk, desk.sums_told == 100);
    bool is_seen[101] = {false};
    for (int at = 0; at < 100; at++) {
        const struct sums_read *sums = &desk.sums[at];
        cr_assert(sums->is_read && !is_seen[sums->organisation]);
        is_seen[sums->organisation] = true;
        cr_assert_eq(sums->epoch, 2);
        cr_assert_eq(sum_of(sums, LIMIT_ORGANISATION, sums->organisation), 100 * sums->organisation);
    }
}

static struct entry bought(int32_t department, int32_t traveller, int32_t credit, int64_t amount_minor) {
    struct entry entry = purchase_of(1, 1);
    entry.department = department;
    entry.traveller = traveller;
    entry.credit = credit;
    entry.amount_minor = amount_minor;
    cr_assert_eq(desk_append(&desk, &entry).kind, OUTCOME_RECORDED);
    return entry;
}

Test(record, sums_are_by_organisation_traveller_credit_and_up_the_departments) {
    test_sql(database.conninfo, "INSERT INTO organisation (id, state, limit_minor) VALUES (1, 'active', 0); "
                                "INSERT INTO department (id, organisation, parent) VALUES (1, 1, NULL), (2, 1, 1), "
                                "(3, 1, 2), (4, 1, NULL)");
    bought(3, 21, 31, 1);
    bought(2, 21, 32, 10);
    bought(1, 22, 33, 100);
    bought(4, 22, 33, 1000);
    bought(0, 23, 34, 10000);
    struct entry undone = bought(3, 21, 31, 100000);
    struct undo undo = undo_of(&undone);
    desk_undo(&desk, &undo);
    const struct sums_read *sums = desk_rebuild(&desk, 1);
    static const struct sum expected[] = {
        {LIMIT_ORGANISATION, 1, 11111}, {LIMIT_DEPARTMENT, 1, 111},   {LIMIT_DEPARTMENT, 2, 11},
        {LIMIT_DEPARTMENT, 3, 1},       {LIMIT_DEPARTMENT, 4, 1000},  {LIMIT_TRAVELLER, 21, 11},
        {LIMIT_TRAVELLER, 22, 1100},    {LIMIT_TRAVELLER, 23, 10000}, {LIMIT_CREDIT, 31, 1},
        {LIMIT_CREDIT, 32, 10},         {LIMIT_CREDIT, 33, 1100},     {LIMIT_CREDIT, 34, 10000},
    };
    cr_assert_eq(sums->sum_count, sizeof expected / sizeof *expected);
    for (size_t at = 0; at < sums->sum_count; at++)
        cr_assert_eq(sum_of(sums, expected[at].kind, expected[at].id), expected[at].spent_minor, "kind %d id %d",
                     (int)expected[at].kind, expected[at].id);
}

Test(record, the_reader_sums_as_a_rebuild_does_and_raises_nothing) {
    bought(0, 21, 31, 1);
    bought(0, 22, 32, 10);
    struct failure failure;
    struct sums sums;
    int32_t *organisations;
    size_t count;
    struct record_reader *reader = record_reader_open(database.conninfo, &failure);
    cr_assert(reader != NULL, "%s", failure.text);
    for (int times = 0; times < 2; times++) {
        const int32_t organisation = 1;
        cr_assert(record_reader_sums(reader, &organisation, 1, month_now(), &sums, &failure), "%s", failure.text);
        cr_assert_eq(sums.epoch, 1);
        cr_assert_eq(sums.sum_count, 5);
        cr_assert_eq(sums.sums[0].kind, LIMIT_ORGANISATION);
        cr_assert_eq(sums.sums[0].spent_minor, 11);
        free((void *)(uintptr_t)sums.sums);
    }
    cr_assert(record_reader_organisations(reader, month_now(), &organisations, &count, &failure));
    cr_assert_eq(count, 1);
    cr_assert_eq(organisations[0], 1);
    free(organisations);
    record_reader_close(reader);
}

static int64_t read_of(const struct sums *sums, enum limit_kind kind, int32_t id) {
    for (uint32_t at = 0; at < sums->sum_count; at++)
        if (sums->sums[at].kind == kind && sums->sums[at].id == id)
            return sums->sums[at].spent_minor;
    return -1;
}

/* Many are read in one pass over the month, few by the index. */
Test(record, the_reader_sums_many_at_once_as_it_does_one_by_one) {
    enum { MANY = READER_SUMS_MOST };
    int32_t organisations[MANY];
    static struct sums many[MANY];
    struct sums one;
    struct failure failure;
    bought(0, 21, 31, 1);
    bought(0, 22, 32, 10);
    bought(2, 22, 33, 100);
    desk_rebuild(&desk, 2);
    struct entry elsewhere = purchase_of(2, 1);
    elsewhere.amount_minor = 7;
    cr_assert_eq(desk_append(&desk, &elsewhere).kind, OUTCOME_RECORDED);
    for (int32_t i = 0; i < MANY; i++)
        organisations[i] = i + 1;
    struct record_reader *reader = record_reader_open(database.conninfo, &failure);
    cr_assert(reader != NULL, "%s", failure.text);
    cr_assert(record_reader_sums(reader, organisations, MANY, month_now(), many, &failure), "%s", failure.text);
    cr_expect_eq(read_of(&many[0], LIMIT_ORGANISATION, 1), 111);
    cr_expect_eq(read_of(&many[1], LIMIT_ORGANISATION, 2), 7);
    for (int i = 0; i < MANY; i++) {
        cr_assert(record_reader_sums(reader, &organisations[i], 1, month_now(), &one, &failure), "%s", failure.text);
        cr_expect_eq(many[i].epoch, one.epoch);
        cr_assert_eq(many[i].sum_count, one.sum_count);
        for (uint32_t at = 0; at < one.sum_count; at++)
            cr_expect_eq(read_of(&many[i], one.sums[at].kind, one.sums[at].id), one.sums[at].spent_minor);
        free((void *)(uintptr_t)one.sums);
        free((void *)(uintptr_t)many[i].sums);
    }
    record_reader_close(reader);
}

/* An instant so long ago, in the month of now: near the month's turn it is the other way round. */
static struct instant minutes_off(int64_t minutes) {
    struct instant now = instant_now();
    struct calendar calendar = {0};
    struct instant then = {now.us - minutes * 60000000};
    if (month_of(calendar_day(&calendar, then)).yyyymm != month_now().yyyymm)
        then.us = now.us;
    return then;
}

Test(record, recent_ids_are_remembered_with_what_they_did) {
    struct entry counted = bought(0, 21, 31, 500), reversed = bought(0, 21, 31, 600), tombed = purchase_of(1, 1);
    struct undo undo = undo_of(&reversed);
    desk_undo(&desk, &undo);
    undo = undo_of(&tombed);
    desk_undo(&desk, &undo);
    const struct sums_read *sums = desk_rebuild(&desk, 1);
    cr_assert_eq(sums->remembered_count, 3);
    const struct remembered *memory = memory_of(sums, &counted.id);
    struct calendar calendar = {0};
    cr_assert_eq(memory->memory.kind, MEMORY_COUNTED);
    cr_assert_eq(memory->memory.content.amount_minor, 500);
    cr_assert_eq(memory->memory.content.client, 7);
    cr_assert_eq(memory->memory.content.credit, 31);
    cr_assert_eq(memory->memory.content.kind, ENTRY_PURCHASE);
    cr_assert_eq(memory->memory.content.product_hash, content_hash("single"));
    cr_assert_eq(memory->day.yyyymmdd, calendar_day(&calendar, request_id_time(&counted.id)).yyyymmdd);
    memory = memory_of(sums, &reversed.id);
    cr_assert_eq(memory->memory.kind, MEMORY_REVERSED);
    cr_assert_eq(memory->memory.content.amount_minor, 600);
    cr_assert_eq(memory_of(sums, &tombed.id)->memory.kind, MEMORY_REVERSED);
}

Test(record, ids_older_than_twice_the_window_are_summed_and_not_remembered) {
    struct entry old = purchase_of(1, 1);
    struct instant then = minutes_off(21);
    bool is_old = instant_now().us - then.us > 1;
    old.id = new_id_at(then);
    cr_assert_eq(desk_append(&desk, &old).kind, OUTCOME_RECORDED);
    const struct sums_read *sums = desk_rebuild(&desk, 1);
    cr_assert_eq(sum_of(sums, LIMIT_ORGANISATION, 1), PURCHASE_MINOR);
    if (is_old)
        cr_assert_eq(sums->remembered_count, 0);
}

static struct refusal_note note_of(const struct entry *entry) {
    struct calendar calendar = {0};
    return (struct refusal_note){
        .id = entry->id,
        .day = calendar_day(&calendar, request_id_time(&entry->id)),
        .organisation = 1,
        .traveller = 21,
        .credit = 31,
        .reason = REASON_CREDIT_LIMIT,
        .refusing = 5,
        .content = {.amount_minor = 700, .client = 7, .credit = 31, .kind = ENTRY_PURCHASE},
        .product = {"single"},
    };
}

Test(record, a_refusal_is_noted_and_remembered_unless_its_id_has_a_row) {
    struct entry refused = purchase_of(1, 1), recorded = bought(0, 21, 31, 500);
    struct refusal_note note = note_of(&refused), other = note_of(&recorded);
    record_note_refusal(desk.record, &note);
    record_note_refusal(desk.record, &other);
    DESK_UNTIL(&desk,
               sql_number(database.conninfo, "SELECT count(*) FROM refusal WHERE organisation = 1 AND reason = 8 "
                                             "AND refusing = 5 AND amount_minor = 700 AND product = 'single'") == 2);
    const struct sums_read *sums = desk_rebuild(&desk, 1);
    cr_assert_eq(sums->remembered_count, 2);
    const struct remembered *memory = memory_of(sums, &refused.id);
    cr_assert_eq(memory->memory.kind, MEMORY_REFUSED);
    cr_assert_eq(memory->memory.reason, REASON_CREDIT_LIMIT);
    cr_assert_eq(memory->memory.refusing, 5);
    cr_assert_eq(memory->day.yyyymmdd, note.day.yyyymmdd);
    cr_assert_eq(memcmp(&memory->memory.content, &note.content, sizeof note.content), 0);
    cr_assert_eq(memory_of(sums, &recorded.id)->memory.kind, MEMORY_COUNTED);
}

Test(record, refusals_past_the_capacity_are_dropped_and_hold_up_nothing) {
    for (int times = 0; times < 1000; times++) {
        struct entry refused = purchase_of(1, 1);
        struct refusal_note note = note_of(&refused);
        record_note_refusal(desk.record, &note);
    }
    DESK_UNTIL(&desk, sql_number(database.conninfo, "SELECT count(*) FROM refusal") == desk_options.refusal_capacity);
    bought(0, 21, 31, 1);
}

Test(record, a_rebuild_waits_for_the_batches_before_it_and_bars_those_after_it) {
    /* A batch of another node that has its lock and its row, and has not committed. */
    PGconn *node = PQconnectdb(database.conninfo);
    struct entry entry = purchase_of(1, 1);
    char id[REQUEST_ID_TEXT_SIZE], sql[512];
    request_id_format(&entry.id, id);
    snprintf(
        sql, sizeof sql,
        "BEGIN; SELECT pg_advisory_xact_lock_shared(30333, 1); INSERT INTO entry VALUES ('%s', 900, now(), %d, 1, 1, "
        "21, 31, 0, 7, 1, '', '')",
        id, entry.month.yyyymm);
    PQclear(PQexec(node, sql));
    cr_assert(record_read_sums(desk.record, 1, month_now(), false));
    DESK_UNTIL(&desk, desk_barred() == 1);
    cr_assert_eq(desk.sums_told, 1);
    PQclear(PQexec(node, "COMMIT"));
    DESK_UNTIL(&desk, desk.sums_told == 2);
    cr_assert_eq(desk.sums[1].epoch, 2);
    cr_assert_eq(sum_of(&desk.sums[1], LIMIT_ORGANISATION, 1), 900);
    struct entry late = purchase_of(1, 1);
    cr_assert_eq(desk_append(&desk, &late).kind, OUTCOME_STALE);
    PQfinish(node);
}

Test(record, a_rebuild_leaves_out_what_is_recorded_under_its_own_epoch) {
    bought(0, 21, 31, 500);
    desk_rebuild(&desk, 1);
    /* As if a reversal had gone in between the raise and the reading. */
    test_sql(database.conninfo,
             "INSERT INTO entry SELECT gen_random_uuid(), -500, now(), month, 1, 3, 21, 31, 0, 7, 6, '', '' "
             "FROM entry");
    cr_assert_eq(sum_of(desk_rebuild(&desk, 1), LIMIT_ORGANISATION, 1), 500);
    cr_assert_eq(sum_of(desk_rebuild(&desk, 1), LIMIT_ORGANISATION, 1), 0);
}

/* ---- departments that move ---- */

#define COMPANIES 3

/* Companies 1 to 3, each with a department 10, 20, 30 and one below it; their counters are built. */
static void make_trees(void) {
    test_sql(database.conninfo,
             "INSERT INTO organisation (id, state, limit_minor) SELECT n, 'active', 0 FROM generate_series(1, %d) n; "
             "INSERT INTO department (id, organisation, parent) SELECT 10 * n, n, NULL FROM generate_series(1, %d) n; "
             "INSERT INTO department (id, organisation, parent) SELECT 10 * n + 1, n, 10 * n "
             "FROM generate_series(1, %d) n",
             COMPANIES, COMPANIES, COMPANIES);
    for (int32_t organisation = 2; organisation <= COMPANIES; organisation++)
        desk_rebuild(&desk, organisation);
}

static PGconn *begin(const char *sql) {
    PGconn *connection = PQconnectdb(database.conninfo);
    PQclear(PQexec(connection, "BEGIN"));
    PGresult *result = PQexec(connection, sql);
    cr_assert_neq(PQresultStatus(result), PGRES_FATAL_ERROR, "%s", PQerrorMessage(connection));
    PQclear(result);
    return connection;
}

static void end(PGconn *connection, const char *sql) {
    PGresult *result = PQexec(connection, sql);
    cr_assert_eq(PQresultStatus(result), PGRES_COMMAND_OK, "%s", PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
}

static enum outcome_kind buy(int32_t organisation, int32_t epoch) {
    struct entry entry = purchase_of(organisation, epoch);
    return desk_append(&desk, &entry).kind;
}

Test(record, a_move_that_is_left_open_holds_up_no_purchase_and_makes_counters_stale_when_it_is_committed) {
    make_trees();
    PGconn *mover = begin("UPDATE department SET parent = NULL WHERE id = 11");
    cr_assert_eq(buy(1, 1), OUTCOME_RECORDED);
    cr_assert_eq(buy(2, 1), OUTCOME_RECORDED);
    cr_assert_eq(buy(1 + 64, 0), OUTCOME_RECORDED, "of the same stripe");
    end(mover, "COMMIT");
    cr_assert_eq(buy(1, 1), OUTCOME_STALE);
    cr_assert_eq(buy(2, 1), OUTCOME_RECORDED);
    cr_assert_eq(desk_rebuild(&desk, 1)->epoch, 3);
}

Test(record, departments_that_move_together_raise_the_fence_of_each_organisation_once) {
    make_trees();
    end(begin(
            "UPDATE department SET parent = NULL WHERE id = 11; INSERT INTO department (id, organisation, parent) "
            "VALUES (12, 1, 11); UPDATE department SET parent = 10 WHERE id IN (11, 12); "
            "UPDATE department SET parent = NULL WHERE id = 31; UPDATE department SET budget_minor = 1 WHERE id = 20"),
        "COMMIT");
    cr_assert_str_eq(test_sql(database.conninfo,
                              "SELECT string_agg(epoch::text, ' ' ORDER BY organisation) FROM fence "
                              "WHERE month = %d",
                              month_now().yyyymm),
                     "2 1 2");
}

Test(record, a_move_that_is_taken_back_raises_nothing) {
    make_trees();
    end(begin("UPDATE department SET parent = NULL WHERE id = 11"), "ROLLBACK");
    cr_assert_eq(buy(1, 1), OUTCOME_RECORDED);
}

Test(record, moves_in_several_organisations_take_their_locks_in_the_order_of_a_rebuild) {
    make_trees();
    PGconn *batch = begin("SELECT pg_advisory_xact_lock_shared(30333, 1)");
    PGconn *mover = begin("UPDATE department SET parent = NULL WHERE id = 31; "
                          "UPDATE department SET parent = NULL WHERE id = 11");
    cr_assert_eq(PQsendQuery(mover, "COMMIT"), 1);
    DESK_UNTIL(&desk, desk_barred() == 1);
    cr_assert_eq(buy(3, 1), OUTCOME_RECORDED);
    end(batch, "COMMIT");
    PQclear(PQgetResult(mover));
    PQfinish(mover);
    cr_assert_eq(buy(3, 1), OUTCOME_STALE);
}

/* Alone in this database, as only a rebuild and a move take them. */
static const char *stripes_taken(void) {
    return test_sql(database.conninfo,
                    "SELECT string_agg(objid::text, ' ' ORDER BY objid) FROM pg_locks WHERE locktype = 'advisory' "
                    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
                    "AND classid = 30333 AND objsubid = 2 AND mode = 'ExclusiveLock' AND granted");
}

static const char *epochs(void) {
    return test_sql(database.conninfo, "SELECT string_agg(organisation || ':' || epoch, ' ' ORDER BY organisation) "
                                       "FROM fence");
}

Test(record, an_import_takes_the_stripes_of_all_it_moves_with_a_fence_or_without_and_raises_each_fence_once) {
    make_trees();
    test_sql(database.conninfo, "INSERT INTO organisation (id, state, limit_minor) SELECT n, 'active', 0 "
                                "FROM generate_series(4, 6) n");
    PGconn *import =
        begin("INSERT INTO department (id, organisation, parent) SELECT 100 * n + i, n, NULL "
              "FROM generate_series(4, 6) n, generate_series(0, 9) i; "
              "UPDATE department SET parent = id / 100 * 100 WHERE id > 100 AND id % 100 > 0 AND id < 600; "
              "UPDATE department SET parent = NULL WHERE id IN (11, 31); "
              "UPDATE department SET parent = 10 WHERE id = 11");
    cr_assert_str_eq(stripes_taken(), "");
    PQclear(PQexec(import, "SET CONSTRAINTS ALL IMMEDIATE")); /* as the commit does */
    cr_assert_str_eq(stripes_taken(), "1 3 4 5 6");
    PQclear(PQexec(import, "UPDATE department SET parent = NULL WHERE id IN (11, 21)"));
    cr_assert_str_eq(stripes_taken(), "1 2 3 4 5 6");
    end(import, "COMMIT");
    cr_assert_str_eq(epochs(), "1:2 2:2 3:2");
    end(begin("UPDATE department SET parent = NULL WHERE id IN (401, 501); UPDATE department SET parent = 30 "
              "WHERE id = 31"),
        "COMMIT");
    cr_assert_str_eq(epochs(), "1:2 2:2 3:3");
}

Test(record, a_move_that_follows_one_taken_back_to_a_savepoint_takes_its_stripes_anew) {
    make_trees();
    PGconn *mover = begin("SAVEPOINT before; UPDATE department SET parent = NULL WHERE id IN (11, 31); "
                          "SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK TO before; "
                          "UPDATE department SET parent = NULL WHERE id IN (21, 31)");
    cr_assert_str_eq(stripes_taken(), "");
    PQclear(PQexec(mover, "SET CONSTRAINTS ALL IMMEDIATE"));
    cr_assert_str_eq(stripes_taken(), "2 3");
    end(mover, "COMMIT");
    cr_assert_str_eq(epochs(), "1:1 2:2 3:2");
}
