/* SPDX-License-Identifier: Apache-2.0 */
/* past: small histories, made by hand. One company: organisation 1 may reach 1000, credit 1 of traveller 1 may reach
 * 500; department 2, below department 1, pays. Times are in milliseconds. */
#ifndef VAXEL_TESTS_CHECKER_TEST_PAST_H
#define VAXEL_TESTS_CHECKER_TEST_PAST_H

#include "checker/checker.h"

#include <criterion/criterion.h>

#define PAST_CAPACITY 64
#define ORGANISATION_CEILING 1000
#define CREDIT_CEILING 500

struct past {
    struct operation operations[PAST_CAPACITY];
    struct recorded rows[PAST_CAPACITY];
    struct ceiling ceilings[4];
    struct counted counted[8];
    struct department_of departments[2];
    struct history history;
};

void past_begin(struct past *past);

/* A request under the id of a number; what it was told is added by told() or left out. */
struct operation *asked(struct past *past, enum call call, int id, int64_t amount_minor, int64_t sent_ms);
struct operation *told(struct operation *operation, enum decision decision, enum reason reason, int64_t answered_ms);
/* Approved for what was asked, committed. */
struct operation *approved(struct operation *operation, int64_t answered_ms);
struct operation *declined(struct operation *operation, enum reason reason, int64_t answered_ms);
struct operation *failed(struct operation *operation, enum reason reason, int64_t answered_ms);
/* A CAPTURE, VOID or REFUND of another id. */
struct operation *asked_of(struct past *past, enum call call, int id, int original, int64_t amount_minor,
                           int64_t sent_ms);

struct recorded *row(struct past *past, enum entry_kind kind, int id, int64_t amount_minor);
/* A row that follows another; what usage changes by, and what is captured or refunded. */
struct recorded *effect(struct past *past, enum entry_kind kind, int id, int original, int64_t amount_minor,
                        int64_t settled_minor);
/* The reversal of an id, under that id with version 8. */
struct recorded *reversal(struct past *past, int original, int64_t amount_minor);
/* Asked, approved and recorded. */
struct operation *bought(struct past *past, int id, int64_t amount_minor, int64_t sent_ms);

struct request_id id_of(int number);

/* Lets the counters stand at the sums of the rows. */
void count_rows(struct past *past);
/* Checks with counters that stand at the sums of the rows, and expects the verdict. */
struct verdict_of_checker expect_kept(struct past *past);
struct verdict_of_checker expect_broken(struct past *past, int invariant);
/* The same with the counters as they are. */
struct verdict_of_checker expect_verdict(struct past *past, int invariant);

#endif
