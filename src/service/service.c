/* SPDX-License-Identifier: Apache-2.0 */
#include "service/service.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

static bool is_good(int fd) {
    return sd_is_socket(fd, AF_INET, SOCK_STREAM, 1) > 0 || sd_is_socket(fd, AF_INET6, SOCK_STREAM, 1) > 0;
}

bool service_take_sockets(struct service_sockets *sockets, struct failure *failure) {
    sockets->count = 0;
    int count = sd_listen_fds(1);
    if (count < 0)
        return failure_set(failure, "LISTEN_FDS can't be read: %s", strerror(-count));
    if (count > SERVICE_SOCKETS_MAX)
        return failure_set(failure, "%d sockets were handed over: at most %d can be", count, SERVICE_SOCKETS_MAX);
    for (int i = 0; i < count; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        if (!is_good(fd))
            return failure_set(failure, "what was handed over as descriptor %d is no TCP socket that listens", fd);
        sockets->fds[sockets->count++] = fd;
    }
    return true;
}

void service_take_signals(sigset_t *signals) {
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void service_tell_status(const char *text) {
    sd_notifyf(0, "STATUS=%s", text);
}

void service_tell_ready(void) {
    sd_notify(0, "READY=1");
}

/* The time tells a manager which of its reloads is answered. */
void service_tell_reloading(void) {
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, tick_now().us);
}

void service_tell_stopping(int64_t longest_us) {
    sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64, longest_us);
}

void service_tell_alive(void) {
    sd_notify(0, "WATCHDOG=1");
}

int64_t service_watchdog_us(void) {
    uint64_t limit_us;
    return sd_watchdog_enabled(0, &limit_us) > 0 ? (int64_t)(limit_us / 2) : 0;
}
