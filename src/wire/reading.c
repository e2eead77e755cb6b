/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/reading.h"

#include "base/check.h"
#include "wire/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define APP_TEXT_SIZE 36
#define CARD_DIGITS 16

bool reading_reject(const struct reading *reading, enum reason reason, const char *field, const char *words, ...) {
    struct wire_fault *fault = reading->fault;
    fault->is_broken = false;
    fault->reason = reason;
    snprintf(fault->field, sizeof fault->field, "%s%s%s", reading->call,
             *reading->call != '\0' && *field != '\0' ? "." : "", field);
    int size = snprintf(fault->text, sizeof fault->text, "%s ", fault->field);
    va_list arguments;
    va_start(arguments, words);
    vsnprintf(fault->text + size, sizeof fault->text - (size_t)size, words, arguments);
    va_end(arguments);
    return false;
}

bool reading_take_id(const struct reading *reading, const char *field, ProtobufCBinaryData bytes,
                     struct request_id *id) {
    if (bytes.len != REQUEST_ID_SIZE)
        return reading_reject(reading, REASON_INVALID_ID, field,
                              "has %zu bytes: send the 16 bytes of a UUIDv7, not its text", bytes.len);
    memcpy(id->bytes, bytes.data, REQUEST_ID_SIZE);
    if (request_id_is_v7(id))
        return true;
    unsigned version = id->bytes[6] >> 4;
    if (version == 7)
        return reading_reject(
            reading, REASON_INVALID_ID, field,
            "is not a UUIDv7 (its variant bits are not those of RFC 9562): make a new version 7 id at "
            "the moment of purchase and repeat it in every retry");
    return reading_reject(
        reading, REASON_INVALID_ID, field,
        "is not a UUIDv7 (version %u was sent): make a new version 7 id at the moment of purchase and "
        "repeat it in every retry",
        version);
}

/* Whether Luhn's sum holds is not asked: the example of DOMAIN 2, taken from a real card, does not fulfil it. A number
 * that nobody has is an unknown credential. */
static bool take_card(const struct reading *reading, struct bytes text, struct credential *credential) {
    static const char field[] = "credential.card";
    size_t digits = 0;
    credential->kind = CREDENTIAL_CARD;
    credential->card = 0;
    for (; digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9'; digits++)
        credential->card = credential->card * 10 + (uint64_t)(text.data[digits] - '0');
    if (digits != text.size)
        return reading_reject(
            reading, REASON_UNSPECIFIED, field,
            "holds something else than digits: send the 16 digits printed on the card, without spaces");
    if (digits != CARD_DIGITS)
        return reading_reject(reading, REASON_UNSPECIFIED, field, "has %zu digits: send the 16 printed on the card",
                              digits);
    return true;
}

static bool take_app(const struct reading *reading, struct bytes text, struct credential *credential) {
    struct request_id id;
    if (text.size != APP_TEXT_SIZE || !request_id_parse((const char *)text.data, &id))
        return reading_reject(reading, REASON_UNSPECIFIED, "credential.app",
                              "is not a UUID: send the id the app was given on activation, as 8-4-4-4-12 hex digits");
    credential->kind = CREDENTIAL_APP;
    memcpy(credential->app, id.bytes, sizeof credential->app);
    return true;
}

bool reading_take_credential(const struct reading *reading, const Vaxel__V1__Credential *message,
                             struct credential *credential) {
    if (message != NULL) {
        switch (message->credential_case) {
        case VAXEL__V1__CREDENTIAL__CREDENTIAL_CARD:
            return take_card(reading, codec_string(reading->codec, message->card), credential);
        case VAXEL__V1__CREDENTIAL__CREDENTIAL_APP:
            return take_app(reading, codec_string(reading->codec, message->app), credential);
        case VAXEL__V1__CREDENTIAL__CREDENTIAL__NOT_SET:
        case _VAXEL__V1__CREDENTIAL__CREDENTIAL__CASE_IS_INT_SIZE:
            break;
        }
    }
    return reading_reject(reading, REASON_UNSPECIFIED, "credential",
                          "is missing: send either card (16 digits) or app (a UUID)");
}

static bool is_currency_code(struct bytes text) {
    if (text.size != 3)
        return false;
    for (size_t i = 0; i < 3; i++)
        if (text.data[i] < 'A' || text.data[i] > 'Z')
            return false;
    return true;
}

bool reading_take_amount(const struct reading *reading, const Vaxel__V1__Money *message, struct money *amount) {
    if (message == NULL)
        return reading_reject(reading, REASON_INVALID_AMOUNT, "amount",
                              "is missing: send minor (13000 is 130.00) and currency (\"SEK\")");
    if (message->minor <= 0)
        return reading_reject(reading, REASON_INVALID_AMOUNT, "amount.minor",
                              "is %lld: send a price above 0, in the minor unit (13000 is 130.00)",
                              (long long)message->minor);
    if (message->minor > MONEY_MAX_MINOR)
        return reading_reject(reading, REASON_INVALID_AMOUNT, "amount.minor",
                              "is %lld: the largest amount that can be handled is %lld", (long long)message->minor,
                              (long long)MONEY_MAX_MINOR);
    struct bytes currency = codec_string(reading->codec, message->currency);
    if (!is_currency_code(currency))
        return reading_reject(reading, REASON_CURRENCY_MISMATCH, "amount.currency",
                              "is not a currency: send the three capital letters of ISO 4217, as in \"SEK\"");
    amount->minor = message->minor;
    memcpy(amount->currency.code, currency.data, 3);
    amount->currency.code[3] = '\0';
    return true;
}

bool reading_take_part(const struct reading *reading, const Vaxel__V1__Money *message, struct money *amount) {
    *amount = (struct money){0};
    if (message == NULL)
        return true;
    if (!reading_take_amount(reading, message, amount))
        return false;
    const char *charged = reading->codec->currency.code;
    if (charged[0] == '\0' || memcmp(charged, amount->currency.code, 3) == 0)
        return true;
    return reading_reject(reading, REASON_CURRENCY_MISMATCH, "amount.currency",
                          "is %s, but everything here is charged in %s: send that, or leave the amount out to mean all "
                          "that is left",
                          amount->currency.code, charged);
}

/* Takes printable text of at most `capacity` - 1 bytes. */
static bool take_text(const struct reading *reading, const char *field, const char *message, char *text,
                      size_t capacity) {
    struct bytes bytes = codec_string(reading->codec, message);
    if (bytes.size >= capacity)
        return reading_reject(reading, REASON_UNSPECIFIED, field, "has %zu bytes: send at most %zu", bytes.size,
                              capacity - 1);
    switch (text_examine(bytes)) {
    case TEXT_NOT_UTF8:
        return reading_reject(reading, REASON_UNSPECIFIED, field, "is not UTF-8: encode the text as UTF-8");
    case TEXT_HAS_CONTROL:
        return reading_reject(reading, REASON_UNSPECIFIED, field,
                              "holds a control character: send printable text only");
    case TEXT_SOUND:
        break;
    }
    memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    return true;
}

bool reading_take_product(const struct reading *reading, const char *text, struct product *product) {
    if (codec_string(reading->codec, text).size == 0)
        return reading_reject(reading, REASON_UNSPECIFIED, "product",
                              "is missing: send the code of what is bought, as in \"single\"");
    return take_text(reading, "product", text, product->code, sizeof product->code);
}

bool reading_take_place(const struct reading *reading, const char *text, struct place *place) {
    return take_text(reading, "place", text, place->text, sizeof place->text);
}

bool reading_take_payload(const struct reading *reading, ProtobufCBinaryData bytes, struct echo *echo) {
    if (bytes.len > ECHO_MAX)
        return reading_reject(reading, REASON_UNSPECIFIED, "payload", "has %zu bytes: send at most %d", bytes.len,
                              ECHO_MAX);
    if (bytes.len > 0)
        memcpy(echo->payload, bytes.data, bytes.len);
    echo->size = bytes.len;
    return true;
}
