/* SPDX-License-Identifier: Apache-2.0 */
/* text: what may stand in a text field, and lines that are put together without printf's cost. */
#ifndef VAXEL_WIRE_TEXT_H
#define VAXEL_WIRE_TEXT_H

#include "base/bytes.h"

#include <stdbool.h>

enum text_flaw { TEXT_SOUND, TEXT_NOT_UTF8, TEXT_HAS_CONTROL };

/* Printable means UTF-8 as RFC 3629 has it, without control characters (U+0000 to U+001F, U+007F to U+009F). */
enum text_flaw text_examine(struct bytes text);

/* Copies text that is to be shown: what is not printable becomes '?', what does not fit is cut between characters. */
void text_copy_printable(char *to, size_t capacity, struct bytes text);

/* A line that grows in memory of somebody else's and is always ended by a NUL; what does not fit is left out. */
struct line {
    char *text;
    size_t size;
    size_t capacity;
};

struct line line_start(char *text, size_t capacity);
void line_add(struct line *line, const char *text);
void line_add_money(struct line *line, int64_t minor);

#endif
