/* SPDX-License-Identifier: Apache-2.0 */
/* A request's header: only what gRPC has a meaning for is looked at, the rest is counted and passed over. */
#include "grpc/internal.h"

#include <string.h>

#define FIELD_OVERHEAD 32
#define TIMEOUT_DIGITS_MAX 8

static bool is_text(struct bytes bytes, const char *text) {
    size_t size = strlen(text);
    return bytes.size == size && memcmp(bytes.data, text, size) == 0;
}

/* The first reason stays. */
static void refuse(struct call *call, int http_status, enum grpc_status status, const char *text) {
    if (call->refusal.http_status == 0)
        call->refusal = (struct refusal){http_status, status, text};
}

static const struct grpc_method *find_method(const struct grpc_options *options, struct bytes path) {
    for (size_t i = 0; i < options->method_count; i++)
        if (is_text(path, options->methods[i].path))
            return &options->methods[i];
    return NULL;
}

/* Microseconds of a unit; a nanosecond is none. */
static int64_t unit_us(uint8_t unit) {
    switch (unit) {
    case 'H':
        return INT64_C(3600000000);
    case 'M':
        return 60000000;
    case 'S':
        return 1000000;
    case 'm':
        return 1000;
    case 'u':
        return 1;
    default:
        return 0;
    }
}

/* At most eight digits and a unit. */
static bool parse_timeout(struct bytes value, int64_t *timeout_us) {
    int64_t number = 0;
    if (value.size < 2 || value.size > TIMEOUT_DIGITS_MAX + 1)
        return false;
    uint8_t unit = value.data[value.size - 1];
    for (size_t i = 0; i + 1 < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return false;
        number = number * 10 + (value.data[i] - '0');
    }
    *timeout_us = unit == 'n' ? number / 1000 : number * unit_us(unit);
    return unit == 'n' || unit_us(unit) > 0;
}

static void take_timeout(struct call *call, struct bytes value) {
    call->has_timeout = parse_timeout(value, &call->timeout_us);
    if (!call->has_timeout)
        refuse(call, 200, GRPC_INVALID_ARGUMENT,
               "grpc-timeout is no time: send up to 8 digits and one of H, M, S, m, u, n, as in 400m");
}

static bool is_content_type(struct bytes value) {
    return is_text(value, "application/grpc") || is_text(value, "application/grpc+proto");
}

static void take_pseudo(struct call *call, struct bytes name, struct bytes value) {
    if (is_text(name, ":path"))
        call->method = find_method(&call->connection->grpc->options, value);
    else if (is_text(name, ":method") && !is_text(value, "POST"))
        refuse(call, 405, GRPC_UNIMPLEMENTED, "only gRPC is spoken here: POST");
}

void headers_take(struct call *call, struct bytes name, struct bytes value) {
    call->header_list_size += name.size + value.size + FIELD_OVERHEAD;
    if (call->header_list_size > HEADER_LIST_MAX) {
        refuse(call, 200, GRPC_RESOURCE_EXHAUSTED, "the header holds more than 8192 bytes: send less metadata");
        return;
    }
    if (name.size > 0 && name.data[0] == ':') {
        take_pseudo(call, name, value);
    } else if (is_text(name, "content-type")) {
        call->has_content_type = true;
        if (!is_content_type(value))
            refuse(call, 415, GRPC_INVALID_ARGUMENT, "content-type is not application/grpc");
    } else if (is_text(name, "grpc-timeout")) {
        take_timeout(call, value);
    } else if (is_text(name, "grpc-encoding") && !is_text(value, "identity")) {
        refuse(call, 200, GRPC_UNIMPLEMENTED,
               "grpc-encoding is not identity: messages are small, send them uncompressed");
    }
}

void headers_end(struct call *call) {
    if (!call->has_content_type)
        refuse(call, 415, GRPC_INVALID_ARGUMENT, "content-type is missing: send application/grpc");
    if (call->method == NULL)
        refuse(call, 200, GRPC_UNIMPLEMENTED,
               "this server has no such method: see vaxel/v1/switch.proto, or ask its reflection service");
    if (call->has_timeout && call->timeout_us == 0)
        refuse(call, 200, GRPC_DEADLINE_EXCEEDED, "grpc-timeout leaves no time");
}
