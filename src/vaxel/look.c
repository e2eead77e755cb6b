/* SPDX-License-Identifier: Apache-2.0 */
/* One look at some organisations: Redis, then PostgreSQL, then Redis again, for the two can't be read at one instant. A
 * counter that is met by its sum in any look is well; what is above it and moves between looks is in flight; what is
 * above it and stands, or is below it, is a difference. */
#include "vaxel/audit.h"

#include "base/check.h"

#include <stdlib.h>

static int compare_sums(const void *one, const void *other) {
    const struct sum *a = one;
    const struct sum *b = other;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

/* A list of sums in order, the organisation's own under its number whatever the reader called it. */
struct ledger {
    size_t count;
    struct sum *sums;
};

static struct ledger ledger_of(const struct sum *sums, size_t count, int32_t organisation) {
    struct ledger ledger = {.count = count, .sums = malloc((count + 1) * sizeof *sums)};
    CHECK(ledger.sums != NULL);
    for (size_t i = 0; i < count; i++) {
        ledger.sums[i] = sums[i];
        if (sums[i].kind == LIMIT_ORGANISATION)
            ledger.sums[i].id = organisation;
    }
    qsort(ledger.sums, count, sizeof *ledger.sums, compare_sums);
    return ledger;
}

static int64_t ledger_find(const struct ledger *ledger, const struct sum *key) {
    CHECK(key != NULL && ledger->sums != NULL);
    const struct sum *found = bsearch(key, ledger->sums, ledger->count, sizeof *ledger->sums, compare_sums);
    return found != NULL ? found->spent_minor : 0;
}

/* What one look saw. */
struct look {
    struct ledger before;
    struct ledger sums;
    struct ledger after;
};

static void look_finish(struct look *look) {
    free(look->before.sums);
    free(look->sums.sums);
    free(look->after.sums);
}

static void compare_key(const struct look *look, const struct sum *key, struct row *rows, size_t *count) {
    int64_t before = ledger_find(&look->before, key);
    int64_t after = ledger_find(&look->after, key);
    int64_t sum = ledger_find(&look->sums, key);
    int64_t least = before < after ? before : after;
    int64_t most = before < after ? after : before;
    if (least <= sum && sum <= most)
        return;
    struct row *row = &rows[(*count)++];
    row->counter = *key;
    row->counter.spent_minor = sum > most ? most : least;
    row->sum_minor = sum;
}

/* The keys of both sides, in order, each once. */
static struct row *compare(const struct look *look, size_t *count) {
    size_t i = 0;
    size_t j = 0;
    struct row *rows = malloc((look->sums.count + look->after.count + 1) * sizeof *rows);
    CHECK(rows != NULL);
    *count = 0;
    while (i < look->sums.count || j < look->after.count) {
        const struct sum *one = i < look->sums.count ? &look->sums.sums[i] : NULL;
        const struct sum *other = j < look->after.count ? &look->after.sums[j] : NULL;
        int order = one == NULL ? 1 : other == NULL ? -1 : compare_sums(one, other);
        compare_key(look, order <= 0 ? one : other, rows, count);
        i += order <= 0;
        j += order >= 0;
    }
    return rows;
}

/* The row stood in the look before with the same figures. */
static bool stood(const struct suspect *suspect, const struct row *row) {
    for (size_t i = 0; i < suspect->row_count; i++)
        if (compare_sums(&suspect->rows[i].counter, &row->counter) == 0)
            return suspect->rows[i].counter.spent_minor == row->counter.spent_minor &&
                   suspect->rows[i].sum_minor == row->sum_minor;
    return false;
}

static bool was_there(const struct suspect *suspect, const struct row *row) {
    for (size_t i = 0; i < suspect->row_count; i++)
        if (compare_sums(&suspect->rows[i].counter, &row->counter) == 0)
            return true;
    return false;
}

/* Takes the rows of a new look in place of those before. A counter below its sum counts once seen twice, even in
 * motion. */
static void judge(struct suspect *suspect, struct row *rows, size_t count) {
    suspect->finding = count == 0 ? FINDING_EQUAL : FINDING_MOVING;
    for (size_t i = 0; i < count; i++) {
        bool is_lower = rows[i].counter.spent_minor < rows[i].sum_minor;
        if (is_lower ? was_there(suspect, &rows[i]) : stood(suspect, &rows[i]))
            suspect->finding = FINDING_DIFFERENT;
    }
    free(suspect->rows);
    suspect->rows = rows;
    suspect->row_count = count;
}

/* Counters of another epoch than the fence's are rebuilt before they are used: cold, unless they are ahead of it. */
static bool is_cold(const struct counters *counters, int32_t fence_epoch) {
    return !counters->is_warm || counters->epoch < fence_epoch;
}

/* What is read of one organisation, in this order. */
struct reading {
    struct counters before;
    struct sums sums;
    struct counters after;
};

static void look_at(struct suspect *suspect, const struct reading *reading) {
    int32_t fence_epoch = reading->sums.epoch;
    if (is_cold(&reading->before, fence_epoch) || is_cold(&reading->after, fence_epoch)) {
        suspect->finding = FINDING_COLD;
        return;
    }
    struct look look = {
        .before = ledger_of(reading->before.sums, reading->before.sum_count, suspect->organisation),
        .sums = ledger_of(reading->sums.sums, reading->sums.sum_count, suspect->organisation),
        .after = ledger_of(reading->after.sums, reading->after.sum_count, suspect->organisation),
    };
    size_t count;
    struct row *rows = compare(&look, &count);
    judge(suspect, rows, count);
    look_finish(&look);
}

static bool read_records(struct audit *audit, struct suspect *const *suspects, uint32_t count,
                         struct reading *readings) {
    int32_t organisations[READER_SUMS_MOST];
    struct sums sums[READER_SUMS_MOST];
    for (uint32_t i = 0; i < count; i++)
        organisations[i] = suspects[i]->organisation;
    bool is_read = record_reader_sums(audit->record, organisations, count, audit->month, sums, &audit->failure);
    for (uint32_t i = 0; i < count; i++)
        readings[i].sums = sums[i];
    return is_read;
}

bool audit_look_at(struct audit *audit, struct suspect *const *suspects, uint32_t count) {
    struct reading *readings = calloc(count + 1, sizeof *readings);
    CHECK(readings != NULL && count <= READER_SUMS_MOST);
    bool is_read = true;
    for (uint32_t i = 0; i < count && is_read; i++)
        is_read = limits_reader_read(audit->limits, suspects[i]->organisation, audit->month, &readings[i].before,
                                     &audit->failure);
    is_read = is_read && read_records(audit, suspects, count, readings);
    for (uint32_t i = 0; i < count && is_read; i++)
        is_read = limits_reader_read(audit->limits, suspects[i]->organisation, audit->month, &readings[i].after,
                                     &audit->failure);
    for (uint32_t i = 0; i < count; i++) {
        if (is_read)
            look_at(suspects[i], &readings[i]);
        free((void *)(uintptr_t)readings[i].sums.sums);
        counters_finish(&readings[i].before);
        counters_finish(&readings[i].after);
    }
    free(readings);
    return is_read;
}
