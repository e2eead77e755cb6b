/* SPDX-License-Identifier: Apache-2.0 */
/* card: the printed number of a bus card: 16 digits, Luhn-valid (DOMAIN 2). */
#ifndef VAXEL_BASE_CARD_H
#define VAXEL_BASE_CARD_H

#include <stdbool.h>
#include <stdint.h>

/* Reads 16 digits; spaces between them are passed over. False, and nothing changed, when there are not 16
 * or Luhn's sum is wrong. */
bool card_parse(const char *text, uint64_t *number);

/* Completes 15 digits with their check digit. */
uint64_t card_complete(uint64_t fifteen_digits);

/* Writes "************8003" and a NUL: all that a log, metric or error may show (DOMAIN 7). */
#define CARD_TEXT_SIZE 17
void card_mask(uint64_t number, char text[CARD_TEXT_SIZE]);

#endif
