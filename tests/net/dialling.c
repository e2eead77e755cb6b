/* SPDX-License-Identifier: Apache-2.0 */
#include "party.h"

#include <string.h>
#include <sys/socket.h>

static struct party party;
static struct party server;

Test(net, dialling_nobody_says_so) {
    party_start(&party, NULL);
    char address[64];
    snprintf(address, sizeof(address), "127.0.0.1:%d", test_free_port());
    party_dial(&party, address, NULL);
    TURN_UNTIL(&party, NULL, party.closed == 1);
    cr_assert_eq(party.opened, 0);
    cr_assert_not_null(strstr(party.why, address), "%s", party.why);
    cr_assert_not_null(strstr(party.why, "refused"), "%s", party.why);
    party_dial(&party, "unix:/nowhere/at/all", NULL);
    TURN_UNTIL(&party, NULL, party.closed == 2);
    cr_assert_not_null(strstr(party.why, "unix:/nowhere/at/all: No such file"), "%s", party.why);
    party_end(&party);
}

Test(net, what_is_no_address_is_refused_with_words) {
    party_start(&party, NULL);
    static const char *const wrong[] = {"", "host", ":1", "host:", "host:x", "::1:80", "[::1]", "host:123456", "unix:"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct failure failure = {""};
        cr_assert_null(net_dial(party.net, wrong[i], NULL, &party_handler, &party, &failure), "%s", wrong[i]);
        cr_assert_not_null(strstr(failure.text, wrong[i]), "%s", failure.text);
        cr_assert_not(net_listen(party.net, wrong[i], NULL, &party_handler, &party, &failure));
    }
    party_end(&party);
}

Test(net, a_unix_socket_echoes) {
    char directory[TEST_TEXT], path[TEST_TEXT + 8], address[TEST_TEXT + 16];
    test_directory(directory);
    snprintf(path, sizeof(path), "%s/s", directory);
    snprintf(address, sizeof(address), "unix:%s", path);
    int listener = raw_listen_unix(path);
    party_start(&party, NULL);
    struct net_stream *stream = party_dial(&party, address, NULL);
    cr_assert(party_send(stream, 0, 1000));
    TURN_UNTIL(&party, NULL, party.sent == 1);
    int fd = accept(listener, NULL, NULL);
    uint8_t bytes[1000];
    cr_assert_eq(recv(fd, bytes, sizeof(bytes), MSG_WAITALL), 1000);
    raw_write(fd, bytes, sizeof(bytes));
    TURN_UNTIL(&party, NULL, party.received == 1000);
    cr_assert_eq(party.wrong, 0u);
    close(fd);
    TURN_UNTIL(&party, NULL, party.closed == 1);
    cr_assert_str_eq(party.why, "closed by the peer");
    close(listener);
    party_end(&party);
}

/* "localhost" is ::1 and 127.0.0.1 on most machines; the listener stands on one of them. */
Test(net, the_next_address_of_a_name_is_tried) {
    party_start(&party, NULL);
    party_start(&server, NULL);
    char address[64];
    party_listen(&server, NULL, address);
    snprintf(address, sizeof(address), "localhost:%u", net_port(server.net));
    party_dial(&party, address, NULL);
    TURN_UNTIL(&party, &server, party.opened == 1);
    party_end(&party);
    party_end(&server);
}

Test(net, ipv6_is_listened_on_and_dialled) {
    party_start(&party, NULL);
    party_start(&server, NULL);
    struct failure failure;
    cr_assert(net_listen(server.net, "[::1]:0", NULL, &party_handler, &server, &failure), "%s", failure.text);
    char address[64];
    snprintf(address, sizeof(address), "[::1]:%u", net_port(server.net));
    party_dial(&party, address, NULL);
    TURN_UNTIL(&party, &server, party.opened == 1 && server.opened == 1);
    cr_assert(strncmp(net_peer_address(server.stream), "[::1]:", 6) == 0);
    party_end(&party);
    party_end(&server);
}

Test(net, several_nets_listen_on_one_port) {
    party_start(&party, NULL);
    party_start(&server, NULL);
    char address[64];
    party_listen(&server, NULL, address);
    struct failure failure;
    cr_assert(net_listen(party.net, address, NULL, &party_handler, &party, &failure), "%s", failure.text);
    int fds[64];
    for (int i = 0; i < 64; i++) {
        fds[i] = raw_connect(address);
    }
    TURN_UNTIL(&party, &server, party.opened + server.opened == 64);
    cr_assert(party.opened > 0 && server.opened > 0);
    for (int i = 0; i < 64; i++) {
        close(fds[i]);
    }
    party_end(&party);
    party_end(&server);
}

Test(net, a_dial_can_be_given_up) {
    party_start(&party, NULL);
    struct net_stream *stream = party_dial(&party, "192.0.2.1:9", NULL); /* nobody is there (RFC 5737) */
    party_turn(&party);
    net_close(stream, "given up");
    TURN_UNTIL(&party, NULL, party.closed == 1);
    cr_assert_eq(party.opened, 0);
    party_end(&party);
}

Test(net, a_net_with_streams_in_every_state_can_be_destroyed) {
    char listening[64];
    int listener = raw_listen(listening);
    party_start(&party, NULL);
    char address[64];
    party_listen(&party, NULL, address);
    party_dial(&party, listening, NULL);
    TURN_UNTIL(&party, NULL, party.opened == 1);
    cr_assert(party_send(party.stream, 0, (size_t)32 << 20)); /* nobody reads it */
    party_turn(&party);
    cr_assert(party_send(party.stream, 0, 1000));
    party_dial(&party, "192.0.2.1:9", NULL);
    int fd = raw_connect(address);
    party_turn(&party);
    party_dial(&party, listening, NULL);
    party_end(&party);
    cr_assert_eq(party.closed, 0);
    close(fd);
    close(listener);
}
