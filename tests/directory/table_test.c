/* SPDX-License-Identifier: Apache-2.0 */
#include "directory/table.h"

#include <criterion/criterion.h>

struct record {
    int32_t id;
    uint32_t key;
};

/* Few values, so that records crowd and wrap around. */
static uint64_t crowded_hash(const void *record) {
    return ((const struct record *)record)->key % 7 + 60;
}

static struct table table;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static struct record *at(uint32_t index) {
    return table_at(&table, index);
}

static int count_of_key(uint32_t key) {
    struct record wanted = {.key = key};
    struct table_cursor cursor = {0};
    int count = 0;
    for (uint32_t index; (index = table_next(&table, crowded_hash(&wanted), &cursor)) != TABLE_NONE;) {
        count += at(index)->key == key;
    }
    return count;
}

static void add(int32_t id, uint32_t key) {
    table_reserve(&table, 1, &lock);
    uint32_t index = table_add(&table, id);
    at(index)->key = key;
    table_enter_key(&table, index);
}

Test(table, records_are_found_by_id_while_it_grows_past_its_pages) {
    table_init(&table, sizeof(struct record), NULL);
    cr_expect_eq(table_find(&table, 1), TABLE_NONE);
    for (int32_t i = 1; i <= 30000; i++) {
        table_reserve(&table, 1, &lock);
        at(table_add(&table, i * 3))->key = (uint32_t)i;
    }
    for (int32_t i = 1; i <= 30000; i++) {
        cr_assert_eq(at(table_find(&table, i * 3))->key, (uint32_t)i);
        cr_assert_eq(table_find(&table, i * 3 + 1), TABLE_NONE);
    }
    table_finish(&table);
}

Test(table, records_of_one_key_are_all_found_and_only_while_entered) {
    table_init(&table, sizeof(struct record), crowded_hash);
    for (int32_t i = 1; i <= 200; i++) {
        add(i, (uint32_t)i % 20);
    }
    for (uint32_t key = 0; key < 20; key++) {
        cr_assert_eq(count_of_key(key), 10);
    }
    cr_expect_eq(count_of_key(20), 0);
    table_finish(&table);
}

Test(table, taking_a_record_out_hides_none_of_its_neighbours) {
    table_init(&table, sizeof(struct record), crowded_hash);
    for (int32_t i = 1; i <= 150; i++) {
        add(i, (uint32_t)i);
    }
    /* In an order that leaves holes everywhere: 37 shares no factor with 150. */
    for (uint32_t taken = 0; taken < 150; taken++) {
        uint32_t index = taken * 37 % 150;
        table_remove_key(&table, index);
        for (uint32_t left = 0; left < 150; left++) {
            bool is_out = false;
            for (uint32_t i = 0; i <= taken && !is_out; i++) {
                is_out = i * 37 % 150 == left;
            }
            cr_assert_eq(count_of_key(left + 1), is_out ? 0 : 1);
        }
    }
    table_finish(&table);
}
