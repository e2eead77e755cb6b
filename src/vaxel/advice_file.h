/* SPDX-License-Identifier: Apache-2.0 */
/* advice_file: purchases, one a line: id, card or app, amount, product and, if wanted, place, with tabs between. */
#ifndef VAXEL_VAXEL_ADVICE_FILE_H
#define VAXEL_VAXEL_ADVICE_FILE_H

#include "base/failure.h"
#include "switch/switch.h"

#include <stdio.h>

struct advice_file {
    FILE *file;
    struct currency currency; /* of the amounts */
    int64_t line;             /* of the purchase taken last; lines are counted from 1 */
    char *text;
    size_t capacity;
};

/* "-" is standard input. False: it can't be opened. */
bool advice_file_open(struct advice_file *file, const char *path, struct failure *failure);
void advice_file_close(struct advice_file *file);

enum advice_next {
    ADVICE_TAKEN,
    ADVICE_BAD, /* the line is none; the next may be one */
    ADVICE_END,
};

/* Takes the next purchase; `failure` says what is wrong with a bad line, or with the file's end (else it is empty). */
enum advice_next advice_file_next(struct advice_file *file, struct advise *advise, struct failure *failure);

#endif
