/* SPDX-License-Identifier: Apache-2.0 */
/* advice: a purchase that a device approved by itself (DOMAIN F2). It has happened, so it is recorded whatever the
 * limits say. They are asked first only to mark what did not fit; the record has it before the counters, which follow.
 */
#include "switch/core.h"

/* The accounting month is the event's while that is open, else the current one (DOMAIN F2). A device's clock may be far
 * ahead; a little ahead it is the id's month in which another node may have authorized it, by its own clock. */
static void choose_month(struct switch_core *core, struct request *request) {
    struct instant lately = {core->now.instant.us - core->settings.month_open_us};
    struct day today = calendar_day(&core->calendar, core->now.instant);
    int32_t oldest = month_of(calendar_day(&core->calendar, lately)).yyyymm;
    int32_t newest = arrival_newest_month(core).yyyymm;
    int32_t wanted = month_of(request->day).yyyymm;
    if (wanted >= oldest && wanted <= newest)
        return;
    request->day = today;
    request->flags |= ENTRY_LATE;
}

static enum reason refusal_at_once(struct switch_core *core, struct request *request, const struct advise *advise) {
    if (!currency_equal(advise->amount.currency, core->settings.currency))
        return REASON_CURRENCY_MISMATCH;
    if (!core->ports.find_account(core->ports.shell, &advise->credential, &request->account))
        return REASON_UNKNOWN_CREDENTIAL;
    enum reason refusal = arrival_refusal(&request->account, advise->client_channels);
    if (refusal == REASON_CHANNEL_NOT_ALLOWED)
        return refusal;
    if (refusal != REASON_UNSPECIFIED)
        request->flags |= ENTRY_FORCED;
    return REASON_UNSPECIFIED;
}

/* Without Redis nobody knows whether it fits; what is on record is rebuilt from there. */
static enum step first_step(const struct switch_core *core) {
    return core->is_limits_up ? STEP_ASK : STEP_APPEND;
}

void advice_begin(struct switch_core *core, struct request *request) {
    request->step = first_step(core);
    flow_go(core, request);
}

void switch_advise(struct switch_core *core, struct moment now, const struct advise *advise) {
    core->now = now;
    CHECK(advise->amount.minor > 0 && request_id_is_v7(&advise->id));
    bool has_room = core->advices < core->settings.advice_capacity;
    struct request *request = has_room ? request_take(core) : NULL;
    if (request == NULL) {
        answer_at_once(core, advise->reply_to, REASON_BUSY);
        return;
    }
    core->advices++;
    request->work = WORK_ADVICE;
    request->kind = ENTRY_ADVICE;
    request->asks = QUESTION_SPENT;
    request->reply_to = advise->reply_to;
    request->id = advise->id;
    request->credential = advise->credential;
    request->product = advise->product;
    request->place = advise->place;
    request->amount_minor = request->approved_minor = advise->amount.minor;
    request->client = advise->client;
    request->day = calendar_day(&core->calendar, request_id_time(&advise->id));
    choose_month(core, request);
    enum reason reason = refusal_at_once(core, request, advise);
    if (reason != REASON_UNSPECIFIED) {
        answer_reason(core, request, reason);
        request_end(core, request);
        return;
    }
    /* The same tap told of twice, by an authorization and an advice, is one purchase. */
    request->content = arrival_content(request, ENTRY_PURCHASE);
    wheel_arm(core, request, arrival_due_at(core, advise->timeout_us));
    pace_advice(core, request);
}

static bool fits(const struct request *request, const struct verdict *verdict) {
    for (uint8_t i = 0; i < request->account.limit_count; i++) {
        int64_t ceiling_minor = request->account.limits[i].ceiling_minor;
        if (ceiling_minor != LIMIT_COUNTED_ONLY && verdict->spent_minor[i] + request->amount_minor > ceiling_minor)
            return false;
    }
    return true;
}

void advice_verdict(struct switch_core *core, struct request *request, const struct verdict *verdict) {
    if (verdict->kind == VERDICT_DONE && !fits(request, verdict))
        request->flags |= ENTRY_FORCED;
    request->epoch = 0;
    request->step = STEP_APPEND;
    flow_go(core, request);
}

static void follow(struct switch_core *core, struct request *request, int32_t recorded_epoch) {
    const struct effect effect = {
        .id = request->id,
        .day = request->day,
        .payer = {request->account.organisation, request->account.department, request->account.traveller,
                  request->account.credit},
        .amount_minor = request->amount_minor,
        .epoch = recorded_epoch,
    };
    effect_follow(core, request, &effect);
}

static void exists(struct switch_core *core, struct request *request, const struct outcome *outcome) {
    enum content_field field = content_difference(&outcome->content, &request->content);
    request->is_repeat = true;
    if (field == FIELD_NONE) {
        request->flags = outcome->flags;
        answer_approved(core, request, SAFETY_COMMITTED);
    } else {
        answer_id_reused(core, request, field);
    }
}

void advice_outcome(struct switch_core *core, struct request *request, const struct outcome *outcome) {
    CHECK(request->stage == STAGE_RECORDING);
    bool is_told = request->is_answered;
    switch (outcome->kind) {
    case OUTCOME_RECORDED:
        if (!is_told)
            answer_approved(core, request, SAFETY_COMMITTED);
        follow(core, request, outcome->recorded_epoch);
        return;
    case OUTCOME_EXISTS:
        if (!is_told)
            exists(core, request, outcome);
        break;
    case OUTCOME_REVERSED:
        if (!is_told)
            answer_reason(core, request, REASON_REVERSED);
        /* The row may be this request's, whose commit it never heard of: the reversal reckons with its count. */
        if (reversal_reckons_with(request, outcome)) {
            follow(core, request, outcome->recorded_epoch);
            return;
        }
        break;
    case OUTCOME_REFUSED:
        if (!is_told)
            answer_reason(core, request, REASON_UNAVAILABLE);
        break;
    case OUTCOME_STALE:
    case OUTCOME_ABSENT:
    case OUTCOME_UNDONE:
    case OUTCOME_SETTLED:
    case OUTCOME_DECLINED:
        CHECK(!"an outcome of another ask");
        break;
    }
    request_end(core, request);
}
