/* SPDX-License-Identifier: Apache-2.0 */
/* Purchases over gRPC, closed loop: each connection keeps so many calls under way, over TLS, by nghttp2 as a client on
 * our own ring, one card of the generated company after the other.
 *
 *   grpc_bench ADDRESS AUTHORITY CERTIFICATE KEY CONNECTIONS CALLS SECONDS WARM_UP_MS ORGANISATIONS TRAVELLERS
 *
 * Prints one JSON object. */
#include "base/card.h"
#include "base/check.h"
#include "base/histogram.h"
#include "net/net.h"
#include "wire/wire.h"

#include <nghttp2/nghttp2.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CALLS_MAX 256
#define ANSWER_MAX 1024
#define PREFIX_SIZE 5
#define SECOND_US INT64_C(1000000)
#define LAST_ANSWERS_US (5 * SECOND_US)

struct flight {
    struct link *link;
    struct flight *next_free;
    struct tick begun;
    uint8_t body[PREFIX_SIZE + 512];
    size_t size;
    size_t sent;
    uint8_t answer[ANSWER_MAX];
    size_t answer_size;
    bool is_well; /* grpc-status 0 */
};

struct link {
    struct net_stream *stream;
    nghttp2_session *session;
    struct flight *free;
    struct flight calls[CALLS_MAX];
};

static struct {
    struct net *net;
    struct wire_codec *codec;
    struct buffer frame;
    uint32_t calls;
    uint32_t organisations;
    uint32_t travellers;
    uint32_t up;
    uint64_t next;
    uint64_t under_way;
    bool is_over;
    struct tick measured_from;
    struct tick measured_until;
    uint64_t approved_in_all;
    uint64_t others;
    uint64_t answered; /* in the measured time */
    struct histogram latencies;
} bench;

static void fail(const char *text) {
    fprintf(stderr, "grpc_bench: %s\n", text);
    exit(1);
}

/* ---- a purchase ---- */

static struct request_id new_id(void) {
    uint8_t random[10];
    CHECK(getrandom(random, sizeof random, 0) == sizeof random);
    return request_id_make(instant_now(), random);
}

/* As sql/generate.sql numbers them; a prime's step takes one organisation after the other. */
static uint64_t next_card(void) {
    uint64_t credits = (uint64_t)bench.organisations * bench.travellers;
    return card_complete(UINT64_C(900000000000000) + bench.next++ * 7919 % credits);
}

static void write_purchase(struct flight *flight) {
    struct wire_request request = {.call = CALL_AUTHORIZE, .is_intended = true};
    struct authorize *asked = &request.authorize;
    asked->id = new_id();
    asked->credential = (struct credential){.kind = CREDENTIAL_CARD, .card = next_card()};
    asked->amount = (struct money){.minor = 1, .currency = {"SEK"}};
    strcpy(asked->product.code, "single");
    strcpy(asked->place.text, "line 45, bus 4711");
    asked->timeout_us = 5 * SECOND_US;
    bench.frame.size = 0;
    CHECK(wire_encode_request(bench.codec, &bench.frame, &request));
    struct bytes message = wire_bare_message(buffer_bytes(&bench.frame));
    CHECK(message.size + PREFIX_SIZE <= sizeof flight->body);
    memset(flight->body, 0, PREFIX_SIZE);
    flight->body[3] = (uint8_t)(message.size >> 8);
    flight->body[4] = (uint8_t)message.size;
    memcpy(flight->body + PREFIX_SIZE, message.data, message.size);
    flight->size = PREFIX_SIZE + message.size;
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *into, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *user) {
    (void)session, (void)id, (void)user;
    struct flight *flight = source->ptr;
    size_t size = flight->size - flight->sent < room ? flight->size - flight->sent : room;
    memcpy(into, flight->body + flight->sent, size);
    flight->sent += size;
    if (flight->sent == flight->size)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)size;
}

#define FIELD(name, value)                                                                                             \
    {                                                                                                                  \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1, sizeof(value) - 1,              \
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE                                               \
    }

static void begin(struct flight *flight) {
    static const nghttp2_nv fields[] = {
        FIELD(":method", "POST"),         FIELD(":scheme", "https"), FIELD(":path", "/vaxel.v1.Switch/Authorize"),
        FIELD(":authority", "localhost"), FIELD("te", "trailers"),   FIELD("content-type", "application/grpc"),
        FIELD("grpc-timeout", "5S"),
    };
    write_purchase(flight);
    flight->sent = 0;
    flight->answer_size = 0;
    flight->is_well = false;
    flight->begun = tick_now();
    const nghttp2_data_provider body = {.source = {.ptr = flight}, .read_callback = read_body};
    if (nghttp2_submit_request(flight->link->session, NULL, fields, sizeof fields / sizeof *fields, &body, flight) < 0)
        fail("a call could not be begun");
    bench.under_way++;
}

/* ---- an answer ---- */

static void count(const struct flight *flight) {
    static uint8_t envelope[WIRE_HEADER_SIZE + ANSWER_MAX];
    struct wire_reply reply;
    struct failure failure;
    struct tick now = tick_now();
    size_t size = flight->answer_size - PREFIX_SIZE;
    /* An envelope of field 2, the answer of Authorize. */
    const uint8_t head[] = {2 << 3 | 2, (uint8_t)(size | 0x80), (uint8_t)(size >> 7)};
    bool is_answer = flight->is_well && flight->answer_size > PREFIX_SIZE;
    if (is_answer) {
        memcpy(envelope, head, sizeof head);
        memcpy(envelope + sizeof head, flight->answer + PREFIX_SIZE, size);
        is_answer = wire_decode_reply(bench.codec, bytes_of(envelope, sizeof head + size), &reply, &failure);
    }
    if (!is_answer || reply.answer.decision != DECISION_APPROVED) {
        bench.others++;
        return;
    }
    bench.approved_in_all++;
    if (now.us >= bench.measured_from.us && now.us < bench.measured_until.us) {
        bench.answered++;
        histogram_record(&bench.latencies, now.us - flight->begun.us);
    }
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                     const uint8_t *value, size_t value_size, uint8_t flags, void *user) {
    (void)flags, (void)user;
    struct flight *flight = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (flight != NULL && name_size == 11 && memcmp(name, "grpc-status", 11) == 0)
        flight->is_well = value_size == 1 && *value == '0';
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t size, void *user) {
    (void)flags, (void)user;
    struct flight *flight = nghttp2_session_get_stream_user_data(session, id);
    if (flight == NULL || flight->answer_size + size > ANSWER_MAX)
        fail("an answer is too large");
    memcpy(flight->answer + flight->answer_size, data, size);
    flight->answer_size += size;
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user) {
    (void)error, (void)user;
    struct flight *flight = nghttp2_session_get_stream_user_data(session, id);
    count(flight);
    bench.under_way--;
    flight->next_free = flight->link->free;
    flight->link->free = flight;
    return 0;
}

/* ---- a connection ---- */

static void flush(struct link *link) {
    const uint8_t *bytes;
    ssize_t size;
    while (link->free != NULL && !bench.is_over) {
        struct flight *flight = link->free;
        link->free = flight->next_free;
        begin(flight);
    }
    while ((size = nghttp2_session_mem_send(link->session, &bytes)) > 0)
        net_send(link->stream, bytes_of(bytes, (size_t)size));
    if (size < 0)
        fail("HTTP/2 could not go on");
}

static bool on_open(void *owner, struct net_stream *stream) {
    (void)stream;
    struct link *link = owner;
    bench.up++;
    for (uint32_t i = 0; i < bench.calls; i++) {
        link->calls[i].link = link;
        link->calls[i].next_free = link->free;
        link->free = &link->calls[i];
    }
    nghttp2_submit_settings(link->session, NGHTTP2_FLAG_NONE, NULL, 0);
    nghttp2_session_set_local_window_size(link->session, NGHTTP2_FLAG_NONE, 0, 1 << 20);
    flush(link);
    return true;
}

static bool on_bytes(void *owner, struct net_stream *stream, struct bytes received) {
    (void)stream;
    struct link *link = owner;
    if (nghttp2_session_mem_recv(link->session, received.data, received.size) < 0)
        fail("the server's HTTP/2 is not understood");
    flush(link);
    return true;
}

static void on_closed(void *owner, struct net_stream *stream, const char *why) {
    (void)owner, (void)stream;
    if (!bench.is_over)
        fail(why);
    bench.up--;
}

static nghttp2_session *new_session(void) {
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;
    CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    CHECK(nghttp2_session_client_new(&session, callbacks, NULL) == 0);
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

static void turn_until(struct tick until) {
    while (tick_now().us < until.us)
        net_turn(bench.net, until);
}

static void report(double seconds) {
    printf("{\"rate\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"approved_in_all\": %" PRIu64
           ", \"others\": %" PRIu64 ", \"unanswered\": %" PRIu64 "}\n",
           (double)bench.answered / seconds, (double)histogram_quantile_us(&bench.latencies, 0.5) / 1e3,
           (double)histogram_quantile_us(&bench.latencies, 0.99) / 1e3,
           (double)histogram_quantile_us(&bench.latencies, 0.999) / 1e3, bench.approved_in_all, bench.others,
           bench.under_way);
}

int main(int count_of, char **words) {
    static const struct net_handler handler = {on_open, on_bytes, NULL, on_closed};
    struct failure failure;
    if (count_of != 11)
        fail("ADDRESS AUTHORITY CERTIFICATE KEY CONNECTIONS CALLS SECONDS WARM_UP_MS ORGANISATIONS TRAVELLERS");
    uint32_t connections = (uint32_t)strtoul(words[5], NULL, 10);
    double seconds = strtod(words[7], NULL);
    bench.calls = (uint32_t)strtoul(words[6], NULL, 10);
    bench.organisations = (uint32_t)strtoul(words[9], NULL, 10);
    bench.travellers = (uint32_t)strtoul(words[10], NULL, 10);
    if (connections == 0 || bench.calls == 0 || bench.calls > CALLS_MAX || bench.organisations == 0 || !(seconds > 0))
        fail("connections, calls (at most 256), seconds and organisations must be above 0");
    bench.codec = wire_codec_create();
    buffer_init(&bench.frame, WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX);
    const struct net_tls_files files = {.authority = words[2], .certificate = words[3], .key = words[4]};
    const struct net_options options = {.streams_capacity = connections,
                                        .receive_buffers = 1024,
                                        .unread_capacity_bytes = 1 << 20,
                                        .handshake_timeout_us = 30 * SECOND_US};
    struct net_tls *tls = net_tls_create(false, &files, "h2", &failure);
    bench.net = tls != NULL ? net_create(&options, &failure) : NULL;
    struct link *links = calloc(connections, sizeof *links);
    if (bench.net == NULL || links == NULL)
        fail(failure.text);
    bench.measured_from.us = INT64_MAX;
    for (uint32_t i = 0; i < connections; i++) {
        links[i].session = new_session();
        links[i].stream = net_dial(bench.net, words[1], tls, &handler, &links[i], &failure);
        if (links[i].stream == NULL)
            fail(failure.text);
    }
    while (bench.up < connections)
        net_turn(bench.net, (struct tick){tick_now().us + SECOND_US});
    bench.measured_from.us = tick_now().us + strtol(words[8], NULL, 10) * 1000;
    bench.measured_until.us = bench.measured_from.us + (int64_t)(seconds * 1e6);
    turn_until(bench.measured_until);
    bench.is_over = true;
    struct tick patience = {tick_now().us + LAST_ANSWERS_US};
    while (bench.under_way > 0 && tick_now().us < patience.us)
        net_turn(bench.net, patience);
    report(seconds);
    net_destroy(bench.net);
    net_tls_destroy(tls);
    for (uint32_t i = 0; i < connections; i++)
        nghttp2_session_del(links[i].session);
    free(links);
    buffer_finish(&bench.frame);
    wire_codec_destroy(bench.codec);
    return 0;
}
