/* SPDX-License-Identifier: Apache-2.0 */
/* taking: the parts of an answer, read by the client. What would mislead is a failure. */
#ifndef VAXEL_WIRE_TAKING_H
#define VAXEL_WIRE_TAKING_H

#include "wire/codec.h"

#include "vaxel/v1/switch.pb-c.h"

bool taking_instant(int64_t us, const char *field, struct instant *instant, struct failure *failure);
bool taking_is_amount(int64_t minor);

/* Leaves both as they are when there is none. */
bool taking_money(const struct wire_codec *codec, const Vaxel__V1__Money *message, int64_t *minor,
                  struct currency *currency, struct failure *failure);
bool taking_id(ProtobufCBinaryData bytes, struct request_id *id, struct failure *failure);

/* A reason of a later version is REASON_UNSPECIFIED, as a field of one is FIELD_NONE. */
enum reason taking_reason(Vaxel__V1__Reason reason);
bool taking_verdict(Vaxel__V1__Decision decision, Vaxel__V1__Reason reason, struct answer *answer,
                    struct failure *failure);
enum content_field taking_differing(const struct wire_codec *codec, const char *message);

#endif
