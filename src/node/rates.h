/* SPDX-License-Identifier: Apache-2.0 */
/* rates: how many requests a second a client may make of this node, over all its connections and workers. */
#ifndef VAXEL_NODE_RATES_H
#define VAXEL_NODE_RATES_H

#include "base/clock.h"

#include <stdbool.h>

struct rates;

struct rates *rates_create(void);
void rates_destroy(struct rates *rates);

/* Whether one more request of this client fits now; a second's worth may come at once. Any thread may ask. */
bool rates_allow(struct rates *rates, int32_t client, uint32_t rate_per_s, struct tick now);

#endif
