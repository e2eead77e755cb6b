/* SPDX-License-Identifier: Apache-2.0 */
/* node: a switch that runs. Starts the workers, and in each wires the rooms together: bytes from net to wire, requests
 * to the core, its questions to limits and record, its answers back. Workers share the directory, and nothing else. */
#ifndef VAXEL_NODE_NODE_H
#define VAXEL_NODE_NODE_H

#include "base/failure.h"
#include "config/settings.h"

struct node;

/* Everything loaded, connected and listening, or NULL with the reason. */
struct node *node_start(const struct settings *settings, struct failure *failure);

/* Stops accepting, answers what is in flight for as long as settings allow, and ends the workers. */
void node_stop(struct node *node);

/* Reads the certificates again, for new connections. */
bool node_reload(struct node *node, struct failure *failure);

#endif
