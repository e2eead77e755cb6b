/* SPDX-License-Identifier: Apache-2.0 */
/* encoder: the parameters of one statement in PostgreSQL's binary format, one dimensional arrays for the most part,
 * written one after another into memory taken at start. Private to record. */
#ifndef VAXEL_RECORD_ENCODER_H
#define VAXEL_RECORD_ENCODER_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/id.h"

/* Types by PostgreSQL's numbers for them, which never change (pg_type.dat). */
enum element {
    ELEMENT_BOOL = 16,
    ELEMENT_BYTEA = 17,
    ELEMENT_INT8 = 20,
    ELEMENT_INT2 = 21,
    ELEMENT_INT4 = 23,
    ELEMENT_TEXT = 25,
    ELEMENT_TIME = 1184,
    ELEMENT_UUID = 2950,
};

#define PARAMETERS_MAX 16

struct encoder {
    struct buffer buffer;
    int count;
    size_t starts[PARAMETERS_MAX];
    int lengths[PARAMETERS_MAX];
};

void encoder_init(struct encoder *encoder, size_t capacity);
void encoder_finish(struct encoder *encoder);

/* Forgets what was written: the next parameter is the first of another statement. */
void encoder_reset(struct encoder *encoder);

/* Begins the next parameter: an array, whose `count` elements are put after it, or one value, put after it. */
void encoder_array(struct encoder *encoder, enum element element, uint32_t count);
void encoder_single(struct encoder *encoder);

/* Put an element of an array (with its length in front) or the one value. */
void encoder_bool(struct encoder *encoder, bool value);
void encoder_int2(struct encoder *encoder, int32_t value);
void encoder_int4(struct encoder *encoder, int32_t value);
void encoder_int8(struct encoder *encoder, int64_t value);
void encoder_time(struct encoder *encoder, struct instant value);
void encoder_id(struct encoder *encoder, const struct request_id *id);
void encoder_bytes(struct encoder *encoder, struct bytes bytes);
/* As far as the NUL, or all `capacity` bytes where there is none. */
void encoder_text(struct encoder *encoder, const char *text, size_t capacity);

/* An array of the numbers of the bits that are set. */
void encoder_stripes(struct encoder *encoder, uint64_t stripes);

#endif
