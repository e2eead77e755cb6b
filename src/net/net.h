/* SPDX-License-Identifier: Apache-2.0 */
/* net: bytes in and out, by io_uring; TLS 1.3 by OpenSSL, which never touches a socket.
 *
 * One `net` is one thread's: a ring, its listeners, its streams. A stream is a connection, accepted or dialled, with
 * TLS or plain. What is sent during a turn of the loop leaves as one TLS record and one send for each stream. An idle
 * stream holds no buffer. Linux 6.1 is enough: multishot accept and receive, a provided-buffer ring, SINGLE_ISSUER,
 * DEFER_TASKRUN.
 *
 * A peer is bounded in connections, in time to shake hands and to be idle, and in bytes it leaves unread. */
#ifndef VAXEL_NET_NET_H
#define VAXEL_NET_NET_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/failure.h"

struct net;
struct net_stream;
struct net_tls;

struct net_options {
    uint32_t streams_capacity; /* accepted ones; past that a new connection is closed at once. Some more are dialled */
    uint32_t receive_buffers;  /* of NET_RECEIVE_SIZE bytes; a power of two */
    uint32_t unread_capacity_bytes; /* what a peer may leave unread before it is cut off; one that was dialled, 4 MiB */
    int64_t handshake_timeout_us;
    int64_t idle_timeout_us; /* 0: none */
};
#define NET_RECEIVE_SIZE 4096

/* What happens to a stream. Calls come from net_turn() alone, and may call anything here but net_turn() and
 * net_destroy(): what they ask is done when they have returned. After on_closed the stream is gone. An accepted
 * connection that came to nothing before on_open is logged, and nobody is called. */
struct net_handler {
    /* Connected, and shaken hands where there is TLS. False: close it again (nothing more is called). */
    bool (*on_open)(void *owner, struct net_stream *stream);
    /* Plain bytes, valid during the call. False: close, after what was sent has left. */
    bool (*on_bytes)(void *owner, struct net_stream *stream, struct bytes received);
    /* Everything handed to net_send() has been passed to the kernel. May be NULL. */
    void (*on_sent)(void *owner, struct net_stream *stream);
    /* Once; `why` is for a log; also called when a dial failed. */
    void (*on_closed)(void *owner, struct net_stream *stream, const char *why);
};

/* ---- TLS ---- */

struct net_tls_files {
    const char *certificate; /* PEM, with its chain */
    const char *key;
    const char *authority; /* PEM: who signs the peers */
};

/* For listeners (peers must show a certificate of the authority) and for dialling (so must the server). Shared by
 * threads; reloading takes effect for new connections. `protocols` are the ALPN names, e.g. "vaxel/1,h2"; of those a
 * peer offers too, a server takes the first. */
struct net_tls *net_tls_create(bool is_server, const struct net_tls_files *files, const char *protocols,
                               struct failure *failure);
bool net_tls_reload(struct net_tls *tls, struct failure *failure);

/* When what was read last ceases to be valid: of a file with several certificates the first that does. Any thread may
 * ask. */
struct net_tls_ends {
    struct instant certificate;
    struct instant authority;
};
struct net_tls_ends net_tls_ends(struct net_tls *tls);
void net_tls_destroy(struct net_tls *tls);

/* ---- a thread's ring ---- */

/* NULL with a reason, such as the setting to change when the kernel or a container's seccomp profile refuses io_uring.
 * Must be called by the thread that will call net_turn(). */
struct net *net_create(const struct net_options *options, struct failure *failure);
/* By the same thread, or another when that one has ended; nobody may net_wake() it meanwhile. Streams that still stand
 * are cut off without a call. */
void net_destroy(struct net *net);

/* Listens on "host:port" (several threads may: SO_REUSEPORT shares the connections out). tls NULL: plain. */
bool net_listen(struct net *net, const char *address, struct net_tls *tls, const struct net_handler *handler,
                void *owner, struct failure *failure);
/* Listens on a socket that somebody else has bound and keeps open, such as the service manager; it stays theirs.
 * Whoever knocks after net_stop_listening() is left to the one who listens on it next. `is_shared`: other threads
 * listen on it too, and connections go round among them. */
bool net_listen_on(struct net *net, int socket, bool is_shared, struct net_tls *tls, const struct net_handler *handler,
                   void *owner, struct failure *failure);
/* The port last listened on: what the system chose when the address said 0. */
uint16_t net_port(const struct net *net);
/* Takes no new connections from now on; those that stand go on. */
void net_stop_listening(struct net *net);
/* Whether one may come yet: it listens, or what was told to stop has not ended. */
bool net_is_listening(const struct net *net);

/* Connects to "host:port" or "unix:/path"; on_open or on_closed follows, from net_turn(). NULL: no room for a stream.
 */
struct net_stream *net_dial(struct net *net, const char *address, struct net_tls *tls,
                            const struct net_handler *handler, void *owner, struct failure *failure);

/* One turn: sends what was queued since the last one, waits for events until `until` at the latest, and handles them.
 * All of it is one system call. May return early with nothing done. */
void net_turn(struct net *net, struct tick until);

/* Within a turn: what it brought has come since then, as nearly as can be told. While the thread had other work it may
 * have waited in its socket all the time; while the thread waited for it, not at all. */
struct tick net_arrived_since(const struct net *net);

/* Makes a net_turn() that waits return; the one call another thread, or a signal handler, may make. */
void net_wake(struct net *net);

/* Watches a descriptor that another library reads (libpq's): on_ready is called from net_turn() with poll(2)'s events,
 * again and again until what there was is read. A watch with another descriptor or other events replaces the one
 * before, and so does one of another `socket`: a number of the owner's that changes when a library may have closed a
 * socket and got the same descriptor for the next. Events 0, or no descriptor, ends it. It never fires after it was
 * ended or replaced. Say it anew each turn: that costs nothing when nothing changed. */
struct net_watch {
    void (*on_ready)(void *owner, int tag, short events);
    void *owner;
    int tag;
    /* The rest is net's. */
    int fd;
    uint32_t socket;
    short events;
    uint32_t slot; /* 0: watches nothing */
};
void net_watch(struct net *net, struct net_watch *watch, int fd, uint32_t socket, short events);

/* ---- a file ---- */

/* Bytes made safe on disk: one write, then fdatasync. The operation belongs to the caller and must stay, with its
 * bytes, until on_done, which comes from net_turn(); error is 0 or an errno (a short write is one: EIO). */
struct net_file_write {
    void (*on_done)(void *owner, int error);
    void *owner;
    /* The rest is net's. */
    uint32_t slot;
};
void net_write_file(struct net *net, struct net_file_write *write, int fd, uint64_t offset, struct bytes bytes);

/* ---- for the metrics ---- */

/* Of connections that were accepted, since the start. */
struct net_facts {
    uint64_t accepted;
    uint64_t turned_away;       /* all that may stand stood */
    uint64_t handshakes;        /* done */
    uint64_t failed_handshakes; /* or broken off, or given up */
};
void net_facts(const struct net *net, struct net_facts *facts);
/* When the last wait of net_turn() ended: what is handled since then was there at that time. */
struct tick net_woken_at(const struct net *net);

/* ---- a stream ---- */

/* Queues bytes; they leave with the next turn, all of a stream in one send. False when the stream is closing already,
 * or the peer has left too much unread: the stream is being closed. */
bool net_send(struct net_stream *stream, struct bytes bytes);
void net_close(struct net_stream *stream, const char *why);

/* What the owner keeps with a stream. */
void net_set_user(struct net_stream *stream, void *user);
void *net_user(const struct net_stream *stream);

/* The common name in the peer's certificate; "" when there is none. Valid while the stream is. */
const char *net_peer_name(const struct net_stream *stream);
/* Whether this ALPN name was agreed upon; valid once it is open. */
bool net_speaks(const struct net_stream *stream, const char *protocol);
/* "127.0.0.1:51234"; valid while the stream is. */
const char *net_peer_address(const struct net_stream *stream);

/* A word for this stream that no later stream has, and the stream it stands for: NULL when it is gone. */
uint64_t net_stream_key(const struct net_stream *stream);
struct net_stream *net_stream_of(struct net *net, uint64_t key);

/* Calls `visit` for every open stream of a listener. */
void net_each_accepted(struct net *net, void *owner, void (*visit)(void *owner, struct net_stream *stream));
uint32_t net_accepted_count(const struct net *net);

#endif
