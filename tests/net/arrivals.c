/* SPDX-License-Identifier: Apache-2.0 */
#include "party.h"

#define BUSY_US 20000

static struct party party;

struct seen {
    int count;
    int64_t waited_us; /* the bytes that came last, in the socket */
};

static bool on_open(void *owner, struct net_stream *stream) {
    (void)owner, (void)stream;
    return true;
}

static bool on_bytes(void *owner, struct net_stream *stream, struct bytes received) {
    struct seen *seen = owner;
    (void)stream, (void)received;
    seen->count++;
    seen->waited_us = tick_now().us - net_arrived_since(party.net).us;
    return true;
}

static void on_closed(void *owner, struct net_stream *stream, const char *why) {
    (void)owner, (void)stream, (void)why;
}

static const struct net_handler handler = {.on_open = on_open, .on_bytes = on_bytes, .on_closed = on_closed};

Test(net, bytes_that_came_while_the_thread_was_busy_have_waited_as_long) {
    struct seen seen = {0};
    struct failure failure;
    char address[64];
    party_start(&party, NULL);
    cr_assert(net_listen(party.net, "127.0.0.1:0", NULL, &handler, &seen, &failure), "%s", failure.text);
    snprintf(address, sizeof(address), "127.0.0.1:%u", net_port(party.net));
    int fd = raw_connect(address);
    raw_write(fd, "x", 1);
    TURN_UNTIL(&party, NULL, seen.count == 1);
    struct tick busy_until = {tick_now().us + BUSY_US};
    raw_write(fd, "y", 1);
    while (tick_now().us < busy_until.us) {
    }
    TURN_UNTIL(&party, NULL, seen.count == 2);
    cr_assert_geq(seen.waited_us, BUSY_US);
    party_end(&party);
    close(fd);
}
