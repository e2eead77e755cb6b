/* SPDX-License-Identifier: Apache-2.0 */
/* directory_bench CONNINFO [CREDENTIALS [ROUNDS]]: how long a directory takes to load, how much memory a credential
 * costs, how long one look-up takes, and how long after its commit a change of one credit, or of 10 000, is in force.
 * The database must be migrated; it is filled where it is empty.
 *
 *   deploy/dev/with-postgres sh -c 'build/release/directory_bench "$VAXEL_TEST_POSTGRES dbname=…"' */
#include "base/check.h"
#include "base/clock.h"
#include "directory/directory.h"
#include "directory/seed.h"

#include <libpq-fe.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define TRAVELLERS_EACH 500
#define LOOK_UPS 2000000u
#define CHANGES 50
#define CHANGED_AT_ONCE 10000
#define FIRST_CREDIT 1000
#define CREDIT_LIMIT_MINOR 10000000

static double seconds_since(struct tick begun) {
    return (double)(tick_now().us - begun.us) / 1e6;
}

static size_t heap_bytes(void) {
    struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

static uint32_t step(uint32_t *random) {
    *random = *random * 1664525u + 1013904223u;
    return *random >> 4;
}

static void print_look_ups(struct directory *directory, uint32_t credentials) {
    uint32_t random = 1;
    uint32_t found = 0;
    struct tick begun = tick_now();
    for (uint32_t i = 0; i < LOOK_UPS; i++) {
        struct account account;
        struct credential credential = {.kind = CREDENTIAL_CARD,
                                        .card = directory_generated_card(step(&random) % credentials)};
        found += directory_find_account(directory, &credential, &account);
    }
    printf("look-ups     %.0f ns each, %u of %u found\n", seconds_since(begun) * 1e9 / LOOK_UPS, found, LOOK_UPS);
}

/* The limit of a generated credit, as it is in force. */
static int64_t limit_in_force(struct directory *directory, uint32_t index) {
    struct account account;
    struct credential credential = {.kind = CREDENTIAL_CARD, .card = directory_generated_card(index)};
    CHECK(directory_find_account(directory, &credential, &account));
    for (int at = 0; at < account.limit_count; at++)
        if (account.limits[at].kind == LIMIT_CREDIT)
            return account.limits[at].ceiling_minor;
    CHECK(false);
}

/* Seconds from the commit of other limits for so many credits until the last of them is in force. */
static double seconds_of_change(struct directory *directory, PGconn *connection, uint32_t first, uint32_t count) {
    int64_t wanted = limit_in_force(directory, first) + 1;
    char text[160];
    snprintf(text, sizeof(text), "UPDATE credit SET limit_minor = %lld WHERE id BETWEEN %u AND %u", (long long)wanted,
             FIRST_CREDIT + first, FIRST_CREDIT + first + count - 1);
    PGresult *result = PQexec(connection, text);
    struct tick begun = tick_now();
    CHECK(PQresultStatus(result) == PGRES_COMMAND_OK);
    PQclear(result);
    const struct timespec pause = {.tv_nsec = 20000};
    for (uint32_t at = first; at < first + count; at++)
        while (limit_in_force(directory, at) != wanted)
            (void)nanosleep(&pause, NULL);
    return seconds_since(begun);
}

static int compare_seconds(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static void print_changes(struct directory *directory, PGconn *connection, uint32_t credentials) {
    double seconds[CHANGES];
    uint32_t random = 7;
    /* Looks are 20 ms apart at least: a change alone is seen at once, one right behind another so much later. */
    const struct timespec pause = {.tv_nsec = 50000000};
    for (int at = 0; at < CHANGES; at++) {
        (void)nanosleep(&pause, NULL);
        seconds[at] = seconds_of_change(directory, connection, step(&random) % credentials, 1);
    }
    qsort(seconds, CHANGES, sizeof(seconds[0]), compare_seconds);
    printf("one change   in force %.2f ms after its commit, the median of %d; %.2f at most\n",
           seconds[CHANGES / 2] * 1e3, CHANGES, seconds[CHANGES - 1] * 1e3);
    uint32_t count = credentials < CHANGED_AT_ONCE ? credentials : CHANGED_AT_ONCE;
    printf("%u at once   in force %.1f ms after their commit\n", count,
           seconds_of_change(directory, connection, 0, count) * 1e3);
}

static bool measure_round(const char *conninfo, PGconn *connection, uint32_t credentials, struct failure *failure) {
    struct directory_options options = {.conninfo = conninfo, .traveller_cap_minor = 600000};
    size_t heap_before = heap_bytes();
    struct tick begun = tick_now();
    struct directory *directory = directory_open(&options, failure);
    if (directory == NULL)
        return false;
    double seconds = seconds_since(begun);
    struct directory_facts facts;
    directory_facts(directory, &facts);
    printf("load         %.3f s for %zu credits, %zu travellers, %zu organisations\n", seconds, facts.credits,
           facts.travellers, facts.organisations);
    printf("memory       %.1f bytes a credit by its own account, %.1f by the heap's\n",
           (double)facts.memory_bytes / (double)facts.credits,
           (double)(heap_bytes() - heap_before) / (double)facts.credits);
    print_look_ups(directory, credentials);
    bool is_followed = directory_follow(directory, failure);
    if (is_followed)
        print_changes(directory, connection, credentials);
    directory_close(directory);
    return is_followed;
}

static int measure(const char *conninfo, uint32_t credentials, int rounds) {
    struct failure failure;
    PGconn *connection = PQconnectdb(conninfo);
    bool is_well = PQstatus(connection) == CONNECTION_OK;
    if (!is_well)
        failure_set(&failure, "%s", PQerrorMessage(connection));
    is_well = is_well && directory_generate(conninfo, (int32_t)(credentials / TRAVELLERS_EACH), TRAVELLERS_EACH,
                                            2000000000, CREDIT_LIMIT_MINOR, &failure);
    for (int round = 0; round < rounds && is_well; round++)
        is_well = measure_round(conninfo, connection, credentials, &failure);
    PQfinish(connection);
    if (!is_well) {
        fprintf(stderr, "directory_bench: %s\n", failure.text);
        return 1;
    }
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    printf("process      %.1f MiB at most\n", (double)usage.ru_maxrss / 1024);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: directory_bench CONNINFO [CREDENTIALS [ROUNDS]]\n");
        return 2;
    }
    uint32_t credentials = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1000000u;
    int rounds = argc > 3 ? atoi(argv[3]) : 3;
    return measure(argv[1], credentials < TRAVELLERS_EACH ? TRAVELLERS_EACH : credentials, rounds);
}
