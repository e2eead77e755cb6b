/* SPDX-License-Identifier: Apache-2.0 */
#include "party.h"

#include <string.h>

static struct certificates certificates;
static struct net_tls *server_tls;
static struct party server;
static struct party client;
static char address[64];
static char output[65536];

static void server_start(const char *name, const struct net_options *options) {
    certificates_make(&certificates);
    server_tls = certificates_tls(&certificates, true, name, "authority", PROTOCOL);
    server.echoes = true;
    party_start(&server, options);
    party_start(&client, NULL);
    party_listen(&server, server_tls, address);
}

static void server_end(void) {
    party_end(&client);
    party_end(&server);
    net_tls_destroy(server_tls);
}

/* A client of our own with this certificate and protocol is refused, and so is never seen by the server's owner. */
static void expect_refusal(const char *name, const char *authority, const char *protocol, const char *word) {
    struct net_tls *tls = certificates_tls(&certificates, false, name, authority, protocol);
    party_dial(&client, address, tls);
    TURN_UNTIL(&server, &client, client.closed == 1 && net_accepted_count(server.net) == 0);
    cr_assert_not_null(strstr(client.why, word), "%s", client.why);
    cr_assert_eq(server.opened, 0);
    net_tls_destroy(tls);
}

/* Others are unharmed by whatever happened before. */
static void expect_service(void) {
    struct net_tls *tls = certificates_tls(&certificates, false, "client", "authority", PROTOCOL);
    size_t before = client.received;
    struct net_stream *stream = party_dial(&client, address, tls);
    cr_assert(party_send(stream, 0, 100));
    TURN_UNTIL(&server, &client, client.received == before + 100);
    net_tls_destroy(tls);
}

Test(net, a_client_of_another_authority_is_refused) {
    server_start("server", NULL);
    expect_refusal("stranger", "authority", PROTOCOL, "unknown ca");
    expect_service();
    server_end();
}

Test(net, a_client_whose_certificate_has_expired_is_refused) {
    server_start("server", NULL);
    expect_refusal("expired", "authority", PROTOCOL, "certificate expired");
    expect_service();
    server_end();
}

Test(net, a_client_that_speaks_another_protocol_is_refused) {
    server_start("server", NULL);
    expect_refusal("client", "authority", "vaxel/9", "no application protocol");
    expect_service();
    server_end();
}

/* What both sides say they agreed upon. */
static void expect_agreement(const char *offered, const char *agreed) {
    struct net_tls *tls = certificates_tls(&certificates, false, "client", "authority", offered);
    int before = server.opened;
    party_dial(&client, address, tls);
    TURN_UNTIL(&server, &client, server.opened == before + 1 && client.opened == before + 1);
    cr_assert(net_speaks(server.stream, agreed));
    cr_assert(net_speaks(client.stream, agreed));
    cr_assert_not(net_speaks(server.stream, "vaxel"));
    net_tls_destroy(tls);
}

Test(net, of_several_protocols_the_server_takes_the_first_that_the_client_offers) {
    server_start("server", NULL);
    net_tls_destroy(server_tls);
    server_tls = certificates_tls(&certificates, true, "server", "authority", PROTOCOL ",h2");
    party_listen(&server, server_tls, address);
    expect_agreement(PROTOCOL, PROTOCOL);
    expect_agreement("h2", "h2");
    expect_agreement("http/1.1,h2", "h2");
    expect_agreement("h2," PROTOCOL, PROTOCOL);
    server_end();
}

#define S_CLIENT "sleep 1 | openssl s_client -connect %s -CAfile %s/authority.pem "

Test(net, a_client_without_a_certificate_is_refused) {
    server_start("server", NULL);
    /* It is told after its own handshake, and stays until then. */
    run_beside(&server, output, sizeof(output), S_CLIENT "-ign_eof -alpn " PROTOCOL, address, certificates.directory);
    cr_assert_not_null(strstr(output, "certificate required"), "%s", output);
    cr_assert_eq(server.opened, 0);
    expect_service();
    server_end();
}

Test(net, a_client_that_names_no_protocol_is_refused) {
    server_start("server", NULL);
    run_beside(&server, output, sizeof(output), S_CLIENT "-cert %s/client.pem -key %s/client.key", address,
               certificates.directory, certificates.directory, certificates.directory);
    cr_assert_not_null(strstr(output, "no application protocol"), "%s", output);
    cr_assert_eq(server.opened, 0);
    expect_service();
    server_end();
}

Test(net, older_tls_is_refused) {
    server_start("server", NULL);
    run_beside(&server, output, sizeof(output),
               S_CLIENT "-tls1_2 -alpn " PROTOCOL " -cert %s/client.pem -key %s/client.key", address,
               certificates.directory, certificates.directory, certificates.directory);
    cr_assert_not_null(strstr(output, "protocol version"), "%s", output);
    cr_assert_eq(server.opened, 0);
    expect_service();
    server_end();
}

Test(net, the_openssl_command_is_served_without_session_tickets) {
    server_start("server", NULL);
    server.echoes = false;
    run_beside(&server, output, sizeof(output),
               "(printf X; sleep 1) | openssl s_client -connect %s -CAfile %s/authority.pem -alpn " PROTOCOL
               " -cert %s/client.pem -key %s/client.key -verify_return_error -servername localhost",
               address, certificates.directory, certificates.directory, certificates.directory);
    TURN_UNTIL(&server, NULL, server.closed == 1);
    cr_assert_eq(server.opened, 1);
    cr_assert_eq(server.received, 1u);
    cr_assert_not_null(strstr(output, "TLS_AES_128_GCM_SHA256"), "%s", output);
    cr_assert_not_null(strstr(output, "ALPN protocol: " PROTOCOL), "%s", output);
    cr_assert_null(strstr(output, "New Session Ticket"), "%s", output);
    server_end();
}

Test(net, a_server_of_another_authority_is_refused_by_the_client) {
    server_start("stranger", NULL);
    expect_refusal("client", "authority", PROTOCOL, "certificate");
    server_end();
}

Test(net, a_server_whose_certificate_has_expired_is_refused_by_the_client) {
    server_start("expired", NULL);
    expect_refusal("client", "authority", PROTOCOL, "certificate has expired");
    server_end();
}

Test(net, a_server_with_the_certificate_of_another_host_is_refused_by_the_client) {
    server_start("elsewhere", NULL);
    expect_refusal("client", "authority", PROTOCOL, "IP address mismatch");
    client.closed = 0;
    snprintf(address, sizeof(address), "localhost:%u", net_port(server.net));
    expect_refusal("client", "authority", PROTOCOL, "hostname mismatch");
    server_end();
}

#define GARBAGE(text)                                                                                                  \
    { .data = (const uint8_t *)(text), .size = sizeof(text) - 1 }

Test(net, garbage_instead_of_a_handshake_harms_nobody_else) {
    server_start("server", NULL);
    static const struct bytes garbage[] = {
        GARBAGE("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        GARBAGE("\x16\x03\x01\xff\xff too long a record"),
        GARBAGE("\x17\x03\x03\x00\x05"
                "data before any handshake"),
        GARBAGE("\x16\x03\x01\x00\x06"
                "\x01\xff\xff\xff\x03\x03 a hello of 16 MiB"),
        GARBAGE("\x16\x03\x01\x00\x04"
                "\x01\x00\x00\x00 an empty hello"),
        GARBAGE("\x80\x2e\x01\x03\x01 older than TLS, and long enough for its length"),
    };
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        int fd = raw_connect(address);
        raw_write(fd, garbage[i].data, garbage[i].size);
        TURN_UNTIL(&server, NULL, raw_is_answered(fd));
        close(fd);
        TURN_UNTIL(&server, NULL, net_accepted_count(server.net) == 0);
    }
    expect_service();
    cr_assert_eq(server.opened, 1);
    server_end();
}

Test(net, a_handshake_that_never_ends_is_cut_off_in_time) {
    struct net_options options = party_options();
    options.handshake_timeout_us = 200000;
    server_start("server", &options);
    int silent = raw_connect(address);
    int torn = raw_connect(address);
    raw_write(torn, "\x16\x03\x01\x02", 4);
    TURN_UNTIL(&server, NULL, net_accepted_count(server.net) == 2);
    TURN_UNTIL(&server, NULL, raw_is_ended(silent) && raw_is_ended(torn));
    cr_assert_eq(net_accepted_count(server.net), 0u);
    cr_assert_eq(server.opened + server.closed, 0);
    close(silent);
    close(torn);
    server_end();
}

Test(net, reloaded_certificates_hold_for_new_connections) {
    server_start("server", NULL);
    struct net_tls *tls = certificates_tls(&certificates, false, "client", "authority", PROTOCOL);
    struct net_stream *before = party_dial(&client, address, tls);
    TURN_UNTIL(&server, &client, client.opened == 1);
    run_beside(&server, output, sizeof(output), "cd %s && cp expired.pem server.pem && cp expired.key server.key",
               certificates.directory);
    struct failure failure;
    cr_assert(net_tls_reload(server_tls, &failure), "%s", failure.text);
    party_dial(&client, address, tls);
    TURN_UNTIL(&server, &client, client.closed == 1);
    cr_assert_not_null(strstr(client.why, "expired"), "%s", client.why);
    cr_assert(party_send(before, 0, 10));
    TURN_UNTIL(&server, &client, client.received == 10);
    net_tls_destroy(tls);
    server_end();
}

Test(net, a_reload_of_bad_files_says_which_and_changes_nothing) {
    server_start("server", NULL);
    struct net_tls *tls = certificates_tls(&certificates, false, "client", "authority", PROTOCOL);
    struct failure failure;
    run_beside(&server, output, sizeof(output), "cd %s && cp client.key server.key", certificates.directory);
    cr_assert_not(net_tls_reload(server_tls, &failure));
    cr_assert_not_null(strstr(failure.text, "server.key"), "%s", failure.text);
    run_beside(&server, output, sizeof(output), "cd %s && rm server.pem", certificates.directory);
    cr_assert_not(net_tls_reload(server_tls, &failure));
    cr_assert_not_null(strstr(failure.text, "server.pem\": No such file"), "%s", failure.text);
    run_beside(&server, output, sizeof(output), "cd %s && cp client.pem server.pem && echo x >authority.pem",
               certificates.directory);
    cr_assert_not(net_tls_reload(server_tls, &failure));
    cr_assert_not_null(strstr(failure.text, "authority.pem"), "%s", failure.text);
    party_dial(&client, address, tls);
    TURN_UNTIL(&server, &client, client.opened == 1);
    net_tls_destroy(tls);
    server_end();
}
