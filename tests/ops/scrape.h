/* SPDX-License-Identifier: Apache-2.0 */
/* scrape: what a node's ops port says. */
#ifndef VAXEL_TESTS_OPS_SCRAPE_H
#define VAXEL_TESTS_OPS_SCRAPE_H

#include "system/cluster.h"

#include <criterion/criterion.h>

#define SCRAPE_SIZE (1 << 20)

/* As cluster_start(), and waits until each node says that it is ready: a worker serves before all do, and the port
 * tells of a node that has started. */
void ops_start_cluster(struct cluster *cluster, struct cluster_wishes wishes);

/* GETs a page with curl: its status, 0 when there is no server; its text stands until the next call. */
int ops_get(const struct cluster *cluster, int node, const char *path, const char **text);

/* The node's metrics, which must be there. */
const char *ops_scrape(const struct cluster *cluster, int node);

/* The sum of all series whose line begins so, e.g. "vaxel_answers_total{call=\"authorize\""; 0 when there is none. */
double ops_sum(const char *text, const char *series);

/* Waits until a page has this status and its text has these words; ends the test after `patience_us`. */
void ops_wait_page(const struct cluster *cluster, int node, const char *path, int status, const char *words,
                   int64_t patience_us);
/* Waits until the sum of these series is `value` or more; ends the test after a while. */
void ops_wait_sum(const struct cluster *cluster, int node, const char *series, double value);

/* Runs a command by a shell; its exit status, and what it wrote in `text`, which stands until the next call. */
int ops_run(const char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
