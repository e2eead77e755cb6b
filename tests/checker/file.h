/* SPDX-License-Identifier: Apache-2.0 */
/* file: a history as lines of JSON, one thing each: see docs/history.md. */
#ifndef VAXEL_TESTS_CHECKER_FILE_H
#define VAXEL_TESTS_CHECKER_FILE_H

#include "base/failure.h"
#include "checker/checker.h"

#include <stdio.h>

bool history_write(FILE *file, const struct history *history);

/* A history that was read, and its memory. */
struct history_file {
    struct history history;
    struct operation *operations;
    struct recorded *recorded;
    struct ceiling *ceilings;
    struct counted *counted;
    struct department_of *departments;
};

/* False: a line is not what docs/history.md says; `failure` names it. To be finished in any case. */
bool history_read(FILE *file, struct history_file *read, struct failure *failure);
void history_file_finish(struct history_file *read);

#endif
