/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/sentences.h"

#include "base/check.h"
#include "wire/clauses.h"

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

/* "870.00 SEK" */
static void add_amount(struct line *line, const struct wire_codec *codec, int64_t minor) {
    line_add_money(line, minor);
    if (codec->currency.code[0] != '\0') {
        line_add(line, " ");
        line_add(line, codec->currency.code);
    }
}

/* "2026-11-21 10:30" */
static void add_minute(struct line *line, struct instant at) {
    char text[CALENDAR_TEXT_SIZE]; /* "2026-11-21T10:30:00+01:00" */
    calendar_format(at, text);
    text[10] = ' ';
    text[16] = '\0';
    line_add(line, text);
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

/* "Approved." or "Approved, but for 90.00 SEK only, and held until 2026-11-21 10:30." */
static void write_approved(struct line *line, struct wire_codec *codec, const struct answer *answer) {
    line_add(line, answer->is_repeat ? "Approved already, and charged once" : "Approved");
    if ((answer->flags & ENTRY_PARTIAL) != 0) {
        line_add(line, ", but for ");
        add_amount(line, codec, answer->amount_minor);
        line_add(line, " only");
    }
    if (answer->expires_at.us != 0) {
        line_add(line, ", and held until ");
        add_minute(line, answer->expires_at);
    }
    line_add(line, ".");
    const struct standing_of_limit *credit = credit_of(answer);
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

/* "Captured 100.00 SEK." or "Captured already, and once: 100.00 SEK." */
static void add_done(struct line *line, const struct wire_codec *codec, const struct answer *answer, const char *done) {
    line_add(line, done);
    line_add(line, answer->is_repeat ? " already, and once: " : " ");
    add_amount(line, codec, answer->amount_minor);
    line_add(line, ".");
}

static void add_remaining(struct line *line, const struct wire_codec *codec, int64_t minor, const char *words) {
    if (minor <= 0)
        return;
    line_add(line, " ");
    add_amount(line, codec, minor);
    line_add(line, words);
}

static void write_settled(struct line *line, const struct wire_codec *codec, enum call call,
                          const struct answer *answer) {
    switch ((int)call) {
    case CALL_CAPTURE:
        add_done(line, codec, answer, "Captured");
        add_remaining(line, codec, answer->remaining_minor, " of the hold can still be captured.");
        break;
    case CALL_VOID:
        add_done(line, codec, answer, "Let go");
        break;
    case CALL_REFUND:
        add_done(line, codec, answer, "Refunded");
        add_remaining(line, codec, answer->remaining_minor, " can still be refunded.");
        break;
    case CALL_REVERSE:
        if (answer->amount_minor == 0)
            line_add(line, "Reversed: nothing was charged, and nothing will be.");
        else
            add_done(line, codec, answer, "Reversed");
        break;
    }
}

static void write_yes(struct line *line, struct wire_codec *codec, enum call call, const struct answer *answer) {
    if (call == CALL_BALANCE)
        write_available(line, codec, answer);
    else if (call == CALL_AUTHORIZE)
        write_approved(line, codec, answer);
    else
        write_settled(line, codec, call, answer);
}

void sentence_write(struct wire_codec *codec, enum call call, const struct answer *answer, char text[SENTENCE_SIZE]) {
    struct line line = line_start(text, SENTENCE_SIZE);
    if (answer->decision == DECISION_APPROVED) {
        write_yes(&line, codec, call, answer);
        return;
    }
    line_add(&line, answer->decision == DECISION_FAILED ? "Failed: " : call == CALL_BALANCE ? "No: " : "Declined: ");
    bool has_limit = answer->deciding >= 0 && answer->deciding < answer->limit_count &&
                     answer->limits[answer->deciding].limit.ceiling_minor != LIMIT_COUNTED_ONLY;
    if (has_limit)
        add_refusing(&line, codec, answer, &answer->limits[answer->deciding]);
    else
        line_add(&line, clause_of(call, answer->reason));
    if (answer->reason == REASON_AMOUNT_EXCEEDED)
        add_remaining(&line, codec, answer->remaining_minor, " is left.");
}

void sentence_write_advice(enum decision decision, enum reason reason, char text[SENTENCE_SIZE]) {
    struct line line = line_start(text, SENTENCE_SIZE);
    line_add(&line, decision == DECISION_FAILED ? "Failed: " : "Declined: ");
    line_add(&line, clause_of(CALL_ADVISE, reason));
}

void wire_explain(struct wire_codec *codec, enum call call, const struct answer *answer,
                  char text[WIRE_SENTENCE_SIZE]) {
    sentence_write(codec, call, answer, text);
}
