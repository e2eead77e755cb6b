/* SPDX-License-Identifier: Apache-2.0 */
#include "record/desk.h"

#include <libpq-fe.h>
#include <poll.h>
#include <unistd.h>

const struct record_options desk_options = {
    .capacity = 4096,
    .batch_capacity = 500,
    .refusal_capacity = 64,
    .time_window_us = 600 * INT64_C(1000000),
    .reconnect_us = 20000,
    .silence_us = 30000000,
};

static void on_outcome(void *owner, const struct outcome *outcome) {
    struct desk *mine = owner;
    cr_assert(outcome->owner < OWNERS);
    if (mine->on_outcome != NULL)
        mine->on_outcome(mine, outcome);
    mine->outcomes[outcome->owner] = *outcome;
    mine->times_told[outcome->owner]++;
    mine->told++;
}

static void keep_sums(struct sums_read *read, int32_t organisation, struct month month, const struct sums *sums) {
    *read = (struct sums_read){.organisation = organisation, .is_read = sums != NULL};
    if (sums == NULL)
        return;
    cr_assert_eq(sums->organisation, organisation);
    cr_assert_eq(sums->month.yyyymm, month.yyyymm);
    read->epoch = sums->epoch;
    read->sum_count = sums->sum_count < 64 ? sums->sum_count : 64;
    read->remembered_count = sums->remembered_count < 64 ? sums->remembered_count : 64;
    if (read->sum_count > 0)
        memcpy(read->sums, sums->sums, read->sum_count * sizeof *read->sums);
    if (read->remembered_count > 0)
        memcpy(read->remembered, sums->remembered, read->remembered_count * sizeof *read->remembered);
}

static void on_sums(void *owner, int32_t organisation, struct month month, const struct sums *sums) {
    struct desk *mine = owner;
    cr_assert(mine->sums_told < SUMS_READ);
    keep_sums(&mine->sums[mine->sums_told++], organisation, month, sums);
}

static void on_blocks(void *owner, uint64_t reply_to, bool is_answered, const struct block_page *page) {
    struct desk *mine = owner;
    cr_assert_eq(reply_to, 4712);
    mine->pages_told++;
    mine->is_answered = is_answered;
    mine->page = *page;
}

static void on_month_found(void *owner, bool is_answered, int32_t organisation, struct month month) {
    struct desk *mine = owner;
    mine->months_found++;
    mine->is_answered = is_answered;
    mine->month_found = (struct audit_month){organisation, month};
}

static void on_month_read(void *owner, int32_t organisation, struct month month, const struct sums *sums) {
    struct desk *mine = owner;
    mine->months_read++;
    keep_sums(&mine->month_read, organisation, month, sums);
}

static void on_ahead(void *owner, int32_t organisation, struct month month) {
    struct desk *mine = owner;
    cr_assert(mine->ahead_told < SUMS_READ);
    mine->ahead[mine->ahead_told++] = (struct audit_month){organisation, month};
}

static void on_effect(void *owner, const struct effect *effect) {
    struct desk *mine = owner;
    cr_assert(mine->effects_told < EFFECTS_TOLD);
    mine->effects[mine->effects_told++] = *effect;
}

static void on_found(void *owner, uint64_t reply_to, bool is_answered, const struct found *found) {
    struct desk *mine = owner;
    cr_assert_eq(reply_to, 4711);
    mine->found_told++;
    mine->is_answered = is_answered;
    mine->found = *found;
}

static void on_up(void *owner, bool is_up) {
    struct desk *mine = owner;
    cr_assert_neq(mine->is_up, is_up, "said twice");
    mine->is_up = is_up;
    mine->ups += is_up;
    mine->downs += !is_up;
}

void desk_start(struct desk *mine, const char *conninfo, const struct record_options *options) {
    memset(mine, 0, sizeof *mine);
    struct record_options own = *options;
    own.conninfo = conninfo;
    own.owner = mine;
    own.on_outcome = on_outcome;
    own.on_sums = on_sums;
    own.on_found = on_found;
    own.on_blocks = on_blocks;
    own.on_month_found = on_month_found;
    own.on_month_read = on_month_read;
    own.on_ahead = on_ahead;
    own.on_effect = on_effect;
    own.on_up = on_up;
    mine->conninfo = conninfo;
    mine->record = record_create(&own, tick_now());
    DESK_UNTIL(mine, mine->is_up);
}

void desk_stop(struct desk *mine) {
    record_destroy(mine->record);
    mine->record = NULL;
}

static struct tick desk_now(const struct desk *mine) {
    return mine->stopped_at.us != 0 ? mine->stopped_at : tick_now();
}

void desk_turn(struct desk *mine) {
    struct record_interest interests[RECORD_CONNECTIONS];
    struct pollfd polled[RECORD_CONNECTIONS];
    record_flush(mine->record, desk_now(mine));
    record_interests(mine->record, interests);
    for (int at = 0; at < RECORD_CONNECTIONS; at++)
        polled[at] = (struct pollfd){.fd = interests[at].fd, .events = interests[at].events};
    poll(polled, RECORD_CONNECTIONS, 20);
    for (int at = 0; at < RECORD_CONNECTIONS; at++)
        if (polled[at].fd >= 0 && polled[at].revents != 0)
            record_ready(mine->record, desk_now(mine), at, polled[at].revents);
    if (desk_now(mine).us >= record_next_tick(mine->record).us)
        record_tick(mine->record, desk_now(mine));
}

/* ---- the suite ---- */

struct test_database database;
struct desk desk;

static void open_desk(void) {
    test_database_create(&database, true);
    desk_start(&desk, database.conninfo, &desk_options);
    cr_assert_eq(desk_rebuild(&desk, 1)->epoch, 1);
}

static void close_desk(void) {
    desk_stop(&desk);
    test_database_drop(&database);
}

TestSuite(record, .init = open_desk, .fini = close_desk, .timeout = 120);

/* ---- what is asked ---- */

struct request_id new_id_at(struct instant instant) {
    static uint32_t made;
    uint8_t random[10] = {0};
    uint32_t number = ++made;
    uint32_t process = (uint32_t)getpid();
    memcpy(random + 3, &number, sizeof number);
    memcpy(random + 7, &process, 3);
    return request_id_make(instant, random);
}

struct request_id new_id(void) {
    return new_id_at(instant_now());
}

struct month month_now(void) {
    struct calendar calendar = {0};
    return month_of(calendar_day(&calendar, instant_now()));
}

/* As the core does: no two appends of a node at the same microsecond. */
static struct instant unique_now(void) {
    static int64_t last_us;
    int64_t now_us = instant_now().us;
    last_us = now_us > last_us ? now_us : last_us + 1;
    return (struct instant){last_us};
}

struct entry purchase_of(int32_t organisation, int32_t epoch) {
    return (struct entry){
        .id = new_id(),
        .month = month_now(),
        .organisation = organisation,
        .epoch = epoch,
        .kind = ENTRY_PURCHASE,
        .amount_minor = PURCHASE_MINOR,
        .traveller = 21,
        .credit = 31,
        .client = 7,
        .product = {"single"},
        .place = {"bus 4711, stop Torget"},
        .appended_at = unique_now(),
    };
}

struct entry entry_of(enum entry_kind kind, int32_t epoch) {
    struct entry entry = purchase_of(1, epoch);
    entry.kind = kind;
    if (kind == ENTRY_HOLD)
        entry.expires_at.us = entry.appended_at.us + INT64_C(3600) * 1000000;
    return entry;
}

struct settlement settlement_of(enum entry_kind kind, const struct entry *entry, int64_t amount_minor) {
    return (struct settlement){
        .kind = kind,
        .id = kind == ENTRY_REVERSAL ? entry->id : new_id(),
        .original = entry->id,
        .month = entry->month,
        .organisation = entry->organisation,
        .client = entry->client,
        .amount_minor = amount_minor,
        .appended_at = unique_now(),
    };
}

struct undo undo_of(const struct entry *entry) {
    return (struct undo){
        .id = entry->id,
        .month = entry->month,
        .organisation = entry->organisation,
        .client = entry->client,
        .appended_at = entry->appended_at,
    };
}

struct check check_of(const struct entry *entry) {
    return (struct check){
        .id = entry->id, .month = entry->month, .organisation = entry->organisation, .epoch = entry->epoch};
}

/* Owners of single questions, out of the way of those that a test numbers itself. */
#define SINGLE_OWNER (OWNERS - 1)

static struct outcome await_single(struct desk *mine) {
    uint8_t before = mine->times_told[SINGLE_OWNER];
    DESK_UNTIL(mine, mine->times_told[SINGLE_OWNER] != before);
    return mine->outcomes[SINGLE_OWNER];
}

struct outcome desk_append(struct desk *mine, const struct entry *entry) {
    cr_assert(record_append(mine->record, entry, SINGLE_OWNER));
    return await_single(mine);
}

struct outcome desk_check(struct desk *mine, const struct check *check) {
    cr_assert(record_check(mine->record, check, SINGLE_OWNER));
    return await_single(mine);
}

struct outcome desk_undo(struct desk *mine, const struct undo *undo) {
    cr_assert(record_undo(mine->record, undo, SINGLE_OWNER));
    return await_single(mine);
}

struct outcome desk_settle(struct desk *mine, const struct settlement *settlement) {
    cr_assert(record_settle(mine->record, settlement, SINGLE_OWNER));
    return await_single(mine);
}

const struct found *desk_look_up(struct desk *mine, const struct request_id *id, int32_t organisation) {
    struct calendar calendar = {0};
    int before = mine->found_told;
    cr_assert(
        record_look_up(mine->record, 4711, id, month_of(calendar_day(&calendar, request_id_time(id))), organisation));
    DESK_UNTIL(mine, mine->found_told > before);
    cr_assert(mine->is_answered);
    return &mine->found;
}

const struct sums_read *desk_rebuild(struct desk *mine, int32_t organisation) {
    int before = mine->sums_told;
    cr_assert(record_read_sums(mine->record, organisation, month_now(), false));
    DESK_UNTIL(mine, mine->sums_told > before);
    cr_assert(mine->sums[before].is_read);
    cr_assert_eq(mine->sums[before].organisation, organisation);
    return &mine->sums[before];
}

int64_t sum_of(const struct sums_read *sums, enum limit_kind kind, int32_t id) {
    for (size_t at = 0; at < sums->sum_count; at++)
        if (sums->sums[at].kind == kind && sums->sums[at].id == id)
            return sums->sums[at].spent_minor;
    return 0;
}

const struct remembered *memory_of(const struct sums_read *sums, const struct request_id *id) {
    for (size_t at = 0; at < sums->remembered_count; at++)
        if (request_id_equal(&sums->remembered[at].id, id))
            return &sums->remembered[at];
    return NULL;
}

static PGconn *barrier;

void desk_bar(void) {
    barrier = PQconnectdb(database.conninfo);
    PGresult *result = PQexec(barrier, "SELECT pg_advisory_lock(30333, 1)");
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(barrier));
    PQclear(result);
}

int64_t desk_barred(void) {
    return sql_number(database.conninfo, "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' "
                                         "AND database = (SELECT oid FROM pg_database "
                                         "WHERE datname = current_database())");
}

void desk_unbar(void) {
    PQfinish(barrier);
}

void desk_let_both_go(struct desk *one, struct desk *other) {
    struct tick give_up = {tick_now().us + PATIENCE_US};
    do {
        cr_assert(tick_now().us < give_up.us, "two batches do not wait");
        desk_turn(one);
        desk_turn(other);
    } while (desk_barred() < 2);
    desk_unbar();
}

int rows_of(const char *conninfo, const struct request_id *id) {
    char text[REQUEST_ID_TEXT_SIZE];
    request_id_format(id, text);
    return atoi(test_sql(conninfo, "SELECT count(*) FROM entry WHERE id = '%s'", text));
}

int64_t sql_number(const char *conninfo, const char *sql) {
    return atoll(test_sql(conninfo, "%s", sql));
}

bool desk_is_same_effect(const struct effect *one, const struct effect *other) {
    return request_id_equal(&one->id, &other->id) && one->day.yyyymmdd == other->day.yyyymmdd &&
           one->payer.organisation == other->payer.organisation && one->payer.department == other->payer.department &&
           one->payer.traveller == other->payer.traveller && one->payer.credit == other->payer.credit &&
           one->amount_minor == other->amount_minor && one->epoch == other->epoch;
}
