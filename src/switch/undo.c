/* SPDX-License-Identifier: Apache-2.0 */
/* undo: in time or undone (I7). Once DEADLINE has been told, what the request did is taken back: first in PostgreSQL (a
 * tombstone, or a reversal of the row), then in Redis, so that a crash in between leaves the counters too high and
 * never too low. The slot is kept until both have said so; what they still owe is awaited first. */
#include "switch/core.h"

static void undo(struct switch_core *core, struct request *request) {
    const struct undo undo = {
        .id = request->id,
        .month = month_of(request->day),
        .organisation = request->account.organisation,
        .client = request->client,
        .appended_at = request->appended_at,
    };
    CHECK(core->ports.undo(core->ports.shell, &undo, request_slot(core, request)));
    stage_move(request, STAGE_UNDOING);
}

#define YIELD 'U'

/* A copy that a journal vouches for on another node must not be undone by this one (claims.c). */
void undo_begin(struct switch_core *core, struct request *request) {
    CHECK(request->is_answered);
    if (!request->may_be_counted) {
        request_end(core, request);
    } else if (request->is_vouched || core->settings.stand_in_after_us == 0) {
        undo(core, request);
    } else {
        request->step = STEP_YIELD;
        flow_go(core, request);
    }
}

bool undo_yield(struct switch_core *core, struct request *request) {
    if (!claim_ask(core, request, YIELD))
        return false;
    stage_move(request, STAGE_YIELDING);
    return true;
}

/* Who also waits to undo it does no harm. */
static bool is_vouched_elsewhere(const struct request *request, const struct verdict *verdict) {
    return claim_of(request, verdict) == CLAIM_ANOTHERS && verdict->memory.content.kind != YIELD;
}

void undo_claim_verdict(struct switch_core *core, struct request *request, const struct verdict *verdict) {
    if (verdict->kind == VERDICT_LOST)
        flow_wait(core, request);
    else if (verdict->kind == VERDICT_COLD)
        rebuild_await(core, request); /* nothing is claimed: a journal may still vouch for it */
    else if (is_vouched_elsewhere(request, verdict))
        request_end(core, request);
    else
        undo(core, request);
}

static bool owes_nothing(enum stage stage) {
    return stage == STAGE_WAITING || stage == STAGE_WARMING;
}

void undo_due(struct switch_core *core, struct request *request) {
    bool is_away = !core->is_limits_up || !core->is_record_up;
    answer_reason(core, request, is_away ? REASON_UNAVAILABLE : REASON_DEADLINE);
    if (owes_nothing(request->stage)) {
        list_remove(core, request);
        undo_begin(core, request);
    }
}

bool undo_is_owed(const struct request *request, const struct outcome *outcome) {
    return request->may_be_counted && outcome->recorded_epoch == 0;
}

bool reversal_reckons_with(const struct request *request, const struct outcome *outcome) {
    return outcome->recorded_epoch != 0 && outcome->recorded_month.yyyymm == month_of(request->day).yyyymm &&
           content_difference(&outcome->content, &request->content) == FIELD_NONE;
}

void undo_lower(struct switch_core *core, struct request *request, int32_t fence_epoch, bool had_row) {
    CHECK(request->is_answered);
    wheel_disarm(core, request);
    request->asks = QUESTION_UNDO;
    request->step = STEP_ASK;
    request->floor_epoch = fence_epoch;
    request->had_row = had_row;
    /* Its own epoch's counters have it where it was counted; later ones where its row's department lies now. */
    if (fence_epoch != request->epoch)
        flow_look_again(core, request);
    flow_go(core, request);
}

void undo_outcome(struct switch_core *core, struct request *request, const struct outcome *outcome) {
    switch (outcome->kind) {
    case OUTCOME_RECORDED:
    case OUTCOME_STALE:
        undo_begin(core, request);
        break;
    case OUTCOME_REFUSED: /* the undo too: quarantined, and what is counted stays so until the audit */
        if (request->stage == STAGE_UNDOING)
            request_end(core, request);
        else
            undo_begin(core, request);
        break;
    case OUTCOME_EXISTS: /* another's row: that it was a repeat is all this request did */
    case OUTCOME_ABSENT:
        if (request->stage == STAGE_CHECKING)
            undo_begin(core, request);
        else
            request_end(core, request);
        break;
    case OUTCOME_REVERSED:
        if (request->stage == STAGE_RECORDING && undo_is_owed(request, outcome))
            undo_lower(core, request, request->epoch, false);
        else
            request_end(core, request);
        break;
    case OUTCOME_SETTLED:
    case OUTCOME_DECLINED:
        CHECK(!"nothing was settled");
        break;
    case OUTCOME_UNDONE:
        if (outcome->is_kept || outcome->epoch == 0) {
            request_end(core, request);
            break;
        }
        /* Somebody else may have reversed it, after a refund of a part. */
        if (outcome->had_row)
            request->approved_minor = outcome->amount_minor;
        /* Of what is long ago the counters may have forgotten that they followed it. So no more is taken off than they
         * remember: too high is put right by the audit, too low would let a limit be passed. */
        undo_lower(core, request, outcome->epoch, outcome->had_row && !outcome->is_long_ago);
        break;
    }
}

void undo_verdict(struct switch_core *core, struct request *request, const struct verdict *verdict) {
    CHECK(request->stage == STAGE_ASKING);
    bool counted = verdict->kind == VERDICT_COUNTED || verdict->kind == VERDICT_LOST ||
                   (verdict->kind == VERDICT_KNOWN && verdict->memory.kind == MEMORY_COUNTED);
    if (verdict->kind == VERDICT_COUNTED)
        request->approved_minor = verdict->approved_minor;
    if (counted && request->asks == QUESTION_AUTHORIZE &&
        (verdict->kind != VERDICT_KNOWN ||
         flow_difference(request, &verdict->memory.content, verdict->memory.approved_minor) == FIELD_NONE))
        request->may_be_counted = true;
    undo_begin(core, request);
}
