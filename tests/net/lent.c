/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that somebody else has bound and keeps. */
#include "party.h"

static struct party one;
static struct party other;

static void listen_on(struct party *party, int socket, bool is_shared) {
    struct failure failure = {""};
    party_start(party, NULL);
    cr_assert(net_listen_on(party->net, socket, is_shared, NULL, &party_handler, party, &failure), "%s", failure.text);
}

Test(net, who_knocks_on_a_lent_socket_after_its_net_stopped_is_let_in_by_the_next) {
    char address[64];
    int socket = raw_listen(address);
    listen_on(&one, socket, false);
    int first = raw_connect(address);
    TURN_UNTIL(&one, NULL, one.opened == 1);
    net_stop_listening(one.net);
    TURN_UNTIL(&one, NULL, !net_is_listening(one.net));
    int second = raw_connect(address);
    raw_write(second, "x", 1);
    party_end(&one);
    listen_on(&other, socket, false);
    TURN_UNTIL(&other, NULL, other.received == 1);
    party_end(&other);
    close(first);
    close(second);
    close(socket);
}

Test(net, who_came_before_a_lent_socket_was_given_up_is_served) {
    char address[64];
    int socket = raw_listen(address);
    listen_on(&one, socket, false);
    party_turn(&one);
    int came = raw_connect(address);
    raw_write(came, "x", 1);
    net_stop_listening(one.net);
    TURN_UNTIL(&one, NULL, !net_is_listening(one.net));
    /* The accept was first or its cancel: then the socket keeps the client. */
    if (one.opened == 0)
        listen_on(&other, socket, false);
    TURN_UNTIL(&one, other.net != NULL ? &other : NULL, one.received + other.received == 1);
    party_end(&one);
    party_end(&other);
    close(came);
    close(socket);
}

Test(net, connections_go_round_among_those_that_share_a_socket) {
    char address[64];
    int fds[10];
    int socket = raw_listen(address);
    listen_on(&one, socket, true);
    listen_on(&other, socket, true);
    for (int i = 0; i < 10; i++) {
        /* Both wait, as threads of their own would. */
        party_turn(&one);
        party_turn(&other);
        fds[i] = raw_connect(address);
        TURN_UNTIL(&one, &other, one.opened + other.opened == i + 1);
    }
    cr_expect_eq(one.opened, 5);
    cr_expect_eq(other.opened, 5);
    party_end(&one);
    party_end(&other);
    for (int i = 0; i < 10; i++)
        close(fds[i]);
    close(socket);
}
