/* SPDX-License-Identifier: Apache-2.0 */
/* stand_in: PostgreSQL is away, or owes an answer for too long; the journal of this node keeps purchases instead
 * (DESIGN 7). They were counted before, so no limit is passed by it while those counters stand: what is built anew
 * meanwhile, by an audit too, is without them (docs/guarantees.md).
 *
 *   counted ─claimed─▶ JOURNALING ─safe─▶ approved, JOURNALED ─▶ gone; later: drain ─▶ RECORDING ─▶ FOLLOWING ─▶
 * drained RECORDING, owed for too long ─▶ the journal as well: whichever says first that it is safe makes the answer
 *
 * What is both in the journal and in a batch that PostgreSQL has yet to answer is one row all the same, by its key. */
#include "switch/core.h"

bool stand_in_is_on(const struct switch_core *core) {
    return core->is_journal_up && (!core->is_record_up || core->overdue.first != NOBODY);
}

#define VOUCH 'J'

bool stand_in_vouch(struct switch_core *core, struct request *request) {
    CHECK(!request->owes_claim && !request->owes_journal);
    flow_entry(core, request); /* the claim bears the mark of its row */
    request->owes_claim = claim_ask(core, request, VOUCH);
    return request->owes_claim;
}

static void journal(struct switch_core *core, struct request *request) {
    const struct entry entry = flow_entry(core, request);
    request->owes_journal = core->ports.journal(core->ports.shell, &entry, request_slot(core, request));
}

/* Somebody else's copy is vouched for, or is being undone: this one can do neither. */
static void give_way(struct switch_core *core, struct request *request) {
    if (!request->is_answered)
        answer_reason(core, request, REASON_UNAVAILABLE);
    request_end(core, request);
}

/* Nobody but the journal is left to be asked. */
static void claimed_alone(struct switch_core *core, struct request *request, enum claim claim) {
    if (request->is_over) {
        request_end(core, request);
    } else if (claim == CLAIM_ANOTHERS) {
        give_way(core, request);
    } else if (request->is_answered) {
        undo_begin(core, request);
    } else {
        if (claim == CLAIM_MINE)
            journal(core, request);
        if (!request->owes_journal)
            flow_wait(core, request);
    }
}

void stand_in_claim_verdict(struct switch_core *core, struct request *request, const struct verdict *verdict) {
    request->owes_claim = false;
    enum claim claim = claim_of(request, verdict);
    request->is_vouched |= claim == CLAIM_MINE;
    if (request->has_put_by) {
        request->has_put_by = false;
        switch_outcome(core, core->now, &request->put_by);
    } else if (request->stage == STAGE_JOURNALING) {
        claimed_alone(core, request, claim);
    } else if (request->stage == STAGE_RECORDING && claim == CLAIM_MINE && !request->is_answered) {
        journal(core, request);
    }
}

static bool is_overdue(const struct switch_core *core, const struct request *request) {
    return !core->is_record_up || core->now.tick.us - request->recording_since.us >= core->settings.stand_in_after_us;
}

void stand_in_tick(struct switch_core *core) {
    if (core->settings.stand_in_after_us == 0 || !core->is_journal_up)
        return;
    while (core->recording.first != NOBODY) {
        struct request *request = &core->requests[core->recording.first];
        if (!is_overdue(core, request))
            return;
        list_remove(core, request);
        list_append(core, &core->overdue, request);
        if (!request->is_answered && !request->owes_claim)
            stand_in_vouch(core, request);
    }
}

struct tick stand_in_next_tick(const struct switch_core *core) {
    if (core->recording.first == NOBODY || core->settings.stand_in_after_us == 0 || !core->is_journal_up)
        return (struct tick){INT64_MAX};
    const struct request *oldest = &core->requests[core->recording.first];
    return (struct tick){oldest->recording_since.us + core->settings.stand_in_after_us};
}

/* The client has heard DEADLINE: what the journal took must not come to count. */
static bool call_off(struct switch_core *core, struct request *request) {
    struct entry entry = flow_entry(core, request);
    entry.kind = ENTRY_REVERSAL;
    request->owes_journal = core->ports.journal(core->ports.shell, &entry, request_slot(core, request));
    request->is_calling_off = request->owes_journal;
    return request->owes_journal;
}

static void journaled(struct switch_core *core, struct request *request) {
    request->is_journaled = true;
    answer_approved(core, request, SAFETY_JOURNALED);
}

/* Nothing but the journal's word was missing. */
static void alone(struct switch_core *core, struct request *request, bool is_safe) {
    if (request->is_over) {
        request_end(core, request);
    } else if (request->is_answered) {
        if (is_safe && call_off(core, request))
            stage_move(request, STAGE_CALLING_OFF);
        else
            undo_begin(core, request);
    } else if (is_safe) {
        journaled(core, request);
        request_end(core, request);
    } else {
        flow_wait(core, request);
    }
}

void switch_journaled(struct switch_core *core, struct moment now, uint32_t owner, bool is_safe) {
    core->now = now;
    struct request *request = request_of(core, owner);
    CHECK(request->owes_journal);
    request->owes_journal = false;
    bool was_calling_off = request->is_calling_off;
    request->is_calling_off = false;
    if (request->stage == STAGE_JOURNALING) {
        alone(core, request, is_safe);
    } else if (request->stage == STAGE_CALLING_OFF) {
        if (is_safe)
            request_end(core, request); /* the drain takes it off the counters */
        else
            undo_begin(core, request);
    } else if (request->stage == STAGE_RECORDING && is_safe && !was_calling_off) {
        if (!request->is_answered)
            journaled(core, request);
        else
            call_off(core, request);
    }
}

void stand_in_outcome(struct switch_core *core, struct request *request, const struct outcome *outcome) {
    /* A reversal by the client came first; else the row is there, or the drain brings it. */
    if (outcome->kind == OUTCOME_REVERSED && undo_is_owed(request, outcome))
        undo_lower(core, request, request->epoch, false);
    else
        request_end(core, request);
}

/* ---- the drain ---- */

static void fill_drained(struct request *request, const struct entry *entry, uint64_t ticket) {
    request->work = WORK_DRAIN;
    request->is_answered = true;
    request->is_vouched = true;
    request->may_be_counted = true;
    request->ticket = ticket;
    request->kind = entry->kind;
    request->flags = (uint8_t)(entry->flags | ENTRY_STAND_IN);
    request->allows_partial = (entry->flags & ENTRY_PARTIAL) != 0;
    request->id = entry->id;
    request->epoch = entry->epoch;
    request->client = entry->client;
    request->product = entry->product;
    request->place = entry->place;
    request->amount_minor = request->approved_minor = entry->amount_minor;
    request->appended_at = entry->appended_at;
    request->expires_at = entry->expires_at;
}

bool switch_drain(struct switch_core *core, struct moment now, const struct entry *entry, uint64_t ticket) {
    core->now = now;
    const struct payer payer = {entry->organisation, entry->department, entry->traveller, entry->credit};
    struct account account;
    bool is_record_well = core->is_record_up && core->overdue.first == NOBODY;
    if (!is_record_well || core->drains >= core->settings.advice_capacity ||
        !core->ports.find_payer(core->ports.shell, &payer, &account))
        return false;
    struct request *request = request_take(core);
    if (request == NULL)
        return false;
    core->drains++;
    fill_drained(request, entry, ticket);
    request->account = account;
    /* What the directory says of now is for the counters; the row says what was so then. */
    request->account.organisation = entry->organisation;
    request->account.department = entry->department;
    request->account.traveller = entry->traveller;
    request->account.credit = entry->credit;
    request->day = calendar_day(&core->calendar, request_id_time(&entry->id));
    request->content = arrival_content(request, entry->kind);
    if (entry->kind == ENTRY_REVERSAL)
        undo_begin(core, request);
    else
        flow_append(core, request);
    return true;
}

/* Recorded under the epoch it was counted under, it is in the counters. Under a later one they were built anew without
 * it.
 */
static void drained_row(struct switch_core *core, struct request *request, int32_t recorded_epoch) {
    if (recorded_epoch <= request->epoch) {
        request_end(core, request);
        return;
    }
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

void stand_in_drain_outcome(struct switch_core *core, struct request *request, const struct outcome *outcome) {
    switch (outcome->kind) {
    case OUTCOME_RECORDED:
        drained_row(core, request, outcome->recorded_epoch);
        break;
    case OUTCOME_REVERSED:
        if (undo_is_owed(request, outcome))
            undo_lower(core, request, request->epoch, false);
        else if (reversal_reckons_with(request, outcome))
            drained_row(core, request, outcome->recorded_epoch);
        else
            request_end(core, request);
        break;
    case OUTCOME_UNDONE:
        undo_outcome(core, request, outcome);
        break;
    case OUTCOME_EXISTS:  /* a retry had it recorded */
    case OUTCOME_REFUSED: /* quarantined: a person must look */
        request_end(core, request);
        break;
    case OUTCOME_STALE:
    case OUTCOME_ABSENT:
    case OUTCOME_SETTLED:
    case OUTCOME_DECLINED:
        CHECK(!"an outcome of another ask");
        break;
    }
}
