/* SPDX-License-Identifier: Apache-2.0 */
/* party: one side of a conversation in a test: a net, what happened to its streams, and raw sockets to annoy it with.
 */
#ifndef VAXEL_TESTS_NET_PARTY_H
#define VAXEL_TESTS_NET_PARTY_H

#include "net/net.h"
#include "support/services.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#define PROTOCOL "vaxel/1"
#define PATIENCE_US 60000000
#define TALLIES 16384

/* What one stream got: byte number i must be pattern(i). */
struct tally {
    size_t received;
    size_t wrong;
};

struct party {
    struct net *net;
    bool echoes;
    bool turns_away; /* on_open says no */
    bool hangs_up;   /* on_bytes says no */
    int opened;
    int closed;
    int sent;
    size_t received;
    size_t wrong;
    struct tally tallies[TALLIES];
    struct net_stream *stream; /* the one opened last */
    char why[128];             /* of the one closed last */
    char name[64];
};

extern const struct net_handler party_handler;

struct net_options party_options(void);
void party_start(struct party *party, const struct net_options *options);
void party_end(struct party *party);
/* Listens on a loopback port of the system's choice, and says which address that is. */
void party_listen(struct party *party, struct net_tls *tls, char address[64]);
struct net_stream *party_dial(struct party *party, const char *address, struct net_tls *tls);

uint8_t pattern(size_t index);
/* Sends `size` bytes of the pattern from `index` on. */
bool party_send(struct net_stream *stream, size_t index, size_t size);

/* Turns both (one may be NULL) until the condition holds, or fails the test. */
#define TURN_UNTIL(one, other, condition)                                                                              \
    do {                                                                                                               \
        struct tick give_up = {tick_now().us + PATIENCE_US};                                                           \
        while (!(condition)) {                                                                                         \
            cr_assert(tick_now().us < give_up.us, "waited in vain for: %s", #condition);                               \
            party_turn(one);                                                                                           \
            party_turn(other);                                                                                         \
        }                                                                                                              \
    } while (0)
void party_turn(struct party *party);

/* ---- certificates, made anew for each test ---- */

struct certificates {
    char directory[TEST_TEXT];
};
/* Of one authority: server, client, expired; and of another one: stranger. */
void certificates_make(struct certificates *certificates);
/* `name` with its key, verified by `authority`: "authority" or "other". */
struct net_tls *certificates_tls(const struct certificates *certificates, bool is_server, const char *name,
                                 const char *authority, const char *protocol);

/* ---- raw sockets ---- */

int raw_connect(const char *address);
void raw_write(int fd, const void *data, size_t size);
/* Reads until the peer ends or resets; how many bytes came. */
size_t raw_drain(int fd);
/* Whether the peer has ended or reset by now, without waiting. */
bool raw_is_ended(int fd);
/* Whether anything came, bytes or an end. */
bool raw_is_answered(int fd);
/* A listener on loopback, or on a unix path. */
int raw_listen(char address[64]);
int raw_listen_unix(const char *path);

/* A process that forwards each connection to `target`, `chunk` bytes at a time. */
pid_t forwarder_start(const char *target, size_t chunk, char address[64]);

/* Runs a shell command while the server turns; its output ends up in `output`. */
void run_beside(struct party *server, char *output, size_t capacity, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
