/* SPDX-License-Identifier: Apache-2.0 */
#include "curl.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* curl's arguments of a client that trusts the authority, and shows a certificate of `name`. */
static const char *as(const struct parrot *parrot, const char *name) {
    static char text[6 * TEST_TEXT];
    snprintf(text, sizeof(text), "--cacert %s/authority.pem --cert %s/%s.pem --key %s/%s.key", parrot->directory,
             parrot->directory, name, parrot->directory, name);
    return text;
}

static void run(const char *format, const struct parrot *parrot, int *status) {
    char command[1024];
    snprintf(command, sizeof(command), format, parrot->directory, parrot->directory, parrot->directory);
    *status = system(command);
}

/* The first digits of a digest of the client's certificate, as openssl says them. */
static void digest(const struct parrot *parrot, const char *kind, char text[3]) {
    char command[1024];
    snprintf(command, sizeof(command), "openssl x509 -in %s/client.pem -outform der | openssl %s -r", parrot->directory,
             kind);
    FILE *output = popen(command, "r");
    cr_assert(output != NULL);
    cr_assert_eq(fread(text, 1, 2, output), 2);
    text[2] = '\0';
    pclose(output);
}

Test(tls, a_handler_is_told_whose_certificate_the_client_showed) {
    struct parrot parrot = {0};
    parrot_start_tls(&parrot);
    char sha1[3], sha256[3], wanted[64];
    digest(&parrot, "sha1", sha1);
    digest(&parrot, "sha256", sha256);
    snprintf(wanted, sizeof(wanted), "client=client digests=%s%s ", sha1, sha256);
    const char *answer = curl(NULL, "%s https://%s/", as(&parrot, "client"), parrot.address);
    cr_expect(strstr(answer, wanted) != NULL, "%s, not %s", answer, wanted);
    http_stop(parrot.server, PATIENCE_US);
}

Test(tls, only_tls_1_3_is_spoken) {
    struct parrot parrot = {0};
    parrot_start_tls(&parrot);
    int status;
    (void)curl(&status, "%s --tls-max 1.2 https://%s/ 2>&1", as(&parrot, "client"), parrot.address);
    cr_expect_neq(status, 0);
    (void)curl(&status, "%s --tlsv1.3 https://%s/", as(&parrot, "client"), parrot.address);
    cr_expect_eq(status, 0);
    http_stop(parrot.server, PATIENCE_US);
}

Test(tls, a_client_without_a_certificate_of_the_authority_is_refused) {
    struct parrot parrot = {0};
    parrot_start_tls(&parrot);
    const char *answer = curl(NULL, "-i --cacert %s/authority.pem https://%s/", parrot.directory, parrot.address);
    cr_expect(strstr(answer, "HTTP/1.1 403 ") != NULL, "%s", answer);
    cr_expect(strstr(answer, "authority has signed") != NULL, "%s", answer);
    cr_expect(strcasestr(answer, "Connection: close") != NULL, "nor is a connection kept for it: %s", answer);

    int status;
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=client -days 2 "
        "-keyout %s/other.key -out %s/other.pem 2> %s/other.log",
        &parrot, &status);
    cr_assert_eq(status, 0);
    answer = curl(NULL, "-i %s https://%s/", as(&parrot, "other"), parrot.address);
    cr_expect(strstr(answer, "HTTP/1.1 403 ") != NULL, "%s", answer);
    cr_expect_eq(atomic_load(&parrot.calls), 0, "no handler hears of them");
    http_stop(parrot.server, PATIENCE_US);
}

/* ---- those who keep others out ---- */

static int connect_silently(const struct parrot *parrot) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)atoi(strchr(parrot->address, ':') + 1))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0, "%s", strerror(errno));
    return fd;
}

/* A client that sends what is written to it. */
static FILE *start_speaker(const struct parrot *parrot, const char *certificate) {
    char command[8 * TEST_TEXT];
    snprintf(command, sizeof(command),
             "cd %s && exec openssl s_client -quiet -no_ign_eof -nocommands -connect %s %s > answers 2> answers.log",
             parrot->directory, parrot->address, certificate);
    FILE *speaker = popen(command, "w");
    cr_assert(speaker != NULL);
    signal(SIGPIPE, SIG_IGN);
    return speaker;
}

static void say(FILE *speaker, const char *words) {
    cr_assert_geq(fputs(words, speaker), 0);
    cr_assert_eq(fflush(speaker), 0, "the connection was closed");
}

static void wait_for_calls(struct parrot *parrot, int count) {
    int64_t give_up_us = tick_now().us + PATIENCE_US;
    while (atomic_load(&parrot->calls) < count) {
        cr_assert_lt(tick_now().us, give_up_us, "%d calls of %d", atomic_load(&parrot->calls), count);
        usleep(1000);
    }
}

/* While all connections that may stand do, a new one is closed. */
static void call_until_answered(const struct parrot *parrot) {
    int64_t give_up_us = tick_now().us + PATIENCE_US;
    int status;
    while (curl(&status, "%s https://%s/ 2>&1", as(parrot, "client"), parrot->address), status != 0) {
        cr_assert_lt(tick_now().us, give_up_us, "there is no room");
        usleep(10000);
    }
}

#define FEW 4
#define LONG_US (60 * PATIENCE_US)

Test(tls, those_who_say_nothing_make_room_in_time_and_a_known_client_need_not) {
    struct parrot parrot = {0};
    struct http_options options = parrot_options(&parrot);
    options.connections = FEW;
    options.arrival_timeout_us = 10000000;
    options.idle_timeout_us = LONG_US;
    parrot_start_tls_with(&parrot, options);
    FILE *known = start_speaker(&parrot, "-cert client.pem -key client.key");
    say(known, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_calls(&parrot, 1);
    int silent[FEW - 1];
    for (int i = 0; i < FEW - 1; i++)
        silent[i] = connect_silently(&parrot);
    call_until_answered(&parrot);
    /* It has been silent for longer than they were. */
    say(known, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_calls(&parrot, 3);
    pclose(known);
    for (int i = 0; i < FEW - 1; i++)
        close(silent[i]);
    http_stop(parrot.server, PATIENCE_US);
}

Test(tls, who_trickles_headers_gets_no_more_time_with_each_byte) {
    struct parrot parrot = {0};
    struct http_options options = parrot_options(&parrot);
    options.arrival_timeout_us = 1000000;
    options.idle_timeout_us = LONG_US;
    parrot_start_tls_with(&parrot, options);
    FILE *stranger = start_speaker(&parrot, "");
    say(stranger, "GET / HTTP/1.1\r\nX-Word: ");
    int64_t give_up_us = tick_now().us + PATIENCE_US;
    while (fputc('x', stranger) != EOF && fflush(stranger) == 0) {
        cr_assert_lt(tick_now().us, give_up_us, "it is listened to without end");
        usleep(100000);
    }
    pclose(stranger);
    http_stop(parrot.server, PATIENCE_US);
}

Test(tls, files_that_can_not_be_used_are_named) {
    struct parrot parrot = {0};
    parrot_start_tls(&parrot);
    static const char *const wrong[][3] = {{"client.key", "server.key", "authority.pem"},
                                           {"server.pem", "client.key", "authority.pem"},
                                           {"server.pem", "server.key", "server.key"},
                                           {"server.pem", "server.key", "nothing.pem"}};
    static const char *const told[] = {"client.key", "client.key", "server.key", "nothing.pem"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char paths[3][2 * TEST_TEXT];
        for (size_t j = 0; j < 3; j++)
            snprintf(paths[j], sizeof(paths[j]), "%s/%s", parrot.directory, wrong[i][j]);
        struct parrot other = {0};
        struct http_options options = parrot_options(&other);
        snprintf(other.address, sizeof(other.address), "127.0.0.1:%d", test_free_port());
        options.certificate = paths[0];
        options.key = paths[1];
        options.authority = paths[2];
        struct failure failure = {""};
        cr_expect(http_start(&options, &failure) == NULL);
        cr_expect(strstr(failure.text, told[i]) != NULL, "%s", failure.text);
    }
    http_stop(parrot.server, PATIENCE_US);
}

Test(tls, certificates_are_read_again_and_bad_ones_change_nothing) {
    struct parrot parrot = {0};
    parrot_start_tls(&parrot);
    int status;
    struct failure failure = {""};

    run("cp %s/server.pem %s/kept.pem && echo broken > %s/server.pem", &parrot, &status);
    cr_assert_eq(status, 0);
    cr_expect(http_reload(parrot.server, PATIENCE_US, &failure) == false);
    cr_expect(strstr(failure.text, "server.pem") != NULL, "%s", failure.text);
    (void)curl(&status, "%s https://%s/", as(&parrot, "client"), parrot.address);
    cr_expect_eq(status, 0, "the old one stays");

    /* Another authority altogether, and all new certificates. */
    run("cd %s && cp authority.pem old.pem && cp client.pem old_client.pem && cp client.key old_client.key && "
        "rm authority.* server.* client.*",
        &parrot, &status);
    cr_assert_eq(status, 0);
    test_certificates(parrot.directory, (const char *[]){"server", "client"}, 2);
    cr_expect(http_reload(parrot.server, PATIENCE_US, &failure), "%s", failure.text);
    (void)curl(&status, "%s https://%s/", as(&parrot, "client"), parrot.address);
    cr_expect_eq(status, 0, "the new ones are shown and trusted");
    const char *answer = curl(&status, "-i %s https://%s/", as(&parrot, "old_client"), parrot.address);
    cr_expect(strstr(answer, "HTTP/1.1 403 ") != NULL, "the old authority is trusted no more: %s", answer);
    http_stop(parrot.server, PATIENCE_US);
}
