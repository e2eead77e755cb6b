/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptions of our services as protoc wrote them when this was built: a google.protobuf.FileDescriptorSet. */
#include "wire/descriptions.h"

#include "wire/scan.h"

#include "descriptors.h"

#include <string.h>

/* Numbers of descriptor.proto's fields. */
enum { SET_FILE = 1 };
enum { FILE_NAME = 1, FILE_PACKAGE = 2, FILE_MESSAGE = 4, FILE_ENUM = 5, FILE_SERVICE = 6 };
enum { PART_NAME = 1, PART_MEMBER = 2, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4 };

/* The first field of that number; none: empty. */
static struct bytes field_of(struct bytes message, uint64_t number) {
    struct scan_field field;
    while (scan_next(&message, &field))
        if (field.number == number && field.kind == SCAN_BYTES)
            return field.bytes;
    return bytes_of(NULL, 0);
}

bool descriptions_next(struct descriptions_walk *walk, struct bytes *file) {
    struct scan_field field;
    if (walk->left.data == NULL)
        walk->left = bytes_of(descriptors, sizeof descriptors - 1);
    while (scan_next(&walk->left, &field))
        if (field.number == SET_FILE && field.kind == SCAN_BYTES) {
            *file = field.bytes;
            return true;
        }
    return false;
}

bool descriptions_next_service(struct bytes *file, struct bytes *name) {
    struct scan_field field;
    while (scan_next(file, &field))
        if (field.number == FILE_SERVICE && field.kind == SCAN_BYTES) {
            *name = field_of(field.bytes, PART_NAME);
            return true;
        }
    return false;
}

struct bytes descriptions_package(struct bytes file) {
    return field_of(file, FILE_PACKAGE);
}

bool descriptions_is_named(struct bytes file, struct bytes name) {
    struct bytes own = field_of(file, FILE_NAME);
    return own.size == name.size && memcmp(own.data, name.data, name.size) == 0;
}

/* Takes `part` and a dot, or the end, off the front of a symbol. */
static bool take_part(struct bytes *symbol, struct bytes part) {
    if (part.size == 0 || symbol->size < part.size || memcmp(symbol->data, part.data, part.size) != 0)
        return false;
    if (symbol->size > part.size && symbol->data[part.size] != '.')
        return false;
    size_t taken = symbol->size > part.size ? part.size + 1 : part.size;
    *symbol = bytes_of(symbol->data + taken, symbol->size - taken);
    return true;
}

/* Whether a part of a file, or what is in it, bears the symbol: a message, a message in it, a method, … */
static bool part_has(struct bytes part, struct bytes symbol) {
    if (!take_part(&symbol, field_of(part, PART_NAME)))
        return false;
    if (symbol.size == 0)
        return true;
    struct scan_field field;
    while (scan_next(&part, &field)) {
        bool is_inner = field.number == PART_MEMBER || field.number == MESSAGE_NESTED || field.number == MESSAGE_ENUM;
        struct bytes left = symbol;
        if (is_inner && field.kind == SCAN_BYTES && take_part(&left, field_of(field.bytes, PART_NAME)) &&
            left.size == 0)
            return true;
    }
    return false;
}

bool descriptions_has(struct bytes file, struct bytes symbol) {
    struct scan_field field;
    if (!take_part(&symbol, descriptions_package(file)))
        return false;
    while (scan_next(&file, &field)) {
        bool is_part = field.number == FILE_MESSAGE || field.number == FILE_ENUM || field.number == FILE_SERVICE;
        if (is_part && field.kind == SCAN_BYTES && part_has(field.bytes, symbol))
            return true;
    }
    return false;
}
