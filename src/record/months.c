/* SPDX-License-Identifier: Apache-2.0 */
/* What the audit asks for: which organisations and months there are, and what their rows come to as they are. */
#include "base/log.h"
#include "record/room.h"

static void encode_wish(struct encoder *encoder, int32_t first, int32_t second) {
    encoder_single(encoder);
    encoder_int4(encoder, first);
    encoder_single(encoder);
    encoder_int4(encoder, second);
}

/* ---- the next month ---- */

bool find_month_start(struct record *record) {
    const struct audit_wish *wish = &record->find_month;
    record->found_month = (struct audit_wish){0};
    encode_wish(&record->encoder, wish->organisation, wish->month.yyyymm);
    return link_run(&record->reader, STATEMENT_FIND_MONTH, &record->encoder);
}

void find_month_result(struct record *record, const PGresult *rows) {
    if (PQntuples(rows) == 0)
        return;
    record->found_month.organisation = row_int4(rows, 0, 0);
    record->found_month.month.yyyymm = row_int4(rows, 0, 1);
}

static void tell_month_found(struct record *record, bool is_answered) {
    record->find_month.is_open = false;
    record->options.on_month_found(record->options.owner, is_answered, record->found_month.organisation,
                                   record->found_month.month);
}

void find_month_end(struct record *record) {
    if (record->has_failed)
        log_warning("record", "the months could not be read why=%s", record->failure.text);
    tell_month_found(record, !record->has_failed);
}

/* ---- the sums of a month ---- */

bool read_month_start(struct record *record) {
    const struct audit_wish *wish = &record->read_month;
    encode_wish(&record->encoder, wish->month.yyyymm, wish->organisation);
    return link_run(&record->reader, STATEMENT_READ_MONTH, &record->encoder);
}

void read_month_result(struct record *record, const PGresult *rows) {
    for (int row = 0; row < PQntuples(rows); row++) {
        struct sum sum = row_sum(rows, row, 0);
        if (sum.kind == 0)
            record->month_epoch = (int32_t)sum.spent_minor;
        else
            *(struct sum *)grown_add(&record->month_sums, sizeof sum) = sum;
    }
}

static void tell_month_read(struct record *record, bool is_answered) {
    const struct audit_wish wish = record->read_month;
    struct sums sums = {
        .organisation = wish.organisation,
        .month = wish.month,
        .epoch = record->month_epoch,
        .sum_count = record->month_sums.count,
        .sums = record->month_sums.data,
    };
    record->read_month.is_open = false;
    record->options.on_month_read(record->options.owner, wish.organisation, wish.month, is_answered ? &sums : NULL);
    grown_forget(&record->month_sums);
}

void read_month_end(struct record *record) {
    if (record->has_failed)
        log_warning("record", "a month could not be added up organisation=%d month=%d why=%s",
                    record->read_month.organisation, record->read_month.month.yyyymm, record->failure.text);
    tell_month_read(record, !record->has_failed);
}

void audit_wishes_lost(struct record *record) {
    record->found_month = (struct audit_wish){0};
    if (record->find_month.is_open)
        tell_month_found(record, false);
    if (record->read_month.is_open)
        tell_month_read(record, false);
}
