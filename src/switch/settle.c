/* SPDX-License-Identifier: Apache-2.0 */
/* settle: capture, void, refund, reversal. PostgreSQL decides, under a lock of the original; the client is told when it
 * has committed; then the counters follow. One that misses its deadline is not undone: it moves nothing that was not
 * approved before, and the same request under the same id tells how it ended. */
#include "switch/core.h"

bool settle_begin(struct switch_core *core, struct request *request) {
    if (!core->ports.settle(core->ports.shell, &request->settlement, request_slot(core, request)))
        return false;
    stage_move(request, STAGE_SETTLING);
    return true;
}

/* Which of them it is goes by where the original is recorded: an advice may have come late, or early. */
static void choose_months(struct switch_core *core, struct settlement *refund) {
    struct instant lately = {core->now.instant.us - core->settings.month_open_us};
    refund->open_month = month_of(calendar_day(&core->calendar, lately));
    refund->charged_month = month_of(calendar_day(&core->calendar, core->now.instant));
}

/* What a device whose clock is ahead told of is looked for in the month before its id's at the earliest; an id of a
 * later month is found nowhere. An old one may be of an advice that comes late, however old it is. */
static bool is_too_far_ahead(struct switch_core *core, const struct request *request) {
    return month_of(request->day).yyyymm > month_after(arrival_newest_month(core)).yyyymm;
}

static enum reason refusal_at_once(struct switch_core *core, struct request *request, const struct settle *settle) {
    if (settle->has_credential && !core->ports.find_account(core->ports.shell, &settle->credential, &request->account))
        return REASON_UNKNOWN_CREDENTIAL;
    return is_too_far_ahead(core, request) ? REASON_BAD_TIME : REASON_UNSPECIFIED;
}

static void fill_settlement(struct switch_core *core, struct request *request, const struct settle *settle) {
    struct settlement *settlement = &request->settlement;
    *settlement = (struct settlement){
        .kind = settle->kind,
        .id = settle->id,
        .original = settle->original,
        .month = month_of(request->day),
        .organisation = request->account.organisation,
        .client = settle->client,
        .is_any_clients = settle->is_any_clients,
        .amount_minor = settle->amount_minor,
        .is_final = settle->is_final,
        .appended_at = core->now.instant,
    };
    if (settle->kind == ENTRY_REFUND)
        choose_months(core, settlement);
}

void switch_settle(struct switch_core *core, struct moment now, const struct settle *settle) {
    core->now = now;
    CHECK(request_id_is_v7(&settle->original) && settle->amount_minor >= 0);
    CHECK(settle->kind != ENTRY_REVERSAL || settle->has_credential);
    struct request *request = request_take(core);
    if (request == NULL) {
        answer_at_once(core, settle->reply_to, REASON_BUSY);
        return;
    }
    request->work = WORK_SETTLE;
    pace_online_came(core, request);
    request->step = STEP_SETTLE;
    request->reply_to = settle->reply_to;
    request->id = settle->original;
    request->client = settle->client;
    request->day = calendar_day(&core->calendar, request_id_time(&settle->original));
    enum reason reason = refusal_at_once(core, request, settle);
    if (reason != REASON_UNSPECIFIED) {
        answer_reason(core, request, reason);
        request_end(core, request);
        return;
    }
    fill_settlement(core, request, settle);
    wheel_arm(core, request, arrival_due_at(core, settle->timeout_us));
    flow_go(core, request);
}

/* The reversal came first. Its id is remembered as reversed, so that no journal approves the purchase when that comes;
 * what was counted for it meanwhile, however much, is taken off. */
static void follow_tombstone(struct switch_core *core, struct request *request, int32_t fence_epoch) {
    if (fence_epoch == 0) {
        request_end(core, request);
        return;
    }
    request->approved_minor = MONEY_MAX_MINOR;
    undo_lower(core, request, fence_epoch, false);
}

/* A repeat's too: nobody may have heard that the first was done. The counters follow an effect once, by its id; one
 * that is older than their memory comes without an amount. */
static void follow(struct switch_core *core, struct request *request, const struct outcome *outcome) {
    if (outcome->is_tombstone)
        follow_tombstone(core, request, outcome->effect.epoch);
    else if (request->settlement.kind == ENTRY_REVERSAL)
        effect_follow_reversal(core, request, &outcome->effect);
    else
        effect_follow(core, request, &outcome->effect);
}

void settle_outcome(struct switch_core *core, struct request *request, const struct outcome *outcome) {
    CHECK(request->stage == STAGE_SETTLING);
    bool is_told = request->is_answered;
    switch (outcome->kind) {
    case OUTCOME_SETTLED:
        if (!is_told)
            answer_settled(core, request, outcome);
        follow(core, request, outcome);
        return;
    case OUTCOME_DECLINED:
        if (!is_told)
            answer_not_settled(core, request, outcome);
        break;
    case OUTCOME_REFUSED:
        if (!is_told)
            answer_reason(core, request, REASON_UNAVAILABLE);
        break;
    case OUTCOME_RECORDED:
    case OUTCOME_EXISTS:
    case OUTCOME_REVERSED:
    case OUTCOME_STALE:
    case OUTCOME_ABSENT:
    case OUTCOME_UNDONE:
        CHECK(!"an outcome of another ask");
        break;
    }
    request_end(core, request);
}
