/* SPDX-License-Identifier: Apache-2.0 */
/* node: a switch that runs. Starts the workers, and in each wires the rooms together: bytes from net to wire, requests
 * to the core, its questions to limits and record, its answers back. Workers share the directory, and nothing else. */
#ifndef VAXEL_NODE_NODE_H
#define VAXEL_NODE_NODE_H

#include "base/clock.h"
#include "base/failure.h"
#include "config/settings.h"

#include <stdio.h>

struct node;

/* Sockets of clients that somebody else has bound, and keeps: they are listened on in place of listen.address. The
 * array must stand as long as the node. */
struct node_sockets {
    const int *fds;
    uint32_t count; /* 0: none */
};

/* Everything loaded, connected and listening, or NULL with the reason; `is_away` tells that it is PostgreSQL that is
 * away, and another try may go better. */
struct node *node_start(const struct settings *settings, const struct node_sockets *sockets, bool *is_away,
                        struct failure *failure);

/* Stops accepting, answers what is in flight for as long as settings allow, and ends the workers. */
void node_drain(struct node *node);

/* Drains it if nobody has, and lets go of it. */
void node_stop(struct node *node);

/* ---- for those who watch; any thread may ask, also while it drains; node NULL: it has not started yet ---- */

/* All metrics, as OpenMetrics or in Prometheus' own older text. */
void node_write_metrics(const struct node *node, struct instant process_start, bool is_openmetrics, FILE *file);

/* Whether every worker turns its loop: else the process hangs, and should be started anew. */
bool node_is_alive(const struct node *node);

/* Whether purchases can be served. Writes a line for all that is missing, also for what can be done without for now. */
bool node_is_ready(const struct node *node, FILE *file);

/* What docs/feed.md tells, one sample after the other, of a node that may start later: by one thread, while another may
 * change the settings. Each text is one JSON object on one line: what a reader hears first; of a sample, all of it, and
 * what of it makes the history. */
struct samples;
struct samples *samples_create(const struct settings *settings, struct instant process_start);
void samples_destroy(struct samples *samples);
void samples_change(struct samples *samples, const struct settings *settings);
void samples_hello(struct samples *samples, FILE *file);
void samples_take(struct samples *samples, const struct node *node, uint64_t sequence, FILE *whole, FILE *kept);

/* Reads the certificates again, for new connections. */
bool node_reload_certificates(struct node *node, struct failure *failure);

/* Takes the settings that a running node may change, and says in the log what was taken and what was kept. What holds
 * now, until the next call. */
const struct settings *node_change(struct node *node, const struct settings *wanted);

#endif
