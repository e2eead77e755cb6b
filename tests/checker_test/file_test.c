/* SPDX-License-Identifier: Apache-2.0 */
/* Histories as files: what is written is read again, and what is none is told. */
#include "checker/file.h"
#include "past.h"

#include <stdlib.h>
#include <string.h>

static struct past past;

static struct history_file read_again(const struct history *history) {
    struct history_file read;
    struct failure failure;
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    cr_assert(history_write(file, history));
    rewind(file);
    cr_assert(history_read(file, &read, &failure), "%s", failure.text);
    fclose(file);
    return read;
}

static char *written(const struct history *history) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    cr_assert_not_null(file);
    cr_assert(history_write(file, history));
    fclose(file);
    return text;
}

static void everything(void) {
    past_begin(&past);
    bought(&past, 1, 300, 0)->allows_partial = true;
    approved(asked_of(&past, CALL_REFUND, 2, 1, 100, 20), 25);
    effect(&past, ENTRY_REFUND, 2, 1, -100, 100);
    declined(asked(&past, CALL_AUTHORIZE, 3, 490, 30), REASON_CREDIT_LIMIT, 33);
    asked(&past, CALL_AUTHORIZE, 4, 490, 40)->is_hold = true;
    row(&past, ENTRY_HOLD, 4, 100)->expires_us = 77;
    past.rows[2].flags = ENTRY_STAND_IN | ENTRY_PARTIAL;
    past.history.ended_us = 5;
    past.history.nodes_were_lost = true;
    count_rows(&past);
}

Test(history, what_is_written_is_read_again) {
    everything();
    struct history_file read = read_again(&past.history);
    cr_assert_eq(read.history.operation_count, past.history.operation_count);
    for (size_t i = 0; i < past.history.operation_count; i++) {
        cr_expect_eq(read.operations[i].credential.card, read.operations[0].credential.card);
        past.operations[i].credential = read.operations[i].credential; /* another number, the same for the same text */
    }
    char *wanted = written(&past.history);
    char *got = written(&read.history);
    cr_expect_str_eq(got, wanted);
    free(wanted);
    free(got);
    cr_expect_eq(read.recorded[2].flags, ENTRY_STAND_IN | ENTRY_PARTIAL);
    cr_expect_eq(read.recorded[2].expires_us, 77);
    cr_expect_eq(read.recorded[1].settled_minor, 100);
    cr_expect(request_id_equal(&read.recorded[1].original, &past.rows[0].id));
    cr_expect_eq(read.operations[2].reason, REASON_CREDIT_LIMIT);
    cr_expect(read.operations[0].allows_partial);
    cr_expect_not(read.operations[3].is_answered);
    cr_expect_eq(read.history.ceiling_count, past.history.ceiling_count);
    cr_expect_eq(read.ceilings[2].limit.ceiling_minor, LIMIT_COUNTED_ONLY);
    cr_expect_eq(read.history.counted_count, past.history.counted_count);
    cr_expect_eq(read.counted[4].spent_minor, past.counted[4].spent_minor);
    cr_expect_eq(read.departments[1].parent, 1);
    cr_expect_eq(read.history.lateness_us, past.history.lateness_us);
    cr_expect_eq(read.history.ended_us, 5);
    cr_expect(read.history.nodes_were_lost);
    cr_expect_not(read.history.redis_was_lost);
    history_file_finish(&read);
}

Test(history, a_broken_promise_is_found_in_a_file_too) {
    past_begin(&past);
    approved(asked(&past, CALL_AUTHORIZE, 1, 100, 0), 5);
    struct history_file read = read_again(&past.history);
    struct verdict_of_checker verdict;
    checker_check(&read.history, &verdict);
    cr_expect_eq(verdict.invariant, 1);
    history_file_finish(&read);
}

Test(history, requests_may_stand_in_any_order) {
    past_begin(&past);
    bought(&past, 1, 100, 50);
    bought(&past, 2, 100, 10);
    struct history_file read = read_again(&past.history);
    cr_expect_lt(read.operations[0].sent_us, read.operations[1].sent_us);
    history_file_finish(&read);
}

Test(history, a_line_that_is_none_is_told_by_its_number) {
    static const char *const lines[] = {
        "nothing",
        "{\"type\":\"something\"}",
        "{\"type\":\"department\"}",
        "{\"type\":\"department\",\"id\":\"1\"}",
        "{\"type\":\"department\",\"id\":1.5}",
        "{\"type\":\"department\",\"id\":99999999999}",
        "{\"type\":\"department\",\"id\":1",
        "{\"type\":\"department\" \"id\":1}",
        "{\"type\":\"depart\\\"ment\",\"id\":1}",
        "{\"type\":\"counter\",\"organisation\":1,\"month\":202611,\"kind\":\"purse\",\"of\":1,\"spent\":1}",
        "{\"type\":\"operation\",\"call\":\"authorize\",\"client\":1,\"id\":\"1\",\"sent_us\":1}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct history_file read;
        struct failure failure = {""};
        FILE *file = tmpfile();
        cr_assert_not_null(file);
        fprintf(file, "{\"type\":\"department\",\"id\":1,\"and\":true}\n\n%s\n", lines[i]);
        rewind(file);
        cr_expect_not(history_read(file, &read, &failure), "%s", lines[i]);
        cr_expect_eq(strncmp(failure.text, "line 3: ", 8), 0, "%s", failure.text);
        history_file_finish(&read);
        fclose(file);
    }
}
