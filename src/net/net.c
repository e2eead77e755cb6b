/* SPDX-License-Identifier: Apache-2.0 */
/* The turn of the loop, and what begins and ends with it. */
#include "net/internal.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LINGER_US 1000000
#define POOL_BYTES ((size_t)64 << 20)
#define COMPLAINTS_PER_S 10

static void wake_start(struct net *net) {
    struct io_uring_sqe *sqe = ring_submission(net);
    io_uring_prep_read(sqe, net->wake_fd, &net->wake_word, sizeof(net->wake_word), 0);
    sqe->user_data = operation_word(OPERATION_WAKE, 0, 0);
}

static bool net_open(struct net *net, struct failure *failure) {
    net->streams = calloc(net->streams_capacity, sizeof(*net->streams));
    net->decrypted = malloc(RECORD_SIZE);
    if (net->streams == NULL || net->decrypted == NULL) {
        return failure_set(failure, "no memory for %u streams", net->streams_capacity);
    }
    net->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (net->wake_fd < 0) {
        return failure_set(failure, "cannot make an eventfd: %s", strerror(errno));
    }
    return ring_open(net, failure);
}

struct net *net_create(const struct net_options *options, struct failure *failure) {
    uint32_t buffers = options->receive_buffers;
    CHECK(buffers > 0 && buffers <= 32768 && (buffers & (buffers - 1)) == 0);
    CHECK(options->streams_capacity < (1u << 24) - DIALLED_CAPACITY);
    struct net *net = calloc(1, sizeof(*net));
    CHECK(net != NULL);
    net->options = *options;
    net->streams_capacity = options->streams_capacity + DIALLED_CAPACITY;
    net->wake_fd = -1;
    net->ring.ring_fd = -1;
    net->pool.capacity_bytes = POOL_BYTES + options->unread_capacity_bytes;
    net->handshaking.timeout_us = options->handshake_timeout_us;
    net->idle.timeout_us = options->idle_timeout_us;
    net->flushing.timeout_us = options->handshake_timeout_us;
    net->lingering.timeout_us = LINGER_US;
    net->now = tick_now();
    net->looked_at = net->now;
    net->arrived_since = net->now;
    if (!net_open(net, failure)) {
        net_destroy(net);
        return NULL;
    }
    wake_start(net);
    return net;
}

void net_destroy(struct net *net) {
    if (net == NULL) {
        return;
    }
    if (net->ring.ring_fd >= 0) {
        net_stop_listening(net);
    }
    ring_close(net);
    for (uint32_t i = 0; i < net->streams_used; i++) {
        struct net_stream *stream = &net->streams[i];
        if (stream->state != STREAM_FREE) {
            timeouts_leave(stream);
            stream->in_flight = 0;
            stream->is_touched = false;
            stream_give(stream);
        }
    }
    pool_finish(&net->pool);
    if (net->wake_fd >= 0) {
        close(net->wake_fd);
    }
    free(net->decrypted);
    free(net->streams);
    free(net);
}

static void net_stream_completed(struct net *net, const struct completion *completion) {
    struct net_stream *stream = &net->streams[completion->index];
    CHECK(stream->generation == completion->generation && stream->in_flight > 0);
    switch (completion->operation) {
    case OPERATION_CONNECT:
        dial_completed(stream, completion);
        break;
    case OPERATION_RECEIVE:
        receive_completed(stream, completion);
        ring_give_back(net, completion);
        break;
    case OPERATION_SEND:
        send_completed(stream, completion);
        break;
    case OPERATION_CANCEL:
        stream->in_flight--;
        break;
    case OPERATION_NONE:
    case OPERATION_ACCEPT:
    case OPERATION_WATCH:
    case OPERATION_WAKE:
    case OPERATION_FILE_WRITE:
    case OPERATION_FILE_SYNC:
        CHECK(completion->operation == OPERATION_CANCEL);
    }
    if (stream->state == STREAM_ENDING && stream->in_flight == 0) {
        stream_touch(stream);
    }
}

static void net_completed(struct net *net, const struct completion *completion) {
    switch (completion->operation) {
    case OPERATION_NONE:
        break;
    case OPERATION_ACCEPT:
        listen_completed(net, completion);
        break;
    case OPERATION_WATCH:
        watch_completed(net, completion);
        break;
    case OPERATION_WAKE:
        wake_start(net);
        break;
    case OPERATION_FILE_WRITE:
    case OPERATION_FILE_SYNC:
        file_completed(net, completion);
        break;
    case OPERATION_CONNECT:
    case OPERATION_RECEIVE:
    case OPERATION_SEND:
    case OPERATION_CANCEL:
        net_stream_completed(net, completion);
        break;
    }
}

static struct tick tick_earlier(struct tick one, struct tick other) {
    return one.us < other.us ? one : other;
}

void net_turn(struct net *net, struct tick until) {
    net->now = tick_now();
    int64_t away_us = net->now.us - net->looked_at.us;
    net->has_told = false;
    tls_errors_forget();
    stream_settle_all(net);
    struct tick resume = net->has_told ? net->now : listen_resume(net);
    ring_wait(net, tick_earlier(until, tick_earlier(resume, timeouts_next(net))));
    net->now = tick_now();
    net->looked_at = net->now;
    net->arrived_since.us = net->now.us - away_us;
    struct completion completion;
    while (ring_next(net, &completion)) {
        net_completed(net, &completion);
    }
    timeouts_run(net);
}

struct tick net_arrived_since(const struct net *net) {
    return net->arrived_since;
}

void net_wake(struct net *net) {
    uint64_t one = 1;
    ssize_t written = write(net->wake_fd, &one, sizeof(one));
    (void)written; /* can fail only when 2^64 - 2 wakes wait already */
}

void net_complain(struct net *net, const struct net_stream *stream) {
    if (net->now.us - net->complaint_since.us >= 1000000) {
        net->complaint_since = net->now;
        net->complaint_count = 0;
    }
    if (net->complaint_count++ < COMPLAINTS_PER_S) {
        log_info("net", "connection came to nothing from=%s why=%s", stream->address, stream->why);
    }
}
