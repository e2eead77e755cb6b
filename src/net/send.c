/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent in a turn is gathered, encrypted at once, and leaves as one send; the next one starts when it has been
 * taken. So an answer waits for nothing on an idle stream, and a busy stream fills its records. */
#include "net/internal.h"

#include "base/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DIALLED_UNREAD_BYTES ((size_t)4 << 20)

size_t send_pending(const struct net_stream *stream) {
    return stream->plain.size + stream->encrypted.size + stream->sending.size - stream->sent;
}

static void send_submit(struct net_stream *stream) {
    struct io_uring_sqe *sqe = ring_submission(stream->net);
    io_uring_prep_send(sqe, stream->fd, stream->sending.data + stream->sent, stream->sending.size - stream->sent,
                       MSG_NOSIGNAL);
    sqe->user_data = operation_word(OPERATION_SEND, stream->index, stream->generation);
    stream->is_sending = true;
    stream->in_flight++;
}

void send_start(struct net_stream *stream) {
    if (stream->is_sending) {
        return;
    }
    struct buffer *ready = &stream->plain;
    if (stream->ssl != NULL) {
        if (stream->tls_is_up && stream->plain.size > 0 && !tls_stream_write(stream)) {
            return;
        }
        ready = &stream->encrypted;
    }
    if (ready->size > 0) {
        stream->sending = *ready;
        stream->sent = 0;
        *ready = (struct buffer){0};
        send_submit(stream);
    }
}

static void send_all_taken(struct net_stream *stream) {
    pool_give(&stream->net->pool, &stream->sending);
    stream->sent = 0;
    if (stream->plain.size > 0 || stream->encrypted.size > 0 || stream->state == STREAM_FLUSHING) {
        stream_touch(stream);
    } else if (stream->has_sent && stream->state == STREAM_OPEN) {
        stream->has_sent = false;
        if (stream->handler.on_sent != NULL) {
            stream->handler.on_sent(stream->owner, stream);
        }
    }
}

void send_completed(struct net_stream *stream, const struct completion *completion) {
    stream->is_sending = false;
    stream->in_flight--;
    if (stream->state == STREAM_ENDING) {
        return;
    }
    int result = completion->result;
    if (result == -EINTR || result == -EAGAIN || result == -ENOBUFS) {
        result = 0;
    }
    if (result < 0) {
        stream_abort(stream, result == -EPIPE ? "closed by the peer" : strerror(-result));
        return;
    }
    stream->sent += (size_t)result;
    CHECK(stream->sent <= stream->sending.size);
    timeouts_renew(stream);
    if (stream->sent < stream->sending.size) {
        send_submit(stream); /* a short one: the socket's buffer is full */
    } else {
        send_all_taken(stream);
    }
}

/* One that we dialled is a service of ours, whose owner bounds what it asks; this only keeps a mistake from growing. */
size_t send_capacity(const struct net_stream *stream) {
    size_t capacity = stream->net->options.unread_capacity_bytes;
    return stream->is_accepted || capacity > DIALLED_UNREAD_BYTES ? capacity : DIALLED_UNREAD_BYTES;
}

bool net_send(struct net_stream *stream, struct bytes bytes) {
    if (!stream_is_live(stream) && stream->state != STREAM_CONNECTING) {
        return false;
    }
    if (bytes.size == 0) {
        return true;
    }
    size_t unread = send_pending(stream) + bytes.size;
    if (unread > send_capacity(stream)) {
        char why[WHY_SIZE];
        snprintf(why, sizeof(why), "left %zu bytes unread", unread);
        stream_abort(stream, why);
        return false;
    }
    if (!pool_reserve(&stream->net->pool, &stream->plain, bytes.size)) {
        stream_abort(stream, "no memory for what waits to be sent");
        return false;
    }
    CHECK(buffer_append(&stream->plain, bytes.data, bytes.size));
    stream->has_sent = true;
    stream_touch(stream);
    return true;
}
