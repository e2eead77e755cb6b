/* SPDX-License-Identifier: Apache-2.0 */
/* both: a real Redis and the model of one, asked the same. */
#ifndef VAXEL_TESTS_SIM_BOTH_TEST_H
#define VAXEL_TESTS_SIM_BOTH_TEST_H

#include "sim/redis.h"
#include "support/services.h"

#define BOTH_REPLIES_MAX (4u << 20)

struct both {
    struct test_redis real;
    struct redis *model;
    int64_t now_ms; /* the model's */
    int fd;
    struct buffer real_replies, model_replies; /* to what was asked last */
};

/* Both under the identity that the real one has, and with a library, if one is given. */
void both_start(struct both *both, const char *library);
void both_stop(struct both *both);

/* Sends commands in RESP to both, and waits for all replies. */
void both_ask(struct both *both, struct bytes commands);
/* One command given as words. Fails unless the replies are the same bytes; returns them. */
const char *both_say(struct both *both, const char *words);
/* The real one takes a new identity, as one that is promoted, and so does the model. */
void both_promote(struct both *both);

/* Takes the first value (a command, a reply) off RESP; false when none is whole. */
bool resp_take(struct bytes *from, struct bytes *value);

#endif
