/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/clock.h"
#include "base/log_text.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum style { STYLE_BARE, STYLE_JOURNAL, STYLE_TERMINAL, STYLE_FILE };

static atomic_int log_level_set = LOG_LEVEL_INFO;
static enum style style = STYLE_BARE;
static char node_words[LOG_NODE_SIZE]; /* " node=NAME" */

/* Of the places, and the list of those that were cut short. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct log_place *cut_short;

void log_set_level(enum log_level level) {
    atomic_store_explicit(&log_level_set, (int)level, memory_order_relaxed);
}

/* systemd names the device and file that the journal reads from (systemd.exec(5), JOURNAL_STREAM). */
static bool is_journal(void) {
    const char *named = getenv("JOURNAL_STREAM");
    struct stat status;
    char here[64];
    if (named == NULL || fstat(STDERR_FILENO, &status) != 0)
        return false;
    snprintf(here, sizeof here, "%llu:%llu", (unsigned long long)status.st_dev, (unsigned long long)status.st_ino);
    return strcmp(named, here) == 0;
}

void log_open(const char *node) {
    style = is_journal() ? STYLE_JOURNAL : isatty(STDERR_FILENO) ? STYLE_TERMINAL : STYLE_FILE;
    node_words[0] = '\0';
    if (node == NULL || node[0] == '\0')
        return;
    struct log_text text = {node_words, node_words + sizeof node_words - 1};
    log_text_plain(&text, " node=");
    log_text_value(&text, node);
    *text.at = '\0';
}

/* ---- a line ---- */

struct line {
    struct log_text text;
    char bytes[LOG_LINE_SIZE];
};

static const char *level_name(int level) {
    switch ((enum log_level)level) {
    case LOG_LEVEL_CRITICAL:
        return "critical";
    case LOG_LEVEL_ERROR:
        return "error";
    case LOG_LEVEL_WARNING:
        return "warning";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_DEBUG:
        return "debug";
    }
    return "?";
}

static void begin_line(struct line *line, int level, const char *room) {
    char words[64] = "";
    char time_words[INSTANT_TEXT_SIZE];
    line->text = (struct log_text){line->bytes, line->bytes + sizeof line->bytes - 1 - strlen(node_words)};
    if (style == STYLE_JOURNAL) {
        snprintf(words, sizeof words, "<%d>", level);
    } else if (style != STYLE_BARE) {
        instant_format(instant_now(), time_words);
        /* A person looks at what happens now; of a file the day may be asked. */
        const char *shown = style == STYLE_TERMINAL ? time_words + 11 : time_words;
        snprintf(words, sizeof words, "%s %-8s", shown, level_name(level));
    }
    log_text_plain(&line->text, words);
    log_text_plain(&line->text, room);
    log_text_plain(&line->text, ": ");
}

static void end_line(struct line *line) {
    line->text.end = line->bytes + sizeof line->bytes - 1;
    size_t size = strlen(node_words);
    memcpy(line->text.at, node_words, size);
    line->text.at += size;
    *line->text.at++ = '\n';
    /* Nobody can be told that standard error is gone. */
    ssize_t ignored = write(STDERR_FILENO, line->bytes, (size_t)(line->text.at - line->bytes));
    (void)ignored;
}

/* ---- places ---- */

/* Where the message ends and its values begin. */
static size_t message_size(const char *format) {
    size_t size = strcspn(format, "%");
    if (format[size] == '\0')
        return size;
    while (size > 0 && format[size - 1] != ' ')
        size--;
    return size > 0 ? size - 1 : 0;
}

static void tell_suppressed(struct log_place *place) {
    struct line line;
    char words[160];
    if (place->suppressed == 0)
        return;
    snprintf(words, sizeof words, "%.*s suppressed=%llu", (int)message_size(place->format), place->format,
             (unsigned long long)place->suppressed);
    place->suppressed = 0;
    begin_line(&line, place->level, place->room);
    log_text_plain(&line.text, words);
    end_line(&line);
}

static void begin_window(struct log_place *place, int64_t now_us) {
    tell_suppressed(place);
    place->begun_us = now_us;
    place->written = 0;
}

static void suppress(struct log_place *place, int level, const char *room, const char *format) {
    place->level = level;
    place->room = room;
    place->format = format;
    place->suppressed++;
    if (!place->is_listed) {
        place->is_listed = true;
        place->next = cut_short;
        cut_short = place;
    }
}

/* Whether a place may write one more line now. */
static bool admit(struct log_place *place, int level, const char *room, const char *format) {
    if (level == LOG_LEVEL_CRITICAL)
        return true;
    int64_t now_us = tick_now().us;
    pthread_mutex_lock(&mutex);
    if (now_us - place->begun_us >= LOG_WINDOW_US)
        begin_window(place, now_us);
    bool is_admitted = place->written < (place->lines == 0 ? LOG_PLACE_LINES : place->lines);
    if (is_admitted)
        place->written++;
    else
        suppress(place, level, room, format);
    pthread_mutex_unlock(&mutex);
    return is_admitted;
}

void log_summarize(void) {
    int saved = errno;
    pthread_mutex_lock(&mutex);
    for (struct log_place *place = cut_short; place != NULL; place = place->next)
        tell_suppressed(place);
    pthread_mutex_unlock(&mutex);
    errno = saved;
}

void log_write(struct log_place *place, enum log_level level, const char *room, const char *format, ...) {
    if ((int)level > atomic_load_explicit(&log_level_set, memory_order_relaxed))
        return;
    int saved = errno;
    if (admit(place, (int)level, room, format)) {
        struct line line;
        va_list arguments;
        begin_line(&line, (int)level, room);
        va_start(arguments, format);
        log_text_format(&line.text, format, arguments);
        va_end(arguments);
        end_line(&line);
    }
    errno = saved;
}
