/* SPDX-License-Identifier: Apache-2.0 */
#include "crowd.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ATTEMPTS 50
#define PATIENCE_US (120 * SECOND_US)

static struct client_connection *connect_to(struct crowd *crowd, int node) {
    char address[64];
    char text[3][TEST_TEXT];
    static const char *const endings[] = {"validator-1.pem", "validator-1.key", "authority.pem"};
    for (int i = 0; i < 3; i++)
        snprintf(text[i], TEST_TEXT, "%.200s/%s", crowd->cluster->directory, endings[i]);
    const struct net_tls_files files = {text[0], text[1], text[2]};
    snprintf(address, sizeof address, "127.0.0.1:%d", crowd->cluster->nodes[node].port);
    struct failure failure;
    return client_connect(address, &files, SECOND_US, &failure);
}

static void note_approved(struct crowd *crowd, const struct request_id *id) {
    unsigned at = crowd->approved_count++;
    if (at < CROWD_APPROVALS)
        crowd->approved[at] = *id;
}

/* Asks until there is a decision; false when there is none to be had. */
static bool buy(struct crowd *crowd, struct client_connection **connection, int *node, struct wire_request *request) {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (*connection == NULL) {
            *node = (*node + 1) % crowd->cluster->node_count;
            *connection = connect_to(crowd, *node);
        }
        struct wire_reply reply;
        struct failure failure;
        if (*connection == NULL) {
            usleep(20000);
            continue;
        }
        if (!client_call(*connection, request, 5 * SECOND_US, &reply, &failure)) {
            client_disconnect(*connection);
            *connection = NULL;
            continue;
        }
        crowd->answered++;
        if (reply.kind != WIRE_REPLY_ANSWER || reply.answer.decision == DECISION_FAILED) {
            crowd->failed++;
            usleep(20000); /* as a validator waits, so that the attempts last through an outage */
            continue;
        }
        if (reply.answer.decision == DECISION_APPROVED)
            note_approved(crowd, &request->authorize.id);
        return true;
    }
    return false;
}

static void *run(void *argument) {
    const struct crowd_member *member = argument;
    struct crowd *crowd = member->crowd;
    struct client_connection *connection = NULL;
    int node = member->number;
    for (int round = member->number; !crowd->is_over; round++) {
        struct wire_request request = cluster_purchase(crowd->cards[round % crowd->card_count]);
        request.authorize.timeout_us = crowd->timeout_us;
        buy(crowd, &connection, &node, &request);
    }
    if (connection != NULL)
        client_disconnect(connection);
    return NULL;
}

void crowd_warm(struct cluster *cluster) {
    static const int of_each[] = {CARD_RICH, CARD_POOR_COMPANY};
    for (size_t i = 0; i < sizeof of_each / sizeof of_each[0]; i++)
        cr_assert_eq(cluster_buy(cluster, 0, of_each[i]).decision, DECISION_APPROVED);
}

void crowd_start(struct crowd *crowd, struct cluster *cluster, const int *cards, int card_count, int64_t timeout_us) {
    *crowd = (struct crowd){.cluster = cluster, .cards = cards, .card_count = card_count, .timeout_us = timeout_us};
    crowd->approved = calloc(CROWD_APPROVALS, sizeof *crowd->approved);
    cr_assert_not_null(crowd->approved);
    for (int i = 0; i < CROWD_CLIENTS; i++) {
        crowd->members[i] = (struct crowd_member){crowd, i};
        cr_assert_eq(pthread_create(&crowd->threads[i], NULL, run, &crowd->members[i]), 0);
    }
}

void crowd_wait_answered(struct crowd *crowd, unsigned more) {
    unsigned wanted = crowd->answered + more;
    int64_t give_up = tick_now().us + PATIENCE_US;
    while (crowd->answered < wanted) {
        cr_assert_lt(tick_now().us, give_up, "%u answers of %u", crowd->answered, wanted);
        usleep(1000);
    }
}

void crowd_stop(struct crowd *crowd) {
    crowd->is_over = true;
    for (int i = 0; i < CROWD_CLIENTS; i++)
        pthread_join(crowd->threads[i], NULL);
}

#define IDS_AT_ONCE 100

/* How many of some approved purchases have no row. */
static int missing(struct crowd *crowd, const struct request_id *ids, unsigned count) {
    char list[IDS_AT_ONCE * (REQUEST_ID_TEXT_SIZE + 3)];
    size_t size = 0;
    for (unsigned at = 0; at < count; at++) {
        char text[REQUEST_ID_TEXT_SIZE];
        request_id_format(&ids[at], text);
        size += (size_t)snprintf(list + size, sizeof list - size, "%s'%s'", at == 0 ? "" : ",", text);
    }
    return (int)count - atoi(test_sql(crowd->cluster->conninfo, "SELECT count(*) FROM entry WHERE id IN (%s)", list));
}

void crowd_wait_recorded(struct crowd *crowd) {
    int64_t give_up = tick_now().us + PATIENCE_US;
    for (unsigned at = 0; at < crowd->approved_count; at += IDS_AT_ONCE) {
        unsigned left = crowd->approved_count - at;
        while (missing(crowd, crowd->approved + at, left < IDS_AT_ONCE ? left : IDS_AT_ONCE) > 0) {
            cr_assert_lt(tick_now().us, give_up, "an approved purchase is not recorded");
            usleep(20000);
        }
    }
}

static void expect_none(struct cluster *cluster, const char *what, const char *sql) {
    const char *found = cluster_sql(cluster, "%s", sql);
    cr_expect_str_eq(found, "", "%s: %s", what, found);
}

static void expect_recorded(struct crowd *crowd) {
    unsigned count = crowd->approved_count;
    cr_assert_leq(count, CROWD_APPROVALS);
    cluster_sql(crowd->cluster, "CREATE TABLE told (id uuid)");
    char sql[2048];
    for (unsigned at = 0; at < count;) {
        size_t size = (size_t)snprintf(sql, sizeof sql, "INSERT INTO told VALUES ");
        for (int row = 0; row < 40 && at < count; row++, at++) {
            char text[REQUEST_ID_TEXT_SIZE];
            request_id_format(&crowd->approved[at], text);
            size += (size_t)snprintf(sql + size, sizeof sql - size, "%s('%s')", row == 0 ? "" : ",", text);
        }
        cluster_sql(crowd->cluster, "%s", sql);
    }
    expect_none(crowd->cluster, "approved, and not recorded once",
                "SELECT told.id FROM told LEFT JOIN entry ON entry.id = told.id AND kind = 1 "
                "GROUP BY told.id HAVING count(entry.id) <> 1 LIMIT 1");
    /* A reversal bears the purchase's id with version 8. */
    expect_none(crowd->cluster, "approved, and reversed",
                "SELECT told.id FROM told JOIN entry ON entry.kind = 6 AND entry.amount_minor <> 0 AND "
                "entry.id = overlay(told.id::text placing '8' from 15 for 1)::uuid LIMIT 1");
}

void crowd_verify(struct crowd *crowd) {
    struct cluster *cluster = crowd->cluster;
    cr_log_info("answered %u, failed %u, approved %u", crowd->answered, crowd->failed, crowd->approved_count);
    cr_expect_gt(crowd->approved_count, 0);
    expect_recorded(crowd);
    expect_none(cluster, "credit passed",
                "SELECT c.id FROM entry e JOIN credit c ON c.id = e.credit GROUP BY c.id, month "
                "HAVING sum(amount_minor) > c.limit_minor");
    expect_none(cluster, "organisation passed",
                "SELECT o.id FROM entry e JOIN organisation o ON o.id = e.organisation GROUP BY o.id, month "
                "HAVING sum(amount_minor) > o.limit_minor");
    cluster_expect_clean_audit(cluster);
}

void crowd_finish(struct crowd *crowd) {
    free(crowd->approved);
}
