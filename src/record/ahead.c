/* SPDX-License-Identifier: Apache-2.0 */
/* In a month's last stretch the next one's counters are made, some organisations at a time, by a rebuild that finds no
 * rows: else all of them would be cold in the first second of the month. Each organisation is taken by one node. If
 * that one fails, it is cold then. */
#include "base/log.h"
#include "record/room.h"

#define PAUSE_US 1000000
/* When there was none left, or it is not the time yet. */
#define LONG_PAUSE_US 10000000

static struct month month_in(struct record *record, int64_t us) {
    return month_of(calendar_day(&record->calendar, (struct instant){instant_now().us + us}));
}

static bool is_last_stretch(struct record *record) {
    return month_in(record, 0).yyyymm != month_in(record, record->options.ahead_us).yyyymm;
}

void ahead_tick(struct record *record) {
    if (record->options.ahead_us > 0 && record->now.us >= record->ahead_at.us && !is_last_stretch(record))
        record->ahead_at.us = record->now.us + LONG_PAUSE_US;
}

bool ahead_is_due(const struct record *record) {
    return record->options.ahead_us > 0 && record->now.us >= record->ahead_at.us;
}

bool ahead_start(struct record *record) {
    struct month month = month_in(record, 0);
    record->ahead_count = 0;
    record->ahead_month = month_after(month);
    record->ahead_at.us = record->now.us + LONG_PAUSE_US;
    encoder_single(&record->encoder);
    encoder_int4(&record->encoder, month.yyyymm);
    encoder_single(&record->encoder);
    encoder_int4(&record->encoder, record->ahead_month.yyyymm);
    encoder_single(&record->encoder);
    encoder_int4(&record->encoder, AHEAD_AT_ONCE);
    return link_run(&record->reader, STATEMENT_AHEAD, &record->encoder);
}

void ahead_result(struct record *record, const PGresult *rows) {
    CHECK(PQntuples(rows) <= AHEAD_AT_ONCE);
    for (int row = 0; row < PQntuples(rows); row++)
        record->ahead[record->ahead_count++] = row_int4(rows, row, 0);
}

void ahead_end(struct record *record) {
    if (record->has_failed) {
        log_warning("record", "next month's counters could not be made why=%s", record->failure.text);
        return;
    }
    if (record->ahead_count > 0)
        record->ahead_at.us = record->now.us + PAUSE_US;
    for (uint32_t at = 0; at < record->ahead_count; at++)
        record->options.on_ahead(record->options.owner, record->ahead[at], record->ahead_month);
}
