/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/kinds.h"
#include "wire/wire.h"

#include <string.h>

static const char *const names[] = {
    [ENTRY_PURCHASE] = "purchase", [ENTRY_HOLD] = "hold",     [ENTRY_CAPTURE] = "capture",
    [ENTRY_VOID] = "void",         [ENTRY_EXPIRY] = "expiry", [ENTRY_REVERSAL] = "reversal",
    [ENTRY_ADVICE] = "advice",     [ENTRY_REFUND] = "refund", [ENTRY_CONFIRMATION] = "confirmation",
};
#define KIND_COUNT ((int)(sizeof names / sizeof *names))

const char *wire_kind_name(enum entry_kind kind) {
    return (int)kind >= ENTRY_PURCHASE && (int)kind < KIND_COUNT ? names[kind] : "";
}

enum entry_kind kind_of(struct bytes name) {
    for (int kind = ENTRY_PURCHASE; kind < KIND_COUNT; kind++)
        if (strlen(names[kind]) == name.size && memcmp(names[kind], name.data, name.size) == 0)
            return (enum entry_kind)kind;
    return (enum entry_kind)0;
}
