/* SPDX-License-Identifier: Apache-2.0 */
/* slots: the 16384 parts of a Redis Cluster, and which of them an organisation's keys are in. */
#ifndef VAXEL_LIMITS_SLOTS_H
#define VAXEL_LIMITS_SLOTS_H

#include "limits/address.h"

#define SLOT_COUNT 16384
#define PRIMARIES_CAPACITY 64

uint16_t slot_of_organisation(int32_t organisation);

/* Which primary has which slot. */
struct slot_map {
    uint32_t primary_count;
    char primaries[PRIMARIES_CAPACITY][ENDPOINT_SIZE]; /* "host:port" */
    uint8_t owners[SLOT_COUNT];                        /* 1 + the primary's index; 0: nobody's */
};

/* Gives slots to a primary. False: there are more primaries than can be kept, or the address is too long. */
bool slot_map_give(struct slot_map *map, uint32_t first, uint32_t last, const char *primary);

#endif
