/* SPDX-License-Identifier: Apache-2.0 */
/* flow: from one stage to the next, while nobody has been answered. What comes for a request that was answered already
 * goes to undo.c, effects.c or stand_in.c. */
#include "switch/core.h"

/* How soon what could not be asked is tried again, when no service's return says so sooner. */
#define RETRY_US 10000

struct month flow_month(const struct request *request) {
    return month_of(request->day);
}

static void raise_floor_to_known(struct switch_core *core, struct request *request) {
    const struct warmth *known = warm_find(&core->warm, request->account.organisation, flow_month(request));
    if (known != NULL && known->floor_epoch > request->floor_epoch)
        request->floor_epoch = known->floor_epoch;
}

/* Nothing is counted that could not be recorded: with no place to record it, the request waits. */
static bool can_ask(const struct switch_core *core, const struct request *request) {
    if (!core->is_limits_up)
        return false;
    switch (request->asks) {
    case QUESTION_AUTHORIZE:
        return core->is_record_up || core->is_journal_up;
    case QUESTION_RECALL:
    case QUESTION_SPENT:
        return core->is_record_up;
    case QUESTION_UNDO:
    case QUESTION_APPLY:
        return true;
    }
    return false;
}

static bool is_follow_up(const struct request *request) {
    return request->asks == QUESTION_UNDO || request->asks == QUESTION_APPLY;
}

/* What is asked about a request of its own, and what of an effect that follows one. */
static struct question question_of(const struct switch_core *core, const struct request *request) {
    bool is_apply = request->asks == QUESTION_APPLY;
    struct question question = {
        .kind = request->asks,
        .owner = request_slot(core, request),
        .organisation = request->account.organisation,
        .day = is_apply ? request->effect.day : request->day,
        .id = is_apply ? request->effect.id : request->id,
        .content = request->content,
        .amount_minor = is_apply                         ? request->effect.amount_minor
                        : request->asks == QUESTION_UNDO ? request->approved_minor
                                                         : request->amount_minor,
        .floor_epoch = request->floor_epoch,
        .refusal = request->refusal,
        .was_recorded = request->had_row,
        .allows_partial = request->allows_partial,
        .tap_window_us = request->tap_window_us,
        .limit_count = request->account.limit_count,
    };
    for (uint8_t i = 0; i < question.limit_count; i++)
        question.limits[i] = request->account.limits[i];
    return question;
}

bool flow_look_again(struct switch_core *core, struct request *request) {
    const struct account *then = &request->account;
    const struct payer payer = {then->organisation, then->department, then->traveller, then->credit};
    struct account account;
    if (!core->ports.find_payer(core->ports.shell, &payer, &account))
        return false;
    request->account = account;
    return true;
}

/* What waited is counted by the tree of departments that there is now, and only if its credit may still buy. False: the
 * directory can't say, or knows of moves that the core has yet to be told of. */
static bool is_up_to_date(struct switch_core *core, struct request *request) {
    if (request->stage != STAGE_FREE) {
        if (!flow_look_again(core, request))
            return false;
        if (request->refusal == REASON_UNSPECIFIED && request->account.standing != REASON_APPROVED)
            request->refusal = request->account.standing;
    }
    return request->account.moves <= core->moves_told;
}

static bool ask(struct switch_core *core, struct request *request) {
    if (!can_ask(core, request))
        return false;
    if (request->asks == QUESTION_AUTHORIZE) {
        if (!is_up_to_date(core, request))
            return false;
        if (rebuild_is_owed(core, request)) {
            rebuild_await(core, request);
            return true;
        }
    }
    /* A follow-up's floor is the epoch of the transaction that recorded it, and must stay that. */
    if (!is_follow_up(request))
        raise_floor_to_known(core, request);
    const struct question question = question_of(core, request);
    if (!core->ports.ask(core->ports.shell, &question))
        return false;
    stage_move(request, is_follow_up(request) ? STAGE_FOLLOWING : STAGE_ASKING);
    request->times.asked = core->now.tick;
    return true;
}

void flow_wait(struct switch_core *core, struct request *request) {
    if (request->stage != STAGE_WAITING)
        stage_move(request, STAGE_WAITING);
    list_append(core, &core->waiting, request);
    if (core->retry_at.us == INT64_MAX)
        core->retry_at.us = core->now.tick.us + RETRY_US;
}

void flow_go(struct switch_core *core, struct request *request) {
    list_remove(core, request);
    bool is_gone = false;
    switch (request->step) {
    case STEP_ASK:
        is_gone = ask(core, request);
        break;
    case STEP_APPEND:
        is_gone = core->is_record_up;
        if (is_gone)
            flow_append(core, request);
        break;
    case STEP_SETTLE:
        is_gone = core->is_record_up && settle_begin(core, request);
        break;
    case STEP_YIELD:
        is_gone = undo_yield(core, request);
        break;
    }
    if (!is_gone)
        flow_wait(core, request);
}

void flow_retry_waiting(struct switch_core *core) {
    /* Those that have to wait again go to the end, so the list is walked once. */
    uint32_t last = core->waiting.last;
    while (core->waiting.first != NOBODY) {
        uint32_t slot = core->waiting.first;
        flow_go(core, &core->requests[slot]);
        if (slot == last)
            break;
    }
}

/* By it a row is known to be this request's own, so no two requests of this core may have the same. */
static struct instant next_append(struct switch_core *core) {
    int64_t now_us = core->now.instant.us;
    core->last_append.us = now_us > core->last_append.us ? now_us : core->last_append.us + 1;
    return core->last_append;
}

struct entry flow_entry(struct switch_core *core, struct request *request) {
    if (request->appended_at.us == 0)
        request->appended_at = next_append(core);
    return (struct entry){
        .id = request->id,
        .month = flow_month(request),
        .organisation = request->account.organisation,
        .epoch = request->epoch,
        .kind = request->kind,
        .flags = request->flags,
        .amount_minor = request->approved_minor,
        .department = request->account.department,
        .traveller = request->account.traveller,
        .credit = request->account.credit,
        .client = request->client,
        .product = request->product,
        .place = request->place,
        .appended_at = request->appended_at,
        .expires_at = request->expires_at,
    };
}

void flow_append(struct switch_core *core, struct request *request) {
    const struct entry entry = flow_entry(core, request);
    /* The record has room for every request in the house. */
    CHECK(core->ports.append(core->ports.shell, &entry, request_slot(core, request)));
    stage_move(request, STAGE_RECORDING);
    if (request->work != WORK_AUTHORIZE)
        return;
    request->recording_since = core->now.tick;
    list_append(core, &core->recording, request);
}

/* It is counted: now it must be kept, by PostgreSQL, or by the journal while that is away. */
static void keep(struct switch_core *core, struct request *request) {
    if (stand_in_is_on(core) && stand_in_vouch(core, request)) {
        stage_move(request, STAGE_JOURNALING);
        return;
    }
    if (core->is_record_up)
        flow_append(core, request);
    else
        flow_wait(core, request);
}

/* A refusal is told only when nobody has recorded the purchase meanwhile, and under counters that are still in force.
 */
static void check(struct switch_core *core, struct request *request, enum reason reason, int32_t epoch) {
    request->verdict_reason = reason;
    if (stand_in_is_on(core)) {
        /* Nobody can say now whether it was approved elsewhere. */
        answer_reason(core, request, REASON_UNAVAILABLE);
        request_end(core, request);
        return;
    }
    const struct check check = {
        .id = request->id,
        .month = flow_month(request),
        .organisation = request->account.organisation,
        .epoch = epoch,
    };
    CHECK(core->ports.check(core->ports.shell, &check, request_slot(core, request)));
    stage_move(request, STAGE_CHECKING);
}

static void finish(struct switch_core *core, struct request *request, enum reason reason) {
    if (reason == REASON_APPROVED)
        answer_approved(core, request, SAFETY_COMMITTED);
    else if (reason == REASON_ID_REUSED)
        answer_id_reused(core, request, request->differs);
    else
        answer_reason(core, request, reason);
    request_end(core, request);
}

static enum reason reason_of_refusing(const struct request *request, uint16_t refusing) {
    CHECK(refusing != 0);
    unsigned first = (unsigned)__builtin_ctz(refusing);
    CHECK(first < request->account.limit_count);
    return reason_of_limit(request->account.limits[first].kind);
}

static void take_approved(struct request *request, int64_t approved_minor) {
    request->approved_minor = approved_minor;
    if (approved_minor < request->amount_minor)
        request->flags |= ENTRY_PARTIAL;
}

static void take_spent(struct request *request, const struct verdict *verdict) {
    for (uint8_t i = 0; i < request->account.limit_count; i++)
        request->spent_minor[i] = verdict->spent_minor[i];
}

static enum reason reason_of_refusal(const struct request *request, const struct verdict *verdict) {
    if (request->refusal != REASON_UNSPECIFIED)
        return request->refusal;
    return verdict->reason != REASON_UNSPECIFIED ? verdict->reason : reason_of_refusing(request, verdict->refusing);
}

/* Of a refusal by a limit only the limits are remembered. */
static enum reason reason_of_memory(const struct request *request, const struct memory *memory) {
    if (memory->reason != REASON_UNSPECIFIED)
        return memory->reason;
    return request->refusing != 0 ? reason_of_refusing(request, request->refusing) : REASON_ORGANISATION_LIMIT;
}

enum content_field flow_difference(const struct request *request, const struct content *content,
                                   int64_t approved_minor) {
    struct content wanted = request->content;
    /* The records know only what was approved of what was asked. */
    if (request->allows_partial && content->amount_minor == approved_minor && approved_minor <= wanted.amount_minor)
        wanted.amount_minor = approved_minor;
    return content_difference(content, &wanted);
}

/* What a divided Redis remembers may be the content that the records have turned away. While they are away, the id has
 * another content as far as anybody can say. */
static void refuse_reuse(struct switch_core *core, struct request *request, int32_t epoch) {
    if (stand_in_is_on(core))
        finish(core, request, REASON_ID_REUSED);
    else
        check(core, request, REASON_ID_REUSED, epoch);
}

static void known(struct switch_core *core, struct request *request, const struct verdict *verdict) {
    const struct memory *memory = &verdict->memory;
    request->is_repeat = !request->may_be_remembered;
    /* What was reversed before it came is remembered without what it was. */
    if (memory->kind == MEMORY_REVERSED) {
        finish(core, request, REASON_REVERSED);
        return;
    }
    request->differs = flow_difference(request, &memory->content, memory->approved_minor);
    if (request->differs != FIELD_NONE) {
        request->remembered_minor = memory->approved_minor;
        refuse_reuse(core, request, verdict->epoch);
        return;
    }
    if (memory->kind == MEMORY_COUNTED) {
        request->may_be_counted = true;
        take_approved(request, memory->approved_minor == 0 ? request->amount_minor : memory->approved_minor);
        keep(core, request);
        return;
    }
    /* Departments may have come or gone since; a limit that is no more can't be told of. */
    request->refusing = memory->refusing & (uint16_t)((1u << request->account.limit_count) - 1);
    check(core, request, reason_of_memory(request, memory), verdict->epoch);
}

/* Whether the limits may remember from now on that this request asked. */
static bool leaves_memory(const struct request *request, const struct verdict *verdict) {
    bool is_done =
        verdict->kind == VERDICT_COUNTED || verdict->kind == VERDICT_REFUSED || verdict->kind == VERDICT_LOST;
    return is_done && request->asks == QUESTION_AUTHORIZE;
}

void switch_verdict(struct switch_core *core, struct moment now, const struct verdict *verdict) {
    core->now = now;
    struct request *request = request_of(core, verdict->owner);
    if (request->owes_claim) {
        stand_in_claim_verdict(core, request, verdict);
        return;
    }
    if (request->stage == STAGE_FOLLOWING) {
        effect_verdict(core, request, verdict);
        return;
    }
    if (request->stage == STAGE_YIELDING) {
        undo_claim_verdict(core, request, verdict);
        return;
    }
    if (request->is_answered) {
        undo_verdict(core, request, verdict);
        return;
    }
    CHECK(request->stage == STAGE_ASKING);
    request->times.told = core->now.tick;
    request->epoch = verdict->epoch;
    request->refusing = 0; /* asked again, it may be refused by no limit, or have other limits */
    if (request->work == WORK_ADVICE && verdict->kind != VERDICT_COLD) {
        advice_verdict(core, request, verdict);
        return;
    }
    request->may_be_remembered |= leaves_memory(request, verdict);
    switch (verdict->kind) {
    case VERDICT_COUNTED:
        take_spent(request, verdict);
        request->may_be_counted = true;
        take_approved(request, verdict->approved_minor);
        keep(core, request);
        break;
    case VERDICT_REFUSED:
        take_spent(request, verdict);
        request->refusing = verdict->refusing;
        check(core, request, reason_of_refusal(request, verdict), verdict->epoch);
        break;
    case VERDICT_KNOWN:
        take_spent(request, verdict);
        known(core, request, verdict);
        break;
    case VERDICT_UNKNOWN:
        check(core, request, REASON_BAD_TIME, 0);
        break;
    case VERDICT_DONE:
        take_spent(request, verdict);
        answer_balance(core, request);
        request_end(core, request);
        break;
    case VERDICT_COLD:
        /* An id from any time must not have the counters of any month built for it: the records alone are asked. */
        if (request->asks == QUESTION_RECALL)
            check(core, request, REASON_BAD_TIME, 0);
        else
            rebuild_await(core, request);
        break;
    case VERDICT_LOST:
        if (request->asks == QUESTION_AUTHORIZE && request->refusal == REASON_UNSPECIFIED)
            request->may_be_counted = true;
        flow_wait(core, request);
        break;
    }
}

/* Counted, or refused, under counters that have been replaced: once more, and never again under those. */
static void stale(struct switch_core *core, struct request *request, int32_t fence_epoch) {
    struct warmth *warmth = warm_get(&core->warm, request->account.organisation, flow_month(request));
    if (warmth != NULL && fence_epoch > warmth->floor_epoch)
        warmth->floor_epoch = fence_epoch;
    request->floor_epoch = fence_epoch;
    request->is_repeat = false;
    flow_go(core, request);
}

/* Of a partial approval the records do not know what was asked for. A Redis that remembers the same approval does. */
static bool asked_for_another(const struct request *request, const struct outcome *outcome) {
    bool is_remembered = (outcome->flags & ENTRY_PARTIAL) != 0 && request->remembered_minor == outcome->amount_minor;
    return is_remembered && request->stage == STAGE_CHECKING && request->verdict_reason == REASON_ID_REUSED &&
           request->differs == FIELD_AMOUNT;
}

static void exists(struct switch_core *core, struct request *request, const struct outcome *outcome) {
    if (asked_for_another(request, outcome)) {
        finish(core, request, REASON_ID_REUSED);
        return;
    }
    bool is_partial = (outcome->flags & ENTRY_PARTIAL) != 0;
    request->differs = flow_difference(request, &outcome->content, is_partial ? outcome->amount_minor : 0);
    if (request->differs != FIELD_NONE) {
        finish(core, request, REASON_ID_REUSED);
        return;
    }
    request->is_repeat = true;
    request->refusing = 0;
    take_approved(request, outcome->amount_minor);
    /* A check has only seen the row; approving on it takes the append, which confirms it. */
    if (request->stage == STAGE_CHECKING)
        flow_append(core, request);
    else
        finish(core, request, REASON_APPROVED);
}

static void reversed(struct switch_core *core, struct request *request, const struct outcome *outcome) {
    bool was_appending = request->stage == STAGE_RECORDING;
    answer_reason(core, request, REASON_REVERSED);
    if (was_appending && undo_is_owed(request, outcome))
        undo_lower(core, request, request->epoch, false);
    else
        request_end(core, request);
}

static void authorize_outcome(struct switch_core *core, struct request *request, const struct outcome *outcome) {
    CHECK(request->stage == STAGE_RECORDING || request->stage == STAGE_CHECKING);
    switch (outcome->kind) {
    case OUTCOME_RECORDED:
        finish(core, request, REASON_APPROVED);
        break;
    case OUTCOME_EXISTS:
        exists(core, request, outcome);
        break;
    case OUTCOME_REVERSED:
        reversed(core, request, outcome);
        break;
    case OUTCOME_STALE:
        if (request->owes_journal)
            stage_move(request, STAGE_JOURNALING); /* what the journal says of it holds */
        else
            stale(core, request, outcome->epoch);
        break;
    case OUTCOME_ABSENT:
        CHECK(request->stage == STAGE_CHECKING);
        finish(core, request, request->verdict_reason);
        break;
    case OUTCOME_REFUSED: /* quarantined: an operator's matter, and for the traveller as if the switch were away */
        answer_reason(core, request, REASON_UNAVAILABLE);
        undo_begin(core, request);
        break;
    case OUTCOME_UNDONE:
    case OUTCOME_SETTLED:
    case OUTCOME_DECLINED:
        CHECK(!"an outcome of another ask");
        break;
    }
}

void switch_outcome(struct switch_core *core, struct moment now, const struct outcome *outcome) {
    core->now = now;
    struct request *request = request_of(core, outcome->owner);
    if (request->stage == STAGE_RECORDING)
        list_remove(core, request);
    bool is_approval = outcome->kind == OUTCOME_RECORDED && !request->is_answered;
    if (request->owes_claim && !is_approval) {
        request->put_by = *outcome;
        request->has_put_by = true;
        return;
    }
    switch (request->work) {
    case WORK_AUTHORIZE:
        if (request->is_journaled)
            stand_in_outcome(core, request, outcome);
        else if (request->is_answered)
            undo_outcome(core, request, outcome);
        else
            authorize_outcome(core, request, outcome);
        break;
    case WORK_ADVICE:
        advice_outcome(core, request, outcome);
        break;
    case WORK_SETTLE:
        settle_outcome(core, request, outcome);
        break;
    case WORK_DRAIN:
        stand_in_drain_outcome(core, request, outcome);
        break;
    case WORK_BALANCE:
    case WORK_EFFECT:
        CHECK(!"nothing was asked of the record");
        break;
    }
}
