/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "wallet/internal.h"

#include <stdlib.h>
#include <string.h>

#define PAUSE_NS 20000000

/* One question, on the stack of whoever waits for its answer. */
struct job {
    struct job *next;
    struct wire_request *request;
    struct wire_reply *reply;
    struct failure *failure;
    int64_t until_us;
    bool is_done;
    bool is_answered;
    pthread_cond_t is_over;
};

struct asker {
    char *addresses;
    char *certificate;
    char *key;
    char *authority;
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    struct job *first;
    struct job **last;
    bool is_ending;
    uint32_t thread_count;
    pthread_t *threads;
};

static char *copy(const char *text) {
    char *copied = strdup(text);
    CHECK(copied != NULL);
    return copied;
}

/* ---- a thread ---- */

static bool try_job(struct asker *asker, struct client_connection **connection, struct job *job) {
    int64_t left_us = job->until_us - tick_now().us;
    if (left_us <= 0)
        return failure_set(job->failure, "the switch is too busy");
    if (*connection == NULL) {
        struct net_tls_files files = {
            .certificate = asker->certificate, .key = asker->key, .authority = asker->authority};
        *connection = client_connect(asker->addresses, &files, left_us, job->failure);
    }
    if (*connection == NULL)
        return false;
    left_us = job->until_us - tick_now().us;
    if (left_us > 0 && client_call(*connection, job->request, left_us, job->reply, job->failure))
        return true;
    client_disconnect(*connection);
    *connection = NULL;
    return false;
}

/* Every request may be repeated: by its id it is done once. */
static bool do_job(struct asker *asker, struct client_connection **connection, struct job *job) {
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    bool was_connected = *connection != NULL;
    for (;;) {
        if (try_job(asker, connection, job))
            return true;
        if (tick_now().us + PAUSE_NS / 1000 >= job->until_us)
            return false;
        if (!was_connected)
            nanosleep(&pause, NULL);
        was_connected = false;
    }
}

/* The next question; NULL: it is to end. */
static struct job *take_job(struct asker *asker) {
    pthread_mutex_lock(&asker->lock);
    while (asker->first == NULL && !asker->is_ending)
        pthread_cond_wait(&asker->has_work, &asker->lock);
    struct job *job = asker->first;
    if (job != NULL) {
        asker->first = job->next;
        if (asker->first == NULL)
            asker->last = &asker->first;
    }
    pthread_mutex_unlock(&asker->lock);
    return job;
}

static void *work(void *argument) {
    struct asker *asker = argument;
    struct client_connection *connection = NULL;
    for (struct job *job; (job = take_job(asker)) != NULL;) {
        bool is_answered = do_job(asker, &connection, job);
        pthread_mutex_lock(&asker->lock);
        job->is_answered = is_answered;
        job->is_done = true;
        pthread_cond_signal(&job->is_over);
        pthread_mutex_unlock(&asker->lock);
    }
    if (connection != NULL)
        client_disconnect(connection);
    return NULL;
}

/* ---- its owner ---- */

struct asker *asker_start(const char *addresses, const struct net_tls_files *files, uint32_t connections) {
    struct asker *asker = calloc(1, sizeof(*asker));
    CHECK(asker != NULL);
    asker->addresses = copy(addresses);
    asker->certificate = copy(files->certificate);
    asker->key = copy(files->key);
    asker->authority = copy(files->authority);
    asker->last = &asker->first;
    pthread_mutex_init(&asker->lock, NULL);
    pthread_cond_init(&asker->has_work, NULL);
    asker->thread_count = connections;
    asker->threads = calloc(connections, sizeof(pthread_t));
    CHECK(asker->threads != NULL);
    for (uint32_t i = 0; i < connections; i++)
        CHECK(pthread_create(&asker->threads[i], NULL, work, asker) == 0);
    return asker;
}

void asker_stop(struct asker *asker) {
    pthread_mutex_lock(&asker->lock);
    asker->is_ending = true;
    pthread_cond_broadcast(&asker->has_work);
    pthread_mutex_unlock(&asker->lock);
    for (uint32_t i = 0; i < asker->thread_count; i++)
        pthread_join(asker->threads[i], NULL);
    pthread_cond_destroy(&asker->has_work);
    pthread_mutex_destroy(&asker->lock);
    free(asker->threads);
    free(asker->addresses);
    free(asker->certificate);
    free(asker->key);
    free(asker->authority);
    free(asker);
}

/* Who waits is a connection of the server, so there are no more of them than it has. */
bool asker_ask(struct asker *asker, struct wire_request *request, int64_t until_us, struct wire_reply *reply,
               struct failure *failure) {
    struct job job = {.request = request, .reply = reply, .failure = failure, .until_us = until_us};
    pthread_cond_init(&job.is_over, NULL);
    pthread_mutex_lock(&asker->lock);
    *asker->last = &job;
    asker->last = &job.next;
    pthread_cond_signal(&asker->has_work);
    while (!job.is_done)
        pthread_cond_wait(&job.is_over, &asker->lock);
    pthread_mutex_unlock(&asker->lock);
    pthread_cond_destroy(&job.is_over);
    return job.is_answered;
}
