/* SPDX-License-Identifier: Apache-2.0 */
/* What follows a purchase or hold: the answers to captures, voids and refunds (I1, I3, I4), and what the rows of one
 * hold or purchase add up to (DOMAIN F7, S16). */
#include "checker/ledger.h"

/* ---- answers ---- */

static bool is_settlement(const struct operation *operation) {
    return operation->call == CALL_CAPTURE || operation->call == CALL_VOID || operation->call == CALL_REFUND;
}

static enum entry_kind kind_of(enum call call) {
    return call == CALL_CAPTURE ? ENTRY_CAPTURE : call == CALL_VOID ? ENTRY_VOID : ENTRY_REFUND;
}

static bool same_settlement(const struct operation *one, const struct operation *other) {
    return one->call == other->call && one->client == other->client && one->amount_minor == other->amount_minor &&
           one->is_final == other->is_final && request_id_equal(&one->original, &other->original);
}

static const struct recorded *row_of(const struct story *story, enum entry_kind kind) {
    for (size_t i = 0; i < story->rows.count; i++)
        if (story->rows.at[i]->kind == kind)
            return story->rows.at[i];
    return NULL;
}

static const struct operation *first_approved(const struct story *story) {
    const struct operation *first = NULL;
    for (size_t i = 0; i < story->operations.count; i++) {
        const struct operation *operation = story->operations.at[i];
        if (is_settlement(operation) && is_approved(operation) &&
            (first == NULL || operation->answered_us < first->answered_us))
            first = operation;
    }
    return first;
}

static void check_settled(struct ledger *ledger, const struct story *story, const struct operation *approved) {
    const struct recorded *row = row_of(story, kind_of(approved->call));
    if (row == NULL) {
        ledger_break(ledger, 1, "what %s settles was approved, and is not on record", id_text(&story->id));
        return;
    }
    if (!request_id_equal(&row->original, &approved->original))
        ledger_break(ledger, 1, "%s settles %s, and %s on record", id_text(&story->id), id_text(&approved->original),
                     id_text(&row->original));
    bool has_amount = approved->call == CALL_CAPTURE || approved->call == CALL_REFUND;
    if (has_amount && row->settled_minor != approved->approved_minor)
        ledger_break(ledger, 1, "%s was approved for %lld, and %lld is on record", id_text(&story->id),
                     (long long)approved->approved_minor, (long long)row->settled_minor);
    if (approved->amount_minor != 0 && has_amount && approved->approved_minor != approved->amount_minor)
        ledger_break(ledger, 1, "%s asked for %lld and was approved for %lld", id_text(&story->id),
                     (long long)approved->amount_minor, (long long)approved->approved_minor);
}

static void check_repeats(struct ledger *ledger, const struct story *story, const struct operation *approved) {
    for (size_t i = 0; i < story->operations.count; i++) {
        const struct operation *repeat = story->operations.at[i];
        if (!is_settlement(repeat) || !repeat->is_answered || repeat->decision == DECISION_FAILED)
            continue;
        bool is_same = same_settlement(repeat, approved);
        bool is_after = repeat->sent_us > approved->answered_us;
        if (is_approved(repeat) && (!is_same || repeat->approved_minor != approved->approved_minor))
            ledger_break(ledger, 3, "%s was approved twice, not the same", id_text(&story->id));
        struct story original = ledger_story(ledger, &repeat->original);
        bool may_be_reversed = repeat->reason == REASON_REVERSED && story_reverse(&original) != NULL;
        if (is_same && is_after && !is_approved(repeat) && !may_be_reversed)
            ledger_break(ledger, 3, "%s was approved, and its repeat heard %s", id_text(&story->id),
                         reason_name(repeat->reason));
    }
}

/* A settlement declined for what may change (its original is not there yet) may be approved later; one that was never
 * anything but declined has no row. */
static void check_declined(struct ledger *ledger, const struct story *story) {
    for (size_t i = 0; i < story->operations.count; i++) {
        const struct operation *operation = story->operations.at[i];
        if (!is_settlement(operation) || !operation->is_answered || operation->decision != DECISION_DECLINED)
            return;
    }
    for (size_t i = 0; i < story->rows.count; i++)
        ledger_break(ledger, 4, "%s was declined, and has a row", id_text(&story->id));
}

static void check_asked(struct ledger *ledger, const struct story *story) {
    static const enum entry_kind kinds[] = {ENTRY_CAPTURE, ENTRY_VOID, ENTRY_REFUND};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (row_of(story, kinds[i]) != NULL && story->operations.count == 0)
            ledger_break(ledger, 3, "%s is on record, and nobody asked for it", id_text(&story->id));
}

void check_settlements(struct ledger *ledger, const struct story *story) {
    check_asked(ledger, story);
    bool is_any = false;
    for (size_t i = 0; i < story->operations.count; i++)
        is_any |= is_settlement(story->operations.at[i]);
    if (!is_any)
        return;
    const struct operation *approved = first_approved(story);
    if (approved == NULL) {
        check_declined(ledger, story);
        return;
    }
    check_settled(ledger, story, approved);
    check_repeats(ledger, story, approved);
}

/* ---- lives ---- */

struct life {
    int64_t captured_minor, refunded_minor;
    int64_t freed_minor; /* by voids, expiries and final captures */
    bool is_closed, is_reversed;
    size_t voids, expiries;
};

static struct life life_of(const struct story *story) {
    struct life life = {0};
    for (size_t i = 0; i < story->effects.count; i++) {
        const struct recorded *row = story->effects.at[i].row;
        bool is_closing = row->kind == ENTRY_VOID || row->kind == ENTRY_EXPIRY;
        life.captured_minor += row->kind == ENTRY_CAPTURE ? row->settled_minor : 0;
        life.refunded_minor += row->kind == ENTRY_REFUND ? row->settled_minor : 0;
        life.freed_minor -= is_closing || row->kind == ENTRY_CAPTURE ? row->amount_minor : 0;
        life.is_closed |= is_closing || (row->kind == ENTRY_CAPTURE && row->amount_minor != 0);
        life.is_reversed |= row->kind == ENTRY_REVERSAL;
        life.voids += row->kind == ENTRY_VOID;
        life.expiries += row->kind == ENTRY_EXPIRY;
    }
    return life;
}

static void check_hold(struct ledger *ledger, const struct recorded *hold, const struct life *life) {
    const char *name = id_text(&hold->id);
    if (life->captured_minor > hold->amount_minor)
        ledger_break(ledger, INVARIANT_OF_LIVES, "hold %s of %lld has captures of %lld", name,
                     (long long)hold->amount_minor, (long long)life->captured_minor);
    if (life->voids + life->expiries > 1)
        ledger_break(ledger, INVARIANT_OF_LIVES, "hold %s was let go %zu times", name, life->voids + life->expiries);
    if (life->is_closed && life->captured_minor + life->freed_minor != hold->amount_minor)
        ledger_break(ledger, INVARIANT_OF_LIVES, "hold %s of %lld: %lld captured and %lld freed is not the whole", name,
                     (long long)hold->amount_minor, (long long)life->captured_minor, (long long)life->freed_minor);
    const struct history *history = ledger->history;
    bool is_overdue = history->ended_us != 0 && hold->expires_us != 0 &&
                      hold->expires_us + history->expiry_lateness_us < history->ended_us;
    if (is_overdue && !life->is_closed && !life->is_reversed && life->captured_minor < hold->amount_minor)
        ledger_break(ledger, INVARIANT_OF_LIVES, "hold %s has expired long ago, and still counts", name);
}

void check_life(struct ledger *ledger, const struct story *story) {
    const struct recorded *main = story_main(story);
    if (main == NULL) {
        for (size_t i = 0; i < story->effects.count; i++)
            if (story->effects.at[i].row->amount_minor != 0)
                ledger_break(ledger, INVARIANT_OF_LIVES, "%s follows %s, which is not on record",
                             id_text(&story->effects.at[i].row->id), id_text(&story->id));
        return;
    }
    struct life life = life_of(story);
    if (main->kind == ENTRY_HOLD)
        check_hold(ledger, main, &life);
    int64_t paid_minor = main->kind == ENTRY_HOLD ? life.captured_minor : main->amount_minor;
    if (life.refunded_minor > paid_minor)
        ledger_break(ledger, INVARIANT_OF_LIVES, "%lld was paid by %s, and %lld refunded", (long long)paid_minor,
                     id_text(&main->id), (long long)life.refunded_minor);
    if (story_net(story) < 0)
        ledger_break(ledger, INVARIANT_OF_LIVES, "%s gives back more than it took: %lld", id_text(&main->id),
                     (long long)story_net(story));
}

/* ---- I7, I8 ---- */

void check_lateness(struct ledger *ledger) {
    for (size_t i = 0; i < ledger->operations.count; i++) {
        const struct operation *operation = ledger->operations.at[i];
        if (!operation->is_answered || operation->timeout_us == 0)
            continue;
        int64_t late_us = operation->answered_us - operation->sent_us - operation->timeout_us;
        if (late_us > ledger->history->lateness_us)
            ledger_break(ledger, operation->reason == REASON_BUSY ? 8 : 7,
                         "%s was answered %s %lld us after its deadline", id_text(&operation->id),
                         reason_name(operation->reason), (long long)late_us);
    }
}
