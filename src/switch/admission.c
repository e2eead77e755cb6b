/* SPDX-License-Identifier: Apache-2.0 */
/* admission: with more work than can be done, some is refused at once, so that the rest is answered in time. How long a
 * new request would wait is the number before it by the rate at which they have been leaving. The rate is that of the
 * best of the last moments: a pause of a service, after which all leave together, must not look like overload. */
#include "switch/core.h"

#define MOMENT_US 50000
/* So many are let in whatever the rate: what two batches of the record hold. */
#define ALWAYS_ADMITTED 2048

static void close_moment(struct switch_core *core) {
    struct admission *admission = &core->admission;
    int64_t passed_us = core->now.tick.us - admission->since.us;
    if (passed_us < MOMENT_US)
        return;
    int64_t rate_per_s = (int64_t)admission->finished * 1000000 / passed_us;
    int64_t remembered_per_s = admission->rate_per_s - admission->rate_per_s / 8;
    admission->rate_per_s = rate_per_s > remembered_per_s ? rate_per_s : remembered_per_s;
    admission->finished = 0;
    admission->since = core->now.tick;
}

bool admission_allows(struct switch_core *core, int64_t timeout_us) {
    close_moment(core);
    uint32_t before = core->busy - core->advices - core->drains;
    if (before < ALWAYS_ADMITTED || core->admission.rate_per_s == 0)
        return true;
    /* Half of the time there is: a rate is a guess. */
    int64_t left_us = arrival_due_at(core, timeout_us).us - core->now.tick.us;
    return (int64_t)before * 1000000 / core->admission.rate_per_s <= left_us / 2;
}

void admission_count_finished(struct switch_core *core) {
    core->admission.finished++;
}
