/* SPDX-License-Identifier: Apache-2.0 */
/* seed: companies to try things out with, and to measure with. Blocking; never for a switch at work. */
#ifndef VAXEL_DIRECTORY_SEED_H
#define VAXEL_DIRECTORY_SEED_H

#include "base/failure.h"

#include <stdint.h>

/* The example company of sql/example.sql, which says who is who. Again, it changes nothing. */
bool directory_seed_example(const char *conninfo, struct failure *failure);

/* Organisations from number 1000 on, each with so many travellers that have one credit on a card, as sql/generate.sql
 * describes. At most DIRECTORY_GENERATED_MAX travellers in all. */
#define DIRECTORY_GENERATED_MAX 100000000
bool directory_generate(const char *conninfo, int32_t organisations, int32_t travellers_each,
                        int64_t organisation_limit_minor, int64_t credit_limit_minor, struct failure *failure);

/* The card of the traveller with this index, counted from 0 through all organisations. */
uint64_t directory_generated_card(uint32_t index);

#endif
