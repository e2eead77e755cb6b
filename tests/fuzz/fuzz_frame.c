/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in arbitrary tears through frames and requests. The first byte seeds the tears. What is taken must be what the
 * core relies on, and must survive being sent again. */
#include "base/check.h"
#include "wire/wire.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct wire_codec *codec;
static struct buffer again;

static void start(void) {
    if (codec != NULL)
        return;
    CHECK(calendar_set_zone("Europe/Stockholm"));
    codec = wire_codec_create();
    buffer_init(&again, WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX);
}

static void check_credential(const struct credential *credential) {
    CHECK(credential->kind == CREDENTIAL_CARD || credential->kind == CREDENTIAL_APP);
    CHECK(credential->kind == CREDENTIAL_APP || credential->card < UINT64_C(10000000000000000));
}

static void check_amount(const struct money *amount) {
    CHECK(amount->minor > 0 && amount->minor <= MONEY_MAX_MINOR);
    CHECK(strlen(amount->currency.code) == 3);
}

static void check_wares(const struct product *product, const struct place *place) {
    CHECK(product->code[0] != '\0' && strnlen(product->code, PRODUCT_SIZE) < PRODUCT_SIZE);
    CHECK(strnlen(place->text, PLACE_SIZE) < PLACE_SIZE);
}

static void check_settle(const struct settle *settle, enum entry_kind kind) {
    CHECK(settle->kind == kind && request_id_is_v7(&settle->id) && request_id_is_v7(&settle->original));
    CHECK(request_id_equal(&settle->id, &settle->original) == (kind == ENTRY_REVERSAL));
    CHECK(settle->has_credential || kind != ENTRY_REVERSAL);
    if (settle->has_credential)
        check_credential(&settle->credential);
    CHECK(settle->amount_minor >= 0 && settle->amount_minor <= MONEY_MAX_MINOR);
    CHECK(settle->timeout_us >= 0 && !settle->is_any_clients);
}

static void check_advices(const struct advices *advices) {
    CHECK(advices->count > 0 && advices->count <= ADVICES_PER_FRAME);
    for (uint32_t i = 0; i < advices->count; i++) {
        const struct advise *advise = &advices->each[i];
        const struct advice_fault *fault = &advices->faults[i];
        CHECK(strnlen(fault->field, sizeof fault->field) < sizeof fault->field);
        CHECK(strnlen(fault->text, sizeof fault->text) < sizeof fault->text);
        CHECK((fault->field[0] == '\0') == (fault->text[0] == '\0'));
        if (fault->field[0] != '\0')
            continue;
        CHECK(request_id_is_v7(&advise->id));
        check_credential(&advise->credential);
        check_amount(&advise->amount);
        check_wares(&advise->product, &advise->place);
        CHECK(advise->timeout_us >= 0);
    }
}

static void check_request(const struct wire_request *request) {
    switch (request->call) {
    case CALL_AUTHORIZE: {
        const struct authorize *authorize = &request->authorize;
        CHECK(request_id_is_v7(&authorize->id));
        check_credential(&authorize->credential);
        check_amount(&authorize->amount);
        check_wares(&authorize->product, &authorize->place);
        CHECK(authorize->timeout_us >= 0 && authorize->hold_us >= 0);
        CHECK(authorize->is_hold || authorize->hold_us == 0);
        break;
    }
    case CALL_BALANCE:
        check_credential(&request->balance.credential);
        CHECK(request->balance.timeout_us >= 0);
        break;
    case CALL_LOOKUP:
        CHECK(request_id_is_v7(&request->lookup.id));
        if (request->lookup.has_credential)
            check_credential(&request->lookup.credential);
        break;
    case CALL_ECHO:
        CHECK(request->echo.size <= ECHO_MAX);
        break;
    case CALL_CAPTURE:
        check_settle(&request->settle, ENTRY_CAPTURE);
        break;
    case CALL_VOID:
        check_settle(&request->settle, ENTRY_VOID);
        break;
    case CALL_REVERSE:
        check_settle(&request->settle, ENTRY_REVERSAL);
        break;
    case CALL_REFUND:
        check_settle(&request->settle, ENTRY_REFUND);
        break;
    case CALL_ADVISE:
        check_advices(request->advices);
        break;
    case CALL_BLOCK_LIST:
        CHECK(request->block_list.since >= 0);
        CHECK(request->block_list.limit >= 1 && request->block_list.limit <= BLOCKS_PER_PAGE);
        break;
    }
}

/* Sends the request again; what comes of that must be the same bytes. */
static void check_round_trip(const struct wire_request *request) {
    static uint8_t first[WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX];
    struct wire_request decoded;
    struct wire_fault fault;
    again.size = 0;
    /* Faulty advices are sent with all their fields, also those they came without: that may be too much. */
    if (!wire_encode_request(codec, &again, request)) {
        CHECK(request->call == CALL_ADVISE);
        return;
    }
    size_t size = again.size;
    CHECK(size <= sizeof first);
    memcpy(first, again.data, size);
    CHECK(wire_decode_request(codec, bytes_of(first + WIRE_HEADER_SIZE, size - WIRE_HEADER_SIZE), &decoded, &fault));
    again.size = 0;
    CHECK(wire_encode_request(codec, &again, &decoded));
    CHECK(again.size == size && memcmp(first, again.data, size) == 0);
}

static bool take_envelope(struct bytes envelope) {
    struct wire_request request;
    struct wire_fault fault;
    if (wire_decode_request(codec, envelope, &request, &fault)) {
        check_request(&request);
        check_round_trip(&request);
        return true;
    }
    CHECK(strnlen(fault.text, sizeof fault.text) < sizeof fault.text && fault.text[0] != '\0');
    CHECK(strnlen(fault.field, sizeof fault.field) < sizeof fault.field && fault.field[0] != '\0');
    again.size = 0;
    CHECK(wire_encode_fault(codec, &again, request.correlation, &fault, (struct instant){0}));
    return !fault.is_broken;
}

/* Copied to memory of its own size, so that a byte read past its end is noticed. */
static bool take_piece(struct wire_reader *reader, const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size);
    CHECK(copy != NULL);
    memcpy(copy, data, size);
    struct bytes piece = bytes_of(copy, size);
    struct bytes envelope;
    struct failure failure;
    enum wire_next next;
    bool is_well = true;
    while (is_well && (next = wire_next_frame(reader, &piece, &envelope, &failure)) != WIRE_MORE)
        is_well = next == WIRE_FRAME && take_envelope(envelope);
    free(copy);
    return is_well;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    start();
    if (size == 0)
        return 0;
    uint32_t tear = data[0];
    struct wire_reader reader = {0};
    for (size_t at = 1; at < size;) {
        tear = tear * 1664525 + 1013904223;
        size_t piece = data[0] == 0 ? size - at : 1 + (tear >> 24) % 61;
        piece = piece < size - at ? piece : size - at;
        if (!take_piece(&reader, data + at, piece))
            break;
        at += piece;
    }
    wire_reader_finish(&reader);
    return 0;
}
