/* SPDX-License-Identifier: Apache-2.0 */
/* How the command line takes what it is asked, without a switch: words, options, help and exit statuses. */
#include "support/services.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static char output[32768];
static char directory[TEST_TEXT];

static void start(void) {
    unsetenv("VAXEL_CONFIG");
    test_directory(directory);
}

TestSuite(command_line, .init = start, .timeout = 120);

/* Runs vaxel by the shell, in a directory without settings; what it says is in `output`. */
static int run(const char *words) {
    char program[TEST_TEXT];
    char command[2048];
    test_program("vaxel", program);
    snprintf(command, sizeof command, "cd %s && %s 2>&1 %s", directory, program, words);
    FILE *pipe = popen(command, "r");
    cr_assert(ne(ptr, pipe, NULL));
    output[fread(output, 1, sizeof output - 1, pipe)] = '\0';
    int status = pclose(pipe);
    cr_assert(eq(int, WIFEXITED(status) != 0, 1), "%s\n%s", words, output);
    return WEXITSTATUS(status);
}

struct wrong {
    const char *words;
    const char *said;
};

static const struct wrong wrongs[] = {
    {"", "a command is missing"},
    {"buy", "there is no command \"buy\""},
    {"--loud echo", "there is no option --loud"},
    {"echo --loud", "there is no option --loud"},
    {"echo --text", "--text wants a value"},
    {"echo --json=yes", "--json"},
    {"echo twice", "\"twice\" is one word too many"},
    {"echo --timeout 400", "a time with its unit is wanted"},
    {"echo --timeout 0s", "a time with its unit is wanted"},
    {"echo --timeout -1s", "a time with its unit is wanted"},
    {"echo --config nowhere.ini", "nowhere.ini"},
    {"echo --set switch.workers=many", "workers"},
    {"purchase --amount 130.00 --product single", "either --card or --app is wanted"},
    {"purchase --card 9932543656338003 --app 5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e01", "either --card or --app"},
    {"purchase --card 1234 --amount 1 --product single", "--card wants the 16 digits"},
    {"purchase --card 99325436563380031 --amount 1 --product single", "--card wants the 16 digits"},
    {"purchase --app 5f0c2a3e --amount 1 --product single", "--app wants a UUID"},
    {"purchase --card 9932543656338003 --product single", "--amount is missing"},
    {"purchase --card 9932543656338003 --amount 130,00 --product single", "an amount above 0 is wanted"},
    {"purchase --card 9932543656338003 --amount 0 --product single", "an amount above 0 is wanted"},
    {"purchase --card 9932543656338003 --amount 130.00", "--product is missing"},
    {"purchase --card 9932543656338003 --amount 130.00 --product a_code_of_24_characters.", "may have 23 bytes"},
    {"purchase --card 9932543656338003 --amount 130.00 --product single --currency kr", "--currency wants"},
    {"purchase --card 9932543656338003 --amount 1 --product single --id 5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e01",
     "a UUID of version 7"},
    {"purchase --card 9932543656338003 --amount 1 --product single --hold=900", "a time with its unit is wanted"},
    {"capture", "--original wants an id"},
    {"capture --original 5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e01", "a UUID of version 7"},
    {"capture --original 01a1fd03-153b-7234-9678-9abcdef01234 --amount 0", "an amount above 0 is wanted"},
    {"refund --original 01a1fd03-153b-7234-9678-9abcdef01234 --currency kr", "--currency wants"},
    {"void --original 01a1fd03-153b-7234-9678-9abcdef01234 --amount 1", "there is no option --amount"},
    {"reverse --id 01a1fd03-153b-7234-9678-9abcdef01234", "either --card or --app is wanted"},
    {"advise", "a file of purchases is wanted"},
    {"blocks --since -1", "a number from 0"},
    {"lookup", "--id wants an id"},
    {"audit --month 202613", "year and month are wanted"},
    {"audit --month november", "a number from"},
    {"generate --organisations 0", "a number from 1"},
    {"load --connections 1e3", "a number from 1"},
    {"load --seconds 0", "--seconds must be above 0"},
    {"help buy", "there is no command \"buy\""},
};

Test(command_line, a_wrong_call_says_what_is_wrong_and_ends_with_2) {
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        cr_expect(eq(int, run(wrongs[i].words), 2), "vaxel %s\n%s", wrongs[i].words, output);
        cr_expect(ne(ptr, strstr(output, wrongs[i].said), NULL), "vaxel %s\n%s", wrongs[i].words, output);
        cr_expect(eq(int, strncmp(output, "vaxel: ", 7), 0), "vaxel %s\n%s", wrongs[i].words, output);
    }
}

static void expect_at_most_80_columns(void) {
    for (const char *line = output; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        cr_expect(le(sz, size, 81), "%.*s", (int)size, line); /* ä has two bytes */
        line += size + (line[size] == '\n');
    }
}

static const char *const names[] = {"purchase", "capture",  "void",   "reverse", "refund",  "advise",
                                    "blocks",   "balance",  "lookup", "echo",    "migrate", "audit",
                                    "example",  "generate", "load",   "help"};
#define NAMES_COUNT (sizeof names / sizeof *names)

Test(command_line, help_names_every_command_and_the_exit_statuses) {
    cr_assert(eq(int, run("--help"), 0));
    for (size_t i = 0; i < NAMES_COUNT; i++)
        cr_expect(ne(ptr, strstr(output, names[i]), NULL), "%s", names[i]);
    cr_expect(ne(ptr, strstr(output, "Exit status: 0"), NULL));
    expect_at_most_80_columns();
}

Test(command_line, every_command_has_its_help_within_80_columns) {
    for (size_t i = 0; i < NAMES_COUNT; i++) {
        char words[64];
        char usage[64];
        snprintf(words, sizeof words, "%s --help", names[i]);
        snprintf(usage, sizeof usage, "Usage: vaxel %s", names[i]);
        cr_expect(eq(int, run(words), 0));
        cr_expect(eq(int, strncmp(output, usage, strlen(usage)), 0), "%s", output);
        expect_at_most_80_columns();
    }
}

Test(command_line, completion_is_offered_what_the_parser_takes) {
    cr_assert(eq(int, run("help --words"), 0));
    for (size_t i = 0; i < NAMES_COUNT; i++)
        cr_expect(ne(ptr, strstr(output, names[i]), NULL), "%s", names[i]);
    cr_assert(eq(int, run("help --words purchase"), 0));
    cr_expect(ne(ptr, strstr(output, "--card\tNUMBER\t"), NULL));
    cr_expect(ne(ptr, strstr(output, "--json\t\t"), NULL));
}

Test(command_line, the_version_is_told) {
    cr_assert(eq(int, run("--version"), 0));
    cr_assert(eq(int, strncmp(output, "vaxel ", 6), 0));
}

/* A switch that is not there: certificates are good, nobody listens. */
static void purchase_in_vain(const char *more) {
    static const char *const clients[] = {"client"};
    char words[1024];
    test_certificates(directory, clients, 1);
    snprintf(words, sizeof words,
             "purchase --card '9932 5436 5633 8003' --amount 130.00 --product single --timeout 3s --connect "
             "127.0.0.1:%d --certificate client.pem --key client.key --authority authority.pem %s",
             test_free_port(), more);
    cr_assert(eq(int, run(words), 3), "%s", output);
}

Test(command_line, a_purchase_that_nobody_answers_says_how_to_find_out_and_ends_with_3) {
    purchase_in_vain("");
    cr_expect(ne(ptr, strstr(output, "cannot connect to 127.0.0.1:"), NULL), "%s", output);
    cr_expect(ne(ptr, strstr(output, "ask again with --id "), NULL), "%s", output);
    cr_expect(eq(ptr, strstr(output, "asked 1 time."), NULL), "it was not asked again:\n%s", output);
    cr_expect(eq(ptr, strstr(output, "5633"), NULL), "the card is shown:\n%s", output);
}

Test(command_line, a_failure_is_json_too_where_that_is_wanted) {
    purchase_in_vain("--json 2>/dev/null");
    cr_expect(eq(int, strncmp(output, "{\"error\":\"", 10), 0), "%s", output);
    cr_expect(eq(str, output + strlen(output) - 3, "\"}\n"), "%s", output);
}

Test(command_line, a_certificate_that_is_missing_is_named_before_anything_is_asked) {
    cr_assert(eq(int, run("echo --certificate nowhere.pem"), 3));
    cr_expect(ne(ptr, strstr(output, "nowhere.pem can't be read"), NULL), "%s", output);
    cr_expect(ne(ptr, strstr(output, "--certificate"), NULL), "%s", output);
}
