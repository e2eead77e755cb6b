/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as what Redis answers: the first byte says how many are handed in at a time, and whether they come
 * while greeting. Whatever they are, every question is answered once. */
#include "base/check.h"
#include "limits/limits.h"

#include <stdint.h>
#include <string.h>

#define QUESTIONS 10u

static struct limits *limits;
static struct buffer output;
static uint32_t told[QUESTIONS];
static uint32_t written;
static uint32_t read;

static void on_verdict(void *owner, const struct verdict *verdict) {
    CHECK(owner == told && verdict->owner < QUESTIONS);
    CHECK(verdict->kind <= VERDICT_LOST && verdict->memory.kind <= MEMORY_REVERSED);
    told[verdict->owner]++;
}

static void on_sums_written(void *owner, int32_t organisation, struct month month, int32_t epoch, bool is_written) {
    CHECK(owner == told && organisation == 7 && month.yyyymm == 202611 && epoch == 5 && (is_written || !is_written));
    written++;
}

static void on_month_read(void *owner, int32_t organisation, struct month month, const struct sums *sums) {
    CHECK(owner == told && organisation == 7 && month.yyyymm == 202611);
    for (size_t i = 0; sums != NULL && i < sums->sum_count; i++)
        CHECK(sums->epoch > 0 && sums->sums[i].kind >= LIMIT_CREDIT && sums->sums[i].kind <= LIMIT_ORGANISATION);
    read++;
}

static void on_ready(void *owner) {
    CHECK(owner == told);
}

static void start(void) {
    if (limits != NULL)
        return;
    const struct limits_options options = {
        .capacity = QUESTIONS,
        .group_capacity = QUESTIONS,
        .owner = told,
        .on_verdict = on_verdict,
        .on_sums_written = on_sums_written,
        .on_month_read = on_month_read,
        .on_ready = on_ready,
    };
    limits = limits_create(&options);
    buffer_init(&output, (size_t)2 * LIMITS_OUTPUT_MIN);
}

static void send_all(void) {
    limits_output(limits, &output);
    output.size = 0;
}

static void hear(const char *text) {
    struct failure failure;
    CHECK(limits_input(limits, bytes_of(text, strlen(text)), &failure));
}

static void greet(void) {
    hear("$46\r\n# Replication\r\nrole:master\r\nmaster_replid:1a\r\n\r\n");
    hear("*2\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n");
    hear("*0\r\n");
    send_all();
    hear("$5\r\nvaxel\r\n");
}

/* A lone one, a group of all kinds, sums, and a month to be read. */
static void ask_all(void) {
    static const enum question_kind kinds[QUESTIONS] = {
        QUESTION_AUTHORIZE, QUESTION_AUTHORIZE, QUESTION_RECALL, QUESTION_SPENT,     QUESTION_AUTHORIZE,
        QUESTION_UNDO,      QUESTION_AUTHORIZE, QUESTION_APPLY,  QUESTION_AUTHORIZE, QUESTION_AUTHORIZE};
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        struct question question = {
            .kind = kinds[i],
            .owner = i,
            .organisation = i == 0 ? 8 : 7,
            .day = {20261121},
            .amount_minor = 130,
            .refusal = i == 6 ? REASON_BLOCKED : REASON_UNSPECIFIED,
            .allows_partial = i == 8,
            .tap_window_us = i == 9 ? 15000000 : 0,
            .limit_count = 2,
            .limits = {{LIMIT_CREDIT, 1, 100}, {LIMIT_ORGANISATION, 7, LIMIT_COUNTED_ONLY}},
        };
        question.id.bytes[0] = (uint8_t)i;
        CHECK(limits_ask(limits, &question));
    }
    const struct remembered remembered = {.day = {20261121}};
    const struct sums sums = {
        .organisation = 7, .month = {202611}, .epoch = 5, .remembered_count = 1, .remembered = &remembered};
    CHECK(limits_write_sums(limits, &sums));
    CHECK(limits_read_month(limits, 7, (struct month){202611}));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    start();
    if (size < 2)
        return 0;
    bool is_greeted = (data[0] & 0x80) == 0;
    size_t step = data[0] & 0x7F ? data[0] & 0x7F : size;
    limits_connected(limits);
    send_all();
    if (is_greeted) {
        greet();
        ask_all();
        send_all();
    }
    memset(told, 0, sizeof told);
    written = read = 0;
    struct failure failure;
    bool is_good = true;
    for (size_t at = 1; at < size && is_good; at += step) {
        is_good = limits_input(limits, bytes_of(data + at, size - at < step ? size - at : step), &failure);
        send_all();
    }
    CHECK(is_good || memchr(failure.text, '\0', sizeof failure.text) != NULL);
    limits_lost(limits);
    for (uint32_t i = 0; i < QUESTIONS; i++)
        CHECK(told[i] == (is_greeted ? 1 : 0));
    CHECK(written == (is_greeted ? 1 : 0) && read == (is_greeted ? 1 : 0));
    return 0;
}
