/* SPDX-License-Identifier: Apache-2.0 */
#include "load/template.h"

#include "base/check.h"
#include "wire/wire.h"

#include <string.h>

#define CORRELATION_SIZE 5
#define CARD_DIGITS 16

/* Of no meaning, but found nowhere else in a frame. */
#define MARK_CORRELATION (CORRELATION_BASE | UINT64_C(0x2a5a5a5a5))
#define MARK_CARD UINT64_C(9876543210123456)

/* Protobuf's number of seven bits a byte; five bytes for any correlation from CORRELATION_BASE to twice that. */
static void write_correlation(uint8_t *at, uint64_t correlation) {
    for (int i = 0; i < CORRELATION_SIZE - 1; i++) {
        at[i] = (uint8_t)(correlation >> 7 * i) | 0x80;
    }
    at[CORRELATION_SIZE - 1] = (uint8_t)(correlation >> 7 * (CORRELATION_SIZE - 1));
}

static void write_card(uint8_t *at, uint64_t card) {
    for (int i = CARD_DIGITS - 1; i >= 0; i--) {
        at[i] = (uint8_t)('0' + card % 10);
        card /= 10;
    }
}

/* Where the mark stands; there must be exactly one. */
static size_t template_find(const struct template *template, const void *mark, size_t size) {
    const uint8_t *at = memmem(template->bytes, template->size, mark, size);
    CHECK(at != NULL);
    size_t index = (size_t)(at - template->bytes);
    CHECK(memmem(at + 1, template->size - index - 1, mark, size) == NULL);
    return index;
}

bool template_make(struct template *template, const struct load_options *options, struct failure *failure) {
    static const uint8_t random[10] = {0xd1, 0x6e, 0x25, 0xa7, 0x93, 0x4c, 0xf8, 0x0b, 0x7e, 0x39};
    struct wire_request request = {.correlation = MARK_CORRELATION, .call = CALL_AUTHORIZE};
    request.authorize.id = request_id_make(instant_now(), random);
    request.authorize.credential = (struct credential){.kind = CREDENTIAL_CARD, .card = MARK_CARD};
    request.authorize.amount = (struct money){.minor = options->amount_minor, .currency = options->currency};
    request.authorize.product = options->product;
    request.authorize.place = options->place;
    request.authorize.timeout_us = options->timeout_us;
    struct wire_codec *codec = wire_codec_create();
    struct buffer frame = {.data = template->bytes, .capacity = TEMPLATE_CAPACITY};
    bool is_encoded = wire_encode_request(codec, &frame, &request);
    wire_codec_destroy(codec);
    if (!is_encoded) {
        return failure_set(failure, "a purchase of this product at this place makes no frame");
    }
    template->size = frame.size;
    uint8_t correlation[CORRELATION_SIZE];
    uint8_t card[CARD_DIGITS];
    write_correlation(correlation, MARK_CORRELATION);
    write_card(card, MARK_CARD);
    template->correlation_at = template_find(template, correlation, sizeof(correlation));
    template->card_at = template_find(template, card, sizeof(card));
    template->id_at = template_find(template, request.authorize.id.bytes, REQUEST_ID_SIZE);
    return true;
}

struct bytes template_fill(struct template *template, uint64_t correlation, const struct request_id *id,
                           uint64_t card) {
    CHECK(correlation >= CORRELATION_BASE && correlation < 2 * CORRELATION_BASE);
    write_correlation(template->bytes + template->correlation_at, correlation);
    write_card(template->bytes + template->card_at, card);
    memcpy(template->bytes + template->id_at, id->bytes, REQUEST_ID_SIZE);
    return bytes_of(template->bytes, template->size);
}
