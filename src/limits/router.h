/* SPDX-License-Identifier: Apache-2.0 */
/* router: which Redis counts for whom. One Redis; or a Redis Cluster, where organisations are spread over primaries by
 * their slots; or the primary that sentinels name. There is a `limits` for each primary; what is asked goes to the one
 * that has the organisation.
 *
 * It does no I/O: it says where lines (connections) are wanted, and the shell dials them and carries the bytes. Line 0
 * is to the guide, a sentinel or any node of the cluster; each other line is to a primary.
 *
 *   the map is asked for     at the start, after MOVED, after a loss, while a primary is missing, and now and then
 *   a primary is lost        what it owed is LOST; its organisations wait until somebody has their slots again
 *   MOVED, CLUSTERDOWN, …    LOST too: the core asks again, by the new map
 *   ASK (a slot is moving)   asked again there at once, once
 *
 * A primary that took over has an identity of its own, so the counters of its organisations are COLD, and of no others.
 * A primary that has been replaced and does not know it yet counts under an epoch that is not the fence's any more
 * (DESIGN 5): what it counts is not recorded. */
#ifndef VAXEL_LIMITS_ROUTER_H
#define VAXEL_LIMITS_ROUTER_H

#include "base/clock.h"
#include "limits/limits.h"

struct router;

/* `options` are those of each primary's limits; on_ready comes for each primary. NULL: the address can't be read. */
struct router *router_create(const struct limits_options *options, const char *address, struct failure *failure);
void router_destroy(struct router *router);

/* As limits_ask(), limits_write_sums() and limits_read_month(); false also while the organisation's primary is away. */
bool router_ask(struct router *router, const struct question *question);
bool router_write_sums(struct router *router, const struct sums *sums);
bool router_read_month(struct router *router, int32_t organisation, struct month month);

/* ---- lines ---- */

#define ROUTER_LINES 65

/* Lines from this number on have never been wanted. */
uint32_t router_line_count(const struct router *router);

/* Where a line is wanted: "host:port" or "unix:/path"; "" when it is not. When that is not where it was dialled to, it
 * is to be closed. Valid until the next call of this room. */
const char *router_line_address(const struct router *router, uint32_t line);

void router_connected(struct router *router, uint32_t line);
/* The connection is gone, or could not be made. */
void router_lost(struct router *router, uint32_t line);
/* Whether it is connected and has answered what it was asked first. */
bool router_is_well(const struct router *router, uint32_t line);
/* Whether a primary on another line than this is ready. */
bool router_has_other(const struct router *router, uint32_t line);

/* As limits_output(), limits_input() and limits_is_owed(). */
void router_output(struct router *router, uint32_t line, struct buffer *output);
bool router_input(struct router *router, uint32_t line, struct bytes received, struct failure *failure);
bool router_is_owed(const struct router *router, uint32_t line);

/* Time passed: the guide is asked again when it is due. Call it at router_next_tick() at the latest. */
void router_tick(struct router *router, struct tick now);
struct tick router_next_tick(const struct router *router);

#endif
