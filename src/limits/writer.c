/* SPDX-License-Identifier: Apache-2.0 */
#include "limits/internal.h"

#include <string.h>

void write_raw(struct writer *writer, const void *data, size_t size) {
    CHECK((size_t)(writer->end - writer->at) >= size);
    memcpy(writer->at, data, size);
    writer->at += size;
}

static void write_header(struct writer *writer, char kind, size_t size) {
    char text[24];
    text[0] = kind;
    size_t end = 1 + name_number(text + 1, (int64_t)size);
    text[end++] = '\r';
    text[end++] = '\n';
    write_raw(writer, text, end);
}

void write_array(struct writer *writer, size_t count) {
    write_header(writer, '*', count);
}

void write_bulk_header(struct writer *writer, size_t size) {
    write_header(writer, '$', size);
}

void write_bulk(struct writer *writer, const void *data, size_t size) {
    write_bulk_header(writer, size);
    write_raw(writer, data, size);
    write_raw(writer, "\r\n", 2);
}

void write_text(struct writer *writer, const char *text) {
    write_bulk(writer, text, strlen(text));
}

void write_name(struct writer *writer, const struct name *name) {
    write_bulk(writer, name->text, name->size);
}

void write_auth(struct writer *writer, const char *user, const char *password) {
    write_array(writer, user[0] == '\0' ? 2 : 3);
    write_text(writer, "AUTH");
    if (user[0] != '\0')
        write_text(writer, user);
    write_text(writer, password);
}

void write_asking(struct writer *writer) {
    write_array(writer, 1);
    write_text(writer, "ASKING");
}

void write_number(struct writer *writer, int64_t number) {
    char text[20];
    write_bulk(writer, text, name_number(text, number));
}
