/* SPDX-License-Identifier: Apache-2.0 */
#include "record/desk.h"

#include <stdio.h>

static int rows_seen_when_told;

static void look_at_once(struct desk *at, const struct outcome *outcome) {
    if (outcome->kind == OUTCOME_RECORDED)
        rows_seen_when_told = (int)sql_number(at->conninfo, "SELECT count(*) FROM entry");
}

Test(record, a_row_is_visible_to_all_when_it_is_told_as_recorded) {
    struct entry entry = purchase_of(1, 1);
    desk.on_outcome = look_at_once;
    cr_assert_eq(desk_append(&desk, &entry).kind, OUTCOME_RECORDED);
    cr_assert_eq(rows_seen_when_told, 1);
}

Test(record, what_is_looked_up_is_what_was_appended) {
    struct entry entry = purchase_of(1, 1);
    entry.department = 5;
    desk_append(&desk, &entry);
    record_look_up(desk.record, 4711, &entry.id, entry.month, 1);
    DESK_UNTIL(&desk, desk.found_told == 1);
    cr_assert(desk.is_answered && desk.found.is_found && !desk.found.is_reversed);
    const struct entry *found = &desk.found.entry;
    cr_assert(request_id_equal(&found->id, &entry.id));
    cr_assert_eq(found->month.yyyymm, entry.month.yyyymm);
    cr_assert_eq(found->organisation, 1);
    cr_assert_eq(found->epoch, 1);
    cr_assert_eq(found->kind, ENTRY_PURCHASE);
    cr_assert_eq(found->amount_minor, PURCHASE_MINOR);
    cr_assert_eq(found->department, 5);
    cr_assert_eq(found->traveller, 21);
    cr_assert_eq(found->credit, 31);
    cr_assert_eq(found->client, 7);
    cr_assert_str_eq(found->product.code, "single");
    cr_assert_str_eq(found->place.text, "bus 4711, stop Torget");
    cr_assert_eq(desk.found.recorded_at.us, entry.appended_at.us);
}

Test(record, an_id_is_looked_up_over_all_organisations) {
    test_sql(database.conninfo,
             "INSERT INTO organisation (id, state, limit_minor) VALUES (1, 'active', 0), (2, 'active', 0)");
    struct entry entry = purchase_of(1, 1);
    desk_append(&desk, &entry);
    record_look_up(desk.record, 4711, &entry.id, entry.month, 0);
    DESK_UNTIL(&desk, desk.found_told == 1);
    cr_assert(desk.found.is_found);
    cr_assert_eq(desk.found.entry.organisation, 1);
    struct request_id other = new_id();
    record_look_up(desk.record, 4711, &other, entry.month, 0);
    DESK_UNTIL(&desk, desk.found_told == 2);
    cr_assert(desk.is_answered && !desk.found.is_found);
}

Test(record, the_same_append_again_is_recorded_and_makes_no_second_row) {
    struct entry entry = purchase_of(1, 1);
    cr_assert_eq(desk_append(&desk, &entry).kind, OUTCOME_RECORDED);
    cr_assert_eq(desk_append(&desk, &entry).kind, OUTCOME_RECORDED);
    cr_assert_eq(rows_of(database.conninfo, &entry.id), 1);
}

Test(record, a_repeat_by_another_request_exists_with_its_content) {
    struct entry entry = purchase_of(1, 1), repeat = entry;
    repeat.appended_at.us++;
    desk_append(&desk, &entry);
    struct outcome outcome = desk_append(&desk, &repeat);
    cr_assert_eq(outcome.kind, OUTCOME_EXISTS);
    cr_assert_eq(outcome.amount_minor, PURCHASE_MINOR);
    cr_assert_eq(outcome.recorded_epoch, 1);
    cr_assert_eq(rows_of(database.conninfo, &entry.id), 1);
}

Test(record, other_content_under_the_same_id_exists_with_the_old_content) {
    struct entry entry = purchase_of(1, 1), other = entry;
    other.appended_at.us++;
    other.amount_minor = 1;
    strcpy(other.place.text, "elsewhere");
    desk_append(&desk, &entry);
    struct outcome outcome = desk_append(&desk, &other);
    struct content expected = {
        .amount_minor = PURCHASE_MINOR,
        .client = 7,
        .credit = 31,
        .product_hash = content_hash("single"),
        .place_hash = content_hash("bus 4711, stop Torget"),
        .kind = ENTRY_PURCHASE,
    };
    cr_assert_eq(outcome.kind, OUTCOME_EXISTS);
    cr_assert_eq(memcmp(&outcome.content, &expected, sizeof expected), 0);
    cr_assert_eq(sql_number(database.conninfo, "SELECT amount_minor FROM entry"), PURCHASE_MINOR);
}

Test(record, a_row_of_a_stale_epoch_is_not_recorded_and_tells_the_fences) {
    desk_rebuild(&desk, 1);
    struct entry stale = purchase_of(1, 1), fresh = purchase_of(1, 2), ahead = purchase_of(1, 3);
    struct outcome outcome = desk_append(&desk, &stale);
    cr_assert_eq(outcome.kind, OUTCOME_STALE);
    cr_assert_eq(outcome.epoch, 2);
    cr_assert_eq(desk_append(&desk, &fresh).kind, OUTCOME_RECORDED);
    cr_assert_eq(desk_append(&desk, &ahead).kind, OUTCOME_STALE);
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM entry"), 1);
}

Test(record, without_a_fence_a_row_is_stale_at_epoch_0) {
    struct entry entry = purchase_of(99, 1);
    struct outcome outcome = desk_append(&desk, &entry);
    cr_assert_eq(outcome.kind, OUTCOME_STALE);
    cr_assert_eq(outcome.epoch, 0);
}

Test(record, a_stale_row_in_a_batch_does_not_keep_the_others_out) {
    desk_rebuild(&desk, 2);
    for (uint32_t owner = 0; owner < 300; owner++) {
        struct entry entry = purchase_of(owner % 2 == 0 ? 1 : 2, owner % 3 == 0 ? 7 : 1);
        cr_assert(record_append(desk.record, &entry, owner));
    }
    DESK_UNTIL(&desk, desk.told == 300);
    for (uint32_t owner = 0; owner < 300; owner++)
        cr_assert_eq(desk.outcomes[owner].kind, owner % 3 == 0 ? OUTCOME_STALE : OUTCOME_RECORDED);
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM entry"), 200);
}

Test(record, a_check_tells_absent_exists_stale_and_reversed) {
    struct entry absent = purchase_of(1, 1), there = purchase_of(1, 1), reversed = purchase_of(1, 1);
    struct entry tombed = purchase_of(1, 1);
    struct check check = check_of(&absent);
    cr_assert_eq(desk_check(&desk, &check).kind, OUTCOME_ABSENT);
    check.epoch = 2;
    struct outcome stale = desk_check(&desk, &check);
    cr_assert_eq(stale.kind, OUTCOME_STALE);
    cr_assert_eq(stale.epoch, 1);
    check.epoch = 0;
    cr_assert_eq(desk_check(&desk, &check).kind, OUTCOME_ABSENT);

    desk_append(&desk, &there);
    check = check_of(&there);
    struct outcome exists = desk_check(&desk, &check);
    cr_assert_eq(exists.kind, OUTCOME_EXISTS);
    cr_assert_eq(exists.content.amount_minor, PURCHASE_MINOR);

    desk_append(&desk, &reversed);
    struct undo undo = undo_of(&reversed);
    desk_undo(&desk, &undo);
    check = check_of(&reversed);
    cr_assert_eq(desk_check(&desk, &check).kind, OUTCOME_REVERSED);

    undo = undo_of(&tombed);
    desk_undo(&desk, &undo);
    check = check_of(&tombed);
    cr_assert_eq(desk_check(&desk, &check).kind, OUTCOME_REVERSED);
}

Test(record, many_at_once_are_each_told_once) {
    for (uint32_t owner = 0; owner < 4000; owner++) {
        struct entry entry = purchase_of(1, 1);
        cr_assert(record_append(desk.record, &entry, owner));
    }
    DESK_UNTIL(&desk, desk.told == 4000);
    for (uint32_t owner = 0; owner < 4000; owner++) {
        cr_assert_eq(desk.times_told[owner], 1);
        cr_assert_eq(desk.outcomes[owner].kind, OUTCOME_RECORDED);
    }
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM entry"), 4000);
}

Test(record, past_its_capacity_nothing_is_taken) {
    struct entry entry = purchase_of(1, 1);
    for (uint32_t owner = 0; owner < desk_options.capacity; owner++) {
        entry.id = new_id();
        cr_assert(record_append(desk.record, &entry, owner));
    }
    entry.id = new_id();
    struct check check = check_of(&entry);
    struct undo undo = undo_of(&entry);
    cr_assert_not(record_append(desk.record, &entry, 0));
    cr_assert_not(record_check(desk.record, &check, 0));
    cr_assert_not(record_undo(desk.record, &undo, 0));
    DESK_UNTIL(&desk, desk.told == desk_options.capacity);
    cr_assert(record_append(desk.record, &entry, 0));
}

Test(record, a_commit_waits_for_the_standbys_disk_whatever_the_server_has_by_default) {
    static const char *const defaults[][2] = {
        {"off", "on"}, {"local", "on"}, {"remote_write", "on"}, {"on", "on"}, {"remote_apply", "remote_apply"}};
    char conninfo[2 * TEST_TEXT];
    test_sql(database.conninfo,
             "ALTER TABLE entry ADD COLUMN waits text DEFAULT current_setting('synchronous_commit')");
    for (size_t at = 0; at < sizeof defaults / sizeof *defaults; at++) {
        desk_stop(&desk);
        snprintf(conninfo, sizeof conninfo, "%s options='-c synchronous_commit=%s'", database.conninfo,
                 defaults[at][0]);
        desk_start(&desk, conninfo, &desk_options);
        struct entry entry = purchase_of(1, 1);
        cr_assert_eq(desk_append(&desk, &entry).kind, OUTCOME_RECORDED);
        cr_assert_str_eq(test_sql(database.conninfo, "SELECT waits FROM entry ORDER BY recorded_at DESC LIMIT 1"),
                         defaults[at][1], "%s", defaults[at][0]);
    }
}

static struct desk other_desk;

Test(record, two_records_that_race_for_the_same_ids_make_one_row_each) {
    desk_start(&other_desk, database.conninfo, &desk_options);
    uint32_t told = 0;
    for (uint32_t owner = 0; owner < 1000; owner++) {
        struct entry entry = purchase_of(1, 1), repeat = entry;
        repeat.appended_at.us += 10000000;
        cr_assert(record_append(desk.record, &entry, owner));
        cr_assert(record_append(other_desk.record, &repeat, owner));
        if (owner % 10 != 9)
            continue;
        told += 10;
        while (desk.told < told || other_desk.told < told) {
            desk_turn(&desk);
            desk_turn(&other_desk);
        }
    }
    for (uint32_t owner = 0; owner < 1000; owner++) {
        enum outcome_kind one = desk.outcomes[owner].kind, other = other_desk.outcomes[owner].kind;
        cr_assert((one == OUTCOME_RECORDED && other == OUTCOME_EXISTS) ||
                  (one == OUTCOME_EXISTS && other == OUTCOME_RECORDED));
    }
    cr_assert_eq(sql_number(database.conninfo, "SELECT count(*) FROM entry WHERE kind = 1"), 1000);
    desk_stop(&other_desk);
}
