/* SPDX-License-Identifier: Apache-2.0 */
/* kinds: the kinds of entry by their names in the protocol; wire_kind_name() is the other way. */
#ifndef VAXEL_WIRE_KINDS_H
#define VAXEL_WIRE_KINDS_H

#include "base/bytes.h"
#include "switch/terms.h"

/* The kind of that name; 0: none that this version knows. */
enum entry_kind kind_of(struct bytes name);

#endif
