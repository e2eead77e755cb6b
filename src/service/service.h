/* SPDX-License-Identifier: Apache-2.0 */
/* service: the manager that started this process, systemd or whoever speaks as it does. It may hand over sockets that
 * listen already, and wants to hear how the process fares. Where there is none, every call does nothing. */
#ifndef VAXEL_SERVICE_SERVICE_H
#define VAXEL_SERVICE_SERVICE_H

#include "base/failure.h"

#include <signal.h>
#include <stdint.h>

#define SERVICE_SOCKETS_MAX 512

struct service_sockets {
    int fds[SERVICE_SOCKETS_MAX]; /* open until the process ends; no child inherits them */
    uint32_t count;
};

/* The sockets that were handed over: none, as a rule. False: one of them is no TCP socket that listens. Once, before
 * any thread is started. */
bool service_take_sockets(struct service_sockets *sockets, struct failure *failure);

/* From now on what tells a service to end or to read again (SIGTERM, SIGINT, SIGHUP) waits for sigtimedwait() with
 * `signals`, and SIGPIPE is nothing. Before any thread is started, so that all of them leave the signals to this one.
 */
void service_take_signals(sigset_t *signals);

/* ---- what it is told ---- */

/* A line for those who ask how the service is (systemctl status). */
void service_tell_status(const char *text);
/* It serves: after its start, and after each reload. */
void service_tell_ready(void);
void service_tell_reloading(void);
/* It ends, in so long at most: to be waited for, whatever the manager's own patience is. */
void service_tell_stopping(int64_t longest_us);
void service_tell_alive(void);

/* How often the manager wants to hear service_tell_alive(), or it ends the process and starts it anew. 0: never. */
int64_t service_watchdog_us(void);

#endif
