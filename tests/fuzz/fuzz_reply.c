/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as a server's reply. What a client takes from them must be what it can print, and must survive being
 * sent again. */
#include "base/check.h"
#include "wire/wire.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct wire_codec *codec;
static struct buffer sent;

static void start(void) {
    if (codec != NULL)
        return;
    CHECK(calendar_set_zone("Europe/Stockholm"));
    codec = wire_codec_create();
    wire_codec_set_currency(codec, (struct currency){"SEK"});
    buffer_init(&sent, WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX);
}

static void check_answer(const struct answer *answer) {
    CHECK(answer->decision >= DECISION_APPROVED && answer->decision <= DECISION_FAILED);
    CHECK(answer->limit_count <= LIMITS_CAPACITY);
    CHECK(answer->deciding >= -1 && answer->deciding < (int)answer->limit_count);
    for (uint8_t i = 0; i < answer->limit_count; i++) {
        CHECK(answer->limits[i].limit.kind >= LIMIT_CREDIT && answer->limits[i].limit.kind <= LIMIT_ORGANISATION);
        CHECK(answer->limits[i].limit.ceiling_minor >= 0);
    }
    CHECK(reason_name(answer->reason) != NULL);
}

static void check_advices(const struct advice_answers *answers) {
    CHECK(answers->count <= ADVICES_PER_FRAME);
    for (uint32_t i = 0; i < answers->count; i++) {
        const struct advice_answer *answer = &answers->each[i];
        CHECK(answer->decision >= DECISION_APPROVED && answer->decision <= DECISION_FAILED);
        CHECK(strnlen(answer->fault.field, sizeof answer->fault.field) < sizeof answer->fault.field);
        CHECK(strnlen(answer->fault.text, sizeof answer->fault.text) < sizeof answer->fault.text);
    }
}

static void check_blocks(const struct block_page *page) {
    CHECK(page->count <= BLOCKS_PER_PAGE);
    for (uint32_t i = 0; i < page->count; i++) {
        const struct block *block = &page->blocks[i];
        CHECK(block->kind >= BLOCK_LIFTED && block->kind <= BLOCK_USED_UP);
        CHECK(block->credential.kind == CREDENTIAL_CARD || block->credential.kind == CREDENTIAL_APP);
        char time[INSTANT_TEXT_SIZE];
        instant_format(block->ends_at, time);
    }
}

static void check_texts(const struct wire_reply *reply) {
    CHECK(strnlen(reply->message, sizeof reply->message) < sizeof reply->message);
    CHECK(strnlen(reply->currency.code, sizeof reply->currency.code) < sizeof reply->currency.code);
    if (reply->kind == WIRE_REPLY_FOUND) {
        CHECK(strnlen(reply->found.entry.product.code, PRODUCT_SIZE) < PRODUCT_SIZE);
        CHECK(strnlen(reply->found.entry.place.text, PLACE_SIZE) < PLACE_SIZE);
    }
    char time[INSTANT_TEXT_SIZE];
    instant_format(reply->server_time, time);
}

static void send(const struct wire_reply *reply) {
    sent.size = 0;
    bool is_sent = false;
    switch (reply->kind) {
    case WIRE_REPLY_ANSWER:
        is_sent = wire_encode_answer(codec, &sent, reply->correlation, reply->call, &reply->id, &reply->answer,
                                     reply->server_time);
        break;
    case WIRE_REPLY_SETTLED:
        is_sent = wire_encode_answer(codec, &sent, reply->correlation, CALL_CAPTURE, &reply->id, &reply->answer,
                                     reply->server_time);
        break;
    case WIRE_REPLY_ADVICES:
        is_sent = wire_encode_advice_answers(codec, &sent, reply->correlation, reply->advices->each,
                                             reply->advices->count, reply->server_time);
        break;
    case WIRE_REPLY_BLOCKS:
        is_sent = wire_encode_blocks(codec, &sent, reply->correlation, reply->blocks, reply->server_time);
        break;
    case WIRE_REPLY_FOUND:
        is_sent = wire_encode_found(codec, &sent, reply->correlation, &reply->found, reply->server_time);
        break;
    case WIRE_REPLY_ECHO:
        is_sent = wire_encode_echo(codec, &sent, reply->correlation, &reply->echo, reply->server_time);
        break;
    case WIRE_REPLY_FAULT:
        is_sent = wire_encode_fault(codec, &sent, reply->correlation, &reply->fault, reply->server_time);
        break;
    }
    CHECK(is_sent);
}

/* The first sending drops what our server would not say; from then on nothing may change. */
static void check_round_trip(const struct wire_reply *reply) {
    static uint8_t first[WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX];
    struct wire_reply decoded;
    struct failure failure;
    send(reply);
    size_t size = sent.size;
    CHECK(size <= sizeof first);
    memcpy(first, sent.data, size);
    CHECK(wire_decode_reply(codec, bytes_of(first + WIRE_HEADER_SIZE, size - WIRE_HEADER_SIZE), &decoded, &failure));
    send(&decoded);
    CHECK(sent.size == size && memcmp(first, sent.data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    start();
    struct wire_reply reply;
    struct failure failure;
    if (!wire_decode_reply(codec, bytes_of(data, size), &reply, &failure)) {
        CHECK(failure.text[0] != '\0');
        return 0;
    }
    if (reply.kind == WIRE_REPLY_ANSWER || reply.kind == WIRE_REPLY_SETTLED)
        check_answer(&reply.answer);
    else if (reply.kind == WIRE_REPLY_ADVICES)
        check_advices(reply.advices);
    else if (reply.kind == WIRE_REPLY_BLOCKS)
        check_blocks(reply.blocks);
    check_texts(&reply);
    check_round_trip(&reply);
    return 0;
}
