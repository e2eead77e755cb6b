/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events, taken apart as they come in pieces. */
#ifndef VAXEL_FEEDS_EVENTS_H
#define VAXEL_FEEDS_EVENTS_H

#include "base/bytes.h"
#include "base/failure.h"

/* Of 300 samples of history, several times over. */
#define EVENTS_SIZE ((size_t)4 << 20)
#define EVENTS_NAME_SIZE 32

struct events {
    struct buffer line;
    struct buffer data;
    char name[EVENTS_NAME_SIZE];
};

/* False: no more is wanted; `failure` says why. */
typedef bool events_taker(void *owner, const char *name, struct bytes data, struct failure *failure);

void events_init(struct events *events);
void events_finish(struct events *events);
/* A connection begins anew. */
void events_clear(struct events *events);
/* Gives every event that is whole to `take`. False: it refused one, or one is larger than EVENTS_SIZE. */
bool events_input(struct events *events, struct bytes piece, events_taker *take, void *owner, struct failure *failure);

#endif
