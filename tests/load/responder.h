/* SPDX-License-Identifier: Apache-2.0 */
/* responder: answers purchases over TLS as it is told to, in a thread of its own; for tests of who asks. */
#ifndef VAXEL_TESTS_LOAD_RESPONDER_H
#define VAXEL_TESTS_LOAD_RESPONDER_H

#include "net/net.h"
#include "support/services.h"
#include "wire/wire.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

#define CARDS_SEEN 4096

struct responder {
    /* How it behaves; set before it starts. */
    uint32_t decline_every; /* 0: never */
    uint32_t fault_every;
    uint32_t silent_every;  /* no answer at all */
    uint32_t hang_up_after; /* requests; 0: never */
    int64_t pause_us;       /* once, before the answer to request number `pause_at` */
    uint32_t pause_at;
    /* What it saw; read after the end. */
    uint64_t requests;
    uint64_t cards[CARDS_SEEN]; /* of the first requests, in order */
    struct authorize first;
    uint64_t opened;
    /* The rest is its own. */
    char directory[TEST_TEXT];
    char address[64];
    char certificate[TEST_TEXT + 16], key[TEST_TEXT + 16], authority[TEST_TEXT + 16];
    struct net_tls *tls;
    struct net *net;
    struct wire_codec *codec;
    pthread_t thread;
    atomic_bool is_ready;
    atomic_bool is_over;
};

void responder_start(struct responder *responder);
void responder_stop(struct responder *responder);
/* What a client of it needs. */
struct net_tls_files responder_files(struct responder *responder);

#endif
