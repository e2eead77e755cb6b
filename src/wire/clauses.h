/* SPDX-License-Identifier: Apache-2.0 */
/* clauses: why not, as the second half of a sentence, and what to do. Every reason has one for each kind of call. */
#ifndef VAXEL_WIRE_CLAUSES_H
#define VAXEL_WIRE_CLAUSES_H

#include "switch/terms.h"

const char *clause_of(enum call call, enum reason reason);

#endif
