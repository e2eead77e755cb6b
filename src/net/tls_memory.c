/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's memory. An idle stream is to hold no buffer (SSL_MODE_RELEASE_BUFFERS), so OpenSSL takes one of some 17 KiB
 * for each record that it reads or writes and gives it back at once. A thread keeps the few that it uses by turns; all
 * else is the heap's. */
#include "net/internal.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

/* Holds a whole record with what TLS adds to it. */
#define RECORD_BLOCK_SIZE (RECORD_SIZE + 4096)
#define RECORD_BLOCKS_KEPT 4

struct kept_blocks {
    bool is_registered; /* for the thread's end */
    unsigned count;
    void *blocks[RECORD_BLOCKS_KEPT];
};

static _Thread_local struct kept_blocks kept_blocks;
static pthread_key_t thread_end;

static void give_all_back(void *at_end) {
    struct kept_blocks *kept = at_end;
    while (kept->count > 0) {
        free(kept->blocks[--kept->count]);
    }
    kept->is_registered = false;
}

static void *memory_take(size_t size, const char *file, int line) {
    struct kept_blocks *kept = &kept_blocks;
    (void)file, (void)line;
    if (size < RECORD_SIZE || size > RECORD_BLOCK_SIZE) {
        return malloc(size);
    }
    return kept->count > 0 ? kept->blocks[--kept->count] : malloc(RECORD_BLOCK_SIZE);
}

static void *memory_resize(void *memory, size_t size, const char *file, int line) {
    (void)file, (void)line;
    return realloc(memory, size);
}

/* Anything as large as a block will do for one, whatever it was. */
static bool memory_is_block(void *memory) {
    size_t size = malloc_usable_size(memory);
    return size >= RECORD_BLOCK_SIZE && size < RECORD_BLOCK_SIZE + 64;
}

static void memory_give(void *memory, const char *file, int line) {
    struct kept_blocks *kept = &kept_blocks;
    (void)file, (void)line;
    if (memory == NULL || kept->count == RECORD_BLOCKS_KEPT || !memory_is_block(memory)) {
        free(memory);
        return;
    }
    if (!kept->is_registered) {
        kept->is_registered = pthread_setspecific(thread_end, kept) == 0;
        if (!kept->is_registered) {
            free(memory);
            return;
        }
    }
    kept->blocks[kept->count++] = memory;
}

static void memory_arrange(void) {
    if (pthread_key_create(&thread_end, give_all_back) == 0) {
        (void)CRYPTO_set_mem_functions(memory_take, memory_resize, memory_give);
    }
}

/* OpenSSL lets its memory be arranged only before it has taken any; where another library was first, the heap does. */
void tls_memory_arrange(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, memory_arrange);
}
