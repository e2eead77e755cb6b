/* SPDX-License-Identifier: Apache-2.0 */
/* The block list (DOMAIN F5): a device that asks "what is new since N" comes to the truth, whatever it missed. */
#include "record/desk.h"

#include <libpq-fe.h>

#define CARDS 40

static void make_company(void) {
    test_sql(database.conninfo,
             "INSERT INTO organisation (id, state, limit_minor) VALUES (1, 'active', 0), (2, 'active', 0); "
             "INSERT INTO traveller (id, organisation) VALUES (1, 1), (2, 2); "
             "INSERT INTO credit (id, organisation, traveller, card, limit_minor, state) "
             "SELECT i, 1 + i %% 2, 1 + i %% 2, i, 20000, 'active' FROM generate_series(1, %d) i",
             CARDS);
}

/* "2 7, 1 7": kinds and cards in their order. */
static const char *list(void) {
    return test_sql(database.conninfo,
                    "SELECT coalesce(string_agg(concat_ws(' ', kind, card, right(app::text, 2)), ', ' "
                    "ORDER BY number), '') FROM block");
}

static void change(const char *sql) {
    test_sql(database.conninfo, "%s", sql);
}

Test(record, a_credit_that_is_not_active_any_more_is_stopped_and_lifted_when_it_is_again) {
    make_company();
    cr_assert_str_eq(list(), "");
    change("UPDATE credit SET state = 'blocked' WHERE id = 7");
    change("UPDATE credit SET state = 'not_activated' WHERE id = 7");
    change("UPDATE credit SET state = 'active' WHERE id = 7");
    change("UPDATE credit SET limit_minor = 10 WHERE id = 7");
    change("UPDATE credit SET state = 'ended' WHERE id = 7");
    change(
        "INSERT INTO credit (id, organisation, traveller, card, limit_minor, state) VALUES (99, 1, 1, 7, 0, 'active')");
    cr_assert_str_eq(list(), "2 7, 1 7, 2 7, 1 7");
}

Test(record, a_credit_begins_on_the_list_unless_it_is_active) {
    make_company();
    change("INSERT INTO credit (id, organisation, traveller, app, limit_minor) VALUES "
           "(99, 1, 1, '5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e02', 0)");
    change("UPDATE credit SET state = 'active' WHERE app IS NOT NULL");
    cr_assert_str_eq(list(), "2 02, 1 02");
}

Test(record, a_credit_that_moves_to_another_card_stops_the_old_one) {
    make_company();
    change("UPDATE credit SET card = 1007 WHERE id = 7");
    change("UPDATE credit SET state = 'blocked' WHERE id = 8");
    change("UPDATE credit SET card = 1008 WHERE id = 8");
    change("UPDATE credit SET card = 8 WHERE id = 9");
    cr_assert_str_eq(list(), "2 7, 2 8, 2 1008, 1 8, 2 9");
}

Test(record, a_suspended_organisation_stops_all_it_has_and_nothing_twice) {
    make_company();
    change("UPDATE credit SET state = 'blocked' WHERE id = 2");
    change("UPDATE organisation SET state = 'suspended' WHERE id = 1");
    change("UPDATE organisation SET state = 'ended' WHERE id = 1");
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM block WHERE kind = 2"), CARDS / 2);
    change("UPDATE credit SET state = 'active' WHERE id = 2");
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM block WHERE kind = 1"), 0);
    change("UPDATE credit SET state = 'blocked' WHERE id = 4");
    change("UPDATE organisation SET state = 'active' WHERE id = 1");
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM block WHERE kind = 1"), CARDS / 2 - 1);
    cr_assert_eq(sql_number(database.conninfo, "SELECT kind FROM block WHERE card = 4 ORDER BY number DESC LIMIT 1"),
                 2);
}

Test(record, what_changes_and_changes_back_in_one_transaction_is_no_news) {
    make_company();
    change("UPDATE credit SET state = 'blocked' WHERE id = 7; UPDATE credit SET state = 'active' WHERE id = 7; "
           "UPDATE organisation SET state = 'suspended' WHERE id = 1; UPDATE organisation SET state = 'active' WHERE "
           "id = 1");
    cr_assert_str_eq(list(), "");
}

Test(record, a_change_by_an_older_snapshot_is_refused) {
    make_company();
    PGconn *connection = PQconnectdb(database.conninfo);
    PQclear(PQexec(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ"));
    PQclear(PQexec(connection, "UPDATE credit SET state = 'blocked' WHERE id = 7"));
    PGresult *result = PQexec(connection, "COMMIT");
    cr_assert_eq(PQresultStatus(result), PGRES_FATAL_ERROR);
    cr_assert_neq(strstr(PQerrorMessage(connection), "read committed"), NULL);
    PQclear(result);
    PQfinish(connection);
}

/* ---- used up ---- */

static struct entry spend(int32_t credit, int64_t amount_minor) {
    struct entry entry = purchase_of(1, 1);
    entry.credit = credit;
    entry.amount_minor = amount_minor;
    cr_assert_eq(desk_append(&desk, &entry).kind, OUTCOME_RECORDED);
    return entry;
}

static void note_refusal(int32_t credit, enum reason reason) {
    struct entry refused = purchase_of(1, 1);
    struct calendar calendar = {0};
    struct refusal_note note = {
        .id = refused.id,
        .day = calendar_day(&calendar, request_id_time(&refused.id)),
        .organisation = 1,
        .traveller = 1,
        .credit = credit,
        .reason = reason,
        .product = {"single"},
    };
    record_note_refusal(desk.record, &note);
}

/* All refusals noted, and with them, before or after, what may follow from them. */
static void await_notes(int64_t notes) {
    DESK_UNTIL(&desk, sql_number(database.conninfo, "SELECT count(*) FROM refusal") == notes);
}

static void restart_noting(bool notes_used_up) {
    struct record_options options = desk_options;
    options.notes_used_up = notes_used_up;
    desk_stop(&desk);
    desk_start(&desk, database.conninfo, &options);
}

Test(record, a_credit_that_is_used_up_is_on_the_list_until_its_month_ends) {
    make_company();
    restart_noting(true);
    spend(2, 20000);
    spend(4, 19999);
    note_refusal(4, REASON_CREDIT_LIMIT);
    note_refusal(6, REASON_TRAVELLER_LIMIT);
    note_refusal(2, REASON_CREDIT_LIMIT);
    note_refusal(2, REASON_CREDIT_LIMIT);
    DESK_UNTIL(&desk, strcmp(list(), "3 2") == 0);
    await_notes(4);
    record_look_up_blocks(desk.record, 4712, 0, 10);
    DESK_UNTIL(&desk, desk.pages_told == 1);
    cr_assert_eq(desk.page.blocks[0].ends_at.us, calendar_month_begins(month_after(month_now())).us);
    /* Another node, and another time. */
    restart_noting(true);
    note_refusal(2, REASON_CREDIT_LIMIT);
    note_refusal(4, REASON_CREDIT_LIMIT);
    await_notes(6);
    cr_assert_str_eq(list(), "3 2");
    change("UPDATE credit SET limit_minor = limit_minor + 1 WHERE id = 2");
    change("UPDATE credit SET limit_minor = limit_minor + 1 WHERE id = 4");
    cr_assert_str_eq(list(), "3 2, 1 2");
    change("UPDATE credit SET limit_minor = 5 WHERE id = 2");
    cr_assert_str_eq(list(), "3 2, 1 2");
}

/* What was on the list is settled: the next refusal is looked at though the last one was a moment ago. */
static void note_used_up(int32_t credit, const char *expected) {
    restart_noting(true);
    note_refusal(credit, REASON_CREDIT_LIMIT);
    DESK_UNTIL(&desk, strcmp(list(), expected) == 0);
}

Test(record, a_used_up_credit_is_lifted_when_a_refund_or_a_reversal_gives_it_room) {
    make_company();
    struct entry first = spend(2, 13000), second = spend(2, 7000);
    note_used_up(2, "3 2");
    struct settlement refund = settlement_of(ENTRY_REFUND, &first, 100);
    cr_assert_eq(desk_settle(&desk, &refund).kind, OUTCOME_SETTLED);
    DESK_UNTIL(&desk, strcmp(list(), "3 2, 1 2") == 0);
    spend(2, 100);
    note_used_up(2, "3 2, 1 2, 3 2");
    struct settlement reversal = settlement_of(ENTRY_REVERSAL, &second, 0);
    cr_assert_eq(desk_settle(&desk, &reversal).kind, OUTCOME_SETTLED);
    DESK_UNTIL(&desk, strcmp(list(), "3 2, 1 2, 3 2, 1 2") == 0);
}

Test(record, a_used_up_credit_is_lifted_when_its_last_purchase_missed_its_deadline) {
    make_company();
    struct entry late = spend(2, 20000);
    note_used_up(2, "3 2");
    struct undo undo = undo_of(&late);
    desk_undo(&desk, &undo);
    DESK_UNTIL(&desk, strcmp(list(), "3 2, 1 2") == 0);
}

/* From here on the sequence `look` counts how often it is looked whether a credit is used up. */
static void count_looks(void) {
    test_sql(database.conninfo,
             "CREATE SEQUENCE look; ALTER FUNCTION note_used_up(integer, integer, timestamptz, boolean) RENAME TO "
             "really_note_used_up; CREATE FUNCTION note_used_up(integer, integer, timestamptz, boolean) RETURNS void "
             "LANGUAGE sql AS 'SELECT nextval(''look''); SELECT really_note_used_up($1, $2, $3, $4)'");
    restart_noting(true);
}

static int64_t looks(void) {
    return sql_number(database.conninfo, "SELECT last_value - 1 + is_called::int FROM look");
}

#define REVERSALS 100

static void buy_and_use_up(int32_t credit, struct entry *bought) {
    make_company();
    for (int at = 0; at < REVERSALS; at++)
        bought[at] = spend(credit, 20000);
    note_used_up(credit, "3 2");
    count_looks();
}

static void reverse_together(const struct entry *entries, uint32_t count) {
    uint32_t told = desk.told;
    for (uint32_t at = 0; at < count; at++) {
        struct settlement reversal = settlement_of(ENTRY_REVERSAL, &entries[at], 0);
        cr_assert(record_settle(desk.record, &reversal, at));
    }
    DESK_UNTIL(&desk, desk.told == told + count);
}

Test(record, a_credit_that_many_reversals_give_room_at_once_is_looked_at_once_and_lifted) {
    struct entry bought[REVERSALS];
    buy_and_use_up(2, bought);
    reverse_together(bought, REVERSALS);
    DESK_UNTIL(&desk, strcmp(list(), "3 2, 1 2") == 0);
    cr_assert_eq(looks(), 1);
}

Test(record, a_credit_that_is_given_room_again_and_again_is_looked_at_once_a_second_and_lifted_by_the_last) {
    struct entry bought[REVERSALS];
    buy_and_use_up(2, bought);
    desk.stopped_at = tick_now();
    for (int at = 0; at < REVERSALS; at++)
        reverse_together(&bought[at], 1);
    cr_assert_leq(looks(), 1);
    desk.stopped_at.us = 0;
    DESK_UNTIL(&desk, strcmp(list(), "3 2, 1 2") == 0);
    cr_assert_leq(looks(), 2);
}

Test(record, a_credit_that_is_looked_at_again_in_a_second_holds_up_no_other) {
    struct entry bought[REVERSALS];
    buy_and_use_up(2, bought);
    struct entry other = spend(4, 20000);
    note_refusal(4, REASON_CREDIT_LIMIT);
    DESK_UNTIL(&desk, strcmp(list(), "3 2, 3 4") == 0);
    desk.stopped_at = tick_now();
    reverse_together(bought, 1);
    DESK_UNTIL(&desk, looks() == 2);
    reverse_together(&bought[1], 1);
    reverse_together(&other, 1);
    DESK_UNTIL(&desk, strcmp(list(), "3 2, 3 4, 1 4") == 0);
    cr_assert_eq(looks(), 3);
    desk.stopped_at.us = 0;
    DESK_UNTIL(&desk, looks() == 4);
}

/* One look after the other: what was asked first has been done when the second shows. */
Test(record, what_gives_a_used_up_credit_no_room_lifts_nothing) {
    make_company();
    struct entry over = spend(2, 30000), other = spend(4, 20000);
    note_used_up(2, "3 2");
    note_used_up(4, "3 2, 3 4");
    struct settlement little = settlement_of(ENTRY_REFUND, &over, 10000);
    struct settlement some = settlement_of(ENTRY_REFUND, &other, 1);
    desk_settle(&desk, &little);
    desk_settle(&desk, &some);
    DESK_UNTIL(&desk, strcmp(list(), "3 2, 3 4, 1 4") == 0);
}

Test(record, what_is_held_open_is_not_used_up) {
    make_company();
    restart_noting(true);
    struct entry hold = entry_of(ENTRY_HOLD, 1);
    hold.credit = 2;
    hold.amount_minor = 20000;
    cr_assert_eq(desk_append(&desk, &hold).kind, OUTCOME_RECORDED);
    spend(4, 20000);
    note_refusal(2, REASON_CREDIT_LIMIT);
    note_refusal(4, REASON_CREDIT_LIMIT);
    DESK_UNTIL(&desk, strcmp(list(), "3 4") == 0);
    struct settlement capture = settlement_of(ENTRY_CAPTURE, &hold, 0);
    cr_assert_eq(desk_settle(&desk, &capture).kind, OUTCOME_SETTLED);
    note_used_up(2, "3 4, 3 2");
}

Test(record, a_used_up_credit_that_is_blocked_stays_stopped) {
    make_company();
    restart_noting(true);
    spend(2, 20000);
    change("UPDATE credit SET state = 'blocked' WHERE id = 2");
    note_refusal(2, REASON_CREDIT_LIMIT);
    note_refusal(4, REASON_CREDIT_LIMIT);
    await_notes(2);
    cr_assert_str_eq(list(), "2 2");
}

Test(record, used_up_credits_are_no_news_unless_they_are_asked_for) {
    make_company();
    spend(2, 20000);
    note_refusal(2, REASON_CREDIT_LIMIT);
    await_notes(1);
    cr_assert_str_eq(list(), "");
}

/* ---- pages ---- */

/* What a device holds of the list, by card. */
struct device {
    int64_t last;
    int kinds[CARDS + 1];
    int64_t pages;
};

static bool read_page(struct device *device, uint32_t limit) {
    int before = desk.pages_told;
    cr_assert(record_look_up_blocks(desk.record, 4712, device->last, limit));
    DESK_UNTIL(&desk, desk.pages_told > before);
    cr_assert(desk.is_answered);
    cr_assert(desk.page.count <= limit);
    for (uint32_t at = 0; at < desk.page.count; at++) {
        const struct block *block = &desk.page.blocks[at];
        cr_assert(block->number > device->last);
        cr_assert_eq(block->credential.kind, CREDENTIAL_CARD);
        cr_assert(block->credential.card <= CARDS);
        device->last = block->number;
        device->kinds[block->credential.card] = (int)block->kind;
    }
    cr_assert_eq(desk.page.last, device->last);
    device->pages++;
    return desk.page.has_more;
}

static void expect_truth(const struct device *device) {
    for (int card = 1; card <= CARDS; card++) {
        bool may_buy = strcmp(test_sql(database.conninfo, "SELECT may_buy(%d, NULL)", card), "t") == 0;
        cr_assert_eq(device->kinds[card] != BLOCK_STOPPED, may_buy, "card %d is told as %d", card, device->kinds[card]);
    }
}

Test(record, a_page_has_what_is_new_and_says_whether_there_is_more) {
    make_company();
    struct device device = {0};
    cr_assert_not(read_page(&device, 10));
    cr_assert_eq(desk.page.count, 0);
    change("UPDATE credit SET state = 'blocked' WHERE id <= 10");
    cr_assert_not(read_page(&device, 10));
    cr_assert_eq(desk.page.count, 10);
    device = (struct device){0};
    cr_assert(read_page(&device, 9));
    cr_assert_eq(desk.page.count, 9);
    cr_assert_not(read_page(&device, 9));
    cr_assert_eq(desk.page.count, 1);
    cr_assert(record_look_up_blocks(desk.record, 4712, 0, 1000000));
    DESK_UNTIL(&desk, desk.pages_told == 5);
    cr_assert_eq(desk.page.count, 10);
    expect_truth(&device);
}

/* Connections that change states at random, each transaction some, while a device pages all the time. */
#define WRITERS 6

static void send_change(PGconn *writer, unsigned *seed, bool is_kept) {
    static const char *const states[] = {"active", "blocked", "not_activated"};
    char sql[512];
    int card = 1 + rand_r(seed) % CARDS, other = 1 + rand_r(seed) % CARDS;
    int first = card < other ? card : other, second = card < other ? other : card;
    snprintf(sql, sizeof sql,
             "BEGIN; UPDATE organisation SET state = '%s' WHERE id = %d; UPDATE credit SET state = '%s' WHERE id = %d; "
             "UPDATE credit SET state = '%s' WHERE id = %d; %s",
             rand_r(seed) % 3 == 0 ? "suspended" : "active", 1 + rand_r(seed) % 2, states[rand_r(seed) % 3], first,
             states[rand_r(seed) % 3], second, is_kept ? "COMMIT" : "ROLLBACK");
    cr_assert_eq(PQsendQuery(writer, sql), 1, "%s", PQerrorMessage(writer));
}

/* False: not yet. */
static bool take_answers(PGconn *writer) {
    cr_assert_eq(PQconsumeInput(writer), 1);
    while (!PQisBusy(writer)) {
        PGresult *result = PQgetResult(writer);
        if (result == NULL)
            return true;
        cr_assert_neq(PQresultStatus(result), PGRES_FATAL_ERROR, "%s", PQerrorMessage(writer));
        PQclear(result);
    }
    return false;
}

Test(record, a_device_that_pages_while_many_write_comes_to_the_truth) {
    enum { CHANGES = 600 };
    PGconn *writers[WRITERS];
    struct device early = {0}, late = {0};
    unsigned seed = 1;
    int sent = 0, busy = 0;
    bool is_busy[WRITERS] = {false};
    make_company();
    for (int at = 0; at < WRITERS; at++)
        writers[at] = PQconnectdb(database.conninfo);
    while (sent < CHANGES || busy > 0) {
        for (int at = 0; at < WRITERS; at++) {
            if (is_busy[at] && take_answers(writers[at])) {
                is_busy[at] = false;
                busy--;
            }
            if (!is_busy[at] && sent < CHANGES) {
                send_change(writers[at], &seed, ++sent % 7 != 0);
                is_busy[at] = true;
                busy++;
            }
        }
        read_page(&early, 7);
    }
    while (read_page(&early, 7)) {
    }
    while (read_page(&late, BLOCKS_PER_PAGE)) {
    }
    cr_assert_eq(early.last, late.last);
    cr_assert(early.pages > 10);
    cr_assert_eq(memcmp(early.kinds, late.kinds, sizeof early.kinds), 0);
    expect_truth(&early);
    for (int at = 0; at < WRITERS; at++)
        PQfinish(writers[at]);
}
