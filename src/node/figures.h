/* SPDX-License-Identifier: Apache-2.0 */
/* figures: the members of a sample (docs/feed.md) that are numbers: the workers' measures, and how they differ from
 * those of the sample before. */
#ifndef VAXEL_NODE_FIGURES_H
#define VAXEL_NODE_FIGURES_H

#include "node/measures.h"

struct json_object;

/* The measures of all workers, at two moments, and the time between. */
struct span {
    const struct measures *before, *now;
    double seconds;
};

void figures_put_answers(struct json_object *sample, const struct span *span);
void figures_put_latency(struct json_object *sample, const struct span *span);
void figures_put_load(struct json_object *sample, const struct span *span);
void figures_put_services(struct json_object *sample, const struct span *span, bool has_journal);
void figures_put_directory(struct json_object *sample, struct directory *directory);

/* ---- texts of numbers ---- */

/* "0.125": so many of a second. */
void figures_put_seconds(struct json_object *map, const char *name, int64_t us);
/* Decimal text, "130.00". */
void figures_put_amount(struct json_object *map, const char *name, int64_t minor);
/* "0.961" */
void figures_put_thousandths(struct json_object *map, const char *name, int64_t thousandths);
void figures_put_rate(struct json_object *map, const char *name, double rate);
/* null when it never was. */
void figures_put_instant(struct json_object *map, const char *name, struct instant instant);

#endif
