/* SPDX-License-Identifier: Apache-2.0 */
#include "record/desk.h"

static void append_hundred(void (*spoil)(struct entry *entry), uint32_t spoilt) {
    for (uint32_t owner = 0; owner < 100; owner++) {
        struct entry entry = purchase_of(1, 1);
        if (owner == spoilt)
            spoil(&entry);
        cr_assert(record_append(desk.record, &entry, owner));
    }
    DESK_UNTIL(&desk, desk.told == 100);
}

static void expect_one_refused(uint32_t spoilt) {
    for (uint32_t owner = 0; owner < 100; owner++) {
        cr_assert_eq(desk.times_told[owner], 1);
        cr_assert_eq(desk.outcomes[owner].kind, owner == spoilt ? OUTCOME_REFUSED : OUTCOME_RECORDED);
    }
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM entry"), 99);
    DESK_UNTIL(&desk, sql_number(database.conninfo, "SELECT count(*) FROM quarantine") == 1);
}

static void fill_with_ones(struct entry *entry) {
    memset(&entry->product, 0xff, sizeof entry->product);
    memset(&entry->place, 0xff, sizeof entry->place);
}

Test(record, a_row_that_is_no_utf8_is_quarantined_and_99_are_recorded) {
    append_hundred(fill_with_ones, 42);
    expect_one_refused(42);
    cr_assert_neq(strstr(test_sql(database.conninfo, "SELECT what FROM quarantine"), "product=\\xff\\xff"), NULL);
    cr_assert_neq(strstr(test_sql(database.conninfo, "SELECT why FROM quarantine"), "22021"), NULL);
}

static void fill_to_the_brim(struct entry *entry) {
    memset(&entry->product, 'x', sizeof entry->product);
}

Test(record, a_row_that_breaks_a_check_is_quarantined_and_99_are_recorded) {
    append_hundred(fill_to_the_brim, 99);
    expect_one_refused(99);
    cr_assert_neq(strstr(test_sql(database.conninfo, "SELECT why FROM quarantine"), "23514"), NULL);
}

static void name_poison(struct entry *entry) {
    strcpy(entry->product.code, "poison");
}

Test(record, a_row_that_only_the_commit_refuses_is_quarantined_and_99_are_recorded) {
    test_sql(database.conninfo,
             "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
             "RAISE EXCEPTION 'poison' USING ERRCODE = 'check_violation', CONSTRAINT = 'late'; END $$; "
             "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON entry DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
             "WHEN (NEW.product = 'poison') EXECUTE FUNCTION refuse()");
    append_hundred(name_poison, 42);
    expect_one_refused(42);
}

static void forget_month(struct entry *entry) {
    entry->month.yyyymm = 202613;
}

Test(record, a_row_of_no_month_is_quarantined_and_99_are_recorded) {
    test_sql(database.conninfo, "INSERT INTO fence VALUES (1, 202613, 1)");
    append_hundred(forget_month, 0);
    expect_one_refused(0);
}

static struct month month_ahead(int months) {
    struct month month = month_now();
    for (int ahead = 0; ahead < months; ahead++)
        month = month_after(month);
    return month;
}

Test(record, a_month_without_a_partition_gets_one_and_its_row_is_recorded) {
    struct entry entry = purchase_of(1, 0);
    entry.month = month_ahead(3);
    cr_assert_eq(desk_append(&desk, &entry).kind, OUTCOME_RECORDED);
    cr_assert_str_eq(test_sql(database.conninfo, "SELECT count(*) FROM entry_%d", entry.month.yyyymm), "1");
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM quarantine"), 0);
}

static void go_far_ahead(struct entry *entry) {
    entry->month.yyyymm = month_ahead(4).yyyymm;
    entry->epoch = 0;
}

static void go_far_back(struct entry *entry) {
    entry->month.yyyymm = month_now().yyyymm - 101;
    if (entry->month.yyyymm % 100 == 0)
        entry->month.yyyymm -= 88;
    entry->epoch = 0;
}

static int64_t months_with_tables(void) {
    return sql_number(database.conninfo, "SELECT count(*) FROM recorded_month");
}

Test(record, a_row_of_a_month_that_is_far_ahead_is_quarantined_and_gets_no_tables) {
    append_hundred(go_far_ahead, 42);
    expect_one_refused(42);
    cr_assert_eq(months_with_tables(), 3);
}

Test(record, a_row_of_a_month_that_is_long_over_is_quarantined_and_gets_no_tables) {
    append_hundred(go_far_back, 42);
    expect_one_refused(42);
    cr_assert_eq(months_with_tables(), 3);
}

/* A reversal of an id of a time, or a late advice of it. */
static struct entry told_of(struct instant then) {
    struct calendar calendar = {0};
    struct entry entry = entry_of(ENTRY_ADVICE, 0);
    entry.id = new_id_at(then);
    entry.month = month_of(calendar_day(&calendar, then));
    return entry;
}

static struct outcome reverse(const struct entry *entry) {
    struct settlement reversal = settlement_of(ENTRY_REVERSAL, entry, 0);
    return desk_settle(&desk, &reversal);
}

Test(record, a_reversal_of_whatever_time_that_is_over_gets_no_tables_and_wins_over_a_late_advice) {
    static const int64_t years_ago[] = {2, 20, 56};
    for (int at = 0; at < 3; at++) {
        struct instant then = {instant_now().us - years_ago[at] * 365 * 86400 * INT64_C(1000000)};
        struct entry advice = told_of(then);
        struct outcome outcome = reverse(&advice);
        cr_assert_eq(outcome.kind, OUTCOME_SETTLED);
        cr_assert(outcome.is_tombstone && !outcome.is_repeat);
        outcome = reverse(&advice);
        cr_assert_eq(outcome.kind, OUTCOME_SETTLED);
        cr_assert(outcome.is_tombstone && outcome.is_repeat);
        cr_assert_eq(outcome.effect.epoch, 0, "no counters were ever built for its month");
        struct check check = check_of(&advice);
        cr_assert_eq(desk_check(&desk, &check).kind, OUTCOME_REVERSED);
        advice.month = month_now();
        advice.flags = ENTRY_LATE;
        cr_assert_eq(desk_append(&desk, &advice).kind, OUTCOME_REVERSED);
    }
    cr_assert_eq(months_with_tables(), 3);
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM entry"), 3);
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM quarantine"), 0);
}

Test(record, a_late_advice_of_whatever_time_is_reversed_where_it_lies) {
    struct entry advice = told_of((struct instant){86400 * INT64_C(1000000)});
    struct entry late = advice;
    late.month = month_now();
    late.flags = ENTRY_LATE;
    cr_assert_eq(desk_append(&desk, &late).kind, OUTCOME_RECORDED);
    struct outcome outcome = reverse(&advice);
    cr_assert_eq(outcome.kind, OUTCOME_SETTLED);
    cr_assert_eq(outcome.amount_minor, PURCHASE_MINOR);
    cr_assert_eq(months_with_tables(), 3);
}

/* What was bought in the last days of a month may be reversed when the next one has begun, and before it is recorded.
 */
Test(record, a_reversal_of_the_month_before_takes_the_purchases_own_key) {
    struct calendar calendar = {0};
    struct instant ended = {calendar_month_begins(month_now()).us - 1000000};
    struct entry entry = told_of(ended);
    cr_assert_eq(reverse(&entry).kind, OUTCOME_SETTLED);
    cr_assert_eq(sql_number(database.conninfo, "SELECT month FROM entry"),
                 month_of(calendar_day(&calendar, ended)).yyyymm);
}

Test(record, the_partitions_of_this_month_and_the_next_two_are_made_ahead) {
    struct month month = month_now();
    for (int ahead = 0; ahead < 3; ahead++, month = month_after(month))
        for (int table = 0; table < 2; table++)
            cr_assert_str_eq(test_sql(database.conninfo, "SELECT to_regclass('%s_%d') IS NOT NULL",
                                      table == 0 ? "entry" : "refusal", month.yyyymm),
                             "t");
}

Test(record, a_refusal_of_a_month_without_a_partition_gets_one) {
    struct refusal_note note = {.id = new_id(), .day = {20990101}, .organisation = 1, .reason = REASON_CREDIT_LIMIT};
    record_note_refusal(desk.record, &note);
    DESK_UNTIL(&desk, sql_number(database.conninfo, "SELECT count(*) FROM refusal WHERE month = 209901") == 1);
}

/* A desk that loses patience in a test's time. */
static void restart_impatiently(void) {
    struct record_options options = desk_options;
    options.silence_us = 1000000;
    desk_stop(&desk);
    desk_start(&desk, database.conninfo, &options);
}

Test(record, a_settlement_that_is_in_anothers_way_every_time_holds_nobody_up_and_is_quarantined) {
    enum { SETTLEMENTS = 20, CURSED = 7 };
    test_sql(database.conninfo,
             "CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
             "RAISE EXCEPTION 'crowd' USING ERRCODE = 'serialization_failure'; END $$; "
             "CREATE TRIGGER collide AFTER INSERT ON entry FOR EACH ROW WHEN (NEW.amount_minor = -13) "
             "EXECUTE FUNCTION collide()");
    restart_impatiently();
    for (uint32_t owner = 0; owner < SETTLEMENTS; owner++) {
        struct entry entry = purchase_of(1, 1);
        cr_assert_eq(desk_append(&desk, &entry).kind, OUTCOME_RECORDED);
        struct settlement refund = settlement_of(ENTRY_REFUND, &entry, owner == CURSED ? 13 : 10);
        cr_assert(record_settle(desk.record, &refund, owner));
    }
    for (uint32_t owner = 0; owner < SETTLEMENTS; owner++)
        if (owner != CURSED)
            DESK_UNTIL(&desk, desk.outcomes[owner].kind == OUTCOME_SETTLED);
    cr_assert_eq(desk.times_told[CURSED], 0);
    DESK_UNTIL(&desk, desk.times_told[CURSED] == 1);
    cr_assert_eq(desk.outcomes[CURSED].kind, OUTCOME_REFUSED);
    DESK_UNTIL(&desk, sql_number(database.conninfo, "SELECT count(*) FROM quarantine WHERE why LIKE '%40001%'") == 1);
}

/* It collides, PostgreSQL is away for longer than its patience, and it collides once more: only then its patience
 * begins. */
Test(record, a_settlement_in_anothers_way_is_not_given_up_for_an_outage) {
    test_sql(
        database.conninfo,
        "CREATE SEQUENCE tries; CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "CASE nextval('tries') WHEN 2 THEN PERFORM pg_sleep(600); WHEN 1, 3 THEN "
        "RAISE EXCEPTION 'crowd' USING ERRCODE = 'serialization_failure'; ELSE NULL; END CASE; RETURN NULL; END $$; "
        "CREATE TRIGGER collide AFTER INSERT ON entry FOR EACH ROW WHEN (NEW.amount_minor = -13) "
        "EXECUTE FUNCTION collide()");
    restart_impatiently();
    struct entry entry = purchase_of(1, 1);
    cr_assert_eq(desk_append(&desk, &entry).kind, OUTCOME_RECORDED);
    struct settlement refund = settlement_of(ENTRY_REFUND, &entry, 13);
    cr_assert(record_settle(desk.record, &refund, 5));
    desk.stopped_at = tick_now();
    DESK_UNTIL(&desk, sql_number(database.conninfo, "SELECT last_value FROM tries") == 2);
    test_sql(database.conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                "WHERE datname = current_database() AND pid <> pg_backend_pid()");
    DESK_UNTIL(&desk, !desk.is_up);
    desk.stopped_at.us += 60 * INT64_C(1000000);
    DESK_UNTIL(&desk, desk.times_told[5] == 1);
    cr_expect_eq(desk.outcomes[5].kind, OUTCOME_SETTLED);
    int64_t tries = sql_number(database.conninfo, "SELECT last_value FROM tries");
    cr_expect_eq(tries, 4, "%d", (int)tries);
    cr_expect_eq(sql_number(database.conninfo, "SELECT count(*) FROM quarantine"), 0);
}

Test(record, a_table_that_is_gone_quarantines_nothing_and_is_waited_for) {
    struct entry entry = purchase_of(1, 1);
    test_sql(database.conninfo, "ALTER TABLE entry RENAME TO entry_away");
    cr_assert(record_append(desk.record, &entry, 1));
    DESK_UNTIL(&desk, desk.downs == 1);
    test_sql(database.conninfo, "ALTER TABLE entry_away RENAME TO entry");
    DESK_UNTIL(&desk, desk.told == 1);
    cr_assert_eq(desk.outcomes[1].kind, OUTCOME_RECORDED);
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM quarantine"), 0);
}
