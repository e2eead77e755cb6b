/* SPDX-License-Identifier: Apache-2.0 */
#include "past.h"

#include <string.h>

#define MONTH 202611
#define TIMEOUT_US 1000000

static const struct payer payer = {.organisation = 1, .department = 2, .traveller = 1, .credit = 1};

void past_begin(struct past *past) {
    memset(past, 0, sizeof *past);
    past->ceilings[0] = (struct ceiling){1, {LIMIT_ORGANISATION, 1, ORGANISATION_CEILING}};
    past->ceilings[1] = (struct ceiling){1, {LIMIT_CREDIT, 1, CREDIT_CEILING}};
    past->ceilings[2] = (struct ceiling){1, {LIMIT_DEPARTMENT, 1, LIMIT_COUNTED_ONLY}};
    past->departments[0] = (struct department_of){1, 0};
    past->departments[1] = (struct department_of){2, 1};
    past->history = (struct history){.operations = past->operations,
                                     .recorded = past->rows,
                                     .ceilings = past->ceilings,
                                     .counted = past->counted,
                                     .departments = past->departments,
                                     .ceiling_count = 3,
                                     .department_count = 2,
                                     .lateness_us = 50000};
}

struct request_id id_of(int number) {
    uint8_t random[10] = {(uint8_t)number, (uint8_t)(number >> 8)};
    return request_id_make((struct instant){INT64_C(1795246200000000)}, random);
}

struct operation *asked(struct past *past, enum call call, int id, int64_t amount_minor, int64_t sent_ms) {
    cr_assert_lt(past->history.operation_count, PAST_CAPACITY);
    struct operation *operation = &past->operations[past->history.operation_count++];
    *operation = (struct operation){.call = call,
                                    .client = 1,
                                    .id = id_of(id),
                                    .credential = {.kind = CREDENTIAL_CARD, .card = 9932543656338003},
                                    .amount_minor = amount_minor,
                                    .sent_us = sent_ms * 1000,
                                    .timeout_us = TIMEOUT_US};
    return operation;
}

struct operation *asked_of(struct past *past, enum call call, int id, int original, int64_t amount_minor,
                           int64_t sent_ms) {
    struct operation *operation = asked(past, call, id, amount_minor, sent_ms);
    operation->original = id_of(original);
    return operation;
}

struct operation *told(struct operation *operation, enum decision decision, enum reason reason, int64_t answered_ms) {
    operation->is_answered = true;
    operation->answered_us = answered_ms * 1000;
    operation->decision = decision;
    operation->reason = reason;
    return operation;
}

struct operation *approved(struct operation *operation, int64_t answered_ms) {
    operation->approved_minor = operation->amount_minor;
    operation->safety = SAFETY_COMMITTED;
    return told(operation, DECISION_APPROVED, REASON_APPROVED, answered_ms);
}

struct operation *declined(struct operation *operation, enum reason reason, int64_t answered_ms) {
    return told(operation, DECISION_DECLINED, reason, answered_ms);
}

struct operation *failed(struct operation *operation, enum reason reason, int64_t answered_ms) {
    return told(operation, DECISION_FAILED, reason, answered_ms);
}

struct recorded *row(struct past *past, enum entry_kind kind, int id, int64_t amount_minor) {
    cr_assert_lt(past->history.recorded_count, PAST_CAPACITY);
    struct recorded *recorded = &past->rows[past->history.recorded_count++];
    *recorded = (struct recorded){.id = id_of(id),
                                  .kind = kind,
                                  .amount_minor = amount_minor,
                                  .month = MONTH,
                                  .payer = payer,
                                  .client = 1,
                                  .epoch = 1};
    return recorded;
}

struct recorded *effect(struct past *past, enum entry_kind kind, int id, int original, int64_t amount_minor,
                        int64_t settled_minor) {
    struct recorded *recorded = row(past, kind, id, amount_minor);
    recorded->original = id_of(original);
    recorded->settled_minor = settled_minor;
    return recorded;
}

struct recorded *reversal(struct past *past, int original, int64_t amount_minor) {
    struct recorded *recorded = row(past, ENTRY_REVERSAL, original, amount_minor);
    struct request_id id = id_of(original);
    recorded->id = request_id_of_reversal(&id);
    return recorded;
}

struct operation *bought(struct past *past, int id, int64_t amount_minor, int64_t sent_ms) {
    row(past, ENTRY_PURCHASE, id, amount_minor);
    return approved(asked(past, CALL_AUTHORIZE, id, amount_minor, sent_ms), sent_ms + 5);
}

void count_rows(struct past *past) {
    int64_t sum_minor = 0;
    for (size_t i = 0; i < past->history.recorded_count; i++)
        sum_minor += past->rows[i].amount_minor;
    past->counted[0] = (struct counted){1, MONTH, LIMIT_ORGANISATION, 1, sum_minor};
    past->counted[1] = (struct counted){1, MONTH, LIMIT_DEPARTMENT, 1, sum_minor};
    past->counted[2] = (struct counted){1, MONTH, LIMIT_DEPARTMENT, 2, sum_minor};
    past->counted[3] = (struct counted){1, MONTH, LIMIT_TRAVELLER, 1, sum_minor};
    past->counted[4] = (struct counted){1, MONTH, LIMIT_CREDIT, 1, sum_minor};
    past->history.counted_count = 5;
}

struct verdict_of_checker expect_verdict(struct past *past, int invariant) {
    struct verdict_of_checker verdict;
    checker_check(&past->history, &verdict);
    cr_expect_eq(verdict.is_good, invariant == 0, "%s", verdict.text);
    cr_expect_eq(verdict.invariant, invariant, "I%d is broken, not I%d: %s", verdict.invariant, invariant,
                 verdict.text);
    return verdict;
}

struct verdict_of_checker expect_kept(struct past *past) {
    count_rows(past);
    return expect_verdict(past, 0);
}

struct verdict_of_checker expect_broken(struct past *past, int invariant) {
    count_rows(past);
    return expect_verdict(past, invariant);
}
