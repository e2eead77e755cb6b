/* SPDX-License-Identifier: Apache-2.0 */
/* lists: the members of a sample (docs/feed.md) that are lists: organisations and declines, of all workers, ids masked.
 */
#ifndef VAXEL_NODE_LISTS_H
#define VAXEL_NODE_LISTS_H

#include "node/watching.h"
#include "wire/wire.h"

struct json_object;

void lists_put_organisations(struct json_object *sample, const struct watched *watched);
void lists_put_declines(struct json_object *sample, const struct watched *watched, struct wire_codec *codec);

#endif
