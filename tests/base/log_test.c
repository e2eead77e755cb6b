/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* As systemd does for a service whose standard error is the journal's. */
static void be_of_the_journal(const char *node) {
    struct stat status;
    char stream[64];
    cr_assert_eq(fstat(STDERR_FILENO, &status), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev, (unsigned long long)status.st_ino);
    cr_assert_eq(setenv("JOURNAL_STREAM", stream, 1), 0);
    log_open(node);
}

Test(log, an_event_is_one_line_with_its_room, .init = catch_log) {
    log_error("limits", "connection lost why=%s", "gone");
    log_info("node", "started port=%d", 7443);
    cr_expect_str_eq(logged(), "limits: connection lost why=gone\nnode: started port=7443\n");
}

Test(log, in_the_journal_a_line_begins_with_its_priority_and_ends_with_whose_it_is, .init = catch_log) {
    be_of_the_journal("bus-1:7443");
    log_error("limits", "connection lost why=%s", "gone");
    log_debug("limits", "nobody wants to know");
    log_warning("node", "slow");
    cr_expect_str_eq(logged(), "<3>limits: connection lost why=gone node=bus-1:7443\n<4>node: slow node=bus-1:7443\n");
    log_open("two words");
    log_info("node", "started");
    cr_expect_str_eq(logged(), "<6>node: started node=\"two words\"\n");
    log_open(NULL);
    log_info("node", "started");
    cr_expect_str_eq(logged(), "<6>node: started\n");
}

Test(log, in_a_file_a_line_begins_with_when_it_was_and_how_urgent, .init = catch_log) {
    setenv("JOURNAL_STREAM", "1:1", 1); /* of somebody who started us with another standard error */
    log_open("n");
    log_warning("node", "slow ms=%d", 7);
    const char *line = logged();
    char time[INSTANT_TEXT_SIZE];
    instant_format(instant_now(), time);
    cr_expect_arr_eq(line, time, 8, "%s", line);
    cr_expect_eq(line[INSTANT_TEXT_SIZE - 2], 'Z');
    cr_expect_str_eq(line + INSTANT_TEXT_SIZE - 1, " warning node: slow ms=7 node=n\n");
}

Test(log, what_is_less_urgent_than_the_level_is_not_written, .init = catch_log) {
    log_debug("net", "not by itself");
    cr_expect_str_eq(logged(), "");
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("net", "no");
    log_error("net", "yes");
    cr_expect_str_eq(logged(), "net: yes\n");
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("net", "now");
    cr_expect_str_eq(logged(), "net: now\n");
}

Test(log, numbers_of_every_size_are_written_whole, .init = catch_log) {
    log_info("node", "a=%d b=%u c=%zu d=%lld e=%llu f=%ld g=%lu 100%%", -7, 4000000000u, SIZE_MAX, (long long)INT64_MIN,
             (unsigned long long)UINT64_MAX, (long)-1, 2ul);
    cr_expect_str_eq(logged(), "node: a=-7 b=4000000000 c=18446744073709551615 d=-9223372036854775808 "
                               "e=18446744073709551615 f=-1 g=2 100%\n");
}

struct value_case {
    const char *value;
    const char *written;
};

Test(log, a_value_is_quoted_when_it_could_be_taken_for_more, .init = catch_log) {
    static const struct value_case cases[] = {
        {"validator-1", "validator-1"},
        {"", "\"\""},
        {"no such host", "\"no such host\""},
        {"x level=3", "\"x level=3\""},
        {"say \"no\"", "\"say \\\"no\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"hållplats", "hållplats"},
        {"evil\n<3>record: lost everything\r\x1b[2J\t\x7f",
         "\"evil\\n<3>record: lost everything\\x0d\\x1b[2J\\t\\x7f\""},
        {"\xc2\x9b"
         "31m",
         "\"\\xc2\\x9b31m\""},
        {"\xff\xfe", "\"\\xff\\xfe\""},
        {"cut \xe2\x82", "\"cut \\xe2\\x82\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[256];
        log_warning("wire", "said client=%s n=%d", cases[i].value, 1);
        snprintf(line, sizeof(line), "wire: said client=%s n=1\n", cases[i].written);
        cr_expect_str_eq(logged(), line);
    }
}

Test(log, words_from_outside_start_no_line_and_steer_no_terminal, .init = catch_log) {
    log_warning("wire", "%s", "evil\n<3>record: lost everything\r\x1b[2J\t\x7f\xc2\x9b\xff");
    cr_expect_str_eq(logged(), "wire: evil?<3>record: lost everything??[2J?????\n");
}

Test(log, card_numbers_are_masked_and_tokens_are_left_out_whoever_forgot_to, .init = catch_log) {
    static const struct value_case cases[] = {
        {"9932543656338003", "************8003"},
        {"card/9932543656338003.", "card/************8003."},
        {"9932-5436-5633-8003", "************8003"},
        {"is 9932 5436 5633 8003!", "\"is ************8003!\""},
        {"99325436563380031", "99325436563380031"}, /* one digit more is no card */
        {"993254365633800", "993254365633800"},
        {"01234567-8901-7234-8901-234567890123", "01234567-8901-7234-8901-234567890123"},
        {"Bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiIxMDAifQ.c2ln_-X", "\"Bearer [token]\""},
        {"eyJ", "eyJ"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[256];
        log_warning("wire", "said what=%s", cases[i].value);
        snprintf(line, sizeof(line), "wire: said what=%s\n", cases[i].written);
        cr_expect_str_eq(logged(), line);
    }
    log_warning("wire", "%s", "9932543656338003");
    cr_expect_str_eq(logged(), "wire: ************8003\n");
}

Test(log, a_long_line_is_cut_and_still_says_whose_it_is_and_ends, .init = catch_log) {
    char text[3 * LOG_LINE_SIZE];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    be_of_the_journal("bus-1");
    log_info("node", "%s", text);
    const char *line = logged();
    cr_expect_eq(strlen(line), LOG_LINE_SIZE);
    cr_expect_str_eq(line + LOG_LINE_SIZE - 12, " node=bus-1\n");
    text[10] = ' ';
    log_info("node", "why=%s", text);
    cr_expect_str_eq(logged() + LOG_LINE_SIZE - 13, "\" node=bus-1\n");
    log_info(text, "%s", text);
    cr_expect_eq(strlen(logged()), LOG_LINE_SIZE);
}

static int lines_of(const char *text) {
    int lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static void storm(int events) {
    for (int i = 0; i < events; i++)
        log_warning("net", "connection came to nothing from=%s n=%d", "127.0.0.1", i);
}

Test(log, a_storm_of_one_event_is_so_many_lines_and_one_that_tells_how_many_more, .init = catch_log) {
    storm(LOG_PLACE_LINES + 1234);
    log_warning("node", "another event is heard");
    const char *text = logged();
    cr_expect_eq(lines_of(text), LOG_PLACE_LINES + 1);
    cr_expect_not_null(strstr(text, "node: another event is heard\n"));
    log_summarize();
    cr_expect_str_eq(logged(), "net: connection came to nothing suppressed=1234\n");
    log_summarize();
    cr_expect_str_eq(logged(), "", "what was told is told again");
    storm(3);
    log_summarize();
    cr_expect_str_eq(logged(), "net: connection came to nothing suppressed=3\n");
}

Test(log, a_place_may_have_lines_of_its_own_number, .init = catch_log) {
    static struct log_place place = {.lines = 2};
    for (int i = 0; i < 5; i++)
        log_write(&place, LOG_LEVEL_INFO, "node", "request answered id=%d", i);
    log_summarize();
    cr_expect_str_eq(logged(), "node: request answered id=0\nnode: request answered id=1\n"
                               "node: request answered suppressed=3\n");
}

Test(log, what_is_critical_is_never_cut_short, .init = catch_log) {
    for (int i = 0; i < 2 * LOG_PLACE_LINES; i++)
        log_event(LOG_LEVEL_CRITICAL, "check", "impossible");
    cr_expect_eq(lines_of(logged()), 2 * LOG_PLACE_LINES);
}

Test(log, errno_stays_as_it_was_even_when_nobody_listens) {
    signal(SIGPIPE, SIG_IGN);
    catch_log();
    close(caught);
    errno = ENOENT;
    log_info("node", "into the void");
    cr_expect_eq(errno, ENOENT);
    storm(2 * LOG_PLACE_LINES);
    errno = ENOENT;
    log_summarize();
    cr_expect_eq(errno, ENOENT);
}

static void *log_much(void *letter) {
    char text[200];
    memset(text, *(char *)letter, sizeof(text));
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < LOG_PLACE_LINES / 2; i++)
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
        cr_assert_eq(strncmp(line, "node: ", 6), 0);
        char letter[2] = {line[6], '\0'};
        cr_expect_eq(strspn(line + 6, letter), 199);
        lines++;
    }
    cr_expect_eq(lines, LOG_PLACE_LINES);
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
    cr_expect_str_eq(logged(), "check: impossible: spent <= limit does not hold at ledger.c:42\n");
}
