/* SPDX-License-Identifier: Apache-2.0 */
#include "record/desk.h"

static struct audit_month find_after(int32_t organisation, int32_t yyyymm) {
    int before = desk.months_found;
    cr_assert(record_find_month(desk.record, organisation, (struct month){yyyymm}));
    DESK_UNTIL(&desk, desk.months_found > before);
    cr_assert(desk.is_answered);
    return desk.month_found;
}

static const struct sums_read *read_month(int32_t organisation) {
    int before = desk.months_read;
    cr_assert(record_read_month(desk.record, organisation, month_now()));
    DESK_UNTIL(&desk, desk.months_read > before);
    cr_assert(desk.month_read.is_read);
    return &desk.month_read;
}

Test(record, an_audit_goes_from_fence_to_fence_and_comes_to_an_end) {
    test_sql(database.conninfo,
             "DELETE FROM fence; INSERT INTO fence VALUES (7, 202612, 1), (7, 202611, 4), (3, 202612, 2)");
    struct audit_month found = {0, {0}};
    static const struct audit_month expected[] = {{3, {202612}}, {7, {202611}}, {7, {202612}}, {0, {0}}};
    for (size_t at = 0; at < sizeof expected / sizeof *expected; at++) {
        found = find_after(found.organisation, found.month.yyyymm);
        cr_assert_eq(found.organisation, expected[at].organisation);
        cr_assert_eq(found.month.yyyymm, expected[at].month.yyyymm);
    }
}

Test(record, an_audit_reads_all_rows_and_raises_nothing) {
    struct entry first = purchase_of(1, 1);
    desk_append(&desk, &first);
    desk_rebuild(&desk, 1);
    struct entry second = purchase_of(1, 2);
    second.credit = 32;
    desk_append(&desk, &second);
    struct settlement refund = settlement_of(ENTRY_REFUND, &second, 1000);
    desk_settle(&desk, &refund);
    for (int times = 0; times < 2; times++) {
        const struct sums_read *sums = read_month(1);
        cr_assert_eq(sums->epoch, 2);
        cr_assert_eq(sums->sum_count, 4);
        cr_assert_eq(sum_of(sums, LIMIT_ORGANISATION, 1), 2 * PURCHASE_MINOR - 1000);
        cr_assert_eq(sum_of(sums, LIMIT_TRAVELLER, 21), 2 * PURCHASE_MINOR - 1000);
        cr_assert_eq(sum_of(sums, LIMIT_CREDIT, 31), PURCHASE_MINOR);
        cr_assert_eq(sum_of(sums, LIMIT_CREDIT, 32), PURCHASE_MINOR - 1000);
    }
    cr_assert_eq(read_month(99)->epoch, 0);
    cr_assert_eq(sum_of(&desk.month_read, LIMIT_ORGANISATION, 99), 0);
}

Test(record, an_audit_asks_one_thing_of_each_kind_at_a_time) {
    cr_assert(record_find_month(desk.record, 0, (struct month){0}));
    cr_assert_not(record_find_month(desk.record, 0, (struct month){0}));
    cr_assert(record_read_month(desk.record, 1, month_now()));
    cr_assert_not(record_read_month(desk.record, 2, month_now()));
    DESK_UNTIL(&desk, desk.months_found == 1 && desk.months_read == 1);
    cr_assert(record_find_month(desk.record, 0, (struct month){0}));
}
