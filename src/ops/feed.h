/* SPDX-License-Identifier: Apache-2.0 */
/* feed: a sample of the node every second, for all who watch it (docs/feed.md). One thread takes it, on time; what was
 * taken in the last minutes is remembered for those who come. A reader that is slow is given the newest sample when it
 * is ready for one, and never hears of those between. What is in a sample is its source's to know. */
#ifndef VAXEL_OPS_FEED_H
#define VAXEL_OPS_FEED_H

#include "http/http.h"
#include "ops/ops.h"

struct feed;

struct feed *feed_start(const struct ops_source *source, struct failure *failure);
/* Takes no more samples, and lets every reader go. */
void feed_end(struct feed *feed);
/* When no reader is left. */
void feed_destroy(struct feed *feed);

void feed_answer(struct feed *feed, struct http_exchange *exchange);

#endif
