/* SPDX-License-Identifier: Apache-2.0 */
/* Those whose certificate has not been seen yet. Their connections are others' to use, so they have one time for the
 * handshake and the headers of a request, and not a new one with each byte: libmicrohttpd knows only of silence, so
 * what they send is read through here. */
#include "base/check.h"
#include "base/clock.h"
#include "http/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define NEVER_US INT64_MAX

/* Kept with a connection, known or not, for as long as it stands. */
struct stranger {
    int socket;
    int64_t until_us;
};

static ssize_t receive(gnutls_transport_ptr_t owner, void *bytes, size_t capacity) {
    const struct stranger *stranger = owner;
    if (tick_now().us < stranger->until_us)
        return recv(stranger->socket, bytes, capacity, 0);
    errno = ETIMEDOUT;
    return -1;
}

static struct stranger *stranger_create(const struct http_generation *generation, struct MHD_Connection *connection) {
    struct stranger *stranger = calloc(1, sizeof *stranger);
    CHECK(stranger != NULL);
    stranger->socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    stranger->until_us = tick_now().us + generation->server->options.arrival_timeout_us;
    gnutls_session_t session = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session;
    gnutls_transport_ptr_t receiving, sending;
    gnutls_transport_get_ptr2(session, &receiving, &sending);
    gnutls_transport_set_ptr2(session, stranger, sending);
    gnutls_transport_set_pull_function(session, receive);
    return stranger;
}

void strangers_come_and_go(void *owner, struct MHD_Connection *connection, void **kept,
                           enum MHD_ConnectionNotificationCode what) {
    const struct http_generation *generation = owner;
    if (generation->server->options.authority == NULL)
        return;
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        *kept = stranger_create(generation, connection);
    else
        free(*kept);
}

void strangers_know(const struct http_exchange *exchange) {
    struct stranger *stranger =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (stranger->until_us == NEVER_US)
        return;
    stranger->until_us = NEVER_US;
    unsigned idle_s = whole_seconds(exchange->generation->server->options.idle_timeout_us);
    CHECK(MHD_set_connection_option(exchange->connection, MHD_CONNECTION_OPTION_TIMEOUT, idle_s) == MHD_YES);
}
