/* SPDX-License-Identifier: Apache-2.0 */
#include "vaxeld/watch.h"

#include "base/log.h"
#include "ops/ops.h"

#include <stdatomic.h>
#include <string.h>

struct watch {
    struct ops *ops;
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
    if (self->node != NULL)
        return node_is_ready(self->node, file);
    fputs("missing: PostgreSQL or what is to be read from it: the node is starting, and its log says more\n", file);
    return false;
}

bool watch_start(const struct settings *settings, struct failure *failure) {
    const struct ops_source source = {
        .owner = &watch, .write_metrics = write_metrics, .is_alive = is_alive, .is_ready = is_ready};
    if (strcmp(settings->ops_listen, "none") == 0)
        return true;
    struct failure why;
    watch.process_start = instant_now();
    watch.ops = ops_start(settings->ops_listen, &source, &why);
    if (watch.ops == NULL)
        return failure_set(failure, "ops.listen: %s", why.text);
    log_info("vaxeld", "metrics and health are shown address=%s", settings->ops_listen);
    return true;
}

void watch_show(struct node *node) {
    watch.node = node;
}

void watch_stop(void) {
    ops_stop(watch.ops);
}
