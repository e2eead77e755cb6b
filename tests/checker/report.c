/* SPDX-License-Identifier: Apache-2.0 */
#include "checker/report.h"

static void report_breaks(FILE *file, const struct verdict_of_checker *verdict) {
    static const char *const promises[INVARIANTS] = {
        [1] = "approved, and not on record as approved",
        [2] = "limits passed by an online approval",
        [3] = "ids counted twice, or with two answers",
        [4] = "declined, and on record",
        [5] = "counters that are not the sums of the rows",
        [6] = "reversed, and charged",
        [7] = "late answers, or failed and never undone",
        [8] = "late refusals for want of capacity",
        [INVARIANT_OF_LIVES] = "holds and refunds that do not add up",
    };
    for (int i = 1; i < INVARIANTS; i++) {
        char name[4] = {'I', (char)('0' + i), '\0'};
        fprintf(file, "  %-2s %-45s %8zu\n", i == INVARIANT_OF_LIVES ? "" : name, promises[i], verdict->breaks[i]);
    }
}

static void report_allowed(FILE *file, const struct verdict_of_checker *verdict) {
    fprintf(file,
            "  approved %zu (by a journal alone %zu), of them reversals %zu; declined %zu; without a decision %zu\n",
            verdict->approvals, verdict->journaled, verdict->reversals, verdict->declines, verdict->failures);
    fprintf(file, "  allowed, and told: over the ceilings by stand-in %lld.%02lld, by advices %lld.%02lld\n",
            (long long)(verdict->stand_in_excess_minor / 100), (long long)(verdict->stand_in_excess_minor % 100),
            (long long)(verdict->advice_excess_minor / 100), (long long)(verdict->advice_excess_minor % 100));
    fprintf(
        file,
        "  told only DEADLINE or UNAVAILABLE, and stands: by several copies %zu, by one whose node was lost %zu; "
        "never answered, and stands: %zu\n"
        "  declined, then approved: %zu; reversed, then approved by a journal, and charged to nobody: %zu\n"
        "  a partial approval repeated with another amount, and the same answer: %zu; one id decided twice, a journal "
        "and a lost Redis between: %zu\n",
        verdict->standing_after_failure, verdict->standing_after_crash, verdict->standing_unanswered,
        verdict->turned_declines, verdict->journaled_after_reversal, verdict->forgotten_amounts,
        verdict->decided_twice);
}

void report_verdict(FILE *file, const struct verdict_of_checker *verdict) {
    report_breaks(file, verdict);
    report_allowed(file, verdict);
    if (!verdict->is_good)
        fprintf(file, "  BROKEN, first I%d: %s\n", verdict->invariant, verdict->text);
}
