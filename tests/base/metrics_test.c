/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define COLOURS 3

struct numbers {
    struct metric_count taps[COLOURS][2];
    struct metric_count rare[COLOURS];
    struct metric_level open, oldest_us, is_up, bytes;
    struct metric_spread wait_us;
    struct metric_spread rows;
    struct metric_count work_us;
};

static const char *colour(uint32_t index) {
    static const char *const names[COLOURS] = {"red", NULL, "blue"};
    return names[index];
}

static const char *size(uint32_t index) {
    return index == 0 ? "small" : "large";
}

#define AT(field) .offset = offsetof(struct numbers, field)
static const struct metric metrics[] = {
    {.name = "x_taps",
     .type = METRIC_COUNTER,
     .help = "Taps.",
     AT(taps),
     .labels = {{"colour", COLOURS, colour}, {"size", 2, size}}},
    {.name = "x_rare",
     .type = METRIC_COUNTER,
     .help = "Rare.",
     AT(rare),
     .is_sparse = true,
     .labels = {{"colour", COLOURS, colour}}},
    {.name = "x_open", .type = METRIC_GAUGE, .help = "Open.", AT(open)},
    {.name = "x_oldest_seconds",
     .type = METRIC_GAUGE,
     .unit = METRIC_SECONDS,
     .fold = METRIC_MOST,
     .help = "Oldest.",
     AT(oldest_us)},
    {.name = "x_up", .type = METRIC_GAUGE, .fold = METRIC_LEAST, .help = "Up.", AT(is_up)},
    {.name = "x_bytes", .type = METRIC_GAUGE, .unit = METRIC_BYTES, .help = "Bytes.", AT(bytes)},
    {.name = "x_wait_seconds", .type = METRIC_HISTOGRAM, .unit = METRIC_SECONDS, .help = "Wait.", AT(wait_us)},
    {.name = "x_rows", .type = METRIC_HISTOGRAM, .help = "Rows.", AT(rows)},
    {.name = "x_work_seconds", .type = METRIC_COUNTER, .unit = METRIC_SECONDS, .help = "Work.", AT(work_us)},
};
static const struct metrics_table table = {metrics, sizeof metrics / sizeof *metrics, sizeof(struct numbers)};

static struct numbers first, second;

/* What both sets are told as; the caller frees it. */
static char *told(bool is_openmetrics) {
    const void *const sets[] = {&first, &second};
    uint64_t numbers[sizeof(struct numbers) / sizeof(uint64_t)];
    char *text = NULL;
    size_t text_size = 0;
    FILE *file = open_memstream(&text, &text_size);
    metrics_gather(&table, sets, 2, numbers);
    metrics_write(&table, numbers, is_openmetrics, file);
    metrics_write_end(is_openmetrics, file);
    fclose(file);
    return text;
}

static void expect_line(const char *text, const char *line) {
    char whole[256];
    snprintf(whole, sizeof whole, "%s\n", line);
    const char *at = strstr(text, whole);
    cr_expect(at != NULL && (at == text || at[-1] == '\n'), "no line \"%s\" in:\n%s", line, text);
}

Test(metrics, what_threads_counted_is_added_up) {
    metric_add(&first.taps[0][1], 2);
    metric_add(&second.taps[0][1], 3);
    metric_set(&first.open, 4);
    metric_set(&second.open, -1);
    char *text = told(true);
    expect_line(text, "x_taps_total{colour=\"red\",size=\"large\"} 5");
    expect_line(text, "x_taps_total{colour=\"red\",size=\"small\"} 0");
    expect_line(text, "x_open 3");
    free(text);
}

Test(metrics, a_level_can_be_the_highest_or_the_lowest_of_all_threads) {
    metric_set(&first.oldest_us, 1500000);
    metric_set(&second.oldest_us, 40);
    metric_set(&first.is_up, 1);
    char *text = told(true);
    expect_line(text, "x_oldest_seconds 1.5");
    expect_line(text, "x_up 0");
    free(text);
    metric_set(&second.is_up, 1);
    text = told(true);
    expect_line(text, "x_up 1");
    free(text);
}

Test(metrics, a_label_without_a_value_makes_no_series) {
    metric_add(&first.taps[1][0], 1);
    char *text = told(true);
    cr_expect_null(strstr(text, "(null)"));
    cr_expect_null(strstr(text, "x_taps_total{colour=\"\""));
    free(text);
}

Test(metrics, of_a_sparse_metric_only_what_is_not_0_is_told) {
    metric_add(&second.rare[2], 1);
    char *text = told(true);
    expect_line(text, "x_rare_total{colour=\"blue\"} 1");
    cr_expect_null(strstr(text, "x_rare_total{colour=\"red\"}"));
    free(text);
}

Test(metrics, seconds_are_kept_as_microseconds_and_told_as_seconds) {
    metric_add(&first.work_us, 1234567);
    metric_set(&first.oldest_us, -20);
    metric_set(&second.oldest_us, -30);
    char *text = told(true);
    expect_line(text, "x_work_seconds_total 1.234567");
    expect_line(text, "x_oldest_seconds -0.00002");
    free(text);
}

Test(metrics, a_value_lies_in_the_bucket_of_the_first_bound_that_is_not_below_it) {
    metric_note(&first.wait_us, 64);
    metric_note(&second.wait_us, 65);
    metric_note(&first.wait_us, 70000000); /* beyond all bounds */
    metric_note(&first.wait_us, -5);
    char *text = told(true);
    expect_line(text, "x_wait_seconds_bucket{le=\"0.000016\"} 1");
    expect_line(text, "x_wait_seconds_bucket{le=\"0.000048\"} 1");
    expect_line(text, "x_wait_seconds_bucket{le=\"0.000064\"} 2");
    expect_line(text, "x_wait_seconds_bucket{le=\"0.000096\"} 3");
    expect_line(text, "x_wait_seconds_bucket{le=\"16.777216\"} 3");
    expect_line(text, "x_wait_seconds_bucket{le=\"+Inf\"} 4");
    expect_line(text, "x_wait_seconds_count 4");
    expect_line(text, "x_wait_seconds_sum 70.000129");
    free(text);
}

Test(metrics, sizes_are_told_by_powers_of_two) {
    metric_note(&first.rows, 1);
    metric_note(&first.rows, 1000);
    char *text = told(true);
    expect_line(text, "x_rows_bucket{le=\"1\"} 1");
    expect_line(text, "x_rows_bucket{le=\"512\"} 1");
    expect_line(text, "x_rows_bucket{le=\"1024\"} 2");
    expect_line(text, "x_rows_sum 1001");
    free(text);
}

Test(metrics, every_value_is_within_its_buckets_bounds) {
    for (uint64_t value = 1; value < UINT64_C(1) << 26; value += 1 + value / 50) {
        size_t bucket = metric_bucket_of(value);
        cr_assert_leq(value, metric_bucket_bound(bucket));
        cr_assert(bucket == 0 || value > metric_bucket_bound(bucket - 1), "%zu", (size_t)value);
    }
    cr_expect_eq(metric_bucket_of(0), 0);
    cr_expect_eq(metric_bucket_of(UINT64_MAX), METRIC_BUCKETS - 1);
}

Test(metrics, openmetrics_names_families_units_and_the_end) {
    char *text = told(true);
    expect_line(text, "# TYPE x_taps counter");
    expect_line(text, "# HELP x_taps Taps.");
    expect_line(text, "# UNIT x_wait_seconds seconds");
    expect_line(text, "# TYPE x_wait_seconds histogram");
    expect_line(text, "# UNIT x_bytes bytes");
    cr_expect_str_eq(text + strlen(text) - strlen("# EOF\n"), "# EOF\n");
    free(text);
}

Test(metrics, the_older_text_names_samples) {
    char *text = told(false);
    expect_line(text, "# TYPE x_taps_total counter");
    expect_line(text, "# HELP x_taps_total Taps.");
    cr_expect_null(strstr(text, "# UNIT"));
    cr_expect_null(strstr(text, "# EOF"));
    free(text);
}

#define ROUNDS 200000

static void *count_up(void *argument) {
    struct numbers *own = argument;
    for (int i = 0; i < ROUNDS; i++) {
        metric_add(&own->taps[0][0], 1);
        metric_note(&own->wait_us, i % 1000);
    }
    return NULL;
}

Test(metrics, a_reader_sees_counts_only_grow_while_threads_write_them) {
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, count_up, &first);
    pthread_create(&threads[1], NULL, count_up, &second);
    const void *const sets[] = {&first, &second};
    uint64_t numbers[sizeof(struct numbers) / sizeof(uint64_t)], before = 0;
    while (before < 2 * ROUNDS) {
        metrics_gather(&table, sets, 2, numbers);
        cr_assert_geq(numbers[0], before);
        before = numbers[0];
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    char *text = told(true);
    expect_line(text, "x_wait_seconds_count 400000");
    free(text);
}
