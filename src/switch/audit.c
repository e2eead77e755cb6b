/* SPDX-License-Identifier: Apache-2.0 */
/* One look at an organisation's month reads the counters, the sums of the records, and the counters again:
 *
 *   RESTING ─▶ FINDING ─▶ BEFORE ─▶ (SETTLING) ─▶ SUMMING ─▶ AFTER ─▶ RESTING
 *                           └ no counters, or built under another epoch than the fence's: nothing to compare
 *
 * A sum between the two readings is well: what is in flight in the first is on record by then, and what was recorded
 * first is counted by the second. A suspect's looks let some time pass in between, so that a counter that is used
 * without pause shows no difference of its own. A rebuild mends all counters of the organisation, so it is enough that
 * one of them, of a credit that rests, shows an orphan. */
#include "switch/audit.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

/* Of one suspect; with more, the first are kept, and facts.cut counts it. */
#define DIFFERENCES_CAPACITY 16
/* A suspect is looked at this often in its grace at most, and before it is mended twice at least. */
#define LOOKS_OVER_GRACE 8
/* Adding up a large month takes the records' servers a good part of a second: they are left alone this many times as
 * long afterwards, but no longer than the grace period. */
#define RESTS_OVER_SUMMING 9

enum audit_stage { AUDIT_RESTING, AUDIT_FINDING, AUDIT_BEFORE, AUDIT_SETTLING, AUDIT_SUMMING, AUDIT_AFTER };

struct difference {
    enum limit_kind kind;
    int32_t id;
    int64_t minor; /* counted less recorded; in all looks so far the nearest to 0 */
};

struct suspect {
    int32_t organisation; /* 0: a free place */
    struct month month;
    int32_t epoch;
    struct tick since;
    struct tick looked_at;
    uint32_t count;
    struct difference differences[DIFFERENCES_CAPACITY];
};

/* One counter in the look under way. */
struct compared {
    enum limit_kind kind;
    int32_t id;
    int64_t counted_minor;
    int64_t recorded_minor;
};

/* Grows with the largest organisation. */
struct compared_list {
    struct compared *at;
    size_t count, capacity;
};

struct audit {
    struct audit_settings settings;
    struct audit_ports ports;
    enum audit_stage stage;
    struct tick due;      /* RESTING, SETTLING */
    struct tick asked_at; /* SUMMING */
    int64_t summing_us;   /* of this look, so far */
    int32_t organisation; /* under look, or the last one found */
    struct month month;
    int32_t swept_organisation; /* where the sweep stands */
    struct month swept_month;
    int32_t epoch;
    struct suspect *looked_again; /* the look is a suspect's; NULL: the sweep's */
    bool swept_last;              /* suspects and the sweep take turns */
    struct compared_list list;
    struct suspect *suspects;
    struct audit_facts facts;
};

struct audit *audit_create(const struct audit_settings *settings, const struct audit_ports *ports) {
    CHECK(settings->pause_us > 0 && settings->grace_us > 0 && settings->suspect_capacity > 0);
    struct audit *audit = calloc(1, sizeof *audit);
    CHECK(audit != NULL);
    audit->settings = *settings;
    audit->ports = *ports;
    audit->suspects = calloc(settings->suspect_capacity, sizeof *audit->suspects);
    CHECK(audit->suspects != NULL);
    return audit;
}

void audit_destroy(struct audit *audit) {
    if (audit == NULL)
        return;
    free(audit->list.at);
    free(audit->suspects);
    free(audit);
}

static void audit_rest(struct audit *audit, struct moment now) {
    int64_t rest_us = RESTS_OVER_SUMMING * audit->summing_us;
    if (rest_us > audit->settings.grace_us)
        rest_us = audit->settings.grace_us;
    if (rest_us < audit->settings.pause_us)
        rest_us = audit->settings.pause_us;
    audit->stage = AUDIT_RESTING;
    audit->due.us = now.tick.us + rest_us;
    audit->summing_us = 0;
}

/* ---- suspects ---- */

static struct suspect *suspect_find(struct audit *audit, int32_t organisation, struct month month) {
    for (uint32_t i = 0; i < audit->settings.suspect_capacity; i++) {
        struct suspect *suspect = &audit->suspects[i];
        if (suspect->organisation == organisation && suspect->month.yyyymm == month.yyyymm)
            return suspect;
    }
    return NULL;
}

/* The one that has waited longest and may be looked at again; NULL: none yet. */
static struct suspect *suspect_due(struct audit *audit, struct moment now) {
    int64_t apart_us = audit->settings.grace_us / LOOKS_OVER_GRACE;
    struct suspect *due = NULL;
    for (uint32_t i = 0; i < audit->settings.suspect_capacity; i++) {
        struct suspect *suspect = &audit->suspects[i];
        if (suspect->organisation != 0 && now.tick.us - suspect->looked_at.us >= apart_us &&
            (due == NULL || suspect->looked_at.us < due->looked_at.us))
            due = suspect;
    }
    return due;
}

static void suspect_clear(struct suspect *suspect) {
    if (suspect != NULL)
        *suspect = (struct suspect){0};
}

/* Every purchase counts once in each kind, so the kinds tell of the same money: the one that tells of most. */
static int64_t suspect_minor(const struct suspect *suspect, int sign) {
    int64_t sums[LIMIT_ORGANISATION + 1] = {0};
    int64_t most = 0;
    for (uint32_t i = 0; i < suspect->count; i++) {
        const struct difference *difference = &suspect->differences[i];
        if (difference->minor * sign > 0)
            sums[difference->kind] += difference->minor * sign;
    }
    for (int kind = LIMIT_CREDIT; kind <= LIMIT_ORGANISATION; kind++)
        most = sums[kind] > most ? sums[kind] : most;
    return most;
}

/* ---- comparing ---- */

static int compared_order(const void *one, const void *other) {
    const struct compared *a = one;
    const struct compared *b = other;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static void list_add(struct compared_list *list, struct compared compared) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        list->at = realloc(list->at, list->capacity * sizeof *list->at);
        CHECK(list->at != NULL);
    }
    list->at[list->count++] = compared;
}

static struct compared *list_find(const struct compared_list *list, size_t count, const struct sum *sum, int32_t id) {
    const struct compared key = {.kind = sum->kind, .id = id};
    return count == 0 ? NULL : bsearch(&key, list->at, count, sizeof *list->at, compared_order);
}

/* The organisation's own counter bears its number, whatever the reader calls it. */
static int32_t counter_id(const struct audit *audit, const struct sum *sum) {
    return sum->kind == LIMIT_ORGANISATION ? audit->organisation : sum->id;
}

static void list_take_counted(struct audit *audit, const struct sums *sums) {
    audit->list.count = 0;
    for (size_t i = 0; i < sums->sum_count; i++)
        list_add(&audit->list, (struct compared){.kind = sums->sums[i].kind,
                                                 .id = counter_id(audit, &sums->sums[i]),
                                                 .counted_minor = sums->sums[i].spent_minor});
    if (audit->list.count > 0)
        qsort(audit->list.at, audit->list.count, sizeof *audit->list.at, compared_order);
}

/* Lays the sums beside the counters and keeps those that differ. */
static void list_take_recorded(struct audit *audit, const struct sums *sums) {
    struct compared_list *list = &audit->list;
    size_t counters = list->count;
    for (size_t i = 0; i < sums->sum_count; i++) {
        const struct sum *sum = &sums->sums[i];
        int32_t id = counter_id(audit, sum);
        struct compared *compared = list_find(list, counters, sum, id);
        if (compared != NULL)
            compared->recorded_minor = sum->spent_minor;
        else
            list_add(list, (struct compared){.kind = sum->kind, .id = id, .recorded_minor = sum->spent_minor});
    }
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->at[i].counted_minor != list->at[i].recorded_minor)
            list->at[kept++] = list->at[i];
    list->count = kept;
    if (kept > 0)
        qsort(list->at, kept, sizeof *list->at, compared_order);
}

/* The difference that both readings of a counter agree on: of one sign, and the smaller. */
static int64_t agreed_minor(const struct compared *compared, int64_t counted_after_minor) {
    int64_t before = compared->counted_minor - compared->recorded_minor;
    int64_t after = counted_after_minor - compared->recorded_minor;
    if ((before > 0) != (after > 0) || after == 0)
        return 0;
    if (before > 0)
        return before < after ? before : after;
    return before > after ? before : after;
}

/* Keeps, of those that differ, what differs still: as counted_minor, the difference. */
static void list_take_counted_after(struct audit *audit, const struct sums *sums) {
    struct compared_list *list = &audit->list;
    int64_t *after = calloc(list->count + 1, sizeof *after);
    CHECK(after != NULL);
    for (size_t i = 0; i < sums->sum_count; i++) {
        const struct compared *compared =
            list_find(list, list->count, &sums->sums[i], counter_id(audit, &sums->sums[i]));
        if (compared != NULL)
            after[compared - list->at] = sums->sums[i].spent_minor;
    }
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct compared compared = list->at[i];
        compared.counted_minor = agreed_minor(&compared, after[i]);
        if (compared.counted_minor != 0)
            list->at[kept++] = compared;
    }
    list->count = kept;
    free(after);
}

/* ---- judging ---- */

static void suspect_begin(struct audit *audit, struct moment now) {
    struct suspect *suspect = suspect_find(audit, audit->organisation, audit->month);
    if (suspect != NULL)
        return; /* it is looked at in its own time */
    suspect = suspect_find(audit, 0, (struct month){0});
    if (suspect == NULL) {
        audit->facts.unwatched++;
        return;
    }
    *suspect = (struct suspect){.organisation = audit->organisation,
                                .month = audit->month,
                                .epoch = audit->epoch,
                                .since = now.tick,
                                .looked_at = now.tick};
    audit->facts.cut += audit->list.count > DIFFERENCES_CAPACITY;
    for (size_t i = 0; i < audit->list.count && i < DIFFERENCES_CAPACITY; i++) {
        const struct compared *compared = &audit->list.at[i];
        suspect->differences[suspect->count++] =
            (struct difference){compared->kind, compared->id, compared->counted_minor};
    }
}

/* What a look found of a counter; 0: no difference. */
static int64_t list_minor(const struct compared_list *list, const struct difference *difference) {
    const struct sum key = {.kind = difference->kind};
    const struct compared *compared = list_find(list, list->count, &key, difference->id);
    return compared == NULL ? 0 : compared->counted_minor;
}

static int64_t nearest_to_zero(int64_t one, int64_t other) {
    if ((one > 0) != (other > 0) || other == 0)
        return 0;
    if (one > 0)
        return one < other ? one : other;
    return one > other ? one : other;
}

static void suspect_mend(struct audit *audit, struct suspect *suspect) {
    audit->facts.rebuilds++;
    audit->facts.freed_minor += suspect_minor(suspect, 1);
    audit->facts.restored_minor += suspect_minor(suspect, -1);
    suspect_clear(suspect);
    audit->ports.rebuild(audit->ports.shell, audit->organisation, audit->month);
}

static void suspect_judge(struct audit *audit, struct moment now, struct suspect *suspect) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < suspect->count; i++) {
        struct difference difference = suspect->differences[i];
        difference.minor = nearest_to_zero(difference.minor, list_minor(&audit->list, &difference));
        if (difference.minor != 0)
            suspect->differences[kept++] = difference;
    }
    suspect->count = kept;
    suspect->looked_at = now.tick;
    if (kept == 0 || suspect->epoch != audit->epoch)
        suspect_clear(suspect);
    else if (now.tick.us - suspect->since.us >= audit->settings.grace_us)
        suspect_mend(audit, suspect);
}

/* ---- a look ---- */

/* The counters are none, or another epoch's: they are built anew before they are used. */
static void look_is_cold(struct audit *audit, struct moment now) {
    suspect_clear(suspect_find(audit, audit->organisation, audit->month));
    audit->facts.looks++;
    audit_rest(audit, now);
}

static void look_begin(struct audit *audit, struct moment now) {
    if (audit->ports.read_counted(audit->ports.shell, audit->organisation, audit->month))
        audit->stage = AUDIT_BEFORE;
    else
        audit_rest(audit, now);
}

static void look_sum(struct audit *audit, struct moment now) {
    audit->asked_at = now.tick;
    if (audit->ports.read_recorded(audit->ports.shell, audit->organisation, audit->month))
        audit->stage = AUDIT_SUMMING;
    else
        audit_rest(audit, now);
}

static void look_counted_before(struct audit *audit, struct moment now, const struct sums *sums) {
    audit->epoch = sums->epoch;
    if (sums->epoch == 0) {
        look_is_cold(audit, now);
        return;
    }
    list_take_counted(audit, sums);
    if (audit->looked_again == NULL) {
        look_sum(audit, now);
        return;
    }
    audit->stage = AUDIT_SETTLING;
    audit->due.us = now.tick.us + audit->settings.pause_us;
}

static void look_counted_after(struct audit *audit, struct moment now, const struct sums *sums) {
    if (sums->epoch != audit->epoch) {
        look_is_cold(audit, now);
        return;
    }
    list_take_counted_after(audit, sums);
    audit->facts.looks++;
    struct suspect *suspect = audit->looked_again;
    audit_rest(audit, now);
    if (suspect != NULL)
        suspect_judge(audit, now, suspect);
    else if (audit->list.count > 0)
        suspect_begin(audit, now);
}

void audit_counted(struct audit *audit, struct moment now, const struct sums *sums) {
    CHECK(audit->stage == AUDIT_BEFORE || audit->stage == AUDIT_AFTER);
    if (sums == NULL)
        audit_rest(audit, now);
    else if (audit->stage == AUDIT_BEFORE)
        look_counted_before(audit, now, sums);
    else
        look_counted_after(audit, now, sums);
}

void audit_recorded(struct audit *audit, struct moment now, const struct sums *sums) {
    CHECK(audit->stage == AUDIT_SUMMING);
    if (sums == NULL) {
        audit_rest(audit, now);
        return;
    }
    audit->summing_us = now.tick.us - audit->asked_at.us;
    if (sums->epoch != audit->epoch) {
        look_is_cold(audit, now);
        return;
    }
    list_take_recorded(audit, sums);
    if (audit->ports.read_counted(audit->ports.shell, audit->organisation, audit->month))
        audit->stage = AUDIT_AFTER;
    else
        audit_rest(audit, now);
}

/* ---- the sweep ---- */

void audit_next(struct audit *audit, struct moment now, bool is_answered, int32_t organisation, struct month month) {
    CHECK(audit->stage == AUDIT_FINDING);
    if (!is_answered) {
        audit_rest(audit, now);
        return;
    }
    audit->swept_organisation = organisation;
    audit->swept_month = organisation != 0 ? month : (struct month){0};
    if (organisation == 0) {
        audit->facts.sweeps++;
        audit->facts.last_sweep = now.instant;
        audit_rest(audit, now);
        return;
    }
    audit->organisation = organisation;
    audit->month = month;
    look_begin(audit, now);
}

static void audit_begin(struct audit *audit, struct moment now) {
    struct suspect *suspect = audit->swept_last ? suspect_due(audit, now) : NULL;
    audit->looked_again = suspect;
    audit->swept_last = suspect == NULL;
    if (suspect != NULL) {
        audit->organisation = suspect->organisation;
        audit->month = suspect->month;
        look_begin(audit, now);
    } else if (audit->ports.find_next(audit->ports.shell, audit->swept_organisation, audit->swept_month)) {
        audit->stage = AUDIT_FINDING;
    } else {
        audit_rest(audit, now);
    }
}

void audit_tick(struct audit *audit, struct moment now) {
    bool is_waiting = audit->stage == AUDIT_RESTING || audit->stage == AUDIT_SETTLING;
    if (!is_waiting || now.tick.us < audit->due.us)
        return;
    if (audit->stage == AUDIT_RESTING)
        audit_begin(audit, now);
    else
        look_sum(audit, now);
}

struct tick audit_next_tick(const struct audit *audit) {
    bool is_waiting = audit->stage == AUDIT_RESTING || audit->stage == AUDIT_SETTLING;
    return is_waiting ? audit->due : (struct tick){INT64_MAX};
}

void audit_facts(const struct audit *audit, struct audit_facts *facts) {
    *facts = audit->facts;
    for (uint32_t i = 0; i < audit->settings.suspect_capacity; i++) {
        const struct suspect *suspect = &audit->suspects[i];
        facts->suspects += suspect->organisation != 0;
        facts->drift_minor += suspect_minor(suspect, 1) + suspect_minor(suspect, -1);
    }
}

uint64_t audit_sweeps(const struct audit *audit) {
    return audit->facts.sweeps;
}
