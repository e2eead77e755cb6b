/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, read by the server and written by the client. */
#include "base/check.h"
#include "wire/reading.h"

#include <stdio.h>
#include <string.h>

/* ---- reading ---- */

static bool read_authorize(const struct reading *reading, const Vaxel__V1__AuthorizeRequest *message,
                           struct authorize *authorize) {
    authorize->reply_to = 0;
    authorize->client = 0;
    authorize->client_channels = 0;
    authorize->timeout_us = (int64_t)message->timeout_ms * 1000;
    return reading_take_id(reading, message->id, &authorize->id) &&
           reading_take_credential(reading, message->credential, &authorize->credential) &&
           reading_take_amount(reading, message->amount, &authorize->amount) &&
           reading_take_product(reading, message->product, &authorize->product) &&
           reading_take_place(reading, message->place, &authorize->place);
}

static bool read_balance(const struct reading *reading, const Vaxel__V1__BalanceRequest *message,
                         struct balance *balance) {
    balance->reply_to = 0;
    balance->client = 0;
    balance->client_channels = 0;
    balance->timeout_us = (int64_t)message->timeout_ms * 1000;
    return reading_take_credential(reading, message->credential, &balance->credential);
}

static bool read_lookup(const struct reading *reading, const Vaxel__V1__LookupRequest *message, struct lookup *lookup) {
    lookup->has_credential = message->credential != NULL;
    return reading_take_id(reading, message->id, &lookup->id) &&
           (!lookup->has_credential || reading_take_credential(reading, message->credential, &lookup->credential));
}

static bool refuse_unreadable(const struct wire_codec *codec, struct bytes envelope, struct wire_request *request,
                              struct wire_fault *fault) {
    request->correlation = codec_find_correlation(envelope);
    const struct reading reading = {.fault = fault, .call = "envelope"};
    if (codec->is_exhausted)
        return reading_reject(&reading, REASON_UNSPECIFIED, "",
                              "needs more than the %d bytes kept for a message: send fewer and shorter fields",
                              ARENA_SIZE);
    reading_reject(
        &reading, REASON_UNSPECIFIED, "",
        "is no vaxel.v1.RequestEnvelope: send one protobuf message of that type in each frame, after 4 bytes "
        "of length, big-endian");
    fault->is_broken = true;
    return false;
}

bool wire_decode_request(struct wire_codec *codec, struct bytes envelope, struct wire_request *request,
                         struct wire_fault *fault) {
    const Vaxel__V1__RequestEnvelope *message = codec_unpack(codec, &vaxel__v1__request_envelope__descriptor, envelope);
    if (message == NULL)
        return refuse_unreadable(codec, envelope, request, fault);
    struct reading reading = {.codec = codec, .fault = fault};
    request->correlation = message->correlation;
    switch (message->request_case) {
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_AUTHORIZE:
        request->call = CALL_AUTHORIZE;
        reading.call = "authorize";
        return read_authorize(&reading, message->authorize, &request->authorize);
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_BALANCE:
        request->call = CALL_BALANCE;
        reading.call = "balance";
        return read_balance(&reading, message->balance, &request->balance);
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_LOOKUP:
        request->call = CALL_LOOKUP;
        reading.call = "lookup";
        return read_lookup(&reading, message->lookup, &request->lookup);
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_ECHO:
        request->call = CALL_ECHO;
        reading.call = "echo";
        return reading_take_payload(&reading, message->echo->payload, &request->echo);
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_CAPTURE:
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_VOID_HOLD:
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_REVERSE:
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_REFUND:
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_ADVISE:
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_BLOCK_LIST:
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST__NOT_SET:
    case _VAXEL__V1__REQUEST_ENVELOPE__REQUEST__CASE_IS_INT_SIZE:
        break;
    }
    reading.call = "request";
    return reading_reject(
        &reading, REASON_UNSPECIFIED, "",
        "is missing, or of a kind this server does not know: send authorize, balance, lookup or echo");
}

/* ---- writing ---- */

/* A credential with the text it points to. */
struct credential_message {
    Vaxel__V1__Credential message;
    char text[REQUEST_ID_TEXT_SIZE];
};

static Vaxel__V1__Credential *write_credential(struct credential_message *written,
                                               const struct credential *credential) {
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

static uint32_t milliseconds(int64_t timeout_us) {
    int64_t timeout_ms = timeout_us > 0 ? (timeout_us - 1) / 1000 + 1 : 0;
    return timeout_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)timeout_ms;
}

static ProtobufCBinaryData id_bytes(const struct request_id *id) {
    return (ProtobufCBinaryData){.len = REQUEST_ID_SIZE, .data = (uint8_t *)(uintptr_t)id->bytes};
}

static bool write_authorize(struct buffer *output, uint64_t correlation, const struct authorize *authorize) {
    struct credential_message credential;
    Vaxel__V1__Money amount = VAXEL__V1__MONEY__INIT;
    amount.minor = authorize->amount.minor;
    amount.currency = (char *)(uintptr_t)authorize->amount.currency.code;
    Vaxel__V1__AuthorizeRequest message = VAXEL__V1__AUTHORIZE_REQUEST__INIT;
    message.id = id_bytes(&authorize->id);
    message.credential = write_credential(&credential, &authorize->credential);
    message.amount = &amount;
    message.product = (char *)(uintptr_t)authorize->product.code;
    message.place = (char *)(uintptr_t)authorize->place.text;
    message.timeout_ms = milliseconds(authorize->timeout_us);
    Vaxel__V1__RequestEnvelope envelope = VAXEL__V1__REQUEST_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_AUTHORIZE;
    envelope.authorize = &message;
    return codec_append(output, &envelope.base);
}

static bool write_balance(struct buffer *output, uint64_t correlation, const struct balance *balance) {
    struct credential_message credential;
    Vaxel__V1__BalanceRequest message = VAXEL__V1__BALANCE_REQUEST__INIT;
    message.credential = write_credential(&credential, &balance->credential);
    message.timeout_ms = milliseconds(balance->timeout_us);
    Vaxel__V1__RequestEnvelope envelope = VAXEL__V1__REQUEST_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_BALANCE;
    envelope.balance = &message;
    return codec_append(output, &envelope.base);
}

static bool write_lookup(struct buffer *output, uint64_t correlation, const struct lookup *lookup) {
    struct credential_message credential;
    Vaxel__V1__LookupRequest message = VAXEL__V1__LOOKUP_REQUEST__INIT;
    message.id = id_bytes(&lookup->id);
    if (lookup->has_credential)
        message.credential = write_credential(&credential, &lookup->credential);
    Vaxel__V1__RequestEnvelope envelope = VAXEL__V1__REQUEST_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_LOOKUP;
    envelope.lookup = &message;
    return codec_append(output, &envelope.base);
}

static bool write_echo(struct buffer *output, uint64_t correlation, const struct echo *echo) {
    Vaxel__V1__EchoRequest message = VAXEL__V1__ECHO_REQUEST__INIT;
    message.payload = (ProtobufCBinaryData){.len = echo->size, .data = (uint8_t *)(uintptr_t)echo->payload};
    Vaxel__V1__RequestEnvelope envelope = VAXEL__V1__REQUEST_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_ECHO;
    envelope.echo = &message;
    return codec_append(output, &envelope.base);
}

bool wire_encode_request(struct wire_codec *codec, struct buffer *output, const struct wire_request *request) {
    (void)codec;
    switch (request->call) {
    case CALL_AUTHORIZE:
        return write_authorize(output, request->correlation, &request->authorize);
    case CALL_BALANCE:
        return write_balance(output, request->correlation, &request->balance);
    case CALL_LOOKUP:
        return write_lookup(output, request->correlation, &request->lookup);
    case CALL_ECHO:
        return write_echo(output, request->correlation, &request->echo);
    case CALL_CAPTURE:
    case CALL_VOID:
    case CALL_REVERSE:
    case CALL_REFUND:
    case CALL_ADVISE:
    case CALL_BLOCK_LIST:
        break;
    }
    CHECK(false && "a call of no kind");
    return false;
}
