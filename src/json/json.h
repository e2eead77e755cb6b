/* SPDX-License-Identifier: Apache-2.0 */
/* json: reads and writes JSON (RFC 8259) by json-c, the one library of Debian's that keeps a number as the text that
 * was sent: amounts are decimals (DOMAIN F7), and never pass through binary floating point. */
#ifndef VAXEL_JSON_JSON_H
#define VAXEL_JSON_JSON_H

#include "base/bytes.h"
#include "base/failure.h"

/* A value, with all that is in it. Only its root is released. NULL is JSON's null, or nothing at all. */
struct json_object;

/* Reads one value, in UTF-8, no deeper than JSON_DEPTH, and nothing after it. False: `failure` says where it breaks. A
 * name that stands twice in an object is such a break. */
#define JSON_DEPTH 16
bool json_read(struct bytes text, struct json_object **root, struct failure *failure);
void json_release(struct json_object *root);

/* ---- looking; each is NULL, or false, for a value of another kind ---- */

bool json_is_map(const struct json_object *value);
bool json_is_list(const struct json_object *value);
bool json_has(const struct json_object *map, const char *name);
struct json_object *json_member(const struct json_object *map, const char *name);
/* The names of a map, in the order in which they were written. */
size_t json_map_size(const struct json_object *map);
const char *json_map_name(struct json_object *map, size_t at);
size_t json_list_size(const struct json_object *list);
struct json_object *json_item(const struct json_object *list, size_t at);

/* A string without NUL in it; it stands as long as its root. */
const char *json_as_text(struct json_object *value);
/* A number, as it was written. */
const char *json_as_digits(struct json_object *value);
bool json_as_truth(struct json_object *value, bool *is_true);

/* ---- making ---- */

struct json_object *json_new_map(void);
struct json_object *json_new_list(void);
/* `value` becomes part of it; NULL is null. */
void json_put(struct json_object *map, const char *name, struct json_object *value);
void json_append(struct json_object *list, struct json_object *value);
void json_put_text(struct json_object *map, const char *name, const char *text);
/* A number written like this: "130.00". */
void json_put_digits(struct json_object *map, const char *name, const char *digits);
void json_put_whole(struct json_object *map, const char *name, int64_t number);
void json_put_truth(struct json_object *map, const char *name, bool is_true);
void json_append_text(struct json_object *list, const char *text);

/* The value as text; it stands until the value is written again, changed or released. */
const char *json_write(struct json_object *value);

#endif
