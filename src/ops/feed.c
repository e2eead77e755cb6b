/* SPDX-License-Identifier: Apache-2.0 */
/* The thread takes a sample and puts it where the oldest stood; readers copy from there under the lock, a piece at a
 * time, so one that does not read holds nothing but its own connection. */
#include "ops/feed.h"

#include "base/check.h"
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)
#define HISTORY 300
#define READERS 64
/* How long a reader that waits for news is quiet, at most. */
#define QUIET_US SECOND_US
/* What is written around a sample, at most. */
#define FRAME_SIZE 128

struct text {
    char *data;
    size_t size;
};

struct feed {
    struct ops_source source;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news;
    bool is_ending;
    uint32_t readers;
    uint64_t sequence; /* of the newest sample; 0: none is taken yet */
    struct text hello;
    struct text newest;
    struct text kept[HISTORY]; /* that of a sequence is at its remainder */
};

enum reading { READING_HELLO, READING_HISTORY, READING_NEWS };

struct reader {
    struct feed *feed;
    enum reading reading;
    uint64_t next; /* of the history */
    uint64_t seen; /* the newest sample that is told, or will be by the history */
    bool has_begun;
};

/* ---- taking ---- */

static void replace(struct text *text, struct text with) {
    free(text->data);
    *text = with;
}

static FILE *open_text(struct text *text) {
    FILE *file = open_memstream(&text->data, &text->size);
    CHECK(file != NULL);
    return file;
}

static void close_text(const struct text *text, FILE *file) {
    CHECK(fclose(file) == 0);
    /* A reader takes it in one piece, and what is told is an object with members. */
    CHECK(text->size > 2 && text->size + FRAME_SIZE <= HTTP_PIECE_SIZE && text->data[text->size - 1] == '}');
}

static struct text take_hello(const struct feed *feed) {
    struct text hello;
    FILE *file = open_text(&hello);
    feed->source.write_hello(feed->source.owner, file);
    close_text(&hello, file);
    hello.size--; /* the history goes before the end */
    return hello;
}

static void take_sample(struct feed *feed) {
    struct text hello = take_hello(feed), whole, kept;
    FILE *whole_file = open_text(&whole), *kept_file = open_text(&kept);
    uint64_t sequence = feed->sequence + 1;
    feed->source.write_sample(feed->source.owner, sequence, whole_file, kept_file);
    close_text(&whole, whole_file);
    close_text(&kept, kept_file);
    pthread_mutex_lock(&feed->lock);
    feed->sequence = sequence;
    replace(&feed->hello, hello);
    replace(&feed->newest, whole);
    replace(&feed->kept[sequence % HISTORY], kept);
    pthread_cond_broadcast(&feed->news);
    pthread_mutex_unlock(&feed->lock);
}

static struct timespec time_of(int64_t us) {
    return (struct timespec){.tv_sec = us / SECOND_US, .tv_nsec = us % SECOND_US * 1000};
}

/* False: it is ending. */
static bool wait_until(struct feed *feed, int64_t until_us) {
    const struct timespec until = time_of(until_us);
    pthread_mutex_lock(&feed->lock);
    while (!feed->is_ending && tick_now().us < until_us)
        (void)pthread_cond_timedwait(&feed->news, &feed->lock, &until);
    bool goes_on = !feed->is_ending;
    pthread_mutex_unlock(&feed->lock);
    return goes_on;
}

/* On time, whatever taking one took; seconds that were slept through (a machine that was paused) are left out. */
static void *run(void *argument) {
    struct feed *feed = argument;
    for (int64_t next_us = tick_now().us + SECOND_US; wait_until(feed, next_us); next_us += SECOND_US) {
        take_sample(feed);
        int64_t late_us = tick_now().us - next_us;
        if (late_us > SECOND_US)
            next_us += late_us / SECOND_US * SECOND_US;
    }
    return NULL;
}

static void init_locks(struct feed *feed) {
    pthread_condattr_t monotonic;
    CHECK(pthread_condattr_init(&monotonic) == 0);
    CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&feed->news, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    CHECK(pthread_mutex_init(&feed->lock, NULL) == 0);
}

struct feed *feed_start(const struct ops_source *source, struct failure *failure) {
    struct feed *feed = calloc(1, sizeof *feed);
    CHECK(feed != NULL);
    feed->source = *source;
    feed->hello = take_hello(feed);
    init_locks(feed);
    if (pthread_create(&feed->thread, NULL, run, feed) == 0)
        return feed;
    feed_destroy(feed);
    failure_set(failure, "no thread is left to take samples");
    return NULL;
}

void feed_end(struct feed *feed) {
    pthread_mutex_lock(&feed->lock);
    feed->is_ending = true;
    pthread_cond_broadcast(&feed->news);
    pthread_mutex_unlock(&feed->lock);
    pthread_join(feed->thread, NULL);
}

void feed_destroy(struct feed *feed) {
    CHECK(feed->readers == 0);
    pthread_cond_destroy(&feed->news);
    pthread_mutex_destroy(&feed->lock);
    for (size_t i = 0; i < HISTORY; i++)
        free(feed->kept[i].data);
    free(feed->newest.data);
    free(feed->hello.data);
    free(feed);
}

/* ---- reading; under the lock ---- */

static uint64_t oldest_kept(const struct feed *feed) {
    return feed->sequence > HISTORY ? feed->sequence - HISTORY + 1 : 1;
}

static bool put(struct buffer *piece, const char *data, size_t size) {
    return buffer_append(piece, data, size);
}

static bool put_words(struct buffer *piece, const char *words) {
    return put(piece, words, strlen(words));
}

static void put_head(struct buffer *piece, const char *event, uint64_t sequence) {
    char head[FRAME_SIZE];
    snprintf(head, sizeof head, "id: %" PRIu64 "\nevent: %s\ndata: ", sequence, event);
    CHECK(put_words(piece, head));
}

static void tell_hello(struct reader *reader, struct buffer *piece) {
    const struct feed *feed = reader->feed;
    put_head(piece, "hello", feed->sequence);
    CHECK(put(piece, feed->hello.data, feed->hello.size) && put_words(piece, ",\"history\":["));
    reader->seen = feed->sequence;
    reader->next = oldest_kept(feed);
    reader->reading = READING_HISTORY;
}

/* As much as the piece takes. A reader that takes minutes over it misses what was forgotten meanwhile. */
static void tell_history(struct reader *reader, struct buffer *piece) {
    const struct feed *feed = reader->feed;
    if (reader->next < oldest_kept(feed))
        reader->next = oldest_kept(feed);
    for (; reader->next <= reader->seen; reader->next++) {
        const struct text *kept = &feed->kept[reader->next % HISTORY];
        if (buffer_room(piece) < kept->size + FRAME_SIZE)
            return;
        CHECK(put_words(piece, reader->has_begun ? "," : "") && put(piece, kept->data, kept->size));
        reader->has_begun = true;
    }
    CHECK(put_words(piece, "]}\n\n"));
    reader->reading = READING_NEWS;
}

static void tell_news(struct reader *reader, struct buffer *piece) {
    const struct feed *feed = reader->feed;
    if (reader->seen == feed->sequence)
        return;
    put_head(piece, "sample", feed->sequence);
    CHECK(put(piece, feed->newest.data, feed->newest.size) && put_words(piece, "\n\n"));
    reader->seen = feed->sequence;
}

static void wait_for_news(const struct reader *reader) {
    struct feed *feed = reader->feed;
    int64_t until_us = tick_now().us + QUIET_US;
    const struct timespec until = time_of(until_us);
    while (!feed->is_ending && reader->seen == feed->sequence && tick_now().us < until_us)
        (void)pthread_cond_timedwait(&feed->news, &feed->lock, &until);
}

static size_t read_next(void *owner, char *data, size_t capacity) { /* NOLINT(readability-non-const-parameter) */
    struct reader *reader = owner;
    struct feed *feed = reader->feed;
    struct buffer piece = {.data = (uint8_t *)data, .capacity = capacity};
    pthread_mutex_lock(&feed->lock);
    if (reader->reading == READING_NEWS)
        wait_for_news(reader);
    bool is_ending = feed->is_ending;
    if (reader->reading == READING_HELLO)
        tell_hello(reader, &piece);
    if (reader->reading == READING_HISTORY)
        tell_history(reader, &piece);
    else if (!is_ending)
        tell_news(reader, &piece);
    pthread_mutex_unlock(&feed->lock);
    return is_ending ? HTTP_STREAM_END : piece.size;
}

/* ---- coming and going ---- */

static bool count_in(struct feed *feed) {
    pthread_mutex_lock(&feed->lock);
    bool has_room = feed->readers < READERS;
    feed->readers += has_room;
    pthread_mutex_unlock(&feed->lock);
    return has_room;
}

static void leave(void *owner) {
    struct reader *reader = owner;
    struct feed *feed = reader->feed;
    pthread_mutex_lock(&feed->lock);
    feed->readers--;
    pthread_mutex_unlock(&feed->lock);
    free(reader);
}

void feed_answer(struct feed *feed, struct http_exchange *exchange) {
    static const char full[] = "too many watch already: close a page that nobody looks at\n";
    http_answer_header(exchange, "Access-Control-Allow-Origin", "*");
    if (!count_in(feed)) {
        http_answer(exchange, 503, "text/plain; charset=utf-8", bytes_of(full, sizeof full - 1));
        return;
    }
    struct reader *reader = calloc(1, sizeof *reader);
    CHECK(reader != NULL);
    reader->feed = feed;
    http_answer_stream(exchange, &(struct http_stream){.owner = reader, .next = read_next, .end = leave});
}
