/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a stream. Anything may ask for its end at any time; it comes when the turn settles, never under a
 * callback. */
#include "net/internal.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOVE(state) (1u << (state))

static const uint32_t allowed_moves[STREAM_STATES] = {
    [STREAM_FREE] = MOVE(STREAM_CONNECTING) | MOVE(STREAM_HANDSHAKING) | MOVE(STREAM_OPEN),
    [STREAM_CONNECTING] = MOVE(STREAM_HANDSHAKING) | MOVE(STREAM_OPEN) | MOVE(STREAM_ENDING),
    [STREAM_HANDSHAKING] = MOVE(STREAM_OPEN) | MOVE(STREAM_FLUSHING) | MOVE(STREAM_ENDING),
    [STREAM_OPEN] = MOVE(STREAM_FLUSHING) | MOVE(STREAM_ENDING),
    [STREAM_FLUSHING] = MOVE(STREAM_LINGERING) | MOVE(STREAM_ENDING),
    [STREAM_LINGERING] = MOVE(STREAM_ENDING),
    [STREAM_ENDING] = MOVE(STREAM_FREE),
};

static struct waiting_list *stream_waits_in(struct net_stream *stream) {
    switch (stream->state) {
    case STREAM_CONNECTING:
    case STREAM_HANDSHAKING:
        return &stream->net->handshaking;
    case STREAM_OPEN:
        return stream->is_accepted ? &stream->net->idle : NULL;
    case STREAM_FLUSHING:
        return &stream->net->flushing;
    case STREAM_LINGERING:
        return &stream->net->lingering;
    case STREAM_FREE:
    case STREAM_ENDING:
    case STREAM_STATES:
        break;
    }
    return NULL;
}

void stream_move(struct net_stream *stream, enum stream_state state) {
    CHECK((allowed_moves[stream->state] & MOVE(state)) != 0);
    stream->state = state;
    struct waiting_list *list = stream_waits_in(stream);
    if (list != stream->waiting_in) {
        timeouts_leave(stream);
        if (list != NULL) {
            timeouts_join(list, stream);
        }
    }
}

void stream_touch(struct net_stream *stream) {
    struct net *net = stream->net;
    if (stream->is_touched) {
        return;
    }
    stream->is_touched = true;
    stream->touched_next = NULL;
    if (net->touched_last != NULL) {
        net->touched_last->touched_next = stream;
    } else {
        net->touched_first = stream;
    }
    net->touched_last = stream;
}

struct net_stream *stream_take(struct net *net, int fd, const struct net_handler *handler, void *owner) {
    struct net_stream *stream = net->streams_free;
    if (stream != NULL) {
        net->streams_free = stream->touched_next;
    } else if (net->streams_used < net->streams_capacity) {
        stream = &net->streams[net->streams_used];
        stream->index = net->streams_used++;
        stream->generation = 1;
    } else {
        return NULL;
    }
    CHECK(stream->state == STREAM_FREE && stream->in_flight == 0);
    uint32_t index = stream->index;
    uint32_t generation = stream->generation;
    *stream = (struct net_stream){.net = net, .index = index, .generation = generation, .fd = fd, .owner = owner};
    stream->handler = *handler;
    return stream;
}

void stream_give(struct net_stream *stream) {
    struct net *net = stream->net;
    CHECK(stream->in_flight == 0 && stream->waiting_in == NULL && !stream->is_touched);
    tls_stream_finish(stream);
    dial_finish(stream);
    pool_give(&net->pool, &stream->plain);
    pool_give(&net->pool, &stream->encrypted);
    pool_give(&net->pool, &stream->sending);
    if (stream->fd >= 0) {
        close(stream->fd);
    }
    stream->state = STREAM_FREE;
    stream->generation = stream->generation == UINT32_MAX ? 1 : stream->generation + 1;
    stream->touched_next = net->streams_free;
    net->streams_free = stream;
}

void stream_opened(struct net_stream *stream) {
    stream_move(stream, STREAM_OPEN);
    stream_touch(stream); /* what was queued until now */
    bool is_wanted = stream->handler.on_open(stream->owner, stream);
    stream->is_told = is_wanted;
    if (!is_wanted) {
        stream->is_turned_away = true;
        stream_close(stream, "turned away");
    }
}

static void stream_say_why(struct net_stream *stream, const char *why) {
    if (stream->why[0] == '\0') {
        snprintf(stream->why, sizeof(stream->why), "%s", why);
    }
}

void stream_close(struct net_stream *stream, const char *why) {
    if (stream->state == STREAM_CONNECTING) {
        stream_abort(stream, why);
    } else if (stream_is_live(stream)) {
        stream_say_why(stream, why);
        stream_move(stream, STREAM_FLUSHING);
        stream_touch(stream);
    }
}

void stream_abort(struct net_stream *stream, const char *why) {
    if (stream->state == STREAM_ENDING || stream->state == STREAM_FREE) {
        return;
    }
    stream_say_why(stream, why);
    /* Else the kernel would go on offering what the peer does not take. */
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    stream_move(stream, STREAM_ENDING);
    stream_touch(stream);
}

/* The last bytes, close_notify, and our side shut. */
static void stream_flush(struct net_stream *stream) {
    if (stream->is_sending) {
        return;
    }
    if (stream->tls_is_up) {
        if (stream->plain.size > 0 && !tls_stream_write(stream)) {
            return;
        }
        tls_stream_end(stream);
    }
    send_start(stream);
    if (stream->is_sending || stream->state != STREAM_FLUSHING) {
        return;
    }
    if (stream->has_ended) {
        stream_move(stream, STREAM_ENDING);
        stream_touch(stream);
    } else {
        (void)shutdown(stream->fd, SHUT_WR);
        stream_move(stream, STREAM_LINGERING);
    }
}

static void stream_cancel(struct net_stream *stream) {
    struct io_uring_sqe *sqe = ring_submission(stream->net);
    io_uring_prep_cancel_fd(sqe, stream->fd, IORING_ASYNC_CANCEL_ALL);
    sqe->user_data = operation_word(OPERATION_CANCEL, stream->index, stream->generation);
    stream->is_cancelling = true;
    stream->in_flight++;
}

static void stream_end(struct net_stream *stream) {
    if (stream->in_flight > 0) {
        if (!stream->is_cancelling) {
            stream_cancel(stream);
        }
        return;
    }
    struct net *net = stream->net;
    if (stream->is_accepted) {
        net->accepted_count--;
    }
    if (stream->is_told) {
        net->has_told = true;
        stream->handler.on_closed(stream->owner, stream, stream->why);
    } else if (!stream->is_turned_away) {
        net->facts.failed_handshakes += stream->is_accepted;
        net_complain(net, stream);
    }
    stream_give(stream);
}

static void stream_settle(struct net_stream *stream) {
    switch (stream->state) {
    case STREAM_HANDSHAKING:
    case STREAM_OPEN:
        send_start(stream);
        break;
    case STREAM_FLUSHING:
        stream_flush(stream);
        break;
    case STREAM_ENDING:
        stream_end(stream);
        break;
    case STREAM_CONNECTING:
    case STREAM_LINGERING:
    case STREAM_FREE:
    case STREAM_STATES:
        break;
    }
}

void stream_settle_all(struct net *net) {
    while (net->touched_first != NULL) {
        struct net_stream *stream = net->touched_first;
        net->touched_first = stream->touched_next;
        if (net->touched_first == NULL) {
            net->touched_last = NULL;
        }
        stream->is_touched = false;
        stream_settle(stream);
    }
}

/* ---- for the owner ---- */

void net_close(struct net_stream *stream, const char *why) {
    stream_close(stream, why);
}

void net_set_user(struct net_stream *stream, void *user) {
    stream->user = user;
}

void *net_user(const struct net_stream *stream) {
    return stream->user;
}

const char *net_peer_name(const struct net_stream *stream) {
    return stream->name;
}

const char *net_peer_address(const struct net_stream *stream) {
    return stream->address;
}

uint64_t net_stream_key(const struct net_stream *stream) {
    return (uint64_t)stream->generation << 32 | stream->index;
}

struct net_stream *net_stream_of(struct net *net, uint64_t key) {
    uint32_t index = (uint32_t)key;
    if (index >= net->streams_used) {
        return NULL;
    }
    struct net_stream *stream = &net->streams[index];
    return stream->state != STREAM_FREE && stream->generation == key >> 32 ? stream : NULL;
}

void net_each_accepted(struct net *net, void *owner, void (*visit)(void *owner, struct net_stream *stream)) {
    for (uint32_t i = 0; i < net->streams_used; i++) {
        struct net_stream *stream = &net->streams[i];
        if (stream->is_accepted && stream->state == STREAM_OPEN) {
            visit(owner, stream);
        }
    }
}

void net_facts(const struct net *net, struct net_facts *facts) {
    *facts = net->facts;
}

struct tick net_woken_at(const struct net *net) {
    return net->now;
}

uint32_t net_accepted_count(const struct net *net) {
    return net->accepted_count;
}
