/* SPDX-License-Identifier: Apache-2.0 */
/* The request id of RFC 9562, version 7 (DESIGN 6, DOMAIN F3). */
#include "base/id.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

/* RFC 9562, appendix A.6: Tuesday, 22 February 2022, 2:22:22.00 PM in New York. */
static const char example_text[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
#define EXAMPLE_US INT64_C(1645557742000000)

static struct request_id parsed(const char *text) {
    struct request_id id;
    cr_assert(request_id_parse(text, &id), "\"%s\" is refused", text);
    return id;
}

Test(id, the_example_of_the_standard_is_understood) {
    struct request_id id = parsed(example_text);
    cr_expect(request_id_is_v7(&id));
    cr_expect_eq(request_id_time(&id).us, EXAMPLE_US);
    char text[REQUEST_ID_TEXT_SIZE];
    request_id_format(&id, text);
    cr_expect_str_eq(text, example_text);
}

Test(id, the_example_of_the_standard_can_be_made) {
    static const uint8_t random[10] = {0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};
    struct request_id made = request_id_make((struct instant){EXAMPLE_US + 999}, random);
    struct request_id example = parsed(example_text);
    cr_expect(request_id_equal(&made, &example));
}

Test(id, whatever_the_random_bytes_an_id_is_of_version_7) {
    uint8_t random[10];
    for (int byte = 0; byte < 256; byte++) {
        memset(random, byte, sizeof(random));
        struct request_id id = request_id_make((struct instant){EXAMPLE_US}, random);
        cr_expect(request_id_is_v7(&id));
        cr_expect_eq(request_id_time(&id).us, EXAMPLE_US);
    }
}

Test(id, an_id_holds_every_millisecond_of_48_bits) {
    static const uint8_t random[10] = {0};
    static const int64_t ms[] = {0, 1, 255, 256, 65536, INT64_C(1) << 32, (INT64_C(1) << 48) - 1};
    for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++) {
        struct request_id id = request_id_make((struct instant){ms[i] * 1000}, random);
        cr_expect_eq(request_id_time(&id).us, ms[i] * 1000);
    }
}

Test(id, ids_come_in_the_order_of_their_time) {
    static const uint8_t high[10] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    static const uint8_t low[10] = {0};
    struct request_id before = request_id_make((struct instant){EXAMPLE_US}, high);
    struct request_id after = request_id_make((struct instant){EXAMPLE_US + 1000}, low);
    cr_expect_lt(memcmp(before.bytes, after.bytes, REQUEST_ID_SIZE), 0);
}

Test(id, a_time_before_1970_has_no_id, .signal = SIGABRT) {
    static const uint8_t random[10] = {0};
    request_id_make((struct instant){-1}, random);
}

Test(id, a_time_past_48_bits_has_no_id, .signal = SIGABRT) {
    static const uint8_t random[10] = {0};
    request_id_make((struct instant){(INT64_C(1) << 48) * 1000}, random);
}

Test(id, other_versions_and_variants_are_not_taken_for_7) {
    static const char *const others[] = {
        "00000000-0000-0000-0000-000000000000", /* nil */
        "ffffffff-ffff-ffff-ffff-ffffffffffff", /* max */
        "c232ab00-9414-11ec-b3c8-9f6bdeced846", /* 1 */
        "919108f7-52d1-4320-9bac-f847db4148a8", /* 4 */
        "1ec9414c-232a-6b00-b3c8-9f6bdeced846", /* 6 */
        "2489e9ad-2ee2-8e00-8ec9-32d5f69181c0", /* 8 */
        "017f22e2-79b0-7cc3-18c4-dc0c0c07398f", /* 7 of another variant */
        "017f22e2-79b0-7cc3-d8c4-dc0c0c07398f",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct request_id id = parsed(others[i]);
        cr_expect_not(request_id_is_v7(&id), "%s is of version 7", others[i]);
    }
}

Test(id, a_reversal_has_the_same_id_of_version_8) {
    struct request_id id = parsed(example_text);
    struct request_id reversal = request_id_of_reversal(&id);
    char text[REQUEST_ID_TEXT_SIZE];
    request_id_format(&reversal, text);
    cr_expect_str_eq(text, "017f22e2-79b0-8cc3-98c4-dc0c0c07398f");
    cr_expect_not(request_id_is_v7(&reversal));
    cr_expect_not(request_id_equal(&id, &reversal));
    cr_expect_eq(request_id_time(&reversal).us, EXAMPLE_US);
}

Test(id, a_reversal_is_not_reversed, .signal = SIGABRT) {
    struct request_id id = parsed(example_text);
    struct request_id reversal = request_id_of_reversal(&id);
    request_id_of_reversal(&reversal);
}

Test(id, text_of_either_case_is_read_and_lower_case_is_written) {
    struct request_id lower = parsed(example_text);
    struct request_id upper = parsed("017F22E2-79B0-7CC3-98C4-DC0C0C07398F");
    cr_expect(request_id_equal(&lower, &upper));
    char text[REQUEST_ID_TEXT_SIZE];
    request_id_format(&upper, text);
    cr_expect_str_eq(text, example_text);
}

Test(id, any_other_text_is_refused) {
    static const char *const refused[] = {
        "",
        "0",
        "017f22e2",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2_79b0_7cc3_98c4_dc0c0c07398f",
        "017f22e-279b0-7cc3-98c4-dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "urn:uuid:017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        " 17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f ",
    };
    struct request_id untouched = parsed(example_text);
    struct request_id id = untouched;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        cr_expect_not(request_id_parse(refused[i], &id), "\"%s\" is an id", refused[i]);
        cr_expect(request_id_equal(&id, &untouched));
    }
}
