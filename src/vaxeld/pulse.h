/* SPDX-License-Identifier: Apache-2.0 */
/* pulse: what the service manager hears while a node serves: that it lives, and in a line what it lacks. */
#ifndef VAXEL_VAXELD_PULSE_H
#define VAXEL_VAXELD_PULSE_H

#include "node/node.h"

#include <time.h>

/* Looks at the node and says how it is; how long until the next look. A node that hangs is not said to live. */
struct timespec pulse_beat(const struct node *node);

#endif
