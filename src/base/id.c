/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

#include "base/check.h"

#include <string.h>

/* RFC 9562: 48 bits of milliseconds, 4 of version, 12 random, 2 of variant, 62 random. */
#define TIME_BYTES 6
#define VERSION_BYTE 6
#define VARIANT_BYTE 8

static void set_version(struct request_id *id, unsigned version) {
    id->bytes[VERSION_BYTE] = (uint8_t)((id->bytes[VERSION_BYTE] & 0x0f) | version << 4);
}

struct request_id request_id_make(struct instant instant, const uint8_t random[10]) {
    CHECK(instant.us >= 0);
    uint64_t ms = (uint64_t)instant.us / 1000;
    CHECK(ms >> 48 == 0);
    struct request_id id;
    for (int i = 0; i < TIME_BYTES; i++)
        id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    memcpy(id.bytes + TIME_BYTES, random, REQUEST_ID_SIZE - TIME_BYTES);
    set_version(&id, 7);
    id.bytes[VARIANT_BYTE] = (uint8_t)((id.bytes[VARIANT_BYTE] & 0x3f) | 0x80);
    return id;
}

bool request_id_is_v7(const struct request_id *id) {
    return id->bytes[VERSION_BYTE] >> 4 == 7 && id->bytes[VARIANT_BYTE] >> 6 == 2;
}

struct instant request_id_time(const struct request_id *id) {
    int64_t ms = 0;
    for (int i = 0; i < TIME_BYTES; i++)
        ms = ms << 8 | id->bytes[i];
    return (struct instant){ms * 1000};
}

struct request_id request_id_of_reversal(const struct request_id *id) {
    CHECK(request_id_is_v7(id));
    struct request_id reversal = *id;
    set_version(&reversal, 8);
    return reversal;
}

bool request_id_equal(const struct request_id *one, const struct request_id *other) {
    return memcmp(one->bytes, other->bytes, REQUEST_ID_SIZE) == 0;
}

static bool is_dash_at(int position) {
    return position == 8 || position == 13 || position == 18 || position == 23;
}

static int digit_value(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

bool request_id_parse(const char *text, struct request_id *id) {
    struct request_id read = {0};
    int digits = 0;
    for (int i = 0; i < REQUEST_ID_TEXT_SIZE - 1; i++) {
        if (is_dash_at(i)) {
            if (text[i] != '-')
                return false;
            continue;
        }
        int value = digit_value(text[i]);
        if (value < 0)
            return false;
        read.bytes[digits / 2] = (uint8_t)(read.bytes[digits / 2] << 4 | value);
        digits++;
    }
    if (text[REQUEST_ID_TEXT_SIZE - 1] != '\0')
        return false;
    *id = read;
    return true;
}

void request_id_format(const struct request_id *id, char text[REQUEST_ID_TEXT_SIZE]) {
    static const char hex[] = "0123456789abcdef";
    int digits = 0;
    for (int i = 0; i < REQUEST_ID_TEXT_SIZE - 1; i++) {
        if (is_dash_at(i)) {
            text[i] = '-';
            continue;
        }
        uint8_t byte = id->bytes[digits / 2];
        text[i] = hex[digits % 2 == 0 ? byte >> 4 : byte & 0x0f];
        digits++;
    }
    text[REQUEST_ID_TEXT_SIZE - 1] = '\0';
}
