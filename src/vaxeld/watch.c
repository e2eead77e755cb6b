/* SPDX-License-Identifier: Apache-2.0 */
#include "vaxeld/watch.h"

#include "base/log.h"
#include "ops/ops.h"

#include <stdatomic.h>
#include <string.h>

struct watch {
    struct ops *ops;
    struct samples *samples;
    struct instant process_start;
    _Atomic(struct node *) node; /* NULL: it is starting */
};

static struct watch watch;

static void write_metrics(void *owner, bool is_openmetrics, FILE *file) {
    struct watch *self = owner;
    node_write_metrics(self->node, self->process_start, is_openmetrics, file);
}

static bool is_alive(void *owner) {
    struct watch *self = owner;
    return self->node == NULL || node_is_alive(self->node);
}

static bool is_ready(void *owner, FILE *file) {
    struct watch *self = owner;
    return node_is_ready(self->node, file);
}

static void write_hello(void *owner, FILE *file) {
    struct watch *self = owner;
    samples_hello(self->samples, file);
}

static void write_sample(void *owner, uint64_t sequence, FILE *whole, FILE *kept) {
    struct watch *self = owner;
    samples_take(self->samples, self->node, sequence, whole, kept);
}

static struct ops_looks looks_of(const struct settings *settings) {
    return (struct ops_looks){.pages = settings->ops_pages, .nodes = settings->ops_nodes};
}

bool watch_start(const struct settings *settings, struct failure *failure) {
    const struct ops_source source = {
        .owner = &watch,
        .write_metrics = write_metrics,
        .is_alive = is_alive,
        .is_ready = is_ready,
        .write_hello = write_hello,
        .write_sample = write_sample,
    };
    if (strcmp(settings->ops_listen, "none") == 0)
        return true;
    const struct ops_looks looks = looks_of(settings);
    struct failure why;
    watch.process_start = instant_now();
    watch.samples = samples_create(settings, watch.process_start);
    watch.ops = ops_start(settings->ops_listen, &looks, &source, &why);
    if (watch.ops == NULL) {
        samples_destroy(watch.samples);
        return failure_set(failure, "ops.listen: %s", why.text);
    }
    log_info("vaxeld", "metrics and health are shown address=%s", settings->ops_listen);
    return true;
}

void watch_change(const struct settings *settings) {
    if (watch.ops == NULL)
        return;
    const struct ops_looks looks = looks_of(settings);
    samples_change(watch.samples, settings);
    ops_change(watch.ops, &looks);
}

void watch_show(struct node *node) {
    watch.node = node;
}

void watch_stop(void) {
    if (watch.ops == NULL)
        return;
    ops_stop(watch.ops);
    samples_destroy(watch.samples);
}
