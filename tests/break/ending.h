/* SPDX-License-Identifier: Apache-2.0 */
/* ending: when all is mended: what the records hold and the counters stand at, as the end of a history. */
#ifndef VAXEL_TESTS_BREAK_ENDING_H
#define VAXEL_TESTS_BREAK_ENDING_H

#include "checker/checker.h"
#include "system/cluster.h"

/* Waits until what journals approved is on record, open holds have expired and the counters equal the rows; each for a
 * bounded time, for what does not come is the checker's to tell. */
void ending_wait(struct cluster *cluster, const struct operation *operations, size_t count);

struct ending {
    size_t recorded_count, counted_count, ceiling_count, department_count;
    struct recorded *recorded;
    struct counted *counted;
    struct ceiling *ceilings;
    struct department_of *departments;
    bool is_audit_clean; /* by the command line */
};

/* Ceilings and departments are the directory's. */
void ending_read(struct ending *ending, struct cluster *cluster);
void ending_finish(struct ending *ending);

#endif
