/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that PostgreSQL would not take are kept beside, with what it said. */
#include "base/log.h"
#include "record/room.h"

#include <stdio.h>

/* As it was sent, in characters that any encoding takes. */
static void write_visibly(char *to, size_t capacity, const char *text, size_t size) {
    size_t used = 0;
    for (size_t at = 0; at < size && text[at] != '\0' && used + 5 < capacity; at++) {
        unsigned char byte = (unsigned char)text[at];
        if (byte >= ' ' && byte < 0x7f && byte != '\\')
            to[used++] = (char)byte;
        else
            used += (size_t)snprintf(to + used, capacity - used, "\\x%02x", byte);
    }
    to[used] = '\0';
}

static void describe_append(const struct entry *entry, char *text, size_t capacity) {
    char product[4 * PRODUCT_SIZE + 2], place[4 * PLACE_SIZE + 2];
    write_visibly(product, sizeof product, entry->product.code, sizeof entry->product.code);
    write_visibly(place, sizeof place, entry->place.text, sizeof entry->place.text);
    snprintf(
        text, capacity,
        "append kind=%d flags=%d amount_minor=%lld epoch=%d department=%d traveller=%d credit=%d client=%d product=%s "
        "place=%s",
        (int)entry->kind, entry->flags, (long long)entry->amount_minor, entry->epoch, entry->department,
        entry->traveller, entry->credit, entry->client, product, place);
}

static void describe_settlement(const struct settlement *settlement, char *text, size_t capacity) {
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&settlement->id, id);
    snprintf(text, capacity,
             "settle kind=%d id=%s amount_minor=%lld is_final=%d client=%d open_month=%d charged_month=%d",
             (int)settlement->kind, id, (long long)settlement->amount_minor, settlement->is_final, settlement->client,
             settlement->open_month.yyyymm, settlement->charged_month.yyyymm);
}

static void describe_item(const struct item *item, char *text, size_t capacity) {
    switch (item->kind) {
    case ITEM_APPEND:
        describe_append(&item->entry, text, capacity);
        break;
    case ITEM_CHECK:
        snprintf(text, capacity, "check");
        break;
    case ITEM_SETTLE:
        if (item->is_undo)
            snprintf(text, capacity, "undo");
        else
            describe_settlement(&item->settlement, text, capacity);
        break;
    }
}

void quarantine_item(struct record *record, const struct item *item, const struct failure *why) {
    struct quarantined *row = ring_append(&record->quarantine);
    if (row == NULL) {
        log_error("record", "the quarantine is full; the log has what there is of the row");
        return;
    }
    row->id = item->id;
    row->month = item->month;
    row->organisation = item->organisation;
    write_visibly(row->why.text, sizeof row->why.text, why->text, sizeof why->text);
    describe_item(item, row->what, sizeof row->what);
}

bool quarantine_start(struct record *record) {
    struct encoder *encoder = &record->encoder;
    const struct quarantined *row = ring_at(&record->quarantine, 0);
    encoder_single(encoder);
    encoder_id(encoder, &row->id);
    encoder_single(encoder);
    encoder_int4(encoder, row->organisation);
    encoder_single(encoder);
    encoder_int4(encoder, row->month.yyyymm);
    encoder_single(encoder);
    encoder_text(encoder, row->what, sizeof row->what);
    encoder_single(encoder);
    encoder_text(encoder, row->why.text, sizeof row->why.text);
    return link_run(&record->reader, STATEMENT_QUARANTINE, encoder);
}

void quarantine_end(struct record *record) {
    if (record->has_failed)
        log_error("record", "a row could not be quarantined why=%s", record->failure.text);
    ring_drop(&record->quarantine, 1);
}
