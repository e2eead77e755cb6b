/* SPDX-License-Identifier: Apache-2.0 */
/* Readers on several threads while everything changes; of most worth under ThreadSanitizer. */
#include "directory/seed.h"
#include "world.h"

#include <pthread.h>
#include <stdatomic.h>

#define READERS 3

struct readers {
    struct directory *directory;
    atomic_bool is_over;
    atomic_uint_fast64_t reads;
    atomic_uint_fast64_t wrong;
};

static bool is_sound(const struct account *account) {
    const struct limit *first = &account->limits[0];
    const struct limit *last = &account->limits[account->limit_count - 1];
    return account->limit_count >= 3 && first->kind == LIMIT_CREDIT && first->id == account->credit &&
           last->kind == LIMIT_ORGANISATION && last->id == account->organisation;
}

static void *read_on(void *argument) {
    struct readers *readers = argument;
    for (uint32_t i = 0; !atomic_load(&readers->is_over); i++) {
        struct account account;
        struct client client;
        struct directory_facts facts;
        struct credential generated = credential_of_card(directory_generated_card(i % 6000));
        struct credential known = credential_of_card(CARD_ACTIVE);
        bool is_right = directory_find_account(readers->directory, &known, &account) && is_sound(&account) &&
                        (!directory_find_account(readers->directory, &generated, &account) || is_sound(&account)) &&
                        directory_find_client(readers->directory, "ops-1", &client) && client.id == 4;
        directory_facts(readers->directory, &facts);
        is_right = is_right && directory_client_generation(readers->directory) > 0 && facts.credits >= 7;
        atomic_fetch_add(&readers->wrong, is_right ? 0 : 1);
        atomic_fetch_add(&readers->reads, 1);
    }
    return NULL;
}

Test(threads, readers_see_whole_accounts_while_everything_changes) {
    struct world world;
    struct failure failure = {""};
    pthread_t threads[READERS];
    world_create(&world, true);
    struct readers readers = {.directory = world.directory};
    for (int i = 0; i < READERS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, read_on, &readers), 0);
    }
    for (int round = 1; round <= 6; round++) {
        cr_assert(directory_generate(world.database.conninfo, round * 2, 500, 5000, 100 * round, &failure), "%s",
                  failure.text);
        test_sql(world.database.conninfo,
                 "UPDATE client SET rate_per_s = %d; UPDATE department SET parent = %s WHERE id = 3;"
                 "UPDATE credit SET department = CASE WHEN %d %% 2 = 0 THEN 3 END, limit_minor = %d WHERE id = 7",
                 round, round % 2 == 0 ? "1" : "2", round, round);
        AWAIT(ceiling_of_card(world.directory, CARD_ACTIVE) == round);
        AWAIT(ceiling_of_card(world.directory, directory_generated_card((uint32_t)round * 1000 - 1)) == 100 * round);
    }
    atomic_store(&readers.is_over, true);
    for (int i = 0; i < READERS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    }
    cr_expect_gt(atomic_load(&readers.reads), 0);
    cr_expect_eq(atomic_load(&readers.wrong), 0);
    world_destroy(&world);
}
