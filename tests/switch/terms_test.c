/* SPDX-License-Identifier: Apache-2.0 */
#include "switch/terms.h"

#include <criterion/criterion.h>

/* The hashes are kept in Redis and compared by other nodes: they may never change. Values of the FNV authors. */
Test(terms, a_hash_is_the_same_for_ever) {
    cr_expect_eq(content_hash(""), UINT32_C(0x811c9dc5));
    cr_expect_eq(content_hash("a"), UINT32_C(0xe40c292c));
    cr_expect_eq(content_hash("foobar"), UINT32_C(0xbf9cf968));
    cr_expect_neq(content_hash("single"), content_hash("Single"));
    cr_expect_neq(content_hash("hållplats"), content_hash("hallplats"));
}

static const struct content content = {
    .amount_minor = 13000,
    .client = 7,
    .credit = 8,
    .product_hash = 9,
    .place_hash = 10,
    .kind = ENTRY_PURCHASE,
};

/* I3. */
Test(terms, the_field_that_differs_is_found) {
    struct content others[] = {content, content, content, content, content, content, content};
    others[FIELD_AMOUNT].amount_minor++;
    others[FIELD_CLIENT].client = -7;
    others[FIELD_CREDENTIAL].credit++;
    others[FIELD_PRODUCT].product_hash++;
    others[FIELD_PLACE].place_hash++;
    others[FIELD_KIND].kind = ENTRY_HOLD;
    for (enum content_field field = FIELD_NONE; field <= FIELD_KIND; field++) {
        cr_expect_eq(content_difference(&content, &others[field]), field);
        cr_expect_eq(content_difference(&others[field], &content), field);
    }
}

Test(terms, an_advice_tells_of_the_same_tap_as_its_purchase) {
    struct content advice = content;
    advice.kind = ENTRY_ADVICE;
    cr_expect_eq(content_difference(&content, &advice), FIELD_NONE);
    advice.amount_minor++;
    cr_expect_eq(content_difference(&content, &advice), FIELD_AMOUNT);
}

Test(terms, of_several_that_differ_the_amount_comes_first) {
    struct content other = {.amount_minor = 1};
    cr_expect_eq(content_difference(&content, &other), FIELD_AMOUNT);
    other.amount_minor = content.amount_minor;
    cr_expect_eq(content_difference(&content, &other), FIELD_CLIENT);
}

Test(terms, fields_have_the_names_of_the_protocol) {
    static const char *const names[] = {"",      "amount", "client",   "credential", "product",
                                        "place", "kind",   "original", "more"};
    for (enum content_field field = FIELD_NONE; field <= FIELD_FINAL; field++)
        cr_expect_str_eq(content_field_name(field), names[field]);
    cr_expect_str_eq(content_field_name((enum content_field)(FIELD_FINAL + 1)), "");
}

Test(terms, reasons_and_limits_have_the_names_of_the_protocol) {
    cr_expect_str_eq(reason_name(REASON_APPROVED), "APPROVED");
    cr_expect_str_eq(reason_name(REASON_ORGANISATION_LIMIT), "ORGANISATION_LIMIT");
    cr_expect_str_eq(reason_name(REASON_CALL_NOT_ALLOWED), "CALL_NOT_ALLOWED");
    cr_expect_str_eq(limit_kind_name(LIMIT_CREDIT), "CREDIT");
    cr_expect_str_eq(limit_kind_name(LIMIT_ORGANISATION), "ORGANISATION");
}

Test(terms, every_reason_has_a_name_of_its_own) {
    for (enum reason one = REASON_UNSPECIFIED; one <= REASON_AMOUNT_EXCEEDED; one++) {
        cr_assert_not_null(reason_name(one), "reason %d has no name", (int)one);
        for (enum reason other = REASON_UNSPECIFIED; other < one; other++)
            cr_expect_str_neq(reason_name(one), reason_name(other));
    }
}

/* From a newer switch, say. */
Test(terms, a_number_nobody_knows_is_unspecified) {
    cr_expect_str_eq(reason_name((enum reason)(REASON_AMOUNT_EXCEEDED + 1)), "UNSPECIFIED");
    cr_expect_str_eq(reason_name((enum reason)4711), "UNSPECIFIED");
    cr_expect_str_eq(limit_kind_name((enum limit_kind)0), "UNSPECIFIED");
    cr_expect_str_eq(limit_kind_name((enum limit_kind)99), "UNSPECIFIED");
}
