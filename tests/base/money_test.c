/* SPDX-License-Identifier: Apache-2.0 */
/* DOMAIN M1: amounts are integers of the minor unit; DOMAIN F7: decimal text is never read as binary floating point. */
#include "base/money.h"

#include <criterion/criterion.h>

static void expect_read(const char *text, int64_t minor) {
    int64_t read = -1;
    cr_expect(money_parse(text, &read), "\"%s\" is refused", text);
    cr_expect_eq(read, minor, "\"%s\" is read as %lld", text, (long long)read);
}

static void expect_refused(const char *text) {
    int64_t untouched = 77;
    cr_expect_not(money_parse(text, &untouched), "\"%s\" is read", text);
    cr_expect_eq(untouched, 77, "\"%s\" is refused and leaves %lld", text, (long long)untouched);
}

Test(money, decimal_text_is_read_to_the_ore) {
    expect_read("130", 13000);
    expect_read("130.5", 13050);
    expect_read("130.50", 13050);
    expect_read("130.05", 13005);
    expect_read("0", 0);
    expect_read("0.00", 0);
    expect_read("0.01", 1);
    expect_read("00130", 13000);
}

/* Amounts that no double holds exactly, or that come out an öre short when multiplied by 100. */
Test(money, no_ore_is_lost_where_a_double_would_lose_one) {
    expect_read("0.29", 29);
    expect_read("1.15", 115);
    expect_read("4.35", 435);
    expect_read("1001.29", 100129);
    expect_read("99999999999.99", MONEY_MAX_MINOR);
    expect_read("99999999999.9", 9999999999990);
}

Test(money, anything_but_plain_decimal_text_is_refused) {
    static const char *const refused[] = {
        "",    " ",     "-1",   "+1",    " 1",    "1 ",  "1,50",  "1 000", "1.", ".5",
        ".",   "1.234", "1..2", "1.2.3", "1.-2",  "1e3", "0x10",  "1.5kr", "kr", "nan",
        "inf", "1.+5",  "1. 5", "1.5 ",  "1.5\n", "\t1", "1'000", "١٢",    "１", "--1",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        expect_refused(refused[i]);
}

Test(money, more_than_may_be_handled_is_refused_and_never_wraps_round) {
    expect_refused("100000000000");
    expect_refused("100000000000.00");
    expect_refused("184467440737095516.16");
    expect_refused("92233720368547758.08");
    expect_refused("18446744073709551617");
    expect_refused("99999999999999999999999999999999999999999999999999999999999999999999");
}

Test(money, amounts_are_written_with_two_decimals) {
    static const struct {
        int64_t minor;
        const char *text;
    } cases[] = {
        {13000, "130.00"},
        {1, "0.01"},
        {0, "0.00"},
        {-5, "-0.05"},
        {-13050, "-130.50"},
        {MONEY_MAX_MINOR, "99999999999.99"},
        {INT64_MAX, "92233720368547758.07"},
        {INT64_MIN, "-92233720368547758.08"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[MONEY_TEXT_SIZE];
        money_format(cases[i].minor, text);
        cr_expect_str_eq(text, cases[i].text);
    }
}

Test(money, what_is_written_is_read_as_the_same) {
    for (int64_t minor = 0; minor <= MONEY_MAX_MINOR / 3; minor = minor * 3 + 1) {
        char text[MONEY_TEXT_SIZE];
        money_format(minor, text);
        expect_read(text, minor);
    }
}

Test(money, a_currency_is_three_capital_letters) {
    struct currency sek;
    struct currency nok;
    cr_expect(currency_parse("SEK", &sek));
    cr_expect(currency_parse("NOK", &nok));
    cr_expect_str_eq(sek.code, "SEK");
    cr_expect(currency_equal(sek, sek));
    cr_expect_not(currency_equal(sek, nok));
    static const char *const refused[] = {
        "", "S", "SE", "SEKK", "sek", "SeK", "S3K", " SEK", "SEK ", "kr", "\xc3\x85\xc3\x84"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        cr_expect_not(currency_parse(refused[i], &sek), "\"%s\" is a currency", refused[i]);
        cr_expect_str_eq(sek.code, "SEK");
    }
}

Test(money, a_currency_without_hundredths_is_refused) {
    struct currency currency;
    static const char *const refused[] = {"ISK", "JPY", "KWD", "CLF", "XPF", "BHD"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        cr_expect_not(currency_parse(refused[i], &currency), "%s is a currency of two decimals", refused[i]);
    static const char *const taken[] = {"SEK", "NOK", "DKK", "EUR", "PLN", "HUF"};
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        cr_expect(currency_parse(taken[i], &currency), "%s is refused", taken[i]);
}
