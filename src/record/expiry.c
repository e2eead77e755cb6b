/* SPDX-License-Identifier: Apache-2.0 */
/* Holds whose time has passed are freed by whatever node looks first, be the one that took them gone or not. What is
 * told of only after the commit may be lost with the node: its counters stay too high until the audit. */
#include "base/log.h"
#include "record/room.h"

bool expiry_is_due(const struct record *record) {
    return record->options.expiry_us > 0 && record->now.us >= record->expiry_at.us;
}

bool expiry_start(struct record *record) {
    record->expired_count = 0;
    record->expiry_at.us = record->now.us + record->options.expiry_us;
    encoder_single(&record->encoder);
    encoder_int4(&record->encoder, EXPIRIES_AT_ONCE);
    return link_run(&record->reader, STATEMENT_EXPIRE, &record->encoder);
}

void expiry_result(struct record *record, const PGresult *rows) {
    CHECK(PQntuples(rows) <= EXPIRIES_AT_ONCE);
    for (int row = 0; row < PQntuples(rows); row++) {
        struct request_id id = row_id(rows, row, COLUMN_SETTLED_ID);
        struct outcome outcome = {0};
        judge_settlement(&outcome, &id, rows, row);
        CHECK(outcome.kind == OUTCOME_SETTLED);
        record->expired[record->expired_count++] = outcome.effect;
    }
}

/* As many as were asked for: there may be more. */
void expiry_end(struct record *record) {
    if (record->has_failed) {
        log_warning("record", "holds that have expired could not be freed why=%s", record->failure.text);
        return;
    }
    if (record->expired_count == EXPIRIES_AT_ONCE)
        record->expiry_at = record->now;
    for (uint32_t at = 0; at < record->expired_count; at++)
        record->options.on_effect(record->options.owner, &record->expired[at]);
}
