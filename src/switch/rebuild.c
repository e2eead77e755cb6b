/* SPDX-License-Identifier: Apache-2.0 */
/* rebuild: an organisation's month is counted anew from the records, once for all who wait for it (DESIGN 5): because
 * its counters are cold, ahead of need, because the audit found them wrong, or because a department has moved.
 *
 * A move raises the fence in its own transaction, but the directory hears of it a moment later. What is counted in that
 * moment goes by the old tree, perhaps under counters that were built by the new one. So once the directory has the
 * move, and before anything is counted by the new tree, the counters are built anew: what was recorded is summed by the
 * new tree, and what was not is stale. */
#include "switch/core.h"

/* For so long after its end a month may be bought in, as sql/0003_tree.sql has it. */
#define DAY_US (24 * 3600 * INT64_C(1000000))

static bool begin(struct switch_core *core, struct warmth *warmth, bool from_rows) {
    if (warmth->is_rebuilding)
        return true;
    warmth->is_rebuilding = core->ports.read_sums(core->ports.shell, warmth->organisation, warmth->month, from_rows);
    if (warmth->is_rebuilding && warmth->move == MOVE_HEARD)
        warmth->move = MOVE_REBUILDING;
    return warmth->is_rebuilding;
}

void rebuild_await(struct switch_core *core, struct request *request) {
    struct warmth *warmth = warm_get(&core->warm, request->account.organisation, flow_month(request));
    if (warmth == NULL || !begin(core, warmth, false)) {
        flow_wait(core, request);
        return;
    }
    stage_move(request, STAGE_WARMING);
    list_append(core, &warmth->waiters, request);
}

/* In stand-in nothing can be built; what counts too little then is within what the journals may vouch for. */
bool rebuild_is_owed(struct switch_core *core, const struct request *request) {
    const struct warmth *known = warm_find(&core->warm, request->account.organisation, flow_month(request));
    return known != NULL && known->move != MOVE_NONE && !stand_in_is_on(core);
}

/* Lets those go on who waited. Some may have to wait again, and go to the end, so the list is walked once. */
static void release_waiters(struct switch_core *core, struct warmth *warmth, bool is_warm) {
    uint32_t last = warmth->waiters.last;
    while (warmth->waiters.first != NOBODY) {
        uint32_t slot = warmth->waiters.first;
        struct request *request = &core->requests[slot];
        list_remove(core, request);
        if (is_warm)
            flow_go(core, request);
        else
            flow_wait(core, request);
        if (slot == last)
            break;
    }
}

static void end(struct switch_core *core, struct warmth *warmth, bool is_warm) {
    warmth->is_rebuilding = false;
    if (warmth->move == MOVE_REBUILDING)
        warmth->move = is_warm ? MOVE_NONE : MOVE_HEARD;
    else if (warmth->move == MOVE_HEARD)
        begin(core, warmth, false); /* this one may have been written before the move was heard of */
    release_waiters(core, warmth, is_warm);
}

void switch_sums_read(struct switch_core *core, struct moment now, int32_t organisation, struct month month,
                      const struct sums *sums) {
    core->now = now;
    struct warmth *warmth = warm_find(&core->warm, organisation, month);
    CHECK(warmth != NULL && warmth->is_rebuilding);
    if (sums != NULL && sums->epoch > warmth->floor_epoch)
        warmth->floor_epoch = sums->epoch;
    if (sums == NULL || !core->ports.write_sums(core->ports.shell, sums))
        end(core, warmth, false);
}

void switch_sums_written(struct switch_core *core, struct moment now, int32_t organisation, struct month month,
                         int32_t epoch, bool is_written) {
    core->now = now;
    struct warmth *warmth = warm_find(&core->warm, organisation, month);
    CHECK(warmth != NULL && warmth->is_rebuilding && epoch <= warmth->floor_epoch);
    end(core, warmth, is_written);
}

static void rebuild(struct switch_core *core, int32_t organisation, struct month month, bool from_rows) {
    struct warmth *warmth = warm_get(&core->warm, organisation, month);
    if (warmth != NULL)
        begin(core, warmth, from_rows);
}

void switch_rebuild(struct switch_core *core, struct moment now, int32_t organisation, struct month month) {
    core->now = now;
    rebuild(core, organisation, month, true);
}

void switch_prepare(struct switch_core *core, struct moment now, int32_t organisation, struct month month) {
    core->now = now;
    rebuild(core, organisation, month, false);
}

/* One that can't begin now is begun by the next purchase, or by the audit. */
static void moved(struct switch_core *core, int32_t organisation, struct month month) {
    struct warmth *warmth = warm_get(&core->warm, organisation, month);
    if (warmth == NULL)
        return;
    warmth->move = MOVE_HEARD;
    begin(core, warmth, false);
}

void switch_moved(struct switch_core *core, struct moment now, int32_t organisation) {
    core->now = now;
    const int64_t apart_us[] = {-DAY_US, 0, core->settings.time_window_us};
    struct month before = {0};
    for (size_t i = 0; i < sizeof apart_us / sizeof apart_us[0]; i++) {
        struct month month = month_of(calendar_day(&core->calendar, (struct instant){now.instant.us + apart_us[i]}));
        if (month.yyyymm != before.yyyymm)
            moved(core, organisation, month);
        before = month;
    }
}

void switch_moves_told(struct switch_core *core, struct moment now, uint64_t moves) {
    core->now = now;
    core->moves_told = moves;
    flow_retry_waiting(core);
}
