/* SPDX-License-Identifier: Apache-2.0 */
/* I2: no online approval passes a ceiling.
 *
 * Of all purchases that had been told approved and committed by an instant T one was decided last. At its decision all
 * others were counted, less what had been lowered by then, and that was asked for before T. So at every T
 *
 *     (amounts told by T)  -  (lowered by what was asked for before T)  <=  ceiling
 *
 * whatever the order was. In the end the rows themselves are added up: what lowered them only lowers, so they fit too.
 * Advices and stand-in entries are recorded whatever the limits say, and what counts late is not certain to have been
 * counted: they and what follows them are left out, and what they cost is told. */
#include "checker/ledger.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

enum sort_of_row { ROW_ONLINE, ROW_STAND_IN, ROW_ADVICE, ROW_SORTS };

/* Something that a counter saw, and when at the latest (a purchase) or at the earliest (what lowers). */
struct mark {
    struct counter counter;
    int64_t at_us; /* INT64_MAX: a purchase that nobody was told of */
    int64_t minor;
    enum sort_of_row sort;
};

struct marks {
    struct ledger *ledger;
    struct mark *at;
    size_t count, capacity;
};

static void marks_add(struct marks *marks, const struct recorded *row, int64_t at_us, enum sort_of_row sort) {
    struct counter counters[COUNTERS_OF_A_ROW];
    size_t count = row->amount_minor == 0 ? 0 : counters_of(marks->ledger, row, counters);
    for (size_t i = 0; i < count; i++) {
        CHECK(marks->count < marks->capacity);
        marks->at[marks->count++] = (struct mark){counters[i], at_us, row->amount_minor, sort};
    }
}

static int64_t first_sent_us(const struct story *story) {
    return story->operations.count > 0 ? story->operations.at[0]->sent_us : INT64_MIN;
}

/* An effect that nobody asked for (an expiry, an undo) may come as soon as its original. */
static int64_t lowered_us(const struct ledger *ledger, const struct recorded *effect, const struct story *original) {
    const struct operation *reverse = story_reverse(original);
    if (effect->kind == ENTRY_REVERSAL)
        return reverse != NULL ? reverse->sent_us : first_sent_us(original);
    struct story own = ledger_story(ledger, &effect->id);
    return own.operations.count > 0 ? first_sent_us(&own) : first_sent_us(original);
}

static enum sort_of_row sort_of(const struct story *story, const struct recorded *main) {
    for (size_t i = 0; i < story->operations.count; i++) {
        const struct operation *operation = story->operations.at[i];
        if (operation->call == CALL_ADVISE)
            return ROW_ADVICE;
    }
    if (main->kind == ENTRY_ADVICE || (main->flags & ENTRY_FORCED) != 0)
        return ROW_ADVICE;
    return (main->flags & ENTRY_STAND_IN) != 0 ? ROW_STAND_IN : ROW_ONLINE;
}

static _Thread_local struct marks *collecting; /* of the check under way: ledger_each() hands nothing through */

static void collect(struct ledger *ledger, const struct story *story) {
    const struct recorded *main = story_main(story);
    if (main == NULL)
        return;
    enum sort_of_row sort = sort_of(story, main);
    int64_t told_us = story_committed_us(story);
    marks_add(collecting, main, told_us, sort);
    for (size_t i = 0; i < story->effects.count; i++) {
        const struct recorded *effect = story->effects.at[i].row;
        int64_t at_us = told_us == INT64_MAX ? INT64_MAX : lowered_us(ledger, effect, story);
        marks_add(collecting, effect, at_us, sort);
    }
}

static int mark_compare(const void *one, const void *other) {
    const struct mark *a = one;
    const struct mark *b = other;
    int order = counter_compare(&a->counter, &b->counter);
    if (order == 0)
        order = (a->at_us > b->at_us) - (a->at_us < b->at_us);
    return order != 0 ? order : (a->minor > b->minor) - (a->minor < b->minor);
}

/* The highest ceiling that a counter is said to have; LIMIT_COUNTED_ONLY: none. */
static int64_t ceiling_of(const struct history *history, const struct counter *counter) {
    int64_t ceiling = LIMIT_COUNTED_ONLY;
    for (size_t i = 0; i < history->ceiling_count; i++) {
        const struct ceiling *one = &history->ceilings[i];
        bool is_it = one->organisation == counter->organisation && one->limit.kind == counter->kind &&
                     (one->limit.id == counter->id || counter->kind == LIMIT_ORGANISATION);
        if (is_it && one->limit.ceiling_minor > ceiling)
            ceiling = one->limit.ceiling_minor;
    }
    return ceiling;
}

/* What passed the ceilings of one kind of limit, by whom. */
struct excess {
    int64_t minor[LIMIT_ORGANISATION + 1][ROW_SORTS];
};

/* What is over without any advice is of stand-in; the rest of advices. */
static void add_excess(struct excess *excess, enum limit_kind kind, const int64_t sums[ROW_SORTS], int64_t ceiling) {
    int64_t without_advices = sums[ROW_ONLINE] + sums[ROW_STAND_IN] - ceiling;
    int64_t by_stand_in = without_advices > 0 ? without_advices : 0;
    int64_t over = without_advices + sums[ROW_ADVICE];
    excess->minor[kind][ROW_STAND_IN] += by_stand_in;
    excess->minor[kind][ROW_ADVICE] += over > by_stand_in ? over - by_stand_in : 0;
}

/* All marks of one counter, in their order. */
static void check_counter(struct ledger *ledger, const struct mark *marks, size_t count, struct excess *excess) {
    const struct counter *counter = &marks[0].counter;
    int64_t ceiling = ceiling_of(ledger->history, counter);
    int64_t sums[ROW_SORTS] = {0};
    bool is_passed = false;
    if (ceiling == LIMIT_COUNTED_ONLY)
        return;
    for (size_t i = 0; i < count; i++) {
        sums[marks[i].sort] += marks[i].minor;
        bool is_end = i + 1 == count;
        bool is_told = marks[i].at_us != INT64_MAX;
        if (sums[ROW_ONLINE] <= ceiling || is_passed || (!is_told && !is_end))
            continue;
        is_passed = true;
        ledger_break(ledger, 2, "%s may reach %lld: %lld was approved online%s", counter_text(counter),
                     (long long)ceiling, (long long)sums[ROW_ONLINE], is_told ? " and told" : "");
    }
    add_excess(excess, counter->kind, sums, ceiling);
}

static int64_t largest(const struct excess *excess, enum sort_of_row sort) {
    int64_t most = 0;
    for (int kind = LIMIT_CREDIT; kind <= LIMIT_ORGANISATION; kind++)
        most = excess->minor[kind][sort] > most ? excess->minor[kind][sort] : most;
    return most;
}

void check_ceilings(struct ledger *ledger) {
    struct marks marks = {.ledger = ledger, .capacity = ledger->rows.count * COUNTERS_OF_A_ROW + 1};
    struct excess excess = {0};
    marks.at = calloc(marks.capacity, sizeof *marks.at);
    CHECK(marks.at != NULL);
    collecting = &marks;
    ledger_each(ledger, collect);
    qsort(marks.at, marks.count, sizeof *marks.at, mark_compare);
    for (size_t first = 0, next; first < marks.count; first = next) {
        next = first + 1;
        while (next < marks.count && counter_compare(&marks.at[first].counter, &marks.at[next].counter) == 0)
            next++;
        check_counter(ledger, marks.at + first, next - first, &excess);
    }
    ledger->verdict->stand_in_excess_minor = largest(&excess, ROW_STAND_IN);
    ledger->verdict->advice_excess_minor = largest(&excess, ROW_ADVICE);
    free(marks.at);
}
