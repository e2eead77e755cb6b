/* SPDX-License-Identifier: Apache-2.0 */
#include "node/changes.h"

#include "base/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct changes {
    _Atomic uint64_t count; /* looked at without the lock: mostly nothing is new */
    pthread_mutex_t lock;
    struct settings settings;
};

struct changes *changes_create(void) {
    struct changes *changes = calloc(1, sizeof *changes);
    CHECK(changes != NULL);
    CHECK(pthread_mutex_init(&changes->lock, NULL) == 0);
    return changes;
}

void changes_destroy(struct changes *changes) {
    pthread_mutex_destroy(&changes->lock);
    free(changes);
}

void changes_publish(struct changes *changes, const struct settings *settings) {
    pthread_mutex_lock(&changes->lock);
    changes->settings = *settings;
    changes->count++;
    pthread_mutex_unlock(&changes->lock);
}

bool changes_take(struct changes *changes, uint64_t *seen, struct settings *settings) {
    if (changes->count == *seen)
        return false;
    pthread_mutex_lock(&changes->lock);
    *settings = changes->settings;
    *seen = changes->count;
    pthread_mutex_unlock(&changes->lock);
    return true;
}
