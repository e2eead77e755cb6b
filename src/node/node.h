/* SPDX-License-Identifier: Apache-2.0 */
/* node: a switch that runs. Starts the workers, and in each wires the rooms together: bytes from net to wire, requests
 * to the core, its questions to limits and record, its answers back. Workers share the directory, and nothing else. */
#ifndef VAXEL_NODE_NODE_H
#define VAXEL_NODE_NODE_H

#include "base/failure.h"
#include "config/settings.h"

struct node;

/* Everything loaded, connected and listening, or NULL with the reason; `is_away` tells that it is PostgreSQL that is
 * away, and another try may go better. */
struct node *node_start(const struct settings *settings, bool *is_away, struct failure *failure);

/* Stops accepting, answers what is in flight for as long as settings allow, and ends the workers. */
void node_stop(struct node *node);

/* Reads the certificates again, for new connections. */
bool node_reload_certificates(struct node *node, struct failure *failure);

/* Takes the settings that a running node may change, and says in the log what was taken and what was kept. What holds
 * now, until the next call. */
const struct settings *node_change(struct node *node, const struct settings *wanted);

#endif
