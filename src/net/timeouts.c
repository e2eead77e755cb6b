/* SPDX-License-Identifier: Apache-2.0 */
/* How long a peer may take. Every stream of a list has the same time, so that a list in order of joining is in order of
 * running out, and only its first one is looked at. */
#include "net/internal.h"

#include "base/check.h"

void timeouts_join(struct waiting_list *list, struct net_stream *stream) {
    CHECK(stream->waiting_in == NULL);
    stream->waiting_in = list;
    stream->waiting_since = stream->net->now;
    stream->waiting_before = list->last;
    stream->waiting_after = NULL;
    if (list->last != NULL) {
        list->last->waiting_after = stream;
    } else {
        list->first = stream;
    }
    list->last = stream;
}

void timeouts_leave(struct net_stream *stream) {
    struct waiting_list *list = stream->waiting_in;
    if (list == NULL) {
        return;
    }
    if (stream->waiting_before != NULL) {
        stream->waiting_before->waiting_after = stream->waiting_after;
    } else {
        list->first = stream->waiting_after;
    }
    if (stream->waiting_after != NULL) {
        stream->waiting_after->waiting_before = stream->waiting_before;
    } else {
        list->last = stream->waiting_before;
    }
    stream->waiting_in = NULL;
    stream->waiting_before = NULL;
    stream->waiting_after = NULL;
}

void timeouts_renew(struct net_stream *stream) {
    struct net *net = stream->net;
    if (stream->waiting_in == &net->idle && stream->waiting_since.us != net->now.us) {
        timeouts_leave(stream);
        timeouts_join(&net->idle, stream);
    }
}

static bool list_due(const struct waiting_list *list, struct tick *due) {
    if (list->first == NULL || list->timeout_us == 0) {
        return false;
    }
    due->us = list->first->waiting_since.us + list->timeout_us;
    return true;
}

struct tick timeouts_next(const struct net *net) {
    const struct waiting_list *const lists[] = {&net->handshaking, &net->idle, &net->flushing, &net->lingering};
    struct tick next = {INT64_MAX};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct tick due;
        if (list_due(lists[i], &due) && due.us < next.us) {
            next = due;
        }
    }
    return next;
}

void timeouts_run(struct net *net) {
    struct tick due;
    while (list_due(&net->handshaking, &due) && due.us <= net->now.us) {
        struct net_stream *stream = net->handshaking.first;
        bool is_connecting = stream->state == STREAM_CONNECTING;
        stream_abort(stream,
                     is_connecting ? "no connection within the time allowed" : "no handshake within the time allowed");
    }
    while (list_due(&net->idle, &due) && due.us <= net->now.us) {
        stream_close(net->idle.first, "idle for too long");
    }
    while (list_due(&net->flushing, &due) && due.us <= net->now.us) {
        stream_abort(net->flushing.first, "did not take its last bytes in time");
    }
    while (list_due(&net->lingering, &due) && due.us <= net->now.us) {
        stream_abort(net->lingering.first, "did not close in time");
    }
}
