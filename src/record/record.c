/* SPDX-License-Identifier: Apache-2.0 */
#include "record/record.h"
#include "record/room.h"

#include <stdlib.h>
#include <string.h>

#define RECORDER 0
#define READER 1
#define ROLLER 2

static void enter(struct record *record, struct tick now) {
    record->now = now;
    record->recorder.now = now;
    record->reader.now = now;
    record->roller.now = now;
}

/* ---- the links ---- */

/* Both stand, and the month has its partition. A reader that is lost alone is no news: it comes back, and what is asked
 * of it waits. */
void record_tell_up(struct record *record) {
    if (record->is_up || record->recorder.stage != LINK_UP || record->reader.stage != LINK_UP ||
        !record->is_partitioned)
        return;
    record->is_up = true;
    record->options.on_up(record->options.owner, true);
}

static void recorder_up(void *owner) {
    struct record *record = owner;
    record->recorder_up_at = record->now;
    record_tell_up(record);
}

static void recorder_lost(void *owner) {
    struct record *record = owner;
    batch_lost(record);
    if (record->is_up) {
        record->is_up = false;
        record->options.on_up(record->options.owner, false);
    }
    /* The reader may be at the same server, idle or more patient. */
    link_fail(&record->reader, "the recorder's connection is lost");
}

static void recorder_result(void *owner, PGresult *result) {
    batch_result(owner, result);
}

static void recorder_end(void *owner) {
    batch_end(owner);
}

static void recorder_sync(void *owner) {
    batch_sync(owner);
}

static void reader_up(void *owner) {
    chores_up(owner);
}

static void reader_lost(void *owner) {
    chores_lost(owner);
}

static void reader_result(void *owner, PGresult *result) {
    chores_result(owner, result);
}

static void reader_end(void *owner) {
    chores_end(owner);
}

static void reader_sync(void *owner) {
    chores_sync(owner);
}

static struct link_options recorder_options(struct record *record) {
    return (struct link_options){
        .name = "recorder",
        .conninfo = record->conninfo,
        .settings = settings_recorder,
        .first = STATEMENTS_RECORDER_FIRST,
        .end = STATEMENTS_RECORDER_END,
        .reconnect_us = record->options.reconnect_us,
        .connect_us = record->options.silence_us,
        .silence_us = record->options.silence_us,
        .owner = record,
        .on_up = recorder_up,
        .on_lost = recorder_lost,
        .on_result = recorder_result,
        .on_end = recorder_end,
        .on_sync = recorder_sync,
    };
}

static struct link_options reader_options(struct record *record) {
    return (struct link_options){
        .name = "reader",
        .conninfo = record->conninfo,
        .settings = settings_reader,
        .first = STATEMENTS_READER_FIRST,
        .end = STATEMENTS_READER_END,
        .reconnect_us = record->options.reconnect_us,
        .connect_us = record->options.silence_us,
        .silence_us = READER_PATIENCE * record->options.silence_us,
        .owner = record,
        .on_up = reader_up,
        .on_lost = reader_lost,
        .on_result = reader_result,
        .on_end = reader_end,
        .on_sync = reader_sync,
    };
}

/* ---- life ---- */

struct record *record_create(const struct record_options *options, struct tick now) {
    struct record *record = calloc(1, sizeof *record);
    CHECK(record != NULL);
    record->options = *options;
    record->now = now;
    record->conninfo = strdup(options->conninfo);
    CHECK(record->conninfo != NULL);
    encoder_init(&record->encoder, batch_encoder_size(options));
    queue_init(&record->queue, options->capacity);
    batch_init(record);
    chores_init(record);
    struct link_options recorder = recorder_options(record), reader = reader_options(record);
    link_init(&record->recorder, &recorder, now);
    link_init(&record->reader, &reader, now);
    roller_init(record);
    return record;
}

void record_destroy(struct record *record) {
    if (record == NULL)
        return;
    link_finish(&record->recorder);
    link_finish(&record->reader);
    link_finish(&record->roller);
    chores_finish(record);
    batch_finish(record);
    queue_finish(&record->queue);
    encoder_finish(&record->encoder);
    free(record->conninfo);
    free(record);
}

/* ---- what is asked ---- */

static struct item *append_item(struct record *record, enum lane_kind lane, enum item_kind kind, uint32_t owner,
                                const struct request_id *id, struct month month, int32_t organisation) {
    struct item *item = queue_append(&record->queue, lane, kind);
    if (item == NULL)
        return NULL;
    item->owner = owner;
    item->id = *id;
    item->month = month;
    item->own = month;
    item->organisation = organisation;
    return item;
}

static struct month month_of_id(struct record *record, const struct request_id *id) {
    return month_of(calendar_day(&record->calendar, request_id_time(id)));
}

static enum lane_kind lane_of(const struct entry *entry) {
    bool has_happened = entry->kind == ENTRY_ADVICE || (entry->flags & ENTRY_STAND_IN) != 0;
    return has_happened ? LANE_BACKGROUND : LANE_APPENDS;
}

bool record_append(struct record *record, const struct entry *entry, uint32_t owner) {
    struct item *item =
        append_item(record, lane_of(entry), ITEM_APPEND, owner, &entry->id, entry->month, entry->organisation);
    if (item == NULL)
        return false;
    item->entry = *entry;
    if ((entry->flags & ENTRY_LATE) != 0)
        item->own = month_of_id(record, &entry->id);
    item->epoch = (entry->flags & ENTRY_STAND_IN) != 0 ? 0 : entry->epoch;
    return true;
}

bool record_check(struct record *record, const struct check *check, uint32_t owner) {
    struct item *item =
        append_item(record, LANE_APPENDS, ITEM_CHECK, owner, &check->id, check->month, check->organisation);
    if (item == NULL)
        return false;
    item->check = *check;
    return true;
}

bool record_undo(struct record *record, const struct undo *undo, uint32_t owner) {
    struct item *item =
        append_item(record, LANE_SETTLEMENTS, ITEM_SETTLE, owner, &undo->id, undo->month, undo->organisation);
    if (item == NULL)
        return false;
    item->is_undo = true;
    item->settlement = (struct settlement){.client = undo->client, .appended_at = undo->appended_at};
    return true;
}

bool record_settle(struct record *record, const struct settlement *settlement, uint32_t owner) {
    struct item *item = append_item(record, LANE_SETTLEMENTS, ITEM_SETTLE, owner, &settlement->original,
                                    settlement->month, settlement->organisation);
    if (item == NULL)
        return false;
    item->own = month_of_id(record, &settlement->id);
    item->settlement = *settlement;
    return true;
}

bool record_read_sums(struct record *record, int32_t organisation, struct month month, bool from_rows) {
    struct rebuild *rebuild = ring_append(&record->rebuilds);
    if (rebuild == NULL)
        return false;
    *rebuild = (struct rebuild){.organisation = organisation, .month = month, .from_rows = from_rows};
    return true;
}

bool record_look_up(struct record *record, uint64_t reply_to, const struct request_id *id, struct month month,
                    int32_t organisation) {
    struct look_up *look_up = ring_append(&record->look_ups);
    if (look_up == NULL)
        return false;
    *look_up = (struct look_up){.reply_to = reply_to, .id = *id, .month = month, .organisation = organisation};
    return true;
}

bool record_look_up_blocks(struct record *record, uint64_t reply_to, int64_t since, uint32_t limit) {
    struct page_wanted *page = ring_append(&record->pages);
    if (page == NULL)
        return false;
    *page = (struct page_wanted){reply_to, since, limit < BLOCKS_PER_PAGE ? limit : BLOCKS_PER_PAGE};
    return true;
}

static bool open_wish(struct audit_wish *wish, int32_t organisation, struct month month) {
    if (wish->is_open)
        return false;
    *wish = (struct audit_wish){true, organisation, month};
    return true;
}

bool record_find_month(struct record *record, int32_t after_organisation, struct month after_month) {
    return open_wish(&record->find_month, after_organisation, after_month);
}

bool record_read_month(struct record *record, int32_t organisation, struct month month) {
    return open_wish(&record->read_month, organisation, month);
}

/* ---- the owner's loop ---- */

void record_facts(const struct record *record, struct record_facts *facts) {
    *facts = record->facts;
    facts->capacity = record->queue.capacity;
    facts->waiting = 0;
    for (int lane = 0; lane < LANES; lane++)
        facts->waiting += record->queue.lanes[lane].count;
}

void record_flush(struct record *record, struct tick now) {
    enter(record, now);
    batch_send_waiting(record);
    chores_next(record);
}

static struct record_interest interest_of(const struct link *link) {
    return (struct record_interest){
        .fd = link->stage == LINK_DOWN ? -1 : PQsocket(link->connection),
        .events = link->wants,
        .socket = link->socket,
    };
}

void record_interests(const struct record *record, struct record_interest interests[RECORD_CONNECTIONS]) {
    interests[RECORDER] = interest_of(&record->recorder);
    interests[READER] = interest_of(&record->reader);
    interests[ROLLER] = interest_of(&record->roller);
}

void record_ready(struct record *record, struct tick now, int connection, short events) {
    struct link *links[RECORD_CONNECTIONS] = {&record->recorder, &record->reader, &record->roller};
    CHECK(connection >= 0 && connection < RECORD_CONNECTIONS);
    enter(record, now);
    link_ready(links[connection], now, events);
}

void record_tick(struct record *record, struct tick now) {
    enter(record, now);
    link_tick(&record->recorder, now);
    link_tick(&record->reader, now);
    roller_tick(record);
    chores_tick(record);
}

static struct tick earlier(struct tick one, struct tick other) {
    return one.us < other.us ? one : other;
}

struct tick record_next_tick(const struct record *record) {
    struct tick next = earlier(link_next_tick(&record->recorder), link_next_tick(&record->reader));
    return earlier(earlier(chores_next_tick(record), roller_next_tick(record)), next);
}
