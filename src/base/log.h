/* SPDX-License-Identifier: Apache-2.0 */
/* log: one line an event on standard error, "<6>room: what happened key=value …" with a journald priority in front.
 * Never a card number, code, token or key (DOMAIN 7). Any thread may log; a line is written by one write(2),
 * cut at LOG_LINE_SIZE, and holds no control character whatever it was given. errno stays as it was. */
#ifndef VAXEL_BASE_LOG_H
#define VAXEL_BASE_LOG_H

enum log_level {
    LOG_LEVEL_CRITICAL = 2,
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

/* With its newline. */
#define LOG_LINE_SIZE 1024

/* What is less urgent than `level` is not written. Any thread may set it at any time; at first it is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

__attribute__((format(printf, 3, 4))) void log_event(enum log_level level, const char *room, const char *format, ...);

#define log_error(room, ...) log_event(LOG_LEVEL_ERROR, room, __VA_ARGS__)
#define log_warning(room, ...) log_event(LOG_LEVEL_WARNING, room, __VA_ARGS__)
#define log_info(room, ...) log_event(LOG_LEVEL_INFO, room, __VA_ARGS__)
#define log_debug(room, ...) log_event(LOG_LEVEL_DEBUG, room, __VA_ARGS__)

#endif
