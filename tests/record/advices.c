/* SPDX-License-Identifier: Apache-2.0 */
/* What has happened already: advices (DOMAIN F2) and what a journal vouched for. Recorded whatever the fence says. */
#include "record/desk.h"

#include <libpq-fe.h>
#include <stdio.h>

static int64_t rows(void) {
    return sql_number(database.conninfo, "SELECT count(*) FROM entry");
}

static int64_t usage(void) {
    return sql_number(database.conninfo, "SELECT coalesce(sum(amount_minor), 0) FROM entry");
}

/* The same tap, told by another request. */
static struct entry told_as(const struct entry *entry, enum entry_kind kind) {
    struct entry other = *entry;
    other.kind = kind;
    other.epoch = kind == ENTRY_ADVICE ? 0 : 1;
    other.flags = 0;
    other.appended_at.us += 10;
    return other;
}

/* The middle of a month so many before this one. */
static struct instant months_ago(int months) {
    struct month month = month_now();
    struct instant begins = calendar_month_begins(month);
    for (int ago = 0; ago < months; ago++) {
        struct calendar calendar = {0};
        month = month_of(calendar_day(&calendar, (struct instant){begins.us - 1}));
        begins = calendar_month_begins(month);
    }
    return (struct instant){begins.us + INT64_C(14) * 86400 * 1000000};
}

static struct month month_at(struct instant instant) {
    struct calendar calendar = {0};
    return month_of(calendar_day(&calendar, instant));
}

/* An advice of the month before, whose month is closed: it counts in this one. */
static struct entry late_advice(void) {
    struct entry entry = entry_of(ENTRY_ADVICE, 0);
    entry.id = new_id_at(months_ago(1));
    entry.flags = ENTRY_LATE;
    return entry;
}

/* The same in its own month. */
static struct entry in_its_month(const struct entry *late, enum entry_kind kind) {
    struct entry entry = told_as(late, kind);
    entry.month = month_at(request_id_time(&late->id));
    return entry;
}

static void raise_fence_of(struct month month) {
    int before = desk.sums_told;
    cr_assert(record_read_sums(desk.record, 1, month, false));
    DESK_UNTIL(&desk, desk.sums_told > before);
}

/* ---- under the fence's epoch ---- */

Test(record, an_advice_is_recorded_under_whatever_epoch_the_fence_has) {
    struct entry nowhere = entry_of(ENTRY_ADVICE, 0);
    nowhere.organisation = 99;
    struct outcome outcome = desk_append(&desk, &nowhere);
    cr_assert_eq(outcome.kind, OUTCOME_RECORDED);
    cr_assert_eq(outcome.recorded_epoch, 0);
    desk_rebuild(&desk, 1);
    struct entry advice = entry_of(ENTRY_ADVICE, 0);
    advice.flags = ENTRY_FORCED;
    outcome = desk_append(&desk, &advice);
    cr_assert_eq(outcome.kind, OUTCOME_RECORDED);
    cr_assert_eq(outcome.recorded_epoch, 2);
    outcome = desk_append(&desk, &advice);
    cr_assert_eq(outcome.kind, OUTCOME_RECORDED);
    cr_assert_eq(outcome.recorded_epoch, 2);
    const struct found *found = desk_look_up(&desk, &advice.id, 1);
    cr_assert_eq(found->entry.flags, ENTRY_FORCED);
    cr_assert_eq(found->entry.epoch, 2);
    cr_assert_eq(found->entry.kind, ENTRY_ADVICE);
}

Test(record, what_a_journal_vouched_for_is_recorded_past_the_fence) {
    struct entry fresh = entry_of(ENTRY_PURCHASE, 1), stale = entry_of(ENTRY_PURCHASE, 1);
    fresh.flags = stale.flags = ENTRY_STAND_IN;
    struct outcome outcome = desk_append(&desk, &fresh);
    cr_assert_eq(outcome.kind, OUTCOME_RECORDED);
    cr_assert_eq(outcome.recorded_epoch, 1);
    desk_rebuild(&desk, 1);
    outcome = desk_append(&desk, &stale);
    cr_assert_eq(outcome.kind, OUTCOME_RECORDED);
    cr_assert_eq(outcome.recorded_epoch, 2);
    cr_assert_eq(sum_of(desk_rebuild(&desk, 1), LIMIT_ORGANISATION, 1), 2 * PURCHASE_MINOR);
}

Test(record, in_one_batch_each_row_is_told_the_epoch_it_was_recorded_under) {
    desk_rebuild(&desk, 2);
    desk_rebuild(&desk, 2);
    for (uint32_t owner = 0; owner < 300; owner++) {
        struct entry entry = entry_of(owner % 3 == 0 ? ENTRY_PURCHASE : ENTRY_ADVICE, owner % 3 == 0 ? 1 : 0);
        entry.organisation = (int32_t)(owner % 3 == 0 ? 1 : 1 + owner % 2);
        cr_assert(record_append(desk.record, &entry, owner));
    }
    DESK_UNTIL(&desk, desk.told == 300);
    for (uint32_t owner = 0; owner < 300; owner++) {
        int32_t organisation = (int32_t)(owner % 3 == 0 ? 1 : 1 + owner % 2);
        cr_assert_eq(desk.outcomes[owner].kind, OUTCOME_RECORDED);
        cr_assert_eq(desk.outcomes[owner].recorded_epoch, organisation);
    }
}

Test(record, a_rebuild_remembers_holds_advices_and_partial_approvals_and_no_settlement) {
    struct entry hold = entry_of(ENTRY_HOLD, 1), advice = entry_of(ENTRY_ADVICE, 0),
                 partial = entry_of(ENTRY_PURCHASE, 1);
    partial.flags = ENTRY_PARTIAL;
    desk_append(&desk, &hold);
    desk_append(&desk, &advice);
    desk_append(&desk, &partial);
    struct settlement capture = settlement_of(ENTRY_CAPTURE, &hold, 10);
    struct settlement refund = settlement_of(ENTRY_REFUND, &partial, 10);
    desk_settle(&desk, &capture);
    desk_settle(&desk, &refund);
    const struct sums_read *sums = desk_rebuild(&desk, 1);
    cr_assert_eq(sums->remembered_count, 3);
    const struct memory *memory = &memory_of(sums, &hold.id)->memory;
    cr_assert_eq(memory->kind, MEMORY_COUNTED);
    cr_assert_eq(memory->content.kind, ENTRY_HOLD);
    cr_assert_eq(memory->approved_minor, 0);
    memory = &memory_of(sums, &advice.id)->memory;
    cr_assert_eq(memory->kind, MEMORY_COUNTED);
    cr_assert_eq(memory->content.kind, ENTRY_ADVICE);
    memory = &memory_of(sums, &partial.id)->memory;
    cr_assert_eq(memory->kind, MEMORY_COUNTED);
    cr_assert_eq(memory->approved_minor, PURCHASE_MINOR);
    cr_assert_eq(sum_of(sums, LIMIT_ORGANISATION, 1), 3 * PURCHASE_MINOR - 10);
}

/* ---- one tap, told of twice ---- */

Test(record, an_advice_that_meets_its_purchase_confirms_it) {
    struct entry purchase = entry_of(ENTRY_PURCHASE, 1), advice = told_as(&purchase, ENTRY_ADVICE);
    purchase.flags = ENTRY_PARTIAL;
    desk_append(&desk, &purchase);
    struct outcome outcome = desk_append(&desk, &advice);
    cr_assert_eq(outcome.kind, OUTCOME_EXISTS);
    cr_assert_eq(outcome.content.kind, ENTRY_PURCHASE);
    cr_assert_eq(outcome.flags, ENTRY_PARTIAL);
    cr_assert_eq(outcome.recorded_epoch, 1);
    struct undo undo = undo_of(&purchase);
    cr_assert(desk_undo(&desk, &undo).is_kept);
    cr_assert_eq(usage(), PURCHASE_MINOR);
}

Test(record, a_purchase_or_an_advice_that_meets_an_advice_exists_and_leaves_no_mark) {
    struct entry advice = entry_of(ENTRY_ADVICE, 0), purchase = told_as(&advice, ENTRY_PURCHASE);
    struct entry again = told_as(&advice, ENTRY_ADVICE);
    desk_append(&desk, &advice);
    struct outcome outcome = desk_append(&desk, &purchase);
    cr_assert_eq(outcome.kind, OUTCOME_EXISTS);
    cr_assert_eq(outcome.content.kind, ENTRY_ADVICE);
    cr_assert_eq(desk_append(&desk, &again).kind, OUTCOME_EXISTS);
    struct undo undo = undo_of(&purchase);
    cr_assert(desk_undo(&desk, &undo).is_kept);
    cr_assert_eq(rows(), 1);
}

Test(record, a_reversal_wins_over_an_advice_and_over_a_journal) {
    struct entry advice = entry_of(ENTRY_ADVICE, 0), stand_in = entry_of(ENTRY_PURCHASE, 1);
    stand_in.flags = ENTRY_STAND_IN;
    struct settlement reversal = settlement_of(ENTRY_REVERSAL, &advice, 0);
    desk_settle(&desk, &reversal);
    reversal = settlement_of(ENTRY_REVERSAL, &stand_in, 0);
    desk_settle(&desk, &reversal);
    cr_assert_eq(desk_append(&desk, &advice).kind, OUTCOME_REVERSED);
    cr_assert_eq(desk_append(&desk, &stand_in).kind, OUTCOME_REVERSED);
    struct entry reversed = entry_of(ENTRY_ADVICE, 0), told_again = told_as(&reversed, ENTRY_ADVICE);
    desk_append(&desk, &reversed);
    reversal = settlement_of(ENTRY_REVERSAL, &reversed, 0);
    cr_assert_eq(desk_settle(&desk, &reversal).amount_minor, PURCHASE_MINOR);
    cr_assert_eq(desk_append(&desk, &told_again).kind, OUTCOME_REVERSED);
    cr_assert_eq(usage(), 0);
}

/* ---- late ones ---- */

Test(record, a_late_advice_is_recorded_once_in_whatever_month_it_came) {
    struct entry late = late_advice(), next = told_as(&late, ENTRY_ADVICE);
    next.flags = ENTRY_LATE;
    next.month = month_after(late.month);
    struct outcome outcome = desk_append(&desk, &late);
    cr_assert_eq(outcome.kind, OUTCOME_RECORDED);
    cr_assert_eq(outcome.recorded_epoch, 1);
    cr_assert_eq(desk_append(&desk, &late).kind, OUTCOME_RECORDED);
    outcome = desk_append(&desk, &next);
    cr_assert_eq(outcome.kind, OUTCOME_EXISTS);
    cr_assert_eq(outcome.flags, ENTRY_LATE);
    cr_assert_eq(outcome.recorded_epoch, 1);
    cr_assert_eq(rows(), 1);
    const struct found *found = desk_look_up(&desk, &late.id, 1);
    cr_assert(found->is_found);
    cr_assert_eq(found->entry.month.yyyymm, late.month.yyyymm);
}

Test(record, a_late_advice_meets_the_purchase_of_its_own_month_and_confirms_it) {
    struct entry late = late_advice(), purchase = in_its_month(&late, ENTRY_PURCHASE);
    raise_fence_of(purchase.month);
    cr_assert_eq(desk_append(&desk, &purchase).kind, OUTCOME_RECORDED);
    struct outcome outcome = desk_append(&desk, &late);
    cr_assert_eq(outcome.kind, OUTCOME_EXISTS);
    cr_assert_eq(outcome.content.kind, ENTRY_PURCHASE);
    struct undo undo = undo_of(&purchase);
    cr_assert(desk_undo(&desk, &undo).is_kept);
    cr_assert_eq(usage(), PURCHASE_MINOR);
}

Test(record, whatever_comes_after_a_late_advice_finds_it) {
    struct entry late = late_advice(), purchase = in_its_month(&late, ENTRY_PURCHASE);
    struct entry advice = in_its_month(&late, ENTRY_ADVICE);
    raise_fence_of(purchase.month);
    desk_append(&desk, &late);
    cr_assert_eq(desk_append(&desk, &purchase).kind, OUTCOME_EXISTS);
    cr_assert_eq(desk_append(&desk, &advice).kind, OUTCOME_EXISTS);
    struct check check = check_of(&purchase);
    cr_assert_eq(desk_check(&desk, &check).kind, OUTCOME_EXISTS);
    struct undo undo = undo_of(&purchase);
    cr_assert(desk_undo(&desk, &undo).is_kept);
    cr_assert_eq(rows(), 1);
    struct settlement refund = settlement_of(ENTRY_REFUND, &purchase, 3000);
    refund.charged_month = late.month; /* which is the row's, and open */
    struct outcome outcome = desk_settle(&desk, &refund);
    cr_assert_eq(outcome.kind, OUTCOME_SETTLED);
    cr_assert_eq(outcome.effect.amount_minor, -3000);
    cr_assert_eq(month_of(outcome.effect.day).yyyymm, late.month.yyyymm);
    cr_assert_eq(outcome.effect.epoch, 1);
    struct settlement reversal = settlement_of(ENTRY_REVERSAL, &purchase, 0);
    outcome = desk_settle(&desk, &reversal);
    cr_assert_not(outcome.is_tombstone);
    cr_assert_eq(outcome.amount_minor, PURCHASE_MINOR - 3000);
    cr_assert_eq(desk_append(&desk, &late).kind, OUTCOME_REVERSED);
    cr_assert_eq(desk_append(&desk, &purchase).kind, OUTCOME_REVERSED);
    cr_assert(desk_look_up(&desk, &late.id, 1)->is_reversed);
    cr_assert_eq(usage(), 0);
}

Test(record, a_reversal_of_its_own_month_wins_over_a_late_advice) {
    struct entry late = late_advice(), purchase = in_its_month(&late, ENTRY_PURCHASE);
    struct settlement reversal = settlement_of(ENTRY_REVERSAL, &purchase, 0);
    cr_assert(desk_settle(&desk, &reversal).is_tombstone);
    cr_assert_eq(desk_append(&desk, &late).kind, OUTCOME_REVERSED);
    struct entry undone = late_advice();
    struct entry of_then = in_its_month(&undone, ENTRY_PURCHASE);
    struct undo undo = undo_of(&of_then);
    desk_undo(&desk, &undo);
    cr_assert_eq(desk_append(&desk, &undone).kind, OUTCOME_REVERSED);
    cr_assert_eq(usage(), 0);
}

/* Of a device whose clock is ahead, told of before the month of its id. */
static struct entry early_advice(void) {
    struct entry entry = entry_of(ENTRY_ADVICE, 0);
    entry.id = new_id_at(calendar_month_begins(month_after(month_after(entry.month))));
    entry.flags = ENTRY_LATE;
    entry.month = month_after(entry.month);
    return entry;
}

Test(record, an_advice_told_of_before_its_month_and_in_it_is_recorded_once) {
    struct entry early = early_advice(), in_time = in_its_month(&early, ENTRY_ADVICE);
    cr_assert_eq(in_time.month.yyyymm, month_after(early.month).yyyymm);
    raise_fence_of(early.month);
    raise_fence_of(in_time.month);
    cr_assert_eq(desk_append(&desk, &early).kind, OUTCOME_RECORDED);
    struct outcome outcome = desk_append(&desk, &in_time);
    cr_assert_eq(outcome.kind, OUTCOME_EXISTS);
    cr_assert_eq(rows(), 1);
    struct settlement reversal = settlement_of(ENTRY_REVERSAL, &in_time, 0);
    outcome = desk_settle(&desk, &reversal);
    cr_assert_not(outcome.is_tombstone);
    cr_assert_eq(outcome.amount_minor, PURCHASE_MINOR);
    cr_assert_eq(desk_append(&desk, &in_time).kind, OUTCOME_REVERSED);
}

Test(record, a_tap_told_of_late_and_in_its_month_in_one_batch_is_one_row) {
    struct entry late = late_advice(), in_time = in_its_month(&late, ENTRY_ADVICE);
    raise_fence_of(in_time.month);
    cr_assert(record_append(desk.record, &late, 1));
    cr_assert(record_append(desk.record, &in_time, 2));
    DESK_UNTIL(&desk, desk.told == 2);
    cr_assert_eq((desk.outcomes[1].kind == OUTCOME_RECORDED) + (desk.outcomes[2].kind == OUTCOME_RECORDED), 1);
    cr_assert_eq((desk.outcomes[1].kind == OUTCOME_EXISTS) + (desk.outcomes[2].kind == OUTCOME_EXISTS), 1);
    cr_assert_eq(usage(), PURCHASE_MINOR);
}

Test(record, in_one_batch_with_a_tap_of_a_closed_month_one_of_this_month_is_recorded_once) {
    struct entry late = late_advice(), today = entry_of(ENTRY_ADVICE, 0);
    for (uint32_t round = 1; round <= 2; round++) {
        cr_assert(record_append(desk.record, &late, 1));
        cr_assert(record_append(desk.record, &today, 2));
        DESK_UNTIL(&desk, desk.told == 2 * round);
        cr_assert_eq(desk.outcomes[1].kind, OUTCOME_RECORDED);
        cr_assert_eq(desk.outcomes[2].kind, OUTCOME_RECORDED);
    }
    cr_assert_eq(rows(), 2);
}

static struct desk other_desk;

static int64_t waiting(void) {
    return sql_number(database.conninfo, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                                         "AND datname = current_database()");
}

Test(record, a_purchase_waits_for_the_late_advice_that_another_node_has_not_committed) {
    struct entry late = late_advice(), purchase = in_its_month(&late, ENTRY_PURCHASE);
    struct entry blocked = entry_of(ENTRY_ADVICE, 0); /* in one batch with the late one */
    char id[REQUEST_ID_TEXT_SIZE], sql[256];
    raise_fence_of(purchase.month);
    desk_start(&other_desk, database.conninfo, &desk_options);
    PGconn *holder = PQconnectdb(database.conninfo);
    request_id_format(&blocked.id, id);
    snprintf(sql, sizeof sql, "BEGIN; INSERT INTO entry VALUES ('%s', 0, now(), %d, 1, 1, 0, 0, 0, 7, 6, '', '')", id,
             blocked.month.yyyymm);
    PQclear(PQexec(holder, sql));
    cr_assert(record_append(desk.record, &late, 1));
    cr_assert(record_append(desk.record, &blocked, 2));
    DESK_UNTIL(&desk, waiting() == 1);
    cr_assert(record_append(other_desk.record, &purchase, 1));
    DESK_UNTIL(&other_desk, waiting() == 2 || other_desk.told == 1);
    cr_assert_eq(other_desk.told, 0);
    PQclear(PQexec(holder, "COMMIT"));
    DESK_UNTIL(&desk, desk.told == 2);
    DESK_UNTIL(&other_desk, other_desk.told == 1);
    cr_assert_eq(desk.outcomes[1].kind, OUTCOME_RECORDED);
    cr_assert_eq(desk.outcomes[2].kind, OUTCOME_REVERSED);
    cr_assert_eq(other_desk.outcomes[1].kind, OUTCOME_EXISTS);
    PQfinish(holder);
    desk_stop(&other_desk);
}

Test(record, two_nodes_that_take_a_tap_of_a_closed_month_in_two_months_make_one_row) {
    enum { TAPS = 400 };
    desk_start(&other_desk, database.conninfo, &desk_options);
    struct entry first = late_advice(), of_then = in_its_month(&first, ENTRY_PURCHASE);
    raise_fence_of(of_then.month);
    desk_bar();
    for (uint32_t owner = 0; owner < TAPS; owner++) {
        struct entry late = late_advice(), own = in_its_month(&late, owner % 2 == 0 ? ENTRY_PURCHASE : ENTRY_ADVICE);
        struct settlement reversal = settlement_of(ENTRY_REVERSAL, &own, 0);
        cr_assert(record_append(desk.record, &late, owner));
        cr_assert(record_append(other_desk.record, &own, owner));
        if (owner % 4 == 3)
            cr_assert(record_settle(other_desk.record, &reversal, TAPS + owner));
    }
    desk_let_both_go(&desk, &other_desk);
    while (desk.told < TAPS || other_desk.told < TAPS + TAPS / 4) {
        desk_turn(&desk);
        desk_turn(&other_desk);
    }
    for (uint32_t owner = 0; owner < TAPS; owner++) {
        enum outcome_kind one = desk.outcomes[owner].kind, other = other_desk.outcomes[owner].kind;
        if (owner % 4 == 3)
            cr_assert_eq(other_desk.outcomes[TAPS + owner].kind, OUTCOME_SETTLED);
        else
            cr_assert((one == OUTCOME_RECORDED && other == OUTCOME_EXISTS) ||
                      (one == OUTCOME_EXISTS && other == OUTCOME_RECORDED));
    }
    cr_assert_eq(usage(), TAPS * 3 / 4 * PURCHASE_MINOR);
    cr_assert_eq(sql_number(database.conninfo,
                            "SELECT count(*) FROM (SELECT FROM entry WHERE kind IN (1, 7) GROUP BY id "
                            "HAVING count(*) > 1) twice"),
                 0);
    desk_stop(&other_desk);
}
