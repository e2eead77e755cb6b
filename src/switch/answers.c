/* SPDX-License-Identifier: Apache-2.0 */
#include "switch/core.h"

enum reason reason_of_limit(enum limit_kind kind) {
    switch (kind) {
    case LIMIT_CREDIT:
        return REASON_CREDIT_LIMIT;
    case LIMIT_TRAVELLER:
        return REASON_TRAVELLER_LIMIT;
    case LIMIT_DEPARTMENT:
        return REASON_DEPARTMENT_LIMIT;
    case LIMIT_ORGANISATION:
        return REASON_ORGANISATION_LIMIT;
    }
    CHECK(!"a limit of no kind");
    return REASON_UNSPECIFIED;
}

/* A decline stays one for this id; a failure is nobody's fault, and nothing was bought. */
static enum decision decision_of(enum reason reason) {
    switch (reason) {
    case REASON_APPROVED:
        return DECISION_APPROVED;
    case REASON_BUSY:
    case REASON_DEADLINE:
    case REASON_UNAVAILABLE:
        return DECISION_FAILED;
    case REASON_UNSPECIFIED:
    case REASON_UNKNOWN_CREDENTIAL:
    case REASON_NOT_ACTIVATED:
    case REASON_BLOCKED:
    case REASON_ENDED:
    case REASON_ORGANISATION_SUSPENDED:
    case REASON_CHANNEL_NOT_ALLOWED:
    case REASON_CREDIT_LIMIT:
    case REASON_TRAVELLER_LIMIT:
    case REASON_DEPARTMENT_LIMIT:
    case REASON_ORGANISATION_LIMIT:
    case REASON_INVALID_AMOUNT:
    case REASON_CURRENCY_MISMATCH:
    case REASON_BAD_TIME:
    case REASON_ID_REUSED:
    case REASON_REVERSED:
    case REASON_DOUBLE_TAP:
    case REASON_INVALID_ID:
    case REASON_CALL_NOT_ALLOWED:
    case REASON_NOT_FOUND:
    case REASON_WRONG_KIND:
    case REASON_HOLD_CLOSED:
    case REASON_HOLD_EXPIRED:
    case REASON_AMOUNT_EXCEEDED:
        return DECISION_DECLINED;
    }
    CHECK(!"a reason of no kind");
    return DECISION_FAILED;
}

static bool is_of_a_limit(enum reason reason) {
    return reason >= REASON_CREDIT_LIMIT && reason <= REASON_ORGANISATION_LIMIT;
}

static struct answer answer_of(enum reason reason) {
    return (struct answer){.decision = decision_of(reason), .reason = reason, .deciding = -1};
}

static void add_limits(struct switch_core *core, const struct request *request, struct answer *answer) {
    /* The month is the request's own: a late repeat is told of the month it was counted in. */
    struct instant of = request->asks == QUESTION_SPENT ? core->now.instant : request_id_time(&request->id);
    answer->renews_at = calendar_renewal(&core->calendar, of);
    answer->limit_count = request->account.limit_count;
    for (uint8_t i = 0; i < answer->limit_count; i++)
        answer->limits[i] = (struct standing_of_limit){
            .limit = request->account.limits[i],
            .spent_minor = request->spent_minor[i],
            .is_refusing = (request->refusing & 1u << i) != 0,
        };
    if (request->refusing != 0)
        answer->deciding = (int8_t)__builtin_ctz(request->refusing);
}

static void send(struct switch_core *core, struct request *request, struct answer *answer) {
    CHECK(!request->is_answered);
    answer->times = request->times;
    answer->times.answered = core->now.tick;
    request->is_answered = true;
    wheel_disarm(core, request);
    pace_online_answered(core, request);
    if (answer->decision != DECISION_FAILED)
        admission_count_finished(core);
    core->ports.answer(core->ports.shell, request->reply_to, answer);
}

void answer_approved(struct switch_core *core, struct request *request, enum safety safety) {
    struct answer answer = answer_of(REASON_APPROVED);
    answer.amount_minor = request->approved_minor;
    answer.safety = safety;
    answer.is_repeat = request->is_repeat;
    answer.flags = request->flags;
    answer.expires_at = request->expires_at;
    if (request->work == WORK_AUTHORIZE)
        add_limits(core, request, &answer);
    send(core, request, &answer);
}

void answer_settled(struct switch_core *core, struct request *request, const struct outcome *outcome) {
    struct answer answer = answer_of(REASON_APPROVED);
    answer.amount_minor = outcome->amount_minor;
    answer.remaining_minor = outcome->remaining_minor;
    answer.safety = SAFETY_COMMITTED;
    answer.is_repeat = outcome->is_repeat;
    send(core, request, &answer);
}

void answer_not_settled(struct switch_core *core, struct request *request, const struct outcome *outcome) {
    struct answer answer = answer_of(outcome->reason);
    answer.remaining_minor = outcome->remaining_minor;
    answer.differs = outcome->differs;
    send(core, request, &answer);
}

static void note_refusal(struct switch_core *core, const struct request *request, enum reason reason) {
    const struct refusal_note note = {
        .id = request->id,
        .day = request->day,
        .organisation = request->account.organisation,
        .traveller = request->account.traveller,
        .credit = request->account.credit,
        .reason = reason,
        .refusing = request->refusing,
        .content = request->content,
        .product = request->product,
    };
    core->ports.note_refusal(core->ports.shell, &note);
}

void answer_reason(struct switch_core *core, struct request *request, enum reason reason) {
    struct answer answer = answer_of(reason);
    answer.is_repeat = request->is_repeat && answer.decision == DECISION_DECLINED;
    if (is_of_a_limit(reason))
        add_limits(core, request, &answer);
    /* The id of an unknown credential has no organisation to be kept under; one out of its window is no refusal to
     * keep. */
    if (request->stage == STAGE_CHECKING && reason == request->verdict_reason && reason != REASON_BAD_TIME &&
        !request->is_repeat)
        note_refusal(core, request, reason);
    send(core, request, &answer);
}

void answer_id_reused(struct switch_core *core, struct request *request, enum content_field field) {
    struct answer answer = answer_of(REASON_ID_REUSED);
    answer.differs = field;
    send(core, request, &answer);
}

void answer_balance(struct switch_core *core, struct request *request) {
    struct answer answer = answer_of(request->refusal == REASON_UNSPECIFIED ? REASON_APPROVED : request->refusal);
    /* Who may not ask about this kind of credential is told only that. */
    if (request->refusal != REASON_CHANNEL_NOT_ALLOWED)
        add_limits(core, request, &answer);
    send(core, request, &answer);
}

void answer_at_once(struct switch_core *core, uint64_t reply_to, enum reason reason) {
    struct answer answer = answer_of(reason);
    answer.times.answered = core->now.tick;
    core->ports.answer(core->ports.shell, reply_to, &answer);
}
