/* SPDX-License-Identifier: Apache-2.0 */
/* terms: the field's words as types, shared by every room above. One word, one meaning, in code, log and protocol. */
#ifndef VAXEL_SWITCH_TERMS_H
#define VAXEL_SWITCH_TERMS_H

#include "base/calendar.h"
#include "base/id.h"
#include "base/money.h"

#include <stddef.h>

/* What an answer says of a request. The numbers are those of proto/vaxel/v1/switch.proto and of the records: never
 * reused. */
enum reason {
    REASON_UNSPECIFIED = 0,
    REASON_APPROVED = 1,
    REASON_UNKNOWN_CREDENTIAL = 2,
    REASON_NOT_ACTIVATED = 3,
    REASON_BLOCKED = 4,
    REASON_ENDED = 5,
    REASON_ORGANISATION_SUSPENDED = 6,
    REASON_CHANNEL_NOT_ALLOWED = 7,
    REASON_CREDIT_LIMIT = 8,
    REASON_TRAVELLER_LIMIT = 9,
    REASON_DEPARTMENT_LIMIT = 10,
    REASON_ORGANISATION_LIMIT = 11,
    REASON_INVALID_AMOUNT = 12,
    REASON_CURRENCY_MISMATCH = 13,
    REASON_BAD_TIME = 14,
    REASON_ID_REUSED = 15,
    REASON_REVERSED = 16,
    REASON_DOUBLE_TAP = 17,
    REASON_BUSY = 18,
    REASON_DEADLINE = 19,
    REASON_UNAVAILABLE = 20,
    REASON_INVALID_ID = 21,
    REASON_CALL_NOT_ALLOWED = 22,
    REASON_NOT_FOUND = 23,   /* a settlement's original has no row */
    REASON_WRONG_KIND = 24,  /* its original is nothing that this can be done to: a capture of what is no hold */
    REASON_HOLD_CLOSED = 25, /* captured or voided before */
    REASON_HOLD_EXPIRED = 26,
    REASON_AMOUNT_EXCEEDED = 27, /* more than is held, or than was paid and not refunded yet */
};

/* Kinds of entry; one row an effect (DESIGN 6). */
enum entry_kind {
    ENTRY_PURCHASE = 1,
    ENTRY_HOLD = 2,
    ENTRY_CAPTURE = 3,
    ENTRY_VOID = 4,
    ENTRY_EXPIRY = 5,
    ENTRY_REVERSAL = 6, /* under the purchase's own id and of amount 0: a tombstone, it came first */
    ENTRY_ADVICE = 7,
    ENTRY_REFUND = 8,
    ENTRY_CONFIRMATION =
        9, /* under the reversal's id and of amount 0: somebody was told of another's row; no undo may follow */
};

/* What is special about an entry, as bits. */
enum entry_flag {
    ENTRY_FORCED = 1, /* an advice that did not fit, or whose credential could not buy: it has happened all the same */
    ENTRY_LATE = 2,   /* its own month was closed: it counts in the one it was recorded in */
    ENTRY_STAND_IN = 4, /* approved by a journal while PostgreSQL was away, recorded past the fence */
    ENTRY_PARTIAL = 8,  /* approved for less than was asked */
};

/* Where a purchase is made, given by the kind of its credential. */
enum channel { CHANNEL_CARD = 1, CHANNEL_APP = 2, CHANNEL_PORTAL = 3 };

/* The calls of the protocol, as bits of a client's rights: 1u << call. */
enum call {
    CALL_AUTHORIZE = 0,
    CALL_BALANCE = 1,
    CALL_LOOKUP = 2,
    CALL_ECHO = 3,
    CALL_CAPTURE = 4,
    CALL_VOID = 5,
    CALL_REVERSE = 6,
    CALL_REFUND = 7,
    CALL_ADVISE = 8,
    CALL_BLOCK_LIST = 9,
};
#define CALL_COUNT 10

enum client_kind { CLIENT_VALIDATOR = 1, CLIENT_APP_BACKEND = 2, CLIENT_OFFICE = 3, CLIENT_OPS = 4 };

/* What a traveller shows: a card's printed number, or the id their app was given on activation. */
enum credential_kind { CREDENTIAL_CARD = 1, CREDENTIAL_APP = 2 };

struct credential {
    enum credential_kind kind;
    union {
        uint64_t card;   /* 16 digits */
        uint8_t app[16]; /* a UUID of any version */
    };
};

/* Short printable text with a NUL: a product code ("single"), a place ("bus 4711, stop Torget"). */
#define PRODUCT_SIZE 24
#define PLACE_SIZE 64

struct product {
    char code[PRODUCT_SIZE];
};

struct place {
    char text[PLACE_SIZE];
};

enum limit_kind { LIMIT_CREDIT = 1, LIMIT_TRAVELLER = 2, LIMIT_DEPARTMENT = 3, LIMIT_ORGANISATION = 4 };

/* A counter of the month and how high it may get. */
#define LIMIT_COUNTED_ONLY INT64_C(-1) /* no budget is set: counted all the same, so that one can be set mid-month */
struct limit {
    enum limit_kind kind;
    int32_t id; /* the credit's, traveller's, department's or organisation's */
    int64_t ceiling_minor;
};

/* Credit, traveller, at most eight departments on the way up, organisation: decided in this order (DOMAIN S7). */
#define LIMITS_CAPACITY 11
#define DEPARTMENTS_CAPACITY 8

/* Whose money it is: what the directory knows of a credential. Copied out, so nobody holds a pointer into the
 * directory. */
struct account {
    enum reason standing; /* REASON_APPROVED, or why this credential may not buy now */
    enum channel channel;
    int32_t organisation;
    int32_t department; /* the paying one; 0: the organisation itself */
    int32_t traveller;
    int32_t credit;
    uint64_t moves; /* of departments, of anybody's, that the directory had taken when it said this */
    uint8_t limit_count;
    struct limit limits[LIMITS_CAPACITY]; /* the organisation's is the last */
};

/* Who pays for an entry that is on record: what its counters are found by. */
struct payer {
    int32_t organisation;
    int32_t department; /* 0: the organisation itself */
    int32_t traveller;
    int32_t credit;
};

/* What makes a repeat the same request (I3): compared as a whole, and field by field only to name the one that differs.
 * Laid out without padding; kept in Redis as these bytes and rebuilt from the records. */
struct content {
    int64_t amount_minor;
    int32_t client;
    int32_t credit;
    uint32_t product_hash;
    uint32_t place_hash;
    uint8_t kind; /* enum entry_kind */
    uint8_t reserved[7];
};

#define CONTENT_SIZE 32
_Static_assert(sizeof(struct content) == CONTENT_SIZE, "content is stored as bytes");

/* The fields of a request that a client may have changed under the same id. */
enum content_field {
    FIELD_NONE,
    FIELD_AMOUNT,
    FIELD_CLIENT,
    FIELD_CREDENTIAL,
    FIELD_PRODUCT,
    FIELD_PLACE,
    FIELD_KIND,
    FIELD_ORIGINAL, /* of a settlement */
    FIELD_FINAL,    /* of a capture */
};

/* Hashes text for a content; the same on every node, for ever. */
uint32_t content_hash(const char *text);

/* The first field in which two contents differ, FIELD_NONE when they are the same. A purchase and its advice are the
 * same kind of thing: one tap, told of twice. */
enum content_field content_difference(const struct content *one, const struct content *other);

/* "amount", "credential", …: the field's name in the protocol. */
const char *content_field_name(enum content_field field);

/* "APPROVED", "CREDIT_LIMIT", …: as in the protocol, the log and the metrics. */
const char *reason_name(enum reason reason);
const char *limit_kind_name(enum limit_kind kind);
const char *call_name(enum call call);

#endif
