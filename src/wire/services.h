/* SPDX-License-Identifier: Apache-2.0 */
/* services: what every gRPC server can be asked: whether it serves (grpc.health.v1), and what it can be asked
 * (grpc.reflection.v1 and v1alpha, whose messages are the same). */
#ifndef VAXEL_WIRE_SERVICES_H
#define VAXEL_WIRE_SERVICES_H

#include "wire/wire.h"

/* Room enough for any answer of these. */
#define SERVICES_ANSWER_MAX 32768

enum health { HEALTH_SERVING = 1, HEALTH_NOT_SERVING = 2, HEALTH_SERVICE_UNKNOWN = 3 };

/* False: no such message. `is_known`: it asks for the switch, or for the whole server. */
bool services_read_health(struct wire_codec *codec, struct bytes message, bool *is_known);
void services_write_health(struct buffer *output, enum health health);

/* Answers one request for reflection; false: no such message. */
bool services_reflect(struct wire_codec *codec, struct bytes message, struct buffer *output);

#endif
