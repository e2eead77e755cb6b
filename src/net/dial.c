/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting: each address of a name is tried in turn. */
#include "net/internal.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

void dial_finish(struct net_stream *stream) {
    if (stream->dial != NULL) {
        if (stream->dial->found != NULL) {
            freeaddrinfo(stream->dial->found);
        }
        free(stream->dial);
        stream->dial = NULL;
    }
}

/* Opens a socket for the next address; false when none is left, with errno of the last try. */
static bool dial_next(struct net_stream *stream) {
    struct dial *dial = stream->dial;
    while (stream->fd < 0 && dial->next != NULL) {
        const struct addrinfo *next = dial->next;
        memcpy(&dial->address, next->ai_addr, next->ai_addrlen);
        dial->address_size = next->ai_addrlen;
        dial->next = next->ai_next;
        stream->fd = socket(next->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    return stream->fd >= 0;
}

static void dial_submit(struct net_stream *stream) {
    struct dial *dial = stream->dial;
    if (dial->address.ss_family != AF_UNIX) {
        int on = 1;
        (void)setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        address_format((struct sockaddr *)&dial->address, stream->address);
    }
    struct io_uring_sqe *sqe = ring_submission(stream->net);
    io_uring_prep_connect(sqe, stream->fd, (struct sockaddr *)&dial->address, dial->address_size);
    sqe->user_data = operation_word(OPERATION_CONNECT, stream->index, stream->generation);
    stream->in_flight++;
}

static bool dial_unix(struct net_stream *stream, const char *path, struct failure *failure) {
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    if (strlen(path) == 0 || strlen(path) >= sizeof(local.sun_path)) {
        return failure_set(failure, "\"unix:%s\" is no address of a socket: a path of 1 to %zu bytes is wanted", path,
                           sizeof(local.sun_path) - 1);
    }
    memcpy(local.sun_path, path, strlen(path));
    memcpy(&stream->dial->address, &local, sizeof(local));
    stream->dial->address_size = sizeof(local);
    stream->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(stream->address, sizeof(stream->address), "unix:%.*s", ADDRESS_SIZE - 6, path);
    return stream->fd >= 0 || failure_set(failure, "cannot open a socket: %s", strerror(errno));
}

static bool dial_inet(struct net_stream *stream, const char *address, struct failure *failure) {
    struct dial *dial = stream->dial;
    dial->found = address_resolve(address, false, dial->host, failure);
    if (dial->found == NULL) {
        return false;
    }
    struct in6_addr parsed;
    dial->is_name = inet_pton(AF_INET, dial->host, &parsed) != 1 && inet_pton(AF_INET6, dial->host, &parsed) != 1;
    dial->next = dial->found;
    return dial_next(stream) || failure_set(failure, "cannot open a socket: %s", strerror(errno));
}

struct net_stream *net_dial(struct net *net, const char *address, struct net_tls *tls,
                            const struct net_handler *handler, void *owner, struct failure *failure) {
    CHECK(tls == NULL || !tls_is_server(tls));
    struct net_stream *stream = stream_take(net, -1, handler, owner);
    if (stream == NULL) {
        failure_set(failure, "no room for another connection: %u stand", net->streams_capacity);
        return NULL;
    }
    stream->dial = calloc(1, sizeof(*stream->dial));
    CHECK(stream->dial != NULL);
    stream->dial->tls = tls;
    bool is_ready = strncmp(address, "unix:", 5) == 0 ? dial_unix(stream, address + 5, failure)
                                                      : dial_inet(stream, address, failure);
    if (!is_ready) {
        stream_give(stream);
        return NULL;
    }
    stream->is_told = true;
    stream_move(stream, STREAM_CONNECTING);
    dial_submit(stream);
    return stream;
}

static void dial_connected(struct net_stream *stream) {
    struct net_tls *tls = stream->dial->tls;
    receive_start(stream);
    if (tls == NULL) {
        dial_finish(stream);
        stream_opened(stream);
        return;
    }
    stream_move(stream, STREAM_HANDSHAKING);
    if (tls_stream_start(stream, tls)) {
        tls_stream_shake(stream);
    } else {
        stream_abort(stream, "no memory for TLS");
    }
}

void dial_completed(struct net_stream *stream, const struct completion *completion) {
    stream->in_flight--;
    if (stream->state != STREAM_CONNECTING) {
        return;
    }
    if (completion->result == 0) {
        dial_connected(stream);
        return;
    }
    char why[WHY_SIZE];
    snprintf(why, sizeof(why), "cannot connect to %.64s: %s", stream->address, strerror(-completion->result));
    if (stream->dial->next == NULL) {
        stream_abort(stream, why);
        return;
    }
    close(stream->fd);
    stream->fd = -1;
    if (dial_next(stream)) {
        dial_submit(stream);
    } else {
        stream_abort(stream, why);
    }
}
