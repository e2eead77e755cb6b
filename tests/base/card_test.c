/* SPDX-License-Identifier: Apache-2.0 */
/* DOMAIN 2: a bus card has a printed number of 16 digits. */
#include "base/card.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stddef.h>

Test(card, the_printed_number_is_read_with_or_without_its_spaces) {
    static const char *const texts[] = {"9932543656338004", "9932 5436 5633 8004", "9 932543656338 004",
                                        "9932  5436 56338004"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint64_t number = 0;
        cr_expect(card_parse(texts[i], &number), "\"%s\" is refused", texts[i]);
        cr_expect_eq(number, UINT64_C(9932543656338004));
    }
}

Test(card, a_number_may_begin_with_zeros) {
    uint64_t number = 1;
    cr_expect(card_parse("0000000000000000", &number));
    cr_expect_eq(number, 0);
    cr_expect(card_parse("0000000000000018", &number));
    cr_expect_eq(number, 18);
}

Test(card, anything_else_is_refused) {
    static const char *const refused[] = {
        "",
        " ",
        "993254365633800",   /* 15 digits */
        "99325436563380040", /* 17 */
        " 9932543656338004", /* spaces stand between digits only */
        "9932543656338004 ",
        "9932-5436-5633-8004",
        "9932543656338O04",
        "+932543656338004",
        "9932543656338004x",
        "99325436563380049932543656338004",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        uint64_t untouched = 77;
        cr_expect_not(card_parse(refused[i], &untouched), "\"%s\" is a card", refused[i]);
        cr_expect_eq(untouched, 77);
    }
}

Test(card, a_number_that_fails_luhns_rule_is_a_card_like_the_domains_own_example) {
    uint64_t number = 0;
    cr_expect(card_parse("9932 5436 5633 8003", &number));
    cr_expect_not(card_is_luhn_valid(number));
}

Test(card, luhns_rule_notices_one_wrong_digit) {
    char text[] = "9932543656338004";
    for (int place = 0; place < 16; place++) {
        char right = text[place];
        for (int digit = 0; digit < 10; digit++) {
            uint64_t number;
            text[place] = (char)('0' + digit);
            cr_assert(card_parse(text, &number));
            cr_expect_eq(card_is_luhn_valid(number), text[place] == right, "%s", text);
        }
        text[place] = right;
    }
}

Test(card, a_check_digit_completes_fifteen_digits) {
    cr_expect_eq(card_complete(993254365633800), UINT64_C(9932543656338004));
    cr_expect_eq(card_complete(0), 0);
    cr_expect_eq(card_complete(1), 18);
    cr_expect_eq(card_complete(999999999999999), UINT64_C(9999999999999995));
}

Test(card, sixteen_digits_cannot_be_completed, .signal = SIGABRT) {
    card_complete(1000000000000000);
}

/* DOMAIN 7. */
Test(card, only_the_last_four_digits_are_shown) {
    char text[CARD_TEXT_SIZE];
    card_mask(UINT64_C(9932543656338004), text);
    cr_expect_str_eq(text, "************8004");
    card_mask(18, text);
    cr_expect_str_eq(text, "************0018");
    card_mask(UINT64_MAX, text);
    cr_expect_str_eq(text, "************1615");
}
