/* SPDX-License-Identifier: Apache-2.0 */
#include "checker/checker.h"

#include "checker/ledger.h"

#include <string.h>

static void check_story(struct ledger *ledger, const struct story *story) {
    check_answers(ledger, story);
    check_settlements(ledger, story);
    check_life(ledger, story);
}

void checker_check(const struct history *history, struct verdict_of_checker *verdict) {
    struct ledger ledger;
    memset(verdict, 0, sizeof *verdict);
    verdict->is_good = true;
    ledger_open(&ledger, history, verdict);
    ledger_each(&ledger, check_story);
    check_ceilings(&ledger);
    check_counters(&ledger);
    check_lateness(&ledger);
    ledger_close(&ledger);
}
