/* SPDX-License-Identifier: Apache-2.0 */
#include "wallet/internal.h"

#include <string.h>

#define WRONG_FIELD(visit, field, ...) problem_set(&(visit)->problem, 400, "WRONG_FIELD", (field), __VA_ARGS__)

static bool has_control(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static bool read_map(struct visit *visit, struct json_object **root) {
    const char *type = http_header(visit->exchange, "Content-Type");
    if (type == NULL || strncasecmp(type, "application/json", 16) != 0)
        return problem_set(&visit->problem, 415, "WRONG_TYPE", NULL, "Send the body as Content-Type application/json.");
    struct failure failure;
    *root = NULL;
    if (!json_read(visit->request->body, root, &failure))
        return problem_set(&visit->problem, 400, "WRONG_JSON", NULL, "Of the body %s.", failure.text);
    if (json_is_map(*root))
        return true;
    json_release(*root);
    return problem_set(&visit->problem, 400, "WRONG_JSON", NULL, "The body must be a JSON object.");
}

/* A text of one byte to `size` - 1; one that may be missing is then "". */
static bool take_text(struct visit *visit, const struct json_object *root, const char *field, bool is_needed, char *to,
                      size_t size) {
    to[0] = '\0';
    if (!is_needed && !json_has(root, field))
        return true;
    const char *text = json_as_text(json_member(root, field));
    if (text == NULL || strlen(text) >= size || has_control(text) || (is_needed && text[0] == '\0'))
        return WRONG_FIELD(visit, field, "Give a string of %s %zu bytes without control characters.",
                           is_needed ? "1 to" : "at most", size - 1);
    memcpy(to, text, strlen(text) + 1);
    return true;
}

static bool take_amount(struct visit *visit, const struct json_object *root, int64_t *minor) {
    const char *digits = json_as_digits(json_member(root, "amount"));
    if (digits == NULL)
        return WRONG_FIELD(visit, "amount", "Give the price as a JSON number in whole currency: 130 or 130.50.");
    if (!money_parse(digits, minor) || *minor == 0)
        return WRONG_FIELD(visit, "amount",
                           "%.32s can't be charged: give a price above 0 with two decimals at most and no exponent.",
                           digits);
    return true;
}

static bool take_truth(struct visit *visit, const struct json_object *root, const char *field, bool *is_true) {
    if (!json_has(root, field) || json_as_truth(json_member(root, field), is_true))
        return true;
    return WRONG_FIELD(visit, field, "Give true or false.");
}

/* What is named must be what there is. */
static bool check_name(struct visit *visit, const struct json_object *root, const char *field, const char *wanted) {
    if (!json_has(root, field))
        return true;
    const char *text = json_as_text(json_member(root, field));
    return text != NULL && strcmp(text, wanted) == 0
               ? true
               : WRONG_FIELD(visit, field, "It can only be \"%s\", or left out.", wanted);
}

static bool take_wish(struct visit *visit, const struct json_object *root, struct wish *wish) {
    bool is_commit = true;
    if (!take_text(visit, root, "transactionReference", true, wish->reference, sizeof(wish->reference)) ||
        !take_amount(visit, root, &wish->amount_minor) ||
        !take_text(visit, root, "description", false, wish->description, sizeof(wish->description)) ||
        !take_truth(visit, root, "transactionCommit", &is_commit) ||
        !check_name(visit, root, "paymentMeansId", PAYMENT_MEANS) ||
        !check_name(visit, root, "currency", visit->wallet->currency.code))
        return false;
    wish->is_hold = !is_commit;
    return true;
}

bool body_read_wish(struct visit *visit, struct wish *wish) {
    struct json_object *root = NULL;
    if (!read_map(visit, &root))
        return false;
    bool is_taken = take_wish(visit, root, wish);
    json_release(root);
    return is_taken;
}

static bool take_change(struct visit *visit, const struct json_object *root, struct change *change) {
    const char *status = json_as_text(json_member(root, "status"));
    change->is_commit = status != NULL && strcmp(status, status_name(STATUS_COMMITTED)) == 0;
    if (!change->is_commit && (status == NULL || strcmp(status, status_name(STATUS_CANCELLED)) != 0))
        return WRONG_FIELD(visit, "status", "Give \"commited\" (with one t) or \"cancelled\".");
    return take_text(visit, root, "transactionReference", false, change->reference, sizeof(change->reference));
}

bool body_read_change(struct visit *visit, struct change *change) {
    struct json_object *root = NULL;
    if (!read_map(visit, &root))
        return false;
    bool is_taken = take_change(visit, root, change);
    json_release(root);
    return is_taken;
}
