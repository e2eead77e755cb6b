/* SPDX-License-Identifier: Apache-2.0 */
/* How a file is read, and every way to be wrong, on a table of one setting of each type. */
#include "config/config.h"
#include "given.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>

struct shop {
    char name[CONFIG_TEXT_SIZE];
    char greeting[CONFIG_TEXT_SIZE];
    int64_t shelves;
    int64_t closes_us;
    int64_t till_minor;
    int64_t cellar_bytes;
    int64_t mood;
};

static bool is_polite(const char *text) {
    return strstr(text, "welcome") != NULL;
}

static const struct config_setting table[] = {
    {.section = "sign",
     .key = "name",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct shop, name),
     .initial = "Växel",
     .wanted = "a name",
     .help = "Over the door."},
    {.section = "sign",
     .key = "greeting",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct shop, greeting),
     .initial = "",
     .wanted = "words with a welcome",
     .accepts = is_polite,
     .help = "On the door."},
    {.section = "rooms",
     .key = "shelves",
     .type = CONFIG_NUMBER,
     .offset = offsetof(struct shop, shelves),
     .initial = "3",
     .least = 1,
     .most = 10,
     .is_reloadable = true,
     .help = "Along the wall."},
    {.section = "rooms",
     .key = "closes",
     .type = CONFIG_TIME_US,
     .offset = offsetof(struct shop, closes_us),
     .initial = "1 h",
     .least = 1000,
     .most = INT64_C(36000000000),
     .help = "After it opened."},
    {.section = "rooms",
     .key = "till",
     .type = CONFIG_MONEY_MINOR,
     .offset = offsetof(struct shop, till_minor),
     .initial = "100.00",
     .least = 0,
     .most = 100000,
     .help = "In the morning."},
    {.section = "rooms",
     .key = "cellar",
     .type = CONFIG_BYTES,
     .offset = offsetof(struct shop, cellar_bytes),
     .initial = "4 KiB",
     .least = 1,
     .most = INT64_C(1) << 33,
     .help = "Below."},
    {.section = "keeper",
     .key = "mood",
     .type = CONFIG_CHOICE,
     .offset = offsetof(struct shop, mood),
     .initial = "good",
     .choices = "bad|good|best",
     .help = "Today."},
};
#define COUNT (sizeof(table) / sizeof(table[0]))

static struct shop shop;

static void start(void) {
    given_directory();
    config_defaults(table, COUNT, &shop);
}

TestSuite(read, .init = start);
TestSuite(set, .init = start);

static void expect_read(const char *text) {
    struct failure failure = {""};
    given_file(text);
    cr_expect(config_read(table, COUNT, "vaxel.ini", &shop, &failure), "%s", failure.text);
}

/* The file is refused with these words, and nothing has changed. */
static void expect_words(const char *words) {
    struct shop before = shop;
    struct failure failure = {""};
    cr_expect_not(config_read(table, COUNT, "vaxel.ini", &shop, &failure), "taken, and not: %s", words);
    cr_expect_str_eq(failure.text, words);
    cr_expect_eq(memcmp(&before, &shop, sizeof(shop)), 0, "changed all the same: %s", words);
}

static void expect_refused(const char *text, const char *words) {
    given_file(text);
    expect_words(words);
}

Test(read, defaults_are_read_as_they_would_stand_in_a_file) {
    cr_expect_str_eq(shop.name, "Växel");
    cr_expect_str_eq(shop.greeting, "");
    cr_expect_eq(shop.shelves, 3);
    cr_expect_eq(shop.closes_us, INT64_C(3600000000));
    cr_expect_eq(shop.till_minor, 10000);
    cr_expect_eq(shop.cellar_bytes, 4096);
    cr_expect_eq(shop.mood, 1);
}

Test(read, what_stands_in_the_file_is_set_and_the_rest_stays) {
    expect_read("# a shop\n"
                "[sign]\n"
                "name = The Crown\n"
                "greeting = you are welcome\n"
                "[rooms]\n"
                "shelves = 7\n"
                "closes=90 min\n"
                "till = 12.5\n");
    cr_expect_str_eq(shop.name, "The Crown");
    cr_expect_str_eq(shop.greeting, "you are welcome");
    cr_expect_eq(shop.shelves, 7);
    cr_expect_eq(shop.closes_us, INT64_C(5400000000));
    cr_expect_eq(shop.till_minor, 1250);
    cr_expect_eq(shop.cellar_bytes, 4096);
    cr_expect_eq(shop.mood, 1);
}

Test(read, an_empty_file_changes_nothing) {
    struct shop before = shop;
    expect_read("");
    expect_read("\n\n; nothing\n[sign]\n");
    cr_expect_eq(memcmp(&before, &shop, sizeof(shop)), 0);
}

Test(read, files_of_other_systems_are_read_too) {
    expect_read("\xef\xbb\xbf[sign]\r\nname = The Crown\r\n\r\n[keeper]\r\nmood = best");
    cr_expect_str_eq(shop.name, "The Crown");
    cr_expect_eq(shop.mood, 2);
}

Test(read, a_section_may_be_opened_again) {
    expect_read("[rooms]\nshelves = 4\n[sign]\nname = a\n[rooms]\ntill = 5\n");
    cr_expect_eq(shop.shelves, 4);
    cr_expect_eq(shop.till_minor, 500);
}

Test(read, what_follows_a_semicolon_is_a_comment) {
    expect_read("[rooms]\nshelves = 4 ; on the left\n[sign]\nname = a;b #c\n");
    cr_expect_eq(shop.shelves, 4);
    cr_expect_str_eq(shop.name, "a;b #c");
}

Test(read, a_text_goes_on_in_indented_lines) {
    expect_read("[sign]\nname = The\n    Crown\n\tand Anchor\ngreeting =\n   you are\n   welcome\n");
    cr_expect_str_eq(shop.name, "The Crown and Anchor");
    cr_expect_str_eq(shop.greeting, "you are welcome");
}

Test(read, values_are_read_in_every_unit) {
    static const struct {
        const char *line;
        int64_t closes_us;
    } times[] = {
        {"closes = 1000 us", 1000},
        {"closes = 1 ms", 1000},
        {"closes = 15ms", 15000},
        {"closes = 2 s", 2000000},
        {"closes = 2   s", 2000000},
        {"closes = 3 min", 180000000},
        {"closes = 10 h", INT64_C(36000000000)},
    };
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char text[64];
        snprintf(text, sizeof(text), "[rooms]\n%s\n", times[i].line);
        expect_read(text);
        cr_expect_eq(shop.closes_us, times[i].closes_us, "%s", times[i].line);
    }
    static const struct {
        const char *line;
        int64_t cellar_bytes;
    } sizes[] = {
        {"cellar = 1 B", 1},
        {"cellar = 2 KiB", 2048},
        {"cellar = 3MiB", 3 * 1024 * 1024},
        {"cellar = 8 GiB", INT64_C(1) << 33},
    };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char text[64];
        snprintf(text, sizeof(text), "[rooms]\n%s\n", sizes[i].line);
        expect_read(text);
        cr_expect_eq(shop.cellar_bytes, sizes[i].cellar_bytes, "%s", sizes[i].line);
    }
}

Test(read, the_edges_of_a_range_are_in_it) {
    expect_read("[rooms]\nshelves = 1\ntill = 0\ncloses = 1 ms\n");
    expect_read("[rooms]\nshelves = 10\ntill = 1000.00\ncloses = 10 h\n");
    cr_expect_eq(shop.shelves, 10);
    cr_expect_eq(shop.till_minor, 100000);
}

Test(read, an_unknown_key_is_answered_with_the_nearest) {
    expect_refused("[rooms]\nshelfs = 4\n",
                   "vaxel.ini:2: there is no setting rooms.shelfs; the nearest is rooms.shelves");
    expect_refused("\n\n[sign]\n\nnmae = x\n", "vaxel.ini:5: there is no setting sign.nmae; the nearest is sign.name");
    expect_refused("[sign]\nName = x\n", "vaxel.ini:2: there is no setting sign.Name; the nearest is sign.name");
}

Test(read, a_key_of_another_section_is_answered_with_that_section) {
    expect_refused("[sign]\nmood = good\n", "vaxel.ini:2: there is no setting sign.mood; the nearest is keeper.mood");
}

Test(read, an_unknown_section_is_answered_with_the_nearest) {
    expect_refused("[room]\nshelves = 4\n", "vaxel.ini:2: there is no section [room]; the nearest is [rooms]");
    expect_refused("[Keeper]\nmood = good\n", "vaxel.ini:2: there is no section [Keeper]; the nearest is [keeper]");
}

Test(read, a_key_before_any_section_is_refused) {
    expect_refused("mood = good\n",
                   "vaxel.ini:1: mood stands before any [section]; the nearest setting is mood in [keeper]");
}

Test(read, names_longer_than_any_of_ours_are_refused_too) {
    char text[400];
    char words[600];
    char name[101];
    memset(name, 'm', 100);
    name[100] = '\0';
    snprintf(text, sizeof(text), "[keeper]\n%s = good\n", name);
    snprintf(words, sizeof(words), "vaxel.ini:2: there is no setting keeper.%s; the nearest is keeper.mood", name);
    expect_refused(text, words);
}

Test(read, a_setting_given_twice_is_refused) {
    expect_refused("[rooms]\nshelves = 4\ntill = 1\nshelves = 4\n",
                   "vaxel.ini:4: rooms.shelves is set in line 2 already");
    expect_refused("[sign]\nname = a\n[rooms]\n[sign]\n  name = b\n",
                   "vaxel.ini:5: sign.name is set in line 2 already");
}

Test(read, a_bad_value_is_answered_with_what_is_allowed) {
    static const struct {
        const char *given, *words;
    } cases[] = {
        {"[rooms]\nshelves = 0", "rooms.shelves = \"0\": a whole number from 1 to 10 is wanted"},
        {"[rooms]\nshelves = 11", "rooms.shelves = \"11\": a whole number from 1 to 10 is wanted"},
        {"[rooms]\nshelves = many", "rooms.shelves = \"many\": a whole number from 1 to 10 is wanted"},
        {"[rooms]\nshelves =", "rooms.shelves = \"\": a whole number from 1 to 10 is wanted"},
        {"[rooms]\nshelves = 4 # four", "rooms.shelves = \"4 # four\": a whole number from 1 to 10 is wanted"},
        {"[rooms]\nshelves = -4", "rooms.shelves = \"-4\": a whole number from 1 to 10 is wanted"},
        {"[rooms]\nshelves = 0x4", "rooms.shelves = \"0x4\": a whole number from 1 to 10 is wanted"},
        {"[rooms]\nshelves = 4.0", "rooms.shelves = \"4.0\": a whole number from 1 to 10 is wanted"},
        {"[rooms]\nshelves = 18446744073709551620",
         "rooms.shelves = \"18446744073709551620\": a whole number from 1 to 10 is wanted"},
        {"[rooms]\ncloses = 90",
         "rooms.closes = \"90\": a time from 1 ms to 10 h, with its unit (us, ms, s, min or h) is wanted"},
        {"[rooms]\ncloses = 90 minutes",
         "rooms.closes = \"90 minutes\": a time from 1 ms to 10 h, with its unit (us, ms, s, min or h) is wanted"},
        {"[rooms]\ncloses = 11 h",
         "rooms.closes = \"11 h\": a time from 1 ms to 10 h, with its unit (us, ms, s, min or h) is wanted"},
        {"[rooms]\ncloses = 1.5 h",
         "rooms.closes = \"1.5 h\": a time from 1 ms to 10 h, with its unit (us, ms, s, min or h) is wanted"},
        {"[rooms]\ncloses = 5124095576030431 h", "rooms.closes = \"5124095576030431 h\": a time from 1 ms to 10 h, "
                                                 "with its unit (us, ms, s, min or h) is wanted"},
        {"[rooms]\ncellar = 9 GiB",
         "rooms.cellar = \"9 GiB\": a size from 1 B to 8 GiB, with its unit (B, KiB, MiB or GiB) is wanted"},
        {"[rooms]\ncellar = 1 KB",
         "rooms.cellar = \"1 KB\": a size from 1 B to 8 GiB, with its unit (B, KiB, MiB or GiB) is wanted"},
        {"[rooms]\ntill = 12,50", "rooms.till = \"12,50\": an amount from 0.00 to 1000.00 is wanted"},
        {"[rooms]\ntill = 1000.01", "rooms.till = \"1000.01\": an amount from 0.00 to 1000.00 is wanted"},
        {"[keeper]\nmood = god", "keeper.mood = \"god\": one of bad, good, best is wanted"},
        {"[keeper]\nmood = bad|good", "keeper.mood = \"bad|good\": one of bad, good, best is wanted"},
        {"[keeper]\nmood =", "keeper.mood = \"\": one of bad, good, best is wanted"},
        {"[sign]\ngreeting = go away", "sign.greeting = \"go away\": words with a welcome is wanted"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char words[FAILURE_TEXT_SIZE];
        snprintf(words, sizeof(words), "vaxel.ini:2: %s", cases[i].words);
        expect_refused(cases[i].given, words);
    }
}

Test(read, a_line_that_says_nothing_is_refused) {
    expect_refused("[rooms]\nshelves = 4\nshelves\n", "vaxel.ini:3: neither [section], nor key = value, nor # comment");
    expect_refused("[rooms\nshelves = 4\n", "vaxel.ini:1: neither [section], nor key = value, nor # comment");
}

Test(read, of_two_wrong_lines_the_first_is_told) {
    expect_refused("[rooms]\nwhat\nshelves = 99\n", "vaxel.ini:2: neither [section], nor key = value, nor # comment");
    expect_refused("[rooms]\nshelves = 99\nwhat\n",
                   "vaxel.ini:2: rooms.shelves = \"99\": a whole number from 1 to 10 is wanted");
}

Test(read, what_comes_before_a_wrong_line_is_not_kept) {
    expect_refused("[sign]\nname = The Crown\n[rooms]\nshelves = 4\ntill = kr\n",
                   "vaxel.ini:5: rooms.till = \"kr\": an amount from 0.00 to 1000.00 is wanted");
    cr_expect_str_eq(shop.name, "Växel");
    cr_expect_eq(shop.shelves, 3);
}

/* An indented line goes on with the one above: a setting that was meant for itself must not vanish in another. */
Test(read, indented_settings_are_not_taken_for_text) {
    expect_refused("[rooms]\nshelves = 4\n  till = 5\n",
                   "vaxel.ini:3: an indented line goes on with rooms.shelves: begin what is new at the margin");
    expect_refused("[sign]\n  name = a\n  greeting = welcome\n",
                   "vaxel.ini:3: an indented line goes on with sign.name: begin what is new at the margin");
    expect_refused("[sign]\nname = a\n  [rooms]\nshelves = 4\n",
                   "vaxel.ini:3: an indented line goes on with sign.name: begin what is new at the margin");
}

Test(read, a_text_that_goes_on_must_fit) {
    char text[1024] = "[sign]\nname = a\n";
    size_t size = strlen(text);
    for (int line = 0; line < 5; line++) {
        text[size] = ' ';
        memset(text + size + 1, 'x', 101);
        text[size + 102] = '\n';
        size += 103;
    }
    text[size] = '\0'; /* 1 + 5 * 102 bytes are 511 */
    expect_read(text);
    cr_expect_eq(strlen(shop.name), CONFIG_TEXT_SIZE - 1);
    strcpy(text + size, " x\n");
    expect_refused(text, "vaxel.ini:8: sign.name: at most 511 bytes are wanted");
}

/* inih reads lines of 200 bytes with their end. */
Test(read, a_line_too_long_is_refused_and_not_cut) {
    char text[400];
    memset(text, 'x', sizeof(text));
    memcpy(text, "[sign]\nname = ", 14);
    strcpy(text + 7 + 198, "\n");
    expect_read(text);
    cr_expect_eq(strlen(shop.name), 198 - 7);
    strcpy(text + 7 + 198, "x\n");
    expect_refused(text, "vaxel.ini:2: the line is longer than 198 bytes");
}

Test(read, what_is_no_text_is_refused) {
    given_bytes("[sign]\nna\0me = a\n", 18);
    expect_words("vaxel.ini:2: byte 3 of the line is 0: this is no text");
    given_bytes("\xff\xfe[\0s\0", 6);
    expect_words("vaxel.ini:1: byte 4 of the line is 0: this is no text");
}

Test(read, a_file_that_cannot_be_read_is_told_with_the_reason) {
    expect_words("cannot open vaxel.ini: No such file or directory");
    cr_assert_eq(mkdir("vaxel.ini", 0700), 0);
    expect_words("cannot read vaxel.ini: Is a directory");
}

static void expect_set(const char *assignment) {
    struct failure failure = {""};
    cr_expect(config_set(table, COUNT, assignment, &shop, &failure), "%s", failure.text);
}

static void expect_not_set(const char *assignment, const char *words) {
    struct shop before = shop;
    struct failure failure = {""};
    cr_expect_not(config_set(table, COUNT, assignment, &shop, &failure), "%s", assignment);
    cr_expect_str_eq(failure.text, words);
    cr_expect_eq(memcmp(&before, &shop, sizeof(shop)), 0);
}

Test(set, one_value_is_set_as_in_a_file) {
    expect_set("rooms.shelves=9");
    cr_expect_eq(shop.shelves, 9);
    expect_set("rooms.closes=5 min");
    cr_expect_eq(shop.closes_us, 300000000);
    expect_set("sign.name=host=/run user=a.b ;c");
    cr_expect_str_eq(shop.name, "host=/run user=a.b ;c");
    expect_set("sign.name=");
    cr_expect_str_eq(shop.name, "");
}

Test(set, what_is_wrong_is_refused_with_words) {
    expect_not_set("rooms.shelves=11", "rooms.shelves = \"11\": a whole number from 1 to 10 is wanted");
    expect_not_set("rooms.shelfs=1", "there is no setting rooms.shelfs; the nearest is rooms.shelves");
    expect_not_set("room.shelves=1", "there is no section [room]; the nearest is [rooms]");
    expect_not_set("sign.greeting=go", "sign.greeting = \"go\": words with a welcome is wanted");
    expect_not_set("shelves=1", "\"shelves\": section.key=value is wanted");
    expect_not_set("rooms.shelves", "\"rooms.shelves\": section.key=value is wanted");
    expect_not_set("", "\"\": section.key=value is wanted");
    expect_not_set("=", "\"\": section.key=value is wanted");
    expect_not_set(".=", " stands before any [section]; the nearest setting is name in [sign]");
}

Test(set, a_password_is_not_repeated) {
    char assignment[CONFIG_TEXT_SIZE + 64];
    memset(assignment, 'x', sizeof(assignment));
    memcpy(assignment, "sign.name=password=secret", 25);
    assignment[10 + CONFIG_TEXT_SIZE] = '\0';
    expect_not_set(assignment, "sign.name: at most 511 bytes are wanted");
    assignment[10 + CONFIG_TEXT_SIZE - 1] = '\0';
    expect_set(assignment);
    expect_not_set("conninfo=password=secret", "\"conninfo\": section.key=value is wanted");
}
