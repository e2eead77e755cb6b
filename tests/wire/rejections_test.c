/* SPDX-License-Identifier: Apache-2.0 */
/* What a request may not hold, field by field, and the words that come back. */
#include "wire/samples.h"

#include "vaxel/v1/switch.pb-c.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

/* A purchase as it lies in protobuf-c's structures, to be spoilt. */
static struct {
    Vaxel__V1__RequestEnvelope envelope;
    Vaxel__V1__AuthorizeRequest authorize;
    Vaxel__V1__Credential credential;
    Vaxel__V1__Money amount;
    uint8_t id[64];
} sent;

static void start(void) {
    sample_start();
    vaxel__v1__request_envelope__init(&sent.envelope);
    vaxel__v1__authorize_request__init(&sent.authorize);
    vaxel__v1__credential__init(&sent.credential);
    vaxel__v1__money__init(&sent.amount);
    sent.envelope.correlation = SAMPLE_CORRELATION;
    sent.envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_AUTHORIZE;
    sent.envelope.authorize = &sent.authorize;
    struct request_id id = sample_id();
    memcpy(sent.id, id.bytes, sizeof id.bytes);
    sent.authorize.id = (ProtobufCBinaryData){.len = 16, .data = sent.id};
    sent.authorize.credential = &sent.credential;
    sent.credential.credential_case = VAXEL__V1__CREDENTIAL__CREDENTIAL_CARD;
    sent.credential.card = (char *)(uintptr_t) "9932543656338004";
    sent.authorize.amount = &sent.amount;
    sent.amount.minor = 13000;
    sent.amount.currency = (char *)(uintptr_t) "SEK";
    sent.authorize.product = (char *)(uintptr_t) "single";
}

TestSuite(rejections, .init = start, .fini = sample_finish);

/* What the purchase is answered with, spoilt as it is. */
static struct wire_fault fault;

static bool is_taken(void) {
    uint8_t bytes[8192];
    size_t size = vaxel__v1__request_envelope__pack(&sent.envelope, bytes);
    cr_assert(lt(sz, size, sizeof bytes));
    struct wire_request request = {0};
    memset(&fault, 0x5a, sizeof fault);
    bool is_well = wire_decode_request(codec, bytes_of(bytes, size), &request, &fault);
    cr_assert(eq(ulong, request.correlation, SAMPLE_CORRELATION));
    return is_well;
}

static void expect_rejection(enum reason reason, const char *field, const char *words) {
    char text[sizeof fault.text];
    cr_assert(not(is_taken()), "taken, but should have said: %s %s", field, words);
    snprintf(text, sizeof text, "%s %s", field, words);
    cr_assert(eq(str, fault.text, text));
    cr_assert(eq(str, fault.field, (char *)(uintptr_t)field));
    cr_assert(eq(int, fault.reason, reason));
    cr_assert(not(fault.is_broken));
}

Test(rejections, a_purchase_that_is_not_spoilt_is_taken) {
    cr_assert(is_taken(), "%s", fault.text);
}

/* ---- id ---- */

Test(rejections, an_id_must_have_16_bytes) {
    static const size_t sizes[] = {1, 15, 17, 36};
    for (size_t i = 0; i < 4; i++) {
        char words[128];
        snprintf(words, sizeof words, "has %zu bytes: send the 16 bytes of a UUIDv7, not its text", sizes[i]);
        sent.authorize.id.len = sizes[i];
        expect_rejection(REASON_INVALID_ID, "authorize.id", words);
    }
    sent.authorize.id = (ProtobufCBinaryData){0};
    expect_rejection(REASON_INVALID_ID, "authorize.id", "has 0 bytes: send the 16 bytes of a UUIDv7, not its text");
}

Test(rejections, an_id_must_be_of_version_7) {
    for (unsigned version = 0; version < 16; version++) {
        sent.id[6] = (uint8_t)(version << 4 | 2);
        if (version == 7) {
            cr_assert(is_taken());
            continue;
        }
        char words[256];
        snprintf(
            words, sizeof words,
            "is not a UUIDv7 (version %u was sent): make a new version 7 id at the moment of purchase and repeat it "
            "in every retry",
            version);
        expect_rejection(REASON_INVALID_ID, "authorize.id", words);
    }
}

Test(rejections, an_id_must_have_the_variant_of_its_standard) {
    sent.id[8] = 0xc0;
    expect_rejection(
        REASON_INVALID_ID, "authorize.id",
        "is not a UUIDv7 (its variant bits are not those of RFC 9562): make a new version 7 id at the moment "
        "of purchase and repeat it in every retry");
}

/* ---- credential ---- */

struct bad_text {
    const char *text;
    const char *words;
};

Test(rejections, a_credential_must_be_there) {
    sent.credential.credential_case = VAXEL__V1__CREDENTIAL__CREDENTIAL__NOT_SET;
    expect_rejection(REASON_UNSPECIFIED, "authorize.credential",
                     "is missing: send either card (16 digits) or app (a UUID)");
    sent.authorize.credential = NULL;
    expect_rejection(REASON_UNSPECIFIED, "authorize.credential",
                     "is missing: send either card (16 digits) or app (a UUID)");
}

static const struct bad_text bad_cards[] = {
    {"", "has 0 digits: send the 16 printed on the card"},
    {"993254365633800", "has 15 digits: send the 16 printed on the card"},
    {"99325436563380040", "has 17 digits: send the 16 printed on the card"},
    {"9932 5436 5633 8004", "holds something else than digits: send the 16 digits printed on the card, without spaces"},
    {"993254365633800x", "holds something else than digits: send the 16 digits printed on the card, without spaces"},
    {"-932543656338004", "holds something else than digits: send the 16 digits printed on the card, without spaces"},
};

Test(rejections, a_card_must_have_16_digits) {
    for (size_t i = 0; i < sizeof bad_cards / sizeof *bad_cards; i++) {
        sent.credential.card = (char *)(uintptr_t)bad_cards[i].text;
        expect_rejection(REASON_UNSPECIFIED, "authorize.credential.card", bad_cards[i].words);
    }
}

/* DOMAIN 2: the card it prints is one of them. */
Test(rejections, a_card_whose_number_fails_luhns_sum_is_left_to_the_directory) {
    sent.credential.card = (char *)(uintptr_t) "9932543656338003";
    cr_assert(is_taken(), "%s", fault.text);
}

Test(rejections, a_wrong_card_number_is_not_repeated_in_the_words) {
    for (size_t i = 0; i < sizeof bad_cards / sizeof *bad_cards; i++) {
        sent.credential.card = (char *)(uintptr_t)bad_cards[i].text;
        cr_assert(not(is_taken()));
        cr_assert(eq(ptr, strstr(fault.text, "99325"), NULL));
    }
}

Test(rejections, an_app_must_be_a_uuid_in_text) {
    static const char *const bad_apps[] = {
        "",
        "0198a1b2",
        "0198a1b2-0000-7000-8000-00000000000g",
        "0198a1b2-0000-7000-8000-0000000000001",
        "0198a1b2000070008000000000000000",
        "{0198a1b2-0000-7000-8000-00000000000}",
    };
    sent.credential.credential_case = VAXEL__V1__CREDENTIAL__CREDENTIAL_APP;
    for (size_t i = 0; i < sizeof bad_apps / sizeof *bad_apps; i++) {
        sent.credential.app = (char *)(uintptr_t)bad_apps[i];
        expect_rejection(REASON_UNSPECIFIED, "authorize.credential.app",
                         "is not a UUID: send the id the app was given on activation, as 8-4-4-4-12 hex digits");
    }
}

/* ---- amount ---- */

Test(rejections, an_amount_must_be_above_zero_and_within_what_can_be_handled) {
    sent.authorize.amount = NULL;
    expect_rejection(REASON_INVALID_AMOUNT, "authorize.amount",
                     "is missing: send minor (13000 is 130.00) and currency (\"SEK\")");
    sent.authorize.amount = &sent.amount;
    sent.amount.minor = 0;
    expect_rejection(REASON_INVALID_AMOUNT, "authorize.amount.minor",
                     "is 0: send a price above 0, in the minor unit (13000 is 130.00)");
    sent.amount.minor = INT64_MIN;
    expect_rejection(REASON_INVALID_AMOUNT, "authorize.amount.minor",
                     "is -9223372036854775808: send a price above 0, in the minor unit (13000 is 130.00)");
    sent.amount.minor = MONEY_MAX_MINOR + 1;
    expect_rejection(REASON_INVALID_AMOUNT, "authorize.amount.minor",
                     "is 10000000000000: the largest amount that can be handled is 9999999999999");
}

Test(rejections, a_currency_must_be_three_capital_letters) {
    static const char *const bad_currencies[] = {"", "SE", "SEKR", "sek", "S3K", "kr "};
    for (size_t i = 0; i < sizeof bad_currencies / sizeof *bad_currencies; i++) {
        sent.amount.currency = (char *)(uintptr_t)bad_currencies[i];
        expect_rejection(REASON_CURRENCY_MISMATCH, "authorize.amount.currency",
                         "is not a currency: send the three capital letters of ISO 4217, as in \"SEK\"");
    }
}

/* ---- text ---- */

static const struct bad_text bad_products[] = {
    {"", "is missing: send the code of what is bought, as in \"single\""},
    {"a_code_of_24_characters.", "has 24 bytes: send at most 23"},
    {"two\nlines", "holds a control character: send printable text only"},
    {"\x1b[31mred", "holds a control character: send printable text only"},
    {"delete\x7f", "holds a control character: send printable text only"},
    {"next\xc2\x85line", "holds a control character: send printable text only"},
    {"latin \xe5", "is not UTF-8: encode the text as UTF-8"},
    {"stray \x80", "is not UTF-8: encode the text as UTF-8"},
    {"overlong \xc0\xaf", "is not UTF-8: encode the text as UTF-8"},
    {"overlong \xe0\x80\xaf", "is not UTF-8: encode the text as UTF-8"},
    {"surrogate \xed\xa0\x80", "is not UTF-8: encode the text as UTF-8"},
    {"too far \xf4\x90\x80\x80", "is not UTF-8: encode the text as UTF-8"},
    {"cut \xf0\x9f\x8e", "is not UTF-8: encode the text as UTF-8"},
};

Test(rejections, a_product_must_be_short_printable_text) {
    for (size_t i = 0; i < sizeof bad_products / sizeof *bad_products; i++) {
        sent.authorize.product = (char *)(uintptr_t)bad_products[i].text;
        expect_rejection(REASON_UNSPECIFIED, "authorize.product", bad_products[i].words);
    }
}

Test(rejections, a_place_must_be_short_printable_text_or_missing) {
    char long_place[65] = {0};
    memset(long_place, 'x', 64);
    sent.authorize.place = long_place;
    expect_rejection(REASON_UNSPECIFIED, "authorize.place", "has 64 bytes: send at most 63");
    long_place[63] = '\0';
    cr_assert(is_taken(), "%s", fault.text);
    sent.authorize.place = (char *)(uintptr_t) "bus\t4711";
    expect_rejection(REASON_UNSPECIFIED, "authorize.place", "holds a control character: send printable text only");
    sent.authorize.place = (char *)(uintptr_t) "H\xc3\xa5llplats \xf0\x9f\x9a\x8c";
    cr_assert(is_taken(), "%s", fault.text);
}

/* protobuf-c's strings end at the first NUL, so the bytes are changed after packing. */
Test(rejections, a_nul_in_the_midst_of_a_text_does_not_cut_it) {
    uint8_t bytes[1024];
    sent.authorize.product = (char *)(uintptr_t) "single#extra";
    size_t size = vaxel__v1__request_envelope__pack(&sent.envelope, bytes);
    *(uint8_t *)memchr(bytes, '#', size) = '\0';
    struct wire_request request;
    cr_assert(not(wire_decode_request(codec, bytes_of(bytes, size), &request, &fault)));
    cr_assert(eq(str, fault.text, "authorize.product holds a control character: send printable text only"));
}

/* ---- the other calls ---- */

Test(rejections, fields_of_the_other_calls_are_named_by_their_own_call) {
    Vaxel__V1__BalanceRequest balance = VAXEL__V1__BALANCE_REQUEST__INIT;
    sent.envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_BALANCE;
    sent.envelope.balance = &balance;
    expect_rejection(REASON_UNSPECIFIED, "balance.credential",
                     "is missing: send either card (16 digits) or app (a UUID)");

    Vaxel__V1__LookupRequest lookup = VAXEL__V1__LOOKUP_REQUEST__INIT;
    sent.envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_LOOKUP;
    sent.envelope.lookup = &lookup;
    expect_rejection(REASON_INVALID_ID, "lookup.id", "has 0 bytes: send the 16 bytes of a UUIDv7, not its text");
    lookup.id = (ProtobufCBinaryData){.len = 16, .data = sent.id};
    cr_assert(is_taken());
    sent.credential.card = (char *)(uintptr_t) "1";
    lookup.credential = &sent.credential;
    expect_rejection(REASON_UNSPECIFIED, "lookup.credential.card", "has 1 digits: send the 16 printed on the card");

    static uint8_t payload[ECHO_MAX + 1];
    Vaxel__V1__EchoRequest echo = VAXEL__V1__ECHO_REQUEST__INIT;
    echo.payload = (ProtobufCBinaryData){.len = sizeof payload, .data = payload};
    sent.envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_ECHO;
    sent.envelope.echo = &echo;
    expect_rejection(REASON_UNSPECIFIED, "echo.payload", "has 1025 bytes: send at most 1024");
}

/* ---- holds and settlements ---- */

Test(rejections, a_time_to_hold_without_a_hold_is_rejected) {
    sent.authorize.hold_s = 900;
    expect_rejection(REASON_UNSPECIFIED, "authorize.hold_s",
                     "is 900, but this is no hold: set hold as well, or leave hold_s out");
    sent.authorize.hold = true;
    cr_assert(is_taken(), "%s", fault.text);
}

static uint8_t other_id[16];

/* An id of 16 bytes that is not the purchase's. */
static ProtobufCBinaryData own_id(void) {
    struct request_id id = sample_other_id();
    memcpy(other_id, id.bytes, sizeof other_id);
    return (ProtobufCBinaryData){.len = sizeof other_id, .data = other_id};
}

/* Spoils the ids of a settlement one after the other; `call` is how its fields begin. */
static void expect_ids_to_be_checked(const char *call, ProtobufCBinaryData *id, ProtobufCBinaryData *original) {
    char field[32];
    snprintf(field, sizeof field, "%s.id", call);
    *id = (ProtobufCBinaryData){0};
    expect_rejection(REASON_INVALID_ID, field, "has 0 bytes: send the 16 bytes of a UUIDv7, not its text");
    *id = own_id();
    if (original == NULL)
        return;
    *original = own_id();
    expect_rejection(REASON_INVALID_ID, field,
                     "is the original's: make a new version 7 id for this and repeat it in every retry");
    snprintf(field, sizeof field, "%s.original", call);
    *original = (ProtobufCBinaryData){.len = 15, .data = sent.id};
    expect_rejection(REASON_INVALID_ID, field, "has 15 bytes: send the 16 bytes of a UUIDv7, not its text");
    *original = (ProtobufCBinaryData){.len = 16, .data = sent.id};
    cr_assert(is_taken(), "%s", fault.text);
}

static void expect_credential_to_be_checked(const char *call, Vaxel__V1__Credential **credential) {
    char field[48];
    snprintf(field, sizeof field, "%s.credential.card", call);
    sent.credential.card = (char *)(uintptr_t) "1";
    *credential = &sent.credential;
    expect_rejection(REASON_UNSPECIFIED, field, "has 1 digits: send the 16 printed on the card");
    sent.credential.card = (char *)(uintptr_t) "9932543656338004";
    cr_assert(is_taken(), "%s", fault.text);
}

/* Without an amount all that is left is meant; a nought would be neither. */
static void expect_amount_to_be_checked(const char *call, Vaxel__V1__Money **amount) {
    char field[48];
    snprintf(field, sizeof field, "%s.amount.minor", call);
    *amount = &sent.amount;
    sent.amount.minor = 0;
    expect_rejection(REASON_INVALID_AMOUNT, field, "is 0: send a price above 0, in the minor unit (13000 is 130.00)");
    sent.amount.minor = 1;
    snprintf(field, sizeof field, "%s.amount.currency", call);
    sent.amount.currency = (char *)(uintptr_t) "NOK";
    expect_rejection(
        REASON_CURRENCY_MISMATCH, field,
        "is NOK, but everything here is charged in SEK: send that, or leave the amount out to mean all that is left");
    sent.amount.currency = (char *)(uintptr_t) "SEK";
    cr_assert(is_taken(), "%s", fault.text);
}

Test(rejections, a_capture_s_fields_are_checked) {
    Vaxel__V1__CaptureRequest message = VAXEL__V1__CAPTURE_REQUEST__INIT;
    sent.envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_CAPTURE;
    sent.envelope.capture = &message;
    expect_ids_to_be_checked("capture", &message.id, &message.original);
    expect_credential_to_be_checked("capture", &message.credential);
    expect_amount_to_be_checked("capture", &message.amount);
}

Test(rejections, a_void_s_fields_are_checked) {
    Vaxel__V1__VoidRequest message = VAXEL__V1__VOID_REQUEST__INIT;
    sent.envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_VOID_HOLD;
    sent.envelope.void_hold = &message;
    expect_ids_to_be_checked("void_hold", &message.id, &message.original);
    expect_credential_to_be_checked("void_hold", &message.credential);
}

Test(rejections, a_refund_s_fields_are_checked) {
    Vaxel__V1__RefundRequest message = VAXEL__V1__REFUND_REQUEST__INIT;
    sent.envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_REFUND;
    sent.envelope.refund = &message;
    expect_ids_to_be_checked("refund", &message.id, &message.original);
    expect_credential_to_be_checked("refund", &message.credential);
    expect_amount_to_be_checked("refund", &message.amount);
}

Test(rejections, a_reversal_must_say_with_what_was_paid) {
    Vaxel__V1__ReverseRequest message = VAXEL__V1__REVERSE_REQUEST__INIT;
    sent.envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_REVERSE;
    sent.envelope.reverse = &message;
    expect_ids_to_be_checked("reverse", &message.id, NULL);
    expect_rejection(REASON_UNSPECIFIED, "reverse.credential",
                     "is missing: send either card (16 digits) or app (a UUID)");
    expect_credential_to_be_checked("reverse", &message.credential);
}

Test(rejections, a_question_for_the_block_list_is_checked) {
    Vaxel__V1__BlockListRequest message = VAXEL__V1__BLOCK_LIST_REQUEST__INIT;
    sent.envelope.request_case = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_BLOCK_LIST;
    sent.envelope.block_list = &message;
    message.since = -1;
    expect_rejection(REASON_UNSPECIFIED, "block_list.since",
                     "is -1: send the `last` of the page before, or 0 to begin");
    message.since = 0;
    message.limit = 513;
    expect_rejection(REASON_UNSPECIFIED, "block_list.limit", "is 513: a page has at most 512 entries, ask on then");
    message.limit = 512;
    cr_assert(is_taken(), "%s", fault.text);
}
