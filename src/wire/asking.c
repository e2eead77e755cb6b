/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, written by the client. */
#include "base/check.h"
#include "wire/writing.h"

#define US_PER_MS INT64_C(1000)
#define US_PER_S INT64_C(1000000)

/* Whole units of a time, rounded up: what is more than none stays so. */
static uint32_t units(int64_t us, int64_t unit_us) {
    int64_t count = us > 0 ? (us - 1) / unit_us + 1 : 0;
    return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

static uint32_t milliseconds(int64_t timeout_us) {
    return units(timeout_us, US_PER_MS);
}

static Vaxel__V1__RequestEnvelope start_envelope(uint64_t correlation) {
    Vaxel__V1__RequestEnvelope envelope = VAXEL__V1__REQUEST_ENVELOPE__INIT;
    envelope.correlation = correlation;
    return envelope;
}

static bool write_authorize(struct buffer *output, uint64_t correlation, const struct wire_request *request) {
    const struct authorize *authorize = &request->authorize;
    struct credential_message credential;
    Vaxel__V1__Money amount = writing_money(&authorize->amount.currency, authorize->amount.minor);
    Vaxel__V1__AuthorizeRequest message = VAXEL__V1__AUTHORIZE_REQUEST__INIT;
    message.id = writing_id(&authorize->id);
    message.credential = writing_credential(&credential, &authorize->credential);
    message.amount = &amount;
    message.product = writing_text(authorize->product.code);
    message.place = writing_text(authorize->place.text);
    message.timeout_ms = milliseconds(authorize->timeout_us);
    message.hold = authorize->is_hold;
    message.hold_s = units(authorize->hold_us, US_PER_S);
    message.partial = authorize->allows_partial;
    message.intended = request->is_intended;
    Vaxel__V1__RequestEnvelope envelope = start_envelope(correlation);
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_AUTHORIZE;
    envelope.authorize = &message;
    return codec_append(output, &envelope.base);
}

static bool write_balance(struct buffer *output, uint64_t correlation, const struct balance *balance) {
    struct credential_message credential;
    Vaxel__V1__BalanceRequest message = VAXEL__V1__BALANCE_REQUEST__INIT;
    message.credential = writing_credential(&credential, &balance->credential);
    message.timeout_ms = milliseconds(balance->timeout_us);
    Vaxel__V1__RequestEnvelope envelope = start_envelope(correlation);
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_BALANCE;
    envelope.balance = &message;
    return codec_append(output, &envelope.base);
}

static bool write_lookup(struct buffer *output, uint64_t correlation, const struct lookup *lookup) {
    struct credential_message credential;
    Vaxel__V1__LookupRequest message = VAXEL__V1__LOOKUP_REQUEST__INIT;
    message.id = writing_id(&lookup->id);
    if (lookup->has_credential)
        message.credential = writing_credential(&credential, &lookup->credential);
    Vaxel__V1__RequestEnvelope envelope = start_envelope(correlation);
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_LOOKUP;
    envelope.lookup = &message;
    return codec_append(output, &envelope.base);
}

static bool write_echo(struct buffer *output, uint64_t correlation, const struct echo *echo) {
    Vaxel__V1__EchoRequest message = VAXEL__V1__ECHO_REQUEST__INIT;
    message.payload = (ProtobufCBinaryData){.len = echo->size, .data = (uint8_t *)(uintptr_t)echo->payload};
    Vaxel__V1__RequestEnvelope envelope = start_envelope(correlation);
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_ECHO;
    envelope.echo = &message;
    return codec_append(output, &envelope.base);
}

/* ---- settlements ---- */

/* What the four have in common. */
struct settle_parts {
    struct credential_message credential_message;
    Vaxel__V1__Money money;
    Vaxel__V1__Credential *credential; /* NULL: not given */
    Vaxel__V1__Money *amount;          /* NULL: all that is left */
    uint32_t timeout_ms;
};

static void write_parts(struct settle_parts *parts, const struct wire_request *request) {
    const struct settle *settle = &request->settle;
    parts->credential =
        settle->has_credential ? writing_credential(&parts->credential_message, &settle->credential) : NULL;
    parts->money = writing_money(&request->currency, settle->amount_minor);
    parts->amount = settle->amount_minor != 0 ? &parts->money : NULL;
    parts->timeout_ms = milliseconds(settle->timeout_us);
}

static bool write_capture(struct buffer *output, uint64_t correlation, const struct settle *settle,
                          const struct settle_parts *parts) {
    Vaxel__V1__CaptureRequest message = VAXEL__V1__CAPTURE_REQUEST__INIT;
    message.id = writing_id(&settle->id);
    message.original = writing_id(&settle->original);
    message.credential = parts->credential;
    message.amount = parts->amount;
    message.more = !settle->is_final;
    message.timeout_ms = parts->timeout_ms;
    Vaxel__V1__RequestEnvelope envelope = start_envelope(correlation);
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_CAPTURE;
    envelope.capture = &message;
    return codec_append(output, &envelope.base);
}

static bool write_void(struct buffer *output, uint64_t correlation, const struct settle *settle,
                       const struct settle_parts *parts) {
    Vaxel__V1__VoidRequest message = VAXEL__V1__VOID_REQUEST__INIT;
    message.id = writing_id(&settle->id);
    message.original = writing_id(&settle->original);
    message.credential = parts->credential;
    message.timeout_ms = parts->timeout_ms;
    Vaxel__V1__RequestEnvelope envelope = start_envelope(correlation);
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_VOID_HOLD;
    envelope.void_hold = &message;
    return codec_append(output, &envelope.base);
}

static bool write_reverse(struct buffer *output, uint64_t correlation, const struct settle *settle,
                          const struct settle_parts *parts) {
    Vaxel__V1__ReverseRequest message = VAXEL__V1__REVERSE_REQUEST__INIT;
    message.id = writing_id(&settle->id);
    message.credential = parts->credential;
    message.timeout_ms = parts->timeout_ms;
    Vaxel__V1__RequestEnvelope envelope = start_envelope(correlation);
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_REVERSE;
    envelope.reverse = &message;
    return codec_append(output, &envelope.base);
}

static bool write_refund(struct buffer *output, uint64_t correlation, const struct settle *settle,
                         const struct settle_parts *parts) {
    Vaxel__V1__RefundRequest message = VAXEL__V1__REFUND_REQUEST__INIT;
    message.id = writing_id(&settle->id);
    message.original = writing_id(&settle->original);
    message.credential = parts->credential;
    message.amount = parts->amount;
    message.timeout_ms = parts->timeout_ms;
    Vaxel__V1__RequestEnvelope envelope = start_envelope(correlation);
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_REFUND;
    envelope.refund = &message;
    return codec_append(output, &envelope.base);
}

/* ---- advices and the block list ---- */

struct advice_message {
    Vaxel__V1__Advice message;
    struct credential_message credential;
    Vaxel__V1__Money amount;
};

struct advice_messages {
    Vaxel__V1__Advice *pointers[ADVICES_PER_FRAME];
    struct advice_message each[ADVICES_PER_FRAME];
};

static Vaxel__V1__Advice *write_advice(struct advice_message *written, const struct advise *advise) {
    vaxel__v1__advice__init(&written->message);
    written->message.id = writing_id(&advise->id);
    written->message.credential = writing_credential(&written->credential, &advise->credential);
    written->amount = writing_money(&advise->amount.currency, advise->amount.minor);
    written->message.amount = &written->amount;
    written->message.product = writing_text(advise->product.code);
    written->message.place = writing_text(advise->place.text);
    return &written->message;
}

_Static_assert(sizeof(struct advice_messages) < ARENA_SIZE, "advices are put together in the arena");

/* All of a frame share one deadline. */
static bool write_advices(struct wire_codec *codec, struct buffer *output, uint64_t correlation,
                          const struct advices *advices) {
    CHECK(advices->count <= ADVICES_PER_FRAME);
    struct advice_messages *written = codec_scratch(codec, sizeof *written);
    for (uint32_t i = 0; i < advices->count; i++)
        written->pointers[i] = write_advice(&written->each[i], &advices->each[i]);
    Vaxel__V1__AdviseRequest message = VAXEL__V1__ADVISE_REQUEST__INIT;
    message.n_advices = advices->count;
    message.advices = written->pointers;
    message.timeout_ms = advices->count > 0 ? milliseconds(advices->each[0].timeout_us) : 0;
    Vaxel__V1__RequestEnvelope envelope = start_envelope(correlation);
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_ADVISE;
    envelope.advise = &message;
    return codec_append_large(output, &envelope.base);
}

size_t wire_advice_size(const struct advise *advise) {
    struct advice_message written;
    size_t size = vaxel__v1__advice__get_packed_size(write_advice(&written, advise));
    return size + (size < 128 ? 2 : 3);
}

static bool write_block_list(struct buffer *output, uint64_t correlation, const struct block_list *block_list) {
    Vaxel__V1__BlockListRequest message = VAXEL__V1__BLOCK_LIST_REQUEST__INIT;
    message.since = block_list->since;
    message.limit = block_list->limit;
    Vaxel__V1__RequestEnvelope envelope = start_envelope(correlation);
    envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_BLOCK_LIST;
    envelope.block_list = &message;
    return codec_append(output, &envelope.base);
}

bool wire_encode_request(struct wire_codec *codec, struct buffer *output, const struct wire_request *request) {
    struct settle_parts parts;
    uint64_t correlation = request->correlation;
    switch (request->call) {
    case CALL_AUTHORIZE:
        return write_authorize(output, correlation, request);
    case CALL_BALANCE:
        return write_balance(output, correlation, &request->balance);
    case CALL_LOOKUP:
        return write_lookup(output, correlation, &request->lookup);
    case CALL_ECHO:
        return write_echo(output, correlation, &request->echo);
    case CALL_CAPTURE:
        write_parts(&parts, request);
        return write_capture(output, correlation, &request->settle, &parts);
    case CALL_VOID:
        write_parts(&parts, request);
        return write_void(output, correlation, &request->settle, &parts);
    case CALL_REVERSE:
        write_parts(&parts, request);
        return write_reverse(output, correlation, &request->settle, &parts);
    case CALL_REFUND:
        write_parts(&parts, request);
        return write_refund(output, correlation, &request->settle, &parts);
    case CALL_ADVISE:
        return write_advices(codec, output, correlation, request->advices);
    case CALL_BLOCK_LIST:
        return write_block_list(output, correlation, &request->block_list);
    }
    CHECK(false && "a call of no kind");
    return false;
}
