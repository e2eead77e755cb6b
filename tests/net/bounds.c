/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer may not do: be too many, too slow, silent, or deaf. */
#include "party.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

static struct party server;
static struct party client;
static char address[64];

static void plain_start(const struct net_options *options) {
    server.echoes = true;
    party_start(&server, options);
    party_start(&client, NULL);
    party_listen(&server, NULL, address);
}

static void plain_end(void) {
    party_end(&client);
    party_end(&server);
}

static void expect_echo(void) {
    size_t before = client.received;
    struct net_stream *stream = party_dial(&client, address, NULL);
    cr_assert(party_send(stream, 0, 500));
    TURN_UNTIL(&server, &client, client.received == before + 500);
    cr_assert_eq(client.wrong, 0u);
    net_close(stream, "enough");
}

Test(net, connections_past_the_capacity_are_closed_at_once) {
    struct net_options options = party_options();
    options.streams_capacity = 3;
    plain_start(&options);
    int in[3];
    for (int i = 0; i < 3; i++) {
        in[i] = raw_connect(address);
    }
    TURN_UNTIL(&server, NULL, server.opened == 3);
    int over = raw_connect(address);
    TURN_UNTIL(&server, NULL, raw_is_ended(over));
    cr_assert_eq(server.opened, 3);
    cr_assert_not(raw_is_ended(in[0]));
    close(in[1]);
    TURN_UNTIL(&server, NULL, server.closed == 1);
    expect_echo();
    close(over);
    close(in[0]);
    close(in[2]);
    plain_end();
}

Test(net, an_idle_connection_is_closed_and_a_busy_one_is_not) {
    struct net_options options = party_options();
    options.idle_timeout_us = 400000;
    plain_start(&options);
    int idle = raw_connect(address);
    int busy = raw_connect(address);
    TURN_UNTIL(&server, NULL, server.opened == 2);
    struct tick next = {0};
    while (server.closed == 0) {
        if (tick_now().us >= next.us) {
            raw_write(busy, "x", 1);
            next.us = tick_now().us + 20000;
        }
        party_turn(&server);
    }
    cr_assert_str_eq(server.why, "idle for too long");
    TURN_UNTIL(&server, NULL, raw_is_ended(idle));
    cr_assert_not(raw_is_ended(busy) && server.closed == 1);
    close(idle);
    close(busy);
    plain_end();
}

Test(net, a_dialled_stream_may_be_idle) {
    struct net_options options = party_options();
    options.idle_timeout_us = 50000;
    char listening[64];
    int listener = raw_listen(listening);
    plain_start(&options);
    party_dial(&server, listening, NULL);
    TURN_UNTIL(&server, NULL, server.opened == 1);
    int idle = raw_connect(address);
    TURN_UNTIL(&server, NULL, server.closed == 1);
    cr_assert(raw_is_ended(idle));
    cr_assert_eq(server.opened, 2);
    close(listener);
    close(idle);
    plain_end();
}

Test(net, a_peer_that_never_reads_is_cut_off_and_others_are_served) {
    struct net_options options = party_options();
    options.unread_capacity_bytes = 300000;
    plain_start(&options);
    int deaf = raw_connect(address);
    TURN_UNTIL(&server, NULL, server.opened == 1);
    struct net_stream *stream = server.stream;
    size_t sent = 0;
    while (party_send(stream, sent, 50000)) {
        sent += 50000;
        party_turn(&server);
        cr_assert(sent < (size_t)1 << 30);
    }
    TURN_UNTIL(&server, NULL, server.closed == 1);
    unsigned long unread = 0;
    cr_assert_eq(sscanf(server.why, "left %lu bytes unread", &unread), 1, "%s", server.why);
    cr_assert(unread > 300000 && unread <= 300000 + 4096, "%lu", unread);
    expect_echo();
    close(deaf);
    plain_end();
}

Test(net, a_service_we_dialled_may_be_sent_more_than_a_peer_may_leave_unread) {
    struct net_options options = party_options();
    options.unread_capacity_bytes = 1000;
    plain_start(&options);
    struct net_stream *stream = party_dial(&server, address, NULL);
    TURN_UNTIL(&server, NULL, server.opened == 2);
    cr_assert(net_send(stream, bytes_of(NULL, 0)));
    cr_assert(party_send(stream, 0, (size_t)2 << 20));
    cr_assert_not(party_send(stream, 0, (size_t)3 << 20));
    TURN_UNTIL(&server, NULL, server.closed == 2);
    plain_end();
}

/* The peer takes little at a time, so that nearly every send is a short one. */
Test(net, short_sends_are_continued) {
    plain_start(NULL);
    server.echoes = false;
    int slow = raw_connect(address);
    TURN_UNTIL(&server, NULL, server.opened == 1);
    size_t size = (size_t)32 << 20;
    cr_assert(party_send(server.stream, 0, size));
    uint8_t *bytes = malloc(1 << 20);
    size_t taken = 0;
    while (taken < size) {
        party_turn(&server);
        ssize_t part = recv(slow, bytes, 1 << 20, MSG_DONTWAIT);
        for (ssize_t i = 0; i < part; i++) {
            cr_assert_eq(bytes[i], pattern(taken + (size_t)i));
        }
        taken += part > 0 ? (size_t)part : 0;
    }
    TURN_UNTIL(&server, NULL, server.sent == 1);
    cr_assert_eq(server.closed, 0);
    free(bytes);
    close(slow);
    plain_end();
}

Test(net, a_peer_that_vanishes_with_a_reset_is_closed_and_others_are_served) {
    plain_start(NULL);
    int fd = raw_connect(address);
    raw_write(fd, "x", 1);
    TURN_UNTIL(&server, NULL, server.received == 1);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    cr_assert(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0);
    close(fd);
    TURN_UNTIL(&server, NULL, server.closed == 1);
    cr_assert_not_null(strstr(server.why, "reset"), "%s", server.why);
    expect_echo();
    plain_end();
}

Test(net, a_reset_in_the_middle_of_a_long_send_frees_the_stream) {
    plain_start(NULL);
    int fd = raw_connect(address);
    TURN_UNTIL(&server, NULL, server.opened == 1);
    cr_assert(party_send(server.stream, 0, (size_t)32 << 20));
    for (int i = 0; i < 20; i++) {
        party_turn(&server);
    }
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    cr_assert(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0);
    close(fd);
    TURN_UNTIL(&server, NULL, server.closed == 1 && net_accepted_count(server.net) == 0);
    expect_echo();
    plain_end();
}

/* What the server says last must not be overtaken by a reset because the client's bytes were left unread. */
Test(net, last_words_arrive_though_the_peer_goes_on_sending) {
    plain_start(NULL);
    server.hangs_up = true;
    int fd = raw_connect(address);
    uint8_t bytes[4096];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = pattern(i);
    }
    raw_write(fd, bytes, 10);
    TURN_UNTIL(&server, NULL, server.received == 10);
    size_t said = server.received;
    for (int i = 0; i < 50; i++) {
        raw_write(fd, bytes, sizeof(bytes));
        party_turn(&server);
    }
    cr_assert_eq(server.received, said, "nothing is heard after no was said");
    shutdown(fd, SHUT_WR);
    TURN_UNTIL(&server, NULL, server.closed == 1);
    cr_assert_eq(raw_drain(fd), said);
    close(fd);
    plain_end();
}

Test(net, a_peer_that_does_not_close_in_return_is_let_go) {
    plain_start(NULL);
    int fd = raw_connect(address);
    TURN_UNTIL(&server, NULL, server.opened == 1);
    net_close(server.stream, "enough");
    TURN_UNTIL(&server, NULL, server.closed == 1);
    cr_assert_str_eq(server.why, "enough");
    cr_assert_eq(net_accepted_count(server.net), 0u);
    close(fd);
    plain_end();
}

/* More completions in one turn than the queue of 256 + 4 per stream holds: the kernel keeps them, ends the multishot
 * receives, and nothing may be lost. */
Test(net, more_completions_than_the_queue_holds_lose_nothing) {
    struct net_options options = party_options();
    options.streams_capacity = 40;
    options.receive_buffers = 8192;
    plain_start(&options);
    server.echoes = false;
    uint8_t bytes[131072];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = pattern(i);
    }
    int fds[40];
    for (int i = 0; i < 40; i++) {
        fds[i] = raw_connect(address);
    }
    TURN_UNTIL(&server, NULL, server.opened == 40);
    for (int i = 0; i < 40; i++) {
        raw_write(fds[i], bytes, sizeof(bytes));
    }
    TURN_UNTIL(&server, NULL, server.received == 40 * sizeof(bytes));
    cr_assert_eq(server.wrong, 0u);
    for (int i = 0; i < 40; i++) {
        cr_assert_eq(server.tallies[i].received, sizeof(bytes));
        close(fds[i]);
    }
    plain_end();
}

/* The kernel looks at the limit when an accept starts, so it is lowered before the first turn. */
Test(net, when_descriptors_run_out_accepting_pauses_and_goes_on) {
    plain_start(NULL);
    int first = raw_connect(address);
    int second = raw_connect(address);
    int spare = dup(second); /* the lowest free number: one connection may have it, and then there is none */
    close(spare);
    struct rlimit limit;
    cr_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    struct rlimit one = {.rlim_cur = (rlim_t)spare + 1, .rlim_max = limit.rlim_max};
    cr_assert(setrlimit(RLIMIT_NOFILE, &one) == 0);
    for (int i = 0; i < 300; i++) {
        party_turn(&server);
    }
    cr_assert_eq(server.opened, 1);
    raw_write(first, "x", 1);
    TURN_UNTIL(&server, NULL, raw_is_answered(first));
    cr_assert(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    TURN_UNTIL(&server, NULL, server.opened == 2);
    expect_echo();
    close(first);
    close(second);
    plain_end();
}

/* The server's side of a connection, of all that this process has open. */
static int accepted_from(int fd) {
    struct sockaddr_in own, peer;
    socklen_t size = sizeof own;
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    for (int other = 0; other < 1024; other++) {
        size = sizeof peer;
        if (getpeername(other, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET &&
            peer.sin_port == own.sin_port)
            return other;
    }
    cr_assert_fail("nobody has it");
    return -1;
}

static void expect_option(int fd, int level, int name, int least, int most) {
    int value = 0;
    socklen_t size = sizeof value;
    cr_assert_eq(getsockopt(fd, level, name, &value, &size), 0);
    cr_expect(value >= least && value <= most, "option %d is %d", name, value);
}

/* The kernel asks it, and tells when nobody answers. That takes minutes: here that it was told to. */
Test(net, who_vanishes_without_a_word_is_found_out_within_minutes) {
    plain_start(NULL);
    int fd = raw_connect(address);
    TURN_UNTIL(&server, NULL, server.opened == 1);
    int accepted = accepted_from(fd);
    expect_option(accepted, SOL_SOCKET, SO_KEEPALIVE, 1, 1);
    expect_option(accepted, IPPROTO_TCP, TCP_KEEPIDLE, 1, 60);
    expect_option(accepted, IPPROTO_TCP, TCP_KEEPINTVL, 1, 15);
    expect_option(accepted, IPPROTO_TCP, TCP_KEEPCNT, 1, 4);
    expect_option(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT, 1, 120000);
    expect_option(accepted, IPPROTO_TCP, TCP_NODELAY, 1, 1);
    close(fd);
    plain_end();
}
