/* SPDX-License-Identifier: Apache-2.0 */
/* Adds the rows of the month to its sums whenever so many are new, so that a rebuild has few to read. Why they are in
 * them once stands in sql/0008_roll_up.sql. On a connection of its own, for it may take a second and more. */
#include "base/log.h"
#include "record/room.h"

#define LOOK_US 1000000
#define AFTER_FAILURE_US 10000000

static void roller_up(void *owner) {
    struct record *record = owner;
    record->roll_at = record->now;
    record->has_roller_failed = false;
}

static void roller_lost(void *owner) {
    struct record *record = owner;
    record->is_rolling = false;
}

static void roller_result(void *owner, PGresult *result) {
    struct record *record = owner;
    if (PQresultStatus(result) != PGRES_FATAL_ERROR)
        return;
    struct failure failure;
    row_complaint(result, &failure);
    record->has_roller_failed = true;
    log_warning("record", "rows could not be rolled up why=%s", failure.text);
}

static void roller_end(void *owner) {
    (void)owner;
}

static void roller_sync(void *owner) {
    struct record *record = owner;
    record->is_rolling = false;
    record->roll_at.us = record->now.us + (record->has_roller_failed ? AFTER_FAILURE_US : LOOK_US);
}

void roller_init(struct record *record) {
    const struct link_options options = {
        .name = "roller",
        .conninfo = record->conninfo,
        .settings = settings_roller,
        .first = STATEMENTS_ROLLER_FIRST,
        .end = STATEMENTS_ROLLER_END,
        .reconnect_us = record->options.reconnect_us,
        .connect_us = record->options.silence_us,
        .silence_us = ROLLER_PATIENCE * record->options.silence_us,
        .owner = record,
        .on_up = roller_up,
        .on_lost = roller_lost,
        .on_result = roller_result,
        .on_end = roller_end,
        .on_sync = roller_sync,
    };
    if (record->options.roll_up_rows > 0)
        link_init(&record->roller, &options, record->now);
}

static void roll(struct record *record) {
    record->is_rolling = true;
    record->has_roller_failed = false;
    encoder_reset(&record->encoder);
    encoder_single(&record->encoder);
    encoder_int8(&record->encoder, record->options.roll_up_rows);
    if (link_run(&record->roller, STATEMENT_ROLL_UP, &record->encoder))
        link_sync(&record->roller);
}

void roller_tick(struct record *record) {
    if (record->options.roll_up_rows == 0)
        return;
    link_tick(&record->roller, record->now);
    if (record->roller.stage != LINK_UP || record->is_rolling || record->now.us < record->roll_at.us)
        return;
    if (record->has_roller_failed)
        link_fail(&record->roller, "rows could not be rolled up"); /* another server may take them */
    else
        roll(record);
}

struct tick roller_next_tick(const struct record *record) {
    if (record->options.roll_up_rows == 0)
        return (struct tick){INT64_MAX};
    if (record->roller.stage == LINK_UP && !record->is_rolling)
        return record->roll_at;
    return link_next_tick(&record->roller);
}
