/* SPDX-License-Identifier: Apache-2.0 */
/* The counters against the sums (I5), for a person; a node does the same all the time (switch/audit.h). */
#include "vaxel/audit.h"

#include "base/check.h"
#include "vaxel/command.h"
#include "vaxel/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LOOKS_MAX 6
#define PAUSE_MS 400

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

static bool is_open(const struct suspect *suspect) {
    return suspect->finding == FINDING_MOVING || suspect->finding == FINDING_DIFFERENT;
}

/* The next of those that were not well. */
static uint32_t gather(struct audit *audit, struct suspect **suspects, size_t *next) {
    uint32_t count = 0;
    for (; *next < audit->count && count < READER_SUMS_MOST; (*next)++)
        if (is_open(&audit->suspects[*next]))
            suspects[count++] = &audit->suspects[*next];
    return count;
}

/* Looks at all, then again at those that were not well, until all are or the looks are used up. */
static bool audit_run(struct audit *audit) {
    size_t left = audit->count;
    for (int look = 0; look < LOOKS_MAX && left > 0; look++) {
        left = 0;
        if (look > 0)
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
        for (size_t next = 0; next < audit->count;) {
            struct suspect *suspects[READER_SUMS_MOST];
            uint32_t count = gather(audit, suspects, &next);
            if (count > 0 && !audit_look_at(audit, suspects, count))
                return false;
            for (uint32_t i = 0; i < count; i++)
                left += is_open(suspects[i]);
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

/* Mends what is different, and looks again. */
static bool audit_mend(struct audit *audit, const struct settings *settings) {
    for (size_t i = 0; i < audit->count; i++) {
        struct suspect *suspect = &audit->suspects[i];
        if (suspect->finding != FINDING_DIFFERENT)
            continue;
        if (!audit_repair(settings, suspect->organisation, audit->month, &audit->failure))
            return false;
        audit->repaired++;
        suspect->finding = FINDING_MOVING;
        suspect->row_count = 0;
    }
    return audit->repaired == 0 || audit_run(audit);
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
    json_number(&json, "repaired", (int64_t)audit->repaired);
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

static void print_differences(const struct audit *audit) {
    if (count_of(audit, FINDING_DIFFERENT) > 0)
        printf("%12s  %-12s %10s %13s %13s %13s\n", "Organisation", "Counter of", "", "Redis", "PostgreSQL",
               "Difference");
    for (size_t i = 0; i < audit->count; i++)
        if (audit->suspects[i].finding == FINDING_DIFFERENT)
            print_rows(&audit->suspects[i]);
}

static void print_audit(const struct audit *audit) {
    print_differences(audit);
    if (audit->repaired > 0)
        printf("Built anew from PostgreSQL: the counters of %zu organisation%s\n", audit->repaired,
               audit->repaired == 1 ? "" : "s");
    printf("%d-%02d: %zu organisations: %zu equal, %zu cold, %zu in motion, %zu different\n", audit->month.yyyymm / 100,
           audit->month.yyyymm % 100, audit->count, count_of(audit, FINDING_EQUAL), count_of(audit, FINDING_COLD),
           count_of(audit, FINDING_MOVING), count_of(audit, FINDING_DIFFERENT));
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
    if (is_done && invocation_has(invocation, "repair")) {
        if (!invocation_has(invocation, "json"))
            print_differences(&audit);
        is_done = audit_mend(&audit, &invocation->settings);
    }
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
