/* SPDX-License-Identifier: Apache-2.0 */
/* codec: a thread's memory for messages, and the way from bytes to protobuf-c's structures and back. */
#ifndef VAXEL_WIRE_CODEC_H
#define VAXEL_WIRE_CODEC_H

#include "wire/wire.h"

#include <protobuf-c/protobuf-c.h>

/* Advices take most. One of the fewest bytes that can be right (52: id, card, amount, product) becomes seven pieces of
 * 368 bytes in all, a pointer of 8, and at most 64 of what protobuf-c notes down while it reads: less than nine for
 * each of its own. So the fullest frame of well-formed advices has its place, also one of too many, which can then be
 * told how many it holds. Everything else takes far less; what is not touched costs nothing. */
#define ARENA_SIZE ((size_t)9 * WIRE_ENVELOPE_MAX)

/* The newest reason that this version knows. */
#define REASON_LAST REASON_AMOUNT_EXCEEDED

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
    union { /* what the last request or reply read points to */
        struct advices advices;
        struct advice_answers advice_answers;
        struct block_page block_page;
    };
    _Alignas(16) uint8_t arena[ARENA_SIZE];
};

/* Reads a message into the arena, where it stands until the next one is read. NULL: malformed, or `is_exhausted`. */
const void *codec_unpack(struct wire_codec *codec, const ProtobufCMessageDescriptor *descriptor, struct bytes envelope);

/* A string of the message in the arena at its true length: protobuf-c ends it with a NUL, and a peer may have sent one
 * in its midst. */
struct bytes codec_string(const struct wire_codec *codec, const char *string);

/* Appends header and message; false when they do not fit. */
bool codec_append(struct buffer *output, const ProtobufCMessage *envelope);

/* The same for a message of many parts; false also when it is more than a frame holds. */
bool codec_append_large(struct buffer *output, const ProtobufCMessage *envelope);

/* Memory in which a message of many parts is put together, until anything else is read or written: the first piece
 * asked for is `size` bytes of it, and the message read last is gone. */
void *codec_scratch(struct wire_codec *codec, size_t size);

/* The correlation of an envelope that could not be read as a whole; 0 when it is not to be found. */
uint64_t codec_find_correlation(struct bytes envelope);

/* The texts of an instant at which a month's credits renew. */
const struct renewal *codec_renewal(struct wire_codec *codec, struct instant at);

#endif
