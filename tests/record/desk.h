/* SPDX-License-Identifier: Apache-2.0 */
/* desk: a record in a test, driven by poll(2), and all it has said. */
#ifndef VAXEL_TESTS_RECORD_DESK_H
#define VAXEL_TESTS_RECORD_DESK_H

#include "record/migrate.h"
#include "record/reader.h"
#include "record/record.h"
#include "support/services.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_US 60000000
#define OWNERS 100000
#define SUMS_READ 1024
#define EFFECTS_TOLD 4096
#define PURCHASE_MINOR 13000

struct sums_read {
    int32_t organisation;
    bool is_read;
    int32_t epoch;
    size_t sum_count;
    struct sum sums[64];
    size_t remembered_count;
    struct remembered remembered[64];
};

struct audit_month {
    int32_t organisation;
    struct month month;
};

struct desk {
    struct record *record;
    struct tick stopped_at; /* while it is set, no time passes for the record */
    bool is_up;
    int ups, downs;
    uint32_t told; /* outcomes */
    struct outcome outcomes[OWNERS];
    uint8_t times_told[OWNERS];
    int sums_told;
    struct sums_read sums[SUMS_READ]; /* in the order told */
    int found_told;
    bool is_answered;
    struct found found;
    int pages_told;
    struct block_page page;
    int months_found, months_read;
    struct audit_month month_found;
    struct sums_read month_read;
    int ahead_told;
    struct audit_month ahead[SUMS_READ];
    int effects_told;
    struct effect effects[EFFECTS_TOLD]; /* in the order told */
    /* Runs before an outcome is noted. */
    void (*on_outcome)(struct desk *mine, const struct outcome *outcome);
    const char *conninfo;
};

extern const struct record_options desk_options;

/* Starts and waits until it is up. */
void desk_start(struct desk *mine, const char *conninfo, const struct record_options *options);
void desk_stop(struct desk *mine);

/* A turn of the loop: flushes, waits for at most 20 ms, hands over what is ready, and the time. */
void desk_turn(struct desk *mine);

#define DESK_UNTIL(mine, condition)                                                                                    \
    do {                                                                                                               \
        struct tick give_up = {tick_now().us + PATIENCE_US};                                                           \
        while (!(condition)) {                                                                                         \
            cr_assert(tick_now().us < give_up.us, "waited in vain for: %s", #condition);                               \
            desk_turn(mine);                                                                                           \
        }                                                                                                              \
    } while (0)

/* Each test of the suite `record` has a fresh database, and a desk that has rebuilt organisation 1: its epoch is 1. */
extern struct test_database database;
extern struct desk desk;

/* ---- what is asked ---- */

/* An id of now, or of an instant; no two are the same. */
struct request_id new_id(void);
struct request_id new_id_at(struct instant instant);
struct month month_now(void);

/* A purchase of PURCHASE_MINOR by credit 31 of traveller 21 in department 0 of an organisation, under an epoch. */
struct entry purchase_of(int32_t organisation, int32_t epoch);
struct undo undo_of(const struct entry *entry);
/* The same with a kind and flags of its own; a hold expires in an hour. */
struct entry entry_of(enum entry_kind kind, int32_t epoch);
struct check check_of(const struct entry *entry);

/* A settlement of an entry, by its client and under an id of its own. */
struct settlement settlement_of(enum entry_kind kind, const struct entry *entry, int64_t amount_minor);

/* Appends, checks, undoes or settles one thing and waits for its outcome. */
struct outcome desk_append(struct desk *mine, const struct entry *entry);
struct outcome desk_check(struct desk *mine, const struct check *check);
struct outcome desk_undo(struct desk *mine, const struct undo *undo);
struct outcome desk_settle(struct desk *mine, const struct settlement *settlement);
/* What is looked up in the id's own month, or in whatever organisation. */
const struct found *desk_look_up(struct desk *mine, const struct request_id *id, int32_t organisation);
/* Raises the fence by a rebuild, and says its epoch. */
const struct sums_read *desk_rebuild(struct desk *mine, int32_t organisation);
int64_t sum_of(const struct sums_read *sums, enum limit_kind kind, int32_t id);
const struct remembered *memory_of(const struct sums_read *sums, const struct request_id *id);

/* Bars the way of every batch of organisation 1, says how many wait there, and opens it; or opens it when two desks
 * have one waiting there: they go on at once. */
void desk_bar(void);
int64_t desk_barred(void);
void desk_unbar(void);
void desk_let_both_go(struct desk *one, struct desk *other);

/* Rows in entry, seen over another connection, of an id. */
int rows_of(const char *conninfo, const struct request_id *id);
int64_t sql_number(const char *conninfo, const char *sql);

/* What the counters are to follow is told alike. */
bool desk_is_same_effect(const struct effect *one, const struct effect *other);

#endif
