/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes made safe on disk: a write, and an fdatasync linked to it, so that the kernel starts the second when the first
 * has written all. A short or failed write breaks the link, and the sync completes as cancelled. Both complete in any
 * case, and the owner is told when both have. */
#include "net/internal.h"

#include "base/check.h"

#include <errno.h>

static uint32_t file_slot_take(struct net *net) {
    uint32_t index = 0;
    while (net->files[index].write != NULL) {
        index++;
        CHECK(index < FILES_CAPACITY);
    }
    net->files[index].generation++;
    return index;
}

/* A link reaches from one submission to the next only when both are handed in by one call. */
void net_write_file(struct net *net, struct net_file_write *write, int fd, uint64_t offset, struct bytes bytes) {
    CHECK(write->slot == 0);
    CHECK(bytes.size > 0 && bytes.size <= FILE_WRITE_SIZE_MAX);
    uint32_t index = file_slot_take(net);
    struct file_slot *slot = &net->files[index];
    slot->write = write;
    slot->size = (int32_t)bytes.size;
    slot->error = 0;
    slot->in_flight = 2;
    net->files_in_flight += 2;
    write->slot = index + 1;

    ring_reserve(net, 2);
    struct io_uring_sqe *sqe = ring_submission(net);
    io_uring_prep_write(sqe, fd, bytes.data, (unsigned)bytes.size, offset);
    sqe->flags |= IOSQE_IO_LINK;
    sqe->user_data = operation_word(OPERATION_FILE_WRITE, index, slot->generation);
    sqe = ring_submission(net);
    io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
    sqe->user_data = operation_word(OPERATION_FILE_SYNC, index, slot->generation);
}

static int file_error(const struct file_slot *slot, const struct completion *completion) {
    if (completion->result < 0) {
        return -completion->result;
    }
    bool is_short = completion->operation == OPERATION_FILE_WRITE && completion->result != slot->size;
    return is_short ? EIO : 0;
}

void file_completed(struct net *net, const struct completion *completion) {
    struct file_slot *slot = &net->files[completion->index];
    CHECK(slot->write != NULL && slot->in_flight > 0 && slot->generation == completion->generation);
    slot->in_flight--;
    net->files_in_flight--;
    if (slot->error == 0) { /* the write's own error, not that its sync was cancelled */
        slot->error = file_error(slot, completion);
    }
    if (slot->in_flight > 0) {
        return;
    }
    struct net_file_write *write = slot->write;
    slot->write = NULL;
    write->slot = 0;
    write->on_done(write->owner, slot->error);
}
