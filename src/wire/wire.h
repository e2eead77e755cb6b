/* SPDX-License-Identifier: Apache-2.0 */
/* wire: what is said on the network, and the core's own types: `vaxel/1` frames and protobuf messages, both ways.
 *
 * No byte from the network is believed before its length and fields are checked here; what leaves this room downwards
 * is what the core asserts. A malformed frame is rejected with words that name the field and the mend; a business no is
 * not this room's to say. Decoding and encoding allocate from a fixed arena: nothing on the heap. */
#ifndef VAXEL_WIRE_WIRE_H
#define VAXEL_WIRE_WIRE_H

#include "base/bytes.h"
#include "base/failure.h"
#include "switch/ports.h"
#include "switch/switch.h"

/* 4 bytes of length, big-endian, then an envelope of at most so many bytes. */
#define WIRE_HEADER_SIZE 4
#define WIRE_ENVELOPE_MAX 65536
#define WIRE_PROTOCOL "vaxel/1"

/* ---- frames ---- */

/* Assembles the frames of one connection. It holds memory only between the parts of a torn frame. */
struct wire_reader {
    uint8_t *partial;
    size_t size;
    size_t capacity;
};

void wire_reader_finish(struct wire_reader *reader);

enum wire_next { WIRE_FRAME, WIRE_MORE, WIRE_BROKEN };

/* Takes the next envelope out of `received` (which moves on) together with what came before. WIRE_FRAME: `envelope` is
 * valid until the next call. WIRE_MORE: all was taken. WIRE_BROKEN: the length is 0 or too large; `failure` says so. */
enum wire_next wire_next_frame(struct wire_reader *reader, struct bytes *received, struct bytes *envelope,
                               struct failure *failure);

/* ---- messages ---- */

struct wire_codec; /* a thread's arena */
struct wire_codec *wire_codec_create(void);
void wire_codec_destroy(struct wire_codec *codec);

/* What amounts in answers are of: the operator's one currency. A server says it once, before its first answer; without
 * it answers name none. */
void wire_codec_set_currency(struct wire_codec *codec, struct currency currency);

struct lookup {
    struct request_id id;
    bool has_credential;
    struct credential credential;
};

#define ECHO_MAX 1024
struct echo {
    uint8_t payload[ECHO_MAX];
    size_t size;
};

/* What is wrong with one advice of many, in `text` what is wanted; `field` is empty when nothing is wrong. */
#define ADVICE_FIELD_SIZE 20
#define ADVICE_TEXT_SIZE 152
struct advice_fault {
    enum reason reason;            /* where one says it, else REASON_UNSPECIFIED */
    char field[ADVICE_FIELD_SIZE]; /* "amount.minor" */
    char text[ADVICE_TEXT_SIZE];
};

/* Each is answered by itself, in the order asked. Of a faulty one only the id is to be used (zero where it could not be
 * read): it is answered with its fault, and the others go on. */
#define ADVICES_PER_FRAME 512
struct advices {
    uint32_t count;
    struct advise each[ADVICES_PER_FRAME];
    struct advice_fault faults[ADVICES_PER_FRAME];
};

struct block_list {
    int64_t since;
    uint32_t limit; /* 1 to BLOCKS_PER_PAGE */
};

/* "purchase", "hold", …: what an entry's kind is called in the protocol; "" for none that this version knows. */
const char *wire_kind_name(enum entry_kind kind);

/* A request as it came in; `reply_to`, `client`, `client_channels`, a purchase's `tap_window_us` and a settlement's
 * `is_any_clients` are the shell's to fill. */
struct wire_request {
    uint64_t correlation;
    enum call call;
    bool is_intended;         /* AUTHORIZE: the traveller means it, no window for double taps is to be set */
    struct currency currency; /* of a settlement's amount; empty: it names none */
    union {
        struct authorize authorize;
        struct balance balance;
        struct lookup lookup;
        struct echo echo;
        struct settle settle; /* CAPTURE, VOID, REVERSE, REFUND */
        struct block_list block_list;
        const struct advices *advices; /* the codec's own, until the next request is read */
    };
};

/* Why a message can't be taken. A rejected one is answered and the connection goes on; a broken one (no envelope at
 * all) closes it. */
struct wire_fault {
    bool is_broken;
    enum reason reason; /* REASON_INVALID_ID, REASON_INVALID_AMOUNT, … where one says it; else REASON_UNSPECIFIED */
    char field[48];     /* "authorize.amount.minor" */
    char text[256];     /* what is wrong and what is wanted */
};

/* Reads a request. False: `fault` says why; `correlation` and `call` are set where they could be read. */
bool wire_decode_request(struct wire_codec *codec, struct bytes envelope, struct wire_request *request,
                         struct wire_fault *fault);

/* Append a whole frame to `output`; false when it does not fit. Calls name the request's correlation. */
bool wire_encode_answer(struct wire_codec *codec, struct buffer *output, uint64_t correlation, enum call call,
                        const struct request_id *id, const struct answer *answer, struct instant server_time);
bool wire_encode_found(struct wire_codec *codec, struct buffer *output, uint64_t correlation, const struct found *found,
                       struct instant server_time);
/* The answers to a frame of advices, in their order. One with a fault needs nothing else but its id. */
struct advice_answer {
    struct request_id id;
    enum decision decision;
    enum reason reason;
    bool is_repeat;
    uint8_t flags;              /* ENTRY_FORCED, ENTRY_LATE */
    enum content_field differs; /* ID_REUSED */
    struct advice_fault fault;
};
bool wire_encode_advice_answers(struct wire_codec *codec, struct buffer *output, uint64_t correlation,
                                const struct advice_answer *answers, uint32_t count, struct instant server_time);
bool wire_encode_blocks(struct wire_codec *codec, struct buffer *output, uint64_t correlation,
                        const struct block_page *page, struct instant server_time);
bool wire_encode_echo(struct wire_codec *codec, struct buffer *output, uint64_t correlation, const struct echo *echo,
                      struct instant server_time);
bool wire_encode_fault(struct wire_codec *codec, struct buffer *output, uint64_t correlation,
                       const struct wire_fault *fault, struct instant server_time);

/* The sentence for a person that an answer bears. */
#define WIRE_SENTENCE_SIZE 256
void wire_explain(struct wire_codec *codec, enum call call, const struct answer *answer, char text[WIRE_SENTENCE_SIZE]);

/* ---- without an envelope, as gRPC carries messages ---- */

/* Makes an envelope, without a correlation, of a bare message of at most WIRE_ENVELOPE_MAX bytes: writes into the
 * WIRE_WRAP_SIZE bytes in front of it, which must be the caller's. */
#define WIRE_WRAP_SIZE 5
struct bytes wire_wrap_request(enum call call, uint8_t *message, size_t size);

/* Whatever the request says itself, it is to be answered within this time. */
void wire_shorten_timeout(struct wire_codec *codec, struct wire_request *request, int64_t timeout_us);

/* The message in a whole frame that was encoded above. */
struct bytes wire_bare_message(struct bytes frame);

/* ---- the client's side ---- */

bool wire_encode_request(struct wire_codec *codec, struct buffer *output, const struct wire_request *request);

/* The most bytes that an advice takes of an envelope, which has WIRE_ADVISE_MAX for all of them: how a client fills a
 * frame. */
#define WIRE_ADVISE_MAX (WIRE_ENVELOPE_MAX - 32)
size_t wire_advice_size(const struct advise *advise);

struct advice_answers {
    uint32_t count;
    struct advice_answer each[ADVICES_PER_FRAME]; /* what is told of a declined one is its fault's text */
};

enum wire_reply_kind {
    WIRE_REPLY_ANSWER,
    WIRE_REPLY_SETTLED, /* in `answer` */
    WIRE_REPLY_ADVICES,
    WIRE_REPLY_BLOCKS,
    WIRE_REPLY_FOUND,
    WIRE_REPLY_ECHO,
    WIRE_REPLY_FAULT
};
struct wire_reply {
    uint64_t correlation;
    enum wire_reply_kind kind;
    enum call call; /* of an ANSWER: CALL_AUTHORIZE or CALL_BALANCE; which of the four a SETTLED was, it does not say */
    struct request_id id;
    struct instant server_time;
    struct currency currency; /* of the amounts in an ANSWER, SETTLED or FOUND; empty when none is told */
    char message[256];        /* the server's sentence for a person */
    union {
        struct answer answer;
        const struct advice_answers *advices; /* the codec's own, as the blocks, until the next reply is read */
        const struct block_page *blocks;
        struct found found;
        struct echo echo;
        struct wire_fault fault;
    };
};

bool wire_decode_reply(struct wire_codec *codec, struct bytes envelope, struct wire_reply *reply,
                       struct failure *failure);

#endif
