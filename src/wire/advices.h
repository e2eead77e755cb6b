/* SPDX-License-Identifier: Apache-2.0 */
/* advices: many purchases in one frame, each read and answered by itself. */
#ifndef VAXEL_WIRE_ADVICES_H
#define VAXEL_WIRE_ADVICES_H

#include "wire/reading.h"

/* Reads a frame of advices into the codec's own. False only when the frame as a whole can't be taken. */
bool advices_read(const struct reading *reading, const Vaxel__V1__AdviseRequest *message, struct wire_request *request);

#endif
