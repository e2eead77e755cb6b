/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL restored to an earlier moment, with a Redis that knows more: docs/operations.md, *Restore*. */
#include "cluster.h"
#include "support/postgres_backup.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(restore, .timeout = 180);

/* Of CARD_THOUSAND 130.00 fits seven times. */
#define BEFORE 3
#define AFTER 4

static struct cluster cluster;
static struct wire_request lost[AFTER];

static struct answer ask(struct wire_request *request) {
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    struct wire_reply reply = cluster_call(connection, request);
    client_disconnect(connection);
    cr_assert_eq(reply.kind, WIRE_REPLY_ANSWER, "%s", reply.fault.text);
    return reply.answer;
}

static void expect_answer(struct wire_request *request, enum reason reason) {
    struct answer answer = ask(request);
    cr_expect_eq(answer.reason, reason, "%s, not %s", reason_name(answer.reason), reason_name(reason));
}

static void expect_bought(int card, enum reason reason) {
    struct wire_request request = cluster_purchase(card);
    expect_answer(&request, reason);
}

/* Bought before the backup, and after it up to the limit. The node has ended, for nodes are ended before a restore. */
static void lose_what_came_after_the_backup(bool has_newer_epoch) {
    cluster_start(&cluster,
                  (struct cluster_wishes){.own_postgres = true, .settings = "[audit]\npause = 10 ms\ngrace = 10 s\n"});
    for (int i = 0; i < BEFORE; i++)
        expect_bought(CARD_THOUSAND, REASON_APPROVED);
    test_postgres_back_up(&cluster.postgres);
    for (int i = 0; has_newer_epoch && i < 3; i++) {
        test_redis_command(&cluster.redis, "FLUSHALL");
        expect_bought(CARD_RICH, REASON_APPROVED);
    }
    for (int i = 0; i < AFTER; i++) {
        lost[i] = cluster_purchase(CARD_THOUSAND);
        expect_answer(&lost[i], REASON_APPROVED);
    }
    expect_bought(CARD_THOUSAND, REASON_CREDIT_LIMIT);
    cr_assert_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0);
    test_postgres_restore(&cluster.postgres);
}

static void start_node(void) {
    cluster_start_node(&cluster, 0);
    cluster_wait_ready(&cluster, 0);
}

static void expect_rows(const char *count) {
    cr_expect_str_eq(
        cluster_sql(&cluster, "SELECT count(*) FROM entry WHERE credit = %d AND amount_minor > 0", 100 + CARD_THOUSAND),
        count);
}

static void report_lost(void) {
    static struct advices advices;
    advices.count = AFTER;
    for (int i = 0; i < AFTER; i++)
        advices.each[i] = (struct advise){.id = lost[i].authorize.id,
                                          .credential = lost[i].authorize.credential,
                                          .amount = lost[i].authorize.amount,
                                          .product = lost[i].authorize.product,
                                          .place = lost[i].authorize.place,
                                          .timeout_us = 10 * SECOND_US};
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    struct wire_request request = {.call = CALL_ADVISE, .advices = &advices};
    struct wire_reply reply = cluster_call(connection, &request);
    cr_assert_eq(reply.kind, WIRE_REPLY_ADVICES, "%s", reply.fault.text);
    for (int i = 0; i < AFTER; i++)
        cr_expect_eq(reply.advices->each[i].reason, REASON_APPROVED);
    client_disconnect(connection);
}

Test(restore, with_redis_emptied_counters_are_those_of_the_restored_records_and_what_was_lost_can_be_reported) {
    lose_what_came_after_the_backup(true);
    test_redis_command(&cluster.redis, "FLUSHALL");
    start_node();
    expect_rows("3");
    cluster_expect_clean_audit(&cluster);
    report_lost();
    report_lost();
    expect_rows("7");
    expect_bought(CARD_THOUSAND, REASON_CREDIT_LIMIT);
    cluster_expect_clean_audit(&cluster);
    cluster_stop(&cluster);
}

Test(restore, with_redis_as_it_was_limits_hold_a_repeat_is_recorded_again_and_the_audit_frees_the_rest) {
    lose_what_came_after_the_backup(false);
    start_node();
    expect_bought(CARD_THOUSAND, REASON_CREDIT_LIMIT); /* too high, never too low */
    expect_answer(&lost[0], REASON_APPROVED);
    expect_rows("4");
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    struct wire_request request;
    do { /* a refused id stays refused */
        cr_assert_lt(tick_now().us, give_up, "the audit does not free what the records have lost");
        usleep(100000);
        request = cluster_purchase(CARD_THOUSAND);
    } while (ask(&request).reason == REASON_CREDIT_LIMIT);
    expect_rows("5");
    cluster_expect_clean_audit(&cluster);
    cluster_stop(&cluster);
}

Test(restore, with_a_redis_whose_epochs_are_newer_nothing_is_approved_until_it_is_emptied) {
    lose_what_came_after_the_backup(true);
    start_node();
    for (int i = 0; i < 3; i++) {
        struct wire_request request = cluster_purchase(CARD_THOUSAND);
        request.authorize.timeout_us = SECOND_US;
        expect_answer(&request, REASON_DEADLINE);
    }
    expect_rows("3");
    test_redis_command(&cluster.redis, "FLUSHALL");
    expect_bought(CARD_RICH, REASON_APPROVED);
    cluster_expect_clean_audit(&cluster);
    cluster_stop(&cluster);
}

/* The disk of the node outlived that of PostgreSQL. */
Test(restore, journals_are_drained_into_the_restored_records) {
    /* A commit that is merely slow is not journaled. */
    cluster_start(&cluster, (struct cluster_wishes){
                                .own_postgres = true, .journals = true, .settings = "[stand_in]\nafter = 10 s\n"});
    expect_bought(CARD_THOUSAND, REASON_APPROVED);
    test_postgres_back_up(&cluster.postgres);
    expect_bought(CARD_THOUSAND, REASON_APPROVED);
    test_postgres_kill(&cluster.postgres);
    for (int i = 0; i < 2; i++) {
        struct wire_request request = cluster_purchase(CARD_THOUSAND);
        struct answer answer = ask(&request);
        cr_assert_eq(answer.safety, SAFETY_JOURNALED, "%s", reason_name(answer.reason));
    }
    test_process_end(cluster.nodes[0].pid, SIGKILL);
    test_postgres_restart(&cluster.postgres);
    test_postgres_restore(&cluster.postgres);
    test_redis_command(&cluster.redis, "FLUSHALL");
    start_node();
    cluster_wait_log(&cluster, 0, "journal drained");
    expect_rows("3");
    cluster_expect_clean_audit(&cluster);
    cluster_stop(&cluster);
}

/* As docs/operations.md has it, *Retention*. */
Test(restore, a_month_that_is_taken_away_disturbs_nothing) {
    static const char *const parts[] = {"entry", "effect", "refusal", "rollup"};
    static const char *const lists[] = {"recorded_month", "fence", "hold"};
    cluster_start(&cluster, (struct cluster_wishes){.own_postgres = true});
    cluster_sql(&cluster, "SELECT make_partitions(202401)");
    cluster_sql(&cluster, "INSERT INTO fence VALUES (1, 202401, 1)");
    cluster_sql(
        &cluster,
        "INSERT INTO entry (id, amount_minor, recorded_at, month, organisation, epoch, traveller, credit, "
        "department, client, kind, product, place) VALUES (gen_random_uuid(), 13000, now(), 202401, 1, 1, 2, %d, "
        "0, 1, 1, 'single', 'line 45')",
        100 + CARD_THOUSAND);
    expect_bought(CARD_THOUSAND, REASON_APPROVED);
    for (int i = 0; i < 4; i++)
        cluster_sql(&cluster, "ALTER TABLE %s DETACH PARTITION %s_202401 CONCURRENTLY", parts[i], parts[i]);
    for (int i = 0; i < 3; i++)
        cluster_sql(&cluster, "DELETE FROM %s WHERE month = 202401", lists[i]);
    for (int i = 0; i < 4; i++)
        cluster_sql(&cluster, "DROP TABLE %s_202401", parts[i]);
    expect_bought(CARD_THOUSAND, REASON_APPROVED);
    expect_rows("2");
    cluster_expect_clean_audit(&cluster);
    cluster_stop(&cluster);
}
