/* SPDX-License-Identifier: Apache-2.0 */
/* A process that writes its journal through a ring is killed with -9, again and again. What it told to be safe, and had
 * not begun to drain, is there. */
#include "diary.h"
#include "net/net.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 25
#define NUMBERS (1u << 20)
#define BURST 16

enum word { WORD_SAFE = 1, WORD_DRAINING = 2 };

struct message {
    enum word word;
    uint32_t number;
};

struct child {
    struct net *net;
    struct journal *journal;
    struct net_file_write write;
    bool is_writing;
    int out;
};

static struct diary diary;
static uint8_t words[NUMBERS]; /* enum word as bits */

/* ---- the child ---- */

static void say(const struct child *child, enum word word, uint32_t number) {
    const struct message message = {word, number};
    if (write(child->out, &message, sizeof message) != sizeof message)
        _exit(1);
}

static void on_written(void *owner, uint32_t entry_owner, bool is_safe) {
    if (!is_safe)
        _exit(2);
    say(owner, WORD_SAFE, entry_owner);
}

static void on_done(void *owner, int error) {
    struct child *child = owner;
    child->is_writing = false;
    journal_written(child->journal, error == 0, strerror(error));
}

static void child_turn(struct child *child) {
    struct journal_write write;
    if (!child->is_writing && journal_output(child->journal, &write)) {
        child->is_writing = true;
        net_write_file(child->net, &child->write, write.fd, write.offset, write.bytes);
    }
    net_turn(child->net, (struct tick){tick_now().us + 1000});
}

/* Most of it, and now and then all, so that the segments go round. */
static void child_drain(struct child *child, uint32_t rest) {
    struct journal_facts facts;
    journal_facts(child->journal, &facts);
    struct entry entry;
    uint64_t ticket;
    for (; facts.waiting > rest && journal_next(child->journal, &entry, &ticket); facts.waiting--) {
        say(child, WORD_DRAINING, (uint32_t)(entry.appended_at.us - noon.us));
        journal_drained(child->journal, ticket);
    }
}

static _Noreturn void child_run(const struct journal_options *options, uint32_t number, int out) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct child child = {.out = out, .write.on_done = on_done};
    child.write.owner = &child;
    struct journal_options own = *options;
    own.owner = &child;
    own.on_written = on_written;
    struct failure failure = {""};
    const struct net_options net_options = {
        .streams_capacity = 16, .receive_buffers = 16, .handshake_timeout_us = 1000000};
    child.net = net_create(&net_options, &failure);
    child.journal = journal_open(&own, &failure);
    if (child.net == NULL || child.journal == NULL)
        _exit(3);
    for (uint32_t turn = 0;; turn++) {
        for (uint32_t i = 0; i < turn % BURST; i++) {
            struct entry entry = entry_number(number);
            number += journal_append(child.journal, noon, &entry, number);
        }
        child_turn(&child);
        child_drain(&child, turn % 50 == 0 ? 0 : 30 + turn % 7);
    }
}

/* ---- the parent ---- */

/* Notes what is said until the child is gone; kills it after so many words. How high the numbers went. */
static uint32_t listen_and_kill(int in, pid_t child, uint32_t kill_after) {
    struct message message;
    uint32_t highest = 0;
    ssize_t size;
    for (uint32_t count = 1; (size = read(in, &message, sizeof message)) == sizeof message; count++) {
        cr_assert(message.number < NUMBERS);
        words[message.number] |= (uint8_t)message.word;
        highest = message.number > highest ? message.number : highest;
        if (count == kill_after)
            cr_assert(kill(child, SIGKILL) == 0);
    }
    cr_assert_eq(size, 0);
    int status;
    cr_assert(waitpid(child, &status, 0) == child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it ended by itself: %x", (unsigned)status);
    return highest;
}

/* Reads what there is, in order and right; nothing safe is missing between the first and the last number of all. */
static uint32_t expect_safe(uint32_t from, uint32_t to) {
    diary_open(&diary);
    struct entry entry;
    uint64_t ticket;
    uint32_t next = from;
    while (journal_next(diary.journal, &entry, &ticket)) {
        uint32_t number = (uint32_t)(entry.appended_at.us - noon.us);
        cr_assert(number >= next, "twice, or out of order: %u", number);
        for (; next < number; next++)
            cr_assert(words[next] != WORD_SAFE, "lost: %u", next);
        expect_entry(&entry, number);
        next = number + 1;
    }
    for (; next <= to; next++)
        cr_assert(words[next] != WORD_SAFE, "lost: %u", next);
    diary_close(&diary);
    return next;
}

Test(journal, a_process_that_is_killed_loses_nothing_it_told_safe, .timeout = 300) {
    diary_start(&diary);
    diary.options.segment_bytes = 4 * SEGMENT_BYTES;
    diary.options.capacity_bytes = 12 * SEGMENT_BYTES;
    uint32_t next = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        diary.options.directory = diary.directory;
        int ends[2];
        cr_assert(pipe(ends) == 0);
        pid_t child = fork();
        cr_assert(child >= 0);
        if (child == 0) {
            close(ends[0]);
            child_run(&diary.options, next, ends[1]);
        }
        close(ends[1]);
        uint32_t highest = listen_and_kill(ends[0], child, 50 + round * 97);
        close(ends[0]);
        next = expect_safe(0, highest > next ? highest : next);
    }
    uint32_t drained = 0;
    for (uint32_t i = 0; i < next; i++)
        drained += (words[i] & WORD_DRAINING) != 0;
    cr_assert(drained > 1000, "the segments went round: %u", drained);
}
