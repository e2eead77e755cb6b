/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Standard error, into a pipe. */
static int caught;

static void catch_log(void) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[1]);
    caught = ends[0];
}

/* What was logged since the last time. */
static const char *logged(void) {
    static char text[65536];
    /* A mark of our own, so that reading nothing does not wait. */
    cr_assert_eq(write(STDERR_FILENO, "\1", 1), 1);
    size_t size = 0;
    do {
        ssize_t got = read(caught, text + size, sizeof(text) - size);
        cr_assert_gt(got, 0);
        size += (size_t)got;
    } while (text[size - 1] != '\1');
    text[size - 1] = '\0';
    return text;
}

Test(log, an_event_is_one_line_with_its_priority_and_room, .init = catch_log) {
    log_error("limits", "connection lost why=%s", "gone");
    log_info("node", "started port=%d", 7443);
    cr_expect_str_eq(logged(), "<3>limits: connection lost why=gone\n<6>node: started port=7443\n");
}

Test(log, what_is_less_urgent_than_the_level_is_not_written, .init = catch_log) {
    log_debug("net", "not by itself");
    cr_expect_str_eq(logged(), "");
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("net", "no");
    log_error("net", "yes");
    cr_expect_str_eq(logged(), "<3>net: yes\n");
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("net", "now");
    cr_expect_str_eq(logged(), "<7>net: now\n");
}

Test(log, text_from_outside_starts_no_line_and_steers_no_terminal, .init = catch_log) {
    log_warning("wire", "client=%s", "evil\n<3>record: lost everything\r\x1b[2J\t\x7f");
    cr_expect_str_eq(logged(), "<4>wire: client=evil?<3>record: lost everything??[2J??\n");
    log_warning("wire", "place=%s", "hållplats Östersund");
    cr_expect_str_eq(logged(), "<4>wire: place=hållplats Östersund\n");
}

Test(log, a_long_line_is_cut_and_still_ends, .init = catch_log) {
    char text[3 * LOG_LINE_SIZE];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    log_info("node", "%s", text);
    const char *line = logged();
    cr_expect_eq(strlen(line), LOG_LINE_SIZE);
    cr_expect_eq(line[LOG_LINE_SIZE - 1], '\n');
    log_info(text, "%s", text);
    cr_expect_eq(strlen(logged()), LOG_LINE_SIZE);
}

Test(log, errno_stays_as_it_was_even_when_nobody_listens) {
    signal(SIGPIPE, SIG_IGN);
    catch_log();
    close(caught);
    errno = ENOENT;
    log_info("node", "into the void");
    cr_expect_eq(errno, ENOENT);
}

static void *log_much(void *letter) {
    char text[200];
    memset(text, *(char *)letter, sizeof(text));
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < 50; i++)
        log_info("node", "%s", text);
    return NULL;
}

Test(log, lines_of_several_threads_are_not_mixed, .init = catch_log) {
    char letters[] = "ab";
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, log_much, &letters[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    const char *text = logged();
    int lines = 0;
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        cr_assert_eq(strncmp(line, "<6>node: ", 9), 0);
        char letter[2] = {line[9], '\0'};
        cr_expect_eq(strspn(line + 9, letter), 199);
        lines++;
    }
    cr_expect_eq(lines, 100);
}

Test(check, what_holds_costs_nothing) {
    CHECK(1 + 1 == 2);
}

Test(check, what_cannot_be_ends_the_program, .signal = SIGABRT) {
    CHECK(1 + 1 == 3);
}

Test(check, the_broken_condition_and_its_place_are_told, .init = catch_log) {
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        check_failed("spent <= limit", "ledger.c", 42);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    cr_expect_str_eq(logged(), "<2>check: impossible: spent <= limit does not hold at ledger.c:42\n");
}
