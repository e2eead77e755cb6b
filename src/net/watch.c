/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that another library reads. Each poll fires once and is armed anew after the owner was told, so that what
 * was left unread is told again. The slot, not the owner's struct, is what a completion finds: the owner may be gone.
 */
#include "net/internal.h"

#include "base/check.h"

#include <poll.h>

static void watch_arm(struct net *net, const struct net_watch *watch) {
    CHECK(watch->slot != 0);
    struct watch_slot *slot = &net->watches[watch->slot - 1];
    struct io_uring_sqe *sqe = ring_submission(net);
    io_uring_prep_poll_add(sqe, watch->fd, (unsigned short)watch->events);
    sqe->user_data = operation_word(OPERATION_WATCH, watch->slot - 1, slot->generation);
    slot->is_armed = true;
}

static uint32_t watch_slot_take(struct net *net) {
    uint32_t index = 0;
    while (net->watches[index].is_taken) {
        index++;
        CHECK(index < WATCHES_CAPACITY);
    }
    net->watches[index].is_taken = true;
    net->watches[index].generation++;
    return index;
}

/* A poll that has completed but was not seen yet finds the slot without a watch. */
static void watch_end(struct net *net, struct net_watch *watch) {
    if (watch->slot == 0) {
        return;
    }
    struct watch_slot *slot = &net->watches[watch->slot - 1];
    CHECK(slot->watch == watch);
    slot->watch = NULL;
    slot->is_taken = slot->is_armed;
    if (slot->is_armed) {
        struct io_uring_sqe *sqe = ring_submission(net);
        io_uring_prep_cancel64(sqe, operation_word(OPERATION_WATCH, watch->slot - 1, slot->generation), 0);
        sqe->user_data = operation_word(OPERATION_NONE, 0, 0);
    }
    watch->slot = 0;
    watch->fd = -1;
    watch->events = 0;
}

void net_watch(struct net *net, struct net_watch *watch, int fd, uint32_t socket, short events) {
    bool is_wanted = fd >= 0 && events != 0;
    bool is_same = watch->slot != 0 && watch->fd == fd && watch->socket == socket && watch->events == events;
    if (is_wanted && is_same) {
        return;
    }
    watch_end(net, watch);
    if (!is_wanted) {
        return;
    }
    uint32_t index = watch_slot_take(net);
    net->watches[index].watch = watch;
    watch->fd = fd;
    watch->socket = socket;
    watch->events = events;
    watch->slot = index + 1;
    watch_arm(net, watch);
}

void watch_completed(struct net *net, const struct completion *completion) {
    struct watch_slot *slot = &net->watches[completion->index];
    CHECK(slot->is_taken && slot->is_armed && slot->generation == completion->generation);
    slot->is_armed = false;
    if (slot->watch == NULL) {
        slot->is_taken = false;
        return;
    }
    struct net_watch *watch = slot->watch;
    bool is_broken = completion->result < 0;
    short events = is_broken ? POLLNVAL : (short)completion->result;
    if (is_broken) {
        watch_end(net, watch);
    }
    watch->on_ready(watch->owner, watch->tag, events);
    tls_errors_forget();
    bool is_same = slot->watch != NULL && slot->generation == completion->generation;
    if (is_same && !slot->is_armed) {
        watch_arm(net, slot->watch);
    }
}
