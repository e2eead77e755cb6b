/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that follow a purchase, against a switch that answers as it is asked to. */
#include "client/counter.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define HOLD "01a1fd03-153b-7234-9678-9abcdef01234"
#define OWN "01a1fd03-153b-7234-9678-9abcdef01235"

static struct counter *counter;
static char output[65536];

static void start(void) {
    counter = counter_start();
}

TestSuite(commands, .init = start, .fini = counter_stop, .timeout = 120);

/* Runs vaxel by the shell, in the directory of the certificates; what it says is in `output`. */
static int run_within(const char *before, const char *words, const char *after) {
    char program[TEST_TEXT];
    char command[4096];
    test_program("vaxel", program);
    snprintf(command, sizeof command,
             "cd %s && %s VAXEL_CONFIG=/dev/null %s --connect %s --certificate client.pem --key client.key --authority "
             "authority.pem %s %s 2>&1",
             counter->directory, before, program, counter->address, words, after);
    FILE *pipe = popen(command, "r");
    cr_assert(ne(ptr, pipe, NULL));
    output[fread(output, 1, sizeof output - 1, pipe)] = '\0';
    int status = pclose(pipe);
    cr_assert(eq(int, WIFEXITED(status) != 0, 1), "%s\n%s", words, output);
    return WEXITSTATUS(status);
}

static int run(const char *words) {
    return run_within("", words, "");
}

static int run_on_a_terminal(const char *words) {
    return run_within("script -qec '", words, "' /dev/null");
}

static void expect_said(const char *words) {
    cr_expect(ne(ptr, strstr(output, words), NULL), "it does not say \"%s\" but:\n%s", words, output);
}

/* ---- holds ---- */

Test(commands, a_hold_asks_for_its_time_and_tells_its_end) {
    cr_assert(eq(int,
                 run("purchase --card 9932543656338003 --amount 130.00 --product single --hold=15min --partial "
                     "--intended"),
                 0),
              "%s", output);
    cr_expect(counter_last()->authorize.is_hold && counter_last()->authorize.allows_partial &&
              counter_last()->is_intended);
    cr_expect(eq(long, counter_last()->authorize.hold_us, 900000000));
    expect_said("Approved for  90.00 SEK only");
    expect_said("Held until    2026-11-21 08:45");
}

Test(commands, a_hold_without_a_time_leaves_it_to_the_switch_and_a_purchase_is_none) {
    cr_assert(eq(int, run("purchase --card 9932543656338003 --amount 130.00 --product single --hold --json"), 0));
    cr_expect(counter_last()->authorize.is_hold);
    cr_expect(eq(long, counter_last()->authorize.hold_us, 0));
    expect_said("\"expires_at\":\"2026-11-21T07:30:00");
    cr_assert(eq(int, run("purchase --card 9932543656338003 --amount 130.00 --product single"), 0));
    cr_expect(not(counter_last()->authorize.is_hold || counter_last()->authorize.allows_partial ||
                  counter_last()->is_intended));
}

/* ---- settlements ---- */

Test(commands, a_capture_names_its_hold_and_says_what_is_left) {
    cr_assert(eq(int, run("capture --original " HOLD " --amount 20.00 --more --id " OWN), 0), "%s", output);
    const struct settle *settle = &counter_last()->settle;
    cr_expect(eq(int, counter_last()->call, CALL_CAPTURE));
    cr_expect(eq(long, settle->amount_minor, 2000));
    cr_expect(not(settle->is_final || settle->has_credential));
    cr_expect(eq(int, settle->original.bytes[15], 0x34));
    cr_expect(eq(int, settle->id.bytes[15], 0x35));
    expect_said("APPROVED  captured 20.00 SEK");
    expect_said("10.00 SEK of the hold can still be captured");
    expect_said("Left          10.00 SEK");
    expect_said("Id            " OWN);
}

Test(commands, each_settlement_is_asked_for_by_its_own_call) {
    cr_assert(eq(int, run("capture --original " HOLD), 0), "%s", output);
    cr_expect(counter_last()->settle.is_final && request_id_is_v7(&counter_last()->settle.id));
    cr_expect(eq(long, counter_last()->settle.amount_minor, 0));
    cr_assert(eq(int, run("void --original " HOLD " --card 9932543656338003"), 0), "%s", output);
    cr_expect(eq(int, counter_last()->call, CALL_VOID));
    cr_expect(counter_last()->settle.has_credential);
    cr_assert(eq(int, run("reverse --id " HOLD " --card 9932543656338003"), 0), "%s", output);
    cr_expect(eq(int, counter_last()->call, CALL_REVERSE));
    cr_assert(eq(int, run("refund --original " HOLD " --json"), 0), "%s", output);
    cr_expect(eq(int, counter_last()->call, CALL_REFUND));
    expect_said("\"original\":\"" HOLD "\",\"amount_minor\":13000,\"remaining_minor\":1000,\"currency\":\"SEK\"");
}

Test(commands, a_settlement_that_is_declined_ends_with_1) {
    cr_assert(eq(int, run("refund --original " HOLD " --amount 999.00"), 1), "%s", output);
    expect_said("DECLINED  not refunded");
    expect_said("AMOUNT_EXCEEDED");
}

/* ---- advices ---- */

static void write_file(const char *name, const char *text) {
    char path[TEST_TEXT + 32];
    snprintf(path, sizeof path, "%s/%s", counter->directory, name);
    FILE *file = fopen(path, "w");
    cr_assert(ne(ptr, file, NULL));
    fputs(text, file);
    cr_assert(eq(int, fclose(file), 0));
}

static void write_purchases(const char *name, int count) {
    char path[TEST_TEXT + 32];
    snprintf(path, sizeof path, "%s/%s", counter->directory, name);
    FILE *file = fopen(path, "w");
    cr_assert(ne(ptr, file, NULL));
    for (int i = 0; i < count; i++)
        fprintf(file, "01a1fd03-153b-7234-9678-9abcde%06x\t9932543656338003\t130.00\tsingle\tbus %d\n", (unsigned)i, i);
    cr_assert(eq(int, fclose(file), 0));
}

Test(commands, purchases_of_a_file_go_many_to_a_frame_and_are_counted) {
    write_purchases("purchases", 3000);
    cr_assert(eq(int, run("advise purchases"), 0), "%s", output);
    cr_expect(eq(int, counter->advices, 3000));
    cr_expect(eq(int, counter->frames, 12));
    cr_expect(eq(int, strncmp(output, "3000 recorded in ", 17), 0), "%s", output);
}

Test(commands, purchases_come_from_standard_input_with_empty_lines_and_remarks) {
    cr_assert(eq(int,
                 run("advise - <<'END'\n"
                     "# bus 4711\n\n" HOLD "\t5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e01\t130.00\tsingle\r\n" OWN
                     "\t9932543656338003\t20\t" ADVICE_FORCED "\tline 45, bus 4711\n"
                     "END\n"),
                 0),
              "%s", output);
    expect_said("2 recorded in ");
    expect_said("Forced        1,");
    expect_said("Late          1,");
    expect_said("Repeats       1,");
}

Test(commands, a_purchase_that_is_not_recorded_is_told_with_its_line) {
    write_file("purchases", HOLD "\t9932543656338003\t130.00\tsingle\n" OWN "\t9932543656338003\t130.00\t" ADVICE_REUSED
                                 "\nnonsense\n");
    cr_assert(eq(int, run("advise purchases"), 1), "%s", output);
    expect_said("line 2  DECLINED  ID_REUSED  " OWN);
    expect_said("line 3  UNREADABLE\n");
    expect_said("1 field instead of id, card or app, amount, product");
    expect_said("1 recorded in ");
    cr_assert(eq(int, run("advise purchases --json 2>/dev/null"), 1), "%s", output);
    expect_said("{\"line\":2,\"decision\":\"DECLINED\",\"reason\":\"ID_REUSED\",\"id\":\"" OWN "\",\"message\":");
    expect_said("\"recorded\":1,");
    expect_said("\"declined\":1,\"unreadable\":1,\"unknown\":0,\"complete\":true,");
}

Test(commands, each_flaw_of_a_line_is_named) {
    static const struct {
        const char *line;
        const char *said;
    } flaws[] = {
        {"5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e01\t9932543656338003\t1\tsingle", "the id is no UUID of version 7"},
        {HOLD "\t99325436\t1\tsingle", "neither a card"},
        {HOLD "\t9932543656338003\t1,50\tsingle", "the amount is none above 0"},
        {HOLD "\t9932543656338003\t0\tsingle", "the amount is none above 0"},
        {HOLD "\t9932543656338003\t1\t", "the product is missing"},
        {HOLD "\t9932543656338003\t1\ta_code_of_24_characters.", "the product has more than 23 bytes"},
        {HOLD "\t9932543656338003\t1\tsingle\tbus\t4711", "6 fields instead of"},
    };
    for (size_t i = 0; i < sizeof flaws / sizeof *flaws; i++) {
        write_file("purchases", flaws[i].line);
        cr_expect(eq(int, run("advise purchases"), 1), "%s", output);
        expect_said(flaws[i].said);
    }
    cr_expect(eq(int, counter->frames, 0));
}

Test(commands, what_failed_or_got_no_answer_is_told_of_again_under_its_own_id) {
    write_file("purchases", HOLD "\t9932543656338003\t130.00\t" ADVICE_BUSY "\n" OWN
                                 "\t9932543656338003\t130.00\t" ADVICE_HANG_UP "\n");
    cr_assert(eq(int, run("advise purchases"), 0), "%s", output);
    expect_said("2 recorded in ");
    cr_expect(ge(int, counter->frames, 2));
}

Test(commands, of_a_frame_that_was_too_much_only_what_had_no_room_is_told_of_again) {
    write_purchases("purchases", 2999);
    char path[TEST_TEXT + 32];
    snprintf(path, sizeof path, "%s/purchases", counter->directory);
    FILE *file = fopen(path, "a");
    cr_assert(ne(ptr, file, NULL));
    fputs(HOLD "\t9932543656338003\t130.00\t" ADVICE_BUSY "\n", file);
    cr_assert(eq(int, fclose(file), 0));
    cr_assert(eq(int, run("advise purchases"), 0), "%s", output);
    expect_said("3000 recorded in ");
    cr_expect(eq(int, counter->advices, 3000 + 1));
}

Test(commands, what_gets_no_clear_answer_in_time_is_not_known_and_ends_with_3) {
    write_file("purchases",
               HOLD "\t9932543656338003\t130.00\tsingle\n" OWN "\t9932543656338003\t130.00\t" ADVICE_NEVER "\n");
    cr_assert(eq(int, run("advise purchases --timeout 5s"), 3), "%s", output);
    expect_said("line 2  NOT KNOWN  " OWN);
    expect_said("1 recorded in ");
    expect_said("Not known     1");
    cr_expect(eq(ptr, strstr(output, HOLD), NULL), "the other one was recorded:\n%s", output);
}

Test(commands, how_far_it_is_with_the_purchases_of_a_file_is_told_on_a_terminal) {
    write_file("purchases",
               HOLD "\t9932543656338003\t130.00\tsingle\n" OWN "\t9932543656338003\t130.00\t" ADVICE_NEVER "\n");
    cr_assert(eq(int, run_on_a_terminal("advise purchases --timeout 5s"), 3), "%s", output);
    expect_said(" s, 1 recorded\r");
    expect_said("\r\n1 recorded in ");
    cr_assert(eq(int, run("advise purchases --timeout 5s"), 3), "%s", output);
    cr_expect(eq(ptr, strstr(output, " s, 1 recorded"), NULL), "nobody watches:\n%s", output);
}

Test(commands, a_file_that_is_not_there_is_named) {
    cr_assert(eq(int, run("advise nowhere"), 3));
    expect_said("nowhere can't be read");
}

/* ---- the block list ---- */

Test(commands, the_block_list_is_read_page_by_page_to_its_end) {
    cr_assert(eq(int, run("blocks"), 0), "%s", output);
    cr_expect(eq(str, output,
                 "         3  STOPPED  ************8003\n"
                 "         4  USED_UP  ************8046                      until 2026-12-01 00:00\n"
                 "         7  STOPPED  01020300-0000-0000-0000-000000000000\n"
                 "         8  LIFTED   ************8003\n"
                 "         9  USED_UP  ************8020                      until 2026-11-01 00:00\n"));
    cr_assert(eq(int, run("blocks --since 8 --json"), 0), "%s", output);
    cr_expect(eq(str, output,
                 "{\"blocks\":[{\"number\":9,\"kind\":\"USED_UP\",\"card\":\"************8020\",\"ends_at\":"
                 "\"2026-10-31T23:00:00.000Z\"}],\"last\":9}\n"));
}

/* Lifted, or used up until a month that has begun: no longer blocked. */
Test(commands, the_state_of_the_block_list_is_what_its_last_entries_say) {
    cr_assert(eq(int, run("blocks --state --whole"), 0), "%s", output);
    cr_expect(eq(str, output,
                 "         4  USED_UP  9932543656338046                      until 2026-12-01 00:00\n"
                 "         7  STOPPED  01020300-0000-0000-0000-000000000000\n"));
    cr_assert(eq(int, run("blocks --state --follow"), 2));
    expect_said("--state is of the whole list");
}

/* It ends when nobody reads on. */
Test(commands, following_the_block_list_goes_on_after_its_end) {
    cr_assert(eq(int, run("blocks --follow --since 7 | (read -r one; read -r two; echo \"$one;$two\")"), 0));
    expect_said("8  LIFTED");
    expect_said("9  USED_UP");
}
