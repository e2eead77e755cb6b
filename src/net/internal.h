/* SPDX-License-Identifier: Apache-2.0 */
/* What net's files share. A turn goes through them so:
 *
 *   net_turn ─▶ stream_settle: for each touched stream, encrypt and send what waits, close, free     (stream.c, send.c)
 *            ─▶ one io_uring_enter: everything goes out, and the wait                               (ring.c)
 *            ─▶ completions ─▶ accept, connect, receive ─▶ decrypt ─▶ callbacks, which touch streams (listen.c,
 * receive.c …) ─▶ what took too long                                                                  (timeouts.c)
 *
 * Callbacks only queue and mark; nothing is sent, closed or freed under them, so a stream stays valid until it is
 * settled. */
#ifndef VAXEL_NET_INTERNAL_H
#define VAXEL_NET_INTERNAL_H

#include "net/net.h"

#include <liburing.h>
#include <openssl/types.h>
#include <sys/socket.h>

#define NAME_SIZE 64
#define ADDRESS_SIZE 64
#define WHY_SIZE 112

/* The largest record of plain bytes TLS has. */
#define RECORD_SIZE 16384

/* Slots beside the accepted streams, for those that are dialled. */
#define DIALLED_CAPACITY 64
#define WATCHES_CAPACITY 256
#define LISTENERS_CAPACITY 8
#define FILES_CAPACITY 8

/* What one write(2) takes for certain. */
#define FILE_WRITE_SIZE_MAX (1u << 30)

/* ---- pool.c: memory for what waits to be sent; classes are powers of two ---- */

#define POOL_CLASS_FIRST 10 /* 1 KiB */
#define POOL_CLASS_COUNT 17 /* up to 64 MiB */

struct free_block {
    struct free_block *next;
};

struct pool {
    struct free_block *free[POOL_CLASS_COUNT];
    size_t kept_bytes;  /* on the free lists */
    size_t taken_bytes; /* lent out */
    size_t capacity_bytes;
};

void pool_finish(struct pool *pool);
/* Makes room for `size` more bytes, moving what is there; false when the pool is exhausted. */
bool pool_reserve(struct pool *pool, struct buffer *buffer, size_t size);
/* Takes the buffer's memory back. */
void pool_give(struct pool *pool, struct buffer *buffer);

/* ---- completions: what a user_data says ---- */

enum operation {
    OPERATION_NONE, /* nobody waits for it: a cancel that is not a stream's */
    OPERATION_ACCEPT,
    OPERATION_CONNECT,
    OPERATION_RECEIVE,
    OPERATION_SEND,
    OPERATION_CANCEL,
    OPERATION_WATCH,
    OPERATION_WAKE,
    OPERATION_FILE_WRITE,
    OPERATION_FILE_SYNC,
};

/* Generation so that a completion never reaches whoever has the slot now. */
struct completion {
    enum operation operation;
    uint32_t index; /* of a stream, listener, watch or file write; at most 2^24 */
    uint32_t generation;
    int32_t result;
    uint32_t flags;
};

static inline uint64_t operation_word(enum operation operation, uint32_t index, uint32_t generation) {
    return (uint64_t)operation << 56 | (uint64_t)index << 32 | generation;
}

/* ---- streams ---- */

/*   CONNECTING ─▶ HANDSHAKING ─▶ OPEN ─▶ FLUSHING ─▶ LINGERING ─▶ ENDING ─▶ FREE
 * Any of them may go to ENDING at once. FLUSHING: what was queued leaves, then close_notify. LINGERING: our side is
 * shut, what still comes is dropped until the peer has shut too, else a reset could overtake our last words. ENDING:
 * cancelled; waits for its operations, since the kernel may still use their memory. */
enum stream_state {
    STREAM_FREE,
    STREAM_CONNECTING,
    STREAM_HANDSHAKING,
    STREAM_OPEN,
    STREAM_FLUSHING,
    STREAM_LINGERING,
    STREAM_ENDING,
    STREAM_STATES,
};

/* How long a state may last; streams stand in the order in which their time runs out. */
struct waiting_list {
    struct net_stream *first;
    struct net_stream *last;
    int64_t timeout_us; /* 0: for ever */
};

/* What only a dialled stream needs, and only until it is open. */
struct dial {
    struct net_tls *tls;
    struct addrinfo *found;
    const struct addrinfo *next;
    struct sockaddr_storage address;
    socklen_t address_size;
    bool is_name; /* the certificate is checked for a name, else for an address */
    char host[256];
};

struct net_stream {
    struct net *net;
    uint32_t index;
    uint32_t generation;
    int fd;
    enum stream_state state;

    bool is_accepted;
    bool is_told;        /* on_closed is owed */
    bool is_touched;     /* in the net's list of those to settle */
    bool is_receiving;   /* a receive is in flight */
    bool is_sending;     /* a send is in flight */
    bool is_cancelling;  /* a cancel was submitted */
    bool has_sent;       /* net_send() since the last on_sent */
    bool has_ended;      /* the peer shut its side */
    bool is_turned_away; /* on_open said no */
    bool tls_is_up;      /* shaken hands, and not failed or ended since */
    uint32_t in_flight;  /* operations of this stream in the ring */

    SSL *ssl;                /* NULL: plain */
    struct bytes received;   /* what the TLS engine reads from now */
    struct buffer plain;     /* queued by net_send() */
    struct buffer encrypted; /* made by the TLS engine, next to be sent */
    struct buffer sending;   /* in the kernel's hands while is_sending */
    size_t sent;             /* of `sending` */

    struct net_handler handler;
    void *owner;
    void *user;
    struct dial *dial;

    struct net_stream *touched_next; /* also links the free slots */
    struct waiting_list *waiting_in;
    struct net_stream *waiting_before;
    struct net_stream *waiting_after;
    struct tick waiting_since;

    char name[NAME_SIZE];
    char address[ADDRESS_SIZE];
    char why[WHY_SIZE];
};

struct listener {
    int fd;         /* -1: closed */
    bool is_lent;   /* the socket goes on after us */
    bool is_shared; /* other threads accept from it too */
    bool is_accepting;
    bool is_paused; /* until `resume_at`: the process or the system is out of descriptors */
    struct tick resume_at;
    struct net_tls *tls;
    struct net_handler handler;
    void *owner;
};

struct watch_slot {
    struct net_watch *watch; /* NULL: ended or replaced, waits for its poll to complete */
    uint32_t generation;
    bool is_taken;
    bool is_armed;
};

struct file_slot {
    struct net_file_write *write; /* NULL: free */
    uint32_t generation;
    uint32_t in_flight; /* of its write and its sync */
    int32_t size;
    int error; /* the first */
};

struct net {
    struct io_uring ring;
    struct net_options options;
    struct tick now;
    struct tick looked_at;     /* when the last wait was over */
    struct tick arrived_since; /* what the wait brought can't have come before */
    bool has_told;             /* an owner heard of an end before this turn's wait, and may want to act on it */

    struct io_uring_buf_ring *receive_ring;
    uint8_t *receive_memory;

    struct net_stream *streams; /* a slab; slots past `streams_used` were never used, and cost nothing */
    uint32_t streams_capacity;
    uint32_t streams_used;
    uint32_t accepted_count;
    struct net_stream *streams_free;
    struct net_stream *touched_first;
    struct net_stream *touched_last;
    struct waiting_list handshaking;
    struct waiting_list idle;
    struct waiting_list flushing;
    struct waiting_list lingering;

    struct pool pool;
    uint8_t *decrypted; /* RECORD_SIZE; what on_bytes sees */

    struct listener listeners[LISTENERS_CAPACITY];
    uint32_t listener_count;
    bool is_out_of_descriptors; /* said so already */
    bool is_full;               /* said so already */

    struct watch_slot watches[WATCHES_CAPACITY];
    uint32_t watches_used;

    struct file_slot files[FILES_CAPACITY];
    uint32_t files_in_flight; /* operations: the kernel reads their owners' memory */

    struct net_facts facts;
    struct tick complaint_since; /* failed handshakes are logged at most so many in a second */
    uint32_t complaint_count;

    int wake_fd;
    uint64_t wake_word;
};

/* ---- ring.c ---- */

/* A free submission; submits those that wait when there is none. */
struct io_uring_sqe *ring_submission(struct net *net);
/* Makes sure that the next `count` submissions are handed in by one call. */
void ring_reserve(struct net *net, uint32_t count);
/* Opens the ring and its receive buffers; false with the setting to change. */
bool ring_open(struct net *net, struct failure *failure);
/* Cancels everything, waits for it, and gives all back. */
void ring_close(struct net *net);
/* Submits, and waits for one completion until the tick at the latest. */
void ring_wait(struct net *net, struct tick until);
/* Takes the next completion; false when there is none. */
bool ring_next(struct net *net, struct completion *completion);
struct bytes ring_received(const struct net *net, const struct completion *completion);
void ring_give_back(struct net *net, const struct completion *completion);

/* ---- stream.c ---- */

/* NULL when every slot is taken. */
struct net_stream *stream_take(struct net *net, int fd, const struct net_handler *handler, void *owner);
/* Gives the slot back, and all the stream holds; nothing of it may be in flight. */
void stream_give(struct net_stream *stream);
void stream_move(struct net_stream *stream, enum stream_state state);
void stream_touch(struct net_stream *stream);
/* Connected (and shaken hands): tells the owner. */
void stream_opened(struct net_stream *stream);
/* Closes after what is queued has left; the first `why` stays. */
void stream_close(struct net_stream *stream, const char *why);
/* Closes now, dropping what is queued. */
void stream_abort(struct net_stream *stream, const char *why);
/* Sends, closes and frees whatever was touched. */
void stream_settle_all(struct net *net);

static inline bool stream_is_live(const struct net_stream *stream) {
    return stream->state == STREAM_HANDSHAKING || stream->state == STREAM_OPEN;
}

/* ---- receive.c ---- */
void receive_start(struct net_stream *stream);
void receive_completed(struct net_stream *stream, const struct completion *completion);

/* ---- send.c ---- */
/* Starts a send if something waits and none is in flight. */
void send_start(struct net_stream *stream);
void send_completed(struct net_stream *stream, const struct completion *completion);
/* Queued by the owner or made by TLS, and not yet passed to the kernel. */
size_t send_pending(const struct net_stream *stream);
/* How much of that there may be. */
size_t send_capacity(const struct net_stream *stream);

/* ---- tls.c ---- */
/* A new TLS engine's session; NULL when memory is out. */
SSL *tls_session(struct net_tls *tls);
bool tls_is_server(const struct net_tls *tls);

/* ---- tls_memory.c ---- */
/* Has OpenSSL take its records' memory from what a thread keeps; call it before anything else of OpenSSL. */
void tls_memory_arrange(void);

/* ---- tls_stream.c ---- */
/* After others may have used OpenSSL on this thread: what failed for them would be taken for a stream's failure. */
void tls_errors_forget(void);
bool tls_stream_start(struct net_stream *stream, struct net_tls *tls);
/* Goes on with the handshake with what stream->received holds. */
void tls_stream_shake(struct net_stream *stream);
/* Decrypts stream->received and hands it to the owner. */
void tls_stream_read(struct net_stream *stream);
/* Encrypts stream->plain into stream->encrypted; false when that failed and the stream is being aborted. Only while
 * tls_is_up. */
bool tls_stream_write(struct net_stream *stream);
/* Puts close_notify into stream->encrypted; tls_is_up no more. */
void tls_stream_end(struct net_stream *stream);
void tls_stream_finish(struct net_stream *stream);

/* ---- address.c ---- */
#define HOST_SIZE 256
/* Splits "host:port" or "[v6]:port". */
bool address_split(const char *address, char host[HOST_SIZE], char port[8], struct failure *failure);
/* Addresses to try, in order; freed with freeaddrinfo(). */
struct addrinfo *address_resolve(const char *address, bool is_to_listen, char host[HOST_SIZE], struct failure *failure);
void address_format(const struct sockaddr *address, char text[ADDRESS_SIZE]);

/* ---- dial.c ---- */
void dial_completed(struct net_stream *stream, const struct completion *completion);
void dial_finish(struct net_stream *stream);

/* ---- listen.c ---- */
void listen_completed(struct net *net, const struct completion *completion);
/* Accepts again where a pause is over; returns when the next pause ends. */
struct tick listen_resume(struct net *net);

/* ---- watch.c ---- */
void watch_completed(struct net *net, const struct completion *completion);

/* ---- file.c ---- */
void file_completed(struct net *net, const struct completion *completion);

/* ---- timeouts.c ---- */
void timeouts_join(struct waiting_list *list, struct net_stream *stream);
void timeouts_leave(struct net_stream *stream);
/* The peer did something: its time to be idle starts anew. */
void timeouts_renew(struct net_stream *stream);
struct tick timeouts_next(const struct net *net);
void timeouts_run(struct net *net);

/* A handshake or connection that came to nothing and has no owner to tell. */
void net_complain(struct net *net, const struct net_stream *stream);

#endif
