/* SPDX-License-Identifier: Apache-2.0 */
/* Ten thousand idle connections are kept, answer when spoken to, and cost little. */
#include "party.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define CROWD 10000
#define HANDSHAKES_AT_ONCE 200
#define CONNECTION_BYTES (32 * 1024)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

static struct certificates certificates;
static struct party server;

/* As many as this process may have descriptors for. */
static int crowd_size(void) {
    struct rlimit limit;
    cr_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    cr_assert(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_cur >= CROWD + 200) {
        return CROWD;
    }
    printf("note: only %lu descriptors are allowed, so the crowd is smaller than %d\n", (unsigned long)limit.rlim_cur,
           CROWD);
    return (int)limit.rlim_cur - 200;
}

static size_t resident_bytes(void) {
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert(file != NULL && fscanf(file, "%lu %lu", &size, &resident) == 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static struct net_options crowd_options(int size) {
    struct net_options options = party_options();
    options.streams_capacity = (uint32_t)size;
    return options;
}

/* The other side, in a process of its own: connects them all, and echoes until it is ended. */
static _Noreturn void crowd_run(const char *address, int size) {
    static struct party crowd;
    struct net_options options = crowd_options(size);
    struct net_tls *tls = certificates_tls(&certificates, false, "client", "authority", PROTOCOL);
    crowd.echoes = true;
    party_start(&crowd, &options);
    int dialled = 0;
    for (;;) {
        while (dialled < size && dialled - crowd.opened < HANDSHAKES_AT_ONCE) {
            party_dial(&crowd, address, tls);
            dialled++;
        }
        party_turn(&crowd);
    }
}

static void send_a_byte(void *owner, struct net_stream *stream) {
    (void)owner;
    cr_assert(party_send(stream, 0, 1));
}

Test(net, ten_thousand_idle_connections_are_kept, .timeout = 240) {
    int size = crowd_size();
    struct net_options options = crowd_options(size);
    certificates_make(&certificates);
    struct net_tls *tls = certificates_tls(&certificates, true, "server", "authority", PROTOCOL);
    party_start(&server, &options);
    char address[64];
    party_listen(&server, tls, address);
    size_t before = resident_bytes();
    pid_t crowd = fork();
    cr_assert(crowd >= 0);
    if (crowd == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        crowd_run(address, size);
    }
    while (server.opened < size) {
        int opened = server.opened;
        TURN_UNTIL(&server, NULL, server.opened > opened || server.opened == size);
    }
    size_t each = (resident_bytes() - before) / (size_t)size;
    printf("note: %d idle connections with TLS, %zu bytes each\n", size, each);
    cr_assert(IS_SANITIZED || each <= CONNECTION_BYTES, "%zu bytes", each);
    for (size_t round = 1; round <= 2; round++) {
        net_each_accepted(server.net, NULL, send_a_byte);
        TURN_UNTIL(&server, NULL, server.received == round * (size_t)size);
    }
    cr_assert_eq(server.closed, 0);
    size_t after = (resident_bytes() - before) / (size_t)size;
    cr_assert(IS_SANITIZED || after <= CONNECTION_BYTES, "%zu bytes after all were spoken to", after);
    kill(crowd, SIGKILL);
    TURN_UNTIL(&server, NULL, server.closed == size);
    waitpid(crowd, NULL, 0);
    party_end(&server);
    net_tls_destroy(tls);
}
