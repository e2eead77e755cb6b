/* SPDX-License-Identifier: Apache-2.0 */
#include "base/card.h"
#include "directory/seed.h"
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Everything in the five tables but the numbers of transactions, as one text. */
static const char contents[] =
    "SELECT md5(string_agg(t, '|' ORDER BY t)) FROM (SELECT row(id, state, limit_minor)::text FROM organisation "
    "UNION ALL SELECT row(id, organisation, parent, budget_minor)::text FROM department "
    "UNION ALL SELECT row(id, organisation, cap_minor)::text FROM traveller "
    "UNION ALL SELECT b::text FROM billing_details b UNION ALL SELECT c::text FROM credit c "
    "UNION ALL SELECT c::text FROM client c) AS all_rows(t)";

Test(seed, the_example_company_again_changes_nothing) {
    struct test_database database;
    struct failure failure = {""};
    char before[64];
    test_database_create(&database, true);
    cr_assert(directory_seed_example(database.conninfo, &failure), "%s", failure.text);
    test_sql(database.conninfo, "UPDATE credit SET state = 'blocked' WHERE id = 1");
    snprintf(before, sizeof(before), "%s", test_sql(database.conninfo, contents));
    cr_assert(directory_seed_example(database.conninfo, &failure), "%s", failure.text);
    cr_expect_str_eq(test_sql(database.conninfo, contents), before);
    cr_expect_str_eq(test_sql(database.conninfo, "INSERT INTO credit (organisation, traveller, card, limit_minor) "
                                                 "VALUES (1, 1, 42, 0) RETURNING id"),
                     "8");
    test_database_drop(&database);
}

Test(seed, generated_cards_can_be_reckoned_from_their_index) {
    static const uint32_t indexes[] = {0, 1, 9, 10, 99, 100, 149};
    struct test_database database;
    struct failure failure = {""};
    test_database_create(&database, true);
    cr_assert(directory_generate(database.conninfo, 3, 50, 2000, 1000, &failure), "%s", failure.text);
    cr_expect_str_eq(test_sql(database.conninfo, "SELECT count(*) FROM credit"), "150");
    for (size_t i = 0; i < sizeof(indexes) / sizeof(*indexes); i++) {
        uint64_t card = directory_generated_card(indexes[i]);
        char text[24];
        char expected[64];
        snprintf(text, sizeof(text), "%" PRIu64, card);
        cr_expect(card_is_luhn_valid(card), "%s", text);
        snprintf(expected, sizeof(expected), "%" PRIu32 " %" PRIu32, 1000 + indexes[i] / 50, 1000 + indexes[i]);
        cr_expect_str_eq(test_sql(database.conninfo,
                                  "SELECT organisation || ' ' || traveller FROM credit WHERE card = %s AND "
                                  "traveller = id AND state = 'active'",
                                  text),
                         expected);
    }
    test_database_drop(&database);
}

Test(seed, generating_again_adds_organisations_and_sets_limits_but_never_moves_travellers) {
    struct test_database database;
    struct failure failure = {""};
    char before[64];
    test_database_create(&database, true);
    cr_assert(directory_generate(database.conninfo, 2, 10, 2000, 1000, &failure), "%s", failure.text);
    snprintf(before, sizeof(before), "%s", test_sql(database.conninfo, contents));
    cr_assert(directory_generate(database.conninfo, 2, 10, 2000, 1000, &failure), "%s", failure.text);
    cr_expect_str_eq(test_sql(database.conninfo, contents), before);
    cr_assert(directory_generate(database.conninfo, 3, 10, 2500, 1500, &failure), "%s", failure.text);
    cr_expect_str_eq(test_sql(database.conninfo, "SELECT count(*) FROM credit WHERE limit_minor = 1500"), "30");
    cr_expect_str_eq(test_sql(database.conninfo, "SELECT count(*) FROM organisation WHERE limit_minor = 2500"), "3");
    cr_expect_not(directory_generate(database.conninfo, 2, 15, 2000, 1000, &failure));
    cr_expect_not_null(strstr(failure.text, "of another size"), "%s", failure.text);
    cr_expect_not(directory_generate(database.conninfo, 0, 15, 2000, 1000, &failure));
    cr_expect_not(directory_generate(database.conninfo, 1000000, 1000000, 2000, 1000, &failure));
    test_database_drop(&database);
}
