/* SPDX-License-Identifier: Apache-2.0 */
/* The counters against the sums (I5). The two can't be read at one instant, so an organisation is looked at several
 * times: Redis, then PostgreSQL, then Redis again. A counter that is met by its sum in any look is well; what is above
 * it and moves between looks is in flight; what is above it and stands, or is below it, is a difference. */
#include "limits/reader.h"
#include "record/reader.h"
#include "vaxel/command.h"
#include "vaxel/print.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOKS_MAX 6
#define PAUSE_MS 400

/* One counter that did not meet its sum. */
struct row {
    struct sum counter;
    int64_t sum_minor;
};

enum finding { FINDING_EQUAL, FINDING_COLD, FINDING_MOVING, FINDING_DIFFERENT };

/* An organisation under look. */
struct suspect {
    int32_t organisation;
    enum finding finding;
    size_t row_count;
    struct row *rows;
};

struct audit {
    struct limits_reader *limits;
    struct record_reader *record;
    struct month month;
    size_t count;
    struct suspect *suspects;
    struct failure failure;
};

/* ---- one look ---- */

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

static bool look_at(struct audit *audit, struct suspect *suspect) {
    struct counters before = {0};
    struct counters after = {0};
    struct sums sums = {0};
    bool is_read = limits_reader_read(audit->limits, suspect->organisation, audit->month, &before, &audit->failure) &&
                   record_reader_sums(audit->record, suspect->organisation, audit->month, &sums, &audit->failure) &&
                   limits_reader_read(audit->limits, suspect->organisation, audit->month, &after, &audit->failure);
    if (is_read && (is_cold(&before, sums.epoch) || is_cold(&after, sums.epoch))) {
        suspect->finding = FINDING_COLD;
    } else if (is_read) {
        struct look look = {
            .before = ledger_of(before.sums, before.sum_count, suspect->organisation),
            .sums = ledger_of(sums.sums, sums.sum_count, suspect->organisation),
            .after = ledger_of(after.sums, after.sum_count, suspect->organisation),
        };
        size_t count;
        struct row *rows = compare(&look, &count);
        judge(suspect, rows, count);
        look_finish(&look);
    }
    free((void *)(uintptr_t)sums.sums);
    counters_finish(&before);
    counters_finish(&after);
    return is_read;
}

/* ---- the audit ---- */

static bool audit_open(struct audit *audit, const struct settings *settings) {
    int32_t *organisations = NULL;
    audit->record = record_reader_open(settings->postgres, &audit->failure);
    if (audit->record == NULL)
        return false;
    audit->limits = limits_reader_open(settings->redis, &audit->failure);
    if (audit->limits == NULL ||
        !record_reader_organisations(audit->record, audit->month, &organisations, &audit->count, &audit->failure))
        return false;
    audit->suspects = calloc(audit->count + 1, sizeof *audit->suspects);
    CHECK(audit->suspects != NULL);
    for (size_t i = 0; i < audit->count; i++)
        audit->suspects[i] = (struct suspect){.organisation = organisations[i], .finding = FINDING_MOVING};
    free(organisations);
    return true;
}

static void audit_close(struct audit *audit) {
    for (size_t i = 0; i < audit->count && audit->suspects != NULL; i++)
        free(audit->suspects[i].rows);
    free(audit->suspects);
    limits_reader_close(audit->limits);
    record_reader_close(audit->record);
}

/* Looks at all, then again at those that were not well, until all are or the looks are used up. */
static bool audit_run(struct audit *audit) {
    size_t left = audit->count;
    for (int look = 0; look < LOOKS_MAX && left > 0; look++) {
        left = 0;
        if (look > 0)
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
        for (size_t i = 0; i < audit->count; i++) {
            struct suspect *suspect = &audit->suspects[i];
            if (suspect->finding == FINDING_EQUAL || suspect->finding == FINDING_COLD)
                continue;
            if (!look_at(audit, suspect))
                return false;
            left += suspect->finding == FINDING_MOVING || suspect->finding == FINDING_DIFFERENT;
        }
    }
    return true;
}

static size_t count_of(const struct audit *audit, enum finding finding) {
    size_t count = 0;
    for (size_t i = 0; i < audit->count; i++)
        count += audit->suspects[i].finding == finding;
    return count;
}

/* ---- telling ---- */

static void write_rows(struct json *json, const struct suspect *suspect) {
    for (size_t i = 0; i < suspect->row_count; i++) {
        const struct row *row = &suspect->rows[i];
        json_open(json, NULL, '{');
        json_number(json, "organisation", suspect->organisation);
        json_text(json, "kind", limit_kind_name(row->counter.kind));
        json_number(json, "id", row->counter.id);
        json_number(json, "counter_minor", row->counter.spent_minor);
        json_number(json, "sum_minor", row->sum_minor);
        json_number(json, "difference_minor", row->counter.spent_minor - row->sum_minor);
        json_close(json, '}');
    }
}

static void write_json(const struct audit *audit) {
    struct json json = json_start();
    json_number(&json, "month", audit->month.yyyymm);
    json_number(&json, "organisations", (int64_t)audit->count);
    json_number(&json, "equal", (int64_t)count_of(audit, FINDING_EQUAL));
    json_number(&json, "cold", (int64_t)count_of(audit, FINDING_COLD));
    json_number(&json, "moving", (int64_t)count_of(audit, FINDING_MOVING));
    json_number(&json, "different", (int64_t)count_of(audit, FINDING_DIFFERENT));
    json_open(&json, "differences", '[');
    for (size_t i = 0; i < audit->count; i++)
        if (audit->suspects[i].finding == FINDING_DIFFERENT)
            write_rows(&json, &audit->suspects[i]);
    json_close(&json, ']');
    json_truth(&json, "clean", count_of(audit, FINDING_DIFFERENT) == 0);
    json_end(&json);
}

static void print_rows(const struct suspect *suspect) {
    for (size_t i = 0; i < suspect->row_count; i++) {
        const struct row *row = &suspect->rows[i];
        char counter[MONEY_TEXT_SIZE];
        char sum[MONEY_TEXT_SIZE];
        char difference[MONEY_TEXT_SIZE];
        money_format(row->counter.spent_minor, counter);
        money_format(row->sum_minor, sum);
        money_format(row->counter.spent_minor - row->sum_minor, difference);
        printf("%12d  %-12s %10d %13s %13s %13s\n", suspect->organisation, limit_kind_name(row->counter.kind),
               row->counter.id, counter, sum, difference);
    }
}

static void print_audit(const struct audit *audit) {
    size_t different = count_of(audit, FINDING_DIFFERENT);
    if (different > 0)
        printf("%12s  %-12s %10s %13s %13s %13s\n", "Organisation", "Counter of", "", "Redis", "PostgreSQL",
               "Difference");
    for (size_t i = 0; i < audit->count; i++)
        if (audit->suspects[i].finding == FINDING_DIFFERENT)
            print_rows(&audit->suspects[i]);
    printf("%d-%02d: %zu organisations: %zu equal, %zu cold, %zu in motion, %zu different\n", audit->month.yyyymm / 100,
           audit->month.yyyymm % 100, audit->count, count_of(audit, FINDING_EQUAL), count_of(audit, FINDING_COLD),
           count_of(audit, FINDING_MOVING), different);
}

int command_audit(const struct invocation *invocation) {
    struct calendar calendar = {0};
    struct audit audit = {.month = month_of(calendar_day(&calendar, instant_now()))};
    int64_t month = audit.month.yyyymm;
    if (!invocation_number(invocation, "month", 200001, 999912, &month))
        return EXIT_USAGE;
    if (month % 100 < 1 || month % 100 > 12)
        return usage_wrong(invocation, "--month is %lld: year and month are wanted, as in 202611", (long long)month);
    audit.month.yyyymm = (int32_t)month;
    bool is_done = audit_open(&audit, &invocation->settings) && audit_run(&audit);
    int status = EXIT_BROKEN;
    if (!is_done)
        command_broken(invocation, "%s", audit.failure.text);
    else if (invocation_has(invocation, "json"))
        write_json(&audit);
    else
        print_audit(&audit);
    if (is_done)
        status = count_of(&audit, FINDING_DIFFERENT) == 0 ? EXIT_YES : EXIT_NO;
    audit_close(&audit);
    return status;
}
