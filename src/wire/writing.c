/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/writing.h"

#include <stdio.h>
#include <string.h>

char *writing_text(const char *text) {
    return (char *)(uintptr_t)text;
}

ProtobufCBinaryData writing_id(const struct request_id *id) {
    return (ProtobufCBinaryData){.len = REQUEST_ID_SIZE, .data = (uint8_t *)(uintptr_t)id->bytes};
}

Vaxel__V1__Money writing_money(const struct currency *currency, int64_t minor) {
    Vaxel__V1__Money money = VAXEL__V1__MONEY__INIT;
    money.minor = minor;
    money.currency = writing_text(currency->code);
    return money;
}

Vaxel__V1__Credential *writing_credential(struct credential_message *written, const struct credential *credential) {
    vaxel__v1__credential__init(&written->message);
    switch (credential->kind) {
    case CREDENTIAL_CARD:
        snprintf(written->text, sizeof written->text, "%016llu", (unsigned long long)credential->card);
        written->message.credential_case = VAXEL__V1__CREDENTIAL__CREDENTIAL_CARD;
        written->message.card = written->text;
        break;
    case CREDENTIAL_APP: {
        struct request_id id;
        memcpy(id.bytes, credential->app, sizeof id.bytes);
        request_id_format(&id, written->text);
        written->message.credential_case = VAXEL__V1__CREDENTIAL__CREDENTIAL_APP;
        written->message.app = written->text;
        break;
    }
    }
    return &written->message;
}
