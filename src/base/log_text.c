/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_text.h"

#include "base/check.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CARD_DIGITS 16
#define CARD_SHOWN 4
/* A JSON Web Token begins so, for it begins with {" in base64url. */
#define TOKEN_BEGIN "eyJ"
#define TOKEN_SIZE_MIN 20

static void put(struct log_text *text, const char *bytes, size_t size) {
    size_t room = (size_t)(text->end - text->at);
    if (size > room)
        size = room;
    memcpy(text->at, bytes, size);
    text->at += size;
}

static void put_text(struct log_text *text, const char *bytes) {
    put(text, bytes, strlen(bytes));
}

/* ---- what is never shown ---- */

static bool is_digit(char character) {
    return character >= '0' && character <= '9';
}

/* The size of what looks like a card number: 16 digits, also four by four; 0: it is none. */
static size_t card_size(const char *from) {
    size_t digits = 0;
    size_t gaps = 0;
    const char *at = from;
    for (; digits < CARD_DIGITS; at++) {
        bool is_gap = digits > 0 && digits % 4 == 0 && (*at == ' ' || *at == '-') && is_digit(at[1]);
        if (!is_digit(*at) && !is_gap)
            return 0;
        digits += is_digit(*at);
        gaps += is_gap;
    }
    /* In a UUID there are fewer gaps, or more digits. */
    bool is_card = !is_digit(*at) && (gaps == 0 || gaps == CARD_DIGITS / 4 - 1);
    return is_card ? (size_t)(at - from) : 0;
}

static size_t token_size(const char *from) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    if (strncmp(from, TOKEN_BEGIN, strlen(TOKEN_BEGIN)) != 0)
        return 0;
    size_t size = strspn(from, letters);
    return size < TOKEN_SIZE_MIN ? 0 : size;
}

/* Puts a mask in the place of a secret that begins here; returns its size, 0: there is none. */
static size_t put_masked(struct log_text *text, const char *begin, const char *at) {
    if (at > begin && is_digit(at[-1]))
        return 0;
    size_t size = card_size(at);
    if (size > 0) {
        put_text(text, "************");
        put(text, at + size - CARD_SHOWN, CARD_SHOWN);
        return size;
    }
    size = token_size(at);
    if (size > 0)
        put_text(text, "[token]");
    return size;
}

/* ---- characters ---- */

/* The size of the character of UTF-8 that begins here; 0: none does, or one that steers a terminal. */
static size_t character_size(const char *from) {
    const unsigned char *bytes = (const unsigned char *)from;
    if (bytes[0] < 0x80)
        return bytes[0] < 0x20 || bytes[0] == 0x7f ? 0 : 1;
    size_t size = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    bool is_long = (bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xf0 && bytes[1] < 0x90);
    bool is_beyond = (bytes[0] == 0xed && bytes[1] > 0x9f) || (bytes[0] == 0xf4 && bytes[1] > 0x8f);
    bool is_control = bytes[0] == 0xc2 && bytes[1] < 0xa0;
    return is_long || is_beyond || is_control ? 0 : size;
}

static void put_escaped(struct log_text *text, char byte) {
    char escaped[8];
    if (byte == '\n')
        put_text(text, "\\n");
    else if (byte == '\t')
        put_text(text, "\\t");
    else if (byte == '"' || byte == '\\')
        put(text, (char[]){'\\', byte}, 2);
    else {
        snprintf(escaped, sizeof escaped, "\\x%02x", (unsigned)(unsigned char)byte);
        put_text(text, escaped);
    }
}

static void put_words(struct log_text *text, const char *words, bool is_quoted) {
    for (const char *at = words; *at != '\0' && text->at < text->end;) {
        size_t size = put_masked(text, words, at);
        if (size > 0) {
            at += size;
            continue;
        }
        size = character_size(at);
        if (size == 0 && !is_quoted)
            put_text(text, "?");
        else if (size == 0 || (is_quoted && (*at == '"' || *at == '\\')))
            put_escaped(text, *at);
        else
            put(text, at, size);
        at += size == 0 ? 1 : size;
    }
}

void log_text_plain(struct log_text *text, const char *words) {
    put_words(text, words, false);
}

static bool needs_quotes(const char *value) {
    if (*value == '\0')
        return true;
    for (const char *at = value; *at != '\0';) {
        size_t size = character_size(at);
        if (size == 0 || strchr(" \"=\\", *at) != NULL)
            return true;
        at += size;
    }
    return false;
}

void log_text_value(struct log_text *text, const char *value) {
    bool is_quoted = needs_quotes(value);
    if (!is_quoted) {
        put_words(text, value, false);
        return;
    }
    struct log_text inner = *text;
    if (inner.end > inner.at)
        inner.end--; /* for the closing quote */
    put_text(&inner, "\"");
    put_words(&inner, value, true);
    text->at = inner.at;
    put_text(text, "\"");
}

/* ---- printf's ---- */

static void put_number(struct log_text *text, bool is_negative, uint64_t magnitude) {
    char digits[32];
    snprintf(digits, sizeof digits, "%s%llu", is_negative ? "-" : "", (unsigned long long)magnitude);
    put_text(text, digits);
}

static void put_signed(struct log_text *text, int64_t number) {
    put_number(text, number < 0, number < 0 ? (uint64_t)0 - (uint64_t)number : (uint64_t)number);
}

/* What stands between % and the letter of a conversion. */
enum length { LENGTH_INT, LENGTH_LONG, LENGTH_LONG_LONG, LENGTH_SIZE };

static enum length read_length(const char **at) {
    static const struct {
        const char *letters;
        enum length length;
    } lengths[] = {{"ll", LENGTH_LONG_LONG}, {"l", LENGTH_LONG}, {"z", LENGTH_SIZE}};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t size = strlen(lengths[i].letters);
        if (strncmp(*at, lengths[i].letters, size) == 0) {
            *at += size;
            return lengths[i].length;
        }
    }
    return LENGTH_INT;
}

void log_text_format(struct log_text *text, const char *format, va_list arguments) {
    for (const char *at = format; *at != '\0'; at++) {
        if (*at != '%') {
            put(text, at, 1);
            continue;
        }
        bool is_value = at > format && at[-1] == '=';
        at++;
        enum length length = read_length(&at);
        if (*at == 's' && length == LENGTH_INT) {
            const char *words = va_arg(arguments, const char *);
            if (is_value)
                log_text_value(text, words);
            else
                log_text_plain(text, words);
        } else if (*at == 'd' && length == LENGTH_INT) {
            put_signed(text, va_arg(arguments, int));
        } else if (*at == 'd' && length == LENGTH_LONG) {
            put_signed(text, va_arg(arguments, long));
        } else if (*at == 'd' && length == LENGTH_LONG_LONG) {
            put_signed(text, va_arg(arguments, long long));
        } else if (*at == 'u' && length == LENGTH_INT) {
            put_number(text, false, va_arg(arguments, unsigned));
        } else if (*at == 'u' && length == LENGTH_LONG) {
            put_number(text, false, va_arg(arguments, unsigned long));
        } else if (*at == 'u' && length == LENGTH_LONG_LONG) {
            put_number(text, false, va_arg(arguments, unsigned long long));
        } else if (*at == 'u') {
            put_number(text, false, va_arg(arguments, size_t));
        } else {
            CHECK(*at == '%');
            put(text, at, 1);
        }
    }
}
