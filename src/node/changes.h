/* SPDX-License-Identifier: Apache-2.0 */
/* changes: settings that are changed while the node runs, on their way to its workers. Each copies them on its own
 * thread, between two turns. */
#ifndef VAXEL_NODE_CHANGES_H
#define VAXEL_NODE_CHANGES_H

#include "config/settings.h"

struct changes;

struct changes *changes_create(void);
void changes_destroy(struct changes *changes);

void changes_publish(struct changes *changes, const struct settings *settings);

/* Copies the settings if any were published since `seen`, which starts as 0. */
bool changes_take(struct changes *changes, uint64_t *seen, struct settings *settings);

#endif
