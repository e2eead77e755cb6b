/* SPDX-License-Identifier: Apache-2.0 */
/* SIGHUP: a running switch reads its settings and certificates again, and nobody notices but whom it concerns. */
#include "crowd.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct cluster cluster;

TestSuite(reload, .timeout = 180);

static void wait_for_reason(int64_t amount_minor, enum reason reason) {
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    int64_t give_up = tick_now().us + 20 * SECOND_US;
    struct wire_reply reply;
    do {
        cr_assert_lt(tick_now().us, give_up, "the change is not in force: %s", reason_name(reply.answer.reason));
        struct wire_request request = cluster_purchase(CARD_RICH);
        request.authorize.amount.minor = amount_minor;
        request.authorize.timeout_us = SECOND_US;
        reply = cluster_call(connection, &request);
    } while (reply.answer.reason != reason);
    client_disconnect(connection);
}

Test(reload, a_setting_that_may_change_is_in_force_without_a_restart_on_every_worker) {
    cluster_start(&cluster, (struct cluster_wishes){.settings = "[switch]\nworkers = 3\n"});
    wait_for_reason(13000, REASON_APPROVED);
    cluster_change_settings(&cluster, 0, "[switch]\nworkers = 3\n[operator]\nlargest_amount = 100.00\n");
    cluster_wait_log(&cluster, 0, "setting changed section=operator key=largest_amount");
    /* Connections are spread over the workers. */
    for (int i = 0; i < 12; i++)
        wait_for_reason(13000, REASON_INVALID_AMOUNT);
    cluster_change_settings(&cluster, 0, "[switch]\nworkers = 3\n");
    for (int i = 0; i < 12; i++)
        wait_for_reason(13000, REASON_APPROVED);
    cluster_stop(&cluster);
}

Test(reload, a_setting_that_may_not_is_named_and_keeps_its_value) {
    cluster_start(&cluster, (struct cluster_wishes){0});
    cluster_change_settings(&cluster, 0, "[switch]\nworkers = 2\n");
    cluster_wait_log(&cluster, 0, "setting kept as it was until the next start section=switch key=workers");
    cluster_wait_log(&cluster, 0, "settings read again");
    wait_for_reason(13000, REASON_APPROVED);
    cluster_stop(&cluster);
}

Test(reload, a_file_that_is_wrong_changes_nothing_and_says_why) {
    cluster_start(&cluster, (struct cluster_wishes){0});
    cluster_change_settings(&cluster, 0, "[operator]\nlargest_amount = 100.00\nlargest_amuont = 1\n");
    cluster_wait_log(&cluster, 0, "settings kept as they were");
    cr_expect(cluster_log_tells(&cluster, 0, "largest_amuont"), "what is wrong is not said");
    cr_expect_not(cluster_log_tells(&cluster, 0, "setting changed"));
    wait_for_reason(13000, REASON_APPROVED);
    cluster_stop(&cluster);
}

Test(reload, the_log_says_more_when_it_is_told_to) {
    cluster_start(&cluster, (struct cluster_wishes){0});
    wait_for_reason(13000, REASON_APPROVED);
    cr_expect_not(cluster_log_tells(&cluster, 0, "client connected"));
    cluster_change_settings(&cluster, 0, "[log]\nlevel = debug\n");
    cluster_wait_log(&cluster, 0, "settings read again");
    wait_for_reason(13000, REASON_APPROVED);
    cr_expect(cluster_log_tells(&cluster, 0, "client connected"));
    cluster_stop(&cluster);
}

Test(reload, what_a_journal_may_vouch_for_can_be_lowered_while_it_stands_in) {
    cluster_start(&cluster, (struct cluster_wishes){.own_postgres = true, .journals = true});
    test_postgres_kill(&cluster.postgres);
    wait_for_reason(13000, REASON_APPROVED);
    cluster_change_settings(&cluster, 0, "[stand_in]\namount = 0.00\n");
    cluster_wait_log(&cluster, 0, "the journal takes no more purchases");
    wait_for_reason(13000, REASON_UNAVAILABLE);
    cluster_change_settings(&cluster, 0, "[stand_in]\namount = 100000.00\n");
    wait_for_reason(13000, REASON_APPROVED);
    test_postgres_restart(&cluster.postgres);
    cluster_wait_log(&cluster, 0, "journal drained");
    cluster_expect_clean_audit(&cluster);
    cluster_stop(&cluster);
}

/* Issue 3, item 10 */
Test(reload, no_request_fails_while_settings_and_certificates_are_read_again_and_again) {
    static const int cards[] = {CARD_RICH};
    static const char *const settings[] = {"[switch]\nworkers = 2\n[stand_in]\nafter = 2 s\n",
                                           "[switch]\nworkers = 2\nanswer_margin = 4 ms\n"};
    static struct crowd crowd;
    cluster_start(&cluster, (struct cluster_wishes){.settings = settings[0]});
    crowd_start(&crowd, &cluster, cards, 1, 4 * SECOND_US);
    for (int i = 1; i <= 40; i++) {
        cluster_change_settings(&cluster, 0, settings[i % 2]);
        crowd_wait_answered(&crowd, 20);
    }
    crowd_stop(&crowd);
    cr_expect_eq(crowd.failed, 0);
    crowd_verify(&crowd);
    crowd_finish(&crowd);
    cluster_stop(&cluster);
}
