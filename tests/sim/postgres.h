/* SPDX-License-Identifier: Apache-2.0 */
/* postgres: a model of what src/record and sql/ do in PostgreSQL, one transaction a call. It holds what is committed;
 * batches, delays and lost connections are the node's (node.c). */
#ifndef VAXEL_TESTS_SIM_POSTGRES_H
#define VAXEL_TESTS_SIM_POSTGRES_H

#include "checker/checker.h"
#include "switch/ports.h"

struct postgres;

/* Departments by id: the parent of each; 0: none. */
struct postgres *postgres_create(const int32_t *parents, int32_t department_count);
void postgres_destroy(struct postgres *postgres);

/* The first transaction of a batch, for one append: whether the row went in. */
bool postgres_append(struct postgres *postgres, const struct entry *entry, struct outcome *outcome);
/* The second, when one did not: confirms what says the same, and looks. */
void postgres_follow(struct postgres *postgres, const struct entry *entry, struct outcome *outcome);
void postgres_check(const struct postgres *postgres, const struct check *check, struct outcome *outcome);
void postgres_undo(struct postgres *postgres, const struct undo *undo, int64_t now_us, struct outcome *outcome);
void postgres_settle(struct postgres *postgres, const struct settlement *settlement, int64_t now_us,
                     struct outcome *outcome);
/* Frees one hold whose time has passed. False: there is none. */
bool postgres_expire(struct postgres *postgres, int64_t now_us, struct effect *effect);

/* A rebuild's two halves. The arrays of sums are the model's, until the next call. */
int32_t postgres_raise(struct postgres *postgres, int32_t organisation, struct month month);
void postgres_read_sums(struct postgres *postgres, int32_t organisation, struct month month, int32_t epoch,
                        struct instant since, struct sums *sums);
void postgres_note_refusal(struct postgres *postgres, const struct refusal_note *note);

/* For the audit. */
bool postgres_find_month(const struct postgres *postgres, int32_t *organisation, struct month *month);
void postgres_read_month(struct postgres *postgres, int32_t organisation, struct month month, struct sums *sums);

/* All rows, in the order of their commits. */
size_t postgres_rows(const struct postgres *postgres, const struct recorded **rows);

#endif
