/* SPDX-License-Identifier: Apache-2.0 */
/* codec: a thread's memory for messages, and the way from bytes to protobuf-c's structures and back. */
#ifndef VAXEL_WIRE_CODEC_H
#define VAXEL_WIRE_CODEC_H

#include "wire/wire.h"

#include <protobuf-c/protobuf-c.h>

/* A request takes about 1 KiB and an answer with every limit about 4; the rest is for fields of later versions. */
#define ARENA_SIZE 32768

/* The month's renewal as text; the same for nearly every answer of a month. */
struct renewal {
    struct instant at;
    char day[24];    /* "1 December" */
    char minute[17]; /* "2026-12-01 00:00" */
};

struct wire_codec {
    ProtobufCAllocator allocator;
    struct currency currency;
    struct renewal renewal;
    bool is_exhausted; /* the last message wanted more than the arena has */
    size_t used;
    _Alignas(16) uint8_t arena[ARENA_SIZE];
};

/* Reads a message into the arena, where it stands until the next one is read. NULL: malformed, or `is_exhausted`. */
const void *codec_unpack(struct wire_codec *codec, const ProtobufCMessageDescriptor *descriptor, struct bytes envelope);

/* A string of the message in the arena at its true length: protobuf-c ends it with a NUL, and a peer may have sent one
 * in its midst. */
struct bytes codec_string(const struct wire_codec *codec, const char *string);

/* Appends header and message; false when they do not fit. */
bool codec_append(struct buffer *output, const ProtobufCMessage *envelope);

/* The correlation of an envelope that could not be read as a whole; 0 when it is not to be found. */
uint64_t codec_find_correlation(struct bytes envelope);

/* The texts of an instant at which a month's credits renew. */
const struct renewal *codec_renewal(struct wire_codec *codec, struct instant at);

#endif
