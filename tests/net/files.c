/* SPDX-License-Identifier: Apache-2.0 */
#include "party.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define FILE_BYTES ((size_t)1 << 20)

static struct party party;

struct told {
    int count;
    int error;
    int again; /* writes anew from within the call, so many times */
    struct net_file_write write;
    int fd;
    struct bytes bytes;
};

static void on_done(void *owner, int error) {
    struct told *told = owner;
    told->count++;
    told->error = error;
    if (told->again > 0) {
        told->again--;
        net_write_file(party.net, &told->write, told->fd, (uint64_t)told->count * told->bytes.size, told->bytes);
    }
}

static void told_write(struct told *told, int fd, uint64_t offset, struct bytes bytes) {
    told->write.on_done = on_done;
    told->write.owner = told;
    told->fd = fd;
    told->bytes = bytes;
    net_write_file(party.net, &told->write, fd, offset, bytes);
}

static void turn_some(void) {
    for (int i = 0; i < 20; i++) {
        party_turn(&party);
    }
}

static int file_open(char path[TEST_TEXT + 8]) {
    char directory[TEST_TEXT];
    test_directory(directory);
    snprintf(path, TEST_TEXT + 8, "%s/file", directory);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    cr_assert(fd >= 0);
    return fd;
}

static uint8_t *pattern_bytes(size_t size) {
    uint8_t *data = malloc(size);
    cr_assert(data != NULL);
    for (size_t i = 0; i < size; i++) {
        data[i] = pattern(i);
    }
    return data;
}

static void expect_pattern(int fd, size_t offset, size_t size) {
    uint8_t *data = malloc(size);
    cr_assert(data != NULL);
    cr_assert_eq(pread(fd, data, size, (off_t)offset), (ssize_t)size);
    for (size_t i = 0; i < size; i++) {
        cr_assert_eq(data[i], pattern(i), "byte %zu", i);
    }
    free(data);
}

Test(net, bytes_are_written_where_they_belong) {
    char path[TEST_TEXT + 8];
    int fd = file_open(path);
    party_start(&party, NULL);
    uint8_t *data = pattern_bytes(FILE_BYTES);
    struct told told = {0};
    told_write(&told, fd, 4096, bytes_of(data, FILE_BYTES));
    cr_assert_eq(told.count, 0, "never from within the call");
    TURN_UNTIL(&party, NULL, told.count == 1);
    cr_assert_eq(told.error, 0);
    expect_pattern(fd, 4096, FILE_BYTES);
    free(data);
    close(fd);
    party_end(&party);
}

Test(net, a_write_may_follow_from_within_the_call) {
    char path[TEST_TEXT + 8];
    int fd = file_open(path);
    party_start(&party, NULL);
    uint8_t *data = pattern_bytes(1000);
    struct told told = {.again = 9};
    told_write(&told, fd, 0, bytes_of(data, 1000));
    TURN_UNTIL(&party, NULL, told.count == 10);
    cr_assert_eq(told.error, 0);
    for (size_t i = 0; i < 10; i++) {
        expect_pattern(fd, i * 1000, 1000);
    }
    free(data);
    close(fd);
    party_end(&party);
}

/* The sync is cancelled with the write, and the write's own error is told. */
Test(net, a_write_that_fails_is_told_with_its_error) {
    char path[TEST_TEXT + 8];
    int fd = file_open(path);
    int read_only = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert(read_only >= 0);
    party_start(&party, NULL);
    struct told told = {0};
    told_write(&told, read_only, 0, bytes_of("x", 1));
    TURN_UNTIL(&party, NULL, told.count == 1);
    cr_assert_eq(told.error, EBADF);
    told_write(&told, fd, 0, bytes_of("x", 1));
    TURN_UNTIL(&party, NULL, told.count == 2);
    cr_assert_eq(told.error, 0, "the one after it is none the worse");
    close(read_only);
    close(fd);
    party_end(&party);
}

/* What can be written and can't be synced. */
Test(net, a_sync_that_fails_is_told) {
    int ends[2];
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    party_start(&party, NULL);
    struct told told = {0};
    told_write(&told, ends[1], 0, bytes_of("x", 1));
    TURN_UNTIL(&party, NULL, told.count == 1);
    cr_assert_eq(told.error, EINVAL);
    char byte;
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    close(ends[1]);
    party_end(&party);
}

/* A file may not grow past the process's limit: the write stops there. */
Test(net, a_short_write_is_an_error) {
    char path[TEST_TEXT + 8];
    int fd = file_open(path);
    party_start(&party, NULL);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit before;
    cr_assert(getrlimit(RLIMIT_FSIZE, &before) == 0);
    struct rlimit limit = {.rlim_cur = 1000, .rlim_max = before.rlim_max};
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    uint8_t *data = pattern_bytes(3000);
    struct told told = {0};
    told_write(&told, fd, 0, bytes_of(data, 3000));
    TURN_UNTIL(&party, NULL, told.count == 1);
    cr_assert(setrlimit(RLIMIT_FSIZE, &before) == 0);
    cr_assert_eq(told.error, EIO, "%d", told.error);
    struct stat status;
    cr_assert(fstat(fd, &status) == 0);
    cr_assert_eq(status.st_size, 1000);
    free(data);
    close(fd);
    party_end(&party);
}

/* Puts 2 * count - 1 submissions into the queue, not handed in: each change of a watch is a cancel and a poll. */
static void queue_fill(struct net_watch *watch, int fd, int count) {
    for (int i = 0; i < count; i++) {
        net_watch(party.net, watch, fd, 1, i % 2 == 0 ? POLLIN : POLLIN | POLLPRI);
    }
}

/* A sync of a pipe fails at once. So long as it is linked to its write, it waits for it, here until there is no reader
 * any more, and is cancelled; parted from it, it would be the first to fail. */
static int parting_error(int before) {
    int watched[2], ends[2];
    cr_assert(pipe2(watched, O_CLOEXEC) == 0 && pipe2(ends, O_CLOEXEC) == 0);
    int capacity = fcntl(ends[1], F_GETPIPE_SZ);
    uint8_t *data = pattern_bytes((size_t)capacity);
    cr_assert_eq(write(ends[1], data, (size_t)capacity), capacity);
    turn_some();
    struct net_watch watch = {0};
    queue_fill(&watch, watched[0], before);
    struct told told = {0};
    told_write(&told, ends[1], (uint64_t)-1, bytes_of("x", 1));
    turn_some();
    cr_assert_eq(told.count, 0);
    close(ends[0]);
    TURN_UNTIL(&party, NULL, told.count == 1);
    net_watch(party.net, &watch, watched[0], 1, 0);
    close(ends[1]);
    close(watched[0]);
    close(watched[1]);
    free(data);
    return told.error;
}

Test(net, a_write_and_its_sync_are_not_parted_by_a_full_queue) {
    struct net_options options = party_options();
    options.streams_capacity = 0; /* a queue of 256 */
    party_start(&party, &options);
    signal(SIGPIPE, SIG_IGN);
    for (int before = 125; before < 132; before++) {
        cr_assert_eq(parting_error(before), EPIPE, "with %d before it", 2 * before - 1);
    }
    party_end(&party);
}

/* The kernel is done with the bytes when net_destroy() returns, so they may be let go at once. */
Test(net, destroying_waits_for_a_write_and_tells_nobody) {
    char path[TEST_TEXT + 8];
    int fd = file_open(path);
    for (int turns = 0; turns < 3; turns++) {
        party_start(&party, NULL);
        uint8_t *data = pattern_bytes(16 * FILE_BYTES);
        struct told told = {0};
        told_write(&told, fd, 0, bytes_of(data, 16 * FILE_BYTES));
        for (int i = 0; i < turns && told.count == 0; i++) {
            net_turn(party.net, tick_now());
        }
        int count = told.count;
        party_end(&party);
        cr_assert_eq(told.count, count);
        free(data);
    }
    close(fd);
}
