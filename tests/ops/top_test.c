/* SPDX-License-Identifier: Apache-2.0 */
/* `vaxel top`, as an operator sees it. */
#include "scrape.h"
#include "terminal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is bought while PostgreSQL is there goes to no journal, however busy its disk. */
#define PATIENT "[stand_in]\nafter = 10 s\n"

TestSuite(ops_top, .timeout = 300);

#define TITLE_ROW 0
#define TROUBLE_ROW 2
#define APPROVED_ROW 3
#define DECLINED_ROW 4
#define FAILED_ROW 5

static struct cluster cluster;

/* A terminal with `vaxel top` of the first so many nodes. */
static struct terminal *start_top(int nodes, struct terminal_wishes wishes) {
    char program[TEST_TEXT], urls[CLUSTER_NODES][64];
    const char *arguments[3 + CLUSTER_NODES] = {program, "top"};
    test_program("vaxel", program);
    for (int node = 0; node < nodes; node++) {
        snprintf(urls[node], sizeof urls[node], "http://127.0.0.1:%d", cluster.nodes[node].ops_port);
        arguments[2 + node] = urls[node];
    }
    wishes.arguments = arguments;
    return terminal_start(wishes);
}

static void buy(int card, int times) {
    for (int i = 0; i < times; i++)
        cluster_buy(&cluster, 0, card);
}

static void wait_total(struct terminal *terminal, int row, const char *series) {
    char text[64];
    snprintf(text, sizeof text, " %.0f all", ops_sum(ops_scrape(&cluster, 0), series));
    terminal_wait_row(terminal, row, text);
}

static double all_for(const char *screen, const char *reason) {
    const char *at = strstr(screen, reason);
    if (at == NULL)
        return 0;
    char *end;
    strtod(at + strlen(reason), &end); /* a second */
    return strtod(end, NULL);
}

/* A screen may be read while it is being drawn. */
static void wait_reason(struct terminal *terminal, const char *reason, double all) {
    for (int tries = 0; all_for(terminal_text(terminal), reason) != all; tries++) {
        cr_assert_lt(tries, 200, "%s\n%s", reason, terminal_text(terminal));
        usleep(100000);
    }
}

Test(ops_top, shows_what_the_metrics_say) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    struct terminal *terminal = start_top(1, (struct terminal_wishes){0});
    terminal_wait_row(terminal, TITLE_ROW, "LIVE");
    buy(CARD_THOUSAND, 9); /* 130.00 fits seven times */
    buy(CARD_BLOCKED, 3);
    wait_total(terminal, APPROVED_ROW,
               "vaxel_answers_total{call=\"authorize\",client=\"validator\",channel=\"card\",decision=\"approved\"");
    terminal_wait_row(terminal, APPROVED_ROW, " 7 all");
    terminal_wait_row(terminal, DECLINED_ROW, " 5 all");
    terminal_wait_row(terminal, FAILED_ROW, " 0 all");
    wait_reason(terminal, "CREDIT_LIMIT", 2);
    wait_reason(terminal, "BLOCKED", 3);
    terminal_wait(terminal, "Redis up");
    terminal_wait(terminal, "PostgreSQL up");
    terminal_wait(terminal, "Nothing is amiss.");
    terminal_close(terminal);
    cluster_stop(&cluster);
}

Test(ops_top, shows_what_is_connected_as_the_metrics_say) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.settings = "[listen]\nconnections = 77\n"});
    struct terminal *terminal = start_top(1, (struct terminal_wishes){0});
    struct client_connection *one = cluster_connect(&cluster, 0, "validator-1");
    struct client_connection *two = cluster_connect(&cluster, 0, "validator-1");
    terminal_wait(terminal, "Connections 2/77");
    client_disconnect(one);
    client_disconnect(two);
    terminal_wait(terminal, "Connections 0/77");
    terminal_close(terminal);
    cluster_stop(&cluster);
}

Test(ops_top, lists_declines_with_their_explanation_and_organisations_by_what_they_use) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    struct terminal *terminal = start_top(1, (struct terminal_wishes){.rows = 40, .columns = 100});
    buy(CARD_POOR_COMPANY, 7); /* 910.00 of the organisation's 1000.00 */
    struct client_connection *connection = cluster_connect(&cluster, 0, "validator-1");
    struct wire_request request = cluster_purchase(CARD_POOR_COMPANY);
    cr_assert_eq(cluster_call(connection, &request).answer.reason, REASON_ORGANISATION_LIMIT);
    client_disconnect(connection);
    char id[REQUEST_ID_TEXT_SIZE];
    request_id_format(&request.authorize.id, id);
    terminal_wait(terminal, "91 %");
    terminal_wait(terminal, "910.00 of 1000.00");
    terminal_type(terminal, "\t");
    terminal_wait(terminal, "[Declines]");
    terminal_wait(terminal, id);
    terminal_wait(terminal, "910.00 of 1000.00 SEK used");
    terminal_close(terminal);
    cluster_stop(&cluster);
}

/* ---- what is not well ---- */

Test(ops_top, a_node_that_was_killed_is_stalled_and_its_figures_are_left_out) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.nodes = 2});
    struct terminal *terminal = start_top(2, (struct terminal_wishes){0});
    terminal_wait_row(terminal, TITLE_ROW, "2 nodes, 2 live");
    buy(CARD_RICH, 2);
    cluster_buy(&cluster, 1, CARD_RICH);
    terminal_wait_row(terminal, APPROVED_ROW, " 3 all");
    test_process_end(cluster.nodes[1].pid, SIGKILL);
    terminal_wait_row(terminal, TITLE_ROW, "1 of 2 STALLED");
    terminal_wait_row(terminal, TROUBLE_ROW, "STALLED, nothing heard for");
    terminal_wait_row(terminal, APPROVED_ROW, " 2 all");
    test_process_end(cluster.nodes[0].pid, SIGKILL);
    terminal_wait_row(terminal, TITLE_ROW, "2 of 2 STALLED");
    terminal_wait_row(terminal, APPROVED_ROW, " - all");
    terminal_wait_row(terminal, APPROVED_ROW, "×");
    cluster_start_node(&cluster, 0);
    cluster_start_node(&cluster, 1);
    terminal_wait_row(terminal, TITLE_ROW, "2 nodes, 2 live");
    terminal_wait_row(terminal, APPROVED_ROW, " 0 all");
    terminal_close(terminal);
    cluster_stop(&cluster);
}

/* Its connection stands, and says nothing. */
Test(ops_top, a_node_that_hangs_is_stalled_until_it_goes_on) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    struct terminal *terminal = start_top(1, (struct terminal_wishes){0});
    terminal_wait_row(terminal, TITLE_ROW, "LIVE");
    terminal_type(terminal, "p"); /* it is told also when figures stand still */
    terminal_wait_row(terminal, TITLE_ROW, "PAUSED  LIVE");
    kill(cluster.nodes[0].pid, SIGSTOP);
    terminal_wait_row(terminal, TITLE_ROW, "PAUSED  STALLED for ");
    terminal_type(terminal, "p");
    terminal_wait_row(terminal, TROUBLE_ROW, "STALLED, nothing heard for");
    terminal_wait_row(terminal, APPROVED_ROW, " - all");
    kill(cluster.nodes[0].pid, SIGCONT);
    terminal_wait_row(terminal, TITLE_ROW, "LIVE");
    terminal_wait_row(terminal, TROUBLE_ROW, "Nothing is amiss.");
    terminal_close(terminal);
    cluster_stop(&cluster);
}

Test(ops_top, a_lost_redis_shows_and_so_does_its_return) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    struct terminal *terminal = start_top(1, (struct terminal_wishes){0});
    terminal_wait(terminal, "Redis up");
    test_redis_kill(&cluster.redis);
    terminal_wait(terminal, "Redis DOWN");
    terminal_wait_row(terminal, TROUBLE_ROW, "missing: Redis");
    terminal_wait(terminal, "NOT READY");
    test_redis_restart(&cluster.redis);
    terminal_wait(terminal, "Redis up");
    terminal_wait_row(terminal, TROUBLE_ROW, "Nothing is amiss.");
    terminal_close(terminal);
    cluster_stop(&cluster);
}

Test(ops_top, what_waits_in_a_journal_shows) {
    ops_start_cluster(&cluster, (struct cluster_wishes){.own_postgres = true, .journals = true, .settings = PATIENT});
    struct terminal *terminal = start_top(1, (struct terminal_wishes){0});
    buy(CARD_RICH, 1); /* its counters are warm */
    terminal_wait(terminal, "Stand-in off");
    test_postgres_kill(&cluster.postgres);
    terminal_wait(terminal, "PostgreSQL DOWN");
    cr_assert_eq(cluster_buy(&cluster, 0, CARD_RICH).safety, SAFETY_JOURNALED);
    terminal_wait(terminal, "STANDING IN");
    terminal_wait(terminal, "1 wait, 130.00");
    test_postgres_restart(&cluster.postgres);
    terminal_wait(terminal, "Stand-in off");
    terminal_wait(terminal, "nothing waits");
    terminal_close(terminal);
    cluster_stop(&cluster);
}

/* ---- the terminal ---- */

Test(ops_top, leaves_the_terminal_as_it_was_found_however_it_ends) {
    static const struct {
        const char *keys;
        int signal;
    } ends[] = {{"q", 0}, {"\x03", 0}, {NULL, SIGTERM}, {NULL, SIGHUP}, {NULL, SIGINT}};
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct terminal *terminal = start_top(1, (struct terminal_wishes){0});
        terminal_wait_row(terminal, TITLE_ROW, "LIVE");
        cr_expect_not(terminal_is_as_found(terminal));
        if (ends[i].keys != NULL)
            terminal_type(terminal, ends[i].keys);
        else
            terminal_signal(terminal, ends[i].signal);
        cr_expect_eq(terminal_wait_end(terminal), 0, "case %zu", i);
        cr_expect(terminal_is_as_found(terminal), "case %zu", i);
        terminal_close(terminal);
    }
    cluster_stop(&cluster);
}

Test(ops_top, follows_the_terminals_size_and_says_when_it_is_too_small) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    struct terminal *terminal = start_top(1, (struct terminal_wishes){0});
    terminal_wait_row(terminal, 23, "q quit");
    terminal_wait_row(terminal, 16, "[Organisations]");
    terminal_resize(terminal, 40, 120);
    terminal_wait_row(terminal, 39, "q quit");
    terminal_resize(terminal, 12, 60);
    terminal_wait_row(terminal, 11, "60 x 12 is too small for all: 80 x 24 is wanted");
    terminal_wait_row(terminal, APPROVED_ROW, "Approved");
    terminal_wait_row(terminal, TITLE_ROW, "LIVE");
    terminal_resize(terminal, 3, 10);
    terminal_wait_row(terminal, 2, "10 x 3 is");
    terminal_resize(terminal, 24, 80);
    terminal_wait_row(terminal, 23, "q quit");
    terminal_wait_row(terminal, 16, "[Organisations]");
    terminal_close(terminal);
    cluster_stop(&cluster);
}

Test(ops_top, turns_from_list_to_list) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    struct terminal *terminal = start_top(1, (struct terminal_wishes){0});
    terminal_wait(terminal, "[Organisations]");
    terminal_type(terminal, "\t");
    terminal_wait(terminal, "[Declines]");
    terminal_type(terminal, "\x1b[Z"); /* back */
    terminal_wait(terminal, "[Organisations]");
    terminal_type(terminal, "\x1b[Z");
    terminal_wait(terminal, "[Nodes]");
    terminal_close(terminal);
    cluster_stop(&cluster);
}

Test(ops_top, tells_its_keys) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    struct terminal *terminal = start_top(1, (struct terminal_wishes){0});
    terminal_wait_row(terminal, TITLE_ROW, "LIVE");
    terminal_type(terminal, "?");
    terminal_wait(terminal, "q, Ctrl-C");
    terminal_type(terminal, "?");
    terminal_wait_gone(terminal, "q, Ctrl-C");
    terminal_close(terminal);
    cluster_stop(&cluster);
}

Test(ops_top, has_colour_where_it_is_wanted_and_what_the_locale_can_show) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    struct terminal *coloured = start_top(1, (struct terminal_wishes){0});
    struct terminal *plain = start_top(1, (struct terminal_wishes){.has_no_colour = true, .locale = "C"});
    buy(CARD_RICH, 1);
    terminal_wait_row(coloured, APPROVED_ROW, " 1 all");
    terminal_wait_row(coloured, APPROVED_ROW, "█");
    terminal_wait_row(plain, APPROVED_ROW, " 1 all");
    terminal_wait_row(plain, APPROVED_ROW, "#");
    cr_expect(terminal_has_colour(coloured));
    cr_expect_not(terminal_has_colour(plain));
    for (const char *at = terminal_text(plain); *at != '\0'; at++)
        cr_assert_gt(*at, 0, "%s", terminal_text(plain));
    terminal_close(coloured);
    terminal_close(plain);
    cluster_stop(&cluster);
}

Test(ops_top, refuses_a_terminal_that_it_can_not_draw_on) {
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    struct terminal *terminal = start_top(1, (struct terminal_wishes){.type = "dumb"});
    cr_expect_eq(terminal_wait_end(terminal), 3);
    terminal_wait(terminal, "try --once");
    terminal_close(terminal);
    cluster_stop(&cluster);
}

/* ---- once ---- */

/* Runs `vaxel top` without a terminal. */
static int run_top(const char *arguments, const char **text) {
    char program[TEST_TEXT];
    test_program("vaxel", program);
    return ops_run(text, "%s top %s 2>&1 < /dev/null", program, arguments);
}

Test(ops_top, without_a_terminal_prints_one_sample_and_its_status_says_how_it_is) {
    char url[64];
    const char *text;
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    snprintf(url, sizeof url, "127.0.0.1:%d", cluster.nodes[0].ops_port);
    buy(CARD_RICH, 3);
    cr_expect_eq(run_top(url, &text), 0, "%s", text);
    cr_expect_not_null(strstr(text, "live"), "%s", text);
    cr_expect_not_null(strstr(text, "\napproved "), "%s", text);
    cr_expect_not_null(strstr(text, " 3 in all"), "%s", text);
    cr_expect_null(strchr(text, '\x1b'));
    test_redis_kill(&cluster.redis);
    ops_wait_page(&cluster, 0, "/readyz", 503, "missing: Redis", 60 * SECOND_US);
    cr_expect_eq(run_top(url, &text), 1, "%s", text);
    cr_expect_not_null(strstr(text, "missing: Redis"), "%s", text);
    test_process_end(cluster.nodes[0].pid, SIGKILL);
    cr_expect_eq(run_top(url, &text), 3, "%s", text);
    cr_expect_not_null(strstr(text, "not reached"), "%s", text);
    cluster.nodes[0].pid = 0;
    cluster_stop(&cluster);
}

Test(ops_top, reads_the_address_from_the_settings) {
    char arguments[2 * TEST_TEXT];
    const char *text;
    ops_start_cluster(&cluster, (struct cluster_wishes){0});
    buy(CARD_RICH, 1);
    snprintf(arguments, sizeof arguments, "--config %s --json", cluster.nodes[0].config);
    cr_expect_eq(run_top(arguments, &text), 0, "%s", text);
    cr_expect_not_null(strstr(text, "\"amiss\":[]"), "%s", text);
    cr_expect_not_null(strstr(text, "\"state\":\"live\""), "%s", text);
    cr_expect_not_null(strstr(text, "\"approved\":{\"total\":1"), "%s", text);
    cluster_stop(&cluster);
}

Test(ops_top, says_what_is_wrong_with_an_address) {
    static const struct {
        const char *arguments;
        int status;
        const char *words;
    } cases[] = {{"ftp://127.0.0.1:1", 2, "http://host:port is wanted"},
                 {"http://", 2, "http://host:port is wanted"},
                 {"--set ops.listen=none", 2, "ops.listen is none"},
                 {"--timeout soon 127.0.0.1:1", 2, "--timeout is soon"},
                 {"--timeout 200ms 127.0.0.1:1", 3, "not reached: "}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text;
        cr_expect_eq(run_top(cases[i].arguments, &text), cases[i].status, "%s: %s", cases[i].arguments, text);
        cr_expect_not_null(strstr(text, cases[i].words), "%s: %s", cases[i].arguments, text);
    }
}

Test(ops_top, follows_the_nodes_that_a_node_names_unless_told_not_to) {
    char settings[128], arguments[64];
    const char *text;
    ops_start_cluster(&cluster, (struct cluster_wishes){.nodes = 2});
    snprintf(settings, sizeof settings, "[ops]\nnodes = http://127.0.0.1:%d,http://127.0.0.1:%d\n",
             cluster.nodes[0].ops_port, cluster.nodes[1].ops_port);
    cluster_change_settings(&cluster, 0, settings);
    cr_assert_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0);
    cluster_start_node(&cluster, 0);
    ops_wait_page(&cluster, 0, "/readyz", 200, "ready\n", 60 * SECOND_US);
    snprintf(arguments, sizeof arguments, "--json localhost:%d", cluster.nodes[0].ops_port);
    cr_expect_eq(run_top(arguments, &text), 0, "%s", text);
    int live = 0;
    for (const char *at = strstr(text, "\"state\":\"live\""); at != NULL; at = strstr(at + 1, "\"state\":\"live\""))
        live++;
    cr_expect_eq(live, 2, "%s", text); /* though one of them goes by two addresses */
    snprintf(arguments, sizeof arguments, "--only localhost:%d", cluster.nodes[0].ops_port);
    cr_expect_eq(run_top(arguments, &text), 0, "%s", text);
    cr_expect_null(strstr(strstr(text, "node ") + 1, "\nnode "), "%s", text);
    cluster_stop(&cluster);
}
