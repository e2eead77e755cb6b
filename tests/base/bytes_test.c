/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

static void expect_holds(const struct buffer *buffer, const char *text) {
    struct bytes bytes = buffer_bytes(buffer);
    cr_expect_eq(bytes.size, strlen(text));
    cr_expect_eq(memcmp(bytes.data, text, bytes.size), 0);
}

Test(bytes, a_buffer_takes_all_or_nothing) {
    struct buffer buffer;
    buffer_init(&buffer, 8);
    cr_expect(buffer_append(&buffer, "12345", 5));
    cr_expect_not(buffer_append(&buffer, "6789", 4));
    expect_holds(&buffer, "12345");
    cr_expect_eq(buffer_room(&buffer), 3);
    cr_expect(buffer_append(&buffer, "678", 3));
    expect_holds(&buffer, "12345678");
    cr_expect(buffer_append(&buffer, NULL, 0));
    cr_expect_not(buffer_append(&buffer, "", 1));
    buffer_finish(&buffer);
}

Test(bytes, a_size_near_the_end_of_size_t_does_not_wrap_round) {
    struct buffer buffer;
    buffer_init(&buffer, 8);
    cr_expect(buffer_append(&buffer, "1", 1));
    cr_expect_not(buffer_append(&buffer, "", SIZE_MAX));
    expect_holds(&buffer, "1");
    buffer_finish(&buffer);
}

Test(bytes, what_was_consumed_makes_room_at_the_end) {
    struct buffer buffer;
    buffer_init(&buffer, 8);
    buffer_append(&buffer, "12345678", 8);
    buffer_consume(&buffer, 0);
    expect_holds(&buffer, "12345678");
    buffer_consume(&buffer, 6);
    expect_holds(&buffer, "78");
    cr_expect(buffer_append(&buffer, "abcdef", 6));
    expect_holds(&buffer, "78abcdef");
    buffer_consume(&buffer, 8);
    expect_holds(&buffer, "");
    buffer_finish(&buffer);
}

Test(bytes, a_finished_buffer_may_be_finished_again) {
    struct buffer buffer;
    buffer_init(&buffer, 1);
    buffer_finish(&buffer);
    buffer_finish(&buffer);
    cr_expect_eq(buffer_room(&buffer), 0);
}

Test(bytes, a_buffer_without_capacity_takes_nothing) {
    struct buffer buffer;
    buffer_init(&buffer, 0);
    cr_expect(buffer_append(&buffer, NULL, 0));
    cr_expect_not(buffer_append(&buffer, "1", 1));
    buffer_consume(&buffer, 0);
    buffer_finish(&buffer);
}

Test(bytes, more_than_there_is_cannot_be_consumed, .signal = SIGABRT) {
    struct buffer buffer;
    buffer_init(&buffer, 8);
    buffer_append(&buffer, "1", 1);
    buffer_consume(&buffer, 2);
}
