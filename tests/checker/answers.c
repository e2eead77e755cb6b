/* SPDX-License-Identifier: Apache-2.0 */
/* One id of a purchase, hold or advice: all its copies, its reversals, and its rows. */
#include "checker/ledger.h"

#include <string.h>

/* What an answer commits the switch to. */
enum word {
    WORD_NONE, /* nothing was heard, or FAILED: no answer */
    WORD_APPROVED,
    WORD_DECLINED, /* and remembered: no copy may ever be approved */
    WORD_PASSING,  /* declined for what may change: an unknown credential, a clock that is off */
    WORD_REVERSED,
    WORD_REUSED,
};

static enum word word_of(const struct operation *operation) {
    if (!operation->is_answered || operation->decision == DECISION_FAILED)
        return WORD_NONE;
    if (operation->decision == DECISION_APPROVED)
        return WORD_APPROVED;
    switch ((int)operation->reason) {
    case REASON_REVERSED:
        return WORD_REVERSED;
    case REASON_ID_REUSED:
        return WORD_REUSED;
    case REASON_UNKNOWN_CREDENTIAL:
    case REASON_BAD_TIME:
    case REASON_INVALID_AMOUNT:
    case REASON_CURRENCY_MISMATCH:
    case REASON_INVALID_ID:
    case REASON_CALL_NOT_ALLOWED:
        return WORD_PASSING;
    default:
        return WORD_DECLINED;
    }
}

/* Whether an attempt may have been undone by the switch itself, or may have stood though nobody was told. */
static bool is_open_end(const struct operation *operation) {
    return !operation->is_answered || (operation->decision == DECISION_FAILED && operation->reason != REASON_BUSY);
}

static bool is_copy(const struct operation *operation) {
    return operation->call == CALL_AUTHORIZE || operation->call == CALL_ADVISE;
}

static bool same_credential(const struct credential *one, const struct credential *other) {
    if (one->kind != other->kind)
        return false;
    return one->kind == CREDENTIAL_CARD ? one->card == other->card : memcmp(one->app, other->app, sizeof one->app) == 0;
}

/* A purchase and its advice are one tap, told of twice. */
static bool same_content(const struct operation *one, const struct operation *other) {
    return is_copy(one) == is_copy(other) && one->client == other->client && one->amount_minor == other->amount_minor &&
           one->is_hold == other->is_hold && same_credential(&one->credential, &other->credential);
}

/* What the copies of one id heard. */
struct hearing {
    const struct operation *approved, *declined, *advised; /* the first of each; NULL: none */
    const struct operation *reverse;
    const struct operation *reversed; /* the first acknowledged reversal */
    size_t copies, without_decision, timed_out, unanswered, passing;
};

static struct hearing hear(const struct story *story) {
    struct hearing heard = {.reverse = story_reverse(story)};
    for (size_t i = 0; i < story->operations.count; i++) {
        const struct operation *operation = story->operations.at[i];
        enum word word = word_of(operation);
        if (operation->call == CALL_REVERSE && word == WORD_APPROVED &&
            (heard.reversed == NULL || operation->answered_us < heard.reversed->answered_us))
            heard.reversed = operation;
        if (!is_copy(operation))
            continue;
        heard.copies++;
        heard.unanswered += !operation->is_answered;
        heard.without_decision += word == WORD_NONE;
        heard.timed_out += operation->is_answered && is_open_end(operation);
        heard.passing += word == WORD_PASSING || word == WORD_REUSED;
        if (word == WORD_APPROVED && (heard.approved == NULL || operation->answered_us < heard.approved->answered_us))
            heard.approved = operation;
        if (word == WORD_DECLINED && heard.declined == NULL && operation->call == CALL_AUTHORIZE)
            heard.declined = operation;
        if (operation->call == CALL_ADVISE && heard.advised == NULL)
            heard.advised = operation;
    }
    return heard;
}

/* ---- I3 ---- */

/* A reversal that was asked for, or another attempt that the switch may have undone. */
static bool may_be_reversed(const struct story *story, const struct operation *told) {
    for (size_t i = 0; i < story->operations.count; i++) {
        const struct operation *other = story->operations.at[i];
        if (other != told && other->sent_us < told->answered_us &&
            (other->call == CALL_REVERSE || (is_copy(other) && is_open_end(other))))
            return true;
    }
    return false;
}

static bool differs_from_another(const struct story *story, const struct operation *told) {
    for (size_t i = 0; i < story->operations.count; i++) {
        const struct operation *other = story->operations.at[i];
        if (other != told && other->call != CALL_REVERSE && other->sent_us < told->answered_us &&
            !same_content(told, other))
            return true;
    }
    return false;
}

/* The records know of a partial approval what was approved, and no more what was asked for. */
static bool is_amount_forgotten(const struct ledger *ledger, const struct operation *copy,
                                const struct operation *first) {
    struct operation as_first = *copy;
    as_first.amount_minor = first->amount_minor;
    return ledger->history->redis_was_lost && copy->allows_partial && first->allows_partial &&
           copy->approved_minor < copy->amount_minor && same_content(&as_first, first);
}

static void check_approval(struct ledger *ledger, const struct operation *copy, const struct operation *first) {
    bool is_same = same_content(copy, first);
    bool is_forgotten = !is_same && is_amount_forgotten(ledger, copy, first);
    ledger->verdict->forgotten_amounts += is_forgotten;
    if (!is_same && !is_forgotten)
        ledger_break(ledger, 3, "%s was approved with two contents", id_text(&copy->id));
    else if (copy->approved_minor != first->approved_minor)
        ledger_break(ledger, 3, "%s was approved for %lld and for %lld", id_text(&copy->id),
                     (long long)first->approved_minor, (long long)copy->approved_minor);
    if (copy->safety == SAFETY_NONE)
        ledger_break(ledger, 1, "%s was approved with nothing to vouch for it", id_text(&copy->id));
    bool is_whole = copy->approved_minor == copy->amount_minor;
    bool is_part = copy->allows_partial && copy->approved_minor > 0 && copy->approved_minor < copy->amount_minor;
    if (!is_whole && !is_part)
        ledger_break(ledger, 1, "%s asked for %lld and was approved for %lld", id_text(&copy->id),
                     (long long)copy->amount_minor, (long long)copy->approved_minor);
}

/* A copy that was sent when another had been approved. */
static void check_after_approval(struct ledger *ledger, const struct hearing *heard, const struct operation *copy) {
    enum word word = word_of(copy);
    const char *name = id_text(&copy->id);
    bool is_same = same_content(copy, heard->approved);
    if (is_same && (word == WORD_PASSING || word == WORD_REUSED))
        ledger_break(ledger, 3, "%s was approved, and its repeat heard %s", name, reason_name(copy->reason));
    if (!is_same && word == WORD_DECLINED)
        ledger_break(ledger, 3, "%s was approved, and other content under it heard %s, not ID_REUSED", name,
                     reason_name(copy->reason));
}

static void check_copy(struct ledger *ledger, const struct story *story, const struct hearing *heard,
                       const struct operation *copy) {
    enum word word = word_of(copy);
    if (word == WORD_APPROVED)
        check_approval(ledger, copy, heard->approved);
    if (heard->approved != NULL && heard->approved->answered_us < copy->sent_us)
        check_after_approval(ledger, heard, copy);
    if (word == WORD_REVERSED && !may_be_reversed(story, copy))
        ledger_break(ledger, 3, "%s heard REVERSED, and nobody asked for that", id_text(&copy->id));
    if (word == WORD_REVERSED && heard->approved != NULL && heard->reverse == NULL)
        ledger_break(ledger, 3, "%s was approved to one copy and REVERSED to another, and nobody asked for that",
                     id_text(&copy->id));
    if (word == WORD_REUSED && !differs_from_another(story, copy))
        ledger_break(ledger, 3, "%s heard ID_REUSED, and it had one content", id_text(&copy->id));
}

/* A journal may not know what PostgreSQL knows: what it approves past a reversal is drained to nothing. */
static void check_after_reversal(struct ledger *ledger, const struct operation *copy) {
    if (copy->safety == SAFETY_JOURNALED)
        ledger->verdict->journaled_after_reversal++;
    else
        ledger_break(ledger, 6, "%s was reversed, and approved afterwards", id_text(&copy->id));
}

/* REVERSED is the last word, and so is an acknowledged reversal. */
static void check_order(struct ledger *ledger, const struct story *story, const struct hearing *heard) {
    int64_t reversed_us = heard->reversed != NULL ? heard->reversed->answered_us : INT64_MAX;
    for (size_t i = 0; i < story->operations.count; i++) {
        const struct operation *copy = story->operations.at[i];
        if (is_copy(copy) && word_of(copy) == WORD_REVERSED && copy->answered_us < reversed_us)
            reversed_us = copy->answered_us;
    }
    for (size_t i = 0; i < story->operations.count; i++) {
        const struct operation *copy = story->operations.at[i];
        if (is_copy(copy) && word_of(copy) == WORD_APPROVED && copy->sent_us > reversed_us)
            check_after_reversal(ledger, copy);
    }
}

/* What an id did is forgotten when Redis is lost. What waits in a journal is, too, when the counters are built anew, as
 * an audit does where nodes were lost (docs/guarantees.md). */
static bool may_be_turned(const struct ledger *ledger, const struct recorded *row) {
    const struct history *history = ledger->history;
    bool was_journaled = row != NULL && (row->flags & ENTRY_STAND_IN) != 0;
    return history->redis_was_lost || (was_journaled && history->nodes_were_lost);
}

static void check_decisions(struct ledger *ledger, const struct story *story, const struct hearing *heard) {
    for (size_t i = 0; i < story->operations.count; i++)
        if (is_copy(story->operations.at[i]))
            check_copy(ledger, story, heard, story->operations.at[i]);
    /* A device's advice is recorded whatever was answered before it (DOMAIN F2). */
    if (heard->approved == NULL || heard->declined == NULL || heard->advised != NULL)
        return;
    if (may_be_turned(ledger, story_main(story)))
        ledger->verdict->turned_declines++;
    else
        ledger_break(ledger, 3, "%s was approved to one copy, and to another %s", id_text(&story->id),
                     reason_name(heard->declined->reason));
}

/* ---- I1, I4, I6, I7: what stands in the end ---- */

static bool has_reversal(const struct story *story) {
    for (size_t i = 0; i < story->rows.count; i++)
        if (is_tombstone(story->rows.at[i]))
            return true;
    for (size_t i = 0; i < story->effects.count; i++)
        if (story->effects.at[i].row->kind == ENTRY_REVERSAL)
            return true;
    return false;
}

static void check_approved_stands(struct ledger *ledger, const struct story *story, const struct hearing *heard) {
    const struct recorded *row = story_main(story);
    /* Called off while still in a journal, it needs no row any more. */
    bool may_be_missing = heard->reverse != NULL && story_committed_us(story) == INT64_MAX;
    if (row == NULL && !may_be_missing)
        ledger_break(ledger, 1, "%s was approved, and is not on record", id_text(&story->id));
    if (row != NULL && row->amount_minor != heard->approved->approved_minor)
        ledger_break(ledger, 1, "%s was approved for %lld, and %lld is on record", id_text(&story->id),
                     (long long)heard->approved->approved_minor, (long long)row->amount_minor);
    if (heard->reverse == NULL && has_reversal(story))
        ledger_break(ledger, 1, "%s was approved, and reversed though nobody asked for that", id_text(&story->id));
}

static void check_declined_left_nothing(struct ledger *ledger, const struct story *story, const struct hearing *heard) {
    const struct recorded *row = story_main(story);
    if (heard->advised != NULL || row == NULL)
        return;
    if (heard->declined != NULL && may_be_turned(ledger, row) && heard->without_decision > 0)
        ledger->verdict->turned_declines++;
    else if (heard->declined != NULL)
        ledger_break(ledger, 4, "%s was declined, %s, and has a row", id_text(&story->id),
                     reason_name(heard->declined->reason));
    else if (heard->passing == heard->copies)
        ledger_break(ledger, 4, "%s was never but declined, and has a row", id_text(&story->id));
}

/* A client that was told it came to nothing, and captures it all the same, has it stand. */
static bool is_taken_up(const struct story *story) {
    for (size_t i = 0; i < story->effects.count; i++) {
        enum entry_kind kind = story->effects.at[i].row->kind;
        if (kind == ENTRY_CAPTURE || kind == ENTRY_REFUND)
            return true;
    }
    return false;
}

static void check_failed_is_undone(struct ledger *ledger, const struct story *story, const struct hearing *heard) {
    struct verdict_of_checker *verdict = ledger->verdict;
    if (story_net(story) == 0 || is_taken_up(story))
        return;
    if (heard->unanswered > 0)
        verdict->standing_unanswered++;
    else if (heard->timed_out == 0)
        ledger_break(ledger, 4, "%s was BUSY and nothing else, and stands", id_text(&story->id));
    else if (heard->copies > 1 || heard->advised != NULL)
        verdict->standing_after_failure++;
    else if (ledger->history->nodes_were_lost)
        verdict->standing_after_crash++;
    else
        ledger_break(ledger, 7, "%s was told %s, by its only copy, and stands", id_text(&story->id),
                     reason_name(story->operations.at[0]->reason));
}

static void check_reversed_is_nothing(struct ledger *ledger, const struct story *story, const struct hearing *heard) {
    bool is_reversed = has_reversal(story);
    if (heard->reversed == NULL && !is_reversed)
        return;
    if (story_net(story) != 0)
        ledger_break(ledger, 6, "%s was reversed, and %lld of it stands", id_text(&story->id),
                     (long long)story_net(story));
}

/* Of an id with several copies that a journal vouched for, Redis may have forgotten one before the next was decided.
 * On record it is all the same, be it as reversed. */
static bool may_be_decided_twice(const struct ledger *ledger, const struct story *story, const struct hearing *heard) {
    bool was_journaled = false;
    for (size_t i = 0; i < story->operations.count; i++) {
        const struct operation *copy = story->operations.at[i];
        was_journaled |= is_copy(copy) && is_approved(copy) && copy->safety == SAFETY_JOURNALED;
    }
    return was_journaled && heard->copies > 1 && story->rows.count > 0 && ledger->history->redis_was_lost;
}

static void check_what_was_told(struct ledger *ledger, const struct story *story, const struct hearing *heard) {
    check_decisions(ledger, story, heard);
    if (heard->approved != NULL)
        check_approved_stands(ledger, story, heard);
    else
        check_declined_left_nothing(ledger, story, heard);
}

/* What would break here is counted instead. */
static void excuse_what_was_told(struct ledger *ledger, const struct story *story, const struct hearing *heard) {
    struct verdict_of_checker *verdict = ledger->verdict;
    struct verdict_of_checker excused = {.is_good = true};
    ledger->verdict = &excused;
    check_what_was_told(ledger, story, heard);
    ledger->verdict = verdict;
    verdict->decided_twice += !excused.is_good;
}

static void count_words(struct ledger *ledger, const struct operation *operation) {
    struct verdict_of_checker *verdict = ledger->verdict;
    verdict->approvals += is_approved(operation);
    verdict->reversals += is_approved(operation) && operation->call == CALL_REVERSE;
    verdict->journaled += is_approved(operation) && operation->safety == SAFETY_JOURNALED;
    verdict->declines += operation->is_answered && operation->decision == DECISION_DECLINED;
    verdict->failures += !operation->is_answered || operation->decision == DECISION_FAILED;
}

/* The key is month, organisation and id: the same id in two of them is two charges. */
static void check_one_row(struct ledger *ledger, const struct story *story) {
    if (story->rows.count > 1)
        ledger_break(ledger, 3, "%s has %zu rows", id_text(&story->id), story->rows.count);
    if (story->operations.count == 0 && story_main(story) != NULL)
        ledger_break(ledger, 3, "%s is on record, and nobody asked for it", id_text(&story->id));
}

void check_answers(struct ledger *ledger, const struct story *story) {
    for (size_t i = 0; i < story->operations.count; i++)
        count_words(ledger, story->operations.at[i]);
    check_one_row(ledger, story);
    struct hearing heard = hear(story);
    check_reversed_is_nothing(ledger, story, &heard);
    if (heard.copies == 0)
        return;
    check_order(ledger, story, &heard);
    if (may_be_decided_twice(ledger, story, &heard))
        excuse_what_was_told(ledger, story, &heard);
    else
        check_what_was_told(ledger, story, &heard);
    if (heard.without_decision == heard.copies)
        check_failed_is_undone(ledger, story, &heard);
}
