/* SPDX-License-Identifier: Apache-2.0 */
/* curl: a real client, and a server whose handler says what it was asked. */
#ifndef VAXEL_TESTS_HTTP_CURL_H
#define VAXEL_TESTS_HTTP_CURL_H

#include "http/http.h"
#include "support/services.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define CURL_TEXT (1 << 20)
#define PATIENCE_US INT64_C(60000000)

/* Runs curl with these arguments by a shell; what it wrote, and its exit status in `status`, which may be NULL. */
const char *curl(int *status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Answers "METHOD PATH q=… h=… client=… size=… body" for what it is asked. */
struct parrot {
    struct http_server *server;
    char address[TEST_TEXT];
    char directory[TEST_TEXT]; /* of the certificates */
    atomic_int calls;
    /* Set: the handler waits until it is let go. */
    atomic_bool holds;
    atomic_int held;
};

struct http_options parrot_options(struct parrot *parrot);
void parrot_start(struct parrot *parrot, const struct http_options *options);
/* With certificates of authority.pem: server.pem, client.pem. */
void parrot_start_tls(struct parrot *parrot);
void parrot_start_tls_with(struct parrot *parrot, struct http_options options);

#endif
