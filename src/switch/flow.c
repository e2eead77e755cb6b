/* SPDX-License-Identifier: Apache-2.0 */
/* flow: from one stage to the next, while nobody has been answered. What comes for a request that was answered already
 * goes to undo.c. */
#include "switch/core.h"

/* How soon what could not be asked is tried again, when no service's return says so sooner. */
#define RETRY_US 10000

static struct month month_of_request(const struct request *request) {
    return month_of(request->day);
}

static void raise_floor_to_known(struct switch_core *core, struct request *request) {
    const struct warmth *known = warm_find(&core->warm, request->account.organisation, month_of_request(request));
    if (known != NULL && known->floor_epoch > request->floor_epoch)
        request->floor_epoch = known->floor_epoch;
}

/* Nothing is counted that could not be recorded: with either service away, the request waits. */
static bool can_ask(const struct switch_core *core) {
    return core->is_limits_up && core->is_record_up;
}

static bool ask(struct switch_core *core, struct request *request) {
    if (!can_ask(core))
        return false;
    /* The undo's floor is the epoch of the transaction that recorded it, and must stay that. */
    if (request->asks != QUESTION_UNDO)
        raise_floor_to_known(core, request);
    struct question question = {
        .kind = request->asks,
        .owner = request_slot(core, request),
        .organisation = request->account.organisation,
        .day = request->day,
        .id = request->id,
        .content = request->content,
        .amount_minor = request->amount_minor,
        .floor_epoch = request->floor_epoch,
        .refusal = request->refusal,
        .was_recorded = request->had_row,
        .limit_count = request->account.limit_count,
    };
    for (uint8_t i = 0; i < question.limit_count; i++)
        question.limits[i] = request->account.limits[i];
    return core->ports.ask(core->ports.shell, &question);
}

void flow_wait(struct switch_core *core, struct request *request) {
    if (request->stage != STAGE_WAITING)
        stage_move(request, STAGE_WAITING);
    list_append(core, &core->waiting, request);
    if (core->retry_at.us == INT64_MAX)
        core->retry_at.us = core->now.tick.us + RETRY_US;
}

void flow_ask(struct switch_core *core, struct request *request) {
    list_remove(core, request);
    if (ask(core, request))
        stage_move(request, request->asks == QUESTION_UNDO ? STAGE_LOWERING : STAGE_ASKING);
    else
        flow_wait(core, request);
}

void flow_retry_waiting(struct switch_core *core) {
    if (!can_ask(core))
        return;
    /* Those that have to wait again go to the end, so the list is walked once. */
    uint32_t last = core->waiting.last;
    while (core->waiting.first != NOBODY) {
        uint32_t slot = core->waiting.first;
        flow_ask(core, &core->requests[slot]);
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

static void append(struct switch_core *core, struct request *request) {
    if (request->appended_at.us == 0)
        request->appended_at = next_append(core);
    const struct entry entry = {
        .id = request->id,
        .month = month_of_request(request),
        .organisation = request->account.organisation,
        .epoch = request->epoch,
        .kind = ENTRY_PURCHASE,
        .amount_minor = request->amount_minor,
        .department = request->account.department,
        .traveller = request->account.traveller,
        .credit = request->account.credit,
        .client = request->client,
        .product = request->product,
        .place = request->place,
        .appended_at = request->appended_at,
    };
    /* The record has room for every request in the house. */
    CHECK(core->ports.append(core->ports.shell, &entry, request_slot(core, request)));
    stage_move(request, STAGE_RECORDING);
}

/* A refusal is told only when nobody has recorded the purchase meanwhile, and under counters that are still in force.
 */
static void check(struct switch_core *core, struct request *request, enum reason reason, int32_t epoch) {
    request->verdict_reason = reason;
    const struct check check = {
        .id = request->id,
        .month = month_of_request(request),
        .organisation = request->account.organisation,
        .epoch = epoch,
    };
    CHECK(core->ports.check(core->ports.shell, &check, request_slot(core, request)));
    stage_move(request, STAGE_CHECKING);
}

static void finish(struct switch_core *core, struct request *request, enum reason reason) {
    if (reason == REASON_APPROVED)
        answer_approved(core, request);
    else
        answer_reason(core, request, reason);
    request_release(core, request);
}

static void finish_id_reused(struct switch_core *core, struct request *request, enum content_field field) {
    answer_id_reused(core, request, field);
    request_release(core, request);
}

static void warm(struct switch_core *core, struct request *request) {
    struct month month = month_of_request(request);
    struct warmth *warmth = warm_get(&core->warm, request->account.organisation, month);
    if (warmth == NULL ||
        (!warmth->is_rebuilding && !core->ports.read_sums(core->ports.shell, warmth->organisation, month))) {
        flow_wait(core, request);
        return;
    }
    warmth->is_rebuilding = true;
    stage_move(request, STAGE_WARMING);
    list_append(core, &warmth->waiters, request);
}

static enum reason reason_of_refusing(const struct request *request, uint16_t refusing) {
    CHECK(refusing != 0);
    unsigned first = (unsigned)__builtin_ctz(refusing);
    CHECK(first < request->account.limit_count);
    return reason_of_limit(request->account.limits[first].kind);
}

static void take_spent(struct request *request, const struct verdict *verdict) {
    for (uint8_t i = 0; i < request->account.limit_count; i++)
        request->spent_minor[i] = verdict->spent_minor[i];
}

/* Of a refusal by a limit only the limits are remembered. */
static enum reason reason_of_memory(const struct request *request, const struct memory *memory) {
    if (memory->reason != REASON_UNSPECIFIED)
        return memory->reason;
    return request->refusing != 0 ? reason_of_refusing(request, request->refusing) : REASON_ORGANISATION_LIMIT;
}

static void known(struct switch_core *core, struct request *request, const struct verdict *verdict) {
    const struct memory *memory = &verdict->memory;
    enum content_field field = content_difference(&memory->content, &request->content);
    if (field != FIELD_NONE) {
        finish_id_reused(core, request, field);
        return;
    }
    request->is_repeat = true;
    switch (memory->kind) {
    case MEMORY_COUNTED:
        request->may_be_counted = true;
        append(core, request);
        break;
    case MEMORY_REFUSED:
        /* Departments may have come or gone since; a limit that is no more can't be told of. */
        request->refusing = memory->refusing & (uint16_t)((1u << request->account.limit_count) - 1);
        check(core, request, reason_of_memory(request, memory), verdict->epoch);
        break;
    case MEMORY_REVERSED:
        finish(core, request, REASON_REVERSED);
        break;
    }
}

void switch_verdict(struct switch_core *core, struct moment now, const struct verdict *verdict) {
    core->now = now;
    struct request *request = request_of(core, verdict->owner);
    if (request->is_answered) {
        undo_verdict(core, request, verdict);
        return;
    }
    CHECK(request->stage == STAGE_ASKING);
    request->epoch = verdict->epoch;
    switch (verdict->kind) {
    case VERDICT_COUNTED:
        take_spent(request, verdict);
        request->may_be_counted = true;
        append(core, request);
        break;
    case VERDICT_REFUSED:
        take_spent(request, verdict);
        request->refusing = verdict->refusing;
        check(core, request,
              request->refusal != REASON_UNSPECIFIED ? request->refusal
                                                     : reason_of_refusing(request, verdict->refusing),
              verdict->epoch);
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
        request_release(core, request);
        break;
    case VERDICT_COLD:
        /* An id from any time must not have the counters of any month built for it: the records alone are asked. */
        if (request->asks == QUESTION_RECALL)
            check(core, request, REASON_BAD_TIME, 0);
        else
            warm(core, request);
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
    struct warmth *warmth = warm_get(&core->warm, request->account.organisation, month_of_request(request));
    if (warmth != NULL && fence_epoch > warmth->floor_epoch)
        warmth->floor_epoch = fence_epoch;
    request->floor_epoch = fence_epoch;
    request->is_repeat = false;
    flow_ask(core, request);
}

static void exists(struct switch_core *core, struct request *request, const struct outcome *outcome) {
    enum content_field field = content_difference(&outcome->content, &request->content);
    if (field != FIELD_NONE) {
        finish_id_reused(core, request, field);
        return;
    }
    request->is_repeat = true;
    /* A check has only seen the row; approving on it takes the append, which confirms it. */
    if (request->stage == STAGE_CHECKING)
        append(core, request);
    else
        finish(core, request, REASON_APPROVED);
}

/* The key holds a tombstone: what was counted for this id is taken off again. */
static void reversed(struct switch_core *core, struct request *request) {
    bool was_appending = request->stage == STAGE_RECORDING;
    answer_reason(core, request, REASON_REVERSED);
    if (was_appending && request->may_be_counted)
        undo_lower(core, request, request->epoch, false);
    else
        request_release(core, request);
}

void switch_outcome(struct switch_core *core, struct moment now, const struct outcome *outcome) {
    core->now = now;
    struct request *request = request_of(core, outcome->owner);
    if (request->is_answered) {
        undo_outcome(core, request, outcome);
        return;
    }
    CHECK(request->stage == STAGE_RECORDING || request->stage == STAGE_CHECKING);
    switch (outcome->kind) {
    case OUTCOME_RECORDED:
        finish(core, request, REASON_APPROVED);
        break;
    case OUTCOME_EXISTS:
        exists(core, request, outcome);
        break;
    case OUTCOME_REVERSED:
        reversed(core, request);
        break;
    case OUTCOME_STALE:
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
    case OUTCOME_SETTLED:
    case OUTCOME_DECLINED:
    case OUTCOME_UNDONE:
        CHECK(!"an undo before the answer");
        break;
    }
}

/* Lets those go on who waited for an organisation's counters. */
static void release_waiters(struct switch_core *core, struct warmth *warmth, bool is_warm) {
    warmth->is_rebuilding = false;
    while (warmth->waiters.first != NOBODY) {
        struct request *request = &core->requests[warmth->waiters.first];
        list_remove(core, request);
        if (is_warm)
            flow_ask(core, request);
        else
            flow_wait(core, request);
    }
}

void switch_sums_read(struct switch_core *core, struct moment now, int32_t organisation, struct month month,
                      const struct sums *sums) {
    core->now = now;
    struct warmth *warmth = warm_find(&core->warm, organisation, month);
    CHECK(warmth != NULL && warmth->is_rebuilding);
    if (sums != NULL && sums->epoch > warmth->floor_epoch)
        warmth->floor_epoch = sums->epoch;
    if (sums == NULL || !core->ports.write_sums(core->ports.shell, sums))
        release_waiters(core, warmth, false);
}

void switch_sums_written(struct switch_core *core, struct moment now, int32_t organisation, struct month month,
                         int32_t epoch, bool is_written) {
    core->now = now;
    struct warmth *warmth = warm_find(&core->warm, organisation, month);
    CHECK(warmth != NULL && warmth->is_rebuilding && epoch <= warmth->floor_epoch);
    release_waiters(core, warmth, is_written);
}
