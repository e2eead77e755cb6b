/* SPDX-License-Identifier: Apache-2.0 */
/* listings: answers of many parts, read by the client into the codec's own. */
#ifndef VAXEL_WIRE_LISTINGS_H
#define VAXEL_WIRE_LISTINGS_H

#include "wire/codec.h"

#include "vaxel/v1/switch.pb-c.h"

bool listings_read_advices(struct wire_codec *codec, const Vaxel__V1__AdviseResponse *message, struct wire_reply *reply,
                           struct failure *failure);
bool listings_read_blocks(struct wire_codec *codec, const Vaxel__V1__BlockListResponse *message,
                          struct wire_reply *reply, struct failure *failure);

#endif
