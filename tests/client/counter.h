/* SPDX-License-Identifier: Apache-2.0 */
/* counter: a switch of a test's own that answers as a product code or an amount asks it to, over real TLS, for the
 * command line to speak with. */
#ifndef VAXEL_TESTS_CLIENT_COUNTER_H
#define VAXEL_TESTS_CLIENT_COUNTER_H

#include "support/services.h"
#include "wire/wire.h"

#include <stdatomic.h>

/* Products of advices: how each is answered. */
#define ADVICE_REUSED "reused"   /* declined */
#define ADVICE_BUSY "busy-once"  /* failed the first time */
#define ADVICE_NEVER "never"     /* always failed */
#define ADVICE_FORCED "forced"   /* recorded, forced and late */
#define ADVICE_HANG_UP "hang-up" /* the connection is closed the first time */

/* A settlement of this amount is declined as more than there is. */
#define SETTLE_TOO_MUCH 99900

struct counter {
    char directory[TEST_TEXT]; /* with client.pem, client.key and authority.pem */
    char address[64];
    atomic_int frames; /* of advices */
    atomic_int advices;
};

/* One at a time. */
struct counter *counter_start(void);
void counter_stop(void);

/* The last request that was no advice, as a copy that stands until the next call. */
const struct wire_request *counter_last(void);

#endif
