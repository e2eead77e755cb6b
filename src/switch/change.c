/* SPDX-License-Identifier: Apache-2.0 */
#include "switch/core.h"

void switch_change(struct switch_core *core, const struct switch_settings *settings) {
    CHECK(settings->largest_amount_minor > 0 && settings->largest_amount_minor <= MONEY_MAX_MINOR);
    CHECK(settings->default_timeout_us <= settings->longest_timeout_us);
    CHECK(settings->default_hold_us <= settings->longest_hold_us);
    struct switch_settings changed = *settings;
    changed.capacity = core->settings.capacity;
    changed.currency = core->settings.currency;
    changed.warm_capacity = core->settings.warm_capacity;
    core->settings = changed;
}
