/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/samples.h"
#include "wire/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

TestSuite(sentences, .init = sample_start, .fini = sample_finish);

static void expect_sentence(enum call call, const struct answer *answer, const char *sentence) {
    struct wire_reply reply = sample_pass_answer(call, answer);
    cr_assert(eq(str, reply.message, (char *)(uintptr_t)sentence));
}

Test(sentences, an_approval_says_what_is_left_of_the_credit_and_until_when) {
    struct answer answer = sample_approval();
    expect_sentence(CALL_AUTHORIZE, &answer,
                    "Approved. 870.00 SEK of 1000.00 SEK left on this credit until 1 December.");
    answer.is_repeat = true;
    expect_sentence(
        CALL_AUTHORIZE, &answer,
        "Approved already, and charged once. 870.00 SEK of 1000.00 SEK left on this credit until 1 December.");
}

Test(sentences, an_approval_without_limits_is_short) {
    struct answer answer = sample_approval();
    answer.limit_count = 0;
    expect_sentence(CALL_AUTHORIZE, &answer, "Approved.");
}

Test(sentences, an_amount_is_named_without_a_currency_that_was_never_said) {
    wire_codec_set_currency(codec, (struct currency){""});
    struct answer answer = sample_approval();
    expect_sentence(CALL_AUTHORIZE, &answer, "Approved. 870.00 of 1000.00 left on this credit until 1 December.");
}

static struct answer refused_by(int limit, enum reason reason, int64_t spent_minor) {
    struct answer answer = sample_approval();
    answer.limits[2].limit.ceiling_minor = 2000000;
    answer.decision = DECISION_DECLINED;
    answer.reason = reason;
    answer.deciding = (int8_t)limit;
    answer.limits[limit].is_refusing = true;
    answer.limits[limit].spent_minor = spent_minor;
    return answer;
}

Test(sentences, a_decline_by_a_limit_names_it_with_what_is_spent_and_left_and_when_it_renews) {
    struct answer credit = refused_by(0, REASON_CREDIT_LIMIT, 91000);
    expect_sentence(CALL_AUTHORIZE, &credit,
                    "Declined: this credit is not enough: 910.00 of 1000.00 SEK used, 90.00 left. It renews on "
                    "2026-12-01 00:00.");
    struct answer traveller = refused_by(1, REASON_TRAVELLER_LIMIT, 600000);
    expect_sentence(CALL_AUTHORIZE, &traveller,
                    "Declined: the traveller's monthly maximum is spent: 6000.00 of 6000.00 SEK used, 0.00 left. It "
                    "renews on 2026-12-01 00:00.");
    struct answer department = refused_by(2, REASON_DEPARTMENT_LIMIT, 1995000);
    expect_sentence(CALL_AUTHORIZE, &department,
                    "Declined: the department's budget is not enough: 19950.00 of 20000.00 SEK used, 50.00 left. It "
                    "renews on 2026-12-01 00:00.");
    struct answer organisation = refused_by(3, REASON_ORGANISATION_LIMIT, 2013000);
    expect_sentence(CALL_AUTHORIZE, &organisation,
                    "Declined: the company's limit is spent: 20130.00 of 20000.00 SEK used, 0.00 left. It renews on "
                    "2026-12-01 00:00.");
}

Test(sentences, the_largest_amounts_do_not_cut_a_sentence_short) {
    struct answer answer = refused_by(1, REASON_TRAVELLER_LIMIT, MONEY_MAX_MINOR - 1);
    answer.limits[1].limit.ceiling_minor = MONEY_MAX_MINOR;
    expect_sentence(
        CALL_AUTHORIZE, &answer,
        "Declined: the traveller's monthly maximum is not enough: 99999999999.98 of 99999999999.99 SEK used, "
        "0.01 left. It renews on 2026-12-01 00:00.");
}

Test(sentences, a_balance_says_what_is_left_and_what_else_allows_less) {
    struct answer answer = sample_approval();
    expect_sentence(CALL_BALANCE, &answer, "870.00 SEK of 1000.00 SEK left on this credit until 1 December.");
    answer.limits[3].spent_minor = 1995000;
    expect_sentence(
        CALL_BALANCE, &answer,
        "870.00 SEK of 1000.00 SEK left on this credit until 1 December. Only 50.00 SEK can be spent: that is "
        "what the company's limit leaves.");
}

/* Every reason that is not a limit's own has a sentence in every call: begun rightly, ended by a full stop, and no
 * other's. */
static void expect_own_sentences(enum call call) {
    char seen[REASON_AMOUNT_EXCEEDED + 1][256] = {0};
    for (int reason = REASON_UNKNOWN_CREDENTIAL; reason <= REASON_AMOUNT_EXCEEDED; reason++) {
        bool is_failure = reason == REASON_BUSY || reason == REASON_DEADLINE || reason == REASON_UNAVAILABLE;
        struct answer answer = {.decision = is_failure ? DECISION_FAILED : DECISION_DECLINED,
                                .reason = (enum reason)reason,
                                .deciding = -1};
        struct wire_reply reply = sample_pass_answer(call, &answer);
        const char *start = is_failure ? "Failed: " : "Declined: ";
        cr_assert(eq(int, strncmp(reply.message, start, strlen(start)), 0), "%s", reply.message);
        cr_assert(eq(int, reply.message[strlen(reply.message) - 1], '.'), "%s", reply.message);
        for (int other = 0; other < reason; other++)
            cr_assert(ne(str, reply.message, seen[other]));
        memcpy(seen[reason], reply.message, sizeof reply.message);
    }
}

Test(sentences, every_reason_has_its_own) {
    expect_own_sentences(CALL_AUTHORIZE);
    expect_own_sentences(CALL_CAPTURE);
    expect_own_sentences(CALL_VOID);
    expect_own_sentences(CALL_REVERSE);
    expect_own_sentences(CALL_REFUND);
}

Test(sentences, a_hold_says_until_when_and_less_than_was_asked_for_is_said) {
    struct answer answer = sample_approval();
    answer.limit_count = 0;
    answer.expires_at.us = SAMPLE_TIME_US + 900000000;
    expect_sentence(CALL_AUTHORIZE, &answer, "Approved, and held until 2026-11-21 08:45.");
    answer.flags = ENTRY_PARTIAL;
    answer.amount_minor = 9000;
    expect_sentence(CALL_AUTHORIZE, &answer, "Approved, but for 90.00 SEK only, and held until 2026-11-21 08:45.");
    answer.is_repeat = true;
    answer.expires_at.us = 0;
    expect_sentence(CALL_AUTHORIZE, &answer, "Approved already, and charged once, but for 90.00 SEK only.");
}

Test(sentences, a_settlement_says_what_was_done_and_what_is_left) {
    struct answer answer = {.decision = DECISION_APPROVED,
                            .reason = REASON_APPROVED,
                            .amount_minor = 10000,
                            .remaining_minor = 3000,
                            .deciding = -1};
    expect_sentence(CALL_CAPTURE, &answer, "Captured 100.00 SEK. 30.00 SEK of the hold can still be captured.");
    expect_sentence(CALL_REFUND, &answer, "Refunded 100.00 SEK. 30.00 SEK can still be refunded.");
    answer.remaining_minor = 0;
    expect_sentence(CALL_CAPTURE, &answer, "Captured 100.00 SEK.");
    expect_sentence(CALL_VOID, &answer, "Let go 100.00 SEK.");
    expect_sentence(CALL_REVERSE, &answer, "Reversed 100.00 SEK.");
    answer.is_repeat = true;
    expect_sentence(CALL_CAPTURE, &answer, "Captured already, and once: 100.00 SEK.");
    answer.amount_minor = 0;
    expect_sentence(CALL_REVERSE, &answer, "Reversed: nothing was charged, and nothing will be.");
}

Test(sentences, too_much_to_settle_is_told_with_what_is_left) {
    struct answer answer = {
        .decision = DECISION_DECLINED, .reason = REASON_AMOUNT_EXCEEDED, .remaining_minor = 3000, .deciding = -1};
    expect_sentence(CALL_CAPTURE, &answer, "Declined: that is more than is left of it. 30.00 SEK is left.");
}

/* Whoever gets no answer must not believe that nothing happened. */
Test(sentences, a_settlement_that_came_to_no_answer_in_time_is_to_be_asked_for_again) {
    struct answer answer = {.decision = DECISION_FAILED, .reason = REASON_DEADLINE, .deciding = -1};
    expect_sentence(CALL_REFUND, &answer, "Failed: it took too long to know. Ask again under the same id.");
    expect_sentence(CALL_AUTHORIZE, &answer, "Failed: it took too long; nothing is charged. Try again.");
}

Test(sentences, a_question_is_not_declined_but_answered_no) {
    struct answer answer = {.decision = DECISION_DECLINED, .reason = REASON_BLOCKED, .deciding = -1};
    expect_sentence(CALL_BALANCE, &answer, "No: this credit is blocked. Ask the company's administrator.");
}

Test(sentences, the_renewal_is_told_by_the_operators_clock_whatever_the_month) {
    static const struct {
        int64_t at_us;
        const char *day;
    } renewals[] = {
        {INT64_C(1782856800000000), "1 July"},     /* summer time */
        {INT64_C(1796079600000000), "1 December"}, /* again after another */
        {INT64_C(1798758000000000), "1 January"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct answer answer = sample_approval();
        char sentence[256];
        answer.renews_at.us = renewals[i].at_us;
        snprintf(sentence, sizeof sentence, "Approved. 870.00 SEK of 1000.00 SEK left on this credit until %s.",
                 renewals[i].day);
        expect_sentence(CALL_AUTHORIZE, &answer, sentence);
    }
}

Test(sentences, money_is_written_as_everywhere_else) {
    static const int64_t amounts[] = {0,  1,    9,        10, 99, 100, 101, 999, 1000, 123456789, MONEY_MAX_MINOR,
                                      -1, -100, INT64_MIN};
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        char text[64];
        char expected[MONEY_TEXT_SIZE];
        struct line line = line_start(text, sizeof text);
        line_add_money(&line, amounts[i]);
        money_format(amounts[i], expected);
        cr_assert(eq(str, text, expected));
    }
}

Test(sentences, text_to_be_shown_is_cut_between_characters) {
    char text[8];
    text_copy_printable(text, sizeof text, bytes_of("sm\xc3\xb6rg\xc3\xa5s", 10));
    cr_assert(eq(str, text, "sm\xc3\xb6rg"));
    text_copy_printable(text, sizeof text, bytes_of("a\0b\xff", 4));
    cr_assert(eq(str, text, "a?b?"));
}
