/* SPDX-License-Identifier: Apache-2.0 */
/* world: a database with the example company (sql/example.sql says who is who) and a directory of it. */
#ifndef VAXEL_TESTS_DIRECTORY_WORLD_H
#define VAXEL_TESTS_DIRECTORY_WORLD_H

#include "directory/directory.h"
#include "support/services.h"

#include <criterion/criterion.h>
#include <libpq-fe.h>

#define CARD_ACTIVE UINT64_C(9932543656338004)
#define CARD_OF_DEPARTMENT UINT64_C(9932543656338003)
#define CARD_BLOCKED UINT64_C(9932543656338012)
#define CARD_ENDED UINT64_C(9932543656338020)
#define CARD_SUSPENDED UINT64_C(9932543656338038)
#define APP_ACTIVE "5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e01"
#define APP_NOT_ACTIVATED "5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e02"

#define OPERATOR_CAP_MINOR 600000

struct world {
    struct test_database database;
    struct directory *directory;
};

/* Opened, and followed if that is wanted. */
void world_create(struct world *world, bool is_followed);
void world_destroy(struct world *world);

/* Opens a directory of a database and follows it. */
struct directory *world_open(const char *conninfo, bool is_followed);

/* Runs SQL, and what PostgreSQL says against it; "" when it takes it. The text is static. */
const char *world_refusal(const char *conninfo, const char *sql);

/* Runs SQL with triggers and references unchecked, as somebody with all rights might. */
void world_sql_unchecked(const char *conninfo, const char *sql);

struct credential credential_of_card(uint64_t card);
struct credential credential_of_app(const char *uuid);

/* What the directory knows of a card or app; ends the test when it knows nothing. */
struct account account_of_card(struct directory *directory, uint64_t card);
struct account account_of_app(struct directory *directory, const char *uuid);

/* UNKNOWN_CREDENTIAL when the directory does not know it. */
enum reason standing_of_card(struct directory *directory, uint64_t card);
int64_t ceiling_of_card(struct directory *directory, uint64_t card); /* of the credit; -1 when unknown */

int64_t age_of(struct directory *directory);

/* Waits until a condition holds; ends the test when it does not in a minute. */
#define AWAIT(condition)                                                                                               \
    do {                                                                                                               \
        int waited_ms = 0;                                                                                             \
        while (!(condition)) {                                                                                         \
            cr_assert(waited_ms < 60000, "in vain: %s", #condition);                                                   \
            world_wait_ms(2);                                                                                          \
            waited_ms += 2;                                                                                            \
        }                                                                                                              \
        cr_log_info("after %d ms: %s\n", waited_ms, #condition);                                                       \
    } while (0)
void world_wait_ms(int ms);

#endif
