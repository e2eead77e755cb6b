/* SPDX-License-Identifier: Apache-2.0 */
/* A bare message, as gRPC hands it over: to health, to reflection, and, by its first byte, to a call of the switch.
 * What is answered must fit, and an envelope made around it must be the message still. */
#include "base/check.h"
#include "wire/services.h"

#include <stdlib.h>
#include <string.h>

static struct wire_codec *codec;
static struct buffer answer;

static void start(void) {
    if (codec != NULL)
        return;
    CHECK(calendar_set_zone("Europe/Stockholm"));
    codec = wire_codec_create();
    buffer_init(&answer, SERVICES_ANSWER_MAX);
}

static void take_call(enum call call, const uint8_t *data, size_t size) {
    uint8_t *memory = malloc(WIRE_WRAP_SIZE + size);
    CHECK(memory != NULL);
    memcpy(memory + WIRE_WRAP_SIZE, data, size);
    struct bytes envelope = wire_wrap_request(call, memory + WIRE_WRAP_SIZE, size);
    CHECK(envelope.size > size && envelope.size <= size + WIRE_WRAP_SIZE);
    CHECK(memcmp(envelope.data + envelope.size - size, data, size) == 0);
    struct wire_request request = {0};
    struct wire_fault fault = {0};
    if (wire_decode_request(codec, envelope, &request, &fault)) {
        CHECK(request.call == call && request.correlation == 0);
        wire_shorten_timeout(codec, &request, 1);
    } else {
        CHECK(fault.text[0] != '\0');
    }
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool is_known;
    start();
    if (size == 0 || size > WIRE_ENVELOPE_MAX)
        return 0;
    struct bytes message = bytes_of(data + 1, size - 1);
    (void)services_read_health(codec, message, &is_known);
    answer.size = 0;
    if (services_reflect(codec, message, &answer))
        CHECK(answer.size > 0);
    take_call((enum call)(data[0] % CALL_COUNT), message.data, message.size);
    return 0;
}
