/* SPDX-License-Identifier: Apache-2.0 */
#include "load/load.h"
#include "responder.h"

#include "base/card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRAVELLERS 50

static struct responder responder;
static struct load_result result;

static uint64_t card(void *owner, uint32_t organisation, uint32_t traveller) {
    (void)owner;
    return card_complete(990000000000000 + (uint64_t)organisation * 1000 + traveller);
}

static struct load_options options_usual(void) {
    return (struct load_options){
        .addresses = responder.address,
        .tls = responder_files(&responder),
        .connections = 20,
        .duration_us = 300000,
        .timeout_us = 400000,
        .amount_minor = 13000,
        .currency = {"SEK"},
        .product = {"single"},
        .place = {"line 45"},
        .seed = 1,
        .population = {.organisations = 4, .travellers = TRAVELLERS, .card = card},
    };
}

static void run(const struct load_options *options) {
    struct failure failure = {""};
    cr_assert(load_run(options, &result, &failure), "%s", failure.text);
}

Test(load, a_closed_loop_counts_every_answer_once) {
    responder_start(&responder);
    struct load_options options = options_usual();
    options.warm_up_us = 100000;
    run(&options);
    responder_stop(&responder);
    cr_assert_eq(responder.opened, 20u);
    cr_assert_eq(responder.requests, result.sent_in_all);
    cr_assert_eq(result.approved_in_all, result.sent_in_all);
    cr_assert_eq(result.decisions[DECISION_APPROVED], result.answered);
    cr_assert_eq(result.reasons[REASON_APPROVED], result.answered);
    cr_assert_eq(result.latencies.count, result.answered);
    cr_assert(result.answered > 0 && result.answered < result.sent_in_all, "the warm-up is not measured");
    cr_assert_eq(result.elapsed_us, 300000);
    cr_assert_eq(result.unanswered_in_all + result.unanswered + result.unsent + result.faults, 0u);
    cr_assert_eq(result.connections_lost, 0u);
    cr_assert_str_eq(result.first_trouble, "");
}

Test(load, a_purchase_says_what_was_asked_for) {
    responder_start(&responder);
    struct load_options options = options_usual();
    options.duration_us = 20000;
    run(&options);
    responder_stop(&responder);
    cr_assert_eq(responder.first.amount.minor, 13000);
    cr_assert_str_eq(responder.first.amount.currency.code, "SEK");
    cr_assert_str_eq(responder.first.product.code, "single");
    cr_assert_str_eq(responder.first.place.text, "line 45");
    cr_assert_eq(responder.first.timeout_us, 400000);
}

Test(load, decisions_reasons_and_faults_are_told_apart) {
    responder.decline_every = 3;
    responder.fault_every = 7;
    responder_start(&responder);
    struct load_options options = options_usual();
    options.in_flight = 8;
    options.threads = 2;
    run(&options);
    responder_stop(&responder);
    uint64_t faults = responder.requests / 7;
    uint64_t declined = responder.requests / 3 - responder.requests / 21;
    cr_assert_eq(result.sent_in_all, responder.requests);
    cr_assert_eq(result.answered, responder.requests);
    cr_assert_eq(result.faults, faults);
    cr_assert_eq(result.decisions[DECISION_DECLINED], declined);
    cr_assert_eq(result.reasons[REASON_BLOCKED], declined);
    cr_assert_eq(result.approved_in_all, responder.requests - faults - declined);
    cr_assert_str_eq(result.first_trouble, "no such place");
}

Test(load, an_open_loop_keeps_its_schedule) {
    responder_start(&responder);
    struct load_options options = options_usual();
    options.rate_per_s = 2000;
    options.duration_us = 500000;
    run(&options);
    responder_stop(&responder);
    cr_assert(result.answered + result.unsent >= 999 && result.answered + result.unsent <= 1001, "%lu and %lu",
              (unsigned long)result.answered, (unsigned long)result.unsent);
}

/* The server sleeps for 300 ms once. All that was due meanwhile has waited, and must say so: 300 of 1000 purchases. */
Test(load, a_stall_is_told_of_every_purchase_it_held_up) {
    responder.pause_at = 100;
    responder.pause_us = 300000;
    responder_start(&responder);
    struct load_options options = options_usual();
    options.rate_per_s = 1000;
    options.duration_us = 1000000;
    run(&options);
    responder_stop(&responder);
    cr_assert(histogram_quantile_us(&result.latencies, 0.85) > 100000, "%lu",
              (unsigned long)histogram_quantile_us(&result.latencies, 0.85));
    cr_assert(result.latencies.max_us >= 290000);
}

/* The same stall, where so much time is given. */
static void run_with_stall(int64_t timeout_us) {
    responder.pause_at = 100;
    responder.pause_us = 300000;
    responder_start(&responder);
    struct load_options options = options_usual();
    options.rate_per_s = 1000;
    options.duration_us = 1000000;
    options.timeout_us = timeout_us;
    run(&options);
    responder_stop(&responder);
}

/* Of what was due in the first 200 ms of the stall. */
Test(load, an_answer_after_its_deadline_is_late_and_no_approval_in_time) {
    run_with_stall(100000);
    cr_assert(result.late >= 190 && result.late < result.answered, "%lu", (unsigned long)result.late);
    cr_assert_eq(result.approved_in_time, result.answered - result.late);
}

Test(load, without_a_deadline_no_answer_is_late) {
    run_with_stall(0);
    cr_assert(result.latencies.max_us > 100000);
    cr_assert_eq(result.late, 0u);
    cr_assert_eq(result.approved_in_time, result.answered);
}

Test(load, what_is_never_answered_is_counted) {
    responder.silent_every = 2;
    responder_start(&responder);
    struct load_options options = options_usual();
    options.duration_us = 1000000; /* until every connection waits in vain */
    run(&options);
    responder_stop(&responder);
    cr_assert_eq(result.unanswered, 20u);
    cr_assert_eq(result.unanswered_in_all, 20u);
    cr_assert_eq(result.sent_in_all, result.answered + 20);
}

Test(load, an_answer_is_awaited_for_as_long_as_its_deadline_allows) {
    responder.pause_at = 1;
    responder.pause_us = 6000000; /* longer than others are waited for */
    responder_start(&responder);
    struct load_options options = options_usual();
    options.timeout_us = 20000000;
    run(&options);
    responder_stop(&responder);
    cr_assert_eq(result.unanswered_in_all, 0u);
    cr_assert_eq(result.approved_in_all, result.sent_in_all);
}

Test(load, a_lost_connection_is_counted_and_dialled_again) {
    responder.hang_up_after = 50;
    responder_start(&responder);
    struct load_options options = options_usual();
    options.duration_us = 1000000;
    run(&options);
    responder_stop(&responder);
    cr_assert_eq(result.connections_lost, 1u);
    cr_assert_eq(result.unanswered_in_all, 1u);
    cr_assert_eq(result.sent_in_all, result.answered + 1);
    cr_assert_eq(responder.opened, 21u);
    cr_assert_not_null(strstr(result.first_trouble, "closed by the peer"), "%s", result.first_trouble);
}

Test(load, the_same_seed_shows_the_same_cards_and_hot_means_one_organisation) {
    responder_start(&responder);
    struct load_options options = options_usual();
    options.connections = 1;
    options.duration_us = 1000000;
    options.rate_per_s = 1000;
    run(&options);
    uint64_t first = responder.requests;
    run(&options);
    uint64_t both = responder.requests;
    options.is_hot = true;
    run(&options);
    responder_stop(&responder);
    cr_assert(first > 10 && both > first + 10 && responder.requests < CARDS_SEEN);
    uint64_t seen_organisations = 0;
    for (uint64_t i = 0; i < 10; i++) {
        cr_assert_eq(responder.cards[i], responder.cards[first + i]);
    }
    for (uint64_t i = 0; i < first; i++) {
        seen_organisations |= 1u << (responder.cards[i] / 10 - 990000000000000) / 1000;
    }
    cr_assert_eq(seen_organisations, 15u);
    for (uint64_t i = both; i < responder.requests; i++) {
        cr_assert(responder.cards[i] / 10 - 990000000000000 < TRAVELLERS);
    }
}

/* "id, latency, reason" with tabs between them; the reason is at `line` then. */
static bool read_answer(char *line, struct request_id *id, int64_t *latency_us) {
    const char *number = strchr(line, '\t');
    char *reason = number != NULL ? strchr(number + 1, '\t') : NULL;
    char *end = reason != NULL ? strchr(reason, '\n') : NULL;
    if (end == NULL || number - line != 36)
        return false;
    line[36] = '\0';
    *end = '\0';
    *latency_us = strtoll(number + 1, &end, 10);
    bool is_whole = end == reason && request_id_parse(line, id);
    memmove(line, reason + 1, strlen(reason + 1) + 1);
    return is_whole;
}

Test(load, every_answer_is_written_as_a_line) {
    responder.decline_every = 2;
    responder_start(&responder);
    struct load_options options = options_usual();
    char path[TEST_TEXT + 16];
    snprintf(path, sizeof(path), "%s/answers", responder.directory);
    options.answers_path = path;
    run(&options);
    responder_stop(&responder);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    char line[128];
    uint64_t count = 0;
    uint64_t approved = 0;
    int64_t worst_us = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        struct request_id id;
        int64_t latency_us;
        cr_assert(read_answer(line, &id, &latency_us) && request_id_is_v7(&id), "%s", line);
        approved += strcmp(line, "APPROVED") == 0;
        worst_us = latency_us > worst_us ? latency_us : worst_us;
        count++;
    }
    fclose(file);
    cr_assert_eq(count, result.sent_in_all);
    cr_assert_eq(approved, result.approved_in_all);
    cr_assert(approved > 0 && approved < count);
    cr_assert_eq((uint64_t)worst_us, result.latencies.max_us);
}

static bool stop_at_once(void *owner, int64_t elapsed_us, uint64_t answered) {
    (void)elapsed_us;
    *(uint64_t *)owner = answered;
    return false;
}

Test(load, a_run_can_be_stopped_early) {
    responder_start(&responder);
    struct load_options options = options_usual();
    uint64_t answered = 0;
    options.duration_us = 60000000;
    options.on_progress = stop_at_once;
    options.progress_owner = &answered;
    run(&options);
    responder_stop(&responder);
    cr_assert(answered > 0 && answered <= result.answered);
    cr_assert(result.elapsed_us < 30000000);
}

Test(load, a_run_ends_when_its_owner_says_that_it_is_over) {
    responder_start(&responder);
    struct load_options options = options_usual();
    volatile sig_atomic_t is_over = 1;
    options.duration_us = 60000000;
    options.is_over = &is_over;
    run(&options);
    responder_stop(&responder);
    cr_assert(result.elapsed_us < 30000000);
    cr_assert_eq(result.approved_in_all, result.sent_in_all);
}

Test(load, a_server_that_is_not_there_is_said_to_be_so) {
    responder_start(&responder);
    struct load_options options = options_usual();
    struct failure failure = {""};
    char address[64];
    snprintf(address, sizeof(address), "127.0.0.1:%d", test_free_port());
    options.addresses = address;
    options.threads = 2;
    cr_assert_not(load_run(&options, &result, &failure));
    cr_assert_not_null(strstr(failure.text, "refused"), "%s", failure.text);
    responder_stop(&responder);
}

Test(load, options_that_make_no_sense_are_refused_with_words) {
    responder_start(&responder);
    struct failure failure = {""};
    struct load_options options = options_usual();
    options.connections = 0;
    cr_assert_not(load_run(&options, &result, &failure));
    options = options_usual();
    options.addresses = "";
    cr_assert_not(load_run(&options, &result, &failure));
    options = options_usual();
    options.duration_us = 0;
    cr_assert_not(load_run(&options, &result, &failure));
    options = options_usual();
    options.population.travellers = 0;
    cr_assert_not(load_run(&options, &result, &failure));
    options = options_usual();
    options.answers_path = "/nowhere/at/all";
    cr_assert_not(load_run(&options, &result, &failure));
    cr_assert_not_null(strstr(failure.text, "/nowhere/at/all"), "%s", failure.text);
    responder_stop(&responder);
}
