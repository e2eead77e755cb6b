/* SPDX-License-Identifier: Apache-2.0 */
#include "checker/ledger.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- order ---- */

static int id_compare(const struct request_id *one, const struct request_id *other) {
    return memcmp(one->bytes, other->bytes, REQUEST_ID_SIZE);
}

static int operation_compare(const void *one, const void *other) {
    const struct operation *a = *(const struct operation *const *)one;
    const struct operation *b = *(const struct operation *const *)other;
    int order = id_compare(&a->id, &b->id);
    return order != 0 ? order : (a->sent_us > b->sent_us) - (a->sent_us < b->sent_us);
}

static int row_compare(const void *one, const void *other) {
    const struct recorded *a = *(const struct recorded *const *)one;
    const struct recorded *b = *(const struct recorded *const *)other;
    return id_compare(&a->id, &b->id);
}

static int effect_compare(const void *one, const void *other) {
    const struct effect_of *a = one;
    const struct effect_of *b = other;
    return id_compare(&a->original, &b->original);
}

static bool changes_something(enum call call) {
    return call != CALL_BALANCE && call != CALL_LOOKUP && call != CALL_ECHO && call != CALL_BLOCK_LIST;
}

/* The range of elements that bear an id, in an array whose elements' ids `id_at` gives in order. */
struct range {
    size_t first, count;
};

static struct range find_range(const void *array, size_t count, const struct request_id *id,
                               const struct request_id *(*id_at)(const void *array, size_t index)) {
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (id_compare(id_at(array, middle), id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct range range = {.first = low};
    while (low < count && id_compare(id_at(array, low), id) == 0)
        low++;
    range.count = low - range.first;
    return range;
}

static const struct request_id *operation_id(const void *array, size_t index) {
    return &((const struct operation *const *)array)[index]->id;
}

static const struct request_id *row_id(const void *array, size_t index) {
    return &((const struct recorded *const *)array)[index]->id;
}

static const struct request_id *effect_id(const void *array, size_t index) {
    return &((const struct effect_of *)array)[index].original;
}

static struct rows rows_of(const struct ledger *ledger, const struct request_id *id) {
    struct range range = find_range(ledger->rows.at, ledger->rows.count, id, row_id);
    return (struct rows){ledger->rows.at + range.first, range.count};
}

struct story ledger_story(const struct ledger *ledger, const struct request_id *id) {
    struct range asked = find_range(ledger->operations.at, ledger->operations.count, id, operation_id);
    struct range effects = find_range(ledger->effects.at, ledger->effects.count, id, effect_id);
    return (struct story){.id = *id,
                          .operations = {ledger->operations.at + asked.first, asked.count},
                          .rows = rows_of(ledger, id),
                          .effects = {ledger->effects.at + effects.first, effects.count}};
}

/* ---- what a row follows ---- */

static bool is_zero(const struct request_id *id) {
    static const struct request_id zero;
    return id_compare(id, &zero) == 0;
}

/* What the switch makes by itself bears its original's id with another version than 7: a reversal or confirmation, the
 * reversal of what was confirmed, an expiry. */
static bool named_original(const struct recorded *row, struct request_id *original) {
    *original = row->original;
    if (!is_zero(original))
        return true;
    *original = row->id;
    original->bytes[6] = (uint8_t)(0x70 | (original->bytes[6] & 0x0f));
    return row->id.bytes[6] >> 4 > 7;
}

bool is_tombstone(const struct recorded *row) {
    struct request_id original;
    return row->kind == ENTRY_REVERSAL && (!named_original(row, &original) || id_compare(&original, &row->id) == 0);
}

/* A refund may name a capture: what was paid was held first. */
static struct request_id root_of(const struct ledger *ledger, struct request_id original) {
    struct rows rows = rows_of(ledger, &original);
    if (rows.count > 0 && rows.at[0]->kind == ENTRY_CAPTURE && !is_zero(&rows.at[0]->original))
        return rows.at[0]->original;
    return original;
}

static void ledger_find_effects(struct ledger *ledger) {
    struct effects *effects = &ledger->effects;
    for (size_t i = 0; i < ledger->rows.count; i++) {
        const struct recorded *row = ledger->rows.at[i];
        struct request_id original;
        if (!is_main_kind(row->kind) && named_original(row, &original) && id_compare(&original, &row->id) != 0)
            effects->at[effects->count++] = (struct effect_of){root_of(ledger, original), row};
    }
    qsort(effects->at, effects->count, sizeof *effects->at, effect_compare);
}

/* ---- the ledger ---- */

static void *array_of(size_t count, size_t size) {
    void *array = calloc(count + 1, size);
    CHECK(array != NULL);
    return array;
}

void ledger_open(struct ledger *ledger, const struct history *history, struct verdict_of_checker *verdict) {
    *ledger = (struct ledger){.history = history, .verdict = verdict};
    ledger->operations.at = array_of(history->operation_count, sizeof(struct operation *));
    ledger->rows.at = array_of(history->recorded_count, sizeof(struct recorded *));
    ledger->effects.at = array_of(history->recorded_count, sizeof *ledger->effects.at);
    for (size_t i = 0; i < history->operation_count; i++)
        if (changes_something(history->operations[i].call))
            ledger->operations.at[ledger->operations.count++] = &history->operations[i];
    for (size_t i = 0; i < history->recorded_count; i++)
        ledger->rows.at[ledger->rows.count++] = &history->recorded[i];
    qsort(ledger->operations.at, ledger->operations.count, sizeof(struct operation *), operation_compare);
    qsort(ledger->rows.at, ledger->rows.count, sizeof(struct recorded *), row_compare);
    ledger_find_effects(ledger);
}

void ledger_close(struct ledger *ledger) {
    free(ledger->operations.at);
    free(ledger->rows.at);
    free(ledger->effects.at);
}

void ledger_each(struct ledger *ledger, void (*look)(struct ledger *ledger, const struct story *story)) {
    size_t asked = 0;
    size_t row = 0;
    while (asked < ledger->operations.count || row < ledger->rows.count) {
        const struct request_id *one = asked < ledger->operations.count ? &ledger->operations.at[asked]->id : NULL;
        const struct request_id *other = row < ledger->rows.count ? &ledger->rows.at[row]->id : NULL;
        int order = one == NULL ? 1 : other == NULL ? -1 : id_compare(one, other);
        struct story story = ledger_story(ledger, order <= 0 ? one : other);
        look(ledger, &story);
        asked += story.operations.count;
        row += story.rows.count;
    }
}

void ledger_break(struct ledger *ledger, int invariant, const char *format, ...) {
    struct verdict_of_checker *verdict = ledger->verdict;
    verdict->breaks[invariant]++;
    if (!verdict->is_good)
        return;
    verdict->is_good = false;
    verdict->invariant = invariant;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(verdict->text, sizeof verdict->text, format, arguments);
    va_end(arguments);
}

const char *id_text(const struct request_id *id) {
    static _Thread_local char texts[4][REQUEST_ID_TEXT_SIZE];
    static _Thread_local unsigned next;
    char *text = texts[next++ % 4];
    request_id_format(id, text);
    return text;
}

/* ---- stories ---- */

bool is_approved(const struct operation *operation) {
    return operation->is_answered && operation->decision == DECISION_APPROVED;
}

bool is_main_kind(enum entry_kind kind) {
    return kind == ENTRY_PURCHASE || kind == ENTRY_HOLD || kind == ENTRY_ADVICE;
}

const struct recorded *story_main(const struct story *story) {
    for (size_t i = 0; i < story->rows.count; i++)
        if (is_main_kind(story->rows.at[i]->kind))
            return story->rows.at[i];
    return NULL;
}

int64_t story_net(const struct story *story) {
    int64_t net = 0;
    for (size_t i = 0; i < story->rows.count; i++)
        net += story->rows.at[i]->amount_minor;
    for (size_t i = 0; i < story->effects.count; i++)
        net += story->effects.at[i].row->amount_minor;
    return net;
}

const struct operation *story_reverse(const struct story *story) {
    for (size_t i = 0; i < story->operations.count; i++)
        if (story->operations.at[i]->call == CALL_REVERSE)
            return story->operations.at[i];
    return NULL;
}

int64_t story_committed_us(const struct story *story) {
    int64_t first_us = INT64_MAX;
    for (size_t i = 0; i < story->operations.count; i++) {
        const struct operation *operation = story->operations.at[i];
        if (operation->call != CALL_REVERSE && is_approved(operation) && operation->safety == SAFETY_COMMITTED &&
            operation->answered_us < first_us)
            first_us = operation->answered_us;
    }
    return first_us;
}
