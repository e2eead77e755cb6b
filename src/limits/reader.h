/* SPDX-License-Identifier: Apache-2.0 */
/* reader: the counters of one organisation's month, and what is remembered of an id, read by a blocking connection of
 * its own; for the audit and for people, never for a worker. In a cluster it goes to whoever has the organisation. */
#ifndef VAXEL_LIMITS_READER_H
#define VAXEL_LIMITS_READER_H

#include "base/failure.h"
#include "switch/ports.h"

struct limits_reader;

/* `address` is what redis.address says. NULL with a reason when Redis can't be reached. */
struct limits_reader *limits_reader_open(const char *address, struct failure *failure);
void limits_reader_close(struct limits_reader *reader);

/* What Redis has of an organisation's month. */
struct counters {
    bool is_warm; /* false: no counters, or built under another primary: they will be rebuilt before they are used */
    int32_t epoch;
    size_t sum_count;
    struct sum *sums; /* freed by counters_finish() */
};

bool limits_reader_read(struct limits_reader *reader, int32_t organisation, struct month month,
                        struct counters *counters, struct failure *failure);
void counters_finish(struct counters *counters);

/* What Redis remembers under an id, in the organisation's day. */
enum recalled_kind {
    RECALLED_NOTHING,
    RECALLED_MEMORY,  /* a purchase: `memory` says what it did */
    RECALLED_EFFECT,  /* something that lowers was counted under it */
    RECALLED_UNKNOWN, /* what cannot be read: of another version, or damaged */
};
struct recalled {
    enum recalled_kind kind;
    int32_t epoch;
    struct memory memory;
};
bool limits_reader_recall(struct limits_reader *reader, int32_t organisation, struct day day,
                          const struct request_id *id, struct recalled *recalled, struct failure *failure);

#endif
