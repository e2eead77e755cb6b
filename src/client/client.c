/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include "base/check.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What may have come and not been taken by client_receive(). */
#define INBOX_MAX ((size_t)64 << 20)
#define INBOX_MIN ((size_t)64 << 10)
#define UNREAD_CAPACITY_BYTES (16u << 20)
#define WHY_SIZE 256
#define CLOSE_PATIENCE_US 100000

struct client_connection {
    struct net *net;
    struct net_tls *tls;
    struct net_stream *stream; /* NULL: closed, `why` says why */
    struct wire_codec *codec;
    struct wire_reader reader;
    struct buffer frame;
    struct bytes pending; /* within the inbox: not yet cut into frames */
    struct buffer inbox;
    uint64_t correlation;
    bool is_open;
    char address[128];
    char why[WHY_SIZE];
};

/* ---- what the stream tells ---- */

static bool on_open(void *owner, struct net_stream *stream) {
    (void)stream;
    struct client_connection *connection = owner;
    connection->is_open = true;
    return true;
}

static bool inbox_grow(struct client_connection *connection, size_t needed) {
    struct buffer *inbox = &connection->inbox;
    size_t capacity = inbox->capacity == 0 ? INBOX_MIN : inbox->capacity;
    while (capacity < needed)
        capacity *= 2;
    if (capacity == inbox->capacity)
        return true;
    uint8_t *data = capacity <= INBOX_MAX ? realloc(inbox->data, capacity) : NULL;
    if (data == NULL)
        return false;
    inbox->data = data;
    inbox->capacity = capacity;
    return true;
}

static bool on_bytes(void *owner, struct net_stream *stream, struct bytes received) {
    struct client_connection *connection = owner;
    struct buffer *inbox = &connection->inbox;
    size_t taken = inbox->size - connection->pending.size;
    buffer_consume(inbox, taken);
    if (!inbox_grow(connection, inbox->size + received.size)) {
        net_close(stream, "too many answers that nobody took");
        return true;
    }
    CHECK(buffer_append(inbox, received.data, received.size));
    connection->pending = buffer_bytes(inbox);
    return true;
}

static void on_closed(void *owner, struct net_stream *stream, const char *why) {
    (void)stream;
    struct client_connection *connection = owner;
    connection->stream = NULL;
    snprintf(connection->why, sizeof connection->why, "%s", why);
}

static const struct net_handler handler = {.on_open = on_open, .on_bytes = on_bytes, .on_closed = on_closed};

/* ---- connecting ---- */

static struct tick tick_in(int64_t us) {
    return (struct tick){tick_now().us + (us > 0 ? us : 0)};
}

/* What the net says of a dial mostly names the address already. */
static bool fail_dialled(const struct client_connection *connection, struct failure *failure) {
    if (strstr(connection->why, connection->address) != NULL)
        return failure_set(failure, "%s", connection->why);
    return failure_set(failure, "cannot connect to %s: %s", connection->address, connection->why);
}

/* Dials one address and waits until it stands, or `until`. */
static bool dial(struct client_connection *connection, const char *address, struct tick until,
                 struct failure *failure) {
    snprintf(connection->address, sizeof connection->address, "%s", address);
    connection->is_open = false;
    connection->stream = net_dial(connection->net, address, connection->tls, &handler, connection, failure);
    if (connection->stream == NULL)
        return false;
    while (connection->stream != NULL && !connection->is_open && tick_now().us < until.us)
        net_turn(connection->net, until);
    if (connection->stream != NULL && connection->is_open) {
        net_turn(connection->net, tick_in(0)); /* the last of the handshake leaves, also when nothing is asked yet */
        return true;
    }
    if (connection->stream == NULL)
        return fail_dialled(connection, failure);
    net_close(connection->stream, "gave up");
    while (connection->stream != NULL)
        net_turn(connection->net, tick_in(0));
    return failure_set(failure, "cannot connect to %s: no answer in time", address);
}

static size_t count_addresses(const char *addresses) {
    size_t count = 1;
    for (; *addresses != '\0'; addresses++)
        count += *addresses == ',';
    return count;
}

/* Each address has its share of the time that is left, so that a silent one leaves some for the next. */
static bool dial_any(struct client_connection *connection, const char *addresses, int64_t timeout_us,
                     struct failure *failure) {
    char *list = strdup(addresses);
    CHECK(list != NULL);
    char *rest = list;
    struct tick until = tick_in(timeout_us);
    bool is_connected = failure_set(failure, "no address to connect to");
    for (size_t left = count_addresses(addresses); left > 0 && !is_connected; left--) {
        char *address = strsep(&rest, ",");
        address += strspn(address, " ");
        address[strcspn(address, " ")] = '\0';
        if (address[0] != '\0')
            is_connected = dial(connection, address, tick_in((until.us - tick_now().us) / (int64_t)left), failure);
    }
    free(list);
    return is_connected;
}

struct client_connection *client_connect(const char *addresses, const struct net_tls_files *files, int64_t timeout_us,
                                         struct failure *failure) {
    const struct net_options options = {
        .streams_capacity = 1,
        .receive_buffers = 64,
        .unread_capacity_bytes = UNREAD_CAPACITY_BYTES,
        .handshake_timeout_us = timeout_us,
    };
    struct client_connection *connection = calloc(1, sizeof *connection);
    CHECK(connection != NULL);
    connection->codec = wire_codec_create();
    buffer_init(&connection->frame, WIRE_HEADER_SIZE + WIRE_ENVELOPE_MAX);
    connection->tls = net_tls_create(false, files, WIRE_PROTOCOL, failure);
    if (connection->tls != NULL)
        connection->net = net_create(&options, failure);
    if (connection->net == NULL || !dial_any(connection, addresses, timeout_us, failure)) {
        client_disconnect(connection);
        return NULL;
    }
    return connection;
}

void client_disconnect(struct client_connection *connection) {
    if (connection == NULL)
        return;
    net_destroy(connection->net);
    net_tls_destroy(connection->tls);
    wire_reader_finish(&connection->reader);
    wire_codec_destroy(connection->codec);
    buffer_finish(&connection->frame);
    free(connection->inbox.data);
    free(connection);
}

/* ---- asking ---- */

static bool fail_closed(const struct client_connection *connection, struct failure *failure) {
    return failure_set(failure, "the connection to %s is closed: %s", connection->address, connection->why);
}

/* The stream takes nothing any more because it is being closed: why, is told when it is. */
static bool await_close(struct client_connection *connection, struct failure *failure) {
    struct tick until = tick_in(CLOSE_PATIENCE_US);
    while (connection->stream != NULL && tick_now().us < until.us)
        net_turn(connection->net, until);
    if (connection->stream == NULL)
        return fail_closed(connection, failure);
    return failure_set(failure, "the connection to %s is being closed", connection->address);
}

bool client_send(struct client_connection *connection, struct wire_request *request, struct failure *failure) {
    if (connection->stream == NULL)
        return fail_closed(connection, failure);
    request->correlation = ++connection->correlation;
    connection->frame.size = 0;
    if (!wire_encode_request(connection->codec, &connection->frame, request))
        return failure_set(failure, "the request is more than the %d bytes of a frame", WIRE_ENVELOPE_MAX);
    if (!net_send(connection->stream, buffer_bytes(&connection->frame)))
        return await_close(connection, failure);
    net_turn(connection->net, tick_in(0));
    return true;
}

/* Takes a reply out of what has come; `is_taken` says whether there was a whole one. False: it can't be read. */
static bool take_reply(struct client_connection *connection, struct wire_reply *reply, bool *is_taken,
                       struct failure *failure) {
    struct bytes envelope;
    *is_taken = false;
    switch (wire_next_frame(&connection->reader, &connection->pending, &envelope, failure)) {
    case WIRE_FRAME:
        *is_taken = wire_decode_reply(connection->codec, envelope, reply, failure);
        return *is_taken;
    case WIRE_MORE:
        return true;
    case WIRE_BROKEN:
        break;
    }
    return false;
}

/* Waits until `until`; `timeout_us` is how long the caller was ready to wait, for the words. */
static bool receive_until(struct client_connection *connection, struct tick until, int64_t timeout_us,
                          struct wire_reply *reply, struct failure *failure) {
    for (;;) {
        bool is_taken;
        if (!take_reply(connection, reply, &is_taken, failure)) {
            if (connection->stream != NULL)
                net_close(connection->stream, failure->text);
            return false;
        }
        if (is_taken)
            return true;
        if (connection->stream == NULL)
            return fail_closed(connection, failure);
        if (tick_now().us >= until.us)
            return failure_set(failure, "no answer from %s within %" PRId64 " ms", connection->address,
                               timeout_us / 1000);
        net_turn(connection->net, until);
    }
}

bool client_receive(struct client_connection *connection, int64_t timeout_us, struct wire_reply *reply,
                    struct failure *failure) {
    return receive_until(connection, tick_in(timeout_us), timeout_us, reply, failure);
}

bool client_call(struct client_connection *connection, struct wire_request *request, int64_t timeout_us,
                 struct wire_reply *reply, struct failure *failure) {
    struct tick until = tick_in(timeout_us);
    if (!client_send(connection, request, failure))
        return false;
    do {
        if (!receive_until(connection, until, timeout_us, reply, failure))
            return false;
        /* Late answers to earlier calls are passed over; a fault of the connection itself bears no correlation. */
    } while (reply->correlation != request->correlation && reply->correlation != 0);
    reply->call = request->call;
    return true;
}
