/* SPDX-License-Identifier: Apache-2.0 */
/* guide: asks a node of a Redis Cluster which primary has which slots, or a sentinel who is the primary. One question
 * at a time on a connection of its own, so that nothing that is asked waits for it. */
#ifndef VAXEL_LIMITS_GUIDE_H
#define VAXEL_LIMITS_GUIDE_H

#include "base/bytes.h"
#include "limits/slots.h"

#include <hiredis/read.h>

struct guide {
    const struct address *address;
    redisReader *reader; /* NULL: not connected; it points at this guide, which must stay where it is */
    redisReplyObjectFunctions functions;
    void *(*create_array)(const redisReadTask *task, int size);
    int elements; /* of arrays in the answer that is being read */
    char endpoint[ENDPOINT_SIZE];
    uint32_t replies_owed;
    bool is_map_owed; /* the last of them */
    bool has_answered;
};

/* A connection to `endpoint` stands. */
void guide_connected(struct guide *guide, const char *endpoint);
void guide_lost(struct guide *guide);

/* False: it does not fit; not now. */
bool guide_ask(struct guide *guide, struct buffer *output);

enum guide_word { GUIDE_MORE, GUIDE_MAP, GUIDE_BROKEN };
/* MAP: `map` is what it says; of sentinels all slots are the one primary's. BROKEN: `failure` says why. */
enum guide_word guide_input(struct guide *guide, struct bytes received, struct slot_map *map, struct failure *failure);

#endif
