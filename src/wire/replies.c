/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, read by the client. A newer server's additions are passed over; what would mislead is a failure. */
#include "wire/codec.h"
#include "wire/text.h"

#include "vaxel/v1/switch.pb-c.h"

#include <inttypes.h>
#include <string.h>

/* A day before the end of the year 9999: in no time zone has an instant more than four digits of a year. */
#define INSTANT_MAX_US INT64_C(253402214400000000)

static bool take_instant(int64_t us, const char *field, struct instant *instant, struct failure *failure) {
    if (us < 0 || us > INSTANT_MAX_US)
        return failure_set(failure, "the server's answer holds an impossible %s: %" PRId64, field, us);
    instant->us = us;
    return true;
}

static bool is_amount(int64_t minor) {
    return minor >= -MONEY_MAX_MINOR && minor <= MONEY_MAX_MINOR;
}

static bool take_money(const struct wire_codec *codec, const Vaxel__V1__Money *message, int64_t *minor,
                       struct currency *currency, struct failure *failure) {
    if (message == NULL)
        return true;
    if (!is_amount(message->minor))
        return failure_set(failure, "the server's answer holds an impossible amount: %" PRId64, message->minor);
    *minor = message->minor;
    text_copy_printable(currency->code, sizeof currency->code, codec_string(codec, message->currency));
    return true;
}

static bool take_id(ProtobufCBinaryData bytes, struct request_id *id, struct failure *failure) {
    if (bytes.len != REQUEST_ID_SIZE)
        return failure_set(failure, "the server's answer holds an id of %zu bytes instead of %d", bytes.len,
                           REQUEST_ID_SIZE);
    memcpy(id->bytes, bytes.data, REQUEST_ID_SIZE);
    return true;
}

static bool take_verdict(Vaxel__V1__Decision decision, Vaxel__V1__Reason reason, struct answer *answer,
                         struct failure *failure) {
    if (decision < VAXEL__V1__DECISION__DECISION_APPROVED || decision > VAXEL__V1__DECISION__DECISION_FAILED)
        return failure_set(failure, "the server's answer holds a decision this version does not know: %d",
                           (int)decision);
    answer->decision = (enum decision)decision;
    bool is_known = reason > VAXEL__V1__REASON__REASON_UNSPECIFIED && (int)reason <= REASON_CALL_NOT_ALLOWED;
    answer->reason = is_known ? (enum reason)reason : REASON_UNSPECIFIED;
    return true;
}

static bool is_same_limit(const struct limit *limit, const Vaxel__V1__Limit *message) {
    return message != NULL && (int)limit->kind == (int)message->kind && limit->id == message->id;
}

/* Limits of kinds this version does not know are left out, as are more than it has room for. */
static bool take_limits(size_t count, Vaxel__V1__Limit *const *messages, const Vaxel__V1__Limit *deciding,
                        struct answer *answer, struct failure *failure) {
    for (size_t i = 0; i < count && answer->limit_count < LIMITS_CAPACITY; i++) {
        const Vaxel__V1__Limit *message = messages[i];
        if ((int)message->kind < LIMIT_CREDIT || (int)message->kind > LIMIT_ORGANISATION)
            continue;
        if (message->ceiling_minor < 0 || !is_amount(message->ceiling_minor) || !is_amount(message->spent_minor))
            return failure_set(failure, "the server's answer holds an impossible limit: %" PRId64 " of %" PRId64,
                               message->spent_minor, message->ceiling_minor);
        struct standing_of_limit *limit = &answer->limits[answer->limit_count];
        limit->limit.kind = (enum limit_kind)message->kind;
        limit->limit.id = message->id;
        limit->limit.ceiling_minor = message->ceiling_minor;
        limit->spent_minor = message->spent_minor;
        limit->is_refusing = message->refused;
        if (answer->deciding < 0 && is_same_limit(&limit->limit, deciding))
            answer->deciding = (int8_t)answer->limit_count;
        answer->limit_count++;
    }
    return true;
}

static enum content_field take_differing(const struct wire_codec *codec, const char *message) {
    struct bytes name = codec_string(codec, message);
    for (int field = FIELD_AMOUNT; field <= FIELD_KIND; field++) {
        const char *known = content_field_name((enum content_field)field);
        if (strlen(known) == name.size && memcmp(known, name.data, name.size) == 0)
            return (enum content_field)field;
    }
    return FIELD_NONE;
}

static bool read_authorize(const struct wire_codec *codec, const Vaxel__V1__AuthorizeResponse *message,
                           struct wire_reply *reply, struct failure *failure) {
    struct answer *answer = &reply->answer;
    reply->kind = WIRE_REPLY_ANSWER;
    reply->call = CALL_AUTHORIZE;
    answer->deciding = -1;
    answer->safety = message->safety == VAXEL__V1__SAFETY__SAFETY_COMMITTED   ? SAFETY_COMMITTED
                     : message->safety == VAXEL__V1__SAFETY__SAFETY_JOURNALED ? SAFETY_JOURNALED
                                                                              : SAFETY_NONE;
    answer->is_repeat = message->repeat;
    answer->differs = take_differing(codec, message->field);
    text_copy_printable(reply->message, sizeof reply->message, codec_string(codec, message->message));
    return take_id(message->id, &reply->id, failure) &&
           take_verdict(message->decision, message->reason, answer, failure) &&
           take_money(codec, message->approved, &answer->amount_minor, &reply->currency, failure) &&
           take_instant(message->server_time_us, "server_time_us", &reply->server_time, failure) &&
           take_instant(message->renews_at_us, "renews_at_us", &answer->renews_at, failure) &&
           take_limits(message->n_limits, message->limits, message->decided_by, answer, failure);
}

static bool read_balance(const struct wire_codec *codec, const Vaxel__V1__BalanceResponse *message,
                         struct wire_reply *reply, struct failure *failure) {
    struct answer *answer = &reply->answer;
    reply->kind = WIRE_REPLY_ANSWER;
    reply->call = CALL_BALANCE;
    answer->deciding = -1;
    text_copy_printable(reply->message, sizeof reply->message, codec_string(codec, message->message));
    return take_verdict(message->decision, message->reason, answer, failure) &&
           take_money(codec, message->available, &answer->amount_minor, &reply->currency, failure) &&
           take_instant(message->server_time_us, "server_time_us", &reply->server_time, failure) &&
           take_instant(message->renews_at_us, "renews_at_us", &answer->renews_at, failure) &&
           take_limits(message->n_limits, message->limits, NULL, answer, failure);
}

static bool read_found(const struct wire_codec *codec, const Vaxel__V1__LookupResponse *message,
                       struct wire_reply *reply, struct failure *failure) {
    struct found *found = &reply->found;
    struct entry *entry = &found->entry;
    *found = (struct found){0};
    reply->kind = WIRE_REPLY_FOUND;
    reply->call = CALL_LOOKUP;
    found->is_found = message->found;
    found->is_reversed = message->reversed;
    entry->month.yyyymm = message->month;
    entry->organisation = message->organisation;
    entry->department = message->department;
    entry->traveller = message->traveller;
    entry->credit = message->credit;
    entry->client = message->client;
    text_copy_printable(entry->product.code, sizeof entry->product.code, codec_string(codec, message->product));
    text_copy_printable(entry->place.text, sizeof entry->place.text, codec_string(codec, message->place));
    if (!take_id(message->id, &reply->id, failure) ||
        !take_money(codec, message->amount, &entry->amount_minor, &reply->currency, failure) ||
        !take_instant(message->server_time_us, "server_time_us", &reply->server_time, failure) ||
        !take_instant(message->recorded_at_us, "recorded_at_us", &found->recorded_at, failure))
        return false;
    entry->id = reply->id;
    return true;
}

static bool read_echo(const Vaxel__V1__EchoResponse *message, struct wire_reply *reply, struct failure *failure) {
    reply->kind = WIRE_REPLY_ECHO;
    reply->call = CALL_ECHO;
    if (message->payload.len > ECHO_MAX)
        return failure_set(failure, "the server echoes %zu bytes, more than the %d that can be asked",
                           message->payload.len, ECHO_MAX);
    if (message->payload.len > 0)
        memcpy(reply->echo.payload, message->payload.data, message->payload.len);
    reply->echo.size = message->payload.len;
    return take_instant(message->server_time_us, "server_time_us", &reply->server_time, failure);
}

static bool read_fault(const struct wire_codec *codec, const Vaxel__V1__Fault *message, struct wire_reply *reply,
                       struct failure *failure) {
    struct wire_fault *fault = &reply->fault;
    fault->is_broken = false;
    reply->kind = WIRE_REPLY_FAULT;
    bool is_known = (int)message->reason > REASON_UNSPECIFIED && (int)message->reason <= REASON_CALL_NOT_ALLOWED;
    fault->reason = is_known ? (enum reason)message->reason : REASON_UNSPECIFIED;
    text_copy_printable(fault->field, sizeof fault->field, codec_string(codec, message->field));
    text_copy_printable(fault->text, sizeof fault->text, codec_string(codec, message->message));
    text_copy_printable(reply->message, sizeof reply->message, codec_string(codec, message->message));
    return take_instant(message->server_time_us, "server_time_us", &reply->server_time, failure);
}

bool wire_decode_reply(struct wire_codec *codec, struct bytes envelope, struct wire_reply *reply,
                       struct failure *failure) {
    const Vaxel__V1__ResponseEnvelope *message =
        codec_unpack(codec, &vaxel__v1__response_envelope__descriptor, envelope);
    if (message == NULL)
        return failure_set(failure, "the server sent %zu bytes that %s", envelope.size,
                           codec->is_exhausted ? "are more than an answer may hold" : "are no answer");
    *reply = (struct wire_reply){.correlation = message->correlation};
    switch (message->response_case) {
    case VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_AUTHORIZE:
        return read_authorize(codec, message->authorize, reply, failure);
    case VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_BALANCE:
        return read_balance(codec, message->balance, reply, failure);
    case VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_LOOKUP:
        return read_found(codec, message->lookup, reply, failure);
    case VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_ECHO:
        return read_echo(message->echo, reply, failure);
    case VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_FAULT:
        return read_fault(codec, message->fault, reply, failure);
    case VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_SETTLE:
    case VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_ADVISE:
    case VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_BLOCK_LIST:
    case VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE__NOT_SET:
    case _VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE__CASE_IS_INT_SIZE:
        break;
    }
    return failure_set(failure, "the server sent an answer of a kind this version does not know");
}
