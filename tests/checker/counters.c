/* SPDX-License-Identifier: Apache-2.0 */
/* I5: the counters are the sums of the rows. */
#include "checker/ledger.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

static int32_t parent_of(const struct history *history, int32_t department) {
    for (size_t i = 0; i < history->department_count; i++)
        if (history->departments[i].id == department)
            return history->departments[i].parent;
    return 0;
}

size_t counters_of(const struct ledger *ledger, const struct recorded *row,
                   struct counter counters[COUNTERS_OF_A_ROW]) {
    const struct payer *payer = &row->payer;
    const struct counter whole = {payer->organisation, row->month, LIMIT_ORGANISATION, payer->organisation};
    size_t count = 0;
    counters[count++] = whole;
    counters[count] = whole;
    counters[count].kind = LIMIT_CREDIT;
    counters[count++].id = payer->credit;
    counters[count] = whole;
    counters[count].kind = LIMIT_TRAVELLER;
    counters[count++].id = payer->traveller;
    int32_t department = payer->department;
    while (department != 0 && count < COUNTERS_OF_A_ROW) {
        counters[count] = whole;
        counters[count].kind = LIMIT_DEPARTMENT;
        counters[count++].id = department;
        department = parent_of(ledger->history, department);
    }
    return count;
}

int counter_compare(const struct counter *one, const struct counter *other) {
    if (one->organisation != other->organisation)
        return one->organisation < other->organisation ? -1 : 1;
    if (one->month != other->month)
        return one->month < other->month ? -1 : 1;
    if (one->kind != other->kind)
        return one->kind < other->kind ? -1 : 1;
    return (one->id > other->id) - (one->id < other->id);
}

const char *counter_text(const struct counter *counter) {
    static _Thread_local char text[96];
    snprintf(text, sizeof text, "%s %d of organisation %d in %d", limit_kind_name(counter->kind), counter->id,
             counter->organisation, counter->month);
    return text;
}

/* ---- sums ---- */

struct total {
    struct counter counter;
    int64_t minor;
};

struct totals {
    struct total *at;
    size_t count;
};

static int total_compare(const void *one, const void *other) {
    return counter_compare(&((const struct total *)one)->counter, &((const struct total *)other)->counter);
}

/* Puts them in order and adds up those of one counter. */
static void totals_add_up(struct totals *totals) {
    size_t kept = 0;
    qsort(totals->at, totals->count, sizeof *totals->at, total_compare);
    for (size_t i = 0; i < totals->count; i++) {
        if (kept > 0 && total_compare(&totals->at[kept - 1], &totals->at[i]) == 0)
            totals->at[kept - 1].minor += totals->at[i].minor;
        else
            totals->at[kept++] = totals->at[i];
    }
    totals->count = kept;
}

static struct totals totals_of_rows(const struct ledger *ledger) {
    struct totals totals = {.at = calloc(ledger->rows.count * COUNTERS_OF_A_ROW + 1, sizeof *totals.at)};
    CHECK(totals.at != NULL);
    for (size_t i = 0; i < ledger->rows.count; i++) {
        const struct recorded *row = ledger->rows.at[i];
        struct counter counters[COUNTERS_OF_A_ROW];
        size_t count = row->amount_minor == 0 ? 0 : counters_of(ledger, row, counters);
        for (size_t j = 0; j < count; j++)
            totals.at[totals.count++] = (struct total){counters[j], row->amount_minor};
    }
    totals_add_up(&totals);
    return totals;
}

static struct totals totals_of_counters(const struct history *history) {
    struct totals totals = {.at = calloc(history->counted_count + 1, sizeof *totals.at),
                            .count = history->counted_count};
    CHECK(totals.at != NULL);
    for (size_t i = 0; i < history->counted_count; i++) {
        const struct counted *counted = &history->counted[i];
        bool is_whole = counted->kind == LIMIT_ORGANISATION;
        totals.at[i] = (struct total){
            {counted->organisation, counted->month, counted->kind, is_whole ? counted->organisation : counted->id},
            counted->spent_minor};
    }
    qsort(totals.at, totals.count, sizeof *totals.at, total_compare);
    return totals;
}

/* Counters of an organisation's month that has none at all are to be built when they are needed: nothing to compare. */
static bool has_month(const struct totals *totals, const struct counter *counter) {
    const struct counter least = {counter->organisation, counter->month, (enum limit_kind)0, INT32_MIN};
    size_t low = 0;
    size_t high = totals->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (counter_compare(&totals->at[middle].counter, &least) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < totals->count && totals->at[low].counter.organisation == counter->organisation &&
           totals->at[low].counter.month == counter->month;
}

static void compare(struct ledger *ledger, const struct counter *counter, int64_t counted_minor, int64_t sum_minor) {
    if (counted_minor != sum_minor)
        ledger_break(ledger, 5, "the counter of %s stands at %lld, and its rows add up to %lld", counter_text(counter),
                     (long long)counted_minor, (long long)sum_minor);
}

void check_counters(struct ledger *ledger) {
    struct totals sums = totals_of_rows(ledger);
    struct totals counters = totals_of_counters(ledger->history);
    size_t i = 0;
    size_t j = 0;
    while (i < sums.count || j < counters.count) {
        const struct total *sum = i < sums.count ? &sums.at[i] : NULL;
        const struct total *counter = j < counters.count ? &counters.at[j] : NULL;
        int order = sum == NULL ? 1 : counter == NULL ? -1 : total_compare(sum, counter);
        if (order < 0 && has_month(&counters, &sum->counter))
            compare(ledger, &sum->counter, 0, sum->minor);
        if (order >= 0)
            compare(ledger, &counter->counter, counter->minor, order == 0 ? sum->minor : 0);
        i += order <= 0;
        j += order >= 0;
    }
    free(sums.at);
    free(counters.at);
}
