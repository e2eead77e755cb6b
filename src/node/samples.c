/* SPDX-License-Identifier: Apache-2.0 */
/* samples: what a node is seen to do in a second, as JSON. One thread takes them; another may change the settings. */
#include "base/check.h"
#include "config/urls.h"
#include "node/figures.h"
#include "node/lists.h"
#include "node/node.h"
#include "node/watching.h"
#include "json/json.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX 64

/* What a worker had used of its processor when it last looked. */
struct usage {
    int64_t turned_at_us;
    uint64_t cpu_us;
};

/* The measures of all workers at a moment. */
struct gathered {
    struct tick at;
    struct measures *sum;
};

struct samples {
    struct instant process_start;
    pthread_mutex_t settings_lock;
    struct settings settings; /* as they are now */
    struct gathered before, now;
    struct wire_codec *codec; /* for the words of declines */
    struct usage usages[WORKERS_MAX];
};

static struct gathered new_gathered(void) {
    struct gathered gathered = {.at = tick_now(),
                                .sum = aligned_alloc(_Alignof(struct measures), measures_of_worker.size)};
    CHECK(gathered.sum != NULL);
    memset(gathered.sum, 0, measures_of_worker.size);
    return gathered;
}

static struct wire_codec *new_codec(const struct settings *settings) {
    struct wire_codec *codec = wire_codec_create();
    struct currency currency;
    if (currency_parse(settings->currency, &currency))
        wire_codec_set_currency(codec, currency);
    return codec;
}

struct samples *samples_create(const struct settings *settings, struct instant process_start) {
    struct samples *samples = calloc(1, sizeof *samples);
    CHECK(samples != NULL);
    CHECK(pthread_mutex_init(&samples->settings_lock, NULL) == 0);
    samples->process_start = process_start;
    samples->settings = *settings;
    samples->codec = new_codec(settings);
    samples->before = new_gathered();
    samples->now = new_gathered();
    return samples;
}

void samples_destroy(struct samples *samples) {
    pthread_mutex_destroy(&samples->settings_lock);
    wire_codec_destroy(samples->codec);
    free(samples->before.sum);
    free(samples->now.sum);
    free(samples);
}

void samples_change(struct samples *samples, const struct settings *settings) {
    pthread_mutex_lock(&samples->settings_lock);
    samples->settings = *settings;
    pthread_mutex_unlock(&samples->settings_lock);
}

static struct settings settings_of(struct samples *samples) {
    pthread_mutex_lock(&samples->settings_lock);
    struct settings settings = samples->settings;
    pthread_mutex_unlock(&samples->settings_lock);
    return settings;
}

/* ---- hello ---- */

static struct json_object *nodes_of(const struct settings *settings) {
    struct json_object *nodes = json_new_list();
    char urls[CONFIG_TEXT_SIZE], *rest = urls;
    snprintf(urls, sizeof urls, "%s", settings->ops_nodes);
    for (char *url; (url = strtok_r(rest, URL_SEPARATORS, &rest)) != NULL;) {
        struct json_object *node = json_new_map();
        json_put_text(node, "url", url);
        json_append(nodes, node);
    }
    return nodes;
}

static void write_object(struct json_object *object, FILE *file) {
    fputs(json_write(object), file);
}

void samples_hello(struct samples *samples, FILE *file) {
    const struct settings settings = settings_of(samples);
    char name[SETTINGS_NAME_SIZE];
    settings_process_name(&settings, settings.listen, name);
    struct json_object *hello = json_new_map();
    json_put_text(hello, "node", name);
    json_put_text(hello, "version", VAXEL_VERSION);
    figures_put_instant(hello, "started", samples->process_start);
    json_put_text(hello, "currency", settings.currency);
    json_put_whole(hello, "decimals", 2);
    json_put(hello, "nodes", nodes_of(&settings));
    write_object(hello, file);
    json_release(hello);
}

/* ---- a sample ---- */

static void gather(struct samples *samples, const struct watched *watched) {
    const void *sets[WORKERS_MAX];
    struct gathered oldest = samples->before;
    samples->before = samples->now;
    samples->now = oldest;
    samples->now.at = tick_now();
    for (uint32_t i = 0; i < watched->worker_count; i++)
        sets[i] = &watched->measures[i];
    metrics_gather(&measures_of_worker, sets, watched->worker_count, (uint64_t *)samples->now.sum);
}

/* A worker notes its processor time when it looks around; one that has not turned since is stuck in something. */
static double busy_of(struct usage *usage, const struct measures *measures) {
    const struct usage now = {
        .turned_at_us = metric_level(&measures->turned_at_us),
        .cpu_us = atomic_load_explicit(&measures->cpu_us.value, memory_order_relaxed),
    };
    int64_t passed_us = now.turned_at_us - usage->turned_at_us;
    double busy = passed_us > 0 ? (double)(now.cpu_us - usage->cpu_us) / (double)passed_us : 1;
    *usage = now;
    return busy < 1 ? busy : 1;
}

static void put_busy(struct samples *samples, const struct watched *watched, struct json_object *sample) {
    double busiest = 0;
    for (uint32_t i = 0; i < watched->worker_count && !watched->is_draining; i++) {
        double busy = busy_of(&samples->usages[i], &watched->measures[i]);
        busiest = busy > busiest ? busy : busiest;
    }
    figures_put_rate(sample, "busy", busiest);
}

/* What is said of readiness, by kind. */
struct said {
    struct json_object *missing, *warnings;
};

static void take_said(void *owner, bool is_missing, const char *text) {
    const struct said *said = owner;
    json_append_text(is_missing ? said->missing : said->warnings, text);
}

static void put_readiness(struct json_object *sample, const struct watched *watched) {
    struct said said = {.missing = json_new_list(), .warnings = json_new_list()};
    json_put_truth(sample, "ready", watching_is_ready(watched, take_said, &said));
    json_put(sample, "missing", said.missing);
    json_put(sample, "warnings", said.warnings);
    json_put_truth(sample, "draining", watched->is_draining);
}

static struct json_object *sample_of(struct samples *samples, const struct watched *watched, uint64_t sequence) {
    const struct settings settings = settings_of(samples);
    gather(samples, watched);
    int64_t span_us = samples->now.at.us - samples->before.at.us;
    const struct span span = {samples->before.sum, samples->now.sum, (double)(span_us > 0 ? span_us : 1) / 1e6};
    struct json_object *sample = json_new_map();
    figures_put_instant(sample, "at", instant_now());
    json_put_whole(sample, "sequence", (int64_t)sequence);
    figures_put_seconds(sample, "span_s", span_us);
    figures_put_answers(sample, &span);
    figures_put_latency(sample, &span);
    figures_put_load(sample, &span);
    put_busy(samples, watched, sample);
    figures_put_services(sample, &span, settings.journal[0] != '\0');
    figures_put_directory(sample, watched->directory);
    put_readiness(sample, watched);
    return sample;
}

void samples_take(struct samples *samples, const struct node *node, uint64_t sequence, FILE *whole, FILE *kept) {
    const struct watched watched = node_watched(node);
    struct json_object *sample = sample_of(samples, &watched, sequence);
    write_object(sample, kept);
    lists_put_organisations(sample, &watched);
    lists_put_declines(sample, &watched, samples->codec);
    write_object(sample, whole);
    json_release(sample);
}
