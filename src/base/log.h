/* SPDX-License-Identifier: Apache-2.0 */
/* log: one line an event on standard error, "room: what happened key=value …", with whose it is at its end, node=NAME.
 * Into the journal goes "<6>" in front, its priority as sd-daemon(3) has it; elsewhere time and level in words.
 *
 * What is written as `key=%s` is quoted where it must be, so that a value can neither end nor start another, nor a
 * line; no control character gets through. What looks like a card number is masked to its last four digits, and a token
 * is left out, whoever forgot to (DOMAIN 7). A place in the code that logs again and again is cut short: what it had to
 * say besides is one line with suppressed=N. Any thread may log; a line is written by one write(2), cut at
 * LOG_LINE_SIZE. errno stays as it was. */
#ifndef VAXEL_BASE_LOG_H
#define VAXEL_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_CRITICAL = 2,
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

/* With its newline. */
#define LOG_LINE_SIZE 1024

/* Lines of one place in so long; what is critical is never cut short. */
#define LOG_PLACE_LINES 50
/* Of a place that has a line for each request: the journal takes 10 000 in half a minute of one service. */
#define LOG_REQUEST_LINES 2000
#define LOG_WINDOW_US INT64_C(10000000)

/* Looks where standard error goes, and names whose lines these are; "" or NULL: nobody's. Before threads log. Until
 * then a line is its text alone. */
#define LOG_NODE_SIZE 128
void log_open(const char *node);

/* What is less urgent than `level` is not written. Any thread may set it at any time; at first it is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

/* Tells of the places that were cut short and are silent since; to be called now and then, and at the end. */
void log_summarize(void);

/* A place in the code that logs. All zero is a valid start; log_event() has one of its own for each place. */
struct log_place {
    uint32_t lines; /* in a window; 0: LOG_PLACE_LINES. The others are log's own */
    int level;
    const char *room;
    const char *format;
    int64_t begun_us;
    uint32_t written;
    uint64_t suppressed;
    bool is_listed;
    struct log_place *next;
};

/* `room` and `format` must live as long as the place. Of conversions there are %d, %u, %ld, %lu, %lld, %llu, %zu, %s
 * and
 * %%, without flags. */
__attribute__((format(printf, 4, 5))) void log_write(struct log_place *place, enum log_level level, const char *room,
                                                     const char *format, ...);

#define log_event(level, room, ...)                                                                                    \
    do {                                                                                                               \
        static struct log_place log_place_here;                                                                        \
        log_write(&log_place_here, level, room, __VA_ARGS__);                                                          \
    } while (0)

#define log_error(room, ...) log_event(LOG_LEVEL_ERROR, room, __VA_ARGS__)
#define log_warning(room, ...) log_event(LOG_LEVEL_WARNING, room, __VA_ARGS__)
#define log_info(room, ...) log_event(LOG_LEVEL_INFO, room, __VA_ARGS__)
#define log_debug(room, ...) log_event(LOG_LEVEL_DEBUG, room, __VA_ARGS__)

#endif
