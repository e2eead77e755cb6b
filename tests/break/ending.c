/* SPDX-License-Identifier: Apache-2.0 */
#include "ending.h"

#include "limits/reader.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_US (90 * SECOND_US)

/* ---- PostgreSQL ---- */

static PGresult *query(struct cluster *cluster, const char *sql) {
    PGconn *connection = PQconnectdb(cluster->conninfo);
    cr_assert_eq(PQstatus(connection), CONNECTION_OK, "%s", PQerrorMessage(connection));
    PGresult *result = PQexec(connection, sql);
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(connection));
    PQfinish(connection);
    return result;
}

static int64_t number_at(const PGresult *result, int row, int column) {
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

static int32_t small_at(const PGresult *result, int row, int column) {
    return (int32_t)number_at(result, row, column);
}

static struct request_id id_at(const PGresult *result, int row, int column) {
    struct request_id id = {{0}};
    if (!PQgetisnull(result, row, column))
        cr_assert(request_id_parse(PQgetvalue(result, row, column), &id));
    return id;
}

static struct recorded row_at(const PGresult *result, int row) {
    return (struct recorded){.id = id_at(result, row, 0),
                             .original = id_at(result, row, 1),
                             .kind = (enum entry_kind)number_at(result, row, 2),
                             .amount_minor = number_at(result, row, 3),
                             .settled_minor = number_at(result, row, 4),
                             .month = small_at(result, row, 5),
                             .payer = {.organisation = small_at(result, row, 6),
                                       .department = small_at(result, row, 7),
                                       .traveller = small_at(result, row, 8),
                                       .credit = small_at(result, row, 9)},
                             .client = small_at(result, row, 10),
                             .flags = (uint8_t)number_at(result, row, 11),
                             .epoch = small_at(result, row, 12),
                             .recorded_us = number_at(result, row, 13),
                             .expires_us = number_at(result, row, 14)};
}

/* Times on the clients' clock; a hold that is open still has its expiry. */
static void read_rows(struct ending *ending, struct cluster *cluster) {
    char sql[1024];
    int64_t offset_us = instant_now().us - tick_now().us;
    snprintf(
        sql, sizeof sql,
        "SELECT e.id, f.original, e.kind, e.amount_minor, abs(coalesce(f.charged_minor, 0)), e.month, e.organisation, "
        "e.department, e.traveller, e.credit, e.client, e.flags, e.epoch, "
        "(extract(epoch FROM e.recorded_at) * 1000000)::bigint - %" PRId64 ", "
        "CASE WHEN h.id IS NULL THEN 0 ELSE (extract(epoch FROM h.expires_at) * 1000000)::bigint - %" PRId64 " END "
        "FROM entry e LEFT JOIN effect f ON f.organisation = e.organisation AND f.id = e.id AND e.id <> f.original "
        "LEFT JOIN hold h ON h.organisation = e.organisation AND h.id = e.id ORDER BY e.recorded_at",
        offset_us, offset_us);
    PGresult *result = query(cluster, sql);
    ending->recorded_count = (size_t)PQntuples(result);
    ending->recorded = calloc(ending->recorded_count + 1, sizeof *ending->recorded);
    cr_assert_not_null(ending->recorded);
    for (size_t i = 0; i < ending->recorded_count; i++)
        ending->recorded[i] = row_at(result, (int)i);
    PQclear(result);
}

static void read_directory(struct ending *ending, struct cluster *cluster) {
    PGresult *result =
        query(cluster, "SELECT organisation, 1, id, limit_minor FROM credit UNION ALL "
                       "SELECT organisation, 2, id, cap_minor FROM traveller WHERE cap_minor IS NOT NULL "
                       "UNION ALL SELECT organisation, 3, id, budget_minor FROM department "
                       "WHERE budget_minor IS NOT NULL UNION ALL "
                       "SELECT id, 4, id, limit_minor FROM organisation");
    ending->ceiling_count = (size_t)PQntuples(result);
    ending->ceilings = calloc(ending->ceiling_count + 1, sizeof *ending->ceilings);
    cr_assert_not_null(ending->ceilings);
    for (size_t i = 0; i < ending->ceiling_count; i++)
        ending->ceilings[i] = (struct ceiling){small_at(result, (int)i, 0),
                                               {.kind = (enum limit_kind)number_at(result, (int)i, 1),
                                                .id = small_at(result, (int)i, 2),
                                                .ceiling_minor = number_at(result, (int)i, 3)}};
    PQclear(result);
    result = query(cluster, "SELECT id, coalesce(parent, 0) FROM department");
    ending->department_count = (size_t)PQntuples(result);
    ending->departments = calloc(ending->department_count + 1, sizeof *ending->departments);
    cr_assert_not_null(ending->departments);
    for (size_t i = 0; i < ending->department_count; i++)
        ending->departments[i] = (struct department_of){small_at(result, (int)i, 0), small_at(result, (int)i, 1)};
    PQclear(result);
}

/* ---- Redis ---- */

static void add_counters(struct ending *ending, const struct counters *counters, int32_t organisation, int32_t month) {
    ending->counted =
        realloc(ending->counted, (ending->counted_count + counters->sum_count + 1) * sizeof *ending->counted);
    cr_assert_not_null(ending->counted);
    for (size_t i = 0; i < counters->sum_count; i++) {
        const struct sum *sum = &counters->sums[i];
        ending->counted[ending->counted_count++] =
            (struct counted){organisation, month, sum->kind, sum->id, sum->spent_minor};
    }
}

/* Counters of a lower epoch than the fence's are built anew before they are used. */
static void read_counters(struct ending *ending, struct cluster *cluster) {
    struct failure failure;
    struct limits_reader *reader = limits_reader_open(cluster->redis.address, &failure);
    cr_assert_not_null(reader, "%s", failure.text);
    PGresult *result = query(cluster, "SELECT organisation, month, epoch FROM fence ORDER BY organisation, month");
    for (int i = 0; i < PQntuples(result); i++) {
        struct counters counters = {0};
        int32_t organisation = small_at(result, i, 0);
        struct month month = {small_at(result, i, 1)};
        cr_assert(limits_reader_read(reader, organisation, month, &counters, &failure), "%s", failure.text);
        if (counters.is_warm && counters.epoch == small_at(result, i, 2))
            add_counters(ending, &counters, organisation, month.yyyymm);
        counters_finish(&counters);
    }
    PQclear(result);
    limits_reader_close(reader);
}

/* ---- waiting ---- */

static int compare_ids(const void *one, const void *other) {
    return memcmp(one, other, sizeof(struct request_id));
}

static bool is_journaled(const struct operation *operation) {
    return operation->is_answered && operation->decision == DECISION_APPROVED &&
           operation->safety == SAFETY_JOURNALED && operation->call == CALL_AUTHORIZE;
}

/* Purchases approved by a journal that have no row yet. */
static size_t count_missing(struct cluster *cluster, const struct operation *operations, size_t count) {
    PGresult *result = query(cluster, "SELECT id FROM entry");
    size_t rows = (size_t)PQntuples(result);
    struct request_id *ids = calloc(rows + 1, sizeof *ids);
    size_t missing = 0;
    cr_assert_not_null(ids);
    for (size_t i = 0; i < rows; i++)
        ids[i] = id_at(result, (int)i, 0);
    PQclear(result);
    qsort(ids, rows, sizeof *ids, compare_ids);
    for (size_t i = 0; i < count; i++)
        missing +=
            is_journaled(&operations[i]) && bsearch(&operations[i].id, ids, rows, sizeof *ids, compare_ids) == NULL;
    free(ids);
    return missing;
}

static bool is_audit_clean(struct cluster *cluster) {
    static const char *const arguments[] = {"audit", NULL};
    return cluster_vaxel(cluster, NULL, 0, arguments) == 0;
}

void ending_wait(struct cluster *cluster, const struct operation *operations, size_t count) {
    int64_t give_up_us = tick_now().us + PATIENCE_US;
    while (count_missing(cluster, operations, count) > 0 && tick_now().us < give_up_us)
        usleep(200000);
    while (atoi(cluster_sql(cluster, "SELECT count(*) FROM hold")) > 0 && tick_now().us < give_up_us)
        usleep(200000);
    while (!is_audit_clean(cluster) && tick_now().us < give_up_us)
        usleep(200000);
}

void ending_read(struct ending *ending, struct cluster *cluster) {
    *ending = (struct ending){.is_audit_clean = is_audit_clean(cluster)};
    read_rows(ending, cluster);
    read_counters(ending, cluster);
    read_directory(ending, cluster);
}

void ending_finish(struct ending *ending) {
    free(ending->recorded);
    free(ending->counted);
    free(ending->ceilings);
    free(ending->departments);
}
