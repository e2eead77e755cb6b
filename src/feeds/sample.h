/* SPDX-License-Identifier: Apache-2.0 */
/* A node's words, JSON, as the data of feeds.h. */
#ifndef VAXEL_FEEDS_SAMPLE_H
#define VAXEL_FEEDS_SAMPLE_H

#include "feeds/feeds.h"
#include "json/json.h"

/* A field that is missing or of another kind is read as one that is not known. */
void sample_read(struct json_object *map, struct feed_sample *sample);
/* What the node says of itself, and its history. */
void sample_read_hello(struct json_object *map, struct feed_node *node);

/* Keeps a point for a sample, and empty ones for those between it and the sample before that were missed. */
void sample_keep_point(struct feed_node *node, double missed, const struct feed_sample *sample);

/* Copies a text of a node: what does not fit is cut between two characters, and no control character is kept. */
void sample_copy_text(char *into, size_t size, const char *text);

#endif
