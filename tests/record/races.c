/* SPDX-License-Identifier: Apache-2.0 */
/* Settlements of the same originals by two nodes at once. */
#include "record/desk.h"

enum { HOLDS = 200, ASKED_OF_EACH = 6 };

static struct desk other_desk;
static struct entry holds[HOLDS];

static void take_holds(void) {
    desk_start(&other_desk, database.conninfo, &desk_options);
    for (uint32_t owner = 0; owner < HOLDS; owner++) {
        holds[owner] = entry_of(ENTRY_HOLD, 1);
        cr_assert(record_append(desk.record, &holds[owner], owner));
    }
    DESK_UNTIL(&desk, desk.told == HOLDS);
}

static void turn_both_until(uint32_t told, uint32_t other_told) {
    struct tick give_up = {tick_now().us + PATIENCE_US};
    while (desk.told < told || other_desk.told < other_told) {
        cr_assert(tick_now().us < give_up.us, "waited in vain");
        desk_turn(&desk);
        desk_turn(&other_desk);
    }
}

static int64_t captured_of(const struct desk *at, uint32_t owner) {
    const struct outcome *outcome = &at->outcomes[owner];
    return outcome->kind == OUTCOME_SETTLED ? outcome->amount_minor : 0;
}

/* Each node asks for four tenths of each hold, six times in all. */
Test(record, two_nodes_that_capture_one_hold_never_capture_more_than_it_holds) {
    take_holds();
    desk_bar();
    for (uint32_t owner = 0; owner < HOLDS; owner++) {
        for (uint32_t time = 0; time < ASKED_OF_EACH; time++) {
            struct desk *at = (time + owner) % 2 == 0 ? &desk : &other_desk;
            struct settlement capture = settlement_of(ENTRY_CAPTURE, &holds[owner], PURCHASE_MINOR * 4 / 10);
            capture.is_final = time == ASKED_OF_EACH - 1;
            cr_assert(record_settle(at->record, &capture, 1000 + owner * ASKED_OF_EACH + time));
        }
    }
    desk_let_both_go(&desk, &other_desk);
    turn_both_until(HOLDS + HOLDS * ASKED_OF_EACH / 2, HOLDS * ASKED_OF_EACH / 2);
    for (uint32_t owner = 0; owner < HOLDS; owner++) {
        int64_t captured = 0;
        for (uint32_t time = 0; time < ASKED_OF_EACH; time++) {
            struct desk *at = (time + owner) % 2 == 0 ? &desk : &other_desk;
            captured += captured_of(at, 1000 + owner * ASKED_OF_EACH + time);
        }
        cr_assert(captured > 0 && captured <= PURCHASE_MINOR);
        cr_assert_eq(captured, desk_look_up(&desk, &holds[owner].id, 1)->captured_minor);
    }
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM hold h JOIN effect e ON e.original = h.id "
                                               "WHERE e.is_final"),
                 0);
    desk_stop(&other_desk);
}

/* The same capture, sent by both: the network's way of telling once. */
Test(record, the_same_settlement_by_two_nodes_is_done_once_and_told_alike) {
    take_holds();
    desk_bar();
    for (uint32_t owner = 0; owner < HOLDS; owner++) {
        struct settlement capture = settlement_of(ENTRY_CAPTURE, &holds[owner], 1000);
        capture.is_final = true;
        cr_assert(record_settle(desk.record, &capture, 1000 + owner));
        cr_assert(record_settle(other_desk.record, &capture, 1000 + owner));
    }
    desk_let_both_go(&desk, &other_desk);
    turn_both_until(2 * HOLDS, HOLDS);
    for (uint32_t owner = 0; owner < HOLDS; owner++) {
        const struct outcome *one = &desk.outcomes[1000 + owner], *other = &other_desk.outcomes[1000 + owner];
        cr_assert_eq(one->kind, OUTCOME_SETTLED);
        cr_assert_eq(other->kind, OUTCOME_SETTLED);
        cr_assert_neq(one->is_repeat, other->is_repeat);
        cr_assert(desk_is_same_effect(&one->effect, &other->effect));
    }
    cr_assert_eq(sql_number(database.conninfo, "SELECT sum(amount_minor) FROM entry"), 1000 * HOLDS);
    desk_stop(&other_desk);
}

/* A void, a reversal, an undo and an expiry, of one hold: whatever the order, it is free in the end, and once. */
Test(record, of_all_that_frees_a_hold_at_once_it_is_freed_once) {
    take_holds();
    test_sql(database.conninfo,
             "UPDATE hold SET expires_at = now() - interval '1 s' WHERE hashtext(id::text) %% 2 = 0");
    desk_bar();
    for (uint32_t owner = 0; owner < HOLDS; owner++) {
        struct settlement voided = settlement_of(ENTRY_VOID, &holds[owner], 0);
        struct settlement reversal = settlement_of(ENTRY_REVERSAL, &holds[owner], 0);
        struct undo undo = undo_of(&holds[owner]);
        cr_assert(record_settle(desk.record, &voided, 1000 + owner));
        cr_assert(record_settle(owner % 2 == 0 ? desk.record : other_desk.record, &reversal, 2000 + owner));
        cr_assert(record_undo(other_desk.record, &undo, 3000 + owner));
    }
    desk_let_both_go(&desk, &other_desk);
    test_sql(database.conninfo, "SELECT count(*) FROM expire_holds(100)");
    turn_both_until(HOLDS + HOLDS + HOLDS / 2, HOLDS + HOLDS / 2);
    cr_assert_eq(sql_number(database.conninfo, "SELECT sum(amount_minor) FROM entry"), 0);
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM hold"), 0);
    cr_assert_eq(sql_number(database.conninfo,
                            "SELECT count(*) FROM (SELECT original FROM effect WHERE usage_minor <> 0 "
                            "GROUP BY original HAVING count(*) > 1) twice"),
                 0);
    for (uint32_t owner = 0; owner < HOLDS; owner++) {
        cr_assert(desk_look_up(&desk, &holds[owner].id, 1)->is_reversed);
        cr_assert_eq((owner % 2 == 0 ? &desk : &other_desk)->outcomes[2000 + owner].kind, OUTCOME_SETTLED);
    }
    desk_stop(&other_desk);
    cr_assert_eq(
        sql_number(database.conninfo, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), 0);
}

Test(record, of_an_append_and_a_reversal_at_once_the_reversal_wins) {
    static struct entry entries[HOLDS];
    desk_start(&other_desk, database.conninfo, &desk_options);
    desk_bar();
    for (uint32_t owner = 0; owner < HOLDS; owner++) {
        entries[owner] = entry_of(owner % 2 == 0 ? ENTRY_PURCHASE : ENTRY_ADVICE, owner % 2 == 0 ? 1 : 0);
        struct settlement reversal = settlement_of(ENTRY_REVERSAL, &entries[owner], 0);
        cr_assert(record_append(desk.record, &entries[owner], owner));
        cr_assert(record_settle(other_desk.record, &reversal, owner));
    }
    desk_let_both_go(&desk, &other_desk);
    turn_both_until(HOLDS, HOLDS);
    for (uint32_t owner = 0; owner < HOLDS; owner++) {
        const struct outcome *append = &desk.outcomes[owner], *reversal = &other_desk.outcomes[owner];
        cr_assert_eq(reversal->kind, OUTCOME_SETTLED);
        /* Recorded, and reversed before its batch had looked what became of others: told as reversed as well. */
        cr_assert(append->kind == OUTCOME_REVERSED || (append->kind == OUTCOME_RECORDED && !reversal->is_tombstone));
        cr_assert_eq(desk_append(&desk, &entries[owner]).kind, OUTCOME_REVERSED);
    }
    cr_assert_eq(sql_number(database.conninfo, "SELECT sum(amount_minor) FROM entry"), 0);
    desk_stop(&other_desk);
}
