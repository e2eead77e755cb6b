/* SPDX-License-Identifier: Apache-2.0 */
/* What a settlement came to, as settle() of sql/ says it. */
#include "record/room.h"

enum column {
    COLUMN_NUMBER,
    COLUMN_REASON,
    COLUMN_DIFFERS,
    COLUMN_IS_REPEAT,
    COLUMN_IS_TOMBSTONE,
    COLUMN_AMOUNT,
    COLUMN_REMAINING,
    COLUMN_EFFECT_ID,
    COLUMN_USAGE,
    COLUMN_EPOCH,
    COLUMN_ENTRY_MONTH,
    COLUMN_ORGANISATION,
    COLUMN_DEPARTMENT,
    COLUMN_TRAVELLER,
    COLUMN_CREDIT,
    COLUMN_RECORDED_AT,
};
_Static_assert(COLUMN_EFFECT_ID == COLUMN_SETTLED_ID, "the column that an expiry is known by");

/* The day of the original's id. Of one that came late, the day it was recorded on, for that lies in its row's month;
 * and of what is charged in another month than the original's, the day that was recorded on. */
static struct day day_of(const struct request_id *original, const PGresult *rows, int row) {
    struct calendar calendar = {0};
    struct month month = {row_int4(rows, row, COLUMN_ENTRY_MONTH)};
    struct day day = calendar_day(&calendar, request_id_time(original));
    if (month_of(day).yyyymm != month.yyyymm)
        day = calendar_day(&calendar, row_time(rows, row, COLUMN_RECORDED_AT));
    if (month_of(day).yyyymm != month.yyyymm)
        day.yyyymmdd = month.yyyymm * 100 + 1;
    return day;
}

void judge_settlement(struct outcome *outcome, const struct request_id *original, const PGresult *rows, int row) {
    enum reason reason = (enum reason)row_int2(rows, row, COLUMN_REASON);
    outcome->remaining_minor = row_int8(rows, row, COLUMN_REMAINING);
    if (reason != REASON_APPROVED) {
        outcome->kind = OUTCOME_DECLINED;
        outcome->reason = reason;
        outcome->differs = (enum content_field)row_int2(rows, row, COLUMN_DIFFERS);
        return;
    }
    outcome->kind = OUTCOME_SETTLED;
    outcome->is_repeat = row_bool(rows, row, COLUMN_IS_REPEAT);
    outcome->is_tombstone = row_bool(rows, row, COLUMN_IS_TOMBSTONE);
    outcome->amount_minor = row_int8(rows, row, COLUMN_AMOUNT);
    outcome->effect = (struct effect){
        .id = row_id(rows, row, COLUMN_EFFECT_ID),
        .day = day_of(original, rows, row),
        .payer = {.organisation = row_int4(rows, row, COLUMN_ORGANISATION),
                  .department = row_int4(rows, row, COLUMN_DEPARTMENT),
                  .traveller = row_int4(rows, row, COLUMN_TRAVELLER),
                  .credit = row_int4(rows, row, COLUMN_CREDIT)},
        .amount_minor = row_int8(rows, row, COLUMN_USAGE),
        .epoch = row_int4(rows, row, COLUMN_EPOCH),
    };
    outcome->epoch = outcome->effect.epoch;
}
