/* SPDX-License-Identifier: Apache-2.0 */
/* Flat objects of JSON, one a line: text without escapes, whole numbers, true and false. */
#include "checker/file.h"
#include "checker/words.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_CAPACITY 32

struct field {
    char *key;
    char *value;
    bool is_text;
};

/* One line. What is missing or of another shape is told once, by the first. */
struct line {
    size_t number;
    size_t count;
    struct field fields[FIELDS_CAPACITY];
    bool is_good;
    struct failure *failure;
};

static bool line_fail(struct line *line, const char *why, const char *what) {
    if (line->is_good)
        failure_set(line->failure, "line %zu: %s \"%s\"", line->number, why, what);
    line->is_good = false;
    return false;
}

/* ---- cutting a line into fields ---- */

static char *skip_spaces(char *at) {
    return at + strspn(at, " \t\r\n");
}

/* Takes "text" at `*at`, which moves behind it; NULL: there is none. */
static char *take_text(char **at) {
    char *text = *at;
    if (*text != '"')
        return NULL;
    char *end = text + 1 + strcspn(text + 1, "\"\\");
    if (*end != '"')
        return NULL;
    *end = '\0';
    *at = end + 1;
    return text + 1;
}

static char *take_plain(char **at) {
    char *plain = *at;
    size_t size = strcspn(plain, ",} \t\r\n");
    if (size == 0 || strspn(plain, "-0123456789truefalsn") < size)
        return NULL;
    *at = plain + size;
    return plain;
}

static bool take_field(struct line *line, char **at) {
    struct field *field = &line->fields[line->count];
    *at = skip_spaces(*at);
    field->key = take_text(at);
    *at = skip_spaces(*at);
    if (field->key == NULL || **at != ':')
        return line_fail(line, "a field is wanted, not", *at);
    *at = skip_spaces(*at + 1);
    field->is_text = **at == '"';
    field->value = field->is_text ? take_text(at) : take_plain(at);
    if (field->value == NULL)
        return line_fail(line, "text without escapes, a whole number, true or false is wanted for", field->key);
    *at = skip_spaces(*at);
    line->count++;
    return true;
}

static bool line_cut(struct line *line, char *text) {
    char *at = skip_spaces(text);
    char separator = '{';
    while (*at == separator && line->count < FIELDS_CAPACITY) {
        at++;
        if (!take_field(line, &at))
            return false;
        separator = ',';
    }
    if (*at != '}')
        return line_fail(line, "an object in braces is wanted, not", at);
    *at = '\0'; /* ends the last plain value; the others are ended as they are read */
    return true;
}

/* ---- taking fields out ---- */

static const struct field *find(struct line *line, const char *key, bool is_wanted) {
    for (size_t i = 0; i < line->count; i++)
        if (strcmp(line->fields[i].key, key) == 0)
            return &line->fields[i];
    if (is_wanted)
        line_fail(line, "there is no", key);
    return NULL;
}

static bool has(struct line *line, const char *key) {
    return find(line, key, false) != NULL;
}

static int64_t number(struct line *line, const char *key, bool is_wanted) {
    const struct field *field = find(line, key, is_wanted);
    if (field == NULL)
        return 0;
    char *end;
    errno = 0;
    int64_t value = strtoll(field->value, &end, 10);
    if (field->is_text || errno != 0 || end == field->value || strchr(", \t\r\n}", *end) == NULL)
        line_fail(line, "a whole number is wanted for", key);
    return value;
}

static int32_t small_number(struct line *line, const char *key, bool is_wanted) {
    int64_t value = number(line, key, is_wanted);
    if (value < INT32_MIN || value > INT32_MAX)
        line_fail(line, "too large a number for", key);
    return (int32_t)value;
}

static bool is_true(struct line *line, const char *key) {
    const struct field *field = find(line, key, false);
    return field != NULL && !field->is_text && strncmp(field->value, "true", 4) == 0;
}

static const char *text(struct line *line, const char *key) {
    const struct field *field = find(line, key, true);
    if (field != NULL && !field->is_text)
        line_fail(line, "text is wanted for", key);
    return field != NULL && field->is_text ? field->value : "";
}

static int word(struct line *line, const char *key, const struct words *words) {
    int value = number_of_word(words, text(line, key));
    if (value < 0)
        line_fail(line, "not a word that is known for", key);
    return value < 0 ? 0 : value;
}

static struct request_id id(struct line *line, const char *key) {
    struct request_id value = {{0}};
    if (!request_id_parse(text(line, key), &value))
        line_fail(line, "a UUID is wanted for", key);
    return value;
}

/* Any text will do for a credential; only whether two are the same is asked. */
static struct credential credential(struct line *line) {
    struct credential value = {.kind = CREDENTIAL_CARD, .card = UINT64_C(0xcbf29ce484222325)};
    if (!has(line, "credential"))
        return value;
    for (const char *at = text(line, "credential"); *at != '\0'; at++)
        value.card = (value.card ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    return value;
}

/* ---- the kinds of line ---- */

/* Makes room for one more in an array that doubles. */
static void *grow(void *array, size_t count, size_t size) {
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    void *grown = realloc(array, (count == 0 ? 1 : count * 2) * size);
    CHECK(grown != NULL);
    return grown;
}

static void read_operation(struct line *line, struct history_file *file) {
    file->operations = grow(file->operations, file->history.operation_count, sizeof *file->operations);
    struct operation *operation = &file->operations[file->history.operation_count++];
    *operation = (struct operation){.call = (enum call)word(line, "call", &call_words),
                                    .client = small_number(line, "client", true),
                                    .id = id(line, "id"),
                                    .credential = credential(line),
                                    .amount_minor = number(line, "amount", false),
                                    .is_hold = is_true(line, "hold"),
                                    .allows_partial = is_true(line, "partial"),
                                    .is_final = is_true(line, "final"),
                                    .sent_us = number(line, "sent_us", true),
                                    .timeout_us = number(line, "timeout_us", false),
                                    .is_answered = has(line, "answered_us")};
    if (operation->call == CALL_CAPTURE || operation->call == CALL_VOID || operation->call == CALL_REFUND)
        operation->original = id(line, "original");
    if (!operation->is_answered)
        return;
    operation->answered_us = number(line, "answered_us", true);
    operation->decision = (enum decision)word(line, "decision", &decision_words);
    int reason = number_of_reason(text(line, "reason"));
    if (reason < 0)
        line_fail(line, "not a reason:", "reason");
    operation->reason = (enum reason)reason;
    operation->approved_minor = number(line, "approved", operation->decision == DECISION_APPROVED);
    operation->safety = has(line, "safety") ? (enum safety)word(line, "safety", &safety_words) : SAFETY_NONE;
    operation->is_repeat = is_true(line, "repeat");
}

static void read_row(struct line *line, struct history_file *file) {
    file->recorded = grow(file->recorded, file->history.recorded_count, sizeof *file->recorded);
    struct recorded *row = &file->recorded[file->history.recorded_count++];
    *row = (struct recorded){.kind = (enum entry_kind)word(line, "kind", &kind_words),
                             .id = id(line, "id"),
                             .amount_minor = number(line, "amount", true),
                             .settled_minor = number(line, "settled", false),
                             .month = small_number(line, "month", true),
                             .payer = {.organisation = small_number(line, "organisation", true),
                                       .department = small_number(line, "department", false),
                                       .traveller = small_number(line, "traveller", true),
                                       .credit = small_number(line, "credit", true)},
                             .client = small_number(line, "client", false),
                             .epoch = small_number(line, "epoch", false),
                             .recorded_us = number(line, "recorded_us", false),
                             .expires_us = number(line, "expires_us", false)};
    if (has(line, "original"))
        row->original = id(line, "original");
    row->flags =
        (uint8_t)((is_true(line, "forced") ? ENTRY_FORCED : 0) | (is_true(line, "late") ? ENTRY_LATE : 0) |
                  (is_true(line, "stand_in") ? ENTRY_STAND_IN : 0) | (is_true(line, "partial") ? ENTRY_PARTIAL : 0));
}

static void read_ceiling(struct line *line, struct history_file *file) {
    file->ceilings = grow(file->ceilings, file->history.ceiling_count, sizeof *file->ceilings);
    file->ceilings[file->history.ceiling_count++] =
        (struct ceiling){small_number(line, "organisation", true),
                         {.kind = (enum limit_kind)word(line, "kind", &limit_words),
                          .id = small_number(line, "of", true),
                          .ceiling_minor = number(line, "ceiling", true)}};
}

static void read_counter(struct line *line, struct history_file *file) {
    file->counted = grow(file->counted, file->history.counted_count, sizeof *file->counted);
    file->counted[file->history.counted_count++] =
        (struct counted){.organisation = small_number(line, "organisation", true),
                         .month = small_number(line, "month", true),
                         .kind = (enum limit_kind)word(line, "kind", &limit_words),
                         .id = small_number(line, "of", true),
                         .spent_minor = number(line, "spent", true)};
}

static void read_department(struct line *line, struct history_file *file) {
    file->departments = grow(file->departments, file->history.department_count, sizeof *file->departments);
    file->departments[file->history.department_count++] =
        (struct department_of){small_number(line, "id", true), small_number(line, "parent", false)};
}

static void read_circumstances(struct line *line, struct history_file *file) {
    file->history.lateness_us = number(line, "lateness_us", true);
    file->history.ended_us = number(line, "ended_us", false);
    file->history.expiry_lateness_us = number(line, "expiry_lateness_us", false);
    file->history.nodes_were_lost = is_true(line, "nodes_were_lost");
    file->history.redis_was_lost = is_true(line, "redis_was_lost");
}

static bool read_line(struct line *line, struct history_file *file) {
    static const struct {
        const char *type;
        void (*read)(struct line *line, struct history_file *file);
    } types[] = {{"operation", read_operation},   {"row", read_row},
                 {"ceiling", read_ceiling},       {"counter", read_counter},
                 {"department", read_department}, {"circumstances", read_circumstances}};
    const char *type = text(line, "type");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].type, type) == 0) {
            types[i].read(line, file);
            return line->is_good;
        }
    }
    return line_fail(line, "not a type that is known:", type);
}

static int operation_order(const void *one, const void *other) {
    const struct operation *a = one;
    const struct operation *b = other;
    return (a->sent_us > b->sent_us) - (a->sent_us < b->sent_us);
}

bool history_read(FILE *file, struct history_file *read, struct failure *failure) {
    char *bytes = NULL;
    size_t capacity = 0;
    bool is_good = true;
    *read = (struct history_file){0};
    for (size_t count = 1; is_good && getline(&bytes, &capacity, file) >= 0; count++) {
        struct line line = {.number = count, .is_good = true, .failure = failure};
        if (*skip_spaces(bytes) != '\0')
            is_good = line_cut(&line, bytes) && read_line(&line, read);
    }
    free(bytes);
    if (read->history.operation_count > 0)
        qsort(read->operations, read->history.operation_count, sizeof *read->operations, operation_order);
    read->history.operations = read->operations;
    read->history.recorded = read->recorded;
    read->history.ceilings = read->ceilings;
    read->history.counted = read->counted;
    read->history.departments = read->departments;
    return is_good && (!ferror(file) || failure_set(failure, "it can't be read"));
}

void history_file_finish(struct history_file *read) {
    free(read->operations);
    free(read->recorded);
    free(read->ceilings);
    free(read->counted);
    free(read->departments);
}
