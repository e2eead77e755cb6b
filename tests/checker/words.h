/* SPDX-License-Identifier: Apache-2.0 */
/* words: the names of a history file for the core's numbers. */
#ifndef VAXEL_TESTS_CHECKER_WORDS_H
#define VAXEL_TESTS_CHECKER_WORDS_H

#include <stddef.h>

struct words {
    const char *const *at; /* by number; NULL: no such number */
    int count;
};

extern const struct words call_words, decision_words, safety_words, kind_words, limit_words;

const char *word_of_number(const struct words *words, int number);
/* -1: none of them. */
int number_of_word(const struct words *words, const char *text);
int number_of_reason(const char *text);

#endif
