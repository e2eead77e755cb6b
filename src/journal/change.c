/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/internal.h"

#include "base/check.h"

void journal_change(struct journal *journal, int64_t capacity_minor, int64_t age_us) {
    CHECK(capacity_minor >= 0 && capacity_minor <= MONEY_MAX_MINOR);
    journal->options.capacity_minor = capacity_minor;
    journal->options.age_us = age_us;
}
