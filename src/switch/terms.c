/* SPDX-License-Identifier: Apache-2.0 */
#include "switch/terms.h"

/* FNV-1a of 32 bits: an error of a client is told from a repeat, not an enemy's forgery. */
uint32_t content_hash(const char *text) {
    uint32_t hash = UINT32_C(2166136261);
    for (; *text != '\0'; text++) {
        hash ^= (uint8_t)*text;
        hash *= UINT32_C(16777619);
    }
    return hash;
}

static bool is_of_a_tap(const struct content *content) {
    return content->kind == ENTRY_PURCHASE || content->kind == ENTRY_ADVICE;
}

enum content_field content_difference(const struct content *one, const struct content *other) {
    if (one->amount_minor != other->amount_minor)
        return FIELD_AMOUNT;
    if (one->client != other->client)
        return FIELD_CLIENT;
    if (one->credit != other->credit)
        return FIELD_CREDENTIAL;
    if (one->product_hash != other->product_hash)
        return FIELD_PRODUCT;
    if (one->place_hash != other->place_hash)
        return FIELD_PLACE;
    if (one->kind != other->kind && !(is_of_a_tap(one) && is_of_a_tap(other)))
        return FIELD_KIND;
    return FIELD_NONE;
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

const char *content_field_name(enum content_field field) {
    static const char *const names[] = {
        [FIELD_NONE] = "",           [FIELD_AMOUNT] = "amount",
        [FIELD_CLIENT] = "client",   [FIELD_CREDENTIAL] = "credential",
        [FIELD_PRODUCT] = "product", [FIELD_PLACE] = "place",
        [FIELD_KIND] = "kind",       [FIELD_ORIGINAL] = "original",
        [FIELD_FINAL] = "more",
    };
    return (size_t)field < COUNT_OF(names) ? names[field] : "";
}

/* A number that this build does not know may come from a newer switch. */
const char *reason_name(enum reason reason) {
    static const char *const names[] = {
        [REASON_UNSPECIFIED] = "UNSPECIFIED",
        [REASON_APPROVED] = "APPROVED",
        [REASON_UNKNOWN_CREDENTIAL] = "UNKNOWN_CREDENTIAL",
        [REASON_NOT_ACTIVATED] = "NOT_ACTIVATED",
        [REASON_BLOCKED] = "BLOCKED",
        [REASON_ENDED] = "ENDED",
        [REASON_ORGANISATION_SUSPENDED] = "ORGANISATION_SUSPENDED",
        [REASON_CHANNEL_NOT_ALLOWED] = "CHANNEL_NOT_ALLOWED",
        [REASON_CREDIT_LIMIT] = "CREDIT_LIMIT",
        [REASON_TRAVELLER_LIMIT] = "TRAVELLER_LIMIT",
        [REASON_DEPARTMENT_LIMIT] = "DEPARTMENT_LIMIT",
        [REASON_ORGANISATION_LIMIT] = "ORGANISATION_LIMIT",
        [REASON_INVALID_AMOUNT] = "INVALID_AMOUNT",
        [REASON_CURRENCY_MISMATCH] = "CURRENCY_MISMATCH",
        [REASON_BAD_TIME] = "BAD_TIME",
        [REASON_ID_REUSED] = "ID_REUSED",
        [REASON_REVERSED] = "REVERSED",
        [REASON_DOUBLE_TAP] = "DOUBLE_TAP",
        [REASON_BUSY] = "BUSY",
        [REASON_DEADLINE] = "DEADLINE",
        [REASON_UNAVAILABLE] = "UNAVAILABLE",
        [REASON_INVALID_ID] = "INVALID_ID",
        [REASON_CALL_NOT_ALLOWED] = "CALL_NOT_ALLOWED",
        [REASON_NOT_FOUND] = "NOT_FOUND",
        [REASON_WRONG_KIND] = "WRONG_KIND",
        [REASON_HOLD_CLOSED] = "HOLD_CLOSED",
        [REASON_HOLD_EXPIRED] = "HOLD_EXPIRED",
        [REASON_AMOUNT_EXCEEDED] = "AMOUNT_EXCEEDED",
    };
    return (size_t)reason < COUNT_OF(names) ? names[reason] : names[REASON_UNSPECIFIED];
}

const char *limit_kind_name(enum limit_kind kind) {
    static const char *const names[] = {
        "UNSPECIFIED",
        [LIMIT_CREDIT] = "CREDIT",
        [LIMIT_TRAVELLER] = "TRAVELLER",
        [LIMIT_DEPARTMENT] = "DEPARTMENT",
        [LIMIT_ORGANISATION] = "ORGANISATION",
    };
    return (size_t)kind < COUNT_OF(names) ? names[kind] : names[0];
}

const char *call_name(enum call call) {
    static const char *const names[CALL_COUNT] = {
        [CALL_AUTHORIZE] = "authorize", [CALL_BALANCE] = "balance",
        [CALL_LOOKUP] = "lookup",       [CALL_ECHO] = "echo",
        [CALL_CAPTURE] = "capture",     [CALL_VOID] = "void",
        [CALL_REVERSE] = "reverse",     [CALL_REFUND] = "refund",
        [CALL_ADVISE] = "advise",       [CALL_BLOCK_LIST] = "block_list",
    };
    return names[call];
}
