/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

static atomic_int log_level_set = LOG_LEVEL_INFO;

void log_set_level(enum log_level level) {
    atomic_store_explicit(&log_level_set, (int)level, memory_order_relaxed);
}

/* What was written, when `wanted` bytes were to go into `room` bytes with a NUL. */
static size_t written(int wanted, size_t room) {
    if (wanted < 0)
        return 0;
    return (size_t)wanted < room ? (size_t)wanted : room - 1;
}

/* Text that came from outside must not start a line of its own, nor steer a terminal. */
static void replace_control(char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte == 0x7f)
            text[i] = '?';
    }
}

void log_event(enum log_level level, const char *room, const char *format, ...) {
    if ((int)level > atomic_load_explicit(&log_level_set, memory_order_relaxed))
        return;
    int saved = errno;
    char line[LOG_LINE_SIZE];
    size_t size = written(snprintf(line, sizeof(line), "<%d>%s: ", (int)level, room), sizeof(line));
    va_list arguments;
    va_start(arguments, format);
    size += written(vsnprintf(line + size, sizeof(line) - size, format, arguments), sizeof(line) - size);
    va_end(arguments);
    replace_control(line, size);
    line[size++] = '\n';
    /* Nobody can be told that standard error is gone. */
    ssize_t ignored = write(STDERR_FILENO, line, size);
    (void)ignored;
    errno = saved;
}
