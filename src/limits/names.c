/* SPDX-License-Identifier: Apache-2.0 */
#include "limits/internal.h"

#include <string.h>

static const char letters[] = {[FIELD_LAST] = 'l',
                               [LIMIT_CREDIT] = 'c',
                               [LIMIT_TRAVELLER] = 't',
                               [LIMIT_DEPARTMENT] = 'd',
                               [LIMIT_ORGANISATION] = 'o'};

size_t name_number(char *text, int64_t number) {
    char digits[20];
    size_t count = 0;
    uint64_t rest = number < 0 ? (uint64_t)0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    size_t size = 0;
    if (number < 0)
        text[size++] = '-';
    while (count > 0)
        text[size++] = digits[--count];
    return size;
}

static void add_char(struct name *name, char character) {
    name->text[name->size++] = character;
}

static void add_number(struct name *name, int64_t number) {
    name->size += (uint32_t)name_number(name->text + name->size, number);
}

/* {ORG} is what Redis Cluster finds the slot by: all keys of an organisation lie together. */
static struct name of_organisation(int32_t organisation, int32_t date) {
    struct name name = {0};
    add_char(&name, '{');
    add_number(&name, organisation);
    add_char(&name, '}');
    add_char(&name, ':');
    add_number(&name, date);
    return name;
}

struct name name_month(int32_t organisation, struct month month) {
    return of_organisation(organisation, month.yyyymm);
}

struct name name_day(int32_t organisation, struct day day) {
    return of_organisation(organisation, day.yyyymmdd);
}

struct name name_stage(int32_t organisation, struct month month, int32_t epoch) {
    struct name name = name_month(organisation, month);
    add_char(&name, ':');
    add_char(&name, 'E');
    add_number(&name, epoch);
    return name;
}

size_t name_field(char text[FIELD_SIZE], enum limit_kind kind, int32_t id) {
    CHECK(kind <= LIMIT_ORGANISATION);
    text[0] = letters[kind];
    if (kind == LIMIT_ORGANISATION)
        return 1;
    CHECK(id >= (kind == FIELD_LAST ? 0 : 1));
    return 1 + name_number(text + 1, id);
}

bool name_parse_number(struct bytes text, int64_t *number) {
    bool is_negative = text.size > 0 && text.data[0] == '-';
    size_t at = is_negative ? 1 : 0;
    if (at == text.size || text.size - at > 18)
        return false;
    int64_t value = 0;
    for (; at < text.size; at++) {
        if (text.data[at] < '0' || text.data[at] > '9')
            return false;
        value = 10 * value + (text.data[at] - '0');
    }
    *number = is_negative ? -value : value;
    return true;
}

bool name_parse_head(struct bytes text, struct bytes *identity, int32_t *epoch) {
    enum { DAY_DIGITS = 8 };
    const uint8_t *space = text.size < DAY_DIGITS ? NULL : memchr(text.data, ' ', text.size);
    if (space == NULL || space < text.data + DAY_DIGITS)
        return false;
    int64_t number;
    const uint8_t *end = text.data + text.size;
    if (!name_parse_number(bytes_of(space + 1, (size_t)(end - space - 1)), &number) || number <= 0 ||
        number > INT32_MAX)
        return false;
    *identity = bytes_of(text.data + DAY_DIGITS, (size_t)(space - text.data) - DAY_DIGITS);
    *epoch = (int32_t)number;
    return true;
}

bool name_parse_field(struct bytes text, enum limit_kind *kind, int32_t *id) {
    if (text.size == 0)
        return false;
    for (enum limit_kind each = LIMIT_CREDIT; each <= LIMIT_ORGANISATION; each++) {
        if (text.data[0] != (uint8_t)letters[each])
            continue;
        *kind = each;
        *id = 0;
        if (each == LIMIT_ORGANISATION)
            return text.size == 1;
        int64_t number;
        if (!name_parse_number(bytes_of(text.data + 1, text.size - 1), &number) || number <= 0 || number > INT32_MAX)
            return false;
        *id = (int32_t)number;
        return true;
    }
    return false;
}

static const char states[] = {[MEMORY_COUNTED] = 'A', [MEMORY_REFUSED] = 'D', [MEMORY_REVERSED] = 'V'};

size_t name_memory(char text[MEMORY_SIZE], const struct memory *memory, int32_t epoch) {
    size_t size = 0;
    text[size++] = states[memory->kind];
    size += name_number(text + size, epoch);
    text[size++] = ':';
    memcpy(text + size, &memory->content, CONTENT_SIZE);
    size += CONTENT_SIZE;
    if (memory->kind == MEMORY_REFUSED) {
        size += name_number(text + size, memory->reason);
        text[size++] = ',';
        size += name_number(text + size, memory->refusing);
    } else if (memory->kind == MEMORY_COUNTED && memory->approved_minor > 0) {
        size += name_number(text + size, memory->approved_minor);
    }
    return size;
}

static bool parse_state(uint8_t letter, enum memory_kind *kind) {
    for (enum memory_kind each = MEMORY_COUNTED; each <= MEMORY_REVERSED; each++) {
        if ((uint8_t)states[each] == letter) {
            *kind = each;
            return true;
        }
    }
    return false;
}

static bool parse_refusal(struct bytes text, struct memory *memory) {
    const uint8_t *comma = memchr(text.data, ',', text.size);
    if (comma == NULL)
        return false;
    size_t reason_size = (size_t)(comma - text.data);
    int64_t reason;
    int64_t refusing;
    if (!name_parse_number(bytes_of(text.data, reason_size), &reason) ||
        !name_parse_number(bytes_of(comma + 1, text.size - reason_size - 1), &refusing) || reason <= 0 ||
        reason > UINT8_MAX || refusing < 0 || refusing > UINT16_MAX)
        return false;
    memory->reason = (enum reason)reason;
    memory->refusing = (uint16_t)refusing;
    return true;
}

static bool parse_approved(struct bytes text, struct memory *memory) {
    return text.size == 0 || (name_parse_number(text, &memory->approved_minor) && memory->approved_minor > 0);
}

/* What comes after the content. */
static bool parse_rest(struct bytes text, struct memory *memory) {
    switch (memory->kind) {
    case MEMORY_COUNTED:
        return parse_approved(text, memory);
    case MEMORY_REFUSED:
        return parse_refusal(text, memory);
    case MEMORY_REVERSED:
        return text.size == 0 || (text.size == 1 && text.data[0] == '-');
    }
    return false;
}

bool name_parse_memory(struct bytes text, struct memory *memory) {
    *memory = (struct memory){0};
    const uint8_t *colon = text.size > 1 ? memchr(text.data, ':', text.size) : NULL;
    if (colon == NULL)
        return false;
    /* An effect has no content, so that no purchase is the same as it. */
    if (text.data[0] == 'E')
        return text.data + text.size == colon + 1;
    if (!parse_state(text.data[0], &memory->kind))
        return false;
    struct bytes rest = bytes_of(colon + 1, text.size - (size_t)(colon + 1 - text.data));
    if (rest.size < CONTENT_SIZE)
        return false;
    memcpy(&memory->content, rest.data, CONTENT_SIZE);
    rest = bytes_of(rest.data + CONTENT_SIZE, rest.size - CONTENT_SIZE);
    return parse_rest(rest, memory);
}
