/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <stdlib.h>
#include <string.h>

void reader_open(struct reader *reader, const struct cluster *cluster, int node) {
    char command[128];
    *reader = (struct reader){0};
    snprintf(command, sizeof command, "curl --silent --no-buffer --max-time 240 http://127.0.0.1:%d/events",
             cluster->nodes[node].ops_port);
    reader->pipe = popen(command, "re");
    cr_assert_not_null(reader->pipe);
    reader->event[0] = '?';
    reader_next(reader);
}

static void take_line(struct reader *reader, char *line) {
    struct failure failure;
    if (strncmp(line, "event: ", 7) == 0) {
        snprintf(reader->event, sizeof reader->event, "%s", line + 7);
    } else if (strncmp(line, "id: ", 4) == 0) {
        reader->id = atol(line + 4);
    } else if (strncmp(line, "data: ", 6) == 0) {
        cr_assert_null(reader->data, "one line of data for each event");
        cr_assert(json_read(bytes_of(line + 6, strlen(line + 6)), &reader->data, &failure), "%s", failure.text);
    } else {
        cr_assert_eq(line[0], ':', "%s", line);
    }
}

void reader_next(struct reader *reader) {
    bool is_first = reader->event[0] == '?';
    json_release(reader->data);
    reader->data = NULL;
    reader->event[0] = '\0';
    for (;;) {
        ssize_t size = getline(&reader->line, &reader->line_capacity, reader->pipe);
        cr_assert_gt(size, 0, "the feed ended");
        reader->line[size - 1] = '\0';
        if (reader->line[0] != '\0')
            take_line(reader, reader->line);
        else if (reader->event[0] != '\0')
            break;
    }
    cr_assert_str_eq(reader->event, is_first ? "hello" : "sample");
    cr_assert_not_null(reader->data);
}

void reader_close(struct reader *reader) {
    json_release(reader->data);
    free(reader->line);
    pclose(reader->pipe);
}

struct json_object *reader_member(struct json_object *of, const char *way) {
    char names[128], *rest = names;
    snprintf(names, sizeof names, "%s", way);
    for (char *name; (name = strtok_r(rest, ".", &rest)) != NULL;) {
        cr_assert(json_has(of, name), "there is no %s in %s", way, json_write(of));
        of = json_member(of, name);
    }
    return of;
}

double reader_number(struct json_object *of, const char *way) {
    const char *digits = json_as_digits(reader_member(of, way));
    cr_assert_not_null(digits, "%s is no number", way);
    return strtod(digits, NULL);
}

const char *reader_text(struct json_object *of, const char *way) {
    const char *text = json_as_text(reader_member(of, way));
    cr_assert_not_null(text, "%s is no text", way);
    return text;
}

bool reader_truth(struct json_object *of, const char *way) {
    bool is_true;
    cr_assert(json_as_truth(reader_member(of, way), &is_true), "%s is neither true nor false", way);
    return is_true;
}
