/* SPDX-License-Identifier: Apache-2.0 */
/* plants: faults that are put in on purpose, so that the simulator can show that it finds them. One at a time, by name.
 */
#ifndef VAXEL_TESTS_SIM_PLANTS_H
#define VAXEL_TESTS_SIM_PLANTS_H

#include <stdbool.h>
#include <stddef.h>

/* The fault to be lived with from now on; NULL: none. False: there is none of that name. */
bool plants_choose(const char *name);
bool plants_has(const char *name);

/* Every fault's name, by number; NULL after the last. */
const char *plants_name(size_t number);
/* What it breaks, in words. */
const char *plants_words(size_t number);

/* The library with the chosen fault in it, if it is one of Lua: a line of the production library is replaced, and must
 * be there exactly once. To be freed by the caller. */
char *plants_library(const char *library);

#endif
