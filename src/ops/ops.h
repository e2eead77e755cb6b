/* SPDX-License-Identifier: Apache-2.0 */
/* ops: the face for those who run a node, HTTP on a port of its own:
 *
 *   /          the dashboard, with /assets/
 *   /metrics   OpenMetrics, or Prometheus' older text for who does not ask for it
 *   /healthz   200 while the process turns its loops; 503: it hangs, start it anew
 *   /readyz    200 while purchases can be served; 503 with what is missing
 *   /events    a sample every second, as server-sent events (docs/feed.md)
 *
 * It reads and changes nothing, so it asks nobody who they are: it belongs on loopback, or behind a proxy. */
#ifndef VAXEL_OPS_OPS_H
#define VAXEL_OPS_OPS_H

#include "base/failure.h"

#include <stdint.h>
#include <stdio.h>

struct ops;

/* Whom it asks; several threads at once. */
struct ops_source {
    void *owner;
    void (*write_metrics)(void *owner, bool is_openmetrics, FILE *file);
    bool (*is_alive)(void *owner);
    /* Writes what is missing, and what can be done without for now. */
    bool (*is_ready)(void *owner, FILE *file);
    /* What /events tells, each as one JSON object on one line: first, and of each second, the whole of it and what of
     * it is kept for those who come later. By one thread at a time. */
    void (*write_hello)(void *owner, FILE *file);
    void (*write_sample)(void *owner, uint64_t sequence, FILE *whole, FILE *kept);
};

/* What may be changed while it runs. */
struct ops_looks {
    const char *pages; /* the directory of the dashboard's files */
    const char *nodes; /* whose feeds the page may read: URLs as in config/urls.h */
};

/* `address` is "host:port" in numbers. */
struct ops *ops_start(const char *address, const struct ops_looks *looks, const struct ops_source *source,
                      struct failure *failure);
void ops_change(struct ops *ops, const struct ops_looks *looks);
void ops_stop(struct ops *ops);

#endif
