/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_US (30 * SECOND_US)
#define CALL_US (20 * SECOND_US)

static const char *const clients[] = {"server", "validator-1", "app-backend-1", "office-1", "ops-1", "stranger"};

uint64_t cluster_card(int card) {
    return card_complete(UINT64_C(993254365633800) + (uint64_t)card);
}

static void add_credit(struct cluster *cluster, int card, const char *values) {
    cluster_sql(cluster,
                "INSERT INTO credit (id, organisation, traveller, department, limit_minor, state, card) "
                "VALUES (%d, %s, %llu)",
                100 + card, values, (unsigned long long)cluster_card(card));
}

static void add_company(struct cluster *cluster) {
    cluster_sql(cluster, "INSERT INTO organisation (id, state, limit_minor) VALUES "
                         "(1, 'active', 9999999999), (2, 'suspended', 2000000), (3, 'active', 100000)");
    cluster_sql(cluster, "INSERT INTO department (id, organisation, parent, budget_minor) VALUES "
                         "(1, 1, NULL, 30000), (2, 1, 1, NULL)");
    cluster_sql(cluster, "INSERT INTO traveller (id, organisation, cap_minor) VALUES "
                         "(1, 1, 100000000), (2, 1, NULL), (3, 1, 20000), (4, 2, NULL), (5, 3, NULL), (6, 3, NULL)");
    add_credit(cluster, CARD_RICH, "1, 1, NULL, 100000000, 'active'");
    add_credit(cluster, CARD_THOUSAND, "1, 2, NULL, 100000, 'active'");
    add_credit(cluster, CARD_CAPPED, "1, 3, NULL, 500000, 'active'");
    add_credit(cluster, CARD_DEPARTMENT, "1, 2, 2, 500000, 'active'");
    add_credit(cluster, CARD_BLOCKED, "1, 2, NULL, 100000, 'blocked'");
    add_credit(cluster, CARD_ENDED, "1, 2, NULL, 100000, 'ended'");
    add_credit(cluster, CARD_INACTIVE, "1, 2, NULL, 100000, 'not_activated'");
    add_credit(cluster, CARD_SUSPENDED, "2, 4, NULL, 100000, 'active'");
    add_credit(cluster, CARD_POOR_COMPANY, "3, 5, NULL, 500000, 'active'");
    add_credit(cluster, CARD_POOR_COMPANY_TOO, "3, 6, NULL, 500000, 'active'");
    cluster_sql(cluster,
                "INSERT INTO client (name, kind, calls, channels) VALUES "
                "('validator-1', 'validator', '{authorize,balance,echo,capture,void,reverse,advise,block_list}', "
                "'{card}'), "
                "('app-backend-1', 'app_backend', '{authorize,balance,lookup,echo,capture,void,reverse}', '{app}'), "
                "('office-1', 'office', '{authorize,balance,lookup,echo,capture,void,reverse,refund}', "
                "'{card,app,portal}'), "
                "('ops-1', 'ops', '{authorize,balance,lookup,echo,reverse}', '{card,app,portal}')");
}

/* A connection string may be longer than a line of a settings file: each of its words gets one, which goes on with the
 * text above. Rows are rolled up while there are few, for many there never are. */
static void write_postgres(FILE *file, const char *conninfo) {
    fputs("[postgres]\nroll_up = 100\nconninfo = ", file);
    for (const char *at = conninfo; *at != '\0'; at++)
        fputs(*at == ' ' ? "\n    " : (char[]){*at, '\0'}, file);
}

static void write_config(struct cluster *cluster, struct node_process *node, const char *settings) {
    char fresh[TEST_TEXT + 8];
    snprintf(fresh, sizeof fresh, "%s.new", node->config);
    FILE *file = fopen(fresh, "w");
    cr_assert_not_null(file, "can't write %s", fresh);
    fprintf(file,
            "[listen]\naddress = 127.0.0.1:%d\n[ops]\nlisten = 127.0.0.1:%d\n"
            "[tls]\ncertificate = %s/server.pem\nkey = %s/server.key\nauthority = %s/authority.pem\n"
            "[redis]\naddress = %s\n",
            node->port, node->ops_port, cluster->directory, cluster->directory, cluster->directory,
            cluster->redis.address);
    write_postgres(file, cluster->conninfo);
    fprintf(file,
            "\n    application_name=%s\n"
            "[client]\nconnect = 127.0.0.1:%d\ncertificate = %s/ops-1.pem\nkey = %s/ops-1.key\n"
            "authority = %s/authority.pem\n%s",
            strrchr(node->config, '/') + 1, node->port, cluster->directory, cluster->directory, cluster->directory,
            settings == NULL ? "" : settings);
    if (cluster->has_journals)
        fprintf(file, "[stand_in]\njournal = %s.journal\n", node->config);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(rename(fresh, node->config), 0); /* a node may be reading it */
}

static const char *program_name = "vaxeld";

void cluster_start_node(struct cluster *cluster, int node) {
    char program[TEST_TEXT];
    test_program(program_name, program);
    struct node_process *process = &cluster->nodes[node];
    const char *const arguments[] = {program, "--config", process->config, NULL};
    process->pid = test_process_start(process->log, arguments);
}

static void start_postgres(struct cluster *cluster, const struct cluster_wishes *wishes) {
    cluster->has_own_postgres = wishes->own_postgres;
    cluster->has_own_database = !wishes->own_postgres && wishes->conninfo == NULL;
    cluster->conninfo = wishes->conninfo;
    if (cluster->has_own_postgres) {
        test_postgres_start(&cluster->postgres);
        cluster->conninfo = cluster->postgres.conninfo;
    } else if (cluster->has_own_database) {
        test_database_create(&cluster->database, true);
        cluster->conninfo = cluster->database.conninfo;
    }
}

void cluster_start(struct cluster *cluster, struct cluster_wishes wishes) {
    memset(cluster, 0, sizeof *cluster);
    program_name = wishes.program == NULL ? "vaxeld" : wishes.program;
    test_directory(cluster->directory);
    test_shared_certificates(cluster->directory, clients, sizeof clients / sizeof clients[0]);
    if (wishes.redis == NULL)
        test_redis_start(&cluster->redis);
    else
        snprintf(cluster->redis.address, sizeof cluster->redis.address, "%s", wishes.redis);
    cluster->has_journals = wishes.journals;
    start_postgres(cluster, &wishes);
    add_company(cluster);
    cluster->node_count = wishes.nodes == 0 ? 1 : wishes.nodes;
    for (int i = 0; i < cluster->node_count; i++) {
        struct node_process *node = &cluster->nodes[i];
        node->port = test_free_port();
        node->ops_port = test_free_port();
        snprintf(node->config, sizeof node->config, "%.200s/node%d.ini", cluster->directory, i);
        snprintf(node->log, sizeof node->log, "%.200s/node%d.log", cluster->directory, i);
        write_config(cluster, node, wishes.settings);
        cluster_start_node(cluster, i);
    }
    for (int i = 0; i < cluster->node_count; i++)
        cluster_wait_ready(cluster, i);
}

void cluster_stop(struct cluster *cluster) {
    for (int i = 0; i < cluster->node_count; i++)
        if (cluster->nodes[i].pid > 0)
            cr_expect_eq(test_process_end(cluster->nodes[i].pid, SIGTERM), 0, "node %d did not end well", i);
    if (cluster->redis.directory[0] != '\0')
        test_redis_stop(&cluster->redis);
    if (cluster->has_own_postgres)
        test_postgres_stop(&cluster->postgres);
    if (cluster->has_own_database)
        test_database_drop(&cluster->database);
}

void cluster_change_settings(struct cluster *cluster, int node, const char *settings) {
    write_config(cluster, &cluster->nodes[node], settings);
    cr_assert_eq(kill(cluster->nodes[node].pid, SIGHUP), 0);
}

bool cluster_log_tells(struct cluster *cluster, int node, const char *text) {
    FILE *file = fopen(cluster->nodes[node].log, "r");
    cr_assert_not_null(file);
    char line[2048];
    bool is_told = false;
    while (!is_told && fgets(line, sizeof line, file) != NULL)
        is_told = strstr(line, text) != NULL;
    fclose(file);
    return is_told;
}

void cluster_wait_log(struct cluster *cluster, int node, const char *text) {
    int64_t give_up = tick_now().us + READY_US;
    while (!cluster_log_tells(cluster, node, text)) {
        cr_assert_lt(tick_now().us, give_up, "the log of node %d does not tell: %s", node, text);
        usleep(5000);
    }
}

static void tls_files(struct cluster *cluster, const char *client, char text[3][TEST_TEXT],
                      struct net_tls_files *files) {
    snprintf(text[0], TEST_TEXT, "%.200s/%s.pem", cluster->directory, client);
    snprintf(text[1], TEST_TEXT, "%.200s/%s.key", cluster->directory, client);
    snprintf(text[2], TEST_TEXT, "%.200s/authority.pem", cluster->directory);
    *files = (struct net_tls_files){text[0], text[1], text[2]};
}

static struct client_connection *try_connect(struct cluster *cluster, int node, const char *client,
                                             struct failure *failure) {
    char text[3][TEST_TEXT];
    char address[64];
    struct net_tls_files files;
    tls_files(cluster, client, text, &files);
    snprintf(address, sizeof address, "127.0.0.1:%d", cluster->nodes[node].port);
    return client_connect(address, &files, CALL_US, failure);
}

struct client_connection *cluster_connect(struct cluster *cluster, int node, const char *client) {
    struct failure failure = {""};
    struct client_connection *connection = try_connect(cluster, node, client, &failure);
    cr_assert_not_null(connection, "%s can't connect to node %d: %s", client, node, failure.text);
    return connection;
}

/* Ready is when a balance is answered: then Redis and PostgreSQL are there as well. */
void cluster_wait_ready(struct cluster *cluster, int node) {
    int64_t give_up = tick_now().us + READY_US;
    struct failure failure = {""};
    while (tick_now().us < give_up) {
        cr_assert_eq(waitpid(cluster->nodes[node].pid, NULL, WNOHANG), 0, "node %d ended: see its log %s", node,
                     cluster->nodes[node].log);
        struct client_connection *connection = try_connect(cluster, node, "ops-1", &failure);
        if (connection == NULL) {
            usleep(20000);
            continue;
        }
        struct wire_request request = {
            .call = CALL_BALANCE,
            .balance = {.credential = {.kind = CREDENTIAL_CARD, .card = cluster_card(CARD_RICH)}}};
        struct wire_reply reply;
        bool is_ready = client_call(connection, &request, CALL_US, &reply, &failure) &&
                        reply.kind == WIRE_REPLY_ANSWER && reply.answer.decision == DECISION_APPROVED;
        client_disconnect(connection);
        if (is_ready)
            return;
    }
    cr_assert_fail("node %d is not ready: %s", node, failure.text);
}

const char *cluster_sql(struct cluster *cluster, const char *format, ...) {
    char sql[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    return test_sql(cluster->conninfo, "%s", sql);
}

int cluster_vaxel(struct cluster *cluster, char *output, size_t size, const char *const *arguments) {
    char program[TEST_TEXT];
    char log[TEST_TEXT];
    test_program("vaxel", program);
    snprintf(log, sizeof log, "%.200s/vaxel.out", cluster->directory);
    unlink(log);
    const char *all[32] = {program};
    int count = 1;
    for (int i = 0; arguments[i] != NULL; i++)
        all[count++] = arguments[i];
    all[count++] = "--config";
    all[count++] = cluster->nodes[0].config;
    pid_t pid = test_process_start(log, all);
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    if (output != NULL) {
        FILE *file = fopen(log, "r");
        cr_assert_not_null(file);
        output[fread(output, 1, size - 1, file)] = '\0';
        fclose(file);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void cluster_expect_clean_audit(struct cluster *cluster) {
    static const char *const arguments[] = {"audit", NULL};
    char output[4096];
    int status = 1;
    int64_t give_up = tick_now().us + 60 * SECOND_US;
    while (status != 0 && tick_now().us < give_up)
        status = cluster_vaxel(cluster, output, sizeof output, arguments);
    cr_expect_eq(status, 0, "the audit is not clean:\n%s", output);
}

struct request_id cluster_new_id(void) {
    uint8_t random[10];
    cr_assert_eq(getrandom(random, sizeof random, 0), (ssize_t)sizeof random);
    return request_id_make(instant_now(), random);
}

struct wire_request cluster_purchase(int card) {
    return (struct wire_request){.call = CALL_AUTHORIZE,
                                 .authorize = {
                                     .id = cluster_new_id(),
                                     .credential = {.kind = CREDENTIAL_CARD, .card = cluster_card(card)},
                                     .amount = {13000, {"SEK"}},
                                     .product = {"single"},
                                     .place = {"line 45"},
                                     .timeout_us = 10 * SECOND_US,
                                 }};
}

struct wire_reply cluster_call(struct client_connection *connection, struct wire_request *request) {
    struct wire_reply reply;
    struct failure failure = {""};
    cr_assert(client_call(connection, request, CALL_US, &reply, &failure), "no reply: %s", failure.text);
    return reply;
}

struct answer cluster_buy(struct cluster *cluster, int node, int card) {
    struct client_connection *connection = cluster_connect(cluster, node, "validator-1");
    struct wire_request request = cluster_purchase(card);
    struct wire_reply reply = cluster_call(connection, &request);
    client_disconnect(connection);
    cr_assert_eq(reply.kind, WIRE_REPLY_ANSWER, "a fault: %s", reply.fault.text);
    return reply.answer;
}
