/* SPDX-License-Identifier: Apache-2.0 */
/* audit: what the files of `vaxel audit` share: a month's organisations, what was seen of each, and how to mend one. */
#ifndef VAXEL_VAXEL_AUDIT_H
#define VAXEL_VAXEL_AUDIT_H

#include "config/settings.h"
#include "limits/reader.h"
#include "record/reader.h"

/* One counter that did not meet its sum. */
struct row {
    struct sum counter;
    int64_t sum_minor;
};

enum finding { FINDING_EQUAL, FINDING_COLD, FINDING_MOVING, FINDING_DIFFERENT };

/* An organisation under look. */
struct suspect {
    int32_t organisation;
    enum finding finding;
    size_t row_count;
    struct row *rows;
};

struct audit {
    struct limits_reader *limits;
    struct record_reader *record;
    struct month month;
    size_t count;
    struct suspect *suspects;
    size_t repaired;
    struct failure failure;
};

/* look.c: one more look at some organisations, ascending, READER_SUMS_MOST at most; their findings follow from this and
 * those before. */
bool audit_look_at(struct audit *audit, struct suspect *const *suspects, uint32_t count);

/* repair.c: builds the counters of an organisation's month anew from the records, as a node does (DESIGN 5): the
 * fence's epoch is raised, and the sums read under it are written to Redis. */
bool audit_repair(const struct settings *settings, int32_t organisation, struct month month, struct failure *failure);

#endif
