/* SPDX-License-Identifier: Apache-2.0 */
#include "party.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

static struct party party;

struct seen {
    int count;
    int tag;
    short events;
    struct net_watch *end; /* ended from within the call */
};

static void on_ready(void *owner, int tag, short events) {
    struct seen *seen = owner;
    seen->count++;
    seen->tag = tag;
    seen->events = events;
    if (seen->end != NULL) {
        net_watch(party.net, seen->end, seen->end->fd, 1, 0);
    }
}

static void sockets_open(int fds[2]) {
    cr_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
}

static void turn_some(void) {
    for (int i = 0; i < 20; i++) {
        party_turn(&party);
    }
}

Test(net, a_watch_tells_again_until_the_bytes_are_read) {
    int fds[2];
    sockets_open(fds);
    party_start(&party, NULL);
    struct seen seen = {0};
    struct net_watch watch = {.on_ready = on_ready, .owner = &seen, .tag = 7};
    net_watch(party.net, &watch, fds[0], 1, POLLIN);
    turn_some();
    cr_assert_eq(seen.count, 0);
    raw_write(fds[1], "xy", 2);
    TURN_UNTIL(&party, NULL, seen.count >= 3);
    cr_assert_eq(seen.tag, 7);
    cr_assert_eq(seen.events, POLLIN);
    char bytes[2];
    cr_assert_eq(recv(fds[0], bytes, 2, 0), 2);
    turn_some();
    int count = seen.count;
    turn_some();
    cr_assert_eq(seen.count, count, "all is read");
    raw_write(fds[1], "z", 1);
    TURN_UNTIL(&party, NULL, seen.count > count);
    party_end(&party);
}

Test(net, a_watch_can_be_replaced_and_ended) {
    int fds[2];
    sockets_open(fds);
    party_start(&party, NULL);
    struct seen seen = {0};
    struct net_watch watch = {.on_ready = on_ready, .owner = &seen};
    raw_write(fds[1], "x", 1);
    net_watch(party.net, &watch, fds[0], 1, POLLIN);
    net_watch(party.net, &watch, fds[0], 1, POLLOUT);
    TURN_UNTIL(&party, NULL, seen.count > 0);
    cr_assert_eq(seen.events, POLLOUT);
    net_watch(party.net, &watch, fds[0], 1, POLLIN | POLLOUT);
    seen.count = 0;
    TURN_UNTIL(&party, NULL, seen.count > 0);
    cr_assert_eq(seen.events, POLLIN | POLLOUT);
    net_watch(party.net, &watch, fds[0], 1, 0);
    seen.count = 0;
    turn_some();
    cr_assert_eq(seen.count, 0);
    party_end(&party);
}

/* The poll has completed in the kernel, and perhaps in the queue, when the watch ends; its memory may be gone as well.
 */
Test(net, a_watch_never_fires_after_its_end) {
    int fds[2];
    sockets_open(fds);
    party_start(&party, NULL);
    struct seen seen = {0};
    for (int i = 0; i < 100; i++) {
        struct net_watch watch = {.on_ready = on_ready, .owner = &seen};
        net_watch(party.net, &watch, fds[0], 1, POLLIN);
        net_turn(party.net, tick_now());
        raw_write(fds[1], "x", 1);
        net_watch(party.net, &watch, fds[0], 1, 0);
        watch.on_ready = NULL;
        net_turn(party.net, tick_now());
        char byte;
        cr_assert_eq(recv(fds[0], &byte, 1, 0), 1);
    }
    cr_assert_eq(seen.count, 0);
    party_end(&party);
}

Test(net, a_watch_may_end_itself_and_another) {
    int fds[2];
    sockets_open(fds);
    party_start(&party, NULL);
    struct seen first = {0}, second = {0};
    struct net_watch one = {.on_ready = on_ready, .owner = &first};
    struct net_watch other = {.on_ready = on_ready, .owner = &second};
    first.end = &other;
    second.end = &other;
    net_watch(party.net, &one, fds[0], 1, POLLOUT);
    net_watch(party.net, &other, fds[1], 1, POLLOUT);
    TURN_UNTIL(&party, NULL, first.count > 5);
    cr_assert(second.count <= 1, "%d", second.count);
    party_end(&party);
}

/* libpq closes a socket and opens another between two looks: the same number and the same events, but another socket.
 */
Test(net, a_watch_follows_a_number_to_its_new_socket) {
    int before[2], after[2];
    sockets_open(before);
    sockets_open(after);
    party_start(&party, NULL);
    struct seen seen = {0};
    struct net_watch watch = {.on_ready = on_ready, .owner = &seen};
    net_watch(party.net, &watch, before[0], 1, POLLIN);
    turn_some();
    cr_assert(dup2(after[0], before[0]) == before[0]);
    net_watch(party.net, &watch, before[0], 2, POLLIN);
    raw_write(after[1], "x", 1);
    TURN_UNTIL(&party, NULL, seen.count > 0);
    cr_assert_eq(seen.events, POLLIN);
    party_end(&party);
}

Test(net, the_other_sides_end_and_a_closed_number_are_told) {
    int fds[2];
    sockets_open(fds);
    party_start(&party, NULL);
    struct seen seen = {0};
    struct net_watch watch = {.on_ready = on_ready, .owner = &seen};
    net_watch(party.net, &watch, fds[0], 1, POLLIN);
    close(fds[1]);
    TURN_UNTIL(&party, NULL, seen.count > 0);
    cr_assert(seen.events & POLLHUP);
    net_watch(party.net, &watch, fds[0], 1, 0);
    close(fds[0]);
    seen.count = 0;
    net_watch(party.net, &watch, fds[0], 1, POLLIN);
    TURN_UNTIL(&party, NULL, seen.count > 0);
    cr_assert_eq(seen.events, POLLNVAL);
    turn_some();
    cr_assert_eq(seen.count, 1, "and then it has ended");
    party_end(&party);
}

/* ---- waking ---- */

static void on_alarm(int signal_number) {
    (void)signal_number;
    net_wake(party.net);
}

Test(net, a_signal_handler_may_wake_a_turn) {
    party_start(&party, NULL);
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    cr_assert(sigaction(SIGALRM, &action, NULL) == 0);
    ualarm(50000, 0);
    net_turn(party.net, (struct tick){tick_now().us + PATIENCE_US});
    net_wake(party.net);
    net_wake(party.net);
    net_turn(party.net, (struct tick){tick_now().us + PATIENCE_US});
    party_end(&party);
}

Test(net, a_turn_ends_when_its_time_is_up) {
    party_start(&party, NULL);
    struct tick until = {tick_now().us + 30000};
    while (tick_now().us < until.us) {
        net_turn(party.net, until);
    }
    net_turn(party.net, (struct tick){0});
    party_end(&party);
}
