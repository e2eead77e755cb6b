/* SPDX-License-Identifier: Apache-2.0 */
/* What a look-up says of a credential. */
#include "world.h"

static void expect_limit(const struct account *account, int index, enum limit_kind kind, int32_t id,
                         int64_t ceiling_minor) {
    cr_assert_lt(index, account->limit_count);
    const struct limit *limit = &account->limits[index];
    cr_expect_eq(limit->kind, kind, "limit %d is a %s", index, limit_kind_name(limit->kind));
    cr_expect_eq(limit->id, id, "limit %d is of %d", index, limit->id);
    cr_expect_eq(limit->ceiling_minor, ceiling_minor, "limit %d is %ld", index, (long)limit->ceiling_minor);
}

Test(directory, each_credential_has_the_standing_of_its_credit_and_organisation) {
    struct world world;
    world_create(&world, false);
    cr_expect_eq(standing_of_card(world.directory, CARD_ACTIVE), REASON_APPROVED);
    cr_expect_eq(standing_of_card(world.directory, CARD_BLOCKED), REASON_BLOCKED);
    cr_expect_eq(standing_of_card(world.directory, CARD_ENDED), REASON_ENDED);
    cr_expect_eq(standing_of_card(world.directory, CARD_SUSPENDED), REASON_ORGANISATION_SUSPENDED);
    cr_expect_eq(account_of_app(world.directory, APP_ACTIVE).standing, REASON_APPROVED);
    cr_expect_eq(account_of_app(world.directory, APP_NOT_ACTIVATED).standing, REASON_NOT_ACTIVATED);
    world_destroy(&world);
}

Test(directory, the_organisation_decides_before_the_credit) {
    static const char *const states[] = {"applicant", "suspended", "ended"};
    struct world world;
    world_create(&world, false);
    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
        test_sql(world.database.conninfo, "UPDATE organisation SET state = '%s' WHERE id = 1", states[i]);
        struct directory *directory = world_open(world.database.conninfo, false);
        cr_expect_eq(standing_of_card(directory, CARD_ACTIVE), REASON_ORGANISATION_SUSPENDED, "%s", states[i]);
        cr_expect_eq(standing_of_card(directory, CARD_ENDED), REASON_ORGANISATION_SUSPENDED, "%s", states[i]);
        directory_close(directory);
    }
    world_destroy(&world);
}

Test(directory, a_card_or_app_that_nobody_has_is_unknown) {
    struct world world;
    world_create(&world, false);
    struct account account;
    struct credential card = credential_of_card(UINT64_C(9932543656338046));
    struct credential app = credential_of_app("5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9eff");
    /* The bytes of a card's number are no app's id. */
    struct credential mixed = {.kind = CREDENTIAL_APP, .card = CARD_ACTIVE};
    cr_expect_not(directory_find_account(world.directory, &card, &account));
    cr_expect_not(directory_find_account(world.directory, &app, &account));
    cr_expect_not(directory_find_account(world.directory, &mixed, &account));
    world_destroy(&world);
}

Test(directory, an_account_names_who_pays_and_the_channel_of_its_credential) {
    struct world world;
    world_create(&world, false);
    struct account card = account_of_card(world.directory, CARD_OF_DEPARTMENT);
    cr_expect_eq(card.channel, CHANNEL_CARD);
    cr_expect_eq(card.organisation, 1);
    cr_expect_eq(card.department, 2);
    cr_expect_eq(card.traveller, 1);
    cr_expect_eq(card.credit, 1);
    cr_expect_eq(account_of_app(world.directory, APP_ACTIVE).channel, CHANNEL_APP);
    cr_expect_eq(account_of_card(world.directory, CARD_ACTIVE).department, 0);
    world_destroy(&world);
}

Test(directory, limits_come_from_the_credit_up_to_the_organisation) {
    struct world world;
    world_create(&world, false);
    struct account account = account_of_app(world.directory, APP_ACTIVE);
    cr_assert_eq(account.limit_count, 5);
    expect_limit(&account, 0, LIMIT_CREDIT, 2, 150000);
    expect_limit(&account, 1, LIMIT_TRAVELLER, 2, OPERATOR_CAP_MINOR);
    expect_limit(&account, 2, LIMIT_DEPARTMENT, 3, 500000);
    expect_limit(&account, 3, LIMIT_DEPARTMENT, 1, LIMIT_COUNTED_ONLY);
    expect_limit(&account, 4, LIMIT_ORGANISATION, 1, 2000000);
    world_destroy(&world);
}

Test(directory, a_credit_that_the_organisation_pays_has_no_department_among_its_limits) {
    struct world world;
    world_create(&world, false);
    struct account account = account_of_card(world.directory, CARD_ACTIVE);
    cr_assert_eq(account.limit_count, 3);
    expect_limit(&account, 0, LIMIT_CREDIT, 7, 100000);
    expect_limit(&account, 1, LIMIT_TRAVELLER, 7, OPERATOR_CAP_MINOR);
    expect_limit(&account, 2, LIMIT_ORGANISATION, 1, 2000000);
    world_destroy(&world);
}

Test(directory, a_traveller_s_own_cap_stands_before_the_operator_s_even_at_nothing) {
    struct world world;
    world_create(&world, false);
    test_sql(world.database.conninfo, "UPDATE traveller SET cap_minor = 0 WHERE id = 7");
    struct directory *directory = world_open(world.database.conninfo, false);
    struct account account = account_of_card(directory, CARD_ACTIVE);
    expect_limit(&account, 1, LIMIT_TRAVELLER, 7, 0);
    directory_close(directory);
    world_destroy(&world);
}

Test(directory, eight_departments_are_checked_from_the_lowest_upwards) {
    struct world world;
    world_create(&world, false);
    test_sql(world.database.conninfo,
             "INSERT INTO department (id, organisation, parent, budget_minor) "
             "SELECT 100 + i, 1, CASE WHEN i > 1 THEN 99 + i END, 1000 * i FROM generate_series(1, 8) AS i;"
             "UPDATE credit SET department = 108 WHERE id = 7");
    struct directory *directory = world_open(world.database.conninfo, false);
    struct account account = account_of_card(directory, CARD_ACTIVE);
    cr_assert_eq(account.limit_count, LIMITS_CAPACITY);
    cr_expect_eq(account.standing, REASON_APPROVED);
    for (int i = 0; i < 8; i++) {
        expect_limit(&account, 2 + i, LIMIT_DEPARTMENT, 108 - i, 1000 * (8 - i));
    }
    expect_limit(&account, 10, LIMIT_ORGANISATION, 1, 2000000);
    directory_close(directory);
    world_destroy(&world);
}

/* PostgreSQL refuses such trees; somebody with all rights may still make one. */
Test(directory, what_is_paid_by_a_department_too_deep_or_in_a_loop_is_blocked) {
    struct world world;
    world_create(&world, false);
    world_sql_unchecked(world.database.conninfo,
                        "INSERT INTO department (id, organisation, parent) "
                        "SELECT 100 + i, 1, CASE WHEN i > 1 THEN 99 + i END FROM generate_series(1, 9) AS i;"
                        "INSERT INTO department (id, organisation, parent) VALUES (201, 1, 202), (202, 1, 201);"
                        "UPDATE credit SET department = 109 WHERE id = 7;"
                        "UPDATE credit SET department = 201 WHERE id = 1;"
                        "UPDATE credit SET department = 202 WHERE id = 5");
    struct directory *directory = world_open(world.database.conninfo, false);
    struct account account = account_of_card(directory, CARD_ACTIVE);
    cr_expect_eq(account.standing, REASON_BLOCKED);
    expect_limit(&account, account.limit_count - 1, LIMIT_ORGANISATION, 1, 2000000);
    cr_expect_eq(standing_of_card(directory, CARD_OF_DEPARTMENT), REASON_BLOCKED);
    cr_expect_eq(standing_of_card(directory, CARD_ENDED), REASON_ENDED);
    directory_close(directory);
    world_destroy(&world);
}

Test(directory, a_card_given_again_is_its_newer_credit_s_and_the_newest_when_all_have_ended) {
    struct world world;
    world_create(&world, false);
    test_sql(world.database.conninfo,
             "INSERT INTO credit (id, organisation, traveller, card, limit_minor, state) VALUES "
             "(51, 1, 7, 9932543656338020, 5100, 'ended'), (50, 1, 7, 9932543656338020, 5000, 'active'),"
             "(52, 1, 7, 9932543656338020, 5200, 'ended')");
    struct directory *directory = world_open(world.database.conninfo, false);
    cr_expect_eq(account_of_card(directory, CARD_ENDED).credit, 50);
    cr_expect_eq(standing_of_card(directory, CARD_ENDED), REASON_APPROVED);
    directory_close(directory);

    test_sql(world.database.conninfo, "UPDATE credit SET state = 'ended' WHERE id = 50");
    directory = world_open(world.database.conninfo, false);
    cr_expect_eq(account_of_card(directory, CARD_ENDED).credit, 52);
    cr_expect_eq(standing_of_card(directory, CARD_ENDED), REASON_ENDED);
    directory_close(directory);
    world_destroy(&world);
}

static uint32_t calls_of(struct directory *directory, const char *name) {
    struct client client;
    cr_assert(directory_find_client(directory, name, &client));
    return client.calls;
}

Test(directory, a_client_has_the_rights_of_its_row) {
    struct world world;
    world_create(&world, false);
    struct client client;
    cr_assert(directory_find_client(world.directory, "validator-2", &client));
    cr_expect_str_eq(client.name, "validator-2");
    cr_expect_eq(client.id, 5);
    cr_expect_eq(client.kind, CLIENT_VALIDATOR);
    cr_expect_eq(client.channels, 1u << CHANNEL_CARD);
    cr_expect_eq(client.rate_per_s, 2);
    cr_expect_not(client.is_blocked);
    cr_assert(directory_find_client(world.directory, "ops-1", &client));
    cr_expect_eq(client.kind, CLIENT_OPS);
    cr_expect_eq(client.calls, (1u << CALL_COUNT) - 1);
    cr_expect_eq(client.channels, 1u << CHANNEL_CARD | 1u << CHANNEL_APP | 1u << CHANNEL_PORTAL);
    cr_expect_not(directory_find_client(world.directory, "validator", &client));
    cr_expect_not(directory_find_client(world.directory, "", &client));
    world_destroy(&world);
}

Test(directory, each_call_is_a_right_of_its_own) {
    static const char *const calls[CALL_COUNT] = {
        [CALL_AUTHORIZE] = "authorize", [CALL_BALANCE] = "balance",
        [CALL_LOOKUP] = "lookup",       [CALL_ECHO] = "echo",
        [CALL_CAPTURE] = "capture",     [CALL_VOID] = "void",
        [CALL_REVERSE] = "reverse",     [CALL_REFUND] = "refund",
        [CALL_ADVISE] = "advise",       [CALL_BLOCK_LIST] = "block_list",
    };
    struct world world;
    world_create(&world, false);
    for (int call = 0; call < CALL_COUNT; call++)
        test_sql(world.database.conninfo,
                 "INSERT INTO client (name, kind, calls, channels) VALUES ('%s', 'ops', '{%s}', '{}')", calls[call],
                 calls[call]);
    struct directory *directory = world_open(world.database.conninfo, false);
    for (int call = 0; call < CALL_COUNT; call++) {
        cr_expect_eq(calls_of(directory, calls[call]), 1u << call, "%s", calls[call]);
    }
    directory_close(directory);
    world_destroy(&world);
}

/* DOMAIN F4 */
Test(directory, a_client_s_time_for_double_taps_is_read_and_followed) {
    struct world world;
    world_create(&world, true);
    struct client client;
    cr_assert(directory_find_client(world.directory, "validator-1", &client));
    cr_expect_eq(client.tap_window_us, 0);
    uint64_t generation = directory_client_generation(world.directory);
    test_sql(world.database.conninfo, "UPDATE client SET double_tap_s = 15 WHERE name = 'validator-1'");
    AWAIT(directory_client_generation(world.directory) > generation);
    cr_assert(directory_find_client(world.directory, "validator-1", &client));
    cr_expect_eq(client.tap_window_us, 15000000);
    world_destroy(&world);
}

/* ---- who pays for what is on record ---- */

static struct payer payer_of(const struct account *account) {
    return (struct payer){.organisation = account->organisation,
                          .department = account->department,
                          .traveller = account->traveller,
                          .credit = account->credit};
}

static void expect_same_account(const struct account *one, const struct account *other) {
    cr_expect_eq(one->standing, other->standing);
    cr_expect_eq(one->channel, other->channel);
    cr_expect_eq(one->organisation, other->organisation);
    cr_expect_eq(one->department, other->department);
    cr_expect_eq(one->traveller, other->traveller);
    cr_expect_eq(one->credit, other->credit);
    cr_assert_eq(one->limit_count, other->limit_count);
    for (int i = 0; i < other->limit_count; i++) {
        expect_limit(one, i, other->limits[i].kind, other->limits[i].id, other->limits[i].ceiling_minor);
    }
}

Test(directory, the_ids_of_an_account_find_its_counters_again) {
    struct world world;
    world_create(&world, false);
    struct account accounts[] = {
        account_of_card(world.directory, CARD_ACTIVE),    account_of_card(world.directory, CARD_OF_DEPARTMENT),
        account_of_card(world.directory, CARD_SUSPENDED), account_of_card(world.directory, CARD_ENDED),
        account_of_app(world.directory, APP_ACTIVE),
    };
    for (size_t i = 0; i < sizeof(accounts) / sizeof(*accounts); i++) {
        struct payer payer = payer_of(&accounts[i]);
        struct account found;
        cr_assert(directory_find_payer(world.directory, &payer, &found));
        expect_same_account(&found, &accounts[i]);
    }
    world_destroy(&world);
}

/* What was bought then counts where it was paid then, with all that is above that department now. */
Test(directory, the_department_that_paid_counts_though_its_credit_and_its_tree_have_moved) {
    struct world world;
    world_create(&world, false);
    struct account before = account_of_app(world.directory, APP_ACTIVE);
    struct payer payer = payer_of(&before);
    test_sql(world.database.conninfo,
             "UPDATE credit SET department = NULL, limit_minor = 7 WHERE id = %d;"
             "UPDATE department SET parent = 2 WHERE id = 3",
             payer.credit);
    struct directory *directory = world_open(world.database.conninfo, false);
    cr_assert_eq(account_of_app(directory, APP_ACTIVE).department, 0);
    struct account found;
    cr_assert(directory_find_payer(directory, &payer, &found));
    cr_expect_eq(found.department, 3);
    cr_expect_gt(found.limit_count, 4);
    expect_limit(&found, 0, LIMIT_CREDIT, payer.credit, 7);
    expect_limit(&found, 1, LIMIT_TRAVELLER, payer.traveller, OPERATOR_CAP_MINOR);
    expect_limit(&found, 2, LIMIT_DEPARTMENT, 3, 500000);
    cr_expect_eq(found.limits[3].kind, LIMIT_DEPARTMENT);
    cr_expect_eq(found.limits[3].id, 2);
    expect_limit(&found, found.limit_count - 1, LIMIT_ORGANISATION, 1, 2000000);
    directory_close(directory);
    world_destroy(&world);
}

Test(directory, who_pays_is_unknown_when_any_of_them_is) {
    struct world world;
    world_create(&world, false);
    struct account account = account_of_app(world.directory, APP_ACTIVE);
    struct payer known = payer_of(&account);
    struct payer payers[] = {known, known, known, known};
    payers[0].organisation = 99;
    payers[1].department = 99;
    payers[2].traveller = 99;
    payers[3].credit = 99;
    for (size_t i = 0; i < 4; i++) {
        cr_expect_not(directory_find_payer(world.directory, &payers[i], &account), "%zu", i);
    }
    cr_expect(directory_find_payer(world.directory, &known, &account));
    world_destroy(&world);
}

Test(directory, facts_count_what_was_loaded) {
    struct world world;
    world_create(&world, false);
    struct directory_facts facts;
    directory_facts(world.directory, &facts);
    cr_expect_eq(facts.organisations, 2);
    cr_expect_eq(facts.departments, 3);
    cr_expect_eq(facts.travellers, 7);
    cr_expect_eq(facts.credits, 7);
    cr_expect_eq(facts.clients, 6);
    cr_expect_gt(facts.memory_bytes, 0);
    world_destroy(&world);
}

Test(directory, without_a_database_it_does_not_open_and_says_why) {
    struct failure failure = {""};
    struct directory_options options = {.conninfo = "host=/nonexistent dbname=vaxel"};
    cr_assert_null(directory_open(&options, &failure));
    cr_expect_not_null(strstr(failure.text, "cannot connect to PostgreSQL"), "%s", failure.text);

    struct test_database database;
    test_database_create(&database, false);
    options.conninfo = database.conninfo;
    cr_assert_null(directory_open(&options, &failure));
    cr_expect_not_null(strstr(failure.text, "organisation"), "%s", failure.text);
    test_database_drop(&database);
}
