/* SPDX-License-Identifier: Apache-2.0 */
/* Switches with a bug, for the breaker to find. The linker puts these functions between the node and its record
 * (--wrap); what is linked with them is said in deploy/cmake/tests.cmake:
 *
 *   VAXEL_PLANT_ANSWER_FIRST      a purchase is approved when it has been handed to PostgreSQL, not when it is
 * committed VAXEL_PLANT_FORGET_REVERSALS  a reversal is acknowledged, and nothing is done
 */
#include "base/check.h"
#include "record/record.h"
#include "switch/switch.h"

#include <stddef.h>
#include <stdlib.h>

/* An outcome must not come before the ask has returned: it waits for the end of the turn. */
#define OUTCOMES_CAPACITY 8192
static _Thread_local struct switch_core *worker_core;
/* Not in the thread's own memory, which would be taken from the small stacks of other threads. */
static _Thread_local struct outcome *untrue;
static _Thread_local size_t untrue_count;

struct switch_core *__real_switch_create(const struct switch_settings *settings, const struct switch_ports *ports);
struct switch_core *__wrap_switch_create(const struct switch_settings *settings, const struct switch_ports *ports);
void __real_record_flush(struct record *record, struct tick now);
void __wrap_record_flush(struct record *record, struct tick now);
void __real_switch_outcome(struct switch_core *core, struct moment now, const struct outcome *outcome);
void __wrap_switch_outcome(struct switch_core *core, struct moment now, const struct outcome *outcome);
bool __real_record_append(struct record *record, const struct entry *entry, uint32_t owner);
bool __wrap_record_append(struct record *record, const struct entry *entry, uint32_t owner);
bool __real_record_settle(struct record *record, const struct settlement *settlement, uint32_t owner);
bool __wrap_record_settle(struct record *record, const struct settlement *settlement, uint32_t owner);

struct switch_core *__wrap_switch_create(const struct switch_settings *settings, const struct switch_ports *ports) {
    worker_core = __real_switch_create(settings, ports);
    untrue = calloc(OUTCOMES_CAPACITY, sizeof *untrue); /* for as long as the program runs */
    CHECK(untrue != NULL);
    return worker_core;
}

static void tell_later(struct outcome outcome) {
    CHECK(untrue_count < OUTCOMES_CAPACITY);
    untrue[untrue_count++] = outcome;
}

void __wrap_record_flush(struct record *record, struct tick now) {
    const struct moment moment = {instant_now(), tick_now()};
    __real_record_flush(record, now);
    for (size_t i = 0; i < untrue_count; i++)
        __real_switch_outcome(worker_core, moment, &untrue[i]);
    untrue_count = 0;
}

#ifdef VAXEL_PLANT_ANSWER_FIRST

/* How many true outcomes of appends are to be passed over, by owner. */
static _Thread_local uint32_t answered_first[OUTCOMES_CAPACITY];

bool __wrap_record_append(struct record *record, const struct entry *entry, uint32_t owner) {
    if (!__real_record_append(record, entry, owner))
        return false;
    answered_first[owner % OUTCOMES_CAPACITY]++;
    tell_later((struct outcome){.kind = OUTCOME_RECORDED, .owner = owner, .recorded_epoch = entry->epoch});
    return true;
}

static bool is_of_append(const struct outcome *outcome) {
    return outcome->kind == OUTCOME_RECORDED || outcome->kind == OUTCOME_EXISTS || outcome->kind == OUTCOME_REVERSED ||
           outcome->kind == OUTCOME_STALE || outcome->kind == OUTCOME_REFUSED;
}

void __wrap_switch_outcome(struct switch_core *core, struct moment now, const struct outcome *outcome) {
    uint32_t *first = &answered_first[outcome->owner % OUTCOMES_CAPACITY];
    if (*first > 0 && is_of_append(outcome))
        --*first;
    else
        __real_switch_outcome(core, now, outcome);
}

bool __wrap_record_settle(struct record *record, const struct settlement *settlement, uint32_t owner) {
    return __real_record_settle(record, settlement, owner);
}

#else

bool __wrap_record_append(struct record *record, const struct entry *entry, uint32_t owner) {
    return __real_record_append(record, entry, owner);
}

void __wrap_switch_outcome(struct switch_core *core, struct moment now, const struct outcome *outcome) {
    __real_switch_outcome(core, now, outcome);
}

bool __wrap_record_settle(struct record *record, const struct settlement *settlement, uint32_t owner) {
    if (settlement->kind != ENTRY_REVERSAL)
        return __real_record_settle(record, settlement, owner);
    tell_later((struct outcome){.kind = OUTCOME_SETTLED, .owner = owner, .is_repeat = true});
    return true;
}

#endif
