/* SPDX-License-Identifier: Apache-2.0 */
#include "load/load.h"

#include "base/check.h"
#include "directory/seed.h"
#include "vaxel/command.h"
#include "vaxel/print.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Set by the first Ctrl-C: the figures so far are wanted. */
static volatile sig_atomic_t is_over;

static void on_interrupt(int signal) {
    (void)signal;
    is_over = 1;
}

static uint64_t generated_card(void *owner, uint32_t organisation, uint32_t traveller) {
    const struct load_options *options = owner;
    return directory_generated_card(organisation * options->population.travellers + traveller);
}

static bool show_progress(void *owner, int64_t elapsed_us, uint64_t answered) {
    (void)owner;
    fprintf(stderr, "\r%lld s, %llu answers", (long long)(elapsed_us / 1000000), (unsigned long long)answered);
    return true;
}

static bool take_texts(const struct invocation *invocation, struct load_options *options) {
    const char *product = invocation_value(invocation, "product");
    const char *place = invocation_value(invocation, "place");
    product = product != NULL ? product : "single";
    place = place != NULL ? place : "load";
    if (product[0] == '\0' || strlen(product) >= PRODUCT_SIZE || strlen(place) >= PLACE_SIZE) {
        usage_wrong(invocation, "--product wants 1 to %d bytes, --place at most %d", PRODUCT_SIZE - 1, PLACE_SIZE - 1);
        return false;
    }
    memcpy(options->product.code, product, strlen(product) + 1);
    memcpy(options->place.text, place, strlen(place) + 1);
    if (currency_parse(invocation->settings.currency, &options->currency))
        return true;
    usage_wrong(invocation, "operator.currency %s is no currency of two decimals", invocation->settings.currency);
    return false;
}

static bool take_number(const struct invocation *invocation, const char *name, int64_t initial, int64_t most,
                        uint32_t *number) {
    int64_t value = initial;
    if (!invocation_number(invocation, name, 1, most, &value))
        return false;
    *number = (uint32_t)value;
    return true;
}

static bool take_options(const struct invocation *invocation, struct load_options *options) {
    const struct settings *settings = &invocation->settings;
    int64_t rate = 0;
    int64_t seed = 1;
    options->addresses = settings->connect;
    options->tls = (struct net_tls_files){.certificate = settings->client_certificate,
                                          .key = settings->client_key,
                                          .authority = settings->client_authority};
    options->warm_up_us = 1000000;
    options->duration_us = 10000000;
    options->amount_minor = 100;
    options->is_hot = invocation_has(invocation, "hot");
    options->answers_path = invocation_value(invocation, "answers");
    if (!take_number(invocation, "connections", 64, 1000000, &options->connections) ||
        !take_number(invocation, "in-flight", 1, 65536, &options->in_flight) ||
        !take_number(invocation, "threads", 1, 64, &options->threads) ||
        !take_number(invocation, "organisations", 200, 1000000, &options->population.organisations) ||
        !take_number(invocation, "travellers", 500, DIRECTORY_GENERATED_MAX, &options->population.travellers) ||
        !invocation_number(invocation, "rate", 0, 10000000, &rate) ||
        !invocation_number(invocation, "seed", 0, INT64_MAX, &seed) ||
        !invocation_seconds(invocation, "seconds", &options->duration_us) ||
        !invocation_seconds(invocation, "warm-up", &options->warm_up_us) ||
        !invocation_duration(invocation, "timeout", &options->timeout_us) ||
        !invocation_amount(invocation, "amount", &options->amount_minor) || !take_texts(invocation, options))
        return false;
    if ((uint64_t)options->population.organisations * options->population.travellers > DIRECTORY_GENERATED_MAX) {
        usage_wrong(invocation, "so many travellers are not generated: at most %d", DIRECTORY_GENERATED_MAX);
        return false;
    }
    if (options->duration_us == 0) {
        usage_wrong(invocation, "--seconds must be above 0");
        return false;
    }
    options->rate_per_s = (double)rate;
    options->seed = (uint64_t)seed;
    options->population.owner = options;
    options->population.card = generated_card;
    options->is_over = &is_over;
    if (isatty(STDERR_FILENO))
        options->on_progress = show_progress;
    return true;
}

static double rate_of(const struct load_result *result) {
    return result->elapsed_us > 0 ? (double)result->answered * 1e6 / (double)result->elapsed_us : 0;
}

static double cpu_each_us(const struct load_result *result) {
    return result->answered > 0 ? (double)result->cpu_us / (double)result->answered : 0;
}

static double quantile_ms(const struct load_result *result, double fraction) {
    return (double)histogram_quantile_us(&result->latencies, fraction) / 1000;
}

static const struct {
    const char *key;
    double fraction;
} quantiles[] = {{"p50_ms", 0.5}, {"p90_ms", 0.9}, {"p99_ms", 0.99}, {"p999_ms", 0.999}};
#define QUANTILES_COUNT (sizeof quantiles / sizeof *quantiles)

static void write_counts(struct json *json, const struct load_result *result) {
    json_open(json, "decisions", '{');
    for (int i = DECISION_APPROVED; i <= DECISION_FAILED; i++)
        json_number(json, print_decision_name((enum decision)i), (int64_t)result->decisions[i]);
    json_close(json, '}');
    json_open(json, "reasons", '{');
    for (int i = 0; i <= REASON_CALL_NOT_ALLOWED; i++)
        if (result->reasons[i] > 0)
            json_number(json, reason_name((enum reason)i), (int64_t)result->reasons[i]);
    json_close(json, '}');
}

static void write_json(const struct load_result *result) {
    struct json json = json_start();
    json_decimal(&json, "rate", rate_of(result));
    json_number(&json, "answered", (int64_t)result->answered);
    json_decimal(&json, "seconds", (double)result->elapsed_us / 1e6);
    for (size_t i = 0; i < QUANTILES_COUNT; i++)
        json_decimal(&json, quantiles[i].key, quantile_ms(result, quantiles[i].fraction));
    json_decimal(&json, "max_ms", (double)result->latencies.max_us / 1000);
    json_decimal(&json, "cpu_us", cpu_each_us(result));
    write_counts(&json, result);
    json_number(&json, "faults", (int64_t)result->faults);
    json_number(&json, "late", (int64_t)result->late);
    json_number(&json, "approved_in_time", (int64_t)result->approved_in_time);
    json_number(&json, "unanswered", (int64_t)result->unanswered);
    json_number(&json, "unsent", (int64_t)result->unsent);
    json_number(&json, "sent_in_all", (int64_t)result->sent_in_all);
    json_number(&json, "approved_in_all", (int64_t)result->approved_in_all);
    json_number(&json, "unanswered_in_all", (int64_t)result->unanswered_in_all);
    json_number(&json, "connections_lost", result->connections_lost);
    json_text(&json, "first_trouble", result->first_trouble[0] != '\0' ? result->first_trouble : NULL);
    json_end(&json);
}

static void print_result(const struct load_result *result) {
    printf("%.0f purchases/s over %.1f s\n\n", rate_of(result), (double)result->elapsed_us / 1e6);
    print_fact("Latency", "p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, p99.9 %.2f ms", quantile_ms(result, 0.5),
               quantile_ms(result, 0.9), quantile_ms(result, 0.99), quantile_ms(result, 0.999));
    print_fact("Own CPU", "%.2f us a purchase", cpu_each_us(result));
    for (int i = 0; i <= REASON_CALL_NOT_ALLOWED; i++)
        if (result->reasons[i] > 0)
            printf("  %-28s %12llu\n", reason_name((enum reason)i), (unsigned long long)result->reasons[i]);
    if (result->late > 0)
        print_fact("Late", "%llu answered after their deadline", (unsigned long long)result->late);
    if (result->faults + result->unanswered + result->unsent > 0)
        print_fact("Trouble", "%llu rejected, %llu unanswered, %llu never sent", (unsigned long long)result->faults,
                   (unsigned long long)result->unanswered, (unsigned long long)result->unsent);
    if (result->first_trouble[0] != '\0')
        print_fact("First", "%s", result->first_trouble);
}

int command_load(const struct invocation *invocation) {
    static struct load_options options;
    static struct load_result result;
    _Static_assert(REASON_CALL_NOT_ALLOWED < LOAD_REASONS, "every reason has its count");
    struct failure failure;
    if (!take_options(invocation, &options))
        return EXIT_USAGE;
    const struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    bool is_run = load_run(&options, &result, &failure);
    if (options.on_progress != NULL)
        fputc('\n', stderr);
    if (!is_run)
        return command_broken(invocation, "%s", failure.text);
    if (invocation_has(invocation, "json"))
        write_json(&result);
    else
        print_result(&result);
    return result.answered > 0 && result.faults == 0 && result.connections_lost == 0 ? EXIT_YES : EXIT_BROKEN;
}
