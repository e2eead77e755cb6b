/* SPDX-License-Identifier: Apache-2.0 */
#include "both_test.h"
#include "redis_room.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 60000
#define IDENTITY_SIZE 40

static void dial(struct both *both) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = both->real.address + strlen("unix:");
    cr_assert_lt(strlen(path), sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    both->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(connect(both->fd, (const struct sockaddr *)&address, sizeof address) == 0);
}

static void take_identity(struct both *both) {
    static const char mark[] = "master_replid:";
    const char *line = strstr(test_redis_command(&both->real, "INFO replication"), mark);
    cr_assert_not_null(line);
    memcpy(both->model->identity, line + sizeof mark - 1, IDENTITY_SIZE);
}

static void load(struct both *both, const char *library) {
    const char *name = test_redis_command(&both->real, "FUNCTION LOAD REPLACE %s", library);
    cr_assert_str_eq(name, "vaxel");
}

void both_start(struct both *both, const char *library) {
    *both = (struct both){.now_ms = INT64_C(1795258800000)};
    test_redis_start(&both->real);
    both->model = redis_create(1, library, &both->now_ms);
    buffer_init(&both->real_replies, BOTH_REPLIES_MAX);
    buffer_init(&both->model_replies, BOTH_REPLIES_MAX);
    dial(both);
    take_identity(both);
    if (library != NULL)
        load(both, library);
}

void both_stop(struct both *both) {
    close(both->fd);
    redis_destroy(both->model);
    buffer_finish(&both->real_replies);
    buffer_finish(&both->model_replies);
    test_redis_stop(&both->real);
}

void both_promote(struct both *both) {
    test_redis_command(&both->real, "REPLICAOF 127.0.0.1 1");
    test_redis_command(&both->real, "REPLICAOF NO ONE");
    take_identity(both);
}

static bool take_bytes(struct bytes *from, size_t size) {
    if (from->size < size)
        return false;
    *from = bytes_of(from->data + size, from->size - size);
    return true;
}

bool resp_take(struct bytes *from, struct bytes *value) {
    struct bytes rest = *from;
    long long owed = 1; /* values */
    while (owed > 0) {
        const uint8_t *end = rest.size == 0 ? NULL : memchr(rest.data, '\n', rest.size);
        if (end == NULL)
            return false;
        char kind = (char)rest.data[0];
        long long number = strtoll((const char *)rest.data + 1, NULL, 10);
        take_bytes(&rest, (size_t)(end + 1 - rest.data));
        owed += kind == '*' && number > 0 ? number - 1 : -1;
        if (kind == '$' && number >= 0 && !take_bytes(&rest, (size_t)number + 2))
            return false;
    }
    *value = bytes_of(from->data, from->size - rest.size);
    *from = rest;
    return true;
}

static size_t count_values(struct bytes from) {
    struct bytes value;
    size_t count = 0;
    while (resp_take(&from, &value))
        count++;
    cr_assert_eq(from.size, 0, "half a command");
    return count;
}

static bool has_values(struct bytes from, size_t count) {
    struct bytes value;
    while (count > 0 && resp_take(&from, &value))
        count--;
    return count == 0;
}

static void ask_real(struct both *both, struct bytes commands) {
    struct buffer *replies = &both->real_replies;
    size_t wanted = count_values(commands);
    cr_assert_eq(send(both->fd, commands.data, commands.size, MSG_NOSIGNAL), (ssize_t)commands.size);
    for (replies->size = 0; !has_values(buffer_bytes(replies), wanted);) {
        struct pollfd poll_fd = {.fd = both->fd, .events = POLLIN};
        cr_assert(poll(&poll_fd, 1, PATIENCE_MS) == 1, "Redis is silent");
        ssize_t size = recv(both->fd, replies->data + replies->size, buffer_room(replies), 0);
        cr_assert(size > 0, "Redis has gone");
        replies->size += (size_t)size;
    }
}

void both_ask(struct both *both, struct bytes commands) {
    ask_real(both, commands);
    both->model_replies.size = 0;
    cr_assert(redis_execute(both->model, commands, &both->model_replies));
}

/* Words are parted by spaces. */
static struct text command_of(const char *words) {
    struct text each = {0}, command = {0};
    int count = 0;
    while (*words != '\0') {
        size_t size = strcspn(words, " ");
        text_print(&each, "$%zu\r\n", size);
        text_append(&each, words, size);
        text_append(&each, "\r\n", 2);
        words += size + (words[size] == ' ');
        count++;
    }
    text_print(&command, "*%d\r\n", count);
    text_append(&command, each.data, each.size);
    text_finish(&each);
    return command;
}

const char *both_say(struct both *both, const char *words) {
    struct text command = command_of(words);
    both_ask(both, bytes_of(command.data, command.size));
    text_finish(&command);
    buffer_append(&both->real_replies, "", 1);
    buffer_append(&both->model_replies, "", 1);
    const char *real = (const char *)both->real_replies.data;
    cr_assert_str_eq((const char *)both->model_replies.data, real, "%s: the model says %s, Redis %s", words,
                     (const char *)both->model_replies.data, real);
    return real;
}
