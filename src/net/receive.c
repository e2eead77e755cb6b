/* SPDX-License-Identifier: Apache-2.0 */
/* One multishot receive a stream, into buffers all streams share: an idle one holds none. */
#include "net/internal.h"

#include "base/check.h"

#include <errno.h>
#include <string.h>

void receive_start(struct net_stream *stream) {
    CHECK(!stream->is_receiving);
    struct io_uring_sqe *sqe = ring_submission(stream->net);
    io_uring_prep_recv_multishot(sqe, stream->fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = 0;
    sqe->user_data = operation_word(OPERATION_RECEIVE, stream->index, stream->generation);
    stream->is_receiving = true;
    stream->in_flight++;
}

static void receive_bytes(struct net_stream *stream, struct bytes bytes) {
    timeouts_renew(stream);
    if (stream->state == STREAM_HANDSHAKING) {
        stream->received = bytes;
        tls_stream_shake(stream);
    } else if (stream->state == STREAM_OPEN && stream->ssl != NULL) {
        stream->received = bytes;
        tls_stream_read(stream);
    } else if (stream->state == STREAM_OPEN && !stream->handler.on_bytes(stream->owner, stream, bytes)) {
        stream_close(stream, "closed by this side");
    }
    stream->received = (struct bytes){0};
}

static void receive_end(struct net_stream *stream) {
    stream->has_ended = true;
    switch (stream->state) {
    case STREAM_HANDSHAKING:
        stream_abort(stream, "closed by the peer during the handshake");
        break;
    case STREAM_OPEN:
        stream_close(stream, "closed by the peer");
        break;
    case STREAM_FLUSHING:
        stream_touch(stream);
        break;
    case STREAM_LINGERING:
        stream_move(stream, STREAM_ENDING);
        stream_touch(stream);
        break;
    case STREAM_CONNECTING:
    case STREAM_ENDING:
    case STREAM_FREE:
    case STREAM_STATES:
        break;
    }
}

/* ENOBUFS: all buffers were taken when the bytes came; they are back before the next try, once a turn. */
static bool receive_may_go_on(int result) {
    return result == -ENOBUFS || result == -EINTR || result == -EAGAIN || result == -ECANCELED;
}

void receive_completed(struct net_stream *stream, const struct completion *completion) {
    if ((completion->flags & IORING_CQE_F_MORE) == 0) {
        stream->is_receiving = false;
        stream->in_flight--;
    }
    if (completion->result > 0) {
        receive_bytes(stream, ring_received(stream->net, completion));
    } else if (completion->result == 0) {
        receive_end(stream);
    } else if (!receive_may_go_on(completion->result)) {
        stream_abort(stream, strerror(-completion->result));
    }
    bool is_wanted = stream_is_live(stream) || stream->state == STREAM_FLUSHING || stream->state == STREAM_LINGERING;
    if (is_wanted && !stream->is_receiving && !stream->has_ended) {
        receive_start(stream);
    }
}
