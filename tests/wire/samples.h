/* SPDX-License-Identifier: Apache-2.0 */
/* samples: a purchase, its answer, and the ways from one form to the other that several tests of the wire take. */
#ifndef VAXEL_TESTS_WIRE_SAMPLES_H
#define VAXEL_TESTS_WIRE_SAMPLES_H

#include "wire/wire.h"

#define SAMPLE_CARD UINT64_C(9932543656338003)
#define SAMPLE_CORRELATION 4711
#define SAMPLE_TIME_US INT64_C(1795246200123000)    /* 2026-11-21T07:30:00.123Z */
#define SAMPLE_RENEWAL_US INT64_C(1796079600000000) /* 2026-12-01T00:00:00+01:00 */

/* A codec of an operator in Sweden and a buffer for its frames; made before each test, gone after it. */
extern struct wire_codec *codec;
extern struct buffer frame;
void sample_start(void);
void sample_finish(void);

struct request_id sample_id(void);
struct request_id sample_other_id(void); /* a settlement's own */
struct wire_request sample_authorize(void);
struct wire_request sample_balance(void);
struct wire_request sample_lookup(void);
struct wire_request sample_echo(void);

/* A capture (20.00 SEK of sample_id()), void, reversal or refund. */
struct wire_request sample_settle(enum call call);

/* Fills `advices` with as many like the sample's purchase, each with an id of its own. */
struct wire_request sample_advise(struct advices *advices, uint32_t count);

/* An approval with a credit, a traveller's cap, a counted department and an organisation. */
struct answer sample_approval(void);

/* The envelope in `frame`, without its header; empties `frame`, whose bytes stay where they are. */
struct bytes sample_envelope(void);

/* Encodes and decodes; ends the test when that fails. */
struct wire_request sample_pass_request(const struct wire_request *request);
struct wire_reply sample_pass_answer(enum call call, const struct answer *answer);

#endif
