/* SPDX-License-Identifier: Apache-2.0 */
#include "party.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* A server that echoes and a client, over TLS. */
struct couple {
    struct certificates certificates;
    struct net_tls *server_tls;
    struct net_tls *client_tls;
    struct party server;
    struct party client;
    char address[64];
};

static struct couple couple;

static void couple_start(const struct net_options *server_options) {
    certificates_make(&couple.certificates);
    couple.server_tls = certificates_tls(&couple.certificates, true, "server", "authority", PROTOCOL);
    couple.client_tls = certificates_tls(&couple.certificates, false, "client", "authority", PROTOCOL);
    couple.server.echoes = true;
    party_start(&couple.server, server_options);
    party_start(&couple.client, NULL);
    party_listen(&couple.server, couple.server_tls, couple.address);
}

static void couple_end(void) {
    party_end(&couple.client);
    party_end(&couple.server);
    net_tls_destroy(couple.client_tls);
    net_tls_destroy(couple.server_tls);
}

Test(net, bytes_come_back_over_tls_and_both_sides_know_each_others_names) {
    couple_start(NULL);
    party_dial(&couple.client, couple.address, couple.client_tls);
    TURN_UNTIL(&couple.server, &couple.client, couple.client.opened == 1);
    cr_assert_str_eq(couple.client.name, "server");
    cr_assert(party_send(couple.client.stream, 0, 100));
    TURN_UNTIL(&couple.server, &couple.client, couple.client.received == 100);
    cr_assert_eq(couple.client.wrong, 0u);
    cr_assert_str_eq(couple.server.name, "client");
    cr_assert(strncmp(net_peer_address(couple.server.stream), "127.0.0.1:", 10) == 0);
    cr_assert_str_eq(net_peer_address(couple.client.stream), couple.address);
    couple_end();
}

Test(net, what_was_queued_before_the_handshake_arrives_after_it) {
    couple_start(NULL);
    struct net_stream *stream = party_dial(&couple.client, couple.address, couple.client_tls);
    cr_assert(party_send(stream, 0, 5000));
    TURN_UNTIL(&couple.server, &couple.client, couple.client.received == 5000);
    cr_assert_eq(couple.client.wrong, 0u);
    couple_end();
}

Test(net, two_hundred_connections_echo_at_once) {
    couple_start(NULL);
    struct net_options options = party_options();
    for (int i = 0; i < 200; i++) {
        struct net_stream *stream = party_dial(&couple.client, couple.address, couple.client_tls);
        cr_assert(party_send(stream, 0, 3000));
    }
    cr_assert(options.streams_capacity >= 200);
    TURN_UNTIL(&couple.server, &couple.client, couple.client.received == 200 * 3000);
    cr_assert_eq(couple.client.wrong, 0u);
    cr_assert_eq(couple.server.opened, 200);
    cr_assert_eq(net_accepted_count(couple.server.net), 200u);
    for (int i = 0; i < 200; i++) {
        cr_assert_eq(couple.client.tallies[i].received, 3000u);
    }
    couple_end();
}

Test(net, records_torn_to_single_bytes_are_put_together) {
    couple_start(NULL);
    char address[64];
    pid_t forwarder = forwarder_start(couple.address, 1, address);
    struct net_stream *stream = party_dial(&couple.client, address, couple.client_tls);
    cr_assert(party_send(stream, 0, 2500));
    TURN_UNTIL(&couple.server, &couple.client, couple.client.received == 2500);
    cr_assert_eq(couple.client.wrong, 0u);
    kill(forwarder, SIGKILL);
    waitpid(forwarder, NULL, 0);
    couple_end();
}

Test(net, messages_larger_than_any_buffer_arrive_whole) {
    couple_start(NULL);
    party_dial(&couple.client, couple.address, couple.client_tls);
    TURN_UNTIL(&couple.server, &couple.client, couple.client.opened == 1);
    size_t size = (size_t)8 << 20;
    cr_assert(party_send(couple.client.stream, 0, size));
    TURN_UNTIL(&couple.server, &couple.client, couple.client.received == size);
    cr_assert_eq(couple.client.wrong, 0u);
    cr_assert_eq(couple.server.wrong, 0u);
    couple_end();
}

Test(net, the_owner_hears_when_all_is_passed_on_and_may_then_send_more) {
    couple_start(NULL);
    party_dial(&couple.client, couple.address, couple.client_tls);
    TURN_UNTIL(&couple.server, &couple.client, couple.client.opened == 1);
    for (int round = 1; round <= 3; round++) {
        cr_assert(party_send(couple.client.stream, (size_t)(round - 1) * 1000, 1000));
        TURN_UNTIL(&couple.server, &couple.client, couple.client.sent == round);
    }
    TURN_UNTIL(&couple.server, &couple.client, couple.client.received == 3000);
    cr_assert_eq(couple.client.wrong, 0u);
    cr_assert_eq(couple.client.sent, 3);
    couple_end();
}

/* With two receive buffers for a hundred streams, nearly every receive ends with ENOBUFS and must start anew. */
Test(net, two_receive_buffers_serve_a_hundred_streams) {
    struct net_options options = party_options();
    options.receive_buffers = 2;
    couple_start(&options);
    for (int i = 0; i < 100; i++) {
        struct net_stream *stream = party_dial(&couple.client, couple.address, couple.client_tls);
        cr_assert(party_send(stream, 0, 40000));
    }
    TURN_UNTIL(&couple.server, &couple.client, couple.client.received == 100 * 40000);
    cr_assert_eq(couple.client.wrong, 0u);
    couple_end();
}

/* ---- closing ---- */

Test(net, what_was_queued_leaves_before_an_orderly_close) {
    couple_start(NULL);
    couple.server.echoes = false;
    struct net_stream *stream = party_dial(&couple.client, couple.address, couple.client_tls);
    TURN_UNTIL(&couple.server, &couple.client, couple.client.opened == 1);
    size_t size = (size_t)3 << 20;
    cr_assert(party_send(stream, 0, size));
    net_close(stream, "done");
    net_close(stream, "done again");
    cr_assert_not(party_send(stream, 0, 1));
    TURN_UNTIL(&couple.server, &couple.client, couple.server.closed == 1 && couple.client.closed == 1);
    cr_assert_eq(couple.server.received, size);
    cr_assert_eq(couple.server.wrong, 0u);
    cr_assert_str_eq(couple.client.why, "done");
    cr_assert_str_eq(couple.server.why, "closed by the peer");
    couple_end();
}

Test(net, a_handler_that_says_no_to_bytes_closes_after_its_last_words) {
    couple_start(NULL);
    couple.server.hangs_up = true;
    struct net_stream *stream = party_dial(&couple.client, couple.address, couple.client_tls);
    cr_assert(party_send(stream, 0, 700));
    TURN_UNTIL(&couple.server, &couple.client, couple.client.closed == 1 && couple.server.closed == 1);
    cr_assert_eq(couple.client.received, 700u);
    couple_end();
}

Test(net, a_stream_turned_away_on_opening_is_not_heard_of_again) {
    couple_start(NULL);
    couple.server.turns_away = true;
    party_dial(&couple.client, couple.address, couple.client_tls);
    TURN_UNTIL(&couple.server, &couple.client, couple.client.closed == 1);
    TURN_UNTIL(&couple.server, &couple.client, net_accepted_count(couple.server.net) == 0);
    cr_assert_eq(couple.server.closed, 0);
    couple_end();
}

Test(net, a_key_stands_for_its_stream_alone) {
    couple_start(NULL);
    party_dial(&couple.client, couple.address, couple.client_tls);
    TURN_UNTIL(&couple.server, &couple.client, couple.server.opened == 1);
    struct net_stream *first = couple.server.stream;
    uint64_t key = net_stream_key(first);
    cr_assert_eq(net_stream_of(couple.server.net, key), first);
    net_close(first, "enough");
    TURN_UNTIL(&couple.server, &couple.client, couple.server.closed == 1);
    cr_assert_null(net_stream_of(couple.server.net, key));
    party_dial(&couple.client, couple.address, couple.client_tls);
    TURN_UNTIL(&couple.server, &couple.client, couple.server.opened == 2);
    cr_assert_eq(couple.server.stream, first, "the slot is used again");
    cr_assert_null(net_stream_of(couple.server.net, key));
    cr_assert_neq(net_stream_key(couple.server.stream), key);
    couple_end();
}

static void visit_and_close(void *owner, struct net_stream *stream) {
    ++*(int *)owner;
    net_close(stream, "cut off");
}

Test(net, every_accepted_stream_can_be_visited_and_closed) {
    couple_start(NULL);
    for (int i = 0; i < 20; i++) {
        party_dial(&couple.client, couple.address, couple.client_tls);
    }
    TURN_UNTIL(&couple.server, &couple.client, couple.server.opened == 20 && couple.client.opened == 20);
    int visited = 0;
    net_each_accepted(couple.server.net, &visited, visit_and_close);
    cr_assert_eq(visited, 20);
    TURN_UNTIL(&couple.server, &couple.client, couple.client.closed == 20 && couple.server.closed == 20);
    cr_assert_str_eq(couple.server.why, "cut off");
    couple_end();
}

Test(net, a_net_that_stopped_listening_serves_those_it_has) {
    couple_start(NULL);
    struct net_stream *stream = party_dial(&couple.client, couple.address, couple.client_tls);
    TURN_UNTIL(&couple.server, &couple.client, couple.client.opened == 1);
    net_stop_listening(couple.server.net);
    party_dial(&couple.client, couple.address, couple.client_tls);
    TURN_UNTIL(&couple.server, &couple.client, couple.client.closed == 1);
    cr_assert_not_null(strstr(couple.client.why, "refused"), "%s", couple.client.why);
    cr_assert(party_send(stream, 0, 1000));
    TURN_UNTIL(&couple.server, &couple.client, couple.client.received == 1000);
    couple_end();
}

/* ---- threads ---- */

struct loop {
    struct party party;
    atomic_bool is_over;
    char address[64];
    atomic_bool is_ready;
};

static void *loop_run(void *argument) {
    struct loop *loop = argument;
    party_start(&loop->party, NULL);
    party_listen(&loop->party, couple.server_tls, loop->address);
    atomic_store(&loop->is_ready, true);
    while (!atomic_load(&loop->is_over)) {
        net_turn(loop->party.net, (struct tick){tick_now().us + PATIENCE_US});
    }
    return NULL;
}

/* The loop waits for a minute if nobody wakes it; the join would then be noticed by the test's own time limit. */
Test(net, threads_share_certificates_and_wake_each_other, .timeout = 50) {
    couple_start(NULL);
    static struct loop loop;
    loop.party.echoes = true;
    pthread_t thread;
    cr_assert(pthread_create(&thread, NULL, loop_run, &loop) == 0);
    while (!atomic_load(&loop.is_ready)) {
        usleep(1000);
    }
    struct failure failure;
    for (int i = 0; i < 20; i++) {
        struct net_stream *stream =
            party_dial(&couple.client, i % 2 ? loop.address : couple.address, couple.client_tls);
        cr_assert(party_send(stream, 0, 2000));
        cr_assert(net_tls_reload(couple.server_tls, &failure));
    }
    TURN_UNTIL(&couple.server, &couple.client, couple.client.received == 20 * 2000);
    cr_assert_eq(couple.client.wrong, 0u);
    atomic_store(&loop.is_over, true);
    net_wake(loop.party.net);
    cr_assert(pthread_join(thread, NULL) == 0);
    party_end(&loop.party);
    couple_end();
}
