/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, read by the server. */
#include "wire/advices.h"
#include "wire/reading.h"

#include <string.h>

#define US_PER_MS INT64_C(1000)
#define US_PER_S INT64_C(1000000)

static bool read_authorize(const struct reading *reading, const Vaxel__V1__AuthorizeRequest *message,
                           struct wire_request *request) {
    struct authorize *authorize = &request->authorize;
    authorize->reply_to = 0;
    authorize->client = 0;
    authorize->client_channels = 0;
    authorize->tap_window_us = 0;
    authorize->timeout_us = message->timeout_ms * US_PER_MS;
    authorize->is_hold = message->hold;
    authorize->hold_us = message->hold_s * US_PER_S;
    authorize->allows_partial = message->partial;
    request->is_intended = message->intended;
    if (message->hold_s > 0 && !message->hold)
        return reading_reject(reading, REASON_UNSPECIFIED, "hold_s",
                              "is %u, but this is no hold: set hold as well, or leave hold_s out", message->hold_s);
    return reading_take_id(reading, "id", message->id, &authorize->id) &&
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
    balance->timeout_us = message->timeout_ms * US_PER_MS;
    return reading_take_credential(reading, message->credential, &balance->credential);
}

static bool read_lookup(const struct reading *reading, const Vaxel__V1__LookupRequest *message, struct lookup *lookup) {
    lookup->has_credential = message->credential != NULL;
    return reading_take_id(reading, "id", message->id, &lookup->id) &&
           (!lookup->has_credential || reading_take_credential(reading, message->credential, &lookup->credential));
}

/* ---- settlements ---- */

static struct settle *start_settle(struct wire_request *request, enum entry_kind kind, uint32_t timeout_ms) {
    request->settle = (struct settle){.kind = kind, .timeout_us = timeout_ms * US_PER_MS};
    request->currency = (struct currency){""};
    return &request->settle;
}

/* What is done has an id of its own, so that it is done once however often it is asked. */
static bool take_ids(const struct reading *reading, ProtobufCBinaryData id, ProtobufCBinaryData original,
                     struct settle *settle) {
    if (!reading_take_id(reading, "id", id, &settle->id) ||
        !reading_take_id(reading, "original", original, &settle->original))
        return false;
    if (memcmp(settle->id.bytes, settle->original.bytes, REQUEST_ID_SIZE) != 0)
        return true;
    return reading_reject(reading, REASON_INVALID_ID, "id",
                          "is the original's: make a new version 7 id for this and repeat it in every retry");
}

static bool take_known_credential(const struct reading *reading, const Vaxel__V1__Credential *message,
                                  struct settle *settle) {
    settle->has_credential = message != NULL;
    return !settle->has_credential || reading_take_credential(reading, message, &settle->credential);
}

static bool take_part(const struct reading *reading, const Vaxel__V1__Money *message, struct wire_request *request) {
    struct money amount;
    if (!reading_take_part(reading, message, &amount))
        return false;
    request->settle.amount_minor = amount.minor;
    request->currency = amount.currency;
    return true;
}

static bool read_capture(const struct reading *reading, const Vaxel__V1__CaptureRequest *message,
                         struct wire_request *request) {
    struct settle *settle = start_settle(request, ENTRY_CAPTURE, message->timeout_ms);
    settle->is_final = !message->more;
    return take_ids(reading, message->id, message->original, settle) &&
           take_known_credential(reading, message->credential, settle) && take_part(reading, message->amount, request);
}

static bool read_void(const struct reading *reading, const Vaxel__V1__VoidRequest *message,
                      struct wire_request *request) {
    struct settle *settle = start_settle(request, ENTRY_VOID, message->timeout_ms);
    return take_ids(reading, message->id, message->original, settle) &&
           take_known_credential(reading, message->credential, settle);
}

static bool read_reverse(const struct reading *reading, const Vaxel__V1__ReverseRequest *message,
                         struct wire_request *request) {
    struct settle *settle = start_settle(request, ENTRY_REVERSAL, message->timeout_ms);
    settle->has_credential = true;
    if (!reading_take_id(reading, "id", message->id, &settle->id) ||
        !reading_take_credential(reading, message->credential, &settle->credential))
        return false;
    settle->original = settle->id;
    return true;
}

static bool read_refund(const struct reading *reading, const Vaxel__V1__RefundRequest *message,
                        struct wire_request *request) {
    struct settle *settle = start_settle(request, ENTRY_REFUND, message->timeout_ms);
    return take_ids(reading, message->id, message->original, settle) &&
           take_known_credential(reading, message->credential, settle) && take_part(reading, message->amount, request);
}

static bool read_block_list(const struct reading *reading, const Vaxel__V1__BlockListRequest *message,
                            struct block_list *block_list) {
    if (message->since < 0)
        return reading_reject(reading, REASON_UNSPECIFIED, "since",
                              "is %lld: send the `last` of the page before, or 0 to begin", (long long)message->since);
    if (message->limit > BLOCKS_PER_PAGE)
        return reading_reject(reading, REASON_UNSPECIFIED, "limit", "is %u: a page has at most %d entries, ask on then",
                              message->limit, BLOCKS_PER_PAGE);
    block_list->since = message->since;
    block_list->limit = message->limit == 0 ? BLOCKS_PER_PAGE : message->limit;
    return true;
}

/* ---- any of them ---- */

static bool refuse_unreadable(const struct wire_codec *codec, struct bytes envelope, struct wire_request *request,
                              struct wire_fault *fault) {
    request->correlation = codec_find_correlation(envelope);
    const struct reading reading = {.fault = fault, .call = "envelope"};
    if (codec->is_exhausted)
        return reading_reject(&reading, REASON_UNSPECIFIED, "",
                              "needs more than the %zu bytes kept for a message: send fewer and shorter fields, and at "
                              "most %d advices",
                              ARENA_SIZE, ADVICES_PER_FRAME);
    reading_reject(
        &reading, REASON_UNSPECIFIED, "",
        "is no vaxel.v1.RequestEnvelope: send one protobuf message of that type in each frame, after 4 bytes "
        "of length, big-endian");
    fault->is_broken = true;
    return false;
}

static bool refuse_unknown(struct reading *reading) {
    reading->call = "request";
    return reading_reject(reading, REASON_UNSPECIFIED, "",
                          "is missing, or of a kind this server does not know: send authorize, capture, void_hold, "
                          "reverse, refund, advise, block_list, balance, lookup or echo");
}

/* Says which call it is, also when it is rejected then. */
static void begin(struct wire_request *request, struct reading *reading, enum call call, const char *name) {
    request->call = call;
    reading->call = name;
}

static bool read_request(struct reading *reading, const Vaxel__V1__RequestEnvelope *message,
                         struct wire_request *request) {
    switch (message->request_case) {
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_AUTHORIZE:
        begin(request, reading, CALL_AUTHORIZE, "authorize");
        return read_authorize(reading, message->authorize, request);
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_BALANCE:
        begin(request, reading, CALL_BALANCE, "balance");
        return read_balance(reading, message->balance, &request->balance);
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_LOOKUP:
        begin(request, reading, CALL_LOOKUP, "lookup");
        return read_lookup(reading, message->lookup, &request->lookup);
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_ECHO:
        begin(request, reading, CALL_ECHO, "echo");
        return reading_take_payload(reading, message->echo->payload, &request->echo);
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_CAPTURE:
        begin(request, reading, CALL_CAPTURE, "capture");
        return read_capture(reading, message->capture, request);
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_VOID_HOLD:
        begin(request, reading, CALL_VOID, "void_hold");
        return read_void(reading, message->void_hold, request);
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_REVERSE:
        begin(request, reading, CALL_REVERSE, "reverse");
        return read_reverse(reading, message->reverse, request);
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_REFUND:
        begin(request, reading, CALL_REFUND, "refund");
        return read_refund(reading, message->refund, request);
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_ADVISE:
        begin(request, reading, CALL_ADVISE, "advise");
        return advices_read(reading, message->advise, request);
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST_BLOCK_LIST:
        begin(request, reading, CALL_BLOCK_LIST, "block_list");
        return read_block_list(reading, message->block_list, &request->block_list);
    case VAXEL__V1__REQUEST_ENVELOPE__REQUEST__NOT_SET:
    case _VAXEL__V1__REQUEST_ENVELOPE__REQUEST__CASE_IS_INT_SIZE:
        break;
    }
    return refuse_unknown(reading);
}

bool wire_decode_request(struct wire_codec *codec, struct bytes envelope, struct wire_request *request,
                         struct wire_fault *fault) {
    const Vaxel__V1__RequestEnvelope *message = codec_unpack(codec, &vaxel__v1__request_envelope__descriptor, envelope);
    if (message == NULL)
        return refuse_unreadable(codec, envelope, request, fault);
    struct reading reading = {.codec = codec, .fault = fault};
    request->correlation = message->correlation;
    return read_request(&reading, message, request);
}
