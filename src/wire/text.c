/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/text.h"

#include "base/check.h"
#include "base/money.h"

#include <string.h>

/* The size of the character at the front of `text` and its code point; 0 when there is none in UTF-8: a stray or
 * missing continuation, a longer form than needed, a surrogate, past U+10FFFF. */
static size_t utf8_next(struct bytes text, uint32_t *point) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = text.data[0];
    if (first < 0x80) {
        *point = first;
        return 1;
    }
    size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || size > text.size)
        return 0;
    *point = first & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text.data[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | (text.data[i] & 0x3fu);
    }
    bool is_allowed = *point >= least[size] && *point <= 0x10ffff && (*point < 0xd800 || *point > 0xdfff);
    return is_allowed ? size : 0;
}

static bool is_control(uint32_t point) {
    return point < 0x20 || (point >= 0x7f && point <= 0x9f);
}

/* Nearly all text is nothing but this. */
static struct bytes pass_plain(struct bytes text) {
    size_t size = 0;
    while (size < text.size && text.data[size] >= 0x20 && text.data[size] < 0x7f)
        size++;
    return bytes_of(text.data + size, text.size - size);
}

enum text_flaw text_examine(struct bytes text) {
    for (text = pass_plain(text); text.size > 0; text = pass_plain(text)) {
        uint32_t point;
        size_t size = utf8_next(text, &point);
        if (size == 0)
            return TEXT_NOT_UTF8;
        if (is_control(point))
            return TEXT_HAS_CONTROL;
        text = bytes_of(text.data + size, text.size - size);
    }
    return TEXT_SOUND;
}

void text_copy_printable(char *to, size_t capacity, struct bytes text) {
    CHECK(capacity > 0);
    size_t used = 0;
    while (text.size > 0) {
        uint32_t point = 0;
        size_t size = utf8_next(text, &point);
        bool is_printable = size > 0 && !is_control(point);
        size = size == 0 ? 1 : size;
        size_t written = is_printable ? size : 1;
        if (used + written >= capacity)
            break;
        memcpy(to + used, is_printable ? (const void *)text.data : "?", written);
        used += written;
        text = bytes_of(text.data + size, text.size - size);
    }
    to[used] = '\0';
}

struct line line_start(char *text, size_t capacity) {
    CHECK(capacity > 0);
    text[0] = '\0';
    return (struct line){.text = text, .capacity = capacity};
}

void line_add(struct line *line, const char *text) {
    size_t size = strlen(text);
    if (line->size + size >= line->capacity)
        return;
    memcpy(line->text + line->size, text, size + 1);
    line->size += size;
}

/* As money_format(), but every approval says two amounts, and printf takes half as long as the rest of the answer. */
void line_add_money(struct line *line, int64_t minor) {
    char text[MONEY_TEXT_SIZE];
    char *start = text + sizeof text - 1;
    uint64_t rest = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
    *start = '\0';
    for (int digits = 0; digits < 3 || rest > 0; digits++) {
        if (digits == 2)
            *--start = '.';
        *--start = (char)('0' + rest % 10);
        rest /= 10;
    }
    if (minor < 0)
        *--start = '-';
    line_add(line, start);
}
