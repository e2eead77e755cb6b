/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND_US INT64_C(1000000)
#define STACK_SIZE ((size_t)512 * 1024)
#define HOST_SIZE 64
#define BACKLOG 256
#define LOOK_AGAIN_NS 1000000

/* ---- where it listens ---- */

static bool split_address(const char *address, char host[HOST_SIZE], const char **port) {
    const char *colon = strrchr(address, ':');
    if (colon == NULL)
        return false;
    *port = colon + 1;
    if (address[0] == '[' && colon > address && colon[-1] == ']') {
        address++;
        colon--;
    } else if (memchr(address, ':', (size_t)(colon - address)) != NULL) {
        return false;
    }
    int size = snprintf(host, HOST_SIZE, "%.*s", (int)(colon - address), address);
    return size > 0 && size < HOST_SIZE;
}

static int open_listener(const struct addrinfo *found, const char *address, struct failure *failure) {
    int listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (listener >= 0 && setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(listener, found->ai_addr, found->ai_addrlen) == 0 && listen(listener, BACKLOG) == 0)
        return listener;
    failure_set(failure, "cannot listen on %s: %s", address, strerror(errno));
    if (listener >= 0)
        close(listener);
    return -1;
}

/* libmicrohttpd's thread must not be held up by who went again before it was accepted. */
static int take_over(int socket, struct failure *failure) {
    int listener = fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (listener >= 0 && fcntl(listener, F_SETFL, O_NONBLOCK) == 0)
        return listener;
    failure_set(failure, "cannot listen on the socket that was handed over: %s", strerror(errno));
    if (listener >= 0)
        close(listener);
    return -1;
}

static int listen_on(const char *address, struct failure *failure) {
    char host[HOST_SIZE];
    const char *port;
    struct addrinfo *found = NULL;
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    if (!split_address(address, host, &port) || getaddrinfo(host, port, &hints, &found) != 0) {
        failure_set(failure, "\"%s\" is no address to listen on: \"127.0.0.1:port\" or \"[::1]:port\" is wanted",
                    address);
        return -1;
    }
    int listener = open_listener(found, address, failure);
    freeaddrinfo(found);
    return listener;
}

/* ---- one of libmicrohttpd's servers ---- */

unsigned whole_seconds(int64_t time_us) {
    return (unsigned)((time_us + SECOND_US - 1) / SECOND_US);
}

__attribute__((format(printf, 2, 0))) static void log_library(void *owner, const char *format, va_list arguments) {
    (void)owner;
    char text[256];
    vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_debug("http", "libmicrohttpd says=%s", text);
}

struct pem {
    char *certificate;
    char *key;
    char *authority;
};

static void pem_forget(struct pem *pem) {
    tls_forget(pem->certificate);
    tls_forget(pem->key);
    tls_forget(pem->authority);
}

/* The library says only to its log why it takes no certificate, so they are tried first. */
static bool pem_try(const struct http_options *options, const struct pem *pem, struct failure *failure) {
    gnutls_certificate_credentials_t credentials;
    CHECK(gnutls_certificate_allocate_credentials(&credentials) == 0);
    gnutls_datum_t certificate = {(unsigned char *)pem->certificate, (unsigned)strlen(pem->certificate)};
    gnutls_datum_t key = {(unsigned char *)pem->key, (unsigned)strlen(pem->key)};
    int status = gnutls_certificate_set_x509_key_mem(credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
    if (status < 0)
        failure_set(failure, "cannot use the certificate %s with the key %s: %s", options->certificate, options->key,
                    gnutls_strerror(status));
    int trusted = 1;
    if (status >= 0 && pem->authority != NULL) {
        gnutls_datum_t authority = {(unsigned char *)pem->authority, (unsigned)strlen(pem->authority)};
        trusted = gnutls_certificate_set_x509_trust_mem(credentials, &authority, GNUTLS_X509_FMT_PEM);
        if (trusted <= 0)
            failure_set(failure, "cannot use the authority %s: there is no certificate in it", options->authority);
    }
    gnutls_certificate_free_credentials(credentials);
    return status >= 0 && trusted > 0;
}

static bool pem_read(const struct http_options *options, struct pem *pem, struct failure *failure) {
    pem->certificate = tls_read(options->certificate, failure);
    pem->key = pem->certificate != NULL ? tls_read(options->key, failure) : NULL;
    bool is_read = pem->key != NULL;
    if (is_read && options->authority != NULL) {
        pem->authority = tls_read(options->authority, failure);
        is_read = pem->authority != NULL;
    }
    return is_read && pem_try(options, pem, failure);
}

static struct MHD_Daemon *start_daemon(struct http_generation *generation, const struct pem *pem) {
    const struct http_options *options = &generation->server->options;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, pem->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, pem->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3"},
        {pem->authority != NULL ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, pem->authority},
        {MHD_OPTION_END, 0, NULL},
    };
    if (pem->certificate == NULL)
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG |
                     (pem->certificate != NULL ? MHD_USE_TLS : 0);
    /* Where certificates are asked for, strangers_know() gives more. */
    unsigned silence_s = whole_seconds(pem->authority != NULL ? options->arrival_timeout_us : options->idle_timeout_us);
    return MHD_start_daemon(flags, 0, NULL, NULL, exchange_go_on, generation, MHD_OPTION_EXTERNAL_LOGGER, log_library,
                            NULL, MHD_OPTION_LISTEN_SOCKET, generation->listener, MHD_OPTION_CONNECTION_LIMIT,
                            options->connections, MHD_OPTION_CONNECTION_TIMEOUT, silence_s,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEADERS_SIZE, MHD_OPTION_THREAD_STACK_SIZE,
                            STACK_SIZE, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, exchange_end,
                            generation, MHD_OPTION_NOTIFY_CONNECTION, strangers_come_and_go, generation,
                            MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static struct http_generation *generation_start(struct http_server *server, struct failure *failure) {
    struct pem pem = {0};
    if (server->options.certificate != NULL && !pem_read(&server->options, &pem, failure)) {
        pem_forget(&pem);
        return NULL;
    }
    struct http_generation *generation = calloc(1, sizeof(*generation));
    CHECK(generation != NULL);
    generation->server = server;
    generation->listener = dup(server->listener);
    generation->daemon = generation->listener >= 0 ? start_daemon(generation, &pem) : NULL;
    pem_forget(&pem);
    if (generation->daemon != NULL)
        return generation;
    failure_set(failure,
                "cannot start an HTTP server on %s: no threads or descriptors are left, or the library refuses",
                server->options.address);
    if (generation->listener >= 0)
        close(generation->listener);
    free(generation);
    return NULL;
}

static void generation_stop(struct http_generation *generation, int64_t patience_us) {
    atomic_store(&generation->is_ending, true);
    MHD_quiesce_daemon(generation->daemon);
    const struct timespec moment = {.tv_nsec = LOOK_AGAIN_NS};
    for (int64_t until_us = tick_now().us + patience_us;
         atomic_load(&generation->in_flight) > 0 && tick_now().us < until_us;)
        nanosleep(&moment, NULL);
    MHD_stop_daemon(generation->daemon);
    close(generation->listener);
    free(generation);
}

/* ---- the server ---- */

static char *copy(const char *text) {
    char *copied = text != NULL ? strdup(text) : NULL;
    CHECK(text == NULL || copied != NULL);
    return copied;
}

static void server_free(struct http_server *server) {
    if (server->listener >= 0)
        close(server->listener);
    free((char *)(uintptr_t)server->options.address);
    free((char *)(uintptr_t)server->options.certificate);
    free((char *)(uintptr_t)server->options.key);
    free((char *)(uintptr_t)server->options.authority);
    free(server);
}

struct http_server *http_start(const struct http_options *options, struct failure *failure) {
    CHECK(options->certificate == NULL || options->key != NULL);
    CHECK(options->authority == NULL || options->certificate != NULL);
    struct http_server *server = calloc(1, sizeof(*server));
    CHECK(server != NULL);
    server->options = *options;
    server->options.address = copy(options->address);
    server->options.certificate = copy(options->certificate);
    server->options.key = copy(options->key);
    server->options.authority = copy(options->authority);
    server->listener = options->socket > 0 ? take_over(options->socket, failure) : listen_on(options->address, failure);
    server->generation = server->listener >= 0 ? generation_start(server, failure) : NULL;
    if (server->generation != NULL)
        return server;
    server_free(server);
    return NULL;
}

bool http_reload(struct http_server *server, int64_t patience_us, struct failure *failure) {
    struct http_generation *next = generation_start(server, failure);
    if (next == NULL)
        return false;
    struct http_generation *last = server->generation;
    server->generation = next;
    generation_stop(last, patience_us);
    return true;
}

void http_stop(struct http_server *server, int64_t patience_us) {
    generation_stop(server->generation, patience_us);
    server_free(server);
}
