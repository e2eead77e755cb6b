/* SPDX-License-Identifier: Apache-2.0 */
/* pace: advices take what online requests leave of Redis and PostgreSQL. Those that were let in wait here, and only
 * `width` of them are under way at a time. The width follows how long online requests wait for their answers:
 *
 *   no more than one in ten for longer than `online_wait_us` ─▶ wider, a step a look
 *   more than that, or nobody is answered at all             ─▶ half
 *   there are no online requests                             ─▶ twice, up to all there is room for
 *
 * It never falls below a floor, so that a drain goes on however busy the switch is.
 *
 * Advices of one organisation begin together, for one call of Redis and neighbouring rows cost less than several; the
 * organisations take turns. */
#include "switch/core.h"

#define LOOK_US 10000
/* One online request in so many may wait for longer. */
#define LATE_SHARE 10
/* The floor, as a part of all advices that are let in. */
#define FLOOR_SHARE 64
/* Advices of one lane in its turn. */
#define TOGETHER 32

static uint32_t floor_of(const struct switch_core *core) {
    return 1 + core->settings.advice_capacity / FLOOR_SHARE;
}

void pace_init(struct switch_core *core) {
    core->pace = (struct pace){.width = floor_of(core)};
    for (uint32_t i = 0; i < PACE_LANES; i++)
        core->pace.lanes[i] = (struct list){NOBODY, NOBODY};
}

/* ---- how online requests fare ---- */

void pace_online_came(struct switch_core *core, struct request *request) {
    request->is_online = true;
    request->since = core->now.tick;
    if (core->pace.online++ == 0)
        core->pace.heard_at = core->now.tick;
}

void pace_online_answered(struct switch_core *core, struct request *request) {
    struct pace *pace = &core->pace;
    if (!request->is_online)
        return;
    request->is_online = false;
    pace->online--;
    pace->heard_at = core->now.tick;
    pace->answered++;
    pace->late += core->now.tick.us - request->since.us > core->settings.online_wait_us;
}

static void widen(struct switch_core *core, uint32_t by) {
    uint32_t most = core->settings.advice_capacity;
    uint32_t room = most > core->pace.width ? most - core->pace.width : 0;
    core->pace.width += by < room ? by : room;
}

static void narrow(struct switch_core *core) {
    uint32_t least = floor_of(core);
    core->pace.width = core->pace.width / 2 > least ? core->pace.width / 2 : least;
}

/* Nobody has been answered for so long that whoever comes next will have waited for too long. */
static bool is_stuck(const struct switch_core *core) {
    return core->pace.online > 0 && core->now.tick.us - core->pace.heard_at.us > core->settings.online_wait_us;
}

/* Without advices what was learnt grows old. What was not used up says nothing about what there is room for. */
static void judge(struct switch_core *core) {
    const struct pace *pace = &core->pace;
    bool has_advices = pace->under_way > 0 || pace->has_begun;
    if (is_stuck(core) || pace->late > pace->answered / LATE_SHARE || (!has_advices && pace->answered > 0))
        narrow(core);
    else if (pace->waiting == 0)
        return;
    else if (pace->answered > 0)
        widen(core, floor_of(core));
    else if (pace->online == 0)
        widen(core, pace->width);
}

static void look(struct switch_core *core) {
    struct pace *pace = &core->pace;
    if (core->now.tick.us - pace->looked_at.us < LOOK_US)
        return;
    judge(core);
    pace->looked_at = core->now.tick;
    pace->answered = pace->late = 0;
    pace->has_begun = false;
}

/* ---- advices ---- */

void pace_advice(struct switch_core *core, struct request *request) {
    struct pace *pace = &core->pace;
    pace->waiting++;
    request->awaits_turn = true;
    stage_move(request, STAGE_WAITING);
    list_append(core, &pace->lanes[(uint32_t)request->account.organisation % PACE_LANES], request);
}

void pace_advice_ended(struct switch_core *core, const struct request *request) {
    core->pace.waiting -= request->awaits_turn;
    core->pace.under_way -= request->is_paced;
}

bool pace_is_due(const struct switch_core *core) {
    return core->pace.waiting > 0 && core->pace.under_way < core->pace.width;
}

static void begin(struct switch_core *core, struct request *request) {
    struct pace *pace = &core->pace;
    pace->waiting--;
    pace->under_way++;
    pace->has_begun = true;
    request->awaits_turn = false;
    request->is_paced = true;
    advice_begin(core, request);
}

static void begin_next(struct switch_core *core) {
    struct pace *pace = &core->pace;
    const struct list *lane = &pace->lanes[pace->turn];
    if (lane->first == NOBODY || pace->taken == TOGETHER) {
        pace->turn = (pace->turn + 1) % PACE_LANES;
        pace->taken = 0;
        return;
    }
    pace->taken++;
    begin(core, &core->requests[lane->first]);
}

void pace_tick(struct switch_core *core) {
    look(core);
    while (pace_is_due(core))
        begin_next(core);
}
