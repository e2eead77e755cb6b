/* SPDX-License-Identifier: Apache-2.0 */
#include "directory/rows.h"

#include <endian.h>
#include <string.h>

#define COLUMNS_MAX 8

/* One column of a row; data is NULL for SQL's NULL. */
struct field {
    const uint8_t *data;
    size_t size;
};

static const uint8_t signature[11] = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r', '\n', 0};

/* ---- bytes ---- */

static bool take(struct bytes *piece, void *into, size_t size) {
    if (piece->size < size) {
        return false;
    }
    memcpy(into, piece->data, size);
    *piece = bytes_of(piece->data + size, piece->size - size);
    return true;
}

static bool take_int16(struct bytes *piece, int16_t *value) {
    uint16_t raw;
    if (!take(piece, &raw, sizeof(raw))) {
        return false;
    }
    *value = (int16_t)be16toh(raw);
    return true;
}

static bool take_int32(struct bytes *piece, int32_t *value) {
    uint32_t raw;
    if (!take(piece, &raw, sizeof(raw))) {
        return false;
    }
    *value = (int32_t)be32toh(raw);
    return true;
}

/* No flag is known to us; an extension of the header is passed over, as the format asks. */
static bool take_header(struct bytes *piece) {
    uint8_t begin[sizeof(signature)];
    int32_t flags;
    int32_t extension;
    if (!take(piece, begin, sizeof(begin)) || memcmp(begin, signature, sizeof(signature)) != 0 ||
        !take_int32(piece, &flags) || flags != 0 || !take_int32(piece, &extension) || extension < 0 ||
        (size_t)extension > piece->size) {
        return false;
    }
    *piece = bytes_of(piece->data + extension, piece->size - (size_t)extension);
    return true;
}

static bool take_fields(struct bytes *piece, struct field *fields, int count) {
    for (int i = 0; i < count; i++) {
        int32_t size;
        if (!take_int32(piece, &size) || size < -1 || (size > 0 && (size_t)size > piece->size)) {
            return false;
        }
        if (size == -1) {
            fields[i] = (struct field){0};
            continue;
        }
        fields[i] = (struct field){.data = piece->data, .size = (size_t)size};
        *piece = bytes_of(piece->data + size, piece->size - (size_t)size);
    }
    return true;
}

/* ---- fields ---- */

static bool is_null(const struct field *field) {
    return field->data == NULL;
}

static bool read_int32(const struct field *field, int32_t *value) {
    struct bytes bytes = bytes_of(field->data, field->size);
    return !is_null(field) && field->size == 4 && take_int32(&bytes, value);
}

static bool read_int64(const struct field *field, int64_t *value) {
    uint64_t raw;
    if (is_null(field) || field->size != sizeof(raw)) {
        return false;
    }
    memcpy(&raw, field->data, sizeof(raw));
    *value = (int64_t)be64toh(raw);
    return true;
}

static bool read_id(const struct field *field, int32_t *id) {
    return read_int32(field, id) && *id > 0;
}

/* An id, or 0 for NULL. */
static bool read_optional_id(const struct field *field, int32_t *id) {
    *id = 0;
    return is_null(field) || read_id(field, id);
}

static bool read_amount(const struct field *field, int64_t *amount_minor) {
    return read_int64(field, amount_minor) && *amount_minor >= 0 && *amount_minor <= MONEY_MAX_MINOR;
}

static bool read_optional_amount(const struct field *field, int64_t absent, int64_t *amount_minor) {
    *amount_minor = absent;
    return is_null(field) || read_amount(field, amount_minor);
}

static bool is_word(const uint8_t *data, size_t size, const char *word) {
    return size == strlen(word) && memcmp(data, word, size) == 0;
}

/* Which of `words` (up to NULL) a text is; -1: none. */
static int word_of(const uint8_t *data, size_t size, const char *const *words) {
    for (int i = 0; words[i] != NULL; i++) {
        if (is_word(data, size, words[i])) {
            return i;
        }
    }
    return -1;
}

static bool read_word(const struct field *field, const char *const *words, int *number) {
    *number = is_null(field) ? -1 : word_of(field->data, field->size, words);
    return *number >= 0;
}

/* "authorize,echo" as the bits of those words; the first word's bit is 1u << first. */
static bool read_word_set(const struct field *field, const char *const *words, int first, uint32_t *bits) {
    *bits = 0;
    if (is_null(field)) {
        return false;
    }
    const uint8_t *from = field->data;
    const uint8_t *end = field->data + field->size;
    while (from < end) {
        const uint8_t *comma = memchr(from, ',', (size_t)(end - from));
        const uint8_t *until = comma != NULL ? comma : end;
        int number = word_of(from, (size_t)(until - from), words);
        if (number < 0) {
            return false;
        }
        *bits |= 1u << (first + number);
        from = comma != NULL ? comma + 1 : end;
    }
    return true;
}

/* ---- rows ---- */

static bool read_organisation(const struct field *fields, void *row) {
    static const char *const states[] = {"applicant", "active", "suspended", "ended", NULL};
    struct organisation_row *organisation = row;
    int state;
    if (!read_id(&fields[0], &organisation->id) || !read_word(&fields[1], states, &state) ||
        !read_amount(&fields[2], &organisation->limit_minor)) {
        return false;
    }
    organisation->state = (enum organisation_state)state;
    return true;
}

static bool read_department(const struct field *fields, void *row) {
    struct department_row *department = row;
    return read_id(&fields[0], &department->id) && read_id(&fields[1], &department->organisation) &&
           read_optional_id(&fields[2], &department->parent) &&
           read_optional_amount(&fields[3], LIMIT_COUNTED_ONLY, &department->budget_minor);
}

static bool read_traveller(const struct field *fields, void *row) {
    struct traveller_row *traveller = row;
    return read_id(&fields[0], &traveller->id) && read_id(&fields[1], &traveller->organisation) &&
           read_optional_amount(&fields[2], CAP_OF_OPERATOR, &traveller->cap_minor);
}

static bool read_credential(const struct field *card, const struct field *app, struct credential *credential) {
    memset(credential, 0, sizeof(*credential));
    if (is_null(card) == is_null(app)) {
        return false;
    }
    if (is_null(card)) {
        credential->kind = CREDENTIAL_APP;
        if (app->size == sizeof(credential->app)) {
            memcpy(credential->app, app->data, sizeof(credential->app));
        }
        return app->size == sizeof(credential->app);
    }
    int64_t number = 0;
    bool is_read = read_int64(card, &number) && number >= 0;
    credential->kind = CREDENTIAL_CARD;
    credential->card = (uint64_t)number;
    return is_read;
}

static bool read_credit(const struct field *fields, void *row) {
    static const char *const states[] = {"not_activated", "active", "blocked", "ended", NULL};
    struct credit_row *credit = row;
    int state;
    if (!read_id(&fields[0], &credit->id) || !read_id(&fields[1], &credit->traveller) ||
        !read_optional_id(&fields[2], &credit->department) || !read_word(&fields[3], states, &state) ||
        !read_amount(&fields[4], &credit->limit_minor) ||
        !read_credential(&fields[5], &fields[6], &credit->credential)) {
        return false;
    }
    credit->state = (enum credit_state)state;
    return true;
}

static bool read_client(const struct field *fields, void *row) {
    static const char *const kinds[] = {"validator", "app_backend", "office", "ops", NULL};
    static const char *const calls[] = {"authorize", "balance", "lookup", "echo",       "capture", "void",
                                        "reverse",   "refund",  "advise", "block_list", NULL};
    static const char *const channels[] = {"card", "app", "portal", NULL};
    struct client *client = row;
    int kind;
    int32_t rate;
    int32_t double_tap_s;
    memset(client, 0, sizeof(*client));
    if (!read_id(&fields[0], &client->id) || is_null(&fields[1]) || fields[1].size == 0 ||
        !read_word(&fields[2], kinds, &kind) || !read_word_set(&fields[3], calls, CALL_AUTHORIZE, &client->calls) ||
        !read_word_set(&fields[4], channels, CHANNEL_CARD, &client->channels) || !read_int32(&fields[5], &rate) ||
        rate < 0 || is_null(&fields[6]) || fields[6].size != 1 || !read_int32(&fields[7], &double_tap_s) ||
        double_tap_s < 0) {
        return false;
    }
    if (fields[1].size < CLIENT_NAME_SIZE) {
        memcpy(client->name, fields[1].data, fields[1].size);
    }
    client->kind = (enum client_kind)(CLIENT_VALIDATOR + kind);
    client->rate_per_s = (uint32_t)rate;
    client->is_blocked = fields[6].data[0] != 0;
    client->tap_window_us = double_tap_s * INT64_C(1000000);
    return true;
}

static const struct {
    const char *table;
    const char *columns;
    int16_t column_count;
    size_t size;
    bool (*read)(const struct field *fields, void *row);
} kinds_table[ROW_KINDS] = {
    [ROW_ORGANISATION] = {"organisation", "id, state, limit_minor", 3, sizeof(struct organisation_row),
                          read_organisation},
    [ROW_DEPARTMENT] = {"department", "id, organisation, parent, budget_minor", 4, sizeof(struct department_row),
                        read_department},
    [ROW_TRAVELLER] = {"traveller", "id, organisation, cap_minor", 3, sizeof(struct traveller_row), read_traveller},
    [ROW_CREDIT] = {"credit", "id, traveller, department, state, limit_minor, card, app", 7, sizeof(struct credit_row),
                    read_credit},
    [ROW_CLIENT] = {"client",
                    "id, name, kind, array_to_string(calls, ','), array_to_string(channels, ','), rate_per_s, "
                    "is_blocked, double_tap_s",
                    8, sizeof(struct client), read_client},
};

size_t row_size(enum row_kind kind) {
    return kinds_table[kind].size;
}

const char *row_columns(enum row_kind kind) {
    return kinds_table[kind].columns;
}

const char *row_table(enum row_kind kind) {
    return kinds_table[kind].table;
}

static enum row_next broken(const struct row_reader *reader, struct failure *failure) {
    failure_set(failure, "a row of table %s is not as this program knows it (columns %s): run `vaxel migrate`",
                kinds_table[reader->kind].table, kinds_table[reader->kind].columns);
    return ROW_BROKEN;
}

enum row_next row_next(struct row_reader *reader, struct bytes *piece, void *row, struct failure *failure) {
    if (!reader->has_begun) {
        if (!take_header(piece)) {
            return broken(reader, failure);
        }
        reader->has_begun = true;
    }
    if (piece->size == 0) {
        return ROW_MORE;
    }
    int16_t columns;
    struct field fields[COLUMNS_MAX];
    if (reader->has_ended || !take_int16(piece, &columns)) {
        return broken(reader, failure);
    }
    if (columns == -1) {
        reader->has_ended = true;
        return piece->size == 0 ? ROW_MORE : broken(reader, failure);
    }
    if (columns != kinds_table[reader->kind].column_count || !take_fields(piece, fields, columns) ||
        !kinds_table[reader->kind].read(fields, row)) {
        return broken(reader, failure);
    }
    return ROW_TAKEN;
}
