/* SPDX-License-Identifier: Apache-2.0 */
/* How the programs behave towards those who run them and those who misuse them. */
#include "cluster.h"
#include "support/postgres_standby.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(manners, .timeout = 120);

static struct cluster cluster;

static int run_vaxeld(const char *config, const char *more, char output[4096]) {
    char program[TEST_TEXT];
    char directory[TEST_TEXT];
    char log[TEST_TEXT + 16];
    test_program("vaxeld", program);
    test_directory(directory);
    snprintf(log, sizeof log, "%s/log", directory);
    const char *const arguments[] = {program, "--config", config, "--set=ops.listen=none", more, NULL};
    pid_t pid = test_process_start(log, arguments);
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    FILE *file = fopen(log, "r");
    cr_assert_not_null(file);
    output[fread(output, 1, 4095, file)] = '\0';
    fclose(file);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

Test(manners, a_wrong_setting_stops_the_start_and_says_file_line_and_what_is_allowed) {
    char directory[TEST_TEXT];
    char path[TEST_TEXT + 16];
    char output[4096];
    test_directory(directory);
    snprintf(path, sizeof path, "%s/wrong.ini", directory);
    write_file(path, "[switch]\nworkers = many\n");
    cr_expect_eq(run_vaxeld(path, "--check-config", output), 2);
    cr_expect_not_null(strstr(output, "wrong.ini:2"), "%s", output);
    write_file(path, "[switch]\n\nworkesr = 2\n");
    cr_expect_eq(run_vaxeld(path, NULL, output), 2);
    cr_expect_not_null(strstr(output, "wrong.ini:3"), "%s", output);
    cr_expect_not_null(strstr(output, "workers"), "the nearest key is not named: %s", output);
    write_file(path, "[switch]\nworkers = 2\n");
    cr_expect_eq(run_vaxeld(path, "--check-config", output), 0, "%s", output);
}

static void expect_served(void) {
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    struct wire_request echo = {.call = CALL_ECHO};
    cr_expect_eq(cluster_call(connection, &echo).kind, WIRE_REPLY_ECHO);
    client_disconnect(connection);
}

/* The openssl command as a client that speaks TLS well and nothing else: `bytes` are printf(1) escapes. */
static void say_over_tls(const char *client, const char *bytes, char *output, size_t size) {
    char command[2048];
    snprintf(command, sizeof command,
             "{ printf '%s'; sleep 5; } | timeout 20 openssl s_client -quiet -connect 127.0.0.1:%d -alpn vaxel/1 "
             "-cert %.200s/%s.pem -key %.200s/%s.key -CAfile %.200s/authority.pem 2>/dev/null | strings",
             bytes, cluster.nodes[0].port, cluster.directory, client, cluster.directory, client, cluster.directory);
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    output[fread(output, 1, size - 1, pipe)] = '\0';
    pclose(pipe);
}

Test(manners, a_bad_frame_gets_a_clear_error_and_harms_nobody_else) {
    cluster_start(&cluster, (struct cluster_wishes){0});
    struct client_connection *other = cluster_connect(&cluster, 0, "validator-1");
    char output[4096];
    say_over_tls("validator-1", "\\377\\377\\377\\377", output, sizeof output);
    cr_expect_not_null(strstr(output, "65536"), "what is allowed is not said: %s", output);
    say_over_tls("validator-1", "\\000\\000\\000\\002\\377\\377", output, sizeof output);
    cr_expect_gt(strlen(output), 10, "nothing is said of bytes that are no envelope");
    struct wire_request echo = {.call = CALL_ECHO};
    cr_expect_eq(cluster_call(other, &echo).kind, WIRE_REPLY_ECHO);
    client_disconnect(other);
    cluster_stop(&cluster);
}

Test(manners, a_certificate_that_no_client_row_names_is_turned_away) {
    cluster_start(&cluster, (struct cluster_wishes){0});
    char output[4096];
    say_over_tls("stranger", "\\000\\000\\000\\004\\010\\001\\052\\000", output, sizeof output);
    cr_expect_str_eq(output, "");
    expect_served();
    cluster_stop(&cluster);
}

Test(manners, the_command_line_buys_and_its_exit_status_says_what_came_of_it) {
    cluster_start(&cluster, (struct cluster_wishes){0});
    char card[24];
    char output[4096];
    snprintf(card, sizeof card, "%llu", (unsigned long long)cluster_card(CARD_THOUSAND));
    const char *const purchase[] = {"purchase", "--card", card, "--amount", "130.00", "--product", "single", NULL};
    cr_expect_eq(cluster_vaxel(&cluster, output, sizeof output, purchase), 0, "%s", output);
    cr_expect_not_null(strstr(output, "870.00"), "what is left is not said:\n%s", output);
    cr_expect_null(strstr(output, card), "the card's number is shown:\n%s", output);
    const char *const dear[] = {"purchase", "--card",    card,     "--amount", "900.00",
                                "--json",   "--product", "single", NULL};
    cr_expect_eq(cluster_vaxel(&cluster, output, sizeof output, dear), 1, "%s", output);
    cr_expect_not_null(strstr(output, "CREDIT_LIMIT"), "%s", output);
    const char *const wrong[] = {"purchase", "--card", "1234", "--amount", "1", "--product", "single", NULL};
    cr_expect_eq(cluster_vaxel(&cluster, output, sizeof output, wrong), 2, "%s", output);
    const char *const balance[] = {"balance", "--card", card, NULL};
    cr_expect_eq(cluster_vaxel(&cluster, output, sizeof output, balance), 0, "%s", output);
    cluster_stop(&cluster);
}

Test(manners, the_audit_finds_a_counter_that_is_wrong) {
    cluster_start(&cluster, (struct cluster_wishes){0});
    cr_assert_eq(cluster_buy(&cluster, 0, CARD_THOUSAND).decision, DECISION_APPROVED);
    cluster_expect_clean_audit(&cluster);
    const char *month = cluster_sql(&cluster, "SELECT month FROM entry WHERE organisation = 1 LIMIT 1");
    test_redis_command(&cluster.redis, "HINCRBY {1}:%s c%d -1", month, 100 + CARD_THOUSAND);
    char output[4096];
    static const char *const audit[] = {"audit", NULL};
    cr_expect_eq(cluster_vaxel(&cluster, output, sizeof output, audit), 1, "%s", output);
    cluster_stop(&cluster);
}

Test(manners, a_client_over_its_rate_is_busy_and_the_others_are_not) {
    cluster_start(&cluster, (struct cluster_wishes){0});
    cluster_sql(&cluster, "INSERT INTO client (name, kind, calls, channels, rate_per_s) VALUES "
                          "('stranger', 'validator', '{authorize,echo}', '{card}', 2)");
    int64_t give_up = tick_now().us + 20 * SECOND_US;
    bool is_busy = false;
    struct client_connection *connection = cluster_connect(&cluster, 0, "stranger");
    while (!is_busy && tick_now().us < give_up) {
        struct wire_request request = cluster_purchase(CARD_RICH);
        struct wire_reply reply;
        struct failure failure;
        if (!client_call(connection, &request, 20 * SECOND_US, &reply, &failure)) {
            /* The row is not in force yet. */
            client_disconnect(connection);
            connection = cluster_connect(&cluster, 0, "stranger");
            continue;
        }
        is_busy = reply.answer.reason == REASON_BUSY;
    }
    cr_expect(is_busy);
    client_disconnect(connection);
    cr_expect_eq(cluster_buy(&cluster, 0, CARD_RICH).decision, DECISION_APPROVED);
    cluster_stop(&cluster);
}

/* ---- the start ---- */

static void stop_node_and_postgres(void) {
    cluster_start(&cluster, (struct cluster_wishes){.own_postgres = true});
    cr_assert_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0);
    test_postgres_kill(&cluster.postgres);
    cluster_start_node(&cluster, 0);
    cluster_wait_log(&cluster, 0, "the start waits for PostgreSQL");
}

Test(manners, a_node_that_finds_postgresql_away_waits_for_it) {
    stop_node_and_postgres();
    test_postgres_restart(&cluster.postgres);
    cluster_wait_ready(&cluster, 0);
    cr_expect_eq(cluster_buy(&cluster, 0, CARD_RICH).decision, DECISION_APPROVED);
    cluster_stop(&cluster);
}

Test(manners, a_node_that_waits_for_postgresql_can_be_ended) {
    stop_node_and_postgres();
    cr_expect_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0);
    cluster.nodes[0].pid = 0;
    cluster_stop(&cluster);
}

/* Between two primaries there are only standbys: somebody answers, and yet it is no "no". */
Test(manners, a_node_that_finds_a_standby_alone_waits_until_it_is_promoted) {
    static struct test_pair pair;
    test_pair_start(&pair);
    cluster_start(&cluster, (struct cluster_wishes){.conninfo = pair.conninfo});
    cr_assert_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0);
    test_postgres_kill_all(&pair.primary);
    cluster_start_node(&cluster, 0);
    cluster_wait_log(&cluster, 0, "the start waits for PostgreSQL");
    test_pair_promote(&pair);
    cluster.conninfo = pair.standby.conninfo;
    cluster_wait_ready(&cluster, 0);
    cluster_stop(&cluster);
    test_pair_stop(&pair);
}

Test(manners, a_database_that_is_not_migrated_stops_the_start) {
    cluster_start(&cluster, (struct cluster_wishes){0});
    cluster_sql(&cluster, "DROP TABLE schema_migration");
    cr_assert_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0);
    char output[4096];
    cr_expect_eq(run_vaxeld(cluster.nodes[0].config, NULL, output), 1);
    cr_expect_not_null(strstr(output, "vaxel migrate"), "%s", output);
    cluster.nodes[0].pid = 0;
    cluster_stop(&cluster);
}

Test(manners, a_database_that_does_not_exist_stops_the_start) {
    cluster_start(&cluster, (struct cluster_wishes){0});
    char output[4096];
    char conninfo[TEST_TEXT + 64];
    snprintf(conninfo, sizeof conninfo, "--set=postgres.conninfo=%s dbname=nowhere", cluster.conninfo);
    cr_expect_eq(run_vaxeld(cluster.nodes[0].config, conninfo, output), 1);
    cr_expect_not_null(strstr(output, "nowhere"), "%s", output);
    cluster_stop(&cluster);
}

Test(manners, two_nodes_on_one_journal_are_one_too_many) {
    cluster_start(&cluster, (struct cluster_wishes){.journals = true});
    char output[4096];
    char address[64];
    snprintf(address, sizeof address, "--set=listen.address=127.0.0.1:%d", test_free_port());
    cr_expect_eq(run_vaxeld(cluster.nodes[0].config, address, output), 1);
    cr_expect_not_null(strstr(output, "node0.ini.journal/worker0"), "%s", output);
    expect_served();
    cluster_stop(&cluster);
}
