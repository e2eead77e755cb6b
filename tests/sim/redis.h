/* SPDX-License-Identifier: Apache-2.0 */
/* redis: a model of one Redis server, in memory and in simulated time. It takes RESP commands as the limits room writes
 * them and answers in RESP; functions are the production library, run by Lua 5.1, each call as one step. What the model
 * does not know it answers with an error, as Redis would, and never by guessing.
 *
 * The same commands in the same order give the same bytes. */
#ifndef VAXEL_TESTS_SIM_REDIS_H
#define VAXEL_TESTS_SIM_REDIS_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct redis;

/* A server without keys. The identity (its master_replid: 40 digits) is the number, in decimal digits. `library`: the
 * text that FUNCTION LIST tells of, loaded already (NULL: none; FUNCTION LOAD brings one). `now_ms` is read at every
 * command. */
struct redis *redis_create(uint64_t identity, const char *library, const int64_t *now_ms);
void redis_destroy(struct redis *redis);

/* A server with the same keys and library under another identity: a replica that is promoted, or a snapshot. */
struct redis *redis_copy(const struct redis *redis, uint64_t identity);

/* FLUSHALL: keys go, the library and the identity stay. */
void redis_flush(struct redis *redis);

/* Executes every whole command in `request`, in order, and appends the replies. False when the bytes are no commands.
 */
bool redis_execute(struct redis *redis, struct bytes request, struct buffer *replies);

/* Calls back for each field of a hash, in the order of its making. */
void redis_each_field(const struct redis *redis, const char *key, void *owner,
                      void (*take)(void *owner, struct bytes field, struct bytes value));
/* Calls back for each key, in the order of its making. */
void redis_each_key(const struct redis *redis, void *owner, void (*take)(void *owner, const char *key));

#endif
