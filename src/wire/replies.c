/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, read by the client. A newer server's additions are passed over; what would mislead is a failure. */
#include "wire/kinds.h"
#include "wire/listings.h"
#include "wire/taking.h"
#include "wire/text.h"

#include <inttypes.h>
#include <string.h>

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
        if (message->ceiling_minor < 0 || !taking_is_amount(message->ceiling_minor) ||
            !taking_is_amount(message->spent_minor))
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
    answer->differs = taking_differing(codec, message->field);
    text_copy_printable(reply->message, sizeof reply->message, codec_string(codec, message->message));
    return taking_id(message->id, &reply->id, failure) &&
           taking_verdict(message->decision, message->reason, answer, failure) &&
           taking_instant(message->expires_at_us, "expires_at_us", &answer->expires_at, failure) &&
           taking_money(codec, message->approved, &answer->amount_minor, &reply->currency, failure) &&
           taking_instant(message->server_time_us, "server_time_us", &reply->server_time, failure) &&
           taking_instant(message->renews_at_us, "renews_at_us", &answer->renews_at, failure) &&
           take_limits(message->n_limits, message->limits, message->decided_by, answer, failure);
}

static bool read_balance(const struct wire_codec *codec, const Vaxel__V1__BalanceResponse *message,
                         struct wire_reply *reply, struct failure *failure) {
    struct answer *answer = &reply->answer;
    reply->kind = WIRE_REPLY_ANSWER;
    reply->call = CALL_BALANCE;
    answer->deciding = -1;
    text_copy_printable(reply->message, sizeof reply->message, codec_string(codec, message->message));
    return taking_verdict(message->decision, message->reason, answer, failure) &&
           taking_money(codec, message->available, &answer->amount_minor, &reply->currency, failure) &&
           taking_instant(message->server_time_us, "server_time_us", &reply->server_time, failure) &&
           taking_instant(message->renews_at_us, "renews_at_us", &answer->renews_at, failure) &&
           take_limits(message->n_limits, message->limits, NULL, answer, failure);
}

static bool read_settled(const struct wire_codec *codec, const Vaxel__V1__SettleResponse *message,
                         struct wire_reply *reply, struct failure *failure) {
    struct answer *answer = &reply->answer;
    reply->kind = WIRE_REPLY_SETTLED;
    answer->deciding = -1;
    answer->is_repeat = message->repeat;
    answer->differs = taking_differing(codec, message->field);
    text_copy_printable(reply->message, sizeof reply->message, codec_string(codec, message->message));
    return taking_id(message->id, &reply->id, failure) &&
           taking_verdict(message->decision, message->reason, answer, failure) &&
           taking_money(codec, message->amount, &answer->amount_minor, &reply->currency, failure) &&
           taking_money(codec, message->remaining, &answer->remaining_minor, &reply->currency, failure) &&
           taking_instant(message->server_time_us, "server_time_us", &reply->server_time, failure);
}

static uint8_t take_marks(const Vaxel__V1__LookupResponse *message) {
    unsigned flags = 0;
    flags |= message->forced ? ENTRY_FORCED : 0;
    flags |= message->late ? ENTRY_LATE : 0;
    flags |= message->stand_in ? ENTRY_STAND_IN : 0;
    flags |= message->partial ? ENTRY_PARTIAL : 0;
    return (uint8_t)flags;
}

/* What this version does not know says nothing. */
static enum hold_state take_hold_state(Vaxel__V1__HoldState state) {
    switch (state) {
    case VAXEL__V1__HOLD_STATE__HOLD_STATE_OPEN:
        return HOLD_STATE_OPEN;
    case VAXEL__V1__HOLD_STATE__HOLD_STATE_CLOSED:
        return HOLD_STATE_CLOSED;
    default:
        return HOLD_STATE_UNSPECIFIED;
    }
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
    found->hold = take_hold_state(message->hold);
    entry->kind = kind_of(codec_string(codec, message->kind));
    entry->flags = take_marks(message);
    entry->month.yyyymm = message->month;
    entry->organisation = message->organisation;
    entry->department = message->department;
    entry->traveller = message->traveller;
    entry->credit = message->credit;
    entry->client = message->client;
    text_copy_printable(entry->product.code, sizeof entry->product.code, codec_string(codec, message->product));
    text_copy_printable(entry->place.text, sizeof entry->place.text, codec_string(codec, message->place));
    if (!taking_id(message->id, &reply->id, failure) ||
        !taking_money(codec, message->amount, &entry->amount_minor, &reply->currency, failure) ||
        !taking_money(codec, message->captured, &found->captured_minor, &reply->currency, failure) ||
        !taking_money(codec, message->refunded, &found->refunded_minor, &reply->currency, failure) ||
        !taking_instant(message->server_time_us, "server_time_us", &reply->server_time, failure) ||
        !taking_instant(message->recorded_at_us, "recorded_at_us", &found->recorded_at, failure) ||
        !taking_instant(message->expires_at_us, "expires_at_us", &entry->expires_at, failure))
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
    return taking_instant(message->server_time_us, "server_time_us", &reply->server_time, failure);
}

static bool read_fault(const struct wire_codec *codec, const Vaxel__V1__Fault *message, struct wire_reply *reply,
                       struct failure *failure) {
    struct wire_fault *fault = &reply->fault;
    fault->is_broken = false;
    reply->kind = WIRE_REPLY_FAULT;
    fault->reason = taking_reason(message->reason);
    text_copy_printable(fault->field, sizeof fault->field, codec_string(codec, message->field));
    text_copy_printable(fault->text, sizeof fault->text, codec_string(codec, message->message));
    text_copy_printable(reply->message, sizeof reply->message, codec_string(codec, message->message));
    return taking_instant(message->server_time_us, "server_time_us", &reply->server_time, failure);
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
        return read_settled(codec, message->settle, reply, failure);
    case VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_ADVISE:
        return listings_read_advices(codec, message->advise, reply, failure);
    case VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_BLOCK_LIST:
        return listings_read_blocks(codec, message->block_list, reply, failure);
    case VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE__NOT_SET:
    case _VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE__CASE_IS_INT_SIZE:
        break;
    }
    return failure_set(failure, "the server sent an answer of a kind this version does not know");
}
