/* SPDX-License-Identifier: Apache-2.0 */
/* Messages without an envelope, as gRPC carries them: an envelope is one field around the message, so a few bytes in
 * front make the one of the other. */
#include "base/check.h"
#include "wire/codec.h"
#include "wire/scan.h"

#include "vaxel/v1/switch.pb-c.h"

#include <string.h>

#define LENGTH_DELIMITED 2
/* A tag, and a size of at most 21 bits. */
#define WRAP_MAX 4
_Static_assert(WRAP_MAX <= WIRE_WRAP_SIZE && WIRE_ENVELOPE_MAX < 1 << 21, "the bytes in front suffice");

static const uint8_t fields[CALL_COUNT] = {
    [CALL_AUTHORIZE] = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_AUTHORIZE,
    [CALL_BALANCE] = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_BALANCE,
    [CALL_LOOKUP] = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_LOOKUP,
    [CALL_ECHO] = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_ECHO,
    [CALL_CAPTURE] = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_CAPTURE,
    [CALL_VOID] = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_VOID_HOLD,
    [CALL_REVERSE] = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_REVERSE,
    [CALL_REFUND] = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_REFUND,
    [CALL_ADVISE] = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_ADVISE,
    [CALL_BLOCK_LIST] = VAXEL__V1__REQUEST_ENVELOPE__REQUEST_BLOCK_LIST,
};

struct bytes wire_wrap_request(enum call call, uint8_t *message, size_t size) {
    CHECK((unsigned)call < CALL_COUNT && size <= WIRE_ENVELOPE_MAX);
    uint8_t wrap[WRAP_MAX];
    size_t count = 0;
    wrap[count++] = (uint8_t)(fields[call] << 3 | LENGTH_DELIMITED);
    size_t left = size;
    for (; left >= 0x80; left >>= 7)
        wrap[count++] = (uint8_t)(left | 0x80);
    wrap[count++] = (uint8_t)left;
    memcpy(message - count, wrap, count);
    return bytes_of(message - count, count + size);
}

static void shorten(int64_t *own_us, int64_t timeout_us) {
    if (*own_us == 0 || *own_us > timeout_us)
        *own_us = timeout_us;
}

void wire_shorten_timeout(struct wire_codec *codec, struct wire_request *request, int64_t timeout_us) {
    CHECK(timeout_us > 0);
    switch (request->call) {
    case CALL_AUTHORIZE:
        shorten(&request->authorize.timeout_us, timeout_us);
        break;
    case CALL_BALANCE:
        shorten(&request->balance.timeout_us, timeout_us);
        break;
    case CALL_CAPTURE:
    case CALL_VOID:
    case CALL_REVERSE:
    case CALL_REFUND:
        shorten(&request->settle.timeout_us, timeout_us);
        break;
    case CALL_ADVISE:
        CHECK(request->advices == &codec->advices);
        for (uint32_t i = 0; i < codec->advices.count; i++)
            shorten(&codec->advices.each[i].timeout_us, timeout_us);
        break;
    case CALL_LOOKUP:
    case CALL_ECHO:
    case CALL_BLOCK_LIST:
        break; /* these have none */
    }
}

struct bytes wire_bare_message(struct bytes frame) {
    CHECK(frame.size > WIRE_HEADER_SIZE);
    struct bytes envelope = bytes_of(frame.data + WIRE_HEADER_SIZE, frame.size - WIRE_HEADER_SIZE);
    struct scan_field field;
    do
        CHECK(scan_next(&envelope, &field));
    while (field.kind != SCAN_BYTES);
    return field.bytes;
}
