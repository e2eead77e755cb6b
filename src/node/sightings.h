/* SPDX-License-Identifier: Apache-2.0 */
/* sightings: whom a worker has met lately: the organisations that buy most, those near their limit, and the last
 * declines. All of it is the worker's own and of a fixed size, and costs a purchase a few stores. Several times a
 * second the worker lays a copy out for whoever watches; of three places for copies each side has one and the third
 * changes hands, so that neither waits for the other. */
#ifndef VAXEL_NODE_SIGHTINGS_H
#define VAXEL_NODE_SIGHTINGS_H

#include "directory/directory.h"
#include "switch/ports.h"
#include "switch/switch.h"

#include <stdatomic.h>

/* What was heard of an organisation's limit last. */
struct heard {
    int64_t spent_minor;
    int64_t ceiling_minor; /* LIMIT_COUNTED_ONLY: it has none */
    struct instant renews_at;
    struct tick at;
};

/* Organisations by a hash of their id: each has its place in one group alone. */
#define BUSY_GROUPS 256
#define BUSY_PLACES 4
#define NEAR_GROUPS 128
#define NEAR_PLACES 2

/* `weight` holds the place: it grows with each purchase, and shrinks as others want the place and as time goes by. */
struct busy {
    uint32_t weight;
    uint32_t seen; /* purchases since the rate was taken */
    double per_s;
    struct heard heard;
};

/* What a request asked for, kept until its answer. */
struct asked {
    struct credential credential;
    int64_t amount_minor;
    struct product product;
};

#define DECLINES 20
struct decline {
    struct instant at;
    struct request_id id;
    struct asked asked;
    char client[CLIENT_NAME_SIZE]; /* "": it is gone */
    struct answer answer;
};

/* id 0: the place is free. */
struct board {
    int32_t busy_ids[BUSY_GROUPS][BUSY_PLACES];
    struct busy busy[BUSY_GROUPS][BUSY_PLACES];
    int32_t near_ids[NEAR_GROUPS][NEAR_PLACES];
    struct heard near[NEAR_GROUPS][NEAR_PLACES];
    uint64_t decline_count; /* ever; the last of them stand at their remainder */
    struct decline declines[DECLINES];
};

struct sightings {
    /* The worker's. */
    struct board now;
    struct tick rated_at;
    unsigned laying;
    /* Either's. */
    struct board copies[3];
    atomic_uint between;
    /* The watcher's. */
    unsigned watching;
};

void sightings_init(struct sightings *sightings);

/* ---- the worker ---- */

/* An answer to a purchase or hold. */
void sightings_note(struct sightings *sightings, const struct answer *answer);
void sightings_note_decline(struct sightings *sightings, const struct request_id *id, const struct asked *asked,
                            const char *client, const struct answer *answer);
/* Several times a second: takes rates, and lays a copy out. */
void sightings_tick(struct sightings *sightings, struct tick now);

/* ---- one who watches ---- */

/* The newest copy; it stands until the next call. */
const struct board *sightings_look(struct sightings *sightings);

/* In thousandths; 1000 and more is all of it. */
int64_t heard_used(const struct heard *heard);

#endif
