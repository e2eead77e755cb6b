/* SPDX-License-Identifier: Apache-2.0 */
#include "checker/words.h"

#include "base/check.h"
#include "switch/ports.h"

#include <string.h>

#define WORDS(array)                                                                                                   \
    { (array), (int)(sizeof(array) / sizeof(array)[0]) }

static const char *const calls[CALL_COUNT] = {
    [CALL_AUTHORIZE] = "authorize", [CALL_CAPTURE] = "capture", [CALL_VOID] = "void",
    [CALL_REVERSE] = "reverse",     [CALL_REFUND] = "refund",   [CALL_ADVISE] = "advise"};
const struct words call_words = WORDS(calls);

static const char *const decisions[] = {
    [DECISION_APPROVED] = "approved", [DECISION_DECLINED] = "declined", [DECISION_FAILED] = "failed"};
const struct words decision_words = WORDS(decisions);

static const char *const safeties[] = {
    [SAFETY_NONE] = "none", [SAFETY_COMMITTED] = "committed", [SAFETY_JOURNALED] = "journaled"};
const struct words safety_words = WORDS(safeties);

static const char *const kinds[] = {
    [ENTRY_PURCHASE] = "purchase", [ENTRY_HOLD] = "hold",     [ENTRY_CAPTURE] = "capture",
    [ENTRY_VOID] = "void",         [ENTRY_EXPIRY] = "expiry", [ENTRY_REVERSAL] = "reversal",
    [ENTRY_ADVICE] = "advice",     [ENTRY_REFUND] = "refund", [ENTRY_CONFIRMATION] = "confirmation"};
const struct words kind_words = WORDS(kinds);

static const char *const limits[] = {[LIMIT_CREDIT] = "credit",
                                     [LIMIT_TRAVELLER] = "traveller",
                                     [LIMIT_DEPARTMENT] = "department",
                                     [LIMIT_ORGANISATION] = "organisation"};
const struct words limit_words = WORDS(limits);

const char *word_of_number(const struct words *words, int number) {
    CHECK(number >= 0 && number < words->count && words->at[number] != NULL);
    return words->at[number];
}

int number_of_word(const struct words *words, const char *text) {
    for (int i = 0; i < words->count; i++)
        if (words->at[i] != NULL && strcmp(words->at[i], text) == 0)
            return i;
    return -1;
}

int number_of_reason(const char *text) {
    for (int reason = REASON_UNSPECIFIED; reason <= REASON_AMOUNT_EXCEEDED; reason++)
        if (strcmp(reason_name((enum reason)reason), text) == 0)
            return reason;
    return -1;
}
