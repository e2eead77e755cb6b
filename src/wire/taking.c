/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/taking.h"

#include "wire/text.h"

#include <inttypes.h>
#include <string.h>

/* A day before the end of the year 9999: in no time zone has an instant more than four digits of a year. */
#define INSTANT_MAX_US INT64_C(253402214400000000)

bool taking_instant(int64_t us, const char *field, struct instant *instant, struct failure *failure) {
    if (us < 0 || us > INSTANT_MAX_US)
        return failure_set(failure, "the server's answer holds an impossible %s: %" PRId64, field, us);
    instant->us = us;
    return true;
}

bool taking_is_amount(int64_t minor) {
    return minor >= -MONEY_MAX_MINOR && minor <= MONEY_MAX_MINOR;
}

bool taking_money(const struct wire_codec *codec, const Vaxel__V1__Money *message, int64_t *minor,
                  struct currency *currency, struct failure *failure) {
    if (message == NULL)
        return true;
    if (!taking_is_amount(message->minor))
        return failure_set(failure, "the server's answer holds an impossible amount: %" PRId64, message->minor);
    *minor = message->minor;
    text_copy_printable(currency->code, sizeof currency->code, codec_string(codec, message->currency));
    return true;
}

bool taking_id(ProtobufCBinaryData bytes, struct request_id *id, struct failure *failure) {
    if (bytes.len != REQUEST_ID_SIZE)
        return failure_set(failure, "the server's answer holds an id of %zu bytes instead of %d", bytes.len,
                           REQUEST_ID_SIZE);
    memcpy(id->bytes, bytes.data, REQUEST_ID_SIZE);
    return true;
}

enum reason taking_reason(Vaxel__V1__Reason reason) {
    bool is_known = reason > VAXEL__V1__REASON__REASON_UNSPECIFIED && (int)reason <= REASON_LAST;
    return is_known ? (enum reason)reason : REASON_UNSPECIFIED;
}

bool taking_verdict(Vaxel__V1__Decision decision, Vaxel__V1__Reason reason, struct answer *answer,
                    struct failure *failure) {
    if (decision < VAXEL__V1__DECISION__DECISION_APPROVED || decision > VAXEL__V1__DECISION__DECISION_FAILED)
        return failure_set(failure, "the server's answer holds a decision this version does not know: %d",
                           (int)decision);
    answer->decision = (enum decision)decision;
    answer->reason = taking_reason(reason);
    return true;
}

enum content_field taking_differing(const struct wire_codec *codec, const char *message) {
    struct bytes name = codec_string(codec, message);
    for (int field = FIELD_AMOUNT; field <= FIELD_FINAL; field++) {
        const char *known = content_field_name((enum content_field)field);
        if (strlen(known) == name.size && memcmp(known, name.data, name.size) == 0)
            return (enum content_field)field;
    }
    return FIELD_NONE;
}
