/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "base/id.h"
#include "directory/seed.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct directory *world_open(const char *conninfo, bool is_followed) {
    struct failure failure = {""};
    struct directory_options options = {.conninfo = conninfo, .traveller_cap_minor = OPERATOR_CAP_MINOR};
    struct directory *directory = directory_open(&options, &failure);
    cr_assert_not_null(directory, "%s", failure.text);
    cr_assert(!is_followed || directory_follow(directory, &failure), "%s", failure.text);
    return directory;
}

void world_create(struct world *world, bool is_followed) {
    struct failure failure = {""};
    test_database_create(&world->database, true);
    cr_assert(directory_seed_example(world->database.conninfo, &failure), "%s", failure.text);
    world->directory = world_open(world->database.conninfo, is_followed);
}

void world_destroy(struct world *world) {
    directory_close(world->directory);
    test_database_drop(&world->database);
}

const char *world_refusal(const char *conninfo, const char *sql) {
    static char text[1024];
    PGconn *connection = PQconnectdb(conninfo);
    cr_assert_eq(PQstatus(connection), CONNECTION_OK, "%s", PQerrorMessage(connection));
    PQclear(PQexec(connection, sql));
    snprintf(text, sizeof(text), "%s", PQerrorMessage(connection));
    PQfinish(connection);
    return text;
}

void world_sql_unchecked(const char *conninfo, const char *sql) {
    test_sql(conninfo, "SET session_replication_role = replica; %s", sql);
}

struct credential credential_of_card(uint64_t card) {
    return (struct credential){.kind = CREDENTIAL_CARD, .card = card};
}

struct credential credential_of_app(const char *uuid) {
    struct credential credential = {.kind = CREDENTIAL_APP};
    struct request_id id;
    cr_assert(request_id_parse(uuid, &id));
    memcpy(credential.app, id.bytes, sizeof(credential.app));
    return credential;
}

static struct account account_of(struct directory *directory, const struct credential *credential) {
    struct account account;
    cr_assert(directory_find_account(directory, credential, &account));
    return account;
}

struct account account_of_card(struct directory *directory, uint64_t card) {
    struct credential credential = credential_of_card(card);
    return account_of(directory, &credential);
}

struct account account_of_app(struct directory *directory, const char *uuid) {
    struct credential credential = credential_of_app(uuid);
    return account_of(directory, &credential);
}

enum reason standing_of_card(struct directory *directory, uint64_t card) {
    struct credential credential = credential_of_card(card);
    struct account account;
    return directory_find_account(directory, &credential, &account) ? account.standing : REASON_UNKNOWN_CREDENTIAL;
}

int64_t ceiling_of_card(struct directory *directory, uint64_t card) {
    struct credential credential = credential_of_card(card);
    struct account account;
    return directory_find_account(directory, &credential, &account) ? account.limits[0].ceiling_minor : -1;
}

int64_t age_of(struct directory *directory) {
    struct directory_facts facts;
    directory_facts(directory, &facts);
    return facts.age_us;
}

void world_wait_ms(int ms) {
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}
