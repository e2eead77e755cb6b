/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/postgres.h"
#include "sim/plants.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

#define FENCES_MAX 256
#define MARK_REVERSAL 8 /* or a confirmation in its place */
#define MARK_AFTER_CONFIRMATION 9
#define MARK_EXPIRY 10
#define DAY_US (INT64_C(24) * 3600 * 1000000)

/* A row beside what the checker is told of it. */
struct beside {
    struct content content;
    struct product product;
    bool is_open;                                            /* a hold */
    int64_t charged_minor, requested_minor, remaining_minor; /* of a settlement */
    bool is_final;
    int32_t entry_month;
};

struct fence {
    int32_t organisation, month, epoch;
};

struct postgres {
    struct recorded *rows;
    struct beside *besides;
    size_t count, capacity;
    uint32_t *slots; /* by id: a row's index plus one */
    uint32_t slot_count;
    struct fence fences[FENCES_MAX];
    size_t fence_count;
    struct refusal_note *notes;
    size_t note_count, note_capacity;
    const int32_t *parents;
    int32_t department_count;
    struct sum *sums;
    size_t sum_count, sum_capacity;
    struct remembered *remembered;
    size_t remembered_count, remembered_capacity;
    struct calendar calendar;
};

struct postgres *postgres_create(const int32_t *parents, int32_t department_count) {
    struct postgres *postgres = calloc(1, sizeof *postgres);
    CHECK(postgres != NULL);
    postgres->parents = parents;
    postgres->department_count = department_count;
    return postgres;
}

void postgres_destroy(struct postgres *postgres) {
    free(postgres->rows);
    free(postgres->besides);
    free(postgres->slots);
    free(postgres->notes);
    free(postgres->sums);
    free(postgres->remembered);
    free(postgres);
}

/* ---- rows ---- */

static uint64_t hash_of(const struct request_id *id) {
    uint64_t high, low;
    memcpy(&high, id->bytes, 8);
    memcpy(&low, id->bytes + 8, 8);
    return (high ^ low * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xD6E8FEB86659FD93) >> 20;
}

static void *grown(void *array, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return array;
    *capacity = *capacity == 0 ? 256 : 2 * *capacity;
    void *larger = realloc(array, *capacity * size);
    CHECK(larger != NULL);
    return larger;
}

static void enter(struct postgres *postgres, size_t index) {
    uint64_t at = hash_of(&postgres->rows[index].id);
    while (postgres->slots[at & (postgres->slot_count - 1)] != 0)
        at++;
    postgres->slots[at & (postgres->slot_count - 1)] = (uint32_t)index + 1;
}

static void make_room(struct postgres *postgres) {
    size_t capacity = postgres->capacity;
    postgres->rows = grown(postgres->rows, postgres->count, &postgres->capacity, sizeof *postgres->rows);
    postgres->besides = grown(postgres->besides, postgres->count, &capacity, sizeof *postgres->besides);
    if (2 * (postgres->count + 1) <= postgres->slot_count)
        return;
    free(postgres->slots);
    postgres->slot_count = postgres->slot_count == 0 ? 1024 : 4 * postgres->slot_count;
    postgres->slots = calloc(postgres->slot_count, sizeof *postgres->slots);
    CHECK(postgres->slots != NULL);
    for (size_t i = 0; i < postgres->count; i++)
        enter(postgres, i);
}

/* The row of an id in an organisation, in whatever month; -1: none. */
static int64_t find(const struct postgres *postgres, int32_t organisation, const struct request_id *id) {
    if (postgres->slot_count == 0)
        return -1;
    for (uint64_t at = hash_of(id);; at++) {
        uint32_t slot = postgres->slots[at & (postgres->slot_count - 1)];
        if (slot == 0)
            return -1;
        const struct recorded *row = &postgres->rows[slot - 1];
        if ((organisation == 0 || row->payer.organisation == organisation) && request_id_equal(&row->id, id))
            return slot - 1;
    }
}

static struct request_id derived(const struct request_id *id, uint8_t version) {
    struct request_id made = *id;
    made.bytes[6] = (uint8_t)((made.bytes[6] & 0x0f) | version << 4);
    return made;
}

static size_t add(struct postgres *postgres, const struct recorded *row, const struct beside *beside) {
    make_room(postgres);
    postgres->rows[postgres->count] = *row;
    postgres->besides[postgres->count] = *beside;
    enter(postgres, postgres->count);
    return postgres->count++;
}

static struct fence *fence_of(const struct postgres *postgres, int32_t organisation, int32_t month) {
    for (size_t i = 0; i < postgres->fence_count; i++)
        if (postgres->fences[i].organisation == organisation && postgres->fences[i].month == month)
            return (struct fence *)&postgres->fences[i];
    return NULL;
}

static int32_t epoch_of(const struct postgres *postgres, int32_t organisation, int32_t month) {
    const struct fence *fence = fence_of(postgres, organisation, month);
    return fence == NULL ? 0 : fence->epoch;
}

/* ---- appends ---- */

static struct content content_of(const struct entry *entry) {
    return (struct content){
        .amount_minor = entry->amount_minor,
        .client = entry->client,
        .credit = entry->credit,
        .product_hash = content_hash(entry->product.code),
        .place_hash = content_hash(entry->place.text),
        .kind = (uint8_t)entry->kind,
    };
}

bool postgres_append(struct postgres *postgres, const struct entry *entry, struct outcome *outcome) {
    int32_t fence = epoch_of(postgres, entry->organisation, entry->month.yyyymm);
    bool is_unfenced = entry->epoch == 0 || (entry->flags & ENTRY_STAND_IN) != 0;
    if (!is_unfenced && entry->epoch != fence && !plants_has("skip_fence"))
        return false;
    if (find(postgres, entry->organisation, &entry->id) >= 0)
        return false;
    const struct recorded row = {
        .id = entry->id,
        .kind = entry->kind,
        .amount_minor = entry->amount_minor,
        .month = entry->month.yyyymm,
        .payer = {entry->organisation, entry->department, entry->traveller, entry->credit},
        .client = entry->client,
        .flags = entry->flags,
        .epoch = is_unfenced ? fence : entry->epoch,
        .recorded_us = entry->appended_at.us,
        .expires_us = entry->expires_at.us,
    };
    const struct beside beside = {
        .content = content_of(entry), .product = entry->product, .is_open = entry->kind == ENTRY_HOLD};
    add(postgres, &row, &beside);
    outcome->kind = OUTCOME_RECORDED;
    outcome->recorded_epoch = row.epoch;
    return true;
}

/* What follows an id's row: 0, a confirmation or a reversal, and where. */
static int mark_of(const struct postgres *postgres, int32_t organisation, const struct request_id *id, int64_t *at) {
    struct request_id first = derived(id, MARK_REVERSAL), second = derived(id, MARK_AFTER_CONFIRMATION);
    *at = find(postgres, organisation, &second);
    if (*at < 0)
        *at = find(postgres, organisation, &first);
    return *at < 0 ? 0 : (int)postgres->rows[*at].kind;
}

static void judge_row(const struct postgres *postgres, int64_t at, struct outcome *outcome) {
    const struct recorded *row = &postgres->rows[at];
    int64_t mark_at;
    if (row->kind == ENTRY_REVERSAL ||
        mark_of(postgres, row->payer.organisation, &row->id, &mark_at) == ENTRY_REVERSAL) {
        outcome->kind = OUTCOME_REVERSED;
        outcome->recorded_epoch = row->kind == ENTRY_REVERSAL ? 0 : row->epoch;
        outcome->recorded_month.yyyymm = row->month;
        outcome->content = postgres->besides[at].content;
        return;
    }
    outcome->kind = OUTCOME_EXISTS;
    outcome->content = postgres->besides[at].content;
    outcome->amount_minor = row->amount_minor;
    outcome->recorded_epoch = row->epoch;
    outcome->recorded_month.yyyymm = row->month;
    outcome->flags = row->flags;
}

static void add_mark(struct postgres *postgres, int64_t of, const struct request_id *id, enum entry_kind kind,
                     int64_t amount_minor, int64_t now_us) {
    const struct recorded *original = &postgres->rows[of];
    struct recorded row = *original;
    row.id = *id;
    row.original = kind == ENTRY_CONFIRMATION ? (struct request_id){{0}} : original->id;
    row.kind = kind;
    row.amount_minor = amount_minor;
    row.epoch = epoch_of(postgres, row.payer.organisation, row.month);
    row.recorded_us = now_us;
    row.flags = 0;
    row.expires_us = 0;
    const struct beside beside = {.entry_month = row.month};
    add(postgres, &row, &beside);
}

void postgres_follow(struct postgres *postgres, const struct entry *entry, struct outcome *outcome) {
    outcome->epoch = epoch_of(postgres, entry->organisation, entry->month.yyyymm);
    int64_t at = find(postgres, entry->organisation, &entry->id);
    if (at < 0) {
        outcome->kind = OUTCOME_STALE;
        return;
    }
    bool is_own = postgres->rows[at].recorded_us == entry->appended_at.us && postgres->rows[at].client == entry->client;
    const struct content content = content_of(entry);
    struct request_id mark = derived(&entry->id, MARK_REVERSAL);
    if (!is_own && postgres->rows[at].kind != ENTRY_ADVICE && postgres->rows[at].kind != ENTRY_REVERSAL &&
        content_difference(&content, &postgres->besides[at].content) == FIELD_NONE &&
        find(postgres, entry->organisation, &mark) < 0 && !plants_has("no_confirmation"))
        add_mark(postgres, at, &mark, ENTRY_CONFIRMATION, 0, entry->appended_at.us);
    judge_row(postgres, at, outcome);
    if (outcome->kind == OUTCOME_EXISTS && is_own)
        outcome->kind = OUTCOME_RECORDED;
}

void postgres_check(const struct postgres *postgres, const struct check *check, struct outcome *outcome) {
    outcome->epoch = epoch_of(postgres, check->organisation, check->month.yyyymm);
    int64_t at = find(postgres, check->organisation, &check->id);
    if (at >= 0)
        judge_row(postgres, at, outcome);
    else
        outcome->kind = check->epoch == 0 || check->epoch == outcome->epoch ? OUTCOME_ABSENT : OUTCOME_STALE;
}

/* ---- reversals and undos ---- */

static void entomb(struct postgres *postgres, int32_t organisation, int32_t month, int32_t client,
                   const struct request_id *id, int64_t now_us) {
    const struct recorded row = {
        .id = *id,
        .kind = ENTRY_REVERSAL,
        .month = month,
        .payer = {.organisation = organisation},
        .client = client,
        .epoch = epoch_of(postgres, organisation, month),
        .recorded_us = now_us,
    };
    const struct beside beside = {.content = {.client = client, .kind = ENTRY_REVERSAL}};
    add(postgres, &row, &beside);
}

void postgres_undo(struct postgres *postgres, const struct undo *undo, int64_t now_us, struct outcome *outcome) {
    int64_t at = find(postgres, undo->organisation, &undo->id);
    outcome->kind = OUTCOME_UNDONE;
    outcome->epoch = epoch_of(postgres, undo->organisation, undo->month.yyyymm);
    if (at < 0) {
        if (!plants_has("undo_without_tombstone"))
            entomb(postgres, undo->organisation, undo->month.yyyymm, undo->client, &undo->id, now_us);
        return;
    }
    const struct recorded *row = &postgres->rows[at];
    if (row->kind == ENTRY_REVERSAL)
        return;
    struct request_id mark = derived(&undo->id, MARK_REVERSAL);
    bool is_own = row->client == undo->client && row->recorded_us == undo->appended_at.us &&
                  (row->kind == ENTRY_PURCHASE || row->kind == ENTRY_HOLD);
    if (is_own && find(postgres, undo->organisation, &mark) < 0) {
        postgres->besides[at].is_open = false;
        add_mark(postgres, at, &mark, ENTRY_REVERSAL, -row->amount_minor, now_us);
    }
    int64_t mark_at;
    outcome->had_row = mark_of(postgres, undo->organisation, &undo->id, &mark_at) == ENTRY_REVERSAL;
    outcome->is_kept = !outcome->had_row;
    outcome->amount_minor = postgres->rows[at].amount_minor;
    if (outcome->had_row) {
        outcome->epoch = postgres->rows[mark_at].epoch;
        outcome->amount_minor = -postgres->rows[mark_at].amount_minor;
        outcome->is_long_ago = now_us - postgres->rows[mark_at].recorded_us > DAY_US;
    }
}

/* ---- settlements ---- */

struct past {
    int64_t captured_minor, refunded_minor, usage_minor, charged_minor;
    bool is_reversed, is_expired;
    int64_t reversal_at;
    size_t count;
};

static struct past past_of(const struct postgres *postgres, const struct request_id *original) {
    struct past past = {0};
    for (size_t i = 0; i < postgres->count; i++) {
        const struct recorded *row = &postgres->rows[i];
        if (!request_id_equal(&row->original, original))
            continue;
        past.count++;
        past.usage_minor += row->amount_minor;
        past.charged_minor += postgres->besides[i].charged_minor;
        if (row->kind == ENTRY_CAPTURE)
            past.captured_minor += row->settled_minor;
        if (row->kind == ENTRY_REFUND)
            past.refunded_minor += row->settled_minor;
        past.is_expired |= row->kind == ENTRY_EXPIRY;
        if (row->kind == ENTRY_REVERSAL) {
            past.is_reversed = true;
            past.reversal_at = (int64_t)i;
        }
    }
    return past;
}

static void decline(struct outcome *outcome, enum reason reason, enum content_field field, int64_t remaining_minor) {
    outcome->kind = OUTCOME_DECLINED;
    outcome->reason = reason;
    outcome->differs = field;
    outcome->remaining_minor = remaining_minor;
}

/* The day of the original's id. Of one that came late, the day it was recorded on; of what is charged in another month
 * than the original's, the day that was recorded on. */
static struct day day_of(struct postgres *postgres, const struct recorded *row) {
    int64_t original = find(postgres, row->payer.organisation, &row->original);
    bool is_charged_there = original >= 0 && postgres->rows[original].month == row->month;
    struct instant recorded_at = {is_charged_there ? postgres->rows[original].recorded_us : row->recorded_us};
    struct day day = calendar_day(&postgres->calendar, request_id_time(&row->original));
    if (month_of(day).yyyymm != row->month)
        day = calendar_day(&postgres->calendar, recorded_at);
    if (month_of(day).yyyymm != row->month)
        day.yyyymmdd = row->month * 100 + 1;
    return day;
}

static void tell_settled(struct postgres *postgres, size_t at, bool is_repeat, struct outcome *outcome) {
    const struct recorded *row = &postgres->rows[at];
    outcome->kind = OUTCOME_SETTLED;
    outcome->is_repeat = is_repeat;
    outcome->amount_minor =
        row->kind == ENTRY_CAPTURE || row->kind == ENTRY_REFUND ? row->settled_minor : -row->amount_minor;
    outcome->remaining_minor = postgres->besides[at].remaining_minor;
    outcome->effect = (struct effect){
        .id = row->id,
        .day = day_of(postgres, row),
        .payer = row->payer,
        .amount_minor = row->amount_minor,
        .epoch = row->epoch,
    };
}

static size_t add_settlement(struct postgres *postgres, int64_t of, const struct settlement *settlement,
                             const struct request_id *id, const struct recorded *filled, const struct beside *beside,
                             int64_t now_us) {
    struct recorded row = *filled;
    const struct recorded *original = &postgres->rows[of];
    row.id = *id;
    row.original = original->id;
    row.kind = settlement->kind;
    row.payer = original->payer;
    row.client = settlement->client;
    row.epoch = epoch_of(postgres, row.payer.organisation, row.month);
    row.recorded_us = now_us;
    bool is_first = past_of(postgres, &original->id).count == 0;
    struct request_id mark = derived(&original->id, MARK_REVERSAL);
    struct request_id original_id = original->id;
    size_t at = add(postgres, &row, beside);
    /* From now on no deadline's undo can come. */
    if (is_first && settlement->kind != ENTRY_REVERSAL && find(postgres, row.payer.organisation, &mark) < 0)
        add_mark(postgres, find(postgres, row.payer.organisation, &original_id), &mark, ENTRY_CONFIRMATION, 0, now_us);
    return at;
}

static void settle_hold(struct postgres *postgres, int64_t at, const struct settlement *settlement, int64_t now_us,
                        struct outcome *outcome) {
    const struct recorded *hold = &postgres->rows[at];
    struct past past = past_of(postgres, &hold->id);
    if (hold->kind != ENTRY_HOLD) {
        decline(outcome, REASON_WRONG_KIND, FIELD_NONE, 0);
        return;
    }
    if (past.is_expired ||
        (settlement->kind != ENTRY_EXPIRY && postgres->besides[at].is_open && hold->expires_us <= now_us)) {
        decline(outcome, REASON_HOLD_EXPIRED, FIELD_NONE, 0);
        return;
    }
    if (!postgres->besides[at].is_open) {
        decline(outcome, REASON_HOLD_CLOSED, FIELD_NONE, 0);
        return;
    }
    int64_t left = hold->amount_minor - past.captured_minor;
    int64_t taken = settlement->kind != ENTRY_CAPTURE ? 0
                    : settlement->amount_minor == 0   ? left
                                                      : settlement->amount_minor;
    if (taken > left && !plants_has("capture_beyond")) {
        decline(outcome, REASON_AMOUNT_EXCEEDED, FIELD_NONE, left);
        return;
    }
    bool is_last = settlement->kind != ENTRY_CAPTURE || settlement->is_final || taken == left;
    const struct recorded row = {
        .month = hold->month, .settled_minor = taken, .amount_minor = is_last ? taken - left : 0};
    const struct beside beside = {.charged_minor = taken,
                                  .requested_minor = settlement->amount_minor,
                                  .is_final = settlement->is_final,
                                  .remaining_minor = is_last ? 0 : left - taken};
    if (is_last)
        postgres->besides[at].is_open = false;
    size_t done = add_settlement(postgres, at, settlement, &settlement->id, &row, &beside, now_us);
    tell_settled(postgres, done, false, outcome);
}

static void refund(struct postgres *postgres, int64_t at, const struct settlement *settlement, int64_t now_us,
                   struct outcome *outcome) {
    const struct recorded *original = &postgres->rows[at];
    struct past past = past_of(postgres, &original->id);
    int64_t paid = original->kind == ENTRY_HOLD ? past.captured_minor : original->amount_minor;
    int64_t left = paid - past.refunded_minor;
    int64_t taken = settlement->amount_minor == 0 ? left : settlement->amount_minor;
    if ((taken > left || taken == 0) && !plants_has("refund_beyond")) {
        decline(outcome, REASON_AMOUNT_EXCEEDED, FIELD_NONE, left);
        return;
    }
    bool is_open = original->month >= settlement->open_month.yyyymm;
    const struct recorded row = {.month = is_open ? original->month : settlement->charged_month.yyyymm,
                                 .settled_minor = taken,
                                 .amount_minor = is_open ? -taken : 0};
    const struct beside beside = {.charged_minor = -taken,
                                  .requested_minor = settlement->amount_minor,
                                  .is_final = settlement->is_final,
                                  .remaining_minor = left - taken};
    size_t done = add_settlement(postgres, at, settlement, &settlement->id, &row, &beside, now_us);
    tell_settled(postgres, done, false, outcome);
}

static void reverse(struct postgres *postgres, int64_t at, const struct settlement *settlement, int64_t now_us,
                    struct outcome *outcome) {
    const struct recorded *original = &postgres->rows[at];
    struct past past = past_of(postgres, &original->id);
    struct request_id mark = derived(&original->id, MARK_REVERSAL);
    if (find(postgres, original->payer.organisation, &mark) >= 0)
        mark = derived(&original->id, MARK_AFTER_CONFIRMATION);
    const struct recorded row = {.month = original->month,
                                 .amount_minor = -(original->amount_minor + past.usage_minor)};
    const struct beside beside = {
        .charged_minor = -((original->kind == ENTRY_HOLD ? 0 : original->amount_minor) + past.charged_minor),
        .is_final = settlement->is_final};
    postgres->besides[at].is_open = false;
    size_t done = add_settlement(postgres, at, settlement, &mark, &row, &beside, now_us);
    tell_settled(postgres, done, false, outcome);
}

static bool is_repeat(struct postgres *postgres, int64_t original_at, const struct settlement *settlement,
                      struct outcome *outcome) {
    const struct recorded *original = &postgres->rows[original_at];
    int64_t at = find(postgres, original->payer.organisation, &settlement->id);
    if (settlement->kind == ENTRY_REVERSAL || at < 0)
        return false;
    const struct recorded *row = &postgres->rows[at];
    const struct beside *beside = &postgres->besides[at];
    if (!request_id_equal(&row->original, &original->id))
        decline(outcome, REASON_ID_REUSED, row->kind == settlement->kind ? FIELD_ORIGINAL : FIELD_KIND, 0);
    else if (row->client != settlement->client)
        decline(outcome, REASON_ID_REUSED, FIELD_CLIENT, 0);
    else if (row->kind != settlement->kind)
        decline(outcome, REASON_ID_REUSED, FIELD_KIND, 0);
    else if (beside->requested_minor != settlement->amount_minor)
        decline(outcome, REASON_ID_REUSED, FIELD_AMOUNT, 0);
    else if (beside->is_final != settlement->is_final)
        decline(outcome, REASON_ID_REUSED, FIELD_FINAL, 0);
    else
        tell_settled(postgres, (size_t)at, true, outcome);
    return true;
}

static void entomb_original(struct postgres *postgres, const struct settlement *settlement, int64_t now_us,
                            struct outcome *outcome) {
    if (settlement->kind != ENTRY_REVERSAL) {
        decline(outcome, REASON_NOT_FOUND, FIELD_NONE, 0);
        return;
    }
    if (!plants_has("reverse_without_tombstone"))
        entomb(postgres, settlement->organisation, settlement->month.yyyymm, settlement->client, &settlement->original,
               now_us);
    outcome->kind = OUTCOME_SETTLED;
    outcome->is_tombstone = true;
    outcome->effect.epoch = epoch_of(postgres, settlement->organisation, settlement->month.yyyymm);
}

void postgres_settle(struct postgres *postgres, const struct settlement *settlement, int64_t now_us,
                     struct outcome *outcome) {
    int64_t at = find(postgres, settlement->organisation, &settlement->original);
    if (at < 0) {
        entomb_original(postgres, settlement, now_us, outcome);
        return;
    }
    if (is_repeat(postgres, at, settlement, outcome))
        return;
    const struct recorded *original = &postgres->rows[at];
    if (original->client != settlement->client && !settlement->is_any_clients) {
        decline(outcome, REASON_ID_REUSED, FIELD_CLIENT, 0);
        return;
    }
    struct past past = past_of(postgres, &original->id);
    bool is_tombstone = original->kind == ENTRY_REVERSAL;
    if (is_tombstone || past.is_reversed) {
        if (settlement->kind != ENTRY_REVERSAL) {
            decline(outcome, REASON_REVERSED, FIELD_NONE, 0);
            return;
        }
        outcome->kind = OUTCOME_SETTLED;
        outcome->is_repeat = true;
        outcome->is_tombstone = is_tombstone;
        if (!is_tombstone)
            tell_settled(postgres, (size_t)past.reversal_at, true, outcome);
    } else if (settlement->kind == ENTRY_REFUND) {
        refund(postgres, at, settlement, now_us, outcome);
    } else if (settlement->kind == ENTRY_REVERSAL) {
        reverse(postgres, at, settlement, now_us, outcome);
    } else {
        settle_hold(postgres, at, settlement, now_us, outcome);
    }
}

bool postgres_expire(struct postgres *postgres, int64_t now_us, struct effect *effect) {
    if (plants_has("no_expiry"))
        return false;
    for (size_t i = 0; i < postgres->count; i++) {
        if (!postgres->besides[i].is_open || postgres->rows[i].expires_us > now_us)
            continue;
        const struct settlement settlement = {
            .kind = ENTRY_EXPIRY,
            .id = derived(&postgres->rows[i].id, MARK_EXPIRY),
            .original = postgres->rows[i].id,
            .organisation = postgres->rows[i].payer.organisation,
            .client = postgres->rows[i].client,
            .is_final = true,
        };
        struct outcome outcome = {0};
        settle_hold(postgres, (int64_t)i, &settlement, now_us, &outcome);
        CHECK(outcome.kind == OUTCOME_SETTLED);
        *effect = outcome.effect;
        return true;
    }
    return false;
}

/* ---- sums ---- */

int32_t postgres_raise(struct postgres *postgres, int32_t organisation, struct month month) {
    struct fence *fence = fence_of(postgres, organisation, month.yyyymm);
    if (fence == NULL) {
        CHECK(postgres->fence_count < FENCES_MAX);
        fence = &postgres->fences[postgres->fence_count++];
        *fence = (struct fence){organisation, month.yyyymm, 0};
    }
    return ++fence->epoch;
}

static void add_sum(struct postgres *postgres, enum limit_kind kind, int32_t id, int64_t amount_minor) {
    if (id == 0)
        return;
    for (size_t i = 0; i < postgres->sum_count; i++) {
        if (postgres->sums[i].kind != kind || postgres->sums[i].id != id)
            continue;
        postgres->sums[i].spent_minor += amount_minor;
        return;
    }
    postgres->sums = grown(postgres->sums, postgres->sum_count, &postgres->sum_capacity, sizeof *postgres->sums);
    postgres->sums[postgres->sum_count++] = (struct sum){kind, id, amount_minor};
}

static void sum_up(struct postgres *postgres, int32_t organisation, struct month month, int32_t below_epoch) {
    postgres->sum_count = 0;
    add_sum(postgres, LIMIT_ORGANISATION, organisation, 0);
    for (size_t i = 0; i < postgres->count; i++) {
        const struct recorded *row = &postgres->rows[i];
        if (row->payer.organisation != organisation || row->month != month.yyyymm || row->epoch >= below_epoch)
            continue;
        add_sum(postgres, LIMIT_ORGANISATION, organisation, row->amount_minor);
        add_sum(postgres, LIMIT_TRAVELLER, row->payer.traveller, row->amount_minor);
        add_sum(postgres, LIMIT_CREDIT, row->payer.credit, row->amount_minor);
        for (int32_t department = row->payer.department; department != 0; department = postgres->parents[department])
            add_sum(postgres, LIMIT_DEPARTMENT, department, row->amount_minor);
    }
}

static void remember(struct postgres *postgres, const struct request_id *id, const struct memory *memory) {
    postgres->remembered = grown(postgres->remembered, postgres->remembered_count, &postgres->remembered_capacity,
                                 sizeof *postgres->remembered);
    postgres->remembered[postgres->remembered_count++] = (struct remembered){
        .id = *id, .day = calendar_day(&postgres->calendar, request_id_time(id)), .memory = *memory};
}

/* As of what was recorded under older epochs: what follows under this one, its own effect tells the counters. */
static void remember_row(struct postgres *postgres, size_t at, int32_t epoch) {
    const struct recorded *row = &postgres->rows[at];
    int64_t mark_at;
    bool has_mark = mark_of(postgres, row->payer.organisation, &row->id, &mark_at) == ENTRY_REVERSAL &&
                    postgres->rows[mark_at].epoch < epoch;
    bool is_reversed = row->kind == ENTRY_REVERSAL || has_mark;
    const struct memory memory = {
        .kind = is_reversed ? MEMORY_REVERSED : MEMORY_COUNTED,
        .approved_minor = (row->flags & ENTRY_PARTIAL) != 0 ? row->amount_minor : 0,
        .content = postgres->besides[at].content,
    };
    remember(postgres, &row->id, &memory);
}

void postgres_read_sums(struct postgres *postgres, int32_t organisation, struct month month, int32_t epoch,
                        struct instant since, struct sums *sums) {
    sum_up(postgres, organisation, month, epoch);
    postgres->remembered_count = 0;
    for (size_t i = 0; i < postgres->count && !plants_has("forget_ids"); i++) {
        const struct recorded *row = &postgres->rows[i];
        if (row->payer.organisation == organisation && row->month == month.yyyymm && row->epoch < epoch &&
            request_id_is_v7(&row->id) && request_id_time(&row->id).us >= since.us &&
            (row->kind == ENTRY_PURCHASE || row->kind == ENTRY_HOLD || row->kind == ENTRY_ADVICE ||
             row->kind == ENTRY_REVERSAL))
            remember_row(postgres, i, epoch);
    }
    for (size_t i = 0; i < postgres->note_count; i++) {
        const struct refusal_note *note = &postgres->notes[i];
        if (note->organisation != organisation || month_of(note->day).yyyymm != month.yyyymm ||
            request_id_time(&note->id).us < since.us || find(postgres, organisation, &note->id) >= 0)
            continue;
        const struct memory memory = {
            .kind = MEMORY_REFUSED, .reason = note->reason, .refusing = note->refusing, .content = note->content};
        remember(postgres, &note->id, &memory);
    }
    *sums = (struct sums){organisation,        month,          epoch,
                          postgres->sum_count, postgres->sums, postgres->remembered_count,
                          postgres->remembered};
}

void postgres_note_refusal(struct postgres *postgres, const struct refusal_note *note) {
    postgres->notes = grown(postgres->notes, postgres->note_count, &postgres->note_capacity, sizeof *postgres->notes);
    postgres->notes[postgres->note_count++] = *note;
}

bool postgres_find_month(const struct postgres *postgres, int32_t *organisation, struct month *month) {
    const struct fence *next = NULL;
    for (size_t i = 0; i < postgres->fence_count; i++) {
        const struct fence *fence = &postgres->fences[i];
        bool is_after = fence->organisation > *organisation ||
                        (fence->organisation == *organisation && fence->month > month->yyyymm);
        bool is_before = next == NULL || fence->organisation < next->organisation ||
                         (fence->organisation == next->organisation && fence->month < next->month);
        if (is_after && is_before)
            next = fence;
    }
    if (next == NULL)
        return false;
    *organisation = next->organisation;
    month->yyyymm = next->month;
    return true;
}

void postgres_read_month(struct postgres *postgres, int32_t organisation, struct month month, struct sums *sums) {
    sum_up(postgres, organisation, month, INT32_MAX);
    *sums = (struct sums){.organisation = organisation,
                          .month = month,
                          .epoch = epoch_of(postgres, organisation, month.yyyymm),
                          .sum_count = postgres->sum_count,
                          .sums = postgres->sums};
}

size_t postgres_rows(const struct postgres *postgres, const struct recorded **rows) {
    *rows = postgres->rows;
    return postgres->count;
}
