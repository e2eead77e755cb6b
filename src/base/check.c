/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"

#include "base/log.h"

#include <stdlib.h>

void check_failed(const char *condition, const char *file, int line) {
    log_event(LOG_LEVEL_CRITICAL, "check", "impossible: %s does not hold at %s:%d", condition, file, line);
    abort();
}
