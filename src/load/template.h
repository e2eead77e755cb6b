/* SPDX-License-Identifier: Apache-2.0 */
/* template: a purchase's frame, encoded once; only its correlation, id and card change from one to the next, and each
 * keeps its size. */
#ifndef VAXEL_LOAD_TEMPLATE_H
#define VAXEL_LOAD_TEMPLATE_H

#include "load/load.h"

#define TEMPLATE_CAPACITY 512

struct template {
    uint8_t bytes[TEMPLATE_CAPACITY];
    size_t size;
    size_t correlation_at;
    size_t id_at;
    size_t card_at;
};

/* Correlations that take the same room on the wire: 2^34 and what fits below it. */
#define CORRELATION_BASE (UINT64_C(1) << 34)

bool template_make(struct template *template, const struct load_options *options, struct failure *failure);

/* The frame of one purchase; valid until the next call. */
struct bytes template_fill(struct template *template, uint64_t correlation, const struct request_id *id, uint64_t card);

#endif
