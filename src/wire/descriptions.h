/* SPDX-License-Identifier: Apache-2.0 */
/* descriptions: the .proto files that this was built with, as google.protobuf.FileDescriptorProto. */
#ifndef VAXEL_WIRE_DESCRIPTIONS_H
#define VAXEL_WIRE_DESCRIPTIONS_H

#include "base/bytes.h"

/* Begins as zero. */
struct descriptions_walk {
    struct bytes left;
};

bool descriptions_next(struct descriptions_walk *walk, struct bytes *file);

/* The services of a file, without its package; `file` moves on. */
bool descriptions_next_service(struct bytes *file, struct bytes *name);
struct bytes descriptions_package(struct bytes file);

bool descriptions_is_named(struct bytes file, struct bytes name);
/* Whether it has the message, enum, service or method of that full name, "vaxel.v1.Switch.Authorize". */
bool descriptions_has(struct bytes file, struct bytes symbol);

#endif
