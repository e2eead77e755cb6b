/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TURN_MS 2
#define REDIAL_US 20000
#define PATIENCE_US INT64_C(60000000)

static void on_verdict(void *owner, const struct verdict *verdict) {
    struct fleet *fleet = owner;
    cr_assert_lt(verdict->owner, FLEET_CAPACITY);
    cr_assert(!fleet->is_told[verdict->owner], "owner %u was told twice", verdict->owner);
    fleet->is_told[verdict->owner] = true;
    fleet->verdicts[verdict->owner] = *verdict;
    fleet->told_count++;
}

static void on_sums_written(void *owner, int32_t organisation, struct month month, int32_t epoch, bool is_written) {
    struct fleet *fleet = owner;
    cr_assert(organisation > 0 && month.yyyymm > 0 && epoch > 0);
    fleet->written_count++;
    fleet->is_written = is_written;
}

static void on_month_read(void *owner, int32_t organisation, struct month month, const struct sums *sums) {
    struct fleet *fleet = owner;
    cr_assert(organisation > 0 && month.yyyymm > 0);
    fleet->read_count++;
    fleet->read_epoch = sums == NULL ? -1 : sums->epoch;
}

static void on_ready(void *owner) {
    ((struct fleet *)owner)->ready_count++;
}

void fleet_open(struct fleet *fleet, const char *address) {
    memset(fleet, 0, sizeof *fleet);
    const struct limits_options options = {
        .capacity = FLEET_CAPACITY,
        .group_capacity = 32,
        .owner = fleet,
        .on_verdict = on_verdict,
        .on_sums_written = on_sums_written,
        .on_month_read = on_month_read,
        .on_ready = on_ready,
    };
    fleet->router = router_create(&options, address, &fleet->failure);
    cr_assert_not_null(fleet->router, "%s", fleet->failure.text);
    for (uint32_t i = 0; i < ROUTER_LINES; i++)
        fleet->lines[i].fd = -1;
    buffer_init(&fleet->output, (size_t)2 * LIMITS_OUTPUT_MIN);
}

void fleet_close(struct fleet *fleet) {
    for (uint32_t i = 0; i < ROUTER_LINES; i++)
        if (fleet->lines[i].fd >= 0)
            close(fleet->lines[i].fd);
    router_destroy(fleet->router);
    buffer_finish(&fleet->output);
}

static int dial_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cr_assert_lt(strlen(path), sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static int dial_port(int port) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void dial(struct fleet *fleet, uint32_t number) {
    struct fleet_line *line = &fleet->lines[number];
    const char *address = router_line_address(fleet->router, number);
    strcpy(line->address, address);
    bool is_socket = strncmp(address, "unix:", 5) == 0;
    line->fd = is_socket ? dial_socket(address + 5) : dial_port(atoi(strrchr(address, ':') + 1));
    line->heard_at = tick_now();
    line->dial_at.us = line->heard_at.us + REDIAL_US;
    if (line->fd >= 0)
        router_connected(fleet->router, number);
    else
        router_lost(fleet->router, number);
}

static void lose(struct fleet *fleet, uint32_t number) {
    close(fleet->lines[number].fd);
    fleet->lines[number].fd = -1;
    router_lost(fleet->router, number);
}

static void look_after(struct fleet *fleet, uint32_t number, struct tick now) {
    struct fleet_line *line = &fleet->lines[number];
    const char *address = router_line_address(fleet->router, number);
    bool is_other = strcmp(line->address, address) != 0;
    if (line->fd < 0) {
        if (address[0] != '\0' && (is_other || now.us >= line->dial_at.us))
            dial(fleet, number);
    } else if (is_other) {
        lose(fleet, number);
    } else if (!router_is_owed(fleet->router, number)) {
        line->heard_at = now;
    } else if (now.us - line->heard_at.us > FLEET_SILENCE_US) {
        lose(fleet, number);
    }
}

static void flush(struct fleet *fleet, uint32_t number) {
    int fd = fleet->lines[number].fd;
    if (fd < 0)
        return;
    router_output(fleet->router, number, &fleet->output);
    for (size_t sent = 0; sent < fleet->output.size;) {
        ssize_t size = send(fd, fleet->output.data + sent, fleet->output.size - sent, MSG_NOSIGNAL);
        if (size <= 0)
            break; /* what is lost is read below */
        sent += (size_t)size;
    }
    fleet->output.size = 0;
}

static void receive(struct fleet *fleet, uint32_t number) {
    uint8_t data[65536];
    ssize_t size = recv(fleet->lines[number].fd, data, sizeof data, MSG_DONTWAIT);
    fleet->lines[number].heard_at = tick_now();
    if (size <= 0 || !router_input(fleet->router, number, bytes_of(data, (size_t)size), &fleet->failure))
        lose(fleet, number);
}

void fleet_turn(struct fleet *fleet) {
    struct tick now = tick_now();
    struct pollfd polls[ROUTER_LINES];
    router_tick(fleet->router, now);
    for (uint32_t i = 0; i < router_line_count(fleet->router); i++)
        look_after(fleet, i, now);
    for (uint32_t i = 0; i < ROUTER_LINES; i++) {
        flush(fleet, i);
        polls[i] = (struct pollfd){.fd = fleet->lines[i].fd, .events = POLLIN};
    }
    poll(polls, ROUTER_LINES, TURN_MS);
    for (uint32_t i = 0; i < ROUTER_LINES; i++)
        if (polls[i].revents != 0 && fleet->lines[i].fd == polls[i].fd)
            receive(fleet, i);
}

void fleet_wait_ready(struct fleet *fleet, uint32_t count) {
    int64_t give_up = tick_now().us + PATIENCE_US;
    while (fleet->ready_count < count) {
        cr_assert_lt(tick_now().us, give_up, "%u of %u primaries are ready: %s", fleet->ready_count, count,
                     fleet->failure.text);
        fleet_turn(fleet);
    }
}

struct verdict fleet_ask_once(struct fleet *fleet, struct question question) {
    int64_t give_up = tick_now().us + PATIENCE_US;
    question.owner = 0;
    fleet->is_told[0] = false;
    while (!router_ask(fleet->router, &question)) {
        cr_assert_lt(tick_now().us, give_up, "nobody takes it: %s", fleet->failure.text);
        fleet_turn(fleet);
    }
    while (!fleet->is_told[0]) {
        cr_assert_lt(tick_now().us, give_up, "no verdict: %s", fleet->failure.text);
        fleet_turn(fleet);
    }
    return fleet->verdicts[0];
}

bool fleet_warm(struct fleet *fleet, int32_t organisation, int32_t epoch) {
    const struct sums sums = {.organisation = organisation, .month = MONTH, .epoch = epoch};
    int64_t give_up = tick_now().us + PATIENCE_US;
    uint32_t before = fleet->written_count;
    while (!router_write_sums(fleet->router, &sums)) {
        cr_assert_lt(tick_now().us, give_up, "nobody takes the sums: %s", fleet->failure.text);
        fleet_turn(fleet);
    }
    while (fleet->written_count == before) {
        cr_assert_lt(tick_now().us, give_up, "the sums are not answered: %s", fleet->failure.text);
        fleet_turn(fleet);
    }
    return fleet->is_written;
}

struct verdict fleet_ask(struct fleet *fleet, struct question question, int32_t *epoch) {
    int64_t give_up = tick_now().us + PATIENCE_US;
    for (;;) {
        struct verdict verdict = fleet_ask_once(fleet, question);
        if (verdict.kind == VERDICT_COLD)
            fleet_warm(fleet, question.organisation, ++*epoch);
        else if (verdict.kind != VERDICT_LOST)
            return verdict;
        cr_assert_lt(tick_now().us, give_up, "it stays %s: %s", verdict.kind == VERDICT_COLD ? "cold" : "lost",
                     fleet->failure.text);
        fleet_turn(fleet);
    }
}
