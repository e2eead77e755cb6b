/* SPDX-License-Identifier: Apache-2.0 */
#include "curl.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void start(struct parrot *parrot) {
    struct http_options options = parrot_options(parrot);
    parrot_start(parrot, &options);
}

/* A file of so many x. */
static void write_body(struct parrot *parrot, size_t size) {
    test_directory(parrot->directory);
    char path[2 * TEST_TEXT];
    snprintf(path, sizeof(path), "%s/body", parrot->directory);
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL);
    for (size_t i = 0; i < size; i++)
        fputc('x', file);
    fclose(file);
}

Test(http, a_handler_is_told_what_was_asked_and_its_answer_comes_back) {
    struct parrot parrot = {0};
    start(&parrot);
    const char *answer =
        curl(NULL, "-i -X PATCH -H 'X-Word: hello' -d body 'http://%s/a%%20b/c?q=x%%26y'", parrot.address);
    cr_expect(strstr(answer, "HTTP/1.1 201 Created") != NULL, "%s", answer);
    cr_expect(strstr(answer, "X-Count: one") != NULL, "%s", answer);
    cr_expect(strstr(answer, "Content-Type: text/plain") != NULL, "%s", answer);
    cr_expect(strstr(answer, "PATCH /a b/c q=x&y h=hello client= digests=0000 size=4 body") != NULL, "%s", answer);
    answer = curl(NULL, "'http://%s/?q'", parrot.address);
    cr_expect(strstr(answer, "GET / q= h=- ") != NULL, "%s", answer);
    http_stop(parrot.server, PATIENCE_US);
}

Test(http, a_body_as_large_as_allowed_is_taken_whole) {
    struct parrot parrot = {0};
    start(&parrot);
    write_body(&parrot, 65536);
    const char *answer =
        curl(NULL, "-w '\\n%%{http_code}' --data-binary @%s/body http://%s/", parrot.directory, parrot.address);
    cr_expect(strstr(answer, "size=65536 xxx") != NULL, "%.80s", answer);
    cr_expect(strstr(answer, "xxx\n201") != NULL, "%.80s", answer);
    http_stop(parrot.server, PATIENCE_US);
}

Test(http, a_body_that_is_too_large_is_refused_whether_its_size_is_told_or_not) {
    struct parrot parrot = {0};
    start(&parrot);
    write_body(&parrot, 65537);
    static const char *const manners[] = {"", "-H 'Expect:'", "-H 'Transfer-Encoding: chunked'"};
    for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++) {
        const char *answer =
            curl(NULL, "-i %s --data-binary @%s/body http://%s/", manners[i], parrot.directory, parrot.address);
        cr_expect(strstr(answer, "HTTP/1.1 413 ") != NULL, "%s: %s", manners[i], answer);
        cr_expect(strstr(answer, "application/problem+json") != NULL, "%s: %s", manners[i], answer);
    }
    cr_expect_eq(atomic_load(&parrot.calls), 0, "no handler hears of them");
    http_stop(parrot.server, PATIENCE_US);
}

Test(http, a_client_that_sends_without_end_is_cut_off) {
    struct parrot parrot = {0};
    start(&parrot);
    int status;
    (void)curl(&status, "-X POST -T - http://%s/ < /dev/zero 2>&1", parrot.address);
    cr_expect_neq(status, 0);
    cr_expect_eq(atomic_load(&parrot.calls), 0);
    http_stop(parrot.server, PATIENCE_US);
}

/* What a hand-written request brings until the server hangs up; `more` is sent again and again until then. */
static const char *speak(const struct parrot *parrot, const char *words, const char *more) {
    static char answer[4096];
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    server.sin_port = htons((uint16_t)atoi(strchr(parrot->address, ':') + 1));
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(connection, (struct sockaddr *)&server, sizeof(server)), 0);
    cr_assert_eq(send(connection, words, strlen(words), MSG_NOSIGNAL), (ssize_t)strlen(words));
    size_t size = 0;
    for (int tries = 0; tries < 6000; tries++) {
        if (more)
            (void)send(connection, more, strlen(more), MSG_NOSIGNAL);
        struct pollfd readable = {.fd = connection, .events = POLLIN};
        if (poll(&readable, 1, 10) == 0)
            continue;
        ssize_t got = recv(connection, answer + size, sizeof(answer) - 1 - size, 0);
        if (got <= 0) {
            answer[size] = '\0';
            close(connection);
            return answer;
        }
        size += (size_t)got;
    }
    cr_fatal("the server does not hang up");
}

Test(http, a_body_that_does_not_arrive_in_time_is_not_waited_for) {
    struct parrot parrot = {0};
    struct http_options options = parrot_options(&parrot);
    options.arrival_timeout_us = 200000;
    parrot_start(&parrot, &options);
    const char *answer = speak(&parrot, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", "x");
    cr_expect_str_eq(answer, "");
    cr_expect_eq(atomic_load(&parrot.calls), 0);
    http_stop(parrot.server, PATIENCE_US);
}

Test(http, a_silent_client_is_cut_off) {
    struct parrot parrot = {0};
    struct http_options options = parrot_options(&parrot);
    options.idle_timeout_us = 1000000;
    parrot_start(&parrot, &options);
    cr_expect_str_eq(speak(&parrot, "GET / HT", NULL), "");
    http_stop(parrot.server, PATIENCE_US);
}

Test(http, headers_that_are_too_large_are_refused) {
    struct parrot parrot = {0};
    start(&parrot);
    char *words = malloc(2 * HTTP_HEADERS_SIZE);
    int size = snprintf(words, 100, "GET / HTTP/1.1\r\nHost: x\r\nX-Word: ");
    memset(words + size, 'x', HTTP_HEADERS_SIZE);
    strcpy(words + size + HTTP_HEADERS_SIZE, "\r\n\r\n");
    const char *answer = speak(&parrot, words, NULL);
    cr_expect(strstr(answer, "HTTP/1.1 431 ") != NULL, "%s", answer);
    cr_expect_eq(atomic_load(&parrot.calls), 0);
    free(words);
    http_stop(parrot.server, PATIENCE_US);
}

Test(http, what_is_not_http_is_hung_up_on) {
    struct parrot parrot = {0};
    start(&parrot);
    (void)speak(&parrot, "no request\r\n\r\n", NULL);
    (void)speak(&parrot, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", NULL);
    cr_expect_eq(atomic_load(&parrot.calls), 0);
    http_stop(parrot.server, PATIENCE_US);
}

Test(http, a_socket_that_is_handed_over_goes_on_after_the_server) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(name);
    int socket_of_ours = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(socket_of_ours >= 0 && bind(socket_of_ours, (struct sockaddr *)&name, size) == 0);
    cr_assert(listen(socket_of_ours, 16) == 0 && getsockname(socket_of_ours, (struct sockaddr *)&name, &size) == 0);
    struct parrot parrot = {0};
    struct http_options options = parrot_options(&parrot);
    options.socket = socket_of_ours;
    for (int i = 0; i < 2; i++) {
        parrot_start(&parrot, &options);
        cr_expect(strstr(curl(NULL, "http://127.0.0.1:%d/", ntohs(name.sin_port)), "GET / ") != NULL);
        http_stop(parrot.server, PATIENCE_US);
    }
    close(socket_of_ours);
}

Test(http, an_address_that_can_not_be_listened_on_is_named) {
    static const char *const wrong[] = {"localhost", "localhost:80", "127.0.0.1:port", "::1:80", "192.0.2.1:8080"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct parrot parrot = {0};
        struct http_options options = parrot_options(&parrot);
        options.address = wrong[i];
        struct failure failure = {""};
        cr_expect(http_start(&options, &failure) == NULL);
        cr_expect(strstr(failure.text, wrong[i]) != NULL, "%s", failure.text);
    }
}

Test(http, a_port_that_is_taken_is_told) {
    struct parrot parrot = {0};
    start(&parrot);
    struct http_options options = parrot_options(&parrot);
    struct failure failure = {""};
    cr_expect(http_start(&options, &failure) == NULL);
    cr_expect(strstr(failure.text, "in use") != NULL, "%s", failure.text);
    http_stop(parrot.server, PATIENCE_US);
}

/* ---- ending ---- */

static void *ask(void *argument) {
    struct parrot *parrot = argument;
    (void)curl(NULL, "-o %s/answer -w '%%{http_code}' http://%s/ > %s/status", parrot->directory, parrot->address,
               parrot->directory);
    return NULL;
}

static void *let_go_soon(void *argument) {
    struct parrot *parrot = argument;
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    atomic_store(&parrot->holds, false);
    return NULL;
}

Test(http, what_is_in_flight_is_answered_before_the_server_ends) {
    struct parrot parrot = {.holds = true};
    test_directory(parrot.directory);
    start(&parrot);
    pthread_t asker, helper;
    pthread_create(&asker, NULL, ask, &parrot);
    while (atomic_load(&parrot.held) == 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    pthread_create(&helper, NULL, let_go_soon, &parrot);
    http_stop(parrot.server, PATIENCE_US);
    pthread_join(asker, NULL);
    pthread_join(helper, NULL);
    char path[2 * TEST_TEXT], status[4] = "";
    snprintf(path, sizeof(path), "%s/status", parrot.directory);
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL);
    cr_expect_eq(fread(status, 1, 3, file), 3);
    fclose(file);
    cr_expect_str_eq(status, "201");
}
