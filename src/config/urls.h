/* SPDX-License-Identifier: Apache-2.0 */
/* urls: a setting that is a list of web addresses, with commas or blanks between. */
#ifndef VAXEL_CONFIG_URLS_H
#define VAXEL_CONFIG_URLS_H

#include <stdbool.h>

#define URL_SEPARATORS ", "

/* Whether each is "http://" or "https://", a host and perhaps a port, and perhaps a path that does not end in "/": so
 * plain that it can stand in a page's policy and have a path put after it. */
bool urls_are_plain(const char *urls);

#endif
