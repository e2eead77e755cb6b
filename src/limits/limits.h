/* SPDX-License-Identifier: Apache-2.0 */
/* limits: the month's counters in Redis.
 *
 * Decides, for all limits of a purchase at once, whether it fits, and counts it; remembers what each request id did.
 * Redis may be lost at any time: counters that cannot be trusted answer COLD and are rebuilt from the records (DESIGN
 * 5). This room formats calls and reads replies; it does no I/O and knows no clock. The Lua library it loads is
 * src/limits/vaxel.lua.
 *
 * On connecting it asks who the primary is (run id, role, maxmemory-policy), loads the library if its version differs,
 * and only then is ready. Questions that wait while a write is under way go out together: grouped by organisation and
 * day, and several groups in a call where one primary has them all. */
#ifndef VAXEL_LIMITS_LIMITS_H
#define VAXEL_LIMITS_LIMITS_H

#include "base/bytes.h"
#include "base/failure.h"
#include "switch/ports.h"

struct limits;

struct limits_options {
    uint32_t capacity;       /* questions waiting or in flight; must be the core's capacity or more */
    uint32_t group_capacity; /* questions of a group */
    void *owner;
    /* Once for each question, from limits_input() or limits_lost(), never from limits_ask(). */
    void (*on_verdict)(void *owner, const struct verdict *verdict);
    /* Written: counters of this epoch or a newer one stand. Else they must be read and written again. */
    void (*on_sums_written)(void *owner, int32_t organisation, struct month month, int32_t epoch, bool is_written);
    /* The counters of a month, for the audit; epoch 0: there are none. NULL: the connection went. */
    void (*on_month_read)(void *owner, int32_t organisation, struct month month, const struct sums *sums);
    /* The primary answered for itself and has the library: questions go out from now on. */
    void (*on_ready)(void *owner);
    /* For the metrics; either may be NULL. A call with so many questions goes out. */
    void (*on_call)(void *owner, uint32_t questions);
    /* The primary is another one than it was, or has been started anew. */
    void (*on_other_primary)(void *owner);
};

struct limits *limits_create(const struct limits_options *options);
void limits_destroy(struct limits *limits);

/* A connection stands: starts with its questions to the primary. Follow with limits_output(). */
void limits_connected(struct limits *limits);

/* The connection is gone, or given up: every question in flight or waiting gets VERDICT_LOST, every sums write false.
 */
void limits_lost(struct limits *limits);

/* Queues a question. False when `capacity` wait already, or when not ready. */
bool limits_ask(struct limits *limits, const struct question *question);

/* Queues the writing of sums; what it needs of `sums` is copied. Large ones go in several calls, and count at once at
 * the last. False when not ready or out of room. */
bool limits_write_sums(struct limits *limits, const struct sums *sums);

/* Reads all counters of a month, for the audit; one at a time. Answered by on_month_read. */
bool limits_read_month(struct limits *limits, int32_t organisation, struct month month);

/* Formats what waits into `output` as far as it fits. Call when the last output has been sent, and after each input:
 * nothing is appended while answers to the last output are owed, so that what comes meanwhile goes out together. The
 * capacity must be at least LIMITS_OUTPUT_MIN. */
#define LIMITS_OUTPUT_MIN 65536
void limits_output(struct limits *limits, struct buffer *output);

/* Takes what Redis sent. False: the peer broke the protocol, may evict keys, or is no primary; the reason is in
 * `failure` and the connection must be closed. */
bool limits_input(struct limits *limits, struct bytes received, struct failure *failure);

/* Whether Redis owes an answer to something that was sent: silence then means that it is gone. */
bool limits_is_owed(const struct limits *limits);

#endif
