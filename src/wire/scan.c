/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/scan.h"

static bool scan_varint(struct bytes *bytes, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64 && bytes->size > 0; shift += 7) {
        uint8_t byte = *bytes->data;
        *bytes = bytes_of(bytes->data + 1, bytes->size - 1);
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

static bool scan_bytes(struct bytes *bytes, uint64_t size, struct bytes *taken) {
    if (size > bytes->size)
        return false;
    *taken = bytes_of(bytes->data, size);
    *bytes = bytes_of(bytes->data + size, bytes->size - size);
    return true;
}

bool scan_next(struct bytes *message, struct scan_field *field) {
    enum { VARINT = 0, EIGHT_BYTES = 1, LENGTH = 2, FOUR_BYTES = 5 };
    uint64_t tag;
    uint64_t size;
    if (!scan_varint(message, &tag))
        return false;
    field->number = tag >> 3;
    field->kind = SCAN_OTHER;
    switch (tag & 7) {
    case VARINT:
        field->kind = SCAN_NUMBER;
        return scan_varint(message, &field->value);
    case EIGHT_BYTES:
        return scan_bytes(message, 8, &field->bytes);
    case LENGTH:
        field->kind = SCAN_BYTES;
        return scan_varint(message, &size) && scan_bytes(message, size, &field->bytes);
    case FOUR_BYTES:
        return scan_bytes(message, 4, &field->bytes);
    default:
        return false;
    }
}
