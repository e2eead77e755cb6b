/* SPDX-License-Identifier: Apache-2.0 */
/* top: what an operator looks at all day, in a terminal of 80 x 24: the feeds of nodes, added up and drawn anew each
 * second; or once, as plain text. It only looks: nothing it does reaches a switch. */
#ifndef VAXEL_TOP_TOP_H
#define VAXEL_TOP_TOP_H

#include "base/failure.h"
#include "feeds/feeds.h"

#include <stdio.h>

/* What the nodes are like. */
enum top_state {
    TOP_WELL,
    TOP_WRONG,       /* a node is not ready, silent, stands in, or says of something that it is not well */
    TOP_NOT_REACHED, /* nothing was heard of any node */
};

/* Shows the nodes on this terminal until the one who looks has seen enough, or a signal ends it; the terminal is left
 * as it was found. False: it can't be drawn on. */
bool top_show(struct feeds *feeds, struct failure *failure);

/* Waits for the first sample of every node, `patience_us` at most, and writes what was heard: as text, or as one JSON
 * object. */
enum top_state top_once(struct feeds *feeds, int64_t patience_us, bool is_json, FILE *file);

#endif
