/* SPDX-License-Identifier: Apache-2.0 */
#include "vaxel/trace.h"

#include "vaxel/command.h"
#include "vaxel/print.h"

#include <stdlib.h>
#include <string.h>

/* ---- the id, as clients print it: a UUID, or its 16 bytes in hexadecimal or base64 ---- */

#define HEX_SIZE 32
#define BASE64_SIZE 22 /* without its padding */

static bool parse_hex(const char *text, struct request_id *id) {
    char dashed[REQUEST_ID_TEXT_SIZE];
    if (strlen(text) != HEX_SIZE)
        return false;
    size_t at = 0;
    for (size_t i = 0; i < HEX_SIZE; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            dashed[at++] = '-';
        dashed[at++] = text[i];
    }
    dashed[at] = '\0';
    return request_id_parse(dashed, id);
}

static int base64_value(char letter) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (letter == '-' || letter == '_')
        letter = letter == '-' ? '+' : '/';
    const char *found = strchr(letters, letter);
    return letter == '\0' || found == NULL ? -1 : (int)(found - letters);
}

static bool parse_base64(const char *text, struct request_id *id) {
    uint32_t bits = 0;
    size_t size = strlen(text);
    if (size != BASE64_SIZE && (size != BASE64_SIZE + 2 || strcmp(text + BASE64_SIZE, "==") != 0))
        return false;
    for (size_t i = 0, count = 0, at = 0; i < BASE64_SIZE; i++) {
        int value = base64_value(text[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            id->bytes[at++] = (uint8_t)(bits >> count);
        }
    }
    return true;
}

/* Ids that are derived from a request's are taken for it (sql/0005_settlements.sql, derived_id). */
static bool parse_id(const char *text, struct request_id *id) {
    if (!request_id_parse(text, id) && !parse_hex(text, id) && !parse_base64(text, id))
        return false;
    uint8_t version = id->bytes[6] >> 4;
    if (version >= 8 && version <= 10)
        id->bytes[6] = (uint8_t)((id->bytes[6] & 0x0f) | 0x70);
    return request_id_is_v7(id);
}

int command_trace(const struct invocation *invocation) {
    static struct trace trace;
    int64_t organisation = 0;
    trace.settings = &invocation->settings;
    if (invocation->operand == NULL)
        return usage_wrong(invocation, "which request? Its id is missing");
    if (!parse_id(invocation->operand, &trace.asked))
        return usage_wrong(invocation,
                           "this is no request's id: wanted is a UUID of version 7, as in\n"
                           "019aa6f0-5b7e-7c3a-9d51-2f8e4b6a7c90, or its 16 bytes in hexadecimal or base64");
    if (!invocation_number(invocation, "organisation", 1, INT32_MAX, &organisation))
        return EXIT_USAGE;
    trace.organisation = (int32_t)organisation;
    trace_gather(&trace, invocation_value(invocation, "journals"));
    struct meaning meaning;
    trace_judge(&trace, &meaning);
    if (invocation_has(invocation, "json"))
        trace_write_json(&trace, &meaning);
    else
        trace_print(&trace, &meaning);
    trace_finish(&trace);
    if (meaning.state != STATE_UNKNOWN)
        return EXIT_YES;
    return trace.missing_count == 0 ? EXIT_NO : EXIT_BROKEN;
}
