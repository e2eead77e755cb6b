/* SPDX-License-Identifier: Apache-2.0 */
/* pages: the dashboard's files, as they lie in a directory: index.html, and assets/ whose names change with their
 * content. Read when they are asked for, so a new build is there at once. Browsers are told to run and to load nothing
 * but these, and to ask nobody but this node and those that the page is to show. */
#ifndef VAXEL_OPS_PAGES_H
#define VAXEL_OPS_PAGES_H

#include "http/http.h"

struct pages;

/* `nodes`: URLs as config/urls.h reads them. */
struct pages *pages_create(const char *directory, const char *nodes);
void pages_destroy(struct pages *pages);
/* Any thread may. */
void pages_change(struct pages *pages, const char *directory, const char *nodes);

/* "/" or "/assets/NAME". False: there is no such file, and nothing was answered. */
bool pages_answer(struct pages *pages, struct http_exchange *exchange, const char *path);

/* Where they were looked for. */
void pages_place(struct pages *pages, char *text, size_t size);

#endif
