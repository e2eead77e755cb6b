/* SPDX-License-Identifier: Apache-2.0 */
/* What recording costs: record_bench CONNINFO [seconds]. Rows a second through the record's own batches, of so many
 * rows and over so many organisations, into a migrated database; CPU time of PostgreSQL, its background's included, and
 * of this program for each row. Rows are counted afterwards: a run that does not verify prints no figure.
 *
 * record_bench CONNINFO SECONDS ROWS ORGANISATIONS: that one alone, as a line of JSON. */
#include "base/check.h"
#include "record/record.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CAPACITY 8192

struct run {
    struct record *record;
    bool is_up;
    uint32_t waiting;
    uint32_t warm;
    uint64_t recorded;
};

static void on_outcome(void *owner, const struct outcome *outcome) {
    struct run *run = owner;
    CHECK(outcome->kind == OUTCOME_RECORDED);
    run->recorded++;
    run->waiting--;
}

static void on_sums(void *owner, int32_t organisation, struct month month, const struct sums *sums) {
    struct run *run = owner;
    (void)organisation;
    (void)month;
    CHECK(sums != NULL && sums->epoch == 1);
    run->warm++;
}

static void on_found(void *owner, uint64_t reply_to, bool is_answered, const struct found *found) {
    (void)owner;
    (void)reply_to;
    (void)is_answered;
    (void)found;
}

static void on_up(void *owner, bool is_up) {
    ((struct run *)owner)->is_up = is_up;
}

static void turn(struct run *run) {
    struct record_interest interests[RECORD_CONNECTIONS];
    struct pollfd polled[RECORD_CONNECTIONS];
    record_flush(run->record, tick_now());
    record_interests(run->record, interests);
    for (int at = 0; at < RECORD_CONNECTIONS; at++)
        polled[at] = (struct pollfd){.fd = interests[at].fd, .events = interests[at].events};
    poll(polled, RECORD_CONNECTIONS, 100);
    for (int at = 0; at < RECORD_CONNECTIONS; at++)
        if (polled[at].revents != 0)
            record_ready(run->record, tick_now(), at, polled[at].revents);
}

static uint64_t next_random(void) {
    static uint64_t state = 4711;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static struct entry make_entry(struct month month, int32_t organisations) {
    uint64_t noise[2] = {next_random(), next_random()};
    struct instant now = instant_now();
    int32_t organisation = 1 + (int32_t)(next_random() % (uint64_t)organisations);
    int32_t traveller = organisation * 500 + (int32_t)(next_random() % 500);
    return (struct entry){
        .id = request_id_make(now, (const uint8_t *)noise),
        .month = month,
        .organisation = organisation,
        .epoch = 1,
        .kind = ENTRY_PURCHASE,
        .amount_minor = 13000,
        .department = 1 + organisation % 5,
        .traveller = traveller,
        .credit = traveller,
        .client = 7,
        .product = {"single"},
        .place = {"bus 4711, stop Torget"},
        .appended_at = now,
    };
}

/* ---- measuring ---- */

/* 0: it has ended. */
static int64_t cpu_ns_of(const char *pid) {
    char path[64];
    long long ns = 0;
    snprintf(path, sizeof path, "/proc/%s/schedstat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    CHECK(fscanf(file, "%lld", &ns) == 1);
    fclose(file);
    return ns;
}

/* Of those who serve this database, and of those who serve all. */
static int64_t postgres_cpu_ns(PGconn *side) {
    PGresult *pids = PQexec(side, "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                                  "AND (datname IS NULL OR datname = current_database())");
    CHECK(PQresultStatus(pids) == PGRES_TUPLES_OK);
    int64_t ns = 0;
    for (int row = 0; row < PQntuples(pids); row++)
        ns += cpu_ns_of(PQgetvalue(pids, row, 0));
    PQclear(pids);
    return ns;
}

static int64_t own_cpu_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static long ask(PGconn *connection, const char *sql) {
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        fprintf(stderr, "%s", PQerrorMessage(connection));
    CHECK(PQresultStatus(result) != PGRES_FATAL_ERROR);
    long value = PQntuples(result) > 0 ? atol(PQgetvalue(result, 0, 0)) : 0;
    PQclear(result);
    return value;
}

struct cost {
    double rate;
    double postgres_us; /* each row */
    double own_us;
};

static struct cost measure(PGconn *side, const char *conninfo, uint32_t rows, int32_t organisations, int64_t seconds) {
    struct run run = {0};
    struct record_options options = {
        .conninfo = conninfo,
        .capacity = CAPACITY,
        .batch_capacity = rows,
        .refusal_capacity = 1,
        .time_window_us = 600000000,
        .reconnect_us = 100000,
        .silence_us = 30000000,
        .owner = &run,
        .on_outcome = on_outcome,
        .on_sums = on_sums,
        .on_found = on_found,
        .on_up = on_up,
    };
    struct calendar calendar = {0};
    struct month month = month_of(calendar_day(&calendar, instant_now()));
    ask(side, "TRUNCATE entry, fence");
    ask(side, "CHECKPOINT");
    run.record = record_create(&options, tick_now());
    while (!run.is_up)
        turn(&run);
    for (int32_t organisation = 1; organisation <= organisations; organisation++)
        CHECK(record_read_sums(run.record, organisation, month, false));
    while (run.warm < (uint32_t)organisations)
        turn(&run);
    int64_t began_us = tick_now().us, postgres_ns = postgres_cpu_ns(side), own_ns = own_cpu_ns();
    bool is_over = false;
    while (!is_over || run.waiting > 0) {
        is_over = tick_now().us - began_us >= seconds * 1000000;
        while (!is_over && run.waiting < 4 * rows) {
            struct entry entry = make_entry(month, organisations);
            CHECK(record_append(run.record, &entry, 0));
            run.waiting++;
        }
        turn(&run);
    }
    double took_s = (double)(tick_now().us - began_us) / 1e6, recorded = (double)run.recorded;
    postgres_ns = postgres_cpu_ns(side) - postgres_ns;
    own_ns = own_cpu_ns() - own_ns;
    record_destroy(run.record);
    CHECK((uint64_t)ask(side, "SELECT count(*) FROM entry") == run.recorded);
    return (struct cost){recorded / took_s, (double)postgres_ns / 1e3 / recorded, (double)own_ns / 1e3 / recorded};
}

static void print_table(PGconn *side, const char *conninfo, int64_t seconds) {
    static const uint32_t batches[] = {1, 10, 100, 500, 1000};
    static const int32_t organisations[] = {200, 1};
    printf("%6s %14s %10s %14s %14s\n", "rows", "organisations", "rows/s", "postgres us", "switch us");
    for (size_t one = 0; one < sizeof organisations / sizeof *organisations; one++)
        for (size_t two = 0; two < sizeof batches / sizeof *batches; two++) {
            struct cost cost = measure(side, conninfo, batches[two], organisations[one], seconds);
            printf("%6u %14d %10.0f %14.2f %14.2f\n", batches[two], organisations[one], cost.rate, cost.postgres_us,
                   cost.own_us);
            fflush(stdout);
        }
}

static void print_one(PGconn *side, const char *conninfo, int64_t seconds, uint32_t rows, int32_t organisations) {
    CHECK(seconds > 0 && rows > 0 && organisations > 0);
    struct cost cost = measure(side, conninfo, rows, organisations, seconds);
    printf("{\"rate\":%.0f,\"postgres_us\":%.3f,\"own_us\":%.3f}\n", cost.rate, cost.postgres_us, cost.own_us);
}

int main(int count, char **arguments) {
    if (count != 2 && count != 3 && count != 5) {
        fprintf(stderr, "usage: record_bench CONNINFO [SECONDS [ROWS ORGANISATIONS]]\n");
        return 2;
    }
    PGconn *side = PQconnectdb(arguments[1]);
    CHECK(PQstatus(side) == CONNECTION_OK);
    int64_t seconds = count > 2 ? atoll(arguments[2]) : 3;
    if (count == 5)
        print_one(side, arguments[1], seconds, (uint32_t)atoi(arguments[3]), atoi(arguments[4]));
    else
        print_table(side, arguments[1], seconds);
    PQfinish(side);
    return 0;
}
