/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static bool read_text(const char *text, struct json_object **root) {
    struct failure failure = {""};
    return json_read(bytes_of(text, strlen(text)), root, &failure);
}

Test(json, a_number_is_kept_as_it_was_written) {
    static const char *const digits[] = {"130", "130.5", "130.50", "0.10", "0.1", "99999999999.99", "-0.05", "1e2"};
    for (size_t i = 0; i < sizeof(digits) / sizeof(digits[0]); i++) {
        char text[64];
        struct json_object *root;
        snprintf(text, sizeof(text), "{\"amount\": %s }", digits[i]);
        cr_assert(read_text(text, &root), "%s", text);
        cr_expect_str_eq(json_as_digits(json_member(root, "amount")), digits[i]);
        json_release(root);
    }
}

Test(json, a_number_is_written_as_it_is_given) {
    struct json_object *root = json_new_map();
    json_put_digits(root, "amount", "0.10");
    json_put_text(root, "name", "Å/\"");
    cr_expect_str_eq(json_write(root), "{\"amount\":0.10,\"name\":\"Å/\\\"\"}");
    json_release(root);
}

Test(json, what_is_none_is_refused) {
    static const char *const wrong[] = {"",
                                        " ",
                                        "{",
                                        "{}}",
                                        "{} {}",
                                        "{\"a\":1,}",
                                        "{'a':1}",
                                        "{\"a\":01}",
                                        "{\"a\":1.}",
                                        "{\"a\":.5}",
                                        "{\"a\":+1}",
                                        "{\"a\":0x10}",
                                        "{\"a\":NaN}",
                                        "{\"a\":Infinity}",
                                        "{\"a\":1}//",
                                        "{\"a\":\"\x01\"}",
                                        "{\"a\":\"\xff\"}",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"b\":[{\"a\":1,\"a\":1}]}",
                                        "tru",
                                        "{\"a\":1 \"b\":2}",
                                        "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct json_object *root = NULL;
        bool is_read = read_text(wrong[i], &root);
        cr_expect_not(is_read, "%s", wrong[i]);
        if (is_read)
            json_release(root);
    }
}

Test(json, what_is_plain_or_has_space_around_it_is_read) {
    static const char *const good[] = {"true",  " true\n", "130",   "130.50\r\n",       "null",
                                       "\"x\"", "{}\n",    " [ ] ", "{ \"a\" : 1 }\n\n"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct json_object *root = NULL;
        cr_expect(read_text(good[i], &root), "%s", good[i]);
        json_release(root);
    }
}

Test(json, a_value_of_another_kind_is_none) {
    struct json_object *root;
    cr_assert(read_text("{\"a\":\"x:y\",\"b\":[true,2],\"c\":null,\"d\":\"a\\u0000b\",\"e\":\"1\"}", &root));
    bool is_true = false;
    cr_expect_str_eq(json_as_text(json_member(root, "a")), "x:y");
    cr_expect_null(json_as_digits(json_member(root, "e")));
    cr_expect_null(json_as_text(json_member(root, "d")), "a NUL would cut it");
    cr_expect(json_has(root, "c"));
    cr_expect_null(json_member(root, "c"));
    cr_expect_not(json_has(root, "z"));
    cr_expect_eq(json_list_size(json_member(root, "b")), 2);
    cr_expect(json_as_truth(json_item(json_member(root, "b"), 0), &is_true));
    cr_expect(is_true);
    cr_expect_not(json_as_truth(json_item(json_member(root, "b"), 1), &is_true));
    cr_expect_null(json_as_text(json_item(json_member(root, "b"), 9)));
    cr_expect_null(json_member(NULL, "a"));
    json_release(root);
}

Test(json, the_names_of_a_map_come_in_their_order) {
    struct json_object *root;
    cr_assert(read_text("{\"b\":1,\"a\":{\"c\":2}}", &root));
    cr_expect_eq(json_map_size(root), 2);
    cr_expect_str_eq(json_map_name(root, 0), "b");
    cr_expect_str_eq(json_map_name(root, 1), "a");
    cr_expect_null(json_map_name(root, 2));
    cr_expect_eq(json_map_size(json_member(root, "b")), 0);
    cr_expect_null(json_map_name(NULL, 0));
    json_release(root);
}
