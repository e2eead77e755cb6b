/* SPDX-License-Identifier: Apache-2.0 */
/* tally: how many connections each client has with a worker. One thread's; takes no memory after it was made. */
#ifndef VAXEL_NODE_TALLY_H
#define VAXEL_NODE_TALLY_H

#include <stdint.h>

struct tally;

/* For so many connections at once, of all clients. */
struct tally *tally_create(uint32_t capacity);
void tally_destroy(struct tally *tally);

uint32_t tally_of(const struct tally *tally, int32_t client);
void tally_add(struct tally *tally, int32_t client);
/* One that was added. */
void tally_remove(struct tally *tally, int32_t client);

#endif
