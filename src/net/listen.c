/* SPDX-License-Identifier: Apache-2.0 */
/* One multishot accept a listener. The kernel wakes one of those who wait for a socket, the first of its queue; so a
 * listener of several threads accepts once, and goes to the queue's end: connections go round. When descriptors run out
 * it pauses, and tries again by time: the queue in the kernel keeps those who knock. */
#include "net/internal.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 4096
#define PAUSE_US 100000

static void listen_start(struct net *net, struct listener *listener) {
    struct io_uring_sqe *sqe = ring_submission(net);
    if (listener->is_shared) {
        io_uring_prep_accept(sqe, listener->fd, NULL, NULL, SOCK_CLOEXEC);
    } else {
        io_uring_prep_multishot_accept(sqe, listener->fd, NULL, NULL, SOCK_CLOEXEC);
    }
    sqe->user_data = operation_word(OPERATION_ACCEPT, (uint32_t)(listener - net->listeners), 0);
    listener->is_accepting = true;
    listener->is_paused = false;
}

/* A device whose network forgot it says nothing any more, and counts as its client's connection until it is found out:
 * after some two minutes. */
#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_APART_S 15
#define KEEPALIVE_PROBES 4
#define UNACKNOWLEDGED_MS 120000

/* The accepted sockets inherit all of it. */
static bool listen_prepare(int fd) {
    static const struct {
        int level;
        int name;
        int value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_APART_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(options[i].value)) != 0) {
            return false;
        }
    }
    return true;
}

static int listen_open(const struct addrinfo *address) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 || !listen_prepare(fd) ||
        bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static void listen_add(struct net *net, const struct listener *listener) {
    CHECK(listener->tls == NULL || tls_is_server(listener->tls));
    net->listeners[net->listener_count] = *listener;
    listen_start(net, &net->listeners[net->listener_count++]);
}

bool net_listen(struct net *net, const char *address, struct net_tls *tls, const struct net_handler *handler,
                void *owner, struct failure *failure) {
    if (net->listener_count == LISTENERS_CAPACITY) {
        return failure_set(failure, "cannot listen on \"%s\": %d listeners stand already", address, LISTENERS_CAPACITY);
    }
    char host[HOST_SIZE];
    struct addrinfo *found = address_resolve(address, true, host, failure);
    if (found == NULL) {
        return false;
    }
    int fd = listen_open(found);
    int error = errno;
    freeaddrinfo(found);
    if (fd < 0) {
        return failure_set(failure, "cannot listen on \"%s\": %s", address, strerror(error));
    }
    listen_add(net, &(struct listener){.fd = fd, .tls = tls, .handler = *handler, .owner = owner});
    return true;
}

bool net_listen_on(struct net *net, int socket, bool is_shared, struct net_tls *tls, const struct net_handler *handler,
                   void *owner, struct failure *failure) {
    if (net->listener_count == LISTENERS_CAPACITY) {
        return failure_set(failure, "cannot listen on socket %d: %d listeners stand already", socket,
                           LISTENERS_CAPACITY);
    }
    int fd = fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (fd < 0 || !listen_prepare(fd)) {
        failure_set(failure, "cannot listen on socket %d: %s", socket, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    listen_add(net,
               &(struct listener){
                   .fd = fd, .is_lent = true, .is_shared = is_shared, .tls = tls, .handler = *handler, .owner = owner});
    return true;
}

uint16_t net_port(const struct net *net) {
    CHECK(net->listener_count > 0);
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    CHECK(getsockname(net->listeners[net->listener_count - 1].fd, (struct sockaddr *)&address, &size) == 0);
    struct sockaddr_in6 six;
    struct sockaddr_in four;
    memcpy(&six, &address, sizeof(six));
    memcpy(&four, &address, sizeof(four));
    return ntohs(address.ss_family == AF_INET6 ? six.sin6_port : four.sin_port);
}

void net_stop_listening(struct net *net) {
    for (uint32_t i = 0; i < net->listener_count; i++) {
        struct listener *listener = &net->listeners[i];
        if (listener->fd < 0) {
            continue;
        }
        struct io_uring_sqe *sqe = ring_submission(net);
        io_uring_prep_cancel64(sqe, operation_word(OPERATION_ACCEPT, i, 0), 0);
        sqe->user_data = operation_word(OPERATION_NONE, 0, 0);
        /* The accept holds the socket until it is cancelled; nobody may be queued on our own until then. */
        if (!listener->is_lent) {
            (void)shutdown(listener->fd, SHUT_RDWR);
        }
        close(listener->fd);
        listener->fd = -1;
        listener->is_paused = false;
    }
}

bool net_is_listening(const struct net *net) {
    bool is_accepting = false;
    for (uint32_t i = 0; i < net->listener_count; i++) {
        is_accepting |= net->listeners[i].is_accepting;
    }
    return is_accepting;
}

static void listen_take(struct net *net, const struct listener *listener, int fd) {
    struct net_stream *stream = NULL;
    if (net->accepted_count < net->options.streams_capacity) {
        stream = stream_take(net, fd, &listener->handler, listener->owner);
    }
    if (stream == NULL) {
        if (!net->is_full) {
            log_warning("net", "connections are turned away, all stand connections=%u", net->options.streams_capacity);
            net->is_full = true;
        }
        net->facts.turned_away++;
        close(fd);
        return;
    }
    net->is_full = false;
    net->accepted_count++;
    net->facts.accepted++;
    stream->is_accepted = true;
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof(peer);
    if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0) {
        address_format((struct sockaddr *)&peer, stream->address);
    }
    receive_start(stream);
    if (listener->tls == NULL) {
        stream_opened(stream);
        return;
    }
    stream_move(stream, STREAM_HANDSHAKING);
    if (!tls_stream_start(stream, listener->tls)) {
        stream_abort(stream, "no memory for TLS");
    }
}

static void listen_pause(struct net *net, struct listener *listener, int error) {
    listener->is_paused = true;
    listener->resume_at.us = net->now.us + PAUSE_US;
    if (!net->is_out_of_descriptors) {
        log_warning("net", "cannot accept connections for now why=%s advice=%s", strerror(error),
                    error == EMFILE ? "raise LimitNOFILE in the service's unit, or `ulimit -n`" : "none");
        net->is_out_of_descriptors = true;
    }
}

/* Says whether the next accept may well succeed: it was this one connection that failed. */
static bool listen_error_is_passing(int error) {
    return error == ECONNABORTED || error == EINTR || error == EAGAIN || error == ECANCELED || error == EPROTO;
}

/* What the accept brought before its cancel took hold. Who came by a lent socket was promised that nobody is refused.
 */
static void listen_end(struct net *net, const struct listener *listener, int result) {
    if (result >= 0 && listener->is_lent) {
        listen_take(net, listener, result);
    } else if (result >= 0) {
        close(result);
    }
}

void listen_completed(struct net *net, const struct completion *completion) {
    struct listener *listener = &net->listeners[completion->index];
    if ((completion->flags & IORING_CQE_F_MORE) == 0) {
        listener->is_accepting = false;
    }
    if (listener->fd < 0) {
        listen_end(net, listener, completion->result);
        return;
    }
    if (completion->result >= 0) {
        net->is_out_of_descriptors = false;
        listen_take(net, listener, completion->result);
    } else if (!listen_error_is_passing(-completion->result)) {
        listen_pause(net, listener, -completion->result);
    }
    if (!listener->is_accepting && !listener->is_paused) {
        listen_start(net, listener);
    }
}

struct tick listen_resume(struct net *net) {
    struct tick next = {INT64_MAX};
    for (uint32_t i = 0; i < net->listener_count; i++) {
        struct listener *listener = &net->listeners[i];
        if (listener->is_paused && !listener->is_accepting && listener->resume_at.us <= net->now.us) {
            listen_start(net, listener);
        } else if (listener->is_paused && listener->resume_at.us < next.us) {
            next = listener->resume_at;
        }
    }
    return next;
}
