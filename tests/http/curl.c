/* SPDX-License-Identifier: Apache-2.0 */
#include "curl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

const char *curl(int *status, const char *format, ...) {
    static char text[CURL_TEXT];
    char command[2048] = "curl --silent --show-error --max-time 60 ";
    size_t size = strlen(command);
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(command + size, sizeof(command) - size, format, arguments);
    va_end(arguments);
    cr_assert(more > 0 && (size_t)more < sizeof(command) - size);
    FILE *output = popen(command, "r");
    cr_assert(output != NULL);
    size_t got = fread(text, 1, sizeof(text) - 1, output);
    text[got] = '\0';
    int ended = pclose(output);
    if (status)
        *status = WEXITSTATUS(ended);
    return text;
}

static void parrot_handle(void *owner, struct http_exchange *exchange, const struct http_request *request) {
    struct parrot *parrot = owner;
    atomic_fetch_add(&parrot->calls, 1);
    atomic_fetch_add(&parrot->held, 1);
    while (atomic_load(&parrot->holds))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    const char *query = http_query(exchange, "q");
    const char *header = http_header(exchange, "X-Word");
    char *answer = malloc(CURL_TEXT);
    int size = snprintf(answer, CURL_TEXT, "%s %s q=%s h=%s client=%s digests=%02x%02x size=%zu %.*s", request->method,
                        request->path, query ? query : "-", header ? header : "-", request->client,
                        request->client_sha1[0], request->client_sha256[0], request->body.size, (int)request->body.size,
                        (const char *)request->body.data);
    http_answer_header(exchange, "X-Count", "one");
    http_answer(exchange, 201, "text/plain", bytes_of(answer, (size_t)size));
    free(answer);
}

struct http_options parrot_options(struct parrot *parrot) {
    return (struct http_options){
        .address = parrot->address,
        .connections = 64,
        .body_bytes = 65536,
        .idle_timeout_us = PATIENCE_US,
        .arrival_timeout_us = PATIENCE_US,
        .handler = parrot_handle,
        .owner = parrot,
    };
}

void parrot_start(struct parrot *parrot, const struct http_options *options) {
    snprintf(parrot->address, sizeof(parrot->address), "127.0.0.1:%d", test_free_port());
    struct failure failure = {""};
    parrot->server = http_start(options, &failure);
    cr_assert(parrot->server != NULL, "%s", failure.text);
}

void parrot_start_tls_with(struct parrot *parrot, struct http_options options) {
    test_directory(parrot->directory);
    test_certificates(parrot->directory, (const char *[]){"server", "client"}, 2);
    char certificate[2 * TEST_TEXT], key[2 * TEST_TEXT], authority[2 * TEST_TEXT];
    snprintf(certificate, sizeof(certificate), "%s/server.pem", parrot->directory);
    snprintf(key, sizeof(key), "%s/server.key", parrot->directory);
    snprintf(authority, sizeof(authority), "%s/authority.pem", parrot->directory);
    options.certificate = certificate;
    options.key = key;
    options.authority = authority;
    parrot_start(parrot, &options);
}

void parrot_start_tls(struct parrot *parrot) {
    parrot_start_tls_with(parrot, parrot_options(parrot));
}
