/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference.h"

#include "base/clock.h"
#include "support/postgres_standby.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_US INT64_C(30000000)
#define RIVALS 16

static struct reference_transaction wanted(const char *reference, uint8_t byte) {
    struct reference_transaction transaction = {
        .issuer = "100", .credential = "card/9932543656338003", .amount_minor = 13000, .description = "Ö"};
    snprintf(transaction.reference, sizeof(transaction.reference), "%s", reference);
    uint8_t random[10];
    memset(random, byte, sizeof(random));
    transaction.id = request_id_make(instant_now(), random);
    return transaction;
}

struct desk {
    struct test_database database;
    struct references *references;
};

static void desk_open(struct desk *desk) {
    test_database_create(&desk->database, true);
    desk->references = references_open(desk->database.conninfo, 4, PATIENCE_US);
}

static void desk_close(struct desk *desk) {
    references_close(desk->references);
    test_database_drop(&desk->database);
}

Test(reference, the_first_claim_holds_for_ever) {
    struct desk desk;
    struct failure failure = {""};
    bool is_new;
    desk_open(&desk);
    struct reference_transaction first = wanted("one", 1);
    struct reference_transaction again = wanted("one", 2);
    struct reference_transaction other = wanted("two", 3);
    struct request_id id = first.id;
    again.amount_minor = 5;
    cr_assert(references_claim(desk.references, &first, &is_new, &failure), "%s", failure.text);
    cr_expect(is_new);
    cr_assert(references_claim(desk.references, &again, &is_new, &failure), "%s", failure.text);
    cr_expect_not(is_new);
    cr_expect(request_id_equal(&again.id, &id));
    cr_expect_eq(again.amount_minor, 13000);
    cr_expect_str_eq(again.description, "Ö");
    cr_assert(references_claim(desk.references, &other, &is_new, &failure), "%s", failure.text);
    cr_expect(is_new, "another reference");
    struct reference_transaction stranger = wanted("one", 4);
    strcpy(stranger.issuer, "200");
    cr_assert(references_claim(desk.references, &stranger, &is_new, &failure), "%s", failure.text);
    cr_expect(is_new, "another issuer's");
    desk_close(&desk);
}

struct rival {
    struct references *references;
    uint8_t byte;
    bool is_new;
    struct request_id id;
};

static void *claim(void *argument) {
    struct rival *rival = argument;
    struct failure failure = {""};
    struct reference_transaction transaction = wanted("raced for", rival->byte);
    if (references_claim(rival->references, &transaction, &rival->is_new, &failure))
        rival->id = transaction.id;
    return NULL;
}

Test(reference, of_many_at_once_one_claims_it) {
    struct desk desk;
    desk_open(&desk);
    struct rival rivals[RIVALS];
    pthread_t threads[RIVALS];
    for (uint8_t i = 0; i < RIVALS; i++) {
        rivals[i] = (struct rival){.references = desk.references, .byte = i};
        cr_assert_eq(pthread_create(&threads[i], NULL, claim, &rivals[i]), 0);
    }
    int winners = 0;
    for (int i = 0; i < RIVALS; i++) {
        pthread_join(threads[i], NULL);
        winners += rivals[i].is_new;
    }
    for (int i = 0; i < RIVALS; i++)
        cr_expect(request_id_equal(&rivals[i].id, &rivals[0].id));
    cr_expect_eq(winners, 1);
    desk_close(&desk);
}

Test(reference, a_spent_id_is_replaced_once_and_none_that_was_approved) {
    struct desk desk;
    struct failure failure = {""};
    bool is_new;
    desk_open(&desk);
    struct reference_transaction transaction = wanted("one", 1);
    struct reference_transaction late = transaction;
    cr_assert(references_claim(desk.references, &transaction, &is_new, &failure), "%s", failure.text);
    struct request_id second = wanted("", 2).id;
    struct request_id third = wanted("", 3).id;
    cr_assert(references_renew(desk.references, &transaction, &second, false, &failure), "%s", failure.text);
    cr_expect(request_id_equal(&transaction.id, &second));
    cr_assert(references_renew(desk.references, &late, &third, true, &failure), "%s", failure.text);
    cr_expect(request_id_equal(&late.id, &second), "the other's stays");
    cr_assert(references_approve(desk.references, &transaction, (struct instant){1795246200000123}, &failure), "%s",
              failure.text);
    cr_assert(references_renew(desk.references, &late, &third, true, &failure), "%s", failure.text);
    cr_expect(request_id_equal(&late.id, &second), "and what was approved");
    cr_expect_eq(late.state, REFERENCE_APPROVED);
    cr_expect_eq(late.expires_at.us, 1795246200000123);
    desk_close(&desk);
}

Test(reference, what_is_cancelled_stays_so) {
    struct desk desk;
    struct failure failure = {""};
    bool is_new, is_found;
    desk_open(&desk);
    struct reference_transaction transaction = wanted("one", 1), found;
    struct request_id id = transaction.id;
    cr_assert(references_claim(desk.references, &transaction, &is_new, &failure), "%s", failure.text);
    cr_assert(references_cancel(desk.references, &transaction, &failure), "%s", failure.text);
    cr_assert(references_approve(desk.references, &transaction, (struct instant){0}, &failure), "%s", failure.text);
    cr_expect_eq(transaction.state, REFERENCE_CANCELLED, "who approves it is told");
    cr_assert(references_decline(desk.references, &transaction, "BLOCKED", "No.", false, &failure), "%s", failure.text);
    cr_assert(references_find(desk.references, "100", transaction.credential, &id, &found, &is_found, &failure));
    cr_expect(is_found);
    cr_expect_eq(found.state, REFERENCE_CANCELLED);
    cr_assert(references_find(desk.references, "200", transaction.credential, &id, &found, &is_found, &failure));
    cr_expect_not(is_found, "another issuer's");
    cr_assert(references_find(desk.references, "100", "card/9932543656338011", &id, &found, &is_found, &failure));
    cr_expect_not(is_found, "another wallet's");
    desk_close(&desk);
}

Test(reference, what_is_declined_stays_so_with_its_reason) {
    struct desk desk;
    struct failure failure = {""};
    bool is_new;
    desk_open(&desk);
    struct reference_transaction transaction = wanted("one", 1);
    struct reference_transaction again = wanted("one", 2);
    struct request_id second = wanted("", 3).id;
    cr_assert(references_claim(desk.references, &transaction, &is_new, &failure), "%s", failure.text);
    cr_assert(references_decline(desk.references, &transaction, "BLOCKED", "Nej, spärrat.", false, &failure), "%s",
              failure.text);
    cr_assert(references_decline(desk.references, &transaction, "ENDED", "No.", false, &failure), "%s", failure.text);
    cr_assert(references_renew(desk.references, &transaction, &second, true, &failure), "%s", failure.text);
    cr_assert(references_cancel(desk.references, &transaction, &failure), "%s", failure.text);
    cr_assert(references_approve(desk.references, &transaction, (struct instant){0}, &failure), "%s", failure.text);
    cr_expect_eq(transaction.state, REFERENCE_DECLINED, "who approves it is told");
    cr_assert(references_claim(desk.references, &again, &is_new, &failure), "%s", failure.text);
    cr_expect_not(is_new);
    cr_expect(request_id_equal(&again.id, &transaction.id));
    cr_expect_eq(again.state, REFERENCE_DECLINED);
    cr_expect_str_eq(again.reason, "BLOCKED");
    cr_expect_str_eq(again.detail, "Nej, spärrat.");
    desk_close(&desk);
}

Test(reference, what_is_approved_after_it_was_declined_is_to_be_reversed_until_that_is_done) {
    struct desk desk;
    struct failure failure = {""};
    bool is_new;
    desk_open(&desk);
    struct reference_transaction transaction = wanted("one", 1), other;
    struct request_id second = wanted("", 2).id;
    cr_assert(references_claim(desk.references, &transaction, &is_new, &failure), "%s", failure.text);
    cr_assert(references_renew(desk.references, &transaction, &second, true, &failure), "%s", failure.text);
    other = transaction;
    cr_assert(references_decline(desk.references, &transaction, "BLOCKED", "No.", false, &failure), "%s", failure.text);
    cr_expect_not(transaction.has_replaced, "what was before it is reversed before it is asked for");
    cr_assert(references_approve(desk.references, &other, (struct instant){1795246200000123}, &failure), "%s",
              failure.text);
    cr_expect_eq(other.state, REFERENCE_DECLINED);
    cr_expect_eq(other.expires_at.us, 0);
    cr_expect(other.has_replaced && request_id_equal(&other.replaced, &second), "it is to be reversed");
    cr_assert(references_claim(desk.references, &transaction, &is_new, &failure), "%s", failure.text);
    cr_expect(transaction.has_replaced && request_id_equal(&transaction.replaced, &second), "so a repeat is told");
    cr_assert(references_undone(desk.references, &transaction, &failure), "%s", failure.text);
    cr_expect_not(transaction.has_replaced);
    cr_expect_eq(transaction.state, REFERENCE_DECLINED);
    desk_close(&desk);
}

Test(reference, what_is_declined_with_something_bought_is_to_be_reversed_but_not_what_was_approved_first) {
    struct desk desk;
    struct failure failure = {""};
    bool is_new;
    desk_open(&desk);
    struct reference_transaction transaction = wanted("one", 1), approved = wanted("two", 2);
    struct request_id id = transaction.id;
    cr_assert(references_claim(desk.references, &transaction, &is_new, &failure), "%s", failure.text);
    cr_assert(references_claim(desk.references, &approved, &is_new, &failure), "%s", failure.text);
    cr_assert(references_approve(desk.references, &approved, (struct instant){0}, &failure), "%s", failure.text);
    cr_assert(references_decline(desk.references, &transaction, "ID_REUSED", "No.", true, &failure), "%s",
              failure.text);
    cr_assert(references_decline(desk.references, &approved, "ID_REUSED", "No.", true, &failure), "%s", failure.text);
    cr_expect(transaction.has_replaced && request_id_equal(&transaction.replaced, &id));
    cr_expect_eq(approved.state, REFERENCE_APPROVED);
    cr_expect_not(approved.has_replaced);
    desk_close(&desk);
}

Test(reference, who_approved_or_was_declined_under_an_id_that_was_replaced_is_not_told_that_it_is_kept) {
    struct desk desk;
    struct failure failure = {""};
    bool is_new;
    desk_open(&desk);
    struct reference_transaction transaction = wanted("one", 1);
    struct request_id first = transaction.id;
    struct request_id second = wanted("", 2).id;
    cr_assert(references_claim(desk.references, &transaction, &is_new, &failure), "%s", failure.text);
    struct reference_transaction late = transaction;
    cr_expect_not(transaction.has_replaced);
    cr_assert(references_renew(desk.references, &transaction, &second, true, &failure), "%s", failure.text);
    cr_expect(transaction.has_replaced && request_id_equal(&transaction.replaced, &first), "it is to be reversed");
    cr_expect_not(references_approve(desk.references, &late, (struct instant){0}, &failure));
    cr_expect_not(references_decline(desk.references, &late, "BLOCKED", "No.", false, &failure));
    cr_expect_not(references_cancel(desk.references, &late, &failure));
    cr_assert(references_renew(desk.references, &transaction, &first, false, &failure), "%s", failure.text);
    cr_expect_not(transaction.has_replaced);
    desk_close(&desk);
}

Test(reference, a_transaction_that_is_gone_is_a_failure) {
    struct desk desk;
    struct failure failure = {""};
    desk_open(&desk);
    struct reference_transaction transaction = wanted("never claimed", 1);
    struct request_id second = wanted("", 2).id;
    cr_expect_not(references_renew(desk.references, &transaction, &second, true, &failure));
    cr_expect_not(references_approve(desk.references, &transaction, (struct instant){0}, &failure));
    cr_expect(strstr(failure.text, "no such transaction") != NULL, "%s", failure.text);
    desk_close(&desk);
}

Test(reference, a_state_that_a_newer_version_left_is_a_failure_and_stays) {
    struct desk desk;
    struct failure failures[6] = {0};
    bool is_new, is_found;
    desk_open(&desk);
    struct reference_transaction transaction = wanted("one", 1), found;
    struct request_id second = wanted("", 2).id;
    cr_assert(references_claim(desk.references, &transaction, &is_new, &failures[0]), "%s", failures[0].text);
    test_sql(desk.database.conninfo, "ALTER TABLE wallet_transaction DROP CONSTRAINT wallet_transaction_state_check; "
                                     "UPDATE wallet_transaction SET state = 'doubted'");
    cr_expect_not(references_claim(desk.references, &transaction, &is_new, &failures[0]));
    cr_expect_not(references_renew(desk.references, &transaction, &second, true, &failures[1]));
    cr_expect_not(references_approve(desk.references, &transaction, (struct instant){0}, &failures[2]));
    cr_expect_not(references_decline(desk.references, &transaction, "BLOCKED", "No.", false, &failures[3]));
    cr_expect_not(references_cancel(desk.references, &transaction, &failures[4]));
    cr_expect_not(references_find(desk.references, "100", transaction.credential, &transaction.id, &found, &is_found,
                                  &failures[5]));
    for (int i = 0; i < 6; i++)
        cr_expect(strstr(failures[i].text, "in the state \"doubted\"") != NULL, "%d: %s", i, failures[i].text);
    cr_expect_str_eq(test_sql(desk.database.conninfo, "SELECT state FROM wallet_transaction"), "doubted");
    desk_close(&desk);
}

Test(reference, a_database_that_is_silent_or_away_is_not_waited_for_and_found_again) {
    struct test_postgres postgres;
    struct failure failure = {""};
    bool is_new;
    test_postgres_start(&postgres);
    struct references *references = references_open(postgres.conninfo, 1, 500000);
    struct references *patient = references_open(postgres.conninfo, 1, PATIENCE_US);
    struct reference_transaction transaction = wanted("one", 1);
    cr_assert(references_claim(patient, &transaction, &is_new, &failure), "%s", failure.text);
    test_postgres_pause(&postgres);
    cr_expect_not(references_claim(references, &transaction, &is_new, &failure));
    cr_expect(strstr(failure.text, "in time") != NULL, "%s", failure.text);
    test_postgres_resume(&postgres);
    test_postgres_kill(&postgres);
    cr_expect_not(references_claim(references, &transaction, &is_new, &failure));
    test_postgres_restart(&postgres);
    cr_expect(references_claim(patient, &transaction, &is_new, &failure), "%s", failure.text);
    references_close(references);
    references_close(patient);
    test_postgres_stop(&postgres);
}

/* Its own default lets it commit alone, and a crash may have left it with what it alone has. */
Test(reference, an_old_primary_that_came_back_is_not_believed_and_the_next_host_is_asked) {
    struct test_pair pair;
    struct failure failure = {""};
    bool is_new = false;
    test_pair_start(&pair);
    test_sql(pair.primary.conninfo, "ALTER SYSTEM SET synchronous_commit = 'local'");
    test_sql(pair.primary.conninfo, "SELECT pg_reload_conf()");
    test_pair_promote(&pair);
    test_sql(pair.primary.conninfo,
             "SET synchronous_commit = local; INSERT INTO wallet_transaction (issuer, credential, reference, id, "
             "amount_minor, is_hold, description) "
             "VALUES ('100', 'card/9932543656338003', 'one', '01890000-0000-7000-8000-000000000001', 5, false, '')");
    struct references *references = references_open(pair.conninfo, 1, 1000000);
    struct reference_transaction transaction = wanted("one", 1);
    cr_expect_not(references_claim(references, &transaction, &is_new, &failure), "the old primary is believed");
    int64_t give_up = tick_now().us + PATIENCE_US;
    while (!references_claim(references, &transaction, &is_new, &failure))
        cr_assert_lt(tick_now().us, give_up, "the new primary is not asked: %s", failure.text);
    cr_expect(is_new);
    cr_expect_str_eq(test_sql(pair.standby.conninfo, "SELECT amount_minor FROM wallet_transaction"), "13000");
    cr_expect_str_eq(test_sql(pair.primary.conninfo, "SELECT amount_minor FROM wallet_transaction"), "5");
    references_close(references);
    test_pair_stop(&pair);
}
