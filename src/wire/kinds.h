/* SPDX-License-Identifier: Apache-2.0 */
/* kinds: the kinds of entry by their names in the protocol. */
#ifndef VAXEL_WIRE_KINDS_H
#define VAXEL_WIRE_KINDS_H

#include "base/bytes.h"
#include "switch/terms.h"

/* "purchase", "hold", …; "" for none that this version knows. */
const char *kind_name(enum entry_kind kind);

/* The kind of that name; 0: none that this version knows. */
enum entry_kind kind_of(struct bytes name);

#endif
