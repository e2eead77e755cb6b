/* SPDX-License-Identifier: Apache-2.0 */
/* What clients ask of the records: what an id has, and what is new on the block list. Nobody waits for a server to come
 * back. */
#include "base/log.h"
#include "record/room.h"

#include <string.h>

/* ---- an id ---- */

bool look_up_start(struct record *record) {
    struct encoder *encoder = &record->encoder;
    const struct look_up *look_up = ring_at(&record->look_ups, 0);
    encoder_single(encoder);
    encoder_id(encoder, &look_up->id);
    encoder_single(encoder);
    encoder_int4(encoder, look_up->month.yyyymm);
    encoder_single(encoder);
    encoder_int4(encoder, look_up->organisation);
    return link_run(&record->reader, STATEMENT_FIND, encoder);
}

void look_up_result(struct record *record, const PGresult *rows) {
    record->found = (struct found){.is_found = PQntuples(rows) > 0};
    if (!record->found.is_found)
        return;
    record->found.entry = row_entry(rows, 0);
    record->found.recorded_at = record->found.entry.appended_at;
    record->found.entry.flags = (uint8_t)row_int2(rows, 0, COLUMN_FLAGS);
    record->found.captured_minor = row_int8(rows, 0, COLUMN_CAPTURED);
    record->found.refunded_minor = row_int8(rows, 0, COLUMN_REFUNDED);
    record->found.is_reversed = record->found.entry.kind == ENTRY_REVERSAL || row_bool(rows, 0, COLUMN_REVERSED);
    if (record->found.entry.kind == ENTRY_HOLD)
        record->found.hold = row_has(rows, 0, COLUMN_EXPIRES) ? HOLD_STATE_OPEN : HOLD_STATE_CLOSED;
    if (record->found.hold == HOLD_STATE_OPEN)
        record->found.entry.expires_at = row_time(rows, 0, COLUMN_EXPIRES);
}

void look_up_end(struct record *record) {
    const struct look_up *look_up = ring_at(&record->look_ups, 0);
    uint64_t reply_to = look_up->reply_to;
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&look_up->id, id);
    ring_drop(&record->look_ups, 1);
    if (record->has_failed)
        log_warning("record", "a look-up failed id=%s why=%s", id, record->failure.text);
    record->options.on_found(record->options.owner, reply_to, !record->has_failed, &record->found);
}

void look_up_lost(struct record *record) {
    record->found = (struct found){0};
    while (record->look_ups.count > 0) {
        const struct look_up *look_up = ring_at(&record->look_ups, 0);
        uint64_t reply_to = look_up->reply_to;
        ring_drop(&record->look_ups, 1);
        record->options.on_found(record->options.owner, reply_to, false, &record->found);
    }
}

/* ---- a page of the block list ---- */

bool page_start(struct record *record) {
    struct encoder *encoder = &record->encoder;
    const struct page_wanted *wanted = ring_at(&record->pages, 0);
    record->page = (struct block_page){.last = wanted->since};
    encoder_single(encoder);
    encoder_int8(encoder, wanted->since);
    encoder_single(encoder);
    encoder_int4(encoder, (int32_t)wanted->limit + 1); /* one more, to know whether there is any */
    return link_run(&record->reader, STATEMENT_PAGE, encoder);
}

static struct block block_of_row(const PGresult *rows, int row) {
    struct block block = {.number = row_int8(rows, row, 0), .kind = (enum block_kind)row_int2(rows, row, 1)};
    if (row_has(rows, row, 2)) {
        block.credential.kind = CREDENTIAL_CARD;
        block.credential.card = (uint64_t)row_int8(rows, row, 2);
    } else {
        struct request_id app = row_id(rows, row, 3);
        block.credential.kind = CREDENTIAL_APP;
        memcpy(block.credential.app, app.bytes, sizeof block.credential.app);
    }
    if (row_has(rows, row, 4))
        block.ends_at = row_time(rows, row, 4);
    return block;
}

void page_result(struct record *record, const PGresult *rows) {
    const struct page_wanted *wanted = ring_at(&record->pages, 0);
    struct block_page *page = &record->page;
    page->has_more = (uint32_t)PQntuples(rows) > wanted->limit;
    page->count = page->has_more ? wanted->limit : (uint32_t)PQntuples(rows);
    for (uint32_t at = 0; at < page->count; at++)
        page->blocks[at] = block_of_row(rows, (int)at);
    if (page->count > 0)
        page->last = page->blocks[page->count - 1].number;
}

static void tell_page(struct record *record, bool is_answered) {
    const struct page_wanted *wanted = ring_at(&record->pages, 0);
    uint64_t reply_to = wanted->reply_to;
    if (!is_answered)
        record->page = (struct block_page){.last = wanted->since};
    ring_drop(&record->pages, 1);
    record->options.on_blocks(record->options.owner, reply_to, is_answered, &record->page);
}

void page_end(struct record *record) {
    if (record->has_failed)
        log_warning("record", "the block list could not be read why=%s", record->failure.text);
    tell_page(record, !record->has_failed);
}

void page_lost(struct record *record) {
    while (record->pages.count > 0)
        tell_page(record, false);
}
