/* SPDX-License-Identifier: Apache-2.0 */
#include "feeds/sample.h"

#include <criterion/criterion.h>
#include <string.h>

static struct json_object *read_json(const char *text) {
    struct json_object *root;
    struct failure failure;
    cr_assert(json_read(bytes_of(text, strlen(text)), &root, &failure), "%s", failure.text);
    return root;
}

static const struct feed_sample *sample_of(const char *text) {
    static struct feed_sample sample;
    struct json_object *root = read_json(text);
    sample_read(root, &sample);
    json_release(root);
    return &sample;
}

Test(feeds_sample, what_is_missing_null_or_of_another_kind_is_not_known) {
    static const char *const texts[] = {
        "{}", "[]", "{\"approved\":null,\"latency_ms\":{\"whole\":{\"p50\":null}},\"audit\":{\"drift\":null}}",
        "{\"approved\":[1],\"latency_ms\":{\"whole\":{\"p50\":\"1\"}},\"audit\":{\"drift\":\"much\"},\"at\":7}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct feed_sample *sample = sample_of(texts[i]);
        cr_expect(isnan(sample->approved.per_s));
        cr_expect(isnan(sample->latencies[FEED_WHOLE].p50));
        cr_expect_eq(sample->audit.drift_minor, FEED_NO_AMOUNT);
        cr_expect_str_empty(sample->at);
        cr_expect_not(sample->is_ready);
        cr_expect_not(sample->redis.is_up);
    }
}

Test(feeds_sample, amounts_are_exact) {
    cr_expect_eq(sample_of("{\"audit\":{\"drift\":\"-0.05\"}}")->audit.drift_minor, -5);
    cr_expect_eq(sample_of("{\"stand_in\":{\"amount\":\"90071992547.41\"}}")->stand_in.amount_minor, 9007199254741);
}

/* A terminal would follow what it is sent. */
Test(feeds_sample, no_control_character_gets_through) {
    const struct feed_sample *sample = sample_of("{\"missing\":[\"a\\u001b[2Jb\\u007f\\u009bc\\n\",\"R\u00e4d\"]}");
    cr_expect_eq(sample->missing_count, 2);
    cr_expect_str_eq(sample->missing[0], "a?[2Jb??c?");
    cr_expect_str_eq(sample->missing[1], "R\u00e4d");
}

Test(feeds_sample, a_long_text_is_cut_between_two_characters) {
    char text[4];
    sample_copy_text(text, sizeof text, "ab\u00e4");
    cr_expect_str_eq(text, "ab");
    sample_copy_text(text, sizeof text, "a\u00e4b");
    cr_expect_str_eq(text, "a\u00e4");
    sample_copy_text(text, sizeof text, NULL);
    cr_expect_str_eq(text, "");
}

Test(feeds_sample, lists_are_read_as_far_as_there_is_room) {
    char text[4096] = "{\"declines\":[{\"reason\":\"A\"}";
    for (int i = 0; i < 2 * FEED_DECLINES; i++)
        strcat(text, ",{\"reason\":\"B\"}");
    strcat(text, "]}");
    const struct feed_sample *sample = sample_of(text);
    cr_expect_eq(sample->decline_count, FEED_DECLINES);
    cr_expect_str_eq(sample->declines[0].reason, "A");
    cr_expect_str_eq(sample->declines[FEED_DECLINES - 1].reason, "B");
}

Test(feeds_sample, a_second_that_was_missed_is_a_gap_in_the_history) {
    static struct feed_node node;
    struct json_object *root = read_json("{\"node\":\"b1\",\"history\":["
                                         "{\"sequence\":7,\"approved\":{\"per_s\":1}},"
                                         "{\"sequence\":9,\"approved\":{\"per_s\":3}}]}");
    sample_read_hello(root, &node);
    json_release(root);
    cr_expect_str_eq(node.name, "b1");
    cr_assert_eq(node.point_count, 3);
    cr_expect_eq(node.points[0].approved_per_s, 1);
    cr_expect(isnan(node.points[1].approved_per_s));
    cr_expect_eq(node.points[2].approved_per_s, 3);
    for (int i = 0; i < FEED_HISTORY; i++)
        sample_keep_point(&node, i == 0 ? 1e9 : 0, sample_of("{\"approved\":{\"per_s\":5}}"));
    cr_expect_eq(node.point_count, FEED_HISTORY);
    cr_expect_eq(node.points[0].approved_per_s, 5);
}
