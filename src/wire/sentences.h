/* SPDX-License-Identifier: Apache-2.0 */
/* sentences: what the person at the counter is told, one or two short sentences for every reason. */
#ifndef VAXEL_WIRE_SENTENCES_H
#define VAXEL_WIRE_SENTENCES_H

#include "wire/codec.h"
#include "wire/text.h"

#define SENTENCE_SIZE WIRE_SENTENCE_SIZE

/* Writes the sentence of an answer to a purchase, a question for a balance, or a settlement. */
void sentence_write(struct wire_codec *codec, enum call call, const struct answer *answer, char text[SENTENCE_SIZE]);

/* The sentence of an advice that was not recorded. */
void sentence_write_advice(enum decision decision, enum reason reason, char text[SENTENCE_SIZE]);

/* What of a limit is left: never below 0, though spent may be above the ceiling (DOMAIN F2). */
int64_t sentence_remaining(const struct standing_of_limit *limit);

/* The limit that leaves least, NULL when none has a ceiling. */
const struct standing_of_limit *sentence_tightest(const struct answer *answer);

#endif
