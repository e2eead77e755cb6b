/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/format.h"

#include "base/check.h"

#include <string.h>

#define VERSION 1u
#define MAGIC_SIZE 8
static const char segment_magic[MAGIC_SIZE] = "vaxelseg";
static const char mark_magic[MAGIC_SIZE] = "vaxelmrk";

static void put(uint8_t *bytes, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *bytes, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static uint32_t get_u32(const uint8_t *bytes) {
    return (uint32_t)get(bytes, 4);
}

static int32_t get_i32(const uint8_t *bytes) {
    return (int32_t)get_u32(bytes);
}

static int64_t get_i64(const uint8_t *bytes) {
    return (int64_t)get(bytes, 8);
}

static void seal(uint8_t *bytes, size_t size) {
    put(bytes, crc32c(bytes_of(bytes + 4, size - 4)), 4);
}

static bool is_sealed(const uint8_t *bytes, size_t size) {
    return get_u32(bytes) == crc32c(bytes_of(bytes + 4, size - 4));
}

/* ---- header and mark: crc 4, version 4, magic 8, journal 8, then what is their own ---- */

static void preamble_encode(uint8_t bytes[HEADER_SIZE], const char magic[MAGIC_SIZE], uint64_t journal) {
    memset(bytes, 0, HEADER_SIZE);
    put(bytes + 4, VERSION, 4);
    memcpy(bytes + 8, magic, MAGIC_SIZE);
    put(bytes + 16, journal, 8);
}

static bool preamble_is_good(struct bytes bytes, const char magic[MAGIC_SIZE]) {
    return bytes.size >= HEADER_SIZE && is_sealed(bytes.data, HEADER_SIZE) && get_u32(bytes.data + 4) == VERSION &&
           memcmp(bytes.data + 8, magic, MAGIC_SIZE) == 0;
}

void header_encode(uint8_t bytes[HEADER_SIZE], const struct segment_header *header) {
    preamble_encode(bytes, segment_magic, header->journal);
    put(bytes + 24, header->generation, 4);
    put(bytes + 28, header->size, 4);
    put(bytes + 32, header->previous_end, 4);
    seal(bytes, HEADER_SIZE);
}

bool header_decode(struct bytes bytes, struct segment_header *header) {
    if (!preamble_is_good(bytes, segment_magic))
        return false;
    *header = (struct segment_header){
        .journal = get(bytes.data + 16, 8),
        .generation = get_u32(bytes.data + 24),
        .size = get_u32(bytes.data + 28),
        .previous_end = get_u32(bytes.data + 32),
    };
    return header->generation <= GENERATION_MAX;
}

void mark_encode(uint8_t bytes[HEADER_SIZE], const struct mark *mark) {
    preamble_encode(bytes, mark_magic, mark->journal);
    put(bytes + 24, mark->sequence, 8);
    put(bytes + 32, mark->drained.generation, 4);
    put(bytes + 36, mark->drained.offset, 4);
    seal(bytes, HEADER_SIZE);
}

bool mark_decode(struct bytes bytes, struct mark *mark) {
    if (!preamble_is_good(bytes, mark_magic))
        return false;
    *mark = (struct mark){
        .journal = get(bytes.data + 16, 8),
        .sequence = get(bytes.data + 24, 8),
        .drained = {get_u32(bytes.data + 32), get_u32(bytes.data + 36)},
    };
    const struct position drained = mark->drained;
    return drained.generation > 0 && drained.generation <= GENERATION_MAX && drained.offset >= RECORDS_BEGIN &&
           drained.offset % RECORD_ALIGNMENT == 0;
}

/* ---- records ---- */

enum {
    AT_LENGTH = 4,
    AT_GENERATION = 8,
    AT_WRITE_BEGIN = 12,
    AT_ID = 16,
    AT_AMOUNT = 32,
    AT_APPENDED = 40,
    AT_EXPIRES = 48,
    AT_MONTH = 56,
    AT_ORGANISATION = 60,
    AT_EPOCH = 64,
    AT_DEPARTMENT = 68,
    AT_TRAVELLER = 72,
    AT_CREDIT = 76,
    AT_CLIENT = 80,
    AT_KIND = 84,
    AT_FLAGS = 85,
    AT_PRODUCT_SIZE = 86,
    AT_PLACE_SIZE = 87,
    AT_TEXTS = 88,
};
_Static_assert(AT_TEXTS == RECORD_SIZE_MIN && AT_TEXTS + PRODUCT_SIZE - 1 + PLACE_SIZE - 1 <= RECORD_SIZE_MAX,
               "an entry fits a record");

uint32_t record_encode(uint8_t bytes[RECORD_SIZE_MAX], const struct entry *entry) {
    size_t product_size = strlen(entry->product.code);
    size_t place_size = strlen(entry->place.text);
    CHECK(product_size < PRODUCT_SIZE && place_size < PLACE_SIZE);
    uint32_t length = (uint32_t)(AT_TEXTS + product_size + place_size + RECORD_ALIGNMENT - 1) & ~(RECORD_ALIGNMENT - 1);
    memset(bytes, 0, length);
    put(bytes + AT_LENGTH, length, 4);
    memcpy(bytes + AT_ID, entry->id.bytes, REQUEST_ID_SIZE);
    put(bytes + AT_AMOUNT, (uint64_t)entry->amount_minor, 8);
    put(bytes + AT_APPENDED, (uint64_t)entry->appended_at.us, 8);
    put(bytes + AT_EXPIRES, (uint64_t)entry->expires_at.us, 8);
    put(bytes + AT_MONTH, (uint32_t)entry->month.yyyymm, 4);
    put(bytes + AT_ORGANISATION, (uint32_t)entry->organisation, 4);
    put(bytes + AT_EPOCH, (uint32_t)entry->epoch, 4);
    put(bytes + AT_DEPARTMENT, (uint32_t)entry->department, 4);
    put(bytes + AT_TRAVELLER, (uint32_t)entry->traveller, 4);
    put(bytes + AT_CREDIT, (uint32_t)entry->credit, 4);
    put(bytes + AT_CLIENT, (uint32_t)entry->client, 4);
    bytes[AT_KIND] = (uint8_t)entry->kind;
    bytes[AT_FLAGS] = entry->flags;
    bytes[AT_PRODUCT_SIZE] = (uint8_t)product_size;
    bytes[AT_PLACE_SIZE] = (uint8_t)place_size;
    memcpy(bytes + AT_TEXTS, entry->product.code, product_size);
    memcpy(bytes + AT_TEXTS + product_size, entry->place.text, place_size);
    return length;
}

void record_seal(uint8_t *bytes, uint32_t generation, uint32_t write_begin) {
    put(bytes + AT_GENERATION, generation, 4);
    put(bytes + AT_WRITE_BEGIN, write_begin, 4);
    seal(bytes, get_u32(bytes + AT_LENGTH));
}

bool record_generation(struct bytes segment, uint32_t offset, uint32_t *generation) {
    if (offset > segment.size || segment.size - offset < RECORD_SIZE_MIN)
        return false;
    *generation = get_u32(segment.data + offset + AT_GENERATION);
    return true;
}

bool record_is_good(struct bytes segment, uint32_t offset, uint32_t generation, uint32_t *length,
                    uint32_t *write_begin) {
    uint32_t found;
    if (!record_generation(segment, offset, &found) || found != generation)
        return false;
    const uint8_t *bytes = segment.data + offset;
    uint32_t size = get_u32(bytes + AT_LENGTH);
    uint32_t begin = get_u32(bytes + AT_WRITE_BEGIN);
    if (size < RECORD_SIZE_MIN || size > RECORD_SIZE_MAX || size % RECORD_ALIGNMENT != 0 ||
        size > segment.size - offset || begin < RECORDS_BEGIN || begin > offset || !is_sealed(bytes, size))
        return false;
    *length = size;
    *write_begin = begin;
    return true;
}

static bool text_decode(const uint8_t *bytes, size_t size, char *text, size_t capacity) {
    if (size >= capacity || memchr(bytes, '\0', size) != NULL)
        return false;
    memset(text, 0, capacity);
    memcpy(text, bytes, size);
    return true;
}

static bool is_possible(const struct entry *entry) {
    bool is_kind = entry->kind == ENTRY_PURCHASE || entry->kind == ENTRY_HOLD || entry->kind == ENTRY_REVERSAL;
    return is_kind && entry->amount_minor >= 0 && entry->amount_minor <= MONEY_MAX_MINOR && entry->organisation > 0;
}

bool record_decode(struct bytes segment, uint32_t offset, struct entry *entry) {
    const uint8_t *bytes = segment.data + offset;
    size_t product_size = bytes[AT_PRODUCT_SIZE];
    size_t place_size = bytes[AT_PLACE_SIZE];
    if (AT_TEXTS + product_size + place_size > get_u32(bytes + AT_LENGTH))
        return false;
    *entry = (struct entry){
        .month = {get_i32(bytes + AT_MONTH)},
        .organisation = get_i32(bytes + AT_ORGANISATION),
        .epoch = get_i32(bytes + AT_EPOCH),
        .kind = (enum entry_kind)bytes[AT_KIND],
        .flags = bytes[AT_FLAGS],
        .amount_minor = get_i64(bytes + AT_AMOUNT),
        .department = get_i32(bytes + AT_DEPARTMENT),
        .traveller = get_i32(bytes + AT_TRAVELLER),
        .credit = get_i32(bytes + AT_CREDIT),
        .client = get_i32(bytes + AT_CLIENT),
        .appended_at = {get_i64(bytes + AT_APPENDED)},
        .expires_at = {get_i64(bytes + AT_EXPIRES)},
    };
    memcpy(entry->id.bytes, bytes + AT_ID, REQUEST_ID_SIZE);
    return text_decode(bytes + AT_TEXTS, product_size, entry->product.code, PRODUCT_SIZE) &&
           text_decode(bytes + AT_TEXTS + product_size, place_size, entry->place.text, PLACE_SIZE) &&
           is_possible(entry);
}
