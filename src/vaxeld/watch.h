/* SPDX-License-Identifier: Apache-2.0 */
/* watch: the ops port, from before the node is there, so that it can be asked why it is not, until it has drained. */
#ifndef VAXEL_VAXELD_WATCH_H
#define VAXEL_VAXELD_WATCH_H

#include "config/settings.h"
#include "node/node.h"

/* False: the port of the settings can't be opened. There may be none; then the others do nothing. */
bool watch_start(const struct settings *settings, struct failure *failure);
/* Takes what a running node may change. */
void watch_change(const struct settings *settings);
/* The node serves. It must stand until watch_stop(). */
void watch_show(struct node *node);
void watch_stop(void);

#endif
