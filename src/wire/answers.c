/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, written by the server. */
#include "base/check.h"
#include "wire/codec.h"
#include "wire/sentences.h"

#include "vaxel/v1/switch.pb-c.h"

/* protobuf-c's structures have no const; writing changes nothing in them. */
static char *text_of(const char *text) {
    return (char *)(uintptr_t)text;
}

static ProtobufCBinaryData id_of(const struct request_id *id) {
    return (ProtobufCBinaryData){.len = REQUEST_ID_SIZE, .data = (uint8_t *)(uintptr_t)id->bytes};
}

static Vaxel__V1__Money money_of(const struct wire_codec *codec, int64_t minor) {
    Vaxel__V1__Money money = VAXEL__V1__MONEY__INIT;
    money.minor = minor;
    money.currency = text_of(codec->currency.code);
    return money;
}

/* The limits of an answer as messages, those with a ceiling. */
struct limit_messages {
    size_t count;
    Vaxel__V1__Limit *deciding;
    Vaxel__V1__Limit *pointers[LIMITS_CAPACITY];
    Vaxel__V1__Limit messages[LIMITS_CAPACITY];
};

static void write_limits(struct limit_messages *written, const struct answer *answer) {
    CHECK(answer->limit_count <= LIMITS_CAPACITY && answer->deciding < (int)answer->limit_count);
    written->count = 0;
    written->deciding = NULL;
    for (int i = 0; i < answer->limit_count; i++) {
        const struct standing_of_limit *limit = &answer->limits[i];
        if (limit->limit.ceiling_minor == LIMIT_COUNTED_ONLY)
            continue;
        Vaxel__V1__Limit *message = &written->messages[written->count];
        *message = (Vaxel__V1__Limit)VAXEL__V1__LIMIT__INIT;
        message->kind = (Vaxel__V1__LimitKind)limit->limit.kind;
        message->id = limit->limit.id;
        message->ceiling_minor = limit->limit.ceiling_minor;
        message->spent_minor = limit->spent_minor;
        message->remaining_minor = sentence_remaining(limit);
        message->refused = limit->is_refusing;
        written->pointers[written->count++] = message;
        if (answer->deciding == i)
            written->deciding = message;
    }
}

static bool append_authorize(struct wire_codec *codec, struct buffer *output, uint64_t correlation,
                             const struct request_id *id, const struct answer *answer, struct instant server_time) {
    struct limit_messages limits;
    char sentence[SENTENCE_SIZE];
    write_limits(&limits, answer);
    sentence_write(codec, CALL_AUTHORIZE, answer, sentence);
    Vaxel__V1__Money approved = money_of(codec, answer->amount_minor);
    Vaxel__V1__AuthorizeResponse message = VAXEL__V1__AUTHORIZE_RESPONSE__INIT;
    message.decision = (Vaxel__V1__Decision)answer->decision;
    message.reason = (Vaxel__V1__Reason)answer->reason;
    message.id = id_of(id);
    message.approved = answer->decision == DECISION_APPROVED ? &approved : NULL;
    message.safety = (Vaxel__V1__Safety)answer->safety;
    message.repeat = answer->is_repeat;
    message.server_time_us = server_time.us;
    message.decided_by = limits.deciding;
    message.n_limits = limits.count;
    message.limits = limits.pointers;
    message.renews_at_us = answer->renews_at.us;
    message.message = sentence;
    if (answer->differs != FIELD_NONE)
        message.field = text_of(content_field_name(answer->differs));
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_AUTHORIZE;
    envelope.authorize = &message;
    return codec_append(output, &envelope.base);
}

static bool append_balance(struct wire_codec *codec, struct buffer *output, uint64_t correlation,
                           const struct answer *answer, struct instant server_time) {
    struct limit_messages limits;
    char sentence[SENTENCE_SIZE];
    write_limits(&limits, answer);
    sentence_write(codec, CALL_BALANCE, answer, sentence);
    const struct standing_of_limit *tightest = sentence_tightest(answer);
    bool may_buy = answer->decision == DECISION_APPROVED;
    Vaxel__V1__Money available = money_of(codec, may_buy && tightest != NULL ? sentence_remaining(tightest) : 0);
    Vaxel__V1__BalanceResponse message = VAXEL__V1__BALANCE_RESPONSE__INIT;
    message.decision = (Vaxel__V1__Decision)answer->decision;
    message.reason = (Vaxel__V1__Reason)answer->reason;
    message.n_limits = limits.count;
    message.limits = limits.pointers;
    message.available = tightest != NULL || !may_buy ? &available : NULL;
    message.renews_at_us = answer->renews_at.us;
    message.server_time_us = server_time.us;
    message.message = sentence;
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_BALANCE;
    envelope.balance = &message;
    return codec_append(output, &envelope.base);
}

bool wire_encode_answer(struct wire_codec *codec, struct buffer *output, uint64_t correlation, enum call call,
                        const struct request_id *id, const struct answer *answer, struct instant server_time) {
    CHECK(call == CALL_AUTHORIZE || call == CALL_BALANCE);
    if (call == CALL_BALANCE)
        return append_balance(codec, output, correlation, answer, server_time);
    return append_authorize(codec, output, correlation, id, answer, server_time);
}

bool wire_encode_found(struct wire_codec *codec, struct buffer *output, uint64_t correlation, const struct found *found,
                       struct instant server_time) {
    const struct entry *entry = &found->entry;
    Vaxel__V1__Money amount = money_of(codec, entry->amount_minor);
    Vaxel__V1__LookupResponse message = VAXEL__V1__LOOKUP_RESPONSE__INIT;
    message.id = id_of(&entry->id);
    message.found = found->is_found;
    message.server_time_us = server_time.us;
    if (found->is_found) {
        message.reversed = found->is_reversed;
        message.amount = &amount;
        message.product = text_of(entry->product.code);
        message.place = text_of(entry->place.text);
        message.month = entry->month.yyyymm;
        message.organisation = entry->organisation;
        message.department = entry->department;
        message.traveller = entry->traveller;
        message.credit = entry->credit;
        message.client = entry->client;
        message.recorded_at_us = found->recorded_at.us;
    }
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_LOOKUP;
    envelope.lookup = &message;
    return codec_append(output, &envelope.base);
}

bool wire_encode_echo(struct wire_codec *codec, struct buffer *output, uint64_t correlation, const struct echo *echo,
                      struct instant server_time) {
    (void)codec;
    CHECK(echo->size <= ECHO_MAX);
    Vaxel__V1__EchoResponse message = VAXEL__V1__ECHO_RESPONSE__INIT;
    message.payload = (ProtobufCBinaryData){.len = echo->size, .data = (uint8_t *)(uintptr_t)echo->payload};
    message.server_time_us = server_time.us;
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_ECHO;
    envelope.echo = &message;
    return codec_append(output, &envelope.base);
}

bool wire_encode_fault(struct wire_codec *codec, struct buffer *output, uint64_t correlation,
                       const struct wire_fault *fault, struct instant server_time) {
    (void)codec;
    Vaxel__V1__Fault message = VAXEL__V1__FAULT__INIT;
    message.field = text_of(fault->field);
    message.message = text_of(fault->text);
    message.reason = (Vaxel__V1__Reason)fault->reason;
    message.server_time_us = server_time.us;
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_FAULT;
    envelope.fault = &message;
    return codec_append(output, &envelope.base);
}
