/* SPDX-License-Identifier: Apache-2.0 */
/* scan: the fields of a protobuf message one after the other, without knowing the message. */
#ifndef VAXEL_WIRE_SCAN_H
#define VAXEL_WIRE_SCAN_H

#include "base/bytes.h"

enum scan_kind { SCAN_NUMBER, SCAN_BYTES, SCAN_OTHER };

struct scan_field {
    uint64_t number;
    enum scan_kind kind;
    uint64_t value;     /* of a SCAN_NUMBER */
    struct bytes bytes; /* of SCAN_BYTES, within the message */
};

/* Takes the next field out of `message`, which moves on; false at its end, or where it is malformed. */
bool scan_next(struct bytes *message, struct scan_field *field);

#endif
