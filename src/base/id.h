/* SPDX-License-Identifier: Apache-2.0 */
/* id: the request id, a UUIDv7 made by the client at the moment of purchase. Its time is the purchase's time, so day
 * and month follow from the id alone (DESIGN 6). */
#ifndef VAXEL_BASE_ID_H
#define VAXEL_BASE_ID_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define REQUEST_ID_SIZE 16
#define REQUEST_ID_TEXT_SIZE 37

struct request_id {
    uint8_t bytes[REQUEST_ID_SIZE];
};

/* Makes an id of version 7 of the instant's millisecond and ten random bytes (six bits of which give way). */
struct request_id request_id_make(struct instant instant, const uint8_t random[10]);

/* Version 7 and the variant of RFC 9562. */
bool request_id_is_v7(const struct request_id *id);

/* The millisecond in the id, as an instant. Only for ids of version 7 or derived from one. */
struct instant request_id_time(const struct request_id *id);

/* The id under which the reversal of `id` is recorded: the same with version 8, so that it is made once, whoever makes
 * it, and no client can have taken it. */
struct request_id request_id_of_reversal(const struct request_id *id);

bool request_id_equal(const struct request_id *one, const struct request_id *other);

/* Text is 8-4-4-4-12, lower case when written, either when read; any version. */
bool request_id_parse(const char *text, struct request_id *id);
void request_id_format(const struct request_id *id, char text[REQUEST_ID_TEXT_SIZE]);

#endif
