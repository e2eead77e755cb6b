/* SPDX-License-Identifier: Apache-2.0 */
/* failure: why an operation did not succeed, in words a person can act on. */
#ifndef VAXEL_BASE_FAILURE_H
#define VAXEL_BASE_FAILURE_H

#include <stdbool.h>

#define FAILURE_TEXT_SIZE 512

struct failure {
    char text[FAILURE_TEXT_SIZE];
};

/* Writes the reason and returns false, so that a function can end with it. What does not fit is cut. The
 * text of the same failure may be among the arguments: so a reason is put into a larger one. */
__attribute__((format(printf, 2, 3))) bool failure_set(struct failure *failure, const char *format, ...);

#endif
