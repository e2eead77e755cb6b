/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for whom: what somebody stands at a gate for goes before what has happened already. */
#include "record/desk.h"

enum { MANY = 2000, CROWD = 1000 };

static uint32_t told[OWNERS]; /* owners, in the order they were told */
static uint32_t next_buyer, advices_told;

static void note(struct desk *mine, const struct outcome *outcome) {
    cr_assert_eq(outcome->kind, OUTCOME_RECORDED);
    told[mine->told] = outcome->owner;
}

/* Ids are in the order of owners, as those of a batch are told by them. */
static void append(enum entry_kind kind, uint8_t flags, uint32_t owner) {
    static struct instant began;
    if (began.us == 0)
        began = instant_now();
    struct entry entry = entry_of(kind, kind == ENTRY_ADVICE ? 0 : 1);
    entry.id = new_id_at((struct instant){began.us + (int64_t)owner * 1000});
    entry.flags = flags;
    cr_assert(record_append(desk.record, &entry, owner));
}

/* Owners from `first` on. */
static void append_many(enum entry_kind kind, uint8_t flags, uint32_t first) {
    for (uint32_t owner = 0; owner < MANY; owner++)
        append(kind, flags, first + owner);
}

static uint32_t turn_of(uint32_t owner) {
    uint32_t turn = 0;
    while (turn < desk.told && told[turn] != owner)
        turn++;
    return turn;
}

/* What is on its way already, one batch, stays ahead of it. */
static void expect_to_pass(enum entry_kind kind, uint8_t flags) {
    desk.on_outcome = note;
    append_many(kind, flags, 0);
    DESK_UNTIL(&desk, desk.told > 0);
    uint32_t before = desk.told;
    append(ENTRY_PURCHASE, 0, MANY);
    DESK_UNTIL(&desk, desk.told == MANY + 1);
    cr_assert_leq(turn_of(MANY), before + desk_options.batch_capacity);
}

Test(record, what_comes_while_a_batch_is_under_way_goes_together_in_the_next) {
    enum { LATER = 9 };
    desk_bar();
    append(ENTRY_PURCHASE, 0, 0);
    DESK_UNTIL(&desk, desk_barred() == 1);
    for (uint32_t owner = 1; owner <= LATER; owner++) {
        append(ENTRY_PURCHASE, 0, owner);
        desk_turn(&desk);
    }
    desk_unbar();
    DESK_UNTIL(&desk, desk.told == 1 + LATER);
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(DISTINCT xmin::text) FROM entry"), 2);
}

Test(record, a_purchase_behind_thousands_of_advices_is_in_the_next_batch) {
    expect_to_pass(ENTRY_ADVICE, 0);
}

Test(record, a_purchase_behind_a_journal_of_thousands_is_in_the_next_batch) {
    expect_to_pass(ENTRY_PURCHASE, ENTRY_STAND_IN);
}

/* Who was told buys again at once: more wait than a batch takes, all the time. */
static void buy_again(struct desk *mine, const struct outcome *outcome) {
    (void)mine;
    advices_told += outcome->owner < MANY;
    if (outcome->owner >= MANY && advices_told < MANY)
        append(ENTRY_PURCHASE, 0, next_buyer++);
}

Test(record, advices_are_recorded_while_purchases_fill_every_batch) {
    desk.on_outcome = buy_again;
    append_many(ENTRY_ADVICE, 0, 0);
    for (next_buyer = MANY; next_buyer < MANY + CROWD;)
        append(ENTRY_PURCHASE, 0, next_buyer++);
    DESK_UNTIL(&desk, advices_told == MANY);
    DESK_UNTIL(&desk, desk.told == next_buyer);
}

static void expect_in_order(uint32_t first, uint32_t end) {
    uint32_t next = first;
    for (uint32_t turn = 0; turn < desk.told; turn++)
        if (told[turn] >= first && told[turn] < end)
            cr_assert_eq(told[turn], next++);
    cr_assert_eq(next, end);
}

Test(record, who_waits_in_one_lane_keeps_the_order_through_connections_that_break) {
    desk.on_outcome = note;
    append_many(ENTRY_ADVICE, 0, 0);
    append_many(ENTRY_PURCHASE, 0, MANY);
    for (int breaks = 1; breaks <= 3; breaks++) {
        uint32_t before = desk.told;
        DESK_UNTIL(&desk, desk.told > before || desk.told == 2 * MANY);
        record_flush(desk.record, tick_now());
        test_sql(database.conninfo, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                                    "WHERE application_name LIKE 'vaxel re%%' AND datname = current_database()");
        DESK_UNTIL(&desk, desk.downs == breaks);
        DESK_UNTIL(&desk, desk.is_up);
    }
    DESK_UNTIL(&desk, desk.told == 2 * MANY);
    expect_in_order(0, MANY);
    expect_in_order(MANY, 2 * MANY);
}

static bool is_poison(uint32_t owner) {
    return owner % MANY == MANY / 2;
}

static void note_poison(struct desk *mine, const struct outcome *outcome) {
    cr_assert_eq(outcome->kind, is_poison(outcome->owner) ? OUTCOME_REFUSED : OUTCOME_RECORDED);
    told[mine->told] = outcome->owner;
}

Test(record, a_row_that_cannot_be_taken_holds_up_neither_its_lane_nor_another) {
    desk.on_outcome = note_poison;
    for (uint32_t owner = 0; owner < 2 * MANY; owner++) {
        struct entry entry = entry_of(owner < MANY ? ENTRY_ADVICE : ENTRY_PURCHASE, owner < MANY ? 0 : 1);
        entry.id = new_id_at((struct instant){entry.appended_at.us + (int64_t)owner * 1000});
        if (is_poison(owner))
            memset(&entry.product, 'x', sizeof entry.product);
        cr_assert(record_append(desk.record, &entry, owner));
    }
    DESK_UNTIL(&desk, desk.told == 2 * MANY);
    expect_in_order(0, MANY);
}
