/* SPDX-License-Identifier: Apache-2.0 */
/* The ring and its receive buffers.
 *
 * Completions run only in io_uring_enter() of this thread (DEFER_TASKRUN), and are handled one by one afterwards. When
 * more come than the completion queue holds, the kernel keeps them and ends what was multishot; whoever sees a
 * completion without IORING_CQE_F_MORE starts it anew. */
#include "net/internal.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SUBMISSIONS 4096
#define COMPLETIONS_LEAST 256
#define COMPLETIONS_MOST 65536
#define BUFFER_GROUP 0
#define DESTROY_PATIENCE_US 2000000
#define CANCEL_ALL 1

static uint32_t power_of_two(uint32_t least, uint32_t wanted, uint32_t most) {
    uint32_t value = least;
    while (value < wanted && value < most) {
        value *= 2;
    }
    return value;
}

static bool ring_refused(int error, struct failure *failure) {
    switch (error) {
    case EPERM:
    case EACCES:
        return failure_set(failure,
                           "the kernel refuses io_uring: set the sysctl kernel.io_uring_disabled to 0, or, in a "
                           "container, allow io_uring_setup, io_uring_enter and io_uring_register in its "
                           "seccomp profile");
    case ENOSYS:
        return failure_set(failure,
                           "this kernel has no io_uring, or a seccomp profile hides it: Linux 6.1 or later with "
                           "CONFIG_IO_URING is needed, and a profile that allows io_uring_setup, "
                           "io_uring_enter and io_uring_register");
    case EINVAL:
        return failure_set(failure, "this kernel's io_uring is too old: Linux 6.1 or later is needed");
    case ENOMEM:
        return failure_set(failure,
                           "no memory may be locked for io_uring: raise LimitMEMLOCK in the service's unit, or "
                           "`ulimit -l`");
    case EMFILE:
    case ENFILE:
        return failure_set(failure,
                           "no file descriptor is left for io_uring: raise LimitNOFILE in the service's unit, or "
                           "`ulimit -n`");
    default:
        return failure_set(failure, "cannot set up io_uring: %s", strerror(error));
    }
}

static bool ring_set_up(struct net *net, struct failure *failure) {
    uint32_t completions = power_of_two(COMPLETIONS_LEAST, 4 * net->streams_capacity, COMPLETIONS_MOST);
    struct io_uring_params params = {0};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE |
                   IORING_SETUP_SUBMIT_ALL;
    params.cq_entries = completions;
    uint32_t submissions = completions < SUBMISSIONS ? completions : SUBMISSIONS;
    int status = io_uring_queue_init_params(submissions, &net->ring, &params);
    if (status < 0) {
        net->ring.ring_fd = -1;
        return ring_refused(-status, failure);
    }
    return true;
}

static void *pages(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static size_t receive_ring_size(const struct net *net) {
    return net->options.receive_buffers * sizeof(struct io_uring_buf);
}

static size_t receive_memory_size(const struct net *net) {
    return (size_t)net->options.receive_buffers * NET_RECEIVE_SIZE;
}

static uint8_t *receive_buffer(const struct net *net, uint32_t index) {
    return net->receive_memory + (size_t)index * NET_RECEIVE_SIZE;
}

static bool ring_add_buffers(struct net *net, struct failure *failure) {
    uint32_t count = net->options.receive_buffers;
    net->receive_ring = pages(receive_ring_size(net));
    net->receive_memory = pages(receive_memory_size(net));
    if (net->receive_ring == NULL || net->receive_memory == NULL) {
        return failure_set(failure, "no memory for %u receive buffers", count);
    }
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)net->receive_ring, .ring_entries = count, .bgid = BUFFER_GROUP};
    int status = io_uring_register_buf_ring(&net->ring, &registration, 0);
    if (status < 0) {
        return ring_refused(-status, failure);
    }
    io_uring_buf_ring_init(net->receive_ring);
    for (uint32_t i = 0; i < count; i++) {
        io_uring_buf_ring_add(net->receive_ring, receive_buffer(net, i), NET_RECEIVE_SIZE, (unsigned short)i,
                              io_uring_buf_ring_mask(count), (int)i);
    }
    io_uring_buf_ring_advance(net->receive_ring, (int)count);
    return true;
}

bool ring_open(struct net *net, struct failure *failure) {
    return ring_set_up(net, failure) && ring_add_buffers(net, failure);
}

static int ring_enter(struct net *net, struct tick until) {
    int64_t left_us = until.us - tick_now().us;
    left_us = left_us < 0 ? 0 : left_us;
    struct __kernel_timespec timeout = {.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000};
    struct io_uring_cqe *cqe;
    return io_uring_submit_and_wait_timeout(&net->ring, &cqe, 1, &timeout, NULL);
}

void ring_wait(struct net *net, struct tick until) {
    int status = ring_enter(net, until);
    /* EBUSY, EAGAIN: the kernel holds completions or lacks memory; what was not taken goes with the next turn. */
    CHECK(status >= 0 || status == -ETIME || status == -EINTR || status == -EBUSY || status == -EAGAIN ||
          status == -ENOMEM);
}

/* Drops what has completed; true when the cancel is among it. */
static bool ring_drop_all(struct net *net, bool *was_empty) {
    struct completion completion;
    bool is_cancelled = false;
    *was_empty = true;
    while (ring_next(net, &completion)) {
        *was_empty = false;
        is_cancelled |= completion.operation == OPERATION_NONE && completion.index == CANCEL_ALL;
        bool is_file = completion.operation == OPERATION_FILE_WRITE || completion.operation == OPERATION_FILE_SYNC;
        net->files_in_flight -= is_file;
        if (completion.operation == OPERATION_ACCEPT && completion.result >= 0) {
            close(completion.result);
        }
    }
    return is_cancelled;
}

/* The kernel may use our memory until every operation has completed, so they are waited for; a file's for as long as
 * the disk takes, since it can't be cancelled and its bytes would be torn. When the ring's own thread has ended its
 * operations have too, and the kernel says EEXIST to another. */
static void ring_cancel_all(struct net *net) {
    struct tick give_up = {tick_now().us + DESTROY_PATIENCE_US};
    bool was_empty;
    bool is_cancelled = ring_drop_all(net, &was_empty);
    struct io_uring_sqe *sqe = ring_submission(net);
    io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    sqe->user_data = operation_word(OPERATION_NONE, CANCEL_ALL, 0);
    while (net->files_in_flight > 0 || (tick_now().us < give_up.us && !(is_cancelled && was_empty))) {
        bool may_wait = net->files_in_flight > 0 || !is_cancelled;
        if (ring_enter(net, (struct tick){tick_now().us + (may_wait ? DESTROY_PATIENCE_US : 0)}) == -EEXIST) {
            return;
        }
        is_cancelled |= ring_drop_all(net, &was_empty);
    }
}

void ring_close(struct net *net) {
    if (net->ring.ring_fd >= 0) {
        ring_cancel_all(net);
        io_uring_queue_exit(&net->ring);
    }
    if (net->receive_ring != NULL) {
        munmap(net->receive_ring, receive_ring_size(net));
    }
    if (net->receive_memory != NULL) {
        munmap(net->receive_memory, receive_memory_size(net));
    }
}

void ring_reserve(struct net *net, uint32_t count) {
    while (io_uring_sq_space_left(&net->ring) < count) {
        int status = io_uring_submit(&net->ring);
        CHECK(status >= 0 || status == -EINTR || status == -EAGAIN || status == -EBUSY);
    }
}

struct io_uring_sqe *ring_submission(struct net *net) {
    ring_reserve(net, 1);
    return io_uring_get_sqe(&net->ring);
}

bool ring_next(struct net *net, struct completion *completion) {
    struct io_uring_cqe *cqe;
    unsigned head;
    io_uring_for_each_cqe(&net->ring, head, cqe) {
        *completion = (struct completion){
            .operation = (enum operation)(cqe->user_data >> 56),
            .index = (uint32_t)(cqe->user_data >> 32) & 0xffffffu,
            .generation = (uint32_t)cqe->user_data,
            .result = cqe->res,
            .flags = cqe->flags,
        };
        io_uring_cq_advance(&net->ring, 1);
        return true;
    }
    return false;
}

struct bytes ring_received(const struct net *net, const struct completion *completion) {
    if ((completion->flags & IORING_CQE_F_BUFFER) == 0 || completion->result <= 0) {
        return (struct bytes){0};
    }
    return bytes_of(receive_buffer(net, completion->flags >> IORING_CQE_BUFFER_SHIFT), (size_t)completion->result);
}

void ring_give_back(struct net *net, const struct completion *completion) {
    if ((completion->flags & IORING_CQE_F_BUFFER) != 0) {
        uint32_t index = completion->flags >> IORING_CQE_BUFFER_SHIFT;
        io_uring_buf_ring_add(net->receive_ring, receive_buffer(net, index), NET_RECEIVE_SIZE, (unsigned short)index,
                              io_uring_buf_ring_mask(net->options.receive_buffers), 0);
        io_uring_buf_ring_advance(net->receive_ring, 1);
    }
}
