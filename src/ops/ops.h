/* SPDX-License-Identifier: Apache-2.0 */
/* ops: the face for those who run a node, HTTP on a port of its own:
 *
 *   /metrics   OpenMetrics, or Prometheus' older text for who does not ask for it
 *   /healthz   200 while the process turns its loops; 503: it hangs, start it anew
 *   /readyz    200 while purchases can be served; 503 with what is missing
 *
 * It reads and changes nothing, so it asks nobody who they are: it belongs on loopback, or behind a proxy. */
#ifndef VAXEL_OPS_OPS_H
#define VAXEL_OPS_OPS_H

#include "base/failure.h"

#include <stdio.h>

struct ops;

/* Whom it asks; several threads at once. */
struct ops_source {
    void *owner;
    void (*write_metrics)(void *owner, bool is_openmetrics, FILE *file);
    bool (*is_alive)(void *owner);
    /* Writes what is missing, and what can be done without for now. */
    bool (*is_ready)(void *owner, FILE *file);
};

/* `address` is "host:port" in numbers. */
struct ops *ops_start(const char *address, const struct ops_source *source, struct failure *failure);
void ops_stop(struct ops *ops);

#endif
