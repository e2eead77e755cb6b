/* SPDX-License-Identifier: Apache-2.0 */
/* A node under a service manager: sockets that are handed over, and what the manager hears. */
#include "cluster.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_S 60
#define BUYERS 4

static struct cluster cluster;
static int manager;  /* hears what the node tells */
static int listener; /* is handed over */

static void open_manager(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int size = snprintf(name.sun_path, sizeof name.sun_path, "%.90s/notify", cluster.directory);
    cr_assert_lt(size, (int)sizeof name.sun_path);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(manager, (struct sockaddr *)&name, sizeof name), 0);
    cr_assert_eq(setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
}

/* No child but the node's own shell inherits it for use. */
static void open_listener(void) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    cr_assert(listener >= 0 && bind(listener, (struct sockaddr *)&name, size) == 0 && listen(listener, 1024) == 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&name, &size), 0);
    cluster.nodes[0].port = ntohs(name.sin_port);
}

/* By a shell, for the environment names the process: what it starts takes its place. */
static void start_node(int socket) {
    char program[TEST_TEXT];
    char script[TEST_TEXT * 2];
    test_program("vaxeld", program);
    snprintf(script, sizeof script,
             "export NOTIFY_SOCKET='%s/notify' LISTEN_FDS=1 LISTEN_PID=$$ WATCHDOG_USEC=2000000 WATCHDOG_PID=$$; "
             "exec \"$@\" 3<&%d",
             cluster.directory, socket);
    const char *const arguments[] = {"/bin/bash", "-c", script, "start", program, "--config", cluster.nodes[0].config,
                                     NULL};
    cluster.nodes[0].pid = test_process_start(cluster.nodes[0].log, arguments);
}

static void wait_told(const char *beginning) {
    char text[1024];
    do {
        ssize_t size;
        while ((size = recv(manager, text, sizeof text - 1, 0)) < 0 && errno == EINTR) {
        }
        cr_assert_gt(size, 0, "the manager did not hear %s: %s", beginning, strerror(errno));
        text[size] = '\0';
    } while (strncmp(text, beginning, strlen(beginning)) != 0);
}

static void start_all(const char *settings) {
    cluster_start(&cluster, (struct cluster_wishes){.settings = settings});
    cr_assert_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0);
    open_manager();
    open_listener();
    start_node(listener);
    wait_told("READY=1");
}

static atomic_bool is_over;
static atomic_int bought;

/* Each purchase on a connection of its own, and each is approved at the first try. */
static void *buy(void *unused) {
    while (!atomic_load(&is_over)) {
        struct answer answer = cluster_buy(&cluster, 0, CARD_RICH);
        cr_assert_eq(answer.decision, DECISION_APPROVED);
        atomic_fetch_add(&bought, 1);
    }
    return unused;
}

static void wait_bought(int more) {
    int until = atomic_load(&bought) + more;
    int64_t give_up = tick_now().us + PATIENCE_S * SECOND_US;
    while (atomic_load(&bought) < until) {
        cr_assert_lt(tick_now().us, give_up, "no purchase is made any more");
        usleep(2000);
    }
}

/* Two workers share the one socket. */
Test(handover, a_node_is_restarted_under_load_and_no_purchase_fails, .timeout = 300) {
    pthread_t buyers[BUYERS];
    start_all("[switch]\nworkers = 2\n");
    for (int i = 0; i < BUYERS; i++)
        cr_assert_eq(pthread_create(&buyers[i], NULL, buy, NULL), 0);
    for (int round = 0; round < 3; round++) {
        wait_bought(50);
        cr_assert_eq(kill(cluster.nodes[0].pid, SIGTERM), 0);
        wait_told("STOPPING=1\nEXTEND_TIMEOUT_USEC=");
        int status;
        cr_assert_eq(waitpid(cluster.nodes[0].pid, &status, 0), cluster.nodes[0].pid);
        cr_expect_eq(status, 0);
        start_node(listener);
        wait_told("READY=1");
    }
    wait_bought(50);
    atomic_store(&is_over, true);
    for (int i = 0; i < BUYERS; i++)
        pthread_join(buyers[i], NULL);
    char rows[32];
    snprintf(rows, sizeof rows, "%d", atomic_load(&bought));
    cr_expect_str_eq(cluster_sql(&cluster, "SELECT count(*) FROM entry"), rows);
    cluster_stop(&cluster);
}

Test(handover, the_manager_hears_of_health_reloads_and_what_is_missing, .timeout = 300) {
    start_all(NULL);
    wait_told("STATUS=serving");
    wait_told("WATCHDOG=1");
    cr_assert_eq(kill(cluster.nodes[0].pid, SIGHUP), 0);
    wait_told("RELOADING=1\nMONOTONIC_USEC=");
    wait_told("READY=1");
    test_redis_kill(&cluster.redis);
    wait_told("STATUS=not ready; missing: Redis");
    test_redis_restart(&cluster.redis);
    wait_told("STATUS=serving");
    cluster_stop(&cluster);
}

Test(handover, what_is_no_listening_socket_stops_the_start, .timeout = 300) {
    start_all(NULL);
    cr_assert_eq(test_process_end(cluster.nodes[0].pid, SIGTERM), 0);
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    start_node(pair[0]);
    int status;
    cr_assert_eq(waitpid(cluster.nodes[0].pid, &status, 0), cluster.nodes[0].pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    cr_expect(cluster_log_tells(&cluster, 0, "descriptor 3 is no TCP socket that listens"));
    cluster.nodes[0].pid = 0;
    cluster_stop(&cluster);
}
