/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as what a Redis Cluster, or a sentinel, says of who has which slots; and after a map that is sound,
 * as what its primary answers. The first byte says which, the second how many bytes are handed in at a time. Whatever
 * they are, every question is answered once. */
#include "base/check.h"
#include "limits/router.h"

#include <stdint.h>
#include <string.h>

#define QUESTIONS 4u

static struct buffer output;
static uint32_t told[QUESTIONS];
static uint32_t asked;
static uint32_t written;

static void on_verdict(void *owner, const struct verdict *verdict) {
    CHECK(owner == told && verdict->owner < QUESTIONS);
    told[verdict->owner]++;
}

static void on_sums_written(void *owner, int32_t organisation, struct month month, int32_t epoch, bool is_written) {
    CHECK(owner == told && organisation == 1 && month.yyyymm == 202611 && epoch == 5 && (is_written || !is_written));
    written++;
}

static void on_month_read(void *owner, int32_t organisation, struct month month, const struct sums *sums) {
    CHECK(owner == told && organisation == 1 && month.yyyymm == 202611 && (sums == NULL || sums->epoch >= 0));
}

static void on_ready(void *owner) {
    CHECK(owner == told);
}

static void send_all(struct router *router) {
    for (uint32_t line = 0; line < router_line_count(router); line++) {
        if (router_line_address(router, line)[0] != '\0' && router_is_owed(router, line))
            continue;
        if (line == 0 || router_is_well(router, line))
            router_output(router, line, &output);
        output.size = 0;
    }
}

static void hear(struct router *router, uint32_t line, const char *text) {
    struct failure failure;
    CHECK(router_input(router, line, bytes_of(text, strlen(text)), &failure));
}

static void greet(struct router *router, uint32_t line) {
    router_connected(router, line);
    router_output(router, line, &output);
    hear(router, line,
         "$76\r\n# Replication\r\nrole:master\r\nmaster_replid:1a\r\n# Cluster\r\ncluster_enabled:1\r\n\r\n");
    hear(router, line, "*2\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n*0\r\n");
    output.size = 0;
    router_output(router, line, &output);
    hear(router, line, "$5\r\nvaxel\r\n");
    output.size = 0;
}

static void ask_all(struct router *router) {
    static const enum question_kind kinds[QUESTIONS] = {QUESTION_AUTHORIZE, QUESTION_SPENT, QUESTION_APPLY,
                                                        QUESTION_RECALL};
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        const struct question question = {.kind = kinds[i],
                                          .owner = i,
                                          .organisation = 1 + (int32_t)(i / 2),
                                          .day = {20261121},
                                          .amount_minor = 130,
                                          .limit_count = 1,
                                          .limits = {{LIMIT_ORGANISATION, 1, 1000}}};
        CHECK(router_ask(router, &question));
    }
    const struct sums sums = {.organisation = 1, .month = {202611}, .epoch = 5};
    CHECK(router_write_sums(router, &sums));
    CHECK(router_read_month(router, 1, (struct month){202611}));
    asked = QUESTIONS;
}

/* Two primaries, with half of the slots each; all that is asked is the first one's, or is sent on to the second. */
static void make_map(struct router *router) {
    hear(router, 0,
         "*2\r\n*3\r\n:0\r\n:9999\r\n*2\r\n$1\r\na\r\n:1\r\n*3\r\n:10000\r\n:16383\r\n*2\r\n$1\r\nb\r\n:2\r\n");
    for (uint32_t line = 1; line <= 2; line++)
        greet(router, line);
    ask_all(router);
}

static bool feed(struct router *router, uint32_t line, const uint8_t *data, size_t size, size_t step) {
    struct failure failure;
    for (size_t at = 0; at < size; at += step) {
        if (!router_input(router, line, bytes_of(data + at, size - at < step ? size - at : step), &failure))
            return false;
        send_all(router);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const addresses[] = {"sentinel:it@s:1", "a:1,b:2", "a:1,b:2", "a:1,b:2"};
    struct failure failure;
    if (size < 3)
        return 0;
    if (output.data == NULL)
        buffer_init(&output, (size_t)2 * LIMITS_OUTPUT_MIN);
    memset(told, 0, sizeof told);
    asked = written = 0;
    const struct limits_options options = {
        .capacity = QUESTIONS,
        .group_capacity = 4,
        .owner = told,
        .on_verdict = on_verdict,
        .on_sums_written = on_sums_written,
        .on_month_read = on_month_read,
        .on_ready = on_ready,
    };
    struct router *router = router_create(&options, addresses[data[0] % 4], &failure);
    CHECK(router != NULL);
    router_tick(router, (struct tick){1});
    router_connected(router, 0);
    send_all(router);
    uint32_t line = data[0] % 4 < 2 ? 0 : 1;
    if (line == 1) {
        make_map(router);
        send_all(router);
    }
    feed(router, line, data + 2, size - 2, data[1] ? data[1] : size);
    for (uint32_t each = 0; each < router_line_count(router); each++)
        router_lost(router, each);
    for (uint32_t i = 0; i < asked; i++)
        CHECK(told[i] == 1);
    CHECK(asked == 0 || written == 1);
    router_destroy(router);
    return 0;
}
