/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal, by ncurses: text in places. What does not fit is cut; what the terminal's locale can't show is shown by
 * something of ASCII. */
#ifndef VAXEL_TOP_SCREEN_H
#define VAXEL_TOP_SCREEN_H

#include "base/failure.h"

#include <stdbool.h>

/* Colour never says what no word says: a terminal may have none, and NO_COLOR may be set. */
enum style {
    STYLE_PLAIN,
    STYLE_STRONG,
    STYLE_FAINT,
    STYLE_GOOD,
    STYLE_WARNING,
    STYLE_BAD,
    STYLE_TITLE,
    STYLE_BAD_TITLE
};

enum key { KEY_OF_NOTHING, KEY_OF_QUIT, KEY_OF_PAUSE, KEY_OF_NEXT, KEY_OF_BEFORE, KEY_OF_UP, KEY_OF_DOWN, KEY_OF_HELP };

/* Takes over the terminal, by TERM. False: it is not known, or can't move its cursor. */
bool screen_open(struct failure *failure);
/* Leaves it as it was found. */
void screen_close(void);

/* The terminal has another size now. */
void screen_resize(void);
int screen_rows(void);
int screen_columns(void);

/* Drawing begins with nothing on it, and shows when it is done. */
void screen_clear(void);
void screen_show(void);

/* A text from a column on, `width` columns at most; returns how many it took. */
int screen_put(int row, int column, int width, enum style style, const char *text);
__attribute__((format(printf, 5, 6))) int screen_print(int row, int column, int width, enum style style,
                                                       const char *format, ...);
/* A text that ends where the width does. */
void screen_put_right(int row, int column, int width, enum style style, const char *text);
/* Fills columns with a style, from one on. */
void screen_fill(int row, int column, int width, enum style style);

/* A bar of one column, as high as `share` says, 0 to 1; or, of NAN, the mark of what is not known. */
void screen_bar(int row, int column, double share, enum style style);
/* A level of `width` columns, filled as far as `share` says. */
void screen_level(int row, int column, int width, double share, enum style style);

/* A key that was pressed; never waits. */
enum key screen_key(void);

#endif
