/* SPDX-License-Identifier: Apache-2.0 */
/* directory_bench CONNINFO [CREDENTIALS]: how long a directory takes to load, how much memory a credential costs, and
 * how long one look-up takes. The database must be migrated; it is filled where it is empty.
 *
 *   deploy/dev/with-postgres sh -c 'build/release/directory_bench "$VAXEL_TEST_POSTGRES dbname=…"' */
#include "base/clock.h"
#include "directory/directory.h"
#include "directory/seed.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define TRAVELLERS_EACH 500
#define LOOK_UPS 2000000u

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

static int measure(const char *conninfo, uint32_t credentials) {
    struct failure failure;
    if (!directory_generate(conninfo, (int32_t)(credentials / TRAVELLERS_EACH), TRAVELLERS_EACH, 2000000000, 10000000,
                            &failure)) {
        fprintf(stderr, "directory_bench: %s\n", failure.text);
        return 1;
    }
    for (int round = 0; round < 3; round++) {
        struct directory_options options = {.conninfo = conninfo, .traveller_cap_minor = 600000};
        size_t heap_before = heap_bytes();
        struct tick begun = tick_now();
        struct directory *directory = directory_open(&options, &failure);
        if (directory == NULL) {
            fprintf(stderr, "directory_bench: %s\n", failure.text);
            return 1;
        }
        double seconds = seconds_since(begun);
        struct directory_facts facts;
        directory_facts(directory, &facts);
        printf("load         %.3f s for %zu credits, %zu travellers, %zu organisations\n", seconds, facts.credits,
               facts.travellers, facts.organisations);
        printf("memory       %.1f bytes a credit by its own account, %.1f by the heap's\n",
               (double)facts.memory_bytes / (double)facts.credits,
               (double)(heap_bytes() - heap_before) / (double)facts.credits);
        print_look_ups(directory, credentials);
        directory_close(directory);
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: directory_bench CONNINFO [CREDENTIALS]\n");
        return 2;
    }
    uint32_t credentials = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1000000u;
    return measure(argv[1], credentials < TRAVELLERS_EACH ? TRAVELLERS_EACH : credentials);
}
