/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, written by the server. */
#include "base/check.h"
#include "wire/sentences.h"
#include "wire/writing.h"

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
    Vaxel__V1__Money approved = writing_money(&codec->currency, answer->amount_minor);
    Vaxel__V1__AuthorizeResponse message = VAXEL__V1__AUTHORIZE_RESPONSE__INIT;
    message.decision = (Vaxel__V1__Decision)answer->decision;
    message.reason = (Vaxel__V1__Reason)answer->reason;
    message.id = writing_id(id);
    message.approved = answer->decision == DECISION_APPROVED ? &approved : NULL;
    message.safety = (Vaxel__V1__Safety)answer->safety;
    message.repeat = answer->is_repeat;
    message.server_time_us = server_time.us;
    message.decided_by = limits.deciding;
    message.n_limits = limits.count;
    message.limits = limits.pointers;
    message.renews_at_us = answer->renews_at.us;
    message.message = sentence;
    message.expires_at_us = answer->expires_at.us;
    if (answer->differs != FIELD_NONE)
        message.field = writing_text(content_field_name(answer->differs));
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
    Vaxel__V1__Money available =
        writing_money(&codec->currency, may_buy && tightest != NULL ? sentence_remaining(tightest) : 0);
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

static bool append_settled(struct wire_codec *codec, struct buffer *output, uint64_t correlation, enum call call,
                           const struct request_id *id, const struct answer *answer, struct instant server_time) {
    char sentence[SENTENCE_SIZE];
    sentence_write(codec, call, answer, sentence);
    bool is_done = answer->decision == DECISION_APPROVED;
    Vaxel__V1__Money amount = writing_money(&codec->currency, answer->amount_minor);
    Vaxel__V1__Money remaining = writing_money(&codec->currency, answer->remaining_minor);
    Vaxel__V1__SettleResponse message = VAXEL__V1__SETTLE_RESPONSE__INIT;
    message.decision = (Vaxel__V1__Decision)answer->decision;
    message.reason = (Vaxel__V1__Reason)answer->reason;
    message.id = writing_id(id);
    message.amount = is_done ? &amount : NULL;
    message.remaining = is_done || answer->reason == REASON_AMOUNT_EXCEEDED ? &remaining : NULL;
    message.repeat = answer->is_repeat;
    message.server_time_us = server_time.us;
    message.message = sentence;
    if (answer->differs != FIELD_NONE)
        message.field = writing_text(content_field_name(answer->differs));
    Vaxel__V1__ResponseEnvelope envelope = VAXEL__V1__RESPONSE_ENVELOPE__INIT;
    envelope.correlation = correlation;
    envelope.response_case = VAXEL__V1__RESPONSE_ENVELOPE__RESPONSE_SETTLE;
    envelope.settle = &message;
    return codec_append(output, &envelope.base);
}

bool wire_encode_answer(struct wire_codec *codec, struct buffer *output, uint64_t correlation, enum call call,
                        const struct request_id *id, const struct answer *answer, struct instant server_time) {
    switch (call) {
    case CALL_AUTHORIZE:
        return append_authorize(codec, output, correlation, id, answer, server_time);
    case CALL_BALANCE:
        return append_balance(codec, output, correlation, answer, server_time);
    case CALL_CAPTURE:
    case CALL_VOID:
    case CALL_REVERSE:
    case CALL_REFUND:
        return append_settled(codec, output, correlation, call, id, answer, server_time);
    case CALL_LOOKUP:
    case CALL_ECHO:
    case CALL_ADVISE:
    case CALL_BLOCK_LIST:
        break;
    }
    CHECK(false && "a call that is answered in another way");
    return false;
}
