/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "base/check.h"
#include "config/nearest.h"
#include "config/value.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 64

/* What a file gives to one setting; kept aside until the whole file has proved good. */
struct given {
    int line; /* 0: not in the file */
    struct value value;
};

struct reading {
    const struct config_setting *table;
    size_t count;
    const char *path;
    FILE *file;
    struct given *given; /* as many as the table has settings */
    struct failure *failure;
    int line;
    bool is_indented;         /* the line at hand */
    const struct given *last; /* what an indented line goes on with; NULL after a section's line */
    bool has_failed;
    int error; /* errno of a read that failed */
};

/* Copies a part of a line; false when it is too long to be a name. */
static bool copy_name(char name[NAME_SIZE], const char *from, const char *end) {
    size_t size = (size_t)(end - from);
    if (size >= NAME_SIZE)
        return false;
    memcpy(name, from, size);
    name[size] = '\0';
    return true;
}

static const struct config_setting *find(const struct config_setting *table, size_t count, const char *section,
                                         const char *key) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].section, section) == 0 && strcmp(table[i].key, key) == 0)
            return &table[i];
    }
    return NULL;
}

static bool has_section(const struct config_setting *table, size_t count, const char *section) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].section, section) == 0)
            return true;
    }
    return false;
}

/* Says what is wrong with a name that no setting has. */
static bool fail_unknown(const struct config_setting *table, size_t count, const char *section, const char *key,
                         struct failure *failure) {
    const struct config_setting *nearest = nearest_setting(table, count, section, key);
    if (section[0] == '\0')
        return failure_set(failure, "%s stands before any [section]; the nearest setting is %s in [%s]", key,
                           nearest->key, nearest->section);
    if (!has_section(table, count, section))
        return failure_set(failure, "there is no section [%s]; the nearest is [%s]", section,
                           nearest_section(table, count, section));
    return failure_set(failure, "there is no setting %s.%s; the nearest is %s.%s", section, key, nearest->section,
                       nearest->key);
}

/* A connection string may hold a password, so it is not repeated. */
static bool fail_length(const struct config_setting *setting, struct failure *failure) {
    return failure_set(failure, "%s.%s: at most %d bytes are wanted", setting->section, setting->key,
                       CONFIG_TEXT_SIZE - 1);
}

static bool fail_value(const struct config_setting *setting, const char *text, struct failure *failure) {
    char allowed[VALUE_ALLOWED_SIZE];
    value_describe(setting, allowed);
    return failure_set(failure, "%s.%s = \"%s\": %s is wanted", setting->section, setting->key, text, allowed);
}

static bool read_value(const struct config_setting *setting, const char *text, struct value *value,
                       struct failure *failure) {
    if (value_parse(setting, text, value))
        return true;
    return setting->type == CONFIG_TEXT ? fail_length(setting, failure) : fail_value(setting, text, failure);
}

static bool check_value(const struct config_setting *setting, const struct value *value, struct failure *failure) {
    return value_is_accepted(setting, value) || fail_value(setting, value->text, failure);
}

void config_defaults(const struct config_setting *table, size_t count, void *settings) {
    for (size_t i = 0; i < count; i++) {
        struct value value;
        CHECK(value_parse(&table[i], table[i].initial, &value));
        value_store(&table[i], &value, settings);
    }
}

/* Puts the place in front of the reason that stands in `failure`, and stops the reading. */
static bool fail_here(struct reading *reading) {
    reading->has_failed = true;
    return failure_set(reading->failure, "%s:%d: %s", reading->path, reading->line, reading->failure->text);
}

static bool append_text(struct value *value, const char *text) {
    size_t old = strlen(value->text);
    size_t size = strlen(text);
    if (old + 1 + size >= sizeof(value->text))
        return false;
    if (old > 0)
        value->text[old++] = ' ';
    memcpy(value->text + old, text, size + 1);
    return true;
}

/* Whether an indented line was meant to be a section, or a setting of its own. */
static bool is_no_text(const struct reading *reading, const char *section, const char *text) {
    size_t size = strlen(text);
    if (size > 1 && text[0] == '[' && text[size - 1] == ']')
        return true;
    char key[NAME_SIZE];
    if (!copy_name(key, text, text + strcspn(text, " \t=:")))
        return false;
    return find(reading->table, reading->count, section, key) != NULL;
}

static bool take_continuation(struct reading *reading, const struct config_setting *setting, struct given *given,
                              const char *text) {
    if (setting->type != CONFIG_TEXT || is_no_text(reading, setting->section, text))
        return failure_set(reading->failure, "an indented line goes on with %s.%s: begin what is new at the margin",
                           setting->section, setting->key);
    return append_text(&given->value, text) || fail_length(setting, reading->failure);
}

static bool take(struct reading *reading, const char *section, const char *key, const char *text) {
    struct failure *failure = reading->failure;
    const struct config_setting *setting = find(reading->table, reading->count, section, key);
    if (setting == NULL)
        return fail_unknown(reading->table, reading->count, section, key, failure);
    struct given *given = &reading->given[setting - reading->table];
    if (given == reading->last && reading->is_indented)
        return take_continuation(reading, setting, given, text);
    if (given->line != 0)
        return failure_set(failure, "%s.%s is set in line %d already", section, key, given->line);
    if (!read_value(setting, text, &given->value, failure))
        return false;
    given->line = reading->line;
    reading->last = given;
    return true;
}

/* inih's handler: 0 is an error. */
static int on_pair(void *user, const char *section, const char *key, const char *text) {
    struct reading *reading = user;
    return !reading->has_failed && (take(reading, section, key, text) || fail_here(reading));
}

/* inih's reader: as fgets(), but it counts lines, and neither cuts a long one nor takes what is no text. */
static char *next_line(char *line, int capacity, void *stream) {
    struct reading *reading = stream;
    if (reading->has_failed)
        return NULL;
    reading->line++;
    int size = 0;
    for (int byte = 0; byte != '\n' && (byte = getc(reading->file)) != EOF;) {
        bool is_full = size == capacity - 1;
        if (byte == '\0' || is_full) {
            if (is_full)
                failure_set(reading->failure, "the line is longer than %d bytes", capacity - 2);
            else
                failure_set(reading->failure, "byte %d of the line is 0: this is no text", size + 1);
            fail_here(reading);
            return NULL;
        }
        line[size++] = (char)byte;
    }
    line[size] = '\0';
    if (ferror(reading->file))
        reading->error = errno;
    reading->is_indented = line[0] == ' ' || line[0] == '\t';
    if (line[0] == '[')
        reading->last = NULL;
    return size > 0 ? line : NULL;
}

static bool read_file(struct reading *reading) {
    int wrong_line = ini_parse_stream(next_line, reading, on_pair, reading);
    if (reading->error != 0)
        return failure_set(reading->failure, "cannot read %s: %s", reading->path, strerror(reading->error));
    /* inih tells the first line it could not take only at the end; a failure of ours may have come after that one. */
    if (wrong_line > 0 && (!reading->has_failed || wrong_line < reading->line)) {
        reading->line = wrong_line;
        failure_set(reading->failure, "neither [section], nor key = value, nor # comment");
        return fail_here(reading);
    }
    return !reading->has_failed;
}

/* Only at the end is a text known to go on no further. */
static bool check_given(struct reading *reading) {
    for (size_t i = 0; i < reading->count; i++) {
        const struct given *given = &reading->given[i];
        reading->line = given->line;
        if (given->line != 0 && !check_value(&reading->table[i], &given->value, reading->failure))
            return fail_here(reading);
    }
    return true;
}

bool config_read(const struct config_setting *table, size_t count, const char *path, void *settings,
                 struct failure *failure) {
    struct reading reading = {.table = table, .count = count, .path = path, .failure = failure};
    reading.file = fopen(path, "re");
    if (reading.file == NULL)
        return failure_set(failure, "cannot open %s: %s", path, strerror(errno));
    reading.given = calloc(count, sizeof(*reading.given));
    CHECK(reading.given != NULL);
    bool is_good = read_file(&reading) && check_given(&reading);
    for (size_t i = 0; is_good && i < count; i++) {
        if (reading.given[i].line != 0)
            value_store(&table[i], &reading.given[i].value, settings);
    }
    free(reading.given);
    fclose(reading.file);
    return is_good;
}

bool config_set(const struct config_setting *table, size_t count, const char *assignment, void *settings,
                struct failure *failure) {
    const char *equals = assignment + strcspn(assignment, "=");
    const char *dot = memchr(assignment, '.', (size_t)(equals - assignment));
    char section[NAME_SIZE];
    char key[NAME_SIZE];
    if (*equals == '\0' || dot == NULL || !copy_name(section, assignment, dot) || !copy_name(key, dot + 1, equals))
        return failure_set(failure, "\"%.*s\": section.key=value is wanted", (int)(equals - assignment), assignment);
    const struct config_setting *setting = find(table, count, section, key);
    if (setting == NULL)
        return fail_unknown(table, count, section, key, failure);
    struct value value;
    if (!read_value(setting, equals + 1, &value, failure) || !check_value(setting, &value, failure))
        return false;
    value_store(setting, &value, settings);
    return true;
}
