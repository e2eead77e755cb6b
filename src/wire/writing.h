/* SPDX-License-Identifier: Apache-2.0 */
/* writing: the parts of messages as protobuf-c has them. Its structures have no const; writing changes nothing in what
 * they point to. */
#ifndef VAXEL_WIRE_WRITING_H
#define VAXEL_WIRE_WRITING_H

#include "wire/codec.h"

#include "vaxel/v1/switch.pb-c.h"

char *writing_text(const char *text);
ProtobufCBinaryData writing_id(const struct request_id *id);
Vaxel__V1__Money writing_money(const struct currency *currency, int64_t minor);

/* A credential with the text it points to. */
struct credential_message {
    Vaxel__V1__Credential message;
    char text[REQUEST_ID_TEXT_SIZE];
};
Vaxel__V1__Credential *writing_credential(struct credential_message *written, const struct credential *credential);

#endif
