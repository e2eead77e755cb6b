/* SPDX-License-Identifier: Apache-2.0 */
/* What stands where on the screen. */
#ifndef VAXEL_TOP_DRAW_H
#define VAXEL_TOP_DRAW_H

#include "top/overview.h"

enum pane { PANE_ORGANISATIONS, PANE_DECLINES, PANE_NODES };
#define PANES 3

struct view {
    enum pane pane;
    int scrolled; /* lines of the pane */
    bool is_paused;
    bool has_help;
};

/* What everything is drawn for; a smaller terminal shows less, and says so. */
#define DRAW_ROWS 24
#define DRAW_COLUMNS 80

/* `shown` is what the figures are of; `now` is how the nodes are by now, which differs while it is paused. */
void draw(const struct overview *shown, const struct overview *now, struct view *view);

/* The pane below, from a row on, in so many rows. */
void draw_pane(const struct overview *overview, struct view *view, int row, int rows);

#endif
