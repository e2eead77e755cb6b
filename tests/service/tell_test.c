/* SPDX-License-Identifier: Apache-2.0 */
/* A manager's socket, and what is heard on it. */
#include "service/service.h"
#include "support/services.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int manager;

static void init(void) {
    char directory[TEST_TEXT];
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    test_directory(directory);
    int size = snprintf(name.sun_path, sizeof name.sun_path, "%s/notify", directory);
    cr_assert_lt(size, (int)sizeof name.sun_path);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(manager, (struct sockaddr *)&name, sizeof name), 0);
    setenv("NOTIFY_SOCKET", name.sun_path, 1);
}

TestSuite(service, .init = init);

static const char *heard(void) {
    static char text[1024];
    ssize_t size = recv(manager, text, sizeof text - 1, MSG_DONTWAIT);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

Test(service, the_manager_hears_what_it_is_told) {
    service_tell_status("serving; all is well");
    cr_expect_str_eq(heard(), "STATUS=serving; all is well");
    service_tell_ready();
    cr_expect_str_eq(heard(), "READY=1");
    service_tell_alive();
    cr_expect_str_eq(heard(), "WATCHDOG=1");
    service_tell_reloading();
    cr_expect_eq(strncmp(heard(), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
    service_tell_stopping(20000000);
    cr_expect_str_eq(heard(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=20000000");
}

Test(service, where_there_is_no_manager_nothing_is_told_or_handed_over) {
    static struct service_sockets sockets;
    struct failure failure;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("LISTEN_FDS");
    service_tell_ready();
    cr_expect_str_eq(heard(), "");
    cr_expect(service_take_sockets(&sockets, &failure));
    cr_expect_eq(sockets.count, 0);
    cr_expect_eq(service_watchdog_us(), 0);
}

Test(service, a_watchdog_is_told_twice_as_often_as_it_asks) {
    char pid[16];
    snprintf(pid, sizeof pid, "%d", getpid());
    setenv("WATCHDOG_USEC", "30000000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    cr_expect_eq(service_watchdog_us(), 15000000);
}

Test(service, sockets_for_another_process_are_not_taken) {
    static struct service_sockets sockets;
    struct failure failure;
    setenv("LISTEN_FDS", "2", 1);
    setenv("LISTEN_PID", "1", 1);
    cr_expect(service_take_sockets(&sockets, &failure));
    cr_expect_eq(sockets.count, 0);
}
