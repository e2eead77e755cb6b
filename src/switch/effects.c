/* SPDX-License-Identifier: Apache-2.0 */
/* effects: what is on record already, and the counters must follow: what a settlement freed, an advice used, a hold
 * that expired. Counters of a newer epoch hold it, those of an older one are as good as gone; under its own epoch it is
 * counted once, by its id (DESIGN 5). A crash before that is put right by the audit. */
#include "switch/core.h"

/* Finds the counters. False: the directory knows none; then none can be told of it either. */
static bool aim(struct switch_core *core, struct request *request, const struct effect *effect) {
    return effect->epoch > 0 && core->ports.find_payer(core->ports.shell, &effect->payer, &request->account);
}

void effect_follow(struct switch_core *core, struct request *request, const struct effect *effect) {
    CHECK(request->is_answered);
    wheel_disarm(core, request);
    if (effect->amount_minor == 0 || !aim(core, request, effect)) {
        request_end(core, request);
        return;
    }
    request->effect = *effect;
    request->day = effect->day;
    request->asks = QUESTION_APPLY;
    request->step = STEP_ASK;
    request->floor_epoch = effect->epoch;
    flow_go(core, request);
}

void effect_follow_reversal(struct switch_core *core, struct request *request, const struct effect *effect) {
    CHECK(request->is_answered && effect->amount_minor <= 0);
    wheel_disarm(core, request);
    if (!aim(core, request, effect)) {
        request_end(core, request);
        return;
    }
    request->approved_minor = -effect->amount_minor;
    request->day = effect->day; /* of a late advice not its id's */
    request->asks = QUESTION_UNDO;
    request->step = STEP_ASK;
    request->floor_epoch = effect->epoch;
    request->had_row = true;
    flow_go(core, request);
}

/* COLD: a rebuild of the row's own epoch may be on its way, and that one has not read the row. The next one does. */
void effect_verdict(struct switch_core *core, struct request *request, const struct verdict *verdict) {
    if (verdict->kind == VERDICT_LOST)
        flow_wait(core, request);
    else if (verdict->kind == VERDICT_COLD)
        rebuild_await(core, request);
    else
        request_end(core, request);
}

void switch_effect(struct switch_core *core, struct moment now, const struct effect *effect) {
    core->now = now;
    struct request *request = request_take(core);
    if (request == NULL)
        return;
    request->work = WORK_EFFECT;
    request->is_answered = true;
    request->id = effect->id;
    request->day = effect->day;
    effect_follow(core, request, effect);
}
