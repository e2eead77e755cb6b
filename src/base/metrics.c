/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"

#include "base/check.h"

#include <inttypes.h>
#include <string.h>

_Static_assert(sizeof(struct metric_count) == sizeof(uint64_t), "a set is an array of words");
_Static_assert(sizeof(struct metric_level) == sizeof(uint64_t), "a set is an array of words");
_Static_assert(sizeof(struct metric_spread) == METRIC_SPREAD_WORDS * sizeof(uint64_t), "a set is an array of words");

/* Bounds that are told of a spread: from 16 us to 16.8 s two an octave, of sizes from 1 to 16384 one. Any more is noise
 * to whoever looks, and a series each to Prometheus. */
#define FIRST_TOLD_US 16
#define LAST_TOLD_US (UINT64_C(1) << 24)
#define LAST_TOLD_SIZE 16384

#define LABELS_TEXT_SIZE 256
#define NUMBER_TEXT_SIZE 32

static size_t width_of(const struct metric *metric) {
    return metric->type == METRIC_HISTOGRAM ? METRIC_SPREAD_WORDS : 1;
}

static size_t series_count(const struct metric *metric) {
    size_t count = 1;
    for (size_t i = 0; i < METRIC_LABELS && metric->labels[i].name != NULL; i++)
        count *= metric->labels[i].count;
    return count;
}

static size_t first_word(const struct metric *metric) {
    return metric->offset / sizeof(uint64_t);
}

/* ---- adding up ---- */

static uint64_t fold(enum metric_fold how, uint64_t one, uint64_t other) {
    int64_t first = (int64_t)one, second = (int64_t)other;
    switch (how) {
    case METRIC_MOST:
        return first > second ? one : other;
    case METRIC_LEAST:
        return first < second ? one : other;
    case METRIC_SUM:
        break;
    }
    return one + other;
}

static void gather(const struct metric *metric, const void *const *sets, size_t set_count, uint64_t *numbers) {
    size_t words = series_count(metric) * width_of(metric);
    for (size_t word = first_word(metric); words > 0; word++, words--) {
        for (size_t i = 0; i < set_count; i++) {
            const _Atomic uint64_t *set = sets[i];
            uint64_t number = atomic_load_explicit(&set[word], memory_order_relaxed);
            numbers[word] = i == 0 ? number : fold(metric->fold, numbers[word], number);
        }
    }
}

void metrics_gather(const struct metrics_table *table, const void *const *sets, size_t set_count, uint64_t *numbers) {
    memset(numbers, 0, table->size);
    for (size_t i = 0; i < table->count; i++)
        gather(&table->metrics[i], sets, set_count, numbers);
}

/* ---- the text ---- */

uint64_t metric_bucket_bound(size_t bucket) {
    if (bucket < METRIC_STEPS)
        return bucket + 1;
    unsigned forgotten = (unsigned)(bucket / METRIC_STEPS) - 1;
    uint64_t step = METRIC_STEPS + bucket % METRIC_STEPS;
    return (step + 1) << forgotten;
}

static void format_number(enum metric_unit unit, int64_t number, char text[NUMBER_TEXT_SIZE]) {
    if (unit != METRIC_SECONDS) {
        snprintf(text, NUMBER_TEXT_SIZE, "%" PRId64, number);
        return;
    }
    const char *sign = number < 0 ? "-" : "";
    uint64_t us = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    int size = snprintf(text, NUMBER_TEXT_SIZE, "%s%" PRIu64 ".%06" PRIu64, sign, us / 1000000, us % 1000000);
    while (text[size - 1] == '0' && text[size - 2] != '.')
        text[--size] = '\0';
}

/* `call="authorize",reason="APPROVED"`; false: there is no such series. */
static bool format_labels(const struct metric *metric, size_t series, char text[LABELS_TEXT_SIZE]) {
    size_t stride = series_count(metric), used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < METRIC_LABELS && metric->labels[i].name != NULL; i++) {
        const struct metric_label *label = &metric->labels[i];
        stride /= label->count;
        const char *value = label->value((uint32_t)(series / stride % label->count));
        if (value == NULL)
            return false;
        int size = snprintf(text + used, LABELS_TEXT_SIZE - used, "%s%s=\"%s\"", i > 0 ? "," : "", label->name, value);
        CHECK(size > 0 && (size_t)size < LABELS_TEXT_SIZE - used);
        used += (size_t)size;
    }
    return true;
}

static void write_sample(const struct metric *metric, const char *suffix, const char *labels, const char *bound,
                         const char *number, FILE *file) {
    fprintf(file, "%s%s", metric->name, suffix);
    if (labels[0] != '\0' || bound != NULL) {
        fprintf(file, "{%s", labels);
        if (bound != NULL)
            fprintf(file, "%sle=\"%s\"", labels[0] != '\0' ? "," : "", bound);
        fputc('}', file);
    }
    fprintf(file, " %s\n", number);
}

/* Whether a bucket's bound is one of those that are told. */
static bool is_told(enum metric_unit unit, size_t bucket) {
    uint64_t bound = metric_bucket_bound(bucket);
    bool is_octave = (bound & (bound - 1)) == 0;
    bool is_half = bound % 3 == 0 && ((bound / 3) & (bound / 3 - 1)) == 0;
    if (unit == METRIC_SECONDS)
        return bound >= FIRST_TOLD_US && bound <= LAST_TOLD_US && (is_octave || is_half);
    return bound <= LAST_TOLD_SIZE && is_octave;
}

static void write_spread(const struct metric *metric, const char *labels, const uint64_t *words, FILE *file) {
    char bound[NUMBER_TEXT_SIZE], number[NUMBER_TEXT_SIZE];
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < METRIC_BUCKETS; bucket++) {
        seen += words[1 + bucket];
        if (!is_told(metric->unit, bucket))
            continue;
        format_number(metric->unit, (int64_t)metric_bucket_bound(bucket), bound);
        snprintf(number, sizeof number, "%" PRIu64, seen);
        write_sample(metric, "_bucket", labels, bound, number, file);
    }
    snprintf(number, sizeof number, "%" PRIu64, seen);
    write_sample(metric, "_bucket", labels, "+Inf", number, file);
    write_sample(metric, "_count", labels, NULL, number, file);
    format_number(metric->unit, (int64_t)words[0], number);
    write_sample(metric, "_sum", labels, NULL, number, file);
}

static bool is_zero(const uint64_t *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (words[i] != 0)
            return false;
    return true;
}

static void write_series(const struct metric *metric, const uint64_t *numbers, FILE *file) {
    size_t width = width_of(metric), count = series_count(metric);
    for (size_t series = 0; series < count; series++) {
        const uint64_t *words = numbers + first_word(metric) + series * width;
        char labels[LABELS_TEXT_SIZE], number[NUMBER_TEXT_SIZE];
        if ((metric->is_sparse && is_zero(words, width)) || !format_labels(metric, series, labels))
            continue;
        if (metric->type == METRIC_HISTOGRAM) {
            write_spread(metric, labels, words, file);
            continue;
        }
        format_number(metric->unit, (int64_t)words[0], number);
        write_sample(metric, metric->type == METRIC_COUNTER ? "_total" : "", labels, NULL, number, file);
    }
}

static const char *type_name(enum metric_type type) {
    static const char *const names[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    return names[type];
}

/* OpenMetrics names the family, which has no _total; the older text names the samples. */
static void write_head(const struct metric *metric, bool is_openmetrics, FILE *file) {
    const char *suffix = metric->type == METRIC_COUNTER && !is_openmetrics ? "_total" : "";
    fprintf(file, "# TYPE %s%s %s\n", metric->name, suffix, type_name(metric->type));
    if (is_openmetrics && metric->unit != METRIC_NUMBER)
        fprintf(file, "# UNIT %s %s\n", metric->name, metric->unit == METRIC_SECONDS ? "seconds" : "bytes");
    fprintf(file, "# HELP %s%s %s\n", metric->name, suffix, metric->help);
}

void metrics_write(const struct metrics_table *table, const uint64_t *numbers, bool is_openmetrics, FILE *file) {
    for (size_t i = 0; i < table->count; i++) {
        write_head(&table->metrics[i], is_openmetrics, file);
        write_series(&table->metrics[i], numbers, file);
    }
}

void metrics_write_end(bool is_openmetrics, FILE *file) {
    if (is_openmetrics)
        fputs("# EOF\n", file);
}

/* ---- the page ---- */

static void write_label_names(const struct metric *metric, FILE *file) {
    for (size_t i = 0; i < METRIC_LABELS && metric->labels[i].name != NULL; i++)
        fprintf(file, "%s`%s`", i > 0 ? ", " : "", metric->labels[i].name);
}

void metrics_write_page(const struct metrics_table *table, FILE *file) {
    fputs("| metric | type | labels | is |\n|---|---|---|---|\n", file);
    for (size_t i = 0; i < table->count; i++) {
        const struct metric *metric = &table->metrics[i];
        fprintf(file, "| `%s%s` | %s | ", metric->name, metric->type == METRIC_COUNTER ? "_total" : "",
                type_name(metric->type));
        write_label_names(metric, file);
        fprintf(file, " | %s |\n", metric->help);
    }
}
