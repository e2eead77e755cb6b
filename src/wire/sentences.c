/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/sentences.h"

#include "base/check.h"

int64_t sentence_remaining(const struct standing_of_limit *limit) {
    int64_t ceiling = limit->limit.ceiling_minor;
    return limit->spent_minor < ceiling ? ceiling - limit->spent_minor : 0;
}

const struct standing_of_limit *sentence_tightest(const struct answer *answer) {
    const struct standing_of_limit *tightest = NULL;
    for (uint8_t i = 0; i < answer->limit_count; i++) {
        const struct standing_of_limit *limit = &answer->limits[i];
        if (limit->limit.ceiling_minor != LIMIT_COUNTED_ONLY &&
            (tightest == NULL || sentence_remaining(limit) < sentence_remaining(tightest)))
            tightest = limit;
    }
    return tightest;
}

static const struct standing_of_limit *credit_of(const struct answer *answer) {
    for (uint8_t i = 0; i < answer->limit_count; i++)
        if (answer->limits[i].limit.kind == LIMIT_CREDIT && answer->limits[i].limit.ceiling_minor != LIMIT_COUNTED_ONLY)
            return &answer->limits[i];
    return NULL;
}

static const char *name_of(enum limit_kind kind) {
    switch (kind) {
    case LIMIT_CREDIT:
        return "this credit";
    case LIMIT_TRAVELLER:
        return "the traveller's monthly maximum";
    case LIMIT_DEPARTMENT:
        return "the department's budget";
    case LIMIT_ORGANISATION:
        return "the company's limit";
    }
    return "a limit";
}

/* Why not, as the second half of a sentence, and what to do. Those of a limit are told with its numbers. */
static const char *clause_of(enum reason reason) {
    switch (reason) {
    case REASON_UNSPECIFIED:
    case REASON_APPROVED:
        return "no reason was given.";
    case REASON_UNKNOWN_CREDENTIAL:
        return "no company pays for this card or app. Pay in another way.";
    case REASON_NOT_ACTIVATED:
        return "this credit is not activated yet. Activate it in the app with the code from the text message.";
    case REASON_BLOCKED:
        return "this credit is blocked. Ask the company's administrator.";
    case REASON_ENDED:
        return "this credit has ended. Ask the company's administrator.";
    case REASON_ORGANISATION_SUSPENDED:
        return "the company's account is suspended. Ask the company's administrator.";
    case REASON_CHANNEL_NOT_ALLOWED:
        return "this device may not sell on this kind of card or app.";
    case REASON_CREDIT_LIMIT:
        return "not enough is left of this credit this month.";
    case REASON_TRAVELLER_LIMIT:
        return "the traveller's monthly maximum is reached.";
    case REASON_DEPARTMENT_LIMIT:
        return "not enough is left of the department's budget this month.";
    case REASON_ORGANISATION_LIMIT:
        return "not enough is left of the company's limit this month.";
    case REASON_INVALID_AMOUNT:
        return "this amount can't be sold. Check the price.";
    case REASON_CURRENCY_MISMATCH:
        return "the operator charges in another currency.";
    case REASON_BAD_TIME:
        return "the device's clock is wrong. Set it, then buy again.";
    case REASON_ID_REUSED:
        return "this request id was used for another purchase. Buy again with a new one.";
    case REASON_REVERSED:
        return "this purchase was taken back; nothing is charged. Buy again.";
    case REASON_DOUBLE_TAP:
        return "the same ticket was bought here a moment ago.";
    case REASON_BUSY:
        return "too much to do just now. Try again.";
    case REASON_DEADLINE:
        return "it took too long; nothing is charged. Try again.";
    case REASON_UNAVAILABLE:
        return "the service can't decide just now; nothing is charged. Try again.";
    case REASON_INVALID_ID:
        return "the device sent no valid request id.";
    case REASON_CALL_NOT_ALLOWED:
        return "this device may not ask for that.";
    case REASON_NOT_FOUND:
        return "there is no purchase or hold of that id.";
    case REASON_WRONG_KIND:
        return "that can't be done to this kind of purchase.";
    case REASON_HOLD_CLOSED:
        return "this hold was captured or let go before.";
    case REASON_HOLD_EXPIRED:
        return "this hold has expired; nothing is charged. Buy again.";
    case REASON_AMOUNT_EXCEEDED:
        return "that is more than is left of it.";
    }
    return "for a reason this version does not know.";
}

/* "870.00 SEK" */
static void add_amount(struct line *line, const struct wire_codec *codec, int64_t minor) {
    line_add_money(line, minor);
    if (codec->currency.code[0] != '\0') {
        line_add(line, " ");
        line_add(line, codec->currency.code);
    }
}

/* "870.00 SEK of 1000.00 SEK left on this credit until 1 December." */
static void add_left(struct line *line, struct wire_codec *codec, const struct answer *answer,
                     const struct standing_of_limit *limit) {
    add_amount(line, codec, sentence_remaining(limit));
    line_add(line, " of ");
    add_amount(line, codec, limit->limit.ceiling_minor);
    line_add(line, " left on ");
    line_add(line, name_of(limit->limit.kind));
    line_add(line, " until ");
    line_add(line, codec_renewal(codec, answer->renews_at)->day);
    line_add(line, ".");
}

/* "the department's budget is spent: 19950.00 of 20000.00 SEK used, 50.00 left. It renews on 2026-12-01 00:00." */
static void add_refusing(struct line *line, struct wire_codec *codec, const struct answer *answer,
                         const struct standing_of_limit *limit) {
    int64_t remaining = sentence_remaining(limit);
    line_add(line, name_of(limit->limit.kind));
    line_add(line, remaining > 0 ? " is not enough: " : " is spent: ");
    line_add_money(line, limit->spent_minor);
    line_add(line, " of ");
    add_amount(line, codec, limit->limit.ceiling_minor);
    line_add(line, " used, ");
    line_add_money(line, remaining);
    line_add(line, " left. It renews on ");
    line_add(line, codec_renewal(codec, answer->renews_at)->minute);
    line_add(line, ".");
}

static void write_approved(struct line *line, struct wire_codec *codec, const struct answer *answer) {
    const struct standing_of_limit *credit = credit_of(answer);
    line_add(line, answer->is_repeat ? "Approved already, and charged once." : "Approved.");
    if (credit == NULL)
        return;
    line_add(line, " ");
    add_left(line, codec, answer, credit);
}

static void write_available(struct line *line, struct wire_codec *codec, const struct answer *answer) {
    const struct standing_of_limit *tightest = sentence_tightest(answer);
    const struct standing_of_limit *credit = credit_of(answer);
    if (tightest == NULL) {
        line_add(line, "May buy.");
        return;
    }
    if (credit == NULL)
        credit = tightest;
    add_left(line, codec, answer, credit);
    if (sentence_remaining(tightest) == sentence_remaining(credit))
        return;
    line_add(line, " Only ");
    add_amount(line, codec, sentence_remaining(tightest));
    line_add(line, " can be spent: that is what ");
    line_add(line, name_of(tightest->limit.kind));
    line_add(line, " leaves.");
}

void sentence_write(struct wire_codec *codec, enum call call, const struct answer *answer, char text[SENTENCE_SIZE]) {
    struct line line = line_start(text, SENTENCE_SIZE);
    if (answer->decision == DECISION_APPROVED) {
        if (call == CALL_BALANCE)
            write_available(&line, codec, answer);
        else
            write_approved(&line, codec, answer);
        return;
    }
    line_add(&line, answer->decision == DECISION_FAILED ? "Failed: " : call == CALL_BALANCE ? "No: " : "Declined: ");
    bool has_limit = answer->deciding >= 0 && answer->deciding < answer->limit_count &&
                     answer->limits[answer->deciding].limit.ceiling_minor != LIMIT_COUNTED_ONLY;
    if (has_limit)
        add_refusing(&line, codec, answer, &answer->limits[answer->deciding]);
    else
        line_add(&line, clause_of(answer->reason));
}
