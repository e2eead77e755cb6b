/* SPDX-License-Identifier: Apache-2.0 */
/* What reading a purchase and writing its answer cost, on one core: wire_bench [purchases]. */
#include "base/check.h"
#include "wire/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t cpu_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void write_purchase(struct wire_codec *codec, struct buffer *frame) {
    static const uint8_t random[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    struct wire_request request = {.correlation = 4711, .call = CALL_AUTHORIZE};
    request.authorize = (struct authorize){
        .id = request_id_make((struct instant){1795246200000000}, random),
        .credential = {.kind = CREDENTIAL_CARD, .card = 9932543656338003},
        .amount = {13000, {"SEK"}},
        .product = {"single"},
        .place = {"line 45, bus 4711"},
        .timeout_us = 400000,
    };
    CHECK(wire_encode_request(codec, frame, &request));
}

static struct answer approval(void) {
    static const enum limit_kind kinds[] = {LIMIT_CREDIT, LIMIT_TRAVELLER, LIMIT_DEPARTMENT, LIMIT_ORGANISATION};
    static const int64_t ceilings[] = {100000, 600000, LIMIT_COUNTED_ONLY, 2000000};
    struct answer answer = {
        .decision = DECISION_APPROVED,
        .reason = REASON_APPROVED,
        .amount_minor = 13000,
        .safety = SAFETY_COMMITTED,
        .deciding = -1,
        .renews_at = {1796079600000000},
        .limit_count = 4,
    };
    for (int i = 0; i < 4; i++)
        answer.limits[i] = (struct standing_of_limit){.limit = {kinds[i], 100 + i, ceilings[i]}, .spent_minor = 13000};
    return answer;
}

static struct bytes take_envelope(struct bytes received) {
    static struct wire_reader reader;
    struct bytes envelope;
    struct failure failure;
    CHECK(wire_next_frame(&reader, &received, &envelope, &failure) == WIRE_FRAME);
    return envelope;
}

int main(int argc, char **argv) {
    long purchases = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
    CHECK(calendar_set_zone("Europe/Stockholm"));
    struct wire_codec *codec = wire_codec_create();
    wire_codec_set_currency(codec, (struct currency){"SEK"});
    struct buffer in;
    struct buffer out;
    buffer_init(&in, WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX);
    buffer_init(&out, WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX);
    write_purchase(codec, &in);
    struct answer answer = approval();

    static struct wire_request request;
    struct wire_fault fault;
    int64_t started_ns = cpu_ns();
    for (long i = 0; i < purchases; i++)
        CHECK(wire_decode_request(codec, take_envelope(buffer_bytes(&in)), &request, &fault));
    int64_t decoded_ns = cpu_ns();
    for (long i = 0; i < purchases; i++) {
        out.size = 0;
        CHECK(wire_encode_answer(codec, &out, request.correlation, CALL_AUTHORIZE, &request.authorize.id, &answer,
                                 (struct instant){1795246200001000 + i}));
    }
    int64_t encoded_ns = cpu_ns();
    printf("decode %" PRId64 " ns, encode %" PRId64 " ns; request %zu bytes, answer %zu bytes\n",
           (decoded_ns - started_ns) / purchases, (encoded_ns - decoded_ns) / purchases, in.size, out.size);
    buffer_finish(&in);
    buffer_finish(&out);
    wire_codec_destroy(codec);
    return 0;
}
