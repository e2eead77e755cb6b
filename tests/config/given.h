/* SPDX-License-Identifier: Apache-2.0 */
/* given: files to read settings from, in a directory of the test's own where it also stands. */
#ifndef VAXEL_TESTS_CONFIG_GIVEN_H
#define VAXEL_TESTS_CONFIG_GIVEN_H

#include <stddef.h>

/* Goes to a new directory. */
void given_directory(void);

/* Writes vaxel.ini. */
void given_bytes(const char *bytes, size_t size);
void given_file(const char *text);

#endif
