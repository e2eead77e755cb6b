/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include "base/check.h"

#include <ctype.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

/* ---- reading ---- */

/* json-c takes more than JSON: other quotes, numbers like "1." and NaN, bare control characters. And it keeps the last
 * of two members of one name; so those that were written are counted, to be held against those that are there: outside
 * of strings a colon stands for a member and for nothing else. False: it is no JSON. */
static bool scan(struct bytes text, size_t *members) {
    bool is_string = false;
    *members = 0;
    for (size_t i = 0; i < text.size; i++) {
        char byte = (char)text.data[i];
        if (is_string && byte == '\\')
            i++;
        else if (byte == '"')
            is_string = !is_string;
        else if (is_string ? text.data[i] < 0x20
                           : byte == '\0' || !strchr("{}[]:,-+.0123456789eE \t\r\ntrufalsn", byte))
            return false;
        else if (!is_string && byte == '.' && (i + 1 == text.size || !isdigit(text.data[i + 1])))
            return false;
        else if (!is_string && byte == ':')
            ++*members;
    }
    return true;
}

static size_t count_members(struct json_object *value);

static size_t count_list(struct json_object *list) {
    size_t count = 0;
    for (size_t i = 0; i < json_list_size(list); i++)
        count += count_members(json_item(list, i));
    return count;
}

/* No deeper than JSON_DEPTH, as it was read. */
static size_t count_members(struct json_object *value) { /* NOLINT(misc-no-recursion) */
    if (json_is_list(value))
        return count_list(value);
    if (!json_is_map(value))
        return 0;
    size_t count = 0;
    json_object_object_foreach(value, name, member) {
        (void)name;
        count += 1 + count_members(member);
    }
    return count;
}

static bool fail_at(struct json_tokener *tokener, struct json_object *root, const char *why, struct failure *failure) {
    failure_set(failure, "it is no JSON: at byte %zu, %s", json_tokener_get_parse_end(tokener), why);
    json_object_put(root);
    json_tokener_free(tokener);
    return false;
}

bool json_read(struct bytes text, struct json_object **root, struct failure *failure) {
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
    CHECK(tokener != NULL);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    size_t members;
    if (text.size == 0 || text.size >= INT_MAX || !scan(text, &members))
        return fail_at(tokener, NULL, "there is nothing, or what JSON does not allow", failure);
    struct json_object *read = json_tokener_parse_ex(tokener, (const char *)text.data, (int)text.size);
    bool is_whole =
        json_tokener_get_error(tokener) == json_tokener_continue || json_tokener_get_parse_end(tokener) == text.size;
    if (json_tokener_get_error(tokener) == json_tokener_continue) /* a number, or "true", ends with the text */
        read = json_tokener_parse_ex(tokener, "", 1);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    if (error != json_tokener_success)
        return fail_at(tokener, NULL, json_tokener_error_desc(error), failure);
    if (!is_whole)
        return fail_at(tokener, read, "something follows", failure);
    if (count_members(read) != members)
        return fail_at(tokener, read, "a name stands twice in an object", failure);
    json_tokener_free(tokener);
    *root = read;
    return true;
}

void json_release(struct json_object *root) {
    json_object_put(root);
}

/* ---- looking ---- */

bool json_is_map(const struct json_object *value) {
    return json_object_is_type(value, json_type_object);
}

bool json_is_list(const struct json_object *value) {
    return json_object_is_type(value, json_type_array);
}

bool json_has(const struct json_object *map, const char *name) {
    return json_is_map(map) && json_object_object_get_ex(map, name, NULL);
}

struct json_object *json_member(const struct json_object *map, const char *name) {
    struct json_object *member = NULL;
    if (json_is_map(map))
        (void)json_object_object_get_ex(map, name, &member);
    return member;
}

size_t json_map_size(const struct json_object *map) {
    return json_is_map(map) ? (size_t)json_object_object_length(map) : 0;
}

const char *json_map_name(struct json_object *map, size_t at) {
    if (at >= json_map_size(map))
        return NULL;
    struct json_object_iterator each = json_object_iter_begin(map);
    while (at-- > 0)
        json_object_iter_next(&each);
    return json_object_iter_peek_name(&each);
}

size_t json_list_size(const struct json_object *list) {
    return json_is_list(list) ? json_object_array_length(list) : 0;
}

struct json_object *json_item(const struct json_object *list, size_t at) {
    return json_is_list(list) ? json_object_array_get_idx(list, at) : NULL;
}

const char *json_as_text(struct json_object *value) {
    if (!json_object_is_type(value, json_type_string))
        return NULL;
    const char *text = json_object_get_string(value);
    return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

const char *json_as_digits(struct json_object *value) {
    bool is_number = json_object_is_type(value, json_type_double) || json_object_is_type(value, json_type_int);
    return is_number ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN) : NULL;
}

bool json_as_truth(struct json_object *value, bool *is_true) {
    if (!json_object_is_type(value, json_type_boolean))
        return false;
    *is_true = json_object_get_boolean(value);
    return true;
}

/* ---- making ---- */

struct json_object *json_new_map(void) {
    struct json_object *map = json_object_new_object();
    CHECK(map != NULL);
    return map;
}

struct json_object *json_new_list(void) {
    struct json_object *list = json_object_new_array();
    CHECK(list != NULL);
    return list;
}

void json_put(struct json_object *map, const char *name, struct json_object *value) {
    CHECK(json_object_object_add(map, name, value) == 0);
}

void json_append(struct json_object *list, struct json_object *value) {
    CHECK(json_object_array_add(list, value) == 0);
}

void json_put_text(struct json_object *map, const char *name, const char *text) {
    struct json_object *value = json_object_new_string(text);
    CHECK(value != NULL);
    json_put(map, name, value);
}

void json_put_digits(struct json_object *map, const char *name, const char *digits) {
    struct json_object *value = json_object_new_double_s(0, digits); /* the text is what is written */
    CHECK(value != NULL);
    json_put(map, name, value);
}

void json_put_whole(struct json_object *map, const char *name, int64_t number) {
    struct json_object *value = json_object_new_int64(number);
    CHECK(value != NULL);
    json_put(map, name, value);
}

void json_put_truth(struct json_object *map, const char *name, bool is_true) {
    struct json_object *value = json_object_new_boolean(is_true);
    CHECK(value != NULL);
    json_put(map, name, value);
}

void json_append_text(struct json_object *list, const char *text) {
    struct json_object *value = json_object_new_string(text);
    CHECK(value != NULL);
    json_append(list, value);
}

const char *json_write(struct json_object *value) {
    const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    CHECK(text != NULL);
    return text;
}
