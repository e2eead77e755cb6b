/* SPDX-License-Identifier: Apache-2.0 */
/* card: the printed number of a bus card (DOMAIN 2): 16 digits. The last is meant to fulfil Luhn's rule, but cards are
 * in use on which it does not, such as the domain's own example; so whether a card is good is the directory's to say,
 * and Luhn's rule only tells a number that was probably mistyped. */
#ifndef VAXEL_BASE_CARD_H
#define VAXEL_BASE_CARD_H

#include <stdbool.h>
#include <stdint.h>

/* Reads 16 digits; spaces between them are passed over. False, and nothing changed, when it is anything else. */
bool card_parse(const char *text, uint64_t *number);

bool card_is_luhn_valid(uint64_t number);

/* Completes 15 digits with their check digit. */
uint64_t card_complete(uint64_t fifteen_digits);

/* Writes "************8003" and a NUL: all that a log, metric or error may show (DOMAIN 7). */
#define CARD_TEXT_SIZE 17
void card_mask(uint64_t number, char text[CARD_TEXT_SIZE]);

#endif
