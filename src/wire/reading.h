/* SPDX-License-Identifier: Apache-2.0 */
/* reading: the fields of a request, each checked, or rejected with words that name the field and the mend. */
#ifndef VAXEL_WIRE_READING_H
#define VAXEL_WIRE_READING_H

#include "wire/codec.h"

#include "vaxel/v1/switch.pb-c.h"

/* One request being read; `call` is the first part of every field's name. */
struct reading {
    struct wire_codec *codec;
    struct wire_fault *fault;
    const char *call;
};

/* Writes "CALL.FIELD" (or "FIELD" where there is no call to name) and "CALL.FIELD: words" and returns false. */
__attribute__((format(printf, 4, 5))) bool reading_reject(const struct reading *reading, enum reason reason,
                                                          const char *field, const char *words, ...);

bool reading_take_id(const struct reading *reading, const char *field, ProtobufCBinaryData bytes,
                     struct request_id *id);
bool reading_take_credential(const struct reading *reading, const Vaxel__V1__Credential *message,
                             struct credential *credential);
bool reading_take_amount(const struct reading *reading, const Vaxel__V1__Money *message, struct money *amount);

/* An amount that need not be given: `minor` is 0 then, and the currency empty. In a currency that is not the operator's
 * it is rejected. */
bool reading_take_part(const struct reading *reading, const Vaxel__V1__Money *message, struct money *amount);
bool reading_take_product(const struct reading *reading, const char *text, struct product *product);
bool reading_take_place(const struct reading *reading, const char *text, struct place *place);
bool reading_take_payload(const struct reading *reading, ProtobufCBinaryData bytes, struct echo *echo);

#endif
