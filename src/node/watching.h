/* SPDX-License-Identifier: Apache-2.0 */
/* watching: what a node is seen to do, by threads that are none of its own: they read the workers' measures and the
 * directory's facts, and nothing else of them. */
#ifndef VAXEL_NODE_WATCHING_H
#define VAXEL_NODE_WATCHING_H

#include "net/net.h"
#include "node/measures.h"

struct node;
struct sightings;

struct watched {
    struct directory *directory;     /* NULL: it is not loaded yet */
    const struct measures *measures; /* by worker; NULL: the node is starting */
    struct sightings *sightings;     /* the same; for one thread alone to look at */
    uint32_t worker_count;
    bool is_draining;
    struct net_tls_ends tls_ends;
};

/* Of a node that may not be there yet. */
struct watched node_watched(const struct node *node);

void watching_write_metrics(const struct watched *watched, struct instant process_start, bool is_openmetrics,
                            FILE *file);
bool watching_is_alive(const struct watched *watched);

/* Whether purchases can be served. Tells of all that is missing, also of what can be done without for now; `tell`
 * may be NULL. */
typedef void watching_tell(void *owner, bool is_missing, const char *text);
bool watching_is_ready(const struct watched *watched, watching_tell *tell, void *owner);

#endif
