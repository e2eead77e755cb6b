/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "wire/codec.h"
#include "wire/services.h"

#include "grpc/health/v1/health.pb-c.h"

#include <string.h>

static bool is_text(struct bytes bytes, const char *text) {
    return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

bool services_read_health(struct wire_codec *codec, struct bytes message, bool *is_known) {
    const Grpc__Health__V1__HealthCheckRequest *request =
        codec_unpack(codec, &grpc__health__v1__health_check_request__descriptor, message);
    if (request == NULL)
        return false;
    struct bytes service = codec_string(codec, request->service);
    *is_known = service.size == 0 || is_text(service, "vaxel.v1.Switch");
    return true;
}

void services_write_health(struct buffer *output, enum health health) {
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    response.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)health;
    CHECK(buffer_room(output) >= grpc__health__v1__health_check_response__get_packed_size(&response));
    output->size += grpc__health__v1__health_check_response__pack(&response, output->data + output->size);
}
