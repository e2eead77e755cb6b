/* SPDX-License-Identifier: Apache-2.0 */
/* shell: a core with nothing around it but lists of what it asked for; the test plays Redis, PostgreSQL and the clock.
 */
#ifndef VAXEL_TESTS_SWITCH_SHELL_H
#define VAXEL_TESTS_SWITCH_SHELL_H

#include "switch/switch.h"

#define SHELL_ASKS 64

struct given_answer {
    uint64_t reply_to;
    struct answer answer;
};

struct shell {
    struct switch_core *core;
    struct moment now;
    struct account account; /* what every credential but card 0 belongs to */
    bool is_limits_full;
    bool is_journal_full;

    struct question questions[SHELL_ASKS];
    struct entry entries[SHELL_ASKS];
    uint32_t entry_owners[SHELL_ASKS];
    struct check checks[SHELL_ASKS];
    uint32_t check_owners[SHELL_ASKS];
    struct undo undos[SHELL_ASKS];
    uint32_t undo_owners[SHELL_ASKS];
    struct settlement settlements[SHELL_ASKS];
    uint32_t settlement_owners[SHELL_ASKS];
    struct entry journaled[SHELL_ASKS];
    uint32_t journal_owners[SHELL_ASKS];
    uint64_t drained[SHELL_ASKS];
    struct given_answer answers[SHELL_ASKS];
    int question_count, entry_count, check_count, undo_count, answer_count;
    int settlement_count, journal_count, drained_count;
    int sums_read_count, sums_written_count, note_count;
    bool sums_from_rows; /* as they were asked for last */
};

/* A core with both services up, at 2026-11-21 12:00 in Stockholm, and an account of four limits. */
void shell_init(struct shell *shell);
/* ... with a journal, which stands in for a record that owes an answer for 100 ms. */
void shell_init_with_journal(struct shell *shell);
void shell_finish(struct shell *shell);

/* Asks to buy for 130.00 under the `number`th id of now; answers go to reply_to `number`. */
void shell_authorize(struct shell *shell, uint8_t number);
struct authorize shell_request(const struct shell *shell, uint8_t number);
void shell_pass_time(struct shell *shell, int64_t us);

/* The limits answer the last question, or the record the last append, check, undo. */
void shell_verdict(struct shell *shell, struct verdict verdict);
void shell_counted(struct shell *shell);
/* Nobody had claimed the id before. */
void shell_claimed(struct shell *shell);
void shell_append_outcome(struct shell *shell, struct outcome outcome);
void shell_check_outcome(struct shell *shell, struct outcome outcome);
void shell_undo_outcome(struct shell *shell, struct outcome outcome);
void shell_settlement_outcome(struct shell *shell, struct outcome outcome);
/* The journal says of the entry it took last that it is safe, or that it will never be. */
void shell_journaled(struct shell *shell, bool is_safe);

const struct answer *shell_last_answer(const struct shell *shell);

#endif
